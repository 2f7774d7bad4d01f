//! `ax:maxConnections`, `ax:maxPending`, `ax:queueTimeout`: how much a back end is given at the same time.

use std::time::Duration;

use super::value::{axon_millis, number};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::LimitsDef;
use crate::config::xml::Element;

/// Most messages that wait, where the file does not say.
const PENDING: u32 = 1024;
/// Longest wait, where the file does not say.
const WAIT: Duration = Duration::from_millis(5000);
/// Most connections and most waiting messages that can be written.
const MOST: u32 = 1_000_000;

/// Reads the limits of a leaf; `None` without `ax:maxConnections`.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<LimitsDef> {
    let count = |name: &str, least: u32, diagnostics: &mut Diagnostics| {
        let text = element.attribute_ns(AXON_NS, name)?;
        let count = number::<u32>(&format!("ax:{name}"), text, diagnostics)?.value;
        if !(least..=MOST).contains(&count) {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                text.span,
                format!("ax:{name} is not between {least} and {MOST}"),
                "remove it for no limit",
            );
            return None;
        }
        Some(count)
    };
    let connections = count("maxConnections", 1, diagnostics);
    let pending = count("maxPending", 0, diagnostics);
    let wait = axon_millis(element, "queueTimeout", diagnostics);
    if element.attribute_ns(AXON_NS, "maxConnections").is_none() {
        for name in ["maxPending", "queueTimeout"] {
            if let Some(written) = element.attribute_ns(AXON_NS, name) {
                diagnostics.warn(
                    DiagnosticCode::NoEffect,
                    written.span,
                    format!("ax:{name} has no effect without ax:maxConnections"),
                    "add ax:maxConnections, or remove it",
                );
            }
        }
    }
    Some(LimitsDef {
        connections: connections?,
        pending: pending.unwrap_or(PENDING),
        wait: wait.map_or(WAIT, |v| v.value),
    })
}
