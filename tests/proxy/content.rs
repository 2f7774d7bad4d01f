//! Routing by what a message says: its SOAP header, with the body streaming on, or all of it, held within a bound.

use crate::support::{Act, Backend, Proxy, address, endpoint, ok};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Endpoints `a` and `b`, and `main` with this in front of sending to `b`.
fn files(a: &Backend, b: &Backend, inner: &str) -> Vec<(&'static str, String)> {
    let main = format!(
        "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:m=\"urn:m\" name=\"main\"><in>{inner}\
         <send><endpoint key=\"b\"/></send></in><out><send/></out></sequence>"
    );
    vec![
        ("a.xml", endpoint("a", &address(a.address, ""))),
        ("b.xml", endpoint("b", &address(b.address, ""))),
        ("main.xml", main),
    ]
}

/// A filter that sends to `a`.
fn to_a(condition: &str) -> String {
    format!(
        "<filter xpath=\"{condition}\"><then><send><endpoint key=\"a\"/></send><drop/></then></filter>"
    )
}

fn message(header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"{SOAP}\"><s:Header>{header}</s:Header>\r\n<s:Body><m:q xmlns:m='urn:m'  >{body}</m:q></s:Body></s:Envelope>"
    )
}

fn chunked(target: &str, body: &str, size: usize) -> String {
    let mut out = format!(
        "POST {target} HTTP/1.1\r\nHost: axon\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for piece in body.as_bytes().chunks(size) {
        out += &format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            String::from_utf8_lossy(piece)
        );
    }
    out + "0\r\n\r\n"
}

#[test]
fn a_body_decides_and_goes_on_byte_for_byte() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&files(&a, &b, &to_a("//m:symbol = 'IBM'")));
    let mut client = proxy.client();
    let ibm = message("", "<m:symbol><![CDATA[IBM]]></m:symbol>");
    let sun = message("", "<m:symbol>SUN</m:symbol>");
    assert_eq!(client.post("/x", &ibm).text(), "a");
    assert_eq!(client.post("/x", &sun).text(), "b");
    // In pieces, and longer than any buffer.
    let long = message(
        "",
        &format!(
            "{}<m:symbol>IBM</m:symbol>",
            "<m:pad>x</m:pad>".repeat(60_000)
        ),
    );
    client.send(chunked("/x", &long, 40_000));
    assert_eq!(client.answer().text(), "a");
    let seen = a.seen();
    assert_eq!(String::from_utf8_lossy(&seen[0].body), ibm);
    assert_eq!(seen[1].body.len(), long.len());
    assert!(seen[1].body == long.as_bytes());
}

#[test]
fn a_header_decides_while_the_body_is_still_on_its_way() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&files(&a, &b, &to_a("$header/m:gold")));
    let mut client = proxy.client();
    let gold = message("<m:gold xmlns:m='urn:m'/>", "<m:symbol>IBM</m:symbol>");
    let plain = message("<m:other xmlns:m='urn:m'/>", "<m:gold/>");
    assert_eq!(client.post("/x", &gold).text(), "a");
    assert_eq!(client.post("/x", &plain).text(), "b");
    assert_eq!(String::from_utf8_lossy(&a.seen()[0].body), gold);
    // The back end has the beginning of a message whose end the client has not sent.
    let head = Backend::at_head(|_| Act::Write(ok("early")));
    let proxy = Proxy::start(&files(&head, &b, &to_a("$header/m:gold")));
    let mut client = proxy.client();
    let size = 10_000_000;
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: axon\r\nContent-Type: text/xml\r\nContent-Length: {size}\r\n\r\n{gold}"
    ));
    assert_eq!(client.answer().text(), "early");
}

#[test]
fn a_message_without_a_header_is_read_no_further_than_its_body() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&files(&a, &b, &to_a("$header/m:gold")));
    let text = format!("<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><x/></s:Body></s:Envelope>");
    assert_eq!(proxy.client().post("/x", &text).text(), "b");
    assert_eq!(String::from_utf8_lossy(&b.seen()[0].body), text);
}

#[test]
fn an_answer_is_looked_into_and_goes_on_byte_for_byte() {
    let answer = message("", "<m:price>7</m:price>");
    let sent = answer.clone();
    let a = Backend::start(move |_| Act::Write(ok(&sent)));
    let b = Backend::named("b");
    let main = r#"<sequence xmlns="http://ws.apache.org/ns/synapse" xmlns:m="urn:m" name="main">
        <in><filter xpath="get-property('To') = '/b'"><then><send><endpoint key="b"/></send><drop/></then></filter>
            <send><endpoint key="a"/></send></in>
        <out><property name="Price" expression="//m:price" scope="transport"/><send/></out></sequence>"#;
    let mut files = files(&a, &b, "");
    files[2].1 = main.to_owned();
    let proxy = Proxy::start(&files);
    let mut client = proxy.client();
    for _ in 0..3 {
        let got = client.post("/x", &message("", ""));
        assert_eq!(got.headers.value("price"), Some("7"));
        assert_eq!(got.text(), answer);
    }
    assert_eq!(
        a.connections(),
        1,
        "a connection whose answer was read is used again"
    );
    // What is announced as a message and is none.
    let got = client.post("/b", &message("", ""));
    assert_eq!(got.status, 500);
    assert!(got.text().contains("601000"), "{}", got.text());
}

