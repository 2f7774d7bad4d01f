//! What a leaf makes of a request, and of the answer for the client who asked (spec/endpoints.md 17, 19.1).
//!
//! Sans-io: the message in, the changes out. A leaf without these settings has no [`Shape`] and costs nothing; one with
//! only `format="rest"` looks at the head alone. The recordings of a real Synapse decide what goes out; where its
//! answers carry the media type of the back end on a body of another format, so do ours unless the settings say otherwise.

mod answer;
mod message;
mod request;
#[cfg(test)]
mod tests;

use crate::config::model::{AddressingVersion, FormatDef, MessageFormat, Optimize};
use crate::config::wsdl::PortFormat;
use crate::soap::addressing::Addressing;
use crate::soap::charset::Charset;
use crate::soap::media::MediaType;
use crate::soap::outline::Version;

pub use answer::{NewAnswer, own_media_type};
pub use request::{Asked, Field, NewBody, Shaped, Suffix, uuid};

/// The settings of one leaf that change messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    format: Option<MessageFormat>,
    optimize: Option<Optimize>,
    encoding: Option<Charset>,
    addressing: Option<Addressing>,
    /// The message is read and checked though nothing changes it (`PRESERVE_ENVELOPE`).
    check: bool,
    /// The format is that of a port of a WSDL document.
    of_port: bool,
}

impl Shape {
    /// True for `format="rest"`.
    pub fn is_rest(&self) -> bool {
        self.format == Some(MessageFormat::Rest)
    }

    /// The same settings with the payload alone (`format="pox"`).
    pub fn bare(self) -> Shape {
        Shape {
            format: Some(MessageFormat::Pox),
            ..self
        }
    }

    /// The settings, with the encoding looked up; `None` when they leave messages as they are.
    /// `of_port`: the format is known from a document, as soon as that is.
    pub fn new(
        def: &FormatDef,
        encoding: Option<Charset>,
        check: bool,
        of_port: bool,
    ) -> Option<Shape> {
        let shape = Shape {
            format: def.format,
            optimize: def.optimize,
            encoding,
            addressing: def.addressing.map(|version| match version {
                AddressingVersion::Final => Addressing::Final,
                AddressingVersion::Submission => Addressing::Submission,
            }),
            check,
            of_port,
        };
        let nothing = shape.format.is_none() && !shape.reads();
        (!nothing).then_some(shape)
    }

    /// With the format that its port has now, when that decides.
    pub fn of_port(self, port: Option<PortFormat>) -> Shape {
        let format = match port.filter(|_| self.of_port) {
            None => return self,
            Some(PortFormat::Soap11) => MessageFormat::Soap11,
            Some(PortFormat::Soap12) => MessageFormat::Soap12,
            Some(PortFormat::Rest) => MessageFormat::Rest,
            Some(PortFormat::Get) => MessageFormat::Get,
        };
        Shape {
            format: Some(format),
            of_port: false,
            ..self
        }
    }

    /// Whether it may need the bodies of requests.
    pub fn reads(&self) -> bool {
        !matches!(self.format, None | Some(MessageFormat::Rest))
            || self.optimize.is_some()
            || self.encoding.is_some()
            || self.addressing.is_some()
            || self.check
            || self.of_port
    }

    /// Whether it needs the body of a request with that media type. Attachments that came in go out as they came
    /// unless something else is asked for.
    pub fn reads_this(&self, content_type: Option<&[u8]>) -> bool {
        let only_optimized = matches!(self.format, None | Some(MessageFormat::Rest))
            && self.encoding.is_none()
            && self.addressing.is_none()
            && !self.check
            && !self.of_port;
        let multipart = || MediaType::parse(content_type.unwrap_or_default()).is_multipart();
        self.reads() && !(only_optimized && multipart())
    }

    /// Whether answers may have to be changed for the client: then the back end must not compress them.
    pub fn may_change_answers(&self) -> bool {
        self.addressing.is_some() || !matches!(self.format, None | Some(MessageFormat::Rest))
    }

    /// True when it sends envelopes, whatever came.
    pub fn frames(&self) -> bool {
        self.version().is_some()
    }

    /// The version of the envelopes that it sends, when it says one.
    fn version(&self) -> Option<Version> {
        match self.format? {
            MessageFormat::Soap11 => Some(Version::Soap11),
            MessageFormat::Soap12 => Some(Version::Soap12),
            MessageFormat::Pox | MessageFormat::Get | MessageFormat::Rest => None,
        }
    }

    /// The settings as people write them, for messages.
    pub fn describe(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.format.map(|f| format!("format=\"{}\"", f.name())));
        words.extend(self.optimize.map(|o| format!("optimize=\"{}\"", o.name())));
        words.extend(self.encoding.map(|c| format!("encoding=\"{}\"", c.name())));
        words.extend(
            self.addressing
                .map(|v| format!("enableAddressing version=\"{}\"", v.name())),
        );
        if words.is_empty() && self.of_port {
            words.push("the format of its WSDL".to_owned());
        }
        if words.is_empty() {
            words.push("PRESERVE_ENVELOPE".to_owned());
        }
        words.join(", ")
    }
}
