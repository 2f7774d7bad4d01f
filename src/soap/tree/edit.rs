//! Changing a tree: new nodes, where they stand, what they say.
//!
//! A new node stands nowhere until it is put somewhere. Texts may hold anything: markup is escaped, characters that XML
//! forbids become U+FFFD. What is taken out takes along the declarations that it relies on.

use super::names::{Symbol, is_ncname};
use super::{
    ADDED, CHANGED, Kind, NONE, NewName, NodeId, RAW, Range, Record, SINGLE, TAG, Tree, encode,
    some, text,
};

mod place;

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Not a name without a colon.
    #[error("`{0}` is no XML name")]
    Name(String),
    /// A node of this kind cannot be there.
    #[error("{0}")]
    Kind(&'static str),
    /// A node cannot come to stand inside itself.
    #[error("a node cannot be put inside itself")]
    Cycle,
    /// A document has one element and no text.
    #[error("a document has one element and no text")]
    Root,
    /// The prefix means something else here or below.
    #[error("the prefix `{0}` means something else already")]
    Declared(String),
}

impl Tree {
    /// A new element.
    ///
    /// # Errors
    /// [`EditError::Name`] for what is no name.
    pub fn create_element(&mut self, name: NewName<'_>) -> Result<NodeId, EditError> {
        let (prefix, local, namespace) = self.symbols(name)?;
        let prefix = match (prefix, namespace) {
            (_, Symbol::EMPTY) => Symbol::EMPTY,
            (Symbol::XML, namespace) if namespace != Symbol::XML_NS => self.names.symbol("ns"),
            (prefix, _) => prefix,
        };
        let name = self.names.name(prefix, local, namespace);
        let element = self.push(Record::new(Kind::Element, name.0, CHANGED | TAG, (0, 0)));
        let needs = [(prefix, namespace)].into_iter();
        let needs = needs.filter(|(prefix, _)| *prefix != Symbol::XML).collect();
        self.bind_all(element, &needs);
        Ok(element)
    }

    /// A new text.
    pub fn create_text(&mut self, text: &str) -> NodeId {
        let (range, flags) = self.keep_content(text);
        self.push(Record::new(Kind::Text, 0, flags, range))
    }

    /// A new CDATA section; a text where one section cannot hold it.
    pub fn create_cdata(&mut self, text: &str) -> NodeId {
        if text.contains("]]>") || text.contains('\r') || text.contains(encode::is_forbidden) {
            return self.create_text(text);
        }
        let range = self.keep(text);
        self.push(Record::new(Kind::CData, 0, 0, range))
    }

    /// A new comment; `--` becomes `- -`.
    pub fn create_comment(&mut self, text: &str) -> NodeId {
        let range = self.keep_comment(text);
        self.push(Record::new(Kind::Comment, 0, 0, range))
    }

    /// A new element as the last child of another.
    ///
    /// # Errors
    /// [`EditError::Name`], and those of [`append`](Self::append).
    pub fn add_element(&mut self, parent: NodeId, name: NewName<'_>) -> Result<NodeId, EditError> {
        let element = self.create_element(name)?;
        self.append(parent, element)?;
        Ok(element)
    }

    /// A new text as the last child of an element.
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    pub fn add_text(&mut self, parent: NodeId, text: &str) -> Result<NodeId, EditError> {
        let node = self.create_text(text);
        self.append(parent, node)?;
        Ok(node)
    }

    /// Makes a text the only child of an element.
    pub fn set_text(&mut self, element: NodeId, text: &str) {
        if !self.is_element(element) {
            return;
        }
        self.remove_children(element);
        if !text.is_empty() {
            let node = self.create_text(text);
            self.link_last(element, node);
        }
    }

    /// Changes a text, CDATA section, comment or attribute; of other nodes nothing.
    pub fn set_value(&mut self, node: NodeId, value: &str) {
        let kind = self.kind(node);
        let (range, flags) = match kind {
            Kind::Text => self.keep_content(value),
            Kind::CData => {
                // A section that cannot hold it becomes a text.
                let made = self.create_cdata(value);
                let made = *self.record(made);
                let record = self.record_mut(node);
                record.head = made.head;
                (made.range(), if made.has(RAW) { RAW } else { 0 })
            }
            Kind::Comment => (self.keep_comment(value), 0),
            Kind::Attribute => self.keep_value(value),
            _ => return,
        };
        let record = self.record_mut(node);
        record.clear(RAW | SINGLE);
        record.set(flags);
        (record.start, record.end) = range;
        if let Some(parent) = self.parent(node) {
            if kind == Kind::Attribute {
                self.record_mut(parent).set(TAG);
            }
            self.changed(parent);
        }
    }

