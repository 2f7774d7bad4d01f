//! Orders of the administration (drain, off, maintain, for a time), sessions seen and changed, counters since a reset.

use serde_json::Value;

use crate::support::{Backend, Proxy, child, endpoint, eventually, quote, quote_of};

/// Two children with sessions by client id, and an id that is bound to each.
fn bound() -> (Backend, Backend, Proxy, [String; 2]) {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::serving(&file(&a, &b, ""));
    let mut client = proxy.client();
    let mut ids = [String::new(), String::new()];
    for n in 0..2 {
        let id = format!("client-number-{n}");
        let at = usize::from(client.post("/", &quote_of(&id)).text() == "b");
        ids[at] = id;
    }
    assert!(ids.iter().all(|id| !id.is_empty()), "one each");
    (a, b, proxy, ids)
}

fn file(a: &Backend, b: &Backend, settings: &str) -> String {
    let children = child("a", a.address, settings) + &child("b", b.address, settings);
    endpoint(
        "g",
        &format!("<session type=\"simpleClientSession\"/><loadbalance>{children}</loadbalance>"),
    )
}

/// A change with a body.
fn order(proxy: &Proxy, path: &str, body: &str) -> (u16, Value) {
    with(proxy, "POST", path, "", body)
}

fn with(proxy: &Proxy, method: &str, path: &str, lines: &str, body: &str) -> (u16, Value) {
    let answer = proxy.ask(&format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Axon-Request: 1\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn a_drained_child_keeps_its_sessions_and_gets_no_others() {
    let (_a, _b, proxy, [of_a, _]) = bound();
    let (status, view) = order(
        &proxy,
        "/api/v1/endpoints/g/a:drain",
        r#"{"reason":"update","by":"kim"}"#,
    );
    assert_eq!(
        (status, &view["admin_state"], &view["state"]),
        (200, &"drain".into(), &"active".into())
    );
    assert_eq!(
        (&view["order"]["reason"], &view["order"]["by"]),
        (&"update".into(), &"kim".into())
    );
    let mut client = proxy.client();
    for n in 0..4 {
        assert_eq!(client.post("/", &quote_of(&of_a)).text(), "a");
        assert_eq!(client.post("/", &quote()).text(), "b");
        assert_eq!(client.post("/", &quote_of(&format!("new-{n}"))).text(), "b");
    }
    order(&proxy, "/api/v1/endpoints/g/a:on", "{}");
    let answers = [
        client.post("/", &quote()).text(),
        client.post("/", &quote()).text(),
    ];
    assert!(answers.contains(&"a".to_owned()), "{answers:?}");
}

#[test]
fn sessions_fail_while_off_and_move_while_maintained() {
    let (_a, _b, proxy, [of_a, _]) = bound();
    let mut client = proxy.client();
    order(&proxy, "/api/v1/endpoints/g/a:off", "{}");
    assert!(client.post("/", &quote_of(&of_a)).text().contains("309001"));
    let (_, view) = order(&proxy, "/api/v1/endpoints/g/a:maintain", "{}");
    assert_eq!(
        (&view["admin_state"], &view["state"]),
        (&"maintain".into(), &"off".into())
    );
    assert_eq!(client.post("/", &quote_of(&of_a)).text(), "b");
    order(&proxy, "/api/v1/endpoints/g/a:on", "{}");
    assert_eq!(
        client.post("/", &quote_of(&of_a)).text(),
        "b",
        "it has moved"
    );
}

#[test]
fn an_order_ends_by_itself_and_outlives_a_reload() {
    let (a, b, proxy, _) = bound();
    order(
        &proxy,
        "/api/v1/endpoints/g/a:off",
        r#"{"for_ms":1500,"reason":"short"}"#,
    );
    order(
        &proxy,
        "/api/v1/endpoints/g/b:drain",
        r#"{"for_ms":3600000,"reason":"long"}"#,
    );
    let longer = "<timeout><duration>9000</duration></timeout>";
    proxy.write("e.xml", &file(&a, &b, longer));
    proxy.reload();
    let view = proxy.endpoint("g/a");
    assert_eq!(
        (&view["state"], &view["order"]["reason"]),
        (&"off".into(), &"short".into())
    );
    let view = proxy.endpoint("g/b");
    assert_eq!(
        (&view["admin_state"], &view["order"]["reason"]),
        (&"drain".into(), &"long".into())
    );
    assert!(view["order"]["until"].is_string());
    eventually("the short order to be over", || {
        (proxy.state("g/a") == "active").then_some(())
    });
    let told = String::from_utf8(proxy.verb(&["why", "g/a"]).stdout).unwrap();
    assert!(
        told.contains("the time of the order is over (by axon)"),
        "{told}"
    );
    assert_eq!(proxy.endpoint("g/b")["admin_state"], "drain");
}

#[test]
fn a_group_is_drained_as_a_whole() {
    let (_a, _b, proxy, [of_a, _]) = bound();
    order(&proxy, "/api/v1/endpoints/g:drain", "{}");
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote_of(&of_a)).text(), "a");
    assert!(
        client
            .post("/", &quote_of("new-one"))
            .text()
            .contains("303000")
    );
    order(&proxy, "/api/v1/endpoints/g:on", "{}");
    assert_eq!(client.post("/", &quote_of("new-one")).status, 200);
}

