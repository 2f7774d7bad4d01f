//! The endpoints of one generation: an arena of nodes, roots by name, and every node by its path.
//!
//! Built from the model by [`Builder`]; immutable afterwards but for the cells that outlive generations (state, sessions,
//! positions, counters), which are shared by [`Arc`]. A reload builds a new tree beside the old one and takes over those
//! cells by identity (design 7): running messages finish on the old tree and still report into the same cells.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::algorithm::{Algorithm, AlgorithmType, GroupView, Settings};
use super::authorities::Authorities;
use super::dispatch::auth::Auth;
use super::health::Check;
use super::load::Load;
use super::operations::Operations;
use super::order::{GroupOrder, Order};
use super::recipients::LeafCache;
use super::rules::{RetryRules, RuleSettings};
use super::session::{Path, SessionSpec, SessionTable};
use super::shape::Shape;
use super::state::StateCell;
use super::stats::{GroupStats, LeafStats};
use crate::config::model::{
    ComputedRecipientsDef, LeafDef, PropertyDef, ResolvingDef, TimeoutAction,
};
use crate::config::source::{Span, Spanned};
use crate::transport::gate::Gate;
use crate::transport::tls::ClientTls;
use crate::util::clock::Tick;

mod balance;
mod build;
mod fork;
mod identity;
mod link;
mod measure;
pub mod target;
#[cfg(test)]
pub(crate) mod tests;
pub mod wsdl;

pub use balance::HashRule;
pub use build::Builder;
pub use target::{Address, Target};
use wsdl::WsdlTarget;

/// Deepest nesting of groups, references included.
pub const DEPTH_MAX: usize = 32;

/// Position of a node in the arena of its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Who a child is, over reloads: a number that a matching child of the next generation takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// What sending to a node may need of the message, known when the configuration is loaded (design 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The SOAP header block `ClientID`.
    pub client_id: bool,
    /// `ServiceGroupId` of request and answer.
    pub service_group_id: bool,
    /// `Cookie` and `Set-Cookie`.
    pub cookies: bool,
    /// There is a group that may send the message again, so its bytes are kept.
    pub repeat: bool,
    /// The whole body of the request: a leaf changes it.
    pub body: bool,
    /// The whole body of the request unless it is a multipart message.
    pub body_unless_parts: bool,
    /// There is a group that balances by a hash of the message.
    pub hash: bool,
    /// There is a recipient list, for whose copies the body is held whole.
    pub whole: bool,
    /// An endpoint below is found by name only when the message is there: it may be any that has a name.
    pub resolving: bool,
    /// A node has properties of its own, which are set in the message.
    pub properties: bool,
}

impl Needs {
    /// Adds what another needs.
    pub fn join(&mut self, other: Needs) {
        self.client_id |= other.client_id;
        self.service_group_id |= other.service_group_id;
        self.cookies |= other.cookies;
        self.repeat |= other.repeat;
        self.body |= other.body;
        self.body_unless_parts |= other.body_unless_parts;
        self.hash |= other.hash;
        self.whole |= other.whole;
        self.resolving |= other.resolving;
        self.properties |= other.properties;
    }
}

/// One endpoint.
#[derive(Clone)]
pub struct Node {
    /// Written form: `group/name` or `group/#2`.
    pub path: Arc<str>,
    /// Identity over reloads.
    pub member: MemberId,
    /// Name in the file.
    pub name: Option<Arc<str>>,
    /// The element.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
    /// Properties to set when sending, in document order.
    pub properties: Vec<PropertyDef>,
    /// Sequence that handles errors.
    pub on_error: Option<Spanned<String>>,
    /// What sending to it may need.
    pub needs: Needs,
    signature: identity::Signature,
}

/// The kinds of node.
#[derive(Clone)]
pub enum NodeKind {
    /// Talks to a back end.
    Leaf(Leaf),
    /// The first ready child.
    Failover(Failover),
    /// A child by algorithm, or by session.
    LoadBalance(LoadBalance),
    /// A copy to each child.
    RecipientList(RecipientList),
    /// The child that serves the host which the request names.
    ByHost(ByHost),
    /// Stands for another node.
    Indirect(Spanned<String>, NodeId),
    /// A reference that leads nowhere; sending fails with 305100.
    Missing(Spanned<String>),
    /// Stands for the node whose name each message computes.
    Resolving(ResolvingDef),
    /// Uses a template that gives no endpoint; sending fails with 305100.
    NoTemplate(Spanned<String>),
    /// A kind that this version does not serve.
    Unsupported(Spanned<String>),
}

