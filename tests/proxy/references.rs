//! References: `key`, `key-expression`, templates (spec/endpoints.md 5).

use crate::support::{Backend, Down, Proxy, address, child, endpoint, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

/// `main` sends with that endpoint element; errors come back as `CODE message`.
fn definitions(endpoint: &str, rest: &str) -> String {
    format!(
        "<definitions {NS}>{rest}<sequence name=\"main\"><in><send>{endpoint}</send></in><out><send/></out></sequence>
         <sequence name=\"fault\"><makefault version=\"soap11\" response=\"true\"><code xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" value=\"s:Server\"/>
         <reason expression=\"concat(get-property('ERROR_CODE'), ' ', get-property('ERROR_MESSAGE'))\"/></makefault><send/></sequence></definitions>"
    )
}

fn named(name: &str, server: std::net::SocketAddr) -> String {
    format!(
        "<endpoint name=\"{name}\">{}</endpoint>",
        address(server, "")
    )
}

#[test]
fn a_message_computes_the_endpoint_that_it_goes_to() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let by_header = "<endpoint key-expression=\"$trp:X-To\"/>";
    let named = named("a", a.address) + &named("b", b.address);
    let proxy = Proxy::serving(&definitions(by_header, &named));
    let mut client = proxy.client();
    let mut ask = |to: &str| {
        let line = format!("X-To: {to}\r\n");
        client.post_with("/", &line, &quote()).text()
    };
    assert_eq!((ask("b").as_str(), ask("a").as_str()), ("b", "a"));
    let unknown = ask("c");
    assert!(
        unknown.contains(
            "305100 Couldn't find the endpoint with the key : c (key-expression $trp:X-To)"
        ),
        "{unknown}"
    );
    let empty = ask("");
    assert!(
        empty.contains("305100 the key-expression $trp:X-To gives an empty key"),
        "{empty}"
    );
}

#[test]
fn a_group_fails_over_behind_a_computed_key() {
    let (a, b, c) = (Down::new(), Backend::named("b"), Backend::named("c"));
    let inner = child("x", a.address, "") + &child("y", b.address, "");
    let group = format!("<endpoint name=\"g\"><failover>{inner}</failover></endpoint>");
    let outer = format!(
        "<endpoint name=\"outer\"><failover><endpoint key-expression=\"$trp:X-To\"/>{}</failover></endpoint>",
        child("z", c.address, "")
    );
    let proxy = Proxy::serving(&definitions("<endpoint key=\"outer\"/>", &(outer + &group)));
    let mut client = proxy.client();
    let mut ask = |to: &str| {
        client
            .post_with("/", &format!("X-To: {to}\r\n"), &quote())
            .text()
    };
    assert_eq!((ask("g").as_str(), ask("nowhere").as_str()), ("b", "c"));
    assert_eq!(proxy.state("g/x"), "suspended");
}

#[test]
fn properties_of_every_element_on_the_way_are_set() {
    let a = Backend::named("a");
    let header =
        |name: &str| format!("<property name=\"{name}\" value=\"1\" scope=\"transport\"/>");
    let leaf = format!(
        "<endpoint name=\"leaf\">{}{}</endpoint>",
        address(a.address, ""),
        header("X-Leaf")
    );
    let group = format!(
        "<endpoint name=\"g\"><failover><endpoint key=\"leaf\">{}</endpoint></failover>{}</endpoint>",
        header("X-Key"),
        header("X-Group")
    );
    let sent = format!("<endpoint key=\"g\">{}</endpoint>", header("X-Send"));
    let proxy = Proxy::serving(&definitions(&sent, &(leaf + &group)));
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    for name in ["X-Send", "X-Group", "X-Key", "X-Leaf"] {
        assert_eq!(a.seen()[0].headers.value(name), Some("1"), "{name}");
    }
}

#[test]
fn each_use_of_a_template_has_a_state_of_its_own() {
    let (a, b) = (Down::new(), Backend::named("b"));
    let template = format!(
        "<template {NS} name=\"service\"><parameter name=\"host\"/><parameter name=\"pause\"/><endpoint name=\"$name\"><address uri=\"http://${{host}}/svc\">
         <suspendOnFailure><initialDuration>$pause</initialDuration></suspendOnFailure></address></endpoint></template>"
    );
    let used = |name: &str, server: std::net::SocketAddr| {
        format!(
            "<endpoint name=\"{name}\" template=\"service\"><parameter name=\"host\" value=\"{server}\"/><parameter name=\"pause\" value=\"60000\"/></endpoint>"
        )
    };
    let group = endpoint(
        "g",
        &format!(
            "<failover>{}{}</failover>",
            used("x", a.address),
            used("y", b.address)
        ),
    );
    let proxy = Proxy::start(&[
        (
            "synapse-configs/default/templates/service.xml",
            template.as_str(),
        ),
        ("synapse-configs/default/endpoints/g.xml", group.as_str()),
    ]);
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!(
        (proxy.state("g/x").as_str(), proxy.state("g/y").as_str()),
        ("suspended", "active")
    );
}

#[test]
fn a_template_that_is_missing_is_a_fault_of_its_endpoint_alone() {
    let b = Backend::named("b");
    let missing = "<endpoint name=\"t\" template=\"none\" uri=\"http://127.0.0.1:1/\"/>";
    let group = format!(
        "<endpoint name=\"g\"><failover>{missing}{}</failover></endpoint>",
        child("b", b.address, "")
    );
    let by_header = "<endpoint key-expression=\"$trp:X-To\"/>";
    let proxy = Proxy::serving(&definitions(
        by_header,
        &(group + &missing.replace("\"t\"", "\"alone\"")),
    ));
    let mut client = proxy.client();
    let mut ask = |to: &str| {
        client
            .post_with("/", &format!("X-To: {to}\r\n"), &quote())
            .text()
    };
    assert_eq!(ask("g"), "b");
    let alone = ask("alone");
    assert!(
        alone.contains("305100 there is no endpoint template &quot;none&quot;"),
        "{alone}"
    );
}
