//! Affinity: the cells of spec/endpoints.md 14.4 and 14.5, timelines T-H and T-I, orders as recorded.

use super::*;
use crate::endpoint::order::{Note, Order};
use crate::endpoint::tree::{NodeKind, Session};

fn client_sticky(hosts: &[&str]) -> EndpointDef {
    sticky(SessionKind::SimpleClient, long(hosts))
}

fn cookie_sticky(hosts: &[&str]) -> EndpointDef {
    sticky(SessionKind::Http, long(hosts))
}

impl World {
    /// Answers of clients, in order.
    fn clients(&self, ids: &[&str]) -> String {
        let answers: Vec<String> = ids
            .iter()
            .map(|id| {
                let met = self.client(id);
                met.failure
                    .map_or_else(|| met.hosts.join("+"), |f| f.0.to_string())
            })
            .collect();
        answers.join(" ")
    }

    fn answer(&self, cookies: &[&str]) -> String {
        let met = self.cookie(cookies);
        met.failure
            .map_or_else(|| met.hosts.join("+"), |f| f.0.to_string())
    }

    fn session(&self) -> &Session {
        let e = &self.built.endpoints;
        match &e.node(e.named("e").unwrap()).kind {
            NodeKind::LoadBalance(lb) => lb.session.as_ref().unwrap(),
            _ => panic!("no session"),
        }
    }
}

#[test]
fn a_client_id_binds_before_the_first_send() {
    let world = World::new(client_sticky(&["1", "2", "3"]));
    let ids = ["c1", "c2", "c1", "c1", "c2", "c3", "c1", "c4"];
    assert_eq!(world.clients(&ids), "1 2 1 1 2 3 1 1");
    assert_eq!(world.client("new").effect, SessionEffect::Bound);
    assert_eq!(world.client("new").effect, SessionEffect::Kept);
}

#[test]
fn a_session_has_one_hash_however_it_was_begun() {
    let hash = |met: Met| (met.effect, met.session_hash);
    let world = World::new(client_sticky(&["1", "2"]));
    let (bound, one) = hash(world.client("one"));
    assert_eq!(bound, SessionEffect::Bound);
    assert_eq!(hash(world.client("one")), (SessionEffect::Kept, one));
    assert_ne!(hash(world.client("two")).1, one);
    assert_ne!(one, 0);
    // An id that the back end gave hashes as it does when the client brings it back.
    let mut world = World::new(cookie_sticky(&["1", "2"]));
    world.set_cookie = vec!["JSESSIONID=a".to_owned()];
    let (bound, given) = hash(world.cookie(&[]));
    assert_eq!(bound, SessionEffect::Bound);
    world.set_cookie.clear();
    let brought = hash(world.cookie(&["JSESSIONID=a"]));
    assert_eq!(brought, (SessionEffect::Kept, given));
}

#[test]
fn messages_without_a_client_id_are_balanced_and_never_bound() {
    let world = World::new(client_sticky(&["1", "2", "3"]));
    assert_eq!(world.burst(3), "1 2 3");
    assert_eq!(world.clients(&["", " "]), "1 2");
    assert!(world.session().table.is_empty());
    assert!(
        !world.client("x").stripped,
        "the client's own id is never taken out"
    );
}

#[test]
fn an_established_session_does_not_move_when_its_child_dies() {
    let mut world = World::new(client_sticky(&["1", "2", "3"]));
    assert_eq!(world.clients(&["a", "b"]), "1 2");
    world.kill("1");
    assert_eq!(world.client("a").failure, Some((101503, 309003)));
    assert_eq!(world.client("a").failure, Some((309001, 309001)));
    assert_eq!(world.clients(&["b", "c", "d"]), "2 3 2");
    world.down.clear();
    world.now = Tick(60_000);
    assert_eq!(world.clients(&["a", "a"]), "1 1");
}

#[test]
fn the_first_message_fails_over_and_binds_where_it_was_answered() {
    let mut world = World::new(client_sticky(&["1", "2", "3"]));
    world.kill("1");
    assert_eq!(world.clients(&["a", "a", "b"]), "1+2 2 3");
    world.kill("2");
    world.kill("3");
    assert_eq!(world.client("z").failure, Some((101503, 303201)));
    assert_eq!(
        world.client("z").failure,
        Some((303000, 303000)),
        "not bound to a dead child"
    );
}

