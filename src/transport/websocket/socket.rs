//! A WebSocket on a client's connection: messages in, frames out, pings answered, idle time and close kept.
//!
//! A silent client is asked with an empty ping after half of its idle time and given up after the other half
//! (spec/kaazing.md 3.3). Nothing is read while something waits to be written, so that a client that does not read
//! cannot make anything grow; one that takes no byte for `[timers] body_progress_ms` is given up.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::frame::{self, Opcode};
use super::{CloseCode, Incoming, Receiver};
use crate::transport::alarm::Alarm;
use crate::transport::downstream::Client;
use crate::transport::drain::Waiting;
use crate::transport::worker::Worker;

/// A larger buffer of frames is given up once it is written.
const OUT_KEPT: usize = 1024;

/// What holds for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Largest message in bytes.
    pub message_bytes: u64,
    /// How long a client may be silent; zero: for ever.
    pub inactivity: Duration,
    /// So much may wait for a client that does not read, before nothing more is taken for it.
    pub pending_bytes: usize,
}

/// How a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed, with this code.
    Closed(Option<CloseCode>),
    /// This side closes, with that code.
    Close(CloseCode),
    /// The connection is gone, or the client was silent for too long.
    Gone,
}

/// A part of a message.
#[derive(Clone, Copy, Debug)]
pub struct Part<'s> {
    /// Text, not bytes.
    pub text: bool,
    /// It begins the message.
    pub first: bool,
    /// It ends the message.
    pub last: bool,
    /// Its bytes.
    pub payload: &'s [u8],
}

/// What the idle time has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// Something came since.
    Lively,
    /// A ping is out.
    Asked,
}

/// See the module.
pub struct Socket<'c> {
    client: &'c mut Client,
    receiver: Receiver,
    inactivity: Duration,
    progress: Duration,
    pending: usize,
    waiting: Waiting<'c>,
    out: Vec<u8>,
    out_at: usize,
    /// Since when the client has taken no byte of what waits.
    stuck_since: Option<Instant>,
    /// Bytes at the front of the buffer that were told and are to be forgotten.
    told: usize,
    heard: Instant,
    idle: Idle,
    writing: Alarm,
    /// Payload bytes written.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
}

