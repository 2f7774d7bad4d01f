//! A message that changes its direction: a request that becomes the answer, an answer that is sent on as a request.
//!
//! Both are about messages that are held whole. What belongs to one exchange of messages only (framing, the client's wishes,
//! credentials) stays behind.

use super::{Body, Direction, Exchange, Properties, RestSuffix};
use crate::transport::head::{RequestHead, ResponseHead};
use crate::transport::headers::Headers;

/// Fields that mean something in a request only, besides those of framing and connection.
const OF_REQUESTS: &[&str] = &[
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Length",
    "Cookie",
    "Expect",
    "Forwarded",
    "From",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Max-Forwards",
    "Origin",
    "Range",
    "Referer",
    "SOAPAction",
    "traceparent",
    "tracestate",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Request-Id",
];
/// Fields that mean something in an answer only.
const OF_ANSWERS: &[&str] = &[
    "Accept-Ranges",
    "Age",
    "Allow",
    "Content-Length",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "Vary",
    "Via",
    "WWW-Authenticate",
];

impl Exchange {
    /// The head of the client's own request.
    pub fn client_request(&self) -> &RequestHead {
        self.client_head.as_deref().unwrap_or(&self.request)
    }

    /// True in the response flow: for an answer, also while it is sent on.
    pub fn is_response(&self) -> bool {
        self.direction == Direction::Response || self.onward
    }

    /// Makes the current request the answer (`respond`, `loopback`, `RESPONSE=true`); its body must be held.
    pub fn turn_to_answer(&mut self) {
        let mut head = ResponseHead::new(if self.fault_made { 500 } else { 200 });
        let bodiless = self.request_body == Body::Empty;
        carry(&self.request.headers, &mut head.headers, |name| {
            bodiless && is_one_of(name, &["Content-Type", "Content-Encoding"])
                || is_one_of(name, OF_REQUESTS)
        });
        self.response = Some(head);
        self.response_body = std::mem::take(&mut self.request_body);
        self.direction = Direction::Response;
        self.onward = false;
        self.forget_content();
    }

    /// Makes the answer the current request, to send it on or to go on with it; its body must be held. What the transport is
    /// to do with a message ends with it, but the status stays readable.
    pub fn turn_to_request(&mut self) {
        let Some(response) = self.response.take() else {
            return;
        };
        let mut head = RequestHead::default();
        head.set_method(b"POST");
        head.set_target(b"/");
        carry(&response.headers, &mut head.headers, |name| {
            is_one_of(name, OF_ANSWERS)
        });
        let of_client = std::mem::replace(&mut self.request, head);
        self.client_head.get_or_insert_with(|| Box::new(of_client));
        self.request_body = std::mem::take(&mut self.response_body);
        self.rest_suffix = RestSuffix::Nothing;
        self.header_end = None;
        self.answer_format = None;
        self.named = None;
        self.to = None;
        self.axis2 = Properties::default();
        self.axis2.set("HTTP_SC", response.status.to_string());
        self.direction = Direction::Request;
        self.forget_content();
    }

    /// The answer to what was sent is the current message from now on. What concerned the request ends: its transport
    /// settings, and an error that a handler made good.
    pub fn receive_answer(&mut self) {
        self.direction = Direction::Response;
        self.onward = false;
        self.axis2 = Properties::default();
        self.call = None;
        self.fault = None;
        self.fault_made = false;
    }
}

fn carry(from: &Headers, to: &mut Headers, leave: impl Fn(&[u8]) -> bool) {
    for (id, name, value) in from.iter() {
        if !id.is_hop_by_hop() && !leave(name) {
            to.append(name, value);
        }
    }
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|own| own.as_bytes().eq_ignore_ascii_case(name))
}
