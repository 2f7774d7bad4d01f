//! `format`, `optimize`, `encoding` and `enableAddressing`: what a message becomes on its way to a leaf (spec/endpoints.md
//! 2.3, 3, 17, 19.1).
//!
//! Synapse ignores a format that it does not know; here it is also a warning. An addressing version that is neither of
//! the two refuses the file, as there.

use super::{unsupported, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{AddressingVersion, EndpointKind, FormatDef, MessageFormat, Optimize};
use crate::config::xml::Element;

/// Reads the settings; with a second value, the endpoint as a whole cannot be run.
pub(super) fn parse(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> (FormatDef, Option<EndpointKind>) {
    let (addressing, separate) = addressing(element, diagnostics);
    let format = FormatDef {
        format: choice(
            element,
            "format",
            (&MessageFormat::ALL, MessageFormat::name),
            diagnostics,
        ),
        optimize: choice(
            element,
            "optimize",
            (&Optimize::ALL, Optimize::name),
            diagnostics,
        ),
        encoding: element
            .attribute("encoding")
            .filter(|a| !a.value.trim().is_empty())
            .cloned(),
        addressing,
    };
    (format, separate)
}

fn choice<T: Copy>(
    element: &Element,
    attribute: &str,
    (values, name): (&[T], fn(T) -> &'static str),
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let value = element.attribute(attribute)?;
    let word = value.value.trim().to_ascii_lowercase();
    let found = values.iter().copied().find(|v| name(*v) == word);
    if found.is_none() {
        let names: Vec<_> = values.iter().map(|v| name(*v)).collect();
        diagnostics.warn(
            DiagnosticCode::BadValue,
            value.span,
            format!("{attribute} has a value that is not possible and is ignored"),
            format!("use one of: {}", names.join(", ")),
        );
    }
    found
}

fn addressing(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> (Option<AddressingVersion>, Option<EndpointKind>) {
    let Some(wish) = element.child("enableAddressing") else {
        return (None, None);
    };
    vocabulary::check(wish, &vocabulary::ADDRESSING, diagnostics);
    let version = match wish.attribute("version") {
        None => Some(AddressingVersion::Final),
        Some(version) => {
            let word = version.value.trim().to_ascii_lowercase();
            let all = AddressingVersion::ALL;
            let found = all.into_iter().find(|v| v.name() == word);
            if found.is_none() {
                diagnostics.error_help(
                    DiagnosticCode::BadValue,
                    version.span,
                    "the addressing version is neither final nor submission",
                    "write version=\"final\"",
                );
            }
            found
        }
    };
    // An answer would have to be waited for on a listener of its own.
    let separate = wish
        .attribute("separateListener")
        .filter(|a| a.value.trim().eq_ignore_ascii_case("true"))
        .map(|a| {
            let what = "enableAddressing with separateListener".to_owned();
            unsupported(what, a.span, diagnostics)
        });
    (version, separate)
}
