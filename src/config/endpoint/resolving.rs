//! `<endpoint key-expression="..."/>`: another endpoint whose name each message computes (spec/endpoints.md 5.2).
//!
//! The expression is kept as text: whoever evaluates it compiles it, and reports what is wrong with it.

use super::indirect;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointKind, ResolvingDef};
use crate::config::xml::Element;

/// Reads the expression; it wins over a body, which is then ignored.
pub(super) fn parse(
    element: &Element,
    body: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<EndpointKind> {
    let expression = element.req_attr("key-expression", diagnostics)?;
    indirect::body_ignored("key-expression", body, diagnostics);
    Some(EndpointKind::Resolving(ResolvingDef {
        expression: expression.clone(),
        element: element.clone(),
    }))
}
