//! `property` of an endpoint (spec/endpoints.md 18).
//!
//! An expression is kept as text: whoever evaluates it compiles it, and reports what is wrong with it.

use super::vocabulary;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{PropertyDef, PropertyValue, Scope};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads one property; `None` when it is wrong, or has a scope that Synapse would ignore.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<PropertyDef> {
    vocabulary::check(element, &vocabulary::PROPERTY, diagnostics);
    let name = element.req_attr("name", diagnostics);
    let value = value(element, diagnostics);
    let scope = scope(element, diagnostics);
    let name = name?;
    Some(PropertyDef {
        name: Spanned::new(name.value.trim().to_owned(), name.span),
        value: value?,
        scope: scope?,
        element: element.clone(),
    })
}

fn value(element: &Element, diagnostics: &mut Diagnostics) -> Option<PropertyValue> {
    let literal = element.attribute("value").filter(|v| !v.value.is_empty());
    let expression = element
        .attribute("expression")
        .filter(|e| !e.value.trim().is_empty());
    match (literal, expression) {
        (Some(value), Some(other)) => {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                other.span,
                "expression is ignored because there is a value",
                "keep one of the two",
            );
            Some(PropertyValue::Literal(value.clone()))
        }
        (Some(value), None) => Some(PropertyValue::Literal(value.clone())),
        (None, Some(expression)) => Some(PropertyValue::Expression(expression.clone())),
        (None, None) => {
            diagnostics.error_help(
                DiagnosticCode::MissingAttribute,
                element.name_span,
                "the property has neither a value nor an expression",
                "add value=\"...\" or expression=\"...\"",
            );
            None
        }
    }
}

fn scope(element: &Element, diagnostics: &mut Diagnostics) -> Option<Scope> {
    let Some(scope) = element.attribute("scope") else {
        return Some(Scope::Default);
    };
    match scope.value.as_str() {
        "default" => Some(Scope::Default),
        "transport" => Some(Scope::Transport),
        "axis2" => Some(Scope::Axis2),
        "axis2-client" => Some(Scope::Axis2Client),
        _ => {
            diagnostics.warn(
                DiagnosticCode::BadValue,
                scope.span,
                "the scope is not known; as in Synapse the property is ignored",
                "use one of: default, transport, axis2, axis2-client",
            );
            None
        }
    }
}
