//! What happened to each endpoint: a ring per endpoint, bounded in number and in time, so that one that flaps does not
//! push out what is known of the others.
//!
//! Changes of state stand for themselves. What happens once per message (a refusal while suspended, a message given up)
//! is counted with the first of its kind since the last change of state.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::Event;
use super::event::as_rfc3339;
use crate::codes::ErrorCode;

/// Most entries of one endpoint.
pub const PER_ENDPOINT: usize = 256;
/// Most entries of all endpoints together.
pub const ENTRIES_MAX: usize = 50_000;
/// Longest time that an entry is kept.
pub const KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// How many entries back a repetition is looked for.
const LOOK_BACK: usize = 16;

/// One entry of a timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// What happened, the first time.
    #[serde(flatten, serialize_with = "of_event")]
    pub event: Arc<Event>,
    /// What its error code means, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
    /// How often, when more than once.
    #[serde(skip_serializing_if = "is_one")]
    pub count: u64,
    /// When the last time, milliseconds since 1970.
    #[serde(serialize_with = "as_rfc3339")]
    pub last: u64,
    /// Order of arrival.
    #[serde(skip)]
    stamp: u64,
}

fn of_event<S: Serializer>(event: &Arc<Event>, serializer: S) -> Result<S::Ok, S::Error> {
    Event::serialize(event, serializer)
}

fn is_one(count: &u64) -> bool {
    *count == 1
}

impl Entry {
    fn is_change(&self) -> bool {
        self.event.to.is_some()
    }
}

/// The timelines of all endpoints, by path.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    rings: HashMap<Arc<str>, VecDeque<Entry>>,
    /// Every entry in the order of arrival, and places of some that are gone.
    order: VecDeque<(Arc<str>, u64)>,
    /// Entries in the rings.
    live: usize,
    stamp: u64,
}

impl Timelines {
    /// Adds an event of an endpoint.
    pub fn push(&mut self, event: Arc<Event>) {
        let Some(endpoint) = event.endpoint.as_deref() else {
            return;
        };
        if event.to.is_none() {
            let key = (event.evt, event.code.unwrap_or(0), event.child.as_deref());
            if self.repeated(endpoint, key, event.ts) {
                return;
            }
        }
        let key = match self.rings.get_key_value(endpoint) {
            Some((key, _)) => key.clone(),
            None => endpoint.into(),
        };
        self.stamp += 1;
        let entry = Entry {
            meaning: event
                .code
                .and_then(|code| Some(ErrorCode(code).row()?.text)),
            count: 1,
            last: event.ts,
            stamp: self.stamp,
            event,
        };
        let ring = self.rings.entry(key.clone()).or_default();
        let too_old = entry.last.saturating_sub(KEPT_MS);
        while ring.front().is_some_and(|e| e.last < too_old) || ring.len() >= PER_ENDPOINT {
            ring.pop_front();
            self.live -= 1;
        }
        ring.push_back(entry);
        self.live += 1;
        self.order.push_back((key, self.stamp));
        self.trim();
    }

