//! Names of functions and variables at load: which of Synapse's they are, and what each needs.

use crate::config::SYNAPSE_NS;
use crate::mediation::message::Place;
use crate::soap::xpath::stream::Anchor;
use crate::soap::xpath::{Argument, Extension, Known, Reach, Scope, Unknown, ValueKind, Written};

/// One function or variable of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// `$ctx:name` and its like.
    Property(Place, String),
    /// `$func:name`: a parameter of the template around.
    Parameter(String),
    /// `get-property(name)`, or with a scope that is known at load.
    GetProperty(Place),
    /// `get-property(scope, name)` with a computed scope.
    GetPropertyOf,
    /// `get-property('SYSTEM_DATE')`, and which argument is its pattern.
    SystemDate(Option<usize>),
    EndsWith,
    LowerCase,
    UpperCase,
    Base64Encode,
    Base64Decode,
    UrlEncode,
    Envelope,
    Header,
    Body,
}

impl Entry {
    /// The part of the message that a variable stands for.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        match self {
            Entry::Envelope => Some(Anchor::Envelope),
            Entry::Header => Some(Anchor::Header),
            Entry::Body => Some(Anchor::Body),
            _ => None,
        }
    }
}

/// Synapse's names at one place of a configuration.
pub(super) struct MessageScope<'p> {
    prefixes: &'p [(String, String)],
    /// What the expression uses, by number.
    pub(super) table: Vec<Entry>,
    /// It asks for the `To` of the message, which its header may say.
    pub(super) asks_to: bool,
}

/// The scopes of `get-property` that are read.
pub(super) fn place_of(scope: &str) -> Option<Place> {
    Some(match scope {
        "default" | "synapse" => Place::Default,
        "transport" => Place::Transport,
        // What is set for the client side of the transport cannot be read (recorded).
        "axis2" => Place::Axis2,
        "system" => Place::System,
        "registry" => Place::Registry,
        "func" => Place::Function,
        _ => return None,
    })
}

impl<'p> MessageScope<'p> {
    pub(super) fn new(prefixes: &'p [(String, String)]) -> Self {
        Self {
            prefixes,
            table: Vec::new(),
            asks_to: false,
        }
    }

    fn add(&mut self, entry: Entry, kind: Option<ValueKind>, reach: Reach) -> Extension {
        self.table.push(entry);
        Extension {
            id: self.table.len() as u32 - 1,
            kind,
            reach,
        }
    }

    fn get_property(&mut self, arguments: &[Argument<'_>]) -> Result<Extension, Unknown> {
        let (scope, name) = match arguments {
            [name] => (None, name),
            [scope, name] => (Some(scope), name),
            // The pattern is for a date only.
            [scope, name, _] => (Some(scope), name),
            _ => {
                let message = format!("get-property() has {} arguments", arguments.len());
                return Err(Unknown::Arguments(message));
            }
        };
        // The pattern may stand in the place of the name, as in WSO2, or behind it.
        let date = |at: usize| {
            arguments
                .get(at)
                .is_some_and(|a| a.literal == Some("SYSTEM_DATE"))
        };
        let pattern = match (date(0), date(1)) {
            (true, _) => Some(1),
            (false, true) => Some(2),
            (false, false) => None,
        };
        if let Some(at) = pattern {
            let pattern = (at < arguments.len()).then_some(at);
            return Ok(self.add(
                Entry::SystemDate(pattern),
                Some(ValueKind::Text),
                Reach::Nothing,
            ));
        }
        let entry = match scope {
            None => Entry::GetProperty(Place::Default),
            Some(scope) => match scope.literal {
                None => Entry::GetPropertyOf,
                Some(scope) => match place_of(scope) {
                    Some(place) => Entry::GetProperty(place),
                    None if ["operation", "analytics"].contains(&scope) => {
                        let what = format!("get-property() of the scope `{scope}`");
                        return Err(Unknown::Unsupported(what));
                    }
                    // A scope that nobody knows holds nothing (recorded).
                    None => Entry::GetPropertyOf,
                },
            },
        };
        self.asks_to |= entry == Entry::GetProperty(Place::Default) && name.literal == Some("To");
        let said = ["From", "FaultTo", "ReplyTo", "MessageID"];
        let reach = match (&entry, name.literal) {
            (Entry::GetProperty(Place::Default), Some(name)) if said.contains(&name) => {
                Reach::Header
            }
            _ => Reach::Nothing,
        };
        Ok(self.add(entry, None, reach))
    }
}

impl Scope for MessageScope<'_> {
    fn namespace(&self, prefix: &str) -> Option<&str> {
        let found = self
            .prefixes
            .iter()
            .rev()
            .find(|(known, _)| known == prefix);
        found.map(|(_, namespace)| namespace.as_str())
    }

