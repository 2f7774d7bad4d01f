//! Where a body ends (RFC 9112 sections 6 and 7): a decoder that does no I/O.
//!
//! Works in place on the read buffer: pieces of a chunked body are moved together, so that what goes on is one run of
//! payload however finely the peer chopped it.

use crate::transport::buffer::Buf;

use super::strict::Refused;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    #[default]
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunked.
    Chunked,
    /// To the end of the connection (answers only).
    UntilClose,
}

impl Framing {
    /// `Length`, or `None` for 0.
    pub fn length(n: u64) -> Framing {
        if n == 0 {
            Framing::None
        } else {
            Framing::Length(n)
        }
    }
}

/// Longest chunk-size line, extensions included.
const CHUNK_LINE_BYTES: usize = 256;
/// Most bytes in a trailer section.
const TRAILER_BYTES: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    Done,
}

/// What the buffer holds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// So many bytes of payload at the front of the buffer; `last` when the body ends behind them.
    Data {
        /// Bytes of payload.
        len: usize,
        /// Nothing comes after them.
        last: bool,
    },
    /// More bytes are needed from the peer.
    More,
    /// The body is over.
    End,
}

/// Finds the payload in a stream of bytes.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Payload at the front of the buffer that was announced and not yet consumed.
    run: usize,
    /// Framing bytes between the run and the bytes not looked at.
    gap: usize,
    /// Trailer fields that may be passed on, as lines with CRLF.
    trailers: Vec<u8>,
    trailer_bytes: usize,
}

