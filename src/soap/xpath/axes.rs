//! Steps: from nodes along an axis to those that pass the node test and the predicates (section 2).

use std::ops::Range;

use super::XPathError;
use super::evaluate::Evaluator;
use super::expr::{Axis, Expr, Step, Test};
use super::value::{Item, text_run};
use crate::soap::tree::{Expanded, Kind, NodeId, Symbol, Tree};

/// A node test with the numbers that the tree gave to its names.
enum Matcher<'e> {
    Node,
    Text,
    Comment,
    Instruction(Option<&'e str>),
    Any,
    Namespace(Symbol),
    Name(Expanded),
    /// A name that no node of the tree has.
    Nothing,
}

impl<'e> Matcher<'e> {
    fn new(test: &'e Test, tree: &Tree) -> Self {
        match test {
            Test::Node => Matcher::Node,
            Test::Text => Matcher::Text,
            Test::Comment => Matcher::Comment,
            Test::Instruction(target) => Matcher::Instruction(target.as_deref()),
            Test::Any => Matcher::Any,
            Test::Namespace(namespace) => tree
                .names()
                .known(namespace)
                .map_or(Matcher::Nothing, Matcher::Namespace),
            Test::Name { namespace, local } => tree
                .names()
                .find(namespace, local)
                .map_or(Matcher::Nothing, Matcher::Name),
        }
    }

    /// Does a node pass? `principal` is the kind that names are about.
    fn accepts(&self, tree: &Tree, node: NodeId, principal: Kind) -> bool {
        let kind = tree.kind(node);
        match self {
            Matcher::Name(name) => kind == principal && tree.expanded(node) == *name,
            Matcher::Any => kind == principal,
            Matcher::Namespace(namespace) => {
                kind == principal && tree.namespace_symbol(node) == *namespace
            }
            Matcher::Node => match kind {
                Kind::Text | Kind::CData => is_text_node(tree, node),
                _ => true,
            },
            Matcher::Text => matches!(kind, Kind::Text | Kind::CData) && is_text_node(tree, node),
            Matcher::Comment => kind == Kind::Comment,
            Matcher::Instruction(target) => {
                kind == Kind::Instruction
                    && target.is_none_or(|target| tree.name(node).local == target)
            }
            Matcher::Nothing => false,
        }
    }
}

/// True for a text that is not the same text node as the one before it, and not empty.
fn is_text_node(tree: &Tree, node: NodeId) -> bool {
    let goes_on = tree
        .previous_sibling(node)
        .is_some_and(|before| tree.is_text(before));
    !goes_on && text_run(tree, node).any(|part| !tree.is_empty_text(part))
}

/// One step from one node.
struct Walk<'w, 'x> {
    evaluator: &'w Evaluator<'w, 'x>,
    tree: &'x Tree,
    matcher: &'w Matcher<'x>,
    at: &'w Range<usize>,
    /// How many are enough.
    most: usize,
    out: &'w mut Vec<Item>,
}

impl Walk<'_, '_> {
    fn take(
        &mut self,
        nodes: impl Iterator<Item = NodeId>,
        principal: Kind,
    ) -> Result<(), XPathError> {
        for node in nodes {
            if self.out.len() >= self.most {
                break;
            }
            self.evaluator.charge(1, self.at)?;
            if self.matcher.accepts(self.tree, node, principal) {
                self.out.push(node.into());
            }
        }
        Ok(())
    }

    fn elements(&mut self, nodes: impl Iterator<Item = NodeId>) -> Result<(), XPathError> {
        self.take(nodes, Kind::Element)
    }

    fn namespaces(&mut self, element: NodeId, test: &Test) -> Result<(), XPathError> {
        let tree = self.tree;
        if !tree.is_element(element) {
            return Ok(());
        }
        let wanted = |item: &Item| match test {
            Test::Node | Test::Any => true,
            Test::Name { namespace, local } => namespace.is_empty() && item.local(tree) == &**local,
            _ => false,
        };
        let mut items = vec![Item::namespace(element, Tree::DOCUMENT)];
        items.extend(
            tree.declarations_in_scope(element)
                .map(|declaration| Item::namespace(element, declaration)),
        );
        self.evaluator.charge(items.len(), self.at)?;
        self.out.extend(items.into_iter().filter(wanted));
        Ok(())
    }

