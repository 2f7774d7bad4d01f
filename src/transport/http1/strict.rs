//! The strict checks on a raw head (RFC 9112 sections 2.2, 3.2, 5, 6): what httparse lets pass and a proxy must not.

use crate::transport::head::{Method, Version};
use crate::transport::headers::{Headers, Name};

use super::framing::Framing;

/// Why a head was refused, with the status that a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Status for a client: 4xx, 501 or 505.
    pub status: u16,
    /// One sentence.
    pub reason: &'static str,
}

impl Refused {
    /// A refusal with status 400.
    pub const fn bad(reason: &'static str) -> Self {
        Self {
            status: 400,
            reason,
        }
    }
}

/// Every line ends in CRLF and neither CR nor LF stands anywhere else; no NUL.
///
/// Works on any prefix of a head: a CR as the very last byte is not judged yet.
pub fn line_ends(raw: &[u8]) -> Result<(), Refused> {
    let mut rest = raw;
    while let Some(used) = line_end(rest)? {
        rest = &rest[used..];
    }
    Ok(())
}

/// One past the empty line that ends a head, when it is there. Every line up to it, or of what is there so far, ends as
/// [`line_ends`] wants it; other control characters in a whole head are left to the parser.
pub fn end_of_head(raw: &[u8]) -> Result<Option<usize>, Refused> {
    let mut after_line = 0;
    for lf in memchr::memchr_iter(b'\n', raw) {
        if lf == 0 || raw[lf - 1] != b'\r' {
            return Err(Refused::bad("a LF without CR in the head"));
        }
        if lf == after_line + 1 {
            return Ok(Some(lf + 1));
        }
        after_line = lf + 1;
    }
    // Not complete: say early what is wrong, instead of letting a peer wait for its time to run out.
    line_ends(raw).map(|()| None)
}

/// One past the first CRLF.
fn line_end(raw: &[u8]) -> Result<Option<usize>, Refused> {
    match memchr::memchr3(b'\r', b'\n', 0, raw) {
        None => Ok(None),
        Some(at) => match (raw[at], raw.get(at + 1)) {
            (b'\r', Some(b'\n')) => Ok(Some(at + 2)),
            (b'\r', None) => Ok(None),
            (b'\r', Some(_)) => Err(Refused::bad("a CR without LF in the head")),
            (b'\n', _) => Err(Refused::bad("a LF without CR in the head")),
            _ => Err(Refused::bad("a NUL in the head")),
        },
    }
}

/// A request target: visible ASCII without a fragment.
pub fn target(raw: &[u8]) -> Result<(), Refused> {
    if raw.iter().all(|&b| (0x21..0x7f).contains(&b) && b != b'#') {
        Ok(())
    } else {
        Err(Refused::bad(
            "the request target has a byte that no URI may hold",
        ))
    }
}

/// Bytes of a registered name (RFC 3986 section 3.2.2), as a table: this is looked at in every request.
const HOST_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_alphanumeric()
            || matches!(
                b as u8,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
            );
        b += 1;
    }
    table
};

/// `uri-host [":" port]` (RFC 9110 section 7.2), not empty.
pub fn host(value: &[u8]) -> Result<(), Refused> {
    const BAD: Refused = Refused::bad("the Host field is not a host with an optional port");
    let (name, port) = match value {
        [b'[', rest @ ..] => {
            let close = memchr::memchr(b']', rest).ok_or(BAD)?;
            let address = std::str::from_utf8(&rest[..close]).map_err(|_| BAD)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| BAD)?;
            (address.as_bytes(), &rest[close + 1..])
        }
        _ => {
            let end = memchr::memchr(b':', value).unwrap_or(value.len());
            let name = &value[..end];
            if !name.iter().all(|&b| HOST_BYTES[usize::from(b)]) {
                return Err(BAD);
            }
            (name, &value[end..])
        }
    };
    let port_ok = match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.len() <= 5
                && digits.iter().all(u8::is_ascii_digit)
                && digits
                    .iter()
                    .fold(0u32, |n, &d| n * 10 + u32::from(d - b'0'))
                    <= u32::from(u16::MAX)
        }
        _ => false,
    };
    if name.is_empty() || !port_ok {
        Err(BAD)
    } else {
        Ok(())
    }
}

/// A `Content-Length` value: digits only, within 63 bits.
fn length(value: &[u8]) -> Result<u64, Refused> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refused::bad("Content-Length is not a plain number"));
    }
    let n = value.iter().fold(0u64, |n, &d| {
        n.wrapping_mul(10).wrapping_add(u64::from(d - b'0'))
    });
    if n > i64::MAX as u64 {
        Err(Refused {
            status: 413,
            reason: "Content-Length is beyond any body",
        })
    } else {
        Ok(n)
    }
}

