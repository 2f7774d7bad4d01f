//! `axon why` names the right cause: one scripted failure a test (spec/interface.md 10, users-ask U01, U02).

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Act, Backend, Client, Down, Proxy, address, child, endpoint, eventually, ok, quote, quote_of,
};

const LONG: &str = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";
const SOON: &str = "<suspendOnFailure><initialDuration>50</initialDuration></suspendOnFailure>";

/// The timeline of an endpoint, oldest first.
fn timeline(proxy: &Proxy, path: &str) -> Vec<Value> {
    let path = path.replace('#', "%23");
    let view = proxy.look(&format!("/api/v1/endpoints/{path}/events"));
    view["items"].as_array().unwrap().clone()
}

/// The last entry of a timeline, which must be of that kind.
#[track_caller]
fn last(proxy: &Proxy, path: &str, kind: &str) -> Value {
    let all = timeline(proxy, path);
    let entry = all.last().unwrap_or_else(|| panic!("{path} has no entry"));
    assert_eq!(entry["evt"], kind, "{all:#?}");
    entry.clone()
}

#[track_caller]
fn says(entry: &Value, key: &str, part: &str) {
    let text = entry[key].as_str().unwrap_or_default();
    assert!(text.contains(part), "{key} of {entry:#} lacks {part}");
}

/// The last change of a leaf's state, which that code must have caused.
#[track_caller]
fn suspended_by(proxy: &Proxy, path: &str, code: i32, name: &str, words: &str) -> Value {
    let all = timeline(proxy, path);
    let change = all.iter().rfind(|e| e["evt"] == "endpoint.state");
    let entry = change.unwrap_or_else(|| panic!("{all:#?}")).clone();
    assert_eq!(
        (&entry["to"], &entry["code"], &entry["name"]),
        (&"suspended".into(), &code.into(), &name.into()),
        "{all:#?}"
    );
    assert!(!entry["meaning"].as_str().unwrap().is_empty());
    assert!(!entry["req"].as_str().unwrap().is_empty());
    says(&entry, "rule", "e.xml:");
    says(&entry, "text", words);
    entry
}

/// A proxy in front of one address with those settings.
fn lone(server: std::net::SocketAddr, settings: &str) -> Proxy {
    Proxy::serving(&endpoint("e", &address(server, settings)))
}

#[test]
fn refused() {
    let down = Down::new();
    let proxy = lone(down.address, LONG);
    proxy.client().get("/");
    let entry = suspended_by(&proxy, "e", 101_503, "connect_failed", "refused");
    assert_eq!(entry["suspend_ms"], 60_000);
    assert_eq!(entry["how"], "initial 60000 ms");
    says(&entry, "rule", "e.xml:2:");
}

#[test]
fn a_name_that_does_not_resolve() {
    let file = endpoint("e", "<address uri=\"http://no-such-host.invalid:81/\"/>");
    let proxy = Proxy::serving(&file);
    proxy.client().get("/");
    suspended_by(
        &proxy,
        "e",
        101_503,
        "connect_failed",
        "no-such-host.invalid",
    );
    let text = last(&proxy, "e", "endpoint.failed")["text"].to_string();
    assert!(
        text.contains("lookup") || text.contains("resolve") || text.contains("Name"),
        "{text}"
    );
}

#[test]
fn reset() {
    let resetting = Backend::start(|_| Act::WriteAndReset(Vec::new()));
    let proxy = lone(resetting.address, LONG);
    proxy.client().post("/", &quote());
    suspended_by(&proxy, "e", 101_505, "closed_early", "reset the connection");
}

#[test]
fn closed_without_an_answer() {
    let closing = Backend::start(|_| Act::WriteAndClose(Vec::new()));
    let proxy = lone(closing.address, LONG);
    proxy.client().post("/", &quote());
    suspended_by(
        &proxy,
        "e",
        101_505,
        "closed_early",
        "closed the connection",
    );
}

const TIMEOUT: &str =
    "<timeout><duration>100</duration><responseAction>fault</responseAction></timeout>";

#[test]
fn silent_until_the_timeout() {
    let hanging = Backend::start(|_| Act::Hang);
    let proxy = lone(hanging.address, &format!("{TIMEOUT}{LONG}"));
    proxy.client().post("/", &quote());
    suspended_by(&proxy, "e", 101_504, "connection_timeout", "100 ms");
}

