//! What the proxy says about its work: one access line per exchange, one event per change.

use crate::support::{Act, Backend, Down, Proxy, child, endpoint, quote, quote_of};

fn pair(down: &Down, b: &Backend) -> Proxy {
    let children = child("a", down.address, "") + &child("b", b.address, "");
    Proxy::serving(&endpoint(
        "g",
        &format!("\n<failover>\n{children}</failover>"),
    ))
}

fn has(value: &serde_json::Value, key: &str, expected: impl Into<serde_json::Value>) {
    assert_eq!(value[key], expected.into(), "{key} of {value}");
}

#[test]
fn an_access_line_names_every_try() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let proxy = pair(&down, &b);
    proxy
        .client()
        .post_with("/path?secret=1", "X-Request-Id: r-1\r\n", &quote());
    let line = proxy.line("the access line", |v| {
        v["id"] == "r-1" && v["method"] == "POST"
    });
    has(&line, "path", "/path");
    has(&line, "proto", "HTTP/1.1");
    has(&line, "host", "h");
    has(&line, "status", 200);
    has(&line, "outcome", "ok");
    has(&line, "group", "g");
    has(&line, "endpoint", "g/b");
    has(&line, "upstream", b.address.to_string());
    has(&line, "bytes_in", quote().len());
    has(&line, "bytes_out", 1);
    has(&line, "gen", 1);
    let attempts = line["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{line}");
    has(&attempts[0], "endpoint", "g/a");
    has(&attempts[0], "outcome", "connect_failed");
    has(&attempts[0], "code", 101503);
    has(&attempts[1], "outcome", "ok");
    assert!(line["t_total_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn only_a_try_that_connects_has_a_time_to_connect() {
    let b = Backend::named("b");
    let proxy = Proxy::serving(&endpoint("e", &crate::support::address(b.address, "")));
    let mut client = proxy.client();
    for id in ["new", "idle"] {
        client.post_with("/", &format!("X-Request-Id: {id}\r\n"), &quote());
    }
    let connect = |id: &str| {
        let line = proxy.line("the access line", |v| v["id"] == id);
        line.get("t_connect_ms").cloned()
    };
    assert!(connect("new").unwrap().as_f64().unwrap() > 0.0);
    assert_eq!(connect("idle"), None);
}

#[test]
fn a_session_is_told_by_a_hash_and_never_by_its_id() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let session = "<session type=\"simpleClientSession\"/>";
    let proxy = Proxy::serving(&endpoint(
        "g",
        &format!("{session}<loadbalance>{children}</loadbalance>"),
    ));
    let mut client = proxy.client();
    for (id, who) in [
        ("1", "client-one"),
        ("2", "client-one"),
        ("3", "client-two"),
    ] {
        let line = format!("X-Request-Id: {id}\r\n");
        client.post_with("/", &line, &quote_of(who));
    }
    let [first, again, other] = ["1", "2", "3"].map(|id| {
        let line = proxy.line("the access line", |v| v["id"] == id);
        assert!(!line.to_string().contains("client-"), "{line}");
        line["session"].clone()
    });
    has(&first, "how", "bound");
    has(&again, "how", "hit");
    has(&other, "how", "bound");
    has(&again, "key_hash", first["key_hash"].clone());
    assert_ne!(other["key_hash"], first["key_hash"]);
}

#[test]
fn the_trace_of_the_caller_is_the_id() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let proxy = pair(&down, &b);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let lines = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\nX-Request-Id: other\r\n");
    proxy.client().post_with("/", &lines, &quote());
    let line = proxy.line("the access line", |v| v["trace"] == trace);
    has(&line, "id", trace);
}

#[test]
fn a_change_of_state_names_its_cause_its_request_and_its_rule() {
    let down = Down::new();
    let settings = "\n\n<suspendOnFailure><errorCodes>101503</errorCodes><initialDuration>7000</initialDuration></suspendOnFailure>";
    let proxy = Proxy::serving(&endpoint(
        "e",
        &crate::support::address(down.address, settings),
    ));
    proxy
        .client()
        .post_with("/", "X-Request-Id: r-2\r\n", &quote());
    let event = proxy.line("the event", |v| v["evt"] == "endpoint.state");
    has(&event, "endpoint", "e");
    has(&event, "from", "active");
    has(&event, "to", "suspended");
    has(&event, "code", 101503);
    has(&event, "name", "connect_failed");
    has(&event, "suspend_ms", 7000);
    has(&event, "req", "r-2");
    let rule = event["rule"].as_str().unwrap();
    assert!(rule.contains("e.xml:4:"), "{rule}");
}

