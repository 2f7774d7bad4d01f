//! The proxy's clock: milliseconds on a monotonic line.
//!
//! Decisions (endpoint state, sessions, algorithms) never ask for the time: they are given a [`Tick`].
//! The same code then runs on the real clock in the proxy and on a virtual one in tests and simulations.

use std::ops::{Add, Sub};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A moment: milliseconds since the process (or the virtual world) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The moment that never comes.
    pub const NEVER: Tick = Tick(u64::MAX);

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;
    /// Saturates at [`Tick::NEVER`].
    fn add(self, later: Duration) -> Tick {
        let ms = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_add(ms))
    }
}

impl Sub<Duration> for Tick {
    type Output = Tick;
    fn sub(self, earlier: Duration) -> Tick {
        let ms = u64::try_from(earlier.as_millis()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_sub(ms))
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The real clock, read now.
pub fn now() -> Tick {
    tick_of(Instant::now())
}

/// A moment of the system's monotonic clock on the proxy's line.
pub fn tick_of(instant: Instant) -> Tick {
    let age = instant.saturating_duration_since(*START);
    // The line starts at 1 so that 0 can mean "not yet" in packed words.
    Tick(age.as_secs() * 1000 + u64::from(age.subsec_millis()) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_saturates_at_never() {
        assert_eq!(Tick(5) + Duration::from_secs(u64::MAX), Tick::NEVER);
        assert_eq!(Tick(5) + Duration::from_millis(7), Tick(12));
        assert_eq!(Tick(5) - Duration::from_millis(7), Tick(0));
    }
}
