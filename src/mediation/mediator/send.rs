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
