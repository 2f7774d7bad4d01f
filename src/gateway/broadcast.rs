//! `broadcast`: what a source says goes to every client that is connected.
//!
//! The source connects to the URI in `accept` of the properties; each piece that is read of it is one binary message. A client that does
//! not take its messages falls behind by at most [`WAITING_MAX`] of them and is closed then (1013): what it missed cannot be made up for.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use tokio::sync::broadcast::{self, error::RecvError};

use super::ServiceType;
use super::door::DoorKey;
use super::echo::{DEFLATE, terms};
use super::greeting;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::{Connects, Shape};
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::uri::{Layer, Uri};
use crate::transport::downstream::Client;
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::socket::{End, Part, Socket, Terms};
use crate::transport::worker::Worker;

/// Most messages that wait for a slow client.
const WAITING_MAX: usize = 256;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "broadcast",
    doc: "sends what a source says to every client",
    shape: Shape {
        connects: Connects::None,
        properties: &["accept", "on.client.message"],
        own: &[DEFLATE],
        needs_properties: true,
        ..Shape::accepting(&[Layer::WebSocket])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let repeats = build.read("on.client.message", on_client_message);
    let help = "add <accept>tcp://host:port</accept>: the URI that the source connects to";
    let accept = build.required("accept", help)?;
    let source = match Uri::parse(&accept.value) {
        Ok(uri) if uri.scheme == "tcp" && uri.port.is_some() => uri,
        _ => {
            let message = format!("{} is no URI that a source could connect to", accept.value);
            let help = "write tcp://host:port";
            let code = DiagnosticCode::GatewayUri;
            build
                .diagnostics
                .error_help(code, accept.span, message, help);
            return None;
        }
    };
    Some(Arc::new(Broadcast {
        terms: terms(build),
        repeats: repeats.unwrap_or_default(),
        source: DoorKey {
            host: Some(source.host.clone()),
            port: source.port_or_default(),
            tls: None,
            raw: true,
        },
        messages: broadcast::Sender::new(WAITING_MAX),
    }))
}

/// Whether every client gets what one of them sends.
fn on_client_message(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "broadcast" => Ok(true),
        "noop" => Ok(false),
        _ => Err(format!("{text} is neither broadcast nor noop")),
    }
}

/// What every client is told.
#[derive(Clone, Debug)]
struct Message {
    text: bool,
    bytes: Bytes,
}

struct Broadcast {
    terms: Terms,
    /// What a client sends goes to every client too.
    repeats: bool,
    source: DoorKey,
    messages: broadcast::Sender<Message>,
}

impl Service for Broadcast {
    fn greets(&self) -> bool {
        true
    }

    fn source(&self) -> Option<&DoorKey> {
        Some(&self.source)
    }

    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let messages = self.messages.subscribe();
            let Some(opened) = greeting::open(visit, self.terms).await else {
                return;
            };
            let repeats = self.repeats.then(|| self.messages.clone());
            visit.lasts(move |client, worker| {
                Box::pin(async move {
                    let mut socket = opened.on(client, worker);
                    let end = listen(&mut socket, messages, repeats.as_ref()).await;
                    socket.finish(end).await
                })
            });
        })
    }

    /// The source itself.
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
                // Without a client nobody misses it.
                let _ = self.messages.send(Message {
                    text: false,
                    bytes: Bytes::copy_from_slice(client.buf.data()),
                });
                client.buf.consume(n);
                client.buf.release();
            }
        })
    }
}

/// Passes on until one side ends; what the client sends goes to `repeats`.
async fn listen(
    socket: &mut Socket<'_>,
    mut messages: broadcast::Receiver<Message>,
    repeats: Option<&broadcast::Sender<Message>>,
) -> End {
    let mut heard = BytesMut::new();
    loop {
        tokio::select! {
            told = socket.next() => match told {
                Ok(told) => if let Some(all) = repeats {
                    repeat(socket.part(&told), &mut heard, all);
                },
                Err(end) => return end,
            },
            message = messages.recv() => match message {
                Ok(message) => {
                    let opcode = if message.text { Opcode::Text } else { Opcode::Binary };
                    socket.queue(true, opcode, &message.bytes);
                    if let Err(end) = socket.flush().await {
                        return end;
                    }
                }
                Err(RecvError::Lagged(_)) => return End::Close(CloseCode::TRY_AGAIN),
                // The service is gone with its generation.
                Err(RecvError::Closed) => return End::Close(CloseCode::GOING_AWAY),
            },
        }
    }
}

/// Tells all what a client said, once the message is whole. The receiver has counted it: it is not larger than
/// `ws.maximum.message.size`.
fn repeat(part: Part<'_>, heard: &mut BytesMut, all: &broadcast::Sender<Message>) {
    heard.extend_from_slice(part.payload);
    if part.last {
        let bytes = std::mem::take(heard).freeze();
        // This client listens too, so somebody does.
        let _ = all.send(Message {
            text: part.text,
            bytes,
        });
    }
}
