//! `echo` and WebSocket itself (RFC 6455).

use axon::transport::websocket::frame::Opcode;
use rustix::process::Signal;

use super::{client, config, options, run, service};
use crate::support::socket::{ACCEPT, Socket, ask, masked};
use crate::support::{Client, Proxy, eventually};

const HOST: &str = "a.test:8081";

fn echo(more: &str) -> Proxy {
    run(&service(
        "echo",
        &["ws://a.test:8081/echo"],
        "echo",
        &options(more),
    ))
}

fn open(proxy: &Proxy) -> Socket {
    Socket::open(client(proxy), &ask("/echo", HOST, "")).0
}

#[test]
fn messages_come_back_as_they_were_sent() {
    let proxy = echo("");
    let (mut socket, answer) = Socket::open(client(&proxy), &ask("/echo", HOST, ""));
    let field = |name| answer.headers.value(name);
    assert_eq!(field("Sec-WebSocket-Accept"), Some(ACCEPT));
    assert_eq!(field("Server"), Some("Kaazing Gateway"));
    assert!(field("Date").is_some() && field("Sec-WebSocket-Protocol").is_none());
    for (opcode, payload) in [
        (Opcode::Text, "h\u{e9}llo".as_bytes().to_vec()),
        (Opcode::Binary, vec![0, 1, 255]),
        (Opcode::Text, Vec::new()),
        (Opcode::Binary, vec![7; 131_072]),
    ] {
        socket.send(opcode, &payload);
        socket.expect(opcode, &payload);
    }
    // Fragment by fragment, with a ping in between.
    socket.0.send(masked(false, Opcode::Text, b"one "));
    socket.send(Opcode::Ping, b"still there?");
    socket.0.send(masked(true, Opcode::Continuation, b"two"));
    assert_eq!(
        socket.frame(),
        Some((false, Opcode::Text, b"one ".to_vec()))
    );
    socket.expect(Opcode::Pong, b"still there?");
    assert_eq!(
        socket.frame(),
        Some((true, Opcode::Continuation, b"two".to_vec()))
    );
    socket.send(Opcode::Pong, b"nobody asked");
    socket.send(Opcode::Close, b"\x03\xe8bye");
    socket.expect(Opcode::Close, b"\x03\xe8bye");
    assert_eq!(socket.frame(), None);
}

#[test]
fn what_breaks_the_protocol_is_closed_with_its_code() {
    let proxy = echo("<ws.maximum.message.size>1k</ws.maximum.message.size>");
    for (bytes, code) in [
        (masked(true, Opcode::Text, b"\xff\xfe"), 1007),
        (masked(true, Opcode::Binary, &[0; 1025]), 1009),
        (masked(true, Opcode::Continuation, b"x"), 1002),
        (b"\x81\x01x".to_vec(), 1002),
        (b"\xc1\x80\0\0\0\0".to_vec(), 1002),
        (masked(true, Opcode::Close, b"\x03"), 1002),
    ] {
        let mut socket = open(&proxy);
        socket.0.send(&bytes);
        socket.expect_close(code);
    }
    let mut socket = open(&proxy);
    socket.send(Opcode::Binary, &[0; 1024]);
    socket.expect(Opcode::Binary, &[0; 1024]);
}

#[test]
fn a_message_that_no_buffer_holds_flows_through() {
    let proxy = echo("<ws.maximum.message.size>4m</ws.maximum.message.size>");
    let mut socket = open(&proxy);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let frame = masked(true, Opcode::Binary, &sent);
    let mut writer = socket.0.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        writer.write_all(&frame).unwrap();
    });
    let mut got = Vec::new();
    loop {
        let (fin, _, part) = socket.frame().unwrap();
        got.extend(part);
        if fin {
            break;
        }
    }
    sending.join().unwrap();
    assert!(got == sent);
}

#[test]
fn a_large_frame_of_bytes_keeps_its_shape_and_one_that_stops_in_the_middle_is_cut() {
    let proxy = echo("<ws.maximum.message.size>4m</ws.maximum.message.size>");
    let mut socket = open(&proxy);
    let sent: Vec<u8> = (0..600_000_u32).map(|n| (n % 251) as u8).collect();
    let mut writer = socket.0.stream.try_clone().unwrap();
    let frames = [
        masked(false, Opcode::Binary, &sent),
        masked(true, Opcode::Continuation, &sent),
        masked(true, Opcode::Ping, b"between"),
    ];
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        writer.write_all(&frames.concat()).unwrap();
    });
    for (fin, opcode) in [(false, Opcode::Binary), (true, Opcode::Continuation)] {
        let (last, found, bytes) = socket.frame().unwrap();
        assert!((last, found) == (fin, opcode) && bytes == sent);
    }
    socket.expect(Opcode::Pong, b"between");
    sending.join().unwrap();
    // No close frame can stand in the middle of another one.
    let mut proxy = proxy;
    socket
        .0
        .send(&masked(true, Opcode::Binary, &sent)[..300_000]);
    assert_eq!(socket.0.exactly(10).map(|head| head[1]), Some(127));
    proxy.signal(Signal::TERM);
    let rest = socket.0.rest();
    assert!(rest.len() < 300_000 && sent.starts_with(&rest));
    assert!(proxy.ended().success());
}

