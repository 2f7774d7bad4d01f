//! Cron expressions as Quartz reads them: seconds, minutes, hours, day of the month, month, day of the week, and a year that
//! may be left out (spec/mediation.md 6). Days of the week are 1-7 from Sunday.
//!
//! Crates of the kind stand on other versions of what is used here already, or know no `L`, `W` and `#`.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Years that may be named.
const YEARS: RangeInclusive<u32> = 1970..=2199;
/// So many days are looked at for the next time: 29 February on a given weekday comes within 40 years.
const DAYS_MAX: u32 = 366 * 45;

/// When something is due that no message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// After such a pause.
    Every(Duration),
    /// At the times of an expression, on the local clock.
    At(Cron),
}

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    seconds: u64,
    minutes: u64,
    hours: u64,
    months: u64,
    day: Day,
    /// Allowed years; empty for all.
    years: Vec<u32>,
}

/// Which days of a month; each part is asked, and one is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Day {
    /// Days of the month, by bit; all bits for any.
    month: u64,
    /// So many days before the last one.
    before_last: Vec<u32>,
    /// The weekday nearest to that day; 0 for the last weekday.
    nearest: Vec<u32>,
    /// Days of the week from 0 for Sunday, by bit.
    week: u64,
    /// That weekday for the last time in the month.
    last: Vec<u32>,
    /// That weekday, for the so manyeth time.
    nth: Vec<(u32, u32)>,
}

/// One field of the expression, for messages and bounds.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const fn field(name: &'static str, first: u32, last: u32, names: &'static [&'static str]) -> Field {
    Field {
        name,
        first,
        last,
        names,
    }
}

