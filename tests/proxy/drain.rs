//! SIGTERM: what runs ends, what is idle is closed, exit code 0.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Act, Backend, Proxy, address, endpoint, eventually, ok};

#[test]
fn what_runs_ends_what_is_idle_is_closed_and_the_exit_code_is_0() {
    let slow = Backend::start(|_| Act::Late(Duration::from_millis(500), ok("done")));
    let mut proxy = Proxy::serving(&endpoint("e", &address(slow.address, "")));
    let mut running = proxy.client();
    let mut idle = proxy.client();
    running.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually("the request to arrive", || (slow.hits() == 1).then_some(()));
    proxy.signal(Signal::TERM);
    assert_eq!(idle.head(), None);
    let answer = running.answer();
    assert_eq!(answer.text(), "done");
    assert_eq!(answer.headers.value("Connection"), Some("close"));
    assert_eq!(running.head(), None);
    assert!(proxy.ended().success());
    assert!(TcpStream::connect(proxy.http).is_err());
}

#[test]
fn what_never_ends_is_cut_when_the_time_is_over() {
    let hanging = Backend::start(|_| Act::Hang);
    let mut proxy = Proxy::start(&[
        (
            "e.xml",
            endpoint("e", &address(hanging.address, "")).as_str(),
        ),
        ("axon.toml", "[timers]\ndrain_ms = 200\n"),
    ]);
    let mut running = proxy.client();
    running.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually("the request to arrive", || {
        (hanging.hits() == 1).then_some(())
    });
    proxy.signal(Signal::TERM);
    assert!(proxy.ended().success());
    assert_eq!(running.head(), None);
}

#[test]
fn an_interrupt_stops_an_idle_proxy_too() {
    let backend = Backend::named("a");
    let mut proxy = Proxy::serving(&endpoint("e", &address(backend.address, "")));
    assert_eq!(proxy.client().get("/").status, 200);
    proxy.signal(Signal::INT);
    assert!(proxy.ended().success());
}
