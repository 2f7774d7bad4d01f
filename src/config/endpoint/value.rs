//! Values out of attributes and text: numbers, durations, lists of codes, switches.
//!
//! A message says what was expected, never what was found: the value may have come from a secret, and the place shows it as the
//! user wrote it.

use std::str::FromStr;
use std::time::Duration;

use crate::codes::{DiagnosticCode, ERRORS};
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::config::xml::Element;

/// A trimmed name that may be absent; an empty one counts as absent, with a warning.
pub(super) fn optional_name(
    element: &Element,
    attribute: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<String>> {
    let value = element.attribute(attribute)?;
    let name = value.value.trim();
    if name.is_empty() {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            value.span,
            format!("the attribute {attribute} is empty and is ignored"),
            "give it a value, or remove it",
        );
        return None;
    }
    Some(Spanned::new(name.to_owned(), value.span))
}

/// A whole number.
pub(super) fn number<T: FromStr>(
    what: &str,
    text: &Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<T>> {
    let parsed = text.value.trim().parse().ok();
    if parsed.is_none() {
        let digits = text.value.trim().trim_start_matches('-');
        let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let (code, message) = match (numeric, text.value.trim().starts_with('-')) {
            (true, true) => (
                DiagnosticCode::NegativeNumber,
                format!("{what} may not be negative"),
            ),
            (true, false) => (
                DiagnosticCode::BadNumber,
                format!("{what} is too large a number"),
            ),
            (false, _) => (
                DiagnosticCode::BadNumber,
                format!("{what} is not a whole number"),
            ),
        };
        diagnostics.error_help(code, text.span, message, code.row().help);
    }
    parsed.map(|value| Spanned::new(value, text.span))
}

/// The text of a child element as a whole number.
pub(super) fn child_number<T: FromStr>(
    parent: &Element,
    child: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<T>> {
    let text = parent.child(child)?.text_spanned();
    number(child, &text, diagnostics)
}

/// The text of a child element as milliseconds; -1 is Synapse's way of writing "not set".
pub(super) fn child_millis(
    parent: &Element,
    child: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Duration>> {
    let text = parent.child(child)?.text_spanned();
    if text.value == "-1" {
        return None;
    }
    let ms = number::<u64>(child, &text, diagnostics)?;
    Some(Spanned::new(Duration::from_millis(ms.value), ms.span))
}

/// The text of a child element as a list of error codes, separated by commas and white space (spec/endpoints.md 2.3).
pub(super) fn child_codes(
    parent: &Element,
    child: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<i32> {
    let Some(text) = parent.child(child).map(Element::text_spanned) else {
        return Vec::new();
    };
    let mut codes = Vec::new();
    for item in text.value.split([',', ' ', '\t', '\r', '\n']) {
        if item.is_empty() {
            continue;
        }
        match item.parse() {
            Ok(code) => {
                known_code(code, item, &text, diagnostics);
                codes.push(code);
            }
            Err(_) => {
                diagnostics.error_help(
                    DiagnosticCode::BadNumber,
                    text.span,
                    format!("{child} holds something that is not an error code"),
                    "separate codes by commas: 101503,101504",
                );
                break;
            }
        }
    }
    codes
}

/// Codes that the originals report and axon never does, so that they are in no table here.
const ONLY_ORIGINALS: &[i32] = &[504, 102_510, 401_001, 401_002, 401_003];
/// The protocol state that the originals' pass-through transport adds to a code.
const STATE_MAX: i32 = 8;

/// Warns of a code that is probably a slip: one that nobody reports, in a family that has codes or one digit away from one that exists.
/// Any other number may come from a mediator.
fn known_code(code: i32, item: &str, list: &Spanned<String>, diagnostics: &mut Diagnostics) {
    let known = code < 0
        || ERRORS.iter().any(|row| {
            code == row.code.0
                || (row.code.0 / 1000 == 101
                    && (row.code.0..=row.code.0 + STATE_MAX).contains(&code))
        })
        || ONLY_ORIGINALS.contains(&code);
    if known {
        return;
    }
    let near = ERRORS
        .iter()
        .filter(|row| row.code.0 > 0 && one_slip(&row.code.0.to_string(), item))
        .min_by_key(|row| (row.code.0 - code).abs());
    if near.is_none() && ![101, 303, 304, 305, 309].contains(&(code / 1000)) {
        return;
    }
    let row = DiagnosticCode::UnknownErrorCode.row();
    let help = match near {
        Some(near) => format!("did you mean {} ({})?", near.code, near.name),
        None => row.help.to_owned(),
    };
    let message = format!("no error has the code {code}");
    diagnostics.warn(row.code, place_of(item, list), message, help);
}

/// Where an item of a list stands; the whole list when entities hide it.
fn place_of(item: &str, list: &Spanned<String>) -> Span {
    let exact = list.value.len() == (list.span.end - list.span.start) as usize;
    let at = item.as_ptr() as usize - list.value.as_ptr() as usize;
    if !exact {
        return list.span;
    }
    let start = list.span.start + at as u32;
    Span {
        start,
        end: start + item.len() as u32,
        ..list.span
    }
}

/// True when one digit is wrong, missing or too many, or two neighbours have changed places.
fn one_slip(right: &str, written: &str) -> bool {
    let (a, b) = (right.as_bytes(), written.as_bytes());
    let same_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same_start..], &b[same_start..]);
    match (a, b) {
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        _ => false,
    }
}

/// A switch whose default is on; only the words in `off` turn it off (spec/endpoints.md 10, 11).
pub(super) fn on_unless(
    element: &Element,
    attribute: &str,
    off: &[&str],
    diagnostics: &mut Diagnostics,
) -> bool {
    let Some(value) = element.attribute(attribute) else {
        return true;
    };
    let word = value.value.trim().to_ascii_lowercase();
    if off.contains(&word.as_str()) {
        return false;
    }
    if word != "true" {
        diagnostics.warn(
            DiagnosticCode::BadValue,
            value.span,
            format!("{attribute} is neither true nor false; as in Synapse it counts as true"),
            "write true or false",
        );
    }
    true
}

/// A strict switch of axon's own namespace.
pub(super) fn axon_switch(
    element: &Element,
    attribute: &str,
    diagnostics: &mut Diagnostics,
) -> Option<bool> {
    axon_choice(element, attribute, &["false", "true"], diagnostics).map(|at| at == 1)
}

/// Which of the words an attribute of axon's own namespace holds.
pub(super) fn axon_choice(
    element: &Element,
    attribute: &str,
    words: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let value = element.attribute_ns(crate::config::AXON_NS, attribute)?;
    let at = words.iter().position(|w| *w == value.value.trim());
    if at.is_none() {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            value.span,
            format!("ax:{attribute} has a value that is not possible"),
            format!("use one of: {}", words.join(", ")),
        );
    }
    at
}

/// A name in an attribute of axon's own namespace.
pub(super) fn axon_name(element: &Element, attribute: &str) -> Option<Spanned<String>> {
    let text = element.attribute_ns(crate::config::AXON_NS, attribute)?;
    Some(Spanned::new(text.value.trim().to_owned(), text.span))
}

/// An attribute of axon's own namespace as milliseconds.
pub(super) fn axon_millis(
    element: &Element,
    attribute: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Duration>> {
    let text = element.attribute_ns(crate::config::AXON_NS, attribute)?;
    let ms = number::<u64>(&format!("ax:{attribute}"), text, diagnostics)?;
    Some(Spanned::new(Duration::from_millis(ms.value), ms.span))
}

/// `ax:maxAttempts`: at least one.
pub(super) fn max_attempts(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<u32>> {
    let text = element.attribute_ns(crate::config::AXON_NS, "maxAttempts")?;
    let attempts = number::<u32>("ax:maxAttempts", text, diagnostics)?;
    if attempts.value == 0 {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            attempts.span,
            "with ax:maxAttempts=\"0\" no message could be sent",
            "use 1 or more",
        );
        return None;
    }
    Some(attempts)
}
