//! The doors of a gateway-config as sockets: names looked up, addresses bound, certificates found.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use super::boot::RunError;
use super::worker::Listening;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::uri::Uri;
use crate::config::model::Model;
use crate::config::source::Spanned;
use crate::gateway::{Door, Gateway};
use crate::transport::listener;

/// Name of the TLS profile that the keystore makes.
pub const KEYSTORE_PROFILE: &str = "keystore";

/// Binds every door. A name that does not resolve and an address in use name the place that asked for them.
pub fn open(
    gateway: &Gateway,
    locate: impl Fn(&Door) -> String,
) -> Result<Vec<Listening>, RunError> {
    let mut all = Vec::new();
    for door in gateway.doors() {
        let refused = |address: String| {
            let place = locate(door);
            move |source| RunError::Listen {
                address: format!("{address} ({place})"),
                source,
            }
        };
        let name = door.key.host.as_deref().unwrap_or("0.0.0.0");
        let named = format!("{name}:{}", door.key.port);
        for at in addresses(name, door.key.port).map_err(refused(named))? {
            let socket = listener::bind(at).map_err(refused(at.to_string()))?;
            let name = socket.local_addr().map_err(refused(at.to_string()))?;
            all.push(Listening {
                name: name.to_string(),
                tls: door.key.tls.then(|| KEYSTORE_PROFILE.to_owned()),
                door: Some(door.key.clone()),
                socket,
            });
        }
    }
    Ok(all)
}

/// The addresses of a name: those of IPv4, or of IPv6 when there is no other.
fn addresses(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut all: Vec<_> = (name, port).to_socket_addrs()?.collect();
    if all.iter().any(SocketAddr::is_ipv4) {
        all.retain(SocketAddr::is_ipv4);
    }
    all.sort();
    all.dedup();
    match all.is_empty() {
        true => Err(std::io::Error::other("the name has no address")),
        false => Ok(all),
    }
}

/// What only this machine can say: which addresses are its own.
pub fn check(model: &Model, diagnostics: &mut Diagnostics) {
    let Some(cluster) = model.gateway.as_ref().and_then(|g| g.cluster.as_ref()) else {
        return;
    };
    for accept in &cluster.accepts {
        own(accept, diagnostics);
    }
}

/// An address that a socket cannot be bound to belongs to another machine.
fn own(accept: &Spanned<Uri>, diagnostics: &mut Diagnostics) {
    if let Err(error) = UdpSocket::bind((accept.value.host.as_str(), 0)) {
        let message = format!(
            "{}: the address belongs to no interface of this machine: {error}",
            accept.value
        );
        let code = DiagnosticCode::ClusterAddress;
        let help = "write tcp://LOCAL-IP:PORT with an address of this machine";
        diagnostics.error_help(code, accept.span, message, help);
    }
}
