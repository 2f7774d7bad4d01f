//! The lines of a simulation.

use std::fmt::Write;

use super::world::Entry;

/// One line for people: the time, then what happened, what belongs to a request indented below it.
pub fn human(entry: &Entry) -> String {
    let mut out = format!("{:>9}  ", entry.t_ms);
    if let Some(request) = entry.request {
        let _ = write!(out, "#{request} ");
    }
    let endpoint = entry.endpoint.as_deref().unwrap_or("");
    let code = entry
        .code
        .map(|code| format!("{code} {}", entry.name.unwrap_or("")))
        .unwrap_or_default();
    let _ = match entry.what {
        "request" => write!(out, "-> {endpoint}"),
        "try" => write!(out, "  try {endpoint}"),
        "failed" => write!(out, "  {endpoint} fails: {code}"),
        "answered" => write!(out, "answered by {endpoint}"),
        "gave_up" => write!(out, "fails at {endpoint}: {code}"),
        "held" => write!(out, "waits"),
        "state" => write!(
            out,
            "{endpoint} {} -> {}",
            entry.from.unwrap_or(""),
            entry.to.unwrap_or("")
        ),
        other => write!(out, "{other} {endpoint}"),
    };
    if let Some(until) = entry.until_ms {
        let _ = write!(out, " until {until}");
    }
    if let Some(ms) = entry.suspend_ms {
        let _ = write!(out, " ({ms} ms)");
    }
    if let Some(text) = &entry.text {
        let _ = write!(out, ": {text}");
    }
    if let Some(rule) = &entry.rule {
        let _ = write!(out, "   [{rule}]");
    }
    out
}

/// One JSON object.
pub fn json(entry: &Entry) -> String {
    // A struct of strings and numbers cannot fail to serialize.
    serde_json::to_string(entry).unwrap_or_default()
}
