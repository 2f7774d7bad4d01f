//! Rules about a group and its children.

use std::collections::HashSet;

use super::{Scene, children, leaf};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::Diagnostics;
use crate::config::endpoint::unsupported_transport;
use crate::config::model::{
    EndpointDef, EndpointKind, LeafDef, LoadBalanceChildren, LoadBalanceDef, SessionKind,
    TimeoutAction,
};
use crate::config::source::{Span, Spanned};

/// What a try can end with, as the transport reports it.
const FAILURES: &[ErrorCode] = &[
    ErrorCode::SEND_FAILED,
    ErrorCode::RECEIVE_FAILED,
    ErrorCode::CONNECT_FAILED,
    ErrorCode::RESPONSE_TIMEOUT,
    ErrorCode::CONNECTION_CLOSED,
    ErrorCode::CONNECT_TIMEOUT,
];

/// The same target twice: one failure of it costs two tries, and it gets twice its share.
pub(super) fn same_target_twice(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let targets: Vec<(String, Span)> = match &def.kind {
        EndpointKind::LoadBalance(LoadBalanceDef {
            children: LoadBalanceChildren::Members(members),
            ..
        }) => members
            .iter()
            .map(|m| {
                let ports = (m.http_port, m.https_port);
                (format!("{} {ports:?}", m.host.value), m.host.span)
            })
            .collect(),
        _ => children(def)
            .iter()
            .filter_map(|child| match (&scene.real(child).kind, &child.kind) {
                (EndpointKind::Address(a), EndpointKind::Indirect(key)) => {
                    Some((a.uri.value.clone(), key.span))
                }
                (EndpointKind::Address(a), _) => Some((a.uri.value.clone(), a.uri.span)),
                _ => None,
            })
            .collect(),
    };
    let mut seen = HashSet::new();
    for (target, span) in targets {
        if !seen.insert(target) {
            let row = DiagnosticCode::SameTargetTwice.row();
            diagnostics.warn(
                row.code,
                span,
                "this target is in the group already",
                row.help,
            );
        }
    }
}

/// A child of a failover group that is never suspended and after whose errors no other may be tried.
pub(super) fn unreachable_child(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let EndpointKind::Failover(group) = &def.kind else {
        return;
    };
    let stuck = |child: &EndpointDef| leaf(scene.real(child)).is_some_and(keeps_every_message);
    let Some(first) = group.children.iter().position(stuck) else {
        return;
    };
    for child in group.children.iter().skip(first + 1) {
        let row = DiagnosticCode::UnreachableChild.row();
        diagnostics.warn(
            row.code,
            start_tag(child.span),
            format!(
                "no message gets to this child: child {} is never suspended and never left",
                first + 1
            ),
            row.help,
        );
    }
}

fn keeps_every_message(leaf: &LeafDef) -> bool {
    let listed = |list: &[i32], code: ErrorCode| {
        // The state-added form of a code counts as the code.
        list.iter().any(|c| (code.0..=code.0 + 8).contains(c))
    };
    FAILURES.iter().all(|&code| {
        let marked = match leaf.mark_codes.is_empty() {
            true => [ErrorCode::RESPONSE_TIMEOUT, ErrorCode::CONNECTION_CLOSED].contains(&code),
            false => listed(&leaf.mark_codes, code),
        };
        let suspended =
            marked || leaf.suspend_codes.is_empty() || listed(&leaf.suspend_codes, code);
        let retried = !listed(&leaf.retry_disabled, code)
            && (leaf.retry_enabled.is_empty() || listed(&leaf.retry_enabled, code));
        !suspended && !retried
    })
}

/// Cookies of HTTP answers cannot bind a client to a WebSocket child.
pub(super) fn session_without_http(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some((group, session)) = with_session(def) else {
        return;
    };
    if session.kind.value != SessionKind::Http {
        return;
    }
    for child in endpoints(group) {
        if let EndpointKind::Unsupported(what) = &scene.real(child).kind
            && ["ws", "wss"]
                .iter()
                .any(|s| unsupported_transport(s) == what.value)
        {
            let row = DiagnosticCode::SessionWithoutHttp.row();
            diagnostics.warn(row.code, what.span, row.text, row.help);
        }
    }
}

