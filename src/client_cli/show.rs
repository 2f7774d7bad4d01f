//! Answers of the API for people: state as glyph and word, never colour alone.

use std::fmt::Write;

use serde::Deserialize;

use crate::admin::sessions::SessionList;
use crate::admin::{EndpointView, PlaceView, ReloadView, StatusView};

/// Glyph and word of a state.
pub fn glyph(state: &str) -> &'static str {
    match state {
        "active" | "online" => "●",
        "timeout" | "joining" => "◐",
        "suspended" | "down" => "○",
        "off" => "⏸",
        "drain" | "draining" => "◌",
        _ => "?",
    }
}

/// Text of a control plane, without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// The sentence in a problem answer, or the whole of it.
pub fn problem(body: &str) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let detail = serde_json::from_str::<Problem>(body).map(|p| p.detail);
    plain(detail.as_deref().unwrap_or(body.trim()))
}

/// One endpoint or a list of them.
pub fn endpoints(body: &str) -> serde_json::Result<Vec<EndpointView>> {
    #[derive(Deserialize)]
    struct Items {
        items: Vec<EndpointView>,
    }
    match serde_json::from_str::<Items>(body) {
        Ok(items) => Ok(items.items),
        Err(_) => Ok(vec![serde_json::from_str(body)?]),
    }
}

/// One screen.
pub fn status(view: &StatusView) -> String {
    let mut out = String::new();
    let counts = view.endpoints;
    let all = counts.active + counts.timeout + counts.suspended + counts.off;
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "axon {}  up {}  generation {}  config {}",
        plain(&view.version),
        duration(view.uptime_ms),
        view.generation,
        plain(&view.config)
    );
    if !view.source.is_empty() {
        let _ = writeln!(out, "from       {}", plain(&view.source));
    }
    let _ = writeln!(
        out,
        "endpoints  {all}: {} active, {} timeout, {} suspended, {} off",
        counts.active, counts.timeout, counts.suspended, counts.off
    );
    let _ = writeln!(
        out,
        "traffic    {} in flight, {} connections, {} sessions",
        view.requests_in_flight, view.connections, view.sessions
    );
    for listener in &view.listeners {
        let _ = writeln!(
            out,
            "listening  {:<6} {}",
            plain(&listener.kind),
            plain(&listener.address)
        );
    }
    for store in &view.stores {
        let (name, messages) = (plain(&store.name), store.messages);
        let _ = writeln!(out, "store      {name}: {messages} waiting");
    }
    for processor in &view.processors {
        let _ = writeln!(
            out,
            "processor  {} of {}: {}, {} delivered, {} failed, {} dropped",
            plain(&processor.name),
            plain(&processor.store),
            if processor.active {
                "active"
            } else {
                "stopped"
            },
            processor.delivered,
            processor.failed,
            processor.dropped
        );
    }
    for executor in &view.executors {
        let _ = writeln!(
            out,
            "executor   {}: {} running, {} waiting",
            plain(&executor.name),
            executor.running,
            executor.waiting
        );
    }
    for problem in &view.problems {
        let _ = writeln!(out, "problem    {}", plain(problem));
    }
    out
}

/// What a reload did.
pub fn reload(view: &ReloadView) -> String {
    let mut out = format!(
        "reload {}: generation {}, {} added, {} changed, {} removed, {} sessions kept, {} lost, {} ms\n",
        plain(&view.result),
        view.generation,
        view.added.len(),
        view.changed.len(),
        view.removed.len(),
        view.sessions.kept,
        view.sessions.lost,
        view.took_ms
    );
    for diagnostic in &view.diagnostics {
        let text = |key: &str| plain(diagnostic[key].as_str().unwrap_or(""));
        let _ = writeln!(
            out,
            "{}[{}]: {}\n  --> {}:{}:{}",
            text("severity"),
            text("code"),
            text("message"),
            text("file"),
            diagnostic["line"],
            diagnostic["column"]
        );
    }
    out
}

