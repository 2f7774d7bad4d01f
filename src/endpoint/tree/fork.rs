//! A copy of the tree in which a message can be thought through: everything that a walk changes is the copy's own.
//!
//! Explanations of a running proxy walk on such a copy (spec/interface.md 4: `--from-node` changes nothing and counts
//! nothing). States, positions and counters are copied; of sessions only what is looked at, so that a table of a million
//! costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Endpoints, Group, Node, NodeKind};
use crate::endpoint::algorithm::Setup;
use crate::endpoint::load::Load;
use crate::endpoint::session::SessionTable;

impl Endpoints {
    /// The copy. Numbers of nodes and identities of members are the same as here.
    pub fn fork(&self) -> Endpoints {
        Endpoints {
            nodes: self.nodes.iter().map(fork).collect(),
            roots: self.roots.clone(),
            paths: self.paths.clone(),
            tops: self.tops.clone(),
            next_member: self.next_member,
            session_window: self.session_window,
        }
    }
}

fn fork(node: &Node) -> Node {
    let mut copy = node.clone();
    match &mut copy.kind {
        NodeKind::Leaf(leaf) => {
            leaf.state = Arc::new(leaf.state.fork());
            leaf.stats = Arc::new(leaf.stats.fork());
            leaf.load = leaf.load.as_ref().map(Load::fork);
            leaf.authorities = leaf.authorities.as_ref().map(|a| Arc::new(a.fork()));
        }
        NodeKind::Failover(failover) => {
            fork_group(&mut failover.group);
            let current = failover.current.load(Ordering::Acquire);
            failover.current = Arc::new(AtomicU64::new(current));
        }
        NodeKind::LoadBalance(lb) => {
            fork_group(&mut lb.group);
            lb.algorithm = lb.algorithm.fork().unwrap_or_else(|| {
                let setup = Setup {
                    settings: &lb.settings,
                    position: lb.algorithm.position(),
                };
                Arc::from((lb.algorithm_type.build)(&setup))
            });
            if let Some(session) = &mut lb.session {
                session.table = Arc::new(SessionTable::over(session.table.clone()));
            }
        }
        NodeKind::RecipientList(list) => {
            fork_group(&mut list.group);
            if let Some(computed) = &mut list.computed {
                computed.leaves = Arc::new(computed.leaves.fork());
            }
        }
        NodeKind::ByHost(services) => fork_group(&mut services.group),
        NodeKind::Indirect(..)
        | NodeKind::Resolving(_)
        | NodeKind::Missing(_)
        | NodeKind::NoTemplate(_)
        | NodeKind::Unsupported(_) => {}
    }
    copy
}

fn fork_group(group: &mut Group) {
    group.stats = Arc::default();
    group.order = Arc::new(group.order.fork());
}

#[cfg(test)]
mod tests {
    use crate::codes::ErrorCode;
    use crate::endpoint::tree::Endpoints;
    use crate::endpoint::tree::tests::{address, build, named, weighted};
    use crate::util::clock::Tick;

    #[test]
    fn what_happens_in_the_copy_stays_there() {
        let built = build(None, &[named("a", address("a"))]);
        let original = &built.endpoints;
        let id = original.named("a").unwrap();
        let copy = original.fork();
        let leaf = copy.leaf(id).unwrap();
        let admission = leaf.state.admit(Tick(5)).unwrap();
        leaf.state.on_error(
            &leaf.rules,
            admission,
            ErrorCode::CONNECT_FAILED,
            None,
            Tick(5),
        );
        leaf.stats.count_error(ErrorCode::CONNECT_FAILED);
        assert!(!copy.is_ready(id, Tick(5)));
        assert!(original.is_ready(id, Tick(5)));
        assert_eq!(original.leaf(id).unwrap().stats.error_count(), 0);
        // And the copy of a suspended one is suspended.
        assert!(!copy.fork().is_ready(id, Tick(6)));
    }

    #[test]
    fn the_copys_load_is_its_own() {
        let built = build(
            None,
            &[named("g", weighted("p2c", &[("a", "1"), ("b", "1")]))],
        );
        let original = &built.endpoints;
        let child = original
            .node(original.named("g").unwrap())
            .group()
            .unwrap()
            .children[0];
        let load = |endpoints: &Endpoints| endpoints.leaf(child).unwrap().load.clone().unwrap();
        let (one, ms) = (
            load(original).busy.one(),
            std::time::Duration::from_millis(7),
        );
        load(original).latency.record(ms, Tick(5));
        let copy = original.fork();
        assert_eq!(load(&copy).busy.now(), 1);
        assert_eq!(load(&copy).latency.micros(Tick(5)), 7000);
        let other = load(&copy).busy.one();
        load(&copy).latency.record(ms * 2, Tick(5));
        assert_eq!(load(original).busy.now(), 1);
        assert_eq!(load(original).latency.micros(Tick(5)), 7000);
        drop((one, other));
    }
}
