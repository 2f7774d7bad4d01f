//! `call`: sends the message and goes on with the answer as the message, in the same flow (WSO2; spec/mediation.md 9).
//!
//! `blocking` and the settings of a client of its own make no difference here: nothing blocks.

use super::send::Send;
use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::SendTo;
use crate::mediation::parse::Parse;

/// See the module.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub send: Send,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &[
            "blocking",
            "initAxis2ClientOptions",
            "axis2xml",
            "repository",
        ],
        &["endpoint", "source", "target"],
    );
    parse.flag(element, "blocking")?;
    if let Some(part) = element.child("source").or(element.child("target")) {
        parse.unsupported(
            part.name_span,
            "a part of a message in `call` is not supported yet",
        );
        return None;
    }
    let to = match element.child("endpoint") {
        Some(endpoint) => SendTo::Endpoint(parse.endpoint(endpoint)?),
        None => SendTo::ToOfMessage,
    };
    Some(Box::new(Call {
        send: Send::new(to, parse.place(element)),
    }))
}

impl Mediator for Call {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Ask(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::ErrorCode;
    use crate::mediation::testing::{Sent, soap11_with, world};

    #[test]
    fn the_flow_goes_on_with_the_answer_as_its_message() {
        let text = r#"<sequence name="main"><in><property name="kept" value="yes"/>
            <call blocking="true"><endpoint key="a"/></call>
            <log level="custom"><property name="seen" expression="concat(get-property('kept'), ' ', get-property('axis2', 'HTTP_SC'))"/></log>
            <call><endpoint key="b"/></call><respond/></in></sequence>"#;
        let first = Sent::Body("application/xml", "<first/>");
        let second = Sent::Body("application/json", "{}");
        let mut x = soap11_with("", "");
        let seen = world(text).clean().run(&mut x, vec![first, second]);
        assert_eq!((seen.status, seen.body.as_str()), (200, "{}"));
        assert_eq!(seen.content_type.as_deref(), Some("application/json"));
        assert_eq!(
            (seen.sent, seen.log),
            (
                vec!["key:a".to_owned(), "key:b".to_owned()],
                vec!["INFO seen = yes 200".to_owned()]
            )
        );
    }

    #[test]
    fn a_call_in_the_response_flow_changes_the_answer_and_a_failed_one_is_an_error_there() {
        let text = r#"<sequence name="main"><in><send><endpoint key="a"/></send></in>
            <out><call><endpoint key="b"/></call><send/></out></sequence>"#;
        let a = Sent::Body("text/xml", "<a/>");
        let seen = world(text).clean().run(
            &mut soap11_with("", ""),
            vec![a.clone(), Sent::Body("text/xml", "<b/>")],
        );
        assert_eq!((seen.status, seen.body.as_str()), (200, "<b/>"));
        let seen = world(text).clean().run(
            &mut soap11_with("", ""),
            vec![a, Sent::Fails(ErrorCode::CONNECT_FAILED)],
        );
        assert!(
            seen.status == 500 && seen.body.contains("101503"),
            "{}",
            seen.body
        );
    }
}
