//! Serves one request: builds the exchange, has it mediated, writes the answer, writes the access line.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::copies::{Beside, Home};
use super::counters::{Counters, add};
use super::generation::Generation;
use super::log::{outcome, session_use, try_outcome};
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::Dispatch;
use crate::endpoint::tree::NodeKind;
use crate::exchange::{Arrival, Body, CopyReport, Exchange, Fault};
use crate::mediation::executor::Executor;
use crate::mediation::{Aside, Cx, Job, LocalBoxFuture, ReadBytes, Rest, SendTo, Sender};
use crate::observe::{AccessRecord, Attempt, Lines, LogFormat, RequestId, RequestIds};
use crate::soap::content::Extent;
use crate::transport::connection::Handler;
use crate::transport::downstream::Client;
use crate::transport::head::{RequestHead, ResponseHead, Version};
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::strict::Refused;
use crate::transport::reply::{Replied, ReplyBody, reply};
use crate::transport::tls::{ServerTls, TlsError};
use crate::transport::worker::Worker;
use crate::util::gauge::Open;

/// The service of one worker.
pub struct Service {
    /// Its worker.
    pub worker: Rc<Worker>,
    /// Its counters.
    pub counters: Arc<Counters>,
    /// The current generation, looked at between two requests.
    pub current: RefCell<Cache<Arc<ArcSwap<Generation>>, Arc<Generation>>>,
    /// Makes request ids.
    pub ids: RequestIds,
    /// What a task beside this connection's is made of.
    pub home: Rc<Home>,
    /// Takes access lines.
    pub access: Option<(LogFormat, Lines)>,
    /// Name of the listener in access lines.
    pub listener: String,
    /// Its TLS profile, when it is one for HTTPS.
    pub tls: Option<String>,
}

impl Handler for Service {
    async fn serve(&self, client: Box<Client>, head: RequestHead) -> (Box<Client>, RequestHead) {
        let begun = self.worker.look();
        let generation = self.generation();
        let id = self.ids.next(
            head.headers.value(Name::Traceparent),
            head.headers.value(Name::XRequestId),
        );
        let _running = Open::new(&self.counters.in_flight);
        let arrival = Arrival {
            peer: client.peer,
            local: client.local,
            https: self.tls.is_some(),
            inside: client.calls > 0,
        };
        let depth = client.calls;
        let body = if client.body.framing == Framing::None {
            Body::Empty
        } else {
            Body::Incoming
        };
        let request_bytes = match client.body.framing {
            Framing::Length(n) => n,
            _ => 0,
        };
        let mut x = Exchange::new(arrival, self.worker.now(), head, body);
        x.client = Some(client);
        x.depth = depth;
        x.entries.clone_from(&generation.entries);
        let beside = Beside {
            home: self.home.clone(),
            generation,
            request: id,
            hash_sessions: self.access.is_some(),
        };
        let (generation, id) = (&beside.generation, &beside.request);
        let events = beside.events();
        let sender = beside.bound(&events);
        generation
            .mediation
            .handle(
                &mut x,
                &Cx {
                    sender: &sender,
                    log: &events,
                },
            )
            .await;
        let ttfb = self.worker.instant() - begun;
        let Some(mut client) = x.client.take() else {
            // The client is put in above and nobody takes it out; without one there is nobody to answer.
            unreachable!("an exchange keeps its client");
        };
        if x.axis2
            .value("NO_KEEPALIVE")
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        {
            client.keep_alive = false;
        }
        let (response, body) = answer(&mut x);
        let tunnel = (response.status == 101).then(|| Open::new(&self.counters.tunnels_open));
        let replied = reply(&self.worker, &mut client, &response, body).await;
        drop(tunnel);
        let took = self.worker.look() - begun;
        self.counters
            .answered(response.status, took, request_bytes, replied.body_bytes);
        if let Some((format, lines)) = &self.access {
            let ended = Ended {
                status: response.status,
                replied,
                request_bytes,
                ttfb,
                took,
                tls: client.io.tls_version(),
            };
            self.write_access(*format, lines, &x, id, generation, ended);
        }
        self.worker.recycle_response(response);
        (client, x.client_head.map_or(x.request, |head| *head))
    }

    fn refused(&self, client: &Client, refused: Refused) {
        add(&self.counters.refused, 1);
        self.counters
            .answered(refused.status, std::time::Duration::ZERO, 0, 0);
        self.write_nothing_served(NothingServed {
            client: client.peer,
            tls: client.io.tls_version(),
            proto: "HTTP/1.1",
            reason: refused.reason,
            status: refused.status,
            outcome: "rejected",
        });
    }

