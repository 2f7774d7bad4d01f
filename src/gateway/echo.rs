//! `echo`: every message comes back as it was sent, fragment by fragment (spec/kaazing.md 3.3).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::ServiceType;
use super::greeting;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::Shape;
use super::visit::Visit;
use crate::config::gateway::uri::Layer;
use crate::transport::downstream::Client;
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::socket::{End, Socket, Terms};
use crate::transport::worker::Worker;

/// What waits for a client at most, where nothing is said.
const PENDING_BYTES: usize = 64 * 1024;
/// `ws.maximum.message.size` when nothing is said.
pub(super) const MESSAGE_BYTES: u64 = 128 * 1024;
/// Most copies of a message that are sent back.
const REPEAT_MAX: u32 = 10_000;
/// The property of services with WebSockets of their own that compresses messages.
pub(super) const DEFLATE: &str = "permessage-deflate";

pub(super) const TYPE: ServiceType = ServiceType {
    name: "echo",
    doc: "sends every message back",
    shape: Shape {
        properties: &["repeat"],
        own: &[DEFLATE],
        ..Shape::accepting(&[Layer::WebSocket, Layer::Stream])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let repeat = build.read("repeat", times).unwrap_or(1);
    Some(Arc::new(Echo {
        terms: terms(build),
        repeat,
    }))
}

fn times(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(times @ 1..=REPEAT_MAX) => Ok(times),
        _ => Err(format!(
            "{text} is no count: write 1 to {REPEAT_MAX}, how often each message is sent back"
        )),
    }
}

/// What the options and properties of a service say of its WebSockets.
pub(super) fn terms(build: &mut Build<'_>) -> Terms {
    let deflates = build.read(DEFLATE, |text| match text {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        _ => Err(format!("{text} is neither enabled nor disabled")),
    });
    let options = &build.def.accept_options;
    Terms {
        message_bytes: options.maximum_message.unwrap_or(MESSAGE_BYTES),
        inactivity: options.inactivity.unwrap_or(Duration::ZERO),
        pending_bytes: PENDING_BYTES,
        deflates: deflates.unwrap_or_default(),
    }
}

struct Echo {
    terms: Terms,
    /// Each message is sent back so often.
    repeat: u32,
}

impl Service for Echo {
    fn greets(&self) -> bool {
        true
    }

    fn stream<'a>(&'a self, worker: &'a Worker, client: &'a mut Client) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            client.io.keep_probing();
            let waiting = worker.drain.wait();
            loop {
                let read = poll_fn(|cx| match client.io.poll_fill(cx, &mut client.buf) {
                    Poll::Pending if waiting.poll_begun(cx) => Poll::Ready(Ok(0)),
                    other => other,
                });
                let Ok(n @ 1..) = read.await else { return };
                let due = tokio::time::Instant::now() + worker.limits.body_progress;
                let write = client.io.write_all(client.buf.data());
                if !matches!(client.alarm.limit(due, write).await, Some(Ok(()))) {
                    return;
                }
                client.buf.consume(n);
                client.buf.release();
            }
        })
    }

    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(opened) = greeting::open(visit, self.terms).await else {
                return;
            };
            let repeat = self.repeat;
            visit.lasts(move |client, worker| {
                Box::pin(async move {
                    let mut socket = opened.on(client, worker);
                    let end = match repeat {
                        1 => once(&mut socket).await,
                        times => again(&mut socket, times).await,
                    };
                    socket.finish(end).await
                })
            });
        })
    }
}

/// Every part of a message as it comes.
async fn once(socket: &mut Socket<'_>) -> End {
    loop {
        match socket.next().await {
            Ok(told) => socket.queue_told(&told),
            Err(end) => return end,
        }
    }
}

/// Whole messages, so that their copies do not mix.
async fn again(socket: &mut Socket<'_>, times: u32) -> End {
    let mut message = Vec::new();
    loop {
        let told = match socket.next().await {
            Ok(told) => told,
            Err(end) => return end,
        };
        let part = socket.part(&told);
        // Not more than `ws.maximum.message.size`: beyond it there is no next part.
        message.extend_from_slice(part.payload);
        if !part.last {
            continue;
        }
        let opcode = if part.text {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        for _ in 0..times {
            socket.queue(true, opcode, &message);
            if socket.is_full()
                && let Err(end) = socket.flush().await
            {
                return end;
            }
        }
        message = Vec::new();
    }
}
