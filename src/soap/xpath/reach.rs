//! How much of a SOAP message an expression looks at, found when it is compiled (design 5).
//!
//! An expression that can only see the header is evaluated on the beginning of the message, and the body streams on
//! unread. The context node is taken to be the envelope. Whatever is not certain counts as the whole.

use super::expr::{Axis, Expr, Path, Start, Step, Test};
use super::functions::Function;
use super::value::ValueKind;
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

/// How much of a message has to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Nothing of it.
    #[default]
    Nothing,
    /// Everything up to the end of the SOAP header.
    Header,
    /// All of it.
    Whole,
}

/// Where nodes stand that a part of an expression leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The document.
    Document,
    /// The envelope.
    Envelope,
    /// The header, something in it, or an attribute of the envelope.
    Header,
    Anywhere,
}

/// How much an expression looks at.
pub(super) fn of(root: &Expr) -> Reach {
    values(std::slice::from_ref(root), Place::Envelope)
}

/// What has to be there for the value of an expression whose nodes are at a place.
fn value_of(expr: &Expr, place: Place) -> Reach {
    match expr.kind() {
        Some(ValueKind::Nodes) | None => match place {
            Place::Header => Reach::Header,
            _ => Reach::Whole,
        },
        _ => Reach::Nothing,
    }
}

/// What an expression about nodes at `base` looks at, and where the nodes stand that it leads to. Of what is no set of
/// nodes the place means nothing.
fn look(expr: &Expr, base: Place) -> (Reach, Place) {
    let used = |inner: &Expr| values(std::slice::from_ref(inner), base);
    let all = |inner: &[Expr]| values(inner, base);
    match expr {
        Expr::Number(_) | Expr::Literal(_) => (Reach::Nothing, Place::Header),
        Expr::Negate(inner) => (used(inner), Place::Header),
        Expr::Binary(_, left, right) => (used(left).max(used(right)), Place::Header),
        Expr::Union(parts) => parts
            .iter()
            .map(|part| look(part, base))
            .reduce(|a, b| (a.0.max(b.0), joined(a.1, b.1)))
            .unwrap_or((Reach::Whole, Place::Anywhere)),
        Expr::Filter(filter) => {
            let (reach, place) = look(&filter.inner, base);
            (reach.max(values(&filter.predicates, place)), place)
        }
        Expr::Path(path) => along(path, base),
        Expr::Call(call) => {
            let mut reach = all(&call.arguments);
            if call.function.is_about_context(call.arguments.len()) {
                let name = matches!(
                    call.function,
                    Function::Name | Function::LocalName | Function::NamespaceUri | Function::Lang
                );
                reach = reach.max(match (base, name) {
                    (Place::Header, _) | (Place::Envelope, true) => Reach::Header,
                    _ => Reach::Whole,
                });
            }
            (reach, Place::Header)
        }
        Expr::Extension(call) => {
            let reach = call.arguments.as_deref().map(all).unwrap_or_default();
            let place = match call.reach {
                Reach::Whole => Place::Anywhere,
                _ => Place::Header,
            };
            (reach.max(call.reach), place)
        }
    }
}

fn joined(a: Place, b: Place) -> Place {
    if a == b { a } else { Place::Anywhere }
}

/// What has to be there for the values of expressions about nodes at a place.
fn values(exprs: &[Expr], place: Place) -> Reach {
    let reaches = exprs.iter().map(|expr| {
        let (reach, end) = look(expr, place);
        match expr.kind() {
            // Of something whose kind is not known only the host knows what it looks at.
            None if matches!(expr, Expr::Extension(_)) => reach,
            _ => reach.max(value_of(expr, end)),
        }
    });
    reaches.max().unwrap_or_default()
}

fn along(path: &Path, base: Place) -> (Reach, Place) {
    let (mut reach, mut place) = match &path.start {
        Start::Root => (Reach::Nothing, Place::Document),
        Start::Context => (Reach::Nothing, base),
        Start::Expr(start) => look(start, base),
    };
    for step in &path.steps {
        place = after(step, place);
        reach = reach.max(match place {
            Place::Anywhere => Reach::Whole,
            _ => Reach::Header,
        });
        reach = reach.max(values(&step.predicates, place));
    }
    (reach, place)
}

/// Where a step leads to.
fn after(step: &Step, place: Place) -> Place {
    let soap = |wanted: &str| match &step.test {
        Test::Name { namespace, local } => {
            matches!(&**namespace, SOAP11_NS | SOAP12_NS) && &**local == wanted
        }
        _ => false,
    };
    match (place, step.axis) {
        (place, Axis::SelfNode) => place,
        (Place::Document, Axis::Child) if soap("Envelope") || step.test == Test::Any => {
            Place::Envelope
        }
        (Place::Envelope, Axis::Child) if soap("Header") => Place::Header,
        (Place::Envelope, Axis::Attribute | Axis::Namespace) => Place::Header,
        (Place::Header, axis) if axis.is_downward() => Place::Header,
        _ => Place::Anywhere,
    }
}