    /// What stands in front of a node and is not around it, the nearest first.
    fn preceding(&mut self, node: NodeId) -> Result<(), XPathError> {
        let tree = self.tree;
        let mut around = Some(node);
        while let Some(at) = around {
            let mut before = tree.previous_sibling(at);
            while let Some(sibling) = before {
                // The subtree of the sibling, backwards: from its deepest last node up to itself.
                let mut last = deepest(tree, sibling);
                loop {
                    self.elements(std::iter::once(last))?;
                    if last == sibling {
                        break;
                    }
                    last = match tree.previous_sibling(last) {
                        Some(previous) => deepest(tree, previous),
                        None => match tree.parent(last) {
                            Some(parent) => parent,
                            None => break,
                        },
                    };
                }
                before = tree.previous_sibling(sibling);
            }
            around = tree.parent(at);
        }
        Ok(())
    }
}

fn deepest(tree: &Tree, node: NodeId) -> NodeId {
    std::iter::successors(Some(node), |at| tree.last_child(*at))
        .last()
        .unwrap_or(node)
}

impl<'x> Evaluator<'_, 'x> {
    /// The nodes that a step leads to, in document order.
    pub(super) fn step(&self, step: &'x Step, from: &[Item]) -> Result<Vec<Item>, XPathError> {
        let Some(tree) = self.tree else {
            return Ok(Vec::new());
        };
        let matcher = Matcher::new(&step.test, tree);
        let first = match step.predicates.first() {
            Some(Expr::Number(wanted)) if *wanted >= 1.0 && *wanted < 1e6 => *wanted as usize,
            _ => usize::MAX,
        };
        let nested = step.predicates.is_empty()
            && matches!(step.axis, Axis::Descendant | Axis::DescendantOrSelf);
        let mut out = Vec::new();
        let mut covered: Option<NodeId> = None;
        for item in from {
            // What is below a node is below those around it, which came first.
            if nested
                && let Some(node) = item.node()
                && let Some(above) = covered
                && self.is_below(tree, node, above, step)?
            {
                continue;
            }
            covered = item.node();
            let start = out.len();
            let mut walk = Walk {
                evaluator: self,
                tree,
                matcher: &matcher,
                at: &step.at,
                most: first.saturating_add(start),
                out: &mut out,
            };
            walk.along(step, *item)?;
            self.filter(&step.predicates, &mut out, start, &step.at)?;
            if step.axis.is_reverse() {
                out[start..].reverse();
            }
        }
        if from.len() > 1 {
            self.in_order(&mut out, &step.at)?;
        }
        Ok(out)
    }

    fn is_below(
        &self,
        tree: &Tree,
        node: NodeId,
        above: NodeId,
        step: &Step,
    ) -> Result<bool, XPathError> {
        let mut at = tree.parent(node);
        while let Some(parent) = at {
            self.charge(1, &step.at)?;
            if parent == above {
                return Ok(true);
            }
            at = tree.parent(parent);
        }
        Ok(false)
    }

    /// Puts nodes into document order, each once.
    pub(super) fn in_order(
        &self,
        items: &mut Vec<Item>,
        at: &Range<usize>,
    ) -> Result<(), XPathError> {
        let Some(tree) = self.tree else {
            return Ok(());
        };
        if items.len() < 2 {
            return Ok(());
        }
        self.charge(items.len(), at)?;
        if !tree.is_ordered() && self.ranks.get().is_none() {
            self.charge(tree.count(), at)?;
        }
        let key = |item: &Item| self.rank(tree, *item);
        if !items.is_sorted_by(|a, b| key(a) < key(b)) {
            items.sort_by_cached_key(key);
            items.dedup();
        }
        Ok(())
    }

    /// Where an item stands in the document: its node, and for the namespaces of an element, behind it.
    fn rank(&self, tree: &Tree, item: Item) -> (u32, u32) {
        let place = |node: NodeId| match tree.is_ordered() {
            true => node.index() as u32,
            false => {
                let ranks = self.ranks.get_or_init(|| ranks(tree));
                ranks.get(node.index()).copied().unwrap_or(u32::MAX)
            }
        };
        let namespace = item.declaration().map_or(0, |node| node.index() as u32 + 1);
        match place(item.anchor()) {
            // What stands outside the document keeps the order in which it was made.
            u32::MAX => (u32::MAX, item.anchor().index() as u32),
            place => (place, namespace),
        }
    }
}