#[test]
fn a_first_message_whose_retry_is_forbidden_is_not_left_bound() {
    let stubborn = LeafDef {
        retry_disabled: vec![101503],
        ..suspend_ms(60_000)
    };
    let children = ["1", "2"]
        .map(|h| address_with(h, stubborn.clone()))
        .to_vec();
    let mut world = World::new(sticky(SessionKind::SimpleClient, children));
    world.kill("1");
    assert_eq!(world.clients(&["a", "a"]), "101503 2");
}

#[test]
fn t_h_a_failover_child_moves_inside_and_the_session_stays() {
    let pairs = vec![failover(long(&["a", "b"])), failover(long(&["c", "d"]))];
    let mut world = World::new(sticky(SessionKind::Http, pairs));
    world.set_cookie = vec!["JSESSIONID=s1; Path=/".into()];
    assert_eq!(world.answer(&[]), "a");
    world.kill("a");
    assert_eq!(world.answer(&["JSESSIONID=s1"]), "a+b");
    assert_eq!(world.answer(&["JSESSIONID=s1"]), "b");
    world.kill("b");
    assert_eq!(
        world.cookie(&["JSESSIONID=s1"]).failure,
        Some((101503, 309003))
    );
    assert_eq!(
        world.cookie(&["JSESSIONID=s1"]).failure,
        Some((309001, 309001))
    );
}

fn with_timeout(kind: SessionKind, timeout: u64) -> SessionDef {
    SessionDef {
        timeout: Some(spanned(ms(timeout))),
        ..session_def(kind)
    }
}

#[test]
fn t_i_session_life() {
    let children = || vec![address("1"), address("2")];
    let def = || with_timeout(SessionKind::SimpleClient, 1000);
    let mut world = World::new(sticky_with(def(), children()));
    for at in [0, 400, 800, 1200] {
        world.now = Tick(at);
        assert_eq!(world.clients(&["c"]), "1", "{at}");
    }
    world.now = Tick(1300);
    world.kill("1");
    assert_eq!(world.clients(&["c"]), "101503");
    world.now = Tick(1400);
    assert_eq!(world.clients(&["c"]), "309001");

    let mut rebind = World::new(sticky_with(
        SessionDef {
            rebind: true,
            ..def()
        },
        children(),
    ));
    assert_eq!(rebind.clients(&["c"]), "1");
    rebind.kill("1");
    rebind.now = Tick(900);
    assert_eq!(rebind.clients(&["c", "c", "c"]), "101503 2 2");

    let mut fixed = World::new(sticky_with(
        SessionDef {
            fixed_expiry: true,
            ..def()
        },
        children(),
    ));
    for (at, host) in [(0, "1"), (400, "1"), (999, "1"), (1000, "2")] {
        fixed.now = Tick(at);
        assert_eq!(fixed.clients(&["c"]), host, "{at}");
    }
}

#[test]
fn the_window_is_the_smallest_that_is_set_on_the_path() {
    let inner = |timeout: Option<u64>, hosts: &[&str]| match timeout {
        Some(t) => sticky_with(with_timeout(SessionKind::SimpleClient, t), long(hosts)),
        None => sticky(SessionKind::SimpleClient, long(hosts)),
    };
    // outer, inner, last moment at which the session still holds
    let table = [
        (None, None, 119_999),
        (Some(60_000), None, 59_999),
        (None, Some(5000), 4999),
        (Some(60_000), Some(5000), 4999),
        (Some(5000), Some(60_000), 4999),
        (Some(300_000), None, 299_999),
    ];
    for (outer, inner_timeout, last) in table {
        let children = vec![inner(inner_timeout, &["1"]), inner(inner_timeout, &["2"])];
        let def = match outer {
            Some(t) => sticky_with(with_timeout(SessionKind::SimpleClient, t), children),
            None => sticky(SessionKind::SimpleClient, children),
        };
        let mut world = World::new(def.clone());
        assert_eq!(world.clients(&["c"]), "1");
        world.now = Tick(last);
        assert_eq!(world.clients(&["c"]), "1", "{outer:?} {inner_timeout:?}");
        let mut world = World::new(def);
        assert_eq!(world.clients(&["c"]), "1");
        world.now = Tick(last + 1);
        assert_eq!(world.clients(&["c"]), "2", "{outer:?} {inner_timeout:?}");
    }
}

