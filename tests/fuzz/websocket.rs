//! What WebSockets must keep: the same messages whatever the cuts, and no message larger than is taken; plain, compressed,
//! and emulated over HTTP.

use axon::gateway::greeting::{Asking, Heard, INNER_MAX, Kind};
use axon::gateway::wse::{Decoding, Downward, Encoding, Seen, Taken, Upward, Wrong};
use axon::transport::head::RequestHead;
use axon::transport::http1::parse::{self, HeadLimits};
use axon::transport::websocket::deflate::{self, Inflation, Step};
use axon::transport::websocket::{CloseCode, Incoming, Receiver, handshake};

use crate::mutate::Random;

pub const WORDS: &[&[u8]] = &[
    b"\x81\x80\0\0\0\0",
    b"\x01\x81\0\0\0\0a",
    b"\x80\x81\0\0\0\0b",
    b"\x82\xfe\x01\0\0\0\0\0",
    b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x89\x80\x01\x02\x03\x04",
    b"\x8a\x83\0\0\0\0abc",
    b"\xc3\xa9",
    b"\xff",
    b"\x7f",
];

/// Largest message here.
const LIMIT: u64 = 300;

/// What a client said.
#[derive(Debug, Default, PartialEq)]
struct Said {
    messages: Vec<(bool, Vec<u8>)>,
    pings: Vec<Vec<u8>>,
    closed: Option<Option<CloseCode>>,
    refused: Option<CloseCode>,
}

/// Gives the bytes in pieces of these sizes.
fn listen(input: &[u8], mut size: impl FnMut() -> usize) -> Said {
    let mut receiver = Receiver::new(LIMIT);
    let (mut said, mut message) = (Said::default(), Vec::new());
    let (mut held, mut rest, mut begun) = (Vec::new(), input, false);
    loop {
        let incoming = match receiver.next(&mut held) {
            Ok(Incoming::More) => {
                if rest.is_empty() {
                    return said;
                }
                let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
                held.extend_from_slice(piece);
                rest = after;
                continue;
            }
            Ok(incoming) => incoming,
            Err(code) => {
                said.refused = Some(code);
                return said;
            }
        };
        let end = incoming.end();
        assert!(end <= held.len(), "more is taken than is there");
        match incoming {
            Incoming::Data {
                text,
                first,
                last,
                payload,
                ..
            } => {
                assert_eq!(first, !begun, "a message begins once");
                begun = !last;
                message.extend_from_slice(&held[payload]);
                assert!(
                    message.len() as u64 <= LIMIT,
                    "a message is larger than is taken"
                );
                if last {
                    assert!(
                        !text || std::str::from_utf8(&message).is_ok(),
                        "text is text"
                    );
                    said.messages.push((text, std::mem::take(&mut message)));
                }
            }
            Incoming::Ping(range) => said.pings.push(held[range].to_vec()),
            Incoming::Close(code, _) => {
                said.closed = Some(code);
                return said;
            }
            Incoming::Pong(_) | Incoming::More => {}
        }
        held.drain(..end);
    }
}

/// Whatever the cuts, a client said the same.
pub fn frames(input: &[u8], random: &mut Random) {
    let whole = listen(input, || usize::MAX);
    let bytes = listen(input, || 1);
    let pieces = listen(input, || random.below(9) + 1);
    assert_eq!(whole, bytes);
    assert_eq!(whole, pieces);
}

/// What is offered and agreed on can be offered and agreed on again; what is compressed is the same afterwards; and what
/// claims to be compressed comes to the same end whatever the cuts, within its bound.
pub fn compression(input: &[u8], random: &mut Random) {
    let end = input.iter().position(|b| *b == b'\n').unwrap_or(0);
    let (offers, rest) = input.split_at(end);
    let agreed = deflate::negotiate(offers.split(|b| *b == b'\r'));
    if let Some((agreed, answer)) = &agreed {
        let again = deflate::negotiate([answer.as_bytes()]).expect("the answer is an offer");
        assert_eq!((&again.0, &again.1), (agreed, answer));
        let mut small = Vec::new();
        if deflate::deflate(rest, *agreed, &mut small) {
            assert!(small.len() < rest.len());
            assert_eq!(
                inflate(&small, rest.len() as u64, || usize::MAX),
                Ok(rest.to_vec())
            );
        }
    }
    // What is too large and broken as well is refused for what is found out first.
    let whole = inflate(rest, BYTES, || usize::MAX).ok();
    let pieces = inflate(rest, BYTES, || random.below(9) + 1).ok();
    assert_eq!(whole, pieces);
    assert_eq!(whole, inflate(rest, BYTES, || 1).ok());
    if let Some(bytes) = whole {
        assert!(bytes.len() as u64 <= BYTES, "more comes out than is taken");
    }
}