    fn tls(&self) -> Option<ServerTls> {
        let generation = self.generation();
        generation.tls.profile(self.tls.as_ref()?)?.server.clone()
    }

    fn not_greeted(&self, peer: SocketAddr, why: &TlsError) {
        add(&self.counters.handshakes_failed, 1);
        self.write_nothing_served(NothingServed {
            client: peer,
            tls: None,
            proto: "TLS",
            reason: &why.0,
            status: 0,
            outcome: "tls_failed",
        });
    }

    fn connected(&self) {
        add(&self.counters.connections, 1);
        add(&self.counters.connections_open, 1);
    }

    fn closed(&self) {
        self.counters
            .connections_open
            .fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an access line says of a connection on which no request was served.
struct NothingServed<'a> {
    client: SocketAddr,
    tls: Option<&'static str>,
    proto: &'static str,
    reason: &'a str,
    status: u16,
    outcome: &'static str,
}

impl Service {
    fn write_nothing_served(&self, this: NothingServed<'_>) {
        if let Some((format, lines)) = &self.access {
            let id = self.ids.next(None, None);
            let record = AccessRecord {
                unix_ms: self.worker.unix_ms(),
                id: &id,
                client: this.client,
                listener: &self.listener,
                tls: this.tls,
                proto: this.proto,
                method: b"",
                host: b"",
                path: b"",
                route: this.reason,
                status: this.status,
                outcome: this.outcome,
                code: None,
                bytes_in: 0,
                bytes_out: 0,
                total: std::time::Duration::ZERO,
                connect: None,
                ttfb: None,
                group: None,
                endpoint: None,
                upstream: None,
                attempts: &[],
                session: None,
                generation: self.generation().number,
            };
            lines.append(|out| record.write(*format, out));
        }
    }
}

/// How an exchange ended, for its access line.
struct Ended {
    status: u16,
    replied: Replied,
    request_bytes: u64,
    ttfb: std::time::Duration,
    took: std::time::Duration,
    tls: Option<&'static str>,
}

impl Service {
    /// What a message is made of that no client sent: one of a task or a processor.
    pub fn beside(&self, generation: Arc<Generation>) -> Beside {
        Beside {
            home: self.home.clone(),
            generation,
            request: self.ids.next(None, None),
            hash_sessions: false,
        }
    }

    /// The generation that serves now.
    pub fn generation(&self) -> Arc<Generation> {
        Arc::clone(self.current.borrow_mut().load())
    }

