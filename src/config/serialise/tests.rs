use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::loader::{self, parse_bytes};
use crate::config::model::{
    AddressDef, AddressingVersion, AuthDef, ExpectDef, FailoverDef, FormatDef, Grant, HealthDef,
    HealthKind, HttpCheck, LimitsDef, MessageFormat, OAuthDef, Optimize, RecipientsDef, Secret,
    SoapCheck,
};
use crate::config::source::{FileId, Span};
use crate::config::uri_template::Template;
use crate::config::xml::Element;

const NOWHERE: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};

fn at<T>(value: T) -> Spanned<T> {
    Spanned::new(value, NOWHERE)
}

fn nothing() -> Element {
    Element {
        name: String::new(),
        namespace: String::new(),
        attributes: Vec::new(),
        children: Vec::new(),
        prefixes: Vec::new(),
        name_span: NOWHERE,
        span: NOWHERE,
    }
}

/// The model without places: what two texts that mean the same have in common.
fn meaning(def: &EndpointDef) -> String {
    let mut def = def.clone();
    forget_elements(&mut def);
    let spans = regex::Regex::new(r"Span \{[^}]*\}").unwrap();
    spans.replace_all(&format!("{def:#?}"), "_").into_owned()
}

fn forget_elements(def: &mut EndpointDef) {
    for property in &mut def.properties {
        property.element = nothing();
    }
    match &mut def.kind {
        EndpointKind::Failover(group) => group.children.iter_mut().for_each(forget_elements),
        EndpointKind::LoadBalance(group) => {
            if let LoadBalanceChildren::Endpoints(children) = &mut group.children {
                children.iter_mut().for_each(forget_elements);
            }
        }
        EndpointKind::Resolving(resolving) => resolving.element = nothing(),
        // The template is not there when the use is read again.
        EndpointKind::Template(used) => used.endpoint = None,
        EndpointKind::RecipientList(list) => match &mut list.recipients {
            RecipientsDef::Endpoints(children) => children.iter_mut().for_each(forget_elements),
            RecipientsDef::Computed(computed) => computed.element = nothing(),
            RecipientsDef::Members(_) => {}
        },
        _ => {}
    }
}

fn again(def: &EndpointDef) -> EndpointDef {
    let text = endpoint(def);
    let (model, diagnostics) = parse_bytes("e.xml", text.as_bytes());
    assert!(
        !diagnostics.has_errors(),
        "{text}\n{:?}",
        diagnostics.list()
    );
    model.endpoints.into_iter().next().unwrap()
}

fn round_trip(def: &EndpointDef) {
    let read = again(def);
    assert_eq!(meaning(def), meaning(&read), "{}", endpoint(def));
    assert_eq!(endpoint(def), endpoint(&read));
}

/// Names, keys, values: with what XML has to escape, without what a name loses when it is trimmed.
fn word() -> impl Strategy<Value = String> {
    "[a-z<>&\"'é][a-z<>&\"' é\n\t]{0,6}[a-z<>&\"'é]"
}

fn duration() -> impl Strategy<Value = Option<Spanned<Duration>>> {
    proptest::option::of((0..100_000_u64).prop_map(|ms| at(Duration::from_millis(ms))))
}

fn codes_of_some() -> impl Strategy<Value = Vec<i32>> {
    proptest::collection::vec(prop_oneof![Just(-1), 101_500..101_510, any::<i32>()], 0..3)
}

