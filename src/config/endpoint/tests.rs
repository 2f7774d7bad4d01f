use std::time::Duration;

use crate::codes::DiagnosticCode as Code;
use crate::config::diagnostic::{Diagnostics, Severity};
use crate::config::loader::parse_bytes;
use crate::config::model::*;

/// Loads one endpoint whose inside is given.
fn load(inside: &str) -> (Model, Diagnostics) {
    let text = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"e\">{inside}</endpoint>"
    );
    parse_bytes("e.xml", text.as_bytes())
}

fn good(inside: &str) -> EndpointKind {
    let (mut model, diagnostics) = load(inside);
    let told = diagnostics.into_sorted();
    let told: Vec<_> = told
        .iter()
        .filter(|d| d.code != Code::OldSpelling)
        .collect();
    assert!(told.is_empty(), "{inside}: {told:?}");
    model.endpoints.remove(0).kind
}

fn codes(inside: &str) -> Vec<Code> {
    load(inside)
        .1
        .into_sorted()
        .iter()
        .map(|d| d.code)
        .collect()
}

fn leaf(inside: &str) -> LeafDef {
    match good(&format!("<address uri=\"http://h/\">{inside}</address>")) {
        EndpointKind::Address(address) => address.leaf,
        other => panic!("{other:?}"),
    }
}

fn group(inside: &str) -> LoadBalanceDef {
    match good(inside) {
        EndpointKind::LoadBalance(group) => group,
        other => panic!("{other:?}"),
    }
}

const CHILD: &str = "<endpoint><address uri=\"http://h/\"/></endpoint>";

#[test]
fn all_settings_of_a_leaf_are_read() {
    let leaf = leaf(
        "<timeout><duration> 1500 </duration><responseAction>Fault</responseAction></timeout>
         <markForSuspension><errorCodes>101504, 101505</errorCodes><retriesBeforeSuspension>3</retriesBeforeSuspension><retryDelay>250</retryDelay></markForSuspension>
         <suspendOnFailure><errorCodes>101500 101501,,-1</errorCodes><initialDuration>1000</initialDuration><progressionFactor>1.5</progressionFactor><maximumDuration>60000</maximumDuration></suspendOnFailure>
         <retryConfig><disabledErrorCodes>101504</disabledErrorCodes><enabledErrorCodes>101503</enabledErrorCodes></retryConfig>",
    );
    let ms = |v: Option<super::Spanned<Duration>>| v.map(|d| d.value.as_millis());
    assert_eq!(ms(leaf.timeout), Some(1500));
    assert_eq!(
        leaf.timeout_action.map(|a| a.value),
        Some(TimeoutAction::Fault)
    );
    assert_eq!(leaf.mark_codes, [101_504, 101_505]);
    assert_eq!(leaf.mark_retries.map(|r| r.value), Some(3));
    assert_eq!(ms(leaf.mark_delay), Some(250));
    assert_eq!(leaf.suspend_codes, [101_500, 101_501, -1]);
    assert_eq!(ms(leaf.suspend_initial), Some(1000));
    assert_eq!(leaf.suspend_factor.map(|f| f.value), Some(1.5));
    assert_eq!(ms(leaf.suspend_maximum), Some(60_000));
    assert_eq!(leaf.retry_disabled, [101_504]);
    assert_eq!(leaf.retry_enabled, [101_503]);
    assert!(leaf.suspend_span.is_some() && leaf.mark_span.is_some());
}

#[test]
fn the_action_has_a_second_name_and_a_third_value() {
    for (words, action) in [
        ("<action>discard</action>", TimeoutAction::Discard),
        (
            "<responseAction>never</responseAction>",
            TimeoutAction::None,
        ),
        ("<responseAction>none</responseAction>", TimeoutAction::None),
    ] {
        let leaf = leaf(&format!("<timeout>{words}</timeout>"));
        assert_eq!(leaf.timeout_action.map(|a| a.value), Some(action));
        assert!(leaf.timeout.is_none());
    }
}

