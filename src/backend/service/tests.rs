use super::*;
use crate::backend::Fleet;
use std::sync::Weak;

fn server(port: u16) -> Server {
    Server {
        name: format!("backend-{port}"),
        port,
        calls: Default::default(),
        sessions: Default::default(),
        fleet: Weak::<Fleet>::new(),
    }
}

fn ask(
    server: &Server,
    method: &str,
    target: &str,
    cookie: Option<&str>,
    body: &str,
) -> (Reply, String) {
    let mut request = http::Request::builder().method(method).uri(target);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let reply = server.call(&head, body.as_bytes());
    let text = String::from_utf8(reply.body.clone()).unwrap();
    (reply, text)
}

const QUOTE: &str = "/services/SimpleStockQuoteService";
const GET_QUOTE: &str = "<m:getQuote xmlns:m=\"http://services.samples\"><m:request><m:symbol>A&amp;B</m:symbol></m:request></m:getQuote>";

#[test]
fn a_quote_is_wrapped_as_it_was_asked_and_its_price_tells_the_port() {
    for wrapping in [Wrapping::Soap11, Wrapping::Soap12, Wrapping::Plain] {
        let (reply, text) = ask(
            &server(9002),
            "POST",
            QUOTE,
            None,
            &wrapping.wrap(GET_QUOTE),
        );
        assert_eq!(reply.content_type.as_deref(), Some(wrapping.content_type()));
        let asked = Asked::parse(&text).unwrap();
        assert_eq!(
            (asked.wrapping, asked.operation.as_str()),
            (wrapping, "getQuoteResponse")
        );
        assert_eq!(
            (asked.value("last"), asked.value("name")),
            (Some("102.5"), Some("A&B Company"))
        );
        assert_eq!(asked.values.len(), 14);
    }
}

#[test]
fn an_order_is_taken_without_a_word_and_counted() {
    let server = server(9000);
    let (reply, text) = ask(
        &server,
        "POST",
        QUOTE,
        None,
        &Wrapping::Soap11.wrap("<m:placeOrder xmlns:m=\"u\"/>"),
    );
    assert_eq!((reply.status, text.as_str()), (202, ""));
    assert_eq!(
        server.control(&Method::GET, "calls", "").body,
        b"placeOrder 1\n"
    );
}

#[test]
fn the_load_balance_service_echoes_the_payload_with_its_name_and_starts_a_session_once() {
    let server = server(9001);
    let path = "/services/LBService1";
    let (reply, text) = ask(
        &server,
        "POST",
        path,
        None,
        &Wrapping::Soap12.wrap("<Value>v</Value>"),
    );
    assert!(
        text.contains("<Value>Response from server: backend-9001</Value>"),
        "{text}"
    );
    assert!(
        reply
            .set_cookie
            .unwrap()
            .starts_with("JSESSIONID=backend-9001.1;")
    );
    let (reply, text) = ask(
        &server,
        "POST",
        path,
        Some("a=b; JSESSIONID=x"),
        "<V xmlns=\"urn:n\">v</V>",
    );
    assert_eq!(
        text,
        "<V xmlns=\"urn:n\">Response from server: backend-9001</V>"
    );
    assert!(reply.set_cookie.is_none());
}

#[test]
fn unknown_operations_and_broken_messages_are_faults() {
    let (reply, text) = ask(
        &server(9000),
        "POST",
        QUOTE,
        None,
        &Wrapping::Soap12.wrap("<nothing/>"),
    );
    assert_eq!(reply.status, 500);
    assert!(text.contains("s:Sender"), "{text}");
    let (reply, text) = ask(&server(9000), "POST", QUOTE, None, "<broken");
    assert_eq!((reply.status, text.contains("faultstring")), (500, true));
}

#[test]
fn the_wsdl_is_well_formed_and_names_the_address_that_was_asked() {
    let (head, ()) = http::Request::get("/services/SimpleStockQuoteService?wsdl")
        .header("host", "proxy:8280")
        .body(())
        .unwrap()
        .into_parts();
    let text = String::from_utf8(server(9000).call(&head, b"").body).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let address = document
        .descendants()
        .find(|n| n.tag_name().name() == "address")
        .unwrap();
    assert_eq!(
        address.attribute("location"),
        Some("http://proxy:8280/services/SimpleStockQuoteService")
    );
}

#[test]
fn a_browser_gets_plain_xml() {
    let (_, text) = ask(
        &server(9000),
        "GET",
        "/services/SimpleStockQuoteService?symbol=MSFT",
        None,
        "",
    );
    assert_eq!(Asked::parse(&text).unwrap().value("symbol"), Some("MSFT"));
}
