//! The client's side of a connection: its stream, what was read of it, and the body of the current request.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::alarm::Alarm;
use super::buffer::Buf;
use super::head::{Method, RequestHead, Version};
use super::http1::framing::{Decoder, Framing, Next};
use super::http1::parse::{self, HeadLimits, RequestParsed};
use super::http1::strict::Refused;
use super::io::Io;
use super::limits::{LINGER, LINGER_BYTES};
use super::pump::Source;
use super::replay::{Replay, ReplayLimits};

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    /// The stream.
    pub io: Io,
    /// Read and not yet used.
    pub buf: Buf,
    /// The current request's body.
    pub body: RequestBody,
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// How many calls inside the process led here (`local://`); 0 for one from outside.
    pub calls: u8,
    /// The client wants to keep the connection, and so do we so far.
    pub keep_alive: bool,
    /// What the client speaks in the current request.
    pub version: Version,
    /// Method of the current request: decides whether an answer has a body.
    pub asked: Method,
    /// The current request asks for a WebSocket.
    pub upgrade: bool,
    /// The timer of whatever this connection waits for.
    pub alarm: Alarm,
}

/// The body of the current request.
#[derive(Debug)]
pub struct RequestBody {
    /// How the client framed it.
    pub framing: Framing,
    /// Finds the payload.
    pub decoder: Decoder,
    /// Set when the whole body lies at the front of the buffer: so many bytes, which stay there.
    pub held: Option<usize>,
    /// What was sent on of a body that is not held.
    pub replay: Replay,
    /// The client waits for `100 Continue`.
    pub continue_due: bool,
    /// The head had a `Content-Length: 0`.
    pub empty_length: bool,
}

impl Default for RequestBody {
    fn default() -> Self {
        Self {
            framing: Framing::None,
            decoder: Decoder::new(Framing::None),
            held: None,
            replay: Replay::default(),
            continue_due: false,
            empty_length: false,
        }
    }
}

impl RequestBody {
    /// True while no byte of the body has left the read buffer.
    pub fn is_untouched(&self) -> bool {
        self.held.is_some() || self.replay.is_whole() && self.replay.is_empty()
    }
}

/// How the wait for a request head ended.
#[derive(Debug)]
pub enum HeadRead {
    /// A head is there.
    Request(RequestParsed),
    /// The client closed, or the stream broke, before a head was complete.
    Gone,
    /// The head is refused.
    Refused(Refused),
}

impl Client {
    /// A fresh connection.
    pub fn new(io: Io, peer: SocketAddr, local: SocketAddr) -> Self {
        Self {
            io,
            buf: Buf::default(),
            body: RequestBody::default(),
            peer,
            local,
            calls: 0,
            keep_alive: true,
            version: Version::Http11,
            asked: Method::Get,
            upgrade: false,
            alarm: Alarm::default(),
        }
    }

    /// The head that is already in the buffer, or what is wrong with its beginning; `None`: more is needed.
    pub fn read_head_now(
        &mut self,
        limits: HeadLimits,
        head: &mut RequestHead,
    ) -> Option<HeadRead> {
        match parse::request(self.buf.data(), limits, head) {
            Ok(Some(parsed)) => Some(HeadRead::Request(parsed)),
            Ok(None) => None,
            Err(refused) => Some(HeadRead::Refused(refused)),
        }
    }

    /// Reads until a head is complete.
    pub async fn read_head(&mut self, limits: HeadLimits, head: &mut RequestHead) -> HeadRead {
        loop {
            match poll_fn(|cx| self.io.poll_fill(cx, &mut self.buf)).await {
                Ok(0) | Err(_) => return HeadRead::Gone,
                Ok(_) => {}
            }
            if let Some(read) = self.read_head_now(limits, head) {
                return read;
            }
        }
    }

