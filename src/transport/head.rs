//! The head of a message: request line or status line, and the fields.

use super::headers::{Headers, Name, Range};

/// Protocol version of a message; nothing else is accepted (RFC 9112 section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

/// Request methods that change how a message is framed or routed; the rest is told apart by text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Any other token.
    Other,
}

impl Method {
    /// The method of a token (case matters, RFC 9110 section 9.1).
    pub fn of(token: &[u8]) -> Method {
        match token {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// Idempotent by definition (RFC 9110 section 9.2.2): a repeat has the effect of one.
    pub fn is_idempotent(self) -> bool {
        matches!(
            self,
            Method::Get
                | Method::Head
                | Method::Put
                | Method::Delete
                | Method::Options
                | Method::Trace
        )
    }
}

/// A request's head. The target is origin-form or `*` (an absolute form was taken apart when it was read).
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method, for decisions.
    pub method: Method,
    method_text: Range,
    target: Range,
    /// The scheme of a target that was in absolute form (RFC 9112 section 3.2.2); its authority is in `Host`.
    pub absolute: Option<&'static str>,
    /// Version that the peer spoke.
    pub version: Version,
    /// The fields.
    pub headers: Headers,
}

impl RequestHead {
    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.headers.clear();
        self.method_text = Range::default();
        self.target = Range::default();
        self.method = Method::Get;
        self.version = Version::Http11;
        self.absolute = None;
    }

    /// The address that an absolute-form target names.
    pub fn absolute_url(&self) -> Option<Box<str>> {
        let host = self.headers.value(Name::Host)?;
        let parts = [self.absolute?.as_bytes(), b"://", host, self.target()].concat();
        Some(String::from_utf8(parts).ok()?.into())
    }

    /// Names method and target where they lie in the text of the head.
    pub fn place(&mut self, method: Range, target: Range) {
        self.method = Method::of(self.headers.slice(method));
        self.method_text = method;
        self.target = target;
    }

    /// The method as written.
    pub fn method_text(&self) -> &[u8] {
        self.headers.slice(self.method_text)
    }

    /// Sets the method.
    pub fn set_method(&mut self, token: &[u8]) {
        self.method = Method::of(token);
        self.method_text = self.headers.store(token);
    }

    /// Path and query as written.
    pub fn target(&self) -> &[u8] {
        self.headers.slice(self.target)
    }

    /// Sets path and query.
    pub fn set_target(&mut self, target: &[u8]) {
        self.target = self.headers.store(target);
    }
}

/// An answer's head.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// Status, 100 to 999.
    pub status: u16,
    reason: Range,
    /// Version that the peer spoke.
    pub version: Version,
    /// The fields.
    pub headers: Headers,
}

impl ResponseHead {
    /// An answer made here.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.headers.clear();
        self.reason = Range::default();
        self.status = 0;
        self.version = Version::Http11;
    }

    /// The reason phrase; the standard one when the peer gave none.
    pub fn reason(&self) -> &[u8] {
        if self.reason.is_empty() {
            standard_reason(self.status).as_bytes()
        } else {
            self.headers.slice(self.reason)
        }
    }

    /// Sets the reason phrase.
    pub fn set_reason(&mut self, reason: &[u8]) {
        self.reason = self.headers.store(reason);
    }
}

/// The reason phrase that RFC 9110 section 15 gives to a status; empty for an unknown one.
pub fn standard_reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("")
}
