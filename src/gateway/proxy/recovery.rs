//! A back end that is down is left alone for a while: one second, then twice as long each time, up to
//! `maximum.recovery.interval` (spec/kaazing.md 2.5).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::util::clock;

/// The first pause.
const FIRST_MS: u64 = 1_000;

/// What is known of one back end; without an interval it may always be asked.
#[derive(Debug)]
pub(super) struct Recovery {
    longest_ms: u64,
    /// It is not asked before, in milliseconds of the process's clock; 0: it is up.
    until: AtomicU64,
    pause_ms: AtomicU64,
}

impl Recovery {
    /// Pauses grow up to the interval; zero and none: there are none.
    pub fn new(interval: Option<Duration>) -> Recovery {
        let longest = interval.unwrap_or_default().as_millis();
        Recovery {
            longest_ms: u64::try_from(longest).unwrap_or(u64::MAX),
            until: AtomicU64::new(0),
            pause_ms: AtomicU64::new(FIRST_MS),
        }
    }

    /// True when it may be asked now.
    pub fn may_be_asked(&self) -> bool {
        self.may_be_asked_at(clock::now().0)
    }

    fn may_be_asked_at(&self, now_ms: u64) -> bool {
        self.until.load(Ordering::Relaxed) <= now_ms
    }

    /// Seconds until it may be asked.
    pub fn wait_s(&self) -> u64 {
        let left = self
            .until
            .load(Ordering::Relaxed)
            .saturating_sub(clock::now().0);
        left.div_ceil(1_000)
    }

    /// It answered.
    pub fn is_up(&self) {
        if self.until.swap(0, Ordering::Relaxed) != 0 {
            self.pause_ms.store(FIRST_MS, Ordering::Relaxed);
        }
    }

    /// It did not.
    pub fn is_down(&self) {
        self.is_down_at(clock::now().0);
    }

    fn is_down_at(&self, now_ms: u64) {
        // Those that were under way together count as one.
        if self.longest_ms == 0 || !self.may_be_asked_at(now_ms) {
            return;
        }
        let pause = self.pause_ms.load(Ordering::Relaxed).min(self.longest_ms);
        self.until.store(now_ms + pause, Ordering::Relaxed);
        self.pause_ms
            .store(pause.saturating_mul(2), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_interval_and_begin_anew() {
        let recovery = Recovery::new(Some(Duration::from_secs(3)));
        for (at, until) in [(0, 1_000), (1_000, 3_000), (3_000, 6_000), (6_000, 9_000)] {
            recovery.is_down_at(at);
            // Another one of the same outage changes nothing.
            recovery.is_down_at(at + 1);
            assert!(!recovery.may_be_asked_at(until - 1), "{at}");
            assert!(recovery.may_be_asked_at(until), "{at}");
        }
        recovery.is_up();
        recovery.is_down_at(20_000);
        assert!(recovery.may_be_asked_at(21_000));
    }

    #[test]
    fn without_an_interval_it_is_always_asked() {
        let recovery = Recovery::new(None);
        recovery.is_down_at(5);
        assert!(recovery.may_be_asked_at(5));
    }
}
