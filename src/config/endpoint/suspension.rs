//! `timeout`, `suspendOnFailure`, `markForSuspension`, `retryConfig` (spec/endpoints.md 3, 6.3, 8).
//!
//! All durations are milliseconds, except the old `suspendDurationOnFailure`, which counts seconds. The page of a published
//! version that calls the timeout seconds is wrong: its code reads milliseconds too.

use std::time::Duration;

use super::value::{
    self, axon_choice, axon_millis, child_codes, child_millis, child_number, number,
};
use super::{health, limits, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{LeafDef, TimeoutAction};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads each block from the first of the elements that has it: a member's own, else its group's.
pub(super) fn parse(from: &[&Element], diagnostics: &mut Diagnostics) -> LeafDef {
    let block = |name: &str| from.iter().find_map(|e| e.child(name));
    let mut leaf = LeafDef {
        tls: from.iter().find_map(|e| value::axon_name(e, "tls")),
        ..LeafDef::default()
    };
    if let Some(timeout) = block("timeout") {
        vocabulary::check(timeout, &vocabulary::TIMEOUT, diagnostics);
        // On a leaf, the leaf's reader reports an expression; a member cannot have one.
        let computed = timeout
            .child("duration")
            .is_some_and(|d| is_computed(&d.text()));
        if !(computed && from.len() == 1) {
            leaf.timeout = child_millis(timeout, "duration", diagnostics);
        }
        leaf.timeout_action = timeout_action(timeout, diagnostics);
    }
    if let Some(old) = block("suspendDurationOnFailure") {
        old_suspension(old, &mut leaf, diagnostics);
    }
    // Read later, so it wins over the old element.
    if let Some(suspend) = block("suspendOnFailure") {
        suspension(suspend, &mut leaf, diagnostics);
    }
    if let Some(mark) = block("markForSuspension") {
        vocabulary::check(mark, &vocabulary::MARK, diagnostics);
        leaf.mark_codes = child_codes(mark, "errorCodes", diagnostics);
        leaf.mark_retries = child_number(mark, "retriesBeforeSuspension", diagnostics);
        leaf.mark_delay = child_millis(mark, "retryDelay", diagnostics);
        leaf.mark_span = Some(mark.span);
    }
    if let Some(retry) = block("retryConfig") {
        vocabulary::check(retry, &vocabulary::RETRY, diagnostics);
        leaf.retry_disabled = child_codes(retry, "disabledErrorCodes", diagnostics);
        leaf.retry_enabled = child_codes(retry, "enabledErrorCodes", diagnostics);
        leaf.failing_statuses = statuses(retry, diagnostics);
    }
    leaf.health = health::parse(from, diagnostics).map(Box::new);
    // On a group these attributes are the group's own.
    if let Some(own) = from.first() {
        leaf.limits = limits::parse(own, diagnostics);
        leaf.slow_start = axon_millis(own, "slowStart", diagnostics);
        leaf.state_by_authority =
            axon_choice(own, "stateKey", &["endpoint", "authority"], diagnostics) == Some(1);
        leaf.probe_all = axon_choice(own, "probe", &["one", "all"], diagnostics) == Some(1);
    }
    leaf
}

/// `ax:httpStatusCodes`: the statuses that count as failures, in either namespace.
fn statuses(retry: &Element, diagnostics: &mut Diagnostics) -> Vec<u16> {
    let Some(element) = retry.elements().find(|e| e.name == "httpStatusCodes") else {
        return Vec::new();
    };
    let text = element.text_spanned();
    let items = text.value.split([',', ' ', '\t', '\r', '\n']);
    let parsed: Option<Vec<u16>> = items
        .filter(|item| !item.is_empty())
        .map(|item| {
            item.parse()
                .ok()
                .filter(|status| (200..=599).contains(status))
        })
        .collect();
    if parsed.is_none() {
        diagnostics.error_help(
            DiagnosticCode::BadNumber,
            text.span,
            "httpStatusCodes holds something that is not the status of an answer",
            "write statuses between 200 and 599, separated by commas: 502,503,504",
        );
    }
    parsed.unwrap_or_default()
}

/// True for a duration that is an expression.
pub(super) fn is_computed(duration: &str) -> bool {
    duration.starts_with('{')
}

fn suspension(suspend: &Element, leaf: &mut LeafDef, diagnostics: &mut Diagnostics) {
    vocabulary::check(suspend, &vocabulary::SUSPEND, diagnostics);
    leaf.suspend_codes = child_codes(suspend, "errorCodes", diagnostics);
    leaf.suspend_initial = child_millis(suspend, "initialDuration", diagnostics);
    leaf.suspend_maximum = child_millis(suspend, "maximumDuration", diagnostics);
    leaf.suspend_factor = factor(suspend, diagnostics);
    leaf.suspend_span = Some(suspend.span);
}

fn factor(suspend: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<f64>> {
    let text = suspend.child("progressionFactor")?.text_spanned();
    match text.value.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 0.0 => {
            if factor < 1.0 {
                let row = DiagnosticCode::ShrinkingSuspension.row();
                diagnostics.warn(
                    row.code,
                    text.span,
                    "progressionFactor is below 1: each suspension is shorter than the one before",
                    row.help,
                );
            }
            Some(Spanned::new(factor, text.span))
        }
        Ok(factor) if factor < 0.0 => {
            diagnostics.error(
                DiagnosticCode::NegativeNumber,
                text.span,
                "progressionFactor may not be negative",
            );
            None
        }
        _ => {
            diagnostics.error_help(
                DiagnosticCode::BadNumber,
                text.span,
                "progressionFactor is not a number",
                "write it with a decimal point: 1.5",
            );
            None
        }
    }
}

/// `suspendDurationOnFailure`: seconds, always the same length.
fn old_suspension(old: &Element, leaf: &mut LeafDef, diagnostics: &mut Diagnostics) {
    let text = old.text_spanned();
    vocabulary::old_spelling(
        old.name_span,
        "suspendDurationOnFailure is an old name; it counts seconds",
        "suspendOnFailure with initialDuration in milliseconds and progressionFactor 1.0",
        diagnostics,
    );
    if let Some(seconds) = number::<u32>("suspendDurationOnFailure", &text, diagnostics) {
        let length = Duration::from_secs(seconds.value.into());
        leaf.suspend_initial = Some(Spanned::new(length, seconds.span));
        leaf.suspend_factor = Some(Spanned::new(1.0, seconds.span));
        leaf.suspend_span = Some(old.span);
    }
}

fn timeout_action(
    timeout: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<TimeoutAction>> {
    let element = timeout
        .child("responseAction")
        .or_else(|| timeout.child("action"))?;
    if element.name == "action" {
        vocabulary::old_spelling(
            element.name_span,
            "action is the old name of responseAction",
            "responseAction",
            diagnostics,
        );
    }
    let text = element.text_spanned();
    let action = match text.value.to_ascii_lowercase().as_str() {
        "fault" => TimeoutAction::Fault,
        "discard" => TimeoutAction::Discard,
        "never" | "none" => TimeoutAction::None,
        // The newer of the two code bases reads an empty element as one that is not there.
        "" => {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                text.span,
                format!("{} is empty and is ignored", element.name),
                "write fault, discard or never",
            );
            return None;
        }
        _ => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                text.span,
                format!("{} is none of fault, discard and never", element.name),
                "fault runs the fault handlers, discard drops the request, never does nothing",
            );
            return None;
        }
    };
    Some(Spanned::new(action, text.span))
}
