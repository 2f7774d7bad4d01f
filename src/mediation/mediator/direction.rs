//! `in` and `out`: the two halves of `main`.

use super::{List, Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::{Direction, Exchange};
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct For {
    direction: Direction,
    list: List,
}

pub(super) fn parse_in(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    build(Direction::Request, element, parse)
}

pub(super) fn parse_out(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    build(Direction::Response, element, parse)
}

fn build(
    direction: Direction,
    element: &Element,
    parse: &mut Parse<'_>,
) -> Option<Box<dyn Mediator>> {
    let list = parse.list(element);
    Some(Box::new(For { direction, list }))
}

impl Mediator for For {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match x.is_response() == (self.direction == Direction::Response) {
            true => Step::Enter(&self.list),
            false => Step::Next,
        }
    }
}
