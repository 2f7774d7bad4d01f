//! Which request does what. Looking is GET or HEAD, changing is POST; everything else is 405.

mod cluster;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use serde::Serialize;

use super::access::Gate;
use super::control::{Control, SessionError, SwitchError, SwitchOrder, Verb};
use super::problem::{Answer, answer, answer_with, json, problem};
use super::sessions::{SessionMove, SessionQuery};
use super::stream::{Body as AnswerBody, EventBody, Form};
use super::view::EndpointView;
use crate::observe::Entry;
use crate::observe::metrics::{CONTENT_TYPE, Exposition};
use crate::observe::stamp::unix_ms;

/// Largest request body.
pub const BODY_MAX: usize = 64 * 1024;
/// Most events in one answer.
const EVENTS_MAX: usize = crate::observe::event::KEPT;
/// Where a reader of events goes on.
const LAST_EVENT_ID: http::HeaderName = http::HeaderName::from_static("last-event-id");
/// Events in an answer when the request does not say.
const EVENTS_DEFAULT: usize = 100;

const INDEX: &str = "axon administration\n\n\
    GET  /live  /ready[?verbose]  /metrics\n\
    GET  /api/v1/status\n\
    GET  /api/v1/endpoints[?state=&type=&q=]   /api/v1/endpoints/{path}\n\
    GET  /api/v1/endpoints/{path}/stats\n\
    POST /api/v1/endpoints/{path}:off   :on   :drain   :maintain   :resume   :reset-stats\n\
    \x20     {\"reason\":\"...\",\"by\":\"...\",\"for_ms\":1800000}\n\
    GET  /api/v1/sessions[?group=&child=&key=&limit=&after=]\n\
    DELETE /api/v1/sessions/{id}   POST /api/v1/sessions/{id}:move {\"to\":\"group/child\"}\n\
    POST /api/v1/config:reload   /api/v1/process:drain   :undrain   :stop\n\
    POST /api/v1/explain   {\"method\",\"url\",\"headers\":[\"N: v\"],\"body\",\"fail\":[\"CHILD=CODE\"]}\n\
    GET  /api/v1/endpoints/{path}/events[?since_ms=&limit=]\n\
    GET  /api/v1/tls\n\
    GET  /api/v1/cluster   POST /api/v1/cluster:drain   :undrain\n\
    GET  /api/v1/events[?limit=]   (Accept: text/event-stream or application/x-ndjson follows, Last-Event-ID resumes)\n\n\
    Changes need the header X-Axon-Request: 1 (or the token).\n";

/// What one listener serves.
pub struct Router {
    /// The proxy.
    pub control: Arc<dyn Control>,
    /// Renders `/metrics`.
    pub exposition: Exposition,
    /// Who may ask; `None` on the probes listener, which shows nothing that needs a gate.
    pub gate: Option<Gate>,
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Serialize)]
struct Timeline {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<EndpointView>,
    items: Vec<Entry>,
}

