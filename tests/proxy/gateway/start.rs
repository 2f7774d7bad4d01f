//! Doors, certificates, and files that sit beside others.

use std::process::Command;

use axon::transport::websocket::frame::Opcode;

use super::{config, options, run, service};
use crate::support::socket::{Socket, ask};
use crate::support::tls::Authority;
use crate::support::{Act, Backend, Client, Proxy, address, endpoint, ok};

#[test]
fn wss_shows_the_certificate_of_the_keystore() {
    let pair = Authority::new().sign(&["a.test"]);
    let secure = service(
        "echo",
        &["wss://a.test:9091/echo"],
        "echo",
        "<accept-options><wss.bind>127.0.0.1:0</wss.bind></accept-options>",
    );
    let security =
        "<security><keystore><type>JCEKS</type><file>keystore.db</file></keystore></security>";
    let proxy = Proxy::start(&[
        ("gateway-config.xml", config(&(secure + security)).as_str()),
        ("keystore.pem", &pair.cert),
        ("keystore.key", &pair.key),
    ]);
    let door = proxy.listening("gateway-tls");
    let shown = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &door.to_string(),
            "-servername",
            "a.test",
        ])
        .stdin(std::process::Stdio::null())
        .output();
    if let Ok(shown) = shown {
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains("BEGIN CERTIFICATE"), "{text}");
    }
    // Without TLS it is told so.
    let mut plain = Client::connect(door);
    plain.send(ask("/echo", "a.test:9091", ""));
    assert_eq!(plain.answer().status, 400);
}

#[test]
fn a_synapse_endpoint_may_live_beside_it() {
    let backend = Backend::start(|_| Act::Write(ok("from behind")));
    let gateway = config(&service(
        "echo",
        &["ws://a.test:8081/echo"],
        "echo",
        &options(""),
    ));
    let proxy = Proxy::start(&[
        ("gateway-config.xml", gateway),
        ("e.xml", endpoint("e", &address(backend.address, ""))),
    ]);
    assert_eq!(proxy.client().get("/x").text(), "from behind");
    let door = Client::connect(proxy.listening("gateway"));
    let (mut socket, _) = Socket::open(door, &ask("/echo", "a.test:8081", ""));
    socket.send(Opcode::Text, b"x");
    socket.expect(Opcode::Text, b"x");
}

#[test]
fn what_is_not_run_yet_says_so_at_the_start_and_to_clients() {
    let later = service(
        "rest",
        &["http://a.test:8081/turn"],
        "turn.rest",
        &options(""),
    );
    let proxy = run(&later);
    let mut client = super::client(&proxy);
    client.send("GET /turn HTTP/1.1\r\nHost: a.test:8081\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 501);
    assert_eq!(
        answer.headers.value("X-Axon-Reason"),
        Some("services of type turn.rest are not supported yet")
    );
    assert!(
        proxy.complaints().contains("AX0201"),
        "{}",
        proxy.complaints()
    );
}

#[test]
fn two_names_of_one_address_share_it() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // As the published page has it: one service bound to an address, the other one to a name of it.
    let bound = format!("<accept-options><ws.bind>127.0.0.1:{port}</ws.bind></accept-options>");
    let first = service(
        "first",
        &[&format!("ws://a.test:{port}/first")],
        "echo",
        &bound,
    );
    let second = service(
        "second",
        &[&format!("ws://localhost:{port}/second")],
        "echo",
        "",
    );
    let proxy = run(&(first + &second));
    for (path, host) in [("/first", "a.test"), ("/second", "localhost")] {
        let client = Client::connect(([127, 0, 0, 1], port).into());
        Socket::open(client, &ask(path, &format!("{host}:{port}"), ""));
    }
    drop(proxy);
}

#[test]
fn a_bind_may_name_an_interface() {
    let bind = |name: &str| {
        let options = format!("<accept-options><ws.bind>{name}:0</ws.bind></accept-options>");
        config(&service(
            "echo",
            &["ws://a.test:8081/echo"],
            "echo",
            &options,
        ))
    };
    for name in ["@lo", "[@lo]"] {
        let proxy = Proxy::start(&[("gateway-config.xml", bind(name))]);
        let door = proxy.listening("gateway");
        assert!(door.ip().is_loopback(), "{door}");
        let (mut socket, _) = Socket::open(Client::connect(door), &ask("/echo", "a.test:8081", ""));
        socket.send(Opcode::Text, b"x");
        socket.expect(Opcode::Text, b"x");
    }
    let proxy = Proxy::start(&[("gateway-config.xml", bind("@lo"))]);
    proxy.write("gateway-config.xml", &bind("@nothing9"));
    let (_, view) = proxy.change("/api/v1/config:reload");
    let message = view["diagnostics"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("no interface nothing9 with an address; there are "),
        "{view}"
    );
}
