//! What prefixes mean where, and what a subtree relies on.

use smallvec::SmallVec;

use super::names::{Symbol, XML_NS, is_ncname};
use super::{ADDED, CHANGED, Kind, NodeId, Record, TAG, Tree};

/// Prefixes with what they mean.
pub(super) type Bindings = SmallVec<[(Symbol, Symbol); 8]>;

/// Longest value that is looked at for a prefix.
const QNAME_MAX: usize = 256;

impl Tree {
    /// The namespace that a prefix (empty: the default) means at a node; `None` when it means none.
    pub fn namespace_of(&self, node: NodeId, prefix: &str) -> Option<&str> {
        if prefix == "xml" {
            return Some(XML_NS);
        }
        match self.lookup(node, self.names.known(prefix)?) {
            None | Some(Symbol::EMPTY) => None,
            Some(namespace) => Some(self.names.text(namespace)),
        }
    }

    /// A prefix that means a namespace at a node; the innermost declaration wins, the empty prefix counts.
    pub fn prefix_of(&self, node: NodeId, namespace: &str) -> Option<&str> {
        if namespace == XML_NS {
            return Some("xml");
        }
        let namespace = self.names.known(namespace)?;
        let prefix = self.prefix_for(node, namespace, true)?;
        Some(self.names.text(prefix))
    }

    /// What a prefix is declared as; the default namespace that nobody declared is `None` too.
    pub(super) fn lookup(&self, node: NodeId, prefix: Symbol) -> Option<Symbol> {
        if prefix == Symbol::XML {
            return Some(Symbol::XML_NS);
        }
        let mut at = Some(node);
        while let Some(node) = at {
            let own = self.bindings(node).find(|(_, known, _)| *known == prefix);
            if let Some((_, _, namespace)) = own {
                return Some(namespace);
            }
            at = self.parent(node);
        }
        None
    }

    pub(super) fn prefix_for(
        &self,
        node: NodeId,
        namespace: Symbol,
        empty: bool,
    ) -> Option<Symbol> {
        let scope = self.in_scope(node);
        let mut fitting = scope.iter().rev().filter(|(_, known)| *known == namespace);
        fitting
            .find(|(prefix, _)| empty || *prefix != Symbol::EMPTY)
            .map(|(prefix, _)| *prefix)
    }

    /// Everything that is declared at a node, the innermost last; what was declared and taken back is there as nothing.
    pub(in crate::soap) fn in_scope(&self, node: NodeId) -> Vec<(Symbol, Symbol)> {
        let mut found: Vec<(Symbol, Symbol)> = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at {
            let outer = found.len();
            for (_, prefix, namespace) in self.bindings(node) {
                if !found[..outer].iter().any(|(known, _)| *known == prefix) {
                    found.push((prefix, namespace));
                }
            }
            at = self.parent(node);
        }
        found.reverse();
        found
    }