/// What the framing fields say, decided once: one length, or exactly `chunked`, or nothing; never both.
pub fn framing_fields(headers: &Headers, version: Version) -> Result<Option<Framing>, Refused> {
    let mut found = None;
    for (id, _, value) in headers.iter() {
        let next = match id {
            Name::ContentLength => Framing::length(length(value)?),
            Name::TransferEncoding => {
                if version == Version::Http10 {
                    return Err(Refused::bad("Transfer-Encoding does not exist in HTTP/1.0"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refused {
                        status: 501,
                        reason: "the only transfer coding understood is chunked",
                    });
                }
                Framing::Chunked
            }
            _ => continue,
        };
        if found.is_some() {
            return Err(Refused::bad(
                "more than one framing field (Content-Length, Transfer-Encoding)",
            ));
        }
        found = Some(next);
    }
    Ok(found)
}

/// The framing of a request's body (RFC 9112 section 6.3).
pub fn request_framing(headers: &Headers, version: Version) -> Result<Framing, Refused> {
    Ok(framing_fields(headers, version)?.unwrap_or(Framing::None))
}

/// The framing of an answer's body, given what was asked (RFC 9112 section 6.3).
pub fn response_framing(
    headers: &Headers,
    version: Version,
    status: u16,
    asked: Method,
) -> Result<Framing, Refused> {
    let fields = framing_fields(headers, version)?;
    Ok(match status {
        _ if asked == Method::Head => Framing::None,
        100..=199 | 204 | 304 => Framing::None,
        _ => fields.unwrap_or(Framing::UntilClose),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Headers {
        let mut h = Headers::default();
        for (n, v) in list {
            h.append(n.as_bytes(), v.as_bytes());
        }
        h
    }

    #[test]
    fn lone_cr_lf_and_nul_are_refused_and_a_cut_crlf_is_not() {
        assert!(line_ends(b"GET / HTTP/1.1\r\nA: b\r\n\r\n").is_ok());
        assert!(line_ends(b"GET / HTTP/1.1\r").is_ok());
        for raw in [
            &b"GET / HTTP/1.1\nA: b"[..],
            b"GET / HTTP/1.1\r\nA: b\rc",
            b"GET / HTTP/1.1\r\nA: \0b",
            b"A\r\r\n",
        ] {
            assert!(line_ends(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn hosts() {
        for good in [
            "a",
            "a.b:80",
            "[::1]",
            "[::1]:8080",
            "a:",
            "1.2.3.4:65535",
            "xn--a_b",
        ] {
            assert!(host(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "a:b",
            "a:99999",
            "[::1",
            "[zz]",
            "a@b",
            "[::1]x",
            "a/b",
            "a:80:80",
            "a:65536",
            "[::1]:828044073709551616",
        ] {
            assert!(host(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn framing_is_one_field_or_none() {
        let ok = |list: &[(&str, &str)]| framing_fields(&fields(list), Version::Http11);
        assert_eq!(ok(&[]), Ok(None));
        assert_eq!(ok(&[("content-length", "5")]), Ok(Some(Framing::Length(5))));
        assert_eq!(ok(&[("content-length", "0")]), Ok(Some(Framing::None)));
        assert_eq!(
            ok(&[("Transfer-Encoding", "Chunked")]),
            Ok(Some(Framing::Chunked))
        );
        for bad in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "")],
            &[("content-length", "+5")],
            &[("content-length", "5, 5")],
            &[("content-length", "")],
            &[("content-length", "99999999999999999999")],
            &[("content-length", "9223372036854775808")],
        ] {
            assert!(ok(bad).is_err(), "{bad:?}");
        }
        assert!(
            framing_fields(
                &fields(&[("transfer-encoding", "chunked")]),
                Version::Http10
            )
            .is_err()
        );
    }

    #[test]
    fn answers_without_a_body_by_definition() {
        let h = fields(&[("content-length", "4")]);
        let f = |status, asked| response_framing(&h, Version::Http11, status, asked);
        assert_eq!(f(200, Method::Get), Ok(Framing::Length(4)));
        for (status, asked) in [
            (204, Method::Get),
            (304, Method::Get),
            (200, Method::Head),
            (101, Method::Get),
        ] {
            assert_eq!(f(status, asked), Ok(Framing::None));
        }
        assert_eq!(
            response_framing(&fields(&[]), Version::Http11, 200, Method::Get),
            Ok(Framing::UntilClose)
        );
    }
}
