//! Configurations of KAAZING Gateway: services behind the doors of a `gateway-config.xml`.

mod balancer;
mod cluster;
mod compression;
mod directory;
mod doors;
mod echo;
mod emulation;
mod keystores;
mod members;
mod origins;
mod proxies;
mod published;
mod realms;
mod start;

use crate::support::{Client, Proxy};

/// A gateway-config around these services; every door is on a port of its own choice.
pub fn config(inside: &str) -> String {
    format!(
        "<gateway-config xmlns=\"http://xmlns.kaazing.org/2016/06/gateway\">{inside}</gateway-config>"
    )
}

/// A service; `more` stands behind its type.
pub fn service(name: &str, accepts: &[&str], kind: &str, more: &str) -> String {
    let accepts: String = accepts
        .iter()
        .map(|a| format!("<accept>{a}</accept>"))
        .collect();
    format!("<service><name>{name}</name>{accepts}<type>{kind}</type>{more}</service>")
}

/// Options that open a port that is free.
pub const ANY_PORT: &str = "<ws.bind>127.0.0.1:0</ws.bind><http.bind>127.0.0.1:0</http.bind>";

/// Accept-options with a free port and these.
pub fn options(more: &str) -> String {
    format!("<accept-options>{ANY_PORT}{more}</accept-options>")
}

/// Runs a gateway-config.
pub fn run(inside: &str) -> Proxy {
    Proxy::start(&[("gateway-config.xml", config(inside))])
}

/// A connection to the first door.
pub fn client(proxy: &Proxy) -> Client {
    Client::connect(proxy.listening("gateway"))
}