impl Router {
    /// Answers one request; never fails.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or("").to_owned();
        let looks = matches!(head.method, Method::GET | Method::HEAD);
        if looks && let Some(answer) = self.probe(&path, &query) {
            return answer;
        }
        let Some(gate) = &self.gate else {
            return if looks && path == "/metrics" {
                self.metrics()
            } else {
                not_found()
            };
        };
        if let Some(refusal) = gate.refusal(&head.headers, !looks) {
            return refusal;
        }
        match head.method {
            Method::GET if path == "/api/v1/events" => {
                let field = |name| head.headers.get(name).and_then(|v| v.to_str().ok());
                match field(header::ACCEPT).and_then(Form::accepted) {
                    Some(form) => {
                        let after = parameter(&query, "after");
                        let last = field(LAST_EVENT_ID).map(str::trim);
                        self.follow(form, last.or(after.as_deref()))
                    }
                    None => self.look(&path, &query),
                }
            }
            Method::GET | Method::HEAD => self.look(&path, &query),
            Method::POST => {
                if head
                    .headers
                    .get(header::CONTENT_LENGTH)
                    .is_some_and(too_long)
                {
                    return too_large();
                }
                let wanted = head.headers.get(header::IF_MATCH);
                let wanted = wanted.and_then(|v| v.to_str().ok()).map(str::to_owned);
                match Limited::new(body, BODY_MAX).collect().await {
                    Ok(body) => {
                        self.change(&path, &body.to_bytes(), wanted.as_deref())
                            .await
                    }
                    Err(_) => too_large(),
                }
            }
            Method::DELETE => match path.strip_prefix("/api/v1/sessions/").and_then(decoded) {
                Some(id) => changed(self.control.drop_session(&id, &SwitchOrder::default())),
                None => wrong_method("GET, HEAD, POST"),
            },
            _ => wrong_method("GET, HEAD, POST, DELETE"),
        }
    }

    /// `/live` and `/ready` need no token: an orchestrator asks them.
    fn probe(&self, path: &str, query: &str) -> Option<Answer> {
        match path {
            "/live" => Some(text(StatusCode::OK, "live\n".to_owned())),
            "/ready" => {
                let (status, mut body, reasons) = match self.control.ready() {
                    Ok(notes) => (StatusCode::OK, "ready\n".to_owned(), notes),
                    Err(reasons) => {
                        let body = "not ready\n".to_owned();
                        (StatusCode::SERVICE_UNAVAILABLE, body, reasons)
                    }
                };
                if query
                    .split('&')
                    .any(|q| q == "verbose" || q.starts_with("verbose="))
                {
                    body.extend(reasons.iter().map(|reason| format!("{reason}\n")));
                }
                Some(text(status, body))
            }
            _ => None,
        }
    }

    fn look(&self, path: &str, query: &str) -> Answer {
        match path {
            "/" => text(StatusCode::OK, INDEX.to_owned()),
            "/metrics" => self.metrics(),
            "/api/v1/status" => json(StatusCode::OK, &self.control.status()),
            "/api/v1/endpoints" => self.endpoints(query),
            "/api/v1/sessions" => self.sessions(query),
            "/api/v1/tls" => json(StatusCode::OK, &self.control.tls()),
            "/api/v1/cluster" => self.cluster(),
            "/api/v1/events" => {
                let limit = parameter(query, "limit").and_then(|n| n.parse().ok());
                let limit = limit.unwrap_or(EVENTS_DEFAULT).min(EVENTS_MAX);
                let items = self.control.events(limit);
                json(StatusCode::OK, &Items { items })
            }
            "/api/v1/config:reload" | "/api/v1/explain" => wrong_method("POST"),
            _ => match path.strip_prefix("/api/v1/endpoints/") {
                Some(raw) if ordered(raw).is_some() => wrong_method("POST"),
                Some(raw) => self.endpoint(raw, query),
                None if path.starts_with("/api/v1/sessions/") => wrong_method("DELETE, POST"),
                None => not_found(),
            },
        }
    }

    /// `wanted` is what `If-Match` says.
    async fn change(&self, path: &str, body: &[u8], wanted: Option<&str>) -> Answer {
        if path == "/api/v1/config:reload" {
            let view = self.control.reload().await;
            let status = if view.result == "rejected" {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::OK
            };
            return json(status, &view);
        }
        if path == "/api/v1/explain" {
            return self.explain(body);
        }
        if let Some(raw) = path.strip_prefix("/api/v1/sessions/") {
            return self.move_session(raw, body);
        }
        if let Some(what) = path.strip_prefix(cluster::ORDER) {
            return self.order_member(what, body);
        }
        if let Some(what) = path.strip_prefix("/api/v1/process:") {
            return self.process(what, body);
        }
        let Some(raw) = path.strip_prefix("/api/v1/endpoints/") else {
            return if self.look(path, "").status() == StatusCode::NOT_FOUND {
                not_found()
            } else {
                wrong_method("GET, HEAD")
            };
        };
        let Some((raw, verb)) = ordered(raw) else {
            return wrong_method("GET, HEAD");
        };
        let switch = match order(body) {
            Ok(switch) => switch,
            Err(refusal) => return *refusal,
        };
        let Some(endpoint) = decoded(raw) else {
            return not_found();
        };
        if let Some(wanted) = wanted
            && let Some(view) = self.control.endpoint(&endpoint)
            && !wanted
                .split(',')
                .any(|tag| matches!(tag.trim(), "*") || tag.trim() == etag(&view))
        {
            return problem(
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "the endpoint has changed since it was looked at; look again",
            );
        }
        match self.control.order(&endpoint, verb, &switch) {
            Ok(view) => with_etag(&view),
            Err(error @ SwitchError::Unknown(_)) => problem(
                StatusCode::NOT_FOUND,
                "unknown_endpoint",
                &error.to_string(),
            ),
            Err(error) => problem(StatusCode::CONFLICT, "not_switchable", &error.to_string()),
        }
    }

    fn explain(&self, body: &[u8]) -> Answer {
        let bad = |text: &str| problem(StatusCode::BAD_REQUEST, "bad_body", text);
        match serde_json::from_slice(body) {
            Ok(request) => match self.control.explain(&request) {
                Ok(view) => json(StatusCode::OK, &view),
                Err(text) => bad(&text),
            },
            Err(error) => bad(&error.to_string()),
        }
    }

    fn metrics(&self) -> Answer {
        match self.exposition.render(self.control.metrics()) {
            Ok(body) => answer(StatusCode::OK, CONTENT_TYPE, body),
            Err(_) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics_failed",
                "the metrics could not be written",
            ),
        }
    }

    fn endpoints(&self, query: &str) -> Answer {
        let state = parameter(query, "state");
        let kind = parameter(query, "type");
        let part = parameter(query, "q");
        let mut items = self.control.endpoints();
        items.retain(|e: &EndpointView| {
            state.as_ref().is_none_or(|s| e.state == *s)
                && kind.as_ref().is_none_or(|k| e.kind == *k)
                && part.as_ref().is_none_or(|q| e.path.contains(q.as_str()))
        });
        json(StatusCode::OK, &Items { items })
    }

    fn endpoint(&self, raw: &str, query: &str) -> Answer {
        if let Some(view) = decoded(raw).and_then(|path| self.control.endpoint(&path)) {
            return with_etag(&view);
        }
        if let Some(path) = raw.strip_suffix("/stats").and_then(decoded)
            && let Some(view) = self.control.stats(&path)
        {
            return json(StatusCode::OK, &view);
        }
        // An endpoint that is called `events` is the endpoint; what happened to it is one level further down.
        if let Some(path) = raw.strip_suffix("/events").and_then(decoded) {
            let back = parameter(query, "since_ms").and_then(|n| n.parse().ok());
            let since = back.map_or(0, |ms| unix_ms().saturating_sub(ms));
            let limit = parameter(query, "limit").and_then(|n| n.parse().ok());
            if let Some(mut items) = self.control.timeline(&path, since) {
                let limit = limit.unwrap_or(EVENTS_MAX).min(EVENTS_MAX);
                items.drain(..items.len().saturating_sub(limit));
                let endpoint = self.control.endpoint(&path);
                return json(StatusCode::OK, &Timeline { endpoint, items });
            }
        }
        problem(
            StatusCode::NOT_FOUND,
            "unknown_endpoint",
            "no endpoint has this path; GET /api/v1/endpoints lists them",
        )
    }

    fn sessions(&self, query: &str) -> Answer {
        let list = self.control.sessions(&SessionQuery {
            group: parameter(query, "group"),
            child: parameter(query, "child"),
            key: parameter(query, "key"),
            limit: parameter(query, "limit").and_then(|n| n.parse().ok()),
            after: parameter(query, "after"),
        });
        json(StatusCode::OK, &list)
    }

    fn process(&self, what: &str, body: &[u8]) -> Answer {
        let order = match order(body) {
            Ok(order) => order,
            Err(refusal) => return *refusal,
        };
        match what {
            "drain" => self.control.drain(true, &order),
            "undrain" => self.control.drain(false, &order),
            "stop" => self.control.stop(&order),
            _ => return not_found(),
        }
        changed(Ok(()))
    }

    fn move_session(&self, raw: &str, body: &[u8]) -> Answer {
        let Some(id) = raw.strip_suffix(":move").and_then(decoded) else {
            return wrong_method("DELETE");
        };
        match serde_json::from_slice::<SessionMove>(body) {
            Ok(order) => changed(self.control.move_session(&id, &order.to)),
            Err(error) => problem(StatusCode::BAD_REQUEST, "bad_body", &error.to_string()),
        }
    }

    fn follow(&self, form: Form, after: Option<&str>) -> Answer {
        match self.control.follow(after) {
            Ok(follower) => {
                let events = Box::new(EventBody::new(follower, form));
                let body = AnswerBody::Events(events);
                answer_with(StatusCode::OK, form.content_type(), body)
            }
            Err(error) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_readers",
                &error.to_string(),
            ),
        }
    }
}

