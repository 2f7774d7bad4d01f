//! References that a message resolves: state, failover and circles behind them (spec/endpoints.md 5).

use super::*;

/// The pairs of a message whose `key-expression` nodes all mean that name.
fn pairs(endpoints: &Endpoints, name: &str) -> Vec<(NodeId, NodeId)> {
    let to = endpoints.named(name).unwrap();
    endpoints
        .nodes()
        .filter(|(_, node)| matches!(node.kind, NodeKind::Resolving(_)))
        .map(|(id, _)| (id, to))
        .collect()
}

fn send(world: &World, name: &str) -> Met {
    let pairs = pairs(&world.built.endpoints, name);
    world.send(Facts {
        resolved: &pairs,
        ..Facts::default()
    })
}

#[test]
fn a_message_goes_where_its_key_leads_and_the_state_is_that_endpoints() {
    let mut world = World::of(&[
        named("e", resolving()),
        named("a", address("a")),
        named("b", address("b")),
    ]);
    assert_eq!(send(&world, "b").hosts, ["b"]);
    world.kill("a");
    assert_eq!(send(&world, "a").failure, Some((101503, 101503)));
    assert_eq!(send(&world, "a").failure, Some((303001, 303001)));
    assert_eq!(send(&world, "b").hosts, ["b"]);
    // A key that names nothing.
    assert_eq!(world.failure(), (305100, 305100));
}

#[test]
fn a_group_goes_on_behind_a_key_and_passes_over_one_that_names_nothing() {
    let group = failover(vec![resolving(), address("c")]);
    let mut world = World::of(&[named("e", group), named("a", address("a"))]);
    world.kill("a");
    assert_eq!(send(&world, "a").hosts, ["a", "c"]);
    assert_eq!(send(&world, "a").hosts, ["c"], "suspended");
    assert_eq!(world.hosts(), "c");
}

#[test]
fn a_group_behind_a_key_is_a_group() {
    let group = failover(["a", "b"].map(address).to_vec());
    let mut world = World::of(&[named("e", resolving()), named("g", group)]);
    world.kill("a");
    assert_eq!(send(&world, "g").hosts, ["a", "b"]);
    let pairs = pairs(&world.built.endpoints, "g");
    let mut walk = world.walk(Facts {
        resolved: &pairs,
        ..Facts::default()
    });
    let Step::Try(_) = walk.next(Tick(0)) else {
        panic!("b is ready");
    };
    let endpoints = &world.built.endpoints;
    let passed: Vec<&str> = walk.passed().map(|id| &*endpoints.node(id).path).collect();
    assert_eq!(passed, ["e", "g", "g/#1"]);
}

#[test]
fn a_key_that_leads_back_is_passed_over_and_ends() {
    let group = balance(vec![resolving(), failover(vec![resolving(), resolving()])]);
    let mut world = World::new(group.clone());
    assert_eq!(send(&world, "e").failure, Some((303000, 303000)));
    world = World::of(&[named("e", resolving())]);
    assert_eq!(send(&world, "e").failure, Some((305100, 305100)));
    let EndpointKind::LoadBalance(mut def) = group.kind else {
        unreachable!("a load balance");
    };
    let LoadBalanceChildren::Endpoints(children) = &mut def.children else {
        unreachable!("endpoints");
    };
    children.push(address("a"));
    world = World::new(endpoint(EndpointKind::LoadBalance(def)));
    assert_eq!(send(&world, "e").hosts, ["a"]);
}
