//! A request on its way to a leaf.

use std::borrow::Cow;

use super::Shape;
use super::message::{self, Attachment, Message, encoded, media_type, outline};
use crate::config::model::{MessageFormat, Optimize};
use crate::soap::addressing::{self, Said};
use crate::soap::charset::Charset;
use crate::soap::convert;
use crate::soap::envelope::{self, Format};
use crate::soap::media::MediaType;
use crate::soap::multipart;
use crate::soap::outline::Version;
use crate::soap::xop;

/// What is asked to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// `SOAPAction`.
    pub soap_action: Option<&'a [u8]>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a [u8]>,
    /// The body; `None`: there is none, or it was not read because nothing needs it.
    pub body: Option<&'a [u8]>,
    /// The address that it goes to.
    pub to: &'a str,
    /// The addressing blocks that came in stay (`PRESERVE_WS_ADDRESSING`, `preserveProcessedHeaders`).
    pub preserve: bool,
    /// The parameters of a GET are its body, as in the originals (`[requests] get_form`).
    pub get_form: bool,
    /// Most bytes of what is made.
    pub limit: usize,
    /// For ids and boundaries.
    pub chance: [u64; 2],
}

/// A header field of what goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field {
    /// As it came.
    #[default]
    Keep,
    /// Left out.
    Remove,
    /// This value.
    Set(String),
}

/// The body of what goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NewBody {
    /// As it came.
    #[default]
    Same,
    /// None.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Whether the rest of the request's URL goes behind the address (spec/endpoints.md 17.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suffix {
    /// When the message is no SOAP.
    #[default]
    OfRest,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shaped {
    /// The method, when it is another.
    pub method: Option<&'static str>,
    /// The body.
    pub body: NewBody,
    /// `Content-Type`.
    pub content_type: Field,
    /// `SOAPAction`.
    pub soap_action: Field,
    /// The rest of the URL.
    pub suffix: Suffix,
    /// A query to add to the URL.
    pub query: String,
    /// The message id that the back end sees and the client's own, when they differ.
    pub relation: Option<(String, String)>,
}

impl Shape {
    /// What the leaf sends. The error is a sentence about the message for people.
    pub fn request(&self, asked: &Asked<'_>) -> Result<Shaped, String> {
        let mut shaped = Shaped::default();
        match self.format {
            Some(MessageFormat::Soap11 | MessageFormat::Soap12) => {
                shaped.method = Some("POST");
                shaped.suffix = Suffix::Never;
            }
            Some(MessageFormat::Get) => shaped.method = Some("GET"),
            Some(MessageFormat::Rest) => shaped.suffix = Suffix::Always,
            Some(MessageFormat::Pox) | None => {}
        }
        let bare = matches!(
            self.format,
            Some(MessageFormat::Pox | MessageFormat::Get | MessageFormat::Rest)
        );
        if bare && let Some(field) = asked.soap_action {
            // Without the quotes that only SOAP gives it (recorded).
            shaped.soap_action = Field::Set(envelope::action(Some(field), None).to_owned());
        }
        if self.format == Some(MessageFormat::Rest)
            && Format::of(asked.content_type, false) == Format::Soap12
            && !MediaType::parse(asked.content_type.unwrap_or_default()).is_multipart()
        {
            shaped.content_type = Field::Set(media_type(None, Charset::Utf8, "").to_string());
        }
        match asked.body {
            Some(body) if self.reads_this(asked.content_type) => self.body(asked, body, shaped),
            _ => Ok(shaped),
        }
    }

    fn body(&self, asked: &Asked<'_>, body: &[u8], mut shaped: Shaped) -> Result<Shaped, String> {
        let plain = matches!(self.format, None | Some(MessageFormat::Rest));
        let media = MediaType::parse(asked.content_type.unwrap_or_default());
        if plain && !media.is_xml() && !media.is_multipart() {
            // Encoding, attachments and addressing say nothing about what is no XML.
            return Ok(shaped);
        }
        let message = Message::read(asked.content_type, asked.content_encoding, body)?;
        let read = outline(&message.text)?;
        if message.announces_envelope() && read.envelope.is_none() {
            return Err(format!(
                "its root element is {}, not a SOAP envelope",
                read.root.name
            ));
        }
        if self.format == Some(MessageFormat::Get) {
            if asked.get_form {
                let form = convert::query::form_of(&read).map_err(|e| e.to_string())?;
                shaped.body = NewBody::Bytes(form.into_bytes());
                let action = envelope::action(asked.soap_action, asked.content_type);
                shaped.content_type = Field::Set(form_type(action));
            } else {
                shaped.query = convert::query::from_payload(&read).map_err(|e| e.to_string())?;
                shaped.body = NewBody::Empty;
                shaped.content_type = Field::Remove;
            }
            return Ok(shaped);
        }
        let said = addressing::value(&read, "Action");
        let action = match envelope::action(asked.soap_action, asked.content_type) {
            "" => said.as_deref().unwrap_or_default(),
            action => action,
        };
        let mut text = Cow::Borrowed(&*message.text);
        let made = match (self.format, self.version()) {
            (_, Some(version)) => {
                convert::to_envelope(&read, version).map_err(|e| e.to_string())?
            }
            (Some(MessageFormat::Pox), _) => match message.parts.is_empty() {
                true => convert::to_payload(&read),
                false => {
                    let whole = xop::put_back(&message.text, &message.parts, asked.limit);
                    let whole = whole.map_err(|e| e.to_string())?;
                    let payload = convert::to_payload(&outline(&whole)?);
                    Some(payload.unwrap_or(whole))
                }
            },
            _ => None,
        };
        let mut changed = message.made || made.is_some();
        if let Some(made) = made {
            text = Cow::Owned(made);
        }
        if let Some(made) = self.address(asked, &text, action, &mut shaped)? {
            text = Cow::Owned(made);
            changed = true;
        }
        let version = outline(&text)?.envelope.map(|e| e.version);
        self.action(asked, version, action, &mut shaped);
        self.pack(asked, &message, &text, (changed, version, action), shaped)
    }

