//! A start tag as it is written: its attributes with the space before them, and raw values.

use std::ops::Range;

use crate::config::endpoint::vocabulary::Vocabulary;

/// A start tag of well-formed text.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    /// From `<` to behind `>`.
    pub(super) range: Range<usize>,
    /// Name with prefix.
    pub(super) name: String,
    /// Attributes, namespace declarations among them, in order.
    pub(super) attributes: Vec<Written>,
    /// `<x/>`.
    pub(super) is_empty: bool,
    /// White space before `>` or `/>`.
    rest: String,
}

/// One attribute as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// White space before it.
    space: String,
    /// Name with prefix.
    pub(super) name: String,
    quote: char,
    /// Between the quotes, not decoded.
    pub(super) value: String,
}

impl Tag {
    /// Reads the tag that begins at `start`; `None` when none does.
    pub(super) fn read(text: &str, start: usize) -> Option<Tag> {
        let mut rest = text.get(start..)?.strip_prefix('<')?;
        let name = until(&mut rest, |c| {
            c.is_ascii_whitespace() || c == '/' || c == '>'
        });
        let mut attributes = Vec::new();
        loop {
            let space = until(&mut rest, |c| !c.is_ascii_whitespace());
            if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
                return Some(Tag {
                    range: start..text.len() - after.len(),
                    name: name.to_owned(),
                    attributes,
                    is_empty: rest.starts_with('/'),
                    rest: space.to_owned(),
                });
            }
            let attribute = until(&mut rest, |c| c.is_ascii_whitespace() || c == '=');
            rest = rest
                .trim_ascii_start()
                .strip_prefix('=')?
                .trim_ascii_start();
            let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c))?;
            rest = &rest[1..];
            let value = until(&mut rest, |c| c == quote);
            rest = rest.get(1..)?;
            attributes.push(Written {
                space: space.to_owned(),
                name: attribute.to_owned(),
                quote,
                value: value.to_owned(),
            });
        }
    }

    /// The value of an attribute.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.name == name)?;
        Some(&found.value)
    }

    /// Adds an attribute behind the others.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let space = match self.in_lines() {
            true => self.attributes.last().map_or(" ", |a| a.space.as_str()),
            false => " ",
        };
        self.attributes.push(Written {
            space: space.to_owned(),
            name: name.to_owned(),
            quote: '"',
            value: value.to_owned(),
        });
    }

    /// Takes an attribute away.
    pub(super) fn remove(&mut self, name: &str) {
        self.attributes.retain(|a| a.name != name);
    }

    /// Puts the attributes into order: declarations, the vocabulary's, those with a prefix, others. The white space keeps its places.
    pub(super) fn sort(&mut self, words: Option<&Vocabulary>) {
        let order = |name: &str| {
            let declaration = name == "xmlns" || name.starts_with("xmlns:");
            let known = words.and_then(|w| w.attributes.iter().position(|a| *a == name));
            match known {
                _ if declaration => (0, 0),
                Some(at) => (1, at),
                None if name.contains(':') => (2, 0),
                None => (3, 0),
            }
        };
        let spaces: Vec<String> = self.attributes.iter().map(|a| a.space.clone()).collect();
        // Stable: what the table does not order stays in the order in which it was written.
        self.attributes.sort_by_key(|a| order(&a.name));
        for (attribute, space) in self.attributes.iter_mut().zip(spaces) {
            attribute.space = space;
        }
    }

    /// True when the attributes are spread over lines: then somebody laid them out.
    fn in_lines(&self) -> bool {
        self.attributes.iter().any(|a| a.space.contains('\n'))
    }

    /// The tag's text.
    pub(super) fn write(&self) -> String {
        let in_lines = self.in_lines();
        let mut out = format!("<{}", self.name);
        for attribute in &self.attributes {
            out.push_str(if in_lines { &attribute.space } else { " " });
            // A value that holds the double quote keeps its single ones.
            let quote = if attribute.value.contains('"') {
                attribute.quote
            } else {
                '"'
            };
            out.push_str(&format!(
                "{}={quote}{}{quote}",
                attribute.name, attribute.value
            ));
        }
        if in_lines {
            out.push_str(&self.rest);
        }
        out + if self.is_empty { "/>" } else { ">" }
    }
}

fn until<'t>(rest: &mut &'t str, end: impl Fn(char) -> bool) -> &'t str {
    let at = rest.find(end).unwrap_or(rest.len());
    let (before, after) = rest.split_at(at);
    *rest = after;
    before
}
