//! The answers by which an emulated client hears: one that goes on for as long as it can, or short ones one after the other.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::downward::{CLOSE, NOP, RECONNECT, Seen};
use super::session::{Down, Session, Way, number};
use super::upward::header;
use super::{parameter, upstream};
use crate::gateway::page::Page;
use crate::gateway::visit::Visit;
use crate::transport::head::{Method, ResponseHead};
use crate::transport::websocket::frame::Opcode;

/// A silent answer is shown to live after this long, so that nothing on the way cuts it.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How long an older answer has to end.
const HANDOVER: Duration = Duration::from_secs(5);
/// Most bytes that a client can have put in front, so that its browser shows what follows.
const PADDING_MAX: usize = 8 * 1024;
/// An answer made whole is not held back for more.
const WHOLE: usize = 64 * 1024;

/// What becomes of the session after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It waits for another one, which has to be asked for in time.
    Waits,
    /// Another one is asked for already.
    Replaced,
    /// It is over.
    Over,
}

/// Answers the request; `turn` is its place among those for the session.
pub async fn downstream(visit: &mut Visit<'_>, session: &Session) -> (After, u64) {
    let number = super::sequence(visit).and_then(|text| number(&text));
    let may = matches!(visit.head.method, Method::Get | Method::Post);
    if !may || !session.is_in_order(Way::Down, number) {
        visit.page(Page::BAD_REQUEST).await;
        return (After::Over, 0);
    }
    let mut turn = 0;
    session.turn.send_modify(|last| {
        *last += 1;
        turn = *last;
    });
    let turns = session.turn.subscribe();
    let Ok(mut down) = tokio::time::timeout(HANDOVER, session.down.lock()).await else {
        visit.page(Page::BAD_REQUEST).await;
        return (After::Over, turn);
    };
    let mut hearing = Hearing {
        session,
        turn,
        turns,
        beat: heartbeat(visit),
        down: &mut down,
        out: Vec::new(),
    };
    let after = match parameter(visit, b".ki").as_deref() {
        Some(b"p") => hearing.whole(visit).await,
        _ => hearing.stream(visit).await,
    };
    (after, turn)
}

/// How often a client wants to hear something.
fn heartbeat(visit: &Visit<'_>) -> Duration {
    let asked = parameter(visit, b".kkt").and_then(|text| number(&text));
    match asked {
        Some(seconds @ 1..) => Duration::from_secs(seconds).min(HEARTBEAT),
        _ => HEARTBEAT,
    }
}

/// Why an answer stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Frames are there.
    Heard,
    /// Nothing came for as long as a heartbeat takes.
    Silent,
    Replaced,
    ClientGone,
    /// The service has closed, or its end broke.
    Closed,
}

struct Hearing<'h> {
    session: &'h Session,
    turn: u64,
    turns: watch::Receiver<u64>,
    beat: Duration,
    down: &'h mut Down,
    out: Vec<u8>,
}