    /// Sets an attribute; one of that name gets the new value and keeps its place.
    ///
    /// # Errors
    /// [`EditError::Name`]; [`EditError::Kind`] when `element` is none.
    pub fn set_attribute(
        &mut self,
        element: NodeId,
        name: NewName<'_>,
        value: &str,
    ) -> Result<NodeId, EditError> {
        if !self.is_element(element) {
            return Err(EditError::Kind("only an element has attributes"));
        }
        let (prefix, local, namespace) = self.symbols(name)?;
        if prefix == Symbol::EMPTY && name.local == "xmlns" {
            return Err(EditError::Name("xmlns".to_owned()));
        }
        if let Some(known) = self.attribute(element, name.namespace, name.local) {
            self.set_value(known, value);
            return Ok(known);
        }
        let prefix = self.usable_prefix(element, prefix, namespace, true);
        let name = self.names.name(prefix, local, namespace);
        let (range, flags) = self.keep_value(value);
        let node = self.push(Record::new(Kind::Attribute, name.0, flags, range));
        self.link_attribute(element, node);
        self.record_mut(element).set(TAG);
        self.changed(element);
        Ok(node)
    }

    /// Gives an element or attribute another name; what is below keeps its names.
    ///
    /// # Errors
    /// [`EditError::Name`]; [`EditError::Kind`] for other nodes.
    pub fn rename(&mut self, node: NodeId, name: NewName<'_>) -> Result<(), EditError> {
        let kind = self.kind(node);
        if !matches!(kind, Kind::Element | Kind::Attribute) {
            return Err(EditError::Kind("only elements and attributes have names"));
        }
        let (prefix, local, namespace) = self.symbols(name)?;
        let element = match kind {
            Kind::Element => node,
            _ => self
                .parent(node)
                .ok_or(EditError::Kind("an attribute of no element"))?,
        };
        let prefix = match kind {
            Kind::Attribute => self.usable_prefix(element, prefix, namespace, true),
            _ => {
                // Without the old name the element itself does not hold its prefix any more.
                let nameless = self.names.name(Symbol::XML, local, Symbol::XML_NS);
                self.set_name(node, nameless.0);
                self.usable_prefix(element, prefix, namespace, false)
            }
        };
        let name = self.names.name(prefix, local, namespace);
        self.set_name(node, name.0);
        self.record_mut(element).set(TAG);
        self.changed(element);
        Ok(())
    }

    /// Declares a prefix on an element, unless it means that there already.
    ///
    /// # Errors
    /// [`EditError::Declared`] when it means something else on this element or for what is below;
    /// [`EditError::Name`] for what is no prefix.
    pub fn declare(
        &mut self,
        element: NodeId,
        prefix: &str,
        namespace: &str,
    ) -> Result<(), EditError> {
        if !self.is_element(element) {
            return Err(EditError::Kind("only an element has declarations"));
        }
        if !prefix.is_empty() && (!is_ncname(prefix) || namespace.is_empty() || prefix == "xmlns") {
            return Err(EditError::Name(prefix.to_owned()));
        }
        let (symbol, meaning) = (self.names.symbol(prefix), self.names.symbol(namespace));
        if self.lookup(element, symbol).unwrap_or(Symbol::EMPTY) == meaning {
            return Ok(());
        }
        let own = self.own_binding(element, symbol);
        let spare = own.is_none_or(|node| {
            self.record(node).has(ADDED) && self.record(node).first == Symbol::EMPTY.0
        });
        if !spare || symbol == Symbol::XML || self.relies_on(element, symbol) {
            return Err(EditError::Declared(prefix.to_owned()));
        }
        self.bind(element, symbol, meaning, 0);
        Ok(())
    }

    fn set_name(&mut self, node: NodeId, name: u32) {
        let record = self.record_mut(node);
        record.head = record.head & 0xff | name << 8;
    }

