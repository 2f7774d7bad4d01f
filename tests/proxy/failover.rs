//! Failover groups: the next child takes what the one before could not (spec/endpoints.md 10).

use crate::support::{Act, Backend, Down, Proxy, child, endpoint, ok, quote};

fn group(children: &str) -> String {
    endpoint("g", &format!("<failover>{children}</failover>"))
}

/// The second child answers for a first one that does this.
fn fails_over_after(act: fn() -> Act) {
    let (a, b) = (Backend::start(move |_| act()), Backend::named("b"));
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let proxy = Proxy::serving(&group(&children));
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!((a.hits(), b.hits()), (1, 1));
    assert_eq!(b.seen()[0].body, quote().as_bytes());
}

#[test]
fn moves_on_after_connect_refused_and_returns_when_suspension_ends() {
    let (a, b) = (Down::new(), Backend::named("b"));
    let soon = "<suspendOnFailure><initialDuration>300</initialDuration><progressionFactor>1</progressionFactor></suspendOnFailure>";
    let children = child("a", a.address, soon) + &child("b", b.address, "");
    let proxy = Proxy::serving(&group(&children));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "b");
    assert_eq!(proxy.endpoint("g/a")["cause"]["code"], 101503);
    let a = a.up("a");
    crate::support::eventually("the first child to be asked again", || {
        (client.get("/").text() == "a").then_some(())
    });
    assert_eq!(proxy.state("g/a"), "active");
    assert_eq!(a.hits(), 1);
}

#[test]
fn moves_on_after_a_close_without_an_answer() {
    fails_over_after(|| Act::WriteAndClose(Vec::new()));
}

#[test]
fn moves_on_after_a_reset() {
    fails_over_after(|| Act::WriteAndReset(Vec::new()));
}

#[test]
fn moves_on_after_garbage() {
    fails_over_after(|| Act::WriteAndClose(b"\x00\x01garbage\r\n\r\n".to_vec()));
}

#[test]
fn moves_on_when_a_head_breaks_off() {
    fails_over_after(|| Act::WriteAndReset(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()));
}

#[test]
fn an_answer_with_status_500_is_an_answer() {
    let a = Backend::start(|_| {
        Act::Write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1\r\n\r\nx".to_vec())
    });
    let b = Backend::named("b");
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let proxy = Proxy::serving(&group(&children));
    assert_eq!(proxy.client().post("/", &quote()).status, 500);
    assert_eq!((a.hits(), b.hits()), (1, 0));
    assert_eq!(proxy.state("g/a"), "active");
}

#[test]
fn each_child_is_asked_once_and_then_the_client_hears_why() {
    let servers: Vec<Backend> = (0..3)
        .map(|_| Backend::start(|_| Act::WriteAndClose(Vec::new())))
        .collect();
    let children: String = servers
        .iter()
        .zip(["a", "b", "c"])
        .map(|(s, name)| child(name, s.address, ""))
        .collect();
    let proxy = Proxy::serving(&group(&children));
    let answer = proxy.client().post("/", &quote());
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains(":Fault>"), "{}", answer.text());
    let hits: Vec<usize> = servers.iter().map(Backend::hits).collect();
    assert_eq!(hits, [1, 1, 1]);
}

#[test]
fn what_may_have_run_is_not_sent_again_when_the_file_says_so() {
    let (a, b) = (
        Backend::start(|_| Act::WriteAndClose(Vec::new())),
        Backend::named("b"),
    );
    let children = child("a", a.address, "") + &child("b", b.address, "");
    let proxy = Proxy::start(&[
        ("e.xml", group(&children).as_str()),
        ("axon.toml", "[retry]\nnon_idempotent = false\n"),
    ]);
    assert_eq!(proxy.client().post("/", &quote()).status, 500);
    assert_eq!((a.hits(), b.hits()), (1, 0));
}

#[test]
fn a_group_inside_a_group_takes_over() {
    let (a, b, c) = (
        Down::new(),
        Down::new(),
        Backend::start(|_| Act::Write(ok("c"))),
    );
    let inner = format!(
        "<endpoint name=\"inner\"><failover>{}</failover></endpoint>",
        child("a", a.address, "") + &child("b", b.address, "")
    );
    let proxy = Proxy::serving(&group(&(inner + &child("c", c.address, ""))));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "c");
    assert_eq!(proxy.state("g/inner/b"), "suspended");
    assert_eq!(client.get("/").text(), "c");
}