impl<'c> Socket<'c> {
    /// A WebSocket on a connection whose handshake is over.
    pub fn new(worker: &'c Worker, client: &'c mut Client, terms: Terms) -> Socket<'c> {
        client.keep_alive = false;
        client.io.keep_probing();
        Socket {
            client,
            receiver: Receiver::new(terms.message_bytes),
            inactivity: terms.inactivity,
            progress: worker.limits.body_progress,
            pending: terms.pending_bytes,
            waiting: worker.drain.wait(),
            out: Vec::new(),
            out_at: 0,
            stuck_since: None,
            told: 0,
            heard: Instant::now(),
            idle: Idle::Lively,
            writing: Alarm::default(),
            sent: 0,
            received: 0,
        }
    }

    /// Adds a frame to what is written next.
    pub fn queue(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        frame::write_frame(fin, opcode, payload, &mut self.out);
        if !opcode.is_control() {
            self.sent += payload.len() as u64;
        }
    }

    /// Sends back what was told last, as the part of a message that it was.
    pub fn queue_told(&mut self, told: &Told) {
        let opcode = match (told.first, told.text) {
            (false, _) => Opcode::Continuation,
            (true, true) => Opcode::Text,
            (true, false) => Opcode::Binary,
        };
        let payload = &self.client.buf.data()[told.payload.clone()];
        frame::write_frame(told.last, opcode, payload, &mut self.out);
        self.sent += payload.len() as u64;
    }

    /// The bytes of what was told last.
    pub fn part(&self, told: &Told) -> Part<'_> {
        Part {
            text: told.text,
            first: told.first,
            last: told.last,
            payload: &self.client.buf.data()[told.payload.clone()],
        }
    }

    /// True while so much waits to be written that nothing more should be added.
    pub fn is_full(&self) -> bool {
        self.out.len() - self.out_at >= self.pending
    }

    /// Writes what waits. Pending while the client does not take it.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        while self.out_at < self.out.len() {
            let piece = [IoSlice::new(&self.out[self.out_at..])];
            match self.client.io.poll_write(cx, &piece) {
                Poll::Ready(Ok(n @ 1..)) => {
                    self.out_at += n;
                    self.stuck_since = None;
                }
                Poll::Ready(_) => return Poll::Ready(Err(End::Gone)),
                Poll::Pending => {
                    let since = *self.stuck_since.get_or_insert_with(Instant::now);
                    ready!(self.writing.poll(cx, since + self.progress));
                    return Poll::Ready(Err(End::Gone));
                }
            }
        }
        self.out.clear();
        self.out_at = 0;
        if self.out.capacity() > OUT_KEPT {
            self.out = Vec::new();
        }
        match ready!(self.client.io.poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => Poll::Ready(Err(End::Gone)),
        }
    }

    /// The next part of a message. Pings are answered on the way. What waits to be written is, before anything is waited for.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Told, End>> {
        self.client.buf.consume(std::mem::take(&mut self.told));
        loop {
            if self.is_full() {
                ready!(self.poll_flush(cx))?;
            }
            let incoming = match self.receiver.next(self.client.buf.data_mut()) {
                Ok(incoming) => incoming,
                Err(code) => return Poll::Ready(Err(End::Close(code))),
            };
            match incoming {
                Incoming::More => {}
                Incoming::Data {
                    text,
                    first,
                    last,
                    payload,
                } => {
                    self.told = payload.end;
                    self.received += payload.len() as u64;
                    return Poll::Ready(Ok(Told {
                        text,
                        first,
                        last,
                        payload,
                    }));
                }
                Incoming::Ping(range) => {
                    let payload = &self.client.buf.data()[range.clone()];
                    frame::write_frame(true, Opcode::Pong, payload, &mut self.out);
                    self.client.buf.consume(range.end);
                    continue;
                }
                Incoming::Pong(range) => {
                    self.client.buf.consume(range.end);
                    continue;
                }
                Incoming::Close(code, range) => {
                    let payload = &self.client.buf.data()[range.clone()];
                    frame::write_frame(true, Opcode::Close, payload, &mut self.out);
                    self.client.buf.consume(range.end);
                    return Poll::Ready(Err(End::Closed(code)));
                }
            }
            ready!(self.poll_flush(cx))?;
            if self.client.buf.is_empty() {
                self.client.buf.release();
            }
            match self.client.io.poll_fill(cx, &mut self.client.buf) {
                Poll::Ready(Ok(1..)) => {
                    self.heard = Instant::now();
                    self.idle = Idle::Lively;
                }
                Poll::Ready(_) => return Poll::Ready(Err(End::Gone)),
                Poll::Pending if self.waiting.poll_begun(cx) => {
                    return Poll::Ready(Err(End::Close(CloseCode::GOING_AWAY)));
                }
                Poll::Pending => ready!(self.poll_idle(cx))?,
            }
        }
    }

    /// Pending while the client may be silent; a ping that is due is queued.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.inactivity.is_zero() {
            return Poll::Pending;
        }
        let due = match self.idle {
            Idle::Lively => self.heard + self.inactivity / 2,
            Idle::Asked => self.heard + self.inactivity,
        };
        ready!(self.client.alarm.poll(cx, due));
        match self.idle {
            Idle::Lively => {
                self.idle = Idle::Asked;
                frame::write_frame(true, Opcode::Ping, &[], &mut self.out);
                Poll::Ready(Ok(()))
            }
            Idle::Asked => Poll::Ready(Err(End::Gone)),
        }
    }

    /// The next part of a message.
    pub async fn next(&mut self) -> Result<Told, End> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Writes all that waits.
    pub async fn flush(&mut self) -> Result<(), End> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Ends it: says why, when there is somebody to say it to. The connection is closed afterwards.
    pub async fn finish(mut self, end: End) -> (u64, u64) {
        if let End::Close(code) = end {
            frame::write_frame(true, Opcode::Close, &code.0.to_be_bytes(), &mut self.out);
        }
        if end != End::Gone {
            // Who does not take the last frame does without it.
            let _ = self.flush().await;
        }
        self.client.buf.consume(self.client.buf.len());
        if matches!(end, End::Close(_)) {
            self.client.linger().await;
        } else {
            self.client.io.say_goodbye();
        }
        (self.received, self.sent)
    }
}

/// Where the part of a message lies that was told last; good until the next one is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    text: bool,
    first: bool,
    last: bool,
    payload: std::ops::Range<usize>,
}
