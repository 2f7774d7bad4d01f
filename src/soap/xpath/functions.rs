//! The functions of XPath (section 4).

use std::borrow::Cow;

use super::evaluate::{Evaluator, Focus};
use super::expr::{Call, Expr};
use super::value::{Item, Value, ValueKind};
use super::{ErrorKind, RESULT_MAX, XPathError, number};
use crate::soap::tree::{Kind, NodeId, Tree, XML_NS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    False,
    Floor,
    Id,
    Lang,
    Last,
    LocalName,
    Name,
    NamespaceUri,
    NormalizeSpace,
    Not,
    Number,
    Position,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    True,
}

/// What a function is called with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub(super) fewest: usize,
    pub(super) most: usize,
    /// True where the first has to be a set of nodes.
    pub(super) nodes: bool,
}

const FUNCTIONS: &[(&str, Function, usize, usize, ValueKind)] = &[
    ("boolean", Function::Boolean, 1, 1, ValueKind::Boolean),
    ("ceiling", Function::Ceiling, 1, 1, ValueKind::Number),
    ("concat", Function::Concat, 2, usize::MAX, ValueKind::Text),
    ("contains", Function::Contains, 2, 2, ValueKind::Boolean),
    ("count", Function::Count, 1, 1, ValueKind::Number),
    ("false", Function::False, 0, 0, ValueKind::Boolean),
    ("floor", Function::Floor, 1, 1, ValueKind::Number),
    ("id", Function::Id, 1, 1, ValueKind::Nodes),
    ("lang", Function::Lang, 1, 1, ValueKind::Boolean),
    ("last", Function::Last, 0, 0, ValueKind::Number),
    ("local-name", Function::LocalName, 0, 1, ValueKind::Text),
    ("name", Function::Name, 0, 1, ValueKind::Text),
    (
        "namespace-uri",
        Function::NamespaceUri,
        0,
        1,
        ValueKind::Text,
    ),
    (
        "normalize-space",
        Function::NormalizeSpace,
        0,
        1,
        ValueKind::Text,
    ),
    ("not", Function::Not, 1, 1, ValueKind::Boolean),
    ("number", Function::Number, 0, 1, ValueKind::Number),
    ("position", Function::Position, 0, 0, ValueKind::Number),
    ("round", Function::Round, 1, 1, ValueKind::Number),
    (
        "starts-with",
        Function::StartsWith,
        2,
        2,
        ValueKind::Boolean,
    ),
    ("string", Function::String, 0, 1, ValueKind::Text),
    (
        "string-length",
        Function::StringLength,
        0,
        1,
        ValueKind::Number,
    ),
    ("substring", Function::Substring, 2, 3, ValueKind::Text),
    (
        "substring-after",
        Function::SubstringAfter,
        2,
        2,
        ValueKind::Text,
    ),
    (
        "substring-before",
        Function::SubstringBefore,
        2,
        2,
        ValueKind::Text,
    ),
    ("sum", Function::Sum, 1, 1, ValueKind::Number),
    ("translate", Function::Translate, 3, 3, ValueKind::Text),
    ("true", Function::True, 0, 0, ValueKind::Boolean),
];

/// The function of a name.
pub(super) fn named(name: &str) -> Option<Function> {
    FUNCTIONS.iter().find(|f| f.0 == name).map(|f| f.1)
}

impl Function {
    fn row(self) -> &'static (&'static str, Function, usize, usize, ValueKind) {
        // Each has its row: a test looks.
        FUNCTIONS
            .iter()
            .find(|f| f.1 == self)
            .unwrap_or(&FUNCTIONS[0])
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn kind(self) -> ValueKind {
        self.row().4
    }

    pub(super) fn parameters(self) -> Parameters {
        let row = self.row();
        Parameters {
            fewest: row.2,
            most: row.3,
            nodes: matches!(
                self,
                Function::Count
                    | Function::Sum
                    | Function::LocalName
                    | Function::Name
                    | Function::NamespaceUri
            ),
        }
    }

    /// True where a call without arguments is about the context node.
    pub(super) fn is_about_context(self, arguments: usize) -> bool {
        match self {
            Function::Lang | Function::Id => true,
            Function::LocalName
            | Function::Name
            | Function::NamespaceUri
            | Function::NormalizeSpace
            | Function::Number
            | Function::String
            | Function::StringLength => arguments == 0,
            _ => false,
        }
    }
}

