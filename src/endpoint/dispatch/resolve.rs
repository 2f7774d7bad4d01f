//! What references mean that only a message can resolve: `key-expression` by its properties, `serviceDynamicLoadbalance` by its
//! host (spec/endpoints.md 5.2, 15.2).
//!
//! Computed once before the walk, for every such node that the message can get to: the walk stays free of expressions,
//! and what a try changes in the message cannot lead it elsewhere in the middle.

use smallvec::SmallVec;

use super::Dispatch;
use crate::endpoint::tree::{Endpoints, Needs, NodeId, NodeKind};
use crate::endpoint::walk::Failure;
use crate::exchange::{Exchange, Fault};
use crate::transport::headers::Name;

/// Most nodes that are looked at for one message.
const NODES_MAX: usize = 10_000;

/// The references of one message.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Node and what it stands for.
    pub targets: SmallVec<[(NodeId, NodeId); 1]>,
    /// Keys that name nothing.
    unknown: SmallVec<[(NodeId, String); 1]>,
}

/// Resolves everything that a message for `root` can get to.
pub fn references(dispatch: &Dispatch<'_>, x: &Exchange, root: NodeId, needs: Needs) -> Resolved {
    let mut resolved = Resolved::default();
    if !needs.resolving {
        return resolved;
    }
    let endpoints = dispatch.endpoints;
    let mut seen = std::collections::HashSet::new();
    let mut todo = vec![root];
    while let Some(id) = todo.pop() {
        if seen.len() >= NODES_MAX || !seen.insert(id) {
            continue;
        }
        let node = endpoints.node(id);
        match &node.kind {
            NodeKind::Indirect(_, target) => todo.push(*target),
            NodeKind::Resolving(_) => {
                let key = dispatch.properties.key(id, x).unwrap_or_default();
                // An empty key names nothing; it is not looked up.
                let key = key.trim();
                match endpoints.named(key).filter(|_| !key.is_empty()) {
                    Some(target) => {
                        resolved.targets.push((id, target));
                        todo.push(target);
                    }
                    None => resolved.unknown.push((id, key.to_owned())),
                }
            }
            NodeKind::ByHost(services) => {
                let host = host(x);
                match services.child(host) {
                    Some(child) => {
                        resolved.targets.push((id, child));
                        todo.push(child);
                    }
                    None => resolved.unknown.push((id, host.to_owned())),
                }
            }
            _ => todo.extend(node.group().into_iter().flat_map(|g| &g.children)),
        }
    }
    resolved
}

/// The host that the request names, without its port.
fn host(x: &Exchange) -> &str {
    let host = x.request.headers.value(Name::Host).unwrap_or_default();
    let host = std::str::from_utf8(host).unwrap_or_default();
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

impl Resolved {
    /// The node that a chain of references ends at.
    pub fn end_of(&self, endpoints: &Endpoints, mut id: NodeId) -> NodeId {
        // Each turn goes on by one of the pairs, so that a circle ends.
        for _ in 0..=self.targets.len() {
            id = endpoints.resolve(id);
            match self.targets.iter().find(|(from, _)| *from == id) {
                Some((_, to)) => id = *to,
                None => break,
            }
        }
        id
    }

    /// Names the key that a message came to and that names nothing.
    pub fn explain(&self, endpoints: &Endpoints, failure: &Failure, fault: &mut Fault) {
        let Some((node, key)) = self.unknown.iter().find(|(id, _)| *id == failure.node) else {
            return;
        };
        let node = endpoints.node(*node);
        let text = match &node.kind {
            NodeKind::Resolving(resolving) => {
                let expression = resolving.expression.value.trim();
                match key.as_str() {
                    "" => format!("the key-expression {expression} gives an empty key"),
                    key => format!(
                        "Couldn't find the endpoint with the key : {key} (key-expression {expression})"
                    ),
                }
            }
            _ => format!(
                "endpoint {} has no service for the host \"{key}\"",
                node.path
            ),
        };
        fault.message.clone_from(&text);
        fault.detail = text;
    }
}
