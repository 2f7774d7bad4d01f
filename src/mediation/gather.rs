//! The groups of `aggregate` while the answers to the copies of one message come in.
//!
//! A group belongs to one message: it ends with it at the latest, so that nothing is kept for answers that never come. What is
//! held is bounded by the size of all messages together.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::mediator::aggregate::{Aggregate, Numbers};
use crate::codes::ErrorCode;
use crate::exchange::{Body, Exchange, Fault};
use crate::soap::tree::{Charset, Limits, NodeId, Tree, WriteOptions};
use crate::transport::headers::Name;

/// Property of each copy: its number from 0, and how many there are.
const SEQUENCE: &str = "messageSequence";
/// Property of each copy: what it has in common with the others.
const CORRELATION: &str = "aggregateCorrelation";
/// Most bytes of messages that one group takes.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The groups of one message.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    open: Vec<Group<'a>>,
    /// Groups that were complete: what comes late is not put into a new one.
    done: Done,
}

/// Groups that were complete, by aggregate and key.
pub(super) type Done = Vec<(usize, String)>;

/// One group that is not complete yet.
pub(super) struct Group<'a> {
    /// Its mediator.
    pub aggregate: &'a Aggregate,
    key: String,
    numbers: Numbers,
    /// The first message, without its body.
    first: Box<Exchange>,
    tree: Tree,
    /// Where the selected nodes of later messages go.
    place: Option<NodeId>,
    count: u64,
    total: u64,
    bytes: usize,
    due: Option<Instant>,
}

/// What became of a message that reached an `aggregate`.
pub(super) enum Outcome<'a> {
    /// Its group waits for more.
    Waiting,
    /// Its group was complete before.
    Late,
    /// Its group is complete.
    Complete(Box<Group<'a>>),
}

impl<'a> Gathered<'a> {
    /// Goes on after groups that were complete.
    pub(super) fn after(done: Done) -> Self {
        Self {
            open: Vec::new(),
            done,
        }
    }

    /// What was complete so far, to be remembered elsewhere.
    pub(super) fn take_done(&mut self) -> Done {
        std::mem::take(&mut self.done)
    }

    /// Takes an answer, whose body is held, into its group.
    pub(super) fn take(
        &mut self,
        aggregate: &'a Aggregate,
        x: &mut Exchange,
        now: Instant,
    ) -> Result<Outcome<'a>, Fault> {
        let body = match &x.response_body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Empty | Body::Incoming => Bytes::new(),
        };
        let bytes = body.len();
        let tree = read(x, body)?;
        let key = match aggregate.key(&tree)? {
            Some(value) => value,
            None => number(x, CORRELATION, aggregate)
                .unwrap_or_default()
                .to_owned(),
        };
        let id = std::ptr::from_ref(aggregate) as usize;
        if self.done.contains(&(id, key.clone())) {
            return Ok(Outcome::Late);
        }
        let same = |group: &Group<'_>| std::ptr::eq(group.aggregate, aggregate) && group.key == key;
        let at = match self.open.iter().position(same) {
            Some(at) => {
                self.open[at].add(&tree, bytes)?;
                at
            }
            None => {
                self.open
                    .push(Group::begin(aggregate, key, tree, bytes, x, now)?);
                self.open.len() - 1
            }
        };
        match self.open[at].is_complete(now) {
            true => Ok(Outcome::Complete(self.remove(at))),
            false => Ok(Outcome::Waiting),
        }
    }

    /// When the next group's time is over.
    pub(super) fn due(&self) -> Option<Instant> {
        let open = self.open.iter().filter(|group| group.has_enough());
        open.filter_map(|group| group.due).min()
    }

    /// A group whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Box<Group<'a>>> {
        let at = self.open.iter().position(|group| group.is_complete(now))?;
        Some(self.remove(at))
    }

    /// The next group that no more can come for.
    pub(super) fn left(&mut self) -> Option<Box<Group<'a>>> {
        (!self.open.is_empty()).then(|| self.remove(0))
    }

    fn remove(&mut self, at: usize) -> Box<Group<'a>> {
        let group = self.open.remove(at);
        let id = std::ptr::from_ref(group.aggregate) as usize;
        self.done.push((id, group.key.clone()));
        Box::new(group)
    }
}

