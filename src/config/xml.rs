//! An owned element tree in which every name, attribute and text knows its place.
//!
//! The parser is roxmltree; the tree is copied out of it so that a model can outlive the file's text and each
//! room can parse its own part (a mediator's attributes are read by the mediator's file, not here).
//!
//! [`Element`] is the cursor that the rooms read with; [`parse`] is the way from text to it.

mod parse;
mod scan;
mod write;

pub(super) use parse::parse;
pub use write::{write, write_inside};

use super::diagnostic::Diagnostics;
use super::source::{Span, Spanned};
use crate::codes::DiagnosticCode;

/// Deepest nesting of elements that is accepted.
pub const MAX_DEPTH: usize = 256;

/// Why a text may not be given to a tree parser at all. Documents that a configuration refers to are held to the same.
pub(super) fn unacceptable(text: &str) -> Option<DiagnosticCode> {
    let shape = scan::scan(text);
    match (shape.doctype, shape.too_deep) {
        (Some(_), _) => Some(DiagnosticCode::DoctypeRefused),
        (_, Some(_)) => Some(DiagnosticCode::TooDeep),
        _ => None,
    }
}

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

    /// An attribute that must be there and not be empty; its absence is reported.
    pub fn req_attr(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<&Spanned<String>> {
        match self.attribute(name) {
            Some(value) if value.value.trim().is_empty() => {
                diagnostics.error(
                    DiagnosticCode::MissingAttribute,
                    value.span,
                    format!("the attribute {name} of {} is empty", self.name),
                );
                None
            }
            Some(value) => Some(value),
            None => {
                diagnostics.error_help(
                    DiagnosticCode::MissingAttribute,
                    self.name_span,
                    format!("{} has no attribute {name}", self.name),
                    format!("add {name}=\"...\""),
                );
                None
            }
        }
    }

    /// All text directly inside, trimmed, with its place (the element's name when there is none).
    pub fn text_spanned(&self) -> Spanned<String> {
        let mut parts = self.children.iter().filter_map(|n| match n {
            Node::Text(t) if !t.value.trim().is_empty() => Some(t),
            _ => None,
        });
        let Some(first) = parts.next() else {
            return Spanned::new(String::new(), self.name_span);
        };
        let last = parts.next_back().unwrap_or(first);
        let (mut start, mut end) = (first.span.start, last.span.end);
        // With entities inside, the text's length is not its length in the file: then the whole text is marked.
        if first.value.len() == (first.span.end - first.span.start) as usize {
            start += (first.value.len() - first.value.trim_start().len()) as u32;
        }
        if last.value.len() == (last.span.end - last.span.start) as usize {
            end -= (last.value.len() - last.value.trim_end().len()) as u32;
        }
        let file = self.name_span.file;
        Spanned::new(self.text(), Span { file, start, end })
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