/// A table of endpoints: state first, then what, then why.
pub fn endpoint_table(views: &[EndpointView]) -> String {
    let width = views
        .iter()
        .map(|v| v.path.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for view in views {
        // A drained endpoint works, but not for everybody.
        let state = match (view.admin_state.as_str(), view.state.as_str()) {
            ("drain", "active") => "drain",
            (_, state) => state,
        };
        let _ = write!(
            out,
            "{} {:<9} {:<width$} {:<11}",
            glyph(state),
            plain(state),
            plain(&view.path),
            plain(&view.kind)
        );
        if !view.resolved.is_empty() {
            let _ = write!(out, " {}", plain(&view.resolved.join(" ")));
        }
        if let Some(ms) = view.next_retry_in_ms {
            let _ = write!(out, "  again in {}", duration(ms));
        }
        if let Some(cause) = &view.cause {
            let code = cause.code.map(|c| format!("{c} ")).unwrap_or_default();
            let _ = write!(
                out,
                "  {code}{}: {}",
                plain(&cause.name),
                plain(&cause.text)
            );
            if let Some(rule) = &cause.rule {
                let _ = write!(
                    out,
                    " ({}:{}:{})",
                    plain(&rule.file),
                    rule.line,
                    rule.column
                );
            }
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// One endpoint with its settings and where each comes from.
pub fn endpoint(view: &EndpointView) -> String {
    let mut out = endpoint_table(std::slice::from_ref(view));
    let place = |rule: &PlaceView| format!("{}:{}:{}", plain(&rule.file), rule.line, rule.column);
    if let Some(defined) = &view.defined {
        let _ = writeln!(out, "defined    {}", place(defined));
    }
    if let Some(order) = &view.order {
        let _ = write!(
            out,
            "ordered    {} since {}",
            plain(&view.admin_state),
            plain(&order.since)
        );
        for (word, text) in [
            (" until ", &order.until),
            (" by ", &order.by),
            (": ", &order.reason),
        ] {
            if let Some(text) = text {
                let _ = write!(out, "{word}{}", plain(text));
            }
        }
        out.push('\n');
    }
    for setting in &view.settings {
        let rule = setting.rule.as_ref().map(&place).unwrap_or_default();
        let _ = writeln!(
            out,
            "{:<42} {:<16} {} {rule}",
            plain(&setting.key),
            plain(&setting.value),
            plain(&setting.origin)
        );
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// A page of sessions.
pub fn sessions(list: &SessionList) -> String {
    let mut out = String::new();
    for item in &list.items {
        let _ = writeln!(
            out,
            "{} {:<8} {} -> {}  {} hits, last {}, ends in {}",
            plain(&item.id),
            plain(&item.key),
            plain(&item.group),
            plain(&item.child),
            item.hits,
            plain(&item.last_hit_at),
            duration(item.expires_in_ms)
        );
    }
    let _ = writeln!(out, "{} of {} sessions", list.items.len(), list.total);
    if let Some(next) = &list.next {
        let _ = writeln!(out, "more: --after {}", plain(next));
    }
    out
}

/// `850ms`, `42.0s`, `3m07s`, `5h02m`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms / 100 % 10),
        60_000..3_600_000 => format!("{}m{:02}s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{}h{:02}m", ms / 3_600_000, ms / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{CauseView, PlaceView};

    #[test]
    fn a_suspended_endpoint_shows_countdown_cause_and_rule() {
        let view = EndpointView {
            path: "quotes/b".into(),
            kind: "address".into(),
            state: "suspended".into(),
            resolved: vec!["127.0.0.1:9002".into()],
            next_retry_in_ms: Some(42_300),
            cause: Some(CauseView {
                code: Some(101_503),
                name: "connect_failed".into(),
                text: "refused".into(),
                rule: Some(PlaceView {
                    file: "quotes.xml".into(),
                    line: 4,
                    column: 9,
                }),
                ..CauseView::default()
            }),
            ..EndpointView::default()
        };
        assert_eq!(
            endpoint_table(&[view]),
            "○ suspended quotes/b address     127.0.0.1:9002  again in 42.3s  101503 connect_failed: refused \
             (quotes.xml:4:9)\n"
        );
    }

    #[test]
    fn durations_are_short() {
        for (ms, text) in [
            (850, "850ms"),
            (42_340, "42.3s"),
            (187_000, "3m07s"),
            (18_120_000, "5h02m"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn a_terminal_is_sent_no_control_characters() {
        assert_eq!(problem("{\"detail\":\"a\\u001b[2Jb\"}"), "a?[2Jb");
        assert_eq!(problem("plain\n"), "plain");
    }
}
