//! Model in, tree out: one pass over the definitions, with the previous generation beside it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::identity::{self, Old, Signature};
use super::target::HttpTarget;
use super::{
    ByHost, Computed, Endpoints, Failover, Group, Leaf, LoadBalance, MemberId, Needs, Node, NodeId,
    NodeKind, RecipientList, ReloadReport, Session, Target, WsdlTarget, balance, link,
};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{
    EndpointDef, EndpointKind, FailoverDef, HttpDef, LeafDef, LoadBalanceChildren, LoadBalanceDef,
    MemberDef, PropertyDef, RecipientListDef, RecipientsDef, ServiceDef, ServiceDynamicDef,
    WsdlDef,
};
use crate::config::source::{Span, Spanned};
use crate::config::wsdl::{Library, Resolution};
use crate::endpoint::algorithm::{self, AlgorithmType, Settings, Setup};
use crate::endpoint::authorities::Authorities;
use crate::endpoint::dispatch::auth::Auth;
use crate::endpoint::health::Check;
use crate::endpoint::recipients::LeafCache;
use crate::endpoint::rules::{RetryRules, RuleSettings};
use crate::endpoint::session::{DEFAULT_WINDOW, SessionSpec, SessionTable};
use crate::endpoint::shape::Shape;
use crate::endpoint::state::StateCell;
use crate::endpoint::tree::wsdl::Known;
use crate::soap::charset::Charset;
use crate::transport::gate::{Gate, GateLimits};
use crate::transport::tls::{ClientTls, TlsSet};

/// Sessions per group when the settings say nothing.
pub const SESSIONS_PER_GROUP: usize = 1_000_000;

const PRESERVE_ENVELOPE: &str = "PRESERVE_ENVELOPE";

/// Builds one generation.
pub struct Builder<'p> {
    previous: Option<&'p Endpoints>,
    library: Option<&'p Library<'p>>,
    sessions_per_group: usize,
    session_window: Duration,
    tls: Arc<TlsSet>,
    nodes: Vec<Node>,
    roots: HashMap<Arc<str>, NodeId>,
    paths: HashMap<Arc<str>, NodeId>,
    tops: Vec<NodeId>,
    next_member: u64,
    claimed: HashSet<MemberId>,
    problems: Diagnostics,
    report: ReloadReport,
}

