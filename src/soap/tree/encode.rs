//! Texts made fit for XML, and a written message in the charset that was asked for.

/// Appends character data: markup escaped, characters that XML forbids replaced by U+FFFD.
pub(super) fn escape_content(out: &mut String, text: &str) {
    escape(out, text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        // A bare carriage return would be read back as a line feed (XML 1.0 section 2.11).
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends the value of an attribute for double quotes; blanks that reading would normalise are escaped too.
pub(super) fn escape_value(out: &mut String, text: &str) {
    escape(out, text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\r' => Some("&#13;"),
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        _ => None,
    });
}

fn escape(out: &mut String, text: &str, named: fn(char) -> Option<&'static str>) {
    let special = |c: char| named(c).is_some() || is_forbidden(c);
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        let Some(c) = rest[at..].chars().next() else {
            break;
        };
        out.push_str(named(c).unwrap_or("\u{fffd}"));
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
}

/// True for what no XML document may hold (XML 1.0, production 2).
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A charset that messages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    #[default]
    Utf8,
    /// US-ASCII; everything else becomes references.
    Ascii,
    /// ISO-8859-1; everything else becomes references.
    Latin1,
    /// UTF-16, big-endian, with a byte order mark.
    Utf16,
}

impl Charset {
    /// The charset of a name, in any case; `None` for one that is not written.
    pub fn named(name: &str) -> Option<Charset> {
        let name = name.trim().trim_matches(['"', '\'']);
        let is = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
        if is(&["utf-8", "utf8"]) {
            Some(Charset::Utf8)
        } else if is(&["us-ascii", "ascii"]) {
            Some(Charset::Ascii)
        } else if is(&["iso-8859-1", "iso8859-1", "latin1"]) {
            Some(Charset::Latin1)
        } else if is(&["utf-16"]) {
            Some(Charset::Utf16)
        } else {
            None
        }
    }

    /// The name in declarations and media types.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Ascii => "US-ASCII",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Utf16 => "UTF-16",
        }
    }

    /// The first number of a character that does not fit.
    fn end(self) -> u32 {
        match self {
            Charset::Ascii => 0x80,
            Charset::Latin1 => 0x100,
            Charset::Utf8 | Charset::Utf16 => u32::MAX,
        }
    }

    /// A message in this charset; `None` when a name or an instruction holds what does not fit.
    pub(super) fn encode(self, text: String) -> Option<Vec<u8>> {
        match self {
            Charset::Utf8 => Some(text.into_bytes()),
            Charset::Utf16 => {
                let mut out = vec![0xfe, 0xff];
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
                Some(out)
            }
            Charset::Ascii if text.is_ascii() => Some(text.into_bytes()),
            Charset::Ascii | Charset::Latin1 => self.narrow(&text),
        }
    }

    fn narrow(self, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let (mut rest, mut tag) = (text, false);
        while !rest.is_empty() {
            let (end, place) = match tag {
                true => inside_tag(rest),
                false => outside_tags(rest),
            };
            let (part, after) = rest.split_at(end);
            // A tag goes on behind each of its values and ends with its bracket.
            tag = place == Place::Quoted || (place == Place::Tag && !part.ends_with('>'));
            for c in part.chars() {
                match u8::try_from(u32::from(c)) {
                    Ok(byte) if u32::from(c) < self.end() => out.push(byte),
                    _ => place.write(c, &mut out)?,
                }
            }
            rest = after;
        }
        Some(out)
    }
}

/// What kind of markup a character stands in: not everywhere can it be a reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Content,
    Quoted,
    Tag,
    Instruction,
    Comment,
    CData,
}

impl Place {
    fn write(self, c: char, out: &mut Vec<u8>) -> Option<()> {
        let number = u32::from(c);
        match self {
            Place::Content | Place::Quoted => {
                out.extend_from_slice(format!("&#x{number:x};").as_bytes());
            }
            Place::CData => {
                out.extend_from_slice(format!("]]>&#x{number:x};<![CDATA[").as_bytes());
            }
            Place::Comment => out.push(b'?'),
            Place::Tag | Place::Instruction => return None,
        }
        Some(())
    }
}

/// How far the piece goes that a well-formed text starts with, and what it is.
fn outside_tags(text: &str) -> (usize, Place) {
    let until = |mark: &str| text.find(mark).map_or(text.len(), |at| at + mark.len());
    if text.starts_with("<!--") {
        (until("-->"), Place::Comment)
    } else if text.starts_with("<![CDATA[") {
        (until("]]>"), Place::CData)
    } else if text.starts_with("<?") {
        (until("?>"), Place::Instruction)
    } else if text.starts_with('<') {
        (1, Place::Tag)
    } else {
        (text.find('<').unwrap_or(text.len()), Place::Content)
    }
}

/// The same behind the beginning of a tag: a quoted value, or everything up to the next one or the end of the tag.
fn inside_tag(text: &str) -> (usize, Place) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let end = text[1..].find(quote).map_or(text.len(), |at| at + 2);
            (end, Place::Quoted)
        }
        _ => match text.find(['"', '\'', '>']) {
            Some(at) if text[at..].starts_with('>') => (at + 1, Place::Tag),
            Some(at) => (at, Place::Tag),
            None => (text.len(), Place::Tag),
        },
    }
}
