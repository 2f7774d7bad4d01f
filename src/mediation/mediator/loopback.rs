//! `loopback`: the message becomes the answer and goes on in the response flow; the request flow ends. In a response flow it
//! goes to the client, where the originals leave him waiting.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct Loopback;

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &[]);
    Some(Box::new(Loopback))
}

impl Mediator for Loopback {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match x.is_response() {
            true => Step::Respond,
            false => Step::Loop,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mediation::testing::{Sent, get, soap11, world};

    #[test]
    fn the_message_goes_on_in_the_response_flow_and_from_there_to_the_client() {
        let out = r#"<out><log level="custom"><property name="at" value="out"/></log><property name="HTTP_SC" value="203" scope="axis2"/><send/></out>"#;
        let text = format!(
            "<sequence name=\"main\"><in><loopback/><send><endpoint key=\"e\"/></send></in>{out}</sequence>"
        );
        let seen = world(&text).clean().run(&mut get(), vec![]);
        assert_eq!((seen.status, seen.log.len()), (203, 1));
        let proxy = r#"<proxy name="StockQuote"><target><inSequence><loopback/></inSequence></target></proxy>"#;
        assert_eq!(world(proxy).run(&mut get(), vec![]).status, 200);
        let late = r#"<sequence name="main"><in><send><endpoint key="e"/></send></in><out><loopback/></out></sequence>"#;
        let seen = world(late)
            .clean()
            .run(&mut soap11(), vec![Sent::Answer(204)]);
        assert_eq!(seen.status, 204);
    }
}
