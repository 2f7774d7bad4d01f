//! What an algorithm may ask of its group's children on behalf of one message.

use super::Walk;
use crate::endpoint::algorithm::{FULL_SHARE, GroupView, Random, SlowStart};
use crate::endpoint::tree::{LoadBalance, NodeId};
use crate::util::clock::Tick;

struct View<'a, 'e, 'r> {
    walk: &'a Walk<'e, 'r>,
    lb: &'a LoadBalance,
    group: NodeId,
    now: Tick,
    /// Decides who is left out for being in its slow start.
    leave_out: Option<Random>,
}

/// Asks the algorithm of a group.
pub(super) fn pick(
    walk: &Walk<'_, '_>,
    lb: &LoadBalance,
    group: NodeId,
    now: Tick,
) -> Option<NodeId> {
    // Each choice for one message has chances of its own.
    let seed = walk.seed.wrapping_add(u64::from(walk.tries));
    let left_out = lb.has_slow_start() && lb.algorithm_type.slow_start == SlowStart::LeftOut;
    let mut view = View {
        walk,
        lb,
        group,
        now,
        leave_out: left_out.then(|| Random::new(!seed)),
    };
    let chosen = lb.pick(&mut view, seed);
    if chosen.is_none() && view.leave_out.take().is_some() {
        // A child that has just come back is better than none.
        return lb.pick(&mut view, seed);
    }
    chosen
}

impl View<'_, '_, '_> {
    fn child(&self, position: usize) -> NodeId {
        self.lb.group.children[position]
    }
}

impl GroupView for View<'_, '_, '_> {
    fn ready(&mut self, child: usize) -> bool {
        if !self.walk.usable(self.child(child), self.now) {
            return false;
        }
        let share = match self.leave_out {
            Some(_) => self.share(child),
            None => FULL_SHARE,
        };
        share == FULL_SHARE
            || self
                .leave_out
                .as_mut()
                .is_none_or(|random| random.below(u64::from(FULL_SHARE)) < u64::from(share))
    }

    fn in_flight(&self, child: usize) -> u64 {
        self.walk.endpoints.busy(self.child(child))
    }

    fn latency_us(&self, child: usize) -> u64 {
        self.walk.endpoints.latency_us(self.child(child), self.now)
    }

    fn connections(&self, child: usize) -> u64 {
        self.walk.endpoints.connections(self.child(child))
    }

    fn share(&self, child: usize) -> u32 {
        if !self.lb.has_slow_start() || self.lb.algorithm_type.slow_start == SlowStart::Without {
            return FULL_SHARE;
        }
        self.walk
            .endpoints
            .share(self.child(child), self.lb.slow_start, self.now)
    }

    fn key(&self) -> Option<u64> {
        let mut keys = self.walk.facts.keys.iter();
        keys.find(|(group, _)| *group == self.group)
            .map(|(_, key)| *key)
    }
}
