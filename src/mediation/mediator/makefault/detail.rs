//! The detail of a fault: text, an expression's text, or XML as it is written.

use std::borrow::Cow;

use crate::config::xml::{Element, Node};
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::{Expression, Value};
use crate::mediation::parse::Parse;
use crate::soap::content::Content;
use crate::soap::escape_text;
use crate::soap::fault::Detail;

#[derive(Debug)]
pub(super) enum DetailOf {
    Absent,
    Text(String),
    Xml(String),
    Computed(Expression),
}

/// A detail for one message.
pub(super) enum DetailText<'x> {
    Absent,
    Text(Cow<'x, str>),
    Xml(&'x str),
    /// XML of the message.
    Made(String),
}

impl DetailText<'_> {
    pub(super) fn as_detail(&self) -> Detail<'_> {
        match self {
            DetailText::Absent => Detail::Absent,
            DetailText::Text(text) => Detail::Text(text),
            DetailText::Xml(xml) => Detail::Xml(xml),
            DetailText::Made(xml) => Detail::Xml(xml),
        }
    }
}

impl DetailOf {
    pub(super) fn expression(&self) -> Option<&Expression> {
        match self {
            DetailOf::Computed(expression) => Some(expression),
            _ => None,
        }
    }

    pub(super) fn parse(element: Option<&Element>, parse: &mut Parse<'_>) -> Option<DetailOf> {
        let Some(element) = element else {
            return Some(DetailOf::Absent);
        };
        if let Some(expression) = element.attribute("expression") {
            return parse
                .expression(element, expression)
                .map(DetailOf::Computed);
        }
        if element.elements().next().is_none() {
            return Some(DetailOf::Text(element.text()));
        }
        let mut out = String::new();
        for child in element.elements() {
            write(&mut out, child, "");
        }
        Some(DetailOf::Xml(out))
    }

    pub(super) fn text<'x>(&'x self, x: &'x Exchange) -> Result<DetailText<'x>, Fault> {
        Ok(match self {
            DetailOf::Absent => DetailText::Absent,
            DetailOf::Text(text) => DetailText::Text(Cow::Borrowed(text)),
            DetailOf::Xml(xml) => DetailText::Xml(xml),
            DetailOf::Computed(expression) => match elements(x, expression)? {
                Some(xml) => DetailText::Made(xml),
                None => DetailText::Text(expression.string(x)?),
            },
        })
    }
}

/// The elements that an expression selects: they stand in the detail as they are (recorded).
fn elements(x: &Exchange, expression: &Expression) -> Result<Option<String>, Fault> {
    let Value::Nodes(nodes) = expression.evaluate(x)? else {
        return Ok(None);
    };
    let Some(Ok(view)) = x.content().map(Content::view) else {
        return Ok(None);
    };
    let mut out = String::new();
    for node in nodes.iter().filter_map(|item| item.node()) {
        if view.tree.is_element(node) {
            view.tree.write(node, &mut out);
        }
    }
    Ok((!out.is_empty()).then_some(out))
}

// Namespaces are written as defaults: the names stay the same, whatever prefixes the file used. The depth is that of a
// configuration file, which its reader has bounded.
fn write(out: &mut String, element: &Element, outer: &str) {
    out.push('<');
    out.push_str(&element.name);
    if element.namespace != outer {
        attribute(out, "xmlns", &element.namespace);
    }
    for (nth, written) in element.attributes.iter().enumerate() {
        if written.namespace.is_empty() {
            attribute(out, &written.name, &written.value.value);
        } else if written.namespace == "http://www.w3.org/XML/1998/namespace" {
            attribute(out, &format!("xml:{}", written.name), &written.value.value);
        } else {
            attribute(out, &format!("xmlns:a{nth}"), &written.namespace);
            attribute(
                out,
                &format!("a{nth}:{}", written.name),
                &written.value.value,
            );
        }
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => write(out, child, &element.namespace),
            Node::Text(text) => escape_text(out, &text.value),
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_text(out, value);
    out.push('"');
}
