//! The frames of a peer put in order: fragments, sizes, text that is text, the close (RFC 6455 sections 5.4 to 5.6).
//!
//! Pure: it is given the bytes that were read and says what lies in front. A frame is told whole when it fits into
//! [`WHOLE_MAX`] bytes, else in parts as they come, so that no message has to fit into memory.

use std::ops::Range;

use super::CloseCode;
use super::frame::{self, Header, Opcode};
use super::utf8::Utf8;

/// A frame up to this size is told in one piece: what the largest read buffer holds besides a header.
pub const WHOLE_MAX: usize = crate::transport::buffer::LARGE - frame::HEADER_MAX;

/// What lies at the front of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// More bytes are needed.
    More,
    /// A part of a message: these bytes of the buffer, unmasked.
    Data {
        /// Text, not bytes.
        text: bool,
        /// It begins the message.
        first: bool,
        /// It ends the message.
        last: bool,
        /// The message is compressed, and so are these bytes.
        compressed: bool,
        /// Bytes of its frame that are still to come.
        rest: u64,
        /// Its frame ends the message.
        fin: bool,
        /// Where its payload lies.
        payload: Range<usize>,
    },
    /// A ping with this payload.
    Ping(Range<usize>),
    /// A pong.
    Pong(Range<usize>),
    /// The peer closes: its code, and where code and reason lie.
    Close(Option<CloseCode>, Range<usize>),
}

impl Incoming {
    /// How many bytes of the buffer it takes.
    pub fn end(&self) -> usize {
        match self {
            Incoming::More => 0,
            Incoming::Data { payload, .. } => payload.end,
            Incoming::Ping(range) | Incoming::Pong(range) | Incoming::Close(_, range) => range.end,
        }
    }
}

/// A data frame that is told in parts.
#[derive(Clone, Copy, Debug)]
struct Rest {
    header: Header,
    told: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    /// Largest message in bytes.
    limit: u64,
    /// Bytes of the message so far.
    size: u64,
    /// Compressed messages may come.
    deflates: bool,
    /// The peer is a server, which does not mask.
    server: bool,
    /// Of the message under way: text or bytes.
    message: Option<Opcode>,
    /// It is compressed.
    compressed: bool,
    /// Something of the message was told.
    begun: bool,
    utf8: Utf8,
    rest: Option<Rest>,
}

impl Receiver {
    /// For messages of at most so many bytes, from a client.
    pub fn new(limit: u64) -> Receiver {
        Receiver {
            limit,
            size: 0,
            deflates: false,
            server: false,
            message: None,
            compressed: false,
            begun: false,
            utf8: Utf8::default(),
            rest: None,
        }
    }

    /// Takes compressed messages too. What they stand for is for whoever inflates them to bound and to look at.
    pub fn deflating(mut self) -> Receiver {
        self.deflates = true;
        self
    }

    /// For the frames of a server.
    pub fn from_server(mut self) -> Receiver {
        self.server = true;
        self
    }

