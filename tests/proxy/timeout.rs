//! Time limits of endpoints and of connections (spec/endpoints.md 8).

use std::time::Duration;

use crate::support::{Act, Backend, Proxy, address, child, endpoint, ok, quote};

const FAULT: &str =
    "<timeout><duration>150</duration><responseAction>fault</responseAction></timeout>";

fn hanging() -> Backend {
    Backend::start(|_| Act::Hang)
}

#[test]
fn a_service_that_hangs_is_504_for_plain_clients_and_a_fault_for_soap() {
    let hanging = hanging();
    // Code 101504 is listed for nothing, so that the endpoint stays usable.
    let settings = format!(
        "{FAULT}<markForSuspension><errorCodes>101504</errorCodes><retriesBeforeSuspension>9</retriesBeforeSuspension></markForSuspension>"
    );
    let proxy = Proxy::serving(&endpoint("e", &address(hanging.address, &settings)));
    assert_eq!(proxy.client().get("/").status, 504);
    let fault = proxy.client().post("/", &quote());
    assert_eq!(fault.status, 500);
    assert!(fault.text().contains("101504"), "{}", fault.text());
    assert_eq!(proxy.state("e"), "timeout");
}

/// As many as the descriptors of one test process let. The bound is wide, as the machine may have other things to do: a grid
/// of seconds, or one after the other, would still be far beyond it.
#[test]
fn many_that_are_due_at_once_are_answered_in_time() {
    const MANY: usize = 200;
    const DUE: Duration = Duration::from_millis(600);
    let hanging = hanging();
    let settings = "<timeout><duration>600</duration><responseAction>fault</responseAction></timeout>\
         <markForSuspension><errorCodes>101504</errorCodes><retriesBeforeSuspension>100000</retriesBeforeSuspension></markForSuspension>";
    let proxy = Proxy::serving(&endpoint("e", &address(hanging.address, settings)));
    let to = proxy.http;
    let all: Vec<_> = (0..MANY)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = crate::support::Client::connect(to);
                let begun = std::time::Instant::now();
                (client.get("/").status, begun.elapsed())
            })
        })
        .collect();
    let mut took: Vec<Duration> = Vec::new();
    for one in all {
        let (status, time) = one.join().unwrap();
        assert_eq!(status, 504);
        took.push(time);
    }
    took.sort_unstable();
    assert!(took[0] >= DUE, "nobody is given up early: {:?}", took[0]);
    assert!(
        took[MANY - 1] < DUE + Duration::from_millis(1500),
        "{:?}",
        took[MANY - 1]
    );
    assert_eq!(hanging.hits(), MANY);
}

#[test]
fn discard_is_504_without_a_body() {
    let hanging = hanging();
    let settings =
        "<timeout><duration>150</duration><responseAction>discard</responseAction></timeout>";
    let proxy = Proxy::serving(&endpoint("e", &address(hanging.address, settings)));
    let answer = proxy.client().post("/", &quote());
    assert_eq!((answer.status, answer.text().as_str()), (504, ""));
}

#[test]
fn a_group_goes_on_when_the_file_sets_the_timeout() {
    let (hanging, b) = (hanging(), Backend::named("b"));
    let children = child("a", hanging.address, FAULT) + &child("b", b.address, "");
    let proxy = Proxy::serving(&endpoint("g", &format!("<failover>{children}</failover>")));
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!((hanging.hits(), b.hits()), (1, 1));
}

#[test]
fn the_built_in_response_time_does_not_make_a_post_run_twice() {
    let (hanging, b) = (hanging(), Backend::named("b"));
    let children = child("a", hanging.address, "") + &child("b", b.address, "");
    let proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("g", &format!("<failover>{children}</failover>")).as_str(),
        ),
        ("axon.toml", "[timers]\nresponse_ms = 150\n"),
    ]);
    assert_eq!(proxy.client().post("/", &quote()).status, 500);
    assert_eq!((hanging.hits(), b.hits()), (1, 0));
}

#[test]
fn an_answer_within_the_time_is_no_timeout_however_long_its_body_takes() {
    let slow = Backend::start(|_| {
        Act::Take(Box::new(|mut client| {
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(40));
                client.send("x");
            }
        }))
    });
    let proxy = Proxy::serving(&endpoint("e", &address(slow.address, FAULT)));
    assert_eq!(proxy.client().get("/").text(), "xxxxxxxxxx");
    assert_eq!(proxy.state("e"), "active");
}

#[test]
fn a_head_that_does_not_come_is_408() {
    let backend = Backend::start(|_| Act::Write(ok("a")));
    let proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("e", &address(backend.address, "")).as_str(),
        ),
        ("axon.toml", "[timers]\nhead_ms = 150\n"),
    ]);
    let mut client = proxy.client();
    client.send("GET / HTT");
    assert_eq!(client.answer().status, 408);
    assert_eq!(client.head(), None);
}

#[test]
fn an_idle_client_is_let_go() {
    let backend = Backend::start(|_| Act::Write(ok("a")));
    let proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("e", &address(backend.address, "")).as_str(),
        ),
        ("axon.toml", "[timers]\nclient_idle_ms = 150\n"),
    ]);
    let mut client = proxy.client();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.head(), None);
}
