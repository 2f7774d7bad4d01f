//! Changes of state as events: a ring of the last of them that the administration reads and the log follows.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::state::Transition;

/// Most events that are kept.
pub const EVENTS_MAX: usize = 10_000;

/// One change of one endpoint's state.
#[derive(Clone, Debug)]
pub struct EndpointEvent {
    /// Number from 1, without gaps.
    pub number: u64,
    /// `group/name` of the endpoint.
    pub endpoint: Arc<str>,
    /// What happened: states, code, pause, time, rule.
    pub transition: Transition,
    /// The request that caused it, when one did.
    pub request: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<EndpointEvent>,
    last: u64,
}

/// The last events; the oldest goes when it is full.
#[derive(Debug, Default)]
pub struct EventRing {
    ring: Mutex<Ring>,
}

impl EventRing {
    /// Adds an event and gives its number.
    pub fn push(&self, endpoint: Arc<str>, transition: Transition, request: Option<&str>) -> u64 {
        let request = request.map(Arc::from);
        let mut ring = self.ring.lock();
        if ring.events.len() == EVENTS_MAX {
            ring.events.pop_front();
        }
        ring.last += 1;
        let number = ring.last;
        ring.events.push_back(EndpointEvent {
            number,
            endpoint,
            transition,
            request,
        });
        number
    }

    /// Up to `count` events after a number, oldest first; a follower asks with the last number it has.
    pub fn after(&self, number: u64, count: usize) -> Vec<EndpointEvent> {
        let ring = self.ring.lock();
        let start = ring.events.partition_point(|event| event.number <= number);
        ring.events.range(start..).take(count).cloned().collect()
    }

    /// The newest event of one endpoint.
    pub fn last_of(&self, endpoint: &str) -> Option<EndpointEvent> {
        let ring = self.ring.lock();
        ring.events
            .iter()
            .rev()
            .find(|event| &*event.endpoint == endpoint)
            .cloned()
    }

    /// Number of the newest event, 0 when there was none.
    pub fn last(&self) -> u64 {
        self.ring.lock().last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::state::EndpointState;
    use crate::util::clock::Tick;
    use std::time::Duration;

    #[test]
    fn the_ring_keeps_the_last_and_a_follower_misses_none_of_them() {
        let ring = EventRing::default();
        let change = Transition {
            from: EndpointState::Active,
            to: EndpointState::Off,
            code: None,
            pause: Duration::ZERO,
            next: Tick(0),
            at: Tick(3),
            rule: None,
        };
        for _ in 0..EVENTS_MAX + 5 {
            ring.push("g/a".into(), change, Some("r"));
        }
        assert_eq!(ring.last(), EVENTS_MAX as u64 + 5);
        let all = ring.after(0, usize::MAX);
        assert_eq!((all.len(), all[0].number), (EVENTS_MAX, 6));
        let next: Vec<_> = ring.after(9, 2).iter().map(|e| e.number).collect();
        assert_eq!(next, [10, 11]);
        assert!(ring.after(ring.last(), 1).is_empty());
    }
}