#[test]
fn resume_ends_a_suspension_and_leaves_an_order_alone() {
    let down = crate::support::Down::new();
    let long = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";
    let proxy = Proxy::serving(&endpoint("e", &crate::support::address(down.address, long)));
    let mut client = proxy.client();
    client.get("/");
    assert_eq!(proxy.state("e"), "suspended");
    let _a = down.up("a");
    assert_eq!(
        order(&proxy, "/api/v1/endpoints/e:resume", "{}").1["state"],
        "active"
    );
    assert_eq!(client.get("/").text(), "a");
    order(&proxy, "/api/v1/endpoints/e:off", "{}");
    assert_eq!(
        order(&proxy, "/api/v1/endpoints/e:resume", "{}").1["state"],
        "off"
    );
}

#[test]
fn sessions_are_listed_without_their_ids_moved_and_dropped() {
    let (_a, _b, proxy, [of_a, of_b]) = bound();
    let list = proxy.look("/api/v1/sessions?group=g");
    assert_eq!(list["total"], 2);
    assert!(
        !list.to_string().contains(&of_a) && !list.to_string().contains(&of_b),
        "{list}"
    );
    let mine = proxy.look(&format!("/api/v1/sessions?key={of_a}"));
    let item = &mine["items"][0];
    assert_eq!(
        (&item["group"], &item["child"], &item["key"]),
        (&"g".into(), &"g/a".into(), &"cli***".into())
    );
    assert!(item["expires_in_ms"].as_u64().unwrap() > 100_000, "{item}");
    let id = item["id"].as_str().unwrap();

    let first = proxy.look("/api/v1/sessions?limit=1");
    let next = proxy.look(&format!(
        "/api/v1/sessions?limit=1&after={}",
        first["next"].as_str().unwrap()
    ));
    assert_ne!(first["items"][0]["id"], next["items"][0]["id"]);
    assert!(next.get("next").is_none(), "{next}");

    let path = format!("/api/v1/sessions/{id}:move");
    assert_eq!(order(&proxy, &path, r#"{"to":"g/nobody"}"#).0, 409);
    assert_eq!(order(&proxy, &path, r#"{"to":"g/b"}"#).0, 200);
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote_of(&of_a)).text(), "b");
    let drop = |id: &str| with(&proxy, "DELETE", &format!("/api/v1/sessions/{id}"), "", "").0;
    assert_eq!([drop(id), drop(id), drop("nonsense")], [200, 404, 404]);
    assert_eq!(proxy.look("/api/v1/sessions")["total"], 1);
}

#[test]
fn an_order_that_was_made_up_on_an_old_look_is_refused() {
    let (_a, _b, proxy, _) = bound();
    let look = proxy.ask("GET /api/v1/endpoints/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let tag = look.headers.value("ETag").unwrap().to_owned();
    let lines = format!("If-Match: {tag}\r\n");
    let off = |lines: &str| with(&proxy, "POST", "/api/v1/endpoints/g/a:off", lines, "{}").0;
    assert_eq!(off(&lines), 200);
    assert_eq!(off(&lines), 412, "it is off now");
    assert_eq!(off("If-Match: *\r\n"), 200);
}

#[test]
fn counters_begin_anew_with_a_reset_and_means_are_means() {
    let (_a, _b, proxy, [of_a, _]) = bound();
    let mut client = proxy.client();
    for _ in 0..3 {
        client.post("/", &quote_of(&of_a));
    }
    let stats = || proxy.look("/api/v1/endpoints/g/a/stats");
    let counted = eventually("the answers to be counted", || {
        let view = stats();
        (view["messagesReceived"] == 4).then_some(view)
    });
    assert_eq!(counted["messagesSent"], 4);
    assert!(counted["avgAnswerMs"].as_f64().unwrap() > 0.0);
    let before = counted["lastResetTime"].clone();
    order(&proxy, "/api/v1/endpoints/g:reset-stats", "{}");
    let counted = stats();
    assert_eq!(
        (&counted["messagesSent"], &counted["avgAnswerMs"]),
        (&0.into(), &0.0.into())
    );
    assert_ne!(counted["lastResetTime"], before);
    let text = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let line = "axon_endpoint_requests_total{endpoint=\"g/a\",outcome=\"ok\"} 4";
    assert!(
        text.lines().any(|l| l == line),
        "metrics only grow:\n{text}"
    );
    let group = proxy.look("/api/v1/endpoints/g/stats");
    assert_eq!(
        (&group["totalChildren"], &group["readyChildren"]),
        (&2.into(), &2.into())
    );
}

#[test]
fn every_order_has_a_verb() {
    let (_a, _b, proxy, [of_a, _]) = bound();
    let run = |words: &[&str]| {
        let out = proxy.verb(words);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        (out.status.code(), text)
    };
    assert_eq!(
        run(&[
            "endpoint", "drain", "g/a", "--reason", "update", "--for", "1h"
        ])
        .0,
        Some(0)
    );
    let (code, text) = run(&["endpoint", "show", "g/a"]);
    assert_eq!(code, Some(0));
    for part in [
        "◌ drain",
        "ordered    drain",
        ": update",
        "timeout.duration",
        "[timers] response_ms",
        "e.xml:",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    for verb in ["maintain", "resume", "reset-stats", "on"] {
        assert_eq!(run(&["endpoint", verb, "g/a"]).0, Some(0), "{verb}");
    }
    assert!(
        run(&["endpoint", "stats", "g/a"])
            .1
            .contains("messagesSent")
    );
    let (code, text) = run(&["session", "list", "--key", &of_a]);
    assert_eq!(code, Some(0));
    let id = text.split(' ').next().unwrap().to_owned();
    assert_eq!(run(&["session", "move", &id, "g/b"]).0, Some(0));
    assert_eq!(run(&["session", "drop", &id]).0, Some(0));
    assert_eq!(run(&["session", "drop", &id]).0, Some(1));
    assert_eq!(run(&["health"]), (Some(0), "ready\n".to_owned()));
}

#[test]
fn a_drained_proxy_serves_but_is_not_ready_and_a_stopped_one_ends() {
    let (_a, _b, mut proxy, _) = bound();
    let run = |proxy: &Proxy, words: &[&str]| proxy.verb(words).status.code();
    assert_eq!(
        run(&proxy, &["drain", "--wait", "10s", "--reason", "update"]),
        Some(0)
    );
    assert_eq!(run(&proxy, &["health"]), Some(1));
    assert_eq!(proxy.client().post("/", &quote()).status, 200);
    assert_eq!(run(&proxy, &["drain", "--undo"]), Some(0));
    assert_eq!(run(&proxy, &["health"]), Some(0));
    assert_eq!(run(&proxy, &["stop"]), Some(0));
    assert!(proxy.ended().success());
}