    /// The text with the addressing blocks that it should have; `None` when it has them.
    fn address(
        &self,
        asked: &Asked<'_>,
        text: &str,
        action: &str,
        shaped: &mut Shaped,
    ) -> Result<Option<String>, String> {
        if self.addressing.is_none() && (self.version().is_none() || asked.preserve) {
            return Ok(None);
        }
        let read = outline(text)?;
        let Some(version) = self.addressing else {
            return Ok(addressing::silence(&read));
        };
        let theirs = addressing::value(&read, "MessageID");
        let ours = match &theirs {
            Some(id) if asked.preserve => id.clone(),
            _ => uuid(asked.chance),
        };
        let said = Said {
            version,
            to: asked.to,
            action,
            message_id: &ours,
        };
        let made = addressing::say(&read, &said);
        if made.is_some() {
            shaped.relation = theirs.filter(|id| *id != ours).map(|id| (ours.clone(), id));
        }
        Ok(made)
    }

    /// SOAP 1.1 has the action in a field, in quotes (section 6.1.1).
    fn action(
        &self,
        asked: &Asked<'_>,
        version: Option<Version>,
        action: &str,
        shaped: &mut Shaped,
    ) {
        let wanted = self.version() == Some(Version::Soap11) && version.is_some();
        if wanted && (asked.soap_action.is_some() || !action.is_empty()) {
            let action: String = action
                .chars()
                .filter(|c| !matches!(c, '"' | '\\'))
                .collect();
            shaped.soap_action = Field::Set(format!("\"{action}\""));
        }
    }

    /// The text as bytes, in parts when it has some or should have, with the media type of that.
    fn pack(
        &self,
        asked: &Asked<'_>,
        message: &Message<'_>,
        text: &str,
        (changed, version, action): (bool, Option<Version>, &str),
        mut shaped: Shaped,
    ) -> Result<Shaped, String> {
        let charset = self.encoding.unwrap_or_default();
        let bare = self.format == Some(MessageFormat::Pox);
        let mut media = match self.format.is_none_or(|f| f == MessageFormat::Rest) {
            // Only the encoding or the header changed: it stays what it says it is.
            true if !message.multipart => message.media.clone().charset(charset),
            _ => media_type(version.filter(|_| !bare), charset, action),
        };
        let optimize = self
            .optimize
            .filter(|_| version.is_some() && !message.multipart);
        let parts = message.multipart && !bare;
        if !changed && self.encoding.is_none() && optimize.is_none() {
            return Ok(shaped);
        }
        let seed = asked.chance[0];
        let bytes = if parts {
            let xop = message.media.essence == "application/xop+xml";
            let others: Vec<Attachment<'_>> = message
                .parts
                .iter()
                .map(|p| (p.head.to_owned(), Cow::Borrowed(p.body)))
                .collect();
            let (outer, bytes) =
                multipart::related(&encoded(text, charset)?, &media, xop, &others, seed);
            media = outer;
            bytes
        } else if let Some(optimize) = optimize {
            let (text, taken) = match optimize {
                Optimize::Mtom => {
                    xop::take_out(text, asked.chance[1]).map_err(|e| e.to_string())?
                }
                Optimize::Swa => (text.to_owned(), Vec::new()),
            };
            let others: Vec<Attachment<'_>> = taken
                .iter()
                .map(|t| (attachment_head(&t.id), Cow::Borrowed(&*t.content)))
                .collect();
            let xop = optimize == Optimize::Mtom;
            let (outer, bytes) =
                multipart::related(&encoded(&text, charset)?, &media, xop, &others, seed);
            media = outer;
            bytes
        } else {
            encoded(text, charset)?
        };
        if bytes.len() > asked.limit {
            return Err(message::too_long(asked.limit));
        }
        shaped.content_type = Field::Set(media.to_string());
        shaped.body = NewBody::Bytes(bytes);
        Ok(shaped)
    }
}

fn attachment_head(id: &str) -> String {
    format!(
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>"
    )
}

/// A message id of version 4 (RFC 9562 section 5.4).
pub fn uuid(chance: [u64; 2]) -> String {
    let high = chance[0] & !0xf000 | 0x4000;
    let low = chance[1] & !(0b11 << 62) | 0b10 << 62;
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// The media type of a form that stands for a message with that action (recorded).
fn form_type(action: &str) -> String {
    let form = MediaType::new("application/x-www-form-urlencoded").with("charset", "UTF-8");
    match action {
        "" => form.to_string(),
        action => form.with("action", action).to_string(),
    }
}
