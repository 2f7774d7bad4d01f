//! Builders: from the bytes of a message to an envelope.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Attachment, Content, ContentError, ENVELOPES, Extent, Notation, View, form_data};
use crate::soap::charset;
use crate::soap::convert::query;
use crate::soap::envelope::{self, Format, SOAP11_NS};
use crate::soap::json;
use crate::soap::media::MediaType;
use crate::soap::multipart;
use crate::soap::tree::{EditError, Limits, NewName, NodeId, Tree};
use crate::soap::xop;

impl Content {
    pub(super) fn make_view(&self) -> Result<View, ContentError> {
        if self.format == Format::Rest || self.bytes.is_empty() {
            return Ok(framed(Tree::new(), None)?);
        }
        Content::can_be_read(&self.content_type)?;
        let most = self.most();
        let payload = match self.notation() {
            Notation::Soap11 | Notation::Soap12 | Notation::Xml => return self.xml(),
            Notation::Related => return self.related(),
            Notation::Unknown => return Err(ContentError::NoType),
            Notation::Json => json::read(&self.bytes, most)?,
            Notation::Form => query::form_payload(&String::from_utf8_lossy(&self.bytes))
                .map_err(|e| ContentError::Malformed(e.to_string()))?,
            Notation::FormData => {
                form_data::read(&MediaType::parse(&self.content_type), &self.bytes)?
            }
            Notation::Text => {
                let charset = envelope::charset(&self.content_type);
                let text = charset::decode(&self.bytes, charset)
                    .map_err(|e| ContentError::Malformed(e.to_string()))?;
                query::text_payload(&without_forbidden(&text))
            }
            Notation::Binary => query::binary_payload(&self.bytes),
        };
        let tree = Tree::parse(payload, Some("utf-8"), &self.limits(most))?;
        let root = tree.root();
        Ok(framed(tree, root)?)
    }

    /// Most bytes of the XML that is made of the message: base64 and the names of elements make it longer.
    fn most(&self) -> usize {
        self.bytes.len().saturating_mul(8).max(64 * 1024)
    }

    fn limits(&self, bytes: usize) -> Limits {
        Limits {
            bytes,
            ..Limits::default()
        }
    }

    fn xml(&self) -> Result<View, ContentError> {
        let charset = envelope::charset(&self.content_type);
        // Whoever read it has kept the bound; ISO-8859-1 and UTF-16 grow as UTF-8.
        let limits = self.limits(self.bytes.len().saturating_mul(2));
        let bytes = self.bytes.clone();
        let tree = match self.extent {
            Extent::Header => Tree::parse_beginning(bytes, charset, &limits)?,
            Extent::Whole => Tree::parse(bytes, charset, &limits)?,
        };
        enveloped(tree, self.format == Format::Pox, Vec::new())
    }

    /// The root part; what it includes stands in it, the others beside it.
    fn related(&self) -> Result<View, ContentError> {
        let media = MediaType::parse(&self.content_type);
        let malformed = |text: String| ContentError::Malformed(text);
        let mut parts =
            multipart::parse(&media, &self.bytes).map_err(|e| malformed(e.to_string()))?;
        let root = parts.remove(multipart::root(&media, &parts));
        let of_root = root.media_type();
        let content = root.content().ok_or_else(|| {
            malformed("its root part has a transfer encoding that is not read".to_owned())
        })?;
        let text = charset::decode(&content, of_root.parameter("charset"))
            .map_err(|e| malformed(e.to_string()))?;
        let most = self.most();
        let (text, kept): (Cow<'_, str>, _) = match of_root.essence == "application/xop+xml" {
            true => {
                let whole = xop::put_back(&text, &parts, most);
                (whole.map_err(|e| malformed(e.to_string()))?.into(), &[][..])
            }
            false => (text, &parts[..]),
        };
        let text = charset::without_declaration(&text);
        let tree = Tree::parse(text.to_owned(), Some("utf-8"), &self.limits(most))?;
        let kept = kept
            .iter()
            .map(|part| Attachment {
                head: part.head.to_owned(),
                body: Bytes::copy_from_slice(part.body),
            })
            .collect();
        enveloped(tree, true, kept)
    }
}

/// Characters that XML cannot hold become U+FFFD.
fn without_forbidden(text: &str) -> Cow<'_, str> {
    let forbidden =
        |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}');
    match text.contains(forbidden) {
        true => text.replace(forbidden, "\u{fffd}").into(),
        false => text.into(),
    }
}

fn enveloped(tree: Tree, plain: bool, parts: Vec<Attachment>) -> Result<View, ContentError> {
    let Some(root) = tree.root() else {
        return Ok(framed(tree, None)?);
    };
    let name = tree.name(root);
    if ENVELOPES.contains(&(name.namespace, name.local)) {
        return Ok(View {
            tree,
            envelope: root,
            framed: false,
            parts,
        });
    }
    match plain {
        true => Ok(View {
            parts,
            ..framed(tree, Some(root))?
        }),
        false => {
            let name = name.local.chars().take(100).collect();
            Err(ContentError::NoEnvelope(name))
        }
    }
}

/// An envelope around an element, or around nothing.
pub(super) fn framed(mut tree: Tree, inner: Option<NodeId>) -> Result<View, EditError> {
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
    Ok(View {
        tree,
        envelope,
        framed: true,
        parts: Vec::new(),
    })
}
