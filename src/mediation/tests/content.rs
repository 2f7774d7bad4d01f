//! Messages that expressions look into.

use super::*;
use crate::exchange::Body;
use crate::soap::content::Extent;

/// A log line of the text of an expression.
fn line(expression: &str) -> String {
    format!(
        r#"<log level="custom"><property name="v" expression="{expression}" xmlns:m="urn:m" xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/></log>"#
    )
}

/// `main` with these mediators in front of sending, both ways.
fn main_of(inner: &str) -> World {
    let send = "<in><send><endpoint key=\"e\"/></send></in><out><send/></out>";
    world(&format!("<sequence name=\"main\">{inner}{send}</sequence>")).clean()
}

#[test]
fn a_message_is_read_as_far_as_an_expression_looks_and_once() {
    for (inner, reads) in [
        (line("get-property('To')"), vec![Extent::Header]),
        (line("get-property('Action')"), vec![]),
        (line("$header/m:a"), vec![Extent::Header]),
        (
            line("//m:b") + &line("$body/m:b") + &line("$header/m:a"),
            vec![Extent::Whole],
        ),
        (
            line("$header/m:a") + &line("//m:b"),
            vec![Extent::Header, Extent::Whole],
        ),
        (
            line("//m:b").replace("custom\"", "custom\" category=\"TRACE\""),
            vec![],
        ),
    ] {
        let world = main_of(&format!("<in>{inner}</in>"));
        let mut x = soap11_with(
            "<m:a xmlns:m=\"urn:m\">1</m:a>",
            "<m:b xmlns:m=\"urn:m\">2</m:b>",
        );
        let seen = world.run(&mut x, vec![Sent::Answer(200)]);
        assert_eq!(seen.read, reads, "{inner}");
        let values = ["= 1", "= 2", "= /services/StockQuote", "= urn:getQuote"];
        assert!(
            seen.log
                .iter()
                .all(|line| values.iter().any(|v| line.ends_with(v)))
        );
    }
}

#[test]
fn where_a_message_goes_is_said_by_its_header_else_by_its_url() {
    let said = "<w:To xmlns:w=\"http://www.w3.org/2005/08/addressing\"> http://e/x </w:To>";
    let set = r#"<header name="To" value="http://set/"/>"#;
    let to = || line("get-property('To')");
    for (inner, header, want) in [
        (to(), said, "http://e/x"),
        (to(), "", "/services/StockQuote"),
        (set.to_owned() + &to(), said, "http://set/"),
    ] {
        let world = main_of(&format!("<in>{inner}</in>"));
        let seen = world.run(&mut soap11_with(header, ""), vec![Sent::Answer(200)]);
        assert_eq!(seen.log, [format!("INFO v = {want}")]);
    }
    // Only who looks into it minds that a message is none.
    let world = main_of(&format!("<in>{}</in>", to()));
    let mut x = request("POST", "/a", Some("text/xml"));
    x.request_body = Body::Whole("<a".into());
    let seen = world.run(&mut x, vec![Sent::Answer(200)]);
    assert_eq!((seen.status, &*seen.log[0]), (200, "INFO v = /a"));
}

#[test]
fn messages_are_routed_by_their_body_and_by_their_header() {
    let text = r#"<sequence name="main"><in>
        <switch source="//m:symbol" xmlns:m="urn:m">
          <case regex="IBM"><filter xpath="$header/m:gold"><then><send><endpoint key="gold"/></send></then>
            <else><send><endpoint key="ibm"/></send></else></filter></case>
          <default><send><endpoint key="other"/></send></default>
        </switch></in><out><send/></out></sequence>"#;
    let world = world(text).clean();
    for (header, symbol, to) in [
        ("", "IBM", "key:ibm"),
        ("<m:gold xmlns:m=\"urn:m\"/>", "IBM", "key:gold"),
        ("", "SUN", "key:other"),
    ] {
        let mut x = soap11_with(
            header,
            &format!("<m:symbol xmlns:m=\"urn:m\">{symbol}</m:symbol>"),
        );
        assert_eq!(world.run(&mut x, vec![Sent::Answer(200)]).sent, [to]);
    }
}

#[test]
fn an_answer_is_another_message_than_its_request() {
    let world = main_of(&line("//m:b"));
    let mut x = soap11_with("", "<m:b xmlns:m=\"urn:m\">request</m:b>");
    let answer = Sent::Body("application/xml", "<m:b xmlns:m='urn:m'>answer</m:b>");
    let seen = world.run(&mut x, vec![answer]);
    assert_eq!(seen.log, ["INFO v = request", "INFO v = answer"]);
    assert_eq!(
        seen.body, "<m:b xmlns:m='urn:m'>answer</m:b>",
        "it goes on as it came"
    );
}

#[test]
fn a_message_without_a_body_is_an_empty_envelope() {
    let world = main_of(&format!(
        "<in>{}</in>",
        line("concat(count(//m:b), name(), count(s:Body/*))")
    ));
    let seen = world.run(&mut get(), vec![Sent::Answer(200)]);
    assert_eq!(seen.log, ["INFO v = 0soapenv:Envelope0"]);
    assert!(seen.read.is_empty());
}

#[test]
fn a_message_that_cannot_be_looked_into_is_a_fault_that_names_the_place() {
    for (media, body, status, text) in [
        (
            "text/xml",
            "<a>",
            500,
            "601000 message_unreadable: the expression at t.xml:1:",
        ),
        ("text/xml", "<a/>", 500, "its root is `a`, no envelope"),
        ("text/xml", "<!DOCTYPE a><a/>", 500, "DOCTYPE"),
        (
            "multipart/mixed",
            "{}",
            501,
            "a message of the media type `multipart/mixed` is not read yet",
        ),
    ] {
        let world = main_of(&line("//m:b"));
        let mut x = request("POST", "/a", Some(media));
        x.request_body = Body::Whole(body.into());
        let seen = world.run(&mut x, vec![]);
        assert_eq!(seen.status, status, "{body}: {}", seen.body);
        assert!(seen.body.contains(text), "{body}: {}", seen.body);
        assert!(seen.sent.is_empty());
    }
}

#[test]
fn a_fault_that_was_made_is_a_message_of_its_own() {
    let world = world(&format!(
        r#"<sequence name="main">{}<makefault version="soap11" response="true"><code value="s:Server" xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>
           <reason expression="//m:b" xmlns:m="urn:m"/></makefault>{}<send/></sequence>"#,
        line("//m:b"),
        line("//faultstring")
    ))
    .clean();
    let mut x = soap11_with("", "<m:b xmlns:m=\"urn:m\">why</m:b>");
    let seen = world.run(&mut x, vec![]);
    assert_eq!(seen.log, ["INFO v = why", "INFO v = why"]);
}

#[test]
fn an_answer_without_a_body_is_an_empty_envelope_too() {
    let world = main_of(&format!("<out>{}</out>", line("count(//m:b)")));
    let mut x = soap11_with("", "<m:b xmlns:m=\"urn:m\">1</m:b>");
    let seen = world.run(&mut x, vec![Sent::Empty(202)]);
    assert_eq!(
        (seen.status, seen.log),
        (202, vec!["INFO v = 0.0".to_owned()])
    );
}
