//! Counters of one leaf or group: relaxed atomics, summed up when somebody reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::codes::{ERRORS, ErrorCode};
use crate::observe::metrics::Histogram;

/// Counters of one leaf.
#[derive(Debug)]
pub struct LeafStats {
    /// Tries begun.
    pub requests: AtomicU64,
    /// Tries that got an answer.
    pub successes: AtomicU64,
    /// Tries running now.
    pub in_flight: AtomicU64,
    /// Changes into Suspended.
    pub suspensions: AtomicU64,
    /// Times from the start of a try to the head of its answer.
    pub duration: Histogram,
    /// Times to connect, of the connections that were made.
    pub connect: Histogram,
    /// One counter per row of the error table, and one for codes that are not in it.
    errors: [AtomicU64; ERRORS.len() + 1],
}

impl Default for LeafStats {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            suspensions: AtomicU64::new(0),
            duration: Histogram::default(),
            connect: Histogram::default(),
            errors: [const { AtomicU64::new(0) }; ERRORS.len() + 1],
        }
    }
}

impl LeafStats {
    /// Counters of their own that begin at nothing but the tries that are running.
    pub fn fork(&self) -> LeafStats {
        LeafStats {
            in_flight: AtomicU64::new(self.in_flight.load(Ordering::Relaxed)),
            ..LeafStats::default()
        }
    }

    /// Counts a failed try.
    pub fn count_error(&self, code: ErrorCode) {
        let row = ERRORS.binary_search_by_key(&code, |row| row.code);
        add(&self.errors[row.unwrap_or(ERRORS.len())]);
    }

    /// Failed tries by code, those that happened; -1 stands for codes that are not in the table.
    pub fn errors_by_code(&self) -> impl Iterator<Item = (ErrorCode, u64)> {
        let codes = ERRORS.iter().map(|row| row.code).chain([ErrorCode(-1)]);
        codes
            .zip(&self.errors)
            .map(|(code, n)| (code, n.load(Ordering::Relaxed)))
            .filter(|(_, n)| *n > 0)
    }

    /// Failed tries in all.
    pub fn error_count(&self) -> u64 {
        self.errors.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }
}

/// Counters of one group.
#[derive(Debug, Default)]
pub struct GroupStats {
    /// Messages that entered the group.
    pub requests: AtomicU64,
    /// Messages that went on to another child after a failure (303100, 304100).
    pub failovers: AtomicU64,
    /// Messages that the group could not serve.
    pub failures: AtomicU64,
    /// Repeated sends that may have run before.
    pub repeated: AtomicU64,
}

/// Adds one.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_under_their_names_and_unknown_codes_together() {
        let stats = LeafStats::default();
        for code in [101503, 101503, 911911, 101504] {
            stats.count_error(ErrorCode(code));
        }
        let all: Vec<_> = stats
            .errors_by_code()
            .map(|(code, n)| (code.0, n))
            .collect();
        assert_eq!(all, [(101503, 2), (101504, 1), (-1, 1)]);
        assert_eq!(stats.error_count(), 4);
    }
}
