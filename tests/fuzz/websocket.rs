//! What WebSocket frames must keep: the same messages whatever the cuts, and no message larger than is taken.

use axon::transport::websocket::{CloseCode, Incoming, Receiver};

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
