//! The mediators: one file each, one line in [`MEDIATORS`].
//!
//! A mediator never waits and never nests a call: it changes the message and says by a [`Step`] what comes next, and the
//! runner does it. That keeps a message with ten nested filters at one future and no allocation.

pub mod aggregate;
pub mod call;
mod call_template;
pub mod clone;
mod direction;
mod drop;
pub mod enqueue;
mod enrich;
mod filter;
pub mod foreach;
mod header;
pub mod iterate;
mod log;
mod loopback;
mod makefault;
mod payload_factory;
mod property;
mod property_group;
mod respond;
mod rewrite;
mod router;
pub mod send;
mod sequence;
mod store;
mod switch;
mod target;
#[cfg(feature = "xsd")]
mod validate;

use std::collections::HashMap;
use std::fmt::Debug;

use super::expression::Expression;
use super::parse::{Parse, SequenceRef};
use super::store::Store;
use super::{Category, LogSink, SequenceId};
use crate::codes::ErrorCode;
use crate::config::language;
use crate::config::source::{Span, Spanned};
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, registry_path};
use crate::soap::content::Extent;

/// What comes after a mediator.
#[derive(Debug)]
pub enum Step<'a> {
    /// The next mediator of the list.
    Next,
    /// Nothing: this list and all around it end (Synapse: a mediator that returns false).
    Stop,
    /// The mediators of a list, then the next one here.
    Enter(&'a List),
    /// A sequence with its error handler, then the next one here.
    Call(SequenceId),
    /// A template whose parameters are set, with another handler of its errors, then the next one here.
    Invoke(SequenceId, Option<SequenceId>),
    /// Put the answer together with others; the next one here while they are not complete.
    Gather(&'a aggregate::Aggregate),
    /// Send, and wait for the answer.
    Send(&'a send::Send),
    /// Send, wait for the answer, and go on with it.
    Ask(&'a call::Call),
    /// Copies on ways of their own.
    Clone(&'a clone::Clone),
    /// Parts of the message on ways of their own.
    Iterate(&'a iterate::Iterate),
    /// Each part of the message through a sequence.
    ForEach(&'a foreach::ForEach),
    /// A copy through a sequence when it is its turn, then the next one here.
    Enqueue(&'a enqueue::Enqueue),
    /// Into a message store, then the next one here.
    Store(&'a Store),
    /// Nothing: the message goes to the client.
    Respond,
    /// Nothing: the message goes on in the response flow.
    Loop,
    /// The fault handlers in scope.
    Fail(Fault),
}

/// One compiled mediator.
pub trait Mediator: Debug + Send + Sync {
    /// Does its part on the current message.
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a>;

    /// Of the expressions that it evaluates, the one that [needs](Expression::need) most of the message. What that needs
    /// has been read when [`mediate`](Self::mediate) is called.
    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        None
    }

    /// Does its part on a message that was not read yet where a look at the bytes that are here, at most so many, tells it all
    /// it asks for. `None`: it has to be read, for [`mediate`](Self::mediate).
    fn glance<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>, _most: usize) -> Option<Step<'a>> {
        None
    }

    /// Of the expressions that it evaluates, those whose values are worth having been found before in a large message.
    fn asks<'a>(&'a self, scene: &Scene<'a>) -> Vec<&'a Expression> {
        self.looks(scene).into_iter().collect()
    }

    /// How much of the message it needs besides what its expressions look at: whole for who changes it. That has been
    /// read when [`mediate`](Self::mediate) is called.
    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        None
    }

    /// True when it does without a message that cannot be read.
    fn forgives(&self) -> bool {
        false
    }
}

/// The expression that needs most.
fn most<'a>(
    expressions: impl IntoIterator<Item = Option<&'a Expression>>,
) -> Option<&'a Expression> {
    expressions
        .into_iter()
        .flatten()
        .max_by_key(|expression| expression.need())
}

/// What a mediator sees besides the message.
pub struct Scene<'a> {
    /// Takes log lines.
    pub log: &'a dyn LogSink,
    /// The named sequences.
    pub sequences: &'a HashMap<String, SequenceId>,
    /// Fields of a request that go back with a fault about it.
    pub fields: &'a [String],
}

impl Scene<'_> {
    /// The sequence of a key that a message gave: a name, or a file of the registry.
    fn named(&self, key: &str) -> Option<SequenceId> {
        let found = self.sequences.get(key);
        found
            .or_else(|| self.sequences.get(&registry_path(key)))
            .copied()
    }

    /// The step into a sequence.
    fn enter<'s>(&self, reference: &SequenceRef, x: &Exchange) -> Step<'s> {
        match self.find(reference, x) {
            Ok(id) => Step::Call(id),
            Err(fault) => Step::Fail(fault),
        }
    }

    /// The sequence that is meant.
    pub fn find(&self, reference: &SequenceRef, x: &Exchange) -> Result<SequenceId, Fault> {
        let missing = |name: &str| {
            let text = format!("there is no sequence `{name}`");
            Fault::new(ErrorCode::NONE, text)
        };
        match reference {
            SequenceRef::Known(id) => Ok(*id),
            SequenceRef::Missing(name) => Err(missing(name)),
            SequenceRef::Computed(expression) => {
                let name = expression.string(x)?;
                self.named(&name).ok_or_else(|| missing(&name))
            }
        }
    }
}

