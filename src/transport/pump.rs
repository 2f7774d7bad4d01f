//! Moves one body from a peer to another, framing it anew, with backpressure: nothing is read while something waits
//! to be written.
//!
//! A state machine that is polled, so that both directions of an exchange run in one task without locks.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};

use super::breath::{Breath, SLICE};
use super::buffer::Buf;
use super::http1::framing::{Decoder, Framing, Next};
use super::http1::strict::Refused;
use super::io::Io;
use super::replay::{Replay, ReplayLimits};

/// A run up to this size is copied behind the head, so that one plain write takes both.
const COPIED_RUN: usize = 4 * 1024;
/// A body up to this size that is held elsewhere is copied behind the head.
const HELD_COPIED: usize = 64 * 1024;

/// Why a body did not get through.
#[derive(Debug)]
pub enum PumpError {
    /// Reading from the source failed.
    Read(io::Error),
    /// The source closed in the middle of the body, or its framing is broken.
    Source(Refused),
    /// Writing to the destination failed.
    Write(io::Error),
}

/// Where the payload comes from.
#[derive(Debug)]
pub struct Source<'a> {
    /// The peer.
    pub io: &'a mut Io,
    /// Its read buffer.
    pub buf: &'a mut Buf,
    /// Finds the payload in it.
    pub decoder: &'a mut Decoder,
    /// What earlier tries already took off the source.
    pub replay: Option<&'a mut Replay>,
    /// Keep what is sent now too, within these bounds; without them a repeat is no longer possible.
    pub keep: Option<&'a ReplayLimits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// The kept part, from this byte.
    Replay(u64),
    /// The source.
    Live,
}

/// One body on its way. Begin with the message head in [`out`](Self::new).
#[derive(Debug)]
pub struct Pump {
    /// Bytes that go out before the run: a head, a chunk size, small runs.
    out: Vec<u8>,
    out_at: usize,
    /// Payload being written, at the front of the source's buffer.
    run: usize,
    run_at: usize,
    tail: Vec<u8>,
    tail_at: usize,
    /// A body that is held elsewhere, behind `out`: what is left of it.
    own: Option<Box<Own>>,
    chunked: bool,
    /// The source's buffer holds the whole body and keeps it until the exchange is over.
    held: bool,
    from: From,
    finishing: bool,
    hungry: bool,
    scratch: Buf,
    /// Payload bytes written.
    pub payload: u64,
    /// Bytes written, head and framing included.
    pub written: u64,
}

/// What is left of a large body that is held elsewhere.
#[derive(Debug)]
struct Own {
    bytes: Bytes,
    breath: Breath,
}

impl Own {
    /// What is left after a write, a part of which was of this body.
    fn written(mut self: Box<Self>, all: usize, own: usize) -> Option<Box<Self>> {
        self.breath.moved(all);
        self.bytes.advance(own);
        (!self.bytes.is_empty()).then_some(self)
    }
}

impl Pump {
    /// A pump that first writes `out` (a message head), then the body framed as `framing`.
    pub fn new(out: Vec<u8>, framing: Framing) -> Self {
        Self {
            out,
            out_at: 0,
            run: 0,
            run_at: 0,
            tail: Vec::new(),
            tail_at: 0,
            own: None,
            chunked: framing == Framing::Chunked,
            held: false,
            from: From::Live,
            finishing: false,
            hungry: false,
            scratch: Buf::default(),
            payload: 0,
            written: 0,
        }
    }

    /// Sends the kept part first, then goes on from the source.
    pub fn replaying(mut self, replay: &Replay) -> Self {
        if !replay.is_empty() {
            self.from = From::Replay(0);
        }
        self
    }

    /// The body lies whole at the front of the source's buffer and stays there.
    pub fn holding(mut self, held: bool) -> Self {
        self.held = held;
        self
    }

    /// No body follows the head.
    pub fn head_only(mut self) -> Self {
        self.finishing = true;
        self
    }

