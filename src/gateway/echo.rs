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
use crate::config::gateway::model::ServiceDef;
use crate::config::gateway::uri::Layer;
use crate::transport::downstream::Client;
use crate::transport::websocket::socket::Terms;
use crate::transport::worker::Worker;

/// What waits for a client at most, where nothing is said.
const PENDING_BYTES: usize = 64 * 1024;
/// `ws.maximum.message.size` when nothing is said.
const MESSAGE_BYTES: u64 = 128 * 1024;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "echo",
    doc: "sends every message back",
    shape: Shape {
        properties: &["repeat"],
        ..Shape::accepting(&[Layer::WebSocket, Layer::Stream])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    build.unheeded("repeat", "every message is sent back once");
    Some(Arc::new(Echo {
        terms: terms(build.def),
    }))
}

/// What the options of a service say of its WebSockets.
pub(super) fn terms(def: &ServiceDef) -> Terms {
    let options = &def.accept_options;
    Terms {
        message_bytes: options.maximum_message.unwrap_or(MESSAGE_BYTES),
        inactivity: options.inactivity.unwrap_or(Duration::ZERO),
        pending_bytes: PENDING_BYTES,
    }
}

struct Echo {
    terms: Terms,
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
            let Some(mut socket) = greeting::open(visit, self.terms).await else {
                return;
            };
            let end = loop {
                match socket.next().await {
                    Ok(told) => socket.queue_told(&told),
                    Err(end) => break end,
                }
            };
            let (received, sent) = socket.finish(end).await;
            visit.served.bytes_in = received;
            visit.served.bytes_out = sent;
        })
    }
}
