//! Calls of services of this process (`local://`): HTTP over a pipe in memory, which the worker that calls serves itself.
//!
//! To both sides it is a connection like any other, so that time limits, failover and streaming are those of any back end. None is
//! kept for reuse, because each knows how many calls led to it: a service that calls itself ends at a bound.

use std::cell::OnceCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::connection::{self, Handler};
use super::downstream::Client;
use super::io::Io;
use super::worker::Worker;

/// Most calls that lead to one another.
pub const DEPTH_MAX: u8 = 16;
/// Bytes that lie in a pipe at most, each way.
const PIPE: usize = 64 * 1024;

/// Where the calls of a worker go. Not more wait there than exchanges are under way.
#[derive(Debug, Default)]
pub struct Calls(OnceCell<UnboundedSender<Box<Client>>>);

impl Calls {
    /// A connection to the services of this worker; `depth` is how many calls have led to it, with this one.
    ///
    /// # Errors
    /// Too many calls led here, or the worker ends.
    pub fn connect(&self, depth: u8) -> io::Result<Io> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.connect_as(depth, here, here)
    }

    /// The same on behalf of a client of that address, which came in at that one.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_as(&self, depth: u8, peer: SocketAddr, local: SocketAddr) -> io::Result<Io> {
        if depth > DEPTH_MAX {
            return Err(io::Error::other(format!(
                "more than {DEPTH_MAX} calls of services of this process lead to one another"
            )));
        }
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let mut client = Box::new(Client::new(Io::pipe(theirs), peer, local));
        client.calls = depth;
        match self.0.get().map(|calls| calls.send(client)) {
            Some(Ok(())) => Ok(Io::pipe(ours)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Where they come out; `None` when somebody takes them already.
    pub fn taken(&self) -> Option<UnboundedReceiver<Box<Client>>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.set(sender).ok().map(|()| receiver)
    }
}

/// Serves calls as long as the worker lives.
pub async fn serve<H: Handler + 'static>(calls: &Calls, worker: Rc<Worker>, handler: Rc<H>) {
    let Some(mut calls) = calls.taken() else {
        return;
    };
    while let Some(client) = calls.recv().await {
        tokio::task::spawn_local(connection::run(client, worker.clone(), handler.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_call_comes_out_with_its_depth_and_too_many_are_refused() {
        let calls = Calls::default();
        let refused = calls.connect(1).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let mut taken = calls.taken().unwrap();
        assert!(calls.taken().is_none());
        let mut ours = calls.connect(DEPTH_MAX).unwrap();
        let mut client = taken.recv().await.unwrap();
        assert_eq!(client.calls, DEPTH_MAX);
        ours.write_all(b"GET ").await.unwrap();
        let read = std::future::poll_fn(|cx| client.io.poll_fill(cx, &mut client.buf)).await;
        assert_eq!((read.unwrap(), client.buf.data()), (4, &b"GET "[..]));
        let text = calls.connect(DEPTH_MAX + 1).unwrap_err().to_string();
        assert!(text.contains("more than 16 calls"), "{text}");
    }
}