#[test]
fn a_request_that_may_run_twice_is_an_event() {
    let closing = Backend::start(|_| Act::WriteAndClose(Vec::new()));
    let b = Backend::named("b");
    let children = child("a", closing.address, "") + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint("g", &format!("<failover>{children}</failover>")));
    proxy
        .client()
        .post_with("/", "X-Request-Id: r-3\r\n", &quote());
    let event = proxy.line("the event", |v| v["evt"] == "endpoint.repeat");
    has(&event, "endpoint", "g/a");
    has(&event, "req", "r-3");
}

#[test]
fn a_refused_head_has_a_line_too() {
    let b = Backend::named("b");
    let proxy = Proxy::serving(&endpoint("e", &crate::support::address(b.address, "")));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    has(
        &proxy.line("the access line", |v| v["status"] == 400),
        "outcome",
        "rejected",
    );
}

#[test]
fn text_lines_are_a_setting() {
    let b = Backend::named("b");
    let proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("e", &crate::support::address(b.address, "")).as_str(),
        ),
        ("axon.toml", "[access_log]\nformat = \"text\"\n"),
    ]);
    proxy.client().get("/plain");
    let line = proxy.text_line("the access line", |l| l.contains("/plain"));
    assert!(line.contains(" 200 ") && !line.starts_with('{'), "{line}");
}

#[test]
fn start_and_problems_are_kept_apart() {
    let b = Backend::named("b");
    let file = format!("<address uri=\"http://{}/svc\"/>", b.address);
    let proxy = Proxy::serving(&file);
    assert_eq!(proxy.client().get("/").status, 200);
    // A lone file without the namespace is taken with a warning that names it.
    assert!(
        proxy.complaints().contains("e.xml"),
        "{}",
        proxy.complaints()
    );
}

#[test]
fn a_traced_endpoint_tells_each_try_and_statistics_count_operations() {
    let (good, bad) = (Backend::named("a"), crate::support::Down::new());
    let leaf = |name: &str, at: std::net::SocketAddr| {
        format!(
            "<endpoint name=\"{name}\"><address uri=\"http://{at}/svc\" trace=\"enable\" statistics=\"enable\"/></endpoint>"
        )
    };
    let (first, second) = (leaf("bad", bad.address), leaf("good", good.address));
    let group = endpoint("g", &format!("<failover>{first}{second}</failover>"));
    let proxy = Proxy::serving(&group);
    let mut client = proxy.client();
    for action in ["urn:buy", "urn:buy", "sell"] {
        let line = format!("SOAPAction: \"{action}\"\r\n");
        assert_eq!(client.post_with("/x?secret=1", &line, "<a/>").text(), "a");
    }
    let failed = proxy.line("the failed try", |l| {
        l["evt"] == "endpoint.trace" && l["endpoint"] == "g/bad"
    });
    let text = failed["text"].as_str().unwrap();
    assert!(
        text.starts_with("POST /x, operation buy: failed with 101503"),
        "{text}"
    );
    let answered = proxy.line("the answered try", |l| {
        l["evt"] == "endpoint.trace" && l["text"].as_str().unwrap().contains("operation sell")
    });
    let text = answered["text"].as_str().unwrap();
    assert!(
        text.contains("answered 200 after") && !text.contains("secret"),
        "{text}"
    );
    // The timeline of an endpoint is not filled with what each message did.
    let view = proxy.look("/api/v1/endpoints/g%2Fgood/events");
    assert!(
        view["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["evt"] != "endpoint.trace")
    );
    let stats = proxy.look("/api/v1/endpoints/g%2Fgood/stats");
    assert_eq!(stats["operations"]["buy"]["answered"], 2, "{stats}");
    assert_eq!(stats["operations"]["sell"]["answered"], 1);
    assert_eq!(
        proxy.look("/api/v1/endpoints/g%2Fbad/stats")["operations"]["buy"]["failed"],
        1
    );
    let metrics = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let line =
        "axon_endpoint_operations_total{endpoint=\"g/good\",operation=\"buy\",outcome=\"ok\"} 2";
    assert!(metrics.lines().any(|l| l == line), "{metrics}");
}