impl Decoder {
    /// A decoder for one body.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(n) => State::Length(n),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Self {
            state,
            run: 0,
            gap: 0,
            trailers: Vec::new(),
            trailer_bytes: 0,
        }
    }

    /// True when the body was read to its end and all payload was taken.
    pub fn is_done(&self) -> bool {
        self.state == State::Done && self.run == 0
    }

    /// True when only the end of the connection ends the body.
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Told that the connection ended: fine for a body that this ends, else the body is cut short.
    pub fn connection_ended(&mut self) -> Result<(), Refused> {
        match self.state {
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Done => Ok(()),
            _ => Err(Refused::bad("the connection ended in the middle of a body")),
        }
    }

    /// Trailer fields that may be passed on, as lines with CRLF.
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Looks at the buffer; consumes framing bytes, never payload.
    pub fn next(&mut self, buf: &mut Buf) -> Result<Next, Refused> {
        if self.run == 0 {
            self.advance(buf)?;
        }
        Ok(self.standing())
    }

    /// As [`next`](Self::next), but also takes in what arrived behind a run that was announced before: for those who
    /// look at the beginning of a body before any of it is sent.
    pub fn extend(&mut self, buf: &mut Buf) -> Result<Next, Refused> {
        self.advance(buf)?;
        Ok(self.standing())
    }

    fn standing(&self) -> Next {
        match (self.run, self.state) {
            (0, State::Done) => Next::End,
            (0, _) => Next::More,
            (len, state) => Next::Data {
                len,
                last: state == State::Done,
            },
        }
    }

    /// Takes `n` bytes of announced payload off the buffer.
    pub fn consume(&mut self, buf: &mut Buf, n: usize) {
        debug_assert!(n <= self.run);
        self.run -= n;
        buf.consume(n);
        if self.run == 0 && self.gap > 0 {
            buf.consume(std::mem::take(&mut self.gap));
        }
    }

    /// True when the buffer holds nothing but the announced run, so that it may be given away whole.
    pub fn run_is_all(&self, buf: &Buf) -> bool {
        self.gap == 0 && self.run == buf.len()
    }

    /// The announced run was given away with its buffer.
    pub fn run_taken(&mut self) {
        self.run = 0;
    }

    fn advance(&mut self, buf: &mut Buf) -> Result<(), Refused> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.run = buf.len();
                Ok(())
            }
            State::Length(left) => {
                let n = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buf.len() - self.run);
                self.run += n;
                let left = left - n as u64;
                self.state = if left == 0 {
                    State::Done
                } else {
                    State::Length(left)
                };
                Ok(())
            }
            _ => self.advance_chunked(buf),
        }
    }

    /// Reads as many pieces as the buffer holds and moves their payload together at the front.
    fn advance_chunked(&mut self, buf: &mut Buf) -> Result<(), Refused> {
        // `raw` is the first byte not looked at, `run` the end of the payload gathered.
        let (mut run, mut raw) = (self.run, self.run + self.gap);
        loop {
            let input = &buf.data()[raw..];
            match self.state {
                State::ChunkSize => match chunk_size(input)? {
                    Some((0, used)) => {
                        raw += used;
                        self.state = State::Trailers;
                    }
                    Some((size, used)) => {
                        raw += used;
                        self.state = State::ChunkData(size);
                    }
                    None => break,
                },
                State::ChunkData(left) => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    if n == 0 {
                        break;
                    }
                    if run == 0 && raw > 0 {
                        // The first piece stays where it is: drop the framing bytes in front of it.
                        buf.consume(raw);
                        raw = 0;
                    } else if raw > run {
                        buf.shift(raw, run, n);
                    }
                    run += n;
                    raw += n;
                    let left = left - n as u64;
                    self.state = if left == 0 {
                        State::ChunkEnd
                    } else {
                        State::ChunkData(left)
                    };
                }
                State::ChunkEnd => match input {
                    [b'\r', b'\n', ..] => {
                        raw += 2;
                        self.state = State::ChunkSize;
                    }
                    [] | [b'\r'] => break,
                    _ => return Err(Refused::bad("a chunk is longer than its size says")),
                },
                State::Trailers => match self.trailer_line(input)? {
                    Some(used) => raw += used,
                    None => break,
                },
                State::Done => break,
                State::Length(_) | State::UntilClose => {
                    unreachable!("only chunked states are visited here")
                }
            }
        }
        if run == 0 {
            buf.consume(raw);
        } else {
            self.run = run;
            self.gap = raw - run;
        }
        Ok(())
    }

    /// One line of the trailer section; the empty one ends the body.
    fn trailer_line(&mut self, input: &[u8]) -> Result<Option<usize>, Refused> {
        let Some(lf) = memchr::memchr(b'\n', input) else {
            if input.len() + self.trailer_bytes > TRAILER_BYTES {
                return Err(Refused {
                    status: 431,
                    reason: "the trailer section is too long",
                });
            }
            return Ok(None);
        };
        let line = &input[..=lf];
        self.trailer_bytes += line.len();
        if self.trailer_bytes > TRAILER_BYTES {
            return Err(Refused {
                status: 431,
                reason: "the trailer section is too long",
            });
        }
        super::strict::line_ends(line)?;
        let line = &line[..line.len() - 2];
        if line.is_empty() {
            self.state = State::Done;
            return Ok(Some(2));
        }
        let colon =
            memchr::memchr(b':', line).ok_or(Refused::bad("a trailer line without a colon"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty()
            || !name.iter().all(|&b| is_token(b))
            || value.iter().any(|&b| b < 0x20 && b != b'\t' || b == 0x7f)
        {
            return Err(Refused::bad("a malformed trailer field"));
        }
        if may_be_trailer(name) {
            self.trailers.extend_from_slice(name);
            self.trailers.extend_from_slice(b": ");
            self.trailers.extend_from_slice(value);
            self.trailers.extend_from_slice(b"\r\n");
        }
        Ok(Some(lf + 1))
    }
}

/// Fields that must never move from the trailer into a head (RFC 9110 section 6.5.1): framing, routing,
/// authentication, request modifiers, content description.
fn may_be_trailer(name: &[u8]) -> bool {
    use crate::transport::headers::Name;
    let id = Name::of(name);
    if id.is_hop_by_hop() {
        return false;
    }
    if matches!(
        id,
        Name::Authorization
            | Name::Cookie
            | Name::SetCookie
            | Name::Host
            | Name::Expect
            | Name::ContentType
            | Name::Location
            | Name::SoapAction
    ) {
        return false;
    }
    let starts =
        |p: &str| name.len() >= p.len() && name[..p.len()].eq_ignore_ascii_case(p.as_bytes());
    !(starts("content-")
        || starts("proxy-")
        || starts("if-")
        || starts("cache-control")
        || starts("range")
        || starts("max-forwards")
        || starts("x-forwarded"))
}

/// A token character (RFC 9110 section 5.6.2).
pub fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A chunk-size line: the size and the bytes that the line takes; `None` when it is not complete.
fn chunk_size(input: &[u8]) -> Result<Option<(u64, usize)>, Refused> {
    const BAD: Refused = Refused::bad("a malformed chunk size");
    let line = match memchr::memchr(b'\n', &input[..input.len().min(CHUNK_LINE_BYTES)]) {
        Some(lf) => &input[..=lf],
        None if input.len() >= CHUNK_LINE_BYTES => {
            return Err(Refused::bad("a chunk-size line that is too long"));
        }
        None => {
            // Judge early what can only get worse, so that nobody waits for the rest.
            return match input.first() {
                Some(b) if !b.is_ascii_hexdigit() => Err(BAD),
                _ => Ok(None),
            };
        }
    };
    super::strict::line_ends(line)?;
    let text = &line[..line.len() - 2];
    let digits = text
        .iter()
        .position(|b| !b.is_ascii_hexdigit())
        .unwrap_or(text.len());
    let extension = &text[digits..];
    if digits == 0
        || !(extension.is_empty() || extension[0] == b';')
        || extension
            .iter()
            .any(|&b| b < 0x20 && b != b'\t' || b == 0x7f)
    {
        return Err(BAD);
    }
    let mut size = 0u64;
    for &d in &text[..digits] {
        let value = (d as char).to_digit(16).ok_or(BAD)?;
        size = size
            .checked_mul(16)
            .and_then(|s| s.checked_add(u64::from(value)))
            .filter(|&s| s <= i64::MAX as u64)
            .ok_or(BAD)?;
    }
    Ok(Some((size, line.len())))
}

/// Decodes `input` as one body, fed `step` bytes at a time, and gives the payload (fuzz target and tests).
pub fn decode_all(framing: Framing, input: &[u8], step: usize) -> Result<Vec<u8>, Refused> {
    let mut decoder = Decoder::new(framing);
    let (mut buf, mut out, mut rest) = (Buf::default(), Vec::new(), input);
    loop {
        match decoder.next(&mut buf)? {
            Next::Data { len, .. } => {
                out.extend_from_slice(&buf.data()[..len]);
                decoder.consume(&mut buf, len);
            }
            Next::End => return Ok(out),
            Next::More if rest.is_empty() => {
                decoder.connection_ended()?;
            }
            Next::More => {
                let n = step.max(1).min(rest.len());
                if !buf.extend(&rest[..n]) {
                    return Err(Refused::bad("a frame larger than the buffer"));
                }
                rest = &rest[n..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_out_as_one_run_whatever_the_cuts() {
        let body = b"5\r\nhello\r\n0001;x=y\r\n \r\n6\r\nworld!\r\n000\r\n\r\n";
        for step in 1..body.len() + 1 {
            assert_eq!(
                decode_all(Framing::Chunked, body, step).as_deref(),
                Ok(&b"hello world!"[..]),
                "step {step}"
            );
        }
    }

    #[test]
    fn the_last_piece_says_so_when_the_end_is_in_the_buffer() {
        let mut d = Decoder::new(Framing::Chunked);
        let mut buf = Buf::default();
        assert!(
            buf.extend(b"5\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\nNEXT")
        );
        assert_eq!(d.next(&mut buf), Ok(Next::Data { len: 6, last: true }));
        assert_eq!(&buf.data()[..6], b"hello!");
        d.consume(&mut buf, 6);
        assert!(d.is_done());
        assert_eq!(buf.data(), b"NEXT");
        assert_eq!(d.trailers(), b"X-T: 1\r\n");
    }

    #[test]
    fn malformed_chunks_are_refused_at_every_cut() {
        for bad in [
            &b"+5\r\nhello\r\n0\r\n\r\n"[..],
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"\r\nhello",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"ffffffffffffffff1\r\nx",
            b"8000000000000000\r\nx",
            b"5;a\0b\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nnocolon\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX: a\n\r\n",
            b"5\r\nhel",
        ] {
            for step in 1..bad.len() + 1 {
                assert!(
                    decode_all(Framing::Chunked, bad, step).is_err(),
                    "{:?} step {step}",
                    String::from_utf8_lossy(bad)
                );
            }
        }
        assert!(
            decode_all(
                Framing::Chunked,
                &b"1;"
                    .iter()
                    .copied()
                    .chain(vec![b'a'; 300])
                    .collect::<Vec<_>>(),
                7
            )
            .is_err()
        );
    }

    #[test]
    fn a_length_ends_exactly_and_a_short_body_is_an_error() {
        assert_eq!(
            decode_all(Framing::Length(3), b"abcdef", 2).as_deref(),
            Ok(&b"abc"[..])
        );
        assert!(decode_all(Framing::Length(7), b"abcdef", 2).is_err());
        assert_eq!(
            decode_all(Framing::UntilClose, b"abc", 2).as_deref(),
            Ok(&b"abc"[..])
        );
        assert_eq!(
            decode_all(Framing::None, b"abc", 2).as_deref(),
            Ok(&b""[..])
        );
    }
}
