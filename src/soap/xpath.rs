//! XPath 1.0 (W3C Recommendation of 16 November 1999), complete, over a [`Tree`].
//!
//! Compiled once: names, prefixes, functions and variables are resolved against the [`Scope`] of the place where the
//! expression stands, so that an evaluation looks nothing up but nodes. Whoever gives functions and variables of his own
//! (`get-property`, `$ctx:name`) gives them twice: to the compiler as a [`Scope`], which answers with a number, and to the
//! evaluation as a [`Host`], which is asked by that number. Their arguments are expressions like any others.
//!
//! Every error has a kind and its place in the text of the expression. Bounded are the length of the text, its nesting and
//! its operators (compiling), the nodes visited and the length of texts that are put together (evaluating).
//!
//! Text and CDATA side by side are one text node, as the data model wants it (section 5.7).

mod axes;
mod compare;
mod evaluate;
mod expr;
mod functions;
mod hook;
mod lexer;
pub mod number;
mod parser;
mod reach;
mod simplify;
pub mod stream;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;

pub use hook::{
    Argument, Extension, Host, HostError, Known, NoHost, Plain, Scope, Unknown, Written,
};
pub use reach::Reach;
pub use value::{Item, Value, ValueKind};

use super::tree::{NodeId, Tree};
use expr::Expr;

/// Longest text of an expression, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;
/// Deepest nesting of an expression.
pub const DEPTH_MAX: usize = 64;
/// Most operators of an expression: a chain of them is a tree as deep as it is long.
pub const OPERATORS_MAX: usize = 256;
/// Most nodes that one evaluation visits.
pub const VISITS_MAX: usize = 1_000_000;
/// Longest text that an evaluation puts together, in bytes.
pub const RESULT_MAX: usize = 1024 * 1024;

/// What kind of problem an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It is not XPath.
    Syntax,
    /// A prefix that is not declared where the expression stands.
    Prefix,
    /// A function that nobody knows.
    Function,
    /// A variable that nobody knows.
    Variable,
    /// The wrong number of arguments.
    Arguments,
    /// A value that is no set of nodes where one is needed.
    Type,
    /// It is too long, too deep, or has too many operators.
    Size,
    /// Something that exists and is not evaluated here.
    Unsupported,
    /// The evaluation visits too many nodes.
    Visits,
    /// The evaluation puts together too long a text.
    Result,
    /// The evaluation needs a message, and there is none.
    NoMessage,
    /// A function or variable of the host failed.
    Host,
}

impl ErrorKind {
    /// True for what is found when the expression is compiled.
    pub fn is_static(self) -> bool {
        !matches!(
            self,
            ErrorKind::Visits | ErrorKind::Result | ErrorKind::NoMessage | ErrorKind::Host
        )
    }
}

/// A problem with its place in the text of the expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct XPathError {
    /// What kind of problem.
    pub kind: ErrorKind,
    /// What is wrong, for people.
    pub message: String,
    /// Where, in bytes of the text.
    pub at: Range<usize>,
}

impl XPathError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, at: Range<usize>) -> Self {
        Self {
            kind,
            message: message.into(),
            at,
        }
    }
}

/// What an expression is evaluated against.
#[derive(Clone, Copy)]
pub struct Context<'c, 'x> {
    /// The message, if there is one.
    pub tree: Option<&'x Tree>,
    /// The context node; position and size are 1.
    pub node: NodeId,
    /// Functions and variables.
    pub host: &'c dyn Host<'x>,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct XPath {
    root: Expr,
    reach: Reach,
}

impl XPath {
    /// Compiles an expression.
    ///
    /// # Errors
    /// An [`XPathError`] whose kind [`is_static`](ErrorKind::is_static).
    pub fn compile(text: &str, scope: &mut dyn Scope) -> Result<XPath, XPathError> {
        let mut root = parser::parse(text, scope)?;
        simplify::simplify(&mut root);
        let reach = reach::of(&root);
        Ok(XPath { root, reach })
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// An [`XPathError`]: a bound was reached, a value has the wrong type, or the host failed.
    pub fn evaluate<'x>(&'x self, cx: &Context<'_, 'x>) -> Result<Value<'x>, XPathError> {
        evaluate::Evaluator::new(cx).run(&self.root, cx.node)
    }

    /// The kind of the result, where it is known before an evaluation.
    pub fn kind(&self) -> Option<ValueKind> {
        self.root.kind()
    }

    /// How much of a SOAP message the expression looks at.
    pub fn reach(&self) -> Reach {
        self.reach
    }
}
