//! An explanation says where the next message goes: the same tree, the same state, the same request, through the sender
//! itself on a copy of the tree, and then for real.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use axon::codes::ErrorCode;
use axon::config::model::Scope;
use axon::config::source::Span;
use axon::endpoint::allow::AllowList;
use axon::endpoint::dispatch::{
    Dispatch, EventSink, NoCopies, PropertyValues, Rehearsal, SendPolicy, Tried,
};
use axon::endpoint::state::Transition;
use axon::endpoint::walk::{Decision, Failure, SessionEffect};
use axon::endpoint::{Facts, NodeId, ResponseFacts, Retry, Step, Walk};
use axon::exchange::{Arrival, Body, Exchange};
use axon::observe::{RequestId, RequestIds};
use axon::transport::head::RequestHead;
use axon::transport::http1::parse;
use axon::transport::limits::Limits;
use axon::transport::upstream::{Stage, TryError};
use axon::transport::worker::Worker;
use axon::util::clock::Tick;

use crate::model::{Fault, Message};
use crate::world::{Random, World};

const TREES: u64 = 1_000;

/// Where a message went: the leaves tried, what was decided, the code of the failure.
#[derive(Debug, PartialEq)]
struct Way {
    tried: Vec<usize>,
    decisions: Vec<Decision>,
    code: Option<i32>,
}

fn stage(fault: &Fault) -> Stage {
    if fault.may_have_run {
        Stage::Sent
    } else {
        Stage::Connect
    }
}

/// The message through the walk, as the sender would report it.
fn really(world: &World, message: &Message, now: u64) -> Way {
    let facts = Facts {
        client_id: message.client.as_deref(),
        retry_non_idempotent: true,
        ..Facts::default()
    };
    let mut walk = Walk::start(&world.endpoints, world.root(), facts, message.number);
    let mut tried = Vec::new();
    let mut decisions = Vec::new();
    loop {
        let step = walk.next(Tick(now));
        let this = match step {
            Step::Copies(_) => unreachable!("there are no lists in this world"),
            Step::Fail(failure) => {
                return Way {
                    tried,
                    decisions: walk.decisions().to_vec(),
                    code: Some(failure.code.0),
                };
            }
            Step::Try(this) => this,
        };
        let leaf = world.leaf_number(this.leaf);
        tried.push(leaf);
        decisions.clear();
        decisions.extend_from_slice(walk.decisions());
        let Some(fault) = &message.faults[leaf] else {
            walk.succeeded(&ResponseFacts::default(), Tick(now));
            return Way {
                tried,
                decisions,
                code: None,
            };
        };
        let code = ErrorCode(fault.code);
        let timeout = world
            .endpoints
            .leaf(this.leaf)
            .and_then(|leaf| leaf.timeout);
        let silent = code == ErrorCode::RESPONSE_TIMEOUT && timeout.is_none();
        let retry = Retry {
            may_have_run: stage(fault) > Stage::Head,
            replayable: message.idempotent || !silent,
            idempotent: message.idempotent,
        };
        let added = ErrorCode(code.0 + stage(fault).protocol_state());
        walk.failed(code, Some(added), retry, Tick(now));
    }
}

/// Gives each try the fault of the message, and keeps what was tried.
struct Script<'s> {
    world: &'s World,
    message: &'s Message,
    tried: RefCell<Vec<usize>>,
    decisions: RefCell<Vec<Decision>>,
}

impl Rehearsal for Script<'_> {
    fn result(&self, tried: &Tried<'_>) -> Result<(), TryError> {
        let leaf = self.world.leaf_number(tried.leaf);
        assert!(tried.head.starts_with(b"P"), "a request is written");
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
fn explained(world: &World, message: &Message, now: u64) -> Way {
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
        "{method} / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
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
    };
    let mut x = Exchange::new(arrival, Tick(now), head, Body::Whole(body.into()));
    let copy = world.endpoints.fork();
    let script = Script {
        world,
        message,
        tried: RefCell::default(),
        decisions: RefCell::default(),
    };
    let policy = SendPolicy {
        retry_non_idempotent: true,
        allowed: AllowList::for_network(true, Vec::new()),
        relabel_answers: false,
    };
    let worker = Worker::standing(limits, 1, Tick(now));
    let id = RequestIds::with_prefix(0).next(None, None);
    let (tokens, _) = axon::endpoint::dispatch::auth::TokenFetches::channel(1);
    let dispatch = Dispatch {
        worker: &worker,
        endpoints: &copy,
        properties: &script,
        policy: &policy,
        copies: &NoCopies,
        events: &script,
        request: &id,
        hash_sessions: false,
        rehearsal: Some(&script),
        tokens: &tokens,
    };
    {
        let mut sent = pin!(dispatch.send(&mut x, world.root()));
        let mut context = Context::from_waker(Waker::noop());
        let done = sent.as_mut().poll(&mut context);
        assert!(done.is_ready(), "an explanation waits for nothing");
    }
    Way {
        tried: script.tried.into_inner(),
        decisions: script.decisions.into_inner(),
        code: x.trail.failure.map(|code| code.0),
    }
}

/// Everything that a message could change.
fn picture(world: &World) -> Vec<String> {
    world
        .endpoints
        .nodes()
        .map(|(id, node)| {
            let leaf = world.endpoints.leaf(id);
            let state = leaf.map(|leaf| (leaf.state.snapshot(), leaf.stats.error_count()));
            let view = world.endpoints.view(id, Tick(0));
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
