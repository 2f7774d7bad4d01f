//! Bodies read whole: a request that an endpoint changes, an answer that is changed back.
//!
//! Bounded in bytes by the caller and in time by the progress of the peer: slow is fine, standing still is not.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::downstream::{Client, within};
use super::http1::framing::{Framing, Next};
use super::http1::strict::Refused;
use super::target::Target;
use super::upstream::Upstream;
use super::worker::Worker;

/// Why a body could not be read whole.
#[derive(Debug)]
pub enum Unread {
    /// It is longer than allowed.
    TooLong,
    /// The peer went away, or sent nothing for too long.
    BrokeOff,
    /// Its framing is broken.
    Refused(Refused),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Unread::BrokeOff
    }
}

/// Reads the body of the current request, at most `limit` bytes. It is off the connection afterwards.
pub async fn request(
    client: &mut Client,
    limit: usize,
    progress: Duration,
) -> Result<Bytes, Unread> {
    if matches!(client.body.framing, Framing::Length(n) if n > limit as u64) {
        return Err(Unread::TooLong);
    }
    if let Some(len) = client.body.held {
        return match len <= limit {
            true => Ok(Bytes::copy_from_slice(&client.buf.data()[..len])),
            false => Err(Unread::TooLong),
        };
    }
    client.send_continue().await?;
    let mut body = Vec::new();
    loop {
        let next = client.body.decoder.next(&mut client.buf);
        match next.map_err(Unread::Refused)? {
            Next::Data { len, last } => {
                if body.len() + len > limit {
                    return Err(Unread::TooLong);
                }
                body.extend_from_slice(&client.buf.data()[..len]);
                client.body.decoder.consume(&mut client.buf, len);
                if last {
                    return Ok(body.into());
                }
            }
            Next::End => return Ok(body.into()),
            Next::More => {
                let fill = poll_fn(|cx| client.io.poll_fill(cx, &mut client.buf));
                if within(progress, fill).await.ok_or(Unread::BrokeOff)?? == 0 {
                    return Err(Unread::BrokeOff);
                }
            }
        }
    }
}

/// Reads the body of an answer, at most `limit` bytes, while what is left of the request goes out.
pub async fn answer(
    upstream: &mut Upstream,
    limit: usize,
    progress: Duration,
) -> Result<Bytes, Unread> {
    if matches!(upstream.framing, Framing::Length(n) if n > limit as u64) {
        return Err(Unread::TooLong);
    }
    let mut body = Vec::new();
    loop {
        let next = upstream.decoder.next(&mut upstream.buf);
        match next.map_err(Unread::Refused)? {
            Next::Data { len, last } => {
                if body.len() + len > limit {
                    return Err(Unread::TooLong);
                }
                body.extend_from_slice(&upstream.buf.data()[..len]);
                upstream.decoder.consume(&mut upstream.buf, len);
                if last {
                    return Ok(body.into());
                }
            }
            Next::End => return Ok(body.into()),
            Next::More => {
                let fill = poll_fn(|cx| {
                    // The body of such a request is held here, so its pump needs no source.
                    if let Some(pump) = upstream.sending.as_mut() {
                        match pump.poll_own(cx, &mut upstream.io) {
                            Poll::Ready(Ok(())) => upstream.sending = None,
                            Poll::Ready(Err(_)) => {
                                upstream.sending = None;
                                upstream.keep_alive = false;
                            }
                            Poll::Pending => {}
                        }
                    }
                    upstream.io.poll_fill(cx, &mut upstream.buf)
                });
                if within(progress, fill).await.ok_or(Unread::BrokeOff)?? == 0 {
                    let ended = upstream.decoder.connection_ended();
                    ended.map_err(Unread::Refused)?;
                }
            }
        }
    }
}

/// Gives a connection whose exchange ended exactly back to the pool; any other is closed.
pub fn give_back(worker: &Worker, mut upstream: Box<Upstream>, target: &Arc<Target>) {
    if !upstream.is_reusable() {
        return;
    }
    let keep = upstream.keep_alive_s.map_or(worker.limits.pool_idle, |s| {
        // One second less than the back end says, so that axon closes first.
        worker
            .limits
            .pool_idle
            .min(Duration::from_secs(u64::from(s.saturating_sub(1))))
    });
    upstream.buf.release();
    worker
        .pool
        .borrow_mut()
        .put(target, upstream, keep, worker.now());
}
