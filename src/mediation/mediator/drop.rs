//! `drop`: ends the flow. What was sent before stays sent; a client that would hear nothing gets an empty 202.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct Drop;

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &[]);
    Some(Box::new(Drop))
}

impl Mediator for Drop {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Stop
    }
}
