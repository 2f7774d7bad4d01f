//! Values of functions and variables for one message.

use std::borrow::Cow;

use super::date;
use super::encode::{self, Bytes};
use super::scope::{Entry, place_of};
use crate::exchange::{Argument, Exchange};
use crate::mediation::message;
use crate::soap::content::Content;
use crate::soap::tree::Tree;
use crate::soap::xpath::{Host, HostError, Item, Value};

/// The current message of an exchange.
pub(super) struct MessageHost<'x> {
    pub(super) exchange: &'x Exchange,
    pub(super) table: &'x [Entry],
}

/// The charset of an optional argument.
fn charset(name: Option<Cow<'_, str>>) -> Result<Bytes, HostError> {
    match name {
        None => Ok(Bytes::default()),
        Some(name) => Bytes::named(&name)
            .ok_or_else(|| HostError(format!("the charset `{name}` is not known"))),
    }
}

impl<'x> MessageHost<'x> {
    fn entry(&self, id: u32) -> Result<&'x Entry, HostError> {
        let unknown = || HostError("a name that was not compiled".to_owned());
        self.table.get(id as usize).ok_or_else(unknown)
    }

    fn property(&self, place: message::Place, name: &str) -> Value<'x> {
        // What is not there is no text, so that it equals nothing, the empty text included (recorded).
        message::property(self.exchange, place, name).unwrap_or(Value::Nodes(Vec::new()))
    }
}

impl<'x> Host<'x> for MessageHost<'x> {
    fn function(
        &self,
        id: u32,
        arguments: Vec<Value<'x>>,
        tree: Option<&'x Tree>,
    ) -> Result<Value<'x>, HostError> {
        let mut texts = arguments.into_iter().map(|value| value.into_text(tree));
        let mut next = || texts.next().unwrap_or_default();
        Ok(match self.entry(id)? {
            Entry::GetProperty(place) => {
                // With a scope that was known the name is the second argument.
                let first = next();
                let name = texts.next().unwrap_or(first);
                self.property(*place, &name)
            }
            Entry::GetPropertyOf => {
                let (scope, name) = (next(), next());
                match place_of(&scope) {
                    Some(place) => self.property(place, &name),
                    None => Value::text(""),
                }
            }
            Entry::SystemDate(pattern) => {
                let pattern = match pattern {
                    Some(at) => texts.nth(*at).unwrap_or_default(),
                    None => Cow::Borrowed(date::SHORT),
                };
                let now = chrono::Local::now().fixed_offset();
                let text = date::format(now, &pattern);
                let wrong = || HostError(format!("`{pattern}` is no pattern of a date"));
                Value::text(text.ok_or_else(wrong)?)
            }
            Entry::EndsWith => {
                let (text, end) = (next(), next());
                Value::Boolean(text.ends_with(&*end))
            }
            Entry::LowerCase => Value::text(next().to_lowercase()),
            Entry::UpperCase => Value::text(next().to_uppercase()),
            Entry::Base64Encode => {
                let text = next();
                Value::text(encode::base64(&text, charset(texts.next())?))
            }
            Entry::Base64Decode => {
                let text = next();
                let decoded = encode::from_base64(&text, charset(texts.next())?);
                Value::text(decoded.ok_or_else(|| HostError("the text is not base 64".to_owned()))?)
            }
            Entry::UrlEncode => {
                let text = next();
                Value::text(encode::for_url(&text, charset(texts.next())?))
            }
            Entry::Parameter(_)
            | Entry::Property(..)
            | Entry::Envelope
            | Entry::Header
            | Entry::Body => {
                return Err(HostError("a variable that is called".to_owned()));
            }
        })
    }

    fn variable(&self, id: u32, tree: Option<&'x Tree>) -> Result<Value<'x>, HostError> {
        let part = |find: fn(&Tree) -> Option<crate::soap::tree::NodeId>| match tree {
            Some(tree) => Ok(Value::Nodes(
                find(tree).map(Item::from).into_iter().collect(),
            )),
            None => Err(HostError("the message was not read".to_owned())),
        };
        match self.entry(id)? {
            Entry::Property(place, name) => Ok(self.property(*place, name)),
            Entry::Parameter(name) => match self.exchange.argument(name) {
                Some(Argument::Computed(computed)) => match computed.text(self.exchange) {
                    Ok(text) => Ok(Value::text(text)),
                    Err(fault) => Err(HostError(fault.message.clone())),
                },
                _ => Ok(self.property(message::Place::Function, name)),
            },
            Entry::Envelope => part(Tree::root),
            Entry::Header => part(Content::header),
            Entry::Body => part(Content::body),
            _ => Err(HostError("a function that is read".to_owned())),
        }
    }
}
