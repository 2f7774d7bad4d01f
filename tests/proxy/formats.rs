//! Leaves that change messages, and answers changed back (spec/endpoints.md 17, 19.1).

use crate::support::{Act, Backend, Down, Proxy, endpoint, quote};

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const PAYLOAD: &str = "<getQuote>IBM</getQuote>";

fn leaf(server: std::net::SocketAddr, attributes: &str, inside: &str) -> String {
    format!("<address uri=\"http://{server}/svc\" {attributes}>{inside}</address>")
}

fn serving(server: &Backend, attributes: &str) -> Proxy {
    Proxy::serving(&endpoint("e", &leaf(server.address, attributes, "")))
}

/// An answer of that type, with a connection that stays.
fn answer(media: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn enveloped(namespace: &str, body: &str) -> String {
    format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body>{body}</e:Body></e:Envelope>")
}

fn soap12_service() -> Backend {
    Backend::start(|_| Act::Write(answer("application/soap+xml", &enveloped(SOAP12, "<r/>"))))
}

#[test]
fn a_soap_11_client_of_a_soap_12_service_gets_soap_11() {
    let a = soap12_service();
    let proxy = serving(&a, "format=\"soap12\"");
    let mut client = proxy.client();
    for _ in 0..2 {
        let got = client.post_with("/", "SOAPAction: \"urn:a\"\r\n", &quote());
        assert_eq!(got.status, 200);
        assert!(
            got.text().contains(SOAP11) && got.text().contains("<r/>"),
            "{}",
            got.text()
        );
    }
    let seen = &a.seen()[0];
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:a\"";
    assert_eq!(seen.headers.value("content-type"), Some(media));
    let body = String::from_utf8(seen.body.clone()).unwrap();
    assert!(body.contains(SOAP12) && body.contains(PAYLOAD), "{body}");
    // The answer was read to its end, so its connection serves the next request.
    assert_eq!(a.connections(), 1);
}

#[test]
fn the_setting_makes_the_type_of_a_converted_answer_its_own() {
    let a = soap12_service();
    let file = endpoint("e", &leaf(a.address, "format=\"soap12\"", ""));
    for (settings, media) in [
        ("", "application/soap+xml; charset=UTF-8"),
        (
            "[answers]\nown_media_type = true\n",
            "text/xml; charset=UTF-8",
        ),
    ] {
        let proxy = Proxy::start(&[("e.xml", file.as_str()), ("axon.toml", settings)]);
        let got = proxy.client().post("/", &quote());
        assert_eq!(got.headers.value("content-type"), Some(media));
    }
}

#[test]
fn each_child_gets_its_own_format_of_the_message_as_it_came() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let group = format!(
        "<failover><endpoint name=\"x\">{}</endpoint><endpoint name=\"y\">{}</endpoint></failover>",
        leaf(down.address, "format=\"soap12\"", "<enableAddressing/>"),
        leaf(b.address, "format=\"pox\"", "")
    );
    let proxy = Proxy::serving(&endpoint("e", &group));
    let got = proxy.client().post("/", &quote());
    // `b` is no XML, so it cannot be put into an envelope.
    assert!(got.text().contains("101510"), "{}", got.text());
    let body = String::from_utf8(b.seen()[0].body.clone()).unwrap();
    assert!(
        body.ends_with(PAYLOAD) && !body.contains("addressing"),
        "{body}"
    );
}

#[test]
fn a_plain_child_beside_a_converting_one_gets_the_message_untouched() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let group = format!(
        "<failover><endpoint>{}</endpoint><endpoint>{}</endpoint></failover>",
        leaf(down.address, "format=\"soap12\"", ""),
        leaf(b.address, "", "")
    );
    let proxy = Proxy::serving(&endpoint("e", &group));
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!(b.seen()[0].body, quote().as_bytes());
}

#[test]
fn properties_of_a_child_that_failed_are_gone_with_it() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let group = format!(
        "<failover><endpoint>{}<property name=\"p\" value=\"down\"/></endpoint><endpoint>{}<property name=\"X-P\" expression=\"get-property('p')\" scope=\"transport\"/></endpoint></failover>",
        leaf(down.address, "", ""),
        leaf(b.address, "", "")
    );
    let proxy = Proxy::serving(&endpoint("e", &group));
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!(b.seen()[0].headers.value("X-P").unwrap_or_default(), "");
}

