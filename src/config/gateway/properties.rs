//! `properties` and the `${name}` that they are put into (spec/kaazing.md 2.1).
//!
//! A name is looked up in the file's own properties, then in what `-Dname=value` in `GATEWAY_OPTS` says, where
//! users of the original keep system properties. A property may use those before it.

use std::collections::HashMap;

use super::children::{Order, Row, read};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::config::xml::{Element, Node};

/// Longest value that filling in may make.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The tree with every placeholder filled in; what has no value is reported and left as it is.
pub(super) fn fill(
    root: &Element,
    env: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Diagnostics,
) -> Element {
    let mut filler = Filler {
        values: system(env),
        diagnostics,
    };
    let mut own = HashMap::new();
    for element in root.elements().filter(|e| e.name == "properties") {
        filler.define(element, &mut own);
    }
    filler.element(root)
}

/// `-Dname=value` of `GATEWAY_OPTS`.
fn system(env: &dyn Fn(&str) -> Option<String>) -> HashMap<String, String> {
    let options = env("GATEWAY_OPTS").unwrap_or_default();
    let pairs = options.split_whitespace().filter_map(|option| {
        let (name, value) = option.strip_prefix("-D")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
    });
    pairs.collect()
}

struct Filler<'a> {
    values: HashMap<String, String>,
    diagnostics: &'a mut Diagnostics,
}

impl Filler<'_> {
    fn define(&mut self, properties: &Element, own: &mut HashMap<String, Span>) {
        let rows = [Row::any("property")];
        for property in read(properties, &rows, Order::Free, self.diagnostics).all("property") {
            let rows = [Row::must("name"), Row::must("value")];
            let children = read(property, &rows, Order::Free, self.diagnostics);
            let (Some(name), Some(value)) = (children.one("name"), children.one("value")) else {
                continue;
            };
            let (name, value) = (name.text_spanned(), value.text_spanned());
            if own.insert(name.value.clone(), name.span).is_some() {
                let message = format!("the property {} is defined twice", name.value);
                let code = DiagnosticCode::DuplicateName;
                let help = "keep one of them";
                self.diagnostics.error_help(code, name.span, message, help);
                continue;
            }
            let value = self.text(&value);
            self.values.insert(name.value, value);
        }
    }

    /// The nesting is bounded by the reader of the file.
    fn element(&mut self, element: &Element) -> Element {
        // The values of properties are filled in where they are defined.
        if element.name == "properties" && element.elements().any(|e| e.name == "property") {
            return element.clone();
        }
        let children = element.children.iter().map(|child| match child {
            Node::Element(child) => Node::Element(self.element(child)),
            Node::Text(text) => Node::Text(Spanned::new(self.text(text), text.span)),
        });
        Element {
            children: children.collect(),
            ..element.clone()
        }
    }

    fn text(&mut self, text: &Spanned<String>) -> String {
        let mut out = String::new();
        let mut rest = text.value.as_str();
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            let Some(end) = from.find('}') else { break };
            out.push_str(before);
            let name = &from[2..end];
            match self.values.get(name) {
                Some(value) if out.len() + value.len() <= VALUE_BYTES_MAX => out.push_str(value),
                _ => {
                    let offset = text.value.len() - from.len();
                    self.unresolved(name, place(text, offset, end + 1));
                    out.push_str(&from[..=end]);
                }
            }
            rest = &from[end + 1..];
        }
        out.push_str(rest);
        out
    }

    fn unresolved(&mut self, name: &str, span: Span) {
        let near = super::nearest(name, self.values.keys().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean ${{{near}}}?"),
            None => format!("define it in properties, or give it with GATEWAY_OPTS=-D{name}=value"),
        };
        let message = format!("the placeholder ${{{name}}} has no value");
        self.diagnostics
            .error_help(DiagnosticCode::Unresolved, span, message, help);
    }
}

/// A part of a text, where its bytes are those of the file.
fn place(text: &Spanned<String>, offset: usize, length: usize) -> Span {
    if text.value.len() != (text.span.end - text.span.start) as usize {
        return text.span;
    }
    let start = text.span.start + offset as u32;
    Span {
        start,
        end: start + length as u32,
        ..text.span
    }
}
