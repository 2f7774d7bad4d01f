//! How busy a leaf is and how soon it answers, for the algorithms that go by that. Only their leaves are measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::transport::upstream::TryError;
use crate::util::clock::Tick;
use crate::util::gauge::Gauge;

/// After this time without an answer the mean has lost two thirds of what it was: a child that was slow is asked again.
const FADES_MS: f64 = 10_000.0;
/// A try that failed counts as if it had taken this long, as else a child that fails at once would look like a fast one.
pub const FAILED: Duration = Duration::from_secs(1);

/// What is measured of one leaf; shared by generations.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Messages from their choice until their answer is relayed.
    pub busy: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Time to the head of an answer.
    pub latency: Arc<Latency>,
}

impl Load {
    /// The same numbers, which change by themselves from now on.
    pub fn fork(&self) -> Load {
        let word = self.latency.0.load(Ordering::Relaxed);
        Load {
            busy: self.busy.fork(),
            connections: self.connections.fork(),
            latency: Arc::new(Latency(AtomicU64::new(word))),
        }
    }

    /// Takes the outcome of a try in.
    pub fn record(&self, error: Option<&TryError>, took: Duration, now: Tick) {
        match error {
            None => self.latency.record(took, now),
            Some(TryError::Failed { .. }) => self.latency.record(took.max(FAILED), now),
            // What the client did says nothing of the back end.
            Some(TryError::ClientGone | TryError::ClientRefused(_)) => {}
        }
    }
}

/// A moving mean that follows a rise at once and forgets with time (the "peak" mean of Finagle).
///
/// One word, so that workers need no lock: microseconds in the low half, the low 32 bits of the tick in the high half. Two
/// answers at the same moment may lose one of them to the other, which a mean can bear.
#[derive(Debug, Default)]
pub struct Latency(AtomicU64);

impl Latency {
    /// Takes one time in.
    pub fn record(&self, took: Duration, now: Tick) {
        let took = took.as_micros().clamp(1, u128::from(u32::MAX)) as u32;
        let word = self.0.load(Ordering::Relaxed);
        let mean = match word as u32 {
            0 => took,
            mean if took >= mean => took,
            mean => {
                let kept = kept(word, now);
                (f64::from(mean) * kept + f64::from(took) * (1.0 - kept)) as u32
            }
        };
        self.0.store(
            u64::from(mean.max(1)) | (u64::from(now.0 as u32) << 32),
            Ordering::Relaxed,
        );
    }

    /// The mean in microseconds as it is now; 0 when nothing is known.
    pub fn micros(&self, now: Tick) -> u64 {
        let word = self.0.load(Ordering::Relaxed);
        match word as u32 {
            0 => 0,
            mean => (f64::from(mean) * kept(word, now)).max(1.0) as u64,
        }
    }
}

/// How much of the mean is left after the time since it was written.
fn kept(word: u64, now: Tick) -> f64 {
    let passed = (now.0 as u32).wrapping_sub((word >> 32) as u32);
    (-f64::from(passed) / FADES_MS).exp()
}

/// Thousandths of its weight that a child gets `passed` after its recovery, in a slow start of that length. It begins with
/// a tenth, as a child that gets nothing would never warm up.
pub fn share(passed: Duration, slow_start: Duration) -> u32 {
    const LEAST: u128 = 100;
    let full = u128::from(super::algorithm::FULL_SHARE);
    if passed >= slow_start {
        return full as u32;
    }
    (passed.as_millis() * full / slow_start.as_millis().max(1)).clamp(LEAST, full) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_mean_jumps_up_and_comes_down_with_time() {
        let latency = Latency::default();
        assert_eq!(latency.micros(Tick(5)), 0);
        latency.record(ms(10), Tick(1000));
        assert_eq!(latency.micros(Tick(1000)), 10_000);
        latency.record(ms(50), Tick(1000));
        assert_eq!(latency.micros(Tick(1000)), 50_000);
        latency.record(ms(10), Tick(11_000));
        let mean = latency.micros(Tick(11_000));
        assert!((24_000..25_500).contains(&mean), "10 + 40/e ms: {mean}");
        let faded = latency.micros(Tick(61_000));
        assert!(faded < 200, "{faded}");
    }

    #[test]
    fn the_tick_may_wrap_around() {
        let latency = Latency::default();
        latency.record(ms(10), Tick(u64::from(u32::MAX)));
        let mean = latency.micros(Tick(u64::from(u32::MAX) + 1));
        assert!((9990..=10_000).contains(&mean), "{mean}");
    }

    #[test]
    fn a_slow_start_goes_from_a_tenth_to_all() {
        let of = |passed| share(ms(passed), ms(10_000));
        assert_eq!(
            [of(0), of(999), of(2500), of(9999), of(10_000)],
            [100, 100, 250, 999, 1000]
        );
        assert_eq!(share(ms(0), ms(0)), 1000);
    }
}
