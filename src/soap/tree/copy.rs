//! Copies of subtrees, from the same tree or from another.

use std::collections::HashMap;

use super::names::NameId;
use super::{CHANGED, Kind, NONE, NodeId, Range, Record, Tree, names::Symbol};

/// What of one tree is what of another.
#[derive(Default)]
struct Translation {
    names: HashMap<u32, u32>,
    symbols: HashMap<u32, u32>,
}

impl Tree {
    /// A copy of a node of another tree with everything below it, standing nowhere; it declares all that it relies on.
    /// Of a document, its element (an empty text when it has none).
    pub fn copy(&mut self, from: &Tree, node: NodeId) -> NodeId {
        let top = match from.kind(node) {
            Kind::Document => match from.root() {
                Some(root) => root,
                None => return self.create_text(""),
            },
            // As what it says, for an attribute cannot stand alone.
            Kind::Attribute | Kind::Namespace => return self.create_text(&from.value(node)),
            _ => node,
        };
        let mut translation = Translation::default();
        let copy = self.copy_subtree(from, top, &mut translation);
        if from.is_element(top) {
            let needs = from.needs(top);
            let needs = needs
                .iter()
                .map(|(prefix, namespace)| {
                    (
                        self.symbol_of(from, prefix.0, &mut translation),
                        self.symbol_of(from, namespace.0, &mut translation),
                    )
                })
                .map(|(prefix, namespace)| (Symbol(prefix), Symbol(namespace)))
                .collect();
            self.bind_all(copy, &needs);
        }
        copy
    }

    /// A copy of a node of this tree with everything below it, standing nowhere; it declares all that it relies on.
    pub fn duplicate(&mut self, node: NodeId) -> NodeId {
        // The texts and names stay where they are; only the nodes are new.
        let top = match self.kind(node) {
            Kind::Document => match self.root() {
                Some(root) => root,
                None => return self.create_text(""),
            },
            Kind::Attribute | Kind::Namespace => {
                let value = self.value(node).into_owned();
                return self.create_text(&value);
            }
            _ => node,
        };
        let needs = self.needs(top);
        let copy = self.duplicate_subtree(top);
        if self.is_element(copy) {
            self.bind_all(copy, &needs);
        }
        copy
    }

    fn duplicate_subtree(&mut self, top: NodeId) -> NodeId {
        let copy = self.duplicate_node(top);
        let (mut node, mut made) = (top, copy);
        loop {
            if let Some(child) = self.first_child(node) {
                let child_copy = self.duplicate_node(child);
                self.link(made, child_copy);
                (node, made) = (child, child_copy);
                continue;
            }
            loop {
                if node == top {
                    return copy;
                }
                let Some(parent) = self.parent(made) else {
                    return copy;
                };
                if let Some(next) = self.next_sibling(node) {
                    let next_copy = self.duplicate_node(next);
                    self.link(parent, next_copy);
                    (node, made) = (next, next_copy);
                    break;
                }
                let Some(above) = self.parent(node) else {
                    return copy;
                };
                (node, made) = (above, parent);
            }
        }
    }

    fn duplicate_node(&mut self, node: NodeId) -> NodeId {
        let copy = self.push(alone(*self.record(node)));
        let attributes: Vec<NodeId> = self.attribute_list(node).collect();
        for attribute in attributes {
            let attribute = self.push(alone(*self.record(attribute)));
            self.link_attribute(copy, attribute);
        }
        copy
    }

    fn copy_subtree(&mut self, from: &Tree, top: NodeId, known: &mut Translation) -> NodeId {
        let copy = self.copy_node(from, top, None, known);
        let mut made = copy;
        let mut node = top;
        // Texts inside an unchanged element were copied with it: how far its place here is from its place there.
        let mut shifts: Vec<Option<Shift>> = vec![self.shift(from, top, copy, None)];
        loop {
            if let Some(child) = from.first_child(node) {
                let shift = shifts.last().copied().flatten();
                let child_copy = self.copy_node(from, child, shift, known);
                self.link(made, child_copy);
                shifts.push(self.shift(from, child, child_copy, shift));
                (node, made) = (child, child_copy);
                continue;
            }
            loop {
                shifts.pop();
                if node == top {
                    return copy;
                }
                let Some(parent) = self.parent(made) else {
                    return copy;
                };
                if let Some(next) = from.next_sibling(node) {
                    let shift = shifts.last().copied().flatten();
                    let next_copy = self.copy_node(from, next, shift, known);
                    self.link(parent, next_copy);
                    shifts.push(self.shift(from, next, next_copy, shift));
                    (node, made) = (next, next_copy);
                    break;
                }
                let Some(above) = from.parent(node) else {
                    return copy;
                };
                (node, made) = (above, parent);
            }
        }
    }

