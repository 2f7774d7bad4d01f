//! `switch`: the first case whose regular expression matches the whole value, else the first `default`.

use regex::Regex;

use super::{List, Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct Switch {
    source: Expression,
    cases: Vec<(Regex, List)>,
    default: List,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["source"], &["case", "default"]);
    let source = parse.required(element, "source");
    let source = source.and_then(|source| parse.expression(source));
    let mut complete = true;
    let mut cases = Vec::new();
    for case in element.elements().filter(|e| e.is("case")) {
        let regex = parse.required(case, "regex");
        let regex = regex.and_then(|regex| parse.whole_regex(regex));
        let list = parse.list(case);
        match regex {
            Some(regex) => cases.push((regex, list)),
            None => complete = false,
        }
    }
    let default = element
        .child("default")
        .map(|default| parse.list(default))
        .unwrap_or_default();
    let source = source.filter(|_| complete)?;
    Some(Box::new(Switch {
        source,
        cases,
        default,
    }))
}

impl Mediator for Switch {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        let value = match self.source.string(x) {
            Ok(value) => value,
            Err(fault) => return Step::Fail(fault),
        };
        let case = self.cases.iter().find(|(regex, _)| regex.is_match(&value));
        Step::Enter(case.map_or(&self.default, |(_, list)| list))
    }
}