impl<'a> Group<'a> {
    fn begin(
        aggregate: &'a Aggregate,
        key: String,
        tree: Tree,
        bytes: usize,
        x: &mut Exchange,
        now: Instant,
    ) -> Result<Self, Fault> {
        let numbers = aggregate.numbers(x)?;
        let selected = aggregate.selected(&tree)?;
        let parent = selected.first().and_then(|node| tree.parent(*node));
        // Without a selected node of its own the first message takes those of the others where its content is.
        let place = parent.or_else(|| {
            let root = tree.root()?;
            let body = tree
                .elements(root)
                .find(|node| tree.name(*node).local == "Body");
            Some(body.unwrap_or(root))
        });
        let mut first = x.copy();
        first.response = x.response.clone();
        Ok(Self {
            aggregate,
            key,
            numbers,
            first,
            tree,
            place,
            count: 1,
            total: total(x, aggregate),
            bytes,
            due: numbers.timeout_s.map(|s| now + Duration::from_secs(s)),
        })
    }

    fn add(&mut self, tree: &Tree, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        if self.bytes > BYTES_MAX {
            let text = format!("an aggregate holds more than {BYTES_MAX} bytes");
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        self.count += 1;
        let Some(place) = self.place else {
            return Ok(());
        };
        for node in self.aggregate.selected(tree)? {
            let copy = self.tree.copy(tree, node);
            let put = self.tree.append(place, copy);
            put.map_err(|error| Fault::new(ErrorCode::NONE, error.to_string()))?;
        }
        Ok(())
    }

    fn has_enough(&self) -> bool {
        self.numbers.min.is_none_or(|min| self.count >= min)
    }

    fn is_complete(&self, now: Instant) -> bool {
        self.count >= self.total
            || self.numbers.max.is_some_and(|max| self.count >= max)
            || (self.has_enough() && self.due.is_some_and(|due| now >= due))
    }

    /// Why a group that no more can come for is not a message; `None` when it is.
    pub(super) fn lacks(&self) -> Option<Fault> {
        let min = self.numbers.min.filter(|_| !self.has_enough())?;
        let text = format!(
            "the aggregate has {} of at least {min} messages",
            self.count
        );
        Some(Fault::new(ErrorCode::NONE, text))
    }

    /// A message for the handlers of a group that is not complete.
    pub(super) fn message(&self) -> Box<Exchange> {
        self.first.copy()
    }

    /// The message that was put together.
    pub(super) fn into_message(self) -> Box<Exchange> {
        let mut message = self.first;
        let named = content_type(&message).and_then(charset);
        let options = WriteOptions {
            charset: named.and_then(Charset::named).unwrap_or_default(),
            ..WriteOptions::default()
        };
        let written = self.tree.write_document(&options);
        message.response_body = Body::Whole(written.into());
        message
    }
}

fn content_type(x: &Exchange) -> Option<&[u8]> {
    x.response.as_ref()?.headers.value(Name::ContentType)
}

/// The charset that a media type names.
fn charset(content_type: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(content_type).ok()?;
    let mut parameters = text.split(';').skip(1).filter_map(|p| p.split_once('='));
    let named = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    named.map(|(_, value)| value.trim().trim_matches('"'))
}

fn read(x: &Exchange, body: Bytes) -> Result<Tree, Fault> {
    let charset = content_type(x).and_then(charset);
    Tree::parse(body, charset, &Limits::default()).map_err(|error| {
        let text = format!("an answer cannot be put together with others: {error}");
        Fault::new(ErrorCode::MESSAGE_PARSE, text)
    })
}

/// How many messages there are, by `messageSequence`; one for a message that is no copy.
fn total(x: &Exchange, aggregate: &Aggregate) -> u64 {
    let sequence = number(x, SEQUENCE, aggregate);
    let total = sequence.and_then(|text| text.split_once('/')?.1.trim().parse().ok());
    total.unwrap_or(1)
}

/// A property that says to which copies a message belongs: those of the mediator with the same id.
fn number<'x>(x: &'x Exchange, name: &str, aggregate: &Aggregate) -> Option<&'x str> {
    match &aggregate.id {
        Some(id) => x.properties.value(&format!("{name}.{id}")),
        None => x.properties.value(name),
    }
}

/// Tells a copy which of how many it is, for the `aggregate` of that id.
pub(super) fn tell(copy: &mut Exchange, id: Option<&str>, nth: usize, total: usize, split: &str) {
    let name = |name: &'static str| match id {
        Some(id) => Cow::Owned(format!("{name}.{id}")),
        None => Cow::Borrowed(name),
    };
    copy.properties
        .set(name(SEQUENCE), format!("{nth}/{total}"));
    copy.properties.set(name(CORRELATION), split);
    copy.line = format!("{split}.{nth}").into();
}
