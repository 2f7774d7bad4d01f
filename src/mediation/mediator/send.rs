//! `send`: a request to an endpoint or to its `To`, an answer to the client. The flow goes on behind it.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::{Direction, Exchange};
use crate::mediation::parse::Parse;
use crate::mediation::{SendTo, answer};

#[derive(Debug)]
struct Send {
    to: SendTo,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["receive"], &["endpoint"]);
    if let Some(receive) = element.attribute("receive") {
        parse.unsupported(
            receive.span,
            "`receive`, a sequence for the answer, is not supported yet",
        );
        parse.inside(element);
        return None;
    }
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
    Some(Box::new(Send { to }))
}

impl Mediator for Send {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        // RESPONSE=true in a request flow: the message itself is the answer (spec/mediation.md 7).
        let answers = x
            .properties
            .value("RESPONSE")
            .is_some_and(|v| v.eq_ignore_ascii_case("true"));
        if answers
            && x.direction == Direction::Request
            && self.to == SendTo::ToOfMessage
            && let Err(fault) = answer::turn_around(x)
        {
            return Step::Fail(fault);
        }
        Step::Send(self.to)
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{Sent, get, soap11, world};

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

    #[test]
    fn an_answer_cannot_be_sent_on_yet() {
        let text = r#"<sequence name="main"><send><endpoint key="e"/></send></sequence>"#;
        let seen = world(text)
            .clean()
            .run(&mut soap11(), vec![Sent::Answer(200)]);
        assert!(seen.body.contains("not supported yet"), "{}", seen.body);
    }

    #[test]
    fn a_sequence_for_the_answer_is_not_supported_yet_and_a_second_endpoint_is_ignored() {
        let receive = world(r#"<sequence name="main"><send receive="s"/></sequence>"#);
        assert_eq!(
            receive.problems(),
            [(DiagnosticCode::NotSupportedYet, Severity::Unsupported, "s")]
        );
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
