//! `class`: an endpoint that is Java code (spec/endpoints.md 5.4). There is none that axon has built in, so it is refused, with
//! what takes its place.

use super::vocabulary;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::EndpointKind;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads the class's name; the endpoint answers with a fault that names it.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    vocabulary::check(element, &vocabulary::CLASS, diagnostics);
    let name = element.req_attr("name", diagnostics)?;
    let row = DiagnosticCode::JavaEndpoint.row();
    let what = format!("the endpoint class {}", name.value.trim());
    let message = format!("{what} is Java code, which axon does not run");
    diagnostics.unsupported(row.code, name.span, message, row.help);
    Some(EndpointKind::Unsupported(Spanned::new(what, name.span)))
}