    /// Looks at the front of the bytes and unmasks what it tells. The caller forgets what [`Incoming::end`] says before it
    /// asks again. An error is the code to close with; nothing may be asked after it.
    pub fn next(&mut self, bytes: &mut [u8]) -> Result<Incoming, CloseCode> {
        if let Some(rest) = self.rest {
            return self.part(rest, bytes, 0);
        }
        let Some((header, start)) = frame::read(bytes)? else {
            return Ok(Incoming::More);
        };
        if header.mask.is_some() == self.server {
            return Err(CloseCode::PROTOCOL);
        }
        let mask = header.mask.unwrap_or_default();
        if header.opcode.is_control() {
            let end = start + header.length as usize;
            if bytes.len() < end {
                return Ok(Incoming::More);
            }
            frame::mask(&mut bytes[start..end], mask, 0);
            return match header.opcode {
                Opcode::Ping => Ok(Incoming::Ping(start..end)),
                Opcode::Pong => Ok(Incoming::Pong(start..end)),
                _ => close(&bytes[start..end]).map(|code| Incoming::Close(code, start..end)),
            };
        }
        let continues = header.opcode == Opcode::Continuation;
        if continues != self.message.is_some() {
            return Err(CloseCode::PROTOCOL);
        }
        if header.compressed && !self.deflates {
            return Err(CloseCode::PROTOCOL);
        }
        let size = if continues { self.size } else { 0 };
        let compressed = if continues {
            self.compressed
        } else {
            header.compressed
        };
        let limit = match compressed {
            true => deflated_max(self.limit),
            false => self.limit,
        };
        if header.length > limit.saturating_sub(size) {
            return Err(CloseCode::TOO_BIG);
        }
        if header.length <= WHOLE_MAX as u64 && (bytes.len() - start) < header.length as usize {
            return Ok(Incoming::More);
        }
        if !continues {
            self.message = Some(header.opcode);
            self.compressed = compressed;
            self.begun = false;
        }
        self.size = size + header.length;
        self.part(Rest { header, told: 0 }, bytes, start)
    }

    /// As much of a data frame as is there.
    fn part(
        &mut self,
        mut rest: Rest,
        bytes: &mut [u8],
        start: usize,
    ) -> Result<Incoming, CloseCode> {
        let left = rest.header.length - rest.told;
        let there = (bytes.len() - start) as u64;
        let length = left.min(there);
        if length == 0 && left > 0 && start == 0 {
            return Ok(Incoming::More);
        }
        let payload = start..start + length as usize;
        let part = &mut bytes[payload.clone()];
        if let Some(mask) = rest.header.mask {
            frame::mask(part, mask, rest.told);
        }
        let text = self.message == Some(Opcode::Text);
        let looked_at = text && !self.compressed;
        if looked_at && !self.utf8.take(part) {
            return Err(CloseCode::NOT_UTF8);
        }
        rest.told += length;
        let done = rest.told == rest.header.length;
        self.rest = (!done).then_some(rest);
        let last = done && rest.header.fin;
        let first = !std::mem::replace(&mut self.begun, true);
        if last {
            self.message = None;
            self.size = 0;
            if looked_at && !self.utf8.end() {
                return Err(CloseCode::NOT_UTF8);
            }
        }
        Ok(Incoming::Data {
            text,
            first,
            last,
            compressed: self.compressed,
            rest: rest.header.length - rest.told,
            fin: rest.header.fin,
            payload,
        })
    }
}

/// Most compressed bytes of a message that may have so many: what does not get smaller gets a little larger.
fn deflated_max(limit: u64) -> u64 {
    limit.saturating_add(limit / 8).saturating_add(1024)
}

