//! Which prefixes mean what at a place, and elements that are moved to another one.

use crate::soap::outline::{Element, resolved};

/// Prefixes and their namespaces; the last declaration of a prefix counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope(Vec<(String, String)>);

impl Scope {
    /// The declarations of elements, outermost first.
    pub fn of(elements: &[&Element<'_>]) -> Scope {
        let mut scope = Scope::default();
        for element in elements {
            for (prefix, uri) in element.declarations() {
                scope.declare(prefix, uri);
            }
        }
        scope
    }

    /// Adds a declaration; the value as it is written.
    pub fn declare(&mut self, prefix: &str, uri: &str) {
        let uri = resolved(uri);
        match self.0.iter_mut().find(|(p, _)| p == prefix) {
            Some(entry) => entry.1 = uri,
            None => self.0.push((prefix.to_owned(), uri)),
        }
    }

    /// What a prefix means.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        let found = self.0.iter().find(|(p, _)| p == prefix);
        found.map(|(_, uri)| uri.as_str())
    }
}

/// Translates an attribute: name and value. `None`: as it is. An empty name: left out.
type Translate<'c> = Box<dyn Fn((&str, &str), &Scope) -> Option<(String, String)> + 'c>;

/// Moves elements from one scope to another.
pub(super) struct Carry<'c> {
    text: &'c str,
    old: &'c Scope,
    new: &'c Scope,
    /// Translates the attributes of the moved element.
    pub attributes: Option<Translate<'c>>,
}

impl<'c> Carry<'c> {
    /// Elements of that message.
    pub fn new(text: &'c str, old: &'c Scope, new: &'c Scope) -> Self {
        Self {
            text,
            old,
            new,
            attributes: None,
        }
    }

    /// Writes an element with the declarations that it relies on and that do not hold where it comes to stand.
    pub fn write(&self, element: &Element<'_>, out: &mut String) {
        let mut here = self.old.clone();
        for (prefix, uri) in element.declarations() {
            here.declare(prefix, uri);
        }
        let translated: Vec<_> = match &self.attributes {
            Some(translate) => element
                .attributes
                .iter()
                .map(|a| translate((a.name, &a.value), &here))
                .collect(),
            None => vec![None; element.attributes.len()],
        };
        let content = &self.text[element.inner.clone()];
        let uses = |prefix: &str| {
            let colon = format!("{prefix}:");
            let stays = element.attributes.iter().zip(&translated);
            element.prefix_colon() == colon
                || content.contains(&colon)
                || stays
                    .filter(|(_, t)| t.is_none())
                    .any(|(a, _)| a.name.starts_with(&colon) || a.value.contains(&colon))
        };
        let missing: Vec<_> = self
            .old
            .0
            .iter()
            .filter(|(prefix, uri)| {
                let own = element.declarations().any(|(p, _)| p == prefix);
                let same = self.new.namespace(prefix).unwrap_or("") == uri;
                // Whether a default namespace is used is not worth a search.
                !own && !same && (prefix.is_empty() || uses(prefix))
            })
            .collect();
        if missing.is_empty() && translated.iter().all(Option::is_none) {
            out.push_str(&self.text[element.range.clone()]);
            return;
        }
        out.push('<');
        out.push_str(element.name);
        for (prefix, uri) in missing {
            let colon = if prefix.is_empty() { "" } else { ":" };
            // Resolved, so markup is written as a reference again.
            let uri = uri.replace('&', "&amp;").replace('<', "&lt;");
            out.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", quoted(&uri)));
        }
        for (attribute, translated) in element.attributes.iter().zip(&translated) {
            let (name, value) = match translated {
                None => (attribute.name, &*attribute.value),
                Some((name, _)) if name.is_empty() => continue,
                Some((name, value)) => (name.as_str(), value.as_str()),
            };
            out.push_str(&format!(" {name}=\"{}\"", quoted(value)));
        }
        match element.inner.is_empty() && element.inner.end == element.range.end {
            true => out.push_str("/>"),
            false => {
                out.push('>');
                out.push_str(&self.text[element.inner.start..element.range.end]);
            }
        }
    }
}

/// A value as it was written, made fit for double quotes.
pub(in crate::soap) fn quoted(value: &str) -> String {
    value.replace('"', "&quot;")
}
