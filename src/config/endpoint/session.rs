//! `session` beside a load-balance group (spec/endpoints.md 14).

use super::{value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{SessionDef, SessionKind};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Most cookie names that one group may look for: each is searched in every request.
const MAX_COOKIES: usize = 32;

/// Reads the session.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<SessionDef> {
    vocabulary::check(element, &vocabulary::SESSION, diagnostics);
    let kind = kind(element, diagnostics);
    let timeout = value::child_millis(element, "sessionTimeout", diagnostics);
    if let Some(zero) = timeout.as_ref().filter(|t| t.value.is_zero()) {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            zero.span,
            "with a sessionTimeout of 0 every session ends at once",
            "give the idle time in milliseconds, or remove the element for the default",
        );
    }
    let choice = |name, words: &[&str], diagnostics: &mut Diagnostics| {
        value::axon_choice(element, name, words, diagnostics) == Some(1)
    };
    let fixed_expiry = choice("expiry", &["sliding", "fixed"], diagnostics);
    let rebind = choice("onUnavailable", &["fail", "rebind"], diagnostics);
    let forward_unknown = choice("unknown", &["strip", "forward"], diagnostics);
    let cookies = cookies(element, diagnostics);
    let kind = kind?;
    if kind.value != SessionKind::Http
        && let Some(cookie) = element.elements().find(|e| e.name == "cookie")
    {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            cookie.name_span,
            "cookie has an effect only in a session of type http",
            "remove it",
        );
    }
    Some(SessionDef {
        kind,
        timeout,
        fixed_expiry,
        rebind,
        forward_unknown,
        cookies,
    })
}

fn kind(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<SessionKind>> {
    let text = element.req_attr("type", diagnostics)?;
    let kind = match text.value.trim().to_ascii_lowercase().as_str() {
        "http" => SessionKind::Http,
        "simpleclientsession" => SessionKind::SimpleClient,
        "soap" => SessionKind::Soap,
        _ => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                text.span,
                "the session type is not known",
                "use one of: http, simpleClientSession, soap",
            );
            return None;
        }
    };
    Some(Spanned::new(kind, text.span))
}

/// `cookie` children, in either namespace: the published pages do not know them.
fn cookies(element: &Element, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut names = Vec::new();
    for cookie in element.elements() {
        if cookie.name != "cookie" || !(cookie.is("cookie") || cookie.namespace == AXON_NS) {
            continue;
        }
        let Some(name) = cookie.req_attr("name", diagnostics) else {
            continue;
        };
        if names.len() == MAX_COOKIES {
            diagnostics.error(
                DiagnosticCode::BadValue,
                cookie.name_span,
                format!("more than {MAX_COOKIES} cookie names"),
            );
            break;
        }
        names.push(name.value.trim().to_owned());
    }
    names
}
