//! `sequence key`: runs a named sequence, with its own `onError` in scope.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::{Parse, SequenceRef};

#[derive(Debug)]
struct Sequence {
    key: SequenceRef,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["key", "onError"], &[]);
    let key = parse.required(element, "key")?;
    if let Some(handler) = element.attribute("onError") {
        parse.bad(
            handler.span,
            "a reference to a sequence cannot have `onError`; the sequence itself may",
        );
        return None;
    }
    let key = parse.sequence(key)?;
    Some(Box::new(Sequence { key }))
}

impl Mediator for Sequence {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        scene.enter(&self.key, x)
    }
}
