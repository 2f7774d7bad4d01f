//! `send`: a request to an endpoint or to its `To`, an answer to the client or on to another endpoint. The flow goes on
//! behind it. `receive` names the sequence that takes the answer.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::SendTo;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};

/// See the module.
#[derive(Debug)]
pub struct Send {
    /// Where to.
    pub to: SendTo,
    /// Takes the answer.
    pub receive: Option<SequenceRef>,
    /// Where it is written.
    pub place: Box<str>,
}

impl Send {
    /// One to the endpoint of that number.
    pub fn to(endpoint: u32) -> Send {
        Send::new(SendTo::Endpoint(endpoint), String::new())
    }

    /// One that is written there.
    pub fn new(to: SendTo, place: String) -> Send {
        Send {
            to,
            receive: None,
            place: place.into(),
        }
    }
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["receive"], &["endpoint"]);
    let receive = match element.attribute("receive") {
        Some(key) => Some(parse.sequence(element, key)?),
        None => None,
    };
    let to = match element.child("endpoint") {
        Some(endpoint) => SendTo::Endpoint(parse.endpoint(endpoint)?),
        None => SendTo::ToOfMessage,
    };
    if let Some(second) = element.elements().filter(|e| e.is("endpoint")).nth(1) {
        parse.diagnostics.warn(
            crate::codes::DiagnosticCode::BadMediator,
            second.name_span,
            "`send` has a second endpoint",
            "only the first is used; put both into a group",
        );
    }
    Some(Box::new(Send {
        to,
        receive,
        place: parse.place(element).into(),
    }))
}

impl Mediator for Send {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Send(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        self.receive.as_ref()?.expression()
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{Sent, get, soap11, soap11_with, world};

    #[test]
    fn inline_endpoints_are_known_by_their_place_and_others_by_their_key() {
        let inline = "<send><endpoint><address uri=\"http://b/\"/></endpoint></send>";
        let text = format!(
            "<sequence name=\"main\"><in>{inline}<drop/></in><in><filter xpath=\"true()\"><then>{inline}{inline}</then></filter></in></sequence>
             <sequence name=\"s\"><send><endpoint key=\"k\"/></send></sequence>"
        );
        let world = world(&text).clean();
        assert_eq!(
            world.endpoints.0,
            [
                "inline:main/in/send",
                "inline:main/in#1/filter/send",
                "inline:main/in#1/filter/send#1",
                "key:k"
            ]
        );
    }

    #[test]
    fn a_request_that_is_marked_as_response_goes_back_to_the_client() {
        let text =
            r#"<sequence name="main"><property name="RESPONSE" value="true"/><send/></sequence>"#;
        let seen = world(text).clean().run(&mut get(), vec![]);
        assert_eq!((seen.status, seen.sent.len()), (200, 0));
    }

    const ANSWER: Sent = Sent::Body("text/xml", "<answer/>");

    #[test]
    fn an_answer_is_sent_on_and_its_answer_goes_through_the_response_flow_again() {
        let world = world(
            r#"<sequence name="main"><in><send><endpoint key="a"/></send></in>
               <out><filter source="get-property('hop')" regex="2">
                 <then><log level="custom"><property name="done" expression="get-property('axis2', 'SC_ACCEPTED')"/></log><send/></then>
                 <else><property name="hop" value="2"/><property name="X-On" value="1" scope="transport"/>
                   <send><endpoint key="b"/></send>
                   <in><log/></in><log level="custom"><property name="response" expression="get-property('RESPONSE')"/></log>
                 </else></filter></out></sequence>"#,
        )
        .clean();
        let mut x = soap11();
        let seen = world.run(&mut x, vec![ANSWER, Sent::Answer(201)]);
        assert_eq!(
            (seen.status, &seen.sent[..]),
            (201, &["key:a".to_owned(), "key:b".to_owned()][..])
        );
        assert_eq!(seen.log, ["INFO response = true", "INFO done = "]);
        // What was sent on is the answer, as a request of its own; the client's head is still known.
        assert_eq!(
            (x.request.method_text(), x.request.headers.find("X-On")),
            (&b"POST"[..], Some(&b"1"[..]))
        );
        assert_eq!(x.request.headers.find("SOAPAction"), None);
        assert_eq!(x.client_request().target(), b"/services/StockQuote");
    }

    #[test]
    fn an_answer_that_is_sent_on_for_ever_ends_with_a_fault() {
        let text = r#"<sequence name="main"><send><endpoint key="e"/></send></sequence>"#;
        let seen = world(text).clean().run(&mut soap11(), vec![ANSWER; 33]);
        assert!(
            seen.body.contains("sent on more than 32 times"),
            "{}",
            seen.body
        );
    }

    #[test]
    fn receive_takes_the_answer_of_its_send_only() {
        let text = r#"<sequence name="main"><in><send receive="first"><endpoint key="a"/></send></in><out><log level="custom"><property name="at" value="out"/></log><send/></out></sequence>
          <sequence name="first"><log level="custom"><property name="at" value="first"/></log><send><endpoint key="b"/></send></sequence>"#;
        let seen = world(text).clean().run(&mut soap11(), vec![ANSWER, ANSWER]);
        assert_eq!(
            (seen.status, &seen.log[..]),
            (
                200,
                &["INFO at = first".to_owned(), "INFO at = out".to_owned()][..]
            )
        );
        let missing = world(
            r#"<sequence name="main"><send receive="gone"><endpoint key="a"/></send></sequence>"#,
        );
        assert_eq!(
            missing.problems(),
            [(DiagnosticCode::UnknownSequence, Severity::Warning, "gone")]
        );
        let seen = missing.run(&mut soap11(), vec![]);
        assert!(
            seen.body.contains("there is no sequence `gone`"),
            "{}",
            seen.body
        );
    }

    #[test]
    fn a_message_that_goes_one_way_is_accepted_at_once_and_sent_beside() {
        let one_way = r#"<property name="OUT_ONLY" value="true"/>"#;
        let forced = r#"<property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>"#;
        let out =
            r#"<out><log level="custom"><property name="at" value="out"/></log><send/></out>"#;
        for (set, log) in [(one_way, 0), (forced, 1)] {
            let text = format!(
                r#"<sequence name="main"><in>{set}<send><endpoint key="a"/></send><send><endpoint key="b"/></send></in>{out}</sequence>"#
            );
            let seen = world(&text)
                .clean()
                .run(&mut soap11_with("", ""), vec![ANSWER, ANSWER]);
            assert_eq!(
                (seen.status, seen.body.as_str(), seen.sent.len()),
                (202, "", 2),
                "{set}"
            );
            assert_eq!(seen.log.len(), 2 * log, "{set}");
        }
    }

    #[test]
    fn a_second_send_has_the_message_that_the_first_one_had() {
        let text = r#"<sequence name="main"><in><send><endpoint key="a"/></send><send><endpoint key="b"/></send><drop/></in><out><send/></out></sequence>"#;
        let seen = world(text).clean().run(
            &mut soap11_with("", "<a/>"),
            vec![ANSWER, Sent::Answer(201)],
        );
        assert_eq!((seen.status, seen.sent.len()), (201, 2));
    }

    #[test]
    fn a_second_endpoint_is_ignored() {
        let two = world(
            r#"<sequence name="main"><send><endpoint key="a"/><endpoint key="b"/></send></sequence>"#,
        );
        assert_eq!(
            two.problems(),
            [(DiagnosticCode::BadMediator, Severity::Warning, "<endpoint")]
        );
        assert_eq!(two.endpoints.0, ["key:a"]);
    }
}
