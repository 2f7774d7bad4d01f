//! What of a message was read, as a tree that expressions look into: always an envelope (spec/mediation.md 8 and 10).
//!
//! A SOAP message is itself. Plain XML stands in the body of an envelope that is made for it, and a message without a body
//! is an empty envelope, as in the originals; so the same paths fit all of them. Such an envelope is only looked at: what
//! is sent on are the bytes of the message.

use std::cell::{Cell, OnceCell};

use bytes::Bytes;

use super::envelope::{Format, SOAP11_NS, SOAP12_NS};
use super::tree::{Charset, EditError, Limits, NewName, NodeId, ParseError, Tree};

/// How far a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// Up to the end of its SOAP header.
    Header,
    /// To its end.
    Whole,
}

/// Why a message cannot be looked into.
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
    /// The envelope around a message cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// A message, or its beginning; it becomes a tree when somebody asks for one.
#[derive(Debug)]
pub struct Content {
    bytes: Bytes,
    extent: Extent,
    format: Format,
    content_type: Vec<u8>,
    view: OnceCell<Result<View, ContentError>>,
    glanced: Cell<bool>,
}

/// A message as an envelope.
#[derive(Debug)]
pub struct View {
    /// The tree.
    pub tree: Tree,
    /// The envelope in it: what expressions start from.
    pub envelope: NodeId,
}

