//! Raw bytes -> head. httparse splits, [`strict`](super::strict) judges; a head comes out whole or not at all.

use std::mem::MaybeUninit;

use crate::transport::head::{Method, RequestHead, ResponseHead, Version};
use crate::transport::headers::{Headers, Name, Range};

use super::framing::Framing;
use super::strict::{self, Refused};

/// Bounds on a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of a head.
    pub bytes: usize,
    /// Fields of a head.
    pub fields: usize,
}

/// Most fields that a configuration can allow.
pub const FIELDS_MAX: usize = 256;
/// Longest method.
const METHOD_BYTES: usize = 32;
/// Most bytes of empty lines in front of a request (RFC 9112 section 2.2 asks to skip at least one).
const LEADING_BYTES: usize = 64;

/// A parsed request: how many bytes its head took, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestParsed {
    /// Bytes of the head.
    pub head_len: usize,
    /// How its body is framed.
    pub framing: Framing,
    /// The client keeps the connection open (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// It waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// It asks for a WebSocket: `Upgrade: websocket`, named in `Connection`, on a GET without a body.
    pub upgrade: bool,
}

/// A parsed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseParsed {
    /// Bytes of the head.
    pub head_len: usize,
    /// How its body is framed.
    pub framing: Framing,
    /// The back end keeps the connection open.
    pub keep_alive: bool,
    /// Seconds of its `Keep-Alive: timeout=`, when it says so.
    pub keep_alive_s: Option<u32>,
}

/// The end of a head in `raw`: one past the empty line. Judges what is there when it is not complete yet.
fn head_end(raw: &[u8], limits: HeadLimits) -> Result<Option<usize>, Refused> {
    match strict::end_of_head(raw)? {
        Some(end) if end <= limits.bytes => Ok(Some(end)),
        Some(_) => Err(TOO_LONG),
        None if raw.len() >= limits.bytes => Err(TOO_LONG),
        None => Ok(None),
    }
}

const TOO_LONG: Refused = Refused {
    status: 431,
    reason: "the head is longer than [limits] head_bytes",
};

/// Reads a request head. `Ok(None)`: more bytes are needed.
pub fn request(
    raw: &[u8],
    limits: HeadLimits,
    head: &mut RequestHead,
) -> Result<Option<RequestParsed>, Refused> {
    let skipped = leading_lines(raw)?;
    let raw = &raw[skipped..];
    let Some(end) = head_end(raw, limits)? else {
        return Ok(None);
    };
    let raw = &raw[..end];
    head.clear();
    let mut room = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let fields = limits.fields.min(FIELDS_MAX);
    match httparse::ParserConfig::default().parse_request_with_uninit_headers(
        &mut parsed,
        raw,
        &mut room[..fields],
    ) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refused::bad("an incomplete head")),
        Err(error) => return Err(refusal(error)),
    }
    head.version = match parsed.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    take_fields(raw, parsed.headers, &mut head.headers)?;
    let method = parsed.method.unwrap_or_default().as_bytes();
    if method.len() > METHOD_BYTES {
        return Err(Refused {
            status: 501,
            reason: "a method of that length is not known",
        });
    }
    let target = parsed.path.unwrap_or_default().as_bytes();
    head.place(place(raw, method), place(raw, target));
    let authority = take_target(target, head)?;
    check_host(head, authority.is_some())?;
    if let Some(authority) = authority {
        head.headers.set("Host", authority);
    }
    let framing = strict::request_framing(&head.headers, head.version)?;
    let connection = ConnectionTokens::of(&head.headers);
    let expects_continue = expectation(head, framing)?;
    let upgrade = connection.upgrade
        && head.method == Method::Get
        && head.version == Version::Http11
        && framing == Framing::None
        && head
            .headers
            .values(Name::Upgrade)
            .any(|v| v.eq_ignore_ascii_case(b"websocket"));
    let keep_alive = match head.version {
        Version::Http11 => !connection.close,
        Version::Http10 => connection.keep_alive && !connection.close,
    };
    Ok(Some(RequestParsed {
        head_len: skipped + end,
        framing,
        keep_alive,
        expects_continue,
        upgrade,
    }))
}