/// A log that takes everything.
struct Everything;

impl LogSink for Everything {
    fn enabled(&self, _: Category) -> bool {
        true
    }

    fn log(&self, _: Category, _: &str) {}
}

/// What mediators do with a request that was sent before they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// They may look at it, or send it again.
    Uses,
    /// They end the flow.
    Ends,
    /// Nothing, and the flow goes on behind them.
    Goes,
}

/// Mediators in order.
#[derive(Debug, Default)]
pub struct List {
    /// Each with whether it may look into a message.
    mediators: Vec<(Box<dyn Mediator>, bool)>,
    /// Name and place of each, and after them of the element that they stand in; for explanations.
    places: Vec<Spanned<Box<str>>>,
    /// For each place, what the mediators from there on do with a request that was sent before.
    after: Vec<After>,
}

impl List {
    /// A list of these.
    pub fn new(mediators: Vec<Box<dyn Mediator>>, places: Vec<Spanned<Box<str>>>) -> Self {
        let scene = Scene {
            log: &Everything,
            fields: &[],
            sequences: &HashMap::new(),
        };
        let mut after = vec![After::Goes; mediators.len() + 1];
        for (at, mediator) in mediators.iter().enumerate().rev() {
            after[at] = match places.get(at).map(|place| &*place.value) {
                Some("drop") => After::Ends,
                Some("out") => after[at + 1],
                Some("log" | "property" | "header")
                    if mediator.extent(&scene).is_none()
                        && mediator
                            .looks(&scene)
                            .is_none_or(|expression| expression.need().extent().is_none()) =>
                {
                    after[at + 1]
                }
                _ => After::Uses,
            };
        }
        let with_looks = |mediator: Box<dyn Mediator>| {
            let looks = mediator.extent(&scene).is_some() || mediator.looks(&scene).is_some();
            (mediator, looks)
        };
        Self {
            mediators: mediators.into_iter().map(with_looks).collect(),
            places,
            after,
        }
    }

    /// A list in which every message fails.
    pub fn failing(place: Span, fault: Fault) -> Self {
        let named = || Spanned::new("sequence".into(), place);
        List::new(vec![failing(fault)], vec![named(), named()])
    }

    /// What the mediators from this place on do with a request that was sent before.
    pub fn after(&self, from: usize) -> After {
        self.after.get(from).copied().unwrap_or(After::Goes)
    }

    /// Name and place of the mediator at a place; behind the end, of the element that the list stands in.
    pub fn place(&self, at: usize) -> Option<&Spanned<Box<str>>> {
        self.places.get(at.min(self.mediators.len()))
    }

    /// The mediator at a place, and whether it may look into a message; `None` behind the end.
    pub fn at(&self, at: usize) -> Option<(&dyn Mediator, bool)> {
        let (mediator, looks) = self.mediators.get(at)?;
        Some((&**mediator, *looks))
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.mediators.is_empty()
    }
}

