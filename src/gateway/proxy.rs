//! `proxy`: a WebSocket or a stream goes on to a back end (spec/kaazing.md 2.5 and 3.4).
//!
//! | accepted | back end | how |
//! |---|---|---|
//! | ws, wss | tcp, ssl | the payload of messages goes out as bytes, bytes come back as binary messages |
//! | ws, wss | ws, wss | the upgrade is passed on and then every byte as it is; no frame is looked at |
//! | tcp, ssl | tcp, ssl | every byte as it is |
//! | tcp, ssl | ws, wss | as the first one, the other way round |
//!
//! Of several back ends the next one is tried when one does not answer, beginning with another one for each client.
//! With `maximum.recovery.interval` a back end that is down is not asked for a while, which grows up to that interval, and
//! clients are refused with 503. Without it they get what the original gives them: a WebSocket that is closed at once.

mod bridge;
mod connections;
mod outward;
mod recovery;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::connections::Connections;
use self::outward::Outward;
use self::recovery::Recovery;
use super::ServiceType;
use super::backend;
use super::echo::{DEFLATE, terms};
use super::forwarded::Forwarded;
use super::greeting;
use super::http_proxy;
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::{Connects, Shape};
use super::splice;
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::uri::{Layer, Uri};
use crate::config::gateway::value::{count, data_size, duration};
use crate::transport::downstream::Client;
use crate::transport::io::Io;
use crate::transport::reply::ReplyBody;
use crate::transport::target::Target;
use crate::transport::upstream::TryError;
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::socket::{End, Terms};
use crate::transport::worker::Worker;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "proxy",
    doc: "passes messages on to a back end",
    shape: Shape {
        connects: Connects::Some,
        properties: &[
            "maximum.pending.bytes",
            "maximum.recovery.interval",
            "prepared.connection.count",
            "connect.strategy",
        ],
        own: &[DEFLATE],
        ..Shape::accepting(&[Layer::WebSocket, Layer::Stream])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let mut terms = terms(build);
    if let Some(bytes) = build.read("maximum.pending.bytes", data_size) {
        terms.pending_bytes = usize::try_from(bytes).unwrap_or(usize::MAX).max(1);
    }
    let interval = build.read("maximum.recovery.interval", duration);
    let mut prepared = build
        .read("prepared.connection.count", count)
        .unwrap_or_default();
    let strategy = build.read("connect.strategy", |text| match text {
        "immediate" | "prepared" | "deferred" => Ok(text.to_owned()),
        _ => Err(format!(
            "{text} is none of immediate, prepared and deferred"
        )),
    });
    if strategy.as_deref() == Some("prepared") {
        prepared = prepared.max(1);
    }
    let mut backends = Vec::new();
    for connect in &build.def.connects {
        let layer = connect.value.layer();
        if matches!(layer, Layer::Stream | Layer::WebSocket) {
            backends.push(Backend {
                target: Arc::new(backend::target(&connect.value, build)),
                uri: connect.value.clone(),
                recovery: Recovery::new(interval),
            });
            continue;
        }
        let code = DiagnosticCode::GatewayUri;
        let message = format!(
            "a service of type proxy cannot connect to {}",
            connect.value
        );
        let help = "write ws://, wss://, tcp:// or ssl://";
        build
            .diagnostics
            .error_help(code, connect.span, message, help);
    }
    limits_have_no_effect(build);
    (backends.len() == build.def.connects.len()).then(|| {
        let proxy: Arc<dyn Service> = Arc::new(Proxy {
            backends,
            terms,
            refuses: interval.is_some_and(|i| !i.is_zero()),
            connections: Connections::new(prepared as usize, build.trust.clone()),
            next: AtomicUsize::new(0),
        });
        proxy
    })
}

/// Where no frame is looked at nothing is counted and nobody is pinged.
fn limits_have_no_effect(build: &mut Build<'_>) {
    let options = &build.def.accept_options;
    let limited = options.maximum_message.is_some() || options.inactivity.is_some();
    let to_socket = build
        .def
        .connects
        .iter()
        .find(|c| c.value.layer() == Layer::WebSocket);
    if let Some(connect) = to_socket.filter(|_| limited) {
        let code = DiagnosticCode::NoEffect;
        let message = "ws.maximum.message.size and ws.inactivity.timeout have no effect here";
        let help =
            "frames between two WebSockets are not looked at: both ends keep their own limits";
        build.diagnostics.warn(code, connect.span, message, help);
    }
}

struct Backend {
    uri: Uri,
    target: Arc<Target>,
    recovery: Recovery,
}

struct Proxy {
    backends: Vec<Backend>,
    terms: Terms,
    /// Clients are refused while nobody is there.
    refuses: bool,
    connections: Connections,
    next: AtomicUsize,
}

