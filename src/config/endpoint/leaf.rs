//! What all leaf endpoints share: format settings, `timeout`, suspension (spec/endpoints.md 3).
//!
//! The settings that would change a message (`format`, `optimize`, `encoding`, `enableAddressing`) are not run by this
//! version: an endpoint that asks for them is unsupported as a whole, because sending the message unchanged would be wrong silently.

use super::vocabulary::{self, Vocabulary};
use super::{suspension, unsupported};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointKind, LeafDef};
use crate::config::xml::Element;

/// A leaf, or why it cannot be run.
pub(super) struct Leaf {
    /// The settings.
    pub settings: LeafDef,
    /// The first thing that this version does not run.
    pub unsupported: Option<EndpointKind>,
}

impl Leaf {
    /// The endpoint's kind: `supported` unless something stands against it.
    pub fn into_kind(self, supported: impl FnOnce(LeafDef) -> EndpointKind) -> EndpointKind {
        match self.unsupported {
            Some(kind) => kind,
            None => supported(self.settings),
        }
    }
}

/// Reads the settings on and in a leaf element.
pub(super) fn parse(element: &Element, words: &Vocabulary, diagnostics: &mut Diagnostics) -> Leaf {
    vocabulary::check(element, words, diagnostics);
    tracing(element, diagnostics);
    no_reliable_messaging(element, diagnostics);
    let wishes = [
        choice(
            element,
            "format",
            &["soap11", "soap12", "pox", "get", "rest"],
            diagnostics,
        ),
        choice(element, "optimize", &["mtom", "swa"], diagnostics),
        encoding(element, diagnostics),
        addressing(element, diagnostics),
        computed_timeout(element, diagnostics),
    ];
    Leaf {
        settings: suspension::parse(&[element], diagnostics),
        unsupported: wishes.into_iter().flatten().next(),
    }
}

/// `trace` and `statistics`: endpoints are always measured, and there is no trace log.
pub(super) fn tracing(element: &Element, diagnostics: &mut Diagnostics) {
    for name in ["trace", "statistics"] {
        let Some(value) = element.attribute(name) else {
            continue;
        };
        match value.value.as_str() {
            "disable" => {}
            "enable" if name == "statistics" => {}
            "enable" => diagnostics.warn(
                DiagnosticCode::NoEffect,
                value.span,
                "trace has no effect: axon writes no trace log",
                "state changes and failures are in the event log, each request in the access log",
            ),
            _ => diagnostics.warn(
                DiagnosticCode::BadValue,
                value.span,
                format!("{name} is neither enable nor disable and is ignored"),
                "write enable or disable",
            ),
        }
    }
}

fn no_reliable_messaging(element: &Element, diagnostics: &mut Diagnostics) {
    if let Some(wish) = element.child("enableRM") {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            wish.name_span,
            "enableRM has no effect: Synapse does not read it any more, and neither does axon",
            "remove it",
        );
    }
}

fn choice(
    element: &Element,
    attribute: &str,
    words: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<EndpointKind> {
    let value = element.attribute(attribute)?;
    let word = value.value.trim().to_ascii_lowercase();
    if words.contains(&word.as_str()) {
        return Some(unsupported(
            format!("{attribute}=\"{word}\""),
            value.span,
            diagnostics,
        ));
    }
    diagnostics.warn(
        DiagnosticCode::BadValue,
        value.span,
        format!("{attribute} has a value that is not possible and is ignored"),
        format!("use one of: {}", words.join(", ")),
    );
    None
}

fn encoding(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let value = element.attribute("encoding")?;
    if value.value.trim().eq_ignore_ascii_case("utf-8") {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            value.span,
            "encoding has no effect: bodies keep the encoding in which they came",
            "remove it when clients send UTF-8",
        );
        return None;
    }
    Some(unsupported("encoding".to_owned(), value.span, diagnostics))
}

/// `{expression}` as a duration: an extension of the newer code base.
fn computed_timeout(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let duration = element.child("timeout")?.child("duration")?.text_spanned();
    suspension::is_computed(&duration.value).then(|| {
        let what = "a timeout computed from the message".to_owned();
        unsupported(what, duration.span, diagnostics)
    })
}

fn addressing(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let wish = element.child("enableAddressing")?;
    if let Some(version) = wish.attribute("version") {
        let word = version.value.trim().to_ascii_lowercase();
        if word != "final" && word != "submission" {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                version.span,
                "the addressing version is neither final nor submission",
                "write version=\"final\"",
            );
        }
    }
    Some(unsupported(
        "enableAddressing".to_owned(),
        wish.name_span,
        diagnostics,
    ))
}
