//! An explanation says where the next message goes: the same tree, the same state, the same request, through the sender
//! itself on a copy of the tree, and then for real.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axon::codes::ErrorCode;
use axon::config::model::Scope;
use axon::config::source::Span;
use axon::endpoint::allow::AllowList;
use axon::endpoint::dispatch::{
    CopySender, Dispatch, EventSink, Outbound, PropertyValues, Recipient, Rehearsal, SendPolicy,
    Tried,
};
use axon::endpoint::state::Transition;
use axon::endpoint::walk::{Decision, Failure, SessionEffect};
use axon::endpoint::{Endpoints, Facts, NodeId, ResponseFacts, Retry, Step, Walk};
use axon::exchange::{Arrival, Body, CopyReport, Exchange};
use axon::observe::{RequestId, RequestIds};
use axon::transport::head::RequestHead;
use axon::transport::http1::parse;
use axon::transport::limits::Limits;
use axon::transport::upstream::{Stage, TryError};
use axon::transport::worker::Worker;
use axon::util::clock::Tick;

use crate::model::{Fault, Message};
use crate::wide::{self, Wide};
use crate::world::{Random, World};

const TREES: u64 = 1_000;

/// Where a message went: the leaves tried, what was decided, the code of the failure, who got copies.
#[derive(Debug, PartialEq)]
struct Way {
    tried: Vec<usize>,
    decisions: Vec<Decision>,
    code: Option<i32>,
    copies: Vec<NodeId>,
}

/// A tree whose leaves have numbers.
trait Numbered {
    fn endpoints(&self) -> &Endpoints;
    fn root(&self) -> NodeId;
    fn number(&self, leaf: NodeId) -> usize;
}

impl Numbered for World {
    fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
    fn root(&self) -> NodeId {
        World::root(self)
    }
    fn number(&self, leaf: NodeId) -> usize {
        self.leaf_number(leaf)
    }
}

impl Numbered for Wide {
    fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
    fn root(&self) -> NodeId {
        self.endpoints.named("root").expect("the root")
    }
    fn number(&self, leaf: NodeId) -> usize {
        self.leaf_number(leaf)
    }
}

/// The worker that a message is thought through with: its chance is the message's number.
fn standing(message: &Message, now: u64) -> Worker {
    Worker::standing(Limits::default(), message.number + 1, Tick(now))
}

fn stage(fault: &Fault) -> Stage {
    if fault.may_have_run {
        Stage::Sent
    } else {
        Stage::Connect
    }
}

/// The message through the walk, as the sender would report it.
fn really(world: &dyn Numbered, message: &Message, now: u64) -> Way {
    let endpoints = world.endpoints();
    let keys = wide::keys(endpoints, world.root(), message);
    let facts = Facts {
        client_id: message.client.as_deref(),
        retry_non_idempotent: true,
        keys: &keys,
        ..Facts::default()
    };
    let seed = standing(message, now).random();
    let mut walk = Walk::start(endpoints, world.root(), facts, seed);
    let mut way = Way {
        tried: Vec::new(),
        decisions: Vec::new(),
        code: None,
        copies: Vec::new(),
    };
    loop {
        let this = match walk.next(Tick(now)) {
            Step::Copies(list) => {
                way.copies = walk.recipients(list, Tick(now));
                if way.copies.is_empty() {
                    way.code = Some(ErrorCode::NO_READY_CHILD.0);
                }
                return way;
            }
            Step::Fail(failure) => {
                way.decisions = walk.decisions().to_vec();
                way.code = Some(failure.code.0);
                return way;
            }
            Step::Try(this) => this,
        };
        let leaf = endpoints.leaf(this.leaf).expect("a leaf");
        let number = world.number(this.leaf);
        let gate = leaf.gate.as_ref().and_then(|gate| gate.refuses_now());
        let left_out = gate.is_none()
            && leaf.authorities.as_ref().is_some_and(|authorities| {
                let state = authorities.state(&wide::back_end(number), Tick(now));
                !walk.found(state, Tick(now))
            });
        let (code, stage) = if gate.is_some() {
            (ErrorCode::OVERLOADED, Stage::Connect)
        } else if left_out {
            (ErrorCode::NOT_READY, Stage::Connect)
        } else {
            way.tried.push(number);
            way.decisions = walk.decisions().to_vec();
            let Some(fault) = &message.faults[number] else {
                walk.succeeded(&ResponseFacts::default(), Tick(now));
                return way;
            };
            (ErrorCode(fault.code), stage(fault))
        };
        let silent = code == ErrorCode::RESPONSE_TIMEOUT && leaf.timeout.is_none();
        let retry = Retry {
            may_have_run: stage > Stage::Head,
            replayable: message.idempotent || !silent,
            idempotent: message.idempotent,
        };
        let added = ErrorCode(code.0 + stage.protocol_state());
        walk.failed(code, Some(added), retry, Tick(now));
    }
}