    /// Adds a body that is held elsewhere. A small one is copied, so that it is written with the head.
    pub fn with_bytes(mut self, bytes: &Bytes) -> Self {
        match bytes.len() > HELD_COPIED {
            true => {
                self.own = Some(Box::new(Own {
                    bytes: bytes.clone(),
                    breath: Breath::of_large(),
                }));
            }
            false => self.out.extend_from_slice(bytes),
        }
        self.payload = bytes.len() as u64;
        self.finishing = true;
        self
    }

    /// Gives the output storage back for reuse.
    pub fn into_storage(mut self) -> Vec<u8> {
        self.out.clear();
        self.out
    }

    /// True when everything that was begun is written; nothing half-sent is pending.
    fn is_flushed(&self) -> bool {
        self.out_at == self.out.len()
            && self.run_at == self.run
            && self.tail_at == self.tail.len()
            && self.own.is_none()
    }

    /// True when all is written and it waits for more from the source.
    pub fn is_starved(&self) -> bool {
        self.is_flushed() && !self.finishing
    }

    /// Writes what it can, reads when that is written. Ready when the whole body is out.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Source<'_>,
        to: &mut Io,
    ) -> Poll<Result<(), PumpError>> {
        loop {
            // Line up what is at hand behind the bytes that wait already, so that one write takes both.
            if self.run_at == self.run
                && self.tail_at == self.tail.len()
                && self.out.len() - self.out_at <= COPIED_RUN
            {
                self.run_written(source);
                if !self.finishing && !self.line_up(source)? && self.is_flushed() {
                    // Nothing more is read while TLS waits to get rid of what it has.
                    ready!(to.poll_flush(cx)).map_err(PumpError::Write)?;
                    ready!(self.poll_read(cx, source))?;
                    continue;
                }
            }
            if self.is_flushed() {
                if self.finishing {
                    return to.poll_flush(cx).map_err(PumpError::Write);
                }
                continue;
            }
            ready!(self.poll_flush(cx, source, to)).map_err(PumpError::Write)?;
        }
    }

    /// The next piece at hand, without reading; false when there is none.
    fn line_up(&mut self, source: &mut Source<'_>) -> Result<bool, PumpError> {
        if self.replay_part(source)? {
            return Ok(true);
        }
        match source.decoder.next(source.buf).map_err(PumpError::Source)? {
            Next::Data { len, last } => self.begin_run(len, last, source),
            Next::End => {
                self.finishing = true;
                if self.chunked {
                    self.out.extend_from_slice(b"0\r\n");
                    self.out.extend_from_slice(source.decoder.trailers());
                    self.out.extend_from_slice(b"\r\n");
                }
            }
            Next::More => return Ok(false),
        }
        Ok(true)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Source<'_>,
    ) -> Poll<Result<(), PumpError>> {
        if self.hungry && source.buf.is_empty() {
            source.buf.grow();
            self.hungry = false;
        }
        let n = ready!(source.io.poll_fill(cx, source.buf)).map_err(PumpError::Read)?;
        if n == 0 {
            source
                .decoder
                .connection_ended()
                .map_err(PumpError::Source)?;
        }
        self.hungry = source.buf.is_full();
        Poll::Ready(Ok(()))
    }

    /// True when what is left to write is its own: nothing is wanted from a source any more.
    pub fn is_own(&self) -> bool {
        self.finishing && self.run == 0
    }

    /// As [`poll`](Self::poll) for a pump whose bytes are all its own.
    pub fn poll_own(&mut self, cx: &mut Context<'_>, to: &mut Io) -> Poll<Result<(), PumpError>> {
        debug_assert!(self.is_own());
        // A large body goes out in slices.
        while self.out_at < self.out.len() || self.own.is_some() {
            let out = IoSlice::new(&self.out[self.out_at..]);
            let written = match self.own.as_deref_mut() {
                None => to.poll_write(cx, &[out]),
                Some(own) => {
                    ready!(own.breath.poll(cx));
                    let slice = IoSlice::new(&own.bytes[..own.bytes.len().min(SLICE)]);
                    match out.is_empty() {
                        true => to.poll_write(cx, &[slice]),
                        false => to.poll_write(cx, &[out, slice]),
                    }
                }
            };
            let n = ready!(written).map_err(PumpError::Write)?;
            if n == 0 {
                return Poll::Ready(Err(PumpError::Write(io::ErrorKind::WriteZero.into())));
            }
            self.written += n as u64;
            let of_out = n.min(self.out.len() - self.out_at);
            self.out_at += of_out;
            self.own = self.own.take().and_then(|own| own.written(n, n - of_out));
        }
        to.poll_flush(cx).map_err(PumpError::Write)
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        source: &Source<'_>,
        to: &mut Io,
    ) -> Poll<io::Result<()>> {
        let run: &[u8] = match self.from {
            From::Live => &source.buf.data()[self.run_at..self.run],
            // A replayed part was copied to `out`.
            From::Replay(_) => &[],
        };
        let (out, tail) = (&self.out[self.out_at..], &self.tail[self.tail_at..]);
        let n = match (run.is_empty(), tail.is_empty()) {
            (true, true) => ready!(to.poll_write(cx, &[IoSlice::new(out)]))?,
            _ if out.is_empty() && tail.is_empty() => {
                ready!(to.poll_write(cx, &[IoSlice::new(run)]))?
            }
            _ => ready!(to.poll_write(
                cx,
                &[IoSlice::new(out), IoSlice::new(run), IoSlice::new(tail)]
            ))?,
        };
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += n as u64;
        let of_out = n.min(out.len());
        let of_run = (n - of_out).min(run.len());
        self.tail_at += n - of_out - of_run;
        self.out_at += of_out;
        self.run_at += of_run;
        Poll::Ready(Ok(()))
    }

    /// Frames the next run; a small one is copied so that it shares the write with what goes before it.
    fn begin_run(&mut self, len: usize, last: bool, source: &mut Source<'_>) {
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        if self.chunked {
            push_hex(&mut self.out, len);
        }
        self.tail.clear();
        self.tail_at = 0;
        if self.chunked {
            self.tail.extend_from_slice(b"\r\n");
            if last {
                self.tail.extend_from_slice(b"0\r\n");
                self.tail.extend_from_slice(source.decoder.trailers());
                self.tail.extend_from_slice(b"\r\n");
            }
        }
        self.finishing |= last;
        self.payload += len as u64;
        self.run = len;
        self.run_at = 0;
        if !self.out.is_empty() && len <= COPIED_RUN {
            self.out.extend_from_slice(&source.buf.data()[..len]);
            self.out.append(&mut self.tail);
            self.run_at = len;
        }
    }

    /// The run is out: keep it or drop it.
    fn run_written(&mut self, source: &mut Source<'_>) {
        if self.run == 0 || self.held {
            return;
        }
        let run = std::mem::take(&mut self.run);
        self.run_at = 0;
        match (&mut source.replay, source.keep) {
            (Some(replay), Some(limits)) => {
                if run >= COPIED_RUN
                    && source.decoder.run_is_all(source.buf)
                    && replay.fits_memory(run as u64, limits)
                {
                    replay.keep(source.buf.split());
                    source.decoder.run_taken();
                    return;
                }
                replay.keep_copy(&source.buf.data()[..run], limits);
            }
            (Some(replay), None) => replay.lose(),
            (None, _) => {}
        }
        source.decoder.consume(source.buf, run);
    }

    /// Takes the next kept part, when there is one; true when something is to be written.
    fn replay_part(&mut self, source: &mut Source<'_>) -> Result<bool, PumpError> {
        let From::Replay(at) = self.from else {
            return Ok(false);
        };
        let Some(replay) = &source.replay else {
            self.from = From::Live;
            return Ok(false);
        };
        let part = replay
            .part(at, &mut self.scratch)
            .map_err(PumpError::Read)?;
        if part.is_empty() {
            self.from = From::Live;
            return Ok(false);
        }
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        if self.chunked {
            push_hex(&mut self.out, part.len());
        }
        self.out.extend_from_slice(part);
        if self.chunked {
            self.out.extend_from_slice(b"\r\n");
        }
        self.payload += part.len() as u64;
        self.from = From::Replay(at + part.len() as u64);
        Ok(true)
    }
}

/// A chunk-size line.
fn push_hex(out: &mut Vec<u8>, n: usize) {
    use std::io::Write;
    // Writing to a Vec does not fail.
    let _ = write!(out, "{n:x}\r\n");
}
