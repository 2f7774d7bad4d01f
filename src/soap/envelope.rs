//! What kind of message a head announces, and the two SOAP envelopes.
//!
//! Decided from the head alone, before any byte of the body is looked at (spec/mediation.md 10): the media type, and for
//! messages without a body the method. `text/xml` means SOAP 1.1 also without a SOAPAction, as the originals have it;
//! whether the root really is an envelope is only known to who reads it.

/// Namespace of SOAP 1.1 envelopes.
pub const SOAP11_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of SOAP 1.2 envelopes.
pub const SOAP12_NS: &str = "http://www.w3.org/2003/05/soap-envelope";

/// The format of a message (Synapse: `MESSAGE_FORMAT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// SOAP 1.1 (`text/xml`).
    Soap11,
    /// SOAP 1.2 (`application/soap+xml`).
    Soap12,
    /// Plain XML.
    Pox,
    /// No body to speak of: the message is its URL.
    Rest,
    /// A body that is no XML.
    Other,
}

impl Format {
    /// The format of a message with that media type; `bodyless` for a GET, HEAD or DELETE without content.
    pub fn of(content_type: Option<&[u8]>, bodyless: bool) -> Format {
        if bodyless {
            return Format::Rest;
        }
        let Some(content_type) = content_type else {
            return Format::Other;
        };
        let media = media_type(content_type);
        let is = |text: &str| media.eq_ignore_ascii_case(text.as_bytes());
        if is("text/xml") {
            Format::Soap11
        } else if is("application/soap+xml") {
            Format::Soap12
        } else if is("multipart/related") {
            // MTOM and attachments: the root part's type tells the version (RFC 2387, XOP section 4.1).
            match () {
                _ if contains(content_type, b"application/soap+xml") => Format::Soap12,
                _ if contains(content_type, b"text/xml") => Format::Soap11,
                _ => Format::Other,
            }
        } else if is("application/xml") || ends_with_xml(media) {
            Format::Pox
        } else {
            Format::Other
        }
    }

    /// True for both SOAP versions.
    pub fn is_soap(self) -> bool {
        matches!(self, Format::Soap11 | Format::Soap12)
    }

    /// The word that `MESSAGE_FORMAT` shows; the originals call everything that is not SOAP `pox`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Soap11 => "soap11",
            Format::Soap12 => "soap12",
            Format::Pox | Format::Rest | Format::Other => "pox",
        }
    }
}

/// The media type without its parameters, trimmed.
pub fn media_type(content_type: &[u8]) -> &[u8] {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    content_type[..end].trim_ascii()
}

/// The action that a request names: the `SOAPAction` field without quotes, or the `action` parameter of SOAP 1.2's
/// media type (RFC 3902). Empty when neither is there.
pub fn action<'a>(soap_action: Option<&'a [u8]>, content_type: Option<&'a [u8]>) -> &'a str {
    let bytes = match soap_action {
        Some(value) => value,
        None => content_type
            .and_then(|value| parameter(value, b"action"))
            .unwrap_or_default(),
    };
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    text.strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(text)
}

/// The `charset` parameter of a media type, without quotes.
pub fn charset(content_type: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(parameter(content_type, b"charset")?).ok()?;
    Some(value.trim_matches('"'))
}

/// The value of a parameter of a media type, quotes kept.
fn parameter<'a>(content_type: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    content_type.split(|&b| b == b';').skip(1).find_map(|part| {
        let at = memchr::memchr(b'=', part)?;
        let (key, value) = (part[..at].trim_ascii(), part[at + 1..].trim_ascii());
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn ends_with_xml(media: &[u8]) -> bool {
    media.len() > 4 && media[media.len() - 4..].eq_ignore_ascii_case(b"+xml")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_media_type_and_method() {
        for (content_type, bodyless, want) in [
            (Some("text/xml; charset=UTF-8"), false, Format::Soap11),
            (Some("TEXT/XML"), false, Format::Soap11),
            (Some(" text/xml ;charset=x"), false, Format::Soap11),
            (
                Some("application/soap+xml;action=\"a\""),
                false,
                Format::Soap12,
            ),
            (Some("application/xml"), false, Format::Pox),
            (Some("application/atom+xml"), false, Format::Pox),
            (Some("application/json"), false, Format::Other),
            (
                Some("multipart/related; type=\"application/xop+xml\"; start-info=\"text/xml\""),
                false,
                Format::Soap11,
            ),
            (
                Some("multipart/related; start-info=\"application/soap+xml\""),
                false,
                Format::Soap12,
            ),
            (Some("multipart/form-data"), false, Format::Other),
            (None, false, Format::Other),
            (None, true, Format::Rest),
            (Some("text/xml"), true, Format::Rest),
        ] {
            assert_eq!(
                Format::of(content_type.map(str::as_bytes), bodyless),
                want,
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn the_action_comes_from_the_field_or_from_the_media_type() {
        assert_eq!(action(Some(b"\"urn:a\""), None), "urn:a");
        assert_eq!(action(Some(b"urn:a"), Some(b"x; action=urn:b")), "urn:a");
        assert_eq!(
            action(
                None,
                Some(b"application/soap+xml; charset=u; Action=\"urn:b\"")
            ),
            "urn:b"
        );
        assert_eq!(action(None, Some(b"application/soap+xml")), "");
        assert_eq!(action(Some(b"\"\""), None), "");
        assert_eq!(action(Some(b"\""), None), "\"");
    }
}