fn a_check() -> impl Strategy<Value = HealthDef> {
    let statuses = proptest::collection::vec((200..300_u16, 300..600_u16), 1..3);
    let path = proptest::option::of("/[a-z]{0,3}(\\?[a-z]&[b-c])?");
    let http = (path.clone(), statuses.clone()).prop_map(|(path, statuses)| {
        HealthKind::Http(HttpCheck {
            method: "HEAD".to_owned(),
            path,
            statuses,
        })
    });
    let inside = prop_oneof![
        Just(""),
        Just("<a xmlns=\"urn:a\">&lt; &amp;</a><b xmlns=\"\"></b>")
    ];
    let expect = prop_oneof![
        Just(None),
        Just(Some(("//a < '\"'", vec![]))),
        Just(Some(("//p:a", vec![("p".to_owned(), "urn:p".to_owned())]))),
    ];
    let soap = (path, statuses, any::<bool>(), "[a-z:]{0,4}", inside, expect).prop_map(
        |(path, statuses, soap12, action, inside, expect)| {
            HealthKind::Soap(SoapCheck {
                expect: expect.map(|(text, prefixes)| {
                    let text = at(text.to_owned());
                    Box::new(ExpectDef { text, prefixes })
                }),
                path,
                soap12,
                action,
                inside: inside.to_owned(),
                statuses,
            })
        },
    );
    let kind = prop_oneof![Just(HealthKind::Tcp), http, soap];
    (kind, 100..9999_u64, 1..9_u32).prop_map(|(kind, ms, count)| HealthDef {
        kind,
        interval: Duration::from_millis(ms),
        timeout: Duration::from_millis(ms + 1),
        rise: count,
        fall: count + 1,
        span: NOWHERE,
    })
}

prop_compose! {
    fn a_leaf()(
        timeout in duration(),
        action in proptest::option::of(prop_oneof![
            Just(TimeoutAction::Fault), Just(TimeoutAction::Discard), Just(TimeoutAction::None)
        ]),
        suspend in proptest::option::of((
            codes_of_some(), duration(), proptest::option::of(0.0..9.0_f64), duration()
        )),
        mark in proptest::option::of((codes_of_some(), proptest::option::of(0..9_u32), duration())),
        retry in (codes_of_some(), codes_of_some()),
        own in (duration(), any::<[bool; 4]>(), proptest::collection::vec(200..600_u16, 0..3), proptest::option::of("[a-z]{1,5}")),
        limits in proptest::option::of((1..9_u32, 0..9_u32, 0..99_u64)),
        health in proptest::option::of(a_check().prop_map(Box::new).boxed()),
    ) -> LeafDef {
        let mut leaf = LeafDef {
            slow_start: own.0,
            tls: own.3.map(|name: String| at(name)),
            probe_all: own.1[0],
            state_by_authority: own.1[1],
            trace: own.1[2],
            statistics: own.1[3],
            failing_statuses: own.2,
            limits: limits.map(|(connections, pending, wait)| LimitsDef {
                connections,
                pending,
                wait: Duration::from_millis(wait),
            }),
            health,
            timeout,
            timeout_action: action.map(at),
            retry_disabled: retry.0,
            retry_enabled: retry.1,
            ..LeafDef::default()
        };
        if let Some((codes, initial, factor, maximum)) = suspend {
            leaf.suspend_codes = codes;
            leaf.suspend_initial = initial;
            leaf.suspend_factor = factor.map(at);
            leaf.suspend_maximum = maximum;
            leaf.suspend_span = Some(NOWHERE);
        }
        if let Some((codes, retries, delay)) = mark {
            leaf.mark_codes = codes;
            leaf.mark_retries = retries.map(at);
            leaf.mark_delay = delay;
            leaf.mark_span = Some(NOWHERE);
        }
        leaf
    }
}

fn an_authentication() -> impl Strategy<Value = AuthDef> {
    let basic = (word(), word()).prop_map(|(user, password)| AuthDef::Basic {
        user,
        password: Secret(password),
    });
    let grant = prop_oneof![
        Just(Grant::ClientCredentials),
        word().prop_map(|token| Grant::RefreshToken(Secret(token))),
        (word(), word()).prop_map(|(user, password)| Grant::Password {
            user,
            password: Secret(password)
        }),
    ];
    let fields = || proptest::collection::vec((word(), word().prop_map(Secret)), 0..3);
    let oauth = (grant, word(), any::<bool>(), fields(), fields(), 1..999_u64).prop_map(
        |(grant, client, in_header, parameters, headers, ms)| {
            AuthDef::OAuth(Box::new(OAuthDef {
                grant,
                token_url: at("http://t/x?y&z".to_owned()),
                client_id: client.clone(),
                client_secret: Secret(client),
                in_header,
                parameters,
                headers,
                connect_timeout: Duration::from_millis(ms),
                response_timeout: Duration::from_millis(ms + 1),
            }))
        },
    );
    prop_oneof![basic, oauth]
}

