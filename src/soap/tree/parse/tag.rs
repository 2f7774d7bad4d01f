//! One start tag: its name, its attributes, the namespaces that it declares.

use super::build::Builder;
use super::*;
use crate::soap::scan::{Cursor, ScanError};
use crate::soap::tree::names::{Expanded, XML_NS, XMLNS_NS};
use crate::soap::tree::{NAME_MAX, SINGLE};

/// An attribute as it is written.
struct Written<'s> {
    name: &'s str,
    /// Place of the name.
    at: usize,
    value: (usize, usize),
    raw: bool,
    single: bool,
}

/// Prefix of a declaration; the empty one of `xmlns` alone.
fn declared_prefix(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns") {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix(':'),
        None => None,
    }
}

impl<'s> Builder<'_, 's> {
    /// Reads the tag between `<` at `range.0` and its end (without `/`) into the element.
    pub(super) fn tag(
        &mut self,
        source: &'s str,
        range: (usize, usize),
        node: NodeId,
    ) -> Result<(), Problem> {
        let outer = self.scope.len();
        let mut cursor = Cursor::new(&source.as_bytes()[..range.1], range.0 + 1);
        let name = cursor.name();
        let name_at = name.0 as usize;
        let name = self.cut(&source[name.0 as usize..name.1 as usize], name_at)?;
        let attributes = self.attributes(source, &mut cursor)?;
        for attribute in &attributes {
            if let Some(prefix) = declared_prefix(attribute.name) {
                self.declare(source, outer, attribute, prefix)?;
            }
        }
        let namespace = self.resolve(name.0, name_at)?;
        let name = self.tree.names.name(name.0, name.1, namespace);
        self.named(node, name.0)?;
        let mut last = NONE;
        let mut seen: SmallVec<[Expanded; 16]> = SmallVec::new();
        for attribute in &attributes {
            let added = match declared_prefix(attribute.name) {
                Some(prefix) => self.declaration(prefix, attribute),
                None => {
                    let (prefix, local) = self.cut(attribute.name, attribute.at)?;
                    let namespace = match prefix {
                        Symbol::EMPTY => Symbol::EMPTY,
                        prefix => self.resolve(prefix, attribute.at)?,
                    };
                    let name = self.tree.names.name(prefix, local, namespace);
                    seen.push(self.tree.names.expanded(name));
                    if name.0 > NAME_MAX {
                        return Err(Problem::Limit("names"));
                    }
                    self.attribute(Kind::Attribute, name.0, attribute)
                }
            };
            let records = &mut self.tree.records;
            records[added.index()].parent = node.0;
            match records.get_mut(last as usize) {
                Some(last) => last.next = added.0,
                None => records[node.index()].attributes = added.0,
            }
            last = added.0;
        }
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Problem::at("an attribute that is there twice", range.0));
        }
        Ok(())
    }

    fn named(&mut self, node: NodeId, name: u32) -> Result<(), Problem> {
        if name > NAME_MAX {
            return Err(Problem::Limit("names"));
        }
        self.tree.record_mut(node).head |= name << 8;
        Ok(())
    }

    fn attributes(
        &self,
        source: &'s str,
        cursor: &mut Cursor<'_>,
    ) -> Result<SmallVec<[Written<'s>; 8]>, Problem> {
        let mut out = SmallVec::new();
        loop {
            let spaced = cursor.blank();
            let at = cursor.position();
            if cursor.at_end() {
                return Ok(out);
            }
            if !spaced {
                return Err(Problem::at("attributes without a space between", at));
            }
            let (name, value) = cursor.attribute().map_err(|error| match error {
                ScanError::Malformed(what) => Problem::at(what, at),
                other => Problem::at(other.to_string(), at),
            })?;
            let value = (value.0 as usize, value.1 as usize);
            let written = &source[value.0..value.1];
            let raw = text::is_raw(written, Kind::Attribute);
            if raw {
                references(written, value.0)?;
            }
            if let Some(found) = memchr::memchr(b'<', written.as_bytes()) {
                return Err(Problem::at("`<` in an attribute", value.0 + found));
            }
            if out.len() >= self.limits.attributes {
                return Err(Problem::Limit("attributes"));
            }
            out.push(Written {
                name: &source[name.0 as usize..name.1 as usize],
                at: name.0 as usize,
                value,
                raw,
                single: source.as_bytes()[value.0 - 1] == b'\'',
            });
        }
    }

    /// Brings a declaration into scope.
    fn declare(
        &mut self,
        source: &str,
        outer: usize,
        attribute: &Written<'_>,
        prefix: &str,
    ) -> Result<(), Problem> {
        let at = attribute.at;
        let mut value = String::new();
        text::resolve(
            &source[attribute.value.0..attribute.value.1],
            Kind::Namespace,
            &mut value,
        );
        let wrong = match prefix {
            "xmlns" => Some("`xmlns` cannot be declared"),
            "xml" if value != XML_NS => Some("`xml` cannot mean something else"),
            _ if prefix != "xml" && value == XML_NS => Some("another prefix for `xml`"),
            _ if value == XMLNS_NS => Some("a prefix for declarations"),
            "" if attribute.name.ends_with(':') => Some("a prefix that is no name"),
            "" => None,
            _ if value.is_empty() => Some("a prefix that is declared as nothing"),
            _ if !is_ncname(prefix) => Some("a prefix that is no name"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Problem::at(wrong, at));
        }
        if prefix.len() > self.limits.name {
            return Err(Problem::Limit("names"));
        }
        let (prefix, namespace) = (self.symbol(prefix)?, self.symbol(&value)?);
        let own = &self.scope[outer..];
        if own.iter().any(|(known, _)| *known == prefix) {
            return Err(Problem::at(
                "a prefix that is declared twice in one tag",
                at,
            ));
        }
        if self.scope.len() >= self.limits.namespaces {
            return Err(Problem::Limit("namespaces"));
        }
        self.scope.push((prefix, namespace));
        Ok(())
    }

    /// What a prefix means here.
    fn resolve(&self, prefix: Symbol, at: usize) -> Result<Symbol, Problem> {
        if prefix == Symbol::XML {
            return Ok(Symbol::XML_NS);
        }
        let found = self.scope.iter().rev().find(|(known, _)| *known == prefix);
        match found {
            Some((_, namespace)) => Ok(*namespace),
            None if prefix == Symbol::EMPTY => Ok(Symbol::EMPTY),
            None => {
                let prefix = self.tree.names.text(prefix);
                Err(Problem::at(
                    format!("the prefix `{prefix}` is not declared"),
                    at,
                ))
            }
        }
    }

    fn declaration(&mut self, prefix: &str, attribute: &Written<'_>) -> NodeId {
        let prefix = self.tree.names.symbol(prefix);
        let node = self.attribute(Kind::Namespace, prefix.0, attribute);
        let namespace = self.scope.iter().rev().find(|(known, _)| *known == prefix);
        self.tree.record_mut(node).first = namespace
            .map_or(Symbol::EMPTY, |(_, namespace)| *namespace)
            .0;
        node
    }

    fn attribute(&mut self, kind: Kind, name: u32, attribute: &Written<'_>) -> NodeId {
        let mut flags = 0;
        if attribute.raw {
            flags |= RAW;
        }
        if attribute.single {
            flags |= SINGLE;
        }
        let range = (
            self.base + attribute.value.0 as u32,
            self.base + attribute.value.1 as u32,
        );
        self.tree.push(Record::new(kind, name, flags, range))
    }

    /// Cuts a name at its colon and checks it, once per spelling.
    fn cut(&mut self, name: &'s str, at: usize) -> Result<(Symbol, Symbol), Problem> {
        if let Some(known) = self.cut.get(name) {
            return Ok(*known);
        }
        if name.len() > self.limits.name {
            return Err(Problem::Limit("names"));
        }
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, name),
        };
        if !is_ncname(local) || prefix.is_some_and(|prefix| !is_ncname(prefix)) {
            return Err(Problem::at(format!("`{name}` is no name"), at));
        }
        let cut = (self.symbol(prefix.unwrap_or(""))?, self.symbol(local)?);
        self.cut.insert(name, cut);
        Ok(cut)
    }
}

/// Checks the references of an attribute's value.
fn references(written: &str, at: usize) -> Result<(), Problem> {
    for start in memchr::memchr_iter(b'&', written.as_bytes()) {
        let rest = &written[start + 1..];
        let known = rest
            .find(';')
            .is_some_and(|end| reference(&rest.as_bytes()[..end]).is_some());
        if !known {
            return Err(Problem::at("an unknown reference", at + start));
        }
    }
    Ok(())
}
