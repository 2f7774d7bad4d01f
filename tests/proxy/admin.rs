//! The administration API and the command-line verbs that use it.

use crate::support::{Act, Backend, Down, Proxy, address, child, endpoint};

fn pair() -> (Backend, Backend, Proxy) {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint(
        "g",
        &format!("<loadbalance>{children}</loadbalance>"),
    ));
    (a, b, proxy)
}

fn status_of(proxy: &Proxy, request: &str) -> u16 {
    proxy.ask(request).status
}

#[test]
fn probes_answer() {
    let (_a, _b, proxy) = pair();
    for path in ["/live", "/ready", "/ready?verbose"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(status_of(&proxy, &request), 200, "{path}");
    }
}

#[test]
fn the_status_counts_endpoints_by_state_and_names_listeners() {
    let (_a, _b, proxy) = pair();
    proxy.change("/api/v1/endpoints/g/a:off");
    let status = proxy.look("/api/v1/status");
    assert_eq!(
        (&status["endpoints"]["active"], &status["endpoints"]["off"]),
        (&1.into(), &1.into())
    );
    assert_eq!(status["listeners"][0]["address"], proxy.http.to_string());
    assert_eq!(status["config"], "ok");
}

#[test]
fn endpoints_are_listed_filtered_and_shown_with_their_place() {
    let (_a, _b, proxy) = pair();
    let paths = |query: &str| -> Vec<String> {
        let list = proxy.look(&format!("/api/v1/endpoints{query}"));
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|e| e["path"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(paths(""), ["g", "g/a", "g/b"]);
    assert_eq!(paths("?type=address&q=b"), ["g/b"]);
    let group = proxy.endpoint("g");
    assert_eq!(group["children"], serde_json::json!(["g/a", "g/b"]));
    let leaf = proxy.endpoint("g/b");
    assert!(
        leaf["defined"]["file"].as_str().unwrap().ends_with("e.xml"),
        "{leaf}"
    );
    let unknown = proxy.ask("GET /api/v1/endpoints/g/z HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("unknown_endpoint"));
}

#[test]
fn off_takes_out_and_on_brings_back() {
    let (a, _b, proxy) = pair();
    let mut client = proxy.client();
    assert_eq!(proxy.change("/api/v1/endpoints/g/a:off").1["state"], "off");
    for _ in 0..4 {
        assert_eq!(client.get("/").text(), "b");
    }
    assert_eq!(a.hits(), 0);
    assert_eq!(
        proxy.change("/api/v1/endpoints/g/a:on").1["state"],
        "active"
    );
    let answers = [client.get("/").text(), client.get("/").text()];
    assert!(answers.contains(&"a".to_owned()), "{answers:?}");
}

#[test]
fn on_ends_a_suspension() {
    let down = Down::new();
    let long = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";
    let file = endpoint("e", &crate::support::address(down.address, long));
    let proxy = Proxy::serving(&file);
    let mut client = proxy.client();
    assert_eq!([client.get("/").status, client.get("/").status], [502, 503]);
    let _backend = down.up("a");
    proxy.change("/api/v1/endpoints/e:on");
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn foreign_names_pages_and_forms_change_nothing() {
    let (_a, _b, proxy) = pair();
    let post = |lines: &str| {
        let request =
            format!("POST /api/v1/endpoints/g/a:off HTTP/1.1\r\nContent-Length: 0\r\n{lines}\r\n");
        status_of(&proxy, &request)
    };
    assert_eq!(post("Host: evil.example\r\nX-Axon-Request: 1\r\n"), 421);
    assert_eq!(post("Host: localhost\r\n"), 403);
    assert_eq!(
        post("Host: localhost\r\nX-Axon-Request: 1\r\nOrigin: http://evil.example\r\n"),
        403
    );
    let get = "GET /api/v1/endpoints/g/a:off HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(status_of(&proxy, get), 405);
    assert_eq!(proxy.state("g/a"), "active");
}

#[test]
fn metrics_count_requests_and_show_states() {
    let (_a, _b, proxy) = pair();
    let mut client = proxy.client();
    for _ in 0..4 {
        client.get("/");
    }
    proxy.change("/api/v1/endpoints/g/b:off");
    let metrics = || {
        proxy
            .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .text()
    };
    let text = metrics();
    for line in [
        "axon_endpoint_requests_total{endpoint=\"g/a\",outcome=\"ok\"} 2",
        "axon_endpoint_state{endpoint=\"g/b\",state=\"off\"} 1.0",
        "axon_endpoint_state{endpoint=\"g/a\",state=\"active\"} 1.0",
        "axon_config_generation 1.0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    // The last answer is counted after its last byte was sent.
    crate::support::eventually("four requests to be counted", || {
        let counted = metrics();
        let mut requests = counted
            .lines()
            .filter(|l| l.starts_with("axon_requests_total"));
        requests
            .any(|l| l.contains("code=\"200\"") && l.ends_with(" 4"))
            .then_some(())
    });
}

/// Waits until the metrics have all of these lines.
fn counts(proxy: &Proxy, lines: &[&str]) {
    for line in lines {
        crate::support::eventually(line, || {
            let text = proxy.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
            text.text().lines().any(|l| l == *line).then_some(())
        });
    }
}

#[test]
fn metrics_count_connections_and_their_reuse() {
    let a = Backend::named("a");
    let proxy = Proxy::with(
        &[("e.xml", endpoint("e", &address(a.address, "")))],
        &["--no-watch", "--workers", "1"],
    );
    let mut client = proxy.client();
    for _ in 0..3 {
        client.get("/");
    }
    counts(
        &proxy,
        &[
            "axon_endpoint_connect_duration_seconds_count{endpoint=\"e\"} 1",
            "axon_endpoint_request_duration_seconds_count{endpoint=\"e\"} 3",
            "axon_pool_connections{state=\"idle\"} 1.0",
            "axon_pool_reused_total 2",
            "axon_pool_stale_total 0",
        ],
    );
}

#[test]
fn metrics_count_suspensions_failovers_and_repeats() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let closing = Backend::start(|_| Act::WriteAndClose(Vec::new()));
    let children = child("a", down.address, "")
        + &child("c", closing.address, "")
        + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint("g", &format!("<failover>{children}</failover>")));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "b");
    counts(
        &proxy,
        &[
            "axon_endpoint_suspensions_total{endpoint=\"g/a\"} 1",
            "axon_endpoint_suspensions_total{endpoint=\"g/c\"} 1",
            "axon_endpoint_suspensions_total{endpoint=\"g/b\"} 0",
            "axon_endpoint_failovers_total{group=\"g\"} 2",
            "axon_endpoint_repeats_total{group=\"g\"} 1",
        ],
    );
}

#[test]
fn events_tell_what_changed() {
    let (_a, _b, proxy) = pair();
    proxy.change("/api/v1/endpoints/g/a:off");
    let events = proxy.look("/api/v1/events?limit=1");
    let event = &events["items"][0];
    assert_eq!(
        (&event["evt"], &event["endpoint"], &event["to"]),
        (&"endpoint.state".into(), &"g/a".into(), &"off".into())
    );
}

#[test]
fn a_second_listener_opens_the_probes_only() {
    let backend = Backend::named("a");
    let proxy = Proxy::with(
        &[(
            "e.xml",
            endpoint("e", &crate::support::address(backend.address, "")),
        )],
        &["--no-watch", "--probes", "127.0.0.1:0"],
    );
    let status = proxy.look("/api/v1/status");
    let mut listeners = status["listeners"].as_array().unwrap().iter();
    let probes = listeners.find(|l| l["kind"] == "probes").unwrap();
    let address = probes["address"].as_str().unwrap().parse().unwrap();
    let get = |path: &str| {
        let mut client = crate::support::Client::connect(address);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: anything\r\n\r\n"));
        client.answer().status
    };
    let statuses = ["/live", "/ready", "/metrics", "/api/v1/status"].map(get);
    assert_eq!(statuses, [200, 200, 200, 404]);
}

#[test]
fn verbs_have_exit_codes_that_scripts_can_use() {
    let (_a, _b, mut proxy) = pair();
    let run = |proxy: &Proxy, words: &[&str]| proxy.verb(words).status.code();
    assert_eq!(run(&proxy, &["status"]), Some(0));
    assert_eq!(
        run(&proxy, &["endpoint", "off", "g/a", "--reason", "patching"]),
        Some(0)
    );
    assert_eq!(proxy.state("g/a"), "off");
    assert_eq!(run(&proxy, &["status"]), Some(4));
    let list = proxy.verb(&["endpoint", "list"]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(
        text.lines().any(|l| l.contains("g/a") && l.contains("off")),
        "{text}"
    );
    assert_eq!(run(&proxy, &["endpoint", "on", "g/a"]), Some(0));
    assert_eq!(proxy.state("g/a"), "active");
    assert_eq!(run(&proxy, &["endpoint", "off", "nobody"]), Some(1));
    assert_eq!(run(&proxy, &["reload"]), Some(0));
    proxy.write("e.xml", "<endpoint");
    let refused = proxy.verb(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stdout).contains("e.xml"),
        "{refused:?}"
    );
    assert_eq!(run(&proxy, &["status", "--format", "yaml"]), Some(2));
    proxy.signal(rustix::process::Signal::TERM);
    proxy.ended();
    assert_eq!(run(&proxy, &["status"]), Some(3));
}
