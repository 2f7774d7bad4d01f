//! `store`: puts the message into a message store, after a sequence when one is named; the flow goes on (spec/mediation.md 9).

use std::sync::Arc;

use super::{List, Mediator, Scene, Step};
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::{Parse, SequenceRef};
use crate::mediation::store::Store;

#[derive(Debug)]
struct ToStore(Arc<Store>);

#[derive(Debug)]
struct Before(SequenceRef);

#[derive(Debug)]
struct Both(List);

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["messageStore", "sequence"], &[]);
    let key = parse.required(element, "messageStore")?.clone();
    let name = key.value.trim();
    let Some(store) = parse.stores.iter().find(|s| &*s.name == name).cloned() else {
        let text = format!("there is no message store `{name}` that is kept in memory");
        parse.unsupported(key.span, &text);
        return None;
    };
    let store = Box::new(ToStore(store));
    let Some(before) = element.attribute("sequence") else {
        return Some(store);
    };
    let before = Before(parse.sequence(element, before)?);
    let place = || Spanned::new(element.name.as_str().into(), element.name_span);
    let places = vec![place(), place(), place()];
    Some(Box::new(Both(List::new(
        vec![Box::new(before), store],
        places,
    ))))
}

impl Mediator for ToStore {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Store(&self.0)
    }
}

impl Mediator for Before {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        scene.enter(&self.0, x)
    }
}

impl Mediator for Both {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Enter(&self.0)
    }
}