impl Service for Proxy {
    fn greets(&self) -> bool {
        !self.leads_to(Layer::WebSocket)
    }

    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            match self.leads_to(Layer::WebSocket) {
                true => self.relay(visit).await,
                false => self.bridge(visit).await,
            }
        })
    }

    fn stream<'a>(&'a self, worker: &'a Worker, client: &'a mut Client) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            if self.leads_to(Layer::WebSocket) {
                if let Some(outward) = self.ask(worker).await {
                    outward.run(worker, client, self.terms).await;
                }
            } else if let Some(mut io) = self.connect(worker).await {
                splice::both_ways(worker, client, &mut io).await;
            }
        })
    }

    fn is_available(&self) -> bool {
        self.backends
            .iter()
            .any(|backend| backend.recovery.may_be_asked())
    }
}

impl Proxy {
    /// The back ends that may be asked, beginning with another one for each client.
    fn in_turn(&self) -> impl Iterator<Item = &Backend> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.backends.len();
        let turned = (0..count).map(move |at| &self.backends[(first.wrapping_add(at)) % count]);
        turned.filter(|backend| backend.recovery.may_be_asked())
    }

    /// True when that is spoken with the back ends.
    fn leads_to(&self, layer: Layer) -> bool {
        let first = self.backends.first();
        first.is_some_and(|backend| backend.uri.layer() == layer)
    }

    /// A WebSocket of the first back end that agrees to one.
    async fn ask(&self, worker: &Worker) -> Option<Outward> {
        for backend in self.in_turn() {
            let io = self.connections.get(worker, &backend.target).await;
            let opened = match io {
                Ok(io) => Outward::open(worker, io, &backend.uri).await,
                Err(error) => Err(error),
            };
            match opened {
                Ok(outward) => {
                    backend.recovery.is_up();
                    return Some(outward);
                }
                Err(_) => backend.recovery.is_down(),
            }
        }
        None
    }

    /// A connection to the first back end that answers.
    async fn connect(&self, worker: &Worker) -> Option<Io> {
        for backend in self.in_turn() {
            match self.connections.get(worker, &backend.target).await {
                Ok(io) => {
                    backend.recovery.is_up();
                    return Some(io);
                }
                Err(_) => backend.recovery.is_down(),
            }
        }
        None
    }

    /// WebSocket on this side, bytes on the other.
    async fn bridge(&self, visit: &mut Visit<'_>) {
        let worker = visit.worker;
        // Nobody connects through here before it is known who he is; everybody else is told before he is let in.
        let is_known = visit.unknown().is_none();
        let mut io = None;
        if is_known {
            io = self.connect(worker).await;
            if io.is_none() && self.refuses {
                return self.refuse(visit).await;
            }
        }
        let Some(opened) = greeting::open(visit, self.terms).await else {
            return;
        };
        if !is_known {
            io = self.connect(worker).await;
        }
        let refuses = self.refuses;
        visit.lasts(move |client, worker| {
            Box::pin(async move {
                let mut socket = opened.on(client, worker);
                let end = match io {
                    Some(io) => bridge::run(&mut socket, io).await,
                    None if refuses => End::Close(CloseCode::TRY_AGAIN),
                    None => End::Close(CloseCode::NORMAL),
                };
                socket.finish(end).await
            })
        });
    }

    /// WebSocket on both sides: the upgrade is passed on.
    async fn relay(&self, visit: &mut Visit<'_>) {
        if backend::is_loop(visit) {
            return visit.page(Page::LOOP).await;
        }
        let mut last = None;
        for backend in self.in_turn() {
            let mut path = backend.uri.path_or_root().as_bytes().to_vec();
            if let Some(query) = visit
                .query()
                .or(backend.uri.query.as_deref().map(str::as_bytes))
            {
                path.push(b'?');
                path.extend_from_slice(query);
            }
            match http_proxy::send(visit, &backend.target, &path, true, Forwarded::Ignore).await {
                Ok(mut answer) => {
                    backend.recovery.is_up();
                    visit.grant(&mut answer.head);
                    let body = ReplyBody::Upstream(answer.upstream, backend.target.clone());
                    return visit.reply(&answer.head, body).await;
                }
                Err(error @ TryError::Failed { .. }) => {
                    backend.recovery.is_down();
                    last = Some(error);
                }
                Err(error) => return backend::failed(visit, error).await,
            }
        }
        match last {
            Some(error) if !self.refuses => backend::failed(visit, error).await,
            _ => self.refuse(visit).await,
        }
    }

    async fn refuse(&self, visit: &mut Visit<'_>) {
        let wait = self.backends.iter().map(|b| b.recovery.wait_s()).min();
        visit.served.outcome = Some("connect_failed");
        visit.unavailable(wait.unwrap_or_default().max(1)).await;
    }
}
