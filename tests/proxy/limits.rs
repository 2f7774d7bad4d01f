//! Bounds of one endpoint: connections in use, messages that wait (users-ask U19).

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::support::{Act, Backend, Client, Proxy, child, eventually, ok};

/// Keeps requests until it is told to answer them.
#[derive(Default)]
struct Lock {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Lock {
    fn leaked() -> &'static Lock {
        Box::leak(Box::default())
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let open = self.open.lock().unwrap();
        let _open = self.opened.wait_while(open, |open| !*open).unwrap();
    }
}

fn locked(lock: &'static Lock) -> Backend {
    Backend::start(move |_| {
        lock.wait();
        Act::Write(ok("late"))
    })
}

fn limited(server: &Backend, attributes: &str) -> String {
    format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"e\">\
         <address uri=\"http://{}/svc\" {attributes}/></endpoint>",
        server.address
    )
}

fn asking(proxy: &Proxy) -> Client {
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client
}

fn pending(proxy: &Proxy) -> f64 {
    metric(proxy, "axon_endpoint_pending{endpoint=\"e\"}")
}

fn metric(proxy: &Proxy, name: &str) -> f64 {
    let text = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let line = text.lines().find(|l| l.starts_with(name));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok())
        .unwrap_or(-1.0)
}

#[test]
fn more_than_the_limit_wait_and_more_than_may_wait_are_turned_away() {
    let lock = Lock::leaked();
    let server = locked(lock);
    let proxy = Proxy::with(
        &[(
            "e.xml",
            limited(
                &server,
                "ax:maxConnections=\"2\" ax:maxPending=\"3\" ax:queueTimeout=\"60000\"",
            ),
        )],
        &["--no-watch", "--workers", "2"],
    );
    let clients: Vec<Client> = (0..5).map(|_| asking(&proxy)).collect();
    eventually("three to wait", || (pending(&proxy) == 3.0).then_some(()));
    assert_eq!(
        metric(&proxy, "axon_endpoint_connections_in_use{endpoint=\"e\"}"),
        2.0
    );
    let refused = proxy.client().get("/");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers.value("Retry-After"), Some("1"));
    proxy.line("the access line", |line| {
        line["outcome"] == "overload" && line["code"] == 303_205
    });
    // The endpoint has much to do, it has not failed.
    assert_eq!(proxy.state("e"), "active");
    assert_eq!(server.connections(), 2);
    lock.open();
    for mut client in clients {
        assert_eq!(client.answer().text(), "late");
    }
    assert_eq!(
        metric(&proxy, "axon_endpoint_overloads_total{endpoint=\"e\"}"),
        1.0
    );
    eventually("all places to be free", || {
        (metric(&proxy, "axon_endpoint_connections_in_use{endpoint=\"e\"}") == 0.0).then_some(())
    });
}

#[test]
fn a_wait_has_an_end() {
    let lock = Lock::leaked();
    let server = locked(lock);
    let proxy = Proxy::serving(&limited(
        &server,
        "ax:maxConnections=\"1\" ax:queueTimeout=\"100\"",
    ));
    let mut first = asking(&proxy);
    eventually("the first to be there", || {
        (server.hits() == 1).then_some(())
    });
    let refused = proxy.client().post("/", "<a/>").text();
    assert!(
        refused.contains("303205") && refused.contains("within 100 ms"),
        "{refused}"
    );
    lock.open();
    assert_eq!(first.answer().text(), "late");
    assert_eq!(proxy.client().get("/").text(), "late");
}

#[test]
fn a_client_that_goes_leaves_the_row() {
    let lock = Lock::leaked();
    let server = locked(lock);
    let proxy = Proxy::serving(&limited(
        &server,
        "ax:maxConnections=\"1\" ax:maxPending=\"1\" ax:queueTimeout=\"60000\"",
    ));
    let mut first = asking(&proxy);
    eventually("the first to be there", || {
        (server.hits() == 1).then_some(())
    });
    let second = asking(&proxy);
    eventually("the second to wait", || {
        (pending(&proxy) == 1.0).then_some(())
    });
    drop(second);
    eventually("nobody to wait", || (pending(&proxy) == 0.0).then_some(()));
    let mut third = asking(&proxy);
    eventually("the third to wait", || {
        (pending(&proxy) == 1.0).then_some(())
    });
    lock.open();
    assert_eq!(first.answer().text(), "late");
    assert_eq!(third.answer().text(), "late");
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_child_at_its_limit_is_passed_over_without_being_suspended() {
    let lock = Lock::leaked();
    let (full, spare) = (locked(lock), Backend::named("spare"));
    let group = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"g\"><failover>\
         <endpoint name=\"full\"><address uri=\"http://{}/svc\" ax:maxConnections=\"1\" ax:maxPending=\"0\"/></endpoint>\
         {}</failover></endpoint>",
        full.address,
        child("spare", spare.address, "")
    );
    let proxy = Proxy::serving(&group);
    let mut first = asking(&proxy);
    eventually("the first to be there", || (full.hits() == 1).then_some(()));
    for _ in 0..3 {
        assert_eq!(proxy.client().post("/", "<a/>").text(), "spare");
    }
    assert_eq!(proxy.state("g/full"), "active");
    lock.open();
    assert_eq!(first.answer().text(), "late");
    // The place is free a moment after the client has the answer.
    eventually("the first child to be asked again", || {
        (proxy.client().post("/", "<a/>").text() == "late").then_some(())
    });
}

#[test]
fn a_place_is_taken_until_the_answer_is_relayed() {
    // The head comes at once, the body when the lock opens.
    let lock = Lock::leaked();
    let server = Backend::start(move |_| {
        Act::Take(Box::new(move |mut client| {
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
            lock.wait();
            client.send("body");
        }))
    });
    let proxy = Proxy::serving(&limited(
        &server,
        "ax:maxConnections=\"1\" ax:maxPending=\"0\"",
    ));
    let mut first = asking(&proxy);
    let head = first.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(proxy.client().get("/").status, 503);
    lock.open();
    assert_eq!(first.exactly(4).unwrap(), b"body");
    std::thread::sleep(Duration::from_millis(10));
    eventually("the place to be free", || {
        (proxy.client().get("/").status == 200).then_some(())
    });
}
