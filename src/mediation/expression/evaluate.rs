//! The tree to a value (XPath 1.0 sections 3.4, 3.5 and 4).

use std::borrow::Cow;

use super::{Function, Node, Operator, RESULT_MAX, Value, number};
use crate::codes::ErrorCode;
use crate::exchange::{Exchange, Fault};
use crate::mediation::message;

impl<'x> Value<'x> {
    pub(super) fn to_boolean(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            Value::Number(n) => *n != 0.0 && !n.is_nan(),
            Value::Boolean(value) => *value,
        }
    }

    fn to_number(&self) -> f64 {
        match self {
            Value::Text(text) => number::parse(text),
            Value::Number(n) => *n,
            Value::Boolean(value) => f64::from(u8::from(*value)),
        }
    }

    fn into_text(self) -> Cow<'x, str> {
        match self {
            Value::Text(text) => text,
            Value::Number(n) => Cow::Owned(number::xpath(n)),
            Value::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        }
    }
}

impl Node {
    pub(super) fn evaluate<'x>(&'x self, x: &'x Exchange) -> Result<Value<'x>, Fault> {
        Ok(match self {
            Node::Text(text) => Value::Text(Cow::Borrowed(text)),
            Node::Number(number) => Value::Number(*number),
            Node::Property(place, name) => {
                let name = name.evaluate(x)?.into_text();
                message::property(x, *place, &name).unwrap_or(Value::Text(Cow::Borrowed("")))
            }
            Node::Negate(inner) => Value::Number(-inner.evaluate(x)?.to_number()),
            Node::Binary(operator, left, right) => binary(*operator, left, right, x)?,
            Node::Call(function, arguments) => call(*function, arguments, x)?,
        })
    }
}

fn binary<'x>(
    operator: Operator,
    left: &'x Node,
    right: &'x Node,
    x: &'x Exchange,
) -> Result<Value<'x>, Fault> {
    let left = left.evaluate(x)?;
    // `and` and `or` do not look at their right side when the left one decides.
    match operator {
        Operator::And if !left.to_boolean() => return Ok(Value::Boolean(false)),
        Operator::Or if left.to_boolean() => return Ok(Value::Boolean(true)),
        _ => {}
    }
    let right = right.evaluate(x)?;
    let (a, b) = (|| left.to_number(), || right.to_number());
    Ok(match operator {
        Operator::And | Operator::Or => Value::Boolean(right.to_boolean()),
        Operator::Equal => Value::Boolean(equal(&left, &right)),
        Operator::NotEqual => Value::Boolean(!equal(&left, &right)),
        Operator::Less => Value::Boolean(a() < b()),
        Operator::LessOrEqual => Value::Boolean(a() <= b()),
        Operator::Greater => Value::Boolean(a() > b()),
        Operator::GreaterOrEqual => Value::Boolean(a() >= b()),
        Operator::Add => Value::Number(a() + b()),
        Operator::Subtract => Value::Number(a() - b()),
        Operator::Multiply => Value::Number(a() * b()),
        Operator::Divide => Value::Number(a() / b()),
        Operator::Modulo => Value::Number(a() % b()),
    })
}

fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Boolean(_), _) | (_, Value::Boolean(_)) => left.to_boolean() == right.to_boolean(),
        (Value::Number(_), _) | (_, Value::Number(_)) => left.to_number() == right.to_number(),
        (Value::Text(a), Value::Text(b)) => a == b,
    }
}

fn call<'x>(
    function: Function,
    arguments: &'x [Node],
    x: &'x Exchange,
) -> Result<Value<'x>, Fault> {
    // The parser has counted the arguments; a missing optional one reads as the empty text.
    let value = |at: usize| match arguments.get(at) {
        Some(node) => node.evaluate(x),
        None => Ok(Value::Text(Cow::Borrowed(""))),
    };
    let text = |at: usize| value(at).map(Value::into_text);
    let owned = |text: String| Value::Text(Cow::Owned(text));
    Ok(match function {
        Function::True => Value::Boolean(true),
        Function::False => Value::Boolean(false),
        Function::Boolean => Value::Boolean(value(0)?.to_boolean()),
        Function::Not => Value::Boolean(!value(0)?.to_boolean()),
        Function::Number => Value::Number(value(0)?.to_number()),
        Function::Floor => Value::Number(value(0)?.to_number().floor()),
        Function::Ceiling => Value::Number(value(0)?.to_number().ceil()),
        Function::Round => Value::Number((value(0)?.to_number() + 0.5).floor()),
        Function::String => Value::Text(text(0)?),
        Function::StringLength => Value::Number(text(0)?.chars().count() as f64),
        Function::Contains => Value::Boolean(text(0)?.contains(&*text(1)?)),
        Function::StartsWith => Value::Boolean(text(0)?.starts_with(&*text(1)?)),
        Function::EndsWith => Value::Boolean(text(0)?.ends_with(&*text(1)?)),
        Function::UpperCase => owned(text(0)?.to_uppercase()),
        Function::LowerCase => owned(text(0)?.to_lowercase()),
        Function::NormalizeSpace => owned(
            text(0)?
                .split_ascii_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        ),
        Function::SubstringBefore => {
            let (whole, mark) = (text(0)?, text(1)?);
            owned(whole.find(&*mark).map_or("", |at| &whole[..at]).to_owned())
        }
        Function::SubstringAfter => {
            let (whole, mark) = (text(0)?, text(1)?);
            owned(
                whole
                    .find(&*mark)
                    .map_or("", |at| &whole[at + mark.len()..])
                    .to_owned(),
            )
        }
        Function::Substring => {
            let length = match arguments.len() {
                3 => value(2)?.to_number(),
                _ => f64::INFINITY,
            };
            owned(substring(&text(0)?, value(1)?.to_number(), length))
        }
        Function::Translate => owned(translate(&text(0)?, &text(1)?, &text(2)?)),
        Function::Concat => {
            let mut out = String::new();
            for node in arguments {
                out.push_str(&node.evaluate(x)?.into_text());
                if out.len() > RESULT_MAX {
                    let text =
                        format!("the result of an expression is longer than {RESULT_MAX} bytes");
                    return Err(Fault::new(ErrorCode::NONE, text));
                }
            }
            owned(out)
        }
    })
}

// Characters are counted from 1, and both bounds are rounded (section 4.2).
fn substring(text: &str, start: f64, length: f64) -> String {
    let first = (start + 0.5).floor();
    let end = first + (length + 0.5).floor();
    text.chars()
        .zip(1u32..)
        .filter(|(_, at)| f64::from(*at) >= first && f64::from(*at) < end)
        .map(|(c, _)| c)
        .collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    text.chars()
        .filter_map(|c| match from.chars().position(|f| f == c) {
            None => Some(c),
            Some(at) => to.chars().nth(at),
        })
        .collect()
}
