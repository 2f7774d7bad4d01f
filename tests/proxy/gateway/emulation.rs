//! WebSockets that are emulated over HTTP (spec/kaazing.md 3.7).

use std::io::{Read, Write};

use axon::transport::websocket::frame::Opcode;

use super::{client, options, run, service};
use crate::support::socket::{Socket, ask};
use crate::support::{Answer, Client, Proxy};

const HOST: &str = "a.test:8081";
const FROM: &str = "Origin: http://page.test\r\n";

fn echo(more: &str) -> Proxy {
    let rules = "<cross-site-constraint><allow-origin>http://page.test</allow-origin></cross-site-constraint>";
    let more = options(more) + rules;
    run(&service("echo", &["ws://a.test:8081/echo"], "echo", &more))
}

/// A request of an emulated client.
fn request(method: &str, target: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{FROM}{lines}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn answered(proxy: &Proxy, request: &[u8]) -> Answer {
    let mut client = client(proxy);
    client.send(request);
    client.answer()
}

/// An emulated WebSocket: where it sends, and where it hears.
struct Emulated<'p> {
    proxy: &'p Proxy,
    up: String,
    down: String,
    sent: u64,
    heard: u64,
}

impl<'p> Emulated<'p> {
    fn create(proxy: &'p Proxy, path: &str, lines: &str) -> Emulated<'p> {
        let lines = format!("X-WebSocket-Version: wseb-1.0\r\nX-Sequence-No: 1\r\n{lines}");
        let answer = answered(proxy, &request("POST", path, &lines, b""));
        assert_eq!(answer.status, 201, "{}", answer.head);
        let body = answer.text();
        let paths: Vec<_> = body
            .lines()
            .map(|uri| uri.strip_prefix("http://a.test:8081").unwrap().to_owned())
            .collect();
        Emulated {
            proxy,
            up: paths[0].clone(),
            down: paths[1].clone(),
            sent: 1,
            heard: 1,
        }
    }

    /// Sends frames and waits for the answer.
    fn send(&mut self, frames: &[u8]) -> u16 {
        self.sent += 1;
        let lines = format!(
            "X-Sequence-No: {}\r\nContent-Type: text/plain; charset=utf-8\r\n",
            self.sent
        );
        answered(self.proxy, &request("POST", &self.up, &lines, frames)).status
    }

    /// Asks for an answer to hear by; its head was read.
    fn hear(&mut self, query: &str) -> (Client, String) {
        self.heard += 1;
        let lines = format!("X-Sequence-No: {}\r\n", self.heard);
        let target = format!("{}{query}", self.down);
        let mut client = client(self.proxy);
        client.send(request("GET", &target, &lines, b""));
        let head = client
            .head()
            .expect("the connection ended before an answer");
        (client, head)
    }
}

const NOP: &[u8] = b"\x0100\xff";
const RECONNECT: &[u8] = b"\x0101\xff";
const CLOSED: &[u8] = b"\x0102\xff\x0101\xff";

#[test]
fn messages_go_up_in_requests_and_come_down_in_an_answer_that_goes_on() {
    let proxy = echo("");
    let mut socket = Emulated::create(&proxy, "/echo/;e/cbm?.kn=4711", "");
    assert!(socket.up.starts_with("/echo/;e/ubm/") && !socket.up.contains('?'));
    // What is sent before anybody hears waits.
    assert_eq!(socket.send(b"\x81\x05early\x0101\xff"), 200);
    let (mut down, head) = socket.hear("");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for field in [
        "Content-Type: application/octet-stream",
        "Connection: close",
        "Cache-Control: no-cache",
        "Access-Control-Allow-Origin: http://page.test",
    ] {
        assert!(head.contains(field), "{head}");
    }
    let expect = |down: &mut Client, bytes: &[u8]| {
        let got = down.exactly(bytes.len()).unwrap();
        assert_eq!(got, bytes, "{:?}", String::from_utf8_lossy(&got));
    };
    expect(&mut down, NOP);
    expect(&mut down, b"\x81\x05early");
    assert_eq!(
        socket.send(b"\x80\x03\0\x01\xff\x00old\xff\x80\x00\x0101\xff"),
        200
    );
    expect(&mut down, b"\x80\x03\0\x01\xff\x81\x03old\x80\x00");
    // A large one, whose length has three digits.
    let large: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let frame = [b"\x80\x86\x8d\x20".to_vec(), large].concat();
    let body = [frame.clone(), RECONNECT.to_vec()].concat();
    assert_eq!(socket.send(&body), 200);
    expect(&mut down, &frame);
    // Another answer takes over.
    let (mut next, _) = socket.hear("");
    assert_eq!(down.rest(), RECONNECT);
    expect(&mut next, NOP);
    assert_eq!(socket.send(b"\x80\x01a\x0102\xff\x0101\xff"), 200);
    expect(&mut next, b"\x80\x01a");
    assert_eq!(next.rest(), CLOSED);
    assert_eq!(socket.send(b"\x80\x01b\x0101\xff"), 404);
}

#[test]
fn a_client_that_takes_only_texts_gets_texts() {
    let proxy = echo("");
    for (letters, up, down) in [
        (
            "t",
            "\u{80}\u{3}h\u{e9}\u{0}\u{1}01\u{ff}".to_owned(),
            &b"\x80\x03h\xe9\0"[..],
        ),
        (
            "tm",
            "\u{80}\u{2}\u{100}a\u{1}01\u{ff}".to_owned(),
            b"\x80\x02\0a",
        ),
        (
            "te",
            "\u{80}\u{2}\u{7f}0\u{7f}n\u{1}01\u{ff}".to_owned(),
            b"\x80\x02\x7f0\x7fn",
        ),
        (
            "tem",
            "\u{81}\u{1}\u{7f}r\u{1}01\u{ff}".to_owned(),
            b"\x81\x01\x7fr",
        ),
    ] {
        let mut socket = Emulated::create(&proxy, &format!("/echo/;e/c{letters}"), "");
        let (mut heard, head) = socket.hear("?.kp=40");
        assert!(
            head.contains("Content-Type: text/plain;charset=windows-1252"),
            "{head}"
        );
        assert_eq!(heard.exactly(40).unwrap(), NOP.repeat(10));
        assert_eq!(socket.send(up.as_bytes()), 200, "{letters}");
        assert_eq!(heard.exactly(down.len()).unwrap(), down, "{letters}");
    }
}

#[test]
fn behind_a_proxy_that_holds_answers_back_each_has_an_end() {
    let proxy = echo("");
    let mut socket = Emulated::create(&proxy, "/echo/;e/cb", "");
    for text in [b"one", b"two"] {
        assert_eq!(
            socket.send(&[b"\x80\x03".as_slice(), text, RECONNECT].concat()),
            200
        );
        socket.heard += 1;
        let lines = format!("X-Sequence-No: {}\r\n", socket.heard);
        let target = format!("{}?.ki=p", socket.down);
        let answer = answered(&proxy, &request("GET", &target, &lines, b""));
        assert!(answer.headers.value("Content-Length").is_some());
        assert_eq!(
            answer.body,
            [b"\x80\x03".as_slice(), text, RECONNECT].concat()
        );
    }
    // A client that asks for short answers because it cannot forget what it heard.
    assert_eq!(
        socket.send(&[b"\x80\x88\x00".to_vec(), vec![7; 1024], RECONNECT.to_vec()].concat()),
        200
    );
    let (heard, _) = socket.hear("?.kb=1");
    let mut heard = heard;
    let rest = heard.rest();
    assert!(
        rest.ends_with(RECONNECT) && rest.len() == 4 + 3 + 1024 + 4,
        "{}",
        rest.len()
    );
}

#[test]
fn what_is_wrong_ends_the_websocket() {
    let proxy = echo("<ws.maximum.message.size>1k</ws.maximum.message.size>");
    let wrong: [(&[u8], &str); 6] = [
        (b"\x80\x01a\x0101\xff", "X-Sequence-No: 3\r\n"),
        (b"\x80\x01a\x0101\xff", ""),
        (b"", "X-Sequence-No: 2\r\n"),
        (b"\x07", "X-Sequence-No: 2\r\n"),
        (b"\x80\x05cut", "X-Sequence-No: 2\r\n"),
        (b"\x80\x88\x01", "X-Sequence-No: 2\r\n"),
    ];
    for (body, lines) in wrong {
        let mut socket = Emulated::create(&proxy, "/echo/;e/cb", "");
        let (mut heard, _) = socket.hear("");
        let answer = answered(&proxy, &request("POST", &socket.up, lines, body));
        assert_eq!(answer.status, 400, "{body:x?}");
        assert_eq!(heard.rest(), [NOP, RECONNECT].concat());
        assert_eq!(socket.send(b"\x80\x01a\x0101\xff"), 404);
    }
    // A service that closes says so in its answer: text that is none.
    let mut socket = Emulated::create(&proxy, "/echo/;e/cb", "");
    let (mut heard, _) = socket.hear("");
    assert_eq!(socket.send(b"\x81\x01\xff\x0101\xff"), 200);
    assert_eq!(heard.rest(), [NOP, CLOSED].concat());
}

#[test]
fn only_what_may_is_made_and_found() {
    let proxy = echo("");
    let socket = Emulated::create(&proxy, "/echo/;e/cb", "");
    let version = "X-WebSocket-Version: wseb-1.0\r\n";
    for (method, target, lines, status) in [
        ("POST", "/echo/;e/cx", version, 404),
        ("POST", "/echo/;e/cb/more", version, 404),
        (
            "POST",
            "/echo/;e/cb",
            "X-WebSocket-Version: wseb-2.0\r\n",
            400,
        ),
        ("POST", "/echo/;e/cb", "X-Sequence-No: x\r\n", 400),
        ("POST", "/echo/;e/cb", "X-Accept-Commands: pong\r\n", 400),
        ("PUT", "/echo/;e/cb", version, 400),
        ("POST", "/echo/;e/ub/0123", "", 404),
        (
            "GET",
            &socket.down.replace("/db/", "/dt/"),
            "X-Sequence-No: 2\r\n",
            404,
        ),
    ] {
        let answer = answered(&proxy, &request(method, target, lines, b""));
        assert_eq!(answer.status, status, "{method} {target} {lines}");
    }
    let other = request("POST", "/echo/;e/cb", version, b"");
    let other = String::from_utf8(other)
        .unwrap()
        .replace("page.test", "other.test");
    assert_eq!(answered(&proxy, other.as_bytes()).status, 403);
    let preflight = "Access-Control-Request-Method: POST\r\n";
    let answer = answered(&proxy, &request("OPTIONS", &socket.up, preflight, b""));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers.value("Access-Control-Allow-Methods"),
        Some("GET,POST")
    );
}

