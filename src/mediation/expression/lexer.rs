//! An expression cut into tokens (XPath 1.0 section 3.7).

use std::ops::Range;

use super::ExpressionError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Literal(&'t str),
    Number(f64),
    /// A name with its prefix, if any; also the operator names.
    Name(&'t str),
    Variable(&'t str),
    /// `(`, `)`, `,`, `=`, `<=` and so on; `/`, `//`, `@`, `[` and so on belong to paths.
    Symbol(&'t str),
}

const SYMBOLS: &[&str] = &[
    "!=", "<=", ">=", "//", "..", "::", "(", ")", "[", "]", ",", "=", "<", ">", "+", "-", "*", "/",
    "@", "|", ".",
];

/// All tokens with their places; brackets are balanced.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Range<usize>)>, ExpressionError> {
    let mut out = Vec::new();
    let mut brackets: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, end) = one(text, at, c)?;
        match token {
            Token::Symbol(open @ ("(" | "[")) => brackets.push((open, at)),
            Token::Symbol(close @ (")" | "]")) => {
                let open = brackets.pop().map(|(open, _)| open);
                if open != Some(if close == ")" { "(" } else { "[" }) {
                    return Err(syntax(format!("`{close}` closes nothing"), at..end));
                }
            }
            _ => {}
        }
        out.push((token, at..end));
        at = end;
    }
    match brackets.pop() {
        Some((open, at)) => Err(syntax(format!("`{open}` is not closed"), at..at + 1)),
        None => Ok(out),
    }
}

fn one(text: &str, at: usize, c: char) -> Result<(Token<'_>, usize), ExpressionError> {
    let rest = &text[at..];
    match c {
        '\'' | '"' => match rest[1..].find(c) {
            Some(len) => Ok((Token::Literal(&rest[1..=len]), at + len + 2)),
            None => Err(syntax("a quoted text is not closed", at..text.len())),
        },
        '$' => match name_length(&rest[1..]) {
            0 => {
                let what = "`$` without a variable's name (`${...}` expressions)".to_owned();
                Err(ExpressionError::Unsupported {
                    what,
                    at: at..text.len(),
                })
            }
            len => Ok((Token::Variable(&rest[1..=len]), at + len + 1)),
        },
        '0'..='9' => Ok(number(rest, at)),
        '.' if rest[1..].starts_with(|d: char| d.is_ascii_digit()) => Ok(number(rest, at)),
        _ => {
            let len = name_length(rest);
            if len > 0 {
                return Ok((Token::Name(&rest[..len]), at + len));
            }
            match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(symbol) => Ok((Token::Symbol(symbol), at + symbol.len())),
                None => Err(syntax(
                    format!("`{c}` has no meaning here"),
                    at..at + c.len_utf8(),
                )),
            }
        }
    }
}

fn number(rest: &str, at: usize) -> (Token<'_>, usize) {
    let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = match rest[whole..].strip_prefix('.') {
        Some(digits) => 1 + digits.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    let end = whole + fraction;
    (Token::Number(super::number::parse(&rest[..end])), at + end)
}

// A qualified name; one colon, not two (which would be an axis).
fn name_length(text: &str) -> usize {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let part = |text: &str| match text.chars().next() {
        Some(c) if starts(c) => text
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .unwrap_or(text.len()),
        _ => 0,
    };
    let first = part(text);
    match text[first..].strip_prefix(':') {
        Some(rest) if first > 0 && part(rest) > 0 => first + 1 + part(rest),
        _ => first,
    }
}

pub(super) fn syntax(message: impl Into<String>, at: Range<usize>) -> ExpressionError {
    ExpressionError::Syntax {
        message: message.into(),
        at,
    }
}