#[test]
fn minus_one_means_not_set() {
    let leaf = leaf(
        "<suspendOnFailure><initialDuration>-1</initialDuration><maximumDuration>-1</maximumDuration></suspendOnFailure>",
    );
    assert!(leaf.suspend_initial.is_none() && leaf.suspend_maximum.is_none());
    assert!(leaf.suspend_span.is_some());
}

#[test]
fn the_old_suspension_counts_seconds_and_gives_way_to_the_new() {
    let old = "<suspendDurationOnFailure>2</suspendDurationOnFailure>";
    let (model, diagnostics) = load(&format!("<address uri=\"http://h/\">{old}</address>"));
    assert_eq!(diagnostics.list()[0].code, Code::OldSpelling);
    let EndpointKind::Address(address) = &model.endpoints[0].kind else {
        panic!()
    };
    assert_eq!(
        address
            .leaf
            .suspend_initial
            .as_ref()
            .map(|d| d.value.as_secs()),
        Some(2)
    );
    assert_eq!(
        address.leaf.suspend_factor.as_ref().map(|f| f.value),
        Some(1.0)
    );
    let new = "<suspendOnFailure><initialDuration>70</initialDuration></suspendOnFailure>";
    let (model, _) = load(&format!("<address uri=\"http://h/\">{new}{old}</address>"));
    let EndpointKind::Address(address) = &model.endpoints[0].kind else {
        panic!()
    };
    assert_eq!(
        address
            .leaf
            .suspend_initial
            .as_ref()
            .map(|d| d.value.as_millis()),
        Some(70)
    );
}

#[test]
fn both_spellings_of_the_group_and_both_orders_of_the_session_are_read() {
    let session =
        "<session type=\"SimpleClientSession\"><sessionTimeout>60000</sessionTimeout></session>";
    let one = group(&format!(
        "{session}<loadbalance algorithm=\"x.Y\">{CHILD}</loadbalance>"
    ));
    let two = group(&format!(
        "<loadBalance policy=\"roundRobin\">{CHILD}</loadBalance>{session}"
    ));
    for def in [&one, &two] {
        let session = def.session.as_ref().unwrap();
        assert_eq!(session.kind.value, SessionKind::SimpleClient);
        assert_eq!(
            session.timeout.as_ref().map(|t| t.value.as_secs()),
            Some(60)
        );
        assert!(def.failover);
    }
    assert_eq!(one.algorithm.map(|a| a.value).as_deref(), Some("x.Y"));
    assert_eq!(
        two.algorithm.map(|a| a.value).as_deref(),
        Some("roundRobin")
    );
}

#[test]
fn what_only_axon_knows_is_read() {
    let def = group(&format!(
        "<session type=\"http\" ax:expiry=\"fixed\" ax:onUnavailable=\"rebind\" ax:unknown=\"forward\"><ax:cookie name=\"SID\"/><cookie name=\"T\"/></session>
         <loadbalance failover=\"FALSE\" ax:maxAttempts=\"2\" ax:retryNonIdempotent=\"false\">{CHILD}</loadbalance>"
    ));
    assert!(!def.failover);
    assert_eq!(def.max_attempts.map(|m| m.value), Some(2));
    assert_eq!(def.retry_non_idempotent, Some(false));
    let session = def.session.unwrap();
    assert!(session.fixed_expiry && session.rebind && session.forward_unknown);
    assert_eq!(session.cookies, ["SID", "T"]);
}

#[test]
fn members_take_settings_from_the_group_and_override_them() {
    let def = group(
        "<loadbalance><suspendOnFailure><initialDuration>5</initialDuration></suspendOnFailure>
           <member hostName=\"a\" httpPort=\"80\" httpsPort=\"-1\"/>
           <member hostName=\"[::1]\" httpsPort=\"443\"><suspendOnFailure><initialDuration>7</initialDuration></suspendOnFailure></member>
         </loadbalance>",
    );
    let LoadBalanceChildren::Members(members) = def.children else {
        panic!()
    };
    let initial = |m: &MemberDef| m.leaf.suspend_initial.as_ref().map(|d| d.value.as_millis());
    assert_eq!(
        (
            members[0].host.value.as_str(),
            members[0].http_port,
            members[0].https_port
        ),
        ("a", Some(80), None)
    );
    assert_eq!(
        (
            members[1].host.value.as_str(),
            members[1].http_port,
            members[1].https_port
        ),
        ("::1", None, Some(443))
    );
    assert_eq!(
        (initial(&members[0]), initial(&members[1])),
        (Some(5), Some(7))
    );
}

