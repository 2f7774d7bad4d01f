//! A stream on this side, a WebSocket to the back end: bytes out as binary messages, payloads back as bytes.
//!
//! The mirror of [`bridge`](super::bridge), with the part of a WebSocket's client (RFC 6455 sections 4.1 and 5.3): it asks for
//! the upgrade, checks the answer and masks what it sends.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::config::gateway::uri::Uri;
use crate::transport::buffer::Buf;
use crate::transport::downstream::Client;
use crate::transport::drain::Waiting;
use crate::transport::io::Io;
use crate::transport::websocket::frame::{self, Header, Opcode};
use crate::transport::websocket::socket::Terms;
use crate::transport::websocket::{CloseCode, Incoming, Receiver, handshake};
use crate::transport::worker::Worker;
use crate::util::base64;

/// Longest answer to the upgrade.
const ANSWER_MAX: usize = 16 * 1024;
/// Most fields of it.
const FIELDS_MAX: usize = 100;
/// How long a back end has to take the close.
const PARTING: Duration = Duration::from_secs(1);

/// An open WebSocket to a back end.
pub(super) struct Outward {
    io: Io,
    /// Read of the back end and not yet used.
    buf: Buf,
}

impl Outward {
    /// Asks a back end for a WebSocket, within the time for a head.
    pub async fn open(worker: &Worker, io: Io, uri: &Uri) -> io::Result<Outward> {
        let key = [worker.random().to_ne_bytes(), worker.random().to_ne_bytes()].concat();
        let key = base64::encode(&key);
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let agree = agree(io, uri, &key);
        tokio::time::timeout(worker.limits.head_time, agree)
            .await
            .map_err(late)?
    }

    /// Passes on until one side ends.
    pub async fn run(self, worker: &Worker, client: &mut Client, terms: Terms) {
        client.io.keep_probing();
        self.io.keep_probing();
        let mut joined = Joined {
            io: self.io,
            buf: self.buf,
            receiver: Receiver::new(u64::MAX).from_server(),
            out: Vec::new(),
            out_at: 0,
            pending: terms.pending_bytes,
            back: None,
            waiting: worker.drain.wait(),
        };
        let code = poll_fn(|cx| joined.poll(cx, worker, client)).await;
        let closing = async {
            joined.queue(worker, Opcode::Close, &code.0.to_be_bytes());
            poll_fn(|cx| joined.poll_flush(cx)).await.is_ok()
        };
        // A back end that does not take it is left without.
        let _ = tokio::time::timeout(PARTING, closing).await;
        joined.io.say_goodbye();
    }
}

async fn agree(mut io: Io, uri: &Uri, key: &str) -> io::Result<Outward> {
    let query = uri.query.as_deref().map(|query| format!("?{query}"));
    let request = format!(
        "GET {}{} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
        uri.path_or_root(),
        query.unwrap_or_default(),
        uri.authority(),
    );
    io.write_all(request.as_bytes()).await?;
    let mut buf = Buf::default();
    loop {
        if poll_fn(|cx| io.poll_fill(cx, &mut buf)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(length) = agreed(buf.data(), key)? {
            buf.consume(length);
            return Ok(Outward { io, buf });
        }
        if buf.len() > ANSWER_MAX {
            return Err(io::Error::other("the answer's head is too long"));
        }
    }
}

/// The length of an answer that agrees, once it is complete (RFC 6455 section 4.1).
fn agreed(bytes: &[u8], key: &str) -> io::Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let parsed = answer.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let field = |name: &str| {
        let mut fields = answer.headers.iter();
        fields
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    };
    let agrees = answer.code == Some(101)
        && field("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
        && field("Sec-WebSocket-Accept") == Some(handshake::accept(key.as_bytes()).as_bytes())
        // Nothing was offered, so nothing can have been chosen.
        && field("Sec-WebSocket-Extensions").is_none_or(<[u8]>::is_empty)
        && field("Sec-WebSocket-Protocol").is_none_or(<[u8]>::is_empty);
    match agrees {
        true => Ok(Some(length)),
        false => Err(io::Error::other(
            "the back end does not agree to a WebSocket",
        )),
    }
}

struct Joined<'j> {
    io: Io,
    buf: Buf,
    receiver: Receiver,
    /// Frames for the back end.
    out: Vec<u8>,
    out_at: usize,
    /// So much may wait for the back end before nothing more is read of the client.
    pending: usize,
    /// What lies in the buffer for the client.
    back: Option<Range<usize>>,
    waiting: Waiting<'j>,
}

