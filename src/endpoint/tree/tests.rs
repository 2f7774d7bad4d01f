use super::*;
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{
    AddressDef, EndpointDef, EndpointKind, FailoverDef, FormatDef, LeafDef, LoadBalanceChildren,
    LoadBalanceDef, MemberDef, MessageFormat, Optimize, PropertyValue, Scope, SessionDef,
    SessionKind,
};
use crate::config::xml::Element;
use crate::endpoint::rules::tests::{PLACE, ms, spanned};
use crate::endpoint::state::EndpointState;

// Definitions as short as the tests need them.

pub(crate) fn endpoint(kind: EndpointKind) -> EndpointDef {
    EndpointDef {
        name: None,
        kind,
        on_error: None,
        properties: Vec::new(),
        description: None,
        span: PLACE,
    }
}

pub(crate) fn named(name: &str, def: EndpointDef) -> EndpointDef {
    EndpointDef {
        name: Some(spanned(name.to_owned())),
        ..def
    }
}

pub(crate) fn address_with(host: &str, leaf: LeafDef) -> EndpointDef {
    endpoint(EndpointKind::Address(AddressDef {
        uri: spanned(format!("http://{host}/svc")),
        leaf,
    }))
}

pub(crate) fn address(host: &str) -> EndpointDef {
    address_with(host, LeafDef::default())
}

pub(crate) fn key(name: &str) -> EndpointDef {
    endpoint(EndpointKind::Indirect(spanned(name.to_owned())))
}

pub(crate) fn resolving() -> EndpointDef {
    let PropertyDef { element, .. } = property("key", "");
    endpoint(EndpointKind::Resolving(ResolvingDef {
        expression: spanned("get-property('key')".to_owned()),
        element,
    }))
}

pub(crate) fn failover_def(children: Vec<EndpointDef>) -> FailoverDef {
    FailoverDef {
        children,
        dynamic: true,
        max_attempts: None,
        retry_non_idempotent: None,
        span: PLACE,
    }
}

pub(crate) fn failover(children: Vec<EndpointDef>) -> EndpointDef {
    endpoint(EndpointKind::Failover(failover_def(children)))
}

pub(crate) fn balance_def(children: Vec<EndpointDef>) -> LoadBalanceDef {
    LoadBalanceDef {
        children: LoadBalanceChildren::Endpoints(children),
        algorithm: None,
        failover: true,
        max_attempts: None,
        retry_non_idempotent: None,
        slow_start: None,
        session: None,
        span: PLACE,
    }
}

pub(crate) fn balance(children: Vec<EndpointDef>) -> EndpointDef {
    endpoint(EndpointKind::LoadBalance(balance_def(children)))
}

pub(crate) fn session_def(kind: SessionKind) -> SessionDef {
    SessionDef {
        kind: spanned(kind),
        timeout: None,
        fixed_expiry: false,
        rebind: false,
        forward_unknown: false,
        cookies: Vec::new(),
    }
}

pub(crate) fn sticky_with(session: SessionDef, children: Vec<EndpointDef>) -> EndpointDef {
    endpoint(EndpointKind::LoadBalance(LoadBalanceDef {
        session: Some(session),
        ..balance_def(children)
    }))
}

pub(crate) fn sticky(kind: SessionKind, children: Vec<EndpointDef>) -> EndpointDef {
    sticky_with(session_def(kind), children)
}

pub(crate) fn suspend_ms(initial: u64) -> LeafDef {
    LeafDef {
        suspend_initial: Some(spanned(ms(initial))),
        suspend_span: Some(PLACE),
        ..LeafDef::default()
    }
}

pub(crate) fn members(hosts: &[&str], failover: bool) -> EndpointDef {
    let member = |host: &&str| MemberDef {
        host: spanned((*host).to_owned()),
        http_port: Some(80),
        https_port: None,
        leaf: LeafDef::default(),
        weight: None,
        span: PLACE,
    };
    endpoint(EndpointKind::LoadBalance(LoadBalanceDef {
        children: LoadBalanceChildren::Members(hosts.iter().map(member).collect()),
        failover,
        ..balance_def(Vec::new())
    }))
}

