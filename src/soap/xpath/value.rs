//! Values and their conversions (sections 3.3 to 3.5 and 4).

use std::borrow::Cow;

use super::number;
use crate::soap::tree::{Kind, NodeId, Tree, XML_NS};

/// A node of the data model: one of the tree, or a namespace in scope at one of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    node: NodeId,
    /// The declaration, when this is the namespace node of `node`; the document stands for the `xml` that is always
    /// declared.
    namespace: Option<NodeId>,
}

impl From<NodeId> for Item {
    fn from(node: NodeId) -> Self {
        Item {
            node,
            namespace: None,
        }
    }
}

impl Item {
    pub(super) fn namespace(element: NodeId, declaration: NodeId) -> Self {
        Item {
            node: element,
            namespace: Some(declaration),
        }
    }

    /// The node of the tree; `None` for a namespace node.
    pub fn node(self) -> Option<NodeId> {
        match self.namespace {
            None => Some(self.node),
            Some(_) => None,
        }
    }

    /// The element of a namespace node, else the node itself.
    pub fn anchor(self) -> NodeId {
        self.node
    }

    /// Prefix and namespace of a namespace node.
    pub fn binding(self, tree: &Tree) -> Option<(&str, Cow<'_, str>)> {
        let declaration = self.namespace?;
        if declaration == Tree::DOCUMENT {
            return Some(("xml", Cow::Borrowed(XML_NS)));
        }
        let prefix = tree.declared_prefix(declaration);
        Some((prefix, tree.value(declaration)))
    }

    pub(super) fn declaration(self) -> Option<NodeId> {
        self.namespace
    }

    /// The string-value.
    pub fn text(self, tree: &Tree) -> Cow<'_, str> {
        match self.binding(tree) {
            Some((_, namespace)) => namespace,
            None if tree.is_text(self.node) => tree.joined(text_run(tree, self.node)),
            None => tree.string_value(self.node),
        }
    }

    /// The local part of the expanded name; empty without a name.
    pub fn local(self, tree: &Tree) -> &str {
        match self.binding(tree) {
            Some((prefix, _)) => prefix,
            None => tree.name(self.node).local,
        }
    }

    /// The namespace of the expanded name.
    pub fn namespace_uri(self, tree: &Tree) -> &str {
        match (self.namespace, tree.kind(self.node)) {
            (None, Kind::Element | Kind::Attribute) => tree.name(self.node).namespace,
            _ => "",
        }
    }

    /// The name with its prefix.
    pub fn name(self, tree: &Tree) -> Cow<'_, str> {
        match self.namespace {
            Some(_) => Cow::Borrowed(self.local(tree)),
            None => {
                let name = tree.name(self.node);
                match name.prefix {
                    "" => Cow::Borrowed(name.local),
                    prefix => Cow::Owned(format!("{prefix}:{}", name.local)),
                }
            }
        }
    }
}

/// A text and the texts that go on behind it.
pub(super) fn text_run(tree: &Tree, first: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    std::iter::successors(Some(first), |at| tree.next_sibling(*at))
        .take_while(|node| tree.is_text(*node))
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// A set of nodes.
    Nodes,
    /// A string.
    Text,
    /// A number.
    Number,
    /// A Boolean.
    Boolean,
}

impl ValueKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            ValueKind::Nodes => "a set of nodes",
            ValueKind::Text => "a text",
            ValueKind::Number => "a number",
            ValueKind::Boolean => "a Boolean",
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'x> {
    /// Nodes of the tree of the evaluation, in document order.
    Nodes(Vec<Item>),
    /// A string.
    Text(Cow<'x, str>),
    /// A number.
    Number(f64),
    /// A Boolean.
    Boolean(bool),
}

impl<'x> Value<'x> {
    /// A text.
    pub fn text(text: impl Into<Cow<'x, str>>) -> Self {
        Value::Text(text.into())
    }

    /// The value by itself.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Nodes(nodes) => Value::Nodes(nodes),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Number(number) => Value::Number(number),
            Value::Boolean(value) => Value::Boolean(value),
        }
    }

    /// The value as `boolean()` makes it.
    pub fn to_boolean(&self) -> bool {
        match self {
            Value::Nodes(nodes) => !nodes.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::Number(n) => *n != 0.0 && !n.is_nan(),
            Value::Boolean(value) => *value,
        }
    }

    /// The value as `string()` makes it: of nodes, the string-value of the first.
    pub fn into_text(self, tree: Option<&'x Tree>) -> Cow<'x, str> {
        match self {
            Value::Nodes(nodes) => match (nodes.first(), tree) {
                (Some(first), Some(tree)) => first.text(tree),
                _ => Cow::Borrowed(""),
            },
            Value::Text(text) => text,
            Value::Number(n) => Cow::Owned(number::to_text(n)),
            Value::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        }
    }

    /// The value as `number()` makes it.
    pub fn into_number(self, tree: Option<&'x Tree>) -> f64 {
        match self {
            Value::Number(n) => n,
            Value::Boolean(value) => f64::from(u8::from(value)),
            other => number::parse(&other.into_text(tree)),
        }
    }
}
