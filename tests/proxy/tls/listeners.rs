//! HTTPS listeners.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{https_proxy, secure_client, secure_port};
use crate::support::tls::{Authority, client_side, shake};
use crate::support::{Act, Backend, Client, DEADLINE, Proxy, address, endpoint, ok};

#[test]
fn https_serves_what_http_serves() {
    let authority = Authority::new();
    let backend = Backend::start(|r| Act::Write(ok(&format!("{} {}", r.target(), r.body.len()))));
    let proxy = https_proxy(&backend, &authority.sign(&["localhost"]), "", "");
    let mut client = secure_client(&proxy, &authority);
    assert_eq!(client.get("/").text(), "/svc/ 0");
    // Keep-alive, a body, and three requests in one write.
    assert_eq!(client.post("/", "<a/>").text(), "/svc 4");
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(3));
    for _ in 0..3 {
        assert_eq!(client.answer().status, 200);
    }
    client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100 "));
    client.send("<b/>");
    assert_eq!(client.answer().text(), "/svc 4");
    assert_eq!(backend.connections(), 1);
    let line = proxy.line("an access line", |l| l["tls"] == "TLSv1.3");
    assert_eq!(line["proto"], "HTTP/1.1");
    assert_eq!(
        line["listener"],
        proxy.listening("https").to_string().as_str()
    );
}

#[test]
fn flags_open_an_https_listener_beside_the_plain_one() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = authority.sign(&["localhost"]).write(folder.path(), "edge");
    let backend = Backend::named("a");
    let proxy = Proxy::with(
        &[("e.xml", endpoint("e", &address(backend.address, "")))],
        &[
            "--no-watch",
            "--https",
            "127.0.0.1:0",
            "--cert",
            cert.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
        ],
    );
    assert_eq!(proxy.client().get("/").text(), "a");
    assert_eq!(secure_client(&proxy, &authority).get("/").text(), "a");
    let line = proxy.line("a plain access line", |l| {
        l["status"] == 200 && l.get("tls").is_none()
    });
    assert_eq!(line["outcome"], "ok");
}

#[test]
fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let authority = Authority::new();
    let (a, b, any) = (
        authority.sign(&["a.test"]),
        authority.sign(&["b.test"]),
        authority.sign(&["*.c.test"]),
    );
    let toml = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"edge\"\n[tls.edge]\ncert = [\"a.pem\", \"b.pem\", \"any.pem\"]\nkey = [\"a.key\", \"b.key\", \"any.key\"]\n";
    let backend = Backend::named("x");
    let proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("e", &address(backend.address, "")).as_str(),
        ),
        ("axon.toml", toml),
        ("a.pem", &a.cert),
        ("a.key", &a.key),
        ("b.pem", &b.cert),
        ("b.key", &b.key),
        ("any.pem", &any.cert),
        ("any.key", &any.key),
    ]);
    let to = proxy.listening("https");
    let shown = |name: &str| shake(to, &authority.client(), name).map(|s| s.names);
    assert_eq!(shown("a.test").unwrap(), ["a.test"]);
    assert_eq!(shown("B.test").unwrap(), ["b.test"]);
    assert_eq!(shown("x.c.test").unwrap(), ["*.c.test"]);
    // One label deeper the wildcard does not reach: the first certificate, which the client refuses.
    let refused = shown("x.y.c.test").unwrap_err();
    assert!(refused.contains("a.test"), "{refused}");
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let alpn = shake(to, &config, "a.test").unwrap().alpn;
    assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn clients_are_asked_for_a_certificate_as_the_profile_says() {
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let backend = Backend::named("in");
    for (mode, without) in [("required", false), ("optional", true)] {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("clients.pem");
        std::fs::write(&ca, clients.pem()).unwrap();
        let profile = format!("client_ca = \"{}\"\nclient = \"{mode}\"", ca.display());
        let proxy = https_proxy(&backend, &authority.sign(&["localhost"]), &profile, "");
        let to = proxy.listening("https");
        let (known, unknown) = (clients.sign(&["me"]), others.sign(&["me"]));
        let served = |pair| {
            let port = client_side(to, authority.client_with(pair), "localhost");
            let mut client = Client::connect(port);
            let sent = client
                .stream
                .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            sent.is_ok() && client.rest().starts_with(b"HTTP/1.1 200")
        };
        assert!(served(Some(&known)), "{mode}");
        assert!(!served(Some(&unknown)), "{mode}");
        assert_eq!(served(None), without, "{mode}");
    }
}

#[test]
fn who_speaks_plainly_on_a_tls_port_is_told_so_and_the_other_way_round() {
    let authority = Authority::new();
    let backend = Backend::named("a");
    let proxy = https_proxy(&backend, &authority.sign(&["localhost"]), "", "");
    let to = proxy.listening("https");
    let answer = Client::connect(to).get("/");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "this port speaks TLS: use https\n");
    assert!(shake(proxy.http, &authority.client(), "localhost").is_err());
    proxy.line("why the plain port refused", |l| {
        l["route"] == "this port does not speak TLS"
    });
    // Both still serve.
    assert_eq!(proxy.client().get("/").text(), "a");
    assert_eq!(secure_client(&proxy, &authority).get("/").text(), "a");
    assert_eq!(backend.hits(), 2);
}

