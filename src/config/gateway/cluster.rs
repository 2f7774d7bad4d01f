//! The element `cluster` (spec/kaazing.md 5).

use super::children::{Order, Row, missing, read};
use super::model::ClusterDef;
use super::uri::Uri;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Spanned;
use crate::config::xml::Element;

const ROWS: &[Row] = &[
    Row::must("name"),
    Row::any("accept"),
    Row::any("connect"),
    Row::one("connect-options"),
];

/// Reads the element; what cannot be an address of a member is an error.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<ClusterDef> {
    let children = read(element, ROWS, Order::Fixed, diagnostics);
    let mut uris = |name: &str| -> Vec<Spanned<Uri>> {
        let all = children.all(name).map(Element::text_spanned);
        all.filter_map(|text| uri(&text, diagnostics)).collect()
    };
    let (accepts, connects) = (uris("accept"), uris("connect"));
    accepted(&accepts, diagnostics);
    connected(&connects, diagnostics);
    if children.one("accept").is_none() {
        missing(element, "accept", diagnostics);
    }
    if let Some(options) = children.one("connect-options") {
        let code = DiagnosticCode::NotSupportedYet;
        let message = "discovery through AWS is not supported yet";
        let help = "list the members with tcp://";
        diagnostics.unsupported(code, options.name_span, message, help);
    }
    Some(ClusterDef {
        name: children.one("name")?.text_spanned(),
        span: element.name_span,
        accepts,
        connects,
    })
}

fn uri(text: &Spanned<String>, diagnostics: &mut Diagnostics) -> Option<Spanned<Uri>> {
    match Uri::parse(&text.value) {
        Ok(uri) if uri.scheme == "aws" || uri.port.is_some() => Some(Spanned::new(uri, text.span)),
        Ok(_) => {
            let message = format!("Missing port number in URI {}", text.value);
            let code = DiagnosticCode::GatewayUri;
            diagnostics.error_help(code, text.span, message, "write the port behind the host");
            None
        }
        Err(message) => {
            let code = DiagnosticCode::GatewayUri;
            diagnostics.error_help(code, text.span, message, code.row().help);
            None
        }
    }
}

fn accepted(accepts: &[Spanned<Uri>], diagnostics: &mut Diagnostics) {
    let code = DiagnosticCode::ClusterAddress;
    for accept in accepts {
        let address = accept.value.host.parse::<std::net::Ipv4Addr>();
        let is_unicast = accept.value.scheme == "tcp" && !address.is_ok_and(|a| a.is_multicast());
        if !is_unicast {
            diagnostics.error_help(
                code,
                accept.span,
                format!(
                    "{}: Cannot accept on a multicast or aws address, use unicast address starting with tcp://",
                    accept.value
                ),
                "write tcp://LOCAL-IP:PORT with an address of this machine",
            );
        }
    }
    let Some(first) = accepts.first() else { return };
    for other in &accepts[1..] {
        if other.value.port != first.value.port {
            diagnostics.error_help(
                code,
                other.span,
                format!(
                    "Port numbers on the network interfaces in <accept> do not match: {} and {}",
                    first.value, other.value
                ),
                "give every accept of the cluster the same port",
            );
            diagnostics.related(other.span, first.span);
        }
    }
}

fn connected(connects: &[Spanned<Uri>], diagnostics: &mut Diagnostics) {
    let code = DiagnosticCode::ClusterAddress;
    let mut multicast: Option<&Spanned<Uri>> = None;
    for connect in connects {
        match connect.value.scheme.as_str() {
            "tcp" => {}
            "udp" => match multicast {
                None => multicast = Some(connect),
                Some(first) => {
                    let message = format!(
                        "Conflicting multicast discovery addresses in cluster configuration: {} and {}",
                        first.value, connect.value
                    );
                    diagnostics.error_help(code, connect.span, message, "keep one of them");
                    diagnostics.related(connect.span, first.span);
                }
            },
            "aws" => diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                connect.span,
                "discovery through AWS is not supported yet",
                "list the members with tcp://",
            ),
            _ => diagnostics.error_help(
                code,
                connect.span,
                format!("{} is no address of members", connect.value),
                "write tcp://IP:PORT for each member, or one udp://MULTICAST:PORT",
            ),
        }
    }
}