#[test]
fn failover_is_dynamic_unless_one_of_three_words_says_no() {
    for (word, dynamic) in [
        ("false", false),
        ("No", false),
        ("0", false),
        ("true", true),
    ] {
        let EndpointKind::Failover(def) =
            good(&format!("<failover dynamic=\"{word}\">{CHILD}</failover>"))
        else {
            panic!()
        };
        assert_eq!(def.dynamic, dynamic, "{word}");
        assert_eq!(def.children.len(), 1);
    }
    assert_eq!(
        codes(&format!("<failover dynamic=\"off\">{CHILD}</failover>")),
        [Code::BadValue]
    );
}

#[test]
fn groups_nest_and_keep_their_order() {
    let EndpointKind::Failover(def) = good(&format!(
        "<failover><endpoint key=\"a\"/><endpoint name=\"lb\"><loadbalance>{CHILD}</loadbalance></endpoint><endpoint><default/></endpoint></failover>"
    )) else {
        panic!()
    };
    assert!(matches!(&def.children[0].kind, EndpointKind::Indirect(key) if key.value == "a"));
    assert!(matches!(
        &def.children[1].kind,
        EndpointKind::LoadBalance(_)
    ));
    assert_eq!(
        def.children[1].name.as_ref().map(|n| n.value.as_str()),
        Some("lb")
    );
    assert!(matches!(&def.children[2].kind, EndpointKind::Default(_)));
}

#[test]
fn properties_are_kept_in_order_with_their_scope() {
    let (model, diagnostics) = load(
        "<default/><property name=\"b\" value=\"1\"/><property name=\"a\" expression=\"//x\" scope=\"transport\"/><property name=\"c\" value=\"v\" scope=\"operation\"/>",
    );
    let found: Vec<_> = model.endpoints[0]
        .properties
        .iter()
        .map(|p| {
            (
                p.name.value.as_str(),
                p.scope,
                matches!(p.value, PropertyValue::Literal(_)),
            )
        })
        .collect();
    assert_eq!(
        found,
        [("b", Scope::Default, true), ("a", Scope::Transport, false)]
    );
    assert_eq!(diagnostics.list()[0].code, Code::BadValue);
}

#[test]
fn the_format_settings_of_a_leaf_are_read_in_any_case() {
    let format = |attributes: &str, inside: &str| {
        let text = format!("<address uri=\"http://h/\" {attributes}>{inside}</address>");
        match good(&text) {
            EndpointKind::Address(address) => address.leaf.format,
            other => panic!("{other:?}"),
        }
    };
    let read = format(
        "format=\" SOAP11 \" optimize=\"Mtom\" encoding=\"ISO-8859-1\"",
        "<enableAddressing version=\" Submission\" separateListener=\"false\"/>",
    );
    assert_eq!(read.format, Some(MessageFormat::Soap11));
    assert_eq!(read.optimize, Some(Optimize::Mtom));
    assert_eq!(read.encoding.unwrap().value, "ISO-8859-1");
    assert_eq!(read.addressing, Some(AddressingVersion::Submission));
    for (word, want) in [
        ("soap12", MessageFormat::Soap12),
        ("pox", MessageFormat::Pox),
        ("get", MessageFormat::Get),
        ("rest", MessageFormat::Rest),
    ] {
        assert_eq!(format(&format!("format=\"{word}\""), "").format, Some(want));
    }
    let plain = format("", "<enableAddressing/>");
    assert_eq!(plain.addressing, Some(AddressingVersion::Final));
    assert_eq!(format("", ""), FormatDef::default());
}

