//! What should happen, as naive as possible: spec/endpoints.md read aloud.

use std::collections::HashMap;

/// A failure of one leaf.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub code: i32,
    pub may_have_run: bool,
    pub replayable: bool,
}

/// One message, with what each leaf would do to it.
#[derive(Clone, Debug)]
pub struct Message {
    pub number: u64,
    pub client: Option<String>,
    pub idempotent: bool,
    pub faults: Vec<Option<Fault>>,
}

/// The comparable part of a leaf's state.
#[derive(Debug, PartialEq, Eq)]
pub struct LeafState {
    pub state: &'static str,
    pub next: u64,
    pub last: u64,
}

/// A leaf and its settings.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub mark: Vec<i32>,
    pub suspend: Vec<i32>,
    pub disabled: Vec<i32>,
    pub tolerated: u32,
    pub delay: u64,
    pub initial: u64,
    pub factor: f64,
    pub maximum: u64,
    pub timeout_fault: bool,
    pub state: &'static str,
    pub next: u64,
    pub left: u32,
    pub last: u64,
}

/// Anything in the tree.
#[derive(Clone, Debug)]
pub enum Node {
    Leaf(usize),
    Failover {
        children: Vec<usize>,
        dynamic: bool,
        current: usize,
        limit: Option<u32>,
        repeat: Option<bool>,
    },
    Balance {
        children: Vec<usize>,
        order: Order,
        failover: bool,
        limit: Option<u32>,
        repeat: Option<bool>,
        session: Option<Session>,
    },
}

#[derive(Clone, Debug)]
pub enum Order {
    Round(usize),
    /// Children written out as often as their weight says, and the place in that list.
    Burst(Vec<usize>, usize),
    Smooth(Vec<i64>, Vec<i64>),
}

#[derive(Clone, Debug, Default)]
pub struct Session {
    pub timeout: Option<u64>,
    pub fixed: bool,
    pub rebind: bool,
    /// Client to path, end and window.
    pub bound: HashMap<String, (Vec<usize>, u64, u64)>,
}

pub struct Model {
    pub nodes: Vec<Node>,
    pub leaves: Vec<Leaf>,
    pub root: usize,
}

#[derive(Debug)]
pub struct Expected {
    pub tried: Vec<usize>,
    pub code: Option<i32>,
}

enum Out {
    Answered,
    Failed(i32),
    Stop,
}

/// What one message has met so far.
struct Trip<'m> {
    message: &'m Message,
    now: u64,
    tried: Vec<usize>,
    failed_groups: Vec<usize>,
    last: Option<(i32, usize, Fault)>,
    /// What the first group that gave up said.
    reason: Option<i32>,
    may_have_run: bool,
}

/// A session being followed or built.
struct Chain {
    root: usize,
    established: bool,
    path: Vec<usize>,
    windows: Vec<Option<u64>>,
}

impl Leaf {
    pub fn ready(&self, now: u64) -> bool {
        match self.state {
            "active" => true,
            "off" => false,
            _ => now >= self.next,
        }
    }

    pub fn waits(&self) -> bool {
        self.state == "timeout" || self.state == "suspended"
    }

    pub fn state(&self) -> LeafState {
        LeafState {
            state: self.state,
            next: if self.waits() { self.next } else { 0 },
            last: self.last,
        }
    }

    pub fn switch(&mut self, on: bool) {
        if on || self.state != "off" {
            self.state = if on { "active" } else { "off" };
            self.left = self.tolerated;
            self.last = 0;
        }
    }

    fn answered(&mut self) {
        if self.waits() {
            self.switch(true);
        }
    }

    fn failed(&mut self, code: i32, now: u64) {
        let is_timeout = if self.mark.is_empty() {
            code == 101504 || code == 101505
        } else {
            self.mark.contains(&code)
        };
        let is_suspend = self.suspend.is_empty() || self.suspend.contains(&code);
        if is_timeout && self.left > 0 {
            self.left -= 1;
            self.state = "timeout";
            self.next = now + self.delay;
        } else if is_timeout || is_suspend {
            let length = if self.last == 0 {
                self.initial
            } else {
                (self.last as f64 * self.factor) as u64
            };
            self.last = length.min(self.maximum);
            self.state = "suspended";
            self.next = now + self.last;
        }
    }
}

impl Model {
    pub fn send(&mut self, message: &Message, now: u64) -> Expected {
        let mut trip = Trip {
            message,
            now,
            tried: Vec::new(),
            failed_groups: Vec::new(),
            last: None,
            reason: None,
            may_have_run: false,
        };
        let root = self.root;
        let code = if let Node::Leaf(leaf) = self.nodes[root] {
            if self.leaves[leaf].ready(now) {
                match self.visit(root, &mut trip, None) {
                    Out::Answered => None,
                    _ => trip.last.map(|l| l.0),
                }
            } else {
                Some(303001)
            }
        } else {
            match self.visit(root, &mut trip, None) {
                Out::Answered => None,
                Out::Failed(_) | Out::Stop => trip.last.map(|l| l.0).or(trip.reason),
            }
        };
        Expected {
            tried: trip.tried,
            code,
        }
    }

