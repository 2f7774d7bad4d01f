//! From the text of a path to its steps.

use serde_json::Value;

use super::{Comparison, Filter, JsonPath, JsonPathError, Operand, Selector, Step};

/// Deepest nesting of filters and parentheses.
const DEPTH_MAX: usize = 32;

pub(super) fn path(text: &str) -> Result<JsonPath, JsonPathError> {
    let mut parser = Parser { text, at: 0 };
    if !parser.take("$") {
        return Err(parser.error("a path begins with `$`"));
    }
    let path = parser.steps(0)?;
    match parser.rest().is_empty() {
        true => Ok(path),
        false => Err(parser.error("`.` or `[` is expected")),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, message: &'static str) -> JsonPathError {
        JsonPathError::Syntax {
            message,
            at: self.at,
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn expect(&mut self, token: &str, message: &'static str) -> Result<(), JsonPathError> {
        self.blanks();
        match self.take(token) {
            true => Ok(()),
            false => Err(self.error(message)),
        }
    }

    fn steps(&mut self, depth: usize) -> Result<JsonPath, JsonPathError> {
        let mut steps = Vec::new();
        loop {
            let below = self.rest().starts_with("..");
            let dotted = self.take("..") || self.take(".");
            if self.take("[") {
                let selectors = self.brackets(depth)?;
                steps.push(Step { below, selectors });
            } else if dotted {
                let selector = match self.take("*") {
                    true => Selector::All,
                    false => Selector::Name(self.name()?),
                };
                if selector == Selector::Name("length".to_owned()) && self.take("()") {
                    return Ok(JsonPath {
                        steps,
                        length: true,
                    });
                }
                steps.push(Step {
                    below,
                    selectors: vec![selector],
                });
            } else {
                return Ok(JsonPath {
                    steps,
                    length: false,
                });
            }
        }
    }

    fn name(&mut self) -> Result<String, JsonPathError> {
        let rest = self.rest();
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '@' | '#');
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("a name or `*` is expected"));
        }
        let name = rest[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    /// What stands in brackets, with the closing one.
    fn brackets(&mut self, depth: usize) -> Result<Vec<Selector>, JsonPathError> {
        let mut selectors = Vec::new();
        loop {
            self.blanks();
            selectors.push(self.selector(depth)?);
            self.blanks();
            if self.take("]") {
                return Ok(selectors);
            }
            if !self.take(",") {
                return Err(self.error("`]` or `,` is expected"));
            }
        }
    }

    fn selector(&mut self, depth: usize) -> Result<Selector, JsonPathError> {
        if self.take("*") {
            return Ok(Selector::All);
        }
        if self.take("?") {
            return self.filter(depth + 1).map(Selector::Filter);
        }
        if let Some(text) = self.quoted()? {
            return Ok(Selector::Name(text));
        }
        let from = self.number()?;
        self.blanks();
        if !self.take(":") {
            return from
                .map(Selector::Index)
                .ok_or_else(|| self.error("a name in quotes, a number, `*` or `?` is expected"));
        }
        self.blanks();
        let to = self.number()?;
        Ok(Selector::Slice(from, to))
    }

    fn number(&mut self) -> Result<Option<i64>, JsonPathError> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Ok(None);
        }
        let end = rest.len() - digits.len() + count;
        let number = rest[..end]
            .parse()
            .map_err(|_| self.error("the number is too large"))?;
        self.at += end;
        Ok(Some(number))
    }

    /// A text in quotes, if one begins here.
    fn quoted(&mut self) -> Result<Option<String>, JsonPathError> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Ok(None);
        };
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    out.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(Some(out));
                }
                c => out.push(c),
            }
        }
        Err(self.error("the closing quote is missing"))
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, JsonPathError> {
        if depth > DEPTH_MAX {
            return Err(self.error("filters are nested too deeply"));
        }
        let mut any = vec![self.every(depth)?];
        loop {
            self.blanks();
            if !self.take("||") {
                break;
            }
            any.push(self.every(depth)?);
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Filter::Any(any),
        })
    }

    fn every(&mut self, depth: usize) -> Result<Filter, JsonPathError> {
        let mut every = vec![self.test(depth)?];
        loop {
            self.blanks();
            if !self.take("&&") {
                break;
            }
            every.push(self.test(depth)?);
        }
        Ok(match every.len() {
            1 => every.remove(0),
            _ => Filter::Every(every),
        })
    }

    fn test(&mut self, depth: usize) -> Result<Filter, JsonPathError> {
        self.blanks();
        if self.take("!") {
            if depth > DEPTH_MAX {
                return Err(self.error("filters are nested too deeply"));
            }
            return Ok(Filter::Not(Box::new(self.test(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.filter(depth + 1)?;
            self.expect(")", "`)` is expected")?;
            return Ok(inner);
        }
        let left = self.operand(depth)?;
        self.blanks();
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Other),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::MoreOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        for (token, comparison) in comparisons {
            if self.take(token) {
                self.blanks();
                return Ok(Filter::Compare(left, comparison, self.operand(depth)?));
            }
        }
        Ok(Filter::Exists(left))
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, JsonPathError> {
        if self.take("@") {
            return self.steps(depth).map(Operand::Here);
        }
        if self.take("$") {
            return self.steps(depth).map(Operand::Root);
        }
        if let Some(text) = self.quoted()? {
            return Ok(Operand::Literal(Value::String(text)));
        }
        for (word, value) in [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ] {
            if self.take(word) {
                return Ok(Operand::Literal(value));
            }
        }
        let rest = self.rest();
        let fits = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        match serde_json::from_str::<Value>(&rest[..end]) {
            Ok(number) => {
                self.at += end;
                Ok(Operand::Literal(number))
            }
            Err(_) => {
                Err(self.error("`@`, `$`, a text, a number, true, false or null is expected"))
            }
        }
    }
}
