//! Requests that come through a door of a gateway-config: served by the gateway of the current generation.

use std::net::SocketAddr;
use std::rc::Rc;

use super::doors::OpenDoor;
use super::serve::Service;
use crate::gateway::Served;
use crate::observe::AccessRecord;
use crate::transport::connection::Handler;
use crate::transport::downstream::Client;
use crate::transport::head::{RequestHead, Version};
use crate::transport::headers::Name;
use crate::transport::http1::strict::Refused;
use crate::transport::tls::{ServerTls, TlsError};
use crate::util::gauge::Open;

/// What serves one door on one worker.
pub struct Doorman {
    /// What it has in common with other listeners.
    pub service: Rc<Service>,
    /// The door.
    pub door: OpenDoor,
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
                    .serve(&service.worker, &mut client, &head, &keys)
                    .await
            }
            // The file has become one of another kind: nothing is behind the door any more.
            None => {
                client.keep_alive = false;
                Served::default()
            }
        };
        drop(open);
        let took = service.worker.look() - begun;
        service
            .counters
            .answered(served.status, took, served.bytes_in, served.bytes_out);
        if let Some((format, lines)) = &service.access {
            let version = match head.version {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            };
            let record = AccessRecord {
                unix_ms: service.worker.unix_ms(),
                id: &id,
                client: client.peer,
                listener: &service.listener,
                tls: client.io.tls_version(),
                proto: version,
                method: head.method_text(),
                host: head.headers.value(Name::Host).unwrap_or_default(),
                path: head.target(),
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
                generation: generation.number,
            };
            lines.append(|out| record.write(*format, out));
        }
        (client, head)
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