#[test]
fn what_cannot_be_read_is_refused_and_nobody_is_blamed() {
    let a = Backend::named("a");
    let proxy = serving(&a, "format=\"soap11\"");
    let mut client = proxy.client();
    let broken = client.post("/", "<a><b></a>");
    assert_eq!(broken.status, 500);
    let text = broken.text();
    assert!(
        text.contains("endpoint e (format=\"soap11\")")
            || text.contains("format=&quot;soap11&quot;"),
        "{text}"
    );
    assert!(text.contains("line 1, column"), "{text}");
    assert_eq!(a.hits(), 0);
    // The endpoint is as ready as before.
    assert_eq!(client.post("/", &quote()).text(), "a");
}

#[test]
fn a_message_beyond_the_limit_is_refused_with_its_name() {
    let a = Backend::named("a");
    let file = endpoint("e", &leaf(a.address, "format=\"soap11\"", ""));
    let proxy = Proxy::start(&[
        ("e.xml", file.as_str()),
        ("axon.toml", "[limits]\nmessage_bytes = 65536\n"),
    ]);
    let long = quote().replace("IBM", &"x".repeat(70_000));
    let got = proxy.client().post("/", &long);
    assert_eq!(got.status, 500);
    assert!(got.text().contains("message_bytes"), "{}", got.text());
    assert_eq!(a.hits(), 0);
}

#[test]
fn a_chunked_message_is_read_whole_and_sent_with_its_length() {
    let a = Backend::named("a");
    let proxy = serving(&a, "format=\"soap11\"");
    let mut client = proxy.client();
    let body = quote();
    let (first, second) = body.split_at(20);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    ));
    assert_eq!(client.answer().text(), "a");
    assert_eq!(a.seen()[0].body, body.as_bytes());
    assert_eq!(
        a.seen()[0].headers.value("content-length"),
        Some(&*body.len().to_string())
    );
    // The next request on the connection begins where this one ended.
    assert_eq!(client.post("/", &quote()).text(), "a");
}

#[test]
fn get_takes_the_payload_into_the_query() {
    let a = Backend::start(|_| Act::Write(answer("application/xml", "<r/>")));
    let proxy = serving(&a, "format=\"get\"");
    let body = quote().replace(PAYLOAD, "<q><symbol>I &amp; M</symbol></q>");
    let got = proxy.client().post("/", &body);
    assert!(
        got.text().contains(SOAP11) && got.text().contains("<r/>"),
        "{}",
        got.text()
    );
    let seen = &a.seen()[0];
    assert!(
        seen.head
            .starts_with("GET /svc?symbol=I%20%26%20M HTTP/1.1\r\n"),
        "{}",
        seen.head
    );
    assert_eq!(
        (seen.headers.value("content-type"), seen.body.len()),
        (None, 0)
    );
}

#[test]
fn rest_keeps_method_body_and_the_rest_of_the_path() {
    let a = Backend::named("a");
    let proxy = Proxy::start(&[
        (
            "a.xml",
            endpoint("left", &leaf(a.address, "format=\"rest\"", "")),
        ),
        ("b.xml", endpoint("right", &leaf(a.address, "", ""))),
    ]);
    let mut client = proxy.client();
    client.post("/services/left/x?y=1", &quote());
    client.post("/services/right/x?y=1", &quote());
    let targets: Vec<String> = a.seen().iter().map(|r| r.target().to_owned()).collect();
    assert_eq!(targets, ["/svc/x?y=1", "/svc"]);
    assert_eq!(a.seen()[0].body, quote().as_bytes());
}

