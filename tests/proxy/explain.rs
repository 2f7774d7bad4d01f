//! `axon explain`: what it says is what happens, and nothing happens because of it.

use serde_json::Value;

use crate::support::{Backend, Down, Proxy, address, child, endpoint, quote, quote_of};

const LONG: &str = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";

/// What the running proxy says to a POST of that body.
fn ask(proxy: &Proxy, body: &str) -> Value {
    let said = proxy.verb(&[
        "explain",
        "--from-node",
        "--format",
        "json",
        "-H",
        "Content-Type: text/xml",
        "-H",
        "Host: h",
        "-d",
        body,
        "/",
    ]);
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

fn endpoint_of(view: &Value) -> &str {
    view["sends"][0]["tries"][0]["endpoint"].as_str().unwrap()
}

#[test]
fn the_head_is_the_one_that_the_back_end_gets() {
    let backend = Backend::named("a");
    let settings = "<timeout><duration>5000</duration></timeout>";
    let proxy = Proxy::serving(&endpoint("e", &address(backend.address, settings)));
    let said = ask(&proxy, &quote());
    assert_eq!(backend.connections(), 0, "explaining sends nothing");
    proxy.client().post("/", &quote());
    let head = said["sends"][0]["tries"][0]["request"].as_str().unwrap();
    let written = backend.seen()[0].head.clone();
    assert_eq!(head.trim_end(), written.trim_end());
    assert_eq!(said["generation"], 1);
}

#[test]
fn turns_and_counters_stay_and_the_next_message_goes_where_it_was_said() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint(
        "g",
        &format!("<loadbalance>{children}</loadbalance>"),
    ));
    let mut client = proxy.client();
    for _ in 0..5 {
        let said = ask(&proxy, &quote());
        assert_eq!(endpoint_of(&ask(&proxy, &quote())), endpoint_of(&said));
        let name = client.post("/", &quote()).text();
        assert_eq!(endpoint_of(&said), format!("g/{name}"));
    }
    let text = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let counted = "axon_endpoint_requests_total{endpoint=\"g/a\",outcome=\"ok\"} 3";
    assert!(text.lines().any(|l| l == counted), "{text}");
}

#[test]
fn live_states_and_sessions_decide() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let children = child("a", a.address, LONG) + &child("b", b.address, LONG);
    let file = endpoint(
        "g",
        &format!("<session type=\"simpleClientSession\"/><loadbalance>{children}</loadbalance>"),
    );
    let proxy = Proxy::serving(&file);
    let bound = proxy.client().post("/", &quote_of("secret-id")).text();
    for _ in 0..3 {
        let said = ask(&proxy, &quote_of("secret-id"));
        assert_eq!(endpoint_of(&said), format!("g/{bound}"));
        assert_eq!(said["sends"][0]["session"]["how"], "bound");
        assert!(!said.to_string().contains("secret-id"), "{said}");
    }
    assert_eq!(
        ask(&proxy, &quote_of("other"))["sends"][0]["session"]["how"],
        "new"
    );
    assert_eq!(proxy.look("/api/v1/status")["sessions"], 1);
    proxy.change(&format!("/api/v1/endpoints/g/{bound}:off"));
    let said = ask(&proxy, &quote_of("secret-id"));
    assert_eq!(said["sends"][0]["session"]["how"], "unavailable");
    assert!(
        said["answer"]["body"].as_str().unwrap().contains("309001"),
        "{said}"
    );
}

#[test]
fn the_ladder_is_what_then_happens() {
    let (a, b) = (Down::new(), Down::new());
    let children = child("a", a.address, LONG) + &child("b", b.address, LONG);
    let proxy = Proxy::serving(&endpoint("g", &format!("<failover>{children}</failover>")));
    let said = ask(&proxy, &quote());
    let ladder = said["ladder"].as_array().unwrap();
    assert_eq!((&ladder[0]["next"], ladder.len()), (&"g/b".into(), 2));
    let promised = ladder[1]["answer"]["status"].as_u64().unwrap();
    assert_eq!(
        u64::from(proxy.client().post("/", &quote()).status),
        promised
    );
    let human = proxy.verb(&["explain", "--from-node", "/"]);
    let text = String::from_utf8(human.stdout).unwrap();
    assert!(text.contains("suspended, "), "{text}");
    assert!(text.contains("the client gets 503"), "{text}");
}

#[test]
fn a_request_that_cannot_be_explained_is_refused_with_its_reason() {
    let proxy = Proxy::serving(&endpoint("e", &address(Down::new().address, "")));
    let said = proxy.verb(&["explain", "--from-node", "--fail", "nobody=101503", "/"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("nobody"),
        "{said:?}"
    );
    let get = "GET /api/v1/explain HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(proxy.ask(get).status, 405);
}