/// A node that talks to a back end.
#[derive(Clone)]
pub struct Leaf {
    /// Where to.
    pub target: Target,
    /// The settings as written, for whoever is shown where a value comes from.
    pub written: Arc<LeafDef>,
    /// How connections to https targets are protected.
    pub tls: Arc<ClientTls>,
    /// What it makes of messages; `None`: it sends them as they are.
    pub shape: Option<Box<Shape>>,
    /// `timeout/duration`, when set.
    pub timeout: Option<Duration>,
    /// `timeout/responseAction`, when set.
    pub timeout_action: Option<TimeoutAction>,
    /// Classification and suspension lengths.
    pub rules: RuleSettings,
    /// Whether the group may go on after a code.
    pub retry: RetryRules,
    /// Statuses of answers that count as failures.
    pub failing_statuses: Box<[u16]>,
    /// State, kept over reloads while the definition stays the same.
    pub state: Arc<StateCell>,
    /// Counters, kept like the state.
    pub stats: Arc<LeafStats>,
    /// How busy it is, where an algorithm goes by that.
    pub load: Option<Load>,
    /// What it proves itself by.
    pub auth: Option<Auth>,
    /// How many messages may use it at the same time.
    pub gate: Option<Arc<Gate>>,
    /// The states of its back ends, where each has its own.
    pub authorities: Option<Arc<Authorities>>,
    /// How the control plane asks whether it is in order.
    pub health: Option<Arc<Check>>,
    /// Its operations, where they are counted.
    pub operations: Option<Arc<Operations>>,
    /// Each try has a line in the log.
    pub trace: bool,
    /// `ax:slowStart`, when the leaf says it itself.
    pub slow_start: Option<Duration>,
    definition: u64,
}

/// What all kinds of group have.
#[derive(Clone)]
pub struct Group {
    /// Children in declaration order; never empty, but for a recipient list that each message computes
    /// and a dynamic group.
    pub children: Vec<NodeId>,
    /// Most children that one message may try.
    pub max_attempts: Option<u32>,
    /// `ax:retryNonIdempotent`, when the group says it.
    pub retry_non_idempotent: Option<bool>,
    /// Counters.
    pub stats: Arc<GroupStats>,
    order: Arc<GroupOrder>,
}

/// `failover`.
#[derive(Clone)]
pub struct Failover {
    /// Children and limits.
    pub group: Group,
    /// True: back to the first child as soon as it is ready.
    pub dynamic: bool,
    /// The child that a non-dynamic group stays on, as its [`MemberId`]; 0 before the first message.
    current: Arc<AtomicU64>,
}

/// `loadbalance`.
#[derive(Clone)]
pub struct LoadBalance {
    /// Children and limits.
    pub group: Group,
    /// Whether a message may go on to another child; sessions ignore it (spec 14).
    pub failover: bool,
    /// Row of the algorithm.
    pub algorithm_type: &'static AlgorithmType,
    /// What the algorithm is made from.
    pub settings: Settings,
    /// What of a message it goes by, when it is a hash.
    pub hash: Option<HashRule>,
    /// `ax:slowStart` of the group, for children that do not say it themselves.
    pub slow_start: Option<Duration>,
    /// The group or one of its children has a slow start.
    slow: bool,
    /// Affinity, when there is one.
    pub session: Option<Session>,
    /// The members come from elsewhere; there may be none.
    pub dynamic: bool,
    algorithm: Arc<dyn Algorithm>,
}

/// `serviceDynamicLoadbalance`.
#[derive(Clone)]
pub struct ByHost {
    /// A child for each service.
    pub group: Group,
    /// Position of the child by host, in lower case.
    hosts: HashMap<String, usize>,
}

impl ByHost {
    /// The child for a host: the service of that name, else of the name without its first label, and so on
    /// (spec/endpoints.md 15.2).
    pub fn child(&self, host: &str) -> Option<NodeId> {
        let host = host.to_ascii_lowercase();
        let mut name = host.as_str();
        loop {
            if let Some(at) = self.hosts.get(name) {
                return self.group.children.get(*at).copied();
            }
            name = name.split_once('.')?.1;
        }
    }
}

