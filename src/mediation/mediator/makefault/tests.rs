//! Faults that a configuration makes; the recorded ones of the topic error are in the tests of the flows.

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Severity;
use crate::mediation::testing::{Sent, get, pox, soap11, soap12, world};

const S11: &str = r#"xmlns:e11="http://schemas.xmlsoap.org/soap/envelope/""#;
const S12: &str = r#"xmlns:e12="http://www.w3.org/2003/05/soap-envelope""#;

fn answer(x: &mut crate::exchange::Exchange, makefault: &str) -> (u16, String) {
    let text = format!("<sequence name=\"main\">{makefault}<respond/></sequence>");
    let seen = world(&text).clean().run(x, vec![]);
    (seen.status, seen.body)
}

#[test]
fn role_node_and_detail_stand_where_each_version_has_them() {
    let inside = "<reason value=\"bad symbol\"/><node>urn:node</node><role>urn:me</role><detail>words</detail></makefault>";
    let text = format!(
        r#"<makefault version="soap11" response="true"><code {S11} value="e11:Client"/>{inside}"#
    );
    let (status, body) = answer(&mut soap11(), &text);
    assert_eq!(status, 500);
    let want = "<faultcode>e11:Client</faultcode><faultstring>bad symbol</faultstring><faultactor>urn:me</faultactor><detail>words</detail>";
    assert!(body.contains(want), "{body}");
    let text = format!(
        r#"<makefault version="soap12" response="true"><code {S12} value="e12:Sender"/>{inside}"#
    );
    let (_, body) = answer(&mut soap11(), &text);
    let want = "<soapenv:Node>urn:node</soapenv:Node><soapenv:Role>urn:me</soapenv:Role><soapenv:Detail>words</soapenv:Detail>";
    assert!(body.contains(want), "{body}");
}

#[test]
fn xml_in_the_detail_keeps_its_names() {
    let text = r#"<makefault version="soap11" response="true"><code xmlns:k="urn:k" value="k:Own"/><reason value="own"/>
           <detail><k:d xmlns:k="urn:k" a="&lt;1&gt;" k:b="2">x<e xmlns="">&amp;</e></k:d></detail></makefault>"#;
    let (_, body) = answer(&mut soap11(), text);
    let document = roxmltree::Document::parse(&body).unwrap();
    let d = document
        .descendants()
        .find(|n| n.has_tag_name(("urn:k", "d")))
        .unwrap();
    assert_eq!(
        (d.attribute("a"), d.attribute(("urn:k", "b")), d.text()),
        (Some("<1>"), Some("2"), Some("x"))
    );
    let e = d.first_element_child().unwrap();
    assert_eq!(
        (e.tag_name().namespace().unwrap_or_default(), e.text()),
        ("", Some("&"))
    );
}

#[test]
fn the_messages_own_format_decides_without_a_version() {
    let text = format!(
        r#"<makefault response="true"><code {S12} value="e12:Receiver"/><reason value="why"/></makefault>"#
    );
    assert!(
        answer(&mut soap11(), &text)
            .1
            .contains("<faultcode>e12:Receiver</faultcode>")
    );
    assert!(
        answer(&mut soap12(), &text)
            .1
            .contains("<soapenv:Value>e12:Receiver</soapenv:Value>")
    );
    assert_eq!(
        answer(&mut pox(), &text),
        (500, "<Exception>why</Exception>".to_owned())
    );
    assert_eq!(answer(&mut get(), &text), (500, String::new()));
}

#[test]
fn a_get_may_have_a_body_when_the_configuration_says_so() {
    let text = r#"<property name="NO_ENTITY_BODY" scope="axis2" action="remove"/>
        <makefault version="pox" response="true"><reason value="why"/><detail>words</detail></makefault>"#;
    assert_eq!(
        answer(&mut get(), text),
        (500, "<Exception>words</Exception>".to_owned())
    );
}

