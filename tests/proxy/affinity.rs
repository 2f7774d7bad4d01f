//! A client stays with its child (spec/endpoints.md 14).

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Act, Backend, Proxy, child, endpoint, ok, quote, quote_of};

fn group(name: &str, session: &str, servers: &[&Backend]) -> String {
    let children: String = servers
        .iter()
        .zip(["a", "b", "c"])
        .map(|(s, child_name)| child(&format!("{name}-{child_name}"), s.address, ""))
        .collect();
    endpoint(
        name,
        &format!("{session}<loadbalance>{children}</loadbalance>"),
    )
}

const BY_CLIENT_ID: &str = "<session type=\"simpleClientSession\"/>";
const BY_COOKIE: &str = "<session type=\"http\"/>";
const BY_SERVICE_GROUP: &str = "<session type=\"soap\"/>";

fn pair() -> (Backend, Backend) {
    (Backend::named("a"), Backend::named("b"))
}

/// Gives every client without a session cookie a new one.
fn cookie_server(name: &'static str) -> Backend {
    let given = AtomicUsize::new(0);
    Backend::start(move |r| {
        let known = r.headers.value("Cookie").unwrap_or_default();
        if known.contains("JSESSIONID=") {
            return Act::Write(ok(name));
        }
        let id = given.fetch_add(1, Ordering::SeqCst);
        Act::Write(
            format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: theme=dark\r\nSet-Cookie: JSESSIONID={name}{id}; Path=/\r\nContent-Length: 1\r\n\r\n{name}"
            )
            .into(),
        )
    })
}

#[test]
fn a_client_id_stays_and_clients_without_one_are_balanced() {
    let (a, b) = pair();
    let proxy = Proxy::serving(&group("g", BY_CLIENT_ID, &[&a, &b]));
    let mut client = proxy.client();
    let first = client.post("/", &quote_of("one")).text();
    for _ in 0..5 {
        assert_eq!(client.post("/", &quote_of("one")).text(), first);
        assert_eq!(proxy.client().post("/", &quote_of("one")).text(), first);
    }
    assert_ne!(client.post("/", &quote_of("two")).text(), first);
    let without = [
        client.post("/", &quote()).text(),
        client.post("/", &quote()).text(),
    ];
    assert_ne!(without[0], without[1]);
}

#[test]
fn two_groups_keep_the_same_client_id_apart() {
    let (a, b, c, d) = (
        Backend::named("a"),
        Backend::named("b"),
        Backend::named("c"),
        Backend::named("d"),
    );
    let proxy = Proxy::start(&[
        ("left.xml", group("left", BY_CLIENT_ID, &[&a, &b])),
        ("right.xml", group("right", BY_CLIENT_ID, &[&c, &d])),
    ]);
    let mut client = proxy.client();
    // Moves the turn of one group only.
    client.post("/left", &quote_of("other"));
    let left = client.post("/left", &quote_of("same")).text();
    let right = client.post("/right", &quote_of("same")).text();
    assert_eq!((left.as_str(), right.as_str()), ("b", "c"));
    for _ in 0..3 {
        assert_eq!(client.post("/left", &quote_of("same")).text(), left);
        assert_eq!(client.post("/right", &quote_of("same")).text(), right);
    }
}

#[test]
fn a_cookie_of_the_back_end_binds_and_other_cookies_are_passed_on() {
    let (a, b) = (cookie_server("a"), cookie_server("b"));
    let proxy = Proxy::serving(&group("g", BY_COOKIE, &[&a, &b]));
    let mut client = proxy.client();
    let first = client.get("/");
    assert_eq!(
        first.headers.values("Set-Cookie"),
        ["theme=dark", "JSESSIONID=a0; Path=/"]
    );
    for _ in 0..4 {
        client.send("GET / HTTP/1.1\r\nHost: h\r\nCookie: theme=dark; JSESSIONID=a0\r\n\r\n");
        assert_eq!(client.answer().text(), "a");
    }
    assert_eq!(
        a.seen()[1].headers.value("Cookie"),
        Some("theme=dark; JSESSIONID=a0")
    );
}