/// After a timeout that the file sets, the next child gets the request, which may have run already (design 15).
pub(super) fn request_may_run_twice(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let (decided, goes_on) = match &def.kind {
        EndpointKind::Failover(group) => (group.retry_non_idempotent, true),
        EndpointKind::LoadBalance(group) => (
            group.retry_non_idempotent,
            group.failover && group.session.is_none(),
        ),
        _ => return,
    };
    let children = children(def);
    if decided.is_some() || !goes_on || children.len() < 2 {
        return;
    }
    // One word for the group: the others have the same cause and the same cure.
    let timeout = children
        .iter()
        .filter_map(|child| leaf(scene.real(child)))
        .filter(|leaf| {
            let codes = [
                ErrorCode::RESPONSE_TIMEOUT.0,
                ErrorCode::RESPONSE_TIMEOUT.0 + 3,
            ];
            !codes.iter().any(|code| leaf.retry_disabled.contains(code))
                && (leaf.retry_enabled.is_empty()
                    || codes.iter().any(|code| leaf.retry_enabled.contains(code)))
        })
        .filter(|leaf| {
            let action = leaf.timeout_action.as_ref().map(|a| a.value);
            action == Some(TimeoutAction::Fault)
        })
        .find_map(|leaf| leaf.timeout.as_ref());
    if let Some(timeout) = timeout {
        let row = DiagnosticCode::RequestMayRunTwice.row();
        diagnostics.warn(
            row.code,
            timeout.span,
            format!(
                "a POST that is not answered within {} ms is sent to the next child and may run twice",
                timeout.value.as_millis()
            ),
            row.help,
        );
    }
}

/// A session group in which some children are failover groups and others are not: the others take their sessions down with them.
pub(super) fn plain_child_of_session(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some((group, session)) = with_session(def) else {
        return;
    };
    if session.rebind {
        return;
    }
    let is_group = |child: &&EndpointDef| !super::children(scene.real(child)).is_empty();
    let children = endpoints(group);
    if !children.iter().any(|child| is_group(&child)) {
        return;
    }
    for child in children
        .iter()
        .filter(|child| leaf(scene.real(child)).is_some())
    {
        let row = DiagnosticCode::PlainChildOfSession.row();
        diagnostics.warn(row.code, start_tag(child.span), row.text, row.help);
    }
}

/// Of nested sessions the shortest idle time that is set counts for all: a longer one never ends anything.
pub(super) fn nested_session_timeout(
    def: &EndpointDef,
    _: bool,
    scene: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some((group, session)) = with_session(def) else {
        return;
    };
    let Some(outer) = &session.timeout else {
        return;
    };
    for child in endpoints(group) {
        let inner = with_session(scene.real(child)).and_then(|(_, s)| s.timeout.as_ref());
        let Some(inner) = inner.filter(|inner| inner.value != outer.value) else {
            continue;
        };
        let (long, short) = match outer.value > inner.value {
            true => (outer, inner),
            false => (inner, outer),
        };
        never_fires(long, short, diagnostics);
    }
}

fn never_fires(
    long: &Spanned<std::time::Duration>,
    short: &Spanned<std::time::Duration>,
    diagnostics: &mut Diagnostics,
) {
    let row = DiagnosticCode::TimeoutNeverFires.row();
    diagnostics.warn(
        row.code,
        long.span,
        format!(
            "this sessionTimeout never ends a session: the nested one of {} ms does before",
            short.value.as_millis()
        ),
        row.help,
    );
}

fn with_session(def: &EndpointDef) -> Option<(&LoadBalanceDef, &crate::config::model::SessionDef)> {
    match &def.kind {
        EndpointKind::LoadBalance(group) => group.session.as_ref().map(|s| (group, s)),
        _ => None,
    }
}

fn endpoints(group: &LoadBalanceDef) -> &[EndpointDef] {
    match &group.children {
        LoadBalanceChildren::Endpoints(children) => children,
        LoadBalanceChildren::Members(_) => &[],
    }
}

/// The `<endpoint` of an element that begins there.
fn start_tag(span: Span) -> Span {
    Span {
        end: span.start + "<endpoint".len() as u32,
        ..span
    }
}
