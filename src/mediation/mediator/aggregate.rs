//! `aggregate`: makes one message out of the answers to several (spec/mediation.md, spec/endpoints.md 16).
//!
//! The messages of one group are those that carry the same `correlateOn` value among the copies of one message. The first is
//! kept; of each later one the selected nodes are put behind those of the first. A group is complete when all copies have
//! come (`messageSequence`), when `max` have, or when the time is over and `min` have; also when no more can come, so that no
//! client waits in vain. A message that is no copy is complete by itself.

use super::filter::Branch;
use super::{Mediator, Scene, Step, most};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::{self, Expression};
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::tree::{NodeId, Tree};
use crate::soap::xpath::{Context, ErrorKind, NoHost, Plain, Value, XPath};

/// See the module.
#[derive(Debug)]
pub struct Aggregate {
    /// Of the copies of which `clone` or `iterate`; `None` for those without an id.
    pub id: Option<String>,
    correlate: Option<XPath>,
    timeout_s: Option<ValueOf>,
    min: Option<ValueOf>,
    max: Option<ValueOf>,
    select: XPath,
    /// What runs with the message that was put together.
    pub complete: Branch,
}

/// The numbers of a group, as its first message gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Seconds until it is complete with what is there.
    pub timeout_s: Option<u64>,
    /// So many have to be there when the time is over.
    pub min: Option<u64>,
    /// With so many it is complete.
    pub max: Option<u64>,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &["id"],
        &["correlateOn", "completeCondition", "onComplete"],
    );
    let correlate = match element.child("correlateOn") {
        Some(on) => Some(xpath(on, parse)?),
        None => None,
    };
    let condition = element.child("completeCondition");
    let count = condition.and_then(|c| c.child("messageCount"));
    let timeout_s = number(condition, "timeout", parse)?;
    let min = number(count, "min", parse)?;
    let max = number(count, "max", parse)?;
    let Some(on_complete) = element.child("onComplete") else {
        parse.bad(element.name_span, "`aggregate` needs `onComplete`");
        return None;
    };
    let select = xpath(on_complete, parse);
    let complete = match on_complete.attribute("sequence") {
        Some(key) => parse.sequence(on_complete, key).map(Branch::Sequence),
        None => Some(Branch::List(parse.list(on_complete))),
    };
    Some(Box::new(Aggregate {
        id: element.attribute("id").map(|id| id.value.clone()),
        correlate,
        timeout_s,
        min,
        max,
        select: select?,
        complete: complete?,
    }))
}

/// The expression of an element, with the prefixes that hold there.
fn xpath(element: &Element, parse: &mut Parse<'_>) -> Option<XPath> {
    let text = parse.required(element, "expression")?;
    if let Some(foreign) = expression::foreign(&text.value) {
        foreign.report(text, parse.diagnostics);
        return None;
    }
    if text.value.trim_start().starts_with("json-eval(") {
        parse.unsupported(text.span, "a JSONPath in aggregate is not supported yet");
        return None;
    }
    let mut scope = Plain {
        namespaces: element.prefixes.iter().rev().cloned().collect(),
    };
    match XPath::compile(&text.value, &mut scope) {
        Ok(xpath) => Some(xpath),
        Err(error) if error.kind == ErrorKind::Syntax => {
            let code = DiagnosticCode::BadExpression;
            parse.diagnostics.error(code, text.span, error.message);
            None
        }
        Err(error) => {
            let message = format!("in this expression: {} is not supported yet", error.message);
            parse.unsupported(text.span, &message);
            None
        }
    }
}

/// A literal number or `{expression}`; -1 is Synapse's way of writing "not set".
fn number(element: Option<&Element>, name: &str, parse: &mut Parse<'_>) -> Option<Option<ValueOf>> {
    let found = element.and_then(|element| Some((element, element.attribute(name)?)));
    let Some((element, text)) = found else {
        return Some(None);
    };
    let value = text.value.trim();
    if let Some(inner) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
        let inner = Spanned::new(inner.to_owned(), text.span);
        return parse
            .expression(element, &inner)
            .map(|e| Some(ValueOf::Expression(e)));
    }
    match value.parse::<i64>() {
        Ok(number) if number > 0 => Some(Some(ValueOf::Literal(number.to_string()))),
        Ok(_) => Some(None),
        Err(_) => {
            parse.bad(text.span, format!("`{name}` is not a whole number"));
            None
        }
    }
}

impl Mediator for Aggregate {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Gather(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        let numbers = [&self.timeout_s, &self.min, &self.max];
        let numbers = numbers.map(|value| value.as_ref().and_then(ValueOf::expression));
        most(numbers.into_iter().chain([self.complete.expression()]))
    }
}

impl Aggregate {
    /// The numbers for a group that begins with this message.
    pub fn numbers(&self, x: &Exchange) -> Result<Numbers, Fault> {
        let number = |value: &Option<ValueOf>| -> Result<Option<u64>, Fault> {
            let Some(value) = value else {
                return Ok(None);
            };
            let text = value.text(x)?;
            // A number that was computed is written the Java way: 2.0.
            let number = text.trim().parse::<f64>().ok().filter(|n| *n > 0.0);
            Ok(number.map(|n| n as u64))
        };
        Ok(Numbers {
            timeout_s: number(&self.timeout_s)?,
            min: number(&self.min)?,
            max: number(&self.max)?,
        })
    }

    /// What a message has in common with those of its group; `None` without `correlateOn`.
    pub fn key(&self, tree: &Tree) -> Result<Option<String>, Fault> {
        let Some(correlate) = &self.correlate else {
            return Ok(None);
        };
        let value = evaluate(correlate, tree)?;
        Ok(Some(value.into_text(Some(tree)).into_owned()))
    }

    /// The nodes of a message that go into the result.
    pub fn selected(&self, tree: &Tree) -> Result<Vec<NodeId>, Fault> {
        match evaluate(&self.select, tree)? {
            Value::Nodes(items) => Ok(items.into_iter().filter_map(|item| item.node()).collect()),
            _ => Err(Fault::new(
                ErrorCode::NONE,
                "the expression of `onComplete` selects no nodes",
            )),
        }
    }
}

fn evaluate<'x>(xpath: &'x XPath, tree: &'x Tree) -> Result<Value<'x>, Fault> {
    let context = Context {
        tree: Some(tree),
        node: Tree::DOCUMENT,
        host: &NoHost,
    };
    let failed = |error: crate::soap::xpath::XPathError| Fault::new(ErrorCode::NONE, error.message);
    xpath.evaluate(&context).map_err(failed)
}
