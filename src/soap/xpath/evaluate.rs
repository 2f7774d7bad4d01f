//! A compiled expression to its value.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ops::Range;

use super::expr::{Expr, ExtensionCall, Filter, Operator, Path, Start};
use super::hook::Host;
use super::value::{Item, Value};
use super::{Context, ErrorKind, VISITS_MAX, XPathError, number};
use crate::soap::tree::{NodeId, Tree};

/// Node, position and size that an expression is about.
#[derive(Clone, Copy)]
pub(super) struct Focus {
    pub(super) item: Option<Item>,
    pub(super) position: usize,
    pub(super) size: usize,
}

/// One evaluation.
pub(super) struct Evaluator<'c, 'x> {
    pub(super) tree: Option<&'x Tree>,
    host: &'c dyn Host<'x>,
    /// How many nodes may still be visited.
    left: Cell<usize>,
    /// Places of nodes in the document, where their numbers do not tell.
    pub(super) ranks: OnceCell<Vec<u32>>,
}

impl<'c, 'x> Evaluator<'c, 'x> {
    pub(super) fn new(cx: &Context<'c, 'x>) -> Self {
        Evaluator {
            tree: cx.tree,
            host: cx.host,
            left: Cell::new(VISITS_MAX),
            ranks: OnceCell::new(),
        }
    }

    pub(super) fn run(&self, root: &'x Expr, node: NodeId) -> Result<Value<'x>, XPathError> {
        let focus = Focus {
            item: self.tree.map(|_| Item::from(node)),
            position: 1,
            size: 1,
        };
        self.evaluate(root, focus)
    }

    pub(super) fn evaluate(&self, expr: &'x Expr, focus: Focus) -> Result<Value<'x>, XPathError> {
        Ok(match expr {
            Expr::Literal(text) => Value::Text(Cow::Borrowed(text)),
            Expr::Number(number) => Value::Number(*number),
            Expr::Negate(inner) => {
                let value = self.evaluate(inner, focus)?;
                Value::Number(-self.number(value, &(0..0))?)
            }
            Expr::Binary(operator, left, right) => self.binary(*operator, left, right, focus)?,
            Expr::Union(parts) => Value::Nodes(self.union(parts, focus)?),
            Expr::Path(path) => Value::Nodes(self.path(path, focus)?),
            Expr::Filter(filter) => Value::Nodes(self.filtered(filter, focus)?),
            Expr::Call(call) => self.call(call, focus)?,
            Expr::Extension(call) => self.extension(call, focus)?,
        })
    }

    fn binary(
        &self,
        operator: Operator,
        left: &'x Expr,
        right: &'x Expr,
        focus: Focus,
    ) -> Result<Value<'x>, XPathError> {
        let left = self.evaluate(left, focus)?;
        // `and` and `or` do not look at their right side when the left one decides.
        match operator {
            Operator::And if !left.to_boolean() => return Ok(Value::Boolean(false)),
            Operator::Or if left.to_boolean() => return Ok(Value::Boolean(true)),
            _ => {}
        }
        let right = self.evaluate(right, focus)?;
        let arithmetic = |apply: fn(f64, f64) -> f64| -> Result<Value<'x>, XPathError> {
            let left = self.number(left.clone(), &(0..0))?;
            let right = self.number(right.clone(), &(0..0))?;
            Ok(Value::Number(apply(left, right)))
        };
        match operator {
            Operator::And | Operator::Or => Ok(Value::Boolean(right.to_boolean())),
            Operator::Add => arithmetic(|a, b| a + b),
            Operator::Subtract => arithmetic(|a, b| a - b),
            Operator::Multiply => arithmetic(|a, b| a * b),
            Operator::Divide => arithmetic(|a, b| a / b),
            Operator::Modulo => arithmetic(|a, b| a % b),
            _ => self.compare(operator, left, right).map(Value::Boolean),
        }
    }

