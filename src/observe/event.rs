//! Events: what changed and why, once, where it was decided.
//!
//! The same [`Event`] is a log line (`evt=endpoint.state endpoint=quotes/b from=active to=suspended ...`), a JSON
//! line and an item of the administration API. The last [`KEPT`] are kept in memory.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use super::LogFormat;
use super::escape::text_word;
use super::lines::Lines;
use super::stamp::{rfc3339, unix_ms, write_rfc3339};

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
    /// How long the endpoint is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_ms: Option<u64>,
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
    /// The rest, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

fn as_rfc3339<S: Serializer>(unix_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
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
            ("suspend_ms", self.suspend_ms.map(number)),
            ("next", self.next.map(rfc3339)),
            ("req", self.req.clone()),
            ("rule", self.rule.clone()),
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

/// Takes events from every room: writes them out and keeps the last ones.
#[derive(Debug)]
pub struct EventLog {
    format: LogFormat,
    lines: Option<Lines>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last_seq: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    /// A log that writes to `lines` (when given) in that format.
    pub fn new(format: LogFormat, lines: Option<Lines>) -> EventLog {
        EventLog {
            format,
            lines,
            kept: Mutex::default(),
        }
    }

    /// Numbers, dates, keeps and writes the event.
    pub fn emit(&self, mut event: Event) {
        if event.ts == 0 {
            event.ts = unix_ms();
        }
        let mut kept = self.kept.lock();
        kept.last_seq += 1;
        event.seq = kept.last_seq;
        if let Some(lines) = &self.lines {
            lines.append(|out| event.write(self.format, out));
        }
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(event);
    }

    /// The last `limit` events, oldest first.
    pub fn recent(&self, limit: usize) -> Vec<Event> {
        let kept = self.kept.lock();
        let skip = kept.events.len().saturating_sub(limit);
        kept.events.iter().skip(skip).cloned().collect()
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
