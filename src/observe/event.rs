//! Events: what changed and why, once, where it was decided.
//!
//! The same [`Event`] is a log line (`evt=endpoint.state endpoint=quotes/b from=active to=suspended ...`), a JSON
//! line and an item of the administration API. The last [`KEPT`] are kept in memory, those of each endpoint longer
//! ([`Timelines`]), and whoever follows gets each as it happens ([`Follower`]).

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use super::LogFormat;
use super::escape::text_word;
use super::follow::{Follower, Readers, TooManyReaders};
use super::lines::Lines;
use super::stamp::{rfc3339, unix_ms, write_rfc3339};
use super::timeline::{Entry, Timelines};

/// Events kept for the administration API.
pub const KEPT: usize = 1_000;

/// One thing that happened. Fields that do not apply stay `None` and are not written.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Event {
    /// Running number, from 1; given by [`EventLog::emit`].
    pub seq: u64,
    /// When, milliseconds since 1970; given by [`EventLog::emit`] when 0.
    #[serde(serialize_with = "as_rfc3339")]
    pub ts: u64,
    /// What kind: `endpoint.state`, `config.reload`, `session.evicted` ...
    pub evt: &'static str,
    /// Tree path of the endpoint or group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// State before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'static str>,
    /// State after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<&'static str>,
    /// Error code that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Name of that code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    /// What the walk itself concluded, where that is another code: 303201, 303202, 309003 ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<i32>,
    /// Tree path of the child that it is about, when it is not the endpoint itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
    /// How long the endpoint is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_ms: Option<u64>,
    /// How that length came about: `initial 1000 ms x 2^3, at most 5000 ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// When it may be tried again, milliseconds since 1970.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "maybe_rfc3339"
    )]
    pub next: Option<u64>,
    /// Id of the request that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub req: Option<String>,
    /// `file:line:column` of the rule that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Who did it, as he named himself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The rest, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

pub(super) fn as_rfc3339<S: Serializer>(unix_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*unix_ms))
}

fn maybe_rfc3339<S: Serializer>(unix_ms: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match unix_ms {
        Some(ms) => serializer.serialize_str(&rfc3339(*ms)),
        None => serializer.serialize_none(),
    }
}

impl Event {
    /// An event of that kind with nothing else said yet.
    pub fn new(evt: &'static str) -> Event {
        Event {
            evt,
            ..Event::default()
        }
    }

    /// Appends the event as one line of that format.
    pub fn write(&self, format: LogFormat, out: &mut Vec<u8>) {
        match format {
            LogFormat::Text => self.write_text(out),
            LogFormat::Json => {
                // A struct of strings and numbers cannot fail to serialize, and a Vec takes every byte.
                let _ = serde_json::to_writer(&mut *out, self);
                out.push(b'\n');
            }
            LogFormat::Off => {}
        }
    }

    fn write_text(&self, out: &mut Vec<u8>) {
        write_rfc3339(out, self.ts);
        out.extend_from_slice(b" evt=");
        out.extend_from_slice(self.evt.as_bytes());
        let number = |n: u64| n.to_string();
        let fields = [
            ("endpoint", self.endpoint.clone()),
            ("from", self.from.map(str::to_owned)),
            ("to", self.to.map(str::to_owned)),
            ("code", self.code.map(|c| c.to_string())),
            ("name", self.name.map(str::to_owned)),
            ("verdict", self.verdict.map(|c| c.to_string())),
            ("child", self.child.clone()),
            ("suspend_ms", self.suspend_ms.map(number)),
            ("how", self.how.clone()),
            ("next", self.next.map(rfc3339)),
            ("req", self.req.clone()),
            ("rule", self.rule.clone()),
            ("by", self.by.clone()),
            ("text", self.text.clone()),
        ];
        for (key, value) in fields {
            if let Some(value) = value {
                out.push(b' ');
                out.extend_from_slice(key.as_bytes());
                out.push(b'=');
                text_word(out, value.as_bytes());
            }
        }
        out.push(b'\n');
    }
}

/// Takes events from every room: writes them out, keeps the last ones, and hands them to followers.
#[derive(Debug)]
pub struct EventLog {
    format: LogFormat,
    lines: Option<Lines>,
    /// Tells the numbers of this process from those of others.
    epoch: u64,
    kept: Mutex<Kept>,
    timelines: Mutex<Timelines>,
}

#[derive(Debug, Default)]
struct Kept {
    last_seq: u64,
    events: VecDeque<Arc<Event>>,
    readers: Readers,
}

impl EventLog {
    /// A log that writes to `lines` (when given) in that format.
    pub fn new(format: LogFormat, lines: Option<Lines>) -> EventLog {
        EventLog {
            format,
            lines,
            epoch: unix_ms(),
            kept: Mutex::default(),
            timelines: Mutex::default(),
        }
    }

