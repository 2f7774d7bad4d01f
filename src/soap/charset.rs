//! Messages as text and back: which encoding the bytes are in, and the few that axon writes.
//!
//! Reading follows XML 1.0 appendix F and RFC 7303 section 3: a byte order mark decides, then the `charset` of the media
//! type, then the XML declaration, then UTF-8. An encoding that is not read here is refused rather than guessed.

use std::borrow::Cow;

use super::outline::Unreadable;

/// An encoding that axon reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Charset {
    /// UTF-8.
    #[default]
    Utf8,
    /// US-ASCII.
    Ascii,
    /// ISO-8859-1.
    Latin1,
    /// UTF-16; written big-endian with a byte order mark.
    Utf16,
}

impl Charset {
    /// The encodings that can be named, for messages.
    pub const NAMES: &str = "UTF-8, US-ASCII, ISO-8859-1, UTF-16";

    /// The encoding of an IANA name or a common alias, in any case.
    pub fn named(name: &str) -> Option<Charset> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Charset::Utf8,
            "us-ascii" | "ascii" => Charset::Ascii,
            "iso-8859-1" | "iso8859-1" | "iso8859_1" | "iso_8859-1" | "latin1" | "l1" => {
                Charset::Latin1
            }
            "utf-16" | "utf16" | "utf-16be" | "utf-16le" => Charset::Utf16,
            _ => return None,
        })
    }

    /// Its preferred name.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Ascii => "US-ASCII",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Utf16 => "UTF-16",
        }
    }

    /// True for a character that it has.
    fn has(self, c: char) -> bool {
        match self {
            Charset::Utf8 | Charset::Utf16 => true,
            Charset::Ascii => c.is_ascii(),
            Charset::Latin1 => u32::from(c) < 0x100,
        }
    }
}

/// The text of a message; `charset` is the parameter of its media type.
pub fn decode<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, Unreadable> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return utf8(rest),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0, b'<', ..] => return utf16(bytes, u16::from_be_bytes),
        [b'<', 0, ..] => return utf16(bytes, u16::from_le_bytes),
        _ => {}
    }
    let name = charset.or_else(|| declared(bytes)).unwrap_or("UTF-8");
    match Charset::named(name) {
        // What could be read as single bytes so far is no UTF-16, whatever it says.
        Some(Charset::Utf8 | Charset::Ascii | Charset::Utf16) => utf8(bytes),
        Some(Charset::Latin1) => Ok(Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect())),
        None => Err(Unreadable::Encoding(format!(
            "its encoding {} is not one that axon reads ({})",
            printable(name),
            Charset::NAMES
        ))),
    }
}

fn printable(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_graphic())
        .take(40)
        .collect()
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(Unreadable::Encoding(format!(
            "byte {} is not UTF-8",
            error.valid_up_to()
        ))),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, Unreadable> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
    match text {
        Some(text) if bytes.len().is_multiple_of(2) => Ok(Cow::Owned(text)),
        _ => Err(Unreadable::Encoding("it is not UTF-16".to_owned())),
    }
}

/// The value of `encoding` in the XML declaration.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.strip_prefix(b"<?xml")?;
    let head = &head[..head.len().min(200)];
    let head = &head[..memchr::memmem::find(head, b"?>")?];
    let at = memchr::memmem::find(head, b"encoding")?;
    let rest = head[at + 8..].trim_ascii_start().strip_prefix(b"=")?;
    let (quote, rest) = rest.trim_ascii_start().split_first()?;
    let end = memchr::memchr(*quote, rest)?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// The bytes of an XML document in an encoding, declared as such. A character that the encoding has not becomes a
/// reference; `None` where no reference can stand (names, comments, CDATA, instructions).
pub fn encode(document: &str, charset: Charset) -> Option<Vec<u8>> {
    let rest = without_declaration(document);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"{}\"?>{}",
        charset.name(),
        if rest.starts_with(['\r', '\n']) {
            ""
        } else {
            "\n"
        }
    );
    fit(rest, charset, &mut text)?;
    Some(match charset {
        Charset::Utf8 | Charset::Ascii => text.into_bytes(),
        Charset::Latin1 => text
            .chars()
            // `fit` left only these.
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect(),
        Charset::Utf16 => std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect(),
    })
}

