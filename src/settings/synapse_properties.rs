//! `synapse.properties`, the settings that users keep beside `synapse-configs`.
//!
//! What axon has a meaning for is taken over; all other keys are named once, in one warning. The session default is written with three s in
//! Synapse's own code; the correct spelling is accepted too.

use std::time::Duration;

use super::Settings;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::properties::properties;
use crate::config::source::{FileId, Sources, Span};

/// Most names that the warning lists.
const MAX_LISTED: usize = 20;

/// Applies the file.
pub(super) fn apply(
    settings: &mut Settings,
    file: FileId,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) {
    let mut idle: Vec<&str> = Vec::new();
    let mut first = None;
    for property in properties(&sources.file(file).text) {
        let span = |range: std::ops::Range<usize>| Span {
            file,
            start: range.start as u32,
            end: range.end as u32,
        };
        let into = match property.key {
            "synapse.global_timeout_interval" => &mut settings.timers.response,
            "synapse.sal.endpoints.sesssion.timeout.default"
            | "synapse.sal.endpoints.session.timeout.default" => &mut settings.sessions.timeout,
            other => {
                first.get_or_insert(span(property.key_range));
                idle.push(other);
                continue;
            }
        };
        match property.value.parse::<u32>() {
            Ok(ms) if ms > 0 => *into = Duration::from_millis(ms.into()),
            _ => {
                let row = DiagnosticCode::BadSetting.row();
                let message = format!("{} must be milliseconds above 0", property.key);
                diagnostics.error_help(row.code, span(property.value_range), message, row.help);
            }
        }
    }
    let Some(place) = first else { return };
    let mut names = idle[..idle.len().min(MAX_LISTED)].join(", ");
    if idle.len() > MAX_LISTED {
        names.push_str(&format!(" and {} more", idle.len() - MAX_LISTED));
    }
    diagnostics.warn(
        DiagnosticCode::NoEffect,
        place,
        format!("properties without effect: {names}"),
        "axon's own settings are in axon.toml",
    );
}
