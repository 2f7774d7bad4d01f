//! What axon changes in the answer of a back end (docs/differences.md, "Answers and messages").

use crate::support::{Act, Backend, Proxy, address, endpoint};

/// A back end that answers so, behind sequences.
fn behind(answer: &'static str) -> (Backend, Proxy) {
    let server = Backend::start(move |_| Act::Write(answer.as_bytes().to_vec()));
    let main = format!(
        "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" name=\"main\"><in><send><endpoint>\
         <address uri=\"http://{}/svc\"/></endpoint></send></in><out><send/></out></sequence>",
        server.address
    );
    let proxy = Proxy::start(&[("main.xml", main)]);
    (server, proxy)
}

#[test]
fn a_202_in_xml_acknowledges_and_says_no_more() {
    let (_server, proxy) =
        behind("HTTP/1.1 202 Accepted\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>");
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.post("/", "<a/>");
        assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    }
}

#[test]
fn a_202_in_json_is_passed_on() {
    let (_server, proxy) = behind(
        "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    );
    let answer = proxy.client().post("/", "<a/>");
    assert_eq!((answer.status, answer.text().as_str()), (202, "{}"));
}

#[test]
fn a_location_at_the_back_end_leads_to_the_proxy() {
    for (status, moved) in [
        (201, true),
        (301, true),
        (308, true),
        (302, false),
        (200, false),
    ] {
        let server = Backend::start(move |request| {
            let at = request.headers.value("Host").unwrap();
            let location = format!("Location: http://{at}/svc/other?x=1");
            let head = format!("HTTP/1.1 {status} X\r\n{location}\r\nContent-Length: 0\r\n\r\n");
            Act::Write(head.into_bytes())
        });
        let proxy = Proxy::start(&[
            ("e.xml", endpoint("e", &address(server.address, ""))),
            ("f.xml", endpoint("f", &address(server.address, ""))),
        ]);
        let mut client = proxy.client();
        client.send("GET /services/e/first HTTP/1.1\r\nHost: front:1\r\n\r\n");
        let answer = client.answer();
        let here = match moved {
            true => "http://front:1/services/e/other?x=1".to_owned(),
            false => format!("http://{}/svc/other?x=1", server.address),
        };
        assert_eq!(
            answer.headers.value("Location"),
            Some(here.as_str()),
            "{status}"
        );
    }
}