    /// The declarations that hold at an element, those of the outermost last; none that takes a default back.
    pub(in crate::soap) fn declarations_in_scope(
        &self,
        element: NodeId,
    ) -> impl Iterator<Item = NodeId> + '_ {
        let mut seen: SmallVec<[Symbol; 8]> = SmallVec::new();
        let around = std::iter::successors(Some(element), |at| self.parent(*at));
        around
            .flat_map(|node| self.bindings(node))
            .filter(move |(_, prefix, namespace)| {
                let hidden = seen.contains(prefix) || *prefix == Symbol::XML;
                seen.push(*prefix);
                !hidden && *namespace != Symbol::EMPTY
            })
            .map(|(node, _, _)| node)
    }

    /// The prefixes that a subtree uses and does not declare, with what they mean where it stands.
    pub(super) fn needs(&self, top: NodeId) -> Bindings {
        let mut needs = Bindings::new();
        // Declarations inside the subtree on the way down to where the walk stands, with their depths.
        let mut inner: Vec<(usize, Symbol)> = Vec::new();
        let (mut node, mut depth) = (top, 0);
        loop {
            inner.extend(self.bindings(node).map(|(_, prefix, _)| (depth, prefix)));
            self.uses(node, |prefix, meaning| {
                let declared = inner.iter().any(|(_, known)| *known == prefix);
                let known = needs.iter().any(|(known, _)| *known == prefix);
                if declared || known || prefix == Symbol::XML {
                    return;
                }
                // A value only looks like a qualified name where its prefix is declared.
                let meaning = meaning.or_else(|| self.lookup(top, prefix));
                if let Some(meaning) = meaning {
                    needs.push((prefix, meaning));
                }
            });
            if let Some(child) = self.first_child(node) {
                (node, depth) = (child, depth + 1);
                continue;
            }
            loop {
                if node == top {
                    return needs;
                }
                while inner.last().is_some_and(|(at, _)| *at >= depth) {
                    inner.pop();
                }
                if let Some(next) = self.next_sibling(node) {
                    node = next;
                    break;
                }
                let Some(parent) = self.parent(node) else {
                    return needs;
                };
                (node, depth) = (parent, depth - 1);
            }
        }
    }

    /// Reports the prefixes that a node itself uses: those of names with their meaning, those of values without.
    fn uses(&self, node: NodeId, mut report: impl FnMut(Symbol, Option<Symbol>)) {
        match self.kind(node) {
            Kind::Element => {
                let parts = self.names.parts(self.name_id(node));
                report(parts.prefix, Some(parts.namespace));
                for attribute in self.attributes(node) {
                    let parts = self.names.parts(self.name_id(attribute));
                    if parts.prefix != Symbol::EMPTY {
                        report(parts.prefix, Some(parts.namespace));
                    }
                    self.used_by_value(attribute, &mut report);
                }
            }
            Kind::Text | Kind::CData => self.used_by_value(node, &mut report),
            _ => {}
        }
    }

    /// `xsd:int` in a value: the prefix, when the tree knows it at all.
    fn used_by_value(&self, node: NodeId, report: &mut impl FnMut(Symbol, Option<Symbol>)) {
        let written = self.slice(self.record(node).range());
        if written.len() > QNAME_MAX {
            return;
        }
        if let Some((prefix, local)) = written.trim().split_once(':')
            && is_ncname(prefix)
            && is_ncname(local)
            && let Some(prefix) = self.names.known(prefix)
        {
            report(prefix, None);
        }
    }

    /// Writes a declaration on an element; what it had for that prefix is replaced.
    pub(super) fn bind(&mut self, element: NodeId, prefix: Symbol, namespace: Symbol, flags: u32) {
        let range = {
            let text = self.names.text(namespace).to_owned();
            self.keep_with(|out| super::encode::escape_value(out, &text))
        };
        let raw = super::text::is_raw(self.slice(range), Kind::Namespace);
        let flags = flags | if raw { super::RAW } else { 0 };
        let known = self
            .bindings(element)
            .find(|(_, known, _)| *known == prefix);
        let mut record = Record::new(Kind::Namespace, prefix.0, flags, range);
        record.first = namespace.0;
        match known {
            Some((node, _, _)) => {
                let old = *self.record(node);
                record.parent = old.parent;
                record.next = old.next;
                *self.record_mut(node) = record;
            }
            None => {
                let node = self.push(record);
                self.link_attribute(element, node);
            }
        }
        self.record_mut(element).set(TAG);
        self.changed(element);
    }

    /// Declares what a subtree relies on at its top, so that it stands on its own. The default namespace is always
    /// declared there, if only as none: what is added below must not change its meaning with the place of the whole.
    pub(super) fn bind_all(&mut self, element: NodeId, needs: &Bindings) {
        for (prefix, namespace) in needs {
            self.bind(element, *prefix, *namespace, ADDED);
        }
        if self.own_binding(element, Symbol::EMPTY).is_none() {
            self.bind(element, Symbol::EMPTY, Symbol::EMPTY, ADDED);
        }
    }

    /// The declaration of a prefix on an element itself.
    pub(super) fn own_binding(&self, element: NodeId, prefix: Symbol) -> Option<NodeId> {
        self.bindings(element)
            .find(|(_, known, _)| *known == prefix)
            .map(|(node, _, _)| node)
    }

    /// Takes back the declarations that were added to the top of a subtree and say what holds at its parent anyway, or
    /// nothing that matters.
    pub(super) fn settle(&mut self, element: NodeId) {
        let Some(parent) = self.parent(element) else {
            return;
        };
        let added: SmallVec<[(NodeId, Symbol, Symbol); 8]> = self
            .bindings(element)
            .filter(|(node, _, _)| self.record(*node).has(ADDED))
            .collect();
        for (node, prefix, namespace) in added {
            let outer = self.lookup(parent, prefix).unwrap_or(Symbol::EMPTY);
            if outer == namespace {
                self.unlink_attribute(node);
            } else if prefix == Symbol::EMPTY && namespace == Symbol::EMPTY {
                self.unlink_attribute(node);
                let used = |(prefix, meaning): &(Symbol, Symbol)| {
                    *prefix == Symbol::EMPTY && *meaning == Symbol::EMPTY
                };
                if self.needs(element).iter().any(used) {
                    self.link_attribute(element, node);
                }
            }
        }
    }

    /// Marks an element as no longer what the message says, and with it everything above.
    pub(super) fn changed(&mut self, node: NodeId) {
        let mut at = Some(node);
        while let Some(node) = at {
            let record = self.record_mut(node);
            if record.has(CHANGED) {
                return;
            }
            record.set(CHANGED);
            at = self.parent(node);
        }
    }
}
