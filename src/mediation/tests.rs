//! Flows, from spec/mediation.md 3 and the recordings of the topics error, pass and timeout.

mod changed;
mod content;

use super::testing::*;
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::Severity;
use crate::exchange::{Direction, RestSuffix};

const MAIN: &str = r#"<sequence name="main">
    <in><send><endpoint><address uri="http://b1/svc"/></endpoint></send><drop/></in>
    <out><send/></out>
  </sequence>"#;

fn fault_sequence(makefault: &str, more: &str) -> String {
    format!(r#"<sequence name="fault">{makefault}{more}<send/></sequence>"#)
}

const SOAP11_FAULT: &str = r#"<makefault version="soap11" response="true">
      <code xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" value="s:Server"/>
      <reason expression="concat('code=', get-property('ERROR_CODE'), ' message=', get-property('ERROR_MESSAGE'))"/>
    </makefault>"#;

fn envelope(ns: &str, prefix: &str, fault: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope xmlns:soapenv=\"{ns}\" xmlns:{prefix}=\"{ns}\">\
         <soapenv:Header/><soapenv:Body><soapenv:Fault>{fault}</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
}

const S11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const S12: &str = "http://www.w3.org/2003/05/soap-envelope";

#[test]
fn a_request_goes_out_and_its_answer_comes_back() {
    let world = world(MAIN).clean();
    let mut x = soap11();
    let seen = world.run(&mut x, vec![Sent::Answer(200)]);
    assert_eq!((seen.status, seen.body.as_str()), (200, "incoming"));
    assert_eq!(seen.sent, ["inline:main/in/send"]);
    assert_eq!(x.direction, Direction::Response);
    // An HTTP error of the back end is an answer, not a fault.
    assert_eq!(
        world.run(&mut soap11(), vec![Sent::Answer(500)]).status,
        500
    );
}

#[test]
fn error_refused_and_its_kin() {
    let world = world(&format!("{MAIN}{}", fault_sequence(SOAP11_FAULT, ""))).clean();
    let seen = world.run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(seen.status, 500);
    assert_eq!(
        seen.content_type.as_deref(),
        Some("text/xml; charset=UTF-8")
    );
    let text = "<faultcode>s:Server</faultcode><faultstring>code=101503 message=it &lt; failed</faultstring>";
    assert_eq!(seen.body, envelope(S11, "s", text));
    // After a GET: the status, and neither body nor content type.
    let seen = world.run(&mut get(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(
        (seen.status, seen.content_type, seen.body.as_str()),
        (500, None, "")
    );
}

#[test]
fn error_properties() {
    let fault = r#"<makefault version="soap12" response="true">
      <code xmlns:s="http://www.w3.org/2003/05/soap-envelope" value="s:Receiver"/>
      <reason expression="concat(get-property('ERROR_CODE'),'|',get-property('ERROR_MESSAGE'))"/>
      <detail expression="get-property('ERROR_DETAIL')"/>
    </makefault>"#;
    let world = world(&format!("{MAIN}{}", fault_sequence(fault, ""))).clean();
    let seen = world.run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:getQuote\"";
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (500, Some(media))
    );
    let text = "<soapenv:Code><soapenv:Value>s:Receiver</soapenv:Value></soapenv:Code><soapenv:Reason>\
                <soapenv:Text xml:lang=\"en\">101503|it &lt; failed</soapenv:Text></soapenv:Reason><soapenv:Detail></soapenv:Detail>";
    assert_eq!(seen.body, envelope(S12, "s", text));
}

#[test]
fn error_sample_handler() {
    let config = MAIN.replace("name=\"main\"", "name=\"main\" onError=\"errorHandler\"")
        + r#"<sequence name="errorHandler"><makefault response="true">
      <code xmlns:tns="http://www.w3.org/2003/05/soap-envelope" value="tns:Receiver"/>
      <reason value="no backend took the message"/></makefault><send/></sequence>"#;
    let world = world(&config).clean();
    let run = |mut x| world.run(&mut x, vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);

    let seen = run(soap11());
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (500, Some("text/xml; charset=UTF-8"))
    );
    // The SOAP 1.2 code stays as it is.
    assert!(seen.body.contains(
        "<faultcode>tns:Receiver</faultcode><faultstring>no backend took the message</faultstring>"
    ));
    assert!(
        seen.body
            .contains(&format!("xmlns:soapenv=\"{S11}\" xmlns:tns=\"{S12}\""))
    );

    let seen = run(soap12());
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:getQuote\"";
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (500, Some(media))
    );
    assert!(
        seen.body
            .contains("<soapenv:Value>tns:Receiver</soapenv:Value>")
    );

    let seen = run(pox());
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (500, Some("application/xml; charset=UTF-8"))
    );
    assert_eq!(
        seen.body,
        "<Exception>no backend took the message</Exception>"
    );

    let seen = run(get());
    assert_eq!(
        (seen.status, seen.content_type, seen.body.as_str()),
        (500, None, "")
    );
}

