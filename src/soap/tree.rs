//! A message as a tree that can be changed (XML 1.0, Namespaces in XML 1.0, the data model of XPath 1.0 section 5).
//!
//! Built only where a mediator has to look into a body or change it. An arena of 32 bytes per node: links are numbers,
//! names are interned, and a text is a range of the message as it arrived, so that a parse allocates next to nothing per
//! node. The ranges also make the round trip exact: what nobody changed is written as the bytes that were read, with its
//! prefixes, quotes, references, CDATA sections and blanks; around a change only the tags on the way to the root are
//! written anew.
//!
//! Invariant: every prefix of a name means its namespace where the node stands, and a subtree that stands nowhere
//! declares all it relies on. So nodes can be moved and copied without a thought about declarations. The prefixes of
//! values that look like qualified names (`xsi:type="xsd:int"`, `<faultcode>m:x</faultcode>`) come along too.
//!
//! Knows XML and nothing of envelopes.

mod copy;
mod decode;
mod edit;
mod encode;
mod names;
mod parse;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod walk;
mod write;

pub use edit::EditError;
pub use encode::Charset;
pub(in crate::soap) use names::{Expanded, Names, Symbol, XML_NS, continues_name, starts_name};
pub(in crate::soap) use parse::place;
pub use parse::{Limits, ParseError};
pub(in crate::soap) use text::resolve;
pub use write::{Declaration, WriteOptions};

use names::NameId;

/// A node of one tree: a number that means something only with the tree that gave it, like an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl std::fmt::Debug for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The document itself.
    Document,
    /// An element.
    Element,
    /// An attribute that is no namespace declaration.
    Attribute,
    /// A namespace declaration.
    Namespace,
    /// Character data.
    Text,
    /// A CDATA section.
    CData,
    /// A comment.
    Comment,
    /// A processing instruction.
    Instruction,
}

/// A name as it is written and what it means; empty texts where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name<'t> {
    /// The prefix as it is written.
    pub prefix: &'t str,
    /// The part behind the colon.
    pub local: &'t str,
    /// The namespace that the prefix means.
    pub namespace: &'t str,
}

impl Name<'_> {
    /// True for that expanded name, whatever the prefix.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

/// A name for a new element or attribute.
///
/// The prefix is a wish: where it means something else already, another one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewName<'a> {
    /// The wanted prefix; empty for none.
    pub prefix: &'a str,
    /// The namespace; empty for none.
    pub namespace: &'a str,
    /// The local name.
    pub local: &'a str,
}

impl<'a> NewName<'a> {
    /// A name in a namespace.
    pub fn new(prefix: &'a str, namespace: &'a str, local: &'a str) -> Self {
        Self {
            prefix,
            namespace,
            local,
        }
    }

    /// A name in no namespace.
    pub fn local(local: &'a str) -> Self {
        Self::new("", "", local)
    }
}

/// A range of the texts of a tree, see [`Tree::slice`].
type Range = (u32, u32);

/// No node.
const NONE: u32 = u32::MAX;

/// Set where references, carriage returns or (in attributes) blanks stand between the text as written and its value.
const RAW: u32 = 1;
/// Set where an element is no longer what its range of the message says.
const CHANGED: u32 = 2;
/// Set where a start tag is no longer what the message says.
const TAG: u32 = 4;
/// Set where a value was quoted with an apostrophe.
const SINGLE: u32 = 8;
/// Set where a declaration was added here and may go again.
const ADDED: u32 = 16;

/// One node. What the fields mean depends on its kind:
///
/// | | `first` | `attributes` | `start`, `end` |
/// |---|---|---|---|
/// | document, element | first child | first attribute or declaration | the whole of it in the message |
/// | declaration | its namespace's symbol | - | the value as written |
/// | others | - | - | the text as written |
///
/// Siblings form a list whose first one's `previous` is the last.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// Kind (3 bits), flags (5 bits), name or, of a declaration, the symbol of its prefix (24 bits).
    head: u32,
    parent: u32,
    previous: u32,
    next: u32,
    first: u32,
    attributes: u32,
    start: u32,
    end: u32,
}

