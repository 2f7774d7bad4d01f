//! Where nodes stand: putting, taking out, and the links that this takes.

use super::*;

/// In front of which child a node comes to stand.
#[derive(Clone, Copy)]
enum Before {
    End,
    Child(NodeId),
}

impl Tree {
    /// Puts a node as the last child of an element or of the document; it is taken out of where it stood.
    ///
    /// # Errors
    /// [`EditError::Kind`], [`EditError::Cycle`] or [`EditError::Root`]; nothing has changed then.
    pub fn append(&mut self, parent: NodeId, child: NodeId) -> Result<(), EditError> {
        self.place(parent, child, Before::End)
    }

    /// Puts a node as the first child.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn prepend(&mut self, parent: NodeId, child: NodeId) -> Result<(), EditError> {
        match self.first_child(parent) {
            Some(first) if first == child => Ok(()),
            Some(first) => self.place(parent, child, Before::Child(first)),
            None => self.place(parent, child, Before::End),
        }
    }

    /// Puts a node in front of another.
    ///
    /// # Errors
    /// As [`append`](Self::append); [`EditError::Kind`] when `sibling` stands nowhere.
    pub fn insert_before(&mut self, sibling: NodeId, node: NodeId) -> Result<(), EditError> {
        let parent = self.parent_of_child(sibling)?;
        if sibling == node {
            return Ok(());
        }
        self.place(parent, node, Before::Child(sibling))
    }

    /// Puts a node behind another.
    ///
    /// # Errors
    /// As [`insert_before`](Self::insert_before).
    pub fn insert_after(&mut self, sibling: NodeId, node: NodeId) -> Result<(), EditError> {
        let parent = self.parent_of_child(sibling)?;
        match self.next_sibling(sibling) {
            _ if sibling == node => Ok(()),
            Some(next) if next == node => Ok(()),
            Some(next) => self.place(parent, node, Before::Child(next)),
            None => self.place(parent, node, Before::End),
        }
    }

    /// Puts a node in the place of another, which is taken out.
    ///
    /// # Errors
    /// As [`insert_before`](Self::insert_before).
    pub fn replace(&mut self, old: NodeId, new: NodeId) -> Result<(), EditError> {
        let parent = self.parent_of_child(old)?;
        if old == new {
            return Ok(());
        }
        // The document's element may be replaced by another, so the old one goes first.
        self.check(parent, new, Some(old))?;
        if self.parent(new).is_some() {
            self.detach(new);
        }
        let next = self.next_sibling(old);
        self.detach(old);
        let before = next.map_or(Before::End, Before::Child);
        self.place(parent, new, before)
    }

    /// Takes a node out, with everything below it and all declarations that it relies on.
    pub fn detach(&mut self, node: NodeId) {
        let Some(parent) = self.parent(node) else {
            return;
        };
        match self.kind(node) {
            // What a declaration says holds as long as a name may rely on it.
            Kind::Document | Kind::Namespace => {}
            Kind::Attribute => {
                self.unlink_attribute(node);
                self.record_mut(parent).set(TAG);
                self.changed(parent);
            }
            Kind::Element => {
                let needs = self.needs(node);
                self.unlink(node);
                self.bind_all(node, &needs);
            }
            _ => self.unlink(node),
        }
    }

    /// Throws away everything inside an element.
    pub fn remove_children(&mut self, node: NodeId) {
        let mut at = self.first_child(node);
        if at.is_none() {
            return;
        }
        self.record_mut(node).first = NONE;
        while let Some(child) = at {
            let record = self.record_mut(child);
            at = some(record.next);
            (record.parent, record.previous, record.next) = (NONE, NONE, NONE);
        }
        self.changed(node);
    }

    fn parent_of_child(&self, node: NodeId) -> Result<NodeId, EditError> {
        match (self.kind(node), self.parent(node)) {
            (Kind::Attribute | Kind::Namespace, _) | (_, None) => {
                Err(EditError::Kind("a node that is no child of another"))
            }
            (_, Some(parent)) => Ok(parent),
        }
    }

    fn place(&mut self, parent: NodeId, node: NodeId, before: Before) -> Result<(), EditError> {
        self.check(parent, node, None)?;
        if self.parent(node).is_some() {
            self.detach(node);
        }
        match before {
            Before::End => self.link_last(parent, node),
            Before::Child(sibling) => self.link_before(parent, node, sibling),
        }
        if self.is_element(node) {
            self.settle(node);
        }
        Ok(())
    }

    /// Can a node come to stand under a parent, in the place of `instead` if there is one?
    fn check(
        &self,
        parent: NodeId,
        node: NodeId,
        instead: Option<NodeId>,
    ) -> Result<(), EditError> {
        let kind = self.kind(node);
        if matches!(kind, Kind::Document | Kind::Attribute | Kind::Namespace) {
            return Err(EditError::Kind("only what can be a child can be put there"));
        }
        match self.kind(parent) {
            Kind::Element => {}
            Kind::Document => {
                let other = self.elements(Tree::DOCUMENT);
                let mut other = other.filter(|root| *root != node && Some(*root) != instead);
                let text = matches!(kind, Kind::Text | Kind::CData);
                if text || (kind == Kind::Element && other.next().is_some()) {
                    return Err(EditError::Root);
                }
            }
            _ => return Err(EditError::Kind("only an element has children")),
        }
        let mut above = std::iter::successors(Some(parent), |at| self.parent(*at));
        match kind == Kind::Element && above.any(|at| at == node) {
            true => Err(EditError::Cycle),
            false => Ok(()),
        }
    }

    /// Links a node that stands nowhere behind the last child.
    pub(in crate::soap::tree) fn link_last(&mut self, parent: NodeId, node: NodeId) {
        self.link(parent, node);
        self.moved(parent);
    }

    /// The same where this is no change of the parent: in a copy.
    pub(in crate::soap::tree) fn link(&mut self, parent: NodeId, node: NodeId) {
        let first = self.record(parent).first;
        match some(first) {
            None => {
                self.record_mut(parent).first = node.0;
                self.record_mut(node).previous = node.0;
            }
            Some(first) => {
                let last = self.record(first).previous;
                self.records[last as usize].next = node.0;
                self.record_mut(node).previous = last;
                self.record_mut(first).previous = node.0;
            }
        }
        let record = self.record_mut(node);
        record.next = NONE;
        record.parent = parent.0;
        self.ordered = false;
    }

    fn link_before(&mut self, parent: NodeId, node: NodeId, sibling: NodeId) {
        let previous = self.record(sibling).previous;
        self.record_mut(sibling).previous = node.0;
        let record = self.record_mut(node);
        record.parent = parent.0;
        record.next = sibling.0;
        record.previous = previous;
        if self.record(parent).first == sibling.0 {
            self.record_mut(parent).first = node.0;
        } else {
            self.records[previous as usize].next = node.0;
        }
        self.moved(parent);
    }

    fn moved(&mut self, parent: NodeId) {
        self.ordered = false;
        self.changed(parent);
    }

    fn unlink(&mut self, node: NodeId) {
        let Record {
            parent,
            previous,
            next,
            ..
        } = *self.record(node);
        let Some(parent) = some(parent) else {
            return;
        };
        let first = self.record(parent).first;
        if first == node.0 {
            self.record_mut(parent).first = next;
        } else {
            self.records[previous as usize].next = next;
        }
        // The list goes round backwards: the one behind, or the first when this was the last.
        let follower = if next != NONE { next } else { first };
        if follower != node.0 {
            self.records[follower as usize].previous = previous;
        }
        let record = self.record_mut(node);
        (record.parent, record.previous, record.next) = (NONE, NONE, NONE);
        self.changed(parent);
    }

    /// Makes the children of one element further children of another that declares all they need.
    pub(in crate::soap::tree) fn move_children(&mut self, from: NodeId, to: NodeId) {
        let children: Vec<NodeId> = self.children(from).collect();
        self.record_mut(from).first = NONE;
        for child in children {
            self.link_last(to, child);
        }
    }

    /// Links an attribute or a declaration behind the others of an element.
    pub(in crate::soap::tree) fn link_attribute(&mut self, element: NodeId, node: NodeId) {
        let record = self.record_mut(node);
        record.parent = element.0;
        record.next = NONE;
        match self.attribute_list(element).last() {
            Some(last) => self.record_mut(last).next = node.0,
            None => self.record_mut(element).attributes = node.0,
        }
        self.ordered = false;
    }

    pub(in crate::soap::tree) fn unlink_attribute(&mut self, node: NodeId) {
        let Some(element) = self.parent(node) else {
            return;
        };
        let next = self.record(node).next;
        let before = self
            .attribute_list(element)
            .find(|at| self.record(*at).next == node.0);
        match before {
            Some(before) => self.record_mut(before).next = next,
            None => self.record_mut(element).attributes = next,
        }
        let record = self.record_mut(node);
        (record.parent, record.next) = (NONE, NONE);
    }
}