/// The code of a close frame's payload (RFC 6455 section 5.5.1).
fn close(payload: &[u8]) -> Result<Option<CloseCode>, CloseCode> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload.is_empty() {
            true => Ok(None),
            false => Err(CloseCode::PROTOCOL),
        };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.may_be_sent() {
        return Err(CloseCode::PROTOCOL);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(CloseCode::NOT_UTF8);
    }
    Ok(Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let header = Header {
            fin,
            compressed: false,
            opcode,
            mask: Some([1, 2, 3, 4]),
            length: payload.len() as u64,
        };
        frame::write(&header, &mut out);
        let start = out.len();
        out.extend_from_slice(payload);
        frame::mask(&mut out[start..], [1, 2, 3, 4], 0);
        out
    }

    /// The messages in these bytes, and how they ended.
    fn told(limit: u64, mut bytes: Vec<u8>) -> (Vec<(bool, Vec<u8>)>, Option<CloseCode>) {
        let mut receiver = Receiver::new(limit);
        let (mut messages, mut message) = (Vec::new(), Vec::new());
        loop {
            let incoming = match receiver.next(&mut bytes) {
                Ok(Incoming::More) => return (messages, None),
                Ok(incoming) => incoming,
                Err(code) => return (messages, Some(code)),
            };
            if let Incoming::Data {
                text,
                last,
                payload,
                ..
            } = &incoming
            {
                message.extend_from_slice(&bytes[payload.clone()]);
                if *last {
                    messages.push((*text, std::mem::take(&mut message)));
                }
            }
            bytes.drain(..incoming.end());
        }
    }

    #[test]
    fn fragments_are_one_message_and_pings_may_come_between_them() {
        let bytes = [
            frame(false, Opcode::Text, "h\u{e9}".as_bytes()),
            frame(true, Opcode::Ping, b"now"),
            frame(true, Opcode::Continuation, b"llo"),
            frame(true, Opcode::Binary, b"\xff"),
        ];
        let (messages, code) = told(100, bytes.concat());
        assert_eq!(code, None);
        assert_eq!(
            messages,
            [
                (true, "h\u{e9}llo".as_bytes().to_vec()),
                (false, vec![0xff])
            ]
        );
    }

    #[test]
    fn the_limit_counts_over_all_fragments_and_includes_itself() {
        let one = frame(false, Opcode::Binary, &[0; 700]);
        let ok = [one.clone(), frame(true, Opcode::Continuation, &[0; 324])];
        assert_eq!(told(1024, ok.concat()).1, None);
        let over = [one, frame(true, Opcode::Continuation, &[0; 325])];
        assert_eq!(told(1024, over.concat()).1, Some(CloseCode::TOO_BIG));
    }

    #[test]
    fn a_frame_that_no_buffer_holds_is_told_in_parts() {
        let payload: Vec<u8> = (0..WHOLE_MAX as u32 + 9).map(|n| n as u8).collect();
        let bytes = frame(true, Opcode::Binary, &payload);
        let mut receiver = Receiver::new(u64::MAX);
        let (mut buffer, mut got, mut parts) = (Vec::new(), Vec::new(), 0);
        for piece in bytes.chunks(100_000) {
            buffer.extend_from_slice(piece);
            loop {
                match receiver.next(&mut buffer).unwrap() {
                    Incoming::Data {
                        first,
                        last,
                        payload: at,
                        ..
                    } => {
                        assert_eq!(first, parts == 0);
                        got.extend_from_slice(&buffer[at.clone()]);
                        assert_eq!(last, got.len() == payload.len());
                        buffer.drain(..at.end);
                        parts += 1;
                    }
                    other => {
                        assert_eq!(other, Incoming::More);
                        break;
                    }
                }
            }
        }
        assert_eq!(got, payload);
        assert!(parts > 1);
    }

    #[test]
    fn a_wrong_order_a_bad_close_and_text_that_is_none_have_their_codes() {
        use CloseCode as C;
        for (bytes, code) in [
            (frame(true, Opcode::Continuation, b"x"), C::PROTOCOL),
            (
                [
                    frame(false, Opcode::Text, b"x"),
                    frame(true, Opcode::Text, b"y"),
                ]
                .concat(),
                C::PROTOCOL,
            ),
            (b"\x81\x01x".to_vec(), C::PROTOCOL),
            (frame(true, Opcode::Close, b"\x03"), C::PROTOCOL),
            (frame(true, Opcode::Close, b"\x03\xed"), C::PROTOCOL),
            (frame(true, Opcode::Close, b"\x03\xe8\xff"), C::NOT_UTF8),
            (frame(true, Opcode::Text, b"\xff\xfe"), C::NOT_UTF8),
            (frame(true, Opcode::Text, b"\xc3"), C::NOT_UTF8),
            (
                [
                    frame(false, Opcode::Text, b"\xc3"),
                    frame(true, Opcode::Continuation, b""),
                ]
                .concat(),
                C::NOT_UTF8,
            ),
        ] {
            assert_eq!(told(100, bytes.clone()).1, Some(code), "{bytes:x?}");
        }
    }
}
