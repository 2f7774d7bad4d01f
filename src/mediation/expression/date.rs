//! Dates by the patterns of Java (`SimpleDateFormat`), in English: what `get-property('SYSTEM_DATE')` is (spec/mediation.md 7).

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, Timelike};

/// The pattern where none is given: Java's short one.
pub(super) const SHORT: &str = "M/d/yy h:mm a";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// Most digits that a number is filled up to.
const DIGITS_MAX: usize = 20;

/// Writes a time; `None` for a pattern that is none.
pub(super) fn format(time: DateTime<FixedOffset>, pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            rest = quoted(&rest[1..], &mut out)?;
            continue;
        }
        let length = rest.chars().take_while(|c| *c == first).count();
        let (run, behind) = rest.split_at(length * first.len_utf8());
        rest = behind;
        match first.is_ascii_alphabetic() {
            true => letters(time, first, length, &mut out)?,
            false => out.push_str(run),
        }
    }
    Some(out)
}

/// A text between quotes, of which two are one quote; what follows it.
fn quoted<'p>(text: &'p str, out: &mut String) -> Option<&'p str> {
    if let Some(rest) = text.strip_prefix('\'') {
        out.push('\'');
        return Some(rest);
    }
    let mut rest = text;
    loop {
        let (inside, behind) = rest.split_once('\'')?;
        out.push_str(inside);
        match behind.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some(behind),
        }
    }
}

fn letters(
    time: DateTime<FixedOffset>,
    letter: char,
    length: usize,
    out: &mut String,
) -> Option<()> {
    let year = time.year();
    let names = |full: &'static str| match length {
        4.. => full,
        _ => &full[..3],
    };
    let number = match letter {
        'u' => i64::from(time.weekday().number_from_monday()),
        'y' | 'Y' if length == 2 => i64::from(year.rem_euclid(100)),
        'y' | 'Y' => i64::from(year),
        'M' | 'L' if length >= 3 => {
            out.push_str(names(MONTHS[time.month0() as usize]));
            return Some(());
        }
        'M' | 'L' => i64::from(time.month()),
        'd' => i64::from(time.day()),
        'D' => i64::from(time.ordinal()),
        'F' => i64::from(time.day().div_ceil(7)),
        'w' => i64::from(time.iso_week().week()),
        'E' => {
            out.push_str(names(
                WEEKDAYS[time.weekday().num_days_from_monday() as usize],
            ));
            return Some(());
        }
        'H' => i64::from(time.hour()),
        'k' => i64::from((time.hour() + 23) % 24 + 1),
        'K' => i64::from(time.hour() % 12),
        'h' => i64::from((time.hour() + 11) % 12 + 1),
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        'S' => i64::from(time.timestamp_subsec_millis()),
        'a' => {
            out.push_str(if time.hour() < 12 { "AM" } else { "PM" });
            return Some(());
        }
        'G' => {
            out.push_str(if year > 0 { "AD" } else { "BC" });
            return Some(());
        }
        'z' | 'Z' | 'X' => return zone(time, letter, length, out),
        _ => return None,
    };
    write!(out, "{number:0width$}", width = length.min(DIGITS_MAX)).ok()
}

/// The offset: `GMT+01:00`, `+0100`, or as ISO 8601 has it.
fn zone(time: DateTime<FixedOffset>, letter: char, length: usize, out: &mut String) -> Option<()> {
    let seconds = time.offset().local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    match (letter, length) {
        ('z', _) if seconds == 0 => out.push_str("UTC"),
        ('z', _) => write!(out, "GMT{sign}{hours:02}:{minutes:02}").ok()?,
        ('X', 1..=3) if seconds == 0 => out.push('Z'),
        ('X', 1) => write!(out, "{sign}{hours:02}").ok()?,
        ('Z', _) | ('X', 2) => write!(out, "{sign}{hours:02}{minutes:02}").ok()?,
        ('X', 3) => write!(out, "{sign}{hours:02}:{minutes:02}").ok()?,
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_java() {
        let time = DateTime::parse_from_rfc3339("2026-01-05T00:07:09.045+01:00").unwrap();
        for (pattern, want) in [
            (SHORT, "1/5/26 12:07 AM"),
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
                "2026-01-05T00:07:09.045+01:00",
            ),
            (
                "EEE, d MMM yyyy HH:mm:ss Z",
                "Mon, 5 Jan 2026 00:07:09 +0100",
            ),
            ("EEEE MMMM K k u D F", "Monday January 0 24 1 5 1"),
            ("''yy'' 'o''clock' z", "'26' o'clock GMT+01:00"),
            ("ddMMyyyy X XX", "05012026 +01 +0100"),
            ("", ""),
        ] {
            assert_eq!(format(time, pattern).as_deref(), Some(want), "{pattern}");
        }
        let noon = DateTime::parse_from_rfc3339("2026-12-31T12:00:00Z").unwrap();
        assert_eq!(format(noon, "h a X z").as_deref(), Some("12 PM Z UTC"));
        for wrong in ["yyyy 'open", "b", "XXXX"] {
            assert_eq!(format(time, wrong), None, "{wrong}");
        }
    }
}
