//! What happened to an endpoint, for people: newest state first in one line, then the timeline, oldest first.

use std::fmt::Write;

use super::show::{duration, glyph, plain};
use crate::admin::{EntryView, TimelineView};

/// The answer of `axon why`.
pub fn timeline(name: &str, view: &TimelineView) -> String {
    let mut out = String::new();
    match &view.endpoint {
        None => {
            let _ = writeln!(out, "{}  is not in the configuration now", plain(name));
        }
        Some(endpoint) => {
            let _ = write!(
                out,
                "{}  {} {}",
                plain(&endpoint.path),
                glyph(&endpoint.state),
                plain(&endpoint.state)
            );
            if let Some(since) = &endpoint.since {
                let _ = write!(out, " since {}", plain(since));
            }
            if let Some(ms) = endpoint.next_retry_in_ms {
                let _ = write!(out, ", again in {}", duration(ms));
            }
            out.push('\n');
        }
    }
    if view.items.is_empty() {
        out.push_str("nothing happened in this time\n");
    }
    for item in &view.items {
        out += &entry(item, name);
    }
    out
}

/// One entry: what, then why, then where from. The endpoint is named unless it is `shown`.
pub fn entry(item: &EntryView, shown: &str) -> String {
    let mut out = plain(&item.ts);
    let mut word = |text: String| {
        out.push(' ');
        out.push_str(&plain(&text));
    };
    if let Some(endpoint) = item.endpoint.as_deref().filter(|e| *e != shown) {
        word(endpoint.to_owned());
    }
    match (&item.from, &item.to) {
        (Some(from), Some(to)) if item.evt == "endpoint.reset" => {
            word(format!("began anew: {from} -> {to}"));
        }
        (Some(from), Some(to)) => word(format!("{from} -> {to}")),
        _ => word(
            match item.evt.as_str() {
                "endpoint.failed" => "failed a message",
                "endpoint.error" => "error",
                "endpoint.failover" => "took over",
                "endpoint.repeat" => "may have run a request that is sent again",
                other => other,
            }
            .to_owned(),
        ),
    }
    if let Some(code) = item.code {
        word(format!("{code} {}", item.name.as_deref().unwrap_or("")));
    }
    if let Some(verdict) = item.verdict {
        word(format!("({verdict})"));
    }
    if let Some(count) = item.count.filter(|n| *n > 1) {
        word(format!("{count} times, last {}", item.last));
    }
    out.push('\n');
    let mut line = |text: String| {
        let _ = writeln!(out, "    {}", plain(&text));
    };
    if let Some(meaning) = &item.meaning {
        line(meaning.clone());
    }
    if let Some(text) = &item.text {
        line(match &item.by {
            Some(by) => format!("{text} (by {by})"),
            None => text.clone(),
        });
    } else if let Some(by) = &item.by {
        line(format!("by {by}"));
    }
    let how = item.how.as_deref();
    match item.suspend_ms {
        Some(ms) => {
            let how = how.map(|how| format!(" ({how})")).unwrap_or_default();
            let next = item.next.as_deref().unwrap_or("never");
            line(format!("left out for {ms} ms{how}, again at {next}"));
        }
        None => {
            if let Some(how) = how {
                line(how.to_owned());
            }
        }
    }
    let origin: Vec<String> = [
        item.child.as_ref().map(|child| format!("child {child}")),
        item.rule.as_ref().map(|rule| format!("rule {rule}")),
        item.req.as_ref().map(|req| format!("request {req}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !origin.is_empty() {
        line(origin.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_says_what_why_how_long_and_where_from() {
        let item = EntryView {
            ts: "T1".into(),
            last: "T1".into(),
            evt: "endpoint.state".into(),
            endpoint: Some("g/a".into()),
            from: Some("active".into()),
            to: Some("suspended".into()),
            code: Some(101_503),
            name: Some("connect_failed".into()),
            meaning: Some("the back end refused".into()),
            suspend_ms: Some(4000),
            how: Some("initial 1000 ms x 2^2".into()),
            next: Some("T2".into()),
            req: Some("r1".into()),
            rule: Some("g.xml:3:9".into()),
            text: Some("connection to h:1 failed".into()),
            ..EntryView::default()
        };
        let view = TimelineView {
            endpoint: None,
            items: vec![item],
        };
        assert_eq!(
            timeline("g", &view),
            "g  is not in the configuration now\n\
             T1 g/a active -> suspended 101503 connect_failed\n    \
             the back end refused\n    \
             connection to h:1 failed\n    \
             left out for 4000 ms (initial 1000 ms x 2^2), again at T2\n    \
             rule g.xml:3:9, request r1\n"
        );
    }
}