#[test]
fn messages_come_back_as_often_as_is_said() {
    let options = options("");
    let more = format!("<properties><repeat>3</repeat></properties>{options}");
    let proxy = run(&service("echo", &["ws://a.test:8081/echo"], "echo", &more));
    let mut socket = open(&proxy);
    socket.0.send(masked(false, Opcode::Text, b"one "));
    socket.0.send(masked(true, Opcode::Continuation, b"two"));
    socket.send(Opcode::Binary, b"x");
    for _ in 0..3 {
        socket.expect(Opcode::Text, b"one two");
    }
    for _ in 0..3 {
        socket.expect(Opcode::Binary, b"x");
    }
}

#[test]
fn a_silent_client_is_asked_and_then_given_up() {
    let proxy = echo("<ws.inactivity.timeout>400ms</ws.inactivity.timeout>");
    let mut socket = open(&proxy);
    for _ in 0..3 {
        socket.expect(Opcode::Ping, b"");
        socket.send(Opcode::Pong, b"");
    }
    socket.expect(Opcode::Ping, b"");
    assert_eq!(socket.frame(), None);
}

#[test]
fn a_request_that_cannot_become_a_websocket_is_told_why() {
    let proxy = echo("");
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    for (request, status) in [
        (ask("/echo", "b.test:8081", ""), 404),
        (ask("/echo", "a.test", ""), 404),
        (ask("/nothing", HOST, ""), 404),
        (ask("/echo/below", HOST, ""), 404),
        (format!("GET /echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), 404),
        (
            format!(
                "GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}Sec-WebSocket-Version: 13\r\n\r\n"
            ),
            400,
        ),
        (
            format!(
                "GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n\r\n"
            ),
            400,
        ),
        (ask("/echo/;e/cx", HOST, "").replace(upgrade, ""), 404),
    ] {
        let mut client = client(&proxy);
        client.send(&request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{request}");
        assert!(
            answer.text().starts_with("<html><head></head><body><h1>"),
            "{}",
            answer.text()
        );
        if request.contains("99") {
            assert_eq!(answer.headers.value("Sec-WebSocket-Version"), Some("13"));
        }
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn an_open_websocket_outlives_a_reload_and_ends_with_a_stop() {
    let mut proxy = echo("");
    let mut socket = open(&proxy);
    let echo = service("echo", &["ws://a.test:8081/echo"], "echo", &options(""));
    let second = service("second", &["ws://a.test:8081/second"], "echo", &options(""));
    proxy.write("gateway-config.xml", &config(&(echo + &second)));
    proxy.reload();
    socket.send(Opcode::Text, b"still");
    socket.expect(Opcode::Text, b"still");
    let (mut new, _) = Socket::open(client(&proxy), &ask("/second", HOST, ""));
    // And one whose service is gone.
    let alone = service("second", &["ws://a.test:8081/second"], "echo", &options(""));
    proxy.write("gateway-config.xml", &config(&alone));
    proxy.reload();
    socket.send(Opcode::Text, b"going on");
    socket.expect(Opcode::Text, b"going on");
    let mut late = client(&proxy);
    late.send(ask("/echo", HOST, ""));
    assert_eq!(late.answer().status, 404);
    proxy.signal(Signal::TERM);
    socket.expect_close(1001);
    new.expect_close(1001);
    assert!(proxy.ended().success());
}

#[test]
fn a_reload_opens_new_addresses_and_a_taken_one_is_refused_with_its_place() {
    let proxy = echo("");
    let echo = service("echo", &["ws://a.test:8081/echo"], "echo", &options(""));
    let at = |bind: &str| {
        let options = format!("<accept-options><ws.bind>{bind}</ws.bind></accept-options>");
        config(&(echo.clone() + &service("new", &["ws://b.test:8082/new"], "echo", &options)))
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    proxy.write("gateway-config.xml", &at(&address));
    let (_, view) = proxy.change("/api/v1/config:reload");
    assert_eq!(view["result"], "rejected", "{view}");
    assert_eq!(view["diagnostics"][0]["code"], "AX0327", "{view}");
    drop(taken);
    proxy.reload();
    let opened = proxy.line("the new listener", |line| line["evt"] == "listener.opened");
    assert_eq!(opened["text"], format!("listening gateway {address}"));
    let client = Client::connect(address.parse().unwrap());
    let (mut socket, _) = Socket::open(client, &ask("/new", "b.test:8082", ""));
    socket.send(Opcode::Text, b"x");
    socket.expect(Opcode::Text, b"x");
}

#[test]
fn access_lines_and_metrics_know_of_it() {
    let proxy = echo("");
    let metric = |wanted: &str| {
        eventually(wanted, || {
            let text = proxy.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let line = format!("axon_streams{{kind=\"websocket\"}} {wanted}");
            text.text().lines().any(|l| l == line).then_some(())
        });
    };
    let mut socket = open(&proxy);
    socket.send(Opcode::Text, b"hello");
    socket.expect(Opcode::Text, b"hello");
    metric("1.0");
    socket.send(Opcode::Close, b"");
    socket.expect(Opcode::Close, b"");
    metric("0.0");
    let line = proxy.line("the access line", |line| line["route"] == "echo");
    assert_eq!(
        (&line["status"], &line["bytes_in"], &line["bytes_out"]),
        (&101.into(), &5.into(), &5.into()),
        "{line}"
    );
}
