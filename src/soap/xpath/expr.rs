//! A compiled expression as a tree.

use std::ops::Range;

use super::Reach;
use super::functions::Function;
use super::value::ValueKind;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Number(f64),
    Literal(Box<str>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Union(Vec<Expr>),
    Path(Box<Path>),
    /// `(...)[predicate]`
    Filter(Box<Filter>),
    Call(Box<Call>),
    Extension(Box<ExtensionCall>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A location path, or steps behind another expression.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Start {
    Root,
    Context,
    Expr(Expr),
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Namespace,
    Parent,
    Preceding,
    PrecedingSibling,
    SelfNode,
}

impl Axis {
    pub(super) fn named(name: &str) -> Option<Axis> {
        Some(match name {
            "ancestor" => Axis::Ancestor,
            "ancestor-or-self" => Axis::AncestorOrSelf,
            "attribute" => Axis::Attribute,
            "child" => Axis::Child,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::DescendantOrSelf,
            "following" => Axis::Following,
            "following-sibling" => Axis::FollowingSibling,
            "namespace" => Axis::Namespace,
            "parent" => Axis::Parent,
            "preceding" => Axis::Preceding,
            "preceding-sibling" => Axis::PrecedingSibling,
            "self" => Axis::SelfNode,
            _ => return None,
        })
    }

    /// True where the nearest node comes first and that is the last in the document.
    pub(super) fn is_reverse(self) -> bool {
        matches!(
            self,
            Axis::Ancestor | Axis::AncestorOrSelf | Axis::Preceding | Axis::PrecedingSibling
        )
    }

    /// True where a step leads no further up or sideways than where it starts.
    pub(super) fn is_downward(self) -> bool {
        matches!(
            self,
            Axis::Attribute
                | Axis::Child
                | Axis::Descendant
                | Axis::DescendantOrSelf
                | Axis::Namespace
                | Axis::SelfNode
        )
    }
}

/// A node test; prefixes are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Node,
    Text,
    Comment,
    Instruction(Option<Box<str>>),
    /// `*`: what the axis is about.
    Any,
    Namespace(Box<str>),
    Name {
        namespace: Box<str>,
        local: Box<str>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) inner: Expr,
    pub(super) predicates: Vec<Expr>,
    pub(super) at: Range<usize>,
}

/// A call of a function of XPath.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Expr>,
    pub(super) at: Range<usize>,
}

/// A call of a function of the host, or one of its variables.
#[derive(Clone, Debug)]
pub(super) struct ExtensionCall {
    pub(super) id: u32,
    /// `None` for a variable.
    pub(super) arguments: Option<Vec<Expr>>,
    pub(super) kind: Option<ValueKind>,
    pub(super) reach: Reach,
    pub(super) at: Range<usize>,
}

impl Expr {
    /// The kind of the value, where it is known.
    pub(super) fn kind(&self) -> Option<ValueKind> {
        match self {
            Expr::Number(_) | Expr::Negate(_) => Some(ValueKind::Number),
            Expr::Literal(_) => Some(ValueKind::Text),
            Expr::Binary(operator, ..) => Some(match operator {
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Modulo => ValueKind::Number,
                _ => ValueKind::Boolean,
            }),
            Expr::Union(_) | Expr::Path(_) | Expr::Filter(_) => Some(ValueKind::Nodes),
            Expr::Call(call) => Some(call.function.kind()),
            Expr::Extension(call) => call.kind,
        }
    }

    /// True when it may be a set of nodes.
    pub(super) fn may_be_nodes(&self) -> bool {
        matches!(self.kind(), None | Some(ValueKind::Nodes))
    }

    /// The expressions directly inside.
    pub(super) fn inner_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Expr::Number(_) | Expr::Literal(_) => Vec::new(),
            Expr::Binary(_, left, right) => vec![left, right],
            Expr::Negate(inner) => vec![inner],
            Expr::Union(inner) => inner.iter_mut().collect(),
            Expr::Path(path) => {
                let start = match &mut path.start {
                    Start::Expr(start) => Some(start),
                    _ => None,
                };
                let predicates = path.steps.iter_mut().flat_map(|s| &mut s.predicates);
                start.into_iter().chain(predicates).collect()
            }
            Expr::Filter(filter) => std::iter::once(&mut filter.inner)
                .chain(&mut filter.predicates)
                .collect(),
            Expr::Call(call) => call.arguments.iter_mut().collect(),
            Expr::Extension(call) => call.arguments.iter_mut().flatten().collect(),
        }
    }
}
