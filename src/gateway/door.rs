//! Where a gateway listens: one door per address, shared by all services whose URIs lead to it.

use super::service::Running;
use crate::config::gateway::model::{GatewayDef, ServiceDef};
use crate::config::gateway::protection::Protection;
use crate::config::gateway::uri::{Layer, Uri};
use crate::config::source::Span;

/// What tells doors apart: the address as the file names it, and what is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DoorKey {
    /// Host or address; `None`: every address of the machine.
    pub host: Option<String>,
    /// Port.
    pub port: u16,
    /// TLS is spoken, in this way.
    pub tls: Option<Protection>,
    /// No HTTP is spoken.
    pub raw: bool,
}

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Door {
    /// The address.
    pub key: DoorKey,
    /// What asked for it first.
    pub span: Span,
}

/// The door that a URI of a service leads to; `None` for one that is not served.
pub(super) fn of(service: &ServiceDef, accept: &Uri) -> Option<DoorKey> {
    let raw = match accept.layer() {
        Layer::WebSocket | Layer::Http => false,
        Layer::Stream => true,
        Layer::Other => return None,
    };
    let options = &service.accept_options;
    let tls = accept.is_secure() && options.encryption != Some(false);
    let tls = tls.then(|| options.protection());
    Some(match options.bind(&accept.scheme) {
        Some(bind) => DoorKey {
            host: bind.value.host.clone(),
            port: bind.value.port,
            tls,
            raw,
        },
        None => DoorKey {
            host: Some(accept.host.clone()),
            port: accept.port_or_default(),
            tls,
            raw,
        },
    })
}

/// All doors, in the order of the file; those of sources come last.
pub(super) fn doors(def: &GatewayDef, services: &[Running]) -> Vec<Door> {
    let mut doors: Vec<Door> = Vec::new();
    let mut add = |key: DoorKey, span| {
        if !doors.iter().any(|door| door.key == key) {
            doors.push(Door { key, span });
        }
    };
    for service in &def.services {
        for accept in &service.accepts {
            if let Some(key) = of(service, &accept.value) {
                let bind = service.accept_options.bind(&accept.value.scheme);
                add(key, bind.map_or(accept.span, |bind| bind.span));
            }
        }
    }
    for running in services {
        let def = def.services.iter().find(|d| d.name.value == running.name);
        if let (Some(key), Some(def)) = (running.service.source(), def) {
            add(key.clone(), def.span);
        }
    }
    doors
}
