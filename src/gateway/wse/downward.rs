//! What a service sends, as frames of the emulation: the other direction of [`upward`](super::upward). Pure.

use super::encoding::Encoding;
use crate::transport::websocket::{CloseCode, Incoming, Receiver};

/// Nothing; says that the connection works.
pub const NOP: &[u8] = b"\x0100\xff";
/// Nothing follows in this answer.
pub const RECONNECT: &[u8] = b"\x0101\xff";
/// The WebSocket is closed.
pub const CLOSE: &[u8] = b"\x0102\xff";
/// Most bytes of a message in fragments, which has to be put together: the emulation knows no fragments.
const GATHER_MAX: usize = 16 * 1024 * 1024;

/// What came of a look at the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// More bytes are needed.
    More,
    /// So many bytes of the buffer are used.
    Used(usize),
    /// As `Used`; and a pong is waited for, which the client cannot send.
    Ping(usize),
    /// The service closes.
    Closed,
}

/// Messages of a service on their way to an emulated client.
#[derive(Debug)]
pub struct Downward {
    encoding: Encoding,
    pings: bool,
    receiver: Receiver,
    /// A message in fragments.
    gathered: Vec<u8>,
    /// The message under way goes out as it comes.
    flows: bool,
}

impl Downward {
    /// For a client that takes this; `pings`: it said that it knows them.
    pub fn new(encoding: Encoding, pings: bool) -> Downward {
        Downward {
            encoding,
            pings,
            // What a service sends has been judged by it.
            receiver: Receiver::new(u64::MAX).from_server(),
            gathered: Vec::new(),
            flows: false,
        }
    }

    /// Adds what lies at the front of the bytes, as the client takes it.
    pub fn take(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) -> Result<Seen, CloseCode> {
        let incoming = self.receiver.next(bytes)?;
        let used = incoming.end();
        Ok(match incoming {
            Incoming::More => Seen::More,
            Incoming::Data {
                text,
                first,
                last,
                rest,
                fin,
                payload,
                ..
            } => {
                let part = &bytes[payload];
                if first {
                    self.flows = fin;
                    if self.flows {
                        self.header(text, part.len() as u64 + rest, out);
                    }
                }
                if self.flows {
                    self.encoding.write(part, out);
                } else if self.gathered.len() + part.len() > GATHER_MAX {
                    return Err(CloseCode::TOO_BIG);
                } else {
                    self.gathered.extend_from_slice(part);
                    if last {
                        let whole = std::mem::take(&mut self.gathered);
                        self.header(text, whole.len() as u64, out);
                        self.encoding.write(&whole, out);
                    }
                }
                Seen::Used(used)
            }
            Incoming::Ping(_) if self.pings => {
                self.encoding.write(b"\x89\x00", out);
                Seen::Used(used)
            }
            Incoming::Ping(_) => Seen::Ping(used),
            Incoming::Pong(_) => {
                if self.pings {
                    self.encoding.write(b"\x8a\x00", out);
                }
                Seen::Used(used)
            }
            Incoming::Close(..) => Seen::Closed,
        })
    }

    fn header(&self, text: bool, length: u64, out: &mut Vec<u8>) {
        let kind = if text && self.encoding.mixed {
            0x81
        } else {
            0x80
        };
        // Seven bits a digit, the largest first, and the highest bit on all but the last.
        let digits = (64 - length.leading_zeros()).div_ceil(7).max(1);
        let digit = |at: u32| (length >> (7 * at)) as u8 & 0x7f | if at > 0 { 0x80 } else { 0 };
        self.encoding.write(&[kind], out);
        for at in (0..digits).rev() {
            self.encoding.write(&[digit(at)], out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::websocket::frame::{Opcode, write_frame};

    fn downward(
        letters: &str,
        pings: bool,
        frames: &[(bool, Opcode, &[u8])],
    ) -> (Vec<u8>, Vec<Seen>) {
        let mut bytes = Vec::new();
        for (fin, opcode, payload) in frames {
            write_frame(*fin, *opcode, payload, &mut bytes);
        }
        let encoding = Encoding::parse(letters.as_bytes()).unwrap();
        let mut downward = Downward::new(encoding, pings);
        let (mut out, mut told) = (Vec::new(), Vec::new());
        loop {
            match downward.take(&mut bytes, &mut out).unwrap() {
                Seen::More => return (out, told),
                Seen::Used(used) => drop(bytes.drain(..used)),
                seen @ Seen::Ping(used) => {
                    bytes.drain(..used);
                    told.push(seen);
                }
                Seen::Closed => {
                    told.push(Seen::Closed);
                    return (out, told);
                }
            }
        }
    }

    #[test]
    fn messages_are_frames_of_the_draft() {
        let hello = (true, Opcode::Text, &b"h\x7fi"[..]);
        assert_eq!(downward("t", true, &[hello]).0, b"\x80\x03h\x7fi");
        assert_eq!(downward("bm", true, &[hello]).0, b"\x81\x03h\x7fi");
        assert_eq!(downward("tem", true, &[hello]).0, b"\x81\x03h\x7f\x7fi");
        let ten = (true, Opcode::Binary, &[0; 10][..]);
        let escaped = [b"\x80\x7fn".to_vec(), b"\x7f0".repeat(10)].concat();
        assert_eq!(downward("te", true, &[ten]).0, escaped);
        let long = (true, Opcode::Binary, &[7; 200][..]);
        assert_eq!(downward("b", true, &[long]).0[..3], *b"\x80\x81\x48");
        let parts = [
            (false, Opcode::Text, &b"one "[..]),
            (true, Opcode::Ping, b"?"),
            (true, Opcode::Continuation, b"two"),
        ];
        assert_eq!(downward("tm", true, &parts).0, b"\x89\x00\x81\x07one two");
    }

    #[test]
    fn pings_are_for_clients_that_know_them_and_a_close_is_told() {
        let frames = [
            (true, Opcode::Ping, &b""[..]),
            (true, Opcode::Close, b"\x03\xe8"),
        ];
        let (out, told) = downward("b", false, &frames);
        assert_eq!((out, told), (Vec::new(), vec![Seen::Ping(2), Seen::Closed]));
        let (out, told) = downward("te", true, &frames);
        assert_eq!((&out[..], told), (&b"\x89\x7f0"[..], vec![Seen::Closed]));
    }
}