#[test]
fn nested_sessions_make_one_path() {
    let kind = SessionKind::SimpleClient;
    let world = World::new(sticky(
        kind,
        vec![client_sticky(&["1", "2"]), client_sticky(&["3", "4"])],
    ));
    let ids = ["a", "b", "c", "d", "a", "b", "c", "d"];
    assert_eq!(world.clients(&ids), "1 3 2 4 1 3 2 4");
}

#[test]
fn sessions_below_a_failover_are_their_own() {
    let groups = vec![client_sticky(&["1", "2"]), client_sticky(&["3", "4"])];
    let mut world = World::new(failover(groups));
    assert_eq!(world.clients(&["a", "b", "a"]), "1 2 1");
    world.kill("1");
    // The session does not move inside its group; the failover group goes on to its next child, as the originals do.
    assert_eq!(world.clients(&["a", "a", "b"]), "1+3 3 2");
}

#[test]
fn a_session_whose_path_is_too_short_leads_nowhere() {
    let mut world = World::new(sticky(
        SessionKind::SimpleClient,
        vec![named("x", address("1"))],
    ));
    assert_eq!(world.clients(&["c"]), "1");
    let nested = named("x", client_sticky(&["1"]));
    world.reload(sticky(SessionKind::SimpleClient, vec![nested]));
    assert_eq!(world.clients(&["c"]), "309002");
}

#[test]
fn sessions_survive_a_reload_unless_their_child_is_gone() {
    let mut world = World::new(client_sticky(&["1", "2", "3"]));
    assert_eq!(world.clients(&["a", "b", "c"]), "1 2 3");
    world.reload(client_sticky(&["9", "1", "3"]));
    assert_eq!(world.clients(&["c", "a"]), "3 1");
    assert_eq!(world.clients(&["b"]), world.clients(&["b"]), "bound anew");
    let changed = LeafDef {
        timeout: Some(spanned(ms(5))),
        ..suspend_ms(70_000)
    };
    let children = ["9", "1", "3"]
        .map(|h| address_with(h, changed.clone()))
        .to_vec();
    world.reload(sticky_with(
        with_timeout(SessionKind::SimpleClient, 999_999),
        children,
    ));
    assert_eq!(world.clients(&["c", "a"]), "3 1");
}

#[test]
fn the_same_id_in_two_groups_is_two_sessions() {
    let world = World::of(&[
        named("e", client_sticky(&["1", "2"])),
        named("f", client_sticky(&["3", "4"])),
    ]);
    assert_eq!(world.clients(&["x", "c"]), "1 2");
    let e = &world.built.endpoints;
    let facts = Facts {
        client_id: Some("c"),
        ..Facts::default()
    };
    let mut walk = Walk::start(e, e.named("f").unwrap(), facts, 0);
    let Step::Try(tried) = walk.next(Tick(0)) else {
        panic!("nobody was asked");
    };
    assert_eq!(world.host(tried.leaf), "3");
}

#[test]
fn two_first_messages_of_one_client_bind_once() {
    let world = World::new(client_sticky(&["1", "2", "3"]));
    assert_eq!(together(&world, "c"), ["1", "1"]);
    assert_eq!(world.session().table.len(), 1);
}

#[test]
fn cookies_bind_from_the_answer() {
    let mut world = World::new(cookie_sticky(&["1", "2", "3"]));
    world.set_cookie = vec!["x=1".into(), "JSESSIONID=HOST; Path=/".into()];
    let first = world.cookie(&[]);
    assert_eq!(
        (first.effect, first.stripped),
        (SessionEffect::Bound, false)
    );
    assert_eq!(world.answer(&[]), "2");
    assert_eq!(world.answer(&["JSESSIONID=1; z=1"]), "1");
    assert_eq!(world.answer(&["z=1;JSESSIONID=1; y=2"]), "1");
    assert_eq!(world.answer(&["JSESSIONID=2"]), "2");
    assert_eq!(world.answer(&[]), "3");
    let path = Facts {
        path_session: Some("2"),
        ..Facts::default()
    };
    assert_eq!(world.send(path).hosts, ["2"]);
}

#[test]
fn no_cookie_from_the_back_end_is_plain_round_robin() {
    let world = World::new(cookie_sticky(&["1", "2", "3"]));
    assert_eq!(world.burst(6), "1 2 3 1 2 3");
}