#[test]
fn a_stale_session_cookie_is_taken_out_and_the_others_stay() {
    let (a, b) = (cookie_server("a"), cookie_server("b"));
    let proxy = Proxy::serving(&group("g", BY_COOKIE, &[&a, &b]));
    let mut client = proxy.client();
    client.send(
        "GET / HTTP/1.1\r\nHost: h\r\nCookie: theme=dark; JSESSIONID=of-yesterday; x=1\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    assert_eq!(a.seen()[0].headers.value("Cookie"), Some("theme=dark; x=1"));
    client.send("GET / HTTP/1.1\r\nHost: h\r\nCookie: JSESSIONID=of-yesterday\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(b.seen()[0].headers.value("Cookie"), None);
}

#[test]
fn a_cookie_that_the_back_end_renews_keeps_the_session() {
    let (a, b) = (
        Backend::start(|r| {
            let body = ok("a");
            let head = format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=n{}\r\n",
                r.number
            );
            Act::Write([head.as_bytes(), &body[b"HTTP/1.1 200 OK\r\n".len()..]].concat())
        }),
        Backend::named("b"),
    );
    let proxy = Proxy::serving(&group("g", BY_COOKIE, &[&a, &b]));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "a");
    for n in 0..5 {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: h\r\nCookie: JSESSIONID=n{n}\r\n\r\n"
        ));
        assert_eq!(client.answer().text(), "a", "request {n}");
    }
}

#[test]
fn a_service_group_id_of_the_answer_binds() {
    let serve = |name: &'static str| {
        Backend::start(move |_| {
            let id = format!(
                "<axis2:ServiceGroupId xmlns:axis2=\"http://ws.apache.org/namespaces/axis2\">urn:{name}</axis2:ServiceGroupId>"
            );
            Act::Write(ok(&format!(
                "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header>\
                 <w:ReplyTo xmlns:w=\"http://www.w3.org/2005/08/addressing\"><w:ReferenceParameters>{id}</w:ReferenceParameters></w:ReplyTo>\
                 </e:Header><e:Body><at>{name}</at></e:Body></e:Envelope>"
            )))
        })
    };
    let (a, b) = (serve("a"), serve("b"));
    let proxy = Proxy::serving(&group("g", BY_SERVICE_GROUP, &[&a, &b]));
    let mut client = proxy.client();
    assert!(client.post("/", &quote()).text().contains("<at>a</at>"));
    let of_a = quote().replace(
        "<soapenv:Body>",
        "<soapenv:Header><x:ServiceGroupId xmlns:x=\"http://ws.apache.org/namespaces/axis2\">urn:a</x:ServiceGroupId></soapenv:Header><soapenv:Body>",
    );
    for _ in 0..4 {
        assert!(client.post("/", &of_a).text().contains("<at>a</at>"));
    }
    assert_eq!((a.hits(), b.hits()), (5, 0));
}

#[test]
fn a_session_whose_child_is_down_does_not_move() {
    let (a, b) = pair();
    let proxy = Proxy::serving(&group("g", BY_CLIENT_ID, &[&a, &b]));
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote_of("one")).text(), "a");
    let down = a.down();
    assert_eq!(client.post("/", &quote_of("one")).status, 500);
    let second = client.post("/", &quote_of("one"));
    assert!(second.text().contains("309001"), "{}", second.text());
    assert_eq!(client.post("/", &quote_of("new")).text(), "b");
    assert_eq!(b.hits(), 1);
    drop(down);
}

#[test]
fn an_idle_session_ends_after_its_timeout() {
    let (a, b) = pair();
    let session =
        "<session type=\"simpleClientSession\"><sessionTimeout>150</sessionTimeout></session>";
    let proxy = Proxy::serving(&group("g", session, &[&a, &b]));
    let mut client = proxy.client();
    client.post("/", &quote_of("one"));
    assert_eq!(proxy.look("/api/v1/status")["sessions"], 1);
    crate::support::eventually("the session to be gone", || {
        (proxy.look("/api/v1/status")["sessions"] == 0).then_some(())
    });
    assert_eq!(client.post("/", &quote_of("one")).text(), "b");
}
