//! What an emulated client sends, as frames of RFC 6455.
//!
//! The frames of the emulation are those of draft-hixie-thewebsocketprotocol-76 with commands besides: `00` text `ff`,
//! `80` length bytes, `81` length text, `89 00` and `8a 00` for ping and pong, `01` commands `ff`. Pure.

use super::encoding::Decoding;
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::frame::{self, Header, Opcode};

/// Most digits of a length: seven bits each.
const DIGITS_MAX: u8 = 9;

/// Why a body is no sequence of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It breaks the protocol.
    Frame,
    /// A message is larger than is taken.
    TooBig,
}

/// What came of a part of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The client said that nothing follows in this body.
    pub ended: bool,
    /// The client closes the WebSocket.
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A frame begins.
    Type,
    /// Text up to `ff`; how much of it there was.
    Delimited { size: u64 },
    /// A length, and how many digits of it there were.
    Length {
        opcode: Opcode,
        length: u64,
        digits: u8,
    },
    /// So much of a frame is still to come.
    Payload { left: u64 },
    /// The zero behind a ping or a pong.
    Zero { opcode: Opcode },
    /// Commands; the first digit of one.
    Command { first: Option<u8> },
}

/// The body of one request.
#[derive(Debug)]
pub struct Upward {
    decoding: Decoding,
    limit: u64,
    pings: bool,
    state: State,
    taken: Taken,
    plain: Vec<u8>,
}

impl Upward {
    /// For messages of at most so many bytes; `pings`: the client said that it knows them.
    pub fn new(decoding: Decoding, limit: u64, pings: bool) -> Upward {
        Upward {
            decoding,
            limit,
            pings,
            state: State::Type,
            taken: Taken::default(),
            plain: Vec::new(),
        }
    }

    /// Adds the frames for a part of the body, masked as those of a client.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Taken, Wrong> {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        let good = self.decoding.take(bytes, &mut plain);
        let mut rest = plain.as_slice();
        while let Some((&byte, behind)) = rest.split_first()
            && !self.taken.ended
        {
            rest = match self.state {
                State::Payload { .. } | State::Delimited { .. } => self.run(rest, out)?,
                _ => {
                    self.byte(byte, out)?;
                    behind
                }
            };
        }
        self.plain = plain;
        match good || self.taken.ended {
            true => Ok(self.taken),
            false => Err(Wrong::Frame),
        }
    }

    /// True when the body may end here.
    pub fn may_end(&self) -> bool {
        self.state == State::Type || self.taken.ended
    }

    /// A run of payload; gives back what stands behind it.
    fn run<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> Result<&'b [u8], Wrong> {
        match self.state {
            State::Payload { left } => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                out.extend_from_slice(&bytes[..length]);
                let left = left - length as u64;
                self.state = if left == 0 {
                    State::Type
                } else {
                    State::Payload { left }
                };
                Ok(&bytes[length..])
            }
            State::Delimited { size } => {
                let end = memchr::memchr(0xff, bytes);
                let part = &bytes[..end.unwrap_or(bytes.len())];
                let opcode = if size == 0 {
                    Opcode::Text
                } else {
                    Opcode::Continuation
                };
                let size = size + part.len() as u64;
                if size > self.limit {
                    return Err(Wrong::TooBig);
                }
                // Its length is not known before its end: what is there goes on as a fragment.
                if end.is_some() || !part.is_empty() {
                    header(end.is_some(), opcode, part.len() as u64, out);
                    out.extend_from_slice(part);
                }
                match end {
                    Some(end) => {
                        self.state = State::Type;
                        Ok(&bytes[end + 1..])
                    }
                    None => {
                        self.state = State::Delimited { size };
                        Ok(&[])
                    }
                }
            }
            _ => Ok(bytes),
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Wrong> {
        self.state = match self.state {
            State::Type => self.begun(byte)?,
            State::Length {
                opcode,
                length,
                digits,
            } => {
                let length = length << 7 | u64::from(byte & 0x7f);
                match byte & 0x80 {
                    0 if length > self.limit => return Err(Wrong::TooBig),
                    0 => {
                        header(true, opcode, length, out);
                        match length {
                            0 => State::Type,
                            left => State::Payload { left },
                        }
                    }
                    _ if digits + 1 >= DIGITS_MAX => return Err(Wrong::Frame),
                    _ => State::Length {
                        opcode,
                        length,
                        digits: digits + 1,
                    },
                }
            }
            State::Zero { opcode } if byte == 0 => {
                header(true, opcode, 0, out);
                State::Type
            }
            State::Command { first: None } if byte == 0xff => State::Type,
            State::Command { first: None } => State::Command { first: Some(byte) },
            State::Command { first: Some(b'0') } => {
                match byte {
                    b'0' => {}
                    b'1' => self.taken.ended = true,
                    b'2' => self.close(out),
                    _ => return Err(Wrong::Frame),
                }
                State::Command { first: None }
            }
            _ => return Err(Wrong::Frame),
        };
        Ok(())
    }

    fn begun(&self, kind: u8) -> Result<State, Wrong> {
        let length = |opcode| State::Length {
            opcode,
            length: 0,
            digits: 0,
        };
        Ok(match kind {
            0x00 => State::Delimited { size: 0 },
            0x01 => State::Command { first: None },
            0x80 => length(Opcode::Binary),
            0x81 => length(Opcode::Text),
            0x89 if self.pings => State::Zero {
                opcode: Opcode::Ping,
            },
            0x8a if self.pings => State::Zero {
                opcode: Opcode::Pong,
            },
            _ => return Err(Wrong::Frame),
        })
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.taken.closed, true) {
            header(true, Opcode::Close, 2, out);
            out.extend_from_slice(&CloseCode::NORMAL.0.to_be_bytes());
        }
    }
}