#[test]
fn unknown_cookies_are_taken_out_or_forwarded() {
    let strip = World::new(cookie_sticky(&["1", "2"]));
    assert!(strip.cookie(&["JSESSIONID=stranger"]).stripped);
    assert!(!strip.cookie(&["a=1"]).stripped);
    let def = SessionDef {
        forward_unknown: true,
        ..session_def(SessionKind::Http)
    };
    let forward = World::new(sticky_with(def, long(&["1", "2"])));
    assert!(!forward.cookie(&["JSESSIONID=stranger"]).stripped);
}

#[test]
fn the_first_known_of_several_cookies_wins_and_nothing_is_taken_out() {
    let mut world = World::new(cookie_sticky(&["1", "2"]));
    world.set_cookie = vec!["JSESSIONID=HOST".into()];
    assert_eq!(world.burst(2), "1 2");
    let met = world.cookie(&["JSESSIONID=stranger; JSESSIONID=2", "JSESSIONID=1"]);
    assert_eq!((met.hosts.join(" ").as_str(), met.stripped), ("2", false));
}

#[test]
fn a_renewed_cookie_keeps_the_session_and_the_old_one_leads_there_for_a_while() {
    let mut world = World::new(cookie_sticky(&["1", "2", "3"]));
    world.set_cookie = vec!["JSESSIONID=old".into()];
    assert_eq!(world.answer(&[]), "1");
    world.set_cookie = vec!["JSESSIONID=new".into()];
    assert_eq!(
        world.cookie(&["JSESSIONID=old"]).effect,
        SessionEffect::Renewed
    );
    world.set_cookie.clear();
    world.now = Tick(29_999);
    assert_eq!(world.answer(&["JSESSIONID=new"]), "1");
    assert_eq!(world.answer(&["JSESSIONID=old"]), "1");
    world.now = Tick(30_000);
    assert_eq!(
        world.answer(&["JSESSIONID=old"]),
        "2",
        "the grace time is over"
    );
    assert_eq!(world.answer(&["JSESSIONID=new"]), "1");
}

#[test]
fn a_second_cookie_of_another_name_stands_beside_the_first() {
    let mut world = World::new(cookie_sticky(&["1", "2"]));
    world.set_cookie = vec!["JSESSIONID=a".into()];
    assert_eq!(world.answer(&[]), "1");
    world.set_cookie = vec!["PHPSESSID=b".into()];
    assert_eq!(world.cookie(&["JSESSIONID=a"]).effect, SessionEffect::Kept);
    world.set_cookie.clear();
    world.now = Tick(60_000);
    assert_eq!(world.answer(&["PHPSESSID=b"]), "1");
    assert_eq!(world.answer(&["JSESSIONID=a"]), "1");
}

#[test]
fn a_deleted_cookie_ends_the_session() {
    let mut world = World::new(cookie_sticky(&["1", "2"]));
    world.set_cookie = vec!["JSESSIONID=a".into()];
    assert_eq!(world.answer(&[]), "1");
    world.set_cookie = vec!["JSESSIONID=; Max-Age=0".into()];
    assert_eq!(world.cookie(&["JSESSIONID=a"]).effect, SessionEffect::Ended);
    let after = world.cookie(&["JSESSIONID=a"]);
    assert_eq!(
        (after.hosts.join(" ").as_str(), after.stripped),
        ("2", true)
    );
}

#[test]
fn a_dead_bound_child_fails_and_with_rebind_moves_with_the_cookie_taken_out() {
    let mut world = World::new(cookie_sticky(&["1", "2", "3"]));
    world.set_cookie = vec!["JSESSIONID=HOST".into()];
    assert_eq!(world.answer(&[]), "1");
    world.kill("1");
    assert_eq!(
        world.cookie(&["JSESSIONID=1"]).failure,
        Some((101503, 309003))
    );
    assert_eq!(
        world.cookie(&["JSESSIONID=1"]).failure,
        Some((309001, 309001))
    );
    assert_eq!(world.answer(&[]), "2");

    let def = SessionDef {
        rebind: true,
        forward_unknown: true,
        ..session_def(SessionKind::Http)
    };
    let mut rebind = World::new(sticky_with(def, long(&["1", "2", "3"])));
    rebind.set_cookie = vec!["JSESSIONID=HOST".into()];
    assert_eq!(rebind.answer(&[]), "1");
    rebind.kill("1");
    assert_eq!(rebind.answer(&["JSESSIONID=1"]), "101503");
    let moved = rebind.cookie(&["JSESSIONID=1"]);
    assert_eq!(
        (moved.hosts.join(" ").as_str(), moved.stripped, moved.effect),
        ("2", true, SessionEffect::Bound)
    );
    assert_eq!(rebind.answer(&["JSESSIONID=2"]), "2");
}

