//! Leaving out what fails, and coming back (spec/endpoints.md 6).

use std::time::Duration;

use crate::support::{Act, Backend, Down, Proxy, address, child, endpoint, eventually, ok, quote};

const LONG: &str = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";

#[test]
fn a_suspended_endpoint_is_not_asked_and_says_when_to_come_back() {
    let down = Down::new();
    let proxy = Proxy::serving(&endpoint("e", &address(down.address, LONG)));
    let mut client = proxy.client();
    assert_eq!(client.get("/").status, 502);
    let backend = down.up("a");
    let answer = client.get("/");
    assert_eq!(answer.status, 503);
    let wait: u64 = answer
        .headers
        .value("Retry-After")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(backend.hits(), 0);
    let view = proxy.endpoint("e");
    assert_eq!(view["state"], "suspended");
    assert_eq!(view["suspend_ms"], 60000);
    assert_eq!(view["cause"]["name"], "connect_failed");
}

#[test]
fn a_suspension_ends_by_itself_and_a_success_clears_it() {
    let down = Down::new();
    let short = LONG.replace("60000", "200");
    let proxy = Proxy::serving(&endpoint("e", &address(down.address, &short)));
    let mut client = proxy.client();
    assert_eq!(client.get("/").status, 502);
    let _backend = down.up("a");
    eventually("the endpoint to answer again", || {
        (client.get("/").status == 200).then_some(())
    });
    assert_eq!(proxy.state("e"), "active");
}

#[test]
fn each_further_failure_waits_longer_up_to_the_maximum() {
    let down = Down::new();
    let growing = "<suspendOnFailure><initialDuration>50</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>150</maximumDuration></suspendOnFailure>";
    let proxy = Proxy::serving(&endpoint("e", &address(down.address, growing)));
    let mut client = proxy.client();
    let mut waits = Vec::new();
    for _ in 0..4 {
        eventually("the endpoint to be tried", || {
            (client.get("/").status == 502).then_some(())
        });
        waits.push(proxy.endpoint("e")["suspend_ms"].as_u64().unwrap());
    }
    assert_eq!(waits, [50, 100, 150, 150]);
}

#[test]
fn marked_failures_are_forgiven_until_they_are_too_many() {
    let closing = Backend::start(|_| Act::WriteAndClose(Vec::new()));
    let settings = format!(
        "<markForSuspension><errorCodes>101505</errorCodes><retriesBeforeSuspension>2</retriesBeforeSuspension></markForSuspension>{LONG}"
    );
    let proxy = Proxy::serving(&endpoint("e", &address(closing.address, &settings)));
    let mut client = proxy.client();
    let mut states = Vec::new();
    for _ in 0..3 {
        client.post("/", &quote());
        states.push(proxy.state("e"));
    }
    assert_eq!(states, ["timeout", "timeout", "suspended"]);
    assert_eq!(closing.hits(), 3);
    client.post("/", &quote());
    assert_eq!(closing.hits(), 3);
}

#[test]
fn a_code_that_is_not_listed_suspends_nothing() {
    let down = Down::new();
    let settings = "<suspendOnFailure><errorCodes>101500</errorCodes><initialDuration>60000</initialDuration></suspendOnFailure>";
    let proxy = Proxy::serving(&endpoint("e", &address(down.address, settings)));
    let mut client = proxy.client();
    assert_eq!([client.get("/").status, client.get("/").status], [502, 502]);
    assert_eq!(proxy.state("e"), "active");
}

fn statuses(list: &str, more: &str) -> String {
    format!(
        "<retryConfig><ax:httpStatusCodes xmlns:ax=\"urn:axon:1\">{list}</ax:httpStatusCodes></retryConfig>{more}"
    )
}

fn answering(status: u16, body: &str) -> Backend {
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Backend::start(move |_| Act::Write(answer.clone().into_bytes()))
}

#[test]
fn a_listed_status_is_a_failure_of_the_child_and_the_next_one_answers() {
    let (busy, good) = (answering(503, "busy"), Backend::named("good"));
    let group = format!(
        "<failover>{}{}</failover>",
        child("busy", busy.address, &statuses("502, 503", "")),
        child("good", good.address, "")
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let body = format!("<a>{}</a>", "x".repeat(50_000));
    assert_eq!(proxy.client().post("/", &body).text(), "good");
    assert_eq!(good.seen()[0].body, body.as_bytes());
    assert_eq!(proxy.state("g/busy"), "suspended");
    let cause = proxy.endpoint("g/busy")["cause"]["code"].clone();
    assert_eq!(cause, 1_000_503);
    assert_eq!(proxy.client().post("/", "<a/>").text(), "good");
    assert_eq!(busy.hits(), 1);
}

#[test]
fn a_status_that_is_not_listed_is_an_answer() {
    let (broken, good) = (answering(500, "fault"), Backend::named("good"));
    let group = format!(
        "<failover>{}{}</failover>",
        child("broken", broken.address, &statuses("502,503", "")),
        child("good", good.address, "")
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let answer = proxy.client().post("/", "<a/>");
    assert_eq!((answer.status, answer.text().as_str()), (500, "fault"));
    assert_eq!(proxy.state("g/broken"), "active");
}

#[test]
fn the_last_childs_answer_goes_to_the_client_whatever_its_status() {
    let (one, two) = (answering(503, "one"), answering(503, "two"));
    let group = format!(
        "<failover>{}{}</failover>",
        child("one", one.address, &statuses("503", "")),
        child("two", two.address, &statuses("503", ""))
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    let answer = client.get("/");
    assert_eq!((answer.status, answer.text().as_str()), (503, "two"));
    assert_eq!(proxy.state("g/two"), "suspended");
    // Suspended now, both of them: the group's own answer.
    let answer = client.post("/", "<a/>").text();
    assert!(answer.contains("303000"), "{answer}");
}

#[test]
fn everybody_may_probe_where_the_file_says_so() {
    for (probe, expected) in [("one", 1), ("all", 4)] {
        let server = Backend::start(|request| match request.number {
            0 => Act::WriteAndClose(Vec::new()),
            _ => Act::Late(Duration::from_millis(700), ok("back")),
        });
        let text = format!(
            "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"e\">\
             <address uri=\"http://{}/svc\" ax:probe=\"{probe}\"><suspendOnFailure>\
             <errorCodes>101505</errorCodes><initialDuration>200</initialDuration></suspendOnFailure>\
             <markForSuspension><errorCodes>-1</errorCodes></markForSuspension></address></endpoint>",
            server.address
        );
        let proxy = Proxy::with(
            &[
                ("e.xml", text),
                ("axon.toml", "[timers]\nhold_ms = 0\n".to_owned()),
            ],
            &["--no-watch"],
        );
        assert_eq!(proxy.client().get("/").status, 502);
        std::thread::sleep(Duration::from_millis(300));
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let mut client = proxy.client();
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
                client
            })
            .collect();
        let statuses = clients.into_iter().map(|mut client| client.answer().status);
        assert_eq!(statuses.filter(|s| *s == 200).count(), expected, "{probe}");
    }
}
