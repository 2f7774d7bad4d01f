//! Members of a cluster: how they compare their configurations, drain, and take a changed `cluster` element.

use axon::transport::websocket::frame::Opcode;
use serde_json::Value;

use super::cluster::{Ports, is_offered, until_lost, until_offered};
use crate::support::socket::{Socket, ask};
use crate::support::{Client, Proxy, eventually};

/// The other member, as this one sees it; as soon as it is as wanted.
fn other(member: &Proxy, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        let view = member.look("/api/v1/cluster");
        let members = view["members"].as_array().unwrap().clone();
        members.into_iter().find(|m| m["own"] == false && wanted(m))
    })
}

fn told(member: &Proxy, text: &str) -> String {
    let line = member.line(text, |line| {
        line["evt"] == "cluster.member" && line["text"].as_str().is_some_and(|t| t.contains(text))
    });
    line["text"].as_str().unwrap().to_owned()
}

/// A WebSocket at the member itself.
fn open(member: &Proxy, ports: &Ports, number: usize) -> Socket {
    let host = format!("127.0.0.{number}:{}", ports.door);
    let client = Client::connect(member.listening("gateway"));
    Socket::open(client, &ask("/echo", &host, "")).0
}

fn echoes(socket: &mut Socket) {
    socket.send(Opcode::Text, b"still here");
    socket.expect(Opcode::Text, b"still here");
}

#[test]
fn a_member_that_is_configured_otherwise_is_told_with_both_values_and_offered_all_the_same() {
    let ports = Ports::free();
    let one = ports.start(1, "c", "");
    let two = ports.start(2, "c", "<ax:cookie>MEMBER</ax:cookie>");
    let seen = other(&one, "the difference", |m| m["config_equal"] == false);
    let difference = &seen["differences"][0];
    assert_eq!(
        (&difference["service"], &difference["option"]),
        (&"public".into(), &"ax:cookie".into())
    );
    assert_eq!(
        (&difference["here"], &difference["there"]),
        (&Value::Null, &"MEMBER".into())
    );
    assert_eq!(seen["differences"].as_array().unwrap().len(), 1);
    assert!(seen["notice"].as_str().unwrap().contains("notice only"));
    let line = told(&one, "is configured otherwise");
    assert!(
        line.ends_with("service 'public', ax:cookie: nothing here, MEMBER there"),
        "{line}"
    );
    until_offered(&one, &ports, "127.0.0.2");

    two.write("gateway-config.xml", &ports.configured(2, "c", ""));
    two.reload();
    other(&one, "no difference", |m| m["config_equal"] == true);
    told(&one, "is configured alike again");
    assert!(other(&two, "the same", |m| m["config_equal"] == true)["notice"].is_null());
}

#[test]
fn a_drained_member_is_not_offered_and_its_websockets_go_on() {
    let ports = Ports::free();
    let (one, two) = (ports.start(1, "c", ""), ports.start(2, "c", ""));
    until_offered(&one, &ports, "127.0.0.2");
    until_offered(&two, &ports, "127.0.0.1");
    let mut socket = open(&two, &ports, 2);
    let (status, view) = two.change("/api/v1/cluster:drain");
    assert_eq!(status, 200);
    let own = view["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["own"] == true);
    assert_eq!(own.unwrap()["state"], "draining");
    let targets = view["balancers"][0]["targets"].as_array().unwrap();
    let own = targets
        .iter()
        .find(|t| t["uri"].as_str().unwrap().contains("127.0.0.2"));
    assert_eq!(own.unwrap()["offered"], false, "{view}");
    // Its own balancer knows at once.
    assert!(!is_offered(&two, &ports, "127.0.0.2"));
    until_lost(&one, &ports, "127.0.0.2");
    let seen = other(&one, "the drain", |m| m["state"] == "draining");
    assert_eq!(seen["connections"], 1, "{seen}");
    assert!(seen["since"].is_string());
    let view = one.look("/api/v1/cluster");
    let targets = view["balancers"][0]["targets"].as_array().unwrap();
    let offered = targets.iter().filter(|t| t["offered"] == true);
    let offered: Vec<_> = offered.map(|t| t["uri"].as_str().unwrap()).collect();
    let own = format!("ws://127.0.0.1:{}/echo", ports.door);
    assert_eq!(offered, [own], "{view}");
    told(&one, "is draining: it is not offered, its WebSockets go on");
    echoes(&mut socket);
    // Whoever looks only at the process may go on sending traffic here.
    assert_eq!(
        two.ask("GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .status,
        200
    );

    two.change("/api/v1/cluster:undrain");
    until_offered(&one, &ports, "127.0.0.2");
    until_offered(&two, &ports, "127.0.0.2");
    told(&one, "is offered again");

    // A drain of the process is one of its member too.
    two.change("/api/v1/process:drain");
    until_lost(&one, &ports, "127.0.0.2");
    two.change("/api/v1/cluster:undrain");
    assert!(!is_offered(&two, &ports, "127.0.0.2"));
    two.change("/api/v1/process:undrain");
    until_offered(&one, &ports, "127.0.0.2");
    echoes(&mut socket);
}

#[test]
fn a_changed_cluster_element_is_taken_with_a_reload() {
    let ports = Ports::free();
    let one = ports.start(1, "c", "");
    let two = ports.start(2, "d", "");
    // A wrong name is told at both ends.
    told(
        &one,
        "belongs to the cluster 'd' and stays a stranger: the name of this one is 'c'",
    );
    told(&two, "stays a stranger: the name of this one is 'd'");
    let view = one.look("/api/v1/cluster");
    assert!(
        view["strangers"][0].as_str().unwrap().contains("'d'"),
        "{view}"
    );
    assert!(!is_offered(&one, &ports, "127.0.0.2"));
    let mut socket = open(&two, &ports, 2);

    two.write("gateway-config.xml", &ports.configured(2, "c", ""));
    two.reload();
    until_offered(&one, &ports, "127.0.0.2");
    until_offered(&two, &ports, "127.0.0.1");
    assert_eq!(two.look("/api/v1/cluster")["name"], "c");
    two.line("the old cluster is left", |line| {
        line["evt"] == "cluster.left"
    });
    echoes(&mut socket);

    // Without the element it leaves, and goes on alone.
    let text = ports.configured(2, "c", "");
    let (before, rest) = text.split_once("<cluster>").unwrap();
    let alone = before.to_owned() + rest.split_once("</cluster>").unwrap().1;
    two.write("gateway-config.xml", &alone);
    two.reload();
    until_lost(&one, &ports, "127.0.0.2");
    let answer = two.ask("GET /api/v1/cluster HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.status, 404);
    until_offered(&two, &ports, "127.0.0.2");
    echoes(&mut socket);
}

#[test]
fn another_key_is_told_and_the_right_one_is_taken_with_a_reload() {
    let ports = Ports::free();
    let start = |number: usize, secret: &str| {
        Proxy::start(&[
            (
                "gateway-config.xml",
                ports.configured(number, "c", "").as_str(),
            ),
            ("axon.toml", "[cluster]\nkey_file = \"secret\"\n"),
            ("secret", secret),
        ])
    };
    let one = start(1, "0123456789abcdef");
    let two = start(2, "fedcba9876543210");
    for member in [&one, &two] {
        told(
            member,
            "is not sealed with the key of this cluster and is not listened to",
        );
    }
    assert!(!is_offered(&one, &ports, "127.0.0.2"));
    two.write("secret", "0123456789abcdef\n");
    two.reload();
    until_offered(&one, &ports, "127.0.0.2");
    until_offered(&two, &ports, "127.0.0.1");
}
