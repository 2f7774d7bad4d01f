//! Messages that mediators change, as back ends and clients see them: new bytes, a head that fits, connections that go on.

use crate::support::{Act, Backend, Proxy, address, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

fn proxy(back: &Backend, request: &str, answer: &str) -> Proxy {
    let send = format!(
        "<send><endpoint>{}</endpoint></send>",
        address(back.address, "/svc")
    );
    Proxy::serving(&format!(
        "<definitions {NS}><sequence name=\"main\"><in>{request}{send}</in><out>{answer}<send/></out></sequence></definitions>"
    ))
}

fn chunks() -> Backend {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    Backend::start(move |_| {
        Act::Write(format!("{head}4\r\n<a>b\r\n4\r\n</a>\r\n0\r\n\r\n").into_bytes())
    })
}

#[test]
fn both_directions_are_written_anew_and_connections_stay_in_use() {
    let back = chunks();
    let header = "<header><k:T xmlns:k=\"urn:k\">1</k:T></header>";
    let answer = "<enrich><source type=\"inline\"><more xmlns=\"\"/></source><target xpath=\"//a\" action=\"child\"/></enrich>";
    let proxy = proxy(&back, header, answer);
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.post("/x", &quote());
        assert_eq!(answer.text(), "<a>b<more/></a>");
        assert_eq!(answer.headers.value("Content-Length"), Some("15"));
        assert_eq!(answer.headers.value("Transfer-Encoding"), None);
    }
    let seen = back.seen();
    let body = String::from_utf8(seen[1].body.clone()).unwrap();
    assert!(body.contains("<k:T xmlns:k=\"urn:k\">1</k:T>"), "{body}");
    let length = body.len().to_string();
    assert_eq!(seen[1].headers.value("Content-Length"), Some(&*length));
    assert_eq!(back.connections(), 1);
}

#[test]
fn a_payload_in_place_of_one_that_nobody_read_leaves_the_connection_in_order() {
    let back = Backend::named("a");
    let json = "<payloadFactory media-type=\"json\"><format>{\"a\": 1}</format></payloadFactory>";
    let proxy = proxy(&back, json, json);
    let mut client = proxy.client();
    let large = quote().replace("</", &format!("{}</", " ".repeat(50_000)));
    for _ in 0..2 {
        let answer = client.post("/x", &large);
        assert_eq!(answer.text(), "{\"a\": 1}");
        assert_eq!(
            answer.headers.value("Content-Type"),
            Some("application/json")
        );
        if answer.headers.value("Connection") == Some("close") {
            client = proxy.client();
        }
    }
    for seen in back.seen() {
        assert_eq!(seen.body, b"{\"a\": 1}");
        let media = seen.headers.value("Content-Type").unwrap();
        assert!(media.starts_with("application/json"), "{media}");
    }
}

#[test]
fn chunks_become_a_length_where_that_is_wanted() {
    let back = chunks();
    let set = "<property name=\"DISABLE_CHUNKING\" value=\"true\" scope=\"axis2\"/>";
    let proxy = proxy(&back, set, set);
    let mut client = proxy.client();
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.text(), "<a>b</a>");
    assert_eq!(answer.headers.value("Content-Length"), Some("8"));
    let seen = &back.seen()[0];
    assert_eq!(seen.headers.value("Content-Length"), Some("4"));
    assert_eq!(seen.headers.value("Transfer-Encoding"), None);
}

#[test]
fn the_request_line_is_what_the_transport_settings_say() {
    let back = Backend::named("a");
    let set = "<property name=\"FORCE_HTTP_1.0\" value=\"true\" scope=\"axis2\"/><property name=\"POST_TO_URI\" value=\"true\" scope=\"axis2\"/>";
    let proxy = proxy(&back, set, "");
    assert_eq!(proxy.client().post("/x", &quote()).text(), "a");
    let head = back.seen()[0].head.clone();
    let line = format!("POST http://{}/svc HTTP/1.0\r\n", back.address);
    assert!(head.starts_with(&line), "{head}");
}

#[test]
fn an_element_beside_the_payload_of_plain_xml_goes_into_the_envelope_too() {
    let back = Backend::start(|_| Act::Write(crate::support::ok("<a/>")));
    let put = "<enrich><source type=\"inline\"><more xmlns=\"\"/></source><target type=\"body\" action=\"sibling\"/></enrich>";
    for (format, want) in [
        ("soap11", "<soapenv:Body><d/><more/></soapenv:Body>"),
        ("soap12", "<soapenv:Body><d/><more/></soapenv:Body>"),
        ("pox", "<d/>"),
    ] {
        let proxy = Proxy::serving(&format!(
            "<definitions {NS}><sequence name=\"main\"><in>{put}<send><endpoint><address uri=\"http://{}/svc\" format=\"{format}\"/></endpoint></send></in><out><send/></out></sequence></definitions>",
            back.address
        ));
        let mut client = proxy.client();
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n<d/>");
        assert_eq!(client.answer().status, 200);
        let seen = back.seen().pop().unwrap();
        let body = String::from_utf8(seen.body.clone()).unwrap();
        assert!(body.contains(want), "{format}: {body}");
        let soap12 = body.contains("http://www.w3.org/2003/05/soap-envelope");
        assert_eq!(soap12, format == "soap12", "{body}");
    }
}

#[test]
fn a_form_in_parts_is_changed_and_keeps_its_files() {
    let back = Backend::start(|_| Act::Write(crate::support::ok("<a/>")));
    let put =
        "<enrich><source type=\"inline\">new</source><target xpath=\"//title/text()\"/></enrich>";
    let proxy = proxy(&back, put, "");
    let form = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nold\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\u{1}\u{2}\r\n--b--\r\n";
    let mut client = proxy.client();
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    assert_eq!(client.answer().status, 200);
    let seen = &back.seen()[0];
    let media = seen.headers.value("Content-Type").unwrap();
    let boundary = media
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap()
        .trim_matches('"');
    let want = form
        .replace("old", "new")
        .replace("--b", &format!("--{boundary}"));
    assert_eq!(String::from_utf8_lossy(&seen.body), want);
}