/// Compiles an element; `None` when it cannot be, which has been reported then.
pub type ParseMediator = fn(&Element, &mut Parse<'_>) -> Option<Box<dyn Mediator>>;

/// One kind of mediator.
#[derive(Debug)]
pub struct Entry {
    /// Element name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Its parser.
    pub parse: ParseMediator,
}

/// Every mediator that is run.
pub const MEDIATORS: &[Entry] = &[
    Entry {
        name: "aggregate",
        doc: "makes one message out of the answers to several",
        parse: aggregate::parse,
    },
    Entry {
        name: "call",
        doc: "sends the message and goes on with the answer",
        parse: call::parse,
    },
    Entry {
        name: "call-template",
        doc: "runs a sequence template with parameters",
        parse: call_template::parse,
    },
    Entry {
        name: "callout",
        doc: "sends a part of the message and puts the answer into it",
        parse: call::parse_callout,
    },
    Entry {
        name: "clone",
        doc: "sends a copy of the message to each target",
        parse: clone::parse,
    },
    Entry {
        name: "conditionalRouter",
        doc: "runs the target of the first route whose condition holds",
        parse: router::parse_conditional,
    },
    Entry {
        name: "drop",
        doc: "ends the flow of the message",
        parse: drop::parse,
    },
    Entry {
        name: "enqueue",
        doc: "takes a copy of the message through a sequence when there is room",
        parse: enqueue::parse,
    },
    Entry {
        name: "enrich",
        doc: "puts a part of the message, of a property or of the configuration somewhere",
        parse: enrich::parse,
    },
    Entry {
        name: "filter",
        doc: "goes on with one of two lists by a condition",
        parse: filter::parse,
    },
    Entry {
        name: "foreach",
        doc: "takes each part of the message through a sequence",
        parse: foreach::parse,
    },
    Entry {
        name: "header",
        doc: "sets or removes addressing values and HTTP header fields",
        parse: header::parse,
    },
    Entry {
        name: "in",
        doc: "runs its mediators for requests only",
        parse: direction::parse_in,
    },
    Entry {
        name: "iterate",
        doc: "sends a copy of the message for each part of it",
        parse: iterate::parse,
    },
    Entry {
        name: "log",
        doc: "writes a line to the log",
        parse: log::parse,
    },
    Entry {
        name: "loopback",
        doc: "goes on with the message in the response flow",
        parse: loopback::parse,
    },
    Entry {
        name: "makefault",
        doc: "turns the message into a fault",
        parse: makefault::parse,
    },
    Entry {
        name: "out",
        doc: "runs its mediators for answers only",
        parse: direction::parse_out,
    },
    Entry {
        name: "payloadFactory",
        doc: "makes a new payload out of a format and arguments",
        parse: payload_factory::parse,
    },
    Entry {
        name: "property",
        doc: "sets or removes a property of the message",
        parse: property::parse,
    },
    Entry {
        name: "propertyGroup",
        doc: "sets several properties",
        parse: property_group::parse,
    },
    Entry {
        name: "respond",
        doc: "sends the message back to the client",
        parse: respond::parse,
    },
    Entry {
        name: "rewrite",
        doc: "changes the address of the message, or a property, by rules",
        parse: rewrite::parse,
    },
    Entry {
        name: "router",
        doc: "runs the target of the first route that fits an expression",
        parse: router::parse_router,
    },
    Entry {
        name: "send",
        doc: "sends a request to an endpoint, an answer to the client or on to an endpoint",
        parse: send::parse,
    },
    Entry {
        name: "sequence",
        doc: "runs a named sequence",
        parse: sequence::parse,
    },
    Entry {
        name: "store",
        doc: "puts the message into a message store",
        parse: store::parse,
    },
    Entry {
        name: "switch",
        doc: "goes on with the first case that matches a value",
        parse: switch::parse,
    },
    #[cfg(feature = "xsd")]
    Entry {
        name: "validate",
        doc: "checks an element of the message against XML schemas",
        parse: validate::parse,
    },
];

/// The entry of an element name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    MEDIATORS.iter().find(|entry| entry.name == name)
}

/// Every element name of a mediator, whether it is run or not.
pub fn names() -> impl Iterator<Item = &'static str> {
    MEDIATORS
        .iter()
        .map(|entry| entry.name)
        .chain(language::LATER.iter().map(|row| row.name))
        .chain(language::JAVA.iter().copied())
}

/// Why a mediator of the language is not run; `None` for a name that is none.
///
/// Products on top of Synapse put their Java mediators into namespaces of their own; the rest counts in `own` only.
pub fn later(name: &str, own: bool) -> Option<&'static str> {
    if own && language::later_mediator(name).is_some() {
        Some("is not supported yet")
    } else if language::JAVA.contains(&name) {
        Some("needs Java classes, which axon does not run")
    } else if own && name.contains('.') {
        Some("is an operation of a connector, which is not supported yet")
    } else {
        None
    }
}

/// A mediator in place of one that is not run.
pub fn refuse(text: String) -> Box<dyn Mediator> {
    Box::new(Refused(Fault::new(ErrorCode::NOT_SUPPORTED, text)))
}

/// A mediator that fails with that fault.
pub fn failing(fault: Fault) -> Box<dyn Mediator> {
    Box::new(Refused(fault))
}

#[derive(Debug)]
struct Refused(Fault);

impl Mediator for Refused {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Fail(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_language_is_in_one_table() {
        assert!(
            MEDIATORS.windows(2).all(|w| w[0].name < w[1].name),
            "the table is in order"
        );
        for entry in MEDIATORS {
            assert_eq!(later(entry.name, true), None, "{}", entry.name);
        }
        assert_eq!(later("sned", true), None);
    }
}
