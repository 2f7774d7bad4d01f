//! Cross-site constraints.

use super::{client, options, run, service};
use crate::support::socket::ask;
use crate::support::{Answer, Proxy};

const HOST: &str = "a.test:8081";

fn constrained(constraints: &str) -> Proxy {
    let more = options("") + constraints;
    run(&service("echo", &["ws://a.test:8081/echo"], "echo", &more))
}

fn answer(proxy: &Proxy, request: String) -> Answer {
    let mut client = client(proxy);
    client.send(request);
    client.answer()
}

fn from(proxy: &Proxy, origin: &str) -> Answer {
    answer(proxy, ask("/echo", HOST, &format!("Origin: {origin}\r\n")))
}

#[test]
fn pages_of_other_origins_are_let_in_by_name_only() {
    let proxy = constrained(
        "<cross-site-constraint><allow-origin>http://App.test:80</allow-origin></cross-site-constraint>",
    );
    for (origin, status) in [
        ("http://a.test:8081", 101),
        ("http://app.test", 101),
        ("HTTP://APP.test:80", 101),
        ("http://app.test/", 403),
        ("https://app.test", 403),
        ("http://app.test:81", 403),
        ("http://evil.test", 403),
        ("null", 403),
        ("", 403),
    ] {
        assert_eq!(from(&proxy, origin).status, status, "{origin}");
    }
    let answer = from(&proxy, "http://app.test");
    let field = |name| answer.headers.value(name);
    assert_eq!(
        field("Access-Control-Allow-Origin"),
        Some("http://app.test")
    );
    assert_eq!(field("Access-Control-Allow-Credentials"), Some("true"));
    assert_eq!(field("Vary"), Some("Origin"));
    let same = from(&proxy, "http://a.test:8081");
    assert_eq!(same.headers.value("Access-Control-Allow-Origin"), None);
}

#[test]
fn methods_and_headers_and_age_are_those_of_the_constraint() {
    let proxy = constrained(
        "<cross-site-constraint><allow-origin>*</allow-origin><allow-methods>POST,DELETE</allow-methods>\
         <allow-headers>X-Custom</allow-headers><maximum-age>1 minute</maximum-age></cross-site-constraint>",
    );
    // An upgrade is a GET, and that is not among them.
    assert_eq!(from(&proxy, "http://app.test").status, 403);
    let preflight = |path: &str, lines: &str| {
        answer(
            &proxy,
            format!("OPTIONS {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n"),
        )
    };
    let asked = "Origin: http://app.test\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = preflight("/echo/;e/ct", asked);
    let field = |name| answer.headers.value(name);
    assert_eq!(answer.status, 200);
    assert_eq!(field("Access-Control-Allow-Methods"), Some("POST,DELETE"));
    assert_eq!(field("Access-Control-Max-Age"), Some("60"));
    let headers = answer.headers.values("Access-Control-Allow-Headers");
    assert!(headers.contains(&"X-Custom") && headers.contains(&"authorization"));
    assert_eq!(
        preflight("/echo/;e/ct", "Origin: http://app.test\r\n").status,
        403
    );
    assert_eq!(preflight("/echo", asked).status, 404);
}
