//! One message's way through the tree: which leaf next, when to go on, when to stop.
//!
//! The caller loops: [`Walk::next`] gives a try or a failure; after a try it reports [`Walk::failed`] or
//! [`Walk::succeeded`]. Dropping the walk in the middle of a try (the client went away) frees what the try held.
//!
//! Rules: failover spec/endpoints.md 10, load balance 11, affinity 14, repeats design 15. Each child is tried at most
//! once per message (10.4; the originals go round for ever when an error is ignored by classification). A message that
//! was tried fails with the code of its last try (7.3); the walk's own verdict (303000, 303201, 309003, ...) is shown
//! when nothing could be tried. A load-balance group with failover off ends the message, enclosing groups are not asked
//! (11). Without sessions nothing is allocated for trees of ordinary size.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use smallvec::SmallVec;

use super::session::{Facts, ResponseFacts, SessionSpec};
use super::state::{Admission, EndpointState, StateCell, Transition};
use super::stats::add;
use super::tree::{DEPTH_MAX, Endpoints, Failover, Leaf, LoadBalance, Node, NodeId, NodeKind};
use crate::codes::ErrorCode;
use crate::config::model::TimeoutAction;
use crate::util::clock::Tick;

mod affinity;
mod decision;
mod outcome;
#[cfg(test)]
mod tests;
mod view;

use affinity::{Affine, AnsweredIn};
pub use decision::{Decision, Why};
pub use outcome::{Failure, Retry, SessionEffect, Step, TryOf};

/// Longest chain of references; those in the files alone are shorter.
const REFERENCES_MAX: usize = 2 * DEPTH_MAX;

/// The groups above a node that is being looked at.
struct Above<'a> {
    node: NodeId,
    depth: usize,
    next: Option<&'a Above<'a>>,
}

/// A group that the message is in.
#[derive(Clone, Copy, Debug)]
struct Frame {
    node: NodeId,
    /// The reference that led to it, or the group itself.
    entered: NodeId,
    /// Children tried by this message.
    attempts: u32,
    /// For a group with a session: its place in the session's path.
    level: Option<usize>,
}

