//! Formatters: from an envelope to bytes, in the notation that is asked for.

use std::fmt::Write;

use bytes::Bytes;

use super::{Content, ContentError, Notation, View, form_data};
use crate::soap::envelope::SOAP12_NS;
use crate::soap::json;
use crate::soap::media::MediaType;
use crate::soap::multipart;
use crate::soap::tree::{Charset, Declaration, Kind, NodeId, Tree, WriteOptions};
use crate::soap::xop;
use crate::util::base64;

/// Namespace of payloads that wrap what is no XML.
const PAYLOAD_NS: &str = "http://ws.apache.org/commons/ns/payload";

/// How a message is to be written.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In which notation; without one in that which it came in.
    pub notation: Option<Notation>,
    /// The `Content-Type` to send, with the charset added where it names none; without one what the notation has.
    pub content_type: Option<String>,
    /// The action, which SOAP 1.2 has in its media type (RFC 3902).
    pub action: String,
    /// The charset of XML.
    pub charset: Charset,
    /// Binary content goes into parts of its own: by reference from the envelope (MTOM).
    pub mtom: bool,
    /// What came beside the envelope stays there, and the message is a multipart in any case (SOAP with attachments).
    pub attachments: bool,
    /// For boundaries and ids.
    pub seed: u64,
    /// Most bytes.
    pub limit: usize,
}

/// A message as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its `Content-Type`; `None` where there is nothing.
    pub content_type: Option<String>,
    /// Its bytes.
    pub body: Bytes,
}

impl Content {
    /// Writes the envelope.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn write(&self, wanted: &Wanted) -> Result<Written, ContentError> {
        let view = self.view()?;
        let came = self.notation();
        let notation = wanted.notation.unwrap_or(came);
        let written = view.write(came, notation, wanted)?;
        match written.body.len() > wanted.limit {
            true => Err(ContentError::TooLarge(wanted.limit)),
            false => Ok(written),
        }
    }
}

impl View {
    fn write(
        &self,
        came: Notation,
        notation: Notation,
        wanted: &Wanted,
    ) -> Result<Written, ContentError> {
        let payload = self.payload();
        let text = |notation: Notation, body: String| {
            let media =
                MediaType::new(notation.media_type()).charset(crate::soap::charset::Charset::Utf8);
            made(media, body.into_bytes(), wanted)
        };
        match (notation, payload) {
            (Notation::Json, None) => Ok(Written {
                content_type: None,
                body: Bytes::new(),
            }),
            (Notation::Json, Some(payload)) => {
                let media = MediaType::new(Notation::Json.media_type());
                let bytes = json::write(&self.tree, payload)?.into_bytes();
                Ok(made(media, bytes, wanted))
            }
            (Notation::Form, payload) => {
                let form = payload.map(|payload| form(&self.tree, payload));
                let mut media = MediaType::new(notation.media_type());
                // As recorded, a form says its action where SOAP 1.2 says it.
                if !wanted.action.is_empty() {
                    media = media.with("action", &wanted.action);
                }
                let media = media.charset(crate::soap::charset::Charset::Utf8);
                Ok(made(media, form.unwrap_or_default().into_bytes(), wanted))
            }
            (Notation::FormData, payload) => {
                let (media, bytes) = form_data::write(&self.tree, payload, wanted.seed)?;
                // Whatever is asked for, without the boundary nobody could read it.
                Ok(Written {
                    content_type: Some(media.to_string()),
                    body: bytes.into(),
                })
            }
            (Notation::Text, payload) => {
                let value = payload.map(|payload| self.tree.string_value(payload).into_owned());
                Ok(text(Notation::Text, value.unwrap_or_default()))
            }
            (Notation::Binary, Some(payload)) if self.tree.is(payload, PAYLOAD_NS, "binary") => {
                let value = self.tree.string_value(payload);
                let bytes = base64::decode(value.as_bytes()).ok_or_else(|| {
                    ContentError::Malformed("the payload `binary` is not base 64".to_owned())
                })?;
                Ok(made(MediaType::new(notation.media_type()), bytes, wanted))
            }
            // An envelope that was sent as plain XML goes on as one.
            (Notation::Xml, _) if !self.framed && came == Notation::Xml => {
                let media = MediaType::new(Notation::Xml.media_type());
                Ok(made(
                    labelled(media, wanted),
                    encode(&self.tree, wanted),
                    wanted,
                ))
            }
            (Notation::Xml, None) => Ok(Written {
                content_type: None,
                body: Bytes::new(),
            }),
            (Notation::Xml, Some(payload)) => {
                let mut tree = Tree::new();
                let copy = tree.copy(&self.tree, payload);
                tree.append(Tree::DOCUMENT, copy)?;
                strip_marks(&mut tree);
                let media = MediaType::new(Notation::Xml.media_type());
                Ok(made(labelled(media, wanted), encode(&tree, wanted), wanted))
            }
            _ => self.envelope(came, notation, wanted),
        }
    }

