//! Tokens to a tree, by descent; names are resolved on the way.

mod path;

use std::ops::Range;

use super::expr::{Call, Expr, ExtensionCall, Operator};
use super::functions::{self, Parameters};
use super::hook::{Argument, Known, Scope, Unknown, Written};
use super::lexer::{self, Qualified, Token};
use super::value::ValueKind;
use super::{DEPTH_MAX, ErrorKind, OPERATORS_MAX, XPathError};

/// Compiles the text of an expression.
pub(super) fn parse(text: &str, scope: &mut dyn Scope) -> Result<Expr, XPathError> {
    let mut parser = Parser {
        tokens: lexer::tokens(text)?,
        at: 0,
        scope,
        depth: 0,
        operators: 0,
    };
    let root = parser.binary(0)?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => Err(parser.unexpected()),
    }
}

/// How tightly an operator binds.
fn operator(token: Token<'_>) -> Option<(Operator, u8)> {
    let Token::Operator(sign) = token else {
        return None;
    };
    Some(match sign {
        "or" => (Operator::Or, 1),
        "and" => (Operator::And, 2),
        "=" => (Operator::Equal, 3),
        "!=" => (Operator::NotEqual, 3),
        "<" => (Operator::Less, 4),
        "<=" => (Operator::LessOrEqual, 4),
        ">" => (Operator::Greater, 4),
        ">=" => (Operator::GreaterOrEqual, 4),
        "+" => (Operator::Add, 5),
        "-" => (Operator::Subtract, 5),
        "*" => (Operator::Multiply, 6),
        "div" => (Operator::Divide, 6),
        "mod" => (Operator::Modulo, 6),
        _ => return None,
    })
}