/// A child as the file has it.
#[derive(Clone, Copy)]
pub(super) enum Child<'d> {
    Endpoint(&'d EndpointDef),
    /// With the group's `failover`.
    Member(&'d MemberDef, bool),
    Service(&'d ServiceDef),
}

/// Where a node stands and which node of the previous generation it is.
#[derive(Clone)]
struct Place {
    path: Arc<str>,
    old: Option<NodeId>,
}

impl<'p> Builder<'p> {
    /// Starts a generation that takes over from the previous one, when there is one.
    pub fn new(previous: Option<&'p Endpoints>) -> Self {
        Self {
            previous,
            library: None,
            sessions_per_group: SESSIONS_PER_GROUP,
            session_window: DEFAULT_WINDOW,
            tls: Arc::default(),
            nodes: Vec::new(),
            roots: HashMap::new(),
            paths: HashMap::new(),
            tops: Vec::new(),
            next_member: previous.map_or(1, |p| p.next_member),
            claimed: HashSet::new(),
            problems: Diagnostics::default(),
            report: ReloadReport::default(),
        }
    }

    /// Sets who reads the documents of WSDL endpoints; without it these cannot be built.
    pub fn library(mut self, library: &'p Library<'p>) -> Self {
        self.library = Some(library);
        self
    }

    /// Sets the bound of each session table (`[sessions] per_group`); a table that is taken over keeps its own.
    pub fn sessions_per_group(mut self, bound: usize) -> Self {
        self.sessions_per_group = bound;
        self
    }

    /// Sets how long a session lives where no group on its path says it (`[sessions] timeout_ms`).
    pub fn session_timeout(mut self, window: Duration) -> Self {
        self.session_window = window;
        self
    }

    /// Sets the TLS profiles that `ax:tls` names.
    pub fn tls(mut self, profiles: Arc<TlsSet>) -> Self {
        self.tls = profiles;
        self
    }

    /// Adds a top-level endpoint; the first of a name stands, as the configuration reports the second.
    pub fn define(&mut self, def: &EndpointDef) -> NodeId {
        let name = def.name.as_ref().map_or("", |n| n.value.trim());
        if let Some(first) = self.roots.get(name) {
            return *first;
        }
        let old = self.previous.and_then(|p| p.named(name));
        let id = self.root(name, old, def);
        self.roots.insert(name.into(), id);
        id
    }

    /// Adds an endpoint that stands inside a sequence; `path` is its position and with it its identity.
    pub fn inline(&mut self, path: &str, def: &EndpointDef) -> NodeId {
        let old = self.previous.and_then(|p| p.at_path(path));
        self.root(path, old, def)
    }

    /// Adds an endpoint that no list of endpoints shows.
    pub fn hidden(&mut self, path: &str, def: &EndpointDef) -> NodeId {
        let place = Place {
            path: path.into(),
            old: self.previous.and_then(|p| p.at_path(path)),
        };
        self.endpoint(def, place)
    }

    /// Resolves the references and gives the generation; problems are added to those of the load.
    pub fn finish(mut self, problems: &mut Diagnostics) -> (Endpoints, ReloadReport) {
        link::resolve(&mut self.nodes, &self.roots, &self.tops, &mut self.problems);
        link::check(&mut self.nodes, &mut self.problems);
        link::measure(&mut self.nodes);
        link::open_needs(&mut self.nodes, &self.roots);
        for problem in self.problems.list() {
            problems.push(problem.clone());
        }
        if let Some(previous) = self.previous {
            let gone = previous.nodes.iter().filter(|node| {
                matches!(node.kind, NodeKind::Leaf(_)) && !self.claimed.contains(&node.member)
            });
            self.report.dropped = gone.map(|node| node.path.clone()).collect();
        }
        let endpoints = Endpoints {
            nodes: self.nodes,
            roots: self.roots,
            paths: self.paths,
            tops: self.tops,
            next_member: self.next_member,
            session_window: self.session_window,
        };
        (endpoints, self.report)
    }

    fn root(&mut self, path: &str, old: Option<NodeId>, def: &EndpointDef) -> NodeId {
        let def = def.behind();
        // Each old node is taken over once, also when two places of the new generation ask for it.
        let old = old.filter(|id| {
            self.old_node(Some(*id))
                .is_some_and(|o| !self.claimed.contains(&o.member))
        });
        let place = Place {
            path: path.into(),
            old,
        };
        let id = self.endpoint(def, place);
        self.tops.push(id);
        id
    }

    fn old_node(&self, old: Option<NodeId>) -> Option<&'p Node> {
        Some(self.previous?.node(old?))
    }

    fn endpoint(&mut self, def: &EndpointDef, place: Place) -> NodeId {
        let kind = match &def.kind {
            EndpointKind::Address(a) => match Target::parse(&a.uri.value) {
                Some(target) => {
                    let rules = RuleSettings::new(&a.leaf, def.span);
                    let kind = self.leaf(target, rules, &a.leaf, &Signature::of(def), &place);
                    self.shaped(kind, &a.leaf, &def.properties)
                }
                // The configuration refuses such an address; a lenient start answers with this text.
                None => NodeKind::Unsupported(a.uri.clone()),
            },
            EndpointKind::Wsdl(wsdl) => match self.wsdl_target(wsdl, &place) {
                Ok(target) => {
                    let rules = RuleSettings::new(&wsdl.leaf, def.span);
                    let kind = self.leaf(target, rules, &wsdl.leaf, &Signature::of(def), &place);
                    self.shaped(kind, &wsdl.leaf, &def.properties)
                }
                Err(problem) => NodeKind::Unsupported(problem),
            },
            EndpointKind::Default(leaf) => {
                let rules = RuleSettings::new(leaf, def.span);
                let kind = self.leaf(Target::Message, rules, leaf, &Signature::of(def), &place);
                self.shaped(kind, leaf, &def.properties)
            }
            EndpointKind::Http(http) => self.http(http, def, &place),
            EndpointKind::Failover(f) => self.failover(f, &place),
            EndpointKind::LoadBalance(l) => self.load_balance(l, &def.properties, &place, false),
            EndpointKind::DynamicLoadBalance(d) => {
                self.load_balance(&d.group, &def.properties, &place, true)
            }
            EndpointKind::ServiceDynamicLoadBalance(services) => self.by_host(services, &place),
            EndpointKind::RecipientList(list) => self.recipient_list(list, &place),
            EndpointKind::Indirect(key) => NodeKind::Missing(key.clone()),
            EndpointKind::Resolving(resolving) => NodeKind::Resolving(resolving.clone()),
            EndpointKind::Template(used) => NodeKind::NoTemplate(used.template.clone()),
            EndpointKind::Unsupported(what) => NodeKind::Unsupported(what.clone()),
        };
        let node = Node {
            path: place.path.clone(),
            member: MemberId(0),
            name: def.name.as_ref().map(|n| n.value.trim().into()),
            span: def.span,
            kind,
            properties: def.properties.clone(),
            on_error: def.on_error.clone(),
            needs: Needs::default(),
            signature: Signature::of(def),
        };
        self.push(node, &place)
    }

    /// Where a WSDL endpoint leads; a document from the network stays what it was in the previous generation.
    fn wsdl_target(&mut self, def: &WsdlDef, place: &Place) -> Result<Target, Spanned<String>> {
        let broken = |text: &str| Spanned::new(text.to_owned(), def.service.span);
        let library = self
            .library
            .ok_or_else(|| broken("its WSDL is not read here"))?;
        let target = match library.resolve(def, &mut self.problems) {
            Resolution::Broken(problem) => return Err(problem),
            Resolution::Later(url) => WsdlTarget::pending(def, url),
            Resolution::Known(location, chosen) => {
                let known = Known::of(&chosen)
                    .ok_or_else(|| broken("the port of its WSDL leads to no http address"))?;
                let target = WsdlTarget::known(def, location, known);
                return Ok(Target::Wsdl(Arc::new(target)));
            }
        };
        let old = self.old_node(place.old).map(|node| &node.kind);
        if let Some(NodeKind::Leaf(Leaf {
            target: Target::Wsdl(old),
            ..
        })) = old
        {
            if old.same_source(&target) {
                return Ok(Target::Wsdl(old.clone()));
            }
            target.inherit(old);
        }
        Ok(Target::Wsdl(Arc::new(target)))
    }

    fn http(&mut self, http: &HttpDef, def: &EndpointDef, place: &Place) -> NodeKind {
        let unusable = || {
            let text = http.template.value.text().to_owned();
            NodeKind::Unsupported(Spanned::new(text, http.template.span))
        };
        let method = http.method.as_ref().map(|m| m.value.as_str());
        let Some(target) = HttpTarget::new(http.template.value.clone(), http.legacy, method) else {
            return unusable();
        };
        let rules = RuleSettings::new(&http.leaf, def.span);
        let target = Target::Http(Arc::new(target));
        let mut kind = self.leaf(target, rules, &http.leaf, &Signature::of(def), place);
        if let (NodeKind::Leaf(leaf), Some(auth)) = (&mut kind, &http.auth) {
            let old = match self.old_node(place.old).map(|node| &node.kind) {
                Some(NodeKind::Leaf(old)) => old.auth.as_ref(),
                _ => None,
            };
            match Auth::new(auth, old, &leaf.tls) {
                Some(auth) => leaf.auth = Some(auth),
                // Messages must not go out without what they have to prove.
                None => return unusable(),
            }
        }
        self.shaped(kind, &http.leaf, &def.properties)
    }

    fn push(&mut self, mut node: Node, place: &Place) -> NodeId {
        node.member = match self.old_node(place.old) {
            Some(old) => old.member,
            None => {
                self.next_member += 1;
                MemberId(self.next_member - 1)
            }
        };
        self.claimed.insert(node.member);
        let id = NodeId(self.nodes.len() as u32);
        self.paths.entry(node.path.clone()).or_insert(id);
        self.nodes.push(node);
        id
    }

    fn leaf(
        &mut self,
        target: Target,
        rules: RuleSettings,
        def: &LeafDef,
        signature: &Signature,
        place: &Place,
    ) -> NodeKind {
        let definition = identity::definition(signature, def);
        let tls = self.client_tls(def);
        let target = target.protected(&tls);
        if matches!(&target, Target::Fixed(address) if address.target.https) {
            // Here and not on a worker, which has no time to read the system's authorities; a failure is that of each send.
            let _ = tls.prepare();
        }
        if let Some(health) = &def.health
            && target.authority().is_none()
        {
            self.problems.warn(
                DiagnosticCode::NoEffect,
                health.span,
                "the health check has no effect: where this endpoint sends to is known per message only",
                "give the endpoint a fixed address, or remove the check",
            );
        }
        let health = def.health.as_deref();
        let health = health.and_then(|def| Check::build(def, &mut self.problems));
        let health = health.map(Arc::new);
        let old = self.old_node(place.old);
        let (state, stats) = match old.map(|node| &node.kind) {
            Some(NodeKind::Leaf(leaf)) if leaf.definition == definition => {
                self.report.kept.push(place.path.clone());
                (leaf.state.clone(), leaf.stats.clone())
            }
            _ => {
                let list = if old.is_some() {
                    &mut self.report.reset
                } else {
                    &mut self.report.added
                };
                list.push(place.path.clone());
                let state = StateCell::probed_by(def.probe_all);
                // What a person ordered stays, whatever else changes.
                if let Some(NodeKind::Leaf(leaf)) = old.map(|node| &node.kind) {
                    state.obey(&leaf.state);
                }
                (Arc::new(state), Arc::default())
            }
        };
        // What is under way goes on, whatever became of the definition.
        let old = match old.map(|node| &node.kind) {
            Some(NodeKind::Leaf(leaf)) => Some(leaf),
            _ => None,
        };
        let load = old.and_then(|leaf| leaf.load.clone());
        // One address has one state, whatever it is kept by.
        let many = def.state_by_authority && target.authority().is_none();
        let authorities = many.then(|| {
            let same = old.filter(|leaf| leaf.definition == definition);
            let same = same.and_then(|leaf| leaf.authorities.clone());
            same.unwrap_or_else(|| Arc::new(Authorities::new(def.probe_all)))
        });
        let gate = def.limits.map(|limits| {
            let limits = GateLimits {
                places: limits.connections,
                waiting: limits.pending,
                wait: limits.wait,
            };
            let same = old.and_then(|leaf| leaf.gate.as_ref());
            let same = same.filter(|gate| gate.limits() == limits);
            same.map_or_else(|| Arc::new(Gate::new(limits)), Arc::clone)
        });
        NodeKind::Leaf(Leaf {
            target,
            written: Arc::new(def.clone()),
            tls,
            shape: None,
            authorities,
            health,
            operations: def.statistics.then(|| {
                let same = old.and_then(|leaf| leaf.operations.clone());
                same.unwrap_or_default()
            }),
            trace: def.trace,
            load,
            gate,
            auth: None,
            slow_start: def.slow_start.as_ref().map(|s| s.value),
            timeout: def.timeout.as_ref().map(|t| t.value),
            timeout_action: def.timeout_action.as_ref().map(|a| a.value),
            rules,
            retry: RetryRules::new(def),
            failing_statuses: def.failing_statuses.as_slice().into(),
            state,
            stats,
            definition,
        })
    }

    fn client_tls(&mut self, def: &LeafDef) -> Arc<ClientTls> {
        let name = def.tls.as_ref();
        self.tls
            .client(name.map(|n| n.value.as_str()))
            .unwrap_or_else(|| {
                let name = name.map_or("", |n| n.value.as_str());
                let message = format!("there is no TLS profile {name}");
                if let Some(written) = &def.tls {
                    let row = DiagnosticCode::UnknownTlsProfile.row();
                    let help = format!("add [tls.{name}] to axon.toml; {}", row.help);
                    self.problems
                        .error_help(row.code, written.span, message.clone(), help);
                }
                Arc::new(ClientTls::unusable(name, &message))
            })
    }

    /// A leaf with what its settings make of messages.
    fn shaped(&mut self, kind: NodeKind, def: &LeafDef, properties: &[PropertyDef]) -> NodeKind {
        let NodeKind::Leaf(mut leaf) = kind else {
            return kind;
        };
        let mut charset = None;
        if let Some(name) = &def.format.encoding {
            charset = Charset::named(&name.value);
            if charset.is_none() {
                let message = format!("the encoding {} is not supported", name.value.trim());
                let help = format!("use one of: {}", Charset::NAMES);
                let code = DiagnosticCode::NotSupportedYet;
                self.problems
                    .unsupported(code, name.span, message.clone(), help);
                return NodeKind::Unsupported(Spanned::new(message, name.span));
            }
        }
        let check = balance::literal(properties, PRESERVE_ENVELOPE)
            .is_some_and(|value| value.value.trim().eq_ignore_ascii_case("true"));
        let of_port = leaf.target.wsdl().is_some() && def.format.format.is_none();
        leaf.shape = Shape::new(&def.format, charset, check, of_port).map(Box::new);
        NodeKind::Leaf(leaf)
    }

    fn failover(&mut self, def: &FailoverDef, place: &Place) -> NodeKind {
        if def.children.is_empty() {
            return empty_group(def.span);
        }
        let children: Vec<_> = def.children.iter().map(Child::Endpoint).collect();
        let mut group = self.group(&children, place);
        group.max_attempts = def.max_attempts.as_ref().map(|v| v.value);
        group.retry_non_idempotent = def.retry_non_idempotent;
        let current = match self.old_node(place.old).map(|node| &node.kind) {
            Some(NodeKind::Failover(old)) => old.current.clone(),
            _ => Arc::new(AtomicU64::new(0)),
        };
        NodeKind::Failover(Failover {
            group,
            dynamic: def.dynamic,
            current,
        })
    }

    fn load_balance(
        &mut self,
        def: &LoadBalanceDef,
        properties: &[PropertyDef],
        place: &Place,
        dynamic: bool,
    ) -> NodeKind {
        let children: Vec<_> = match &def.children {
            LoadBalanceChildren::Endpoints(list) => list.iter().map(Child::Endpoint).collect(),
            LoadBalanceChildren::Members(list) => list
                .iter()
                .map(|m| Child::Member(m, def.failover))
                .collect(),
        };
        if children.is_empty() && !dynamic {
            return empty_group(def.span);
        }
        let (name, span) = def
            .algorithm
            .as_ref()
            .map_or(("roundRobin", def.span), |a| (a.value.as_str(), a.span));
        let found = balance::row(name, properties);
        let Some(algorithm_type) = found else {
            let message = format!("no balancing algorithm is named \"{}\"", name.trim());
            let help = format!("use one of: {}", algorithm::names());
            let code = DiagnosticCode::UnknownAlgorithm;
            self.problems.error_help(code, span, message.clone(), help);
            return NodeKind::Unsupported(Spanned::new(message, span));
        };
        let built = balance::settings(algorithm_type, &children, properties).and_then(|settings| {
            Ok((
                settings,
                balance::hash_rule(algorithm_type, def, properties)?,
            ))
        });
        if let Some(written) = &def.slow_start
            && algorithm_type.slow_start == algorithm::SlowStart::Without
        {
            self.problems.warn(
                DiagnosticCode::NoEffect,
                written.span,
                "ax:slowStart has no effect here: a message belongs to one child by its hash",
                "remove it, or use an algorithm without a hash",
            );
        }
        let (settings, hash) = match built {
            Ok(built) => built,
            Err(bad) => {
                self.problems
                    .error_help(bad.code, bad.span, bad.message.clone(), bad.help);
                return NodeKind::Unsupported(Spanned::new(bad.message, bad.span));
            }
        };
        let mut group = self.group(&children, place);
        group.max_attempts = def.max_attempts.as_ref().map(|v| v.value);
        group.retry_non_idempotent = def.retry_non_idempotent;
        let old = match self.old_node(place.old).map(|node| &node.kind) {
            Some(NodeKind::LoadBalance(old)) => Some(old),
            _ => None,
        };
        let session = def.session.as_ref().map(|session| {
            let spec = SessionSpec::new(session);
            let old = old.and_then(|o| o.session.as_ref());
            let table = match old.filter(|o| o.spec.kind == spec.kind) {
                Some(old) => old.table.clone(),
                None => Arc::new(SessionTable::new(self.sessions_per_group)),
            };
            Session { spec, table }
        });
        let algorithm = self.algorithm(algorithm_type, &settings, &group, old);
        NodeKind::LoadBalance(LoadBalance {
            group,
            failover: def.failover,
            algorithm_type,
            settings,
            hash,
            slow_start: def.slow_start.as_ref().map(|s| s.value),
            slow: false,
            session,
            dynamic,
            algorithm,
        })
    }

    fn by_host(&mut self, def: &ServiceDynamicDef, place: &Place) -> NodeKind {
        let children: Vec<_> = def.services.iter().map(Child::Service).collect();
        let mut hosts = HashMap::new();
        for (at, service) in def.services.iter().enumerate() {
            for host in &service.hosts {
                hosts.entry(host.value.clone()).or_insert(at);
            }
        }
        NodeKind::ByHost(ByHost {
            group: self.group(&children, place),
            hosts,
        })
    }

    fn service(&mut self, def: &ServiceDef, place: Place) -> NodeId {
        let kind = self.load_balance(&def.group.group, &[], &place, true);
        let node = Node {
            path: place.path.clone(),
            member: MemberId(0),
            name: None,
            span: def.group.group.span,
            kind,
            properties: Vec::new(),
            on_error: None,
            needs: Needs::default(),
            signature: Signature::of_service(def),
        };
        self.push(node, &place)
    }

    fn recipient_list(&mut self, def: &RecipientListDef, place: &Place) -> NodeKind {
        let children: Vec<_> = match &def.recipients {
            RecipientsDef::Endpoints(list) => list.iter().map(Child::Endpoint).collect(),
            // Nobody takes over for a member that failed.
            RecipientsDef::Members(list) => list.iter().map(|m| Child::Member(m, false)).collect(),
            RecipientsDef::Computed(_) => Vec::new(),
        };
        let computed = match &def.recipients {
            RecipientsDef::Computed(computed) => Some(computed),
            _ if children.is_empty() => return empty_group(def.span),
            _ => None,
        };
        let old = match self.old_node(place.old).map(|node| &node.kind) {
            Some(NodeKind::RecipientList(old)) => old.computed.as_ref(),
            _ => None,
        };
        NodeKind::RecipientList(RecipientList {
            group: self.group(&children, place),
            computed: computed.map(|def| Computed {
                def: def.clone(),
                leaves: match old.filter(|old| old.leaves.serves(def.max_cache, &self.tls)) {
                    Some(old) => old.leaves.clone(),
                    None => Arc::new(LeafCache::new(def.max_cache, self.tls.clone())),
                },
            }),
        })
    }

    /// The running algorithm when nothing it depends on has changed, else a new one that goes on at the same child.
    fn algorithm(
        &self,
        algorithm_type: &'static AlgorithmType,
        settings: &Settings,
        group: &Group,
        old: Option<&'p LoadBalance>,
    ) -> Arc<dyn algorithm::Algorithm> {
        let member = |id: &NodeId| self.nodes[id.0 as usize].member;
        let position = old.zip(self.previous).map_or(0, |(old, previous)| {
            let children = &old.group.children;
            let next = children.get(old.algorithm.position());
            let next = next.map(|id| previous.node(*id).member);
            let found = group
                .children
                .iter()
                .position(|id| Some(member(id)) == next);
            found.unwrap_or(0)
        });
        if let Some((old, previous)) = old.zip(self.previous) {
            let old_members = old
                .group
                .children
                .iter()
                .map(|id| previous.node(*id).member);
            if old.algorithm_type.name == algorithm_type.name
                && old.settings == *settings
                && old_members.eq(group.children.iter().map(member))
            {
                return old.algorithm.clone();
            }
        }
        let setup = Setup { settings, position };
        Arc::from((algorithm_type.build)(&setup))
    }

    fn group(&mut self, children: &[Child<'_>], place: &Place) -> Group {
        let signatures: Vec<_> = children
            .iter()
            .map(|child| match child {
                Child::Endpoint(def) => Signature::of(def),
                Child::Member(def, _) => Signature::of_member(def),
                Child::Service(def) => Signature::of_service(def),
            })
            .collect();
        let old_group = self.old_node(place.old).and_then(Node::group);
        let old_children: Vec<_> = old_group
            .into_iter()
            .flat_map(|g| &g.children)
            .filter_map(|id| Some((*id, self.old_node(Some(*id))?)))
            .map(|(id, node)| Old {
                id,
                signature: &node.signature,
            })
            .collect();
        let paired = identity::pair(&signatures, &old_children);
        let mut ids = Vec::with_capacity(children.len());
        for (i, (child, old)) in children.iter().zip(paired).enumerate() {
            ids.push(self.child(*child, i, old, place));
        }
        let old_group = old_group.filter(|_| place.old.is_some());
        Group {
            children: ids,
            max_attempts: None,
            retry_non_idempotent: None,
            stats: old_group.map_or_else(Arc::default, |g| g.stats.clone()),
            order: old_group.map_or_else(Arc::default, |g| g.order.clone()),
        }
    }

    fn child(
        &mut self,
        child: Child<'_>,
        position: usize,
        old: Option<NodeId>,
        parent: &Place,
    ) -> NodeId {
        let name = match child {
            Child::Endpoint(def) => def.behind().name.as_ref().map(|n| n.value.trim()),
            Child::Service(def) => Some(def.domain.value.as_str()),
            Child::Member(..) => None,
        };
        let path: Arc<str> = match name {
            Some(name) => format!("{}/{name}", parent.path).into(),
            None => format!("{}/#{position}", parent.path).into(),
        };
        let place = Place { path, old };
        match child {
            Child::Endpoint(def) => self.endpoint(def.behind(), place),
            Child::Member(def, failover) => self.member(def, failover, place),
            Child::Service(def) => self.service(def, place),
        }
    }

    fn member(&mut self, def: &MemberDef, failover: bool, place: Place) -> NodeId {
        let target = Target::member(&def.host.value, def.http_port, def.https_port);
        let rules = RuleSettings::for_member(&def.leaf, def.span, failover);
        let signature = Signature::of_member(def);
        let kind = self.leaf(target, rules, &def.leaf, &signature, &place);
        let node = Node {
            path: place.path.clone(),
            member: MemberId(0),
            name: None,
            span: def.span,
            kind,
            properties: Vec::new(),
            on_error: None,
            needs: Needs::default(),
            signature,
        };
        self.push(node, &place)
    }
}

fn empty_group(span: Span) -> NodeKind {
    NodeKind::Unsupported(Spanned::new("a group without children".to_owned(), span))
}