    fn write_access(
        &self,
        format: LogFormat,
        lines: &Lines,
        x: &Exchange,
        id: &RequestId,
        generation: &Generation,
        ended: Ended,
    ) {
        let path = |node: u32| -> &str { &generation.endpoints.node(NodeId(node)).path };
        let attempts: SmallVec<[Attempt<'_>; 2]> = x
            .trail
            .tries
            .iter()
            .map(|t| Attempt {
                endpoint: path(t.leaf),
                outcome: try_outcome(t),
                code: t.code,
                took: t.took,
            })
            .collect();
        let last = x.trail.tries.last();
        let target = last.and_then(|t| match &generation.endpoints.node(NodeId(t.leaf)).kind {
            NodeKind::Leaf(leaf) => leaf.target.authority(),
            _ => None,
        });
        let request = x.client_request();
        let record = AccessRecord {
            unix_ms: self.worker.unix_ms(),
            id,
            client: x.arrival.peer,
            listener: &self.listener,
            tls: ended.tls,
            proto: if request.version == Version::Http10 {
                "HTTP/1.0"
            } else {
                "HTTP/1.1"
            },
            method: request.method_text(),
            host: request.headers.value(Name::Host).unwrap_or_default(),
            path: request.target(),
            route: x
                .proxy
                .as_deref()
                .or(x.visit.as_deref().map(|visit| visit.api.as_str()))
                .unwrap_or(generation.mediation.route_name()),
            status: ended.status,
            outcome: outcome(x, ended.replied.end),
            code: x.trail.failure,
            bytes_in: ended.request_bytes,
            bytes_out: ended.replied.body_bytes,
            total: ended.took,
            connect: x.trail.connect,
            ttfb: Some(ended.ttfb),
            group: x.trail.root.map(path),
            endpoint: last.map(|t| path(t.leaf)),
            upstream: target.as_deref(),
            attempts: &attempts,
            session: session_use(x.trail.session),
            generation: generation.number,
        };
        lines.append(|out| record.write(format, out));
    }
}

/// What goes to the client. An answer without a body still gives its connection back to the pool.
fn answer(x: &mut Exchange) -> (ResponseHead, ReplyBody) {
    let head = x.response.take().unwrap_or_else(|| ResponseHead::new(202));
    let body = match (std::mem::take(&mut x.response_body), x.upstream.take()) {
        (Body::Incoming, Some((upstream, target))) => ReplyBody::Upstream(upstream, target),
        (Body::Empty, Some((upstream, target))) if upstream.framing == Framing::None => {
            ReplyBody::Upstream(upstream, target)
        }
        (Body::Whole(bytes), _) => ReplyBody::Bytes(bytes),
        _ => ReplyBody::Empty,
    };
    (head, body)
}

/// How long a flow waits for a message that it sends one way to be written: a back end that is slow to take it delays
/// nobody further.
const DEPARTURE_MAX: Duration = Duration::from_millis(20);

/// The sender of one exchange.
pub struct Bound<'a> {
    /// Sends to endpoints.
    pub dispatch: Dispatch<'a>,
    /// What tasks beside this one are made of; `None` when the message is only thought through.
    pub beside: Option<&'a Beside>,
    /// The endpoint for what goes to the `To` of the message.
    pub to_of_message: NodeId,
}

impl Sender for Bound<'_> {
    fn send<'a>(
        &'a self,
        x: &'a mut Exchange,
        to: SendTo,
    ) -> LocalBoxFuture<'a, Result<(), Fault>> {
        match to {
            // In a block of its own, because a future that is boxed as it comes is made on the stack and copied whole.
            SendTo::Endpoint(id) => {
                Box::pin(async move { self.dispatch.send(x, NodeId(id)).await })
            }
            // The address is the message's own, so that nothing of its path belongs behind it (recorded).
            SendTo::ToOfMessage => Box::pin(async move {
                let suffix = std::mem::take(&mut x.rest_suffix);
                let sent = self.dispatch.send(x, self.to_of_message).await;
                x.rest_suffix = suffix;
                sent
            }),
        }
    }

    fn extent(&self, to: SendTo) -> Option<Extent> {
        match to {
            SendTo::Endpoint(id) => self.dispatch.properties.extent(NodeId(id)),
            SendTo::ToOfMessage => None,
        }
    }

    fn read<'a>(
        &'a self,
        x: &'a mut Exchange,
        extent: Extent,
    ) -> LocalBoxFuture<'a, Result<Option<ReadBytes>, Fault>> {
        Box::pin(async move {
            let read = self.dispatch.read(x, extent).await?;
            Ok(read.map(|(bytes, extent)| ReadBytes { bytes, extent }))
        })
    }

    fn message_bytes(&self) -> usize {
        self.dispatch.worker.limits.message_bytes
    }

    fn header_bytes(&self) -> usize {
        self.dispatch.worker.limits.soap_header_bytes
    }

    fn chance(&self) -> u64 {
        self.dispatch.worker.random()
    }

    fn compute<'a>(&'a self, job: Job, begun: bool) -> LocalBoxFuture<'a, Result<(), Fault>> {
        match self.beside {
            Some(beside) => Box::pin(beside.home.heavy.compute(job, begun)),
            None => {
                job();
                Box::pin(std::future::ready(Ok(())))
            }
        }
    }

    fn hold<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, Result<(), Fault>> {
        Box::pin(x.hold_answer(self.dispatch.worker))
    }

    fn discard<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, ()> {
        Box::pin(x.discard_answer(self.dispatch.worker))
    }

    fn aside(&self, copies: Vec<Aside>, in_order: bool, report: CopyReport) -> bool {
        let beside = self.beside;
        beside.is_some_and(|beside| beside.aside(copies, in_order, report))
    }

    fn departure<'a>(&'a self, departed: oneshot::Receiver<()>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = tokio::time::timeout(DEPARTURE_MAX, departed).await;
        })
    }

    fn enqueue(&self, copy: Aside, executor: &Executor, priority: i64, report: CopyReport) -> bool {
        let beside = self.beside;
        beside.is_some_and(|beside| beside.enqueue(copy, executor, priority, report))
    }

    fn deliver<'a>(
        &'a self,
        x: &'a mut Exchange,
        endpoint: u32,
    ) -> LocalBoxFuture<'a, Result<(), Fault>> {
        match self.beside {
            Some(beside) => Box::pin(beside.deliver(x, NodeId(endpoint))),
            None => Box::pin(self.dispatch.send(x, NodeId(endpoint))),
        }
    }

    fn endpoint(&self, name: &str) -> Option<u32> {
        self.dispatch.endpoints.named(name).map(|id| id.0)
    }

    fn behind(&self, rest: Rest) {
        if let Some(beside) = self.beside {
            beside.behind(rest);
        }
    }
}
