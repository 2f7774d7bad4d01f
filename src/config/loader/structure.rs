//! What an artifact that this version does not run must have all the same: the rules by which Synapse refuses it.
//!
//! Whoever corrects a configuration wants to hear of a nameless task now, not when axon learns to run tasks.

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::language::Artifact;
use crate::config::xml::Element;

/// Reports what is missing.
pub(super) fn check(element: &Element, row: &Artifact, diagnostics: &mut Diagnostics) {
    let named = element
        .attribute(row.named_by)
        .is_some_and(|n| !n.value.trim().is_empty());
    if !named {
        diagnostics.error_help(
            DiagnosticCode::MissingName,
            element.name_span,
            format!("the {} has no {}", element.name, row.named_by),
            format!("add {}=\"...\"", row.named_by),
        );
    }
    for attribute in row.required {
        element.req_attr(attribute, diagnostics);
    }
}