    /// The envelope itself, alone or in parts.
    fn envelope(
        &self,
        came: Notation,
        notation: Notation,
        wanted: &Wanted,
    ) -> Result<Written, ContentError> {
        let mut namespace = self.namespace();
        let mut tree = std::borrow::Cow::Borrowed(&self.tree);
        if !came.is_xml() && came != Notation::Related {
            strip_marks(tree.to_mut());
        }
        // Of an envelope that was made here the version is what is asked for; a message keeps its own (recorded).
        if self.framed && notation == Notation::Soap12 && namespace != SOAP12_NS {
            let mut made = self.in_version(SOAP12_NS)?.tree;
            strip_marks(&mut made);
            tree = std::borrow::Cow::Owned(made);
            namespace = SOAP12_NS;
        }
        let version = match namespace == SOAP12_NS {
            true => Notation::Soap12,
            false => Notation::Soap11,
        };
        let media = MediaType::new(version.media_type());
        let mut media = labelled(media, wanted);
        if version == Notation::Soap12 && !wanted.action.is_empty() {
            media = media.with("action", &wanted.action);
        }
        let kept = !self.parts.is_empty() || wanted.attachments;
        if !wanted.mtom && !kept {
            return Ok(made(media, encode(&tree, wanted), wanted));
        }
        let mut others: Vec<(String, Bytes)> = self
            .parts
            .iter()
            .map(|part| (part.head.clone(), part.body.clone()))
            .collect();
        let root = match wanted.mtom {
            false => encode(&tree, wanted),
            true => {
                let text = tree.to_xml(Tree::DOCUMENT);
                let (text, taken) = xop::take_out(&text, wanted.seed)
                    .map_err(|e| ContentError::Malformed(e.to_string()))?;
                for part in taken {
                    let head = format!(
                        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>",
                        part.id
                    );
                    others.push((head, part.content.into()));
                }
                text.into_bytes()
            }
        };
        let (media, bytes) = multipart::related(&root, &media, wanted.mtom, &others, wanted.seed);
        Ok(Written {
            content_type: Some(media.to_string()),
            body: bytes.into(),
        })
    }
}

fn made(media: MediaType, body: Vec<u8>, wanted: &Wanted) -> Written {
    let content_type = match wanted.content_type.as_deref() {
        None => media.to_string(),
        Some(own) => {
            let mut own = MediaType::parse(own.as_bytes());
            if let (Some(charset), None) = (media.parameter("charset"), own.parameter("charset")) {
                own.parameters
                    .insert(0, ("charset".to_owned(), charset.to_owned()));
            }
            own.to_string()
        }
    };
    Written {
        content_type: Some(content_type),
        body: body.into(),
    }
}

fn labelled(media: MediaType, wanted: &Wanted) -> MediaType {
    media.with("charset", wanted.charset.name())
}

fn encode(tree: &Tree, wanted: &Wanted) -> Vec<u8> {
    tree.write_document(&WriteOptions {
        declaration: Declaration::AsRead,
        charset: wanted.charset,
    })
}

/// Takes out what the mapping of JSON has left for the way back.
fn strip_marks(tree: &mut Tree) {
    let marks: Vec<NodeId> = tree
        .descendants(Tree::DOCUMENT)
        .filter(|node| {
            tree.kind(*node) == Kind::Instruction && json::is_mark(tree.name(*node).local)
        })
        .collect();
    for mark in marks {
        tree.detach(mark);
    }
}

/// The children of a payload as a form.
fn form(tree: &Tree, payload: NodeId) -> String {
    let mut out = String::new();
    for child in tree.elements(payload) {
        if !out.is_empty() {
            out.push('&');
        }
        escape(tree.name(child).local, &mut out);
        out.push('=');
        escape(&tree.string_value(child), &mut out);
    }
    out
}

/// Percent-encodes for a form: a blank is a plus (URL standard, section 5.2).
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                // A string takes everything that is written to it.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
