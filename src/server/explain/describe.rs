//! What was written down, for people and programs: states, reasons, settings with where they come from.

use std::time::Duration;

use super::record::Send;
use super::{Generation, Limits};
use crate::admin::explain::{NeedView, NodeView, SendView, SessionUseView, TryView};
use crate::admin::{PlaceView, SettingView};
use crate::codes::ErrorCode;
use crate::config::model::{SessionKind, TimeoutAction};
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::state::EndpointState;
use crate::endpoint::tree::{Leaf, NodeKind};
use crate::endpoint::walk::{Decision, SessionEffect, Why};
use crate::util::clock::Tick;

/// Most endpoints of one send that are shown.
const NODES_SHOWN: usize = 200;

/// A place in a file.
pub fn place(generation: &Generation, span: Span) -> PlaceView {
    let at = generation.sources.position(span.file, span.start);
    let file = generation.sources.file(span.file);
    PlaceView {
        file: file.path.display().to_string(),
        line: at.line,
        column: at.column,
    }
}

/// One send.
pub fn send(generation: &Generation, limits: &Limits, send: &Send, now: Tick) -> SendView {
    let endpoints = &generation.endpoints;
    let Some(root) = send.root else {
        return SendView {
            endpoint: "the address that the message names".to_owned(),
            outcome: outcome(generation, send),
            ..SendView::default()
        };
    };
    let node = endpoints.node(root);
    SendView {
        endpoint: node.path.to_string(),
        rule: Some(place(generation, node.span)),
        needs: needs(generation, root),
        session: session(generation, send),
        nodes: nodes(generation, root, &send.decisions, now),
        tries: send
            .tries
            .iter()
            .map(|this| TryView {
                endpoint: endpoints.node(this.leaf).path.to_string(),
                target: this.target.clone(),
                request: this.head.clone(),
                timeouts: endpoints
                    .leaf(this.leaf)
                    .map(|leaf| timeouts(generation, leaf, limits, this.deadline))
                    .unwrap_or_default(),
                code: this.code.map(|code| code.0),
                name: this.code.map(|code| code.name().to_owned()),
            })
            .collect(),
        outcome: outcome(generation, send),
    }
}

fn outcome(generation: &Generation, send: &Send) -> String {
    let mut text = match (&send.failure, send.tries.last()) {
        (Some((code, verdict, said)), _) => {
            let mut text = format!("fails with {code} {}: {said}", code.name());
            if verdict != code {
                text += &format!(" ({verdict} {})", verdict.name());
            }
            text
        }
        (None, Some(last)) if send.answered.is_some() => {
            format!("{} answers", generation.endpoints.node(last.leaf).path)
        }
        _ => match &send.last_error {
            Some((code, said)) => format!("is not sent: {code} {}: {said}", code.name()),
            None => "is not sent".to_owned(),
        },
    };
    if let Some(wait) = send.would_wait {
        let ms = wait.as_millis();
        text += &format!("; before that the message waits {ms} ms and is tried again");
    }
    text
}

/// What the message is looked at or kept for below a node, and which element needs it.
fn needs(generation: &Generation, root: NodeId) -> Vec<NeedView> {
    let endpoints = &generation.endpoints;
    let mut found = Vec::new();
    let mut todo = vec![root];
    let mut seen = 0;
    while let Some(id) = todo.pop() {
        seen += 1;
        if seen > NODES_SHOWN {
            break;
        }
        let node = endpoints.node(endpoints.resolve(id));
        let mut need = |what: &str, why: String, span| {
            found.push(NeedView {
                what: what.to_owned(),
                why,
                rule: Some(place(generation, span)),
            });
        };
        if let NodeKind::LoadBalance(lb) = &node.kind
            && let Some(session) = &lb.session
        {
            let (what, why) = match session.spec.kind {
                SessionKind::Http => (
                    "cookies",
                    "the session cookie of the request and the answer",
                ),
                SessionKind::SimpleClient => ("the SOAP header", "its block ClientID"),
                SessionKind::Soap => (
                    "the SOAP header",
                    "its block ServiceGroupId, and that of the answer",
                ),
            };
            need(
                what,
                format!("session of {}: {why}", node.path),
                session.spec.rule,
            );
        }
        if let NodeKind::Leaf(leaf) = &node.kind
            && let Some(shape) = leaf.shape.as_deref().filter(|s| s.reads())
        {
            let why = format!("{} changes the message: {}", node.path, shape.describe());
            need("the whole body", why, node.span);
        }
        if let Some(group) = node.group() {
            if node.needs.repeat {
                let why = format!("{} may send the message to another child", node.path);
                need("the bytes sent", why, node.span);
            }
            todo.extend(group.children.iter().rev());
        }
    }
    if let Some(leaf) = endpoints.leaf(root)
        && leaf.target == crate::endpoint::tree::Target::Message
    {
        found.push(NeedView {
            what: "the SOAP header".to_owned(),
            why: "its To, where no mediator sets one".to_owned(),
            rule: Some(place(generation, endpoints.node(root).span)),
        });
    }
    found
}

