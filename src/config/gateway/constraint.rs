//! `cross-site-constraint`: which pages of other origins may use a service (spec/kaazing.md 2.6).

use super::children::{Order, Row, read};
use super::model::{ConstraintDef, Origin};
use super::uri::split_port;
use super::value::duration;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Spanned;
use crate::config::xml::Element;

const ROWS: &[Row] = &[
    Row::must("allow-origin"),
    Row::one("allow-methods"),
    Row::one("allow-headers"),
    Row::one("maximum-age"),
];

/// Reads one constraint.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<ConstraintDef> {
    let children = read(element, ROWS, Order::Fixed, diagnostics);
    let list = |name: &str| {
        let text = children.one(name)?.text_spanned();
        let value = text
            .value
            .split(',')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(",");
        Some(Spanned::new(value, text.span))
    };
    let origin = children.one("allow-origin")?.text_spanned();
    let span = origin.span;
    let origin = match origin.value.as_str() {
        "*" => None,
        text => match Origin::parse(text) {
            Some(origin) => Some(origin),
            None => {
                let message = format!("{text} is no origin: Scheme and host must be provided");
                let help = "write *, or scheme://host:port as in http://www.example.com:8080";
                let code = DiagnosticCode::GatewayValue;
                diagnostics.error_help(code, span, message, help);
                return None;
            }
        },
    };
    let maximum_age = children.one("maximum-age").and_then(|age| {
        let text = age.text_spanned();
        let read = duration(&text.value);
        let bad = |message| {
            let code = DiagnosticCode::GatewayValue;
            diagnostics.error(code, text.span, format!("maximum-age: {message}"));
        };
        read.map_err(bad).ok()
    });
    Some(ConstraintDef {
        origin,
        methods: list("allow-methods"),
        headers: list("allow-headers"),
        maximum_age,
        span,
    })
}

impl Origin {
    /// Reads an origin as a browser sends it; `None` when it is none (`null` among others). A slash at the end makes it none.
    pub fn parse(text: &str) -> Option<Origin> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = split_port(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let own = match scheme.as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => 0,
        };
        let is_part = |text: &str| !text.is_empty() && !text.contains(['/', '?', '#', '@', ' ']);
        (is_part(&scheme) && is_part(host)).then(|| Origin {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(own),
        })
    }
}
