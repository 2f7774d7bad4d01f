//! Rewriting that changes no result: `//name` looks at every node once and makes no set of all of them first.

use super::expr::{Axis, Expr, Path, Step, Test};
use super::functions::Function;
use super::value::ValueKind;

/// Simplifies an expression in place.
pub(super) fn simplify(expr: &mut Expr) {
    if let Expr::Path(path) = expr {
        merge(path);
    }
    for inner in expr.inner_mut() {
        simplify(inner);
    }
}

/// `descendant-or-self::node()/child::x[p]` is `descendant::x[p]`, unless a predicate counts among siblings.
fn merge(path: &mut Path) {
    let steps = std::mem::take(&mut path.steps);
    for mut step in steps {
        let from_all = path.steps.last().is_some_and(is_everything);
        let plain = step.predicates.iter().all(|p| !counts(p));
        let axis = match step.axis {
            Axis::Child => Some(Axis::Descendant),
            Axis::Descendant => Some(Axis::Descendant),
            Axis::DescendantOrSelf => Some(Axis::DescendantOrSelf),
            Axis::SelfNode => Some(Axis::DescendantOrSelf),
            _ => None,
        };
        if let (true, true, Some(axis)) = (from_all, plain, axis) {
            path.steps.pop();
            step.axis = axis;
        }
        path.steps.push(step);
    }
}

fn is_everything(step: &Step) -> bool {
    step.axis == Axis::DescendantOrSelf && step.test == Test::Node && step.predicates.is_empty()
}

/// True when a predicate's result may depend on the position of a node.
fn counts(predicate: &Expr) -> bool {
    let decides = matches!(
        predicate.kind(),
        Some(ValueKind::Nodes | ValueKind::Text | ValueKind::Boolean)
    );
    !decides || asks_position(predicate)
}

/// True when `position()` or `last()` is asked for the node that the predicate is about.
fn asks_position(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::Literal(_) => false,
        Expr::Binary(_, left, right) => asks_position(left) || asks_position(right),
        Expr::Negate(inner) => asks_position(inner),
        Expr::Union(parts) => parts.iter().any(asks_position),
        Expr::Path(path) => match &path.start {
            super::expr::Start::Expr(start) => asks_position(start),
            _ => false,
        },
        // Inside its predicates the position is another one.
        Expr::Filter(filter) => asks_position(&filter.inner),
        Expr::Call(call) => {
            matches!(call.function, Function::Position | Function::Last)
                || call.arguments.iter().any(asks_position)
        }
        Expr::Extension(call) => call.arguments.iter().flatten().any(asks_position),
    }
}
