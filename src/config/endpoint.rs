//! `endpoint` elements: one file per kind.
//!
//! [`parse`] reads any `endpoint` element, top-level, child of a group or inside a mediator (spec/endpoints.md 2). It reports every
//! problem and gives a definition only when there was no error. The names of all elements and attributes stand in
//! [`vocabulary`]. Where Synapse ignores a slip silently, this reader warns.

mod address;
mod class;
mod dynamic;
mod failover;
mod format;
mod group;
mod health;
mod http;
mod http_auth;
mod indirect;
mod leaf;
mod limits;
mod load_balance;
mod member;
mod property;
pub mod recipient_list;
mod resolving;
mod session;
mod suspension;
pub mod template;
mod value;
pub mod vocabulary;
mod wsdl;

#[cfg(test)]
mod tests;

pub use address::unsupported_transport;
pub(super) use address::unusable as unusable_address;

use super::diagnostic::Diagnostics;
use super::model::{EndpointDef, EndpointKind};
use super::source::{Span, Spanned};
use super::suggest::nearest;
use super::xml::{Element, Node};
use crate::codes::DiagnosticCode;

/// Reads an `endpoint` element; `None` when an error was reported.
pub fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointDef> {
    let before = diagnostics.errors();
    vocabulary::check(element, &vocabulary::ENDPOINT, diagnostics);
    // Some samples of the vendor's write them here (spec/endpoints.md 2.2).
    let (trace, statistics) = leaf::tracing(element, diagnostics);
    let mut kind = kind(element, diagnostics);
    if let Some(leaf) = kind.as_mut().and_then(EndpointKind::leaf_mut) {
        leaf.trace |= trace;
        leaf.statistics |= statistics;
    }
    let name = value::optional_name(element, "name", diagnostics);
    let on_error = value::optional_name(element, "onError", diagnostics);
    let properties = element
        .elements()
        .filter(|e| e.is("property"))
        .filter_map(|e| property::parse(e, diagnostics))
        .collect();
    let description = element.child("description").map(Element::text);
    if diagnostics.errors() > before {
        return None;
    }
    Some(EndpointDef {
        name,
        kind: kind?,
        on_error,
        properties,
        description,
        span: element.span,
    })
}

/// Reads a group, `address` or other kind that stands bare, as the published pages print them, with the `session` before it.
pub fn parse_bare(
    kind: &Element,
    session: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<EndpointDef> {
    let around = Element {
        name: "endpoint".to_owned(),
        namespace: kind.namespace.clone(),
        attributes: Vec::new(),
        children: session
            .into_iter()
            .chain([kind])
            .cloned()
            .map(Node::Element)
            .collect(),
        prefixes: kind.prefixes.clone(),
        name_span: kind.name_span,
        span: kind.span,
    };
    parse(&around, diagnostics)
}

/// True for the name of an element that says what an endpoint is.
pub fn is_kind(name: &str) -> bool {
    vocabulary::KINDS.contains(&vocabulary::canonical(name))
}

/// Which kind it is: the first that matches, in Synapse's order (spec/endpoints.md 2.1).
fn kind(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let mut kinds: Vec<&Element> = element
        .elements()
        .filter(|e| e.is(&e.name) && is_kind(&e.name))
        .collect();
    let order = |e: &&Element| {
        let name = vocabulary::canonical(&e.name);
        vocabulary::KINDS.iter().position(|k| *k == name)
    };
    kinds.sort_by_key(order);
    if element.attribute("key").is_some() {
        return indirect::parse(element, kinds.first().copied(), diagnostics);
    }
    if element.attribute("key-expression").is_some() {
        return resolving::parse(element, kinds.first().copied(), diagnostics);
    }
    if element.attribute("template").is_some() {
        return template::parse(element, kinds.first().copied(), diagnostics);
    }
    let Some(&first) = kinds.first() else {
        return no_kind(element, diagnostics);
    };
    for other in kinds.iter().skip(1) {
        diagnostics.warn(
            DiagnosticCode::DuplicateElement,
            other.name_span,
            format!(
                "the endpoint is of the kind {}; {} is ignored",
                first.name, other.name
            ),
            "split it into two endpoints, or put both into a group",
        );
    }
    let group_session = element.child("session");
    match vocabulary::canonical(&first.name) {
        "address" => address::parse(first, diagnostics),
        "wsdl" => wsdl::parse(first, diagnostics),
        "default" => Some(
            leaf::parse(first, &vocabulary::DEFAULT, diagnostics).into_kind(EndpointKind::Default),
        ),
        "http" => http::parse(first, diagnostics),
        "failover" => {
            session_without_effect(group_session, diagnostics);
            failover::parse(first, diagnostics).map(EndpointKind::Failover)
        }
        "loadbalance" => {
            load_balance::parse(first, group_session, diagnostics).map(EndpointKind::LoadBalance)
        }
        "class" => class::parse(first, diagnostics),
        "dynamicLoadbalance" => {
            let group = dynamic::parse(first, group_session, diagnostics);
            group.map(|group| EndpointKind::DynamicLoadBalance(Box::new(group)))
        }
        "serviceDynamicLoadbalance" => {
            session_without_effect(group_session, diagnostics);
            dynamic::parse_services(first, diagnostics).map(EndpointKind::ServiceDynamicLoadBalance)
        }
        "recipientlist" => {
            session_without_effect(group_session, diagnostics);
            recipient_list::parse(first, diagnostics).map(EndpointKind::RecipientList)
        }
        other => {
            let security = first.elements().find(|e| e.name == "enableSec");
            if let Some(security) = security {
                let row = DiagnosticCode::SecurityMissing.row();
                diagnostics.error(row.code, security.name_span, row.text);
            }
            Some(unsupported(
                format!("the endpoint kind {other}"),
                first.name_span,
                diagnostics,
            ))
        }
    }
}

fn session_without_effect(session: Option<&Element>, diagnostics: &mut Diagnostics) {
    if let Some(session) = session {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            session.name_span,
            "session has an effect only beside loadbalance",
            "remove it, or make the group a loadbalance",
        );
    }
}

fn no_kind(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let row = DiagnosticCode::NoEndpointKind.row();
    let meant = element.elements().find_map(|e| {
        let word = nearest(&e.name, vocabulary::KINDS.iter().copied())?;
        Some((e, word))
    });
    match meant {
        // The place is the slip's, not the whole endpoint's.
        Some((slip, word)) => diagnostics.error_help(
            row.code,
            slip.name_span,
            format!("{}: {} is no kind of endpoint", row.text, slip.name),
            format!("did you mean {word}?"),
        ),
        None => diagnostics.error_help(row.code, element.name_span, row.text, row.help),
    }
    None
}

/// Reports something that this version does not run; the endpoint answers with a fault that names it.
fn unsupported(what: String, span: Span, diagnostics: &mut Diagnostics) -> EndpointKind {
    let row = DiagnosticCode::NotSupportedYet.row();
    diagnostics.unsupported(
        row.code,
        span,
        format!("{what} is not supported yet"),
        "messages to this endpoint are answered with a fault that names this place",
    );
    EndpointKind::Unsupported(Spanned::new(what, span))
}
