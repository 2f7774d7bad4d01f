//! Algorithms as a message meets them: load, slow start, hashes (spec/endpoints.md 13).

use super::*;
use crate::endpoint::algorithm::{Random, hash_of};
use std::collections::BTreeMap;

fn group(algorithm: &str, hosts: &[&str]) -> LoadBalanceDef {
    LoadBalanceDef {
        algorithm: Some(spanned(algorithm.to_owned())),
        ..balance_def(
            hosts
                .iter()
                .map(|h| address_with(h, suspend_ms(1000)))
                .collect(),
        )
    }
}

/// Where messages with those keys go, by chance of their own.
fn shares(
    world: &mut World,
    messages: u64,
    key: impl Fn(u64) -> Option<u64>,
) -> BTreeMap<String, u64> {
    let e = world.built.endpoints.named("e").unwrap();
    let mut seeds = Random::new(23);
    let mut shares = BTreeMap::new();
    for n in 0..messages {
        world.seed = seeds.number();
        let keys: Vec<_> = key(n).map(|key| (e, key)).into_iter().collect();
        let met = world.send(Facts {
            keys: &keys,
            ..Facts::default()
        });
        *shares.entry(met.hosts.last().unwrap().clone()).or_insert(0) += 1;
    }
    shares
}

/// Child `a` fails at 0 and is answered again at 1000.
fn recovered(def: EndpointDef) -> World {
    let mut world = World::new(def);
    world.kill("a");
    while world.hosts() == "b" {
        world.seed += 1;
    }
    world.down.clear();
    world.now = Tick(1000);
    while world.hosts() != "a" {
        world.seed += 1;
    }
    world
}

#[test]
fn a_child_that_is_back_starts_slowly_and_gets_all_in_the_end() {
    for algorithm in ["roundRobin", "weightedRoundRobin", "random"] {
        let mut world = recovered(balance_from(LoadBalanceDef {
            slow_start: Some(spanned(ms(10_000))),
            ..group(algorithm, &["a", "b"])
        }));
        // Half of its turns after half of the time: a third of all messages.
        world.now = Tick(6000);
        let half = shares(&mut world, 6000, |_| None)["a"];
        assert!(half.abs_diff(2000) < 250, "{algorithm}: {half}");
        world.now = Tick(11_000);
        let all = shares(&mut world, 6000, |_| None)["a"];
        assert!(all.abs_diff(3000) < 200, "{algorithm}: {all}");
    }
}

#[test]
fn a_child_in_its_slow_start_is_better_than_none() {
    let mut world = recovered(balance_from(LoadBalanceDef {
        slow_start: Some(spanned(ms(10_000))),
        ..group("roundRobin", &["a", "b"])
    }));
    world.kill("b");
    assert_eq!(shares(&mut world, 100, |_| None)["a"], 100);
}

#[test]
fn a_leaf_may_have_a_slow_start_of_its_own() {
    let slow = LeafDef {
        slow_start: Some(spanned(ms(10_000))),
        ..suspend_ms(1000)
    };
    let children = vec![address_with("a", slow), address_with("b", suspend_ms(1000))];
    let mut world = recovered(balance(children));
    world.now = Tick(2000);
    let share = shares(&mut world, 6000, |_| None)["a"];
    assert!(share.abs_diff(545) < 150, "a tenth of its turns: {share}");
}

#[test]
fn a_hash_keeps_its_child_and_only_the_keys_of_one_that_is_down_move() {
    let key = |n: u64| Some(hash_of(format!("client {n}").as_bytes()));
    let mut world = World::new(balance_from(group("sourceHash", &["a", "b", "c"])));
    let before: Vec<_> = (0..6000)
        .map(|n| shares(&mut world, 1, |_| key(n)))
        .collect();
    let all = shares(&mut world, 6000, key);
    assert!(all.values().all(|n| n.abs_diff(2000) < 200), "{all:?}");
    world.kill("b");
    for (n, before) in (0..).zip(&before) {
        let after = shares(&mut world, 1, |_| key(n));
        assert!(before.contains_key("b") || after == *before);
    }
}