/// Largest inflated message here.
const BYTES: u64 = 40_000;

fn inflate(
    input: &[u8],
    limit: u64,
    mut size: impl FnMut() -> usize,
) -> Result<Vec<u8>, CloseCode> {
    let mut inflation = Inflation::new(false, limit);
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        let end = at + size().min(input.len() - at);
        inflation.feed(at..end, end == input.len());
        at = end;
        while inflation.has_more() {
            if let Step::Piece { first, last } = inflation.step(input)? {
                assert_eq!(first, out.is_empty(), "a message begins once");
                out.extend_from_slice(inflation.piece());
                if last {
                    assert!(inflation.is_over());
                    return Ok(out);
                }
            }
        }
    }
}

pub const GREETING_WORDS: &[&[u8]] = &[
    b"GET /echo?.kl=Y HTTP/1.1\r\n",
    b"Sec-WebSocket-Protocol: x-kaazing-handshake, chat\r\n",
    b"Sec-WebSocket-Version: 8\r\n",
    b"\r\n\r\n",
    b"\r\n",
    b"?.kl=Y",
    b"&.kl=Y&",
    b"/echo",
    b"/",
    b"HTTP/1.1",
    b"Authorization: Basic eDp5\r\n",
    b"\x01\x83\0\0\0\0GET",
    b"\x80\x81\0\0\0\0 ",
    b"\x81\xfe\x01\0\0\0\0\0",
];

/// The handshake that KAAZING clients make inside the WebSocket: the input is the request, and behind it what the
/// client sends. The verdict is the same whatever the cuts, and only a request for the same path is taken.
pub fn greeting(input: &[u8], random: &mut Random) {
    let mut head = RequestHead::default();
    let limits = HeadLimits {
        bytes: 4096,
        fields: 32,
    };
    let Ok(Some(parsed)) = parse::request(input, limits, &mut head) else {
        return;
    };
    let Ok(asked) = handshake::judge(&head) else {
        return;
    };
    let mut parts = head.target().splitn(2, |b| *b == b'?');
    let (path, query) = (parts.next().unwrap_or_default(), parts.next());
    let kind = Kind::of(&asked, query);
    assert!(kind.extended == asked.protocols.iter().any(|p| p == "x-kaazing-handshake"));
    assert!(!kind.balanced || query.is_some(), "only a query says that");
    assert_eq!(kind.old, asked.version == 8);
    let frames = &input[parsed.head_len..];
    let whole = verdict(path, frames, || usize::MAX);
    assert_eq!(whole, verdict(path, frames, || 1));
    assert_eq!(whole, verdict(path, frames, || random.below(9) + 1));
}

fn verdict(path: &[u8], input: &[u8], mut size: impl FnMut() -> usize) -> Result<Heard, CloseCode> {
    let mut receiver = Receiver::new(INNER_MAX as u64);
    let mut asking = Asking::new(path);
    let (mut held, mut rest, mut text) = (Vec::new(), input, Vec::new());
    loop {
        let incoming = receiver.next(&mut held)?;
        let end = incoming.end();
        match incoming {
            Incoming::More if rest.is_empty() => return Ok(Heard::More),
            Incoming::More => {
                let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
                held.extend_from_slice(piece);
                rest = after;
            }
            Incoming::Data { payload, last, .. } => {
                text.extend_from_slice(&held[payload.clone()]);
                let heard = asking.take(&held[payload], last)?;
                assert_eq!(heard == Heard::More, !last);
                if last {
                    let request = [b"GET ", path].concat();
                    assert!(heard == Heard::Bad || trimmed(&text).starts_with(&request));
                    return Ok(heard);
                }
            }
            Incoming::Close(..) => return Ok(Heard::More),
            _ => {}
        }
        held.drain(..end);
    }
}