    /// Takes the head off the buffer and sets the body up.
    pub fn begin(&mut self, parsed: RequestParsed, head: &RequestHead) -> Result<(), Refused> {
        self.buf.consume(parsed.head_len);
        self.keep_alive = parsed.keep_alive;
        self.version = head.version;
        self.asked = head.method;
        self.upgrade = parsed.upgrade;
        self.body.framing = parsed.framing;
        self.body.decoder = Decoder::new(parsed.framing);
        self.body.replay = Replay::default();
        self.body.continue_due = parsed.expects_continue;
        self.body.empty_length = parsed.framing == Framing::None
            && head
                .headers
                .value(super::headers::Name::ContentLength)
                .is_some();
        self.body.held = match self.body.decoder.next(&mut self.buf)? {
            Next::Data { len, last: true } => Some(len),
            Next::End => Some(0),
            _ => None,
        };
        if self.body.held.is_some() {
            self.body.continue_due = false;
        }
        Ok(())
    }

    /// The part of the body that was read and not sent on yet. All of it when [`RequestBody::held`].
    pub fn prefix(&mut self) -> Result<(&[u8], bool), Refused> {
        let (len, last) = match self.body.decoder.extend(&mut self.buf)? {
            Next::Data { len, last } => (len, last),
            Next::More => (0, false),
            Next::End => (0, true),
        };
        if last {
            self.body.held = Some(len);
            self.body.continue_due = false;
        }
        Ok((&self.buf.data()[..len], last))
    }

    /// Reads more of the body behind the prefix. `Ok(false)`: there is no more room to look ahead.
    pub async fn read_ahead(&mut self) -> io::Result<bool> {
        self.send_continue().await?;
        if self.buf.is_full() && self.buf.capacity() > 0 && self.buf.len() >= super::buffer::LARGE {
            return Ok(false);
        }
        let n = poll_fn(|cx| self.io.poll_fill(cx, &mut self.buf)).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(true)
    }

    /// Tells a client that waits for it to go on.
    pub async fn send_continue(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.body.continue_due) {
            self.io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok(())
    }

    /// The body as the source of a pump; what is sent is kept within the bounds of `keep`.
    pub fn source<'a>(&'a mut self, keep: Option<&'a ReplayLimits>) -> Source<'a> {
        Source {
            io: &mut self.io,
            buf: &mut self.buf,
            decoder: &mut self.body.decoder,
            replay: Some(&mut self.body.replay),
            keep,
        }
    }

    /// True when the body can still be sent from its first byte.
    pub fn replayable(&self) -> bool {
        self.body.held.is_some() || self.body.replay.is_whole()
    }

    /// Ends the exchange: takes a held body off the buffer. True when the next request may follow on this connection.
    pub fn end_exchange(&mut self) -> bool {
        if let Some(len) = self.body.held.take() {
            self.body.decoder.consume(&mut self.buf, len);
        }
        self.body.replay.forget();
        // Reuse only a connection whose request was read to its end: what follows is then the next request.
        self.keep_alive &= self.body.decoder.is_done();
        self.keep_alive
    }

    /// Waits for the first byte of a request. `Ok(false)`: the client closed.
    pub fn poll_first_byte(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.buf.is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.buf.release();
        let n = ready!(self.io.poll_fill(cx, &mut self.buf))?;
        Poll::Ready(Ok(n > 0))
    }

    /// Ends our side and reads a little of what still comes, so that the last answer is not lost in a reset.
    pub async fn linger(&mut self) {
        let finish = async {
            let _ = poll_fn(|cx| self.io.poll_finish(cx)).await;
            let mut left = LINGER_BYTES;
            while left > 0 {
                self.buf.consume(self.buf.len());
                match poll_fn(|cx| self.io.poll_fill(cx, &mut self.buf)).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => left = left.saturating_sub(n),
                }
            }
        };
        // Running out of time is the expected end with a client that goes on sending.
        let _ = tokio::time::timeout(LINGER, finish).await;
    }
}

/// Waits at most so long.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