#[test]
fn a_message_that_failed_goes_to_the_second_of_its_key() {
    let mut world = World::new(balance_from(group("uriHash", &["a", "b", "c"])));
    let key = hash_of(b"/orders/17");
    let first = shares(&mut world, 1, |_| Some(key))
        .into_keys()
        .next()
        .unwrap();
    world.kill(["a", "b", "c"].into_iter().find(|h| *h == first).unwrap());
    let e = world.built.endpoints.named("e").unwrap();
    let met = world.send(Facts {
        keys: &[(e, key)],
        ..Facts::default()
    });
    assert_eq!(met.hosts.len(), 2);
    assert_eq!(met.hosts[0], first);
}

#[test]
fn work_in_flight_is_counted_until_it_is_let_go() {
    let world = World::new(balance_from(group("leastConnections", &["a", "b"])));
    let busy = |host: &str| {
        let nodes = world.built.endpoints.nodes();
        let found = nodes
            .map(|(id, _)| id)
            .find(|id| world.built.endpoints.leaf(*id).is_some() && world.host(*id) == host);
        let leaf = world.built.endpoints.leaf(found.unwrap()).unwrap();
        leaf.load.as_ref().unwrap().busy.one()
    };
    let held = busy("a");
    assert_eq!(world.burst(3), "b b b");
    drop(held);
    let _held = [busy("b"), busy("b")];
    assert_eq!(world.burst(3), "a a a");
}

#[test]
fn only_leaves_whose_group_goes_by_load_are_measured() {
    let plain = World::new(balance(vec![address("a"), address("b")]));
    let nested = failover(vec![address("c"), address("d")]);
    let by_load = World::new(balance_from(LoadBalanceDef {
        algorithm: Some(spanned("p2c".to_owned())),
        ..balance_def(vec![nested, address("b")])
    }));
    let measured = |world: &World| {
        let nodes = world.built.endpoints.nodes();
        let leaves = nodes.filter_map(|(_, node)| match &node.kind {
            NodeKind::Leaf(leaf) => Some(leaf.load.is_some()),
            _ => None,
        });
        leaves.filter(|measured| *measured).count()
    };
    assert_eq!((measured(&plain), measured(&by_load)), (0, 3));
}

#[test]
fn what_an_algorithm_needs_is_asked_for_with_its_place() {
    let codes = |def: EndpointDef| build(None, &[named("e", def)]).codes;
    use crate::codes::DiagnosticCode::{BadValue, BadWeight};
    // A weight for each child, and no groups among them.
    let rrlc = |children| {
        codes(balance_from(LoadBalanceDef {
            algorithm: Some(spanned("weightedRRLC".to_owned())),
            ..balance_def(children)
        }))
    };
    let weighing = |def: EndpointDef, name: &str, weight: &str| EndpointDef {
        properties: vec![property("loadbalance.weight", "3"), property(name, weight)],
        ..def
    };
    assert_eq!(rrlc(vec![address("a")]), [BadWeight]);
    let group = weighing(failover(vec![address("a")]), "x", "1");
    assert_eq!(rrlc(vec![group]), [BadValue]);
    let min = |weight| {
        rrlc(vec![weighing(
            address("a"),
            "loadbalance.weight.min",
            weight,
        )])
    };
    assert_eq!(min("0"), []);
    assert_eq!(min("x"), [BadWeight]);
    assert_eq!(min("6"), [BadWeight], "above the largest");
    // The name of what is hashed.
    assert_eq!(
        codes(balance_from(self::group("headerHash", &["a"]))),
        [BadValue]
    );
    let with_header = EndpointDef {
        properties: vec![property("loadbalance.hash.header", "X-User")],
        ..balance_from(self::group("headerHash", &["a"]))
    };
    assert_eq!(codes(with_header), []);
}
