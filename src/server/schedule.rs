//! When something is due that no message asks for: after a pause, or at the times of a cron expression on the local clock.

use std::time::Duration;

use chrono::{DateTime, Local, TimeZone};
use tokio::time::Instant;

use crate::config::cron::Schedule;

/// What is never due is looked at again after this time.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The next time after `now`.
pub fn next(schedule: &Schedule, now: Instant) -> Instant {
    match schedule {
        Schedule::Every(pause) => now + *pause,
        Schedule::At(_) => now + until(schedule, Local::now()).unwrap_or(NEVER),
    }
}

fn until(schedule: &Schedule, now: DateTime<Local>) -> Option<Duration> {
    let Schedule::At(cron) = schedule else {
        return None;
    };
    let mut at = now.naive_local();
    loop {
        at = cron.after(at)?;
        // A time that the clock leaves out when summer begins is left out.
        if let Some(time) = Local.from_local_datetime(&at).earliest() {
            return (time - now).to_std().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::cron::Cron;

    #[test]
    fn the_next_second_of_a_minute_is_at_most_a_minute_away() {
        let now = Instant::now();
        let every = next(&Schedule::Every(Duration::from_secs(3)), now);
        assert_eq!(every - now, Duration::from_secs(3));
        let cron = Cron::parse("30 * * * * ?").unwrap();
        let due = next(&Schedule::At(cron), now) - now;
        assert!(
            due > Duration::ZERO && due <= Duration::from_secs(60),
            "{due:?}"
        );
        let past = Cron::parse("0 0 0 1 1 ? 1999").unwrap();
        assert_eq!(next(&Schedule::At(past), now), now + NEVER);
    }
}
