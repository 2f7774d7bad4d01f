//! The part of XPath that conditions and log lines need without the message body.
//!
//! Literals, numbers, operators, the string functions of XPath 1.0, `get-property` and the variables `$ctx:`, `$trp:`,
//! `$axis2:`, `$url:` (spec/mediation.md 8). Parsed once at load. What looks into the message (paths, `$body`, JSONPath) is
//! told apart from what is wrong, so that `check` can say "not supported yet" with the place.
//!
//! Bounded: nesting and size of the text when parsed, so that an evaluation visits a known number of nodes, and the
//! length of a result, so that a property that is doubled again and again ends in a fault and not in memory.

mod evaluate;
mod lexer;
mod number;
mod parser;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::exchange::{Exchange, Fault};
use crate::mediation::message::Place;

/// Longest text of an expression, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;
/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 64;
/// Most operators of an expression: a chain of them is a tree as deep as it is long.
const OPERATORS_MAX: usize = 256;
/// Longest result of an expression, in bytes.
pub const RESULT_MAX: usize = 1024 * 1024;

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    root: Node,
}

/// Why an expression cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not XPath.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// It is XPath (or JSONPath) that this version does not evaluate.
    #[error("{what}")]
    Unsupported {
        /// What is missing.
        what: String,
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
}

impl ExpressionError {
    /// Adds the problem to those of the load; `text` is the attribute's value.
    pub fn report(&self, text: &Spanned<String>, diagnostics: &mut Diagnostics) {
        // Byte places inside the value are places in the file only where the value is written as it is.
        let exact = (text.span.end - text.span.start) as usize == text.value.len();
        let span = |at: &Range<usize>| match exact {
            true => Span {
                start: text.span.start + at.start as u32,
                end: text.span.start + at.end as u32,
                ..text.span
            },
            false => text.span,
        };
        match self {
            ExpressionError::Syntax { message, at } => {
                diagnostics.error(DiagnosticCode::BadExpression, span(at), message.clone());
            }
            ExpressionError::Unsupported { what, .. } => diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                text.span,
                format!("{what} in an expression is not supported yet"),
                "a message that gets there is answered with a fault that names this place",
            ),
        }
    }
}

/// A value during evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'x> {
    /// A string.
    Text(Cow<'x, str>),
    /// A number.
    Number(f64),
    /// A Boolean.
    Boolean(bool),
}

#[derive(Debug)]
enum Node {
    Text(String),
    Number(f64),
    Property(Place, Box<Node>),
    Call(Function, Vec<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Boolean,
    Ceiling,
    Concat,
    Contains,
    EndsWith,
    False,
    Floor,
    LowerCase,
    NormalizeSpace,
    Not,
    Number,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Translate,
    True,
    UpperCase,
}

impl Expression {
    /// Compiles an expression.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        parser::parse(text).map(|root| Expression { root })
    }

    /// The result as the text that Synapse makes of it: a number is written the Java way (`2.0`).
    pub fn string<'x>(&'x self, x: &'x Exchange) -> Result<Cow<'x, str>, Fault> {
        Ok(match self.root.evaluate(x)? {
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(number::java(number)),
            Value::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        })
    }

    /// The result as a condition, by the rules of XPath.
    pub fn boolean(&self, x: &Exchange) -> Result<bool, Fault> {
        self.root.evaluate(x).map(|value| value.to_boolean())
    }
}
