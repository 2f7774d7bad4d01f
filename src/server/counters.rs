//! What the workers count; summed when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::observe::metrics::Histogram;

/// Counters of one worker: written by it alone, read by the control plane.
#[derive(Debug)]
pub struct Counters {
    /// Client connections accepted.
    pub connections: AtomicU64,
    /// Client connections open.
    pub connections_open: AtomicU64,
    /// Exchanges running.
    pub in_flight: AtomicU64,
    /// Tunnels (WebSocket) open.
    pub tunnels_open: AtomicU64,
    /// Requests refused before they could be served.
    pub refused: AtomicU64,
    /// TLS handshakes of clients that came to nothing.
    pub handshakes_failed: AtomicU64,
    /// Bytes of request bodies, as announced.
    pub request_bytes: AtomicU64,
    /// Bytes of answers' bodies.
    pub response_bytes: AtomicU64,
    /// From a request's head to the end of its answer.
    pub duration: Histogram,
    /// Idle connections to back ends.
    pub pool_idle: AtomicU64,
    /// Pooled connections used again.
    pub pool_reused: AtomicU64,
    /// Pooled connections found dead.
    pub pool_stale: AtomicU64,
    /// Longest delay of the worker's own timer since the last reading, in microseconds: how long a poll held it up.
    pub stall_us: AtomicU64,
    statuses: [AtomicU64; 500],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            connections: AtomicU64::new(0),
            connections_open: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            tunnels_open: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            duration: Histogram::default(),
            pool_idle: AtomicU64::new(0),
            pool_reused: AtomicU64::new(0),
            pool_stale: AtomicU64::new(0),
            stall_us: AtomicU64::new(0),
            statuses: [const { AtomicU64::new(0) }; 500],
        }
    }
}

impl Counters {
    /// Counts an answer.
    pub fn answered(&self, status: u16, took: Duration, request_bytes: u64, response_bytes: u64) {
        if let Some(counter) = self.statuses.get(usize::from(status).wrapping_sub(100)) {
            add(counter, 1);
        }
        self.duration.record(took);
        add(&self.request_bytes, request_bytes);
        add(&self.response_bytes, response_bytes);
    }

    /// Answers by status, those that happened.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        (100..)
            .zip(&self.statuses)
            .map(|(status, n)| (status, n.load(Ordering::Relaxed)))
            .filter(|(_, n)| *n > 0)
    }
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// Sum of one counter over all workers.
pub fn sum(all: &[std::sync::Arc<Counters>], pick: impl Fn(&Counters) -> &AtomicU64) -> u64 {
    all.iter().map(|c| pick(c).load(Ordering::Relaxed)).sum()
}
