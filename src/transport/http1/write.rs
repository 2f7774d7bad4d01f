//! Heads written anew: what goes out is generated here, never copied.

use crate::transport::head::{RequestHead, ResponseHead, Version};
use crate::transport::headers::{Headers, Name};

use std::borrow::Cow;

use super::framing::{Framing, is_token};
use super::parse::ConnectionTokens;

/// What a request head to a back end is made of.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// Method to send.
    pub method: &'a [u8],
    /// Path and query to send.
    pub target: &'a [u8],
    /// Value of `Host`.
    pub host: &'a [u8],
    /// How the body goes out.
    pub framing: Framing,
    /// The body is empty, but the client said so with a length of its own.
    pub empty_length: bool,
    /// Ask for a WebSocket.
    pub upgrade: bool,
    /// As HTTP/1.0, which knows no chunks.
    pub old: bool,
}

/// A field that one try sends otherwise than the message has it.
#[derive(Debug)]
pub struct Override<'a> {
    name: &'a str,
    value: Option<Cow<'a, [u8]>>,
}

impl<'a> Override<'a> {
    /// Sends this value in place of any other. Bytes that no field may hold become spaces.
    pub fn set(name: &'a str, value: &'a [u8]) -> Self {
        let clean = !value.iter().any(|&b| is_control(b));
        let value = if clean {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(
                value
                    .iter()
                    .map(|&b| if is_control(b) { b' ' } else { b })
                    .collect(),
            )
        };
        Self {
            name,
            value: Some(value),
        }
    }

    /// As [`set`](Self::set), with a value made for it.
    pub fn set_owned(name: &'a str, value: Vec<u8>) -> Self {
        Self {
            name,
            value: Some(Cow::Owned(
                value
                    .into_iter()
                    .map(|b| if is_control(b) { b' ' } else { b })
                    .collect(),
            )),
        }
    }

    /// Sends no such field.
    pub fn remove(name: &'a str) -> Self {
        Self { name, value: None }
    }
}

fn is_control(b: u8) -> bool {
    b < 0x20 && b != b'\t' || b == 0x7f
}

/// Writes a request head for a back end.
pub fn request(
    out: &mut Vec<u8>,
    line: &RequestLine<'_>,
    head: &RequestHead,
    overrides: &[Override<'_>],
) {
    out.extend_from_slice(line.method);
    out.push(b' ');
    out.extend_from_slice(line.target);
    out.extend_from_slice(match line.old {
        true => b" HTTP/1.0\r\nHost: ",
        false => b" HTTP/1.1\r\nHost: ",
    });
    out.extend_from_slice(line.host);
    out.extend_from_slice(b"\r\n");
    fields(out, &head.headers, |id, name| {
        matches!(id, Name::Host | Name::Expect)
            || overrides
                .iter()
                .any(|o| o.name.as_bytes().eq_ignore_ascii_case(name))
    });
    for Override { name, value } in overrides {
        // A name that is no token cannot be a field; framing and Host stay ours.
        let ours =
            Name::of(name.as_bytes()).is_hop_by_hop() || Name::of(name.as_bytes()) == Name::Host;
        if let Some(value) = value
            && !ours
            && !name.is_empty()
            && name.bytes().all(is_token)
        {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    match line.framing {
        Framing::Length(n) => length(out, n),
        Framing::Chunked | Framing::UntilClose => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n")
        }
        Framing::None if line.empty_length => length(out, 0),
        Framing::None => {}
    }
    if line.upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// How an answer goes to a client.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLine {
    /// How the body goes out; `UntilClose` = the connection ends it (HTTP/1.0 clients).
    pub framing: Framing,
    /// The answer has no body by definition (HEAD, 204, 304): its own `Content-Length` is told, if it had one.
    pub bodiless: bool,
    /// Keep the connection open afterwards.
    pub keep_alive: bool,
    /// What the client speaks.
    pub client: Version,
    /// The answer is a `101` to a WebSocket request.
    pub upgrade: bool,
}

/// Writes an answer's head for a client.
pub fn response(out: &mut Vec<u8>, line: ResponseLine, head: &ResponseHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.reason());
    out.extend_from_slice(b"\r\n");
    fields(out, &head.headers, |_, _| false);
    match line.framing {
        _ if line.bodiless => {
            // 204 and 1xx must not carry a length (RFC 9110 section 8.6); HEAD and 304 may tell the one of the GET.
            if head.status >= 200
                && head.status != 204
                && let Some(n) = head.headers.value(Name::ContentLength)
            {
                out.extend_from_slice(b"Content-Length: ");
                out.extend_from_slice(n);
                out.extend_from_slice(b"\r\n");
            }
        }
        Framing::Length(n) => length(out, n),
        Framing::None => length(out, 0),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::UntilClose => {}
    }
    if line.upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if !line.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if line.client == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// An interim answer (1xx) to be passed on.
pub fn interim(out: &mut Vec<u8>, head: &ResponseHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.reason());
    out.extend_from_slice(b"\r\n");
    fields(out, &head.headers, |_, _| false);
    out.extend_from_slice(b"\r\n");
}

fn length(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The end-to-end fields: no hop-by-hop field, none that `Connection` names, none that `skip` names.
fn fields(out: &mut Vec<u8>, headers: &Headers, skip: impl Fn(Name, &[u8]) -> bool) {
    let nominated = ConnectionTokens::of(headers).names_fields;
    for (id, name, value) in headers.iter() {
        if id.is_hop_by_hop()
            || skip(id, name)
            || nominated && ConnectionTokens::nominates(headers, name)
        {
            continue;
        }
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: &[u8]) -> &str {
        std::str::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_head_is_written_anew() {
        let mut head = RequestHead::default();
        head.set_method(b"POST");
        for (n, v) in [
            ("Host", "client"),
            ("sOAPAction", "\"x\""),
            ("Connection", "close, X-Mine"),
            ("X-Mine", "1"),
            ("TE", "trailers"),
            ("Content-Length", "99"),
            ("Expect", "100-continue"),
        ] {
            head.headers.append(n.as_bytes(), v.as_bytes());
        }
        let mut out = Vec::new();
        let line = RequestLine {
            method: b"POST",
            target: b"/svc",
            host: b"back:1",
            framing: Framing::Length(5),
            empty_length: false,
            upgrade: false,
            old: false,
        };
        request(&mut out, &line, &head, &[]);
        assert_eq!(
            text(&out),
            "POST /svc HTTP/1.1\r\nHost: back:1\r\nsOAPAction: \"x\"\r\nContent-Length: 5\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_says_how_it_ends() {
        let mut head = ResponseHead::new(200);
        head.headers.append(b"Content-Length", b"7");
        head.headers.append(b"A", b"b");
        let write = |line| {
            let mut out = Vec::new();
            response(&mut out, line, &head);
            String::from_utf8(out).unwrap()
        };
        let line = ResponseLine {
            framing: Framing::Chunked,
            bodiless: false,
            keep_alive: true,
            client: Version::Http11,
            upgrade: false,
        };
        assert_eq!(
            write(line),
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        assert_eq!(
            write(ResponseLine {
                bodiless: true,
                ..line
            }),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 7\r\n\r\n"
        );
        let old = ResponseLine {
            framing: Framing::UntilClose,
            keep_alive: false,
            client: Version::Http10,
            ..line
        };
        assert_eq!(
            write(old),
            "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n"
        );
    }
}
