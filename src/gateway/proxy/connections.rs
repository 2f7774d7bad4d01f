//! Connections to back ends, some of them made before anybody asks (`prepared.connection.count`).
//!
//! A connection belongs to the worker that made it. The count holds for the process; the first client of a worker has
//! to wait for its own connection, and from then on as many are kept ready as are taken.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::gateway::backend::{dial, secured};
use crate::transport::io::Io;
use crate::transport::target::Target;
use crate::transport::tls::ClientTls;
use crate::transport::worker::Worker;

/// See the module.
pub(super) struct Connections {
    tls: Arc<ClientTls>,
    ready: Arc<Ready>,
}

/// Connections by worker and target.
type Lists = HashMap<(usize, Arc<Target>), VecDeque<Io>>;

/// What is ready.
struct Ready {
    /// So many are kept.
    count: usize,
    held: AtomicUsize,
    lists: Mutex<Lists>,
}

impl Connections {
    /// Keeps so many ready.
    pub fn new(count: usize, tls: Arc<ClientTls>) -> Connections {
        Connections {
            tls,
            ready: Arc::new(Ready {
                count,
                held: AtomicUsize::new(0),
                lists: Mutex::default(),
            }),
        }
    }

    /// A connection: one that is ready and still good, else a new one.
    pub async fn get(&self, worker: &Worker, target: &Arc<Target>) -> io::Result<Io> {
        let io = match self.ready.take(worker.index, target) {
            Some(io) => io,
            None => dial(worker, target, &self.tls).await?,
        };
        self.prepare(worker, target);
        Ok(io)
    }

    /// Makes one for the next client, beside this one.
    fn prepare(&self, worker: &Worker, target: &Arc<Target>) {
        let ready = self.ready.clone();
        if ready.held.fetch_add(1, Ordering::Relaxed) >= ready.count {
            ready.held.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let (index, target, tls) = (worker.index, target.clone(), self.tls.clone());
        let limit = worker.limits.connect + worker.limits.tls_handshake;
        tokio::task::spawn_local(async move {
            match made(&target, &tls, limit).await {
                Ok(io) => {
                    let mut lists = ready.lists.lock();
                    lists.entry((index, target)).or_default().push_back(io);
                }
                // The next client finds out for itself.
                Err(_) => {
                    ready.held.fetch_sub(1, Ordering::Relaxed);
                }
            }
        });
    }
}

async fn made(target: &Target, tls: &ClientTls, limit: Duration) -> io::Result<Io> {
    let make = async {
        let stream = TcpStream::connect((&*target.host, target.port)).await?;
        secured(stream, target, tls).await
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(limit, make).await.map_err(late)?
}

impl Ready {
    fn take(&self, worker: usize, target: &Arc<Target>) -> Option<Io> {
        if self.count == 0 {
            return None;
        }
        let mut lists = self.lists.lock();
        let list = lists.get_mut(&(worker, target.clone()))?;
        while let Some(mut io) = list.pop_front() {
            self.held.fetch_sub(1, Ordering::Relaxed);
            if !is_closed(&mut io) {
                return Some(io);
            }
        }
        None
    }
}

/// A back end that speaks first is no reason to give a connection up; one that has closed is.
fn is_closed(io: &mut Io) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    io.poll_gone(&mut cx).is_ready()
}
