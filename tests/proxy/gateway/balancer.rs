//! `balancer`: clients are told where to go, browsers are served on the spot.

use axon::transport::websocket::frame::Opcode;

use super::{client, options, run, service};
use crate::support::socket::{Socket, ask};
use crate::support::{Answer, Proxy};

const PUBLIC: &str = "public.test:8081";
const BROWSER: &str = "Origin: http://public.test:8081\r\nUser-Agent: Mozilla/5.0 (X11)\r\n";

/// A balancer before two members, which live in the same process here.
fn balanced(properties: &str) -> Proxy {
    let properties = format!("<properties xmlns:ax=\"urn:axon:1\">{properties}</properties>");
    let balancer = service(
        "public",
        &["ws://public.test:8081/echo", "ws://public.test:8081/other"],
        "balancer",
        &(properties + &options("")),
    );
    let member = |name: &str, path: &str| {
        format!(
            "<service><name>{name}{path}</name><accept>ws://{name}.test:8081/{path}</accept>\
             <balance>ws://public.test:8081/{path}</balance><type>echo</type>{}</service>",
            options("")
        )
    };
    run(&(balancer
        + &member("node1", "echo")
        + &member("node2", "echo")
        + &member("node3", "other")))
}

fn answer(proxy: &Proxy, request: String) -> Answer {
    let mut client = client(proxy);
    client.send(request);
    client.answer()
}

fn location(answer: &Answer) -> &str {
    answer.headers.value("Location").unwrap_or_default()
}

#[test]
fn a_plain_client_is_redirected_to_a_member_of_exactly_its_uri() {
    let proxy = balanced("");
    let mut seen = Vec::new();
    for _ in 0..40 {
        let answer = answer(&proxy, ask("/echo?a=b&c=d", PUBLIC, ""));
        assert_eq!(answer.status, 302);
        seen.push(location(&answer).to_owned());
    }
    seen.sort();
    seen.dedup();
    let expected = [
        "http://node1.test:8081/echo?a=b&c=d",
        "http://node2.test:8081/echo?a=b&c=d",
    ];
    assert_eq!(seen, expected);
    let other = answer(&proxy, ask("/other", PUBLIC, ""));
    assert_eq!(location(&other), "http://node3.test:8081/other");
}

#[test]
fn a_browser_is_served_where_it_asked() {
    let proxy = balanced("");
    let lines = format!("{BROWSER}Sec-WebSocket-Protocol: chat\r\n");
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/echo?a=b", PUBLIC, &lines));
    for (opcode, payload) in [(Opcode::Text, &b"text"[..]), (Opcode::Binary, b"\xff\0")] {
        socket.send(opcode, payload);
        socket.expect(opcode, payload);
    }
    let line = |route: &str| {
        let line = answer(
            &proxy,
            ask(
                "/echo",
                PUBLIC,
                "Origin: http://evil.test\r\nUser-Agent: Mozilla/5.0\r\n",
            ),
        );
        assert_eq!(line.status, 403, "{route}");
    };
    line("public");
}

#[test]
fn the_file_chooses_who_is_redirected() {
    let relay = balanced("<ax:clients>relay</ax:clients>");
    Socket::open(client(&relay), &ask("/echo", PUBLIC, ""));
    let redirect = balanced("<ax:clients>redirect</ax:clients>");
    assert_eq!(answer(&redirect, ask("/echo", PUBLIC, BROWSER)).status, 302);
}

#[test]
fn the_least_loaded_member_is_chosen() {
    let proxy =
        balanced("<ax:clients>relay</ax:clients><ax:algorithm>least-connections</ax:algorithm>");
    let mut open = Vec::new();
    for _ in 0..6 {
        let (mut socket, _) = Socket::open(client(&proxy), &ask("/echo", PUBLIC, ""));
        socket.send(Opcode::Text, b"x");
        socket.expect(Opcode::Text, b"x");
        open.push(socket);
    }
    for mut socket in open {
        socket.send(Opcode::Close, b"");
        socket.expect(Opcode::Close, b"");
    }
    let mut used = Vec::new();
    for _ in 0..6 {
        let line = proxy.line("six access lines", |line| {
            line["route"] == "public" && line["status"] == 101 && !used.contains(line)
        });
        used.push(line);
    }
    let of = |node: &str| {
        used.iter()
            .filter(|l| l["upstream"] == format!("{node}.test:8081"))
            .count()
    };
    assert_eq!((of("node1"), of("node2")), (3, 3), "{used:?}");
}