#[test]
fn a_client_that_knows_pings_is_asked_and_one_that_does_not_is_left_alone() {
    let proxy = echo("<ws.inactivity.timeout>400ms</ws.inactivity.timeout>");
    let mut knows = Emulated::create(&proxy, "/echo/;e/cb", "X-Accept-Commands: ping\r\n");
    let (mut heard, _) = knows.hear("");
    assert_eq!(heard.exactly(6).unwrap(), [NOP, b"\x89\x00"].concat());
    assert_eq!(knows.send(b"\x8a\x00\x0101\xff"), 200);
    assert_eq!(heard.rest(), [b"\x89\x00", CLOSED].concat());
    let mut quiet = Emulated::create(&proxy, "/echo/;e/cb", "");
    let (mut heard, _) = quiet.hear("");
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert_eq!(quiet.send(b"\x80\x01a\x0101\xff"), 200);
    assert_eq!(heard.exactly(7).unwrap(), [NOP, b"\x80\x01a"].concat());
}

#[test]
fn an_emulated_client_reaches_a_back_end_and_hears_a_broadcast() {
    let back_end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = back_end.local_addr().unwrap();
    let source = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source_at = source.local_addr().unwrap();
    drop(source);
    let more = format!(
        "<properties><accept>tcp://{source_at}</accept><on.client.message>broadcast</on.client.message></properties>"
    );
    let proxy = run(&(format!(
        "<service><name>proxy</name><accept>ws://a.test:8081/p</accept><connect>tcp://{to}</connect><type>proxy</type>{}\
         <cross-site-constraint><allow-origin>*</allow-origin></cross-site-constraint></service>",
        options("")
    ) + &service(
        "news",
        &["ws://a.test:8081/news"],
        "broadcast",
        &(more
            + &options("")
            + "<cross-site-constraint><allow-origin>*</allow-origin></cross-site-constraint>"),
    )));
    let mut socket = Emulated::create(&proxy, "/p/;e/cb", "");
    let (mut stream, _) = back_end.accept().unwrap();
    let (mut heard, _) = socket.hear("");
    assert_eq!(socket.send(b"\x80\x02hi\x0101\xff"), 200);
    let mut got = [0; 2];
    stream.read_exact(&mut got).unwrap();
    stream.write_all(b"there").unwrap();
    assert_eq!(
        (&got, heard.exactly(11).unwrap()),
        (b"hi", [NOP, b"\x80\x05there"].concat())
    );
    drop(stream);
    assert_eq!(heard.rest(), CLOSED);
    // What one client says, another one of another kind hears.
    let mut listener = Emulated::create(&proxy, "/news/;e/cbm", "");
    let (mut heard, _) = listener.hear("");
    let (mut native, _) = Socket::open(client(&proxy), &ask("/news", HOST, ""));
    native.send(Opcode::Text, b"news");
    native.expect(Opcode::Text, b"news");
    assert_eq!(heard.exactly(10).unwrap(), [NOP, b"\x81\x04news"].concat());
    assert_eq!(listener.send(b"\x81\x02me\x0101\xff"), 200);
    native.expect(Opcode::Text, b"me");
}
