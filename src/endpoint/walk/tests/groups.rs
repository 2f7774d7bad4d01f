//! Leaves, failover and load balance; orders as recorded from a real Synapse and in spec/endpoints.md 22.

use super::*;

#[test]
fn t_a_a_single_address_that_is_not_ready_fails_with_303001() {
    let mut world = World::new(address("a"));
    world.kill("a");
    assert_eq!(world.failure(), (101503, 101503));
    world.now = Tick(10_000);
    assert_eq!(world.failure(), (303001, 303001));
    world.down.clear();
    world.now = Tick(30_001);
    assert_eq!(world.burst(1), "a");
}

#[test]
fn the_failure_says_which_endpoint_in_which_state() {
    let mut world = World::new(address("a"));
    world.kill("a");
    world.failure();
    let mut walk = world.walk(Facts::default());
    let Step::Fail(failure) = walk.next(Tick(10_000)) else {
        panic!("suspended");
    };
    let text = failure.message(&world.built.endpoints, Tick(10_000));
    assert_eq!(text, "endpoint e is not ready: suspended, 20000 ms left");
}

#[test]
fn t_f_failover_dynamic_returns_to_the_first() {
    let children = ["a", "b", "c"].map(address).to_vec();
    let mut world = World::new(failover(children));
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.now = Tick(29_999);
    assert_eq!(world.hosts(), "b");
    world.now = Tick(30_000);
    assert_eq!(world.hosts(), "a b", "tried again, still dead");
    world.now = Tick(59_999);
    assert_eq!(world.hosts(), "b");
    world.down.clear();
    world.now = Tick(60_000);
    assert_eq!(world.hosts(), "a");
    let id = world.built.endpoints.named("e").unwrap();
    let group = world.built.endpoints.node(id).group().unwrap();
    assert_eq!(group.stats.failovers.load(Ordering::Relaxed), 2);
}

#[test]
fn t_f_failover_that_is_not_dynamic_stays() {
    let mut def = failover_def(
        ["a", "b", "c"]
            .map(|h| address_with(h, suspend_ms(1000)))
            .to_vec(),
    );
    def.dynamic = false;
    let mut world = World::new(endpoint(EndpointKind::Failover(def)));
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.down.clear();
    world.now = Tick(1300);
    assert_eq!(world.burst(2), "b b");
    world.kill("b");
    assert_eq!(world.hosts(), "b a");
    assert_eq!(world.burst(1), "a");
}

#[test]
fn readiness_of_a_non_dynamic_group_has_no_side_effects() {
    let mut inner = failover_def(
        ["a", "b"]
            .map(|h| address_with(h, suspend_ms(1000)))
            .to_vec(),
    );
    inner.dynamic = false;
    let mut world = World::new(failover(vec![endpoint(EndpointKind::Failover(inner))]));
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.down.clear();
    world.now = Tick(5000);
    let e = &world.built.endpoints;
    assert!(e.is_ready(e.named("e").unwrap(), world.now));
    assert_eq!(world.hosts(), "b");
}

#[test]
fn endpoints_die_one_after_the_other_then_all() {
    let mut world = World::new(failover(long(&["a", "b", "c"])));
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.kill("b");
    assert_eq!(world.hosts(), "b c");
    world.kill("c");
    assert_eq!(world.failure(), (101503, 303201));
    assert_eq!(world.failure(), (303000, 303000));
}

#[test]
fn a_child_is_tried_once_even_when_its_error_is_ignored() {
    let ignoring = |host: &str| {
        address_with(
            host,
            LeafDef {
                suspend_codes: vec![101504],
                ..LeafDef::default()
            },
        )
    };
    let mut world = World::new(failover(vec![ignoring("a"), ignoring("b")]));
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    assert_eq!(world.hosts(), "a b");
    world.kill("b");
    assert_eq!(world.failure(), (101503, 303201));
    assert_eq!(world.hosts(), "a b");
}

#[test]
fn the_failed_childs_retry_rules_stop_the_group() {
    let stubborn = |host: &str| {
        address_with(
            host,
            LeafDef {
                retry_disabled: vec![101503],
                ..suspend_ms(60_000)
            },
        )
    };
    let mut world = World::new(failover(vec![stubborn("a"), stubborn("b")]));
    world.kill("a");
    assert_eq!(world.hosts(), "a");
    assert_eq!(world.hosts(), "b");
    // The enclosing group goes on: the rule is the failed child's, and that child is a group there.
    let mut nested = World::new(failover(vec![
        failover(vec![stubborn("a"), stubborn("b")]),
        address("c"),
    ]));
    nested.kill("a");
    assert_eq!(nested.hosts(), "a c");
}