/// Gives each try the fault of the message, and keeps what was tried.
struct Script<'s> {
    world: &'s dyn Numbered,
    message: &'s Message,
    tried: RefCell<Vec<usize>>,
    decisions: RefCell<Vec<Decision>>,
    copies: RefCell<Vec<NodeId>>,
}

impl CopySender for Script<'_> {
    fn send_all(&self, copies: Vec<Outbound>, _: CopyReport) -> bool {
        let to = copies.iter().map(|copy| match &copy.to {
            Recipient::Child(id) => *id,
            Recipient::Address(..) => unreachable!("no list of this world computes addresses"),
        });
        self.copies.borrow_mut().extend(to);
        true
    }
}

impl Rehearsal for Script<'_> {
    fn result(&self, tried: &Tried<'_>) -> Result<(), TryError> {
        let leaf = self.world.number(tried.leaf);
        assert!(tried.head.ends_with(b"\r\n\r\n"), "a request is written");
        self.tried.borrow_mut().push(leaf);
        *self.decisions.borrow_mut() = tried.decisions.to_vec();
        match &self.message.faults[leaf] {
            None => Ok(()),
            Some(fault) => Err(TryError::Failed {
                code: ErrorCode(fault.code),
                stage: stage(fault),
                text: String::new(),
            }),
        }
    }

    fn answered(&self, _: SessionEffect, _: u64) {}

    fn would_wait(&self, _: Duration) {}
}

impl EventSink for Script<'_> {
    fn state_changed(&self, _: &str, _: &Transition, _: &RequestId, _: Option<&str>) {}

    fn left_alone(&self, _: NodeId, _: ErrorCode, _: &RequestId, _: &str) {}

    fn gave_up(&self, _: NodeId, _: &Failure, decisions: &[Decision], _: &RequestId, _: &str) {
        *self.decisions.borrow_mut() = decisions.to_vec();
    }

    fn failed_over(&self, _: &str, _: Span, _: &str, _: ErrorCode, _: &RequestId) {}

    fn repeated(&self, _: &str, _: ErrorCode, _: &RequestId) {}
}

impl PropertyValues for Script<'_> {
    fn values(&self, _: NodeId, _: &Exchange) -> Vec<(Scope, String, String)> {
        Vec::new()
    }
}

/// The message through the sender, on a copy of the tree.
fn explained(world: &dyn Numbered, message: &Message, now: u64) -> Way {
    let header = message.client.as_ref().map_or(String::new(), |id| {
        format!(
            "<e:Header><s:ClientID xmlns:s=\"http://ws.apache.org/ns/synapse\">{id}</s:ClientID></e:Header>"
        )
    });
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}<e:Body/></e:Envelope>"
    );
    let method = if message.idempotent { "PUT" } else { "POST" };
    let raw = format!(
        "{method} / HTTP/1.1\r\nHost: h\r\n{}: {}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        wide::HASHED,
        message.number,
        body.len()
    );
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let parsed = parse::request(raw.as_bytes(), limits.head, &mut head).expect("a request");
    assert!(parsed.is_some());
    let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
    let arrival = Arrival {
        peer: nobody,
        local: nobody,
        https: false,
        inside: false,
    };
    let mut x = Exchange::new(arrival, Tick(now), head, Body::Whole(body.into()));
    wide::prepare(&mut x);
    let copy = world.endpoints().fork();
    let script = Script {
        world,
        message,
        tried: RefCell::default(),
        decisions: RefCell::default(),
        copies: RefCell::default(),
    };
    let policy = SendPolicy {
        get_form: false,
        retry_non_idempotent: true,
        allowed: AllowList::for_network(true, Vec::new()),
        relabel_answers: false,
    };
    let worker = standing(message, now);
    let id = RequestIds::with_prefix(0).next(None, None);
    let (tokens, _) = axon::endpoint::dispatch::auth::TokenFetches::channel(1);
    let dispatch = Dispatch {
        worker: &worker,
        endpoints: &copy,
        properties: &script,
        policy: &policy,
        copies: &script,
        events: &script,
        request: &id,
        hash_sessions: false,
        rehearsal: Some(&script),
        tokens: &tokens,
    };
    let result = {
        let mut sent = pin!(dispatch.send(&mut x, world.root()));
        let mut context = Context::from_waker(Waker::noop());
        match sent.as_mut().poll(&mut context) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("an explanation waits for nothing"),
        }
    };
    let code = x.trail.failure.or(result.err().map(|fault| fault.code));
    Way {
        tried: script.tried.into_inner(),
        decisions: script.decisions.into_inner(),
        code: code.map(|code| code.0),
        copies: script.copies.into_inner(),
    }
}