#[test]
fn without_response_it_is_an_answer_and_with_false_the_request_itself_becomes_the_fault() {
    let text = format!(
        r#"<makefault response="false"><code {S12} value="e12:Receiver"/><reason value="why"/></makefault>"#
    );
    let (status, body) = answer(&mut soap11(), &text);
    assert_eq!(status, 500);
    assert!(body.contains("<faultstring>why</faultstring>"));
    let sends = format!("<sequence name=\"main\">{text}<send/></sequence>");
    assert_eq!(
        world(&sends).run(&mut soap11(), vec![Sent::OneWay]).sent,
        ["to"]
    );
    let sends = sends.replace(" response=\"false\"", "");
    assert_eq!(world(&sends).run(&mut soap11(), vec![]).status, 500);
}

#[test]
fn a_computed_code_is_resolved_with_the_prefixes_of_its_element() {
    let text = |code: &str| {
        format!(
            r#"<makefault version="soap11" response="true"><code {S11} expression="{code}"/><reason value="w"/></makefault>"#
        )
    };
    assert!(
        answer(&mut soap11(), &text("concat('e11:', 'Client')"))
            .1
            .contains("<faultcode>e11:Client</faultcode>")
    );
    assert!(
        answer(&mut soap11(), &text("'nope:Client'"))
            .1
            .contains("prefix `nope`")
    );
}

#[test]
fn faults_can_be_answered_with_200() {
    let text = format!(
        r#"<property name="FAULTS_AS_HTTP_200" value="true" scope="axis2"/>
           <makefault version="soap11" response="true"><code {S11} value="e11:Client"/><reason value="w"/></makefault>"#
    );
    assert_eq!(answer(&mut soap11(), &text).0, 200);
}

#[test]
fn what_cannot_be_a_fault_is_refused_when_it_is_loaded() {
    let reason = "<reason value=\"r\"/>";
    for makefault in [
        format!("<makefault>{reason}</makefault>"),
        format!("<makefault version=\"soap11\"><code {S11} value=\"e11:Server\"/></makefault>"),
        format!(
            "<makefault version=\"soap13\"><code {S11} value=\"e11:Server\"/>{reason}</makefault>"
        ),
        format!("<makefault version=\"soap11\"><code value=\"Server\"/>{reason}</makefault>"),
        format!("<makefault version=\"soap11\"><code value=\"nope:Server\"/>{reason}</makefault>"),
        format!("<makefault version=\"soap11\"><code {S11}/>{reason}</makefault>"),
        // Only SOAP 1.2 codes for soap12 and without a version.
        format!("<makefault><code {S11} value=\"e11:Server\"/>{reason}</makefault>"),
        format!(
            "<makefault version=\"soap12\"><code {S11} value=\"e11:Server\"/>{reason}</makefault>"
        ),
        format!(
            "<makefault version=\"soap12\"><code {S12} value=\"e12:Server\"/>{reason}</makefault>"
        ),
        format!(
            "<makefault response=\"maybe\"><code {S12} value=\"e12:Sender\"/>{reason}</makefault>"
        ),
    ] {
        let world = world(&format!("<sequence name=\"main\">{makefault}</sequence>"));
        let problems = world.problems();
        assert_eq!(problems.len(), 1, "{makefault}: {problems:?}");
        assert_eq!(
            (problems[0].0, problems[0].1),
            (DiagnosticCode::BadMediator, Severity::Error),
            "{makefault}"
        );
    }
    assert!(
        world("<sequence name=\"main\"><makefault version=\"pox\"/></sequence>")
            .problems()
            .is_empty()
    );
}

#[test]
fn fields_that_the_configuration_decides_by_go_back_with_the_fault() {
    let text = format!(
        r#"<sequence name="main"><property name="a" expression="concat($trp:X-Custom, $trp:X-Auth-Token, $trp:Cookie)"/>
           <makefault version="soap11" response="true"><code {S11} value="e11:Client"/><reason value="no"/></makefault>
           <respond/></sequence>"#
    );
    let mut x = soap11();
    for (name, value) in [
        ("X-Custom", "E9"),
        ("X-Auth-Token", "secret"),
        ("Cookie", "a=b"),
        ("X-Other", "1"),
    ] {
        x.request.headers.append(name.as_bytes(), value.as_bytes());
    }
    world(&text).clean().run(&mut x, vec![]);
    let fields = &x.response.unwrap().headers;
    let names: Vec<_> = fields
        .iter()
        .map(|(_, name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    assert_eq!(names.len(), 2, "{fields:?}");
    assert_eq!(names[1], (b"X-Custom".to_vec(), b"E9".to_vec()));
}
