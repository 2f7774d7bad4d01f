//! What a type of service implements, and what it is made from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::door::DoorKey;
use super::loads::Loads;
use super::origin::Origins;
use super::page::Page;
use super::realm::Access;
use super::visit::Visit;
use super::wse;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::model::{GatewayDef, ServiceDef};
use crate::config::gateway::uri::Uri;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::transport::downstream::Client;
use crate::transport::tls::ClientTls;
use crate::transport::worker::Worker;
use crate::util::gauge::Gauge;

/// A future of the data plane, which stays on its thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A service. Each method answers the visit; the connection is judged by what it left in [`Visit::served`].
pub trait Service: Send + Sync {
    /// A client asks for a WebSocket at one of its URIs.
    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(visit.page(Page::NOT_FOUND))
    }

    /// A client asks for a WebSocket that is emulated over HTTP, at one of its URIs and `/;e/...`.
    fn emulated<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(wse::serve(visit))
    }

    /// A client connected at one of its URIs on which no HTTP is spoken.
    fn stream<'a>(&'a self, _: &'a Worker, _: &'a mut Client) -> LocalBoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    /// The door, besides those of its URIs, that connections come in by which are served as streams.
    fn source(&self) -> Option<&DoorKey> {
        None
    }

    /// True when it makes the second handshake of KAAZING clients itself, and not somebody behind it.
    fn greets(&self) -> bool {
        false
    }

    /// False while it is known that nobody could be served: balancers leave it out.
    fn is_available(&self) -> bool {
        true
    }

    /// Any other request below one of its URIs.
    fn http<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(visit.page(Page::NOT_FOUND))
    }
}

/// A service with what all services have.
pub(super) struct Running {
    /// Its name in the file.
    pub name: String,
    /// The URIs that clients use, in document order.
    pub accepts: Vec<Uri>,
    /// The public URIs that it is offered for.
    pub balances: Vec<Uri>,
    /// Which pages may use it.
    pub origins: Origins,
    /// Who may use it; `None`: everybody.
    pub access: Option<Access>,
    /// Largest message of its clients, in bytes.
    pub message_bytes: u64,
    /// Its answers say `Server`.
    pub shows_server: bool,
    /// Its open WebSockets.
    pub load: Gauge,
    /// What it does.
    pub service: Arc<dyn Service>,
}

impl Running {
    /// Serves a request for a WebSocket and counts it for as long as it is open.
    pub async fn websocket(&self, visit: &mut Visit<'_>) {
        let open = self.load.one();
        self.service.websocket(visit).await;
        if let Some(lasting) = &mut visit.served.lasting {
            lasting.open.push(open);
        }
    }
}

/// What a service is made from.
pub struct Build<'b> {
    /// The whole file.
    pub gateway: &'b GatewayDef,
    /// The service.
    pub def: &'b ServiceDef,
    /// Counts of open WebSockets.
    pub loads: &'b Loads,
    /// How back ends inside TLS are known.
    pub trust: &'b Arc<ClientTls>,
    /// Takes problems.
    pub diagnostics: &'b mut Diagnostics,
}

impl<'b> Build<'b> {
    /// The children of `properties`.
    pub fn properties(&self) -> impl Iterator<Item = &'b Element> {
        self.def.properties.iter().flat_map(Element::elements)
    }

    /// The text of a property.
    pub fn property(&self, name: &str) -> Option<Spanned<String>> {
        let found = self.properties().find(|e| e.name == name)?;
        Some(found.text_spanned())
    }

    /// The text of a property that the service cannot do without; `help` is how it is written.
    pub fn required(&mut self, name: &str, help: &str) -> Option<Spanned<String>> {
        let found = self.property(name);
        if found.is_none() {
            let kind = &self.def.kind.value;
            let message = format!("a service of type {kind} needs the property {name}");
            let code = DiagnosticCode::BadServiceShape;
            self.diagnostics
                .error_help(code, self.def.span, message, help);
        }
        found
    }

    /// A property read by a function; what it cannot read is an error at its place.
    pub fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.property(name)?;
        match read(&text.value) {
            Ok(value) => Some(value),
            Err(message) => {
                let code = DiagnosticCode::GatewayValue;
                let message = format!("{name}: {message}");
                self.diagnostics
                    .error_help(code, text.span, message, code.row().help);
                None
            }
        }
    }
}
