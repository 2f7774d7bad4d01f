//! Messages that mediators change: what is sent on, and what its head says then.

use super::*;
use crate::exchange::{Body, Direction, Exchange};

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// What a back end gets: the fields and the bytes of the request after `main` has sent it.
fn sent(inner: &str, x: &mut Exchange) -> String {
    let text =
        format!("<sequence name=\"main\">{inner}<send><endpoint key=\"e\"/></send></sequence>");
    let world = world(&text).clean();
    world.run(x, vec![Sent::OneWay]);
    match &x.request_body {
        Body::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        body => format!("{body:?}"),
    }
}

fn field<'x>(x: &'x Exchange, name: &str) -> &'x str {
    std::str::from_utf8(x.request.headers.find(name).unwrap_or_default()).unwrap()
}

fn with_body(content_type: &str, body: &str) -> Exchange {
    let mut x = request("POST", "/services/p", Some(content_type));
    x.request_body = Body::Whole(body.to_owned().into());
    x
}

const BLOCK: &str = "<header><k:t xmlns:k='urn:k'/></header>";

#[test]
fn a_changed_message_goes_out_with_a_head_that_fits() {
    let mut x = soap11_with("", "<a/>");
    for (name, value) in [("Content-MD5", "x"), ("Digest", "x"), ("X-Own", "stays")] {
        x.request.headers.append(name.as_bytes(), value.as_bytes());
    }
    let body = sent(BLOCK, &mut x);
    assert_eq!(
        body,
        format!(
            "<s:Envelope xmlns:s=\"{SOAP11}\"><s:Header><k:t xmlns:k='urn:k'/></s:Header><s:Body><a/></s:Body></s:Envelope>"
        )
        .replace("'urn:k'", "\"urn:k\"")
    );
    assert_eq!(field(&x, "Content-Type"), "text/xml; charset=UTF-8");
    assert_eq!(field(&x, "SOAPAction"), "\"urn:getQuote\"");
    let left = |name| x.request.headers.find(name).is_some();
    assert!(!left("Content-MD5") && !left("Digest") && left("X-Own"));
}

#[test]
fn a_message_that_is_only_read_goes_out_as_it_came() {
    let log = r#"<log level="custom"><property name="v" expression="count(//*)"/></log>"#;
    for (content_type, body) in [
        (
            "text/xml",
            format!(
                "<?xml version='1.0'?><s:Envelope  xmlns:s='{SOAP11}'><s:Body/></s:Envelope>\n"
            ),
        ),
        ("application/json", "{ \"a\" : 1.0 }".to_owned()),
        ("application/x-www-form-urlencoded", "b=%20".to_owned()),
        ("image/png", "\u{1}".to_owned()),
    ] {
        let mut x = with_body(content_type, &body);
        assert_eq!(sent(log, &mut x), body);
        assert_eq!(field(&x, "Content-Type"), content_type);
    }
}

#[test]
fn message_type_changes_what_has_another_notation() {
    let envelope = |body: &str| {
        format!("<s:Envelope xmlns:s=\"{SOAP11}\"><s:Body>{body}</s:Body></s:Envelope>")
    };
    let soap = envelope("<a>1</a>");
    for (from, body, to, media, want) in [
        (
            "text/xml",
            &*soap,
            "application/xml",
            "application/xml; charset=UTF-8",
            "<a>1</a>",
        ),
        (
            "text/xml",
            &*soap,
            "application/json",
            "application/json",
            r#"{"a":1}"#,
        ),
        (
            "application/json",
            r#"{"a":1}"#,
            "application/xml",
            "application/xml; charset=UTF-8",
            "<a>1</a>",
        ),
        // As recorded.
        (
            "text/xml",
            &*soap,
            "application/soap+xml",
            "text/xml",
            &*soap,
        ),
        (
            "application/xml",
            "<a/>",
            "text/xml",
            "application/xml",
            "<a/>",
        ),
        (
            "application/xml",
            "<a/>",
            "application/x-www-form-urlencoded",
            "application/xml",
            "<a/>",
        ),
        ("image/png", "x", "application/xml", "image/png", "x"),
    ] {
        let mut x = with_body(from, body);
        x.request.headers.append(b"SOAPAction", b"\"urn:a\"");
        let set = format!(r#"<property name="messageType" value="{to}" scope="axis2"/>"#);
        assert_eq!(sent(&set, &mut x), want, "{from} to {to}");
        assert_eq!(field(&x, "Content-Type"), media);
        let bare = want != body;
        assert_eq!(
            field(&x, "SOAPAction"),
            if bare { "urn:a" } else { "\"urn:a\"" }
        );
    }
}

#[test]
fn a_packed_message_is_unpacked_for_who_looks_into_it() {
    use std::io::Write;
    let body = format!("<s:Envelope xmlns:s=\"{SOAP11}\"><s:Body><a>in</a></s:Body></s:Envelope>");
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packing.write_all(body.as_bytes()).unwrap();
    let packed = packing.finish().unwrap();
    let mut x = soap11();
    x.request.headers.append(b"Content-Encoding", b"gzip");
    x.request_body = Body::Whole(packed.clone().into());
    let look = r#"<property name="v" expression="//a"/>"#;
    let main =
        format!("<sequence name=\"main\">{look}<send><endpoint key=\"e\"/></send></sequence>");
    world(&main).clean().run(&mut x, vec![Sent::OneWay]);
    assert_eq!(x.properties.value("v"), Some("in"));
    assert_eq!(x.request_body, Body::Whole(packed.into()));
    assert_eq!(field(&x, "Content-Encoding"), "gzip");
    x.replied = false;
    x.direction = Direction::Request;
    x.response = None;
    assert!(sent(BLOCK, &mut x).contains("<a>in</a>"));
    assert_eq!(x.request.headers.find("Content-Encoding"), None);
    x.request.headers.append(b"Content-Encoding", b"br");
    x.replied = false;
    x.direction = Direction::Request;
    x.response = None;
    x.forget_content();
    let seen = world(&main).clean().run(&mut x, vec![]);
    assert!(seen.body.contains("packed with `br`"), "{}", seen.body);
}

#[test]
fn respond_gives_the_message_back_changed_or_not() {
    let main = |inner: &str| {
        world(&format!(
            "<sequence name=\"main\">{inner}<respond/></sequence>"
        ))
        .clean()
    };
    let mut x = with_body("application/json", "[1, 2]");
    let seen = main("").run(&mut x, vec![]);
    assert_eq!(
        (seen.status, seen.content_type.as_deref(), &*seen.body),
        (200, Some("application/json"), "[1, 2]")
    );
    let mut x = soap11_with("", "<a/>");
    let seen = main(BLOCK).run(&mut x, vec![]);
    assert!(seen.body.contains("urn:k"), "{}", seen.body);
    assert_eq!(
        seen.content_type.as_deref(),
        Some("text/xml; charset=UTF-8")
    );
}