/// `recipientlist`.
#[derive(Clone)]
pub struct RecipientList {
    /// Children.
    pub group: Group,
    /// Addresses that each message computes, instead of children.
    pub computed: Option<Computed>,
}

/// `<endpoints value="{expression}"/>`.
#[derive(Clone)]
pub struct Computed {
    /// Their expression.
    pub def: ComputedRecipientsDef,
    /// The addresses that were asked for last.
    pub leaves: Arc<LeafCache>,
}

/// Affinity of one group.
#[derive(Clone)]
pub struct Session {
    /// How ids are read and how long they live.
    pub spec: SessionSpec,
    /// Where they are bound.
    pub table: Arc<SessionTable>,
}

/// What a reload did to the leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// Same definition: state and counters kept.
    pub kept: Vec<Arc<str>>,
    /// Same endpoint, other definition: identity kept, state and counters new.
    pub reset: Vec<Arc<str>>,
    /// New ones.
    pub added: Vec<Arc<str>>,
    /// Gone.
    pub dropped: Vec<Arc<str>>,
}

/// The endpoints of one generation.
pub struct Endpoints {
    nodes: Vec<Node>,
    roots: HashMap<Arc<str>, NodeId>,
    paths: HashMap<Arc<str>, NodeId>,
    /// Named and inline endpoints in the order of definition.
    tops: Vec<NodeId>,
    next_member: u64,
    /// Life of a session whose path sets none (spec 14.6).
    pub(super) session_window: Duration,
}

impl Endpoints {
    /// Sessions bound now, over all groups.
    pub fn session_count(&self) -> usize {
        self.session_tables()
            .map(|session| session.table.len())
            .sum()
    }

    fn session_tables(&self) -> impl Iterator<Item = &Session> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::LoadBalance(lb) => lb.session.as_ref(),
            _ => None,
        })
    }

    /// The top-level endpoint of that name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.roots.get(name).copied()
    }

    /// The node of that written path.
    pub fn at_path(&self, path: &str) -> Option<NodeId> {
        self.paths.get(path).copied()
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        // Ids come from this arena's builder only.
        &self.nodes[id.0 as usize]
    }

    /// The leaf behind a node, references followed.
    pub fn leaf(&self, id: NodeId) -> Option<&Leaf> {
        match &self.node(self.resolve(id)).kind {
            NodeKind::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Named and inline endpoints, without their children, in the order of definition.
    pub fn tops(&self) -> &[NodeId] {
        &self.tops
    }

    /// The WSDL endpoints and what is known of their documents.
    pub fn wsdl_targets(&self) -> impl Iterator<Item = (NodeId, &Arc<WsdlTarget>)> {
        self.nodes().filter_map(|(id, node)| match &node.kind {
            NodeKind::Leaf(Leaf {
                target: Target::Wsdl(wsdl),
                ..
            }) => Some((id, wsdl)),
            _ => None,
        })
    }

    /// Every node with its id, children before their groups.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// Top-level endpoints, by name.
    pub fn roots(&self) -> Vec<(&str, NodeId)> {
        let mut roots: Vec<_> = self.roots.iter().map(|(n, id)| (&**n, *id)).collect();
        roots.sort_unstable();
        roots
    }

    /// What sending to a node may need of the message.
    pub fn needs(&self, id: NodeId) -> Needs {
        self.node(id).needs
    }

    /// The node that a chain of references ends at.
    pub fn resolve(&self, mut id: NodeId) -> NodeId {
        // Chains end: the builder cuts circles.
        while let NodeKind::Indirect(_, target) = self.node(id).kind {
            id = target;
        }
        id
    }

    /// Whether a node could take a message now; asks without side effects.
    pub fn is_ready(&self, id: NodeId, now: Tick) -> bool {
        let node = self.node(id);
        match &node.kind {
            NodeKind::Leaf(leaf) => leaf.is_ready(now),
            NodeKind::Indirect(_, target) => self.is_ready(*target, now),
            // What it leads to is known only with a message.
            NodeKind::Resolving(_) => true,
            NodeKind::Missing(_) | NodeKind::NoTemplate(_) | NodeKind::Unsupported(_) => false,
            NodeKind::RecipientList(list) if list.computed.is_some() => list.group.is_open(),
            NodeKind::Failover(_)
            | NodeKind::LoadBalance(_)
            | NodeKind::RecipientList(_)
            | NodeKind::ByHost(_) => node
                .group()
                .is_some_and(|g| g.is_open() && g.children.iter().any(|c| self.is_ready(*c, now))),
        }
    }

    /// Ends the sessions whose child the previous generation had and this one has not; how many.
    pub fn end_lost_sessions(&self, previous: &Endpoints) -> usize {
        let here: HashSet<MemberId> = self.nodes.iter().map(|node| node.member).collect();
        // Tables may be large: they are looked through only when somebody went.
        if previous.nodes.iter().all(|n| here.contains(&n.member)) {
            return 0;
        }
        self.session_tables()
            .map(|session| {
                let lost = |path: &Path| path.iter().any(|member| !here.contains(member));
                session.table.end_where(lost)
            })
            .sum()
    }

    /// Throws out expired sessions, a bounded number per call; how many went.
    pub fn sweep_sessions(&self, now: Tick) -> usize {
        self.session_tables()
            .map(|session| session.table.sweep(now))
            .sum()
    }
}

impl Leaf {
    /// Whether it could take a message now.
    pub fn is_ready(&self, now: Tick) -> bool {
        self.target.is_known() && self.state.is_ready(now)
    }
}

impl Node {
    /// What a group of either kind has in common.
    pub fn group(&self) -> Option<&Group> {
        match &self.kind {
            NodeKind::Failover(f) => Some(&f.group),
            NodeKind::LoadBalance(l) => Some(&l.group),
            NodeKind::RecipientList(l) => Some(&l.group),
            NodeKind::ByHost(services) => Some(&services.group),
            _ => None,
        }
    }

    /// Name of the kind, for people.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Leaf(leaf) => leaf.target.kind_name(),
            NodeKind::Failover(_) => "failover",
            NodeKind::LoadBalance(lb) if lb.dynamic => "dynamicLoadbalance",
            NodeKind::LoadBalance(_) => "loadbalance",
            NodeKind::ByHost(_) => "serviceDynamicLoadbalance",
            NodeKind::RecipientList(_) => "recipientlist",
            NodeKind::Indirect(..) => "key",
            NodeKind::Resolving(_) => "key-expression",
            NodeKind::Missing(_) | NodeKind::NoTemplate(_) => "missing",
            NodeKind::Unsupported(_) => "unsupported",
        }
    }
}

