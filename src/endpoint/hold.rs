//! Holding a message instead of refusing it, where there is nobody else to send it to and it will not be long.
//!
//! The originals refuse everything while a lone endpoint is suspended, so one slow or garbled answer turns into a burst of
//! faults for everybody (spec/endpoints.md 21: where they lose messages, axon does better). A message is held when
//! - the endpoint has no alternative: it stands alone, or a session is bound to it; and
//! - it is suspended or in its retry delay, and that ends within the limit; and
//! - it answers connections: an endpoint that refuses them is refused at once, unless a session has no other choice.
//!
//! Everything else is refused at once, as recorded. Decides only; the caller waits.

use std::time::Duration;

use super::state::EndpointState;
use super::tree::{Endpoints, NodeId, NodeKind};
use super::walk::{Decision, Failure, Why};
use crate::codes::ErrorCode;
use crate::util::clock::Tick;

/// How soon a held message looks again while another one probes the endpoint.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// When to try the message again; `None`: refuse it now. `since` is when the message was first refused.
pub fn until(
    endpoints: &Endpoints,
    failure: &Failure,
    decisions: &[Decision],
    since: Tick,
    now: Tick,
    limit: Duration,
) -> Option<Tick> {
    let bound = match failure.code {
        ErrorCode::NOT_READY => false,
        ErrorCode::SESSION_NOT_READY => true,
        _ => return None,
    };
    let latest = since + limit;
    if failure.tries > 0 || now >= latest {
        return None;
    }
    // The child that the session is bound to, not the group that failed because of it.
    let child = decisions
        .iter()
        .rev()
        .find(|d| d.why == Why::SessionUnavailable);
    let ready = earliest(endpoints, child.map_or(failure.node, |d| d.node), bound, 0)?;
    let next = ready.max(now + LOOK_AGAIN);
    (ready <= latest).then(|| next.min(latest))
}

/// When the first leaf below a node may be tried again.
fn earliest(endpoints: &Endpoints, node: NodeId, bound: bool, depth: usize) -> Option<Tick> {
    if depth > super::tree::DEPTH_MAX {
        return None;
    }
    let node = endpoints.node(endpoints.resolve(node));
    if let NodeKind::Leaf(leaf) = &node.kind {
        let snapshot = leaf.state.snapshot();
        let waits = matches!(
            snapshot.state,
            EndpointState::Suspended | EndpointState::Timeout
        );
        let answers = !matches!(
            snapshot.cause,
            Some(ErrorCode::CONNECT_FAILED | ErrorCode::CONNECT_TIMEOUT)
        );
        return (waits && (bound || answers)).then_some(snapshot.next_retry);
    }
    let group = node.group().filter(|g| !g.is_off())?;
    group
        .children
        .iter()
        .filter_map(|child| earliest(endpoints, *child, bound, depth + 1))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::LeafDef;
    use crate::endpoint::tree::tests::{address_with, build, named, suspend_ms};

    const LIMIT: Duration = Duration::from_secs(2);

    /// One address that failed with that code at 100 ms.
    fn failed(leaf: LeafDef, code: ErrorCode) -> (Endpoints, NodeId) {
        let endpoints = build(None, &[named("a", address_with("h:1", leaf))]).endpoints;
        let id = endpoints.named("a").unwrap();
        let leaf = endpoints.leaf(id).unwrap();
        let admission = leaf.state.admit(Tick(100)).unwrap();
        leaf.state
            .on_error(&leaf.rules, admission, code, None, Tick(100))
            .unwrap();
        (endpoints, id)
    }

    fn held(endpoints: &Endpoints, failure: &Failure, since: u64, now: u64) -> Option<u64> {
        until(endpoints, failure, &[], Tick(since), Tick(now), LIMIT).map(|t| t.0)
    }

    fn refused(node: NodeId, code: ErrorCode) -> Failure {
        Failure {
            code,
            verdict: code,
            node,
            discard: false,
            tries: 0,
        }
    }

    #[test]
    fn a_lone_endpoint_that_answered_late_holds_for_what_is_left_within_the_limit() {
        let (endpoints, id) = failed(suspend_ms(1000), ErrorCode::RESPONSE_TIMEOUT);
        let failure = refused(id, ErrorCode::NOT_READY);
        assert_eq!(held(&endpoints, &failure, 200, 200), Some(1100));
        // Another message is probing: look again soon, but never beyond the limit.
        assert_eq!(held(&endpoints, &failure, 200, 1100), Some(1110));
        assert_eq!(held(&endpoints, &failure, 200, 2195), Some(2200));
        assert_eq!(held(&endpoints, &failure, 200, 2200), None);
    }

    #[test]
    fn a_long_suspension_a_refused_connection_and_a_tried_message_are_not_held() {
        let (endpoints, id) = failed(LeafDef::default(), ErrorCode::RESPONSE_TIMEOUT);
        assert_eq!(
            held(&endpoints, &refused(id, ErrorCode::NOT_READY), 200, 200),
            None
        );

        let (endpoints, id) = failed(suspend_ms(1000), ErrorCode::CONNECT_FAILED);
        assert_eq!(
            held(&endpoints, &refused(id, ErrorCode::NOT_READY), 200, 200),
            None
        );
        // A session that is bound there has no other choice.
        let bound = refused(id, ErrorCode::SESSION_NOT_READY);
        assert_eq!(held(&endpoints, &bound, 200, 200), Some(1100));
        assert_eq!(
            held(&endpoints, &Failure { tries: 1, ..bound }, 200, 200),
            None
        );
        assert_eq!(
            held(
                &endpoints,
                &refused(id, ErrorCode::NO_READY_CHILD),
                200,
                200
            ),
            None
        );
    }
}