#[test]
fn failover_in_failover() {
    let mut world = World::new(failover(vec![failover(long(&["a", "b"])), address("c")]));
    assert_eq!(world.hosts(), "a");
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.kill("b");
    assert_eq!(world.hosts(), "b c");
    assert_eq!(world.hosts(), "c");
}

#[test]
fn children_by_key_share_their_state_and_a_leaf_reached_twice_is_tried_once() {
    let mut world = World::of(&[
        named(
            "e",
            failover(vec![key("x"), balance(vec![key("x"), key("y")]), key("y")]),
        ),
        named(
            "x",
            address_with(
                "a",
                LeafDef {
                    suspend_codes: vec![1],
                    ..LeafDef::default()
                },
            ),
        ),
        named("y", address("b")),
    ]);
    world.kill("a");
    assert_eq!(world.hosts(), "a b");
    world.kill("b");
    assert_eq!(world.hosts(), "a b");
}

#[test]
fn t_g_round_robin_with_failover() {
    let mut world = World::new(balance(long(&["1", "2", "3"])));
    assert_eq!(world.burst(63), ["1 2 3"; 21].join(" "));
    world.kill("1");
    assert_eq!(world.hosts(), "1 2");
    assert_eq!(world.burst(6), "3 2 3 2 3 2");
    world.now = Tick(60_000);
    world.down.clear();
    assert_eq!(world.burst(4), "3 1 2 3");
}

#[test]
fn recorded_orders_of_load_balance() {
    let mut one_down = World::new(balance(long(&["1", "2", "3"])));
    one_down.kill("2");
    assert_eq!(one_down.burst(9), "1 3 1 3 1 3 1 3 1");

    let mut restart = World::new(balance(
        ["1", "2", "3"]
            .map(|h| address_with(h, suspend_ms(2500)))
            .to_vec(),
    ));
    assert_eq!(restart.burst(3), "1 2 3");
    restart.kill("2");
    assert_eq!(restart.burst(4), "1 3 1 3");
    restart.down.clear();
    restart.now = Tick(2800);
    assert_eq!(restart.burst(6), "1 2 3 1 2 3");

    let mut off = World::new(balance_from(LoadBalanceDef {
        failover: false,
        ..balance_def(long(&["1", "2", "3"]))
    }));
    off.kill("2");
    assert_eq!(off.burst(7), "1 101503 3 1 3 1 3");

    let java = "org.apache.synapse.endpoints.algorithms.WeightedRoundRobin";
    let weights = [("1", "1"), ("2", "2"), ("3", "3")];
    let mut burst = World::new(weighted(java, &weights));
    assert_eq!(burst.burst(12), "1 2 2 3 3 3 1 2 2 3 3 3");
    burst.kill("3");
    assert_eq!(burst.burst(12), "1 2 2 1 2 2 1 2 2 1 2 2");

    let mut all_down = World::new(balance(long(&["1", "2"])));
    all_down.kill("1");
    all_down.kill("2");
    assert_eq!(all_down.failure().0, 101503);
    assert_eq!(all_down.failure().0, 303000);
}

#[test]
fn recorded_orders_of_nested_groups() {
    let pairs = || vec![failover(long(&["1", "2"])), failover(long(&["3", "4"]))];
    let mut world = World::new(balance(pairs()));
    assert_eq!(world.burst(4), "1 3 1 3");
    world.kill("1");
    assert_eq!(world.burst(4), "2 3 2 3");
    world.kill("2");
    assert_eq!(world.burst(4), "3 3 3 3");

    let groups = vec![balance(long(&["1", "2"])), balance(long(&["3", "4"]))];
    let mut world = World::new(failover(groups));
    assert_eq!(world.burst(4), "1 2 1 2");
    world.kill("1");
    assert_eq!(world.burst(3), "2 2 2");
    world.kill("2");
    assert_eq!(world.burst(4), "3 4 3 4");
}

#[test]
fn recorded_orders_of_members() {
    let mut world = World::new(members(&["1", "2", "3"], true));
    world.kill("2");
    assert_eq!(world.burst(6), "1 3 1 3 1 3");
    world.down.clear();
    world.now = Tick(2500);
    assert_eq!(world.burst(6), "1 2 3 1 2 3");

    let mut off = World::new(members(&["1", "2", "3"], false));
    off.kill("2");
    assert_eq!(off.burst(6), "1 101503 3 1 101503 3");
}

#[test]
fn a_group_with_failover_off_ends_the_message_for_enclosing_groups_too() {
    let off = balance_from(LoadBalanceDef {
        failover: false,
        ..balance_def(long(&["1", "2"]))
    });
    let mut world = World::new(failover(vec![off, address("3")]));
    world.kill("1");
    assert_eq!(world.send(Facts::default()).hosts, ["1"]);
    assert_eq!(world.hosts(), "2");
}

