//! A message taken apart: its XML, and the parts beside it.

use std::borrow::Cow;

use crate::soap::charset::{self, Charset};
use crate::soap::content::{Content, Extent, Notation, Wanted};
use crate::soap::convert::query;
use crate::soap::envelope::Format;
use crate::soap::media::MediaType;
use crate::soap::multipart::{self, Part};
use crate::soap::outline::{Outline, Version};

/// A message as text, and what came with it.
pub(super) struct Message<'b> {
    /// Media type of the text; of a multipart message that of its root part.
    pub media: MediaType,
    /// The text of the (root) part: XML in any case.
    pub text: Cow<'b, str>,
    /// The text was made here of something that is no XML.
    pub made: bool,
    /// The other parts of a multipart message.
    pub parts: Vec<Part<'b>>,
    /// It is a multipart message.
    pub multipart: bool,
}

impl<'b> Message<'b> {
    /// Reads a message of that media type; the error is a sentence for people.
    pub fn read(
        content_type: Option<&[u8]>,
        content_encoding: Option<&[u8]>,
        body: &'b [u8],
    ) -> Result<Message<'b>, String> {
        let packed = content_encoding.map(<[u8]>::trim_ascii).unwrap_or_default();
        if !packed.is_empty() && !packed.eq_ignore_ascii_case(b"identity") {
            let name = String::from_utf8_lossy(packed);
            return Err(format!("it is compressed (Content-Encoding: {name})"));
        }
        let media = MediaType::parse(content_type.unwrap_or_default());
        if media.essence == "multipart/related" {
            return Self::related(&media, body);
        }
        let (text, made) = if media.is_xml() {
            (decode(body, &media)?, false)
        } else {
            (Cow::Owned(payload(&media, body)?), true)
        };
        Ok(Message {
            media,
            text,
            made,
            parts: Vec::new(),
            multipart: false,
        })
    }

    fn related(media: &MediaType, body: &'b [u8]) -> Result<Message<'b>, String> {
        let mut parts = multipart::parse(media, body).map_err(|e| e.to_string())?;
        let root = parts.remove(multipart::root(media, &parts));
        let media = root.media_type();
        let unreadable = || "its root part has a transfer encoding that is not read".to_owned();
        let text = match root.content().ok_or_else(unreadable)? {
            Cow::Borrowed(bytes) => decode(bytes, &media)?,
            Cow::Owned(bytes) => Cow::Owned(decode(&bytes, &media)?.into_owned()),
        };
        Ok(Message {
            media,
            text,
            made: false,
            parts,
            multipart: true,
        })
    }

    /// True when its media type is one of SOAP's, so that nothing but an envelope may be in it.
    pub fn announces_envelope(&self) -> bool {
        let soap = ["text/xml", "application/soap+xml", "application/xop+xml"];
        soap.contains(&self.media.essence.as_str())
    }
}

fn decode<'b>(body: &'b [u8], media: &MediaType) -> Result<Cow<'b, str>, String> {
    charset::decode(body, media.parameter("charset")).map_err(|e| e.to_string())
}

/// A payload made of a body that is no XML (spec/mediation.md 10).
fn payload(media: &MediaType, body: &[u8]) -> Result<String, String> {
    match media.essence.as_str() {
        "application/x-www-form-urlencoded" => {
            let form = String::from_utf8_lossy(body);
            query::form_payload(&form).map_err(|e| e.to_string())
        }
        "" => Err("it has no Content-Type".to_owned()),
        essence if mapped(essence) => as_xml(media, body),
        text if text.starts_with("text/") => Ok(query::text_payload(&decode(body, media)?)),
        other if other.starts_with("multipart/") => Err(format!("{other} cannot be converted")),
        _ => Ok(query::binary_payload(body)),
    }
}

fn mapped(essence: &str) -> bool {
    [Notation::Json, Notation::FormData].contains(&Notation::of(essence.as_bytes()))
}

/// What JSON or a form in parts is as XML, without the marks for the way back.
fn as_xml(media: &MediaType, body: &[u8]) -> Result<String, String> {
    let media = media.to_string();
    let content = Content::new(
        body.to_vec(),
        Extent::Whole,
        Format::Other,
        media.as_bytes(),
    );
    let wanted = Wanted {
        notation: Some(Notation::Xml),
        limit: usize::MAX,
        ..Wanted::default()
    };
    let written = content.write(&wanted).map_err(|e| e.to_string())?;
    String::from_utf8(written.body.into()).map_err(|e| e.to_string())
}

/// The media type of an envelope or, without a version, of a bare payload.
pub(super) fn media_type(version: Option<Version>, charset: Charset, action: &str) -> MediaType {
    let essence = version.map_or("application/xml", Version::media_type);
    let media = MediaType::new(essence).with("charset", charset.name());
    match version {
        // SOAP 1.2 carries the action as a parameter (RFC 3902).
        Some(Version::Soap12) if !action.is_empty() => media.with("action", action),
        _ => media,
    }
}

/// The bytes of a document; the error is a sentence for people.
pub(super) fn encoded(text: &str, charset: Charset) -> Result<Vec<u8>, String> {
    charset::encode(text, charset).ok_or_else(|| {
        let name = charset.name();
        format!("it has characters that {name} has not, where no reference can stand")
    })
}

/// A part that goes out beside a root: its head and its content.
pub(super) type Attachment<'b> = (String, Cow<'b, [u8]>);

/// The outline of a text; the error is a sentence for people.
pub(super) fn outline(text: &str) -> Result<Outline<'_>, String> {
    Outline::read(text).map_err(|e| e.to_string())
}

/// What is said of a message that is longer than may be held.
pub(super) fn too_long(limit: usize) -> String {
    format!("it is longer than [limits] message_bytes ({limit})")
}
