//! `respond`: the current message goes back to the client, and the flow ends. In a response flow it works like `send`.
//!
//! A request can be given back when it is held whole (a fault made here) or has no body.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::answer;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct Respond;

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &[]);
    Some(Box::new(Respond))
}

impl Mediator for Respond {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match answer::turn_around(x).and_then(|()| answer::reply(x)) {
            Ok(()) => Step::Stop,
            Err(fault) => Step::Fail(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mediation::testing::{Sent, get, soap11, world};

    #[test]
    fn an_answer_goes_back_and_the_flow_ends() {
        let text = r#"<sequence name="main"><in><send><endpoint key="e"/></send></in><out><respond/><log/></out></sequence>"#;
        let seen = world(text)
            .clean()
            .run(&mut soap11(), vec![Sent::Answer(204)]);
        assert_eq!((seen.status, seen.log.len()), (204, 0));
    }

    #[test]
    fn a_request_goes_back_when_it_is_held_here() {
        let respond = world(r#"<sequence name="main"><respond/></sequence>"#).clean();
        let seen = respond.run(&mut get(), vec![]);
        assert_eq!((seen.status, seen.body.as_str()), (200, ""));
        let seen = respond.run(&mut soap11(), vec![]);
        assert!(seen.body.contains("not supported yet"), "{}", seen.body);
    }
}
