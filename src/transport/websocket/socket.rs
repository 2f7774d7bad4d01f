//! A WebSocket on a client's connection: messages in, frames out, pings answered, idle time and close kept.
//!
//! A silent client is asked with an empty ping after half of its idle time and given up after the other half
//! (spec/kaazing.md 3.3). Nothing is read while something waits to be written, so that a client that does not read
//! cannot make anything grow; one that takes no byte for `[timers] body_progress_ms` is given up.
//!
//! A large frame of bytes that goes back where it came from keeps its shape although it is never held whole: its header
//! promises the length and the parts follow. Until they are through no other frame can be written; where the rest
//! does not come, the connection ends without a close frame.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::deflate::{self, Agreed, Inflation, Step};
use super::frame::{self, Header, Opcode};
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
    /// Messages are compressed where the client offers it (RFC 7692).
    pub deflates: bool,
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
    message_bytes: u64,
    inactivity: Duration,
    progress: Duration,
    pending: usize,
    waiting: Waiting<'c>,
    /// Messages may be compressed, in this way.
    deflates: Option<Agreed>,
    /// A compressed message on its way in.
    inflation: Option<Box<Inflation>>,
    out: Vec<u8>,
    out_at: usize,
    /// Bytes that the last header written has promised and that are still to follow.
    owed: u64,
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
            message_bytes: terms.message_bytes,
            deflates: None,
            inflation: None,
            owed: 0,
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

    /// Compresses messages, and takes compressed ones, as it was agreed in the handshake.
    pub fn deflating(mut self, agreed: Option<Agreed>) -> Socket<'c> {
        if agreed.is_some() {
            self.receiver = self.receiver.deflating();
        }
        self.deflates = agreed;
        self
    }

    /// Adds a frame to what is written next.
    pub fn queue(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        write_frame(self.deflates, fin, opcode, payload, &mut self.out);
        if !opcode.is_control() {
            self.sent += payload.len() as u64;
        }
    }

    /// Sends back what was told last, as the part of a message that it was.
    pub fn queue_told(&mut self, told: &Told) {
        let payload = payload(self.client, self.inflation.as_deref(), told);
        let length = payload.len() as u64;
        self.sent += length;
        if self.owed > 0 {
            self.owed = self.owed.saturating_sub(length);
            self.out.extend_from_slice(payload);
            return;
        }
        let opcode = match (told.first, told.text) {
            (false, _) => Opcode::Continuation,
            (true, true) => Opcode::Text,
            (true, false) => Opcode::Binary,
        };
        // Text may turn out to be none in its middle, and then the client is to be told so.
        if told.rest == 0 || told.text || told.inflated {
            return write_frame(self.deflates, told.last, opcode, payload, &mut self.out);
        }
        let header = Header {
            fin: told.fin,
            compressed: false,
            opcode,
            mask: None,
            length: length + told.rest,
        };
        frame::write(&header, &mut self.out);
        self.out.extend_from_slice(payload);
        self.owed = told.rest;
    }

    /// The bytes of what was told last.
    pub fn part(&self, told: &Told) -> Part<'_> {
        Part {
            text: told.text,
            first: told.first,
            last: told.last,
            payload: payload(self.client, self.inflation.as_deref(), told),
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
        // Its piece was good until now; a silent WebSocket keeps none.
        if self.inflation.as_ref().is_some_and(|i| i.is_over()) {
            self.inflation = None;
        }
        if self.inflation.as_ref().is_none_or(|i| !i.has_more()) {
            self.client.buf.consume(std::mem::take(&mut self.told));
        }
        loop {
            if self.is_full() {
                ready!(self.poll_flush(cx))?;
            }
            if let Some(told) = self.inflate()? {
                return Poll::Ready(Ok(told));
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
                    compressed: true,
                    payload,
                    ..
                } => {
                    self.told = payload.end;
                    let limit = self.message_bytes;
                    if first {
                        self.inflation = Some(Box::new(Inflation::new(text, limit)));
                    }
                    if let Some(inflation) = &mut self.inflation {
                        inflation.feed(payload, last);
                    }
                    continue;
                }
                Incoming::Data {
                    text,
                    first,
                    last,
                    rest,
                    fin,
                    payload,
                    ..
                } => {
                    self.told = payload.end;
                    self.received += payload.len() as u64;
                    return Poll::Ready(Ok(Told {
                        text,
                        first,
                        last,
                        inflated: false,
                        rest,
                        fin,
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

    /// The next piece of a compressed message, when there is one.
    fn inflate(&mut self) -> Result<Option<Told>, End> {
        let Some(inflation) = self.inflation.as_mut().filter(|i| i.has_more()) else {
            return Ok(None);
        };
        let step = inflation.step(self.client.buf.data());
        match step.map_err(End::Close)? {
            Step::More => {
                self.client.buf.consume(std::mem::take(&mut self.told));
                Ok(None)
            }
            Step::Piece { first, last } => {
                let length = inflation.piece().len();
                self.received += length as u64;
                Ok(Some(Told {
                    text: inflation.text,
                    first,
                    last,
                    inflated: true,
                    rest: 0,
                    fin: last,
                    payload: 0..length,
                }))
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
            // It stopped in the middle of a frame, and so did what goes back.
            _ if self.owed > 0 => Poll::Ready(Err(End::Gone)),
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

    /// Lets go of the connection, with all that was queued written and all that was told forgotten, for another one to take it up.
    pub async fn leave(mut self) -> Result<(), End> {
        self.client.buf.consume(std::mem::take(&mut self.told));
        self.flush().await
    }

    /// Ends it: says why, when there is somebody to say it to. The connection is closed afterwards. Boxed, because the way
    /// out takes more room than a WebSocket that is open.
    pub fn finish(self, end: End) -> Pin<Box<dyn Future<Output = (u64, u64)> + 'c>> {
        Box::pin(self.close(end))
    }

    async fn close(mut self, end: End) -> (u64, u64) {
        let end = if self.owed > 0 { End::Gone } else { end };
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
    /// It lies in the piece of a compressed message, not in what was read.
    inflated: bool,
    /// Bytes of its frame that are still to come.
    rest: u64,
    /// Its frame ends the message.
    fin: bool,
    payload: std::ops::Range<usize>,
}

fn payload<'a>(client: &'a Client, inflation: Option<&'a Inflation>, told: &Told) -> &'a [u8] {
    let bytes = match inflation {
        Some(inflation) if told.inflated => inflation.piece(),
        _ => client.buf.data(),
    };
    bytes.get(told.payload.clone()).unwrap_or_default()
}

/// Writes a frame; one that is a whole message is compressed where that was agreed on and pays.
fn write_frame(
    deflates: Option<Agreed>,
    fin: bool,
    opcode: Opcode,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let is_message = fin && matches!(opcode, Opcode::Text | Opcode::Binary);
    let mut deflated = Vec::new();
    if let Some(agreed) = deflates.filter(|_| is_message)
        && deflate::deflate(payload, agreed, &mut deflated)
    {
        let header = Header {
            fin,
            compressed: true,
            opcode,
            mask: None,
            length: deflated.len() as u64,
        };
        frame::write(&header, out);
        out.extend_from_slice(&deflated);
    } else {
        frame::write_frame(fin, opcode, payload, out);
    }
}
