//! Random trees, built twice: as definitions for the real core and as the model's plain structs.

use std::time::Duration;

use axon::config::diagnostic::Diagnostics;
use axon::config::model::{
    AddressDef, EndpointDef, EndpointKind, FailoverDef, LeafDef, LoadBalanceChildren,
    LoadBalanceDef, PropertyDef, PropertyValue, Scope, SessionDef, SessionKind, TimeoutAction,
};
use axon::config::source::{FileId, Span, Spanned};
use axon::config::xml::Element;
use axon::endpoint::tree::Leaf as RealLeaf;
use axon::endpoint::{Builder, Endpoints, NodeId};
use axon::util::clock::Tick;

use crate::model::{Fault, Leaf, Message, Model, Node, Order, Session};

const CODES: [i32; 6] = [101500, 101503, 101504, 101505, 101506, 911911];
const PLACE: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};

/// A small generator (splitmix64), so that a seed means the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn codes(&mut self) -> Vec<i32> {
        if self.one_in(2) {
            return Vec::new();
        }
        (0..=self.below(2)).map(|_| self.of(&CODES)).collect()
    }
}

/// The same tree twice.
pub struct World {
    pub endpoints: Endpoints,
    pub model: Model,
}

/// Trees in the making: shared leaves are referred to by key.
struct Maker<'r> {
    random: &'r mut Random,
    model: Model,
    shared: Vec<(usize, EndpointDef)>,
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::new(value, PLACE)
}

fn millis(n: u64) -> Spanned<Duration> {
    spanned(Duration::from_millis(n))
}

fn endpoint(kind: EndpointKind) -> EndpointDef {
    EndpointDef {
        name: None,
        kind,
        on_error: None,
        properties: Vec::new(),
        description: None,
        span: PLACE,
    }
}

fn weight(value: u64) -> PropertyDef {
    PropertyDef {
        name: spanned("loadbalance.weight".to_owned()),
        value: PropertyValue::Literal(spanned(value.to_string())),
        scope: Scope::Default,
        element: Element {
            name: "property".to_owned(),
            namespace: String::new(),
            attributes: Vec::new(),
            children: Vec::new(),
            prefixes: Vec::new(),
            name_span: PLACE,
            span: PLACE,
        },
    }
}

impl World {
    pub fn random(random: &mut Random) -> Self {
        let model = Model {
            nodes: Vec::new(),
            leaves: Vec::new(),
            root: 0,
        };
        let mut maker = Maker {
            random,
            model,
            shared: Vec::new(),
        };
        let depth = maker.random.below(4);
        let (root, def) = maker.node(depth);
        let Maker {
            mut model, shared, ..
        } = maker;
        model.root = root;
        let mut builder = Builder::new(None);
        builder.define(&EndpointDef {
            name: Some(spanned("root".to_owned())),
            ..def
        });
        for (_, def) in &shared {
            builder.define(def);
        }
        let mut problems = Diagnostics::default();
        let (endpoints, _) = builder.finish(&mut problems);
        assert!(problems.list().is_empty(), "{:?}", problems.list());
        Self { endpoints, model }
    }

    pub fn root(&self) -> NodeId {
        self.endpoints.named("root").expect("the root")
    }

    /// The model's number of a leaf, which is its port.
    pub fn leaf_number(&self, id: NodeId) -> usize {
        let leaf = self.endpoints.leaf(id).expect("a leaf");
        match &leaf.target {
            axon::endpoint::tree::Target::Fixed(address) => usize::from(address.target.port) - 1,
            other => panic!("{other:?}"),
        }
    }

    pub fn leaf(&self, number: usize) -> &RealLeaf {
        let ids = (0..self.endpoints.nodes().count() as u32).map(NodeId);
        let id = ids
            .filter(|id| self.endpoints.resolve(*id) == *id && self.endpoints.leaf(*id).is_some())
            .find(|id| self.leaf_number(*id) == number)
            .expect("a leaf of that number");
        self.endpoints.leaf(id).expect("a leaf")
    }

    pub fn switch(&mut self, leaf: usize, on: bool, now: u64) {
        let real = self.leaf(leaf);
        if on {
            real.state.switch_on(Tick(now));
        } else {
            real.state.switch_off(Tick(now));
        }
        self.model.leaves[leaf].switch(on);
    }

    pub fn message(&self, random: &mut Random, number: u64) -> Message {
        let trouble = 1 + random.below(4);
        let fault = |random: &mut Random| {
            (!random.one_in(trouble)).then(|| Fault {
                code: random.of(&CODES),
                may_have_run: random.one_in(3),
                replayable: !random.one_in(12),
            })
        };
        Message {
            number,
            client: (!random.one_in(3)).then(|| format!("c{}", random.below(3))),
            idempotent: random.one_in(2),
            faults: (0..self.model.leaves.len())
                .map(|_| fault(random))
                .collect(),
        }
    }
}

