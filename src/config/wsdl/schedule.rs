//! When a document is read, and read again: sans-io, as whoever reads it brings the time along.
//!
//! A document that could not be read is asked for again after a delay that doubles from a second to a minute; one that
//! was read is read again only where the configuration says how often.

use std::sync::Arc;
use std::time::Duration;

use crate::util::clock::Tick;

/// Delay after a failure, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// When to read one document, and how the last reading went.
#[derive(Debug, Default)]
pub struct Schedule {
    refresh: Option<Duration>,
    /// Not before this time; `None`: never again, or not looked at yet.
    next: Option<Tick>,
    delay: Duration,
    problem: Option<Arc<str>>,
    /// True while somebody reads it.
    reading: bool,
    counts: (u64, u64),
}

/// A reading that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub problem: Arc<str>,
    /// False when that was already the problem.
    pub news: bool,
    /// When it is tried again.
    pub next: Tick,
}

impl Schedule {
    /// For a document that was read while loading.
    pub fn read(refresh: Option<Duration>) -> Self {
        Self {
            refresh,
            ..Self::default()
        }
    }

    /// For a document that is to be read as soon as may be.
    pub fn pending(refresh: Option<Duration>) -> Self {
        Self {
            next: Some(Tick(0)),
            ..Self::read(refresh)
        }
    }

    /// True when the document is to be read now; who is told so has to report.
    pub fn due(&mut self, now: Tick) -> bool {
        if self.next.is_none() {
            // The reading was made while loading: the first look begins the time.
            self.next = self.refresh.map(|refresh| now + refresh);
        }
        let due = !self.reading && self.next.is_some_and(|next| next <= now);
        self.reading |= due;
        due
    }

    /// Gives back what [`due`](Self::due) gave, unread.
    pub fn abandon(&mut self) {
        self.reading = false;
    }

    /// The document was read and is good.
    pub fn succeeded(&mut self, now: Tick) {
        self.counts.0 += 1;
        self.reading = false;
        self.problem = None;
        self.delay = Duration::ZERO;
        self.next = self.refresh.map(|refresh| now + refresh);
    }

    /// The document could not be read, or is of no use.
    pub fn failed(&mut self, problem: &str, now: Tick) -> Failed {
        self.counts.1 += 1;
        self.reading = false;
        let news = self.problem.as_deref() != Some(problem);
        let problem: Arc<str> = problem.into();
        self.delay = (self.delay * 2).clamp(RETRY.0, RETRY.1);
        let next = now + self.delay;
        self.next = Some(next);
        self.problem = Some(problem.clone());
        Failed {
            problem,
            news,
            next,
        }
    }

    /// Why the last reading failed, while that is so.
    pub fn problem(&self) -> Option<Arc<str>> {
        self.problem.clone()
    }

    /// Readings that succeeded and that failed.
    pub fn counts(&self) -> (u64, u64) {
        self.counts
    }
}
