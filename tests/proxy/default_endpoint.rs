//! The default endpoint sends where the message says, within bounds (spec/endpoints.md 4.2, design 16).

use crate::support::{Backend, Proxy, endpoint, quote};

fn to(address: &str) -> String {
    quote().replace(
        "<soapenv:Body>",
        &format!("<soapenv:Header><wsa:To xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">{address}</wsa:To></soapenv:Header><soapenv:Body>"),
    )
}

fn sequence(address: &str) -> String {
    format!(
        "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" name=\"main\"><in><header name=\"To\" value=\"{address}\"/>\
         <send><endpoint><default/></endpoint></send></in><out><send/></out></sequence>"
    )
}

const FILE: &str = "e.xml";

fn open_to_all(settings: &str) -> Proxy {
    Proxy::with(
        &[
            (FILE, endpoint("e", "<default/>").as_str()),
            ("axon.toml", settings),
        ],
        &["--no-watch", "--http", "0.0.0.0:0"],
    )
}

#[test]
fn the_header_mediator_sets_the_target() {
    let a = Backend::named("a");
    let proxy = Proxy::start(&[("main.xml", sequence(&format!("http://{}/there", a.address)))]);
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(a.seen()[0].target(), "/there");
}

#[test]
fn the_message_sets_the_target_when_only_this_machine_can_send_one() {
    let a = Backend::named("a");
    let proxy = Proxy::serving(&endpoint("e", "<default/>"));
    let answer = proxy
        .client()
        .post("/", &to(&format!("http://{}/there", a.address)));
    assert_eq!(answer.text(), "a");
    assert!(a.seen()[0].target().starts_with("/there"));
}

#[test]
fn a_message_without_a_target_goes_nowhere() {
    let proxy = Proxy::serving(&endpoint("e", "<default/>"));
    let answer = proxy.client().post("/", &quote());
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("303001"), "{}", answer.text());
}

#[test]
fn a_proxy_that_others_reach_sends_to_listed_targets_only() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = open_to_all(&format!(
        "[default_endpoint]\nallow = [\"{}\"]\n",
        a.address
    ));
    let mut client = proxy.client();
    assert_eq!(
        client
            .post("/", &to(&format!("http://{}/", a.address)))
            .text(),
        "a"
    );
    let refused = client.post("/", &to(&format!("http://{}/", b.address)));
    assert!(refused.text().contains("303001"), "{}", refused.text());
    assert_eq!(b.hits(), 0);
}

#[test]
fn the_own_administration_is_never_a_target() {
    let proxy = Proxy::serving(&endpoint("e", "<default/>"));
    let answer = proxy
        .client()
        .post("/", &to(&format!("http://{}/api/v1/status", proxy.admin)));
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("303001"), "{}", answer.text());
}
