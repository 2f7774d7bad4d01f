//! Wall-clock time as people read it: RFC 3339 with milliseconds, always UTC.
//!
//! Written by hand because an access line needs it on the hot path; the calendar arithmetic is the usual
//! days-to-civil conversion with the year starting in March, so that the leap day is the last of a year.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::digits::write_three;
use crate::util::clock::{self, Tick};

/// Milliseconds since 1970, now.
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// The wall time of a moment of the proxy's clock, as milliseconds since 1970.
pub fn unix_ms_of(tick: Tick) -> u64 {
    let now = clock::now();
    let wall = unix_ms();
    if tick >= now {
        wall.saturating_add(tick.0 - now.0)
    } else {
        wall.saturating_sub(now.0 - tick.0)
    }
}

/// Appends `2026-01-02T03:04:05.678Z`.
pub fn write_rfc3339(out: &mut Vec<u8>, unix_ms: u64) {
    thread_local! {
        // Lines of one second share all but the milliseconds.
        static SECOND: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) };
    }
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != unix_ms / 1_000 {
            *second = unix_ms / 1_000;
            text.clear();
            write_second(text, unix_ms);
        }
        out.extend_from_slice(text);
    });
    write_three(out, unix_ms);
    out.push(b'Z');
}

/// Everything in front of the milliseconds.
fn write_second(out: &mut Vec<u8>, unix_ms: u64) {
    let (year, month, day) = civil(unix_ms / 86_400_000);
    let of_day = unix_ms % 86_400_000;
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, of_day / 3_600_000, 2);
    out.push(b':');
    digits(out, of_day / 60_000 % 60, 2);
    out.push(b':');
    digits(out, of_day / 1_000 % 60, 2);
    out.push(b'.');
}

/// The same as a string.
pub fn rfc3339(unix_ms: u64) -> String {
    let mut out = Vec::with_capacity(24);
    write_rfc3339(&mut out, unix_ms);
    String::from_utf8_lossy(&out).into_owned()
}

fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

fn digits(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        // A remainder of ten is a digit; a year above 9999 keeps its last four.
        out.push(b'0' + (value / 10_u64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_moments_are_written_in_utc_with_milliseconds() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn a_later_tick_is_a_later_wall_time() {
        let now = clock::now();
        assert!(unix_ms_of(now + Duration::from_secs(60)) > unix_ms_of(now) + 50_000);
    }
}
