//! What HTTP/1.1 on the wire must keep: RFC 9112, and no two readings of one message.

use axon::transport::buffer::Buf;
use axon::transport::head::{Method, RequestHead, ResponseHead, Version};
use axon::transport::headers::{Headers, Name};
use axon::transport::http1::framing::{Decoder, Framing, Next, decode_all};
use axon::transport::http1::parse::{self, ConnectionTokens, HeadLimits};
use axon::transport::http1::write;

use crate::mutate::Random;

pub const HEAD_WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: 0\r\n",
    b"Connection: close, X-A, Content-Length\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Host: a\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"CONNECT",
    b"http://u@h:1/",
    b"X-A: 1\r\n",
    b" 204 ",
    b" 101 ",
    b" 304 ",
];

pub const FRAMING_WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"0\r\n\r\n",
    b"1\r\nx\r\n",
    b"5;a=\"b\"\r\n",
    b"ffffffffffffffff\r\n",
    b"7fffffffffffffff\r\n",
    b"0000000000000005\r\n",
    b"0x5\r\n",
    b"-1\r\n",
    b"Content-Length: 3\r\n",
    b"X-T: v\r\n",
    b"Transfer-Encoding: chunked\r\n",
];

const LIMITS: HeadLimits = HeadLimits {
    bytes: 4096,
    fields: 32,
};
/// For what was written anew, which may be a little longer.
const WIDE: HeadLimits = HeadLimits {
    bytes: 16 * 1024,
    fields: 64,
};

type Field = (Vec<u8>, Vec<u8>);

