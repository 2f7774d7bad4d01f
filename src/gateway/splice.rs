//! Two streams joined: every byte of one goes to the other, and the end of one is told to the other.

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::transport::buffer::Buf;
use crate::transport::downstream::Client;
use crate::transport::http1::framing::{Decoder, Framing};
use crate::transport::io::Io;
use crate::transport::pump::{Pump, Source};
use crate::transport::worker::Worker;

/// One direction.
struct Way {
    pump: Pump,
    decoder: Decoder,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flowing,
    /// All is through; the end is being told.
    Ending,
    Ended,
}

impl Way {
    fn new() -> Way {
        Way {
            pump: Pump::new(Vec::new(), Framing::UntilClose),
            decoder: Decoder::new(Framing::UntilClose),
            state: State::Flowing,
        }
    }

    /// Ready with false when something broke, with true when it ended.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        buf: &mut Buf,
        to: &mut Io,
    ) -> Poll<bool> {
        if self.state == State::Flowing {
            let mut source = Source {
                io,
                buf,
                decoder: &mut self.decoder,
                replay: None,
                keep: None,
            };
            match self.pump.poll(cx, &mut source, to) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.state = State::Ending,
                Poll::Ready(Err(_)) => return Poll::Ready(false),
            }
        }
        if self.state == State::Ending {
            match to.poll_finish(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.state = State::Ended,
                Poll::Ready(Err(_)) => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }
}

/// Joins a client and a back end until both have ended, or one broke. A stop of the process gives them the drain time.
pub(super) async fn both_ways(worker: &Worker, client: &mut Client, back: &mut Io) {
    client.io.keep_probing();
    back.keep_probing();
    let mut buf = Buf::default();
    let (mut out, mut home) = (Way::new(), Way::new());
    let waiting = worker.drain.wait();
    let mut until = None;
    loop {
        let work = poll_fn(|cx| {
            if until.is_none() && waiting.poll_begun(cx) {
                return Poll::Ready(false);
            }
            let there = out.poll(cx, &mut client.io, &mut client.buf, back);
            let back_again = home.poll(cx, back, &mut buf, &mut client.io);
            match (there, back_again) {
                (Poll::Ready(false), _) | (_, Poll::Ready(false)) => Poll::Ready(true),
                (Poll::Ready(true), Poll::Ready(true)) => Poll::Ready(true),
                _ => Poll::Pending,
            }
        });
        let done = match until {
            None => work.await,
            // Time is over: what is left is cut.
            Some(at) => tokio::time::timeout_at(at, work).await.unwrap_or(true),
        };
        if done {
            return;
        }
        until = Some(tokio::time::Instant::now() + worker.limits.drain);
    }
}
