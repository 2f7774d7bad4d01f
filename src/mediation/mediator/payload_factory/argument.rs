//! Arguments of a payload and their values.

use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::{self, Expression};
use crate::mediation::fragment::Fragment;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::content::Content;
use crate::soap::json;
use crate::soap::tree::Tree;
use crate::soap::xpath::Item;

#[derive(Debug)]
pub(super) struct Argument {
    value: ValueOf,
    /// XML in a value is text all the same.
    literal: bool,
}

/// What an argument is for one message.
#[derive(Debug)]
pub(super) struct Value(pub(super) Vec<Part>);

/// A piece of a value.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Element(Box<Fragment>),
}

impl Argument {
    pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Argument> {
        parse.only(
            element,
            &["value", "expression", "evaluator", "literal"],
            &[],
        );
        let json = parse.word(element, "evaluator", &[("xml", false), ("json", true)])?;
        let literal = parse.word(element, "literal", &[("false", false), ("true", true)])?;
        let value = match element.attribute("expression").filter(|_| json) {
            Some(path) => ValueOf::Expression(parse.json_path(path)?),
            None => parse.value(element)?,
        };
        Some(Argument { value, literal })
    }

    pub(super) fn expression(&self) -> Option<&Expression> {
        self.value.expression()
    }

    /// The value; `json`: elements are wanted as JSON.
    pub(super) fn value(&self, x: &Exchange, json: bool) -> Result<Value, Fault> {
        let expression = match &self.value {
            ValueOf::Literal(text) => return Ok(self.of_text(text)),
            ValueOf::Expression(expression) => expression,
        };
        let nodes = match expression.evaluate(x)? {
            expression::Value::Nodes(nodes) => nodes,
            _ => {
                // Once more, as Synapse writes numbers and truths.
                return Ok(self.of_text(&expression.string(x)?));
            }
        };
        let Some(Ok(view)) = x.content().map(Content::view) else {
            return Ok(Value(Vec::new()));
        };
        let mut parts = Vec::new();
        for item in nodes {
            parts.push(self.of_item(item, &view.tree, json)?);
        }
        Ok(Value(parts))
    }

    fn of_item(&self, item: Item, tree: &Tree, as_json: bool) -> Result<Part, Fault> {
        let element = item.node().filter(|node| tree.is_element(*node));
        let Some(element) = element else {
            return Ok(Part::Text(item.text(tree).into_owned()));
        };
        let own = tree.own_text(element);
        if !own.trim().is_empty() {
            return Ok(Part::Text(own.into_owned()));
        }
        if as_json {
            let text = json::write(tree, element).map_err(|e| super::broken(&e.to_string()))?;
            return Ok(Part::Text(text));
        }
        Ok(match self.literal {
            true => Part::Text(tree.to_xml(element)),
            false => Part::Element(Box::new(Fragment::copy(tree, element))),
        })
    }

    /// A text of the configuration, of a property or of a function: an element where it is one.
    fn of_text(&self, text: &str) -> Value {
        let trimmed = text.trim();
        let element = match trimmed.starts_with('<') && !self.literal {
            true => Fragment::parse(trimmed).ok(),
            false => None,
        };
        Value(vec![match element {
            Some(element) => Part::Element(Box::new(element)),
            None => Part::Text(text.to_owned()),
        }])
    }
}

impl Value {
    /// The value as text.
    pub(super) fn text(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Element(element) => element.to_xml(),
        });
        parts.collect()
    }
}
