//! Leaving out what fails, and coming back (spec/endpoints.md 6).

use crate::support::{Act, Backend, Down, Proxy, address, endpoint, eventually, quote};

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