pub(crate) fn weighted(algorithm: &str, weights: &[(&str, &str)]) -> EndpointDef {
    let children = weights.iter().map(|(host, weight)| EndpointDef {
        properties: vec![property("loadbalance.weight", weight)],
        ..address_with(host, suspend_ms(60_000))
    });
    endpoint(EndpointKind::LoadBalance(LoadBalanceDef {
        algorithm: Some(spanned(algorithm.to_owned())),
        ..balance_def(children.collect())
    }))
}

pub(crate) fn property(name: &str, value: &str) -> PropertyDef {
    PropertyDef {
        name: spanned(name.to_owned()),
        value: PropertyValue::Literal(spanned(value.to_owned())),
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

pub(crate) fn build(previous: Option<&Endpoints>, defs: &[EndpointDef]) -> Built {
    let mut builder = Builder::new(previous);
    for def in defs {
        builder.define(def);
    }
    let mut problems = Diagnostics::default();
    let (endpoints, report) = builder.finish(&mut problems);
    let codes = problems.list().iter().map(|d| d.code).collect();
    Built {
        endpoints,
        report,
        codes,
    }
}

pub(crate) struct Built {
    pub endpoints: Endpoints,
    pub report: ReloadReport,
    pub codes: Vec<DiagnosticCode>,
}

/// A group `g` of these children.
fn group(children: Vec<EndpointDef>) -> EndpointDef {
    named("g", balance(children))
}

fn cell(endpoints: &Endpoints, path: &str) -> Arc<StateCell> {
    let id = endpoints.at_path(path).unwrap_or_else(|| panic!("{path}"));
    endpoints
        .leaf(id)
        .unwrap_or_else(|| panic!("{path}"))
        .state
        .clone()
}

fn member(endpoints: &Endpoints, path: &str) -> MemberId {
    endpoints
        .node(endpoints.at_path(path).unwrap_or_else(|| panic!("{path}")))
        .member
}

fn paths(list: &[Arc<str>]) -> Vec<&str> {
    list.iter().map(|p| &**p).collect()
}

#[test]
fn nodes_have_paths_by_name_or_position() {
    let built = build(
        None,
        &[group(vec![
            named("a", address("a")),
            failover(vec![address("b")]),
        ])],
    );
    for path in ["g", "g/a", "g/#1", "g/#1/#0"] {
        assert!(built.endpoints.at_path(path).is_some(), "{path}");
    }
    assert_eq!(built.endpoints.named("g"), built.endpoints.at_path("g"));
    assert_eq!(built.endpoints.named("g/a"), None);
    assert_eq!(paths(&built.report.added), ["g/a", "g/#1/#0"]);
}

#[test]
fn an_inserted_unnamed_child_moves_nobody() {
    let old = build(
        None,
        &[group(vec![
            address("a"),
            address("b"),
            failover(vec![address("c")]),
        ])],
    );
    let new = build(
        Some(&old.endpoints),
        &[group(vec![
            address("x"),
            address("a"),
            address("b"),
            failover(vec![address("c")]),
        ])],
    );
    for (before, after) in [
        ("g", "g"),
        ("g/#0", "g/#1"),
        ("g/#1", "g/#2"),
        ("g/#2", "g/#3"),
    ] {
        assert_eq!(
            member(&old.endpoints, before),
            member(&new.endpoints, after),
            "{after}"
        );
    }
    assert!(Arc::ptr_eq(
        &cell(&old.endpoints, "g/#0"),
        &cell(&new.endpoints, "g/#1")
    ));
    assert_eq!(paths(&new.report.kept), ["g/#1", "g/#2", "g/#3/#0"]);
    assert_eq!(paths(&new.report.added), ["g/#0"]);
    assert!(new.report.reset.is_empty() && new.report.dropped.is_empty());
}

#[test]
fn a_changed_timeout_keeps_the_identity_and_resets_the_state_but_not_off() {
    let old = build(None, &[group(vec![address("a"), address("b")])]);
    let now = Tick(5);
    old.endpoints.switch("g/#1", false, now).unwrap();
    let changed = LeafDef {
        timeout: Some(spanned(ms(1234))),
        ..LeafDef::default()
    };
    let defs = [group(vec![
        address_with("a", changed.clone()),
        address_with("b", changed),
    ])];
    let new = build(Some(&old.endpoints), &defs);
    for path in ["g/#0", "g/#1"] {
        assert_eq!(member(&old.endpoints, path), member(&new.endpoints, path));
        assert!(!Arc::ptr_eq(
            &cell(&old.endpoints, path),
            &cell(&new.endpoints, path)
        ));
    }
    assert_eq!(paths(&new.report.reset), ["g/#0", "g/#1"]);
    assert_eq!(
        cell(&new.endpoints, "g/#0").snapshot().state,
        EndpointState::Active
    );
    assert_eq!(
        cell(&new.endpoints, "g/#1").snapshot().state,
        EndpointState::Off
    );
}

#[test]
fn a_renamed_child_with_the_same_target_is_the_same_and_a_removed_one_is_dropped() {
    let old = build(
        None,
        &[group(vec![
            named("a", address("h")),
            named("b", address("i")),
        ])],
    );
    let new = build(
        Some(&old.endpoints),
        &[group(vec![named("z", address("h"))])],
    );
    assert_eq!(member(&old.endpoints, "g/a"), member(&new.endpoints, "g/z"));
    assert_eq!(paths(&new.report.kept), ["g/z"]);
    assert_eq!(paths(&new.report.dropped), ["g/b"]);
}

#[test]
fn names_win_over_targets_and_new_members_get_new_identities() {
    let old = build(
        None,
        &[group(vec![
            named("a", address("h")),
            named("b", address("i")),
        ])],
    );
    // The two have swapped their addresses.
    let new = build(
        Some(&old.endpoints),
        &[group(vec![
            named("a", address("i")),
            named("b", address("h")),
            address("j"),
        ])],
    );
    assert_eq!(member(&old.endpoints, "g/a"), member(&new.endpoints, "g/a"));
    assert_eq!(paths(&new.report.reset), ["g/a", "g/b"]);
    let fresh = member(&new.endpoints, "g/#2");
    assert!(old.endpoints.nodes().all(|(_, n)| n.member != fresh));
}

#[test]
fn an_unnamed_group_that_grows_in_place_stays_itself() {
    let old = build(
        None,
        &[group(vec![
            failover(vec![address("a")]),
            failover(vec![address("b")]),
        ])],
    );
    let grown = failover(vec![address("b"), address("c")]);
    let new = build(
        Some(&old.endpoints),
        &[group(vec![failover(vec![address("a")]), grown])],
    );
    assert_eq!(
        member(&old.endpoints, "g/#1"),
        member(&new.endpoints, "g/#1")
    );
    assert_eq!(paths(&new.report.kept), ["g/#0/#0", "g/#1/#0"]);
}

#[test]
fn a_switched_off_group_stays_off_over_a_reload() {
    let old = build(None, &[group(vec![address("a")])]);
    old.endpoints.switch("g", false, Tick(0)).unwrap();
    let new = build(
        Some(&old.endpoints),
        &[group(vec![address("a"), address("b")])],
    );
    assert!(
        !new.endpoints
            .is_ready(new.endpoints.named("g").unwrap(), Tick(1))
    );
}

#[test]
fn round_robin_goes_on_where_it_was() {
    let old = build(
        None,
        &[group(vec![address("a"), address("b"), address("c")])],
    );
    let pick = |built: &Built| {
        let id = built.endpoints.named("g").unwrap();
        let NodeKind::LoadBalance(lb) = &built.endpoints.node(id).kind else {
            panic!("a load-balance group");
        };
        let child = lb.pick(&mut |_: usize| true, 0).unwrap();
        let leaf = built.endpoints.leaf(child).unwrap();
        leaf.target.describe()
    };
    assert_eq!(pick(&old), "http://a/svc");
    let same = build(
        Some(&old.endpoints),
        &[group(vec![address("a"), address("b"), address("c")])],
    );
    assert_eq!(pick(&same), "http://b/svc");
    let grown = build(
        Some(&same.endpoints),
        &[group(vec![
            address("x"),
            address("a"),
            address("b"),
            address("c"),
        ])],
    );
    assert_eq!(pick(&grown), "http://c/svc");
    assert_eq!(pick(&grown), "http://x/svc");
}

#[test]
fn keys_are_resolved_in_any_order_and_share_the_state() {
    let built = build(
        None,
        &[
            group(vec![key("e"), key("e2")]),
            named("e", address("h")),
            named("e2", key("e")),
        ],
    );
    assert!(built.codes.is_empty());
    for path in ["g/#0", "g/#1", "e2"] {
        let id = built.endpoints.at_path(path).unwrap();
        assert_eq!(
            built.endpoints.resolve(id),
            built.endpoints.named("e").unwrap()
        );
    }
}

#[test]
fn unresolved_keys_and_circles_are_problems_and_never_ready() {
    let built = build(
        None,
        &[
            named("lost", key("nowhere")),
            named("a", key("b")),
            named("b", failover(vec![key("a")])),
            named("self", key("self")),
        ],
    );

    assert_eq!(
        built.codes,
        [
            DiagnosticCode::UnresolvedKey,
            DiagnosticCode::KeyCycle,
            DiagnosticCode::KeyCycle
        ]
    );
    for (name, id) in built.endpoints.roots() {
        assert!(!built.endpoints.is_ready(id, Tick(0)), "{name}");
    }
}

#[test]
fn long_chains_and_deep_groups_are_cut() {
    let chain: Vec<_> = (0..5000)
        .map(|n| named(&format!("k{n}"), key(&format!("k{}", n + 1))))
        .chain([named("k5000", address("h"))])
        .collect();
    let built = build(None, &chain);
    assert!(built.codes.contains(&DiagnosticCode::KeyCycle));
    assert!(
        built
            .endpoints
            .is_ready(built.endpoints.named("k4990").unwrap(), Tick(0))
    );
    let deep = (0..DEPTH_MAX).fold(address("h"), |inner, _| failover(vec![inner]));
    assert_eq!(
        build(None, &[named("d", deep)]).codes,
        [DiagnosticCode::KeyCycle]
    );
    let fits = (0..DEPTH_MAX - 1).fold(address("h"), |inner, _| failover(vec![inner]));
    assert!(build(None, &[named("d", fits)]).codes.is_empty());
}

#[test]
fn algorithm_and_weights_are_checked() {
    let of = |algorithm: &str, weight: &str| {
        build(None, &[named("g", weighted(algorithm, &[("a", weight)]))])
    };
    assert_eq!(
        of("com.example.Mine", "1").codes,
        [DiagnosticCode::UnknownAlgorithm]
    );
    for bad in ["0", "-1", "x", "1.5", "", "99999999999"] {
        assert_eq!(
            of("weightedRoundRobin", bad).codes,
            [DiagnosticCode::BadWeight],
            "{bad}"
        );
        assert!(
            of("roundRobin", bad).codes.is_empty(),
            "round robin has no weights"
        );
    }
    let built = of("weightedRoundRobin", " 7 ");
    let NodeKind::LoadBalance(lb) = &built
        .endpoints
        .node(built.endpoints.named("g").unwrap())
        .kind
    else {
        panic!("a load-balance group");
    };
    assert_eq!(lb.settings.weights[0].get(), 7);
}

#[test]
fn the_groups_weight_is_the_childrens_default() {
    let def = EndpointDef {
        properties: vec![property("loadbalance.weight", "4")],
        ..weighted("weightedRoundRobin", &[("a", "2")])
    };
    let EndpointKind::LoadBalance(mut lb) = def.kind.clone() else {
        panic!("a load-balance group");
    };
    lb.children = LoadBalanceChildren::Endpoints(vec![address("b")]);
    let inherits = EndpointDef {
        kind: EndpointKind::LoadBalance(lb),
        ..def
    };
    let built = build(None, &[named("g", inherits)]);
    let NodeKind::LoadBalance(lb) = &built
        .endpoints
        .node(built.endpoints.named("g").unwrap())
        .kind
    else {
        panic!("a load-balance group");
    };
    assert_eq!(lb.settings.weights[0].get(), 4);
}

#[test]
fn needs_come_from_everything_below() {
    let built = build(
        None,
        &[
            named("leaf", address("a")),
            named("rr", balance(vec![address("a"), address("b")])),
            named("one", failover(vec![address("a")])),
            named(
                "all",
                failover(vec![
                    sticky(SessionKind::Http, vec![address("a")]),
                    sticky(SessionKind::SimpleClient, vec![address("b"), key("soap")]),
                ]),
            ),
            named("soap", sticky(SessionKind::Soap, vec![address("c")])),
        ],
    );
    let needs = |name| built.endpoints.needs(built.endpoints.named(name).unwrap());
    assert_eq!(needs("leaf"), Needs::default());
    assert_eq!(needs("one"), Needs::default());
    let repeat = Needs {
        repeat: true,
        ..Needs::default()
    };
    assert_eq!(needs("rr"), repeat);
    let all = Needs {
        client_id: true,
        service_group_id: true,
        cookies: true,
        repeat: true,
        ..Needs::default()
    };
    assert_eq!(needs("all"), all);
}

#[test]
fn bodies_are_needed_where_a_leaf_changes_them() {
    let shaped = |name: &str, format: FormatDef| {
        let mut def = named(name, address("a"));
        if let EndpointKind::Address(address) = &mut def.kind {
            address.leaf.format = format;
        }
        def
    };
    let format = |format| FormatDef {
        format: Some(format),
        ..FormatDef::default()
    };
    let mtom = FormatDef {
        optimize: Some(Optimize::Mtom),
        ..FormatDef::default()
    };
    let built = build(
        None,
        &[
            shaped("rest", format(MessageFormat::Rest)),
            shaped("soap", format(MessageFormat::Soap11)),
            shaped("mtom", mtom),
            named(
                "both",
                failover(vec![key("mtom"), key("soap"), key("rest")]),
            ),
        ],
    );
    let needs = |name| {
        let needs = built.endpoints.needs(built.endpoints.named(name).unwrap());
        (needs.body, needs.body_unless_parts)
    };
    assert_eq!(needs("rest"), (false, false));
    assert_eq!(needs("soap"), (true, false));
    assert_eq!(needs("mtom"), (false, true));
    assert_eq!(needs("both"), (true, true));
}

#[test]
fn the_view_shows_states_and_the_switch_reaches_through_keys() {
    let built = build(
        None,
        &[
            group(vec![key("e"), address("b")]),
            named("e", address("a")),
        ],
    );
    let e = &built.endpoints;
    let now = Tick(100);
    let id = e.named("e").unwrap();
    let leaf = e.leaf(id).unwrap();
    let admission = leaf.state.admit(now).unwrap();
    leaf.state
        .on_error(&leaf.rules, admission, ErrorCode::CONNECT_FAILED, None, now);
    let view = e.view(e.at_path("g/#0").unwrap(), Tick(10_100));
    assert_eq!(
        (view.kind, view.state, view.ready),
        ("key", EndpointState::Suspended, false)
    );
    assert_eq!(view.cause, Some(ErrorCode::CONNECT_FAILED));
    assert_eq!(view.remaining, Some(ms(20_000)));
    assert_eq!(
        e.view(e.named("g").unwrap(), now).state,
        EndpointState::Active
    );

    e.switch("g/#0", false, now).unwrap().unwrap();
    e.switch("g/#1", false, now).unwrap().unwrap();
    assert!(e.switch("g/#1", false, now).unwrap().is_none());
    assert_eq!(e.view(id, now).state, EndpointState::Off);
    assert_eq!(e.view(e.named("g").unwrap(), now).state, EndpointState::Off);
    e.switch("e", true, now).unwrap();
    assert_eq!(
        e.view(e.named("g").unwrap(), now).state,
        EndpointState::Active
    );
    assert_eq!(
        e.switch("nobody", true, now),
        Err(crate::endpoint::inspect::SwitchError::Unknown)
    );
    let order: Vec<_> = e.inspect(now).into_iter().map(|v| v.path).collect();
    assert_eq!(order, ["g", "g/#0", "g/#1", "e"]);
}

#[test]
fn an_inline_endpoint_keeps_its_state_by_its_position() {
    let make = |previous: Option<&Endpoints>| {
        let mut builder = Builder::new(previous);
        builder.inline("main/in/send", &address("a"));
        builder.finish(&mut Diagnostics::default())
    };
    let (old, _) = make(None);
    let (new, report) = make(Some(&old));
    assert_eq!(paths(&report.kept), ["main/in/send"]);
    assert!(Arc::ptr_eq(
        &cell(&old, "main/in/send"),
        &cell(&new, "main/in/send")
    ));
}
