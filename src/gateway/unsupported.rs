//! Types of services that this version does not run, and services that ask for what it has not: they answer 501.

use std::sync::Arc;

use super::ServiceType;
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::{Connects, Shape};
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::uri::Layer;

const ANY: &[Layer] = &[];

const fn later(
    name: &'static str,
    doc: &'static str,
    connects: Connects,
    properties: &'static [&'static str],
) -> ServiceType {
    ServiceType {
        name,
        doc,
        shape: Shape {
            connects,
            properties,
            ..Shape::accepting(ANY)
        },
        make,
    }
}

pub(super) const AMQP_PROXY: ServiceType = later(
    "amqp.proxy",
    "passes AMQP 0-9-1 on to a broker",
    Connects::Some,
    &[
        "maximum.pending.bytes",
        "maximum.recovery.interval",
        "prepared.connection.count",
        "virtual.host",
    ],
);
pub(super) const TURN_REST: ServiceType = later(
    "turn.rest",
    "gives out credentials for TURN servers",
    Connects::None,
    &[
        "key.alias",
        "key.algorithm",
        "credentials.generator",
        "credentials.ttl",
        "username.separator",
        "url",
    ],
);

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let kind = &build.def.kind;
    let message = format!("services of type {} are not supported yet", kind.value);
    let help = "the rest of the configuration is served; this service answers 501";
    let code = DiagnosticCode::NotSupportedYet;
    build
        .diagnostics
        .unsupported(code, kind.span, message.clone(), help);
    Some(Arc::new(Refusing::new(&message)))
}

/// A service that says why it does not serve.
pub(super) struct Refusing {
    why: Vec<u8>,
}

impl Refusing {
    /// One that says this.
    pub fn new(why: &str) -> Refusing {
        Refusing {
            why: why.as_bytes().to_vec(),
        }
    }

    async fn refuse(&self, visit: &mut Visit<'_>) {
        let mut head = visit.new_head(501);
        head.headers.append(b"X-Axon-Reason", &self.why);
        visit.page_with(Page::NOT_IMPLEMENTED, head).await;
    }
}

impl Service for Refusing {
    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.refuse(visit))
    }

    fn emulated<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.refuse(visit))
    }

    fn http<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.refuse(visit))
    }
}
