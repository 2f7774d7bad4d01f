//! The last step of building: references get their targets, circles and too deep nestings are cut, needs are summed up.
//!
//! Keys are resolved once, at load (the originals do it for every message): an unknown key is then a located problem
//! before the first message, and sending to it fails with 305100 as there (spec/endpoints.md 5.1).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{DEPTH_MAX, Needs, Node, NodeId, NodeKind};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::SessionKind;
use crate::config::source::Spanned;
use crate::config::suggest::nearest;

/// How many unknown keys get a word that was perhaps meant: each costs a look at all names.
const SUGGESTED_MAX: usize = 100;
use crate::endpoint::dispatch::auth::Auth;

/// Turns every key whose name is defined into a reference.
///
/// A key that leads nowhere is an error in a group or a definition, which is made of it. In a mediator it is a warning: the
/// originals look there when a message comes, and configurations exist that want the failure (spec/endpoints.md 5.1).
pub(super) fn resolve(
    nodes: &mut [Node],
    roots: &HashMap<Arc<str>, NodeId>,
    tops: &[NodeId],
    problems: &mut Diagnostics,
) {
    let mut missing = Vec::new();
    for (at, node) in nodes.iter_mut().enumerate() {
        let NodeKind::Missing(key) = &node.kind else {
            continue;
        };
        match roots.get(key.value.trim()) {
            Some(target) => node.kind = NodeKind::Indirect(key.clone(), *target),
            None => missing.push((NodeId(at as u32), key.clone())),
        }
    }
    if missing.is_empty() {
        return;
    }
    let defined: HashSet<NodeId> = roots.values().copied().collect();
    let mediators: HashSet<NodeId> = tops
        .iter()
        .copied()
        .filter(|id| !defined.contains(id))
        .collect();
    for (nth, (id, key)) in missing.into_iter().enumerate() {
        let row = DiagnosticCode::UnresolvedKey.row();
        let message = format!("no endpoint is named \"{}\"", key.value.trim());
        let meant = (nth < SUGGESTED_MAX)
            .then(|| nearest(key.value.trim(), roots.keys().map(|name| &**name)))
            .flatten();
        let help = match meant {
            Some(name) => format!("did you mean {name}?"),
            None => row.help.to_owned(),
        };
        match mediators.contains(&id) {
            true => problems.warn(row.code, key.span, message, help),
            false => problems.error_help(row.code, key.span, message, help),
        }
        if let Some(meant) = meant.and_then(|name| roots.get(name)) {
            problems.related(key.span, nodes[meant.0 as usize].span);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Walks everything depth first (without recursion: chains of keys may be long), cuts what leads back or lies too deep,
/// and computes each node's needs from its children's.
pub(super) fn check(nodes: &mut [Node], problems: &mut Diagnostics) {
    let mut marks = vec![Mark::New; nodes.len()];
    let mut heights = vec![0; nodes.len()];
    for start in 0..nodes.len() {
        let mut stack = vec![(start, 0)];
        while let Some((at, child)) = stack.pop() {
            if child == 0 {
                if marks[at] != Mark::New {
                    continue;
                }
                marks[at] = Mark::Open;
            }
            let below = below(&nodes[at], child).map(|id| id.0 as usize);
            match below {
                Some(next) => {
                    stack.push((at, child + 1));
                    match marks[next] {
                        Mark::New => stack.push((next, 0)),
                        // Only a key can lead back to a node that is being walked.
                        Mark::Open => cut(&mut nodes[at], "leads back to itself", problems),
                        Mark::Done => {}
                    }
                }
                None => {
                    finish(nodes, &mut heights, at, problems);
                    marks[at] = Mark::Done;
                }
            }
        }
    }
}

fn below(node: &Node, position: usize) -> Option<NodeId> {
    match &node.kind {
        NodeKind::Indirect(_, target) => (position == 0).then_some(*target),
        _ => node.group().and_then(|g| g.children.get(position)).copied(),
    }
}

fn finish(nodes: &mut [Node], heights: &mut [usize], at: usize, problems: &mut Diagnostics) {
    let mut height = 0;
    let mut needs = own_needs(&nodes[at]);
    let mut position = 0;
    while let Some(child) = below(&nodes[at], position) {
        height = height.max(heights[child.0 as usize] + 1);
        let below = nodes[child.0 as usize].needs;
        match &nodes[at].kind {
            // What a copy needs is looked for when it is sent.
            NodeKind::RecipientList(_) => {
                needs.resolving |= below.resolving;
                needs.properties |= below.properties;
            }
            _ => needs.join(below),
        }
        position += 1;
    }
    if height >= DEPTH_MAX {
        cut(&mut nodes[at], "nests deeper than 32", problems);
        height = 0;
        needs = Needs::default();
    }
    heights[at] = height;
    nodes[at].needs = needs;
}

fn own_needs(node: &Node) -> Needs {
    let mut needs = Needs {
        properties: !node.properties.is_empty(),
        ..Needs::default()
    };
    match &node.kind {
        NodeKind::Leaf(leaf) => {
            if let Some(shape) = leaf.shape.as_deref().filter(|s| s.reads()) {
                needs.body = shape.reads_this(Some(b"multipart/related"));
                needs.body_unless_parts = !needs.body;
            }
            // A request whose token is refused is sent once more with a new one.
            needs.repeat = matches!(leaf.auth, Some(Auth::Token(_)));
        }
        NodeKind::Failover(f) => needs.repeat = f.group.children.len() > 1,
        NodeKind::LoadBalance(l) => {
            needs.repeat = l.group.children.len() > 1 && (l.failover || l.session.is_some());
            needs.hash = l.hash.is_some();
            match l.session.as_ref().map(|s| s.spec.kind) {
                Some(SessionKind::Http) => needs.cookies = true,
                Some(SessionKind::SimpleClient) => needs.client_id = true,
                Some(SessionKind::Soap) => needs.service_group_id = true,
                None => {}
            }
        }
        NodeKind::RecipientList(_) => needs.whole = true,
        NodeKind::Resolving(_) | NodeKind::ByHost(_) => needs.resolving = true,
        _ => {}
    }
    needs
}

/// Lets the leaves be measured whose group goes by their load, and finds the groups that have a slow start.
pub(super) fn measure(nodes: &mut [Node]) {
    for at in 0..nodes.len() {
        let NodeKind::LoadBalance(group) = &nodes[at].kind else {
            continue;
        };
        if group.algorithm_type.loads {
            let mut todo = group.group.children.clone();
            // Nothing leads back to itself any more, so this ends.
            while let Some(id) = todo.pop() {
                let mut position = 0;
                while let Some(next) = below(&nodes[id.0 as usize], position) {
                    todo.push(next);
                    position += 1;
                }
                if let NodeKind::Leaf(leaf) = &mut nodes[id.0 as usize].kind {
                    leaf.load.get_or_insert_default();
                }
            }
        }
        let NodeKind::LoadBalance(group) = &nodes[at].kind else {
            continue;
        };
        let slow = group.slow_start.is_some() || group.group.children.iter().any(|id| {
            let mut id = *id;
            while let NodeKind::Indirect(_, target) = nodes[id.0 as usize].kind {
                id = target;
            }
            matches!(&nodes[id.0 as usize].kind, NodeKind::Leaf(leaf) if leaf.slow_start.is_some())
        });
        if let NodeKind::LoadBalance(group) = &mut nodes[at].kind {
            group.slow = slow;
        }
    }
}

/// A node that is found only with a message may be any with a name: it needs what the neediest of them does, but for the
/// body, which is read when it is known who it is for.
pub(super) fn open_needs(nodes: &mut [Node], roots: &HashMap<Arc<str>, NodeId>) {
    if !nodes.iter().any(|node| node.needs.resolving) {
        return;
    }
    let mut any = Needs::default();
    for root in roots.values() {
        any.join(nodes[root.0 as usize].needs);
    }
    let any = Needs {
        whole: false,
        body: false,
        body_unless_parts: false,
        ..any
    };
    for node in nodes.iter_mut().filter(|node| node.needs.resolving) {
        node.needs.join(any);
    }
}

fn cut(node: &mut Node, what: &str, problems: &mut Diagnostics) {
    if let NodeKind::Indirect(key, _) = &node.kind {
        let message = format!("the reference to \"{}\" {what}", key.value.trim());
        problems.error(DiagnosticCode::KeyCycle, key.span, message);
        node.kind = NodeKind::Missing(key.clone());
    } else {
        let message = format!("the endpoint {what}");
        problems.error(DiagnosticCode::KeyCycle, node.span, message.clone());
        node.kind = NodeKind::Unsupported(Spanned::new(message, node.span));
    }
}