#[test]
fn service_group_ids_bind_from_the_answers_reply_to() {
    let mut world = World::new(sticky(
        SessionKind::Soap,
        vec![address("1"), address("2"), address("3")],
    ));
    let group = |world: &World, id: &str| {
        world.send(Facts {
            service_group_id: Some(id),
            ..Facts::default()
        })
    };
    world.service_group_id = Some("group-1".into());
    assert_eq!(world.burst(1), "1");
    world.service_group_id = None;
    assert_eq!(group(&world, "group-1").hosts, ["1"]);
    assert_eq!(group(&world, "group-1").hosts, ["1"]);
    let stranger = group(&world, "stranger");
    assert_eq!(
        (stranger.hosts.join(" ").as_str(), stranger.stripped),
        ("2", true)
    );
    assert_eq!(world.burst(1), "3");
}

/// Two messages of one client that both looked the session up before either went on; the hosts they are sent to.
fn together(world: &World, client: &str) -> Vec<String> {
    let facts = Facts {
        client_id: Some(client),
        ..Facts::default()
    };
    let root = world.built.endpoints.named("e").unwrap();
    let mut walks = [world.walk(facts), world.walk(facts)];
    for walk in &mut walks {
        walk.enter(root, world.now);
    }
    let hosts = walks.iter_mut().map(|walk| match walk.next(world.now) {
        Step::Try(tried) => world.host(tried.leaf),
        Step::Copies(_) => unreachable!("no list"),
        Step::Fail(failure) => failure.code.to_string(),
    });
    hosts.collect()
}

#[test]
fn who_follows_another_gives_the_probe_back_that_it_had() {
    let mut world = World::new(client_sticky(&["1", "2"]));
    world.kill("2");
    assert_eq!(world.clients(&["x", "y"]), "1 2+1");
    world.down.clear();
    world.now = Tick(60_000);
    assert_eq!(world.clients(&["z"]), "2");
    world.kill("2");
    assert_eq!(world.clients(&["z"]), "101503");
    world.now = Tick(120_000);
    assert_eq!(together(&world, "c"), ["1", "1"]);
    let e = &world.built.endpoints;
    let second = e.leaf(e.at_path("e/#1").unwrap()).unwrap();
    assert!(
        second.state.admit(world.now).is_some(),
        "the probe of 2 is free"
    );
}

#[test]
fn two_messages_that_move_one_session_move_it_to_one_place() {
    let def = SessionDef {
        rebind: true,
        ..session_def(SessionKind::SimpleClient)
    };
    let mut world = World::new(sticky_with(def, long(&["1", "2", "3"])));
    assert_eq!(world.clients(&["c"]), "1");
    world.kill("1");
    assert_eq!(world.clients(&["c"]), "101503");
    assert_eq!(together(&world, "c"), ["2", "2"]);
    assert_eq!(world.clients(&["c"]), "2");
}

#[test]
fn orders_say_what_becomes_of_sessions_and_of_new_messages() {
    for (order, answers) in [
        (Order::Active, "1 2 1"),
        (Order::Drain, "1 2 2"),
        (Order::Maintain, "2 2 2"),
        (Order::Off, "309001 2 2"),
    ] {
        let world = World::new(client_sticky(&["1", "2"]));
        assert_eq!(world.clients(&["a"]), "1");
        let endpoints = &world.built.endpoints;
        let child = endpoints.at_path("e/#0").unwrap();
        let note = Note::default();
        endpoints.give_order(child, order, note, Tick(0)).unwrap();
        assert_eq!(world.clients(&["a", "n1", "n2"]), answers, "{order:?}");
    }
}

#[test]
fn a_drained_group_serves_its_sessions_only() {
    let world = World::new(client_sticky(&["1", "2"]));
    assert_eq!(world.clients(&["a"]), "1");
    let endpoints = &world.built.endpoints;
    let group = endpoints.named("e").unwrap();
    let order = |order| endpoints.give_order(group, order, Note::default(), Tick(0));
    order(Order::Drain).unwrap();
    assert_eq!(world.clients(&["a", "new"]), "1 303000");
    order(Order::Active).unwrap();
    assert_eq!(world.clients(&["new"]), "2");
}
