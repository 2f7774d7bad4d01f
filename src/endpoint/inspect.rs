//! What the administration sees and may change: a view of every node, and the switches.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::order::{Note, Order};
use super::session::SessionCounts;
use super::state::{EndpointState, Snapshot, Transition};
use super::tree::{Endpoints, Node, NodeId, NodeKind};
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::util::clock::Tick;

/// One endpoint as it is now.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// The node.
    pub id: NodeId,
    /// `group/name` or `group/#2`.
    pub path: String,
    /// Name of the kind.
    pub kind: &'static str,
    /// The element.
    pub span: Span,
    /// Whether it could take a message now.
    pub ready: bool,
    /// State; of a group: Off when switched off or all children are off, else Active when a child is ready, else
    /// Suspended.
    pub state: EndpointState,
    /// The leaf's state in full.
    pub detail: Option<Snapshot>,
    /// The error that led to the state.
    pub cause: Option<ErrorCode>,
    /// What a person ordered.
    pub order: Order,
    /// What was said with that.
    pub note: Option<Note>,
    /// Time until it is ready again, in Timeout and Suspended.
    pub remaining: Option<Duration>,
    /// The target of a leaf, the key of a reference.
    pub target: Option<String>,
    /// Name of the balancing algorithm.
    pub algorithm: Option<&'static str>,
    /// The child that a non-dynamic failover group stays on.
    pub current: Option<String>,
    /// Children in order.
    pub children: Vec<NodeId>,
    /// Sessions of the group.
    pub sessions: Option<SessionCounts>,
    /// Messages that came here.
    pub requests: u64,
    /// Of them answered.
    pub successes: u64,
    /// Of them failed.
    pub errors: u64,
    /// Tries running now.
    pub in_flight: u64,
    /// Messages that went on to another child.
    pub failovers: u64,
    /// Those of them after a try that may have run.
    pub repeats: u64,
}

/// Why a switch did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// No endpoint has that path.
    #[error("no endpoint has that path")]
    Unknown,
    /// The path is a reference that leads nowhere, or an endpoint that cannot be used.
    #[error("the endpoint cannot be switched: it does not work in this configuration")]
    NotUsable,
}

impl Endpoints {
    /// Every node in the order of definition, each group before its children.
    pub fn inspect(&self, now: Tick) -> Vec<NodeView> {
        let mut views = Vec::new();
        let mut todo: Vec<NodeId> = self.tops().iter().rev().copied().collect();
        while let Some(id) = todo.pop() {
            let view = self.view(id, now);
            todo.extend(view.children.iter().rev());
            views.push(view);
        }
        views
    }

    /// One node.
    pub fn view(&self, id: NodeId, now: Tick) -> NodeView {
        let node = self.node(id);
        let real = self.node(self.resolve(id));
        let ready = self.is_ready(id, now);
        let mut view = NodeView {
            id,
            path: node.path.to_string(),
            kind: node.kind_name(),
            span: node.span,
            ready,
            state: self.state(real, ready),
            detail: None,
            cause: None,
            order: self.order(id),
            note: self.order_note(id),
            remaining: None,
            target: None,
            algorithm: None,
            current: None,
            children: node.group().map_or_else(Vec::new, |g| g.children.clone()),
            sessions: None,
            requests: 0,
            successes: 0,
            errors: 0,
            in_flight: 0,
            failovers: 0,
            repeats: 0,
        };
        if let NodeKind::Leaf(leaf) = &real.kind {
            let snapshot = leaf.state.snapshot();
            let waiting = matches!(
                snapshot.state,
                EndpointState::Timeout | EndpointState::Suspended
            );
            view.cause = snapshot.cause;
            view.remaining = waiting.then(|| snapshot.next_retry.since(now));
            view.detail = Some(snapshot);
            view.target = Some(leaf.target.describe());
            view.requests = leaf.stats.requests.load(Ordering::Relaxed);
            view.successes = leaf.stats.successes.load(Ordering::Relaxed);
            view.errors = leaf.stats.error_count();
            view.in_flight = leaf.stats.in_flight.load(Ordering::Relaxed);
        }
        if let Some(group) = real.group() {
            view.requests = group.stats.requests.load(Ordering::Relaxed);
            view.errors = group.stats.failures.load(Ordering::Relaxed);
            view.failovers = group.stats.failovers.load(Ordering::Relaxed);
            view.repeats = group.stats.repeated.load(Ordering::Relaxed);
        }
        match &real.kind {
            NodeKind::Failover(failover) if !failover.dynamic => {
                let current = failover.current(self);
                view.current = Some(self.node(current).path.to_string());
            }
            NodeKind::LoadBalance(lb) => {
                view.algorithm = Some(lb.algorithm_type.name);
                view.sessions = lb.session.as_ref().map(|s| s.table.counts());
            }
            _ => {}
        }
        match &node.kind {
            NodeKind::Indirect(key, _) | NodeKind::Missing(key) => {
                view.target = Some(key.value.clone());
            }
            NodeKind::Resolving(resolving) => {
                view.target = Some(format!("{{{}}}", resolving.expression.value.trim()));
            }
            NodeKind::NoTemplate(template) => {
                view.target = Some(format!("template {}", template.value));
            }
            _ => {}
        }
        view
    }