/// Empty lines in front of the request line.
fn leading_lines(raw: &[u8]) -> Result<usize, Refused> {
    let mut at = 0;
    while raw[at..].starts_with(b"\r\n") {
        at += 2;
        if at > LEADING_BYTES {
            return Err(Refused::bad("too many empty lines before the request"));
        }
    }
    Ok(at)
}

fn refusal(error: httparse::Error) -> Refused {
    match error {
        httparse::Error::TooManyHeaders => Refused {
            status: 431,
            reason: "more fields than [limits] headers",
        },
        httparse::Error::Version => Refused {
            status: 505,
            reason: "only HTTP/1.0 and HTTP/1.1 are spoken here",
        },
        httparse::Error::HeaderName => Refused::bad("a malformed field name"),
        httparse::Error::HeaderValue => {
            Refused::bad("a field value with a byte that is not allowed")
        }
        httparse::Error::Status => Refused::bad("a malformed status line"),
        _ => Refused::bad("a malformed request line"),
    }
}

/// Where a piece that httparse found lies in the head.
fn place(raw: &[u8], piece: &[u8]) -> Range {
    Range::new(piece.as_ptr() as usize - raw.as_ptr() as usize, piece.len())
}

/// Takes the text over in one go and names the fields in it. httparse lets neither control characters into a value nor
/// anything but a token into a name.
fn take_fields(
    raw: &[u8],
    fields: &[httparse::Header<'_>],
    into: &mut Headers,
) -> Result<(), Refused> {
    into.load(raw);
    for field in fields {
        if field.name.is_empty() {
            return Err(Refused::bad("a field without a name"));
        }
        into.append_part(
            place(raw, field.name.as_bytes()),
            place(raw, field.value.trim_ascii()),
        );
    }
    Ok(())
}

/// Origin form as it is; an absolute http(s) form is split into authority and origin form (RFC 9112 section 3.2).
fn take_target<'a>(raw: &'a [u8], head: &mut RequestHead) -> Result<Option<&'a [u8]>, Refused> {
    strict::target(raw)?;
    if head.method == Method::Connect {
        return Err(Refused {
            status: 501,
            reason: "CONNECT is not served",
        });
    }
    match raw {
        [b'/', ..] => {}
        b"*" if head.method == Method::Options => {}
        _ => {
            let scheme = raw
                .windows(3)
                .position(|w| w == b"://")
                .ok_or(Refused::bad(
                    "the request target is neither a path nor a URL",
                ))?;
            head.absolute = match &raw[..scheme] {
                name if name.eq_ignore_ascii_case(b"http") => Some("http"),
                name if name.eq_ignore_ascii_case(b"https") => Some("https"),
                _ => {
                    return Err(Refused::bad(
                        "the request target has a scheme other than http or https",
                    ));
                }
            };
            let rest = &raw[scheme + 3..];
            let end = rest
                .iter()
                .position(|b| matches!(b, b'/' | b'?'))
                .unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            if memchr::memchr(b'@', authority).is_some() {
                return Err(Refused::bad("the request target holds user information"));
            }
            strict::host(authority)?;
            match path {
                [] => head.set_target(b"/"),
                [b'?', ..] => {
                    let mut target = Vec::with_capacity(path.len() + 1);
                    target.push(b'/');
                    target.extend_from_slice(path);
                    head.set_target(&target);
                }
                _ => head.set_target(path),
            }
            return Ok(Some(authority));
        }
    }
    Ok(None)
}

fn check_host(head: &RequestHead, absolute: bool) -> Result<(), Refused> {
    let mut hosts = head.headers.values(Name::Host);
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Err(Refused::bad("more than one Host field")),
        (Some(host), None) => strict::host(host),
        (None, _) if head.version == Version::Http11 => {
            Err(Refused::bad("an HTTP/1.1 request without Host"))
        }
        (None, _) => {
            debug_assert!(!absolute || head.version == Version::Http10);
            Ok(())
        }
    }
}

