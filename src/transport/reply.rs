//! Writes an answer to the client: made here, or passed on from a back end while the rest of the request still flows.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::breath::SLICE;
use super::downstream::Client;
use super::head::{Method, ResponseHead, Version};
use super::http1::framing::Framing;
use super::http1::write::{self, ResponseLine};
use super::pump::{Pump, PumpError};
use super::target::Target;
use super::upstream::Upstream;
use super::worker::Worker;

/// What follows an answer's head.
#[derive(Debug)]
pub enum ReplyBody {
    /// Nothing.
    Empty,
    /// Bytes made here.
    Bytes(Bytes),
    /// The back end's own bytes.
    Upstream(Box<Upstream>, Arc<Target>),
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyEnd {
    /// The client has all of it.
    Complete,
    /// The client went away.
    ClientGone,
    /// The back end's answer broke off; the client sees that it is cut short.
    BackEndBroke,
    /// No byte moved for too long.
    Stalled,
}

/// What came of writing an answer.
#[derive(Clone, Copy, Debug)]
pub struct Replied {
    /// How it ended.
    pub end: ReplyEnd,
    /// Bytes of the body that were written.
    pub body_bytes: u64,
}

/// Writes an answer. Afterwards [`Client::keep_alive`] tells whether the connection may go on.
pub async fn reply(
    worker: &Worker,
    client: &mut Client,
    head: &ResponseHead,
    body: ReplyBody,
) -> Replied {
    worker.turn().await;
    client.keep_alive &= !worker.drain.has_begun();
    let bodiless = client.asked == Method::Head || matches!(head.status, 100..=199 | 204 | 304);
    match body {
        ReplyBody::Upstream(upstream, target) if head.status == 101 => {
            // Boxed, so that the future of an ordinary answer has no room for two directions.
            Box::pin(tunnel(worker, client, head, upstream, &target)).await
        }
        ReplyBody::Upstream(upstream, target) => {
            relay(worker, client, head, upstream, target, bodiless).await
        }
        ReplyBody::Empty => whole(worker, client, head, Bytes::new(), bodiless).await,
        ReplyBody::Bytes(bytes) => whole(worker, client, head, bytes, bodiless).await,
    }
}

async fn whole(
    worker: &Worker,
    client: &mut Client,
    head: &ResponseHead,
    mut bytes: Bytes,
    bodiless: bool,
) -> Replied {
    client.keep_alive &= client.body.held.is_some() || client.body.decoder.is_done();
    let mut out = worker.spare_bytes();
    let line = ResponseLine {
        framing: Framing::length(bytes.len() as u64),
        bodiless: bodiless && head.status != 200,
        keep_alive: client.keep_alive,
        client: client.version,
        upgrade: false,
    };
    write::response(&mut out, line, head);
    if bodiless {
        bytes.clear();
    }
    let due = worker.instant() + worker.limits.body_progress;
    let written = match bytes.len() > SLICE {
        false => {
            out.extend_from_slice(&bytes);
            let written = client.alarm.limit(due, client.io.write_all(&out)).await;
            worker.recycle(out);
            written.map(|written| written.is_ok())
        }
        true => {
            let mut pump = Pump::new(out, Framing::None).with_bytes(&bytes);
            let io = &mut client.io;
            let all = poll_fn(|cx| pump.poll_own(cx, io));
            let written = client.alarm.limit(due, all).await;
            written.map(|written| written.is_ok())
        }
    };
    let end = match written {
        Some(true) => ReplyEnd::Complete,
        Some(false) => ReplyEnd::ClientGone,
        None => ReplyEnd::Stalled,
    };
    client.keep_alive &= end == ReplyEnd::Complete;
    Replied {
        end,
        body_bytes: bytes.len() as u64,
    }
}

async fn relay(
    worker: &Worker,
    client: &mut Client,
    head: &ResponseHead,
    mut upstream: Box<Upstream>,
    target: Arc<Target>,
    bodiless: bool,
) -> Replied {
    let framing = match upstream.framing {
        Framing::Chunked | Framing::UntilClose if client.version == Version::Http11 => {
            Framing::Chunked
        }
        Framing::Chunked | Framing::UntilClose => Framing::UntilClose,
        other => other,
    };
    // The answer is here before the request is out: what is left of it may never be read.
    let request_open = upstream.sending.is_some()
        || !(client.body.held.is_some() || client.body.decoder.is_done());
    client.keep_alive &= framing != Framing::UntilClose && !request_open;
    let mut out = worker.spare_bytes();
    let line = ResponseLine {
        framing,
        bodiless,
        keep_alive: client.keep_alive,
        client: client.version,
        upgrade: false,
    };
    write::response(&mut out, line, head);
    let mut pump = Pump::new(out, framing);
    if framing == Framing::None {
        pump = pump.head_only();
    }
    let mut moved = 0;
    let mut alarm = std::mem::take(&mut client.alarm);
    let result = loop {
        let due = worker.instant() + worker.limits.body_progress;
        let work = poll_fn(|cx| poll_relay(cx, client, &mut upstream, &mut pump));
        match alarm.limit(due, work).await {
            Some(result) => break result,
            // Slow is fine, standing still is not.
            None if progress(&pump, &upstream) > moved => {
                moved = progress(&pump, &upstream);
                worker.look();
            }
            None => break Err(ReplyEnd::Stalled),
        }
    };
    client.alarm = alarm;
    let body_bytes = pump.payload;
    worker.recycle(pump.into_storage());
    match result {
        Ok(()) => {
            give_back(worker, upstream, &target);
            Replied {
                end: ReplyEnd::Complete,
                body_bytes,
            }
        }
        Err(end) => {
            client.keep_alive = false;
            if end != ReplyEnd::ClientGone {
                client.io.reset_on_close();
            }
            Replied { end, body_bytes }
        }
    }
}

/// Puts a connection whose answer was read to its end into the pool, when it can take another request.
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
    (upstream.busy, upstream.place) = (None, None);
    worker
        .pool
        .borrow_mut()
        .put(target, upstream, keep, worker.now());
}