impl<'x> Evaluator<'_, 'x> {
    pub(super) fn call(&self, call: &'x Call, focus: Focus) -> Result<Value<'x>, XPathError> {
        let Call {
            function,
            arguments,
            at,
        } = call;
        let value = |at: usize| match arguments.get(at) {
            Some(argument) => self.evaluate(argument, focus),
            // A missing one is the context node.
            None => Ok(Value::Nodes(vec![self.item(focus, &call.at)?])),
        };
        let text = |at: usize| self.text(value(at)?, &call.at);
        let number = |at: usize| value(at).and_then(|value| self.number(value, &call.at));
        let nodes = |at: usize| -> Result<Vec<Item>, XPathError> {
            match value(at)? {
                Value::Nodes(nodes) => Ok(nodes),
                _ => Err(XPathError::new(
                    ErrorKind::Type,
                    format!("{}() needs a set of nodes", function.name()),
                    call.at.clone(),
                )),
            }
        };
        Ok(match function {
            Function::True => Value::Boolean(true),
            Function::False => Value::Boolean(false),
            Function::Boolean => Value::Boolean(value(0)?.to_boolean()),
            Function::Not => Value::Boolean(!value(0)?.to_boolean()),
            Function::Position => Value::Number(focus.position as f64),
            Function::Last => Value::Number(focus.size as f64),
            Function::Count => Value::Number(nodes(0)?.len() as f64),
            Function::Id => {
                // Only a document type could say which attributes are ids, and there is none.
                text(0)?;
                Value::Nodes(Vec::new())
            }
            Function::Sum => {
                let mut sum = 0.0;
                for node in nodes(0)? {
                    sum += number::parse(&self.item_text(node, at)?);
                }
                Value::Number(sum)
            }
            Function::LocalName => self.of_first(nodes(0)?, |item, tree| item.local(tree).into()),
            Function::NamespaceUri => {
                self.of_first(nodes(0)?, |item, tree| item.namespace_uri(tree).into())
            }
            Function::Name => self.of_first(nodes(0)?, Item::name),
            Function::Lang => {
                let item = self.item(focus, at)?;
                Value::Boolean(self.lang(item, &text(0)?))
            }
            Function::Number => Value::Number(number(0)?),
            Function::Floor => Value::Number(number(0)?.floor()),
            Function::Ceiling => Value::Number(number(0)?.ceil()),
            Function::Round => Value::Number(number::round(number(0)?)),
            Function::String => Value::Text(text(0)?),
            Function::StringLength => Value::Number(text(0)?.chars().count() as f64),
            Function::Contains => Value::Boolean(text(0)?.contains(&*text(1)?)),
            Function::StartsWith => Value::Boolean(text(0)?.starts_with(&*text(1)?)),
            Function::NormalizeSpace => Value::Text(normalized(text(0)?)),
            Function::SubstringBefore => {
                let (whole, mark) = (text(0)?, text(1)?);
                let end = whole.find(&*mark).unwrap_or(0);
                Value::Text(part(whole, 0, end))
            }
            Function::SubstringAfter => {
                let (whole, mark) = (text(0)?, text(1)?);
                let end = whole.len();
                let start = whole.find(&*mark).map_or(end, |at| at + mark.len());
                Value::Text(part(whole, start, end))
            }
            Function::Substring => {
                let whole = text(0)?;
                let length = match arguments.len() {
                    3 => Some(number(2)?),
                    _ => None,
                };
                let (start, end) = substring(&whole, number(1)?, length);
                Value::Text(part(whole, start, end))
            }
            Function::Translate => {
                Value::Text(Cow::Owned(translate(&text(0)?, &text(1)?, &text(2)?)))
            }
            Function::Concat => Value::Text(Cow::Owned(self.concat(arguments, focus, call)?)),
        })
    }

    fn concat(
        &self,
        arguments: &'x [Expr],
        focus: Focus,
        call: &Call,
    ) -> Result<String, XPathError> {
        let mut out = String::new();
        for argument in arguments {
            let value = self.evaluate(argument, focus)?;
            out.push_str(&self.text(value, &call.at)?);
            if out.len() > RESULT_MAX {
                return Err(XPathError::new(
                    ErrorKind::Result,
                    format!("the result of an expression is longer than {RESULT_MAX} bytes"),
                    call.at.clone(),
                ));
            }
        }
        Ok(out)
    }

    fn of_first(
        &self,
        nodes: Vec<Item>,
        what: impl FnOnce(Item, &'x Tree) -> Cow<'x, str>,
    ) -> Value<'x> {
        match (nodes.first(), self.tree) {
            (Some(first), Some(tree)) => Value::Text(what(*first, tree)),
            _ => Value::Text(Cow::Borrowed("")),
        }
    }

    /// Is the node in that language or one below it (section 4.3)?
    fn lang(&self, item: Item, wanted: &str) -> bool {
        let Some(tree) = self.tree else {
            return false;
        };
        let own = |node: NodeId| {
            (tree.kind(node) == Kind::Element)
                .then(|| tree.attribute_value(node, XML_NS, "lang"))
                .flatten()
        };
        let mut above = std::iter::successors(Some(item.anchor()), |at| tree.parent(*at));
        let Some(language) = above.find_map(own) else {
            return false;
        };
        let matches = language
            .get(..wanted.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(wanted));
        matches && matches!(language.as_bytes().get(wanted.len()), None | Some(b'-'))
    }
}

/// A part of a text, without a copy where it was borrowed.
fn part(text: Cow<'_, str>, start: usize, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    }
}

fn normalized(text: Cow<'_, str>) -> Cow<'_, str> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let words = text.split(blank).filter(|word| !word.is_empty());
    let mut out = String::with_capacity(text.len());
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// The bytes of the characters whose positions, from 1, are at least the rounded start and less than that plus the
/// rounded length (section 4.2); no comparison holds with what is no number.
fn substring(text: &str, start: f64, length: Option<f64>) -> (usize, usize) {
    let first = number::round(start);
    let end = length.map_or(f64::INFINITY, |length| first + number::round(length));
    let mut range: Option<(usize, usize)> = None;
    let mut position = 0.0;
    for (at, c) in text.char_indices() {
        position += 1.0;
        if position >= first && position < end {
            let after = at + c.len_utf8();
            range = Some(range.map_or((at, after), |(start, _)| (start, after)));
        } else if range.is_some() {
            break;
        }
    }
    range.unwrap_or((0, 0))
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let mut table: Vec<(char, Option<char>)> = Vec::new();
    for (at, c) in from.chars().enumerate() {
        // The first of several counts.
        if table.len() < 4096 && !table.iter().any(|(known, _)| *known == c) {
            table.push((c, to.get(at).copied()));
        }
    }
    text.chars()
        .filter_map(|c| match table.iter().find(|(known, _)| *known == c) {
            None => Some(c),
            Some((_, replacement)) => *replacement,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_one_row() {
        for (name, function, ..) in FUNCTIONS {
            assert_eq!(function.name(), *name);
            assert_eq!(named(name), Some(*function));
        }
    }
}