prop_compose! {
    fn a_property()(
        name in word(),
        value in word(),
        is_expression in any::<bool>(),
        scope in prop_oneof![
            Just(Scope::Default), Just(Scope::Transport), Just(Scope::Axis2), Just(Scope::Axis2Client)
        ],
    ) -> PropertyDef {
        let value = at(value);
        let value = match is_expression {
            true => PropertyValue::Expression(value),
            false => PropertyValue::Literal(value),
        };
        PropertyDef { name: at(name), value, scope, element: nothing() }
    }
}

prop_compose! {
    fn a_session()(
        kind in prop_oneof![
            Just(SessionKind::Http), Just(SessionKind::SimpleClient), Just(SessionKind::Soap)
        ],
        timeout in duration(),
        switches in any::<[bool; 3]>(),
        cookies in proptest::collection::vec(word(), 0..3),
    ) -> SessionDef {
        SessionDef {
            kind: at(kind),
            timeout,
            fixed_expiry: switches[0],
            rebind: switches[1],
            forward_unknown: switches[2],
            cookies,
        }
    }
}

prop_compose! {
    fn a_member()(
        host in "[a-z]{1,8}",
        ports in (proptest::option::of(1..9999_u16), proptest::option::of(1..9999_u16)),
        weight in proptest::option::of((1..9_u32).prop_map(|n| n.try_into().unwrap())),
        leaf in a_leaf().boxed(),
    ) -> MemberDef {
        MemberDef {
            host: at(host),
            http_port: ports.0,
            https_port: ports.1,
            weight: weight.map(at),
            // A member has neither attribute.
            leaf: LeafDef { trace: false, statistics: false, ..leaf },
            span: NOWHERE,
        }
    }
}

fn around(kind: impl Strategy<Value = EndpointKind>) -> impl Strategy<Value = EndpointDef> {
    (
        kind,
        proptest::option::of(word()),
        proptest::option::of(word()),
        proptest::option::of(word()),
        proptest::collection::vec(a_property(), 0..3),
    )
        .prop_map(
            |(kind, name, on_error, description, properties)| EndpointDef {
                name: name.map(at),
                kind,
                on_error: on_error.map(at),
                properties,
                description,
                span: NOWHERE,
            },
        )
}

fn a_format() -> impl Strategy<Value = FormatDef> {
    use proptest::{option, sample::select};
    (
        option::of(select(&MessageFormat::ALL[..])),
        option::of(select(&Optimize::ALL[..])),
        option::of("[A-Z]{1,4}-8"),
        option::of(select(&AddressingVersion::ALL[..])),
    )
        .prop_map(|(format, optimize, encoding, addressing)| FormatDef {
            format,
            optimize,
            encoding: encoding.map(at),
            addressing,
        })
}

fn an_endpoint() -> impl Strategy<Value = EndpointDef> {
    let single = prop_oneof![
        (
            "[a-z]{1,8}(/[a-z&]{0,4})?(\\?a=b&c=d)?",
            a_leaf().boxed(),
            a_format().boxed()
        )
            .prop_map(|(rest, mut leaf, format)| {
                leaf.format = format;
                let uri = at(format!("http://{rest}"));
                EndpointKind::Address(AddressDef { uri, leaf })
            }),
        a_leaf().boxed().prop_map(EndpointKind::Default),
        (
            a_leaf().boxed(),
            any::<bool>(),
            proptest::option::of(an_authentication().prop_map(Box::new).boxed())
        )
            .prop_map(|(leaf, legacy, auth)| {
                let template = Template::parse("http://h/{uri.var.a}{?query.param.b}").unwrap();
                EndpointKind::Http(HttpDef {
                    template: at(template),
                    legacy,
                    method: legacy.then(|| at("PUT".to_owned())),
                    auth,
                    leaf,
                })
            },),
    ];
    around(single.boxed())
        .boxed()
        .prop_recursive(3, 24, 4, |inner| {
            // The same key twice among siblings is refused: each child has its own.
            let children = (proptest::collection::vec(inner, 1..4), 0..3_usize).prop_map(
                |(mut list, keys)| {
                    for nth in 0..keys {
                        list.push(EndpointDef {
                            name: None,
                            kind: EndpointKind::Indirect(at(format!("k{nth}"))),
                            on_error: None,
                            properties: Vec::new(),
                            description: None,
                            span: NOWHERE,
                        });
                    }
                    list
                },
            );
            let rules = (
                proptest::option::of(1..9_u32),
                proptest::option::of(any::<bool>()),
            );
            let failover = (children.clone(), any::<bool>(), rules.clone()).prop_map(
                |(children, dynamic, rules)| {
                    EndpointKind::Failover(FailoverDef {
                        children,
                        dynamic,
                        max_attempts: rules.0.map(at),
                        retry_non_idempotent: rules.1,
                        span: NOWHERE,
                    })
                },
            );
            let chosen = prop_oneof![
                children.prop_map(LoadBalanceChildren::Endpoints),
                proptest::collection::vec(a_member(), 1..3).prop_map(LoadBalanceChildren::Members),
            ];
            let balance = (
                chosen,
                proptest::option::of(word()),
                any::<bool>(),
                rules,
                proptest::option::of(a_session()),
                duration(),
            )
                .prop_map(
                    |(children, algorithm, failover, rules, session, slow_start)| {
                        EndpointKind::LoadBalance(LoadBalanceDef {
                            children,
                            algorithm: algorithm.map(at),
                            failover,
                            max_attempts: rules.0.map(at),
                            retry_non_idempotent: rules.1,
                            slow_start,
                            session,
                            span: NOWHERE,
                        })
                    },
                );
            around(prop_oneof![failover, balance])
        })
}