/// Everything that a message could change.
fn picture(world: &dyn Numbered) -> Vec<String> {
    let endpoints = world.endpoints();
    endpoints
        .nodes()
        .map(|(id, node)| {
            let leaf = endpoints.leaf(id);
            let state = leaf.map(|leaf| {
                let load = leaf.load.as_ref();
                let load = load.map(|load| (load.busy.now(), load.latency.micros(Tick(0))));
                (leaf.state.snapshot(), leaf.stats.error_count(), load)
            });
            let view = endpoints.view(id, Tick(0));
            let counts = (
                view.requests,
                view.successes,
                view.in_flight,
                view.failovers,
            );
            format!(
                "{} {state:?} {counts:?} {:?} {:?}",
                node.path, view.sessions, view.current
            )
        })
        .collect()
}

#[test]
fn explanations_go_where_the_message_then_goes() {
    for seed in 0..TREES {
        let mut random = Random::new(seed ^ 0xe7_91a1);
        let world = World::random(&mut random);
        let mut now = 1;
        for number in 0..10 {
            now += random.below(1500);
            let mut message = world.message(&mut random, number);
            for fault in message.faults.iter_mut().flatten() {
                // The body of an explained message is there as a whole.
                fault.replayable = true;
            }
            let before = picture(&world);
            let said = explained(&world, &message, now);
            assert_eq!(picture(&world), before, "seed {seed}: it changed something");
            let done = really(&world, &message, now);
            assert_eq!(said, done, "seed {seed}, message {number}: {message:?}");
        }
    }
}

/// The same with every kind, algorithm and limit of the language.
#[test]
fn explanations_go_where_the_message_then_goes_whatever_the_kinds() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..TREES {
        let mut random = Random::new(seed ^ 0x51de);
        let mut world = Wide::random(&mut random);
        let mut now = 1;
        for number in 0..10 {
            now += random.below(1500);
            world.disturb(&mut random, now);
            let message = world.message(&mut random, number);
            let before = picture(&world);
            let said = explained(&world, &message, now);
            assert_eq!(picture(&world), before, "seed {seed}: it changed something");
            let done = really(&world, &message, now);
            let place = format!("seed {seed}, message {number}: {message:?}\n{}", world.text);
            assert_eq!(said, done, "{place}");
            seen.extend(
                wide::KINDS
                    .iter()
                    .filter(|kind| world.text.contains(**kind)),
            );
            let copied = (!said.copies.is_empty()).then_some("copied");
            let refused = (said.code == Some(ErrorCode::OVERLOADED.0)).then_some("overloaded");
            let moved = (said.tried.len() > 1 && said.code.is_none()).then_some("moved on");
            seen.extend([copied, refused, moved].into_iter().flatten());
        }
    }
    let all = wide::KINDS
        .iter()
        .chain(&["copied", "overloaded", "moved on"]);
    let missing: Vec<_> = all.filter(|kind| !seen.contains(**kind)).collect();
    assert!(missing.is_empty(), "nobody met {missing:?}");
}
