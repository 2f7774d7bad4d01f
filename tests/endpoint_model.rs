//! The endpoint core against a small model that is written another way: plain structs, recursion, no epochs, no cells.
//!
//! Random trees, random settings, random faults; every seed is printed when something differs. Run one seed alone with
//! `AXON_MODEL_SEED=n cargo test --test endpoint_model`.

#![allow(
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

#[path = "endpoint_model/explained.rs"]
mod explained;
#[path = "endpoint_model/model.rs"]
mod model;
#[path = "endpoint_model/wide.rs"]
mod wide;
#[path = "endpoint_model/world.rs"]
mod world;

use axon::codes::ErrorCode;
use axon::endpoint::tree::NodeKind;
use axon::endpoint::{Facts, NodeId, ResponseFacts, Retry, Step, Walk};
use axon::util::clock::Tick;
use model::{Fault, LeafState, Message};
use world::{Random, World};

const TREES: u64 = 10_000;
const MESSAGES: u64 = 14;

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("AXON_MODEL_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("AXON_MODEL_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..TREES,
    }
}

/// Sends one message through the real core; the leaves tried and the code of the failure.
fn send(world: &World, message: &Message, now: u64) -> (Vec<usize>, Option<i32>) {
    let facts = Facts {
        client_id: message.client.as_deref(),
        retry_non_idempotent: true,
        ..Facts::default()
    };
    let mut walk = Walk::start(&world.endpoints, world.root(), facts, message.number);
    let mut tried = Vec::new();
    loop {
        match walk.next(Tick(now)) {
            Step::Copies(_) => unreachable!("there are no lists in this world"),
            Step::Fail(failure) => return (tried, Some(failure.code.0)),
            Step::Try(attempt) => {
                let leaf = world.leaf_number(attempt.leaf);
                tried.push(leaf);
                match message.faults[leaf] {
                    None => {
                        walk.succeeded(&ResponseFacts::default(), Tick(now));
                        let after = walk.next(Tick(now));
                        assert!(matches!(after, Step::Fail(_)), "answered twice");
                        return (tried, None);
                    }
                    Some(fault) => {
                        let retry = Retry {
                            may_have_run: fault.may_have_run,
                            replayable: fault.replayable,
                            idempotent: message.idempotent,
                        };
                        walk.failed(ErrorCode(fault.code), None, retry, Tick(now));
                    }
                }
            }
        }
    }
}

#[test]
fn ten_thousand_random_trees_behave_as_the_model_says() {
    for seed in seeds() {
        let mut random = Random::new(seed);
        let mut world = World::random(&mut random);
        let mut now = 1;
        for number in 0..MESSAGES {
            now += random.below(1500);
            if random.one_in(12) {
                let leaf = random.below(world.model.leaves.len() as u64) as usize;
                let on = random.one_in(2);
                world.switch(leaf, on, now);
            }
            let message = world.message(&mut random, number);
            let ready: Vec<bool> = (0..world.model.leaves.len())
                .map(|leaf| world.model.leaves[leaf].ready(now))
                .collect();
            let expected = world.model.send(&message, now);
            let (tried, code) = send(&world, &message, now);

            let place = format!(
                "seed {seed}, message {number} at {now}: {message:?}\n{}",
                world.model.describe()
            );
            assert_eq!((&tried, code), (&expected.tried, expected.code), "{place}");
            for (i, leaf) in tried.iter().enumerate() {
                assert!(!tried[..i].contains(leaf), "asked twice: {place}");
                assert!(ready[*leaf], "asked while suspended or off: {place}");
            }
            for (number, leaf) in world.model.leaves.iter().enumerate() {
                let snapshot = world.leaf(number).state.snapshot();
                let real = LeafState {
                    state: snapshot.state.name(),
                    next: if leaf.waits() {
                        snapshot.next_retry.0
                    } else {
                        0
                    },
                    last: snapshot.last_suspension.as_millis() as u64,
                };
                assert_eq!(real, leaf.state(), "leaf {number}, {place}");
            }
        }
    }
}

/// Several messages under way at once, finishing in any order: what holds for each of them whatever the others do.
#[test]
fn overlapping_messages_never_break_the_rules() {
    for seed in seeds().step_by(10) {
        let mut random = Random::new(seed ^ 0x5eed);
        let world = World::random(&mut random);
        let mut now = 1;
        let messages: Vec<Message> = (0..12).map(|n| world.message(&mut random, n)).collect();
        let mut running: Vec<(Walk<'_, '_>, &Message, Vec<NodeId>)> = messages
            .iter()
            .map(|message| {
                let facts = Facts {
                    client_id: message.client.as_deref(),
                    ..Facts::default()
                };
                let walk = Walk::start(&world.endpoints, world.root(), facts, message.number);
                (walk, message, Vec::new())
            })
            .collect();
        let mut trying = vec![false; running.len()];
        let mut probes: Vec<(usize, NodeId)> = Vec::new();
        while !running.is_empty() {
            now += random.below(400);
            let at = random.below(running.len() as u64) as usize;
            let (walk, message, tried) = &mut running[at];
            let number = message.number as usize;
            if !trying[number] {
                match walk.next(Tick(now)) {
                    Step::Copies(_) => unreachable!("there are no lists in this world"),
                    Step::Fail(_) => drop(running.swap_remove(at)),
                    Step::Try(attempt) => {
                        assert!(!tried.contains(&attempt.leaf), "seed {seed}: asked twice");
                        tried.push(attempt.leaf);
                        if attempt.admission.is_probe() {
                            let other = probes.iter().any(|(_, leaf)| *leaf == attempt.leaf);
                            assert!(!other, "seed {seed}: two probes at once");
                            probes.push((number, attempt.leaf));
                        } else {
                            let leaf = world.endpoints.leaf(attempt.leaf).expect("a leaf");
                            let snapshot = leaf.state.snapshot();
                            let ready = match snapshot.state.name() {
                                "active" => true,
                                "timeout" => snapshot.next_retry.0 <= now,
                                // Only a suspension of no length admits without a probe.
                                "suspended" => snapshot.last_suspension.is_zero(),
                                _ => false,
                            };
                            assert!(ready, "seed {seed}: asked in {snapshot:?}");
                        }
                        trying[number] = true;
                    }
                }
                continue;
            }
            let leaf = *tried.last().expect("a try is running");
            probes.retain(|(n, _)| *n != number);
            trying[number] = false;
            match message.faults[world.leaf_number(leaf)] {
                _ if random.one_in(10) => drop(running.swap_remove(at)),
                None => {
                    walk.succeeded(&ResponseFacts::default(), Tick(now));
                    assert!(matches!(walk.next(Tick(now)), Step::Fail(_)));
                    drop(running.swap_remove(at));
                }
                Some(Fault { code, .. }) => {
                    let retry = Retry {
                        may_have_run: false,
                        replayable: true,
                        idempotent: true,
                    };
                    walk.failed(ErrorCode(code), None, retry, Tick(now));
                }
            }
        }
        for (_, node) in world.endpoints.nodes() {
            if let NodeKind::Leaf(leaf) = &node.kind {
                let in_flight = leaf
                    .stats
                    .in_flight
                    .load(std::sync::atomic::Ordering::Relaxed);
                assert_eq!(in_flight, 0, "seed {seed}");
                leaf.state.switch_off(Tick(now));
                leaf.state.switch_on(Tick(now));
                assert!(leaf.state.admit(Tick(now)).is_some());
            }
        }
    }
}
