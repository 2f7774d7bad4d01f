//! One worker: a thread with its own event loop, pools and buffers; nothing on the request path is shared or locked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::drain::Drain;
use super::head::{RequestHead, ResponseHead};
use super::limits::{DNS_NAMES_MAX, DNS_TTL, HELD_MAX, Limits};
use super::listener::Handshakes;
use super::local::Calls;
use super::pool::Pool;
use super::target::Target;
use crate::util::clock::{self, Tick};

/// Most head-sized byte vectors kept for reuse.
const SPARE_MAX: usize = 256;

/// What one worker owns.
#[derive(Debug)]
pub struct Worker {
    /// Number of the worker, from 0.
    pub index: usize,
    /// Bounds and timers.
    pub limits: Limits,
    /// Idle connections to back ends.
    pub pool: RefCell<Pool>,
    /// The stop.
    pub drain: Drain,
    /// TLS handshakes of clients.
    pub handshakes: Handshakes,
    /// Calls of its own services.
    pub calls: Calls,
    /// Random state for choices that need no secrecy.
    seed: Cell<u64>,
    held: Cell<usize>,
    /// Exchanges under way.
    busy: Cell<usize>,
    looked: Cell<(Instant, Tick)>,
    /// For this worker time stands still; see [`Worker::standing`].
    stands: Option<Tick>,
    wall_offset_ms: Cell<u64>,
    names: RefCell<HashMap<String, (Tick, Vec<SocketAddr>)>>,
    spare: RefCell<Vec<Vec<u8>>>,
    spare_heads: RefCell<Vec<RequestHead>>,
    spare_responses: RefCell<Vec<ResponseHead>>,
}

/// An exchange under way; it is over when this is dropped.
#[derive(Debug)]
pub struct Busy<'a>(&'a Worker);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
    }
}

/// A message that waits; its place is free again when this is dropped.
#[derive(Debug)]
pub struct Held<'a>(&'a Worker);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.set(self.0.held.get() - 1);
    }
}

impl Worker {
    /// A worker with its number, bounds and random seed.
    pub fn new(index: usize, limits: Limits, seed: u64) -> Self {
        Self {
            index,
            limits,
            pool: RefCell::default(),
            drain: Drain::default(),
            handshakes: Handshakes::default(),
            calls: Calls::default(),
            seed: Cell::new(seed | 1),
            held: Cell::new(0),
            busy: Cell::new(0),
            looked: Cell::new((Instant::now(), clock::now())),
            stands: None,
            wall_offset_ms: Cell::new(0),
            names: RefCell::default(),
            spare: RefCell::default(),
            spare_heads: RefCell::default(),
            spare_responses: RefCell::default(),
        }
    }

    /// A worker that sends nothing and for which it is always that moment: messages are thought through with it.
    pub fn standing(limits: Limits, seed: u64, now: Tick) -> Self {
        Self {
            looked: Cell::new((Instant::now(), now)),
            stands: Some(now),
            ..Self::new(0, limits, seed)
        }
    }

    /// Reads the clock. Done where time may have passed (a request began, an answer came); in between the worker goes
    /// by that reading, for a look at the clock costs as much as a step of the walk.
    pub fn look(&self) -> Instant {
        let instant = Instant::now();
        let tick = match self.stands {
            None => clock::tick_of(instant.into_std()),
            Some(tick) => tick,
        };
        self.looked.set((instant, tick));
        instant
    }

    /// The wall clock, milliseconds since 1970, as of the last [`look`](Self::look).
    pub fn unix_ms(&self) -> u64 {
        self.wall_offset_ms.get() + self.now().0
    }

    /// Follows the wall clock, which may be set; for a timer of the worker.
    pub fn follow_wall_clock(&self) {
        self.look();
        let wall_ms = crate::observe::stamp::unix_ms();
        self.wall_offset_ms
            .set(wall_ms.saturating_sub(self.now().0));
    }

    /// The time, as last read.
    pub fn now(&self) -> Tick {
        self.looked.get().1
    }

    /// The time as last read, for timers.
    pub fn instant(&self) -> Instant {
        self.looked.get().0
    }

