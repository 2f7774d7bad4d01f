//! What an artifact that this version does not run must have all the same: the rules by which Synapse refuses it.
//!
//! Whoever corrects a configuration wants to hear of an empty template now, not when axon learns to run templates.

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
    if row.element == "template" {
        template(element, diagnostics);
    }
}

/// A template holds one endpoint or one sequence, and parameters with names.
fn template(template: &Element, diagnostics: &mut Diagnostics) {
    if template.child("endpoint").is_none() && template.child("sequence").is_none() {
        let help = "add the endpoint or the sequence that the template stands for";
        missing(template, "endpoint or sequence", help, diagnostics);
    }
    for parameter in template.elements().filter(|e| e.is("parameter")) {
        parameter.req_attr("name", diagnostics);
    }
}

fn missing(element: &Element, what: &str, help: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error_help(
        DiagnosticCode::MissingElement,
        element.name_span,
        format!("the {} has no {what}", element.name),
        help,
    );
}
