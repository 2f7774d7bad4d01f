//! HTTP/1.1 through the proxy, both sides (RFC 9110, RFC 9112).

use std::time::Duration;

use crate::support::{Act, Backend, Proxy, address, endpoint, ok};

fn through(backend: &Backend) -> Proxy {
    Proxy::serving(&endpoint("e", &address(backend.address, "")))
}

fn with_settings(backend: &Backend, settings: &str) -> Proxy {
    let file = endpoint("e", &address(backend.address, ""));
    Proxy::start(&[("e.xml", file.as_str()), ("axon.toml", settings)])
}

#[test]
fn one_connection_carries_many_requests_on_both_sides() {
    let backend = Backend::named("a");
    let proxy = Proxy::with(
        &[("e.xml", endpoint("e", &address(backend.address, "")))],
        &["--no-watch", "--workers", "1"],
    );
    let mut client = proxy.client();
    for n in 0..20 {
        assert_eq!(client.get(&format!("/{n}")).text(), "a");
    }
    assert_eq!((backend.hits(), backend.connections()), (20, 1));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let backend = Backend::start(|r| {
        let wait = if r.target().ends_with("/slow") { 50 } else { 0 };
        Act::Late(Duration::from_millis(wait), ok(r.target()))
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send(
        "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyzGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let bodies: Vec<String> = (0..3).map(|_| client.answer().text()).collect();
    assert_eq!(bodies, ["/svc/slow", "/svc/b", "/svc/c"]);
    assert_eq!(backend.seen()[1].body, b"xyz");
}

#[test]
fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100 "));
    client.send("body");
    assert_eq!(client.answer().status, 200);
    assert_eq!(backend.seen()[0].body, b"body");
}

#[test]
fn an_expectation_that_nobody_knows_is_417() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: miracles\r\n\r\n");
    assert_eq!(client.answer().status, 417);
    assert_eq!(backend.hits(), 0);
}

#[test]
fn answers_without_a_body_end_at_their_head() {
    let backend = Backend::start(|r| {
        Act::Write(match r.target() {
            "/svc/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "/svc/304" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_vec(),
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        })
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    assert_eq!(client.get("/204").status, 204);
    assert_eq!(client.get("/304").status, 304);
    client.send("HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = client.answer_to_head();
    assert_eq!(
        (answer.status, answer.headers.value("Content-Length")),
        (200, Some("5"))
    );
    assert_eq!(client.get("/204").status, 204);
}

#[test]
fn interim_answers_are_passed_on_to_clients_of_http_1_1_only() {
    let backend = Backend::start(|_| {
        let mut answer = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n".to_vec();
        answer.extend(ok("a"));
        Act::Write(answer)
    });
    let proxy = through(&backend);
    let answer = proxy.client().get("/");
    assert_eq!(answer.text(), "a");
    assert!(answer.interim[0].contains("Link: </s.css>"));
    let mut old = proxy.client();
    old.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    let answer = old.answer();
    assert_eq!((answer.interim.len(), answer.text().as_str()), (0, "a"));
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_a_closed_connection() {
    let backend = Backend::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        Act::Write(format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").into())
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.text(), "abcde");
    assert_eq!(answer.headers.value("Transfer-Encoding"), None);
    assert_eq!(client.head(), None);
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        let connection = answer.headers.value("Connection").unwrap_or_default();
        assert!(
            connection.eq_ignore_ascii_case("keep-alive"),
            "{}",
            answer.head
        );
    }
}

#[test]
fn chunks_and_trailers_pass_in_both_directions() {
    let backend = Backend::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
        Act::Write(format!("{head}4;ext=1\r\npong\r\n0\r\nX-Sum: 7\r\n\r\n").into())
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client
        .send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-In\r\n\r\n");
    client.send("2\r\npi\r\n2\r\nng\r\n0\r\nX-In: 9\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.text(), "pong");
    assert_eq!(answer.trailers.value("X-Sum"), Some("7"));
    let seen = &backend.seen()[0];
    assert_eq!(seen.body, b"ping");
    assert_eq!(seen.trailers.value("X-In"), Some("9"));
}

#[test]
fn a_body_that_ends_with_the_back_ends_connection_is_whole() {
    let backend = Backend::start(|_| {
        Act::WriteAndClose(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it".to_vec())
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    assert_eq!(client.get("/1").text(), "all of it");
    assert_eq!(client.get("/2").text(), "all of it");
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    let backend = Backend::start(|_| {
        Act::WriteAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec())
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200 "));
    assert_eq!(client.exactly(100), None);
}

#[test]
fn the_order_and_the_case_of_header_fields_are_kept() {
    let backend = Backend::start(|_| {
        Act::Write(
            b"HTTP/1.1 200 OK\r\nx-B: 1\r\nX-a: 2\r\nx-B: 3\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nX-zEBRA: 1\r\nx-apple: 2\r\nX-zEBRA: 3\r\n\r\n");
    let own = |headers: &crate::support::Headers| -> Vec<String> {
        let fields = headers
            .0
            .iter()
            .filter(|f| f.0.to_lowercase().starts_with("x-"));
        fields.map(|f| format!("{}={}", f.0, f.1)).collect()
    };
    assert_eq!(own(&client.answer().headers), ["x-B=1", "X-a=2", "x-B=3"]);
    assert_eq!(
        own(&backend.seen()[0].headers),
        ["X-zEBRA=1", "x-apple=2", "X-zEBRA=3"]
    );
}

#[test]
fn fields_of_one_connection_stay_on_it() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: gzip\r\nKeep-Alive: 5\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let seen = &backend.seen()[0];
    for name in ["X-Hop", "TE", "Keep-Alive"] {
        assert_eq!(seen.headers.value(name), None, "{}", seen.head);
    }
}

#[test]
fn a_head_over_the_limits_is_431() {
    let backend = Backend::named("a");
    let proxy = with_settings(&backend, "[limits]\nhead_bytes = 2048\nheaders = 10\n");
    let mut long = proxy.client();
    long.send(format!(
        "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(3000)
    ));
    assert_eq!(long.answer().status, 431);
    let mut many = proxy.client();
    many.send(format!(
        "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
        "X: 1\r\n".repeat(20)
    ));
    assert_eq!(many.answer().status, 431);
    assert_eq!(backend.hits(), 0);
}

#[test]
fn a_length_that_no_number_holds_is_413() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        "9".repeat(19)
    ));
    assert_eq!(client.answer().status, 413);
    assert_eq!(backend.hits(), 0);
}

#[test]
fn two_ways_to_frame_a_request_are_refused() {
    let backend = Backend::named("a");
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert_eq!(client.head(), None);
    assert_eq!(backend.hits(), 0);
}

#[test]
fn an_answer_may_come_before_the_request_is_out() {
    let backend = Backend::at_head(|_| {
        Act::Write(
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".to_vec(),
        )
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
}

#[test]
fn a_pooled_connection_that_died_is_no_failure() {
    let backend = Backend::start(|_| {
        // Says that it keeps the connection and does not.
        Act::WriteAndClose(ok("a"))
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    for _ in 0..10 {
        assert_eq!(client.post("/", "<a/>").text(), "a");
    }
    assert_eq!(backend.hits(), 10);
    assert_eq!(proxy.state("e"), "active");
}

#[test]
fn garbage_instead_of_an_answer_is_502() {
    let backend = Backend::start(|_| Act::WriteAndClose(b"ERROR! BUSY\r\n\r\n".to_vec()));
    let proxy = through(&backend);
    assert_eq!(proxy.client().get("/").status, 502);
}