    /// A place to wait in, while there are any.
    pub fn hold_one(&self) -> Option<Held<'_>> {
        let held = self.held.get();
        (held < HELD_MAX).then(|| {
            self.held.set(held + 1);
            Held(self)
        })
    }

    /// Counts an exchange as under way.
    pub fn begin_exchange(&self) -> Busy<'_> {
        self.busy.set(self.busy.get() + 1);
        Busy(self)
    }

    /// Lets the tasks that are ready now go first. Awaited before a request is served and before an answer is written:
    /// under load what arrived together is read first and then written in one burst, so that a peer is woken once for many messages and not once for each.
    /// A wake-up of a sleeping peer costs the sender more than anything else of a small message (docs/performance.md).
    pub async fn turn(&self) {
        if self.busy.get() < 2 {
            return;
        }
        let mut passed = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut passed, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// The next random number (xorshift).
    pub fn random(&self) -> u64 {
        let mut x = self.seed.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.set(x);
        x
    }

    /// An empty byte vector with room for a head.
    pub fn spare_bytes(&self) -> Vec<u8> {
        self.spare
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(1024))
    }

    /// Takes a byte vector back.
    pub fn recycle(&self, mut bytes: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_MAX && bytes.capacity() <= super::buffer::SMALL {
            bytes.clear();
            spare.push(bytes);
        }
    }

    /// A request head to read into.
    pub fn spare_head(&self) -> RequestHead {
        self.spare_heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a request head back.
    pub fn recycle_head(&self, head: RequestHead) {
        let mut spare = self.spare_heads.borrow_mut();
        if spare.len() < SPARE_MAX && head.headers.text_len() <= super::buffer::SMALL {
            spare.push(head);
        }
    }

    /// A response head to read into.
    pub fn spare_response(&self) -> ResponseHead {
        self.spare_responses.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a response head back.
    pub fn recycle_response(&self, head: ResponseHead) {
        let mut spare = self.spare_responses.borrow_mut();
        if spare.len() < SPARE_MAX && head.headers.text_len() <= super::buffer::SMALL {
            spare.push(head);
        }
    }

    /// Connects to a target; each of its addresses is tried.
    pub async fn dial(&self, target: &Target) -> io::Result<TcpStream> {
        let mut last = None;
        for address in self.addresses(target).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        // What a name means may have changed: ask again next time.
        self.names.borrow_mut().remove(&*target.host);
        Err(last.unwrap_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} has no address", target.host),
            )
        }))
    }

    async fn addresses(&self, target: &Target) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = target.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, target.port)]);
        }
        let now = self.now();
        let with_port = |list: &[SocketAddr]| {
            list.iter()
                .map(|a| SocketAddr::new(a.ip(), target.port))
                .collect()
        };
        if let Some((until, list)) = self.names.borrow().get(&*target.host)
            && *until > now
        {
            return Ok(with_port(list));
        }
        let list: Vec<_> = tokio::net::lookup_host((&*target.host, target.port))
            .await?
            .collect();
        let mut names = self.names.borrow_mut();
        if names.len() >= DNS_NAMES_MAX {
            names.retain(|_, (until, _)| *until > now);
        }
        if names.len() < DNS_NAMES_MAX {
            names.insert(target.host.to_string(), (now + DNS_TTL, list.clone()));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    /// The order in which that many exchanges of one worker read and write.
    async fn order(exchanges: usize) -> Vec<String> {
        let worker = Rc::new(Worker::new(0, Limits::default(), 1));
        let seen = Rc::new(RefCell::new(Vec::new()));
        let _busy: Vec<_> = (0..exchanges).map(|_| worker.begin_exchange()).collect();
        let tasks: Vec<_> = (0..exchanges)
            .map(|n| {
                let (worker, seen) = (worker.clone(), seen.clone());
                tokio::task::spawn_local(async move {
                    seen.borrow_mut().push(format!("read {n}"));
                    worker.turn().await;
                    seen.borrow_mut().push(format!("write {n}"));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        seen.borrow().clone()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_arrived_together_is_read_first_and_then_written_together() {
        let local = tokio::task::LocalSet::new();
        let seen = local.run_until(order(3)).await;
        assert_eq!(
            seen,
            [
                "read 0", "read 1", "read 2", "write 0", "write 1", "write 2"
            ]
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_lone_exchange_writes_at_once() {
        let local = tokio::task::LocalSet::new();
        assert_eq!(local.run_until(order(1)).await, ["read 0", "write 0"]);
    }
}
