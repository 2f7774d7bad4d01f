//! Handshakes with clients that are under way on one worker, at most so many.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::transport::connection::{self, Handler};
use crate::transport::downstream::Client;
use crate::transport::http1::strict::Refused;
use crate::transport::io::Io;
use crate::transport::limits::HANDSHAKES_MAX;
use crate::transport::tls::{Greeted, TlsError, greet};
use crate::transport::worker::Worker;

/// What a client is told that speaks HTTP without TLS here.
const WRONG_PORT: Refused = Refused::bad("this port speaks TLS: use https");

/// The handshakes under way, the one that began first in front.
#[derive(Debug, Default)]
pub struct Handshakes {
    begun: Cell<u64>,
    running: RefCell<BTreeMap<u64, AbortHandle>>,
}

impl Handshakes {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.running.borrow().len()
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Its place is free again when this is dropped, however the task ends.
struct Running {
    worker: Rc<Worker>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.worker
            .handshakes
            .running
            .borrow_mut()
            .remove(&self.number);
    }
}

/// Begins a handshake; the connection is served when it is over.
pub(super) fn begin<H: Handler + 'static>(
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    worker: Rc<Worker>,
    handler: Rc<H>,
) {
    let handshakes = &worker.handshakes;
    let number = handshakes.begun.get();
    handshakes.begun.set(number + 1);
    if handshakes.len() >= HANDSHAKES_MAX {
        let oldest = handshakes.running.borrow_mut().pop_first();
        if let Some((_, oldest)) = oldest {
            oldest.abort();
            let why = "too many handshakes are under way; this one began first";
            handler.not_greeted(peer, &TlsError(why.to_owned()));
        }
    }
    let running = Running {
        worker: worker.clone(),
        number,
    };
    let task = tokio::task::spawn_local(shake(stream, peer, local, running, handler));
    worker
        .handshakes
        .running
        .borrow_mut()
        .insert(number, task.abort_handle());
}

async fn shake<H: Handler + 'static>(
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    running: Running,
    handler: Rc<H>,
) {
    let worker = running.worker.clone();
    // A stop waits for it, as for a request.
    let open = worker.drain.open();
    let Some(tls) = handler.tls() else {
        let why = "the listener has no certificate that can be used";
        return handler.not_greeted(peer, &TlsError(why.to_owned()));
    };
    let limit = worker.limits.tls_handshake;
    match tokio::time::timeout(limit, greet(stream, &tls)).await {
        Ok(Greeted::Secure(stream)) => {
            let Ok(io) = Io::secure((*stream).into()) else {
                return;
            };
            let client = Box::new(Client::new(io, peer, local));
            // From here on nobody gives this task up for another handshake.
            drop(running);
            drop(open);
            connection::run(client, worker.clone(), handler).await;
        }
        Ok(Greeted::Plain(stream)) => {
            if let Ok(io) = Io::new(stream) {
                let mut client = Client::new(io, peer, local);
                handler.refused(&client, WRONG_PORT);
                connection::refuse(&mut client, WRONG_PORT).await;
            }
        }
        Ok(Greeted::Gone) => {}
        Ok(Greeted::Failed(why)) => handler.not_greeted(peer, &why),
        Err(_) => {
            let why = format!("not over within {} ms", limit.as_millis());
            handler.not_greeted(peer, &TlsError(why));
        }
    }
}
