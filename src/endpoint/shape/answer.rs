//! An answer on its way to the client who asked.

use std::borrow::Cow;

use super::Shape;
use super::message::{Attachment, Message, encoded, media_type, outline, too_long};
use crate::config::model::MessageFormat;
use crate::soap::addressing;
use crate::soap::charset::Charset;
use crate::soap::convert;
use crate::soap::envelope::Format;
use crate::soap::media::MediaType;
use crate::soap::multipart;
use crate::soap::outline::Version;
use crate::soap::xop;

/// An answer that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAnswer {
    /// Its `Content-Type`; `None`: it has no body left.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
    /// True when it is a SOAP fault that went from one version to the other.
    pub fault: bool,
}

/// What the client speaks.
fn version_of(client: Format) -> Option<Version> {
    match client {
        Format::Soap11 => Some(Version::Soap11),
        Format::Soap12 => Some(Version::Soap12),
        Format::Pox | Format::Rest | Format::Other => None,
    }
}

impl Shape {
    /// Whether an answer of that media type has to be read, for a client who spoke that format; `related`: its request
    /// went out under another message id.
    pub fn reads_answer(&self, client: Format, related: bool, content_type: Option<&[u8]>) -> bool {
        let media = MediaType::parse(content_type.unwrap_or_default());
        let answered = Format::of(content_type, false);
        if !media.is_xml() && media.essence != "multipart/related" {
            return false;
        }
        let changes = match self.format {
            None | Some(MessageFormat::Rest) => false,
            // Under a type of SOAP may be a bare payload.
            Some(MessageFormat::Pox | MessageFormat::Get) if !media.is_multipart() => {
                version_of(client).is_some()
                    || client == Format::Pox && media.essence != "application/xml"
            }
            Some(_) => match client {
                Format::Soap11 | Format::Soap12 => answered != client,
                Format::Pox => answered.is_soap(),
                Format::Rest | Format::Other => false,
            },
        };
        changes || related && answered.is_soap()
    }

    /// The answer as the client who spoke that format gets it; `None`: as it is. `relation`: the message id that the
    /// back end saw and the client's. `relabel`: the media type says what the body now is, not what the back end said.
    pub fn answer(
        &self,
        client: Format,
        relation: Option<&(String, String)>,
        (content_type, content_encoding): (Option<&[u8]>, Option<&[u8]>),
        body: &[u8],
        (relabel, limit, seed): (bool, usize, u64),
    ) -> Result<Option<NewAnswer>, String> {
        if body.is_empty() {
            return Ok(None);
        }
        let message = Message::read(content_type, content_encoding, body)?;
        let read = outline(&message.text)?;
        let converts = !matches!(self.format, None | Some(MessageFormat::Rest))
            && !matches!(client, Format::Rest | Format::Other);
        let wanted = version_of(client);
        let made = match wanted {
            _ if !converts => None,
            Some(version) => convert::to_envelope(&read, version).map_err(|e| e.to_string())?,
            None if message.parts.is_empty() => convert::to_payload(&read),
            None => {
                let whole = xop::put_back(&message.text, &message.parts, limit);
                let whole = whole.map_err(|e| e.to_string())?;
                convert::to_payload(&outline(&whole)?)
            }
        };
        let fault = made.is_some() && wanted.is_some() && {
            let envelope = read.envelope.as_ref();
            envelope.is_some_and(|e| e.fault().is_some())
        };
        let text = match &made {
            Some(made) => Cow::Borrowed(made.as_str()),
            None => Cow::Borrowed(&*message.text),
        };
        let related_text = match relation {
            Some((ours, theirs)) => addressing::relate(&outline_or_empty(&text)?, ours, theirs),
            None => None,
        };
        if made.is_none() && related_text.is_none() {
            return Ok(None);
        }
        let text = related_text.map_or(text, Cow::Owned);
        if text.is_empty() {
            return Ok(Some(NewAnswer {
                content_type: None,
                body: Vec::new(),
                fault,
            }));
        }
        let of_body = match converts {
            true => media_type(wanted, Charset::Utf8, ""),
            false => message.media.clone().charset(Charset::Utf8),
        };
        let bytes = encoded(&text, Charset::Utf8)?;
        let (media, bytes) = if message.multipart && wanted.is_some() {
            let xop = message.media.essence == "application/xop+xml";
            let others: Vec<Attachment<'_>> = message
                .parts
                .iter()
                .map(|p| (p.head.to_owned(), Cow::Borrowed(p.body)))
                .collect();
            multipart::related(&bytes, &of_body, xop, &others, seed)
        } else if message.multipart || relabel {
            (of_body, bytes)
        } else {
            // The type that the back end gave stays (recorded); the encoding is what was written.
            (message.media.clone().charset(Charset::Utf8), bytes)
        };
        if bytes.len() > limit {
            return Err(too_long(limit));
        }
        Ok(Some(NewAnswer {
            content_type: Some(media.to_string()),
            body: bytes,
            fault,
        }))
    }
}

fn outline_or_empty(text: &str) -> Result<crate::soap::outline::Outline<'_>, String> {
    match text {
        // Nothing relates to anything in an empty payload.
        "" => outline("<empty/>"),
        text => outline(text),
    }
}

/// The `Content-Type` of a converted answer that mediation has written to: what its body is.
pub fn own_media_type(client: Format) -> String {
    media_type(version_of(client), Charset::Utf8, "").to_string()
}
