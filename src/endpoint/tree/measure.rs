//! How busy the children of a group are; of a group among them, its leaves together.

use std::time::Duration;

use super::{Endpoints, HashRule, LoadBalance, NodeId, NodeKind};
use crate::endpoint::algorithm::FULL_SHARE;
use crate::endpoint::load::{self, Load};
use crate::util::clock::Tick;

impl LoadBalance {
    /// True when a child that has recovered may get less than its share for a while.
    pub(in crate::endpoint) fn has_slow_start(&self) -> bool {
        self.slow
    }
}

impl Endpoints {
    /// Messages that a node is busy with.
    pub(in crate::endpoint) fn busy(&self, id: NodeId) -> u64 {
        self.sum(id, &|load| load.busy.now())
    }

    /// Open connections of a node.
    pub(in crate::endpoint) fn connections(&self, id: NodeId) -> u64 {
        self.sum(id, &|load| load.connections.now())
    }

    fn sum(&self, id: NodeId, of: &dyn Fn(&Load) -> u64) -> u64 {
        let node = self.node(self.resolve(id));
        match (&node.kind, node.group()) {
            (NodeKind::Leaf(leaf), _) => leaf.load.as_ref().map_or(0, of),
            (_, Some(group)) => group
                .children
                .iter()
                .map(|child| self.sum(*child, of))
                .sum(),
            _ => 0,
        }
    }

    /// Mean time to the answers of a node in microseconds, 0 when nothing is known. Of a group it is the quickest leaf that
    /// is ready, as nobody knows here which one the group will choose.
    pub(in crate::endpoint) fn latency_us(&self, id: NodeId, now: Tick) -> u64 {
        let node = self.node(self.resolve(id));
        match (&node.kind, node.group()) {
            (NodeKind::Leaf(leaf), _) => leaf
                .load
                .as_ref()
                .map_or(0, |load| load.latency.micros(now)),
            (_, Some(group)) => {
                let ready = group
                    .children
                    .iter()
                    .filter(|child| self.is_ready(**child, now));
                ready
                    .map(|child| self.latency_us(*child, now))
                    .min()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Thousandths of its weight that a leaf has in its slow start; all of it when it has none.
    pub(in crate::endpoint) fn share(
        &self,
        id: NodeId,
        of_group: Option<Duration>,
        now: Tick,
    ) -> u32 {
        let leaf = self.leaf(id);
        let slow_start = leaf.and_then(|leaf| leaf.slow_start.or(of_group));
        match (slow_start, leaf.and_then(|leaf| leaf.state.recovered())) {
            (Some(length), Some(since)) => load::share(now.since(since), length),
            _ => FULL_SHARE,
        }
    }

    /// The groups at and below a node that balance by a hash, with what they go by.
    pub(in crate::endpoint) fn hash_rules(&self, root: NodeId) -> Vec<(NodeId, &HashRule)> {
        let mut found = Vec::new();
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            let id = self.resolve(id);
            let node = self.node(id);
            // Parts of the tree without such a group are not gone into.
            if !node.needs.hash {
                continue;
            }
            if let NodeKind::LoadBalance(LoadBalance {
                hash: Some(rule), ..
            }) = &node.kind
            {
                found.push((id, rule));
            }
            todo.extend(node.group().iter().flat_map(|group| &group.children));
        }
        found
    }
}