/// `Expect: 100-continue`, the only expectation there is (RFC 9110 section 10.1.1).
fn expectation(head: &RequestHead, framing: Framing) -> Result<bool, Refused> {
    let mut expected = false;
    for value in head.headers.values(Name::Expect) {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refused {
                status: 417,
                reason: "an expectation other than 100-continue",
            });
        }
        expected = head.version == Version::Http11 && framing != Framing::None;
    }
    Ok(expected)
}

/// Reads the head of an answer to a request of method `asked`. `Ok(None)`: more bytes are needed.
pub fn response(
    raw: &[u8],
    limits: HeadLimits,
    asked: Method,
    head: &mut ResponseHead,
) -> Result<Option<ResponseParsed>, Refused> {
    if raw.is_empty() {
        return Ok(None);
    }
    if !b"HTTP/1.".starts_with(&raw[..raw.len().min(7)]) {
        return Err(Refused::bad("the answer does not begin with HTTP/1."));
    }
    let Some(end) = head_end(raw, limits)? else {
        return Ok(None);
    };
    let raw = &raw[..end];
    head.clear();
    let mut room = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let fields = limits.fields.min(FIELDS_MAX);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        raw,
        &mut room[..fields],
    ) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refused::bad("an incomplete head")),
        Err(error) => return Err(refusal(error)),
    }
    head.status = parsed.code.unwrap_or(0);
    if !(100..=599).contains(&head.status) {
        return Err(Refused::bad("a status that is none"));
    }
    head.version = match parsed.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    take_fields(raw, parsed.headers, &mut head.headers)?;
    let reason = parsed.reason.unwrap_or_default().as_bytes();
    if reason != crate::transport::head::standard_reason(head.status).as_bytes() {
        head.set_reason(reason);
    }
    let framing = strict::response_framing(&head.headers, head.version, head.status, asked)?;
    let connection = ConnectionTokens::of(&head.headers);
    let keep_alive = match head.version {
        Version::Http11 => !connection.close,
        Version::Http10 => connection.keep_alive && !connection.close,
    } && framing != Framing::UntilClose;
    Ok(Some(ResponseParsed {
        head_len: end,
        framing,
        keep_alive,
        keep_alive_s: keep_alive_hint(&head.headers),
    }))
}

/// `Keep-Alive: timeout=N`.
fn keep_alive_hint(headers: &Headers) -> Option<u32> {
    let value = std::str::from_utf8(headers.value(Name::KeepAlive)?).ok()?;
    value
        .split(',')
        .find_map(|p| p.trim().strip_prefix("timeout=")?.parse().ok())
}

/// The options of the `Connection` fields that mean something here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionTokens {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
    /// Names other fields, which concern this connection only.
    pub names_fields: bool,
}

impl ConnectionTokens {
    /// Reads all `Connection` fields.
    pub fn of(headers: &Headers) -> Self {
        let mut tokens = Self::default();
        for token in headers
            .values(Name::Connection)
            .flat_map(|v| v.split(|&b| b == b','))
        {
            match token.trim_ascii() {
                [] => {}
                t if t.eq_ignore_ascii_case(b"close") => tokens.close = true,
                t if t.eq_ignore_ascii_case(b"keep-alive") => tokens.keep_alive = true,
                t if t.eq_ignore_ascii_case(b"upgrade") => tokens.upgrade = true,
                _ => tokens.names_fields = true,
            }
        }
        tokens
    }

    /// True when a `Connection` field names this one.
    pub fn nominates(headers: &Headers, name: &[u8]) -> bool {
        headers
            .values(Name::Connection)
            .flat_map(|v| v.split(|&b| b == b','))
            .any(|t| t.trim_ascii().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests;
