//! What the tests stand on: the program, back ends that misbehave on request, and clients.

mod backend;
mod client;
mod proxy;
mod soap;
pub mod socket;
pub mod tls;

use std::time::{Duration, Instant};

pub use backend::{Act, Backend, Down, ok};
pub use client::{Answer, Client, Headers};
pub use proxy::Proxy;
pub use soap::{quote, quote_of};

/// Nothing in a test waits longer than this. Wide, because the machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks until the answer is there.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "in vain waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A named endpoint file around that content.
pub fn endpoint(name: &str, content: &str) -> String {
    format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"{name}\">\n{content}\n</endpoint>\n"
    )
}

/// An `address` of that server, with settings in it.
pub fn address(server: std::net::SocketAddr, settings: &str) -> String {
    format!("<address uri=\"http://{server}/svc\">{settings}</address>")
}

/// A child of a group.
pub fn child(name: &str, server: std::net::SocketAddr, settings: &str) -> String {
    format!(
        "<endpoint name=\"{name}\">{}</endpoint>",
        address(server, settings)
    )
}