    /// One node with its attributes.
    fn copy_node(
        &mut self,
        from: &Tree,
        node: NodeId,
        shift: Option<Shift>,
        known: &mut Translation,
    ) -> NodeId {
        let read = *from.record(node);
        let mut record = alone(read);
        let whole = read.kind() != Kind::Element || !read.has(CHANGED);
        let range = match shift {
            Some(shift) => shift.apply(read.range()),
            None if whole => self.keep(from.slice(read.range())),
            None => match from.tag_range(node) {
                Some(tag) => self.keep(from.slice(tag)),
                None => (0, 0),
            },
        };
        (record.start, record.end) = range;
        if matches!(read.kind(), Kind::Element | Kind::Instruction) {
            let name = self.name_of(from, read.name(), known);
            record.head = record.head & 0xff | name << 8;
        }
        let copy = self.push(record);
        let inner = self.shift(from, node, copy, shift);
        for attribute in from.attribute_list(node) {
            let read = *from.record(attribute);
            let mut record = alone(read);
            (record.start, record.end) = match inner {
                Some(shift) if shift.covers(read.range()) => shift.apply(read.range()),
                _ => self.keep(from.slice(read.range())),
            };
            let name = match read.kind() {
                Kind::Namespace => {
                    record.first = self.symbol_of(from, read.first, known);
                    self.symbol_of(from, read.name(), known)
                }
                _ => self.name_of(from, read.name(), known),
            };
            record.head = record.head & 0xff | name << 8;
            let attribute = self.push(record);
            self.link_attribute(copy, attribute);
        }
        copy
    }

    /// How texts inside an element moved with it; `None` when they have to be copied one by one.
    fn shift(
        &self,
        from: &Tree,
        node: NodeId,
        copy: NodeId,
        outer: Option<Shift>,
    ) -> Option<Shift> {
        let read = from.record(node);
        if outer.is_some() || read.kind() != Kind::Element || read.has(CHANGED) {
            return outer;
        }
        let made = self.record(copy);
        Some(Shift {
            there: read.range(),
            here: made.start,
        })
    }

    fn name_of(&mut self, from: &Tree, name: u32, known: &mut Translation) -> u32 {
        if let Some(name) = known.names.get(&name) {
            return *name;
        }
        let parts = from.names.parts(NameId(name));
        let mut symbol = |part: Symbol| Symbol(self.symbol_of(from, part.0, known));
        let (prefix, local) = (symbol(parts.prefix), symbol(parts.local));
        let namespace = symbol(parts.namespace);
        let own = self.names.name(prefix, local, namespace);
        known.names.insert(name, own.0);
        own.0
    }

    fn symbol_of(&mut self, from: &Tree, symbol: u32, known: &mut Translation) -> u32 {
        let own = known.symbols.entry(symbol);
        *own.or_insert_with(|| self.names.symbol(from.names.text(Symbol(symbol))).0)
    }
}

/// A range that was copied as a whole.
#[derive(Clone, Copy)]
struct Shift {
    there: Range,
    here: u32,
}

impl Shift {
    fn covers(self, range: Range) -> bool {
        self.there.0 <= range.0 && range.1 <= self.there.1
    }

    fn apply(self, range: Range) -> Range {
        let move_to = |at: u32| self.here + (at - self.there.0);
        (move_to(range.0), move_to(range.1))
    }
}

/// A node without its links.
fn alone(record: Record) -> Record {
    Record {
        parent: NONE,
        previous: NONE,
        next: NONE,
        first: match record.kind() {
            Kind::Namespace => record.first,
            _ => NONE,
        },
        attributes: NONE,
        ..record
    }
}
