//! Counters of one leaf or group: relaxed atomics, summed up when somebody reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

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
    /// Tries that failed because TLS was not agreed on; they are among the errors too (101503).
    pub tls_failures: AtomicU64,
    /// Times from the start of a try to the head of its answer.
    pub duration: Histogram,
    /// Times to connect, of the connections that were made.
    pub connect: Histogram,
    /// One counter per row of the error table, and one for codes that are not in it.
    errors: [AtomicU64; ERRORS.len() + 1],
    /// What had been counted when somebody reset the counters: those of metrics only ever grow.
    reset: Mutex<Option<Box<Reset<Counts>>>>,
}

#[derive(Debug)]
struct Reset<T> {
    counts: T,
    at_unix_ms: u64,
}

/// The counters of a leaf at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Tries begun.
    pub requests: u64,
    /// Tries answered.
    pub successes: u64,
    /// Answers whose time was taken.
    pub answers: u64,
    /// The sum of those times.
    pub answers_seconds: f64,
    /// Failed tries by code.
    pub errors: Vec<(ErrorCode, u64)>,
}

impl Default for LeafStats {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            suspensions: AtomicU64::new(0),
            tls_failures: AtomicU64::new(0),
            duration: Histogram::default(),
            connect: Histogram::default(),
            errors: [const { AtomicU64::new(0) }; ERRORS.len() + 1],
            reset: Mutex::new(None),
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

    fn counts(&self) -> Counts {
        let durations = self.duration.snapshot();
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            successes: self.successes.load(Ordering::Relaxed),
            answers: durations.count(),
            answers_seconds: durations.sum_seconds(),
            errors: self.errors_by_code().collect(),
        }
    }

    /// Has [`since_reset`](Self::since_reset) begin at nothing.
    pub fn reset(&self, at_unix_ms: u64) {
        *self.reset.lock() = Some(Box::new(Reset {
            counts: self.counts(),
            at_unix_ms,
        }));
    }

    /// The counters since they were reset, and when that was.
    pub fn since_reset(&self) -> (Counts, Option<u64>) {
        let mut counts = self.counts();
        let reset = self.reset.lock();
        let Some(before) = reset.as_deref() else {
            return (counts, None);
        };
        let old = &before.counts;
        counts.requests = counts.requests.saturating_sub(old.requests);
        counts.successes = counts.successes.saturating_sub(old.successes);
        counts.answers = counts.answers.saturating_sub(old.answers);
        counts.answers_seconds = (counts.answers_seconds - old.answers_seconds).max(0.0);
        for (code, n) in &mut counts.errors {
            let was = old.errors.iter().find(|(known, _)| known == code);
            *n = n.saturating_sub(was.map_or(0, |(_, n)| *n));
        }
        counts.errors.retain(|(_, n)| *n > 0);
        (counts, Some(before.at_unix_ms))
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
    reset: Mutex<Option<Box<Reset<GroupCounts>>>>,
}

/// The counters of a group at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Messages that entered.
    pub requests: u64,
    /// Messages that could not be served.
    pub failures: u64,
}

impl GroupStats {
    fn counts(&self) -> GroupCounts {
        GroupCounts {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Has [`since_reset`](Self::since_reset) begin at nothing.
    pub fn reset(&self, at_unix_ms: u64) {
        *self.reset.lock() = Some(Box::new(Reset {
            counts: self.counts(),
            at_unix_ms,
        }));
    }

    /// The counters since they were reset, and when that was.
    pub fn since_reset(&self) -> (GroupCounts, Option<u64>) {
        let counts = self.counts();
        match self.reset.lock().as_deref() {
            None => (counts, None),
            Some(before) => (
                GroupCounts {
                    requests: counts.requests.saturating_sub(before.counts.requests),
                    failures: counts.failures.saturating_sub(before.counts.failures),
                },
                Some(before.at_unix_ms),
            ),
        }
    }
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

    #[test]
    fn a_reset_counts_from_nothing_while_the_totals_go_on() {
        let stats = LeafStats::default();
        stats.count_error(ErrorCode(101503));
        stats.duration.record(std::time::Duration::from_millis(900));
        stats.reset(77);
        assert_eq!(stats.since_reset(), (Counts::default(), Some(77)));
        for ms in [100, 300, 300] {
            stats.duration.record(std::time::Duration::from_millis(ms));
        }
        stats.count_error(ErrorCode(101504));
        let (counts, _) = stats.since_reset();
        assert_eq!(counts.errors, [(ErrorCode(101504), 1)]);
        let mean = counts.answers_seconds * 1000.0 / counts.answers as f64;
        assert!(
            (mean - 233.3).abs() < 0.1,
            "a mean, not one of the last two: {mean}"
        );
        assert_eq!(stats.error_count(), 2);
    }
}