struct Parser<'t, 's> {
    tokens: Vec<(Token<'t>, Range<usize>)>,
    at: usize,
    scope: &'s mut dyn Scope,
    depth: usize,
    operators: usize,
}

impl<'t> Parser<'t, '_> {
    /// Operators that bind tighter than `loosest`; those that bind alike go from left to right.
    fn binary(&mut self, loosest: u8) -> Result<Expr, XPathError> {
        let mut left = self.unary()?;
        while let Some((operator, binds)) = operator(self.peek())
            && binds > loosest
        {
            self.count_operator()?;
            self.at += 1;
            let right = self.nested(|parser| parser.binary(binds))?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, XPathError> {
        if self.takes(Token::Operator("-")) {
            let inner = self.nested(Self::unary)?;
            return Ok(Expr::Negate(Box::new(inner)));
        }
        let at = self.place().start;
        let first = self.path()?;
        if self.peek() != Token::Operator("|") {
            return Ok(first);
        }
        let mut parts = Vec::new();
        self.nodes(&first, at)?;
        parts.push(first);
        while self.takes(Token::Operator("|")) {
            self.count_operator()?;
            let at = self.place().start;
            let part = self.path()?;
            self.nodes(&part, at)?;
            parts.push(part);
        }
        Ok(Expr::Union(parts))
    }

    /// An expression that is no path: a literal, a number, a variable, a call, something in brackets.
    fn primary(&mut self) -> Result<Expr, XPathError> {
        let (token, at) = self.tokens[self.at].clone();
        match token {
            Token::Literal(text) => {
                self.at += 1;
                Ok(Expr::Literal(text.into()))
            }
            Token::Number(number) => {
                self.at += 1;
                Ok(Expr::Number(number))
            }
            Token::Variable(name) => {
                self.at += 1;
                self.variable(name, at)
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.nested(|parser| parser.binary(0))?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Name(name) => {
                self.at += 2;
                self.call(name, at)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn variable(&mut self, name: Qualified<'_>, at: Range<usize>) -> Result<Expr, XPathError> {
        let namespace = self.meaning(name.prefix);
        let written = Written {
            prefix: name.prefix,
            local: name.local,
            namespace: namespace.as_deref(),
        };
        match self.scope.variable(&written) {
            Ok(known) => Ok(Expr::Extension(Box::new(ExtensionCall {
                id: known.id,
                arguments: None,
                kind: known.kind,
                reach: known.reach,
                at,
            }))),
            Err(unknown) => Err(self.unknown(unknown, ErrorKind::Variable, &written, at)),
        }
    }

    /// A call; its name and the opening bracket are taken.
    fn call(&mut self, name: Qualified<'_>, at: Range<usize>) -> Result<Expr, XPathError> {
        let mut arguments = Vec::new();
        let mut places = Vec::new();
        if !self.takes(Token::Sign(")")) {
            loop {
                let start = self.place().start;
                arguments.push(self.nested(|parser| parser.binary(0))?);
                places.push(start..self.behind());
                if self.takes(Token::Sign(")")) {
                    break;
                }
                if !self.takes(Token::Sign(",")) {
                    return Err(self.unexpected());
                }
            }
        }
        if name.prefix.is_empty()
            && let Some(function) = functions::named(name.local)
        {
            return self.core(function, arguments, places, at);
        }
        let namespace = self.meaning(name.prefix);
        let written = Written {
            prefix: name.prefix,
            local: name.local,
            namespace: namespace.as_deref(),
        };
        let known: Vec<Argument<'_>> = arguments
            .iter()
            .map(|argument| Argument {
                literal: match argument {
                    Expr::Literal(text) => Some(text),
                    _ => None,
                },
                kind: argument.kind(),
            })
            .collect();
        match self.scope.function(&written, &known) {
            Ok(Known::Extension(known)) => Ok(Expr::Extension(Box::new(ExtensionCall {
                id: known.id,
                arguments: Some(arguments),
                kind: known.kind,
                reach: known.reach,
                at,
            }))),
            Ok(Known::Core) => match functions::named(name.local) {
                Some(function) => self.core(function, arguments, places, at),
                None => Err(self.unknown(Unknown::Name, ErrorKind::Function, &written, at)),
            },
            Err(unknown) => Err(self.unknown(unknown, ErrorKind::Function, &written, at)),
        }
    }

    /// A call of a function of XPath: the number of arguments, and nodes where nodes are needed.
    fn core(
        &mut self,
        function: functions::Function,
        arguments: Vec<Expr>,
        places: Vec<Range<usize>>,
        at: Range<usize>,
    ) -> Result<Expr, XPathError> {
        let Parameters {
            fewest,
            most,
            nodes,
        } = function.parameters();
        if !(fewest..=most).contains(&arguments.len()) {
            let message = format!(
                "{}() has {} arguments, not {}",
                function.name(),
                counted(fewest, most),
                arguments.len()
            );
            return Err(XPathError::new(ErrorKind::Arguments, message, at));
        }
        if nodes && let (Some(argument), Some(place)) = (arguments.first(), places.first()) {
            nodes_needed(argument, place.clone())?;
        }
        Ok(Expr::Call(Box::new(Call {
            function,
            arguments,
            at,
        })))
    }

    /// Checks that an expression from `start` up to here can be a set of nodes.
    fn nodes(&self, expr: &Expr, start: usize) -> Result<(), XPathError> {
        nodes_needed(expr, start..self.behind().max(start))
    }

    /// Where the last token ended.
    fn behind(&self) -> usize {
        self.tokens[self.at.saturating_sub(1)].1.end
    }

    /// What a prefix means; the empty one means no namespace in XPath.
    fn meaning(&self, prefix: &str) -> Option<String> {
        match prefix {
            "" => Some(String::new()),
            prefix => self.scope.namespace(prefix).map(str::to_owned),
        }
    }

    /// What a prefix of a node test means.
    fn namespace(&self, prefix: &str, at: &Range<usize>) -> Result<Box<str>, XPathError> {
        let declared = self.meaning(prefix);
        let known = match prefix {
            "xml" => Some(crate::soap::tree::XML_NS.to_owned()),
            _ => declared,
        };
        known.map(String::into_boxed_str).ok_or_else(|| {
            let message = format!("the prefix `{prefix}` is not declared here");
            XPathError::new(ErrorKind::Prefix, message, at.clone())
        })
    }

    fn unknown(
        &self,
        unknown: Unknown,
        kind: ErrorKind,
        name: &Written<'_>,
        at: Range<usize>,
    ) -> XPathError {
        let written = match name.prefix {
            "" => name.local.to_owned(),
            prefix => format!("{prefix}:{}", name.local),
        };
        match unknown {
            Unknown::Name if name.namespace.is_none() => XPathError::new(
                ErrorKind::Prefix,
                format!("the prefix `{}` is not declared here", name.prefix),
                at,
            ),
            Unknown::Name => {
                let message = match kind {
                    ErrorKind::Variable => format!("the variable ${written} does not exist"),
                    _ => format!("the function {written}() does not exist"),
                };
                XPathError::new(kind, message, at)
            }
            Unknown::Arguments(message) => XPathError::new(ErrorKind::Arguments, message, at),
            Unknown::Unsupported(what) => XPathError::new(ErrorKind::Unsupported, what, at),
        }
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, XPathError>,
    ) -> Result<T, XPathError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(XPathError::new(
                ErrorKind::Size,
                format!("the expression is nested deeper than {DEPTH_MAX}"),
                self.place(),
            ));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn count_operator(&mut self) -> Result<(), XPathError> {
        self.operators += 1;
        match self.operators > OPERATORS_MAX {
            true => Err(XPathError::new(
                ErrorKind::Size,
                format!("the expression has more than {OPERATORS_MAX} operators"),
                self.place(),
            )),
            false => Ok(()),
        }
    }

    fn peek(&self) -> Token<'t> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Token<'t> {
        self.tokens
            .get(self.at + by)
            .map_or(Token::End, |(token, _)| *token)
    }

    fn place(&self) -> Range<usize> {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens[self.at.min(last)].1.clone()
    }

    fn takes(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), XPathError> {
        match self.takes(Token::Sign(sign)) {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    fn unexpected(&self) -> XPathError {
        let message = match self.peek() {
            Token::End => "the expression ends too early",
            _ => "an operator or the end was expected here",
        };
        XPathError::new(ErrorKind::Syntax, message, self.place())
    }
}

fn nodes_needed(expr: &Expr, at: Range<usize>) -> Result<(), XPathError> {
    if expr.may_be_nodes() {
        return Ok(());
    }
    let what = expr.kind().map_or("a value", ValueKind::name);
    let message = format!("a set of nodes is needed here, not {what}");
    Err(XPathError::new(ErrorKind::Type, message, at))
}

fn counted(fewest: usize, most: usize) -> String {
    match (fewest, most) {
        (fewest, usize::MAX) => format!("{fewest} or more"),
        (fewest, most) if fewest == most => format!("{fewest}"),
        (fewest, most) => format!("{fewest} to {most}"),
    }
}