impl Frame {
    /// Why the group has nothing to choose: all were tried, or none was ready.
    fn nothing_left(self) -> ErrorCode {
        if self.attempts > 0 {
            ErrorCode::BUDGET_EXHAUSTED
        } else {
            ErrorCode::NO_READY_CHILD
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Go into this node.
    Enter(NodeId),
    /// Choose in the innermost group.
    Choose,
    /// A try is running.
    Trying(TryOf),
    /// Nothing more.
    Ended(Failure),
    /// Copies go to the children of this recipient list; that is all for this message.
    Copies(NodeId),
    /// Answered.
    Answered,
}

/// The last try that failed.
#[derive(Clone, Copy, Debug)]
struct LastError {
    code: ErrorCode,
    state_added: Option<ErrorCode>,
    leaf: NodeId,
    retry: Retry,
}

/// One message's walk; see the module.
pub struct Walk<'e, 'r> {
    endpoints: &'e Endpoints,
    facts: Facts<'r>,
    seed: u64,
    at: At,
    frames: SmallVec<[Frame; 4]>,
    /// Leaves that were tried, and groups that have failed for this message.
    closed: SmallVec<[NodeId; 8]>,
    sessions: SmallVec<[Affine; 1]>,
    /// See [`session_hash`](Self::session_hash).
    answered_in: Option<AnsweredIn>,
    last: Option<LastError>,
    /// What the first group that gave up said; it tells more than what its enclosing groups conclude from it.
    reason: Option<ErrorCode>,
    /// The state that the running try reports to instead of its leaf's: that of the back end it found.
    back_end: Option<(Arc<StateCell>, Admission)>,
    /// True once any try of this message may have run at a back end.
    may_have_run: bool,
    tries: u32,
    /// The reference that led to the leaf that is being tried, or the leaf itself.
    leaf_entered: NodeId,
    decisions: SmallVec<[Decision; 4]>,
}

impl<'e, 'r> Walk<'e, 'r> {
    /// Starts at a node.
    pub fn start(endpoints: &'e Endpoints, root: NodeId, facts: Facts<'r>, seed: u64) -> Self {
        Self {
            endpoints,
            facts,
            seed,
            at: At::Enter(root),
            frames: SmallVec::new(),
            closed: SmallVec::new(),
            sessions: SmallVec::new(),
            answered_in: None,
            last: None,
            back_end: None,
            reason: None,
            may_have_run: false,
            tries: 0,
            leaf_entered: root,
            decisions: SmallVec::new(),
        }
    }

    /// The next try, or the failure of the message. Asked again in the middle of a try it gives that try up.
    pub fn next(&mut self, now: Tick) -> Step {
        if let At::Trying(running) = self.at {
            self.abandon();
            self.close(running.leaf);
            self.at = if self.frames.is_empty() {
                At::Ended(self.failure(ErrorCode::SEND_ABORTED, running.leaf))
            } else {
                At::Choose
            };
        }
        // Every turn goes one level down or closes a node for this message, so the size of the tree bounds the loop.
        loop {
            match self.at {
                At::Enter(node) => self.enter(node, now),
                At::Choose => self.choose(now),
                At::Trying(running) => return Step::Try(running),
                At::Copies(list) => {
                    self.at = At::Answered;
                    return Step::Copies(list);
                }
                At::Ended(failure) => return Step::Fail(failure),
                At::Answered => {
                    // A caller that asks after the answer is told that there is no second one.
                    let node = self.decisions.last().map_or(NodeId(0), |d| d.node);
                    return Step::Fail(self.failure(ErrorCode::SEND_ABORTED, node));
                }
            }
        }
    }

    /// The running try failed. `state_added` is the code with the protocol state added, where the transport knows it.
    pub fn failed(
        &mut self,
        code: ErrorCode,
        state_added: Option<ErrorCode>,
        retry: Retry,
        now: Tick,
    ) -> Option<Transition> {
        let At::Trying(running) = self.at else {
            return None;
        };
        let endpoints = self.endpoints;
        let leaf = endpoints.leaf(running.leaf)?;
        let transition = if leaf.authorities.is_some() {
            leaf.state.abandon(running.admission);
            let back_end = self.back_end.take();
            back_end.and_then(|(state, admission)| {
                state.on_error(&leaf.rules, admission, code, state_added, now)
            })
        } else {
            leaf.state
                .on_error(&leaf.rules, running.admission, code, state_added, now)
        };
        leaf.stats.in_flight.fetch_sub(1, Ordering::Relaxed);
        leaf.stats.count_error(code);
        if transition.is_some_and(|t| t.to == EndpointState::Suspended) {
            add(&leaf.stats.suspensions);
        }
        self.may_have_run |= retry.may_have_run;
        self.last = Some(LastError {
            code,
            state_added,
            leaf: running.leaf,
            retry,
        });
        self.decide(running.leaf, Why::Failed(code));
        self.close(running.leaf);
        let discard = code == ErrorCode::RESPONSE_TIMEOUT
            && leaf.timeout_action == Some(TimeoutAction::Discard);
        if discard {
            let mut failure = self.failure(code, running.leaf);
            failure.discard = true;
            self.end(failure);
        } else {
            self.child_failed(running.leaf, code);
        }
        transition
    }

    /// The running try was answered: the state is told, sessions learn from the answer.
    pub fn succeeded(
        &mut self,
        response: &ResponseFacts<'_>,
        now: Tick,
    ) -> (Option<Transition>, SessionEffect) {
        let At::Trying(running) = self.at else {
            return (None, SessionEffect::None);
        };
        self.at = At::Answered;
        let Some(leaf) = self.endpoints.leaf(running.leaf) else {
            return (None, SessionEffect::None);
        };
        let transition = match self.back_end.take() {
            Some((state, admission)) => state.on_success(admission, now),
            None => leaf.state.on_success(running.admission, now),
        };
        leaf.stats.in_flight.fetch_sub(1, Ordering::Relaxed);
        add(&leaf.stats.successes);
        (transition, self.learn(response, now))
    }

    /// The running try ended without an outcome. Dropping the walk does the same.
    pub fn abandon(&mut self) {
        if let At::Trying(running) = self.at {
            self.at = At::Ended(self.failure(ErrorCode::SEND_ABORTED, running.leaf));
            if let Some(leaf) = self.endpoints.leaf(running.leaf) {
                leaf.state.abandon(running.admission);
                leaf.stats.in_flight.fetch_sub(1, Ordering::Relaxed);
            }
            if let Some((state, admission)) = self.back_end.take() {
                state.abandon(admission);
            }
        }
    }

    /// The running try found its back end, which has a state of its own; false: that does not let it in. To be called once
    /// for a try; without it the try reports to nobody.
    pub fn found(&mut self, state: Arc<StateCell>, now: Tick) -> bool {
        if self.back_end.is_some() {
            return true;
        }
        self.back_end = state.admit(now).map(|admission| (state, admission));
        self.back_end.is_some()
    }

    /// The session types whose ids must be taken out of the request of the running try: it begins a new session there.
    pub fn strips(&self) -> impl Iterator<Item = &'e SessionSpec> {
        let endpoints = self.endpoints;
        self.sessions
            .iter()
            .filter(|session| session.strip)
            .filter_map(move |session| affinity::of(endpoints, session.group))
            .map(|session| &session.spec)
    }

    /// Hash of the id of the session that the answered message was in ([`key_hash`](super::session::key_hash)), 0 when it
    /// was in none. Computed when asked for: only logs and explanations want it.
    pub fn session_hash(&self) -> u64 {
        let known = self.answered_in.as_ref();
        known.and_then(|id| id.hash(&self.sessions)).unwrap_or(0)
    }

    /// Why the walk went where it went, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// How many tries there were.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The nodes on the way to the leaf that is being tried, in order: groups, references, the leaf.
    pub fn passed(&self) -> impl Iterator<Item = NodeId> {
        let entered = self.frames.iter().map(|frame| frame.entered);
        entered
            .chain([self.leaf_entered])
            .flat_map(move |id| std::iter::successors(Some(id), move |id| self.step(*id)))
    }

    // References.

    /// What a reference stands for.
    fn step(&self, id: NodeId) -> Option<NodeId> {
        match &self.endpoints.node(id).kind {
            NodeKind::Indirect(_, target) => Some(*target),
            NodeKind::Resolving(_) | NodeKind::ByHost(_) => {
                let mut found = self.facts.resolved.iter();
                found.find(|(from, _)| *from == id).map(|(_, to)| *to)
            }
            _ => None,
        }
    }

    /// The node that a chain of references ends at; the last one of a chain that leads nowhere.
    fn resolve(&self, id: NodeId) -> NodeId {
        let chain = std::iter::successors(Some(id), |id| self.step(*id));
        // What a message resolves may lead back: a chain that long leads nowhere.
        chain.take(REFERENCES_MAX).last().unwrap_or(id)
    }

    // Descent.

    fn enter(&mut self, entered: NodeId, now: Tick) {
        let endpoints = self.endpoints;
        let id = self.resolve(entered);
        let node = endpoints.node(id);
        match &node.kind {
            NodeKind::Leaf(leaf) => {
                self.leaf_entered = entered;
                self.try_leaf(id, leaf, now);
            }
            NodeKind::Missing(_)
            | NodeKind::NoTemplate(_)
            | NodeKind::Indirect(..)
            | NodeKind::Resolving(_)
            | NodeKind::ByHost(_) => {
                self.not_ready(id, ErrorCode::ENDPOINT_MISSING);
            }
            NodeKind::Unsupported(_) => self.not_ready(id, ErrorCode::NOT_SUPPORTED),
            // Only what a message resolves can nest deeper than what was checked at load.
            NodeKind::Failover(_) | NodeKind::LoadBalance(_) if self.frames.len() >= DEPTH_MAX => {
                self.not_ready(id, ErrorCode::ENDPOINT_MISSING);
            }
            NodeKind::Failover(_) | NodeKind::LoadBalance(_) => {
                self.enter_group(entered, id, node, now);
            }
            NodeKind::RecipientList(_) if self.usable(id, now) => {
                self.leaf_entered = entered;
                self.enter_list(id, node, now);
            }
            NodeKind::RecipientList(_) => self.not_ready(id, ErrorCode::NO_READY_CHILD),
        }
    }

    fn enter_list(&mut self, id: NodeId, node: &'e Node, now: Tick) {
        if self.bind_before_send(now) {
            self.at = At::Choose;
            return;
        }
        if let Some(group) = node.group() {
            add(&group.stats.requests);
        }
        self.decide(id, Why::Copies);
        self.at = At::Copies(id);
    }

    /// The children of a recipient list that get a copy now, in order.
    pub fn recipients(&self, list: NodeId, now: Tick) -> Vec<NodeId> {
        let group = self.endpoints.node(list).group();
        let children = group.into_iter().flat_map(|group| &group.children).copied();
        children.filter(|c| self.usable(*c, now)).collect()
    }

    fn enter_group(&mut self, entered: NodeId, id: NodeId, node: &'e Node, now: Tick) {
        if let Some(group) = node.group() {
            add(&group.stats.requests);
            // A drained group is there for its own sessions, and for the message that a session of a group above led here.
            let has_sessions = affinity::of(self.endpoints, id).is_some();
            if group.is_off() || !group.is_open() && !has_sessions && !self.following() {
                self.not_ready(id, ErrorCode::NO_READY_CHILD);
                return;
            }
        }
        let level = self.session_level(id, node, now);
        self.frames.push(Frame {
            node: id,
            entered,
            attempts: 0,
            level,
        });
        self.at = At::Choose;
    }

    fn try_leaf(&mut self, id: NodeId, leaf: &'e Leaf, now: Tick) {
        let admission = match leaf.target.is_known() {
            true => leaf.state.admit_as(self.following(), now),
            false => None,
        };
        let Some(admission) = admission else {
            self.not_ready(id, ErrorCode::NOT_READY);
            return;
        };
        if self.bind_before_send(now) {
            // Another request of the same new session was quicker: this one follows it.
            leaf.state.abandon(admission);
            self.at = At::Choose;
            return;
        }
        add(&leaf.stats.requests);
        add(&leaf.stats.in_flight);
        if let Some(last) = self.last {
            self.count_failover(last.retry);
        }
        self.tries += 1;
        self.decide(
            id,
            if admission.is_probe() {
                Why::Probe
            } else {
                Why::Try
            },
        );
        self.at = At::Trying(TryOf {
            leaf: id,
            admission,
            number: self.tries,
        });
    }

    /// A node that was chosen (or is the root) cannot take the message.
    fn not_ready(&mut self, id: NodeId, verdict: ErrorCode) {
        self.decide(id, Why::NotReady);
        self.close(id);
        let Some(frame) = self.frames.last_mut() else {
            let failure = self.failure(verdict, id);
            self.end(failure);
            return;
        };
        // It was ready when it was chosen a moment ago: it does not count as an attempt.
        frame.attempts = frame.attempts.saturating_sub(1);
        if self.following() {
            self.group_failed(ErrorCode::SESSION_NOT_READY);
        } else {
            self.at = At::Choose;
        }
    }

    fn choose(&mut self, now: Tick) {
        let Some(frame) = self.frames.last().copied() else {
            return;
        };
        let endpoints = self.endpoints;
        let node = endpoints.node(frame.node);
        let limit = node.group().and_then(|g| g.max_attempts);
        if limit.is_some_and(|limit| frame.attempts >= limit) {
            self.decide(frame.node, Why::AttemptsExhausted);
            self.group_failed(ErrorCode::BUDGET_EXHAUSTED);
            return;
        }
        let chosen = match &node.kind {
            NodeKind::Failover(failover) => {
                let chosen = self.pick_failover(failover, now);
                chosen.ok_or_else(|| frame.nothing_left())
            }
            NodeKind::LoadBalance(lb) => match frame.level {
                Some(level) => self.pick_session(lb, level, now),
                None => {
                    let chosen = self.pick_balanced(lb, now);
                    chosen.ok_or_else(|| frame.nothing_left())
                }
            },
            _ => Err(ErrorCode::NO_READY_CHILD),
        };
        match chosen {
            Ok(child) => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.attempts += 1;
                }
                self.at = At::Enter(child);
            }
            Err(verdict) => self.group_failed(verdict),
        }
    }

    fn pick_failover(&mut self, failover: &Failover, now: Tick) -> Option<NodeId> {
        let endpoints = self.endpoints;
        let chosen = failover.pick(endpoints, &mut |c| self.usable(c, now), &mut |c| {
            endpoints.is_ready(self.resolve(c), now)
        })?;
        self.decide(
            chosen,
            if failover.dynamic {
                Why::FirstReady
            } else {
                Why::Current
            },
        );
        Some(chosen)
    }

    fn pick_balanced(&mut self, lb: &LoadBalance, now: Tick) -> Option<NodeId> {
        let group = self.frames.last().map_or(NodeId(0), |frame| frame.node);
        let chosen = view::pick(self, lb, group, now)?;
        self.decide(chosen, Why::Algorithm);
        Some(chosen)
    }

    /// Whether this message may still try a node: ready, and not tried by it.
    fn usable(&self, id: NodeId, now: Tick) -> bool {
        self.usable_below(false, id, now, None)
    }

    /// The same; `bound` when the message's session is bound to the node.
    fn usable_as(&self, bound: bool, id: NodeId, now: Tick) -> bool {
        self.usable_below(bound, id, now, None)
    }

    fn usable_below(&self, bound: bool, id: NodeId, now: Tick, above: Option<&Above<'_>>) -> bool {
        let endpoints = self.endpoints;
        let id = self.resolve(id);
        if self.closed.contains(&id) {
            return false;
        }
        let node = endpoints.node(id);
        match (&node.kind, node.group()) {
            (NodeKind::Leaf(leaf), _) if bound => {
                leaf.target.is_known() && leaf.state.is_ready_bound(now)
            }
            (NodeKind::Leaf(leaf), _) => leaf.is_ready(now),
            // Its children are known only when it is asked.
            (NodeKind::RecipientList(list), _) if list.computed.is_some() => list.group.is_open(),
            (_, Some(group)) => {
                let open = group.is_open() || bound && !group.is_off();
                let here = Above {
                    node: id,
                    depth: above.map_or(self.frames.len(), |a| a.depth) + 1,
                    next: above,
                };
                let mut children = group.children.iter();
                open && here.depth <= DEPTH_MAX + 1
                    && !self.leads_back(id, above)
                    && children.any(|c| self.usable_below(false, *c, now, Some(&here)))
            }
            _ => false,
        }
    }

    /// True for a group that the message is in already: only what a message resolves can lead there again.
    fn leads_back(&self, group: NodeId, above: Option<&Above<'_>>) -> bool {
        !self.facts.resolved.is_empty()
            && (self.frames.iter().any(|frame| frame.node == group)
                || std::iter::successors(above, |a| a.next).any(|a| a.node == group))
    }

    // Ascent.

    /// The innermost group gives up.
    fn group_failed(&mut self, verdict: ErrorCode) {
        let Some(frame) = self.frames.last().copied() else {
            return;
        };
        self.reason.get_or_insert(verdict);
        self.leave(frame);
        self.child_failed(frame.node, verdict);
    }

    /// Takes a group off the stack, with the session that began in it.
    fn leave(&mut self, frame: Frame) {
        if let Some(group) = self.endpoints.node(frame.node).group() {
            add(&group.stats.failures);
        }
        self.decide(frame.node, Why::GroupFailed);
        if frame.level == Some(0) {
            self.forget_session();
        }
        self.close(frame.node);
        self.frames.pop();
    }

    /// A child of the innermost group failed: go on there, or up, or stop.
    fn child_failed(&mut self, child: NodeId, verdict: ErrorCode) {
        let (mut child, mut verdict) = (child, verdict);
        loop {
            let Some(frame) = self.frames.last().copied() else {
                let failure = self.failure(verdict, child);
                self.end(failure);
                return;
            };
            let node = self.endpoints.node(frame.node);
            let stop = match &node.kind {
                NodeKind::LoadBalance(lb) => !lb.failover && lb.session.is_none(),
                _ => false,
            };
            if stop {
                self.decide(frame.node, Why::FailoverOff);
                let failure = self.failure(verdict, child);
                self.end(failure);
                return;
            }
            if self.following() {
                // An established session is never sent to another child (14.5).
                self.leave(frame);
                (child, verdict) = (frame.node, self.session_verdict(verdict));
                continue;
            }
            if let Some(last) = self.last {
                let rules = self.endpoints.leaf(self.resolve(child));
                let rules = rules.map(|leaf| &leaf.retry);
                if rules.is_some_and(|rules| !rules.allow(last.code, last.state_added)) {
                    self.decide(child, Why::RetryForbidden);
                    self.leave(frame);
                    (child, verdict) = (frame.node, ErrorCode::NO_READY_CHILD);
                    continue;
                }
                if !self.may_repeat(node, last) {
                    self.decide(frame.node, Why::NotRepeatable);
                    let failure = self.failure(ErrorCode::NOT_REPLAYABLE, last.leaf);
                    self.end(failure);
                    return;
                }
            }
            self.at = At::Choose;
            return;
        }
    }

    /// An established session that could not be tried keeps the reason; one that was tried failed as a session.
    fn session_verdict(&self, verdict: ErrorCode) -> ErrorCode {
        if self.last.is_some() {
            ErrorCode::SESSION_FAILED
        } else {
            verdict
        }
    }

    /// Whether a group may send the message again (design 15).
    fn may_repeat(&self, node: &Node, last: LastError) -> bool {
        let retry = last.retry;
        if !retry.replayable {
            return false;
        }
        if retry.idempotent || !self.may_have_run {
            return true;
        }
        let allowed = node.group().and_then(|g| g.retry_non_idempotent);
        // The built-in response timeout of a POST is no permission to run it twice: only a timeout in the file is.
        let silent = last.code == ErrorCode::RESPONSE_TIMEOUT && retry.may_have_run;
        let written = self.endpoints.leaf(last.leaf).is_some_and(|leaf| {
            leaf.timeout.is_some() && leaf.timeout_action == Some(TimeoutAction::Fault)
        });
        allowed.unwrap_or(self.facts.retry_non_idempotent) && (!silent || written)
    }

    fn count_failover(&self, retry: Retry) {
        let groups = self.frames.iter().rev();
        let group = groups
            .filter(|frame| frame.attempts > 1)
            .find_map(|frame| self.endpoints.node(frame.node).group());
        if let Some(group) = group {
            add(&group.stats.failovers);
            if retry.may_have_run {
                add(&group.stats.repeated);
            }
        }
    }

    fn failure(&self, verdict: ErrorCode, node: NodeId) -> Failure {
        let verdict = match (self.last, self.reason) {
            (None, Some(reason)) => reason,
            _ => verdict,
        };
        Failure {
            code: self.last.map_or(verdict, |last| last.code),
            verdict,
            node: self.last.map_or(node, |last| last.leaf),
            discard: false,
            tries: self.tries,
        }
    }

    fn end(&mut self, failure: Failure) {
        // Sessions that this message began and could not use are not left bound.
        while !self.sessions.is_empty() {
            self.forget_session();
        }
        self.at = At::Ended(failure);
    }

    fn close(&mut self, id: NodeId) {
        self.closed.push(self.resolve(id));
    }

    fn decide(&mut self, node: NodeId, why: Why) {
        if self.decisions.len() < decision::DECISIONS_MAX {
            let rule = self.endpoints.node(node).span;
            self.decisions.push(Decision { node, why, rule });
        }
    }

    /// The window of a session that begins here: the smallest that is set on its path (14.6).
    fn window(&self, base: usize) -> Duration {
        let set = self.frames[base..]
            .iter()
            .take_while(|frame| frame.level.is_some())
            .filter_map(|frame| affinity::of(self.endpoints, frame.node)?.spec.timeout);
        set.min().unwrap_or(self.endpoints.session_window)
    }
}

impl Drop for Walk<'_, '_> {
    fn drop(&mut self) {
        self.abandon();
    }
}