impl Group {
    /// True while a person has switched the whole group off.
    pub fn is_off(&self) -> bool {
        self.order.order().is_out()
    }

    /// What a person ordered of the whole group.
    pub fn order(&self) -> &GroupOrder {
        &self.order
    }

    /// Whether messages without a session here may come.
    pub fn is_open(&self) -> bool {
        self.order.order() == Order::Active
    }
}

impl Failover {
    /// Chooses the child for a message: `usable` is what this message may try, `ready` what is ready for anybody.
    pub(super) fn pick(
        &self,
        endpoints: &Endpoints,
        usable: &mut dyn FnMut(NodeId) -> bool,
        ready: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let children = &self.group.children;
        if self.dynamic {
            return children.iter().copied().find(|&c| usable(c));
        }
        let current = self.current(endpoints);
        if usable(current) {
            return Some(current);
        }
        let next = children.iter().copied().find(|&c| usable(c))?;
        // A child that only this message has tried stays the current one for the others.
        if !ready(current) {
            let member = endpoints.node(next).member;
            self.current.store(member.0, Ordering::Release);
        }
        Some(next)
    }

    /// The child that a non-dynamic group stays on.
    pub fn current(&self, endpoints: &Endpoints) -> NodeId {
        let member = self.current.load(Ordering::Acquire);
        let children = &self.group.children;
        let found = children
            .iter()
            .find(|c| endpoints.node(**c).member.0 == member);
        // A group is never empty: the configuration refuses it, and the builder makes such a group unsupported.
        *found.unwrap_or(&children[0])
    }
}

impl LoadBalance {
    /// Asks the algorithm.
    pub(super) fn pick(&self, view: &mut dyn GroupView, seed: u64) -> Option<NodeId> {
        Some(self.group.children[self.algorithm.pick(view, seed)?])
    }
}
