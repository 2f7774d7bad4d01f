//! `filter`: by a condition (`xpath`), or by a value that a regular expression has to match whole (`source`, `regex`).

use regex::Regex;

use super::{List, Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};

#[derive(Debug)]
struct Filter {
    condition: Condition,
    then: Branch,
    otherwise: Branch,
}

#[derive(Debug)]
enum Condition {
    XPath(Expression),
    Matches(Expression, Regex),
}

#[derive(Debug)]
enum Branch {
    List(List),
    Sequence(SequenceRef),
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let condition = condition(element, parse);
    let (then, otherwise) = match (element.child("then"), element.child("else")) {
        (Some(then), otherwise) => {
            parse.only(element, &["xpath", "source", "regex"], &["then", "else"]);
            let otherwise = match otherwise {
                Some(otherwise) => branch(otherwise, parse),
                None => Some(Branch::List(List::default())),
            };
            (branch(then, parse), otherwise)
        }
        // Without `then` all children are the branch; an `else` among them is no mediator and reported as such.
        (None, _) => (
            Some(Branch::List(parse.list(element))),
            Some(Branch::List(List::default())),
        ),
    };
    Some(Box::new(Filter {
        condition: condition?,
        then: then?,
        otherwise: otherwise?,
    }))
}

fn condition(element: &Element, parse: &mut Parse<'_>) -> Option<Condition> {
    if element.attribute("xpath").is_some() {
        let xpath = parse.required(element, "xpath")?;
        return parse.expression(xpath).map(Condition::XPath);
    }
    if element.attribute("source").is_none() && element.attribute("regex").is_none() {
        parse.bad(
            element.name_span,
            "`filter` needs `xpath`, or `source` and `regex`",
        );
        return None;
    }
    let source = parse.required(element, "source");
    let regex = parse.required(element, "regex");
    let source = source.and_then(|source| parse.expression(source));
    let regex = regex.and_then(|regex| parse.whole_regex(regex));
    Some(Condition::Matches(source?, regex?))
}

fn branch(element: &Element, parse: &mut Parse<'_>) -> Option<Branch> {
    match element.attribute("sequence") {
        Some(key) => parse.sequence(key).map(Branch::Sequence),
        None => Some(Branch::List(parse.list(element))),
    }
}

impl Condition {
    fn holds(&self, x: &Exchange) -> Result<bool, Fault> {
        match self {
            Condition::XPath(expression) => expression.boolean(x),
            Condition::Matches(source, regex) => Ok(regex.is_match(&source.string(x)?)),
        }
    }
}

impl Mediator for Filter {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        let branch = match self.condition.holds(x) {
            Ok(true) => &self.then,
            Ok(false) => &self.otherwise,
            Err(fault) => return Step::Fail(fault),
        };
        match branch {
            Branch::List(list) if list.is_empty() => Step::Next,
            Branch::List(list) => Step::Enter(list),
            Branch::Sequence(key) => scene.enter(key, x),
        }
    }
}