#[test]
fn discarded_after_the_timeout() {
    let hanging = Backend::start(|_| Act::Hang);
    let discard = TIMEOUT.replace("fault", "discard");
    let proxy = lone(hanging.address, &format!("{discard}{LONG}"));
    assert_eq!(proxy.client().post("/", &quote()).status, 504);
    let entry = last(&proxy, "e", "endpoint.failed");
    assert_eq!(entry["code"], 101_504);
    says(&entry, "how", "discard");
}

#[test]
fn not_connected_in_time() {
    // A listener whose queue is full takes no connection and refuses none.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let full = socket.local_addr().unwrap();
    socket2::SockRef::from(&socket).listen(0).unwrap();
    let _queued: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                std::net::TcpStream::connect_timeout(&full, Duration::from_secs(5))
            })
        })
        .collect();
    let proxy = Proxy::start(&[
        ("e.xml", endpoint("e", &address(full, LONG))),
        ("axon.toml", "[timers]\nconnect_ms = 200\n".to_owned()),
    ]);
    eventually("a connection that is not made in time", || {
        proxy.client().get("/");
        let all = timeline(&proxy, "e");
        all.iter().any(|e| e["code"] == 101_508).then_some(())
    });
    suspended_by(&proxy, "e", 101_508, "connect_timeout", "within 200 ms");
}

#[test]
fn an_answer_that_is_no_http() {
    let babbling = Backend::start(|_| Act::WriteAndClose(b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec()));
    let proxy = lone(babbling.address, LONG);
    proxy.client().post("/", &quote());
    suspended_by(
        &proxy,
        "e",
        101_506,
        "protocol_error",
        "did not answer in HTTP",
    );
}

#[test]
fn no_tls_where_https_is_asked_for() {
    // A server that speaks first, and not TLS.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in socket.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let file = endpoint("e", &address(server, LONG).replace("http:", "https:"));
    let proxy = Proxy::serving(&file);
    proxy.client().get("/");
    suspended_by(&proxy, "e", 101_503, "connect_failed", "TLS");
}