#[test]
fn error_sequence_onerror_wins_over_the_global_fault() {
    let config = MAIN.replace("name=\"main\"", "name=\"main\" onError=\"own\"")
        + &fault_sequence(SOAP11_FAULT, "")
            .replace("name=\"fault\"", "name=\"own\"")
            .replace("'code='", "'own code='")
        + &fault_sequence(SOAP11_FAULT, "");
    let seen = world(&config)
        .clean()
        .run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert!(
        seen.body.contains("<faultstring>own code=101503 message="),
        "{}",
        seen.body
    );
}

#[test]
fn error_status_property() {
    let property = r#"<property name="HTTP_SC" value="503" scope="axis2"/>"#;
    let world = world(&format!("{MAIN}{}", fault_sequence(SOAP11_FAULT, property))).clean();
    let seen = world.run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (503, Some("text/xml; charset=UTF-8"))
    );
}

#[test]
fn error_no_fault_sequence_answers_in_the_clients_own_format() {
    let world = world(MAIN).clean();
    let seen = world.run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(
        (seen.status, seen.content_type.as_deref()),
        (500, Some("text/xml; charset=UTF-8"))
    );
    assert!(
        seen.body
            .contains("<faultstring>101503 connect_failed: it &lt; failed</faultstring>"),
        "{}",
        seen.body
    );
    assert_eq!(
        seen.log,
        ["ERROR no fault sequence took the error 101503: it < failed"]
    );
    let seen = world.run(&mut pox(), vec![Sent::Fails(ErrorCode::RESPONSE_TIMEOUT)]);
    assert_eq!(
        (seen.status, seen.body.as_str()),
        (
            504,
            "<Exception>101504 connection_timeout: it &lt; failed</Exception>"
        )
    );
    let seen = world.run(&mut get(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(
        (seen.status, seen.content_type, seen.body.as_str()),
        (502, None, "")
    );
}

#[test]
fn an_error_in_a_handler_goes_to_the_next_one_out_with_the_first_code() {
    let config = r#"<sequence name="main" onError="outer"><sequence key="inner"/></sequence>
      <sequence name="inner" onError="broken"><send><endpoint key="e"/></send></sequence>
      <sequence name="broken"><log level="custom"><property name="at" value="broken"/></log><sequence key="gone"/></sequence>
      <sequence name="outer"><log level="custom"><property name="outer" expression="get-property('ERROR_CODE')"/></log><sequence key="gone"/></sequence>
      <sequence name="fault"><log level="custom"><property name="fault" expression="get-property('ERROR_CODE')"/></log></sequence>"#;
    let seen = world(config).run(&mut soap11(), vec![Sent::Fails(ErrorCode::CONNECT_FAILED)]);
    assert_eq!(
        seen.log,
        [
            "INFO at = broken",
            "INFO outer = 101503",
            "INFO fault = 101503"
        ]
    );
    // A handler that sends nothing leaves a client that must not be told "accepted".
    assert_eq!(seen.status, 500);
}

#[test]
fn a_handler_leaves_the_scope_with_its_sequence() {
    let config = r#"<sequence name="main"><sequence key="inner"/><sequence key="gone"/></sequence>
      <sequence name="inner" onError="own"><log level="custom"><property name="at" value="inner"/></log></sequence>
      <sequence name="own"><log level="custom"><property name="at" value="own"/></log></sequence>
      <sequence name="fault"><log level="custom"><property name="at" value="fault"/></log></sequence>"#;
    let seen = world(config).run(&mut soap11(), vec![]);
    assert_eq!(seen.log, ["INFO at = inner", "INFO at = fault"]);
}

#[test]
fn a_handler_may_send_elsewhere_and_the_answer_takes_the_way_out() {
    let config = MAIN.replace("name=\"main\"", "name=\"main\" onError=\"again\"")
        + r#"<sequence name="again"><send><endpoint key="spare"/></send></sequence>"#;
    let world = world(&config).clean();
    let seen = world.run(
        &mut soap11(),
        vec![Sent::Fails(ErrorCode::CONNECT_FAILED), Sent::Answer(200)],
    );
    assert_eq!((seen.status, seen.body.as_str()), (200, "incoming"));
    assert_eq!(seen.sent, ["inline:main/in/send", "key:spare"]);
    let seen = world.run(
        &mut soap11(),
        vec![
            Sent::Fails(ErrorCode::CONNECT_FAILED),
            Sent::Fails(ErrorCode::NOT_READY),
        ],
    );
    assert!(seen.body.contains("303001 not_ready"), "{}", seen.body);
}

#[test]
fn an_error_on_the_way_out_is_a_fault_with_status_500() {
    let config = r#"<sequence name="main"><in><send><endpoint key="e"/></send></in><out><sequence key="gone"/><send/></out></sequence>"#;
    let world = world(&format!("{config}{}", fault_sequence(SOAP11_FAULT, "")));
    assert_eq!(
        world.problems(),
        [(DiagnosticCode::UnknownSequence, Severity::Warning, "gone")]
    );
    let seen = world.run(&mut soap11(), vec![Sent::Answer(200)]);
    assert_eq!(seen.status, 500);
    assert!(
        seen.body
            .contains("code=0 message=there is no sequence `gone`"),
        "{}",
        seen.body
    );
}

#[test]
fn what_is_not_sent_is_accepted() {
    let in_drop = r#"<sequence name="main"><in><drop/></in></sequence>"#;
    for (config, sends) in [
        (in_drop, vec![]),
        (r#"<sequence name="other"><drop/></sequence>"#, vec![]),
        (
            r#"<sequence name="main"><in><send><endpoint key="e"/></send></in><out><drop/></out></sequence>"#,
            vec![Sent::Answer(200)],
        ),
        (
            r#"<sequence name="main"><in><send><endpoint key="e"/></send></in></sequence>"#,
            vec![Sent::OneWay],
        ),
    ] {
        let media = Some("text/xml; charset=UTF-8".to_owned());
        for (mut x, media) in [(soap11(), media), (get(), None)] {
            let seen = world(config).clean().run(&mut x, sends.clone());
            assert_eq!(
                (seen.status, seen.content_type, seen.body.as_str()),
                (202, media, ""),
                "{config}"
            );
        }
    }
}

#[test]
fn mediators_behind_a_send_still_see_the_request() {
    let config = r#"<sequence name="main"><in><send><endpoint key="e"/></send><log level="simple"/><drop/><log/></in><out><log/><send/></out></sequence>"#;
    let seen = world(config)
        .clean()
        .run(&mut soap11(), vec![Sent::Answer(200)]);
    assert_eq!(
        seen.log,
        [
            "INFO To: /services/StockQuote, WSAction: urn:getQuote, SOAPAction: urn:getQuote, Direction: request",
            "INFO To: , Direction: response",
        ]
    );
}

#[test]
fn pre_mediate_runs_before_requests_and_answers_and_may_end_them() {
    let log = r#"<log level="custom"><property name="at" value="pre"/></log>"#;
    let with = |more: &str| {
        world(&format!(
            "<sequence name=\"pre-mediate\">{log}{more}</sequence>{MAIN}"
        ))
        .clean()
    };
    let seen = with("").run(&mut soap11(), vec![Sent::Answer(200)]);
    assert_eq!(
        (seen.status, seen.log),
        (200, vec!["INFO at = pre".to_owned(); 2])
    );
    let answers = "<out><drop/></out>";
    let seen = with(answers).run(&mut soap11(), vec![Sent::Answer(200)]);
    assert_eq!((seen.status, seen.log.len()), (202, 2));
    assert_eq!(with("<drop/>").run(&mut soap11(), vec![]).status, 202);
}

#[test]
fn transport_settings_of_the_request_do_not_reach_the_answer() {
    let config = r#"<sequence name="main"><in><property name="HTTP_SC" value="201" scope="axis2"/><property name="p" value="v"/>
      <send><endpoint key="e"/></send></in>
      <out><log level="custom"><property name="p" expression="get-property('p')"/></log><send/></out></sequence>"#;
    let seen = world(config)
        .clean()
        .run(&mut soap11(), vec![Sent::Answer(200)]);
    assert_eq!(
        (seen.status, seen.log),
        (200, vec!["INFO p = v".to_owned()])
    );
}

#[test]
fn sequences_that_call_each_other_end_in_a_fault() {
    let config = r#"<sequence name="main"><sequence key="main"/></sequence>"#;
    let seen = world(config).clean().run(&mut soap11(), vec![]);
    assert!(
        seen.body.contains("more than 64 sequences call each other"),
        "{}",
        seen.body
    );
    let own_handler = r#"<sequence name="main" onError="main"><sequence key="gone"/></sequence>"#;
    let seen = world(own_handler).run(&mut soap11(), vec![]);
    assert_eq!(seen.status, 500);
}

#[test]
fn a_message_has_a_budget_of_steps() {
    // 10 sequences that each call the next one six times: 6^10 mediators.
    let mut config = String::from(
        r#"<sequence name="main"><sequence key="s0"/></sequence><sequence name="s10"><property name="a" value="b"/></sequence>"#,
    );
    for level in 0..10 {
        let call = format!("<sequence key=\"s{}\"/>", level + 1).repeat(6);
        config.push_str(&format!("<sequence name=\"s{level}\">{call}</sequence>"));
    }
    let seen = world(&config).clean().run(&mut soap11(), vec![]);
    assert!(
        seen.body.contains("more than 100000 mediators"),
        "{}",
        seen.body
    );
}

#[test]
fn mediators_may_be_nested_only_so_deep() {
    let inner = "<in>".repeat(100) + &"</in>".repeat(100);
    let world = world(&format!("<sequence name=\"main\">{inner}</sequence>"));
    assert_eq!(
        world.problems(),
        [(DiagnosticCode::BadMediator, Severity::Error, "<in")]
    );
}

#[test]
fn what_is_not_run_says_so_at_load_and_to_the_client() {
    for (mediator, code, severity) in [
        (
            "<script language=\"js\"/>",
            DiagnosticCode::NotSupportedYet,
            Severity::Unsupported,
        ),
        (
            "<class name='x.Y'/>",
            DiagnosticCode::NotSupportedYet,
            Severity::Unsupported,
        ),
        (
            "<mail.send/>",
            DiagnosticCode::NotSupportedYet,
            Severity::Unsupported,
        ),
        ("<sned/>", DiagnosticCode::UnknownMediator, Severity::Error),
        (
            "<x:send xmlns:x='urn:x'/>",
            DiagnosticCode::UnknownMediator,
            Severity::Error,
        ),
    ] {
        let world = world(&format!("<sequence name=\"main\">{mediator}</sequence>"));
        let problems = world.problems();
        assert_eq!(problems.len(), 1, "{mediator}");
        assert_eq!(
            (problems[0].0, problems[0].1),
            (code, severity),
            "{mediator}"
        );
        let seen = world.run(&mut soap11(), vec![]);
        assert_eq!(seen.status, 500);
        assert!(seen.body.contains("t.xml:1:"), "{}", seen.body);
        assert_eq!(world.run(&mut pox(), vec![]).status, 501);
    }
}

#[test]
fn one_endpoint_takes_every_request() {
    let world = world(r#"<endpoint name="only"><address uri="http://b/"/></endpoint>"#).clean();
    for target in ["/services/StockQuote/extra?x=1", "/", "/only/x"] {
        let mut x = request("POST", target, Some("application/xml"));
        assert_eq!(
            world.run(&mut x, vec![Sent::Answer(200)]).sent,
            ["key:only"],
            "{target}"
        );
    }
    let mut x = pox();
    world.run(&mut x, vec![Sent::Answer(200)]);
    assert_eq!(x.suffix(), b"/extra");
    let seen = world.run(&mut pox(), vec![Sent::Fails(ErrorCode::NOT_READY)]);
    assert_eq!(seen.status, 503);
}

#[test]
fn several_endpoints_are_reached_by_name() {
    let config = r#"<endpoint name="a"><address uri="http://b/"/></endpoint><endpoint name="b"><address uri="http://b/"/></endpoint>"#;
    let plain = world(config).clean();
    let mut x = request("POST", "/services/b/rest?q", Some("text/xml"));
    assert_eq!(plain.run(&mut x, vec![Sent::Answer(200)]).sent, ["key:b"]);
    assert_eq!(x.suffix(), b"/rest?q");
    let mut x = request("POST", "/a", Some("text/xml"));
    assert_eq!(plain.run(&mut x, vec![Sent::Answer(200)]).sent, ["key:a"]);
    let seen = plain.run(&mut request("GET", "/c", None), vec![]);
    assert_eq!(seen.status, 404);
    assert!(
        seen.body.contains("/services/a\n/services/b\n"),
        "{}",
        seen.body
    );

    let chosen = world_with_default(config, Some("b")).clean();
    let mut x = request("GET", "/c", None);
    assert_eq!(chosen.run(&mut x, vec![Sent::Answer(200)]).sent, ["key:b"]);
    assert_eq!(x.rest_suffix, RestSuffix::From(0));
}

#[test]
fn a_service_that_is_not_run_owns_its_path() {
    let config = format!(r#"<proxy name="p"/>{MAIN}"#);
    let world = world(&config).clean();
    let mut x = request("POST", "/services/p/x", Some("application/json"));
    let seen = world.run(&mut x, vec![]);
    assert_eq!(seen.status, 501);
    assert!(seen.body.contains("proxy `p` (t.xml:1:"), "{}", seen.body);
    assert_eq!(
        world.run(&mut soap11(), vec![Sent::Answer(200)]).status,
        200
    );
}

#[test]
fn the_status_of_every_error_fits_the_client() {
    use crate::soap::envelope::Format::{Other, Pox, Rest, Soap11, Soap12};
    for (code, plain, soap11, soap12) in [
        (ErrorCode::NONE, 500, 500, 500),
        (ErrorCode::SEND_FAILED, 502, 500, 500),
        (ErrorCode::CONNECT_FAILED, 502, 500, 500),
        (ErrorCode::RESPONSE_TIMEOUT, 504, 500, 500),
        (ErrorCode::CONNECTION_CLOSED, 502, 500, 500),
        (ErrorCode::PROTOCOL_VIOLATION, 502, 500, 500),
        (ErrorCode::CONNECT_TIMEOUT, 502, 500, 500),
        (ErrorCode::NO_READY_CHILD, 503, 500, 500),
        (ErrorCode::NOT_READY, 503, 500, 500),
        (ErrorCode::SESSION_NOT_READY, 503, 500, 500),
        (ErrorCode::SESSION_FAILED, 502, 500, 500),
        (ErrorCode::NOT_REPLAYABLE, 502, 500, 500),
        (ErrorCode::DEADLINE, 504, 500, 500),
        (ErrorCode::NOT_SUPPORTED, 501, 500, 500),
        (ErrorCode::ENDPOINT_MISSING, 500, 500, 500),
        (ErrorCode::MESSAGE_PARSE, 400, 500, 400),
        (ErrorCode(4242), 502, 500, 500),
    ] {
        for format in [Pox, Rest, Other] {
            assert_eq!(super::answer::status_of(code, format), plain, "{code:?}");
        }
        assert_eq!(super::answer::status_of(code, Soap11), soap11, "{code:?}");
        assert_eq!(super::answer::status_of(code, Soap12), soap12, "{code:?}");
    }
}

#[test]
fn a_refusal_says_when_to_come_again() {
    let mut x = pox();
    x.retry_after = Some(std::time::Duration::from_millis(1001));
    let fault = crate::exchange::Fault::new(ErrorCode::NOT_READY, "suspended");
    super::default_fault(&mut x, &fault);
    assert_eq!(
        x.response.as_ref().unwrap().headers.find("Retry-After"),
        Some(&b"2"[..])
    );
    assert!(x.replied);
}