#[test]
fn what_later_versions_run_is_unsupported_and_never_sent_as_it_is() {
    for inside in [
        "<address uri=\"http://h/\"><enableAddressing separateListener=\"true\"/></address>",
        "<address uri=\"http://h/\"><timeout><duration>{get-property('t')}</duration></timeout></address>",
        "<address uri=\"jms:/q\"/>",
        "<serviceDynamicLoadBalance configuration=\"file:x.xml\"/>",
        "<class name=\"x.Y\"/>",
    ] {
        let (model, diagnostics) = load(inside);
        let told = diagnostics.list().iter();
        let told = told.filter(|d| d.code != Code::OldSpelling);
        let severities: Vec<_> = told.map(|d| d.severity).collect();
        assert_eq!(severities, [Severity::Unsupported], "{inside}");
        assert!(
            matches!(model.endpoints[0].kind, EndpointKind::Unsupported(_)),
            "{inside}"
        );
    }
}

#[test]
fn each_slip_has_its_code() {
    let lb = |attributes: &str| format!("<loadbalance {attributes}>{CHILD}</loadbalance>");
    let cases: Vec<(String, Vec<Code>)> = vec![
        ("".into(), vec![Code::NoEndpointKind]),
        ("<address/>".into(), vec![Code::MissingAttribute]),
        ("<address uri=\"not a url\"/>".into(), vec![Code::BadAddress]),
        ("<address uri=\"local://services\"/>".into(), vec![Code::BadAddress]),
        ("<address uri=\"http://h/\"><enableSec/></address>".into(), vec![Code::SecurityMissing]),
        ("<address uri=\"http://h/\" format=\"soap13\"/>".into(), vec![Code::BadValue]),
        ("<failover/>".into(), vec![Code::EmptyGroup]),
        ("<loadbalance/>".into(), vec![Code::EmptyGroup]),
        (format!("<loadbalance>{CHILD}<member hostName=\"h\"/></loadbalance>"), vec![Code::MixedChildren]),
        ("<loadbalance><member httpPort=\"1\"/></loadbalance>".into(), vec![Code::MissingAttribute]),
        ("<loadbalance><member hostName=\"h\" httpPort=\"http\"/></loadbalance>".into(), vec![Code::BadNumber]),
        ("<loadbalance><member hostName=\"h:80\"/></loadbalance>".into(), vec![Code::BadAddress]),
        ("<failover><endpoint key=\"a\"/><endpoint key=\"a\"/></failover>".into(), vec![Code::DuplicateKey]),
        (lb("algorithm=\"a\" policy=\"b\""), vec![Code::ConflictingAttributes]),
        (lb("alogorithm=\"a\""), vec![Code::UnknownAttribute]),
        (lb("ax:maxAttempts=\"0\""), vec![Code::BadValue]),
        (format!("<session/>{}", lb("")), vec![Code::MissingAttribute]),
        (format!("<session type=\"cookie\"/>{}", lb("")), vec![Code::BadValue]),
        (format!("<session type=\"soap\"/>{}", lb("failover=\"true\"")), vec![Code::FailoverIgnored]),
        (format!("<session type=\"soap\"/><failover>{CHILD}</failover>"), vec![Code::NoEffect]),
        ("<default><timeout><duration>-5</duration></timeout></default>".into(), vec![Code::NegativeNumber]),
        ("<default><timeout><duration>soon</duration></timeout></default>".into(), vec![Code::BadNumber]),
        ("<default><timeout><responseAction>retry</responseAction></timeout></default>".into(), vec![Code::BadValue]),
        ("<default><suspendOnFailure><errorCodes>101503,abc</errorCodes></suspendOnFailure></default>".into(), vec![Code::BadNumber]),
        ("<default><suspendOnFailure><progressionFactor>0.5</progressionFactor></suspendOnFailure></default>".into(), vec![Code::ShrinkingSuspension]),
        ("<default><suspendOnFailure><progressionFactor>NaN</progressionFactor></suspendOnFailure></default>".into(), vec![Code::BadNumber]),
        ("<default><wibble/></default>".into(), vec![Code::UnknownElement]),
        (format!("<address uri=\"http://h/\"/><failover>{CHILD}</failover>"), vec![Code::DuplicateElement]),
        ("<default/><property value=\"v\"/>".into(), vec![Code::MissingAttribute]),
        ("<default/><property name=\"n\"/>".into(), vec![Code::MissingAttribute]),
    ];
    for (inside, expected) in cases {
        assert_eq!(codes(&inside), expected, "{inside}");
    }
}