#[test]
fn a_handshake_that_stands_still_is_cut_and_keeps_nobody_else_waiting() {
    let authority = Authority::new();
    let backend = Backend::named("a");
    let proxy = https_proxy(
        &backend,
        &authority.sign(&["localhost"]),
        "",
        "[timers]\ntls_handshake_ms = 1500",
    );
    let to = proxy.listening("https");
    let begun = Instant::now();
    let mut stalled: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(to).unwrap();
            stream.write_all(b"\x16\x03\x01").unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            stream
        })
        .collect();
    assert_eq!(secure_client(&proxy, &authority).get("/").text(), "a");
    for stream in &mut stalled {
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    }
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    let line = proxy.line("a cut handshake", |l| l["outcome"] == "tls_failed");
    assert_eq!(line["route"], "not over within 1500 ms");
    assert_eq!(proxy.look("/api/v1/tls")["handshakes_failed"], 50);
}

#[test]
fn bodies_of_any_size_go_both_ways_through_slow_clients() {
    let authority = Authority::new();
    let body: String = "0123456789abcdef".repeat(512 * 1024);
    let back = body.clone();
    let backend = Backend::start(move |r| {
        assert_eq!(r.body.len(), 8 * 1024 * 1024);
        Act::Write(ok(&back))
    });
    let proxy = https_proxy(&backend, &authority.sign(&["localhost"]), "", "");
    let mut client = secure_client(&proxy, &authority);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    // The answer waits in buffers for somebody who does not read yet.
    std::thread::sleep(Duration::from_millis(300));
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body.as_bytes());
    assert_eq!(client.post("/", &body).status, 200);
}

#[test]
fn a_body_that_lasts_until_the_close_ends_with_close_notify_or_not_at_all() {
    let authority = Authority::new();
    let backend = Backend::start(|r| match r.target() {
        "/svc/whole" => {
            Act::WriteAndClose(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nall of it".to_vec())
        }
        _ => Act::WriteAndReset(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\na part".to_vec()),
    });
    let proxy = https_proxy(&backend, &authority.sign(&["localhost"]), "", "");
    let ask = |path: &str| {
        let port = secure_port(proxy.listening("https"), &authority);
        let mut stream = TcpStream::connect(port).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all).map(|_| ());
        (end.is_ok(), String::from_utf8_lossy(&all).into_owned())
    };
    let (clean, text) = ask("/whole");
    assert!(clean && text.ends_with("all of it"), "{clean} {text}");
    let (clean, text) = ask("/cut");
    // A reset, or an error that says that something is missing; never a clean end after a part.
    assert!(!clean || !text.contains("200 OK"), "{clean} {text}");
}

#[test]
fn a_websocket_goes_through_tls_on_both_sides() {
    use super::{https_address, with_files};
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let backend = Backend::start(|_| {
        Act::Take(Box::new(|mut client| {
            client.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello");
            while let Some(frame) = client.exactly(4) {
                client.send(frame.iter().rev().copied().collect::<Vec<u8>>());
            }
            client.send("bye");
        }))
    });
    let front = crate::support::tls::server_side(backend.address, Authority::server(&pair, None));
    let endpoint = endpoint("e", &https_address(front.port(), "ax:tls=\"house\""));
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let house = format!("[tls.house]\nca = \"{}\"", ca.display());
    let proxy = with_files(&endpoint, &pair, "", &house);
    let mut client = secure_client(&proxy, &authority);
    client.send("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.exactly(5).unwrap(), b"hello");
    for _ in 0..20 {
        client.send("\x00GET");
        assert_eq!(client.exactly(4).unwrap(), b"TEG\x00");
    }
    // The end of our side reaches the back end, whose last words come back.
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"bye");
}

#[test]
fn a_stop_ends_what_runs_and_announces_the_end_of_idle_connections() {
    use rustix::process::Signal;
    let authority = Authority::new();
    let backend = Backend::start(|_| Act::Late(Duration::from_millis(700), ok("late")));
    let mut proxy = https_proxy(&backend, &authority.sign(&["localhost"]), "", "");
    let mut busy = secure_client(&proxy, &authority);
    let mut idle = secure_client(&proxy, &authority);
    assert_eq!(idle.get("/").status, 200);
    busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    crate::support::eventually("the request to be under way", || {
        (backend.hits() == 2).then_some(())
    });
    proxy.signal(Signal::TERM);
    assert_eq!(busy.answer().text(), "late");
    // Clean: the port in between would reset it without a close_notify.
    assert_eq!(idle.stream.read(&mut [0; 8]).unwrap(), 0);
    assert!(proxy.ended().success());
}
