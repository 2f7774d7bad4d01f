//! The text that Synapse makes of a result, which is not that of XPath (spec/mediation.md 8; recorded).
//!
//! A number is written the Java way. Of a set of nodes every node counts: an element by the text directly inside it, or,
//! where that is blank, by itself as XML; the others by their values; no node is the empty text.

use std::borrow::Cow;

use crate::soap::tree::Tree;
use crate::soap::xpath::stream::Found;
use crate::soap::xpath::{Item, RESULT_MAX, Value, number};

/// The text of a result; an error is its message.
pub(super) fn of<'x>(value: Value<'x>, tree: Option<&'x Tree>) -> Result<Cow<'x, str>, String> {
    match value {
        Value::Number(number) => Ok(Cow::Owned(java(number))),
        Value::Nodes(nodes) => match tree {
            Some(tree) => of_nodes(&nodes, tree),
            None => Ok(Cow::Borrowed("")),
        },
        other => Ok(other.into_text(tree)),
    }
}

fn of_nodes<'x>(nodes: &[Item], tree: &'x Tree) -> Result<Cow<'x, str>, String> {
    let mut out: Cow<'x, str> = Cow::Borrowed("");
    for item in nodes {
        let text = of_node(*item, tree);
        if out.is_empty() {
            out = text;
        } else if !text.is_empty() {
            out.to_mut().push_str(&text);
        }
        if nodes.len() > 1 && out.len() > RESULT_MAX {
            return Err(format!(
                "the result of an expression is longer than {RESULT_MAX} bytes"
            ));
        }
    }
    Ok(out)
}

fn of_node(item: Item, tree: &Tree) -> Cow<'_, str> {
    let element = item.node().filter(|node| tree.is_element(*node));
    let Some(element) = element else {
        return item.text(tree);
    };
    let own = tree.own_text(element);
    match own.trim().is_empty() {
        true => Cow::Owned(tree.to_xml(element)),
        false => own,
    }
}

/// The text of nodes that were found without a tree; `None` when one of them would have to be written as XML, or when it
/// is too long.
pub(super) fn of_found(found: &[Found]) -> Option<String> {
    let mut out = String::new();
    for node in found {
        if node.element && node.own.trim().is_empty() {
            return None;
        }
        out.push_str(&node.own);
    }
    (out.len() <= RESULT_MAX).then_some(out)
}

/// A number as Java's `Double.toString` writes it: always a point, an exponent from 10^7 up and below 10^-3.
pub(in crate::mediation) fn java(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return number::to_text(number);
    }
    if number == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}
