//! The current message as a tree that is looked into and changed: always an envelope (spec/mediation.md 8 and 10).
//!
//! A SOAP message is itself. Everything else stands in the body of an envelope that is made for it, as in the originals:
//! plain XML as it is, JSON and forms as elements ([`json`](super::json)), texts and other bytes in a `payload` element, so
//! that the same paths fit all of them; a message without a body is an empty envelope. What is sent on are the bytes of the
//! message until somebody changes the tree: then it is [written](Content::write) in the notation that is asked for.

mod build;
mod finding;
mod form_data;
mod notation;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};

use bytes::Bytes;

use super::envelope::{Format, SOAP11_NS, SOAP12_NS};
use super::json::JsonError;
use super::tree::{Charset, EditError, NewName, NodeId, ParseError, Tree};

pub use finding::Finding;
pub use notation::Notation;
pub use write::{Wanted, Written};

/// How far a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// Up to the end of its SOAP header.
    Header,
    /// To its end.
    Whole,
}

/// Why a message cannot be looked into, changed or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// It is not well-formed, or over a limit.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The media type says SOAP, the root is another element.
    #[error("the message is announced as SOAP and its root is `{0}`, no envelope")]
    NoEnvelope(String),
    /// A format that is not read.
    #[error("a message of the media type `{0}` is not read yet")]
    Unsupported(String),
    /// There is no `Content-Type`.
    #[error("the message has no Content-Type, so nobody knows how to read it")]
    NoType,
    /// The envelope around a message cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It is JSON that cannot be mapped.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Parts, a form or a text are not as the media type says, or a text does not fit into its charset.
    #[error("{0}")]
    Malformed(String),
    /// It was made larger than may be held.
    #[error("the message has become larger than {0} bytes")]
    TooLarge(usize),
    /// Only its header was read, so it cannot be changed.
    #[error("the message was not read to its end")]
    Beginning,
}

/// A message, or its beginning; it becomes a tree when somebody asks for one.
#[derive(Clone, Debug)]
pub struct Content {
    /// As it came, unpacked; of no meaning once the tree was changed.
    bytes: Bytes,
    extent: Extent,
    format: Format,
    content_type: Vec<u8>,
    view: OnceCell<Result<View, ContentError>>,
    glanced: Cell<bool>,
    /// By the keys of expressions.
    findings: RefCell<Vec<(usize, Finding)>>,
    /// As JSON, for who asks again.
    json: OnceCell<serde_json::Value>,
    changed: bool,
}

/// A message as an envelope.
#[derive(Clone, Debug)]
pub struct View {
    /// The tree.
    pub tree: Tree,
    /// The envelope in it: what expressions start from.
    pub envelope: NodeId,
    /// True where the envelope was made here, around something else.
    pub framed: bool,
    /// What came beside the envelope, in order.
    pub parts: Vec<Attachment>,
}

/// A part that stands beside the envelope (SOAP with attachments): its head without the empty line, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Fields, each behind a CRLF but the first.
    pub head: String,
    /// Bytes as they came.
    pub body: Bytes,
}

/// What a message may be that is announced as SOAP.
const ENVELOPES: &[(&str, &str)] = &[(SOAP11_NS, "Envelope"), (SOAP12_NS, "Envelope")];
/// A tree may grow to so many times the size of its message, at least to [`SIZE_MIN`], before changes are refused.
const GROWTH_MAX: usize = 16;
/// A message of more bytes is a large one: work on it takes longer than other connections can wait.
const LARGE: usize = 64 * 1024;
/// Bytes to which any tree may grow.
const SIZE_MIN: usize = 64 * 1024 * 1024;

impl Content {
    /// A message of a format that was read so far; `content_type` is the field as it came.
    pub fn new(
        bytes: impl Into<Bytes>,
        extent: Extent,
        format: Format,
        content_type: &[u8],
    ) -> Content {
        Content {
            bytes: bytes.into(),
            extent,
            format,
            content_type: content_type.to_vec(),
            view: OnceCell::new(),
            glanced: Cell::new(false),
            findings: RefCell::default(),
            json: OnceCell::new(),
            changed: false,
        }
    }

    /// A message that has no body.
    pub fn empty() -> Content {
        Content::new(Bytes::new(), Extent::Whole, Format::Rest, b"")
    }

    /// A message that was made as an envelope and is to be written; `content_type` is that of the message that it takes
    /// the place of.
    pub fn made(view: View, content_type: &[u8]) -> Content {
        let format = Format::of(Some(content_type), false);
        Content {
            view: OnceCell::from(Ok(view)),
            changed: true,
            ..Content::new(Bytes::new(), Extent::Whole, format, content_type)
        }
    }