#[test]
fn a_policy_is_round_robin_unless_the_file_is_for_axon() {
    let lb = format!("<loadbalance policy=\"leastConnections\">{CHILD}</loadbalance>");
    assert_eq!(codes(&lb), [Code::OldSpelling]);
    let text =
        format!("<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"e\">{lb}</endpoint>");
    let (_, diagnostics) = parse_bytes("e.xml", text.as_bytes());
    let told = &diagnostics.list()[0];
    assert_eq!(
        (told.code, told.severity),
        (Code::UnknownAlgorithm, Severity::Error)
    );
    let place = told.span.start as usize..told.span.end as usize;
    assert!(text[place].contains("leastConnections"));
    assert!(told.message.contains("roundRobin"), "{}", told.message);
}

#[test]
fn security_is_asked_for_nowhere_in_vain() {
    for inside in [
        "<default><enableSec/></default>",
        "<enableSec/><default/>",
        "<wsdl><enableSec/></wsdl>",
        "<loadbalance><member hostName=\"h\"><enableSec/></member></loadbalance>",
    ] {
        let found = codes(inside);
        assert!(
            found.contains(&Code::SecurityMissing),
            "{inside}: {found:?}"
        );
    }
}

#[test]
fn a_broken_child_breaks_its_group_and_every_problem_is_told() {
    let (model, diagnostics) =
        load("<failover><endpoint><address/></endpoint><endpoint/></failover>");
    assert_eq!(diagnostics.errors(), 2);
    assert!(matches!(
        model.endpoints[0].kind,
        EndpointKind::Unsupported(_)
    ));
}

