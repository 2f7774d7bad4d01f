//! `enqueue`: a copy of the message goes through a sequence when a priority executor has room for it (spec/mediation.md 9).
//! Its answer is that of the client, unless the flow here gives one.

use std::sync::Arc;

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::executor::Executor;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};

/// See the module.
#[derive(Debug)]
pub struct Enqueue {
    /// What the copy goes through.
    pub sequence: SequenceRef,
    /// The larger, the sooner.
    pub priority: i64,
    /// Who says when.
    pub executor: Arc<Executor>,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["sequence", "priority", "executor"], &[]);
    let sequence = parse.required(element, "sequence")?.clone();
    let sequence = parse.sequence(element, &sequence);
    let priority = match element.attribute("priority") {
        None => 1,
        Some(text) => match text.value.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                parse.bad(text.span, "`priority` is not a whole number");
                return None;
            }
        },
    };
    let name = parse.required(element, "executor")?.clone();
    let known = parse
        .executors
        .iter()
        .find(|e| &*e.name == name.value.trim());
    let Some(executor) = known.cloned() else {
        let text = format!("there is no priority executor `{}`", name.value.trim());
        parse.bad(name.span, text);
        return None;
    };
    Some(Box::new(Enqueue {
        sequence: sequence?,
        priority,
        executor,
    }))
}

impl Mediator for Enqueue {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Enqueue(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        self.sequence.expression()
    }
}
