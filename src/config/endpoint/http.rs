//! `http`: a URI template, a method, authentication (spec/endpoints.md 4.4; an endpoint of the newer code base).
//!
//! The newer code base takes any text as a template and sends it as it stands when it cannot be expanded; here a slip in
//! the template is reported with its place.

use super::{address, http_auth, leaf, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointKind, HttpDef};
use crate::config::source::Spanned;
use crate::config::uri_template::Template;
use crate::config::xml::Element;

/// What a template begins with whose values are encoded already.
const LEGACY: &str = "legacy-encoding:";
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];

/// Reads the endpoint and its settings.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let leaf = leaf::parse(element, &vocabulary::HTTP, diagnostics);
    version(element, diagnostics);
    let method = method(element, diagnostics);
    let auth = http_auth::parse(element, diagnostics);
    let written = element.req_attr("uri-template", diagnostics)?;
    let text = written.value.trim();
    let (legacy, text) = match text.strip_prefix(LEGACY) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let template = match Template::parse(&whole_url(text)) {
        Ok(template) => template,
        Err(error) => {
            diagnostics.error_help(
                DiagnosticCode::BadAddress,
                written.span,
                format!("uri-template is no URI template: {error}"),
                "write variables as {uri.var.NAME} or {+uri.var.NAME} (RFC 6570)",
            );
            return None;
        }
    };
    // Expressions are filled in from the message, as the placeholders of an address are.
    let shape = with_placeholders(template.text());
    address::tls_without_effect(leaf.settings.tls.as_ref(), &shape, diagnostics);
    if let Some(kind) = address::refused(&Spanned::new(shape, written.span), diagnostics) {
        return kind;
    }
    for name in template.variables() {
        if !name.starts_with("uri.var.") && !name.starts_with("query.param.") {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                written.span,
                format!("the variable {name} never has a value"),
                "variables are the properties uri.var.NAME and query.param.NAME",
            );
        }
    }
    let auth = match auth? {
        http_auth::Auth::Unsupported(kind) => return Some(*kind),
        http_auth::Auth::Supported(auth) => auth,
    };
    Some(leaf.into_kind(|leaf| {
        EndpointKind::Http(HttpDef {
            template: Spanned::new(template, written.span),
            legacy,
            method,
            auth: auth.map(Box::new),
            leaf,
        })
    }))
}

/// `{x}` at the very beginning stands for a whole URL, whose slashes must not be encoded: it is read as `{+x}`.
fn whole_url(text: &str) -> String {
    match text.strip_prefix('{') {
        Some(rest) if !rest.starts_with(['+', '#', '.', '/', ';', '?', '&']) => {
            format!("{{+{rest}")
        }
        _ => text.to_owned(),
    }
}

fn with_placeholders(template: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in template.chars() {
        match c {
            '{' => {
                inside = true;
                out.push_str("${x");
            }
            '}' => {
                inside = false;
                out.push(c);
            }
            _ if inside => {}
            _ => out.push(c),
        }
    }
    out
}

fn method(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    let written = value::optional_name(element, "method", diagnostics)?;
    let method = written.value.to_ascii_uppercase();
    if METHODS.contains(&method.as_str()) {
        return Some(Spanned::new(method, written.span));
    }
    diagnostics.warn(
        DiagnosticCode::BadValue,
        written.span,
        "the method is not known and is ignored: the request keeps its own",
        format!("use one of: {}", METHODS.join(", ").to_lowercase()),
    );
    None
}

fn version(element: &Element, diagnostics: &mut Diagnostics) {
    let version = element.attribute("version");
    match version.map(|v| (v.value.trim(), v.span)) {
        None | Some(("1.1" | "auto", _)) => {}
        Some(("2.0", span)) => diagnostics.warn(
            DiagnosticCode::NoEffect,
            span,
            "version 2.0 has no effect yet: this version speaks HTTP/1.1 to back ends",
            "remove it where the back end speaks HTTP/1.1 too",
        ),
        Some((_, span)) => diagnostics.error_help(
            DiagnosticCode::BadValue,
            span,
            "version is none of 1.1, 2.0 and auto",
            "write version=\"1.1\"",
        ),
    }
    if let Some(push) = element.child("serverPushSequence") {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            push.name_span,
            "serverPushSequence has no effect: back ends are not asked over HTTP/2",
            "remove it",
        );
    }
}
