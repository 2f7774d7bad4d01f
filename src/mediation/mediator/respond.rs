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