    /// Whether messages of a media type are read at all, which is known before one is.
    ///
    /// # Errors
    /// [`ContentError::Unsupported`].
    pub fn can_be_read(content_type: &[u8]) -> Result<(), ContentError> {
        let media = super::envelope::media_type(content_type);
        let multipart = media.len() >= 10 && media[..10].eq_ignore_ascii_case(b"multipart/");
        let known = [Notation::Related, Notation::FormData];
        if multipart && !known.contains(&Notation::of(content_type)) {
            let media = String::from_utf8_lossy(media).chars().take(100).collect();
            return Err(ContentError::Unsupported(media));
        }
        Ok(())
    }

    /// How much of the message is here.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The media type as it came.
    pub fn content_type(&self) -> &[u8] {
        &self.content_type
    }

    /// The bytes as they came, unpacked.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The notation that it came in.
    pub fn notation(&self) -> Notation {
        match (self.format, Notation::of(&self.content_type)) {
            (Format::Rest, _) | (Format::Pox, Notation::Unknown) => Notation::Xml,
            (_, notation) => notation,
        }
    }

    /// The message as JSON: as it came, or what its tree is as JSON. Of a message without a payload `null`.
    ///
    /// # Errors
    /// [`ContentError`]: it cannot be read, or it is nested too deeply.
    pub fn json(&self) -> Result<Cow<'_, serde_json::Value>, ContentError> {
        if let Some(known) = self.json.get() {
            return Ok(Cow::Borrowed(known));
        }
        let value = self.read_json()?;
        Ok(match self.bytes.len() > LARGE {
            // Held it would cost ten times its message.
            true => Cow::Owned(value),
            false => Cow::Borrowed(self.json.get_or_init(|| value)),
        })
    }

    fn read_json(&self) -> Result<serde_json::Value, ContentError> {
        let written;
        let text = match self.notation() == Notation::Json && !self.changed {
            true => &self.bytes[..],
            false => {
                let view = self.view()?;
                let payload = view.payload();
                written = match payload {
                    Some(payload) => super::json::write(&view.tree, payload)?,
                    None => "null".to_owned(),
                };
                written.as_bytes()
            }
        };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        serde_json::from_slice(text).map_err(|error| JsonError::Malformed(error.to_string()).into())
    }

    /// True for a message that is worked on beside the worker.
    pub fn is_large(&self) -> bool {
        let tree = || match self.view.get() {
            Some(Ok(view)) => view.tree.size(),
            _ => 0,
        };
        self.bytes.len() > LARGE || tree() > LARGE * 4
    }

    /// True once the tree was changed, until it is written.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// True when somebody asked for the tree.
    pub fn was_viewed(&self) -> bool {
        self.view.get().is_some()
    }

    /// The message as an envelope; made once.
    ///
    /// # Errors
    /// [`ContentError`], the same every time.
    pub fn view(&self) -> Result<&View, ContentError> {
        let view = self.view.get_or_init(|| self.make_view());
        view.as_ref().map_err(Clone::clone)
    }

    /// The message as an envelope that is going to be changed; it is written before it is sent on.
    ///
    /// # Errors
    /// [`ContentError`]: it cannot be read, was not read to its end, or has become too large by what was changed before.
    pub fn view_mut(&mut self) -> Result<&mut View, ContentError> {
        if self.extent != Extent::Whole {
            return Err(ContentError::Beginning);
        }
        self.view()?;
        self.findings.get_mut().clear();
        self.json.take();
        let most = self.bytes.len().saturating_mul(GROWTH_MAX).max(SIZE_MIN);
        self.changed = true;
        match self.view.get_mut() {
            Some(Ok(view)) if view.tree.size() > most => Err(ContentError::TooLarge(most)),
            Some(Ok(view)) => Ok(view),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ContentError::Beginning),
        }
    }

    /// The message was written: from now on these are its bytes, and the tree is as it stands.
    pub fn set_written(&mut self, bytes: Bytes, content_type: &[u8]) {
        self.bytes = bytes;
        self.json.take();
        self.content_type = content_type.to_vec();
        self.format = Format::of(Some(content_type), false);
        self.changed = false;
        let framed = !self.notation().is_soap() && self.notation() != Notation::Related;
        if let Some(Ok(view)) = self.view.get_mut() {
            view.framed = framed;
        }
    }

    /// Lets go of tree and bytes of a message that was written: [`set_written`](Self::set_written) follows.
    pub fn release(&mut self) {
        self.view = OnceCell::new();
        self.findings.get_mut().clear();
        self.json.take();
        self.bytes = Bytes::new();
    }

    /// Answers a simple path from the text of a SOAP message, as long as there is no tree: the first such question is
    /// cheaper that way, from the second on a tree is. `None` where the tree has to be asked.
    pub fn glance<T>(
        &self,
        ask: impl FnOnce(&str, &[(&str, &str)]) -> Result<Option<T>, ParseError>,
    ) -> Result<Option<T>, ContentError> {
        let soap = self.format.is_soap() && self.notation().is_soap();
        let fits = self.extent == Extent::Whole && soap && !self.bytes.is_empty();
        if !fits || self.view.get().is_some() || self.glanced.replace(true) {
            return Ok(None);
        }
        match self.utf8() {
            Some(text) => Ok(ask(text, ENVELOPES)?),
            None => Ok(None),
        }
    }

    /// The text, when it certainly is UTF-8.
    fn utf8(&self) -> Option<&str> {
        let known =
            |name: &str| matches!(Charset::named(name), Some(Charset::Utf8 | Charset::Ascii));
        let named = super::envelope::charset(&self.content_type);
        let head = &self.bytes[..self.bytes.len().min(256)];
        let declared = memchr::memmem::find(head, b"encoding").is_some();
        match named {
            Some(name) if !known(name) => return None,
            None if declared => {
                let utf8 = |w: &[u8]| {
                    w.eq_ignore_ascii_case(b"\"utf-8\"") || w.eq_ignore_ascii_case(b"'utf-8'")
                };
                if !head.windows(7).any(utf8) {
                    return None;
                }
            }
            _ => {}
        }
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The `Header` of an envelope.
    pub fn header(tree: &Tree) -> Option<NodeId> {
        part(tree, "Header")
    }

    /// The `Body` of an envelope.
    pub fn body(tree: &Tree) -> Option<NodeId> {
        part(tree, "Body")
    }
}

