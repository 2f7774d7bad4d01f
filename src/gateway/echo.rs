//! `echo`: every message comes back as it was sent, fragment by fragment (spec/kaazing.md 3.3).

use std::sync::Arc;
use std::time::Duration;

use super::ServiceType;
use super::greeting;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::Shape;
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::model::ServiceDef;
use crate::config::gateway::uri::Layer;
use crate::transport::websocket::socket::Terms;

/// `ws.maximum.message.size` when nothing is said.
const MESSAGE_BYTES: u64 = 128 * 1024;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "echo",
    doc: "sends every message back",
    shape: Shape {
        properties: &["repeat"],
        ..Shape::accepting(&[Layer::WebSocket])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    if let Some(repeat) = build.property("repeat") {
        let code = DiagnosticCode::NotSupportedYet;
        let message = "the property repeat is not supported yet";
        let help = "every message is sent back once";
        build
            .diagnostics
            .unsupported(code, repeat.span, message, help);
    }
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
    }
}

struct Echo {
    terms: Terms,
}

impl Service for Echo {
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