    /// Switches an endpoint on or off. A group is switched as a whole, its children keep their states.
    pub fn switch(
        &self,
        path: &str,
        on: bool,
        now: Tick,
    ) -> Result<Option<Transition>, SwitchError> {
        let order = if on { Order::Active } else { Order::Off };
        let id = self.at_path(path).ok_or(SwitchError::Unknown)?;
        self.give_order(id, order, Note::default(), now)
    }

    /// Gives an order to an endpoint, the one behind a reference. A group takes it as a whole, its children keep theirs.
    /// A transition comes of it when the endpoint is taken out or brought back.
    pub fn give_order(
        &self,
        id: NodeId,
        order: Order,
        note: Note,
        now: Tick,
    ) -> Result<Option<Transition>, SwitchError> {
        let node = self.node(self.resolve(id));
        Ok(match &node.kind {
            NodeKind::Leaf(leaf) => {
                if let Some(authorities) = &leaf.authorities
                    && order == Order::Active
                {
                    authorities.clear();
                }
                leaf.state.order(order, note, now)
            }
            _ => {
                let group = node.group().ok_or(SwitchError::NotUsable)?;
                let before = group.order().set(order, Some(note));
                (before.is_out() != order.is_out()).then(|| group_transition(!order.is_out(), now))
            }
        })
    }

    /// The order that an endpoint is under.
    pub fn order(&self, id: NodeId) -> Order {
        let node = self.node(self.resolve(id));
        match &node.kind {
            NodeKind::Leaf(leaf) => leaf.state.snapshot().order,
            _ => node.group().map_or(Order::Active, |g| g.order().order()),
        }
    }

    /// What was said with it.
    pub fn order_note(&self, id: NodeId) -> Option<Note> {
        let node = self.node(self.resolve(id));
        match &node.kind {
            NodeKind::Leaf(leaf) => leaf.state.note(),
            _ => node.group()?.order().note(),
        }
    }

    /// The endpoints whose order is over.
    pub fn orders_over(&self, now: Tick) -> Vec<NodeId> {
        let nodes = self.nodes().filter(|(id, _)| self.resolve(*id) == *id);
        let over = |id| self.order_note(id).is_some_and(|note| note.is_over(now));
        nodes.map(|(id, _)| id).filter(|id| over(*id)).collect()
    }

    fn state(&self, node: &Node, ready: bool) -> EndpointState {
        if let NodeKind::Leaf(leaf) = &node.kind {
            return leaf.state.snapshot().state;
        }
        let Some(group) = node.group() else {
            return match node.kind {
                // It has no state of its own.
                NodeKind::Resolving(_) => EndpointState::Active,
                _ => EndpointState::Off,
            };
        };
        let off = |id: &NodeId| {
            let child = self.node(self.resolve(*id));
            self.state(child, false) == EndpointState::Off
        };
        let none_on = !group.children.is_empty() && group.children.iter().all(off);
        if group.is_off() || !ready && none_on {
            EndpointState::Off
        } else if ready {
            EndpointState::Active
        } else {
            EndpointState::Suspended
        }
    }
}

fn group_transition(on: bool, now: Tick) -> Transition {
    let (from, to) = if on {
        (EndpointState::Off, EndpointState::Active)
    } else {
        (EndpointState::Active, EndpointState::Off)
    };
    Transition {
        from,
        to,
        code: None,
        pause: Duration::ZERO,
        next: now,
        at: now,
        rule: None,
        nth: 0,
        left: None,
    }
}
