//! Reading a tree: kinds, names, links.

use std::borrow::Cow;

use super::names::{Expanded, Symbol};
use super::{Kind, NONE, Name, Names, NodeId, Tree, some};

impl Tree {
    /// The document element.
    pub fn root(&self) -> Option<NodeId> {
        self.elements(Tree::DOCUMENT).next()
    }

    /// What a node is.
    pub fn kind(&self, node: NodeId) -> Kind {
        self.record(node).kind()
    }

    /// True for an element.
    pub fn is_element(&self, node: NodeId) -> bool {
        self.kind(node) == Kind::Element
    }

    /// True for character data, in whichever way it is written.
    pub fn is_text(&self, node: NodeId) -> bool {
        matches!(self.kind(node), Kind::Text | Kind::CData)
    }

    /// True for a text without a character.
    pub(in crate::soap) fn is_empty_text(&self, node: NodeId) -> bool {
        let record = self.record(node);
        record.start == record.end
    }

    /// The node above; of an attribute or a declaration, its element.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        some(self.record(node).parent)
    }

    /// The first child.
    pub fn first_child(&self, node: NodeId) -> Option<NodeId> {
        match self.kind(node) {
            Kind::Document | Kind::Element => some(self.record(node).first),
            _ => None,
        }
    }

    /// The last child.
    pub fn last_child(&self, node: NodeId) -> Option<NodeId> {
        let first = self.first_child(node)?;
        some(self.record(first).previous)
    }

    /// The next child of the same parent; of an attribute `None`.
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        match self.kind(node) {
            Kind::Attribute | Kind::Namespace => None,
            _ => some(self.record(node).next),
        }
    }

    /// The child of the same parent before this one; of an attribute `None`.
    pub fn previous_sibling(&self, node: NodeId) -> Option<NodeId> {
        let parent = self.parent(node)?;
        match self.kind(node) {
            Kind::Attribute | Kind::Namespace => None,
            _ if self.record(parent).first == node.0 => None,
            _ => some(self.record(node).previous),
        }
    }

    /// All children.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(node), |child| {
            some(self.record(*child).next)
        })
    }

    /// The children that are elements.
    pub fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(node).filter(|child| self.is_element(*child))
    }

    /// Everything below a node in document order, without attributes.
    pub fn descendants(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(node), move |at| self.following(*at, node))
    }

    /// The node behind `at` in document order, children first, inside `top`.
    pub(in crate::soap) fn following(&self, at: NodeId, top: NodeId) -> Option<NodeId> {
        self.first_child(at)
            .or_else(|| self.following_without(at, top))
    }

    /// The node behind `at` and everything below it, inside `top`.
    pub(in crate::soap) fn following_without(&self, mut at: NodeId, top: NodeId) -> Option<NodeId> {
        while at != top {
            match self.next_sibling(at) {
                Some(next) => return Some(next),
                None => at = self.parent(at)?,
            }
        }
        None
    }

    /// The first child element.
    pub fn first_element(&self, node: NodeId) -> Option<NodeId> {
        self.elements(node).next()
    }

    /// The first child element of that name.
    pub fn child(&self, node: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        let wanted = self.names.find(namespace, local)?;
        self.elements(node)
            .find(|child| self.expanded(*child) == wanted)
    }

    /// Attributes and declarations, as they are written.
    pub(in crate::soap) fn attribute_list(
        &self,
        node: NodeId,
    ) -> impl Iterator<Item = NodeId> + '_ {
        let first = match self.kind(node) {
            Kind::Element => self.record(node).attributes,
            _ => NONE,
        };
        std::iter::successors(some(first), |at| some(self.record(*at).next))
    }

    /// The attributes, without namespace declarations.
    pub fn attributes(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.attribute_list(node)
            .filter(|at| self.kind(*at) == Kind::Attribute)
    }

    /// The attribute of that name.
    pub fn attribute(&self, node: NodeId, namespace: &str, local: &str) -> Option<NodeId> {
        let wanted = self.names.find(namespace, local)?;
        self.attributes(node)
            .find(|at| self.expanded(*at) == wanted)
    }

    /// The value of the attribute of that name.
    pub fn attribute_value(
        &self,
        node: NodeId,
        namespace: &str,
        local: &str,
    ) -> Option<Cow<'_, str>> {
        self.attribute(node, namespace, local)
            .map(|at| self.value(at))
    }

    /// The namespace declarations that are written on an element: prefix and namespace.
    pub fn declarations(&self, node: NodeId) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.bindings(node)
            .map(|(_, prefix, namespace)| (self.names.text(prefix), self.names.text(namespace)))
    }

    /// The declarations of an element as nodes and symbols.
    pub(in crate::soap) fn bindings(
        &self,
        node: NodeId,
    ) -> impl Iterator<Item = (NodeId, Symbol, Symbol)> + '_ {
        self.attribute_list(node).filter_map(|at| {
            let record = self.record(at);
            (record.kind() == Kind::Namespace)
                .then(|| (at, Symbol(record.name()), Symbol(record.first)))
        })
    }

    /// The prefix that a declaration is about.
    pub(in crate::soap) fn declared_prefix(&self, declaration: NodeId) -> &str {
        self.names.text(Symbol(self.record(declaration).name()))
    }

    /// The name of an element or an attribute; of an instruction its target; else empty.
    pub fn name(&self, node: NodeId) -> Name<'_> {
        match self.kind(node) {
            Kind::Element | Kind::Attribute | Kind::Instruction => {
                self.names.get(self.name_id(node))
            }
            _ => Name::default(),
        }
    }

    /// True for an element or attribute of that name.
    pub fn is(&self, node: NodeId, namespace: &str, local: &str) -> bool {
        matches!(self.kind(node), Kind::Element | Kind::Attribute)
            && self.name(node).is(namespace, local)
    }

    /// The tables of names, for who compares many.
    pub(in crate::soap) fn names(&self) -> &Names {
        &self.names
    }

    /// The name of an element or attribute without its prefix, as a number.
    pub(in crate::soap) fn expanded(&self, node: NodeId) -> Expanded {
        self.names.expanded(self.name_id(node))
    }

    /// The namespace of an element or attribute.
    pub(in crate::soap) fn namespace_symbol(&self, node: NodeId) -> Symbol {
        self.names.parts(self.name_id(node)).namespace
    }

    /// True while a smaller number means "earlier in the document".
    pub(in crate::soap) fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// How many numbers were given to nodes, those that stand nowhere included.
    pub(in crate::soap) fn count(&self) -> usize {
        self.records.len()
    }
}

impl NodeId {
    /// The number.
    pub(in crate::soap) fn index(self) -> usize {
        self.0 as usize
    }
}