proptest! {
    #[test]
    fn any_model_comes_back_from_its_xml(mut def in an_endpoint()) {
        def.name.get_or_insert(at("top".to_owned()));
        round_trip(&def);
    }
}

#[test]
fn every_sample_comes_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut endpoints = 0;
    for file in std::fs::read_dir(root.join("samples")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "xml") {
            continue;
        }
        let (model, _) = loader::load(&[path], Path::new("unused"));
        for def in &model.endpoints {
            round_trip(def);
            endpoints += 1;
        }
    }
    assert!(endpoints >= 11, "{endpoints}");
}

#[test]
fn the_order_and_the_defaults_are_those_of_the_specification() {
    let text = r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" onError="f" name="e">
        <property value="2" name="loadbalance.weight"/>
        <loadBalance policy="roundRobin" failover="TRUE">
            <member httpPort="80" hostName="h" httpsPort="-1"/>
            <suspendDurationOnFailure>3</suspendDurationOnFailure>
        </loadBalance>
        <session type="HTTP"/><description> d </description></endpoint>"#;
    let (model, _) = parse_bytes("e.xml", text.as_bytes());
    let expected = r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" name="e" onError="f">
  <description>d</description>
  <session type="http"/>
  <loadbalance algorithm="roundRobin">
    <member hostName="h" httpPort="80">
      <suspendOnFailure>
        <initialDuration>3000</initialDuration>
        <progressionFactor>1.0</progressionFactor>
      </suspendOnFailure>
    </member>
  </loadbalance>
  <property name="loadbalance.weight" value="2"/>
</endpoint>
"#;
    assert_eq!(endpoint(&model.endpoints[0]), expected);
}

#[test]
fn prefixes_that_an_expression_uses_are_declared() {
    let text = r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" xmlns:m="urn:m" name="e">
        <default/><property name="p" expression="//m:x"/></endpoint>"#;
    let (model, _) = parse_bytes("e.xml", text.as_bytes());
    let read = again(&model.endpoints[0]);
    assert_eq!(read.properties[0].element.prefix("m"), Some("urn:m"));
}

#[test]
fn a_wsdl_endpoint_comes_back_with_the_namespaces_of_its_names() {
    let text = "<endpoint xmlns='http://ws.apache.org/ns/synapse' xmlns:ax='urn:axon:1' xmlns:q='urn:q' name='e'>\
                <wsdl uri='http://h/?wsdl' service='q:S' endpoint='P' ax:refresh='5000'><timeout><duration>5</duration></timeout></wsdl></endpoint>";
    let (model, diagnostics) = parse_bytes("e.xml", text.as_bytes());
    assert_eq!(diagnostics.list(), []);
    round_trip(&model.endpoints[0]);
}
