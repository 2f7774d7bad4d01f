//! Requests that come through a door of a gateway-config: served by the gateway of the current generation.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::counters::add;
use super::doors::OpenDoor;
use super::serve::Service;
use crate::gateway::{Lasting, Served};
use crate::observe::{AccessRecord, RequestId};
use crate::transport::connection::{GoesOn, Handler};
use crate::transport::downstream::Client;
use crate::transport::head::{RequestHead, Version};
use crate::transport::headers::Name;
use crate::transport::http1::strict::Refused;
use crate::transport::local::Calls;
use crate::transport::tls::{ServerTls, TlsError};
use crate::transport::worker::Worker;
use crate::util::gauge::Open;

/// What serves one door on one worker.
pub struct Doorman {
    /// What it has in common with other listeners.
    pub service: Rc<Service>,
    /// The door.
    pub door: OpenDoor,
    /// Leads to it from inside, for WebSockets that are emulated.
    pub inward: Calls,
    /// What goes on behind the exchange that was just served: taken before anything else is.
    pub lasting: Cell<Option<GoesOn>>,
}

/// Runs a WebSocket that goes on behind its exchange, and writes its line at the end.
async fn go_on(
    lasting: Lasting,
    mut entry: Entry,
    open: Tunnel,
    mut client: Box<Client>,
    worker: &Worker,
) {
    let (received, sent) = lasting.run(&mut client, worker).await;
    entry.served.bytes_in = received;
    entry.served.bytes_out = sent;
    entry.write(&open.0, &client);
}

/// Counts an open WebSocket until it is dropped.
struct Tunnel(Rc<Service>);

impl Tunnel {
    fn new(service: Rc<Service>) -> Tunnel {
        add(&service.counters.tunnels_open, 1);
        Tunnel(service)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let open = &self.0.counters.tunnels_open;
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an access line says of a visit.
struct Entry {
    begun: Instant,
    id: RequestId,
    method: Box<[u8]>,
    host: Box<[u8]>,
    path: Box<[u8]>,
    version: Version,
    generation: u64,
    served: Served,
}

impl Entry {
    fn write(&self, service: &Service, client: &Client) {
        let served = &self.served;
        let took = service.worker.look() - self.begun;
        service
            .counters
            .answered(served.status, took, served.bytes_in, served.bytes_out);
        let Some((format, lines)) = &service.access else {
            return;
        };
        let version = match self.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        };
        let record = AccessRecord {
            unix_ms: service.worker.unix_ms(),
            id: &self.id,
            client: client.peer,
            listener: &service.listener,
            tls: client.io.tls_version(),
            proto: version,
            method: &self.method,
            host: &self.host,
            path: &self.path,
            route: served.service.as_deref().unwrap_or_default(),
            status: served.status,
            outcome: served.outcome.unwrap_or("ok"),
            code: None,
            bytes_in: served.bytes_in,
            bytes_out: served.bytes_out,
            total: took,
            connect: None,
            ttfb: None,
            group: None,
            endpoint: None,
            upstream: served.upstream.as_deref(),
            attempts: &[],
            session: None,
            generation: self.generation,
        };
        lines.append(|out| record.write(*format, out));
    }
}

impl Handler for Doorman {
    async fn serve(
        &self,
        mut client: Box<Client>,
        head: RequestHead,
    ) -> (Box<Client>, RequestHead) {
        let service = &*self.service;
        let begun = service.worker.look();
        let generation = service.generation();
        let id = service.ids.next(
            head.headers.value(Name::Traceparent),
            head.headers.value(Name::XRequestId),
        );
        let open = match client.upgrade {
            true => &service.counters.tunnels_open,
            false => &service.counters.in_flight,
        };
        let open = Open::new(open);
        let keys = self.door.keys.load_full();
        let served = match &generation.gateway {
            Some(gateway) => {
                gateway
                    .serve(&service.worker, &mut client, &head, &keys, &self.inward)
                    .await
            }
            // The file has become one of another kind: nothing is behind the door any more.
            None => {
                client.keep_alive = false;
                Served::default()
            }
        };
        drop(open);
        let mut entry = Entry {
            begun,
            id,
            method: head.method_text().into(),
            host: head.headers.value(Name::Host).unwrap_or_default().into(),
            path: head.target().into(),
            version: head.version,
            generation: generation.number,
            served,
        };
        match entry.served.lasting.take() {
            None => entry.write(service, &client),
            Some(lasting) => {
                let open = Tunnel::new(self.service.clone());
                self.lasting.set(Some(Box::new(move |client, worker| {
                    Box::pin(go_on(lasting, entry, open, client, worker))
                })));
            }
        }
        (client, head)
    }

    fn goes_on(&self) -> Option<GoesOn> {
        self.lasting.take()
    }

    async fn take(&self, mut client: Box<Client>) -> Option<Box<Client>> {
        if !self.door.raw {
            return Some(client);
        }
        let generation = self.service.generation();
        let _open = Open::new(&self.service.counters.tunnels_open);
        if let Some(gateway) = &generation.gateway {
            let worker = &self.service.worker;
            let keys = self.door.keys.load_full();
            Box::pin(gateway.stream(worker, &mut client, &keys)).await;
        }
        None
    }

    fn refused(&self, client: &Client, refused: Refused) {
        self.service.refused(client, refused);
    }

    fn tls(&self) -> Option<ServerTls> {
        self.service.tls()
    }

    fn not_greeted(&self, peer: SocketAddr, why: &TlsError) {
        self.service.not_greeted(peer, why);
    }

    fn connected(&self) {
        self.service.connected();
    }

    fn closed(&self) {
        self.service.closed();
    }
}
