//! Errors of the API: `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use super::stream::Body;

/// An answer: mostly short and known beforehand.
pub type Answer = Response<Body>;

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

/// An error answer; `code` is its stable name, `detail` says what to do.
pub fn problem(status: StatusCode, code: &str, detail: &str) -> Answer {
    let body = Problem {
        title: status.canonical_reason().unwrap_or("error"),
        status: status.as_u16(),
        code,
        detail,
    };
    json_as(status, "application/problem+json", &body)
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    json_as(status, "application/json", body)
}

fn json_as(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Answer {
    // The views are structs of strings, numbers and lists: serializing them cannot fail.
    let text = serde_json::to_vec(body).unwrap_or_default();
    answer(status, content_type, text)
}

/// A complete answer with the headers that all of them carry.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    answer_with(status, content_type, Full::new(body.into()).into())
}

/// An answer with the headers that all of them carry.
pub fn answer_with(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    answer
}