    pub fn describe(&self) -> String {
        format!("root {}\n{:#?}\n{:#?}", self.root, self.nodes, self.leaves)
    }

    fn usable(&self, node: usize, trip: &Trip) -> bool {
        match &self.nodes[node] {
            Node::Leaf(leaf) => self.leaves[*leaf].ready(trip.now) && !trip.tried.contains(leaf),
            Node::Failover { children, .. } | Node::Balance { children, .. } => {
                !trip.failed_groups.contains(&node)
                    && children.iter().any(|c| self.usable(*c, trip))
            }
        }
    }

    fn ready(&self, node: usize, now: u64) -> bool {
        match &self.nodes[node] {
            Node::Leaf(leaf) => self.leaves[*leaf].ready(now),
            Node::Failover { children, .. } | Node::Balance { children, .. } => {
                children.iter().any(|c| self.ready(*c, now))
            }
        }
    }

    fn is_sticky(&self, node: usize) -> bool {
        matches!(
            &self.nodes[node],
            Node::Balance {
                session: Some(_),
                ..
            }
        )
    }

    fn visit(&mut self, node: usize, trip: &mut Trip, chain: Option<&mut Chain>) -> Out {
        if let Node::Leaf(leaf) = self.nodes[node] {
            trip.tried.push(leaf);
            return match trip.message.faults[leaf] {
                None => {
                    self.leaves[leaf].answered();
                    Out::Answered
                }
                Some(fault) => {
                    self.leaves[leaf].failed(fault.code, trip.now);
                    trip.last = Some((fault.code, leaf, fault));
                    trip.may_have_run |= fault.may_have_run;
                    Out::Failed(fault.code)
                }
            };
        }
        let out = if self.is_sticky(node) {
            match chain {
                Some(chain) => self.sticky(node, trip, chain),
                None => {
                    let mut own = self.look_up(node, trip);
                    self.sticky(node, trip, &mut own)
                }
            }
        } else {
            self.group(node, trip)
        };
        if let Out::Failed(verdict) = out {
            trip.failed_groups.push(node);
            trip.reason.get_or_insert(verdict);
        }
        out
    }

    fn group(&mut self, node: usize, trip: &mut Trip) -> Out {
        let mut attempts = 0;
        loop {
            if self.limit(node).is_some_and(|limit| attempts >= limit) {
                return Out::Failed(303201);
            }
            let Some(child) = self.pick(node, trip) else {
                return Out::Failed(if attempts == 0 { 303000 } else { 303201 });
            };
            attempts += 1;
            match self.visit(child, trip, None) {
                Out::Failed(_) => {
                    if let Node::Balance {
                        failover: false, ..
                    } = self.nodes[node]
                    {
                        return Out::Stop;
                    }
                    if let Some(out) = self.forbidden(node, child, trip) {
                        return out;
                    }
                }
                out => return out,
            }
        }
    }

    /// Whether the group must not send again after its child failed.
    fn forbidden(&self, node: usize, child: usize, trip: &Trip) -> Option<Out> {
        let (code, leaf, fault) = trip.last?;
        if let Node::Leaf(failed) = self.nodes[child]
            && self.leaves[failed].disabled.contains(&code)
        {
            return Some(Out::Failed(303000));
        }
        let (Node::Failover { repeat, .. } | Node::Balance { repeat, .. }) = &self.nodes[node]
        else {
            return None;
        };
        let harmless = trip.message.idempotent || !trip.may_have_run;
        let silent = code == 101504 && fault.may_have_run && !self.leaves[leaf].timeout_fault;
        let may = fault.replayable && (harmless || repeat.unwrap_or(true) && !silent);
        (!may).then_some(Out::Stop)
    }

    fn limit(&self, node: usize) -> Option<u32> {
        match &self.nodes[node] {
            Node::Failover { limit, .. } | Node::Balance { limit, .. } => *limit,
            Node::Leaf(_) => None,
        }
    }

    fn pick(&mut self, node: usize, trip: &Trip) -> Option<usize> {
        let children = match &self.nodes[node] {
            Node::Failover { children, .. } | Node::Balance { children, .. } => children.clone(),
            Node::Leaf(_) => return None,
        };
        let usable: Vec<bool> = children.iter().map(|c| self.usable(*c, trip)).collect();
        let first = usable.iter().position(|u| *u);
        let position = match &self.nodes[node] {
            Node::Failover { dynamic: true, .. } => first?,
            Node::Failover { current, .. } if usable[*current] => *current,
            Node::Failover { current, .. } => {
                let gone = !self.ready(children[*current], trip.now);
                if let (true, Node::Failover { current, .. }) = (gone, &mut self.nodes[node]) {
                    *current = first?;
                }
                first?
            }
            _ => {
                let Node::Balance { order, .. } = &mut self.nodes[node] else {
                    return None;
                };
                order.next(&usable)?
            }
        };
        Some(children[position])
    }

