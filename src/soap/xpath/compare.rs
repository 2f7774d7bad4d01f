//! Comparisons (section 3.4). One with a set of nodes holds when it holds for some node of it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::evaluate::Evaluator;
use super::expr::Operator;
use super::value::{Item, Value};
use super::{XPathError, number};

/// The place of a comparison is that of what it compares.
const HERE: std::ops::Range<usize> = 0..0;

impl<'x> Evaluator<'_, 'x> {
    pub(super) fn compare(
        &self,
        operator: Operator,
        left: Value<'x>,
        right: Value<'x>,
    ) -> Result<bool, XPathError> {
        match (left, right) {
            (Value::Nodes(left), Value::Nodes(right)) => self.both(operator, &left, &right),
            (Value::Nodes(nodes), other) => self.one(operator, &nodes, other),
            (other, Value::Nodes(nodes)) => self.one(mirrored(operator), &nodes, other),
            (left, right) => Ok(self.plain(operator, left, right)),
        }
    }

    /// Two values that are no nodes.
    fn plain(&self, operator: Operator, left: Value<'x>, right: Value<'x>) -> bool {
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        match (&left, &right) {
            (Value::Boolean(_), _) | (_, Value::Boolean(_)) if equality => {
                (left.to_boolean() == right.to_boolean()) == (operator == Operator::Equal)
            }
            (Value::Text(a), Value::Text(b)) if equality => {
                (a == b) == (operator == Operator::Equal)
            }
            _ => numbers(
                operator,
                left.into_number(self.tree),
                right.into_number(self.tree),
            ),
        }
    }

    /// Nodes and something else.
    fn one(
        &self,
        operator: Operator,
        nodes: &[Item],
        other: Value<'x>,
    ) -> Result<bool, XPathError> {
        if let Value::Boolean(_) = other {
            return Ok(self.plain(operator, Value::Boolean(!nodes.is_empty()), other));
        }
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        if let (true, Value::Text(text)) = (equality, &other) {
            for node in nodes {
                if (self.item_text(*node, &HERE)? == *text) == (operator == Operator::Equal) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let wanted = other.into_number(self.tree);
        for node in nodes {
            let value = number::parse(&self.item_text(*node, &HERE)?);
            if numbers(operator, value, wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Two sets of nodes, in time that grows with their sizes and not with the product.
    fn both(&self, operator: Operator, left: &[Item], right: &[Item]) -> Result<bool, XPathError> {
        if left.is_empty() || right.is_empty() {
            return Ok(false);
        }
        match operator {
            Operator::Equal => {
                let left: HashSet<Cow<'x, str>> = self.texts(left).collect::<Result<_, _>>()?;
                for text in self.texts(right) {
                    if left.contains(&text?) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Operator::NotEqual => {
                // Only when all texts of both are the same is there no pair that differs.
                let mut texts = self.texts(left).chain(self.texts(right));
                let Some(first) = texts.next().transpose()? else {
                    return Ok(false);
                };
                for text in texts {
                    if text? != first {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => {
                // Some pair is in order when the outermost are; what is no number is in no order.
                let (least, most) = self.bounds(left)?;
                let (least_right, most_right) = self.bounds(right)?;
                Ok(match operator {
                    Operator::Less | Operator::LessOrEqual => numbers(operator, least, most_right),
                    _ => numbers(operator, most, least_right),
                })
            }
        }
    }

    fn texts<'s>(
        &'s self,
        nodes: &'s [Item],
    ) -> impl Iterator<Item = Result<Cow<'x, str>, XPathError>> + 's {
        nodes.iter().map(|node| self.item_text(*node, &HERE))
    }

    /// The least and the largest number of some nodes; NaN when none is a number.
    fn bounds(&self, nodes: &[Item]) -> Result<(f64, f64), XPathError> {
        let (mut least, mut most) = (f64::NAN, f64::NAN);
        for text in self.texts(nodes) {
            let value = number::parse(&text?);
            least = least.min(value);
            most = most.max(value);
        }
        Ok((least, most))
    }
}

fn numbers(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        _ => left >= right,
    }
}

/// The comparison with its sides exchanged.
fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        other => other,
    }
}
