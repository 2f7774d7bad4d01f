//! Tokens to tree, by precedence climbing (XPath 1.0 section 3.5).

use std::ops::Range;

use super::lexer::{Token, syntax, tokens};
use super::{DEPTH_MAX, ExpressionError, Function, Node, OPERATORS_MAX, Operator, TEXT_MAX};
use crate::mediation::message::Place;

/// Name, fewest and most arguments.
const FUNCTIONS: &[(&str, Function, usize, usize)] = &[
    ("boolean", Function::Boolean, 1, 1),
    ("ceiling", Function::Ceiling, 1, 1),
    ("concat", Function::Concat, 2, usize::MAX),
    ("contains", Function::Contains, 2, 2),
    ("ends-with", Function::EndsWith, 2, 2),
    ("false", Function::False, 0, 0),
    ("floor", Function::Floor, 1, 1),
    ("lower-case", Function::LowerCase, 1, 1),
    ("normalize-space", Function::NormalizeSpace, 1, 1),
    ("not", Function::Not, 1, 1),
    ("number", Function::Number, 1, 1),
    ("round", Function::Round, 1, 1),
    ("starts-with", Function::StartsWith, 2, 2),
    ("string", Function::String, 1, 1),
    ("string-length", Function::StringLength, 1, 1),
    ("substring", Function::Substring, 2, 3),
    ("substring-after", Function::SubstringAfter, 2, 2),
    ("substring-before", Function::SubstringBefore, 2, 2),
    ("translate", Function::Translate, 3, 3),
    ("true", Function::True, 0, 0),
    ("upper-case", Function::UpperCase, 1, 1),
];

pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if text.len() > TEXT_MAX {
        return Err(syntax("the expression is too long", 0..text.len()));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        end: text.len(),
        depth: 0,
        operators: 0,
    };
    let node = parser.binary(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(token) if path(token) => Err(parser.unsupported("a path into the message")),
        Some(_) => Err(parser.unexpected()),
    }
}