/// The place of every node of the document.
fn ranks(tree: &Tree) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; tree.count()];
    let mut next = 0;
    let mut give = |node: NodeId| {
        ranks[node.index()] = next;
        next += 1;
    };
    give(Tree::DOCUMENT);
    for node in tree.descendants(Tree::DOCUMENT) {
        give(node);
        tree.attributes(node).for_each(&mut give);
    }
    ranks
}

impl Walk<'_, '_> {
    /// The nodes of the axis, the nearest first, that pass the node test.
    fn along(&mut self, step: &Step, item: Item) -> Result<(), XPathError> {
        let tree = self.tree;
        let node = item.anchor();
        let is_namespace = item.node().is_none();
        // Attributes and namespaces are nobody's children and have neither siblings nor anything inside.
        let leaf = is_namespace || tree.kind(node) == Kind::Attribute;
        let owner = match is_namespace {
            true => Some(node),
            false => tree.parent(node),
        };
        let above = std::iter::successors(owner, |at| tree.parent(*at));
        match step.axis {
            Axis::SelfNode => self.own(item),
            Axis::Parent => self.elements(owner.into_iter()),
            Axis::Ancestor => self.elements(above),
            Axis::AncestorOrSelf => {
                self.own(item)?;
                self.elements(above)
            }
            Axis::DescendantOrSelf if leaf => self.own(item),
            Axis::DescendantOrSelf => {
                self.own(item)?;
                self.elements(tree.descendants(node))
            }
            Axis::Attribute if !leaf => self.take(tree.attributes(node), Kind::Attribute),
            Axis::Namespace if !leaf => self.namespaces(node, &step.test),
            Axis::Child if !leaf => self.elements(tree.children(node)),
            Axis::Descendant if !leaf => self.elements(tree.descendants(node)),
            Axis::FollowingSibling if !leaf => {
                let next = tree.next_sibling(node);
                self.elements(std::iter::successors(next, |at| tree.next_sibling(*at)))
            }
            Axis::PrecedingSibling if !leaf => {
                let before = tree.previous_sibling(node);
                self.elements(std::iter::successors(before, |at| {
                    tree.previous_sibling(*at)
                }))
            }
            Axis::Following => {
                // The children of an element follow its attributes, which they are not below.
                let first = match (leaf, owner) {
                    (true, Some(owner)) => tree.following(owner, Tree::DOCUMENT),
                    _ => tree.following_without(node, Tree::DOCUMENT),
                };
                self.elements(std::iter::successors(first, |at| {
                    tree.following(*at, Tree::DOCUMENT)
                }))
            }
            Axis::Preceding => match (leaf, owner) {
                (true, Some(owner)) => self.preceding(owner),
                _ => self.preceding(node),
            },
            Axis::Attribute
            | Axis::Namespace
            | Axis::Child
            | Axis::Descendant
            | Axis::FollowingSibling
            | Axis::PrecedingSibling => Ok(()),
        }
    }

    /// The node itself, where it passes; names are about elements, which attributes and namespaces are not.
    fn own(&mut self, item: Item) -> Result<(), XPathError> {
        match item.node() {
            Some(node) => self.elements(std::iter::once(node)),
            None => {
                if matches!(self.matcher, Matcher::Node) {
                    self.out.push(item);
                }
                Ok(())
            }
        }
    }
}
