//! The names of a tree, each kept once: a node holds a number, and a name test of XPath compares two numbers.

use std::sync::Arc;

use foldhash::HashMap;
use foldhash::HashMapExt as _;

use super::{NAME_MAX, Name};

/// A text that is kept once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::soap) struct Symbol(pub(super) u32);

impl Symbol {
    /// The empty text.
    pub(in crate::soap) const EMPTY: Symbol = Symbol(0);
    /// `xml`.
    pub(super) const XML: Symbol = Symbol(1);
    /// The namespace of `xml`.
    pub(super) const XML_NS: Symbol = Symbol(2);
}

/// The namespace that `xml` always means (Namespaces in XML, section 3).
pub(in crate::soap) const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of declarations, which nothing may be bound to.
pub(super) const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// A name with its prefix and its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::soap) struct NameId(pub(super) u32);

/// A name without its prefix: namespace and local name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::soap) struct Expanded(u32);

#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) prefix: Symbol,
    pub(super) local: Symbol,
    pub(super) namespace: Symbol,
    expanded: Expanded,
}

/// The tables of names. Hashed with a seed of the process, but quickly: every start tag asks here several times.
#[derive(Clone, Debug)]
pub(in crate::soap) struct Names {
    texts: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, Symbol>,
    names: Vec<Parts>,
    by_parts: HashMap<(Symbol, Symbol, Symbol), NameId>,
    expanded: HashMap<(Symbol, Symbol), Expanded>,
}

impl Names {
    pub(super) fn new() -> Names {
        let mut names = Names {
            texts: Vec::new(),
            by_text: HashMap::new(),
            names: Vec::new(),
            by_parts: HashMap::new(),
            expanded: HashMap::new(),
        };
        for text in ["", "xml", XML_NS] {
            names.symbol(text);
        }
        // Number 0: what has no name.
        names.name(Symbol::EMPTY, Symbol::EMPTY, Symbol::EMPTY);
        names
    }

    /// The symbol of a text, made when it is new.
    pub(super) fn symbol(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.by_text.get(text) {
            return *symbol;
        }
        let symbol = Symbol(self.texts.len() as u32);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.by_text.insert(text, symbol);
        symbol
    }

    /// The symbol of a text that the tree knows.
    pub(in crate::soap) fn known(&self, text: &str) -> Option<Symbol> {
        self.by_text.get(text).copied()
    }

    pub(in crate::soap) fn text(&self, symbol: Symbol) -> &str {
        self.texts
            .get(symbol.0 as usize)
            .map_or("", |text| text.as_ref())
    }

    /// The name of those parts, made when it is new.
    pub(super) fn name(&mut self, prefix: Symbol, local: Symbol, namespace: Symbol) -> NameId {
        if let Some(name) = self.by_parts.get(&(prefix, local, namespace)) {
            return *name;
        }
        let next = Expanded(self.expanded.len() as u32);
        let expanded = *self.expanded.entry((namespace, local)).or_insert(next);
        let name = NameId(self.names.len() as u32);
        self.names.push(Parts {
            prefix,
            local,
            namespace,
            expanded,
        });
        self.by_parts.insert((prefix, local, namespace), name);
        name
    }

    /// True when no more numbers fit beside a node's flags.
    pub(super) fn full(&self) -> bool {
        self.names.len().max(self.texts.len()) >= NAME_MAX as usize
    }

    pub(super) fn parts(&self, name: NameId) -> Parts {
        self.names[name.0 as usize]
    }

    pub(super) fn get(&self, name: NameId) -> Name<'_> {
        let parts = self.parts(name);
        Name {
            prefix: self.text(parts.prefix),
            local: self.text(parts.local),
            namespace: self.text(parts.namespace),
        }
    }

    pub(in crate::soap) fn expanded(&self, name: NameId) -> Expanded {
        self.parts(name).expanded
    }

    /// The number of an expanded name; `None` when no node can have it.
    pub(in crate::soap) fn find(&self, namespace: &str, local: &str) -> Option<Expanded> {
        let key = (self.known(namespace)?, self.known(local)?);
        self.expanded.get(&key).copied()
    }
}

/// True for a name without a colon (Namespaces in XML, production 4).
pub(super) fn is_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

/// `NameStartChar` of XML 1.0 (fifth edition), without the colon.
pub(in crate::soap) fn starts_name(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` of XML 1.0 (fifth edition), without the colon.
pub(in crate::soap) fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}'
            | '\u{203f}'..='\u{2040}')
}
