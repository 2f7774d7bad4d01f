//! In which notation the bytes of a message are written, and so which builder reads and which formatter writes them
//! (spec/mediation.md 10; Synapse: message builders and formatters by media type).

use crate::soap::envelope::media_type;

/// A notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notation {
    /// An envelope of SOAP 1.1 (`text/xml`).
    Soap11,
    /// An envelope of SOAP 1.2 (`application/soap+xml`).
    Soap12,
    /// Plain XML.
    Xml,
    /// JSON.
    Json,
    /// A form, `application/x-www-form-urlencoded`.
    Form,
    /// A form in parts, `multipart/form-data`.
    FormData,
    /// Text.
    Text,
    /// An envelope with parts beside it (`multipart/related`: MTOM, SOAP with attachments).
    Related,
    /// Any other bytes.
    Binary,
    /// Not said: there is no media type.
    Unknown,
}

impl Notation {
    /// The notation that a `Content-Type` announces.
    pub fn of(content_type: &[u8]) -> Notation {
        let media = media_type(content_type).to_ascii_lowercase();
        let xml = |media: &[u8]| media.ends_with(b"+xml");
        match &*media {
            b"" => Notation::Unknown,
            b"text/xml" => Notation::Soap11,
            b"application/soap+xml" => Notation::Soap12,
            b"application/xml" => Notation::Xml,
            b"application/json" | b"text/json" => Notation::Json,
            b"application/x-www-form-urlencoded" => Notation::Form,
            b"multipart/related" => Notation::Related,
            b"multipart/form-data" => Notation::FormData,
            other if xml(other) => Notation::Xml,
            other if other.ends_with(b"+json") => Notation::Json,
            other if other.starts_with(b"text/") => Notation::Text,
            _ => Notation::Binary,
        }
    }

    /// The notation that the property `messageType` asks for: what has no formatter of its own is written as SOAP 1.1
    /// (recorded).
    pub fn asked(message_type: &str) -> Notation {
        match Notation::of(message_type.as_bytes()) {
            Notation::Binary if is(message_type, "application/octet-stream") => Notation::Binary,
            Notation::Binary | Notation::Unknown => Notation::Soap11,
            notation => notation,
        }
    }

    /// True for bare envelopes.
    pub fn is_soap(self) -> bool {
        matches!(self, Notation::Soap11 | Notation::Soap12)
    }

    /// True where the bytes are XML.
    pub fn is_xml(self) -> bool {
        self.is_soap() || self == Notation::Xml
    }

    /// The media type that is written for it; of parts and other bytes the usual one.
    pub fn media_type(self) -> &'static str {
        match self {
            Notation::Soap11 => "text/xml",
            Notation::Soap12 => "application/soap+xml",
            Notation::Xml => "application/xml",
            Notation::Json => "application/json",
            Notation::Form => "application/x-www-form-urlencoded",
            Notation::FormData => "multipart/form-data",
            Notation::Text => "text/plain",
            Notation::Related => "multipart/related",
            Notation::Binary | Notation::Unknown => "application/octet-stream",
        }
    }
}

fn is(content_type: &str, media: &str) -> bool {
    media_type(content_type.as_bytes()).eq_ignore_ascii_case(media.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_tells_the_notation() {
        for (content_type, want) in [
            ("text/xml; charset=UTF-8", Notation::Soap11),
            ("Application/SOAP+xml", Notation::Soap12),
            ("application/atom+xml", Notation::Xml),
            ("application/problem+json; a=b", Notation::Json),
            ("text/csv", Notation::Text),
            ("image/png", Notation::Binary),
            ("multipart/related; type=\"text/xml\"", Notation::Related),
            (" ", Notation::Unknown),
        ] {
            assert_eq!(
                Notation::of(content_type.as_bytes()),
                want,
                "{content_type}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_and_not_known_is_written_as_soap() {
        assert_eq!(Notation::asked("application/x-odd"), Notation::Soap11);
        assert_eq!(Notation::asked(""), Notation::Soap11);
        assert_eq!(
            Notation::asked("application/octet-stream"),
            Notation::Binary
        );
        assert_eq!(Notation::asked("text/plain"), Notation::Text);
    }
}