    /// Adds something that may happen often; see [`EventLog::note`](super::EventLog::note).
    pub fn note(
        &mut self,
        endpoint: &str,
        key: (&'static str, i32, Option<&str>),
        now_unix_ms: u64,
        make: impl FnOnce() -> Event,
    ) {
        if !self.repeated(endpoint, key, now_unix_ms) {
            let event = Event {
                ts: now_unix_ms,
                endpoint: Some(endpoint.to_owned()),
                ..make()
            };
            self.push(Arc::new(event));
        }
    }

    /// Counts a repetition, when it is one.
    fn repeated(
        &mut self,
        endpoint: &str,
        (evt, code, child): (&'static str, i32, Option<&str>),
        now: u64,
    ) -> bool {
        let Some(ring) = self.rings.get_mut(endpoint) else {
            return false;
        };
        let since_change = ring
            .iter_mut()
            .rev()
            .take(LOOK_BACK)
            .take_while(|entry| !entry.is_change());
        for entry in since_change {
            let event = &entry.event;
            if event.evt == evt
                && event.code.unwrap_or(0) == code
                && event.child.as_deref() == child
            {
                entry.count += 1;
                entry.last = now;
                return true;
            }
        }
        false
    }

    /// The entries of an endpoint and of what is below it, oldest first.
    pub fn of(&self, endpoint: &str, since: u64, now: u64) -> Vec<Entry> {
        let since = since.max(now.saturating_sub(KEPT_MS));
        let below = |path: &str| {
            path.strip_prefix(endpoint)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut found: Vec<Entry> = self
            .rings
            .iter()
            .filter(|(path, _)| below(path))
            .flat_map(|(_, ring)| ring.iter().filter(|entry| entry.last >= since))
            .cloned()
            .collect();
        found.sort_by_key(|entry| entry.stamp);
        found
    }

    /// The request of the last change of state.
    pub fn last_cause(&self, endpoint: &str) -> Option<String> {
        let ring = self.rings.get(endpoint)?;
        let change = ring.iter().rev().find(|entry| entry.is_change())?;
        change.event.req.clone()
    }

    /// Keeps the total: the oldest entries of all go, and now and then the places of those that are gone.
    fn trim(&mut self) {
        if self.order.len() > 2 * ENTRIES_MAX {
            let rings = &self.rings;
            self.order.retain(|(path, stamp)| {
                let first = rings.get(path).and_then(|ring| ring.front());
                first.is_some_and(|entry| entry.stamp <= *stamp)
            });
        }
        while self.live > ENTRIES_MAX {
            let Some((path, stamp)) = self.order.pop_front() else {
                return;
            };
            let Some(ring) = self.rings.get_mut(&path) else {
                continue;
            };
            // The order is that of arrival: what is still there is the first of its ring.
            if ring.front().is_some_and(|entry| entry.stamp == stamp) {
                ring.pop_front();
                self.live -= 1;
                if ring.is_empty() {
                    self.rings.remove(&path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(endpoint: &str, ts: u64) -> Arc<Event> {
        Arc::new(Event {
            ts,
            endpoint: Some(endpoint.to_owned()),
            from: Some("active"),
            to: Some("suspended"),
            req: Some(format!("r{ts}")),
            ..Event::new("endpoint.state")
        })
    }

    fn refuse(lines: &mut Timelines, endpoint: &str, code: i32, ts: u64) {
        lines.note(endpoint, ("endpoint.failed", code, None), ts, || Event {
            code: Some(code),
            ..Event::new("endpoint.failed")
        });
    }

    fn counts(lines: &Timelines, endpoint: &str) -> Vec<(u64, u64)> {
        let all = lines.of(endpoint, 0, 1);
        all.iter().map(|e| (e.event.ts, e.count)).collect()
    }

    #[test]
    fn what_repeats_is_counted_until_the_state_changes() {
        let mut lines = Timelines::default();
        for ts in 1..=3 {
            refuse(&mut lines, "a", 303_001, ts);
            refuse(&mut lines, "a", 303_000, ts);
        }
        lines.push(change("a", 4));
        refuse(&mut lines, "a", 303_001, 5);
        assert_eq!(counts(&lines, "a"), [(1, 3), (1, 3), (4, 1), (5, 1)]);
        assert_eq!(lines.last_cause("a").as_deref(), Some("r4"));
    }

    #[test]
    fn a_group_shows_what_is_below_it_and_no_other() {
        let mut lines = Timelines::default();
        for (at, path) in ["g/a", "g", "ga", "g/#1/x"].iter().enumerate() {
            lines.push(change(path, at as u64 + 1));
        }
        assert_eq!(counts(&lines, "g"), [(1, 1), (2, 1), (4, 1)]);
        assert_eq!(counts(&lines, "g/a"), [(1, 1)]);
    }

    #[test]
    fn one_that_flaps_does_not_push_out_the_others() {
        let mut lines = Timelines::default();
        lines.push(change("quiet", 1));
        for ts in 2..3 * ENTRIES_MAX as u64 {
            lines.push(change("flaps", ts));
        }
        assert_eq!(counts(&lines, "quiet"), [(1, 1)]);
        assert_eq!(counts(&lines, "flaps").len(), PER_ENDPOINT);
        assert!(lines.order.len() <= 2 * ENTRIES_MAX);
    }

    #[test]
    fn the_total_is_bounded_and_the_oldest_goes_first() {
        let mut lines = Timelines::default();
        for n in 0..ENTRIES_MAX as u64 + 7 {
            lines.push(change(&format!("e{n}"), n + 1));
        }
        assert_eq!(lines.live, ENTRIES_MAX);
        assert_eq!(lines.rings.len(), ENTRIES_MAX);
        assert!(counts(&lines, "e6").is_empty());
        assert_eq!(counts(&lines, "e7").len(), 1);
    }

    #[test]
    fn a_day_is_kept() {
        let mut lines = Timelines::default();
        lines.push(change("a", 1_000));
        lines.push(change("a", 2_000));
        assert_eq!(lines.of("a", 0, KEPT_MS + 1_500).len(), 1);
        lines.push(change("a", KEPT_MS + 1_500));
        assert_eq!(lines.live, 2);
        assert_eq!(lines.of("a", KEPT_MS, KEPT_MS + 1_600).len(), 1);
    }
}