    /// Numbers, dates, keeps and writes the event.
    pub fn emit(&self, mut event: Event) {
        if event.ts == 0 {
            event.ts = unix_ms();
        }
        let event = {
            let mut kept = self.kept.lock();
            kept.last_seq += 1;
            event.seq = kept.last_seq;
            if let Some(lines) = &self.lines {
                lines.append(|out| event.write(self.format, out));
            }
            if kept.events.len() == KEPT {
                kept.events.pop_front();
            }
            let event = Arc::new(event);
            kept.events.push_back(event.clone());
            kept.readers.hand_out(&event);
            event
        };
        if event.endpoint.is_some() {
            self.timelines.lock().push(event);
        }
    }

    /// Writes a line that nobody keeps: what was asked to be told of every message.
    pub fn write_only(&self, event: Event) {
        if let Some(lines) = &self.lines {
            let event = Event {
                ts: unix_ms(),
                ..event
            };
            lines.append(|out| event.write(self.format, out));
        }
    }

    /// Keeps something that happened to an endpoint in its timeline only: what happens once per message would fill the
    /// log. The same thing again (kind, code, child) is counted there; `make` is called for the first of them.
    pub fn note(
        &self,
        endpoint: &str,
        evt: &'static str,
        code: i32,
        child: Option<&str>,
        make: impl FnOnce() -> Event,
    ) {
        let now = unix_ms();
        self.timelines
            .lock()
            .note(endpoint, (evt, code, child), now, make);
    }

    /// The last `limit` events, oldest first.
    pub fn recent(&self, limit: usize) -> Vec<Event> {
        let last: Vec<Arc<Event>> = {
            let kept = self.kept.lock();
            let skip = kept.events.len().saturating_sub(limit);
            kept.events.iter().skip(skip).cloned().collect()
        };
        // Copied after the lock: a worker that has something to tell does not wait for it.
        last.iter().map(|event| Event::clone(event)).collect()
    }

    /// What is known of an endpoint since then (milliseconds since 1970), oldest first; with what is below it.
    pub fn timeline(&self, endpoint: &str, since_unix_ms: u64) -> Vec<Entry> {
        self.timelines.lock().of(endpoint, since_unix_ms, unix_ms())
    }

    /// The request that caused the last change of state of an endpoint.
    pub fn last_cause(&self, endpoint: &str) -> Option<String> {
        self.timelines.lock().last_cause(endpoint)
    }

    /// Events as they happen, beginning behind the one of that id ([`Follower::id_of`]) when it is given.
    pub fn follow(&self, after: Option<&str>) -> Result<Follower, TooManyReaders> {
        let mut kept = self.kept.lock();
        let (last_seq, first) = (kept.last_seq, kept.events.front().map(|e| e.seq));
        // An id of another process, or one that was never given: all that is here is news.
        let after = after.map(|id| {
            let (epoch, seq) = id.split_once('-').unwrap_or(("", id));
            let ours = epoch.is_empty() || epoch.parse() == Ok(self.epoch);
            let seq = seq.parse().ok().filter(|n| ours && *n <= last_seq);
            seq.unwrap_or(0)
        });
        let backlog = match after {
            Some(after) => {
                let start = kept.events.partition_point(|event| event.seq <= after);
                kept.events.range(start..).cloned().collect()
            }
            None => VecDeque::new(),
        };
        let next = first.unwrap_or(last_seq + 1);
        let missed = after.map_or(0, |after| next.saturating_sub(after + 1));
        kept.readers.join(self.epoch, backlog, missed)
    }

    /// Ends all followers; for the stop.
    pub fn end_followers(&self) {
        self.kept.lock().readers.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspension() -> Event {
        Event {
            ts: 1_767_323_045_678,
            endpoint: Some("quotes/b".into()),
            from: Some("active"),
            to: Some("suspended"),
            code: Some(101_504),
            name: Some("connection_timeout"),
            suspend_ms: Some(30_000),
            next: Some(1_767_323_075_678),
            req: Some("r-1".into()),
            rule: Some("endpoints/my quotes.xml:12:9".into()),
            ..Event::new("endpoint.state")
        }
    }

    #[test]
    fn text_says_what_changed_and_which_rule_did_it() {
        let mut out = Vec::new();
        suspension().write(LogFormat::Text, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2026-01-02T03:04:05.678Z evt=endpoint.state endpoint=quotes/b from=active to=suspended code=101504 \
             name=connection_timeout suspend_ms=30000 next=2026-01-02T03:04:35.678Z req=r-1 \
             rule=\"endpoints/my quotes.xml:12:9\"\n"
        );
    }

    #[test]
    fn json_has_times_as_text_and_leaves_out_what_does_not_apply() {
        let mut out = Vec::new();
        suspension().write(LogFormat::Json, &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["next"], "2026-01-02T03:04:35.678Z");
        assert_eq!(value["code"], 101_504);
        assert!(value.get("text").is_none());
    }

    #[test]
    fn the_log_numbers_events_and_keeps_the_last_thousand() {
        let log = EventLog::new(LogFormat::Off, None);
        for _ in 0..KEPT + 5 {
            log.emit(Event::new("config.reload"));
        }
        let all = log.recent(usize::MAX);
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].seq, all[KEPT - 1].seq), (6, KEPT as u64 + 5));
        assert_eq!(
            log.recent(2).iter().map(|e| e.seq).collect::<Vec<_>>(),
            [1004, 1005]
        );
    }
}