    fn function(
        &mut self,
        name: &Written<'_>,
        arguments: &[Argument<'_>],
    ) -> Result<Known, Unknown> {
        // `fn:` and `syn:` are taken without a declaration (spec/mediation.md 8).
        let own = match (name.prefix, name.namespace) {
            ("", _) | (_, Some(SYNAPSE_NS)) => true,
            (prefix, None) => matches!(prefix, "fn" | "syn" | "synapse"),
            ("fn", Some(namespace)) => namespace.contains("xpath-functions"),
            _ => false,
        };
        if !own {
            return Err(Unknown::Name);
        }
        let (entry, kind, count) = match name.local {
            "get-property" => return self.get_property(arguments).map(Known::Extension),
            "ends-with" => (Entry::EndsWith, ValueKind::Boolean, 2..=2),
            "lower-case" => (Entry::LowerCase, ValueKind::Text, 1..=1),
            "upper-case" => (Entry::UpperCase, ValueKind::Text, 1..=1),
            "base64Encode" => (Entry::Base64Encode, ValueKind::Text, 1..=2),
            "base64Decode" => (Entry::Base64Decode, ValueKind::Text, 1..=2),
            "url-encode" => (Entry::UrlEncode, ValueKind::Text, 1..=2),
            _ if !name.prefix.is_empty() => return Ok(Known::Core),
            _ => return Err(Unknown::Name),
        };
        if !count.contains(&arguments.len()) {
            let (name, given) = (name.local, arguments.len());
            let (fewest, most) = (count.start(), count.end());
            let message = match fewest == most {
                true => format!("{name}() has {most} arguments, not {given}"),
                false => format!("{name}() has {fewest} or {most} arguments, not {given}"),
            };
            return Err(Unknown::Arguments(message));
        }
        Ok(Known::Extension(self.add(
            entry,
            Some(kind),
            Reach::Nothing,
        )))
    }

    fn variable(&mut self, name: &Written<'_>) -> Result<Extension, Unknown> {
        let local = || name.local.to_owned();
        let entry = match name.prefix {
            "ctx" => Entry::Property(Place::Default, local()),
            "trp" => Entry::Property(Place::Transport, local()),
            "axis2" => Entry::Property(Place::Axis2, local()),
            "url" => Entry::Property(Place::Query, local()),
            "func" => Entry::Parameter(local()),
            "operation" => {
                let what = format!("the variable ${}:{}", name.prefix, name.local);
                return Err(Unknown::Unsupported(what));
            }
            "" => {
                let (entry, reach) = match name.local {
                    "body" => (Entry::Body, Reach::Whole),
                    "header" => (Entry::Header, Reach::Header),
                    "env" => (Entry::Envelope, Reach::Whole),
                    _ => return Err(Unknown::Name),
                };
                return Ok(self.add(entry, Some(ValueKind::Nodes), reach));
            }
            _ => return Err(Unknown::Name),
        };
        Ok(self.add(entry, None, Reach::Nothing))
    }
}