    // Sessions.

    fn look_up(&mut self, node: usize, trip: &Trip) -> Chain {
        let mut chain = Chain {
            root: node,
            established: false,
            path: Vec::new(),
            windows: Vec::new(),
        };
        if let (Some(client), Some(session)) = (&trip.message.client, self.session(node))
            && let Some((path, end, window)) = session.bound.get_mut(client)
            && trip.now < *end
        {
            chain.established = true;
            chain.path.clone_from(path);
            if !session.fixed {
                *end = trip.now + *window;
            }
        }
        chain
    }

    fn session(&mut self, node: usize) -> Option<&mut Session> {
        match &mut self.nodes[node] {
            Node::Balance { session, .. } => session.as_mut(),
            _ => None,
        }
    }

    fn sticky(&mut self, node: usize, trip: &mut Trip, chain: &mut Chain) -> Out {
        let timeout = self.session(node).and_then(|s| s.timeout);
        let level = chain.windows.len();
        chain.windows.push(timeout);
        let mut attempts = 0;
        let out = loop {
            if self.limit(node).is_some_and(|limit| attempts >= limit) {
                break Out::Failed(303201);
            }
            let mut child = None;
            if chain.established {
                let bound = chain.path[level];
                if self.usable(bound, trip) {
                    child = Some(bound);
                } else if self.session(chain.root).is_some_and(|s| s.rebind) {
                    chain.established = false;
                    self.unbind(chain.root, trip);
                } else {
                    break Out::Failed(309001);
                }
            }
            let established = child.is_some();
            let Some(child) = child.or_else(|| self.pick(node, trip)) else {
                break Out::Failed(if attempts == 0 { 303000 } else { 303201 });
            };
            attempts += 1;
            if !established {
                chain.path.truncate(level);
                chain.path.push(child);
            }
            let out = if self.is_sticky(child) {
                self.visit(child, trip, Some(chain))
            } else {
                if !established {
                    self.bind(chain, trip);
                }
                self.visit(child, trip, None)
            };
            match out {
                Out::Answered => break Out::Answered,
                Out::Failed(reason) if chain.established => {
                    break Out::Failed(if trip.last.is_some() { 309003 } else { reason });
                }
                Out::Stop if chain.established => break Out::Stop,
                Out::Stop => {
                    self.unbind(chain.root, trip);
                    break Out::Stop;
                }
                Out::Failed(_) => {
                    if let Some(out) = self.forbidden(node, child, trip) {
                        self.unbind(chain.root, trip);
                        break out;
                    }
                    self.unbind(chain.root, trip);
                }
            }
        };
        chain.windows.truncate(level);
        out
    }

    fn bind(&mut self, chain: &Chain, trip: &Trip) {
        let window = chain
            .windows
            .iter()
            .flatten()
            .min()
            .copied()
            .unwrap_or(120_000);
        let now = trip.now;
        let Some(client) = trip.message.client.clone() else {
            return;
        };
        if let Some(session) = self.session(chain.root) {
            session
                .bound
                .insert(client, (chain.path.clone(), now + window, window));
        }
    }

    fn unbind(&mut self, root: usize, trip: &Trip) {
        if let (Some(client), Some(session)) = (&trip.message.client, self.session(root)) {
            session.bound.remove(client);
        }
    }
}

impl Order {
    fn next(&mut self, usable: &[bool]) -> Option<usize> {
        match self {
            Order::Round(next) => {
                let chosen = (0..usable.len())
                    .map(|i| (*next + i) % usable.len())
                    .find(|i| usable[*i])?;
                *next = (chosen + 1) % usable.len();
                Some(chosen)
            }
            Order::Burst(list, place) => {
                // From here on, whole blocks of unusable children are passed over.
                let mut at = *place;
                for _ in 0..=2 * list.len() {
                    let child = list[at];
                    if usable[child] {
                        *place = (at + 1) % list.len();
                        return Some(child);
                    }
                    while list[at] == child {
                        at = (at + 1) % list.len();
                        if at == *place {
                            break;
                        }
                    }
                }
                None
            }
            Order::Smooth(weights, counters) => {
                let mut order: Vec<usize> = (0..usable.len()).filter(|i| usable[*i]).collect();
                let total: i64 = order.iter().map(|i| weights[*i]).sum();
                for i in &order {
                    counters[*i] += weights[*i];
                }
                order.sort_by_key(|i| (-counters[*i], *i));
                let chosen = *order.first()?;
                counters[chosen] -= total;
                Some(chosen)
            }
        }
    }
}
