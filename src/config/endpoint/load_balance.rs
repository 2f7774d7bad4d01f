//! `loadbalance` and `loadBalance`, with or without `session` (spec/endpoints.md 11-14).
//!
//! The algorithm's name is kept as text; the room that owns the algorithms looks it up and reports an unknown one.

use super::{group, member, session, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{LoadBalanceChildren, LoadBalanceDef};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads the group and the `session` beside it.
pub(super) fn parse(
    element: &Element,
    session: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<LoadBalanceDef> {
    vocabulary::check(element, &vocabulary::LOAD_BALANCE, diagnostics);
    let children = children(element, diagnostics);
    let algorithm = algorithm(element, diagnostics);
    let failover = value::on_unless(element, "failover", &["false"], diagnostics);
    let bound = session.and_then(|s| session::parse(s, diagnostics));
    if let (Some(_), Some(written), true) = (session, element.attribute("failover"), failover) {
        let row = DiagnosticCode::FailoverIgnored.row();
        diagnostics.warn(row.code, written.span, row.text, row.help);
    }
    Some(LoadBalanceDef {
        children: children?,
        algorithm,
        failover,
        max_attempts: value::max_attempts(element, diagnostics),
        retry_non_idempotent: value::axon_switch(element, "retryNonIdempotent", diagnostics),
        slow_start: value::axon_millis(element, "slowStart", diagnostics),
        session: bound,
        span: element.span,
    })
}

fn children(element: &Element, diagnostics: &mut Diagnostics) -> Option<LoadBalanceChildren> {
    let endpoints = group::has(element, "endpoint");
    let first_member = element.child("member");
    match (endpoints, first_member) {
        (false, None) => {
            group::empty(element, element.name_span, diagnostics);
            None
        }
        (true, Some(member)) => {
            let row = DiagnosticCode::MixedChildren.row();
            diagnostics.error(row.code, member.name_span, row.text);
            None
        }
        (true, None) => {
            without_members(element, diagnostics);
            Some(LoadBalanceChildren::Endpoints(group::children(
                element,
                diagnostics,
            )))
        }
        (false, Some(_)) => {
            let members = element
                .elements()
                .filter(|e| e.is("member"))
                .filter_map(|e| member::parse(e, element, diagnostics))
                .collect();
            Some(LoadBalanceChildren::Members(members))
        }
    }
}

/// The settings of a leaf in the group are for members; beside endpoints nobody reads them.
fn without_members(element: &Element, diagnostics: &mut Diagnostics) {
    for name in vocabulary::LOAD_BALANCE.once {
        if let Some(block) = element.child(name) {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                block.name_span,
                format!("{name} has no effect on a group of endpoints"),
                "write it inside each endpoint's address",
            );
        }
    }
}

/// `policy` is roundRobin and nothing else (recorded), so that a file means the same to both; a file that says by axon's
/// namespace whom it is for may name any algorithm there (spec/endpoints.md 13.7).
fn is_refused(element: &Element, policy: &Spanned<String>, diagnostics: &mut Diagnostics) -> bool {
    let for_axon = element.prefixes.iter().any(|(_, uri)| uri == AXON_NS);
    if for_axon || policy.value.trim() == "roundRobin" {
        return false;
    }
    diagnostics.error_help(
        DiagnosticCode::UnknownAlgorithm,
        policy.span,
        format!("policy is roundRobin, not `{}`", policy.value),
        "name other algorithms in the attribute algorithm, or declare xmlns:ax=\"urn:axon:1\"",
    );
    true
}

pub(super) fn algorithm(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<String>> {
    if let (Some(_), Some(policy)) = (element.attribute("algorithm"), element.attribute("policy")) {
        diagnostics.error_help(
            DiagnosticCode::ConflictingAttributes,
            policy.span,
            "policy and algorithm are both given",
            "keep algorithm",
        );
    }
    let attribute = match element.attribute("algorithm") {
        Some(_) => "algorithm",
        None => "policy",
    };
    if let ("policy", Some(policy)) = (attribute, element.attribute("policy")) {
        if is_refused(element, policy, diagnostics) {
            return None;
        }
        vocabulary::old_spelling(
            policy.span,
            "policy is an old word and knows roundRobin alone",
            "algorithm",
            diagnostics,
        );
    }
    value::optional_name(element, attribute, diagnostics)
}