impl Hearing<'_> {
    /// One answer without an end of its own.
    async fn stream(&mut self, visit: &mut Visit<'_>) -> After {
        let head = self.head(visit);
        if !visit.begin_stream(&head).await {
            return After::Waits;
        }
        // A client knows by it that nothing on the way holds answers back.
        self.out.extend_from_slice(NOP);
        let padding = parameter(visit, b".kp").and_then(|text| number(&text));
        let padding = usize::try_from(padding.unwrap_or_default()).unwrap_or(PADDING_MAX);
        while self.out.len() < padding.min(PADDING_MAX) {
            self.out.extend_from_slice(NOP);
        }
        let budget = parameter(visit, b".kb").and_then(|text| number(&text));
        let budget = budget.map_or(u64::MAX, |kib| kib.saturating_mul(1024));
        loop {
            if !self.flush(visit).await {
                return After::Waits;
            }
            let stop = self.wait(visit).await;
            match stop {
                Stop::Heard => {}
                Stop::Silent => self.out.extend_from_slice(NOP),
                Stop::ClientGone => return After::Waits,
                Stop::Replaced | Stop::Closed => return self.end(visit, stop).await,
            }
            if visit.served.bytes_out + self.out.len() as u64 >= budget {
                return self.end(visit, Stop::Heard).await;
            }
        }
    }

    async fn end(&mut self, visit: &mut Visit<'_>, stop: Stop) -> After {
        let after = self.conclude(stop);
        match self.flush(visit).await {
            true => after,
            false if after == After::Over => After::Over,
            false => After::Waits,
        }
    }

    /// One answer with a length, for clients behind something that holds answers back until they end.
    async fn whole(&mut self, visit: &mut Visit<'_>) -> After {
        let mut stop = self.wait(visit).await;
        while stop == Stop::Heard && self.out.is_empty() {
            stop = self.wait(visit).await;
        }
        if stop == Stop::ClientGone {
            visit.client.keep_alive = false;
            return After::Waits;
        }
        let after = self.conclude(stop);
        let head = self.head(visit);
        let body = Bytes::from(std::mem::take(&mut self.out));
        visit.answer(head, body).await;
        after
    }

    /// Adds how the answer ends.
    fn conclude(&mut self, stop: Stop) -> After {
        let after = match stop {
            Stop::Closed => After::Over,
            Stop::Replaced => After::Replaced,
            _ => After::Waits,
        };
        if after == After::Over {
            self.out.extend_from_slice(CLOSE);
        }
        self.out.extend_from_slice(RECONNECT);
        after
    }

    fn head(&self, visit: &Visit<'_>) -> ResponseHead {
        let mut head = visit.new_head(200);
        let headers = &mut head.headers;
        headers.append(b"Content-Type", self.session.encoding.media_type());
        headers.append(b"Cache-Control", b"no-cache");
        headers.append(b"X-Content-Type-Options", b"nosniff");
        let beat = self.beat.as_secs().to_string();
        headers.append(b"X-Idle-Timeout", beat.as_bytes());
        head
    }

    async fn flush(&mut self, visit: &mut Visit<'_>) -> bool {
        let due = Instant::now() + visit.worker.limits.body_progress;
        let write = visit.client.io.write_all(&self.out);
        let written = visit.client.alarm.limit(due, write).await;
        visit.served.bytes_out += self.out.len() as u64;
        self.out = Vec::new();
        let done = matches!(written, Some(Ok(())));
        if !done {
            visit.served.outcome = Some("client_abort");
        }
        done
    }

    /// Waits until there is something to say.
    async fn wait(&mut self, visit: &mut Visit<'_>) -> Stop {
        let due = Instant::now() + self.beat;
        loop {
            match self.frames().await {
                Ok(()) => {}
                Err(()) => return Stop::Closed,
            }
            if !self.out.is_empty() {
                return Stop::Heard;
            }
            let turn = self.turn;
            let changed = self.turns.wait_for(|last| *last != turn);
            let (io, buf) = (&self.session.io, &mut self.down.buf);
            let client = &mut visit.client.io;
            let read = poll_fn(|cx| match io.lock().poll_fill(cx, buf) {
                Poll::Ready(Ok(1..)) => Poll::Ready(Stop::Heard),
                Poll::Ready(_) => Poll::Ready(Stop::Closed),
                Poll::Pending => client.poll_gone(cx).map(|()| Stop::ClientGone),
            });
            let stop = tokio::select! {
                biased;
                _ = changed => Stop::Replaced,
                stop = read => stop,
                () = tokio::time::sleep_until(due) => Stop::Silent,
            };
            if stop != Stop::Heard {
                return stop;
            }
        }
    }

    /// Turns what was read into frames, up to a bound.
    async fn frames(&mut self) -> Result<(), ()> {
        while self.out.len() < WHOLE {
            let down = &mut *self.down;
            let seen = down.downward.take(down.buf.data_mut(), &mut self.out);
            match seen.map_err(|_| ())? {
                Seen::More => break,
                Seen::Used(used) => down.buf.consume(used),
                Seen::Ping(used) => {
                    down.buf.consume(used);
                    self.answer_ping().await.map_err(|_| ())?;
                }
                Seen::Closed => {
                    down.buf.consume(down.buf.len());
                    return Err(());
                }
            }
        }
        self.down.buf.release();
        Ok(())
    }

    /// Says in place of a client that knows no pings that it is there. While a request sends, that says it.
    async fn answer_ping(&self) -> std::io::Result<()> {
        let Ok(_alone) = self.session.up.try_lock() else {
            return Ok(());
        };
        let mut pong = Vec::new();
        header(true, Opcode::Pong, 0, &mut pong);
        upstream::write(self.session, &pong).await
    }
}