/// What a message may be that is announced as SOAP.
const ENVELOPES: &[(&str, &str)] = &[(SOAP11_NS, "Envelope"), (SOAP12_NS, "Envelope")];

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
        }
    }

    /// A message that has no body.
    pub fn empty() -> Content {
        Content::new(Bytes::new(), Extent::Whole, Format::Rest, b"")
    }

    /// Whether messages of a format are read at all, which is known before one is.
    ///
    /// # Errors
    /// [`ContentError::Unsupported`].
    pub fn can_be_read(format: Format, content_type: &[u8]) -> Result<(), ContentError> {
        let media = super::envelope::media_type(content_type);
        let multipart = media.len() >= 10 && media[..10].eq_ignore_ascii_case(b"multipart/");
        if multipart || format == Format::Other {
            let media = String::from_utf8_lossy(media).chars().take(100).collect();
            return Err(ContentError::Unsupported(media));
        }
        Ok(())
    }

    /// How much of the message is here.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The message as an envelope; made once.
    ///
    /// # Errors
    /// [`ContentError`], the same every time.
    pub fn view(&self) -> Result<&View, ContentError> {
        let view = self.view.get_or_init(|| self.make_view());
        view.as_ref().map_err(Clone::clone)
    }

    /// Answers a simple path from the text of a SOAP message, as long as there is no tree: the first such question is
    /// cheaper that way, from the second on a tree is. `None` where the tree has to be asked.
    pub fn glance<T>(
        &self,
        ask: impl FnOnce(&str, &[(&str, &str)]) -> Result<Option<T>, ParseError>,
    ) -> Result<Option<T>, ContentError> {
        let fits = self.extent == Extent::Whole && self.format.is_soap() && !self.bytes.is_empty();
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

    fn make_view(&self) -> Result<View, ContentError> {
        if self.format == Format::Rest || self.bytes.is_empty() {
            return Ok(framed(Tree::new(), None)?);
        }
        Content::can_be_read(self.format, &self.content_type)?;
        let charset = super::envelope::charset(&self.content_type);
        let limits = Limits {
            // Whoever read it has kept the bound; ISO-8859-1 and UTF-16 grow as UTF-8.
            bytes: self.bytes.len().saturating_mul(2),
            ..Limits::default()
        };
        let bytes = self.bytes.clone();
        let tree = match self.extent {
            Extent::Header => Tree::parse_beginning(bytes, charset, &limits)?,
            Extent::Whole => Tree::parse(bytes, charset, &limits)?,
        };
        let Some(root) = tree.root() else {
            return Ok(framed(tree, None)?);
        };
        let name = tree.name(root);
        let soap = ENVELOPES.contains(&(name.namespace, name.local));
        match (soap, self.format) {
            (true, _) => Ok(View {
                tree,
                envelope: root,
            }),
            (false, Format::Pox) => Ok(framed(tree, Some(root))?),
            (false, _) => {
                let name = name.local.chars().take(100).collect();
                Err(ContentError::NoEnvelope(name))
            }
        }
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

/// An envelope around an element, or around nothing.
fn framed(mut tree: Tree, inner: Option<NodeId>) -> Result<View, EditError> {
    if let Some(inner) = inner {
        tree.detach(inner);
    }
    let name = |local| NewName::new("soapenv", SOAP11_NS, local);
    let envelope = tree.add_element(Tree::DOCUMENT, name("Envelope"))?;
    tree.add_element(envelope, name("Header"))?;
    let body = tree.add_element(envelope, name("Body"))?;
    if let Some(inner) = inner {
        tree.append(body, inner)?;
    }
    Ok(View { tree, envelope })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, extent: Extent, content_type: &str) -> Content {
        let format = Format::of(Some(content_type.as_bytes()), false);
        Content::new(text.to_owned(), extent, format, content_type.as_bytes())
    }

    fn shown(content: &Content) -> String {
        let view = content.view().unwrap();
        view.tree.to_xml(view.envelope)
    }

    #[test]
    fn a_soap_message_is_itself_and_plain_xml_gets_an_envelope() {
        let soap =
            format!("<e:Envelope xmlns:e=\"{SOAP11_NS}\"><e:Body><a/></e:Body></e:Envelope>");
        let content = read(&soap, Extent::Whole, "text/xml");
        assert_eq!(shown(&content), soap);
        assert_eq!(content.extent(), Extent::Whole);
        assert_eq!(Content::header(&content.view().unwrap().tree), None);
        let content = read("<a xmlns='u'><b/></a>", Extent::Whole, "application/xml");
        assert_eq!(
            shown(&content),
            format!(
                "<soapenv:Envelope xmlns:soapenv=\"{SOAP11_NS}\"><soapenv:Header/><soapenv:Body><a xmlns='u'><b/></a></soapenv:Body></soapenv:Envelope>"
            )
        );
        // An envelope sent as plain XML is one all the same.
        let content = read(&soap, Extent::Whole, "application/xml");
        assert_eq!(shown(&content), soap);
    }

    #[test]
    fn the_beginning_of_a_message_is_an_envelope_with_its_header() {
        let start = format!(
            "<?xml version='1.0'?>\n<e:Envelope xmlns:e=\"{SOAP12_NS}\" a='1'><e:Header><b>t</b></e:Header>"
        );
        let content = read(&start, Extent::Header, "application/soap+xml");
        assert_eq!(content.extent(), Extent::Header);
        let header = Content::header(&content.view().unwrap().tree).unwrap();
        assert_eq!(content.view().unwrap().tree.string_value(header), "t");
        assert_eq!(Content::body(&content.view().unwrap().tree), None);
        assert_eq!(
            shown(&content),
            format!(
                "<e:Envelope xmlns:e=\"{SOAP12_NS}\" a='1'><e:Header><b>t</b></e:Header></e:Envelope>"
            )
        );
    }

    #[test]
    fn what_is_no_message_of_its_kind_is_refused() {
        assert_eq!(
            read("<a/>", Extent::Whole, "text/xml").view().unwrap_err(),
            ContentError::NoEnvelope("a".to_owned())
        );
        for content_type in [
            "application/json",
            "multipart/related; type=\"text/xml\"",
            "text/plain",
        ] {
            let error = read("<a/>", Extent::Whole, content_type)
                .view()
                .unwrap_err();
            assert!(
                matches!(error, ContentError::Unsupported(_)),
                "{content_type}: {error}"
            );
        }
        assert!(matches!(
            read("<a", Extent::Whole, "text/xml").view(),
            Err(ContentError::Parse(_))
        ));
        let latin = read("<a/>", Extent::Whole, "application/xml; charset=\"ebcdic\"");
        assert!(matches!(
            latin.view(),
            Err(ContentError::Parse(ParseError::Encoding(_)))
        ));
    }

    #[test]
    fn one_question_is_answered_from_the_text_and_the_next_from_the_tree() {
        let soap = format!("<e:Envelope xmlns:e=\"{SOAP11_NS}\"/>");
        let glance = |content: &Content| content.glance(|text, _| Ok(Some(text.len())));
        let content = read(&soap, Extent::Whole, "text/xml; charset=UTF-8");
        assert_eq!(glance(&content), Ok(Some(soap.len())));
        assert_eq!(glance(&content), Ok(None));
        let declared = |name: &str| format!("<?xml version='1.0' encoding='{name}'?>{soap}");
        for (text, content_type, fits) in [
            (declared("utf-8"), "text/xml", true),
            (declared("iso-8859-1"), "text/xml", false),
            (declared("iso-8859-1"), "text/xml; charset=utf-8", true),
            (soap.clone(), "text/xml; charset=latin1", false),
            (soap.clone(), "application/xml", false),
            (String::new(), "text/xml", false),
        ] {
            let content = read(&text, Extent::Whole, content_type);
            assert_eq!(
                glance(&content).unwrap().is_some(),
                fits,
                "{text} {content_type}"
            );
        }
        let read_before = read(&soap, Extent::Whole, "text/xml");
        read_before.view().unwrap();
        assert_eq!(glance(&read_before), Ok(None));
        assert_eq!(glance(&read(&soap, Extent::Header, "text/xml")), Ok(None));
    }
}
