//! `<endpoint key="..."/>`: another endpoint by name (spec/endpoints.md 5.1).

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::EndpointKind;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads the key; it wins over a body, which is then ignored.
pub(super) fn parse(
    element: &Element,
    body: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<EndpointKind> {
    let key = element.req_attr("key", diagnostics)?;
    body_ignored("key", body, diagnostics);
    Some(EndpointKind::Indirect(Spanned::new(
        key.value.trim().to_owned(),
        key.span,
    )))
}

/// Says that a body beside a reference is ignored.
pub(super) fn body_ignored(attribute: &str, body: Option<&Element>, diagnostics: &mut Diagnostics) {
    if let Some(body) = body {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            body.name_span,
            format!(
                "{} is ignored because the endpoint has a {attribute}",
                body.name
            ),
            format!("remove the {attribute} or the body"),
        );
    }
}