#[test]
fn suspended_longer_each_time() {
    let down = Down::new();
    let growing = "<suspendOnFailure><initialDuration>40</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>100</maximumDuration></suspendOnFailure>";
    let proxy = lone(down.address, growing);
    let changes = || {
        let all = timeline(&proxy, "e");
        let changes = all.iter().filter(|e| e["evt"] == "endpoint.state");
        changes
            .map(|e| e["how"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let mut client = proxy.client();
    eventually("three suspensions", || {
        client.get("/");
        (changes().len() >= 3).then_some(())
    });
    assert_eq!(
        changes()[..3],
        [
            "initial 40 ms",
            "initial 40 ms x 2^1",
            "initial 40 ms x 2^2, at most 100 ms"
        ]
    );
}

#[test]
fn marked_before_it_is_suspended() {
    let closing = Backend::start(|_| Act::WriteAndClose(Vec::new()));
    let marks = format!(
        "<markForSuspension><errorCodes>101505</errorCodes><retriesBeforeSuspension>1</retriesBeforeSuspension></markForSuspension>{LONG}"
    );
    let proxy = lone(closing.address, &marks);
    let mut client = proxy.client();
    client.post("/", &quote());
    let changes = |n: usize| {
        timeline(&proxy, "e")
            .into_iter()
            .filter(|e| e["evt"] == "endpoint.state")
            .nth(n)
            .unwrap()
    };
    let first = changes(0);
    assert_eq!(
        (&first["to"], &first["code"]),
        (&"timeout".into(), &101_505.into())
    );
    assert_eq!(first["how"], "0 of 1 tolerated errors left");
    client.post("/", &quote());
    let second = changes(1);
    assert_eq!(
        (&second["from"], &second["to"]),
        (&"timeout".into(), &"suspended".into())
    );
    says(&second, "how", "1 tolerated errors are used up");
    // The mark counted, so the rule is its element, not that of the suspension.
    says(&second, "rule", "e.xml:2:");
}

#[test]
fn a_code_that_no_list_has() {
    let down = Down::new();
    let settings = "<suspendOnFailure><errorCodes>101500</errorCodes></suspendOnFailure>";
    let proxy = lone(down.address, settings);
    let mut client = proxy.client();
    client.get("/");
    client.get("/");
    let all = timeline(&proxy, "e");
    let entry = all.iter().find(|e| e["evt"] == "endpoint.error").unwrap();
    assert_eq!(
        (&entry["code"], &entry["count"]),
        (&101_503.into(), &2.into())
    );
    says(entry, "how", "leave this one out");
    assert!(all.iter().all(|e| e["evt"] != "endpoint.state"), "{all:#?}");
}

#[test]
fn refused_while_suspended() {
    let down = Down::new();
    let proxy = lone(down.address, LONG);
    let mut client = proxy.client();
    for _ in 0..4 {
        client.get("/");
    }
    let entry = last(&proxy, "e", "endpoint.failed");
    assert_eq!(
        (&entry["code"], &entry["count"]),
        (&303_001.into(), &3.into())
    );
    says(&entry, "text", "suspended");
}

#[test]
fn switched_off_by_somebody_for_a_reason() {
    let a = Backend::named("a");
    let proxy = lone(a.address, "");
    let body = r#"{"reason":"patching","by":"kim"}"#;
    let answer = proxy.ask(&format!(
        "POST /api/v1/endpoints/e:off HTTP/1.1\r\nHost: localhost\r\nX-Axon-Request: 1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.status, 200);
    let entry = last(&proxy, "e", "endpoint.state");
    assert_eq!(
        [&entry["from"], &entry["to"], &entry["text"], &entry["by"]],
        ["active", "off", "patching", "kim"]
    );
    assert_eq!(proxy.client().get("/").status, 503);
    let entry = last(&proxy, "e", "endpoint.failed");
    assert_eq!(entry["code"], 303_001);
    says(&entry, "text", "off");
    let said = String::from_utf8(proxy.verb(&["why", "e"]).stdout).unwrap();
    assert!(said.contains("patching (by kim)"), "{said}");
}

#[test]
fn the_child_that_a_session_is_bound_to_is_down() {
    let down = Down::new();
    let address = down.address;
    let (a, b) = (down.up("a"), Backend::named("b"));
    let children = child("a", address, LONG) + &child("b", b.address, LONG);
    let file = endpoint(
        "g",
        &format!("<session type=\"simpleClientSession\"/><loadbalance>{children}</loadbalance>"),
    );
    let proxy = Proxy::serving(&file);
    let mut client = proxy.client();
    let id = ["x", "y"]
        .into_iter()
        .find(|id| client.post("/", &quote_of(id)).text() == "a")
        .unwrap();
    let _down = a.down();
    client.post("/", &quote_of(id));
    suspended_by(&proxy, "g/a", 101_503, "connect_failed", "refused");
    client.post("/", &quote_of(id));
    let all = timeline(&proxy, "g");
    let entry = all
        .iter()
        .find(|e| e["code"] == 309_001)
        .unwrap_or_else(|| panic!("{all:#?}"));
    assert_eq!(
        (&entry["endpoint"], &entry["child"]),
        (&"g".into(), &"g/a".into())
    );
    says(entry, "how", "bound");
}

/// Two children that refuse, in a group.
fn both_down(kind: &str, settings: &str) -> (Down, Down, Proxy) {
    let (a, b) = (Down::new(), Down::new());
    let children = child("a", a.address, settings) + &child("b", b.address, settings);
    let open = kind.split(' ').next().unwrap();
    let proxy = Proxy::serving(&endpoint("g", &format!("<{kind}>{children}</{open}>")));
    (a, b, proxy)
}

#[test]
fn every_child_was_tried() {
    let (_a, _b, proxy) = both_down("failover", LONG);
    proxy.client().get("/");
    let all = timeline(&proxy, "g");
    let entry = all.iter().find(|e| e["evt"] == "endpoint.failed").unwrap();
    assert_eq!(
        (&entry["endpoint"], &entry["code"], &entry["verdict"]),
        (&"g".into(), &101_503.into(), &303_201.into())
    );
    assert_eq!(entry["child"], "g/b");
}

#[test]
fn the_group_has_a_limit_of_attempts() {
    let (_a, _b, proxy) = both_down(
        "failover xmlns:ax=\"urn:axon:1\" ax:maxAttempts=\"1\"",
        LONG,
    );
    proxy.client().get("/");
    let all = timeline(&proxy, "g");
    let entry = all.iter().find(|e| e["evt"] == "endpoint.failed").unwrap();
    assert_eq!(entry["verdict"], 303_201);
    says(entry, "how", "ax:maxAttempts");
    says(entry, "rule", "e.xml:");
}

#[test]
fn no_child_is_ready() {
    let (_a, _b, proxy) = both_down("loadbalance", LONG);
    let mut client = proxy.client();
    client.get("/");
    client.get("/");
    let all = timeline(&proxy, "g");
    let entry = all.iter().rfind(|e| e["evt"] == "endpoint.failed").unwrap();
    assert_eq!(
        (&entry["endpoint"], &entry["code"]),
        (&"g".into(), &303_000.into())
    );
}

#[test]
fn the_child_forbids_another_try_after_that_code() {
    let retry =
        format!("<retryConfig><disabledErrorCodes>101503</disabledErrorCodes></retryConfig>{LONG}");
    let (_a, _b, proxy) = both_down("failover", &retry);
    proxy.client().get("/");
    let all = timeline(&proxy, "g");
    let entry = all.iter().find(|e| e["evt"] == "endpoint.failed").unwrap();
    assert_eq!(
        (&entry["code"], &entry["child"]),
        (&101_503.into(), &"g/a".into())
    );
    says(entry, "how", "retryConfig");
}

#[test]
fn the_group_does_not_fail_over() {
    let (_a, _b, proxy) = both_down("loadbalance failover=\"false\"", LONG);
    proxy.client().get("/");
    let all = timeline(&proxy, "g");
    let entry = all.iter().find(|e| e["evt"] == "endpoint.failed").unwrap();
    says(entry, "how", "does not fail over");
}

#[test]
fn the_request_cannot_be_sent_again() {
    let first = Backend::at_head(|_| Act::ReadAndClose(600_000));
    let second = Backend::named("b");
    let children = child("a", first.address, LONG) + &child("b", second.address, LONG);
    let file = endpoint("g", &format!("<failover>{children}</failover>"));
    let limits = "[limits]\nreplay_memory_bytes = 1024\nreplay_disk_bytes = 2048\n";
    let proxy = Proxy::start(&[("e.xml", file.as_str()), ("axon.toml", limits)]);
    let mut client = proxy.client();
    let mut writer = Client::over(client.stream.try_clone().unwrap());
    let sender = std::thread::spawn(move || {
        let body = vec![b'x'; 700_000];
        let head = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = writer.stream.write_all(head.as_bytes());
        let _ = writer.stream.write_all(&body);
    });
    client.answer();
    sender.join().unwrap();
    let entry = eventually("the failure", || {
        timeline(&proxy, "g")
            .into_iter()
            .find(|e| e["verdict"] == 303_202)
    });
    says(&entry, "how", "sent again");
    assert_eq!(second.hits(), 0);
}

#[test]
fn a_key_that_leads_nowhere() {
    let file = endpoint("g", "<failover><endpoint key=\"nobody\"/></failover>");
    let proxy = Proxy::with(&[("e.xml", file)], &["--no-watch", "--lenient"]);
    proxy.client().get("/");
    let all = timeline(&proxy, "g");
    let entry = all
        .iter()
        .find(|e| e["evt"] == "endpoint.failed")
        .unwrap_or_else(|| panic!("{all:#?}"));
    assert!(
        entry["code"] == 303_000 || entry["code"] == 305_100,
        "{entry}"
    );
}

#[test]
fn recovered_by_its_probe() {
    let down = Down::new();
    let proxy = lone(down.address, SOON);
    let mut client = proxy.client();
    client.get("/");
    let _backend = down.up("a");
    eventually("the endpoint to answer again", || {
        (client.get("/").status == 200).then_some(())
    });
    let entry = last(&proxy, "e", "endpoint.state");
    assert_eq!(
        (&entry["from"], &entry["to"]),
        (&"suspended".into(), &"active".into())
    );
    says(&entry, "text", "probe");
    assert!(entry.get("code").is_none(), "{entry}");
}

#[test]
fn begun_anew_by_a_reload() {
    let down = Down::new();
    let proxy = lone(down.address, LONG);
    proxy.client().get("/");
    proxy.write("e.xml", &endpoint("e", &address(down.address, SOON)));
    proxy.reload();
    let entry = last(&proxy, "e", "endpoint.reset");
    assert_eq!(
        (&entry["from"], &entry["to"]),
        (&"suspended".into(), &"active".into())
    );
    says(&entry, "text", "generation 2");
}

#[test]
fn the_one_who_took_over_says_after_whom() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let children = child("a", down.address, LONG) + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint("g", &format!("<failover>{children}</failover>")));
    proxy.client().get("/");
    let entry = last(&proxy, "g/b", "endpoint.failover");
    assert_eq!(entry["code"], 101_503);
    says(&entry, "text", "after g/a");
}

#[test]
fn the_verb_prints_the_timeline_and_knows_who_does_not_exist() {
    let down = Down::new();
    let proxy = lone(down.address, LONG);
    proxy.client().get("/");
    let told = proxy.verb(&["why", "e", "--since", "1h"]);
    let text = String::from_utf8(told.stdout).unwrap();
    for part in [
        "○ suspended",
        "101503 connect_failed",
        "left out for 60000 ms (initial 60000 ms)",
        "e.xml:2:",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let json = proxy.verb(&["why", "e", "--format", "json"]);
    let view: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(view["endpoint"]["state"], "suspended");
    assert_eq!(proxy.verb(&["why", "nobody"]).status.code(), Some(1));
    assert_eq!(
        proxy.verb(&["why", "e", "--since", "soon"]).status.code(),
        Some(2)
    );
}

/// Reads a stream of events until a line fits.
fn read_until(client: &mut Client, fits: impl Fn(&str) -> bool) -> String {
    use std::io::BufRead;
    let mut reader = std::io::BufReader::new(client.stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the stream ended");
        if fits(line.trim_end()) {
            return line.trim_end().to_owned();
        }
    }
}

#[test]
fn events_are_followed_and_gone_on_behind_the_last_one() {
    let a = Backend::start(|_| Act::Write(ok("a")));
    let proxy = lone(a.address, "");
    let follow = |more: &str| {
        let mut client = Client::connect(proxy.admin);
        client.send(format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{more}\r\n"
        ));
        client
    };
    let mut reader = follow("");
    read_until(&mut reader, |line| line.starts_with(':'));
    proxy.change("/api/v1/endpoints/e:off");
    let id = read_until(&mut reader, |line| line.starts_with("id: "));
    drop(reader);
    proxy.change("/api/v1/endpoints/e:on");
    let mut again = follow(&format!("Last-Event-ID: {}\r\n", &id[4..]));
    let data = read_until(&mut again, |line| line.starts_with("data: "));
    let event: Value = serde_json::from_str(&data[6..]).unwrap();
    assert_eq!(
        (&event["from"], &event["to"]),
        (&"off".into(), &"active".into())
    );
}

#[test]
fn the_verb_prints_events_as_they_happen_and_ends_with_the_proxy() {
    use std::io::BufRead;
    let a = Backend::named("a");
    let mut proxy = lone(a.address, "");
    let mut verb = std::process::Command::new(env!("CARGO_BIN_EXE_axon"))
        .args(["events", "-f", "--admin", &proxy.admin.to_string()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(verb.stdout.take().unwrap());
    let (lines, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // Nobody looks after the first.
            let _ = lines.send(line);
        }
    });
    let line = eventually("an event to be printed", || {
        proxy.change("/api/v1/endpoints/e:off");
        proxy.change("/api/v1/endpoints/e:on");
        first.try_recv().ok()
    });
    assert!(
        line.contains(" e active -> off") || line.contains(" e off -> active"),
        "{line}"
    );
    proxy.signal(rustix::process::Signal::TERM);
    let ended = eventually("the verb to end", || verb.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    reader.join().unwrap();
    assert!(proxy.ended().success());
}

#[test]
fn too_much_to_do_is_a_cause_and_no_suspension() {
    let server = Backend::start(|_| Act::Hang);
    let file = endpoint(
        "e",
        &format!(
            "<address uri=\"http://{}/\" xmlns:ax=\"urn:axon:1\" ax:maxConnections=\"1\" ax:maxPending=\"0\"/>",
            server.address
        ),
    );
    let proxy = Proxy::serving(&file);
    let mut first = proxy.client();
    first.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually("the first to be there", || {
        (server.hits() == 1).then_some(())
    });
    assert_eq!(proxy.client().get("/").status, 503);
    let all = timeline(&proxy, "e");
    let error = all.iter().rfind(|e| e["evt"] == "endpoint.error").unwrap();
    assert_eq!(
        (&error["code"], &error["name"]),
        (&303_205.into(), &"overloaded".into())
    );
    says(error, "how", "ax:maxConnections");
    says(error, "rule", "e.xml:");
    says(error, "meaning", "limit of connections");
    let failed = last(&proxy, "e", "endpoint.failed");
    assert_eq!(failed["code"], 303_205);
    assert_eq!(proxy.state("e"), "active");
    let said = String::from_utf8(proxy.verb(&["why", "e"]).stdout).unwrap();
    assert!(said.contains("303205 overloaded"), "{said}");
}
