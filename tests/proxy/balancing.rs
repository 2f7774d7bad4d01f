//! Algorithms beyond turns and weights (spec/endpoints.md 13.5).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Act, Backend, Down, Proxy, child, eventually, ok};

/// A group in an endpoint of its own, with properties beside it.
fn group(attributes: &str, servers: &[(&str, SocketAddr)], properties: &str) -> String {
    let children: String = servers
        .iter()
        .map(|(name, address)| child(name, *address, ""))
        .collect();
    format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"g\">\
         <loadbalance {attributes}>{children}</loadbalance>{properties}</endpoint>"
    )
}

fn property(name: &str, value: &str) -> String {
    format!("<property name=\"{name}\" value=\"{value}\"/>")
}

fn ask(proxy: &Proxy, path: &str, line: &str) -> String {
    let mut client = proxy.client();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n{line}\r\n"));
    let answer = client.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[test]
fn a_header_keeps_its_server_and_only_the_ones_of_a_server_that_is_down_move() {
    let servers: Vec<_> = ["a", "b", "c"].map(Backend::named).into();
    let named: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .zip(servers.iter().map(|s| s.address))
        .collect();
    let property = property("loadbalance.hash.header", "X-User");
    let proxy = Proxy::serving(&group("algorithm=\"headerHash\"", &named, &property));
    let place = |n: usize| ask(&proxy, "/", &format!("X-User: user{n}\r\n"));
    let before: Vec<String> = (0..60).map(place).collect();
    assert_eq!((0..60).map(place).collect::<Vec<_>>(), before);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for server in &before {
        *counts.entry(server).or_default() += 1;
    }
    assert!(
        counts.len() == 3 && counts.values().all(|n| *n >= 8),
        "{counts:?}"
    );
    let mut servers = servers;
    let _down = servers.remove(1).down();
    for (n, before) in before.iter().enumerate() {
        let after = place(n);
        assert!(
            before == "b" || after == *before,
            "user{n}: {before} to {after}"
        );
        assert_ne!(after, "b");
    }
}

#[test]
fn paths_and_cookies_are_keys_too() {
    let servers: Vec<_> = ["a", "b", "c"].map(Backend::named).into();
    let named: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .zip(servers.iter().map(|s| s.address))
        .collect();
    let by_uri = Proxy::serving(&group("policy=\"uri-hash\"", &named, ""));
    for n in 0..6 {
        let first = ask(&by_uri, &format!("/item/{n}"), "");
        assert_eq!(ask(&by_uri, &format!("/item/{n}?other"), ""), first);
    }
    let property = property("loadbalance.hash.cookie", "user");
    let by_cookie = Proxy::serving(&group("algorithm=\"cookieHash\"", &named, &property));
    for n in 0..6 {
        let first = ask(&by_cookie, "/", &format!("Cookie: user={n}\r\n"));
        let again = ask(&by_cookie, "/x", &format!("Cookie: a=b; user={n}\r\n"));
        assert_eq!(first, again);
    }
}

#[test]
fn a_busy_server_is_left_alone() {
    // It answers when the test lets it.
    let (answer, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = Backend::start(move |_| {
        let _ = wait.lock().unwrap().recv();
        Act::Write(ok("slow"))
    });
    let fast = Backend::named("fast");
    // The weight decides where both have one: an answer is in flight until the client has it and a moment longer.
    let heavy = format!(
        "<endpoint name=\"fast\">{}{}</endpoint>",
        crate::support::address(fast.address, ""),
        property("loadbalance.weight", "3")
    );
    let slow_child = child("slow", slow.address, "");
    let proxy = Proxy::serving(&crate::support::endpoint(
        "g",
        &format!("<loadbalance algorithm=\"leastConnections\">{slow_child}{heavy}</loadbalance>"),
    ));
    // Once one message is with the slow server, all others go to the other one.
    let mut waiting = proxy.client();
    let mut asked = 0;
    eventually("the slow server to get a message", || {
        waiting = proxy.client();
        waiting.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        // Whoever has it: the next one is sent when this one is there.
        eventually("somebody to get it", || {
            (slow.hits() == 1 || fast.hits() > asked).then_some(())
        });
        asked = fast.hits();
        (slow.hits() == 1).then_some(())
    });
    for _ in 0..10 {
        assert_eq!(ask(&proxy, "/", ""), "fast");
    }
    drop(answer);
    assert_eq!(waiting.answer().text(), "slow");
}

#[test]
fn an_algorithm_without_what_it_needs_is_refused_with_its_place() {
    let text = group(
        "algorithm=\"headerHash\"",
        &[("a", ([127, 0, 0, 1], 1).into())],
        "",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("g.xml");
    std::fs::write(&file, text).unwrap();
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_axon"))
        .arg("check")
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned()
        + &String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        said.contains("loadbalance.hash.header") && said.contains("g.xml:1:"),
        "{said}"
    );
}

/// How often each of the servers answered so many requests, one after the other.
fn counts(proxy: &Proxy, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        *counts.entry(ask(proxy, "/", "")).or_default() += 1;
    }
    counts
}

#[test]
fn of_two_by_chance_the_one_that_answers_sooner() {
    let quick = Backend::named("quick");
    let other = Backend::named("other");
    let slow = Backend::start(|_| Act::Late(Duration::from_millis(60), ok("slow")));
    let servers = [
        ("quick", quick.address),
        ("other", other.address),
        ("slow", slow.address),
    ];
    let proxy = Proxy::with(
        &[("e.xml", group("algorithm=\"p2c\"", &servers, ""))],
        &["--no-watch", "--workers", "1"],
    );
    // Each is asked until something is known of it; then the slow one is never the better of two.
    eventually("the slow one to be known", || {
        (counts(&proxy, 1).contains_key("slow")).then_some(())
    });
    counts(&proxy, 20);
    let known = counts(&proxy, 60);
    assert_eq!(known.get("slow"), None, "{known:?}");
    assert!(known["quick"] > 5 && known["other"] > 5, "{known:?}");
}

#[test]
fn weights_follow_the_open_connections() {
    let servers: Vec<_> = ["a", "b", "c"].map(Backend::named).into();
    let weighted = |name: &str, at: SocketAddr, weight: u32| {
        let weight = property("loadbalance.weight", &weight.to_string());
        child(name, at, "").replace("</endpoint>", &format!("{weight}</endpoint>"))
    };
    let file = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"g\"><loadbalance algorithm=\"weightedRRLC\">{}{}{}</loadbalance></endpoint>",
        weighted("a", servers[0].address, 2),
        weighted("b", servers[1].address, 1),
        weighted("c", servers[2].address, 3),
    );
    let proxy = Proxy::with(&[("e.xml", file)], &["--no-watch", "--workers", "1"]);
    // The first round goes by the weights as they are written, the heaviest first.
    let first: Vec<String> = (0..6).map(|_| ask(&proxy, "/", "")).collect();
    assert_eq!(first, ["c", "c", "c", "a", "a", "b"]);
    // The connections that are kept after it are one each, which moves weight from the heaviest to the lightest: by
    // (w/W - 1/3) * 3 it is 3 + 0.5 (down: 3), 2 and 1 - 0.5 (down: 0, but at least w - 2 = 0).
    let second = counts(&proxy, 5);
    assert_eq!((second["c"], second["a"]), (3, 2), "{second:?}");
    assert_eq!(second.get("b"), None, "{second:?}");
}

#[test]
fn a_server_that_came_back_gets_its_share_slowly() {
    let good = Backend::named("good");
    let down = Down::new();
    let settings = "<suspendOnFailure><initialDuration>100</initialDuration></suspendOnFailure>";
    let children = child("good", good.address, "") + &child("weak", down.address, settings);
    let file = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"g\">\
         <loadbalance algorithm=\"roundRobin\" ax:slowStart=\"600000\">{children}</loadbalance></endpoint>"
    );
    let proxy = Proxy::with(&[("e.xml", file)], &["--no-watch", "--workers", "1"]);
    assert_eq!(counts(&proxy, 4)["good"], 4);
    assert_eq!(proxy.state("g/weak"), "suspended");
    let _back = down.up("weak");
    eventually("the weak one to be asked again", || {
        (ask(&proxy, "/", "") == "weak").then_some(())
    });
    assert_eq!(proxy.state("g/weak"), "active");
    // A tenth of its turn at first: of 200 about 10, and without a slow start it would be 100.
    let share = counts(&proxy, 200).get("weak").copied().unwrap_or(0);
    assert!((1..50).contains(&share), "{share}");
}
