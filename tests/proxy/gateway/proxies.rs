//! `proxy`, `http.proxy` and `http.redirect`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use axon::transport::websocket::frame::Opcode;

use super::{client, options, run, service};
use crate::support::socket::{ACCEPT, Socket, ask};
use crate::support::{Act, Backend, Client, Proxy, eventually, ok};

const HOST: &str = "a.test:8081";

/// A TCP server that sends every byte back; `quit` ends a connection.
fn tcp_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut part) {
                    if part[..n].starts_with(b"quit") || stream.write_all(&part[..n]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn proxy(accept: &str, connects: &[String], properties: &str) -> String {
    let connects: String = connects
        .iter()
        .map(|c| format!("<connect>{c}</connect>"))
        .collect();
    format!(
        "<service><name>proxy</name><accept>{accept}</accept>{connects}<type>proxy</type>\
         <properties>{properties}</properties>\
         <accept-options><ws.bind>127.0.0.1:0</ws.bind><tcp.bind>127.0.0.1:0</tcp.bind></accept-options></service>"
    )
}

fn open(proxy: &Proxy) -> Socket {
    Socket::open(client(proxy), &ask("/p", HOST, "")).0
}

#[test]
fn payloads_go_out_as_bytes_and_bytes_come_back_as_binary_messages() {
    let to = format!("tcp://{}", tcp_echo());
    let proxy = run(&proxy(
        "ws://a.test:8081/p",
        &[to],
        "<prepared.connection.count>2</prepared.connection.count>",
    ));
    for _ in 0..4 {
        let mut socket = open(&proxy);
        socket.send(Opcode::Text, b"text");
        socket.expect(Opcode::Binary, b"text");
        let large: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        socket.send(Opcode::Binary, &large);
        let mut back = Vec::new();
        while back.len() < large.len() {
            let (fin, opcode, part) = socket.frame().unwrap();
            assert!(fin && opcode == Opcode::Binary);
            back.extend(part);
        }
        assert!(back == large);
        socket.send(Opcode::Binary, b"quit");
        socket.expect_close(1000);
    }
}

#[test]
fn a_back_end_that_is_down_is_stepped_over_or_the_client_told() {
    let (dead, alive) = (
        format!("tcp://{}", nobody()),
        format!("tcp://{}", tcp_echo()),
    );
    let both = run(&proxy("ws://a.test:8081/p", &[dead.clone(), alive], ""));
    for _ in 0..4 {
        let mut socket = open(&both);
        socket.send(Opcode::Binary, b"x");
        socket.expect(Opcode::Binary, b"x");
    }
    // As the original does it.
    let alone = run(&proxy(
        "ws://a.test:8081/p",
        std::slice::from_ref(&dead),
        "",
    ));
    open(&alone).expect_close(1000);
    // And with the interval, which says that clients are better refused.
    let interval = "<maximum.recovery.interval>60</maximum.recovery.interval>";
    let refusing = run(&proxy("ws://a.test:8081/p", &[dead], interval));
    for _ in 0..3 {
        let mut client = client(&refusing);
        client.send(ask("/p", HOST, ""));
        let answer = client.answer();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.headers.value("Retry-After"), Some("1"));
    }
}

#[test]
fn a_balancer_leaves_a_service_out_whose_back_end_is_down() {
    let member = |name: &str, to: SocketAddr| {
        format!(
            "<service><name>{name}</name><accept>ws://{name}.test:8081/p</accept><connect>tcp://{to}</connect>\
             <balance>ws://public.test:8081/p</balance><type>proxy</type>\
             <properties><maximum.recovery.interval>60</maximum.recovery.interval></properties>{}</service>",
            options("")
        )
    };
    let balancer = service(
        "public",
        &["ws://public.test:8081/p"],
        "balancer",
        &options(""),
    );
    let proxy = run(&(balancer + &member("node1", nobody()) + &member("node2", tcp_echo())));
    let mut first = client(&proxy);
    first.send(ask("/p", "node1.test:8081", ""));
    assert_eq!(first.answer().status, 503);
    for _ in 0..20 {
        let mut client = client(&proxy);
        client.send(ask("/p", "public.test:8081", ""));
        assert_eq!(
            client.answer().headers.value("Location"),
            Some("http://node2.test:8081/p")
        );
    }
}

#[test]
fn between_two_websockets_the_upgrade_and_every_byte_is_passed_on() {
    let backend = Backend::start(|_| {
        Act::Take(Box::new(|mut client| {
            client.send(format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"));
            client.send(b"\x81\x05hello");
            let _ = client.rest();
        }))
    });
    let to = format!("ws://{}/inner", backend.address);
    let proxy = run(&proxy("ws://a.test:8081/p", &[to], ""));
    let lines = "Sec-WebSocket-Protocol: chat, other\r\nOrigin: http://a.test:8081\r\n";
    let (mut socket, answer) = Socket::open(client(&proxy), &ask("/p?a=b", HOST, lines));
    assert_eq!(answer.headers.value("Sec-WebSocket-Protocol"), Some("chat"));
    socket.expect(Opcode::Text, b"hello");
    let seen = &backend.seen()[0];
    assert!(
        seen.head.starts_with("GET /inner?a=b HTTP/1.1"),
        "{}",
        seen.head
    );
    assert_eq!(
        seen.headers.value("Sec-WebSocket-Protocol"),
        Some("chat, other")
    );
    assert_eq!(
        seen.headers.value("Host"),
        Some(backend.address.to_string().as_str())
    );
}

#[test]
fn a_websocket_to_a_back_end_that_is_down_is_no_websocket() {
    let to = format!("ws://{}/inner", nobody());
    let proxy = run(&proxy("ws://a.test:8081/p", &[to], ""));
    let mut client = client(&proxy);
    client.send(ask("/p", HOST, ""));
    assert_eq!(client.answer().status, 504);
}

#[test]
fn streams_are_joined_and_the_end_of_one_is_told_to_the_other() {
    let to = format!("tcp://{}", tcp_echo());
    let proxy = run(&proxy("tcp://a.test:8090", &[to], ""));
    let mut client = Client::connect(proxy.listening("gateway"));
    client.send("bytes");
    assert_eq!(client.exactly(5).unwrap(), b"bytes");
    client.send("last");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"last");
}

#[test]
fn an_echo_on_tcp_sends_bytes_back() {
    let options = "<accept-options><tcp.bind>127.0.0.1:0</tcp.bind></accept-options>";
    let proxy = run(&service("echo", &["tcp://a.test:8090"], "echo", options));
    let mut client = Client::connect(proxy.listening("gateway"));
    for _ in 0..3 {
        client.send("bytes");
        assert_eq!(client.exactly(5).unwrap(), b"bytes");
    }
}

/// An `http.proxy` of `/api/` to `/inner/` of a server.
fn http_proxy(to: SocketAddr) -> Proxy {
    run(&format!(
        "<service><name>api</name><accept>http://a.test:8081/api/</accept><connect>http://{to}/inner/</connect>\
         <type>http.proxy</type>{}</service>",
        options("")
    ))
}

#[test]
fn requests_get_the_inner_path_and_answers_the_public_one() {
    let backend = Backend::start(|request| {
        match request.target() {
        "/inner/moved" => Act::Write(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{}/inner/next?x\r\nContent-Length: 0\r\n\r\n",
            request.headers.value("Host").unwrap()
        ).into_bytes()),
        _ => Act::Write(ok("answer")),
    }
    });
    let proxy = http_proxy(backend.address);
    let mut client = client(&proxy);
    client.send(format!("POST /api/x/y?q=1 HTTP/1.1\r\nHost: {HOST}\r\nConnection: X-Drop\r\nX-Drop: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "answer"));
    let seen = &backend.seen()[0];
    assert_eq!(
        (seen.target(), seen.body.as_slice()),
        ("/inner/x/y?q=1", &b"hello"[..])
    );
    assert_eq!(seen.headers.value("X-Drop"), None);
    assert!(seen.headers.value("Via").unwrap().starts_with("1.1 axon-"));
    assert_eq!(seen.headers.value("User-Agent"), Some("Kaazing Gateway"));
    client.send(format!("GET /api/moved HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(
        client.answer().headers.value("Location"),
        Some("http://a.test:8081/api/next?x")
    );
}

#[test]
fn a_request_that_came_through_before_is_no_loop_twice() {
    let backend = Backend::start(|_| Act::Write(ok("answer")));
    let proxy = http_proxy(backend.address);
    let mut client = client(&proxy);
    client.send(format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    client.answer();
    let via = backend.seen()[0].headers.value("Via").unwrap().to_owned();
    client.send(format!(
        "GET /api/x HTTP/1.1\r\nHost: {HOST}\r\nVia: 1.0 other, {via}\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 508);
}

#[test]
fn a_web_server_that_is_down_is_504_and_one_that_breaks_502() {
    let proxy = http_proxy(nobody());
    let mut asked = client(&proxy);
    asked.send(format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(asked.answer().status, 504);
    let broken = Backend::start(|_| Act::Write(b"nonsense\r\n\r\n".to_vec()));
    let proxy = http_proxy(broken.address);
    let mut asked = client(&proxy);
    asked.send(format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(asked.answer().status, 502);
    eventually("its access line", || {
        let line = proxy.line("the line", |line| line["route"] == "api");
        (line["outcome"] == "backend_broke").then_some(())
    });
}

#[test]
fn a_redirect_says_where_to_go() {
    let properties = "<properties><location>http://b.test/</location><status-code>307</status-code>\
         <cache-control>no-store</cache-control></properties>";
    let proxy = run(&service(
        "moved",
        &["http://a.test:8081/old"],
        "http.redirect",
        &(properties.to_owned() + &options("")),
    ));
    let mut client = client(&proxy);
    client.send(format!("GET /old/page HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let answer = client.answer();
    assert_eq!(answer.status, 307);
    assert_eq!(answer.headers.value("Location"), Some("http://b.test/"));
    assert_eq!(answer.headers.value("Cache-Control"), Some("no-store"));
}

#[test]
fn what_a_source_says_goes_to_every_client() {
    let port = nobody().port();
    let properties = format!("<properties><accept>tcp://127.0.0.1:{port}</accept></properties>");
    let proxy = run(&service(
        "news",
        &["ws://a.test:8081/p"],
        "broadcast",
        &(properties + &options("")),
    ));
    let mut clients = [open(&proxy), open(&proxy), open(&proxy)];
    let mut source = Client::connect(([127, 0, 0, 1], port).into());
    for text in ["one", "two"] {
        source.send(text);
        for client in &mut clients {
            client.expect(Opcode::Binary, text.as_bytes());
        }
    }
    // What clients send disturbs nobody.
    clients[0].send(Opcode::Text, b"hello");
    clients[0].send(Opcode::Ping, b"p");
    clients[0].expect(Opcode::Pong, b"p");
    source.send("three");
    clients[1].expect(Opcode::Binary, b"three");
}

#[test]
fn a_back_end_is_told_of_the_client_as_the_file_says() {
    let backend = Backend::named("a");
    let with = |value: &str| {
        let properties = format!("<properties><use-forwarded>{value}</use-forwarded></properties>");
        let service = format!(
            "<service><name>api</name><accept>http://a.test:8081/api/</accept><connect>http://{}/</connect>\
             <type>http.proxy</type>{properties}{}</service>",
            backend.address,
            options("")
        );
        let proxy = run(&service);
        let mut client = client(&proxy);
        client.send("GET /api/ HTTP/1.1\r\nHost: a.test:8081\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: b.test\r\n\r\n");
        assert_eq!(client.answer().status, 200);
        let seen = backend.seen().pop().unwrap().headers;
        let field = |name: &str| seen.value(name).unwrap_or_default().to_owned();
        [
            field("Forwarded"),
            field("X-Forwarded-For"),
            field("X-Forwarded-Server"),
            field("X-Forwarded-Proto"),
            field("X-Forwarded-Host"),
        ]
    };
    assert_eq!(
        with("ignore"),
        ["for=192.0.2.1", "192.0.2.1", "", "", "b.test"]
    );
    assert_eq!(with("exclude"), ["", "", "", "", ""]);
    assert_eq!(
        with("inject"),
        [
            "for=192.0.2.1, for=127.0.0.1;by=127.0.0.1;proto=http;host=\"a.test:8081\"",
            "192.0.2.1, 127.0.0.1",
            "127.0.0.1",
            "http",
            "b.test, a.test:8081",
        ]
    );
}

#[test]
fn bytes_of_a_stream_reach_a_websocket_and_its_payloads_come_back() {
    let echo = run(&service(
        "echo",
        &["ws://a.test:8081/echo"],
        "echo",
        &options(""),
    ));
    let at = echo.listening("gateway");
    // The name that the echo knows itself by is not that of its address: 404, so that this one is passed over.
    let dead = format!("ws://{at}/echo");
    let named = echo_on_its_own_name();
    let alive = format!("ws://{}/echo", named.1);
    let proxy = run(&proxy("tcp://a.test:8090", &[dead, alive], ""));
    for _ in 0..3 {
        let mut client = client(&proxy);
        client.send("hello");
        assert_eq!(client.exactly(5).as_deref(), Some(&b"hello"[..]));
        let large: Vec<u8> = (0..400_000_u32).map(|n| n as u8).collect();
        let mut writer = client.stream.try_clone().unwrap();
        let sent = large.clone();
        let sending = std::thread::spawn(move || writer.write_all(&sent).unwrap());
        assert!(client.exactly(large.len()).unwrap() == large);
        sending.join().unwrap();
    }
    let mut client = client(&proxy);
    client.send("bye");
    assert_eq!(client.exactly(3).as_deref(), Some(&b"bye"[..]));
    drop(named);
    assert_eq!(client.rest(), b"");
}

/// An echo whose URI is its address.
fn echo_on_its_own_name() -> (Proxy, SocketAddr) {
    let at = nobody();
    let echo = format!(
        "<service><name>echo</name><accept>ws://{at}/echo</accept><type>echo</type></service>"
    );
    (run(&echo), at)
}