fn progress(pump: &Pump, upstream: &Upstream) -> u64 {
    pump.written + upstream.sending.as_ref().map_or(0, |p| p.written)
}

/// Both directions: the rest of the request, and the answer.
fn poll_relay(
    cx: &mut Context<'_>,
    client: &mut Client,
    upstream: &mut Upstream,
    pump: &mut Pump,
) -> Poll<Result<(), ReplyEnd>> {
    if let Some(mut sending) = upstream.sending.take() {
        match sending.poll(cx, &mut client.source(None), &mut upstream.io) {
            Poll::Pending => upstream.sending = Some(sending),
            Poll::Ready(Ok(())) => {}
            // The back end does not want the rest; its answer still counts, the connection does not.
            Poll::Ready(Err(PumpError::Write(_))) => upstream.keep_alive = false,
            Poll::Ready(Err(PumpError::Read(_) | PumpError::Source(_))) => {
                upstream.keep_alive = false;
                client.keep_alive = false;
            }
        }
    }
    match pump.poll(cx, &mut upstream.source(), &mut client.io) {
        Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
        Poll::Ready(Err(PumpError::Write(_))) => Poll::Ready(Err(ReplyEnd::ClientGone)),
        Poll::Ready(Err(PumpError::Read(_) | PumpError::Source(_))) => {
            Poll::Ready(Err(ReplyEnd::BackEndBroke))
        }
        Poll::Pending => Poll::Pending,
    }
}

/// After a `101`: bytes both ways until both sides have ended (RFC 9110 section 7.8). Nothing is looked at.
async fn tunnel(
    worker: &Worker,
    client: &mut Client,
    head: &ResponseHead,
    mut upstream: Box<Upstream>,
    target: &Target,
) -> Replied {
    use super::http1::framing::Decoder;
    let _ = target;
    client.keep_alive = false;
    let mut out = worker.spare_bytes();
    let line = ResponseLine {
        framing: Framing::None,
        bodiless: true,
        keep_alive: true,
        client: client.version,
        upgrade: true,
    };
    write::response(&mut out, line, head);
    client.io.keep_probing();
    upstream.io.keep_probing();
    client.body.decoder = Decoder::new(Framing::UntilClose);
    upstream.decoder = Decoder::new(Framing::UntilClose);
    let mut down = Pump::new(out, Framing::UntilClose);
    let mut up = Pump::new(worker.spare_bytes(), Framing::UntilClose);
    let (mut down_end, mut up_end) = (Side::Open, Side::Open);
    let waiting = worker.drain.wait();
    let mut drain_until = None;
    let result = loop {
        let work = poll_fn(|cx| {
            if drain_until.is_none() && waiting.poll_begun(cx) {
                return Poll::Ready(None);
            }
            match poll_side(
                cx,
                &mut down,
                &mut down_end,
                &mut upstream.source(),
                &mut client.io,
            ) {
                Err(_) => return Poll::Ready(Some(ReplyEnd::ClientGone)),
                Ok(()) if down_end == Side::Ended && up_end == Side::Ended => {
                    return Poll::Ready(Some(ReplyEnd::Complete));
                }
                Ok(()) => {}
            }
            match poll_side(
                cx,
                &mut up,
                &mut up_end,
                &mut client.source(None),
                &mut upstream.io,
            ) {
                Err(_) => Poll::Ready(Some(ReplyEnd::BackEndBroke)),
                Ok(()) if down_end == Side::Ended && up_end == Side::Ended => {
                    Poll::Ready(Some(ReplyEnd::Complete))
                }
                Ok(()) => Poll::Pending,
            }
        });
        let end = match drain_until {
            None => work.await,
            Some(until) => match tokio::time::timeout_at(until, work).await {
                Ok(end) => end,
                Err(_) => Some(ReplyEnd::Stalled),
            },
        };
        match end {
            Some(end) => break end,
            // The stop began: the tunnel may go on for as long as everything else.
            None => drain_until = Some(tokio::time::Instant::now() + worker.limits.drain),
        }
    };
    let body_bytes = down.payload;
    worker.recycle(down.into_storage());
    worker.recycle(up.into_storage());
    client.buf.consume(client.buf.len());
    client.body.decoder = Decoder::new(Framing::None);
    Replied {
        end: result,
        body_bytes,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Open,
    /// All bytes are through; our end is being closed.
    Finishing,
    Ended,
}

/// One direction of a tunnel: when the source ends, the destination is told so.
fn poll_side(
    cx: &mut Context<'_>,
    pump: &mut Pump,
    side: &mut Side,
    source: &mut super::pump::Source<'_>,
    to: &mut super::io::Io,
) -> io::Result<()> {
    if *side == Side::Open {
        match pump.poll(cx, source, to) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => *side = Side::Finishing,
            Poll::Ready(Err(PumpError::Read(error) | PumpError::Write(error))) => {
                return Err(error);
            }
            Poll::Ready(Err(PumpError::Source(refused))) => {
                return Err(io::Error::other(refused.reason));
            }
        }
    }
    if *side == Side::Finishing
        && let Poll::Ready(result) = to.poll_finish(cx)
    {
        *side = Side::Ended;
        result?;
    }
    Ok(())
}