#[test]
fn a_cookie_brings_a_client_back_to_its_member() {
    let proxy = balanced("<ax:cookie>MEMBER</ax:cookie>");
    let first = answer(&proxy, ask("/echo", PUBLIC, ""));
    let cookie = first.headers.value("Set-Cookie").unwrap();
    assert!(cookie.contains("; Path=/echo; HttpOnly"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert!(!pair.contains("node"), "{pair}");
    for _ in 0..20 {
        let again = answer(
            &proxy,
            ask("/echo", PUBLIC, &format!("Cookie: a=b; {pair}\r\n")),
        );
        assert_eq!(location(&again), location(&first));
    }
    let stale = answer(&proxy, ask("/echo", PUBLIC, "Cookie: MEMBER=nobody\r\n"));
    assert_eq!(stale.status, 302);
}

#[test]
fn a_client_of_the_original_is_told_in_a_frame() {
    let proxy = balanced("");
    let told = |frame: &[u8]| {
        let text = String::from_utf8(
            frame
                .strip_prefix(b"\xef\x83\xbf".as_slice())
                .unwrap()
                .to_vec(),
        );
        text.unwrap()
            .replace("node1", "nodeN")
            .replace("node2", "nodeN")
    };
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/echo?.kl=Y&a=b", PUBLIC, ""));
    let (_, _, frame) = socket.frame().unwrap();
    assert_eq!(told(&frame), "Rws://nodeN.test:8081/echo?.kl=Y&a=b");
    socket.expect_close(1000);

    // The whole handshake: greeted, asked inside, answered inside, told.
    let lines = "Sec-WebSocket-Protocol: x-kaazing-handshake, chat\r\n";
    let (mut socket, answer) = Socket::open(client(&proxy), &ask("/echo?.kl=Y", PUBLIC, lines));
    assert_eq!(
        answer.headers.value("Sec-WebSocket-Protocol"),
        Some("x-kaazing-handshake")
    );
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    socket.send(
        Opcode::Text,
        b"GET /echo?.kl=Y HTTP/1.1\r\nWebSocket-Protocol: \r\n\r\n",
    );
    let (_, _, inner) = socket.frame().unwrap();
    assert!(inner.starts_with(b"HTTP/1.1 101 "));
    socket.expect(Opcode::Binary, b"");
    let (_, _, frame) = socket.frame().unwrap();
    assert_eq!(told(&frame), "Rws://nodeN.test:8081/echo?.kl=Y");
    socket.expect_close(1000);

    // At a member it stays.
    let (mut socket, _) = Socket::open(
        client(&proxy),
        &ask("/echo?.kl=Y", "node1.test:8081", lines),
    );
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    socket.send(Opcode::Text, b"GET /echo?.kl=Y HTTP/1.1\r\n\r\n");
    assert!(socket.frame().unwrap().2.starts_with(b"HTTP/1.1 101 "));
    socket.expect(Opcode::Binary, b"");
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    socket.send(Opcode::Text, b"hello");
    socket.expect(Opcode::Text, b"hello");
}

#[test]
fn a_bad_request_inside_is_refused_inside() {
    let proxy = balanced("");
    for text in [
        &b"GET /other HTTP/1.1\r\n\r\n"[..],
        b"nonsense",
        b"POST /echo HTTP/1.1\r\n\r\n",
        b"GET /echo HTTP/1.1\r\n",
    ] {
        let lines = "Sec-WebSocket-Protocol: x-kaazing-handshake\r\n";
        let (mut socket, _) = Socket::open(client(&proxy), &ask("/echo", "node1.test:8081", lines));
        socket.send(Opcode::Text, text);
        assert!(socket.frame().unwrap().2.starts_with(b"HTTP/1.1 400 "));
        socket.expect_close(1000);
    }
}

#[test]
fn an_emulated_create_is_redirected_with_its_suffix() {
    let proxy = balanced("");
    let create = "POST /echo/;e/ct?.kn=1&x=y HTTP/1.1\r\nHost: public.test:8081\r\nContent-Length: 0\r\n\r\n";
    let answer = answer(&proxy, create.to_owned());
    assert_eq!(answer.status, 302);
    let location = location(&answer)
        .replace("node1", "nodeN")
        .replace("node2", "nodeN");
    assert_eq!(location, "http://nodeN.test:8081/echo/;e/ct?x=y");
    assert_eq!(answer.headers.value("Cache-Control"), Some("no-cache"));
}
