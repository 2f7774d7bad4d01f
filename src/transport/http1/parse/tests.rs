use super::*;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 4096,
    fields: 20,
};

fn parse(raw: &str) -> Result<Option<(RequestParsed, RequestHead)>, Refused> {
    let mut head = RequestHead::default();
    Ok(request(raw.as_bytes(), LIMITS, &mut head)?.map(|p| (p, head)))
}

fn status(raw: &str) -> u16 {
    match parse(raw) {
        Err(refused) => refused.status,
        Ok(ok) => panic!("accepted: {ok:?}"),
    }
}

#[test]
fn an_ordinary_request_is_read_whole() {
    let (p, head) =
        parse("\r\nPOST /a?b HTTP/1.1\r\nHost: h:1\r\nX-A: \t v \r\nContent-Length: 3\r\n\r\nabc")
            .unwrap()
            .unwrap();
    assert_eq!(p.framing, Framing::Length(3));
    assert_eq!(
        p.head_len,
        "\r\nPOST /a?b HTTP/1.1\r\nHost: h:1\r\nX-A: \t v \r\nContent-Length: 3\r\n\r\n".len()
    );
    assert!(p.keep_alive && !p.expects_continue && !p.upgrade);
    assert_eq!(
        (head.method, head.method_text(), head.target()),
        (Method::Post, &b"POST"[..], &b"/a?b"[..])
    );
    assert_eq!(head.headers.find("x-a"), Some(&b"v"[..]));
}

#[test]
fn a_prefix_asks_for_more_and_a_bad_prefix_is_refused_at_once() {
    for cut in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r",
    ] {
        assert!(parse(cut).unwrap().is_none(), "{cut:?}");
    }
    assert_eq!(status("GET / HTTP/1.1\nHost: a"), 400);
    assert_eq!(status(&format!("GET /{} HTTP/1.1", "u".repeat(5000))), 431);
}

#[test]
fn an_absolute_target_gives_the_host() {
    let (_, head) = parse("GET http://real:81?q HTTP/1.1\r\nHost: evil\r\n\r\n")
        .unwrap()
        .unwrap();
    assert_eq!(head.target(), b"/?q");
    assert_eq!(head.headers.value(Name::Host), Some(&b"real:81"[..]));
    assert_eq!(
        status("GET http://u@real/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        400
    );
    assert_eq!(status("GET ftp://real/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_eq!(status("GET nopath HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_eq!(status("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert!(
        parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap()
            .is_some()
    );
    assert_eq!(status("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
}

#[test]
fn versions_hosts_and_expectations() {
    assert_eq!(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
    assert_eq!(
        status("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"),
        417
    );
    let (p, _) = parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .unwrap()
        .unwrap();
    assert!(p.keep_alive);
    assert!(
        !parse("GET / HTTP/1.0\r\n\r\n")
            .unwrap()
            .unwrap()
            .0
            .keep_alive
    );
    let (p, _) =
        parse("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
            .unwrap()
            .unwrap();
    assert!(p.expects_continue);
}

#[test]
fn only_a_websocket_upgrade_without_a_body_is_one() {
    let ask = |extra: &str| {
        parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{extra}\r\n"))
            .unwrap()
            .unwrap()
            .0
            .upgrade
    };
    assert!(ask(
        "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    ));
    assert!(!ask("Upgrade: websocket\r\n"));
    assert!(!ask("Connection: Upgrade\r\nUpgrade: h2c\r\n"));
    assert!(!ask(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"
    ));
}

#[test]
fn malformed_fields_are_refused() {
    for bad in [
        "A : b",
        ": b",
        "A\u{1}: b",
        "A b: c",
        "nocolon",
        " A: b",
        "A: b\u{1}c",
        "A: b\u{7f}c",
        "A(: b",
    ] {
        assert_eq!(
            status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{bad}\r\n\r\n")),
            400,
            "{bad:?}"
        );
    }
    let many: String = (0..30).map(|n| format!("A{n}: b\r\n")).collect();
    assert_eq!(
        status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
        431
    );
}

#[test]
fn answers_are_as_strict() {
    let read = |raw: &str| {
        let mut head = ResponseHead::default();
        response(raw.as_bytes(), LIMITS, Method::Get, &mut head).map(|p| p.map(|p| (p, head)))
    };
    let (p, head) =
        read("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nKeep-Alive: timeout=5, max=9\r\n\r\n")
            .unwrap()
            .unwrap();
    assert_eq!(
        (head.status, head.reason(), p.framing, p.keep_alive_s),
        (200, &b"Fine"[..], Framing::Length(2), Some(5))
    );
    assert_eq!(
        read("HTTP/1.1 404 Not Found\r\n\r\n")
            .unwrap()
            .unwrap()
            .1
            .reason(),
        b"Not Found"
    );
    let (p, _) = read("HTTP/1.0 200 OK\r\n\r\n").unwrap().unwrap();
    assert_eq!((p.framing, p.keep_alive), (Framing::UntilClose, false));
    assert!(read("HTTP/1.1").unwrap().is_none());
    for bad in [
        "NOT HTTP",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 000 X\r\n\r\n",
        "HTTP/1.1 999 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}