fn http(attributes: &str, inside: &str) -> HttpDef {
    match good(&format!("<http {attributes}>{inside}</http>")) {
        EndpointKind::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_http_endpoint_is_read_with_its_settings() {
    let http = http(
        "uri-template=\" legacy-encoding:http://h/{uri.var.a} \" method=\"Get\" version=\"1.1\"",
        "<timeout><duration>70</duration></timeout>",
    );
    assert_eq!(http.template.value.text(), "http://h/{uri.var.a}");
    assert!(http.legacy);
    assert_eq!(http.method.unwrap().value, "GET");
    assert_eq!(http.leaf.timeout.unwrap().value, Duration::from_millis(70));
    let whole = self::http("uri-template=\"{uri.var.url}\"", "");
    assert_eq!(whole.template.value.text(), "{+uri.var.url}");
}

#[test]
fn slips_in_an_http_endpoint_have_their_place() {
    for (attributes, code) in [
        ("", Code::MissingAttribute),
        ("uri-template=\"\"", Code::MissingAttribute),
        ("uri-template=\"http://h/{a\"", Code::BadAddress),
        ("uri-template=\"no url\"", Code::BadAddress),
        (
            "uri-template=\"http://h:port/{uri.var.a}\"",
            Code::BadAddress,
        ),
        ("uri-template=\"ftp://h/\"", Code::UnsupportedScheme),
        ("uri-template=\"http://h/{other}\"", Code::NoEffect),
        ("uri-template=\"http://h/\" method=\"brew\"", Code::BadValue),
        ("uri-template=\"http://h/\" version=\"3\"", Code::BadValue),
        ("uri-template=\"http://h/\" version=\"2.0\"", Code::NoEffect),
        (
            "uri-template=\"http://h/\" uritemplate=\"x\"",
            Code::UnknownAttribute,
        ),
    ] {
        assert_eq!(
            codes(&format!("<http {attributes}/>")),
            [code],
            "{attributes}"
        );
    }
}

#[test]
fn authentication_is_read_and_its_slips_are_named() {
    let inside = |auth: &str| format!("<authentication>{auth}</authentication>");
    let address = "uri-template=\"http://h/\"";
    let basic = "<basicAuth><username>u</username><password>p</password></basicAuth>";
    let auth = http(address, &inside(basic)).auth.unwrap();
    assert!(
        matches!(&*auth, AuthDef::Basic { user, password } if user == "u" && password.0 == "p")
    );
    assert!(
        !format!("{auth:?}").contains("\"p\""),
        "secrets are not printed"
    );
    let grant = |kind: &str, more: &str| {
        inside(&format!(
            "<oauth><{kind}><tokenUrl>http://t/</tokenUrl><clientId>i</clientId>\
             <clientSecret>s</clientSecret>{more}</{kind}></oauth>"
        ))
    };
    let more = "<authMode>PAYLOAD</authMode><requestParameters><parameter name=\"a\">b</parameter>\
         </requestParameters><customHeaders><header name=\"c\">d</header></customHeaders>\
         <connectionTimeout>100</connectionTimeout><socketTimeout>200</socketTimeout>";
    let auth = http(address, &grant("clientCredentials", more)).auth;
    let Some(AuthDef::OAuth(oauth)) = auth.map(|auth| *auth) else {
        panic!("no oauth");
    };
    assert_eq!(oauth.grant, Grant::ClientCredentials);
    assert!(!oauth.in_header);
    assert_eq!((oauth.parameters.len(), oauth.headers.len()), (1, 1));
    assert_eq!(oauth.connect_timeout, Duration::from_millis(100));
    assert_eq!(oauth.response_timeout, Duration::from_millis(200));
    let refresh = grant("authorizationCode", "<refreshToken>r</refreshToken>");
    let Some(AuthDef::OAuth(oauth)) = http(address, &refresh).auth.map(|auth| *auth) else {
        panic!("no oauth");
    };
    assert_eq!(oauth.grant, Grant::RefreshToken(Secret("r".to_owned())));
    for (auth, code) in [
        (inside(""), Code::MissingAttribute),
        (inside("<oauth/>"), Code::MissingAttribute),
        (
            inside("<basicAuth><username>u</username></basicAuth>"),
            Code::MissingAttribute,
        ),
        (grant("authorizationCode", ""), Code::MissingAttribute),
        (
            grant("clientCredentials", "<authMode>x</authMode>"),
            Code::BadValue,
        ),
        (
            grant("clientCredentials", "<proxyConfigs/>"),
            Code::NotSupportedYet,
        ),
        (
            inside("<basicAuth><username>{$ctx:u}</username><password>p</password></basicAuth>"),
            Code::NotSupportedYet,
        ),
    ] {
        assert_eq!(
            codes(&format!("<http {address}>{auth}</http>")),
            [code],
            "{auth}"
        );
    }
}

#[test]
fn limits_and_other_attributes_of_axons_own_are_read() {
    let read = |attributes: &str| match good(&format!("<address uri=\"http://h/\" {attributes}/>"))
    {
        EndpointKind::Address(address) => address.leaf,
        other => panic!("{other:?}"),
    };
    let limits = read("ax:maxConnections=\"5\"").limits.unwrap();
    assert_eq!((limits.connections, limits.pending), (5, 1024));
    assert_eq!(limits.wait, Duration::from_secs(5));
    let all = read("ax:maxConnections=\"1\" ax:maxPending=\"0\" ax:queueTimeout=\"7\"");
    assert_eq!(
        all.limits,
        Some(LimitsDef {
            connections: 1,
            pending: 0,
            wait: Duration::from_millis(7)
        })
    );
    assert!(read("ax:probe=\"all\"").probe_all && !read("ax:probe=\"one\"").probe_all);
    assert_eq!(
        read("ax:slowStart=\"9\"").slow_start.unwrap().value,
        Duration::from_millis(9)
    );
    for (attributes, code) in [
        ("ax:maxConnections=\"0\"", Code::BadValue),
        ("ax:maxPending=\"5\"", Code::NoEffect),
        ("ax:probe=\"two\"", Code::BadValue),
        ("ax:slowStart=\"x\"", Code::BadNumber),
    ] {
        let inside = format!("<address uri=\"http://h/\" {attributes}/>");
        assert_eq!(codes(&inside), [code], "{attributes}");
    }
    let listed =
        leaf("<retryConfig><ax:httpStatusCodes>502, 503</ax:httpStatusCodes></retryConfig>");
    assert_eq!(listed.failing_statuses, [502, 503]);
    let bad = "<address uri=\"http://h/\"><retryConfig><ax:httpStatusCodes>99</ax:httpStatusCodes></retryConfig></address>";
    assert_eq!(codes(bad), [Code::BadNumber]);
}

#[test]
fn a_health_check_is_read_with_its_defaults() {
    let check = |text: &str| leaf(text).health.unwrap();
    let tcp = check("<ax:healthCheck type=\"tcp\"/>");
    assert_eq!(tcp.kind, HealthKind::Tcp);
    assert_eq!((tcp.rise, tcp.fall), (2, 3));
    assert_eq!(tcp.interval, Duration::from_secs(5));
    let all = check(
        "<ax:healthCheck type=\"http\" method=\"head\" path=\"/h?x\" status=\"200-299, 401\" interval=\"100\" timeout=\"7\" rise=\"1\" fall=\"9\"/>",
    );
    let HealthKind::Http(http) = all.kind else {
        panic!("no http check");
    };
    assert_eq!(http.method, "HEAD");
    assert_eq!(http.path.as_deref(), Some("/h?x"));
    assert_eq!(http.statuses, [(200, 299), (401, 401)]);
    assert_eq!((all.rise, all.fall), (1, 9));
    let soap = check(
        "<ax:healthCheck type=\"soap\" action=\"urn:a\" version=\"1.2\"><ax:body><p:q xmlns:p=\"urn:p\" b=\"&lt;\"><p:r/><s xmlns=\"\">t</s></p:q></ax:body></ax:healthCheck>",
    );
    let HealthKind::Soap(soap) = soap.kind else {
        panic!("no soap check");
    };
    assert!(soap.soap12 && soap.action == "urn:a");
    let envelope = roxmltree::Document::parse(&soap.inside).unwrap();
    let q = envelope
        .descendants()
        .find(|n| n.has_tag_name(("urn:p", "q")))
        .unwrap();
    assert_eq!(q.attribute("b"), Some("<"));
    let names: Vec<_> = q
        .children()
        .map(|n| (n.tag_name().namespace(), n.tag_name().name()))
        .collect();
    assert_eq!(names, [(Some("urn:p"), "r"), (Some(""), "s")]);
}

#[test]
fn slips_in_a_health_check_are_named() {
    for (attributes, code) in [
        ("", Code::MissingAttribute),
        ("type=\"udp\"", Code::BadValue),
        ("type=\"tcp\" interval=\"99\"", Code::BadValue),
        ("type=\"tcp\" timeout=\"0\"", Code::BadValue),
        ("type=\"tcp\" rise=\"0\"", Code::BadValue),
        ("type=\"tcp\" fall=\"x\"", Code::BadNumber),
        ("type=\"tcp\" path=\"/\"", Code::NoEffect),
        ("type=\"http\" path=\"health\"", Code::BadValue),
        ("type=\"http\" status=\"300-200\"", Code::BadValue),
        ("type=\"http\" status=\"2xx\"", Code::BadValue),
        ("type=\"http\" method=\"POST\"", Code::BadValue),
        ("type=\"soap\" version=\"2\"", Code::BadValue),
        ("type=\"tcp\" every=\"5\"", Code::UnknownAttribute),
    ] {
        let inside = format!("<address uri=\"http://h/\"><ax:healthCheck {attributes}/></address>");
        assert_eq!(codes(&inside), [code], "{attributes}");
    }
    // Without the prefix it is read as well, rather than ignored silently.
    assert!(leaf("<healthCheck type=\"tcp\"/>").health.is_some());
}