#[test]
fn max_attempts_bounds_one_message() {
    let mut def = failover_def(long(&["a", "b", "c"]));
    def.max_attempts = Some(spanned(2));
    let mut world = World::new(failover(vec![
        endpoint(EndpointKind::Failover(def)),
        address("d"),
    ]));
    for host in ["a", "b"] {
        world.kill(host);
    }
    assert_eq!(world.hosts(), "a b d");
    assert_eq!(world.hosts(), "c");
}

#[test]
fn a_request_that_may_have_run_is_repeated_only_where_that_is_allowed() {
    let of = |allowed: Option<bool>| {
        let mut def = failover_def(long(&["a", "b"]));
        def.retry_non_idempotent = allowed;
        let mut world = World::new(endpoint(EndpointKind::Failover(def)));
        world.down.push(("a", ErrorCode::CONNECTION_CLOSED));
        world.retry = SENT;
        world
    };
    let strict = Facts {
        retry_non_idempotent: false,
        ..Facts::default()
    };
    assert_eq!(of(None).hosts(), "a b");
    assert_eq!(of(Some(false)).failure(), (101505, 303202));
    assert_eq!(of(None).send(strict).failure, Some((101505, 303202)));
    assert_eq!(
        of(Some(true)).send(strict).hosts,
        ["a", "b"],
        "the group wins over the setting"
    );
    for retry in [
        CONNECT,
        Retry {
            idempotent: true,
            ..SENT
        },
    ] {
        let mut world = of(Some(false));
        world.retry = retry;
        assert_eq!(world.hosts(), "a b");
    }
}

#[test]
fn what_may_have_run_once_stays_so_for_the_rest_of_the_message() {
    // The inner group allows it and sends to b, which refuses; the outer one must not go on to c.
    let mut outer = failover_def(vec![failover(long(&["a", "b"])), address("c")]);
    outer.retry_non_idempotent = Some(false);
    let world = World::new(endpoint(EndpointKind::Failover(outer)));
    let mut walk = world.walk(Facts::default());
    assert!(matches!(walk.next(Tick(0)), Step::Try(_)));
    walk.failed(ErrorCode::CONNECTION_CLOSED, None, SENT, Tick(0));
    assert!(matches!(walk.next(Tick(0)), Step::Try(_)));
    walk.failed(ErrorCode::CONNECT_FAILED, None, CONNECT, Tick(0));
    let Step::Fail(failure) = walk.next(Tick(0)) else {
        panic!("the outer group went on");
    };
    assert_eq!(failure.verdict, ErrorCode::NOT_REPLAYABLE);
}

#[test]
fn a_request_whose_bytes_are_gone_is_not_sent_again() {
    let mut world = World::new(failover(long(&["a", "b"])));
    world.kill("a");
    world.retry = Retry {
        replayable: false,
        ..CONNECT
    };
    assert_eq!(world.failure(), (101503, 303202));
}

#[test]
fn only_a_timeout_of_the_file_moves_a_post_to_the_next_child() {
    let of = |duration: Option<u64>, action: Option<TimeoutAction>| {
        let leaf = LeafDef {
            timeout: duration.map(|d| spanned(ms(d))),
            timeout_action: action.map(spanned),
            ..suspend_ms(60_000)
        };
        let mut world = World::new(failover(vec![address_with("a", leaf), address("b")]));
        world.down.push(("a", ErrorCode::RESPONSE_TIMEOUT));
        world.retry = SENT;
        world
    };
    assert_eq!(of(Some(600), Some(TimeoutAction::Fault)).hosts(), "a b");
    assert_eq!(of(None, None).failure(), (101504, 303202));
    assert_eq!(of(Some(600), None).failure(), (101504, 303202));
    let mut get = of(None, None);
    get.retry = Retry {
        idempotent: true,
        ..SENT
    };
    assert_eq!(get.hosts(), "a b");
    // discard: the state changes, nothing else is tried and no fault sequence runs.
    let discard = of(Some(600), Some(TimeoutAction::Discard));
    let mut walk = discard.walk(Facts::default());
    assert!(matches!(walk.next(Tick(0)), Step::Try(_)));
    let change = walk.failed(ErrorCode::RESPONSE_TIMEOUT, None, SENT, Tick(0));
    assert_eq!(change.map(|c| c.to), Some(EndpointState::Suspended));
    assert!(matches!(walk.next(Tick(0)), Step::Fail(f) if f.discard && f.code.0 == 101504));
}

