//! The requests by which an emulated client sends.

use std::future::poll_fn;
use std::io::{self, IoSlice};

use bytes::Bytes;

use super::encoding::Decoding;
use super::session::{Session, Way, number};
use super::upward::Upward;
use crate::gateway::page::Page;
use crate::gateway::visit::Visit;
use crate::transport::downstream::Client;
use crate::transport::head::Method;
use crate::transport::http1::framing::{Framing, Next};

/// Answers the request. False: the WebSocket cannot go on.
pub async fn upstream(visit: &mut Visit<'_>, session: &Session) -> bool {
    let number = super::sequence(visit).and_then(|text| number(&text));
    let empty = visit.client.body.framing == Framing::None;
    // Two at once, or one out of order, would mix what the client said.
    let free = session.up.try_lock();
    let may = visit.head.method == Method::Post && !empty;
    let (Ok(_alone), true, true) = (free, may, session.is_in_order(Way::Up, number)) else {
        visit.page(Page::BAD_REQUEST).await;
        return false;
    };
    match pass(visit, session).await {
        Ok(()) => {
            let mut head = visit.new_head(200);
            head.headers.append(b"Cache-Control", b"no-cache");
            visit.answer(head, Bytes::new()).await;
            true
        }
        Err(Broken::Wrong) => {
            visit.page(Page::BAD_REQUEST).await;
            false
        }
        Err(Broken::Io) => {
            visit.client.keep_alive = false;
            visit.served.outcome = Some("client_abort");
            visit.page(Page::BAD_REQUEST).await;
            false
        }
    }
}

enum Broken {
    /// It is no sequence of frames, or a message in it is too large.
    Wrong,
    /// The client or the service is gone, or nothing moved for too long.
    Io,
}

/// Passes the frames of the body on as they come.
async fn pass(visit: &mut Visit<'_>, session: &Session) -> Result<(), Broken> {
    let utf8 = visit.head.headers.find("Content-Type").is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.starts_with(b"text/plain") && !kind.ends_with(b"windows-1252")
    });
    let decoding = Decoding::new(session.encoding, utf8);
    let mut upward = Upward::new(decoding, session.message_bytes, session.pings);
    let mut out = Vec::new();
    let held = visit.client.body.held;
    loop {
        let length = match held {
            Some(length) => length,
            None => {
                let due = tokio::time::Instant::now() + visit.worker.limits.body_progress;
                let read = tokio::time::timeout_at(due, next_part(visit.client)).await;
                match read.map_err(|_| Broken::Io)?.map_err(|_| Broken::Io)? {
                    Some(length) => length,
                    None => break,
                }
            }
        };
        visit.served.bytes_in += length as u64;
        let part = &visit.client.buf.data()[..length];
        let taken = upward.take(part, &mut out).map_err(|_| Broken::Wrong)?;
        let due = tokio::time::Instant::now() + visit.worker.limits.body_progress;
        let written = tokio::time::timeout_at(due, write(session, &out)).await;
        written.map_err(|_| Broken::Io)?.map_err(|_| Broken::Io)?;
        out.clear();
        if held.is_some() {
            // It stays in the buffer until the exchange ends.
            break;
        }
        let client = &mut *visit.client;
        client.body.decoder.consume(&mut client.buf, length);
        if taken.ended {
            break;
        }
    }
    match upward.may_end() {
        true => Ok(()),
        false => Err(Broken::Wrong),
    }
}

/// Bytes of the body that lie at the front of the buffer; `None` at its end.
async fn next_part(client: &mut Client) -> io::Result<Option<usize>> {
    loop {
        let next = client.body.decoder.next(&mut client.buf);
        match next.map_err(|refused| io::Error::other(refused.reason))? {
            Next::Data { len: len @ 1.., .. } => return Ok(Some(len)),
            Next::Data { .. } | Next::More => {}
            Next::End => return Ok(None),
        }
        client.send_continue().await?;
        if poll_fn(|cx| client.io.poll_fill(cx, &mut client.buf)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Writes into the pipe; waits while the service takes nothing.
pub(super) async fn write(session: &Session, bytes: &[u8]) -> io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let write = poll_fn(|cx| session.io.lock().poll_write(cx, &[IoSlice::new(rest)]));
        match write.await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => at += n,
        }
    }
    Ok(())
}
