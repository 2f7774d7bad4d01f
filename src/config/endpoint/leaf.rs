//! What all leaf endpoints share: format settings, `timeout`, suspension (spec/endpoints.md 3).

use super::vocabulary::{self, Vocabulary};
use super::{format, suspension, unsupported};
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
    let (trace, statistics) = tracing(element, diagnostics);
    no_reliable_messaging(element, diagnostics);
    let (format, separate) = format::parse(element, diagnostics);
    let settings = LeafDef {
        format,
        trace,
        statistics,
        ..suspension::parse(&[element], diagnostics)
    };
    Leaf {
        settings,
        unsupported: separate.or_else(|| computed_timeout(element, diagnostics)),
    }
}

/// `trace` and `statistics`: whether they are enabled.
pub(super) fn tracing(element: &Element, diagnostics: &mut Diagnostics) -> (bool, bool) {
    let mut enabled = |name: &str| {
        let value = element.attribute(name)?;
        match value.value.as_str() {
            "disable" => return Some(false),
            "enable" => return Some(true),
            _ => diagnostics.warn(
                DiagnosticCode::BadValue,
                value.span,
                format!("{name} is neither enable nor disable and is ignored"),
                "write enable or disable",
            ),
        }
        None
    };
    let (trace, statistics) = (enabled("trace"), enabled("statistics"));
    (trace.unwrap_or(false), statistics.unwrap_or(false))
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

/// `{expression}` as a duration: an extension of the newer code base.
fn computed_timeout(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let duration = element.child("timeout")?.child("duration")?.text_spanned();
    suspension::is_computed(&duration.value).then(|| {
        let what = "a timeout computed from the message".to_owned();
        unsupported(what, duration.span, diagnostics)
    })
}
