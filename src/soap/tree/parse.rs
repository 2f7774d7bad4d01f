//! From text to tree: quick-xml cuts it into events, everything that it lets pass is checked here.
//!
//! Refused: a document type declaration (SOAP 1.1 section 3, SOAP 1.2 part 1 section 5), what is not well-formed or not
//! namespace-well-formed, and what is over a limit. Nothing is skipped and nothing is repaired.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use smallvec::SmallVec;

use super::names::{Symbol, is_ncname};
use super::{Kind, NONE, NodeId, RAW, Range, Record, Tree, decode, text};
use crate::soap::scan::reference;

mod build;
mod tag;

use build::Builder;

/// How much of a message may become a tree.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the message, as text.
    pub bytes: usize,
    /// Nesting of elements.
    pub depth: usize,
    /// Attributes and namespace declarations of one tag.
    pub attributes: usize,
    /// Namespace declarations in scope.
    pub namespaces: usize,
    /// Bytes of one name.
    pub name: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 * 1024 * 1024,
            depth: 256,
            attributes: 256,
            namespaces: 256,
            name: 1024,
        }
    }
}

/// Why a message does not become a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A document type declaration.
    #[error("the message has a DOCTYPE, which is not accepted")]
    Doctype,
    /// It is longer, deeper or wider than allowed.
    #[error("the message exceeds the limit on its {0}")]
    Limit(&'static str),
    /// An encoding that is not read.
    #[error("the message is in the encoding `{0}`, which is not read")]
    Encoding(String),
    /// It is not well-formed; line and column count from 1, the column in characters.
    #[error("the message is not well-formed XML: {message} (line {line}, column {column})")]
    Malformed {
        /// What is wrong.
        message: String,
        /// Line of the message.
        line: u32,
        /// Column in the line.
        column: u32,
    },
}

/// Line and column of a byte of a text, both from 1.
pub(in crate::soap) fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..]
        .trim_start_matches('\u{feff}')
        .chars()
        .count();
    (line as u32 + 1, column as u32 + 1)
}

/// What went wrong, before its place in the text is known.
enum Problem {
    Doctype,
    Limit(&'static str),
    /// What, and at which byte.
    Malformed(String, usize),
}

impl Problem {
    fn at(message: impl Into<String>, at: usize) -> Problem {
        Problem::Malformed(message.into(), at)
    }

    fn in_text(self, source: &str) -> ParseError {
        match self {
            Problem::Doctype => ParseError::Doctype,
            Problem::Limit(what) => ParseError::Limit(what),
            Problem::Malformed(message, at) => {
                let (line, column) = place(source, at);
                ParseError::Malformed {
                    message,
                    line,
                    column,
                }
            }
        }
    }
}

impl Tree {
    /// Reads a message; `charset` is the parameter of its media type. A vector (or bytes that nobody shares) is taken
    /// over without a copy where it is UTF-8.
    ///
    /// # Errors
    /// [`ParseError`], which tells the place by line and column.
    pub fn parse(
        message: impl Into<Vec<u8>>,
        charset: Option<&str>,
        limits: &Limits,
    ) -> Result<Tree, ParseError> {
        Tree::read(message.into(), charset, limits, true)
    }

    /// Reads the beginning of a message, up to the end of some tag; elements that are open there count as ended.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_beginning(
        message: impl Into<Vec<u8>>,
        charset: Option<&str>,
        limits: &Limits,
    ) -> Result<Tree, ParseError> {
        Tree::read(message.into(), charset, limits, false)
    }

    fn read(
        message: Vec<u8>,
        charset: Option<&str>,
        limits: &Limits,
        complete: bool,
    ) -> Result<Tree, ParseError> {
        // Places in a text are 32 bits wide, and what is added later counts on.
        let most = limits.bytes.min(u32::MAX as usize / 4);
        if message.len() > most {
            return Err(ParseError::Limit("length"));
        }
        let (source, start) = decode::decode(message, charset)?;
        if source.len() > most {
            return Err(ParseError::Limit("length"));
        }
        let mut tree = Tree::new();
        // Half of the brackets end something; what is between them is text about as often.
        let brackets = memchr::memchr_iter(b'<', source.as_bytes()).count();
        tree.records.reserve(brackets + 8);
        let document = tree.record_mut(Tree::DOCUMENT);
        document.clear(super::CHANGED);
        document.start = start as u32;
        document.end = source.len() as u32;
        let mut builder = Builder::new(&mut tree, limits, 0, Tree::DOCUMENT);
        builder.complete = complete;
        if let Err(problem) = builder.document(&source, start) {
            return Err(problem.in_text(&source));
        }
        tree.source = source;
        Ok(tree)
    }

    /// Reads a text with the default limits.
    ///
    /// # Errors
    /// [`ParseError`], as in [`parse`](Self::parse).
    pub fn parse_str(text: &str) -> Result<Tree, ParseError> {
        Tree::parse(text, Some("utf-8"), &Limits::default())
    }

    /// Reads well-formed content (texts, elements, several of them) as further children of an element; its prefixes mean
    /// what they mean there. Gives the first element of it.
    ///
    /// # Errors
    /// [`ParseError`], with places in the fragment; nothing is added then.
    pub fn append_xml(
        &mut self,
        parent: NodeId,
        fragment: &str,
    ) -> Result<Option<NodeId>, ParseError> {
        let base = self.source.len() + self.added.len();
        if !self.is_element(parent) || u32::try_from(base + fragment.len()).is_err() {
            return Err(ParseError::Limit("length"));
        }
        let before = self.records.len();
        // A parent of its own, so that a failure leaves the real one as it was.
        let holder = self.push(Record::new(Kind::Element, 0, 0, (0, 0)));
        let limits = Limits {
            bytes: usize::MAX,
            ..Limits::default()
        };
        let mut builder = Builder::new(self, &limits, base as u32, holder);
        builder.enter_scope(parent);
        if let Err(problem) = builder.content(fragment) {
            self.records.truncate(before);
            return Err(problem.in_text(fragment));
        }
        self.added.push_str(fragment);
        let first = self.first_element(holder);
        self.move_children(holder, parent);
        Ok(first)
    }
}