/// A document without its XML declaration.
pub fn without_declaration(document: &str) -> &str {
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    match document.strip_prefix("<?xml") {
        Some(rest) if rest.starts_with([' ', '\t', '\r', '\n']) => {
            rest.split_once("?>").map_or(document, |(_, after)| after)
        }
        _ => document,
    }
}

/// Where in a document a character stands.
#[derive(Clone, Copy)]
enum At {
    Text,
    /// In a tag, outside values.
    Tag,
    /// In a value that this quote ends.
    Value(char),
    /// In something that ends so and takes no references.
    Verbatim(&'static str),
}

/// Appends `text` with references in place of what the encoding has not.
fn fit(text: &str, charset: Charset, out: &mut String) -> Option<()> {
    const VERBATIM: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
    if text.chars().all(|c| charset.has(c)) {
        out.push_str(text);
        return Some(());
    }
    let mut at = At::Text;
    for (i, c) in text.char_indices() {
        at = match (at, c) {
            (At::Text, '<') => VERBATIM
                .iter()
                .find(|(open, _)| text[i..].starts_with(open))
                .map_or(At::Tag, |(_, close)| At::Verbatim(close)),
            (At::Tag, '>') => At::Text,
            (At::Tag, '"' | '\'') => At::Value(c),
            (At::Value(quote), c) if c == quote => At::Tag,
            (At::Verbatim(close), '>') if text[..=i].ends_with(close) => At::Text,
            (at, _) => at,
        };
        match at {
            _ if charset.has(c) => out.push(c),
            At::Text | At::Value(_) => out.push_str(&format!("&#x{:X};", u32::from(c))),
            At::Tag | At::Verbatim(_) => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_wins_over_the_media_type_and_that_over_the_declaration() {
        let declared = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(decode(declared, None).unwrap().contains('é'));
        assert!(decode(declared, Some("utf-8")).is_err());
        let marked = [b"\xef\xbb\xbf<a>".as_slice(), "é</a>".as_bytes()].concat();
        assert_eq!(decode(&marked, Some("iso-8859-1")).unwrap(), "<a>é</a>");
        let wide: Vec<u8> = "<a>é</a>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decode(&wide, None).unwrap(), "<a>é</a>");
        assert!(decode(&wide[..wide.len() - 1], None).is_err());
    }

    #[test]
    fn an_unknown_encoding_is_named() {
        let error = decode(b"<a/>", Some("koi8-r")).unwrap_err().to_string();
        assert!(error.contains("koi8-r"), "{error}");
        assert!(decode(b"<a>\xff</a>", None).is_err());
    }

    #[test]
    fn what_is_written_declares_its_encoding_and_reads_back() {
        let text = "<?xml version=\"1.0\"?><a b=\"ü\">€ é</a>";
        for charset in [
            Charset::Utf8,
            Charset::Ascii,
            Charset::Latin1,
            Charset::Utf16,
        ] {
            let bytes = encode(text, charset).unwrap();
            let read = decode(&bytes, None).unwrap();
            assert!(
                read.contains(&format!("encoding=\"{}\"", charset.name())),
                "{read}"
            );
            let document = roxmltree::Document::parse(&read).unwrap();
            let root = document.root_element();
            assert_eq!((root.attribute("b"), root.text()), (Some("ü"), Some("€ é")));
        }
    }

    #[test]
    fn where_no_reference_can_stand_there_is_no_way() {
        for text in [
            "<é/>",
            "<a><!--é--></a>",
            "<a><![CDATA[é]]></a>",
            "<a é=\"\"/>",
            "<a b='' é=\"\"/>",
        ] {
            assert_eq!(encode(text, Charset::Ascii), None, "{text}");
            assert!(encode(text, Charset::Latin1).is_some(), "{text}");
        }
    }

    #[test]
    fn only_a_declaration_is_taken_off() {
        assert_eq!(without_declaration("<?xml version='1.0'?>\n<a/>"), "\n<a/>");
        assert_eq!(
            without_declaration("<?xml-stylesheet x?><a/>"),
            "<?xml-stylesheet x?><a/>"
        );
        assert_eq!(without_declaration("\u{feff}<a/>"), "<a/>");
    }
}