#[test]
fn addressing_is_for_this_hop_and_the_answer_relates_to_the_clients_message() {
    let a = Backend::start(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let id = body
            .split("MessageID")
            .nth(1)
            .unwrap()
            .split(['>', '<'])
            .nth(1)
            .unwrap()
            .to_owned();
        let header = format!(
            "<e:Header><w:RelatesTo xmlns:w=\"http://www.w3.org/2005/08/addressing\">{id}</w:RelatesTo></e:Header>"
        );
        let body = enveloped(SOAP11, "<r/>").replace("<e:Body>", &format!("{header}<e:Body>"));
        Act::Write(answer("text/xml", &body))
    });
    let proxy = Proxy::serving(&endpoint("e", &leaf(a.address, "", "<enableAddressing/>")));
    let header = "<soapenv:Header xmlns:w=\"http://www.w3.org/2005/08/addressing\"><w:MessageID>urn:mine</w:MessageID><w:To>http://old/</w:To></soapenv:Header><soapenv:Body>";
    let got = proxy.client().post_with(
        "/",
        "SOAPAction: \"urn:a\"\r\n",
        &quote().replace("<soapenv:Body>", header),
    );
    assert!(got.text().contains(">urn:mine<"), "{}", got.text());
    let body = String::from_utf8(a.seen()[0].body.clone()).unwrap();
    assert!(
        body.contains(&format!(">http://{}/svc</wsa:To>", a.address)),
        "{body}"
    );
    assert!(
        body.contains(">urn:a</wsa:Action>") && !body.contains("urn:mine"),
        "{body}"
    );
    assert_eq!(body.matches("MessageID>").count(), 1, "{body}");
    assert!(!body.contains("http://old/"), "{body}");
}

#[test]
fn attachments_pass_and_long_binary_texts_become_some() {
    let a = Backend::named("a");
    let proxy = serving(&a, "optimize=\"mtom\"");
    let mut client = proxy.client();
    let media = "multipart/related; boundary=b; type=\"application/xop+xml\"";
    let parts = format!(
        "--b\r\n\r\n{}\r\n--b\r\nContent-ID: <f>\r\n\r\n\x01\x02\r\n--b--\r\n",
        quote()
    );
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{parts}",
        parts.len()
    ));
    assert_eq!(client.answer().text(), "a");
    assert_eq!(a.seen()[0].body, parts.as_bytes());
    assert_eq!(a.seen()[0].headers.value("content-type"), Some(media));

    client.post("/", &quote().replace("IBM", &"QUJD".repeat(600)));
    let seen = &a.seen()[1];
    assert!(
        seen.headers
            .value("content-type")
            .unwrap()
            .contains("application/xop+xml")
    );
    let file = "ABC".repeat(600);
    let found = seen.body.windows(file.len()).any(|w| w == file.as_bytes());
    assert!(found && !String::from_utf8_lossy(&seen.body).contains("QUJDQUJD"));
}

#[test]
fn an_answer_that_cannot_be_changed_back_is_a_fault_that_says_why() {
    let a = Backend::start(|request| {
        match request.number {
        0 => Act::Write(answer("application/soap+xml", "<broken")),
        1 => Act::Write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_vec(),
        ),
        2 => Act::WriteAndClose(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 10\r\n\r\n<".to_vec(),
        ),
        // What is no XML is not ours to change.
        _ => Act::Write(answer("text/plain", "plain")),
    }
    });
    let proxy = serving(&a, "format=\"soap12\"");
    for part in ["101510", "gzip", "101501", "plain"] {
        let got = proxy
            .client()
            .post_with("/", "Accept-Encoding: gzip\r\n", &quote());
        assert!(got.text().contains(part), "{part}: {}", got.text());
    }
    assert_eq!(a.seen()[0].headers.value("accept-encoding"), None);
}

#[test]
fn an_encoding_is_what_the_back_end_gets() {
    let a = Backend::named("a");
    let proxy = serving(&a, "encoding=\"ISO-8859-1\"");
    proxy.client().post("/", &quote().replace("IBM", "é"));
    let seen = &a.seen()[0];
    assert!(
        seen.body.windows(3).any(|w| w == b">\xe9<"),
        "{:?}",
        seen.body.escape_ascii().to_string()
    );
    assert_eq!(
        seen.headers.value("content-type"),
        Some("text/xml; charset=ISO-8859-1")
    );
}
