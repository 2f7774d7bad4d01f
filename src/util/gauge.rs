//! How many of something there are now, over all workers.
//!
//! Whoever opens one holds a [`Counted`] for as long as it is there, so nothing that is dropped on the way (a client that
//! went, a try that failed) is forgotten in the count. Who holds the counter anyway borrows it ([`Open`]), which costs no
//! more than the counting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count that goes up and down. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

/// One of what a [`Gauge`] counts, until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<AtomicU64>);

impl Gauge {
    /// Counts one more.
    pub fn one(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.0.clone())
    }

    /// A count that begins at a number.
    pub fn at(count: u64) -> Gauge {
        Gauge(Arc::new(AtomicU64::new(count)))
    }

    /// A count of its own that begins at the same number.
    pub fn fork(&self) -> Gauge {
        Gauge::at(self.now())
    }

    /// How many there are.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of what a plain counter counts, until it is dropped.
#[derive(Debug)]
pub struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    /// Counts it from now on.
    pub fn new(counter: &'a AtomicU64) -> Open<'a> {
        counter.fetch_add(1, Ordering::Relaxed);
        Open(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_not_counted_any_more() {
        let gauge = Gauge::default();
        let (one, other) = (gauge.one(), gauge.clone().one());
        assert_eq!(gauge.now(), 2);
        drop(one);
        assert_eq!(gauge.now(), 1);
        drop(other);
        assert_eq!(gauge.now(), 0);
        let counter = AtomicU64::new(4);
        let open = Open::new(&counter);
        assert_eq!(counter.load(Ordering::Relaxed), 5);
        drop(open);
        assert_eq!(counter.load(Ordering::Relaxed), 4);
    }
}