/// The fields that may go on to the other side.
fn end_to_end(headers: &Headers, without: &[Name]) -> Vec<Field> {
    headers
        .iter()
        .filter(|(id, name, _)| {
            !id.is_hop_by_hop()
                && !without.contains(id)
                && !ConnectionTokens::nominates(headers, name)
        })
        .map(|(_, name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// The two ways to tell a length exclude each other (RFC 9112 section 6.1).
fn assert_one_length(headers: &Headers, framing: Framing) {
    let (encoded, sized) = (
        headers.value(Name::TransferEncoding).is_some(),
        headers.value(Name::ContentLength).is_some(),
    );
    assert!(!(encoded && sized), "both lengths were accepted");
    assert!(framing != Framing::Chunked || encoded);
    assert!(!matches!(framing, Framing::Length(_)) || sized);
}

/// A request head: whole or not at all, however it arrives; written anew it says the same and nothing else.
pub fn head(input: &[u8], random: &mut Random) {
    let mut head = RequestHead::default();
    let whole = parse::request(input, LIMITS, &mut head);
    let cut = random.below(input.len() + 1);
    let early = parse::request(&input[..cut], LIMITS, &mut RequestHead::default());
    let Ok(Some(parsed)) = whole else {
        assert!(!matches!(early, Ok(Some(_))) || whole.is_ok());
        return;
    };
    assert!(parsed.head_len <= input.len() && input[..parsed.head_len].ends_with(b"\r\n\r\n"));
    let expected = if cut < parsed.head_len {
        None
    } else {
        Some(parsed)
    };
    assert_eq!(early, Ok(expected), "cut at {cut}");
    assert_one_length(&head.headers, parsed.framing);
    assert_ne!(parsed.framing, Framing::UntilClose);
    assert!(!(parsed.upgrade && parsed.framing != Framing::None));
    assert!(!(parsed.expects_continue && parsed.framing == Framing::None));
    if head.version == Version::Http10 {
        assert_ne!(parsed.framing, Framing::Chunked);
    }

    let mut out = Vec::new();
    let host = head.headers.value(Name::Host).unwrap_or(b"h");
    let line = write::RequestLine {
        old: false,
        method: head.method_text(),
        target: head.target(),
        host,
        framing: parsed.framing,
        empty_length: head.headers.value(Name::ContentLength).is_some(),
        upgrade: parsed.upgrade,
    };
    write::request(&mut out, &line, &head, &[]);
    let mut again = RequestHead::default();
    let reparsed = parse::request(&out, WIDE, &mut again).unwrap().unwrap();
    assert_eq!(reparsed.head_len, out.len(), "something follows the head");
    assert_eq!(reparsed.framing, parsed.framing);
    assert_eq!(reparsed.upgrade, parsed.upgrade);
    assert_eq!(again.method_text(), head.method_text());
    assert_eq!(again.target(), head.target());
    assert_eq!(again.headers.value(Name::Host), Some(host));
    let ours = [Name::Host, Name::Expect];
    assert_eq!(
        end_to_end(&again.headers, &ours),
        end_to_end(&head.headers, &ours)
    );
}

/// An answer's head, the same way; what has no body by definition has none here.
pub fn reply(input: &[u8], random: &mut Random) {
    for asked in [Method::Get, Method::Head, Method::Post] {
        let mut head = ResponseHead::default();
        let whole = parse::response(input, LIMITS, asked, &mut head);
        let cut = random.below(input.len() + 1);
        let early = parse::response(&input[..cut], LIMITS, asked, &mut ResponseHead::default());
        let Ok(Some(parsed)) = whole else {
            assert!(!matches!(early, Ok(Some(_))) || whole.is_ok());
            continue;
        };
        assert!(input[..parsed.head_len].ends_with(b"\r\n\r\n"));
        let expected = if cut < parsed.head_len {
            None
        } else {
            Some(parsed)
        };
        assert_eq!(early, Ok(expected), "cut at {cut}");
        let bodiless = asked == Method::Head || matches!(head.status, 100..=199 | 204 | 304);
        assert!(!bodiless || parsed.framing == Framing::None);
        assert!(!(parsed.keep_alive && parsed.framing == Framing::UntilClose));
        assert_one_length_of_answer(&head.headers, parsed.framing);

        let mut out = Vec::new();
        let line = write::ResponseLine {
            framing: parsed.framing,
            bodiless,
            keep_alive: parsed.framing != Framing::UntilClose,
            client: Version::Http11,
            upgrade: false,
        };
        write::response(&mut out, line, &head);
        let mut again = ResponseHead::default();
        let reparsed = parse::response(&out, WIDE, asked, &mut again)
            .unwrap()
            .unwrap();
        assert_eq!(reparsed.head_len, out.len(), "something follows the head");
        assert_eq!(reparsed.framing, parsed.framing);
        assert_eq!(again.status, head.status);
        assert_eq!(
            end_to_end(&again.headers, &[]),
            end_to_end(&head.headers, &[])
        );
    }
}

/// As for requests, where the answer has a body at all: one to HEAD may tell how it would be framed.
fn assert_one_length_of_answer(headers: &Headers, framing: Framing) {
    if framing != Framing::None {
        assert_one_length(headers, framing);
    }
}

/// A body: the same payload whatever the cuts, and the one that the framing says.
pub fn framing(input: &[u8], random: &mut Random) {
    let len = input.len() as u64;
    let some = Framing::length(random.below(input.len() + 1) as u64);
    for framing in [
        Framing::None,
        some,
        Framing::length(len),
        Framing::Length(len + 1),
        Framing::Length(u64::MAX),
        Framing::Chunked,
        Framing::UntilClose,
    ] {
        let whole = decode_all(framing, input, input.len());
        for step in [1, 2, 3, 1 + random.below(64)] {
            let cut = decode_all(framing, input, step);
            // Where it is judged early the reason may be another one, but the verdict never is.
            assert_eq!(cut.as_ref().ok(), whole.as_ref().ok(), "step {step}");
        }
        let mut trailers = Vec::new();
        let uneven = uneven(framing, input, random, &mut trailers);
        assert_eq!(uneven.as_ref(), whole.as_ref().ok(), "uneven steps");
        assert_harmless(&trailers);
        let expected = match framing {
            Framing::None => Some(Vec::new()),
            Framing::Length(n) => usize::try_from(n)
                .ok()
                .and_then(|n| input.get(..n))
                .map(<[u8]>::to_vec),
            Framing::UntilClose => Some(input.to_vec()),
            Framing::Chunked => match &whole {
                Ok(_) => Some(unchunked(input)),
                Err(_) => None,
            },
        };
        assert_eq!(whole.ok(), expected, "{framing:?}");
    }
}

/// The payload, read in uneven pieces, with looks ahead and partial takes.
fn uneven(
    framing: Framing,
    input: &[u8],
    random: &mut Random,
    trailers: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(framing);
    let (mut buf, mut out, mut rest) = (Buf::default(), Vec::new(), input);
    loop {
        let ahead = random.below(2) == 0;
        let next = match ahead {
            true => decoder.extend(&mut buf),
            false => decoder.next(&mut buf),
        };
        match next.ok()? {
            Next::Data { len, .. } if random.below(3) > 0 || rest.is_empty() => {
                let n = 1 + random.below(len);
                out.extend_from_slice(&buf.data()[..n]);
                decoder.consume(&mut buf, n);
            }
            Next::End => {
                trailers.extend_from_slice(decoder.trailers());
                return Some(out);
            }
            Next::More if rest.is_empty() => decoder.connection_ended().ok()?,
            Next::Data { .. } | Next::More => {
                let n = (1 + random.below(40)).min(rest.len());
                assert!(buf.extend(&rest[..n]));
                rest = &rest[n..];
            }
        }
    }
}

/// What may be passed on behind a body frames and routes nothing.
fn assert_harmless(trailers: &[u8]) {
    for line in trailers.split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap();
        let name = line.split(|&b| b == b':').next().unwrap();
        assert!(!name.is_empty() && !line.contains(&b'\r'));
        let name = name.to_ascii_lowercase();
        for forbidden in ["content-length", "transfer-encoding", "host", "connection"] {
            assert_ne!(name, forbidden.as_bytes());
        }
    }
}

/// The payload of a well-formed chunked body, read in the simplest way.
fn unchunked(mut input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = input.windows(2).position(|w| w == b"\r\n").unwrap();
        let line = std::str::from_utf8(&input[..end]).map_or_else(
            |_| String::from_utf8_lossy(&input[..end]).into_owned(),
            str::to_owned,
        );
        let digits = line.split(';').next().unwrap();
        let size = usize::from_str_radix(digits, 16).unwrap();
        if size == 0 {
            return out;
        }
        input = &input[end + 2..];
        out.extend_from_slice(&input[..size]);
        assert_eq!(&input[size..size + 2], b"\r\n");
        input = &input[size + 2..];
    }
}