    /// Checks a name and keeps its parts: prefix, local name, namespace.
    fn symbols(&mut self, name: NewName<'_>) -> Result<(Symbol, Symbol, Symbol), EditError> {
        let prefix = name.prefix;
        if !is_ncname(name.local) || self.names.full() {
            return Err(EditError::Name(name.local.to_owned()));
        }
        if (!prefix.is_empty() && !is_ncname(prefix)) || prefix == "xmlns" {
            return Err(EditError::Name(prefix.to_owned()));
        }
        Ok((
            self.names.symbol(prefix),
            self.names.symbol(name.local),
            self.names.symbol(name.namespace),
        ))
    }

    /// The prefix under which a name can stand on an element: the wish where it fits, else another that means the
    /// same, else the wish or a new one after declaring it.
    fn usable_prefix(
        &mut self,
        element: NodeId,
        wish: Symbol,
        namespace: Symbol,
        attribute: bool,
    ) -> Symbol {
        if namespace == Symbol::XML_NS {
            return Symbol::XML;
        }
        if namespace == Symbol::EMPTY {
            if !attribute
                && self
                    .lookup(element, Symbol::EMPTY)
                    .is_some_and(|n| n != Symbol::EMPTY)
            {
                self.take_over(element, Symbol::EMPTY, Symbol::EMPTY);
            }
            return Symbol::EMPTY;
        }
        let named = |prefix: Symbol| !attribute || prefix != Symbol::EMPTY;
        if named(wish) && self.lookup(element, wish) == Some(namespace) {
            return wish;
        }
        let free = named(wish)
            && wish != Symbol::XML
            && (!attribute || self.lookup(element, wish).is_none())
            && !self.names_use(element, wish);
        if free {
            self.take_over(element, wish, namespace);
            return wish;
        }
        if let Some(known) = self.prefix_for(element, namespace, !attribute) {
            return known;
        }
        let mut number = 1;
        let fresh = loop {
            let prefix = self.names.symbol(&format!("ns{number}"));
            if self.lookup(element, prefix).is_none() {
                break prefix;
            }
            number += 1;
        };
        self.bind(element, fresh, namespace, ADDED);
        fresh
    }

    /// True when the names of an element itself use a prefix.
    fn names_use(&self, element: NodeId, prefix: Symbol) -> bool {
        let used = |node: NodeId| self.names.parts(self.name_id(node)).prefix == prefix;
        used(element) || (prefix != Symbol::EMPTY && self.attributes(element).any(used))
    }

    /// True when an element or what is below it relies on what a prefix means around it.
    fn relies_on(&self, element: NodeId, prefix: Symbol) -> bool {
        self.names_use(element, prefix)
            || self.elements(element).any(|child| {
                let needs = self.needs(child);
                needs.iter().any(|(needed, _)| *needed == prefix)
            })
    }

    /// Declares a prefix anew on an element; the children that rely on its old meaning get that declared on themselves.
    fn take_over(&mut self, element: NodeId, prefix: Symbol, namespace: Symbol) {
        let old = self.lookup(element, prefix).unwrap_or(Symbol::EMPTY);
        let relying: Vec<NodeId> = self
            .elements(element)
            .filter(|child| {
                self.needs(*child)
                    .iter()
                    .any(|(needed, _)| *needed == prefix)
            })
            .collect();
        for child in relying {
            self.bind(child, prefix, old, ADDED);
        }
        self.bind(element, prefix, namespace, ADDED);
    }

    fn keep_content(&mut self, text: &str) -> (Range, u32) {
        let range = self.keep_with(|out| encode::escape_content(out, text));
        let raw = text::is_raw(self.slice(range), Kind::Text);
        (range, if raw { RAW } else { 0 })
    }

    fn keep_value(&mut self, value: &str) -> (Range, u32) {
        let range = self.keep_with(|out| encode::escape_value(out, value));
        let raw = text::is_raw(self.slice(range), Kind::Attribute);
        (range, if raw { RAW } else { 0 })
    }

    fn keep_comment(&mut self, text: &str) -> Range {
        self.keep_with(|out| {
            let mut dash = false;
            for c in text.chars() {
                if c == '-' && dash {
                    out.push(' ');
                }
                dash = c == '-';
                out.push(match c {
                    '\r' => '\n',
                    c if encode::is_forbidden(c) => '\u{fffd}',
                    c => c,
                });
            }
            if dash {
                out.push(' ');
            }
        })
    }
}
