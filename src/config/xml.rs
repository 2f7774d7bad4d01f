//! An owned element tree in which every name, attribute and text knows its place.
//!
//! The parser is roxmltree; the tree is copied out of it so that a model can outlive the file's text and each
//! room can parse its own part (a mediator's attributes are read by the mediator's file, not here).

use super::source::{Span, Spanned};

/// One XML element.
#[derive(Clone, Debug)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Namespace URI, empty when none.
    pub namespace: String,
    /// Attributes in document order (namespace declarations are not attributes).
    pub attributes: Vec<Attribute>,
    /// Child elements and text, in document order (comments and processing instructions are left out).
    pub children: Vec<Node>,
    /// Prefixes in scope: prefix (empty for the default namespace) and URI.
    pub prefixes: Vec<(String, String)>,
    /// The start tag's `<name`, for pointing at the element.
    pub name_span: Span,
    /// From `<name` to the end of the closing tag.
    pub span: Span,
}

/// One attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Local name.
    pub name: String,
    /// Namespace URI, empty when none.
    pub namespace: String,
    /// Value after entity and placeholder resolution; its span covers the text between the quotes.
    pub value: Spanned<String>,
    /// Where the name stands.
    pub name_span: Span,
}

/// A child of an element.
#[derive(Clone, Debug)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text (CDATA included).
    Text(Spanned<String>),
}

impl Element {
    /// The un-namespaced attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Spanned<String>> {
        self.attribute_ns("", name)
    }

    /// The attribute of that namespace and name.
    pub fn attribute_ns(&self, namespace: &str, name: &str) -> Option<&Spanned<String>> {
        self.attributes
            .iter()
            .find(|a| a.name == name && a.namespace == namespace)
            .map(|a| &a.value)
    }

    /// Child elements in document order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|n| match n {
            Node::Element(e) => Some(e),
            Node::Text(_) => None,
        })
    }

    /// The first Synapse-namespaced child element of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| e.is(name))
    }

    /// True for an element of the Synapse namespace (or of none, where a file forgot it) with that local name.
    pub fn is(&self, name: &str) -> bool {
        self.name == name && (self.namespace == super::SYNAPSE_NS || self.namespace.is_empty())
    }

    /// All text directly inside, trimmed.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for node in &self.children {
            if let Node::Text(t) = node {
                out.push_str(&t.value);
            }
        }
        out.trim().to_owned()
    }

    /// The namespace URI that a prefix means here.
    pub fn prefix(&self, prefix: &str) -> Option<&str> {
        self.prefixes
            .iter()
            .rev()
            .find(|(p, _)| p == prefix)
            .map(|(_, uri)| uri.as_str())
    }
}