/// A frame's header as a client writes it. What it carries stays inside the process, so the key hides nothing.
pub(super) fn header(fin: bool, opcode: Opcode, length: u64, out: &mut Vec<u8>) {
    let header = Header {
        fin,
        compressed: false,
        opcode,
        mask: Some([0; 4]),
        length,
    };
    frame::write(&header, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::wse::encoding::Encoding;

    fn upward(body: &[u8], step: usize) -> Result<(Vec<u8>, Taken, bool), Wrong> {
        let encoding = Encoding::parse(b"bm").unwrap();
        let mut upward = Upward::new(Decoding::new(encoding, false), 300, true);
        let (mut out, mut taken) = (Vec::new(), Taken::default());
        for part in body.chunks(step) {
            taken = upward.take(part, &mut out)?;
        }
        Ok((out, taken, upward.may_end()))
    }

    #[test]
    fn frames_of_the_draft_are_frames_of_the_rfc() {
        let long = [b"\x80\x81\x48".to_vec(), vec![7; 200]].concat();
        for (body, frames) in [
            (&b"\x80\x02ab"[..], &b"\x82\x82\0\0\0\0ab"[..]),
            (b"\x81\x02ab\x80\x00", b"\x81\x82\0\0\0\0ab\x82\x80\0\0\0\0"),
            (b"\x89\x00\x8a\x00", b"\x89\x80\0\0\0\0\x8a\x80\0\0\0\0"),
            (b"\x0100\xff\x010000\xff", b""),
            (b"\x0102\xff\x0101\xffwhatever", b"\x88\x82\0\0\0\0\x03\xe8"),
            (
                &long,
                &[b"\x82\xfe\0\xc8\0\0\0\0".to_vec(), vec![7; 200]].concat(),
            ),
        ] {
            for step in [1, 2, body.len()] {
                let (out, _, may_end) = upward(body, step).unwrap();
                assert_eq!(out, frames, "{body:x?} {step}");
                assert!(may_end);
            }
        }
        let (out, taken, _) = upward(b"\x00ab\xff\x0101\xff", 100).unwrap();
        assert_eq!(out, b"\x81\x82\0\0\0\0ab");
        assert_eq!((taken.ended, taken.closed), (true, false));
        // Its length is found out on the way.
        let (out, ..) = upward(b"\x00ab\xff", 2).unwrap();
        assert_eq!(out, b"\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b");
    }

    #[test]
    fn what_is_no_frame_is_refused_and_what_is_cut_is_seen() {
        for (body, wrong) in [
            (&b"\x02"[..], Wrong::Frame),
            (b"\x0103", Wrong::Frame),
            (b"\x01x", Wrong::Frame),
            (b"\x89\x01", Wrong::Frame),
            (
                b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
                Wrong::Frame,
            ),
            (b"\x80\x82\x2d", Wrong::TooBig),
        ] {
            let found = upward(body, 1).map(|_| ());
            // A first digit is looked at with the second.
            let found = if body == b"\x01x" {
                upward(b"\x01x1", 1).map(|_| ())
            } else {
                found
            };
            assert_eq!(found, Err(wrong), "{body:x?}");
        }
        let long = [b"\x00".to_vec(), vec![b'a'; 301]].concat();
        assert_eq!(upward(&long, 7).map(|_| ()), Err(Wrong::TooBig));
        for cut in [&b"\x80"[..], b"\x80\x02a", b"\x00abc", b"\x010"] {
            assert!(!upward(cut, 1).unwrap().2, "{cut:x?}");
        }
    }
}