#[test]
fn a_message_over_the_bound_is_a_fault_that_names_place_and_limit() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut files = files(&a, &b, &to_a("//m:symbol = 'IBM'"));
    files.push(("axon.toml", "[limits]\nmessage_bytes = 2000\n".to_owned()));
    let proxy = Proxy::start(&files);
    let short = message("", "<m:symbol>IBM</m:symbol>");
    assert_eq!(proxy.client().post("/x", &short).text(), "a");
    let long = message("", &"<m:pad/>".repeat(500));
    let announced = proxy.client().post("/x", &long);
    let mut client = proxy.client();
    client.send(chunked("/x", &long, 1000));
    for answer in [announced, client.answer()] {
        assert_eq!(answer.status, 500);
        let text = answer.text();
        assert!(text.contains("main.xml:1:"), "{text}");
        assert!(text.contains("message_bytes, which is 2000"), "{text}");
    }
    assert_eq!(b.hits(), 0);
}

#[test]
fn a_client_that_breaks_off_sends_nothing_on() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&files(&a, &b, &to_a("//m:symbol = 'IBM'")));
    let mut client = proxy.client();
    client.send("POST /x HTTP/1.1\r\nHost: axon\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<a>");
    drop(client);
    let next = message("", "<m:symbol>IBM</m:symbol>");
    assert_eq!(proxy.client().post("/x", &next).text(), "a");
    assert_eq!((a.hits(), b.hits()), (1, 0));
}

#[test]
fn endpoint_properties_look_into_the_message_too() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let text = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:m=\"urn:m\" name=\"b\"><address uri=\"http://{}/svc\"/>\
         <property name=\"Symbol\" expression=\"//m:symbol\" scope=\"transport\"/></endpoint>",
        b.address
    );
    let mut files = files(&a, &b, "");
    files[1].1 = text.clone();
    let proxy = Proxy::start(&files);
    let sent = message("", "<m:symbol>IBM</m:symbol>");
    assert_eq!(proxy.client().post("/x", &sent).text(), "b");
    let lone = Proxy::serving(&text);
    assert_eq!(lone.client().post("/x", &sent).text(), "b");
    for request in b.seen() {
        assert_eq!(request.headers.value("symbol"), Some("IBM"));
        assert_eq!(String::from_utf8_lossy(&request.body), sent);
    }
}

/// A large message is worked on beside the worker, and nobody can tell by what comes of it.
#[test]
fn a_large_message_is_mediated_like_a_small_one() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut files = files(
        &a,
        &b,
        "<property name=\"n\" value=\"1\"/><sequence key=\"s\"/><property name=\"n\" value=\"2\"/><sequence key=\"s\"/>\
         <enrich><source type=\"inline\"><new xmlns=\"\">yes</new></source><target xpath=\"//m:q\" action=\"child\"/></enrich>\
         <property name=\"X-New\" expression=\"//m:q/new\" scope=\"transport\"/>\
         <filter xpath=\"count(//m:i) = 2\"><then><property name=\"X-Count\" value=\"2\" scope=\"transport\"/></then></filter>\
         <filter source=\"json-eval($..i)\" regex=\".*\"><then/></filter>\
         <iterate expression=\"//m:i\" continueParent=\"true\"><target><sequence><drop/></sequence></target></iterate>",
    );
    files.push((
        "s.xml",
        "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:m=\"urn:m\" name=\"s\">\
         <property name=\"X-I\" expression=\"concat($trp:X-I, //m:i[@k = get-property('n')])\" scope=\"transport\"/>\
         <property name=\"X-All\" expression=\"//m:i\" scope=\"transport\"/></sequence>"
            .to_owned(),
    ));
    let proxy = Proxy::start(&files);
    for filler in [10, 300_000] {
        let filler = "x".repeat(filler);
        let items = format!("<m:f>{filler}</m:f><m:i k=\"1\">one</m:i><m:i k=\"2\">two</m:i>");
        assert_eq!(proxy.client().post("/x", &message("", &items)).text(), "b");
        let seen = b.seen().pop().unwrap();
        for (name, value) in [
            ("X-I", "onetwo"),
            ("X-All", "onetwo"),
            ("X-New", "yes"),
            ("X-Count", "2"),
        ] {
            assert_eq!(seen.headers.value(name), Some(value), "{name}");
        }
        let sent = message("", &(items + "<new>yes</new>"));
        assert_eq!(String::from_utf8_lossy(&seen.body), sent);
    }
    // One that cannot be read is told as such, large or not.
    for filler in [10, 300_000] {
        let broken = message("", &format!("<a>{}</b>", "x".repeat(filler)));
        let answer = proxy.client().post("/x", &broken);
        assert_eq!(answer.status, 500);
        assert!(
            answer.text().contains("looks into the message"),
            "{}",
            answer.text()
        );
    }
}
