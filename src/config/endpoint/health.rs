//! `ax:healthCheck`: how a back end is asked whether it is in order (docs/configuration.md, "Health checks").

use std::time::Duration;

use super::value::number;
use super::vocabulary;
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{ExpectDef, HealthDef, HealthKind, HttpCheck, SoapCheck};
use crate::config::source::Spanned;
use crate::config::xml::{Element, Node};

const INTERVAL: Duration = Duration::from_millis(5000);
const TIMEOUT: Duration = Duration::from_millis(2000);
/// Shorter ones would be load rather than a look.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Largest body of a check, in bytes.
const BODY_MAX: usize = 64 * 1024;
/// Prefixes of attributes begin with this.
const OWN: &str = "axon";

/// Reads the check of the first of the elements that has one: a member's own, else its group's.
pub(super) fn parse(from: &[&Element], diagnostics: &mut Diagnostics) -> Option<HealthDef> {
    // Its namespace is checked with the rest of the vocabulary: ours, or none of its own.
    let element = from
        .iter()
        .find_map(|e| e.elements().find(|e| e.name == "healthCheck"))?;
    vocabulary::check(element, &vocabulary::HEALTH, diagnostics);
    let before = diagnostics.errors();
    let interval = millis(element, "interval", INTERVAL, INTERVAL_MIN, diagnostics);
    let timeout = millis(
        element,
        "timeout",
        TIMEOUT,
        Duration::from_millis(1),
        diagnostics,
    );
    let rise = count(element, "rise", 2, diagnostics);
    let fall = count(element, "fall", 3, diagnostics);
    let kind = kind(element, diagnostics);
    if diagnostics.errors() > before {
        return None;
    }
    Some(HealthDef {
        kind: kind?,
        interval,
        timeout,
        rise,
        fall,
        span: element.span,
    })
}

fn kind(element: &Element, diagnostics: &mut Diagnostics) -> Option<HealthKind> {
    let written = element.req_attr("type", diagnostics)?;
    match written.value.trim() {
        "tcp" => {
            let without = ["method", "path", "status", "action", "version", "expect"];
            without_effect(element, "tcp", &without, diagnostics);
            Some(HealthKind::Tcp)
        }
        "http" => {
            let without = ["action", "version", "expect"];
            without_effect(element, "http", &without, diagnostics);
            Some(HealthKind::Http(HttpCheck {
                method: method(element, diagnostics)?,
                path: path(element, diagnostics),
                statuses: statuses(element, (200, 399), diagnostics),
            }))
        }
        "soap" => {
            without_effect(element, "soap", &["method"], diagnostics);
            soap(element, diagnostics)
        }
        _ => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                written.span,
                "a health check is none of tcp, http and soap",
                "tcp connects, http sends a request, soap calls an operation",
            );
            None
        }
    }
}

fn soap(element: &Element, diagnostics: &mut Diagnostics) -> Option<HealthKind> {
    let action = element.attribute("action").map_or("", |a| a.value.trim());
    if action.contains(['"', '\\']) || action.chars().any(char::is_control) {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            element.name_span,
            "the action of a health check holds a character that cannot stand in a field",
            "write the action as the service's WSDL has it",
        );
        return None;
    }
    let soap12 = match element.attribute("version").map(|v| v.value.trim()) {
        None | Some("1.1") => false,
        Some("1.2") => true,
        Some(_) => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                element.name_span,
                "the SOAP version of a health check is neither 1.1 nor 1.2",
                "write version=\"1.1\"",
            );
            return None;
        }
    };
    let body = element.elements().find(|e| e.name == "body");
    let mut inside = String::new();
    for child in body.iter().flat_map(|body| body.elements()) {
        write(child, None, &mut inside);
    }
    if inside.len() > BODY_MAX {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            element.name_span,
            "the body of a health check is larger than 64 KiB",
            "ask for less",
        );
        return None;
    }
    Some(HealthKind::Soap(SoapCheck {
        path: path(element, diagnostics),
        soap12,
        action: action.to_owned(),
        inside,
        statuses: statuses(element, (200, 299), diagnostics),
        expect: element.attribute("expect").map(|text| {
            let used =
                |prefix: &str| !prefix.is_empty() && text.value.contains(&format!("{prefix}:"));
            let mut prefixes: Vec<(String, String)> = Vec::new();
            // The innermost declaration of a prefix stands last.
            for (prefix, uri) in element.prefixes.iter().rev().filter(|(p, _)| used(p)) {
                if prefixes.iter().all(|(known, _)| known != prefix) {
                    prefixes.push((prefix.clone(), uri.clone()));
                }
            }
            Box::new(ExpectDef {
                text: text.clone(),
                prefixes,
            })
        }),
    }))
}