impl Maker<'_> {
    fn node(&mut self, depth: u64) -> (usize, EndpointDef) {
        if depth == 0 || self.random.one_in(4) {
            return self.leaf_or_key();
        }
        let count = 1 + self.random.below(4);
        let mut ids = Vec::new();
        let mut defs = Vec::new();
        for _ in 0..count {
            let (id, def) = self.node(depth - 1);
            // The same key twice among siblings is refused by the configuration.
            if !ids.contains(&id) {
                ids.push(id);
                defs.push(def);
            }
        }
        let limit = self
            .random
            .one_in(5)
            .then(|| 1 + self.random.below(3) as u32);
        let repeat = self.random.of(&[None, None, Some(true), Some(false)]);
        if self.random.one_in(2) {
            self.failover(ids, defs, limit, repeat)
        } else {
            self.balance(ids, defs, limit, repeat)
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.model.nodes.push(node);
        self.model.nodes.len() - 1
    }

    fn failover(
        &mut self,
        ids: Vec<usize>,
        defs: Vec<EndpointDef>,
        limit: Option<u32>,
        repeat: Option<bool>,
    ) -> (usize, EndpointDef) {
        let dynamic = !self.random.one_in(3);
        let def = endpoint(EndpointKind::Failover(FailoverDef {
            children: defs,
            dynamic,
            max_attempts: limit.map(spanned),
            retry_non_idempotent: repeat,
            span: PLACE,
        }));
        let node = self.add(Node::Failover {
            children: ids,
            dynamic,
            current: 0,
            limit,
            repeat,
        });
        (node, def)
    }

    fn balance(
        &mut self,
        ids: Vec<usize>,
        mut defs: Vec<EndpointDef>,
        limit: Option<u32>,
        repeat: Option<bool>,
    ) -> (usize, EndpointDef) {
        let weights: Vec<u64> = ids.iter().map(|_| 1 + self.random.below(4)).collect();
        let (algorithm, order) = match self.random.below(4) {
            0 => (
                "org.apache.synapse.endpoints.algorithms.WeightedRoundRobin",
                {
                    let list = (0..ids.len()).flat_map(|i| vec![i; weights[i] as usize]);
                    Order::Burst(list.collect(), 0)
                },
            ),
            1 => {
                let weights = weights.iter().map(|w| *w as i64).collect();
                (
                    "weightedRoundRobin",
                    Order::Smooth(weights, vec![0; ids.len()]),
                )
            }
            _ => ("roundRobin", Order::Round(0)),
        };
        for (def, w) in defs.iter_mut().zip(&weights) {
            def.properties = vec![weight(*w)];
        }
        let failover = !self.random.one_in(4);
        let session = self.random.one_in(3).then(|| Session {
            timeout: self.random.of(&[None, Some(900), Some(2500)]),
            fixed: self.random.one_in(3),
            rebind: self.random.one_in(3),
            bound: Default::default(),
        });
        let def = endpoint(EndpointKind::LoadBalance(LoadBalanceDef {
            children: LoadBalanceChildren::Endpoints(defs),
            algorithm: Some(spanned(algorithm.to_owned())),
            failover,
            max_attempts: limit.map(spanned),
            retry_non_idempotent: repeat,
            slow_start: None,
            session: session.as_ref().map(|s| SessionDef {
                kind: spanned(SessionKind::SimpleClient),
                timeout: s.timeout.map(millis),
                fixed_expiry: s.fixed,
                rebind: s.rebind,
                forward_unknown: false,
                cookies: Vec::new(),
            }),
            span: PLACE,
        }));
        let node = self.add(Node::Balance {
            children: ids,
            order,
            failover,
            limit,
            repeat,
            session,
        });
        (node, def)
    }

    fn leaf_or_key(&mut self) -> (usize, EndpointDef) {
        if self.random.one_in(4) {
            let wanted = self.random.below(3) as usize;
            while self.shared.len() <= wanted {
                let (id, def) = self.leaf();
                let name = format!("shared{}", self.shared.len());
                self.shared.push((
                    id,
                    EndpointDef {
                        name: Some(spanned(name)),
                        ..def
                    },
                ));
            }
            let key = spanned(format!("shared{wanted}"));
            return (self.shared[wanted].0, endpoint(EndpointKind::Indirect(key)));
        }
        self.leaf()
    }

    fn leaf(&mut self) -> (usize, EndpointDef) {
        let random = &mut *self.random;
        let tolerated = random.below(3) as u32;
        let leaf = Leaf {
            mark: random.codes(),
            suspend: random.codes(),
            disabled: if random.one_in(5) {
                random.codes()
            } else {
                Vec::new()
            },
            tolerated,
            delay: random.of(&[0, 0, 300, 2000]),
            initial: random.of(&[0, 500, 1000, 3000]),
            factor: random.of(&[0.5, 1.0, 2.0, 1.5]),
            maximum: random.of(&[800, 5000, u64::MAX]),
            timeout_fault: random.one_in(2),
            state: "active",
            next: 0,
            left: tolerated,
            last: 0,
        };
        let def = LeafDef {
            timeout: leaf.timeout_fault.then(|| millis(600)),
            timeout_action: leaf.timeout_fault.then(|| spanned(TimeoutAction::Fault)),
            suspend_codes: leaf.suspend.clone(),
            suspend_initial: Some(millis(leaf.initial)),
            suspend_factor: Some(spanned(leaf.factor)),
            suspend_maximum: Some(millis(leaf.maximum)),
            mark_codes: leaf.mark.clone(),
            mark_retries: Some(spanned(leaf.tolerated)),
            mark_delay: Some(millis(leaf.delay)),
            retry_disabled: leaf.disabled.clone(),
            ..LeafDef::default()
        };
        self.model.leaves.push(leaf);
        let port = self.model.leaves.len();
        let def = endpoint(EndpointKind::Address(AddressDef {
            uri: spanned(format!("http://h:{port}/svc")),
            leaf: def,
        }));
        let number = port - 1;
        (self.add(Node::Leaf(number)), def)
    }
}