#[test]
fn what_is_missing_or_switched_off() {
    let mut off = World::new(balance(long(&["1", "2"])));
    off.built.endpoints.switch("e/#0", false, Tick(0)).unwrap();
    assert_eq!(off.burst(2), "2 2");
    off.built.endpoints.switch("e", false, Tick(0)).unwrap();
    assert_eq!(off.failure(), (303000, 303000));
    off.built.endpoints.switch("e", true, Tick(0)).unwrap();
    off.built.endpoints.switch("e/#0", true, Tick(0)).unwrap();
    off.now = Tick(1);
    assert_eq!(off.burst(2), "1 2");

    let built = build(
        None,
        &[
            named("e", failover(vec![key("none"), address("a")])),
            named("k", key("none")),
        ],
    );
    let mut walk = Walk::start(
        &built.endpoints,
        built.endpoints.named("k").unwrap(),
        Facts::default(),
        0,
    );
    assert!(matches!(walk.next(Tick(0)), Step::Fail(f) if f.code == ErrorCode::ENDPOINT_MISSING));
    let mut walk = Walk::start(
        &built.endpoints,
        built.endpoints.named("e").unwrap(),
        Facts::default(),
        0,
    );
    assert!(
        matches!(walk.next(Tick(0)), Step::Try(_)),
        "a missing child is not ready, the next is"
    );
}

#[test]
fn a_walk_that_is_dropped_in_a_probe_frees_it() {
    let mut world = World::new(address("a"));
    world.kill("a");
    world.failure();
    world.down.clear();
    world.now = Tick(30_000);
    let mut walk = world.walk(Facts::default());
    assert!(matches!(walk.next(world.now), Step::Try(t) if t.admission.is_probe()));
    assert_eq!(world.failure(), (303001, 303001), "the slot is taken");
    drop(walk);
    assert_eq!(world.burst(1), "a");
}

#[test]
fn nobody_is_told_twice() {
    let world = World::new(failover(long(&["a", "b"])));
    let mut walk = world.walk(Facts::default());
    assert!(
        walk.failed(ErrorCode::CONNECT_FAILED, None, CONNECT, Tick(0))
            .is_none(),
        "before the try"
    );
    assert!(matches!(walk.next(Tick(0)), Step::Try(_)));
    walk.succeeded(&ResponseFacts::default(), Tick(0));
    assert!(
        walk.failed(ErrorCode::CONNECT_FAILED, None, CONNECT, Tick(0))
            .is_none()
    );
    assert!(
        matches!(walk.next(Tick(0)), Step::Fail(_)),
        "an answered message is not sent again"
    );
    assert_eq!(walk.tries(), 1);
}

#[test]
fn decisions_tell_the_way_with_the_places() {
    let mut world = World::new(failover(long(&["a", "b"])));
    world.kill("a");
    let mut walk = world.walk(Facts::default());
    walk.next(Tick(0));
    walk.failed(ErrorCode::CONNECT_FAILED, None, CONNECT, Tick(0));
    walk.next(Tick(0));
    let whys: Vec<_> = walk.decisions().iter().map(|d| d.why).collect();
    let failed = Why::Failed(ErrorCode::CONNECT_FAILED);
    assert_eq!(
        whys,
        [Why::FirstReady, Why::Try, failed, Why::FirstReady, Why::Try]
    );
    assert!(walk.decisions().iter().all(|d| d.rule == PLACE));
}

#[test]
fn asking_again_in_the_middle_of_a_try_gives_it_up() {
    let world = World::new(failover(long(&["a", "b"])));
    let mut walk = world.walk(Facts::default());
    let mut hosts = Vec::new();
    while let Step::Try(tried) = walk.next(Tick(0)) {
        hosts.push(world.host(tried.leaf));
    }
    assert_eq!(hosts, ["a", "b"]);
    assert_eq!(world.running(), 0);
}

#[test]
fn a_child_that_was_lost_to_another_message_is_no_attempt() {
    let mut def = failover_def(long(&["a", "b"]));
    def.max_attempts = Some(spanned(1));
    let mut world = World::new(endpoint(EndpointKind::Failover(def)));
    world.kill("a");
    assert_eq!(world.hosts(), "a");
    world.now = Tick(60_000);
    // Both see that the probe of a is free; only one gets it.
    let mut walks = [world.walk(Facts::default()), world.walk(Facts::default())];
    let root = world.built.endpoints.named("e").unwrap();
    for walk in &mut walks {
        walk.enter(root, world.now);
        walk.choose(world.now);
    }
    let hosts = walks.iter_mut().map(|walk| match walk.next(world.now) {
        Step::Try(tried) => world.host(tried.leaf),
        Step::Copies(_) => unreachable!("no list"),
        Step::Fail(failure) => failure.code.to_string(),
    });
    assert_eq!(hosts.collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn the_first_reason_is_kept_when_nothing_could_be_tried() {
    let inner = sticky(SessionKind::SimpleClient, long(&["1", "2"]));
    let mut world = World::new(failover(vec![inner]));
    assert_eq!(world.client("c").hosts, ["1"]);
    world.kill("1");
    assert_eq!(world.client("c").failure, Some((101503, 303201)));
    assert_eq!(world.client("c").failure, Some((309001, 309001)));
}