/// An element as text that means the same alone: each states its namespace where it is not its parent's.
fn write(element: &Element, parent: Option<&Element>, out: &mut String) {
    out.push('<');
    out.push_str(&element.name);
    if parent.is_none_or(|p| p.namespace != element.namespace) {
        attribute("xmlns", &element.namespace, out);
    }
    for (at, own) in element.attributes.iter().enumerate() {
        if own.namespace.is_empty() {
            attribute(&own.name, &own.value.value, out);
        } else {
            attribute(&format!("xmlns:{OWN}{at}"), &own.namespace, out);
            attribute(&format!("{OWN}{at}:{}", own.name), &own.value.value, out);
        }
    }
    // Values such as `xsi:type="x:int"` may use a prefix.
    let mut prefixes: Vec<&str> = element.prefixes.iter().map(|(p, _)| p.as_str()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    for prefix in prefixes {
        let uri = element.prefix(prefix).unwrap_or_default();
        let stated = parent.and_then(|p| p.prefix(prefix)) == Some(uri);
        let ours = ["", "xml"].contains(&prefix) || uri == AXON_NS || prefix.starts_with(OWN);
        if !stated && !ours && mentions(element, &format!("{prefix}:")) {
            attribute(&format!("xmlns:{prefix}"), uri, out);
        }
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => write(child, Some(element), out),
            Node::Text(text) => escape(&text.value, out),
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

/// Whether a value or a text in the element may use the prefix.
fn mentions(element: &Element, prefix: &str) -> bool {
    let inside = |child: &Node| match child {
        Node::Element(child) => mentions(child, prefix),
        Node::Text(text) => text.value.contains(prefix),
    };
    let attributes = &element.attributes;
    attributes
        .iter()
        .any(|own| own.value.value.contains(prefix))
        || element.children.iter().any(inside)
}

fn attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape(value, out);
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
}

fn without_effect(element: &Element, kind: &str, names: &[&str], diagnostics: &mut Diagnostics) {
    for name in names {
        if let Some(written) = element.attribute(name) {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                written.span,
                format!("{name} has no effect on a health check of type {kind}"),
                "remove it, or choose another type",
            );
        }
    }
}

fn method(element: &Element, diagnostics: &mut Diagnostics) -> Option<String> {
    let Some(written) = element.attribute("method") else {
        return Some("GET".to_owned());
    };
    let method = written.value.trim().to_ascii_uppercase();
    if ["GET", "HEAD", "OPTIONS"].contains(&method.as_str()) {
        return Some(method);
    }
    diagnostics.error_help(
        DiagnosticCode::BadValue,
        written.span,
        "a health check asks with GET, HEAD or OPTIONS",
        "a check is made again and again: it must not change anything",
    );
    None
}

fn path(element: &Element, diagnostics: &mut Diagnostics) -> Option<String> {
    let written = element.attribute("path")?;
    let path = written.value.trim();
    if path.starts_with('/') && path.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Some(path.to_owned());
    }
    diagnostics.error_help(
        DiagnosticCode::BadValue,
        written.span,
        "the path of a health check does not begin with / or holds a character that a URL cannot have",
        "write /path?query",
    );
    None
}

/// Statuses and ranges of them: `200-299,401`.
fn statuses(
    element: &Element,
    default: (u16, u16),
    diagnostics: &mut Diagnostics,
) -> Vec<(u16, u16)> {
    let Some(written) = element.attribute("status") else {
        return vec![default];
    };
    let status = |text: &str| text.trim().parse().ok().filter(|n| (100..=599).contains(n));
    let parsed: Option<Vec<(u16, u16)>> = written
        .value
        .split(',')
        .map(|item| match item.split_once('-') {
            Some((from, to)) => Some((status(from)?, status(to)?)).filter(|(f, t)| f <= t),
            None => status(item).map(|one| (one, one)),
        })
        .collect();
    if parsed.is_none() {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            written.span,
            "status holds something that is no status and no range of them",
            "write statuses and ranges, separated by commas: 200-299,401",
        );
    }
    parsed.unwrap_or_default()
}

fn millis(
    element: &Element,
    name: &str,
    default: Duration,
    least: Duration,
    diagnostics: &mut Diagnostics,
) -> Duration {
    let Some(text) = element.attribute(name) else {
        return default;
    };
    let Some(Spanned { value, span }) = number::<u32>(name, text, diagnostics) else {
        return default;
    };
    let value = Duration::from_millis(value.into());
    if value < least {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            span,
            format!("{name} is less than {} ms", least.as_millis()),
            "it is in milliseconds",
        );
    }
    value
}

fn count(element: &Element, name: &str, default: u32, diagnostics: &mut Diagnostics) -> u32 {
    let Some(text) = element.attribute(name) else {
        return default;
    };
    match number::<u32>(name, text, diagnostics) {
        Some(Spanned { value: 0, span }) => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                span,
                format!("{name} may not be 0"),
                "write how many checks in a row it takes",
            );
            default
        }
        Some(number) => number.value,
        None => default,
    }
}
