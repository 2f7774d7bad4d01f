//! Listening sockets: bound once and exclusively, accepted from by every worker.
//!
//! On a listener for TLS the handshake is a task of its own with a time limit. When too many are under way the oldest is
//! given up: who begins handshakes and does not go on loses to those who do.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use super::connection::{self, Handler};
use super::downstream::Client;
use super::io::Io;
use super::worker::Worker;

mod handshakes;

pub use handshakes::Handshakes;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed because descriptors or memory ran out.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Binds an address; a port in use is an error, as users expect.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // On Linux this lets a restart bind while old connections fade; it does not let two listeners share a port.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTP inside TLS.
    Https,
}

/// Accepts until the stop begins or `closed` is ready, then takes what still waits and ends; the connections go on.
pub async fn accept<H: Handler + 'static>(
    listener: StdListener,
    protocol: Protocol,
    worker: Rc<Worker>,
    handler: Rc<H>,
    closed: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::pin!(closed);
    let listener = TcpListener::from_std(listener)?;
    let local = listener.local_addr()?;
    let waiting = worker.drain.wait();
    loop {
        let accepted = std::future::poll_fn(|cx| match listener.poll_accept(cx) {
            std::task::Poll::Pending
                if waiting.poll_begun(cx) || closed.as_mut().poll(cx).is_ready() =>
            {
                std::task::Poll::Ready(None)
            }
            other => other.map(Some),
        })
        .await;
        match accepted {
            None => return Ok(()),
            Some(Ok((stream, peer))) => {
                let local = if local.ip().is_unspecified() {
                    stream.local_addr().unwrap_or(local)
                } else {
                    local
                };
                if protocol == Protocol::Https {
                    handshakes::begin(stream, peer, local, worker.clone(), handler.clone());
                } else if let Ok(io) = Io::new(stream) {
                    let client = Box::new(Client::new(io, peer, local));
                    tokio::task::spawn_local(connection::run(
                        client,
                        worker.clone(),
                        handler.clone(),
                    ));
                }
            }
            Some(Err(error)) if is_about_one_connection(&error) => {}
            // Out of descriptors or memory: wait for some to come back instead of spinning.
            Some(Err(_)) => tokio::time::sleep(EXHAUSTED_PAUSE).await,
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