    fn union(&self, parts: &'x [Expr], focus: Focus) -> Result<Vec<Item>, XPathError> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(self.nodes(part, focus, &(0..0))?);
        }
        self.in_order(&mut all, &(0..0))?;
        Ok(all)
    }

    fn path(&self, path: &'x Path, focus: Focus) -> Result<Vec<Item>, XPathError> {
        let mut items = match &path.start {
            Start::Expr(start) => self.nodes(start, focus, &path.at)?,
            Start::Context => vec![self.item(focus, &path.at)?],
            Start::Root => {
                let item = self.item(focus, &path.at)?;
                vec![Item::from(self.top(item.anchor()))]
            }
        };
        for step in &path.steps {
            if items.is_empty() {
                break;
            }
            items = self.step(step, &items)?;
        }
        Ok(items)
    }

    /// The node without a parent above a node: the document, unless the node stands nowhere.
    fn top(&self, node: NodeId) -> NodeId {
        let Some(tree) = self.tree else {
            return node;
        };
        std::iter::successors(Some(node), |at| tree.parent(*at))
            .last()
            .unwrap_or(node)
    }

    fn filtered(&self, filter: &'x Filter, focus: Focus) -> Result<Vec<Item>, XPathError> {
        let mut items = self.nodes(&filter.inner, focus, &filter.at)?;
        self.filter(&filter.predicates, &mut items, 0, &filter.at)?;
        Ok(items)
    }

    /// Keeps of the nodes from `start` on those for which every predicate holds; they stand in the order of their axis.
    pub(super) fn filter(
        &self,
        predicates: &'x [Expr],
        items: &mut Vec<Item>,
        start: usize,
        at: &Range<usize>,
    ) -> Result<(), XPathError> {
        for predicate in predicates {
            let size = items.len() - start;
            self.charge(size, at)?;
            if let Expr::Number(wanted) = predicate {
                let whole = *wanted >= 1.0 && *wanted <= size as f64 && wanted.fract() == 0.0;
                if whole {
                    items.swap(start, start + *wanted as usize - 1);
                }
                items.truncate(start + usize::from(whole));
                continue;
            }
            let mut kept = start;
            for position in 1..=size {
                let item = items[start + position - 1];
                let focus = Focus {
                    item: Some(item),
                    position,
                    size,
                };
                let holds = match self.evaluate(predicate, focus)? {
                    Value::Number(wanted) => wanted == position as f64,
                    other => other.to_boolean(),
                };
                if holds {
                    items[kept] = item;
                    kept += 1;
                }
            }
            items.truncate(kept);
        }
        Ok(())
    }

    fn extension(&self, call: &'x ExtensionCall, focus: Focus) -> Result<Value<'x>, XPathError> {
        let value = match &call.arguments {
            None => self.host.variable(call.id, self.tree),
            Some(arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.evaluate(argument, focus)?);
                }
                self.host.function(call.id, values, self.tree)
            }
        };
        let value =
            value.map_err(|error| XPathError::new(ErrorKind::Host, error.0, call.at.clone()))?;
        match value {
            Value::Nodes(mut nodes) => {
                self.in_order(&mut nodes, &call.at)?;
                Ok(Value::Nodes(nodes))
            }
            other => Ok(other),
        }
    }

    /// The value of an expression that has to be a set of nodes.
    fn nodes(
        &self,
        expr: &'x Expr,
        focus: Focus,
        at: &Range<usize>,
    ) -> Result<Vec<Item>, XPathError> {
        match self.evaluate(expr, focus)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Err(XPathError::new(
                ErrorKind::Type,
                "a set of nodes is needed here",
                at.clone(),
            )),
        }
    }

    /// The node that an expression is about.
    pub(super) fn item(&self, focus: Focus, at: &Range<usize>) -> Result<Item, XPathError> {
        focus.item.ok_or_else(|| {
            XPathError::new(
                ErrorKind::NoMessage,
                "the expression looks into a message that is not there",
                at.clone(),
            )
        })
    }

    /// A value as a text.
    pub(super) fn text(
        &self,
        value: Value<'x>,
        at: &Range<usize>,
    ) -> Result<Cow<'x, str>, XPathError> {
        match value {
            Value::Nodes(nodes) => match nodes.first() {
                Some(first) => self.item_text(*first, at),
                None => Ok(Cow::Borrowed("")),
            },
            other => Ok(other.into_text(self.tree)),
        }
    }

    /// A value as a number.
    pub(super) fn number(&self, value: Value<'x>, at: &Range<usize>) -> Result<f64, XPathError> {
        match value {
            Value::Nodes(_) => self.text(value, at).map(|text| number::parse(&text)),
            other => Ok(other.into_number(self.tree)),
        }
    }

    /// The string-value of a node; what is read for it counts as visited.
    pub(super) fn item_text(
        &self,
        item: Item,
        at: &Range<usize>,
    ) -> Result<Cow<'x, str>, XPathError> {
        let Some(tree) = self.tree else {
            return Ok(Cow::Borrowed(""));
        };
        let text = item.text(tree);
        // A text is about as much work as its nodes, of which each brought some bytes.
        self.charge(1 + text.len() / 64, at)?;
        Ok(text)
    }

    /// Counts visited nodes.
    pub(super) fn charge(&self, nodes: usize, at: &Range<usize>) -> Result<(), XPathError> {
        match self.left.get().checked_sub(nodes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(XPathError::new(
                ErrorKind::Visits,
                format!("the evaluation of the expression visits more than {VISITS_MAX} nodes"),
                at.clone(),
            )),
        }
    }
}