/// Largest number that fits beside kind and flags.
const NAME_MAX: u32 = (1 << 24) - 1;

impl Record {
    fn new(kind: Kind, name: u32, flags: u32, range: Range) -> Self {
        Self {
            head: kind as u32 | flags << 3 | name << 8,
            parent: NONE,
            previous: NONE,
            next: NONE,
            first: NONE,
            attributes: NONE,
            start: range.0,
            end: range.1,
        }
    }

    fn kind(&self) -> Kind {
        match self.head & 7 {
            0 => Kind::Document,
            1 => Kind::Element,
            2 => Kind::Attribute,
            3 => Kind::Namespace,
            4 => Kind::Text,
            5 => Kind::CData,
            6 => Kind::Comment,
            _ => Kind::Instruction,
        }
    }

    fn name(&self) -> u32 {
        self.head >> 8
    }

    fn has(&self, flag: u32) -> bool {
        self.head & flag << 3 != 0
    }

    fn set(&mut self, flag: u32) {
        self.head |= flag << 3;
    }

    fn clear(&mut self, flag: u32) {
        self.head &= !(flag << 3);
    }

    fn range(&self) -> Range {
        (self.start, self.end)
    }
}

/// A message as a tree.
#[derive(Clone, Debug)]
pub struct Tree {
    records: Vec<Record>,
    names: Names,
    /// The message, in UTF-8.
    source: String,
    /// What was written since; its places count on behind those of the message.
    added: String,
    /// True while numbers go up in document order.
    ordered: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The document node of every tree.
    pub const DOCUMENT: NodeId = NodeId(0);

    /// An empty document.
    pub fn new() -> Tree {
        Tree {
            records: vec![Record::new(Kind::Document, 0, CHANGED, (0, 0))],
            names: Names::new(),
            source: String::new(),
            added: String::new(),
            ordered: true,
        }
    }

    /// Bytes that the tree holds, nodes and texts together: what a bound on memory counts.
    pub fn size(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.source.capacity()
            + self.added.capacity()
    }

    fn record(&self, node: NodeId) -> &Record {
        &self.records[node.0 as usize]
    }

    fn record_mut(&mut self, node: NodeId) -> &mut Record {
        &mut self.records[node.0 as usize]
    }

    fn name_id(&self, node: NodeId) -> NameId {
        NameId(self.record(node).name())
    }

    /// The text at a range: of the message, or behind its end of what was added.
    fn slice(&self, range: Range) -> &str {
        let (start, end) = (range.0 as usize, range.1 as usize);
        let text = match start.checked_sub(self.source.len()) {
            // An empty range at the very end of the message is empty either way.
            Some(from) => self.added.get(from..end - self.source.len()),
            None => self.source.get(start..end),
        };
        text.unwrap_or_default()
    }

    /// Keeps a text; cut where the texts of one tree would pass 4 GiB.
    fn keep(&mut self, text: &str) -> Range {
        let start = self.source.len() + self.added.len();
        match u32::try_from(start + text.len()) {
            Ok(end) => {
                self.added.push_str(text);
                (start as u32, end)
            }
            Err(_) => (0, 0),
        }
    }

    /// Keeps what `write` appends, see [`keep`](Self::keep).
    fn keep_with(&mut self, write: impl FnOnce(&mut String)) -> Range {
        let (before, base) = (self.added.len(), self.source.len());
        write(&mut self.added);
        match u32::try_from(base + self.added.len()) {
            Ok(end) => ((base + before) as u32, end),
            Err(_) => {
                self.added.truncate(before);
                (0, 0)
            }
        }
    }

    fn push(&mut self, record: Record) -> NodeId {
        let id = NodeId(self.records.len() as u32);
        self.records.push(record);
        id
    }
}

/// A number as a node, where there is one.
fn some(id: u32) -> Option<NodeId> {
    (id != NONE).then_some(NodeId(id))
}
