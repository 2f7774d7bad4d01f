//! An expression cut into tokens (section 3.7).

use std::ops::Range;

use super::{ErrorKind, TEXT_MAX, XPathError};
use crate::soap::tree::{continues_name, starts_name};

/// A name that may have a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Qualified<'t> {
    pub(super) prefix: &'t str,
    pub(super) local: &'t str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Literal(&'t str),
    Number(f64),
    Variable(Qualified<'t>),
    /// A name that is no operator.
    Name(Qualified<'t>),
    /// `*`, or `p:*` with its prefix, where a name could be.
    Star(&'t str),
    /// An operator, by name or by sign.
    Operator(&'t str),
    /// Everything else: brackets, `,`, `@`, `::`, `.`, `..`.
    Sign(&'t str),
    End,
}

const OPERATORS: &[&str] = &["!=", "<=", ">=", "//", "=", "<", ">", "+", "-", "|", "/"];
const SIGNS: &[&str] = &["..", "::", "(", ")", "[", "]", ",", "@", "."];

/// All tokens with their places; the last one is [`Token::End`]. Brackets are balanced.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Range<usize>)>, XPathError> {
    if text.len() > TEXT_MAX {
        let message = format!("the expression is longer than {TEXT_MAX} bytes");
        return Err(XPathError::new(ErrorKind::Size, message, 0..text.len()));
    }
    let mut lexer = Lexer {
        text,
        at: 0,
        operand: false,
        brackets: Vec::new(),
    };
    let mut out = Vec::new();
    loop {
        let (token, at) = lexer.next()?;
        out.push((token, at));
        if token == Token::End {
            return Ok(out);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// True behind what can be the left side of an operator.
    operand: bool,
    brackets: Vec<(&'static str, usize)>,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<(Token<'t>, Range<usize>), XPathError> {
        let rest = &self.text[self.at..];
        let blank = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at += rest.len() - blank.len();
        let start = self.at;
        let token = self.token(&self.text[start..])?;
        self.operand = match token {
            Token::Operator(_) => false,
            Token::Sign(sign) => matches!(sign, ")" | "]" | "." | ".."),
            Token::End => false,
            _ => true,
        };
        Ok((token, start..self.at))
    }

    fn token(&mut self, rest: &'t str) -> Result<Token<'t>, XPathError> {
        let Some(first) = rest.chars().next() else {
            return match self.brackets.pop() {
                Some((open, at)) => Err(self.error(format!("`{open}` is not closed"), at..at + 1)),
                None => Ok(Token::End),
            };
        };
        match first {
            '\'' | '"' => match rest[1..].find(first) {
                Some(len) => Ok(self.take(len + 2, Token::Literal(&rest[1..=len]))),
                None => {
                    let at = self.at..self.text.len();
                    Err(self.error("a quoted text is not closed", at))
                }
            },
            '$' => match qualified(&rest[1..]) {
                Some((name, len)) => Ok(self.take(len + 1, Token::Variable(name))),
                None => {
                    let at = self.at..self.at + 1;
                    Err(self.error("`$` without the name of a variable", at))
                }
            },
            '0'..='9' => Ok(self.number(rest)),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => Ok(self.number(rest)),
            '*' if self.operand => Ok(self.take(1, Token::Operator("*"))),
            '*' => Ok(self.take(1, Token::Star(""))),
            c if starts_name(c) => Ok(self.name(rest)),
            _ => self.sign(rest, first),
        }
    }

    fn number(&mut self, rest: &'t str) -> Token<'t> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut len = digits(rest);
        if rest[len..].starts_with('.') {
            len += 1 + digits(&rest[len + 1..]);
        }
        // Only digits and one point: always a number.
        let number = rest[..len].parse().unwrap_or(f64::NAN);
        self.take(len, Token::Number(number))
    }

    fn name(&mut self, rest: &'t str) -> Token<'t> {
        if self.operand {
            let len = name_length(rest);
            let word = &rest[..len];
            if matches!(word, "and" | "or" | "mod" | "div") {
                return self.take(len, Token::Operator(word));
            }
        }
        let first = name_length(rest);
        if rest[first..].starts_with(":*") {
            return self.take(first + 2, Token::Star(&rest[..first]));
        }
        match qualified(rest) {
            Some((name, len)) => self.take(len, Token::Name(name)),
            None => self.take(
                first,
                Token::Name(Qualified {
                    prefix: "",
                    local: &rest[..first],
                }),
            ),
        }
    }

    fn sign(&mut self, rest: &'t str, first: char) -> Result<Token<'t>, XPathError> {
        if let Some(operator) = OPERATORS.iter().find(|sign| rest.starts_with(**sign)) {
            return Ok(self.take(operator.len(), Token::Operator(operator)));
        }
        let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
            let at = self.at..self.at + first.len_utf8();
            return Err(self.error(format!("`{first}` has no meaning here"), at));
        };
        match *sign {
            "(" | "[" => self.brackets.push((sign, self.at)),
            ")" | "]" => {
                let open = self.brackets.pop().map(|(open, _)| open);
                if open != Some(if *sign == ")" { "(" } else { "[" }) {
                    let at = self.at..self.at + 1;
                    return Err(self.error(format!("`{sign}` closes nothing"), at));
                }
            }
            _ => {}
        }
        Ok(self.take(sign.len(), Token::Sign(sign)))
    }

    fn take(&mut self, len: usize, token: Token<'t>) -> Token<'t> {
        self.at += len;
        token
    }

    fn error(&self, message: impl Into<String>, at: Range<usize>) -> XPathError {
        XPathError::new(ErrorKind::Syntax, message, at)
    }
}

/// The name that a text starts with, and its length.
fn qualified(text: &str) -> Option<(Qualified<'_>, usize)> {
    let first = name_length(text);
    if first == 0 {
        return None;
    }
    // `a::b` is an axis and its node test.
    if let Some(rest) = text[first..].strip_prefix(':') {
        let second = name_length(rest);
        if second > 0 {
            let name = Qualified {
                prefix: &text[..first],
                local: &rest[..second],
            };
            return Some((name, first + 1 + second));
        }
    }
    let name = Qualified {
        prefix: "",
        local: &text[..first],
    };
    Some((name, first))
}

fn name_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, c)) if starts_name(c) => chars
            .find(|(_, c)| !continues_name(*c))
            .map_or(text.len(), |(at, _)| at),
        _ => 0,
    }
}