impl Cron {
    /// Reads an expression; the error is a sentence for people.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (fields, year) = match fields[..] {
            [s, mi, h, d, mo, w] => ([s, mi, h, d, mo, w], None),
            [s, mi, h, d, mo, w, y] => ([s, mi, h, d, mo, w], Some(y)),
            _ => {
                let text = "a cron expression has 6 or 7 fields: seconds, minutes, hours, day of the month, month, day of the week, year";
                return Err(text.to_owned());
            }
        };
        let [seconds, minutes, hours, day, months, weekday] = fields;
        let years = match year {
            None | Some("*") => Vec::new(),
            Some(year) => field("year", *YEARS.start(), *YEARS.end(), &[]).list(year)?,
        };
        Ok(Cron {
            seconds: field("seconds", 0, 59, &[]).bits(seconds)?,
            minutes: field("minutes", 0, 59, &[]).bits(minutes)?,
            hours: field("hours", 0, 23, &[]).bits(hours)?,
            months: field("month", 1, 12, MONTHS).bits(months)?,
            day: Day::parse(day, weekday)?,
            years,
            text: fields.join(" "),
        })
    }

    /// The first time after that one; `None` when there is none any more.
    pub fn after(&self, now: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut day = now.date();
        let mut from = now.time().num_seconds_from_midnight() + 1;
        for _ in 0..DAYS_MAX {
            if self.is_on(day)
                && let Some(time) = self.time_from(from)
            {
                return Some(day.and_time(time));
            }
            from = 0;
            day = day.checked_add_days(Days::new(1))?;
        }
        None
    }

    fn is_on(&self, day: NaiveDate) -> bool {
        let year = u32::try_from(day.year()).unwrap_or_default();
        has(self.months, day.month())
            && (self.years.is_empty() || self.years.contains(&year))
            && self.day.is_on(day)
    }

    /// The first time of a day from that second on.
    fn time_from(&self, from: u32) -> Option<NaiveTime> {
        let (h, m, s) = (from / 3600, from / 60 % 60, from % 60);
        for hour in (h..24).filter(|hour| has(self.hours, *hour)) {
            let first = if hour == h { m } else { 0 };
            for minute in (first..60).filter(|minute| has(self.minutes, *minute)) {
                let first = if (hour, minute) == (h, m) { s } else { 0 };
                if let Some(second) = (first..60).find(|second| has(self.seconds, *second)) {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
            }
        }
        None
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has(bits: u64, at: u32) -> bool {
    bits & (1 << at) != 0
}

impl Day {
    fn parse(month: &str, week: &str) -> Result<Day, String> {
        let any = |text: &str| matches!(text, "*" | "?");
        let days = field("day of the month", 1, 31, &[]);
        let weekdays = field("day of the week", 1, 7, WEEKDAYS);
        let mut day = Day::default();
        match (any(month), any(week)) {
            (true, true) => day.month = u64::MAX,
            (false, true) => {
                for part in month.split(',') {
                    day.of_month(part, days)?;
                }
            }
            (true, false) => {
                for part in week.split(',') {
                    day.of_week(part, weekdays)?;
                }
            }
            (false, false) => {
                let text = "a day of the month and a day of the week cannot both be named: write ? for one of them";
                return Err(text.to_owned());
            }
        }
        Ok(day)
    }

    fn of_month(&mut self, part: &str, days: Field) -> Result<(), String> {
        let upper = part.to_ascii_uppercase();
        match upper.as_str() {
            "L" => self.before_last.push(0),
            "LW" => self.nearest.push(0),
            text if text.starts_with("L-") => {
                let before = text[2..].parse().ok().filter(|n| *n <= 30);
                self.before_last
                    .push(before.ok_or_else(|| days.wrong(part))?);
            }
            text if text.ends_with('W') => {
                self.nearest.push(days.value(&text[..text.len() - 1])?);
            }
            text => self.month |= days.bits(text)?,
        }
        Ok(())
    }

    fn of_week(&mut self, part: &str, weekdays: Field) -> Result<(), String> {
        let upper = part.to_ascii_uppercase();
        // Numbers and names are from 1.
        let day = |text: &str| weekdays.value(text).map(|day| day - 1);
        if let Some((name, nth)) = upper.split_once('#') {
            let nth = nth.parse().ok().filter(|n| (1..=5).contains(n));
            self.nth
                .push((day(name)?, nth.ok_or_else(|| weekdays.wrong(part))?));
        } else if upper == "L" {
            self.week |= 1 << 6;
        } else if let Some(name) = upper.strip_suffix('L') {
            self.last.push(day(name)?);
        } else {
            self.week |= weekdays.bits(&upper)? >> 1;
        }
        Ok(())
    }

    fn is_on(&self, day: NaiveDate) -> bool {
        let at = day.day();
        let length = length(day);
        let weekday = day.weekday().num_days_from_sunday();
        has(self.month, at)
            || has(self.week, weekday)
            || self.before_last.iter().any(|n| at + n == length)
            || self.last.contains(&weekday) && at + 7 > length
            || self.nth.contains(&(weekday, at.div_ceil(7)))
            || self.nearest.iter().any(|n| nearest(day, *n) == Some(at))
    }
}

/// How many days the month of a day has.
fn length(day: NaiveDate) -> u32 {
    let next = match day.month() {
        12 => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
        month => NaiveDate::from_ymd_opt(day.year(), month + 1, 1),
    };
    next.and_then(|next| next.pred_opt())
        .map_or(31, |last| last.day())
}

/// The weekday (Monday to Friday) of the month that is nearest to a day of it; it never leaves the month.
fn nearest(of: NaiveDate, day: u32) -> Option<u32> {
    let length = length(of);
    let wanted = if day == 0 { length } else { day };
    let at = of.with_day(wanted)?;
    Some(match at.weekday() {
        chrono::Weekday::Sat if wanted == 1 => 3,
        chrono::Weekday::Sat => wanted - 1,
        chrono::Weekday::Sun if wanted == length => wanted - 2,
        chrono::Weekday::Sun => wanted + 1,
        _ => wanted,
    })
}

impl Field {
    fn wrong(self, text: &str) -> String {
        format!(
            "`{text}` is no {} from {} to {}",
            self.name, self.first, self.last
        )
    }

    fn value(self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|n| n.eq_ignore_ascii_case(text));
        let value = match named {
            Some(at) => Some(at as u32 + 1),
            None => text.parse().ok(),
        };
        let value = value.filter(|v| (self.first..=self.last).contains(v));
        value.ok_or_else(|| self.wrong(text))
    }

    /// The values of a field: `*`, `a`, `a-b` (over the end too), `a/n`, and lists of these.
    fn list(self, text: &str) -> Result<Vec<u32>, String> {
        let mut found = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    let step = step.parse().ok().filter(|n| (1..=self.last).contains(n));
                    (range, Some(step.ok_or_else(|| self.wrong(part))?))
                }
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                _ if matches!(range, "*" | "?" | "") && (step.is_some() || !range.is_empty()) => {
                    (self.first, self.last)
                }
                Some((from, to)) => (self.value(from)?, self.value(to)?),
                None => {
                    let from = self.value(range)?;
                    (from, if step.is_some() { self.last } else { from })
                }
            };
            let size = self.last - self.first + 1;
            let span = (to + size - from) % size;
            let steps = (0..=span).step_by(step.unwrap_or(1) as usize);
            found.extend(steps.map(|n| (from - self.first + n) % size + self.first));
        }
        Ok(found)
    }

    fn bits(self, text: &str) -> Result<u64, String> {
        let values = self.list(text)?;
        Ok(values.iter().fold(0, |bits, value| bits | 1 << value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(text).unwrap();
        let mut at = NaiveDateTime::parse_from_str(from, "%Y-%m-%d %H:%M:%S").unwrap();
        let next = std::iter::from_fn(|| {
            at = cron.after(at)?;
            Some(at.to_string())
        });
        next.take(count).collect()
    }

    #[test]
    fn times_are_those_of_quartz() {
        for (text, from, want) in [
            (
                "0/20 * * * * ?",
                "2026-11-26 21:00:30",
                &["2026-11-26 21:00:40", "2026-11-26 21:01:00"][..],
            ),
            (
                "0 15 10 ? * MON-FRI",
                "2026-11-27 10:15:00",
                &["2026-11-30 10:15:00"],
            ),
            (
                "0 0 12 1/5 * ?",
                "2026-11-26 12:00:00",
                &["2026-12-01 12:00:00", "2026-12-06 12:00:00"],
            ),
            (
                "0 0 0 L * ?",
                "2027-01-31 00:00:00",
                &["2027-02-28 00:00:00", "2027-03-31 00:00:00"],
            ),
            (
                "0 0 0 L-2 2 ?",
                "2027-01-01 00:00:00",
                &["2027-02-26 00:00:00"],
            ),
            (
                "0 0 0 15W * ?",
                "2026-08-01 00:00:00",
                &["2026-08-14 00:00:00", "2026-09-15 00:00:00"],
            ),
            (
                "0 0 0 1W * ?",
                "2026-07-31 23:00:00",
                &["2026-08-03 00:00:00"],
            ),
            (
                "0 0 0 LW * ?",
                "2026-05-01 00:00:00",
                &["2026-05-29 00:00:00"],
            ),
            (
                "0 0 8 ? * 6L",
                "2026-11-01 00:00:00",
                &["2026-11-27 08:00:00"],
            ),
            (
                "0 0 8 ? * 2#1",
                "2026-11-26 00:00:00",
                &["2026-12-07 08:00:00"],
            ),
            (
                "0 0 22-2/2 * JAN ?",
                "2026-11-26 00:00:00",
                &[
                    "2027-01-01 00:00:00",
                    "2027-01-01 02:00:00",
                    "2027-01-01 22:00:00",
                ],
            ),
            (
                "0 0 0 29 2 ?",
                "2026-11-26 00:00:00",
                &["2028-02-29 00:00:00"],
            ),
            (
                "0 0 0 1 1 ? 2027,2030",
                "2027-01-01 00:00:00",
                &["2030-01-01 00:00:00"],
            ),
        ] {
            assert_eq!(times(text, from, want.len()), want, "{text}");
        }
        assert_eq!(times("0 0 0 1 1 ? 2020", "2026-01-01 00:00:00", 1), [""; 0]);
    }

    #[test]
    fn what_is_no_expression_says_why() {
        for (text, part) in [
            ("* * * * *", "6 or 7 fields"),
            ("60 * * * * ?", "`60` is no seconds from 0 to 59"),
            ("0 0 12 1 * MON", "write ? for one of them"),
            ("0 0 12 ? * FUN", "`FUN` is no day of the week"),
            ("0 0/0 * * * ?", "`0/0` is no minutes"),
            ("0 0 0 L-40 * ?", "L-40"),
            ("0 0 0 ? * 2#6", "2#6"),
            ("0 , * * * ?", "minutes"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
