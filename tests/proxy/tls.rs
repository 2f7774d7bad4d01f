//! TLS to clients and to back ends: names, trust, client certificates, rotation, and what must not be taken for complete.

mod back_ends;
mod listeners;
mod rotation;

use std::net::SocketAddr;

use crate::support::tls::{Authority, Pair, client_side};
use crate::support::{Backend, Client, Proxy, address, endpoint};

/// A proxy in front of that back end, with one HTTPS listener; settings may be added behind those of the listener.
pub fn https_proxy(backend: &Backend, pair: &Pair, profile: &str, settings: &str) -> Proxy {
    with_files(
        &endpoint("e", &address(backend.address, "")),
        pair,
        profile,
        settings,
    )
}

/// The same with that endpoint file.
pub fn with_files(endpoint: &str, pair: &Pair, profile: &str, settings: &str) -> Proxy {
    let toml = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"edge\"\n[tls.edge]\ncert = \"edge.pem\"\nkey = \"edge.key\"\n{profile}\n{settings}\n"
    );
    Proxy::start(&[
        ("e.xml", endpoint),
        ("axon.toml", &toml),
        ("edge.pem", &pair.cert),
        ("edge.key", &pair.key),
    ])
}

/// An `address` over https.
pub fn https_address(port: u16, attributes: &str) -> String {
    format!("<address uri=\"https://localhost:{port}/svc\" xmlns:ax=\"urn:axon:1\" {attributes}/>")
}

/// A client that speaks TLS with the proxy's HTTPS listener.
pub fn secure_client(proxy: &Proxy, authority: &Authority) -> Client {
    Client::connect(secure_port(proxy.listening("https"), authority))
}

/// A plain port that leads through TLS to that address.
pub fn secure_port(to: SocketAddr, authority: &Authority) -> SocketAddr {
    client_side(to, authority.client(), "localhost")
}
