//! `member` of a load-balance group: host and ports (spec/endpoints.md 12).
//!
//! Synapse gives members no settings of their own; here the blocks of a leaf may stand in the member, or in the group for all its members.

use std::num::NonZeroU32;

use super::{suspension, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::MemberDef;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads one member of `group`.
pub(super) fn parse(
    element: &Element,
    group: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<MemberDef> {
    vocabulary::check(element, &vocabulary::MEMBER, diagnostics);
    let host = host(element, diagnostics);
    Some(MemberDef {
        http_port: port(element, "httpPort", diagnostics),
        https_port: port(element, "httpsPort", diagnostics),
        weight: weight(element, diagnostics),
        leaf: suspension::parse(&[element, group], diagnostics),
        span: element.span,
        host: host?,
    })
}

fn host(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    let written = element.req_attr("hostName", diagnostics)?;
    let name = written.value.trim();
    let bare = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    let good = match bare.contains(':') {
        true => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        false => super::address::is_host_name(bare),
    };
    if !good {
        diagnostics.error_help(
            DiagnosticCode::BadAddress,
            written.span,
            "hostName is not a host name or IP address",
            "write the host alone; the port belongs into httpPort or httpsPort",
        );
        return None;
    }
    Some(Spanned::new(bare.to_owned(), written.span))
}

/// `ax:weight`: its share, for algorithms that go by weights.
fn weight(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<NonZeroU32>> {
    let text = element.attribute_ns(AXON_NS, "weight")?;
    let number = value::number::<u32>("ax:weight", text, diagnostics)?;
    let weight = NonZeroU32::new(number.value);
    if weight.is_none() {
        let row = DiagnosticCode::BadWeight.row();
        diagnostics.error_help(
            row.code,
            text.span,
            "ax:weight may not be 0",
            "use 1 or more, or remove the member",
        );
    }
    Some(Spanned::new(weight?, text.span))
}

/// A port; -1 is what Synapse writes for "none".
fn port(element: &Element, attribute: &str, diagnostics: &mut Diagnostics) -> Option<u16> {
    let text = element.attribute(attribute)?;
    if text.value.trim() == "-1" {
        return None;
    }
    let port = value::number::<u16>(attribute, text, diagnostics)?.value;
    if port == 0 {
        diagnostics.error_help(
            DiagnosticCode::BadNumber,
            text.span,
            format!("{attribute} may not be 0"),
            "use a port between 1 and 65535",
        );
        return None;
    }
    Some(port)
}