/// The operators by how tightly they bind, loosest first.
fn operator(token: &Token<'_>) -> Option<(Operator, u8)> {
    let text = match token {
        Token::Name(text) | Token::Symbol(text) => *text,
        _ => return None,
    };
    Some(match text {
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

/// True for what only a path can go on with or start with.
fn path(token: &Token<'_>) -> bool {
    matches!(
        token,
        Token::Symbol("/" | "//" | "@" | "[" | "." | ".." | "|" | "*" | "::")
    )
}

struct Parser<'t> {
    tokens: Vec<(Token<'t>, Range<usize>)>,
    at: usize,
    end: usize,
    depth: usize,
    operators: usize,
}

impl<'t> Parser<'t> {
    fn binary(&mut self, loosest: u8) -> Result<Node, ExpressionError> {
        let mut left = self.unary()?;
        while let Some((operator, binds)) = self.peek().and_then(operator)
            && binds > loosest
        {
            self.operators += 1;
            if self.operators > OPERATORS_MAX {
                return Err(syntax(
                    "the expression has too many operators",
                    self.place(),
                ));
            }
            self.at += 1;
            let right = self.nested(|p| p.binary(binds))?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, ExpressionError> {
        if self.takes("-") {
            let inner = self.nested(Self::unary)?;
            return Ok(Node::Negate(Box::new(inner)));
        }
        let node = self.primary()?;
        match self.peek() {
            Some(Token::Symbol("/" | "//" | "[" | "|")) => {
                Err(self.unsupported("a path into the message"))
            }
            _ => Ok(node),
        }
    }

    fn primary(&mut self) -> Result<Node, ExpressionError> {
        let Some((token, at)) = self.tokens.get(self.at).cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        match token {
            Token::Literal(text) => Ok(Node::Text(text.to_owned())),
            Token::Number(number) => Ok(Node::Number(number)),
            Token::Variable(name) => variable(name, at),
            Token::Symbol("(") => {
                let node = self.nested(|p| p.binary(0))?;
                match self.takes(")") {
                    true => Ok(node),
                    false => Err(self.unexpected()),
                }
            }
            Token::Name(name) if self.takes("(") => self.call(name, at),
            Token::Name(_) => {
                self.at -= 1;
                Err(self.unsupported("a path into the message"))
            }
            ref symbol if path(symbol) => {
                self.at -= 1;
                Err(self.unsupported("a path into the message"))
            }
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    /// A call; the opening bracket is taken.
    fn call(&mut self, name: &str, at: Range<usize>) -> Result<Node, ExpressionError> {
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.nested(|p| p.binary(0))?);
                if self.takes(")") {
                    break;
                }
                if !self.takes(",") {
                    return Err(self.unexpected());
                }
            }
        }
        let local = match name.split_once(':') {
            Some(("fn" | "syn" | "synapse", local)) => local,
            _ => name,
        };
        if local == "get-property" {
            return get_property(arguments, at);
        }
        let Some((_, function, fewest, most)) = FUNCTIONS.iter().find(|f| f.0 == local) else {
            let what = format!("the function {name}()");
            return Err(ExpressionError::Unsupported { what, at });
        };
        if !(*fewest..=*most).contains(&arguments.len()) {
            return Err(syntax(
                format!("{name}() has {} arguments", arguments.len()),
                at,
            ));
        }
        Ok(Node::Call(*function, arguments))
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(syntax("the expression is nested too deeply", 0..self.end));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn peek(&self) -> Option<&Token<'t>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol);
        self.at += usize::from(found);
        found
    }

    fn place(&self) -> Range<usize> {
        self.tokens
            .get(self.at)
            .map_or(self.end..self.end, |(_, at)| at.clone())
    }

    fn unexpected(&self) -> ExpressionError {
        match self.peek() {
            Some(_) => syntax("an operator or the end was expected here", self.place()),
            None => syntax("the expression ends too early", self.place()),
        }
    }

    fn unsupported(&self, what: &str) -> ExpressionError {
        ExpressionError::Unsupported {
            what: what.to_owned(),
            at: self.place(),
        }
    }
}

fn variable(name: &str, at: Range<usize>) -> Result<Node, ExpressionError> {
    let place = match name.split_once(':') {
        Some(("ctx", _)) => Place::Default,
        Some(("trp", _)) => Place::Transport,
        Some(("axis2", _)) => Place::Axis2,
        Some(("url", _)) => Place::Query,
        _ => {
            let what = format!("the variable ${name}");
            return Err(ExpressionError::Unsupported { what, at });
        }
    };
    let local = name.split_once(':').map_or(name, |(_, local)| local);
    Ok(Node::Property(
        place,
        Box::new(Node::Text(local.to_owned())),
    ))
}

fn get_property(mut arguments: Vec<Node>, at: Range<usize>) -> Result<Node, ExpressionError> {
    let name = match (arguments.len(), arguments.pop()) {
        (1 | 2, Some(name)) => name,
        (3, _) => {
            let what = "get-property() with a date pattern".to_owned();
            return Err(ExpressionError::Unsupported { what, at });
        }
        (n, _) => return Err(syntax(format!("get-property() has {n} arguments"), at)),
    };
    let place = match arguments.pop() {
        None => Place::Default,
        Some(Node::Text(scope)) => match scope.as_str() {
            "default" | "synapse" => Place::Default,
            "transport" => Place::Transport,
            "axis2" | "axis2-client" => Place::Axis2,
            "system" => Place::System,
            _ => {
                let what = format!("get-property() of the scope `{scope}`");
                return Err(ExpressionError::Unsupported { what, at });
            }
        },
        Some(_) => {
            let what = "get-property() with a computed scope".to_owned();
            return Err(ExpressionError::Unsupported { what, at });
        }
    };
    if matches!(&name, Node::Text(n) if n == "SYSTEM_DATE") {
        let what = "the property SYSTEM_DATE".to_owned();
        return Err(ExpressionError::Unsupported { what, at });
    }
    Ok(Node::Property(place, Box::new(name)))
}