/// Empty lines may stand in front of a request (RFC 9112 section 2.2).
fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !b"\r\n".contains(b));
    &text[start.unwrap_or(text.len())..]
}

pub const EMULATED_WORDS: &[&[u8]] = &[
    b"\x00text\xff",
    b"\x80\x02ab",
    b"\x81\x03\xc3\xa9a",
    b"\x80\x81\x48",
    b"\x89\x00",
    b"\x8a\x00",
    b"\x0100\xff",
    b"\x0101\xff",
    b"\x0102\xff\x0101\xff",
    b"\x7f0",
    b"\x7fn",
    b"\xc4\x80",
    b"\xc3\xbf",
    b"\xff",
];

/// An emulated client's frames: the first byte says what it takes. The messages are the same whatever the cuts, they are
/// frames that a service reads, and what a service sends back is what the client sent.
pub fn emulated(input: &[u8], random: &mut Random) {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    const LETTERS: [&[u8]; 6] = [b"b", b"bm", b"t", b"tm", b"te", b"tem"];
    let encoding = Encoding::parse(LETTERS[usize::from(*first) % 6]).unwrap();
    let whole = upward(encoding, body, || usize::MAX);
    let pieces = upward(encoding, body, || random.below(9) + 1);
    let bytes = upward(encoding, body, || 1);
    let (Ok((frames, taken)), Ok((other, same)), Ok(_)) = (&whole, &pieces, &bytes) else {
        assert!(whole.is_err() && pieces.is_err() && bytes.is_err());
        return;
    };
    assert_eq!(taken, same);
    let (said, again) = (listen(frames, || usize::MAX), listen(other, || usize::MAX));
    assert_eq!(said, again, "messages do not depend on the cuts");
    // All that is sent on is well-formed, but for text that is none.
    assert!(matches!(said.refused, None | Some(CloseCode::NOT_UTF8)));
    // As an echo would answer.
    let mut answers = Vec::new();
    for (text, message) in &said.messages {
        let opcode = match text {
            true => axon::transport::websocket::frame::Opcode::Text,
            false => axon::transport::websocket::frame::Opcode::Binary,
        };
        let cut = random.below(message.len() + 1);
        let (one, two) = message.split_at(cut);
        let write = axon::transport::websocket::frame::write_frame;
        write(false, opcode, one, &mut answers);
        write(
            true,
            axon::transport::websocket::frame::Opcode::Continuation,
            two,
            &mut answers,
        );
    }
    let mut downward = Downward::new(encoding, true);
    let mut out = Vec::new();
    while let Seen::Used(used) = downward.take(&mut answers, &mut out).unwrap() {
        answers.drain(..used);
    }
    // Bodies to clients are bytes, those from clients may be characters.
    let (back, _) = upward_of(Decoding::new(encoding, false), &out, || usize::MAX).unwrap();
    let heard = listen(&back, || usize::MAX).messages;
    let bytes = |messages: &[(bool, Vec<u8>)]| -> Vec<Vec<u8>> {
        messages.iter().map(|(_, bytes)| bytes.clone()).collect()
    };
    assert_eq!(bytes(&said.messages), bytes(&heard));
}

fn upward(
    encoding: Encoding,
    body: &[u8],
    size: impl FnMut() -> usize,
) -> Result<(Vec<u8>, Taken), Wrong> {
    upward_of(Decoding::new(encoding, encoding.text), body, size)
}

fn upward_of(
    decoding: Decoding,
    mut body: &[u8],
    mut size: impl FnMut() -> usize,
) -> Result<(Vec<u8>, Taken), Wrong> {
    let mut upward = Upward::new(decoding, LIMIT, true);
    let (mut out, mut taken) = (Vec::new(), Taken::default());
    while !body.is_empty() && !taken.ended {
        let (piece, rest) = body.split_at(size().clamp(1, body.len()));
        body = rest;
        taken = upward.take(piece, &mut out)?;
    }
    Ok((out, taken))
}