/// The body of an order, which may be left out.
fn order(body: &[u8]) -> Result<SwitchOrder, Box<Answer>> {
    match body {
        [] => Ok(SwitchOrder::default()),
        body => serde_json::from_slice(body).map_err(|error| {
            let text = error.to_string();
            Box::new(problem(StatusCode::BAD_REQUEST, "bad_body", &text))
        }),
    }
}

/// The path of an endpoint and what is ordered of it.
fn ordered(raw: &str) -> Option<(&str, Verb)> {
    let mut verbs = Verb::ALL.into_iter();
    verbs.find_map(|(suffix, verb)| Some((raw.strip_suffix(suffix)?, verb)))
}

/// A change of a session: done, or why not.
fn changed(result: Result<(), SessionError>) -> Answer {
    match result {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({ "result": "done" })),
        Err(error @ SessionError::Unknown) => {
            problem(StatusCode::NOT_FOUND, "unknown_session", &error.to_string())
        }
        Err(error) => problem(StatusCode::CONFLICT, "not_movable", &error.to_string()),
    }
}

/// A tag of what an order depends on: state, order, and since when.
fn etag(view: &EndpointView) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (&view.path, &view.state, &view.since, &view.admin_state).hash(&mut hasher);
    if let Some(order) = &view.order {
        (&order.since, &order.until, &order.reason, &order.by).hash(&mut hasher);
    }
    format!("\"{:016x}\"", hasher.finish())
}

fn with_etag(view: &EndpointView) -> Answer {
    let mut answer = json(StatusCode::OK, view);
    if let Ok(tag) = http::HeaderValue::from_str(&etag(view)) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

fn text(status: StatusCode, body: String) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

fn not_found() -> Answer {
    problem(
        StatusCode::NOT_FOUND,
        "not_found",
        "nothing here; GET / lists the paths",
    )
}

fn too_large() -> Answer {
    problem(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "a request body may have 64 KiB",
    )
}

fn too_long(length: &http::HeaderValue) -> bool {
    let length = length.to_str().ok().and_then(|l| l.parse::<usize>().ok());
    length.is_none_or(|length| length > BODY_MAX)
}

fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path is not asked that way",
    );
    answer
        .headers_mut()
        .insert(header::ALLOW, http::HeaderValue::from_static(allowed));
    answer
}

/// The decoded value of a query parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pair.into_iter().find(|(key, _)| *key == name)?;
    decoded(value).filter(|v| !v.is_empty())
}

/// Percent-decoding (RFC 3986 2.1); nothing when it is malformed or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests;