fn session(generation: &Generation, send: &Send) -> Option<SessionUseView> {
    let endpoints = &generation.endpoints;
    let decisive = send.decisions.iter().rev().find_map(|d| {
        let how = match d.why {
            Why::Session => "bound",
            Why::SessionUnavailable => "unavailable",
            Why::SessionBadPath => "bad_path",
            Why::Rebound => "moves",
            Why::Followed => "follows",
            Why::NewSession => "new",
            _ => return None,
        };
        Some((d, how))
    });
    let (decision, how) = decisive?;
    let path = &endpoints.node(decision.node).path;
    let mut text = match decision.why {
        Why::Session => format!("the message's session is bound to {path}"),
        Why::SessionUnavailable => {
            format!("the message's session is bound to {path}, which is not ready")
        }
        Why::SessionBadPath => "the message's session leads nowhere".to_owned(),
        Why::Rebound => format!("the message's session leaves {path}, which is not ready"),
        Why::Followed => "another request of the same session was quicker".to_owned(),
        _ => format!("the message carries no session that {path} knows: a new one begins"),
    };
    if let Some((effect, hash)) = send.answered
        && effect != SessionEffect::None
    {
        text += &format!(" (key_hash {hash:016x})");
    }
    let rule = endpoints.nodes().find_map(|(_, node)| match &node.kind {
        NodeKind::LoadBalance(lb) if path.starts_with(&*node.path) => {
            lb.session.as_ref().map(|s| s.spec.rule)
        }
        _ => None,
    });
    Some(SessionUseView {
        how: how.to_owned(),
        text,
        rule: rule.map(|span| place(generation, span)),
    })
}

/// The endpoints that the walk looked at: a group's children are shown when the message went into it.
fn nodes(
    generation: &Generation,
    root: NodeId,
    decisions: &[Decision],
    now: Tick,
) -> Vec<NodeView> {
    let endpoints = &generation.endpoints;
    let mut shown = Vec::new();
    let mut todo = vec![(root, None, 0)];
    while let Some((id, parent, depth)) = todo.pop() {
        if shown.len() == NODES_SHOWN {
            break;
        }
        let node = endpoints.node(id);
        let real = endpoints.resolve(id);
        let about = |why: &dyn Fn(Why) -> bool| {
            let own = decisions.iter().filter(|d| d.node == id || d.node == real);
            own.map(|d| d.why).find(|w| why(*w))
        };
        let chosen = parent.is_none()
            || about(&|w| {
                matches!(
                    w,
                    Why::FirstReady
                        | Why::Current
                        | Why::Algorithm
                        | Why::Session
                        | Why::Try
                        | Why::Probe
                )
            })
            .is_some();
        shown.push(NodeView {
            path: node.path.to_string(),
            depth,
            kind: node.kind_name().to_owned(),
            state: state(generation, id, now),
            chosen,
            why: reason(generation, id, parent, decisions, now),
            rule: Some(place(generation, node.span)),
        });
        if chosen && let Some(group) = endpoints.node(real).group() {
            let children = group.children.iter().rev();
            todo.extend(children.map(|child| (*child, Some(real), depth + 1)));
        }
    }
    shown
}

/// The state before the message, in words.
fn state(generation: &Generation, id: NodeId, now: Tick) -> String {
    let view = generation.endpoints.view(id, now);
    let mut text = view.state.name().to_owned();
    if let Some(left) = view.remaining {
        text += &format!(", {} ms left", left.as_millis());
        if view.ready {
            text += " (ready for a probe)";
        }
    }
    if view.state != EndpointState::Active
        && let Some(code) = view.cause
    {
        text += &format!(", after {code} {}", code.name());
    }
    text
}

/// Why a node was chosen, or why not.
fn reason(
    generation: &Generation,
    id: NodeId,
    parent: Option<NodeId>,
    decisions: &[Decision],
    now: Tick,
) -> String {
    let endpoints = &generation.endpoints;
    let real = endpoints.resolve(id);
    let mut words = Vec::new();
    let kind = parent.map(|parent| &endpoints.node(parent).kind);
    for decision in decisions.iter().filter(|d| d.node == id || d.node == real) {
        words.push(match decision.why {
            Why::FirstReady => "the first child that is ready".to_owned(),
            Why::Current => "the child that the group stays on".to_owned(),
            Why::Algorithm => match kind {
                Some(NodeKind::LoadBalance(lb)) => {
                    let name = lb.algorithm_type.name;
                    format!("next by {}", name.rsplit('.').next().unwrap_or(name))
                }
                _ => "next".to_owned(),
            },
            Why::Session => "the session is bound to it".to_owned(),
            Why::Probe => "its suspension is over: this message is its probe".to_owned(),
            Why::Rebound => "the session was bound to it, but it is not ready".to_owned(),
            Why::SessionUnavailable => "the session is bound to it, and it is not ready".to_owned(),
            Why::SessionBadPath => "the session's path leads nowhere".to_owned(),
            Why::Followed => "another request of the session was quicker".to_owned(),
            Why::NotReady => "it is not ready".to_owned(),
            Why::Failed(code) => format!("the try fails with {code} {}", code.name()),
            Why::RetryForbidden => "its retryConfig allows no other try after that".to_owned(),
            Why::NotRepeatable => "the message cannot or must not be sent again".to_owned(),
            Why::FailoverOff => "it does not fail over".to_owned(),
            Why::AttemptsExhausted => "its ax:maxAttempts is used up".to_owned(),
            Why::GroupFailed => "it gives the message up".to_owned(),
            Why::Copies => "each of its ready children gets a copy".to_owned(),
            Why::Try | Why::NewSession => continue,
        });
    }
    if !words.is_empty() || parent.is_none() {
        return words.join("; ");
    }
    if !endpoints.is_ready(id, now) {
        return "not ready".to_owned();
    }
    let follows = decisions.iter().any(|d| d.why == Why::Session);
    match kind {
        Some(NodeKind::LoadBalance(lb)) if lb.session.is_some() && follows => {
            "ready, but the session is bound elsewhere".to_owned()
        }
        Some(NodeKind::Failover(failover)) if !failover.dynamic => {
            "ready; taken when the current one is not".to_owned()
        }
        Some(NodeKind::Failover(_)) => "ready; comes after".to_owned(),
        _ => "ready; not its turn".to_owned(),
    }
}

fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// The times that a try of a leaf obeys.
fn timeouts(
    generation: &Generation,
    leaf: &Leaf,
    limits: &Limits,
    deadline: Duration,
) -> Vec<SettingView> {
    let setting = |key: &str, value: String, origin: &str| SettingView {
        key: key.to_owned(),
        value,
        origin: origin.to_owned(),
        rule: None,
    };
    let written = leaf.written.timeout.as_ref();
    vec![
        setting("connect", ms(limits.connect), "[timers] connect_ms"),
        SettingView {
            rule: written.map(|t| place(generation, t.span)),
            ..setting(
                "answer",
                ms(deadline),
                written.map_or("[timers] response_ms", |_| "explicit"),
            )
        },
        setting(
            "body",
            ms(limits.body_progress),
            "[timers] body_progress_ms",
        ),
    ]
}

/// The effective settings of a leaf: as written, or the default.
pub fn settings(generation: &Generation, leaf: &Leaf, limits: &Limits) -> Vec<SettingView> {
    let written = &leaf.written;
    let mut all = Vec::new();
    let mut add = |key: &str, value: String, span: Option<Span>, otherwise: &str| {
        all.push(SettingView {
            key: key.to_owned(),
            value,
            origin: span.map_or(otherwise, |_| "explicit").to_owned(),
            rule: span.map(|span| place(generation, span)),
        });
    };
    let timeout = written.timeout.as_ref();
    add(
        "timeout.duration",
        ms(timeout.map_or(limits.response, |t| t.value)),
        timeout.map(|t| t.span),
        "[timers] response_ms",
    );
    let action = written.timeout_action.as_ref();
    let word = match action.map(|a| a.value) {
        None | Some(TimeoutAction::Fault) => "fault",
        Some(TimeoutAction::Discard) => "discard",
        Some(TimeoutAction::None) => "never",
    };
    add(
        "timeout.responseAction",
        word.to_owned(),
        action.map(|a| a.span),
        "default",
    );
    let rules = &leaf.rules;
    add(
        "suspendOnFailure.errorCodes",
        codes(&written.suspend_codes, "all others"),
        listed(&written.suspend_codes, written.suspend_span),
        "default",
    );
    add(
        "suspendOnFailure.initialDuration",
        ms(rules.initial),
        written.suspend_initial.as_ref().map(|v| v.span),
        "default",
    );
    add(
        "suspendOnFailure.progressionFactor",
        rules.factor.to_string(),
        written.suspend_factor.as_ref().map(|v| v.span),
        "default",
    );
    add(
        "suspendOnFailure.maximumDuration",
        match rules.maximum {
            Duration::MAX => "none".to_owned(),
            maximum => ms(maximum),
        },
        written.suspend_maximum.as_ref().map(|v| v.span),
        "default",
    );
    let marked = [
        ErrorCode::RESPONSE_TIMEOUT.0,
        ErrorCode::CONNECTION_CLOSED.0,
    ];
    add(
        "markForSuspension.errorCodes",
        codes(&written.mark_codes, &codes(&marked, "")),
        listed(&written.mark_codes, written.mark_span),
        "default",
    );
    add(
        "markForSuspension.retriesBeforeSuspension",
        rules.tolerated.to_string(),
        written.mark_retries.as_ref().map(|v| v.span),
        "default",
    );
    add(
        "markForSuspension.retryDelay",
        ms(rules.retry_delay),
        written.mark_delay.as_ref().map(|v| v.span),
        "default",
    );
    all
}

fn codes(list: &[i32], none: &str) -> String {
    let texts: Vec<String> = list.iter().map(i32::to_string).collect();
    if texts.is_empty() {
        none.to_owned()
    } else {
        texts.join(",")
    }
}

fn listed(list: &[i32], span: Option<Span>) -> Option<Span> {
    span.filter(|_| !list.is_empty())
}
