//! From an element to JSON.

use std::collections::HashMap;
use std::fmt::Write;

use super::{ARRAY, DEPTH_MAX, ELEMENT, JsonError, KIND, MULTIPLE, OBJECT, XSI_NS, is_bare};
use crate::soap::tree::{Kind, NodeId, Tree};

/// An element as JSON.
///
/// # Errors
/// [`JsonError::Deep`].
pub fn write(tree: &Tree, element: NodeId) -> Result<String, JsonError> {
    let mut out = String::new();
    let name = tree.name(element);
    let own = name.namespace.is_empty();
    match name.local {
        OBJECT if own => value(tree, element, 0, &mut out)?,
        ARRAY if own => array_of(tree, element, 0, &mut out)?,
        _ => {
            out.push('{');
            string(&member_name(tree, element), &mut out);
            out.push(':');
            value(tree, element, 0, &mut out)?;
            out.push('}');
        }
    }
    Ok(out)
}

/// What a mark in front of the content of an element says.
fn mark(tree: &Tree, element: NodeId) -> Option<String> {
    let first = tree.first_child(element)?;
    instruction(tree, first, KIND)
}

fn instruction(tree: &Tree, node: NodeId, target: &str) -> Option<String> {
    let is = tree.kind(node) == Kind::Instruction && tree.name(node).local == target;
    is.then(|| tree.value(node).trim().to_owned())
}

fn value(tree: &Tree, element: NodeId, depth: usize, out: &mut String) -> Result<(), JsonError> {
    // What was changed may be nested more deeply than what was read.
    if depth > DEPTH_MAX {
        return Err(JsonError::Deep);
    }
    let nil = tree.attribute_value(element, XSI_NS, "nil");
    if nil.is_some_and(|nil| matches!(nil.trim(), "true" | "1")) {
        out.push_str("null");
        return Ok(());
    }
    let mut attributes = tree
        .attributes(element)
        .filter(|attribute| tree.name(*attribute).namespace != XSI_NS)
        .peekable();
    let mark = mark(tree, element);
    let multiple = tree
        .children(element)
        .any(|child| instruction(tree, child, MULTIPLE).is_some());
    let bare = attributes.peek().is_none() && tree.first_element(element).is_none() && !multiple;
    if bare {
        match mark.as_deref() {
            Some("object") => out.push_str("{}"),
            mark => scalar(&tree.own_text(element), mark == Some("string"), out),
        }
        return Ok(());
    }
    // An array in an array: values of `jsonElement` and nothing else.
    let mut kinds = tree.elements(element).map(|child| tree.name(child).local);
    let first = tree
        .children(element)
        .find_map(|c| instruction(tree, c, MULTIPLE));
    if attributes.peek().is_none()
        && first.as_deref() == Some(ELEMENT)
        && kinds.all(|local| local == ELEMENT)
    {
        return array_of(tree, element, depth, out);
    }
    let text_is_string = mark.as_deref() == Some("string");
    members(tree, element, attributes, (text_is_string, depth), out)
}

fn members(
    tree: &Tree,
    element: NodeId,
    attributes: impl Iterator<Item = NodeId>,
    (text_is_string, depth): (bool, usize),
    out: &mut String,
) -> Result<(), JsonError> {
    out.push('{');
    let mut comma = "";
    for attribute in attributes {
        out.push_str(comma);
        comma = ",";
        string(&format!("@{}", member_name(tree, attribute)), out);
        out.push(':');
        string(&tree.value(attribute), out);
    }
    // Members by name, in the order of their first one.
    let mut named: Vec<Member> = Vec::new();
    let mut at = Places::default();
    for child in tree.children(element) {
        let (name, node) = match instruction(tree, child, MULTIPLE) {
            Some(name) => (decoded(&name), None),
            None if tree.is_element(child) => (member_name(tree, child), Some(child)),
            None => continue,
        };
        let index = at.of(&name, &named).unwrap_or_else(|| {
            named.push((name, Vec::new(), false));
            named.len() - 1
        });
        match node {
            Some(node) => named[index].1.push(node),
            None => named[index].2 = true,
        }
    }
    for (name, nodes, multiple) in named {
        out.push_str(comma);
        comma = ",";
        string(&name, out);
        out.push(':');
        match (&nodes[..], multiple) {
            ([node], false) => value(tree, *node, depth + 1, out)?,
            (nodes, _) => array(tree, nodes, depth + 1, out)?,
        }
    }
    let text = tree.own_text(element);
    if !text.trim().is_empty() {
        out.push_str(comma);
        out.push_str("\"$\":");
        scalar(text.trim(), text_is_string, out);
    }
    out.push('}');
    Ok(())
}

/// Name, values, and whether they are an array whatever their number.
type Member = (String, Vec<NodeId>, bool);

/// Where members are by their names: looked through while there are few of them.
#[derive(Default)]
struct Places(HashMap<String, usize>);

impl Places {
    fn of(&mut self, name: &str, named: &[Member]) -> Option<usize> {
        const FEW: usize = 16;
        if named.len() < FEW {
            return named.iter().position(|(known, ..)| known == name);
        }
        for (at, (known, ..)) in named.iter().enumerate().skip(self.0.len()) {
            self.0.insert(known.clone(), at);
        }
        self.0.get(name).copied()
    }
}

/// The `jsonElement`s of an element.
fn array_of(tree: &Tree, element: NodeId, depth: usize, out: &mut String) -> Result<(), JsonError> {
    let nodes: Vec<NodeId> = tree
        .elements(element)
        .filter(|child| tree.name(*child).local == ELEMENT)
        .collect();
    array(tree, &nodes, depth + 1, out)
}

fn array(tree: &Tree, nodes: &[NodeId], depth: usize, out: &mut String) -> Result<(), JsonError> {
    out.push('[');
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        value(tree, *node, depth, out)?;
    }
    out.push(']');
    Ok(())
}

/// A text: a number, `true` and `false` as they are, unless it is marked as a string; nothing at all is `null`.
fn scalar(text: &str, text_is_string: bool, out: &mut String) {
    if text_is_string {
        return string(text, out);
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        out.push_str("null");
    } else if is_bare(trimmed) && trimmed != "null" {
        out.push_str(trimmed);
    } else {
        string(text, out);
    }
}

fn member_name(tree: &Tree, node: NodeId) -> String {
    let name = tree.name(node);
    match name.prefix {
        "" => decoded(name.local),
        prefix => format!("{prefix}.{}", decoded(name.local)),
    }
}

/// Undoes what was written for characters that no name may hold.
fn decoded(name: &str) -> String {
    if name == "_x_" {
        return String::new();
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let hex = rest[at + 2..].split('_').next().unwrap_or_default();
        let closed = rest[at + 2 + hex.len()..].starts_with('_');
        let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        match c.filter(|_| closed && (4..=6).contains(&hex.len())) {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 3 + hex.len()..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A string of JSON.
fn string(text: &str, out: &mut String) {
    out.push('"');
    let plain = |c: char| !matches!(c, '"' | '\\') && !c.is_control();
    let mut rest = text;
    while let Some(at) = rest.find(|c| !plain(c)) {
        out.push_str(&rest[..at]);
        let mut after = rest[at..].chars();
        match after.next().unwrap_or_default() {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // A string takes everything that is written to it.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