impl Joined<'_> {
    /// Ready when it is over, with the code to close with.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        client: &mut Client,
    ) -> Poll<CloseCode> {
        if self.waiting.poll_begun(cx) {
            return Poll::Ready(CloseCode::GOING_AWAY);
        }
        if let Poll::Ready(code) = self.poll_back(cx, worker, client) {
            return Poll::Ready(code);
        }
        self.poll_out(cx, worker, client)
    }

    /// From the client to the back end.
    fn poll_out(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        client: &mut Client,
    ) -> Poll<CloseCode> {
        loop {
            while self.out.len() - self.out_at >= self.pending {
                if ready!(self.poll_flush(cx)).is_err() {
                    return Poll::Ready(CloseCode::GOING_AWAY);
                }
            }
            let length = client.buf.len();
            if length > 0 {
                self.queue(worker, Opcode::Binary, client.buf.data());
                client.buf.consume(length);
            }
            match client.io.poll_fill(cx, &mut client.buf) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(CloseCode::NORMAL),
                Poll::Pending => {
                    return match self.poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(CloseCode::GOING_AWAY),
                        _ => Poll::Pending,
                    };
                }
            }
        }
    }

    /// From the back end to the client.
    fn poll_back(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        client: &mut Client,
    ) -> Poll<CloseCode> {
        loop {
            while let Some(range) = &mut self.back {
                if range.start >= range.end {
                    self.buf.consume(range.end);
                    self.back = None;
                    break;
                }
                let bytes = self.buf.data().get(range.clone()).unwrap_or_default();
                match ready!(client.io.poll_write(cx, &[IoSlice::new(bytes)])) {
                    Ok(n @ 1..) => range.start += n,
                    _ => return Poll::Ready(CloseCode::NORMAL),
                }
            }
            let incoming = match self.receiver.next(self.buf.data_mut()) {
                Ok(incoming) => incoming,
                Err(code) => return Poll::Ready(code),
            };
            let end = incoming.end();
            match incoming {
                Incoming::More => {}
                Incoming::Data { payload, .. } => {
                    self.back = Some(payload);
                    continue;
                }
                Incoming::Ping(range) => {
                    // One that asks more often than it reads gets no answers.
                    if self.out.len() - self.out_at < self.pending {
                        let payload = self.buf.data().get(range).unwrap_or_default().to_vec();
                        self.queue(worker, Opcode::Pong, &payload);
                    }
                    self.buf.consume(end);
                    continue;
                }
                Incoming::Pong(_) => {
                    self.buf.consume(end);
                    continue;
                }
                Incoming::Close(code, _) => {
                    return Poll::Ready(code.unwrap_or(CloseCode::NORMAL));
                }
            }
            if self.buf.is_empty() {
                self.buf.release();
            }
            match self.io.poll_fill(cx, &mut self.buf) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(CloseCode::NORMAL),
                Poll::Pending => {
                    // What TLS holds back for the client.
                    let _ = client.io.poll_flush(cx);
                    return Poll::Pending;
                }
            }
        }
    }

    fn queue(&mut self, worker: &Worker, opcode: Opcode, payload: &[u8]) {
        let chance = worker.random().to_ne_bytes();
        let key = [chance[0], chance[1], chance[2], chance[3]];
        let header = Header {
            fin: true,
            compressed: false,
            opcode,
            mask: Some(key),
            length: payload.len() as u64,
        };
        frame::write(&header, &mut self.out);
        let start = self.out.len();
        self.out.extend_from_slice(payload);
        frame::mask(&mut self.out[start..], key, 0);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out_at < self.out.len() {
            match ready!(
                self.io
                    .poll_write(cx, &[IoSlice::new(&self.out[self.out_at..])])
            )? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.out_at += n,
            }
        }
        self.out = Vec::new();
        self.out_at = 0;
        self.io.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_agrees_to_what_was_asked_is_taken() {
        // The key of RFC 6455 section 1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(agreed(good.as_bytes(), key).unwrap(), Some(good.len()));
        assert_eq!(agreed(&good.as_bytes()[..60], key).unwrap(), None);
        for bad in [
            good.replace("101 Switching Protocols", "200 OK"),
            good.replace("s3pP", "s3pQ"),
            good.replace("Upgrade: WebSocket", "Upgrade: h2c"),
            good.replace(
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            good.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
        ] {
            assert!(agreed(bad.as_bytes(), key).is_err(), "{bad}");
        }
    }
}