fn part(tree: &Tree, local: &str) -> Option<NodeId> {
    let envelope = tree.root()?;
    let namespace = tree.name(envelope).namespace;
    tree.child(envelope, namespace, local)
}

impl View {
    /// An empty envelope.
    ///
    /// # Errors
    /// None that happens: the names are fixed.
    pub fn empty() -> Result<View, EditError> {
        build::framed(Tree::new(), None)
    }

    /// The namespace of the envelope.
    pub fn namespace(&self) -> &str {
        self.tree.name(self.envelope).namespace
    }

    /// The `Body`; made where there is none.
    ///
    /// # Errors
    /// [`EditError`] of an envelope that is none any more.
    pub fn body(&mut self) -> Result<NodeId, EditError> {
        match Content::body(&self.tree) {
            Some(body) => Ok(body),
            None => self.add("Body"),
        }
    }

    /// The `Header`; made in front of the body where there is none.
    ///
    /// # Errors
    /// As [`body`](Self::body).
    pub fn header(&mut self) -> Result<NodeId, EditError> {
        if let Some(header) = Content::header(&self.tree) {
            return Ok(header);
        }
        let header = self.add("Header")?;
        self.tree.prepend(self.envelope, header)?;
        Ok(header)
    }

    fn add(&mut self, local: &str) -> Result<NodeId, EditError> {
        let name = self.tree.name(self.envelope);
        let (prefix, namespace) = (name.prefix.to_owned(), name.namespace.to_owned());
        let name = NewName::new(&prefix, &namespace, local);
        self.tree.add_element(self.envelope, name)
    }

    /// What the body holds: its first element.
    pub fn payload(&self) -> Option<NodeId> {
        self.tree.first_element(Content::body(&self.tree)?)
    }

    /// The same message as an envelope of another version: that of this namespace.
    ///
    /// # Errors
    /// [`EditError`] of an envelope that is none any more.
    pub fn in_version(&self, namespace: &str) -> Result<View, EditError> {
        let mut tree = Tree::new();
        let name = |local| NewName::new("soapenv", namespace, local);
        let envelope = tree.add_element(Tree::DOCUMENT, name("Envelope"))?;
        for local in ["Header", "Body"] {
            let made = tree.add_element(envelope, name(local))?;
            for child in part(&self.tree, local)
                .iter()
                .flat_map(|p| self.tree.children(*p))
            {
                let copy = tree.copy(&self.tree, child);
                tree.append(made, copy)?;
            }
        }
        Ok(View {
            tree,
            envelope,
            framed: self.framed,
            parts: self.parts.clone(),
        })
    }

    /// A message of the same version and with nothing but copies of these nodes in its body; with the header of this one
    /// when `header` is set.
    ///
    /// # Errors
    /// [`EditError`] for nodes that cannot stand in a body.
    pub fn holding(&self, nodes: &[NodeId], header: bool) -> Result<View, EditError> {
        let mut tree = Tree::new();
        let prefix = self.tree.name(self.envelope).prefix;
        let name = |local| NewName::new(prefix, self.namespace(), local);
        let envelope = tree.add_element(Tree::DOCUMENT, name("Envelope"))?;
        match Content::header(&self.tree).filter(|_| header) {
            Some(header) => {
                let copy = tree.copy(&self.tree, header);
                tree.append(envelope, copy)?;
            }
            None => {
                tree.add_element(envelope, name("Header"))?;
            }
        }
        let body = tree.add_element(envelope, name("Body"))?;
        for node in nodes {
            let copy = tree.copy(&self.tree, *node);
            tree.append(body, copy)?;
        }
        Ok(View {
            tree,
            envelope,
            framed: self.framed,
            parts: self.parts.clone(),
        })
    }
}
