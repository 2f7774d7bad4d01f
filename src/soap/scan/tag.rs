//! One start tag: where it ends, its name, and the namespaces that it declares.

use smallvec::SmallVec;

use super::text;
use super::{Binding, Limits, ScanError};
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

/// Namespaces that mean something to the scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uri {
    Other,
    Soap11,
    Soap12,
    Synapse,
    Axis2,
    Wsa,
}

impl Uri {
    fn of(text: &[u8]) -> Uri {
        match text {
            t if t == SOAP11_NS.as_bytes() => Uri::Soap11,
            t if t == SOAP12_NS.as_bytes() => Uri::Soap12,
            b"http://ws.apache.org/ns/synapse" => Uri::Synapse,
            b"http://ws.apache.org/namespaces/axis2" => Uri::Axis2,
            b"http://www.w3.org/2005/08/addressing" => Uri::Wsa,
            _ => Uri::Other,
        }
    }
}

/// Whether the search for a tag's end stands inside an attribute value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Quoted {
    Outside,
    Single,
    Double,
}

impl Quoted {
    /// The `>` that ends the tag, from `from` on; remembers where it stands when there is none yet.
    pub(in crate::soap) fn find_end(&mut self, bytes: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let rest = &bytes[from..];
            let at = match self {
                Quoted::Outside => memchr::memchr3(b'>', b'"', b'\'', rest)?,
                Quoted::Single => memchr::memchr(b'\'', rest)?,
                Quoted::Double => memchr::memchr(b'"', rest)?,
            };
            *self = match (*self, rest[at]) {
                (Quoted::Outside, b'>') => return Some(from + at),
                (Quoted::Outside, b'"') => Quoted::Double,
                (Quoted::Outside, _) => Quoted::Single,
                _ => Quoted::Outside,
            };
            from += at + 1;
        }
    }
}

/// A range of the message.
type Range = (u32, u32);

pub(super) fn slice(bytes: &[u8], range: Range) -> &[u8] {
    bytes
        .get(range.0 as usize..range.1 as usize)
        .unwrap_or_default()
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: Range,
    colon: Option<u32>,
    pub(super) empty: bool,
}

impl Tag {
    /// Reads the tag between `start` (behind `<`) and `end` (its `>`); its declarations are pushed to `namespaces`.
    pub(super) fn parse(
        bytes: &[u8],
        start: usize,
        end: usize,
        limits: &Limits,
        namespaces: &mut SmallVec<[Binding; 8]>,
    ) -> Result<Tag, ScanError> {
        let empty = bytes[start..end].ends_with(b"/");
        let mut cursor = Cursor::new(&bytes[..end - usize::from(empty)], start);
        let name = cursor.name();
        if name.0 == name.1 {
            return Err(ScanError::Malformed("a tag without a name"));
        }
        if (name.1 - name.0) as usize > limits.name {
            return Err(ScanError::Limit("names"));
        }
        let colon = memchr::memchr(b':', slice(bytes, name)).map(|at| name.0 + at as u32);
        let (mut attributes, outer) = (0, namespaces.len());
        loop {
            let spaced = cursor.blank();
            if cursor.at_end() {
                break;
            }
            attributes += 1;
            if attributes > limits.attributes {
                return Err(ScanError::Limit("attributes"));
            }
            let (attribute, value) = match spaced {
                true => cursor.attribute()?,
                false => return Err(ScanError::Malformed("attributes without a space between")),
            };
            if let Some(prefix) = declared_prefix(bytes, attribute) {
                let twice = namespaces[outer..]
                    .iter()
                    .any(|b| slice(bytes, b.prefix) == slice(bytes, prefix));
                if twice {
                    return Err(ScanError::Malformed(
                        "a namespace prefix declared twice in one tag",
                    ));
                }
                if namespaces.len() >= limits.namespaces {
                    return Err(ScanError::Limit("namespaces"));
                }
                namespaces.push(Binding {
                    prefix,
                    uri: uri(slice(bytes, value))?,
                });
            }
        }
        Ok(Tag { name, colon, empty })
    }

    pub(super) fn prefix<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        self.colon
            .map_or(b"", |colon| slice(bytes, (self.name.0, colon)))
    }

    pub(super) fn local<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let start = self.colon.map_or(self.name.0, |colon| colon + 1);
        slice(bytes, (start, self.name.1))
    }
}

/// What a prefix means here. `xml` and `xmlns` cannot be bound to anything that matters (Namespaces in XML, section 3).
pub(super) fn resolve(bytes: &[u8], prefix: &[u8], namespaces: &[Binding]) -> Uri {
    if prefix == b"xml" || prefix == b"xmlns" {
        return Uri::Other;
    }
    namespaces
        .iter()
        .rev()
        .find(|b| slice(bytes, b.prefix) == prefix)
        .map_or(Uri::Other, |b| b.uri)
}

/// The prefix that an attribute of that name declares.
fn declared_prefix(bytes: &[u8], attribute: Range) -> Option<Range> {
    match slice(bytes, attribute) {
        b"xmlns" => Some((attribute.1, attribute.1)),
        name if name.starts_with(b"xmlns:") => Some((attribute.0 + 6, attribute.1)),
        _ => None,
    }
}

/// The namespace of a declaration's value; references are resolved, for `&#104;ttp:` is the same name.
fn uri(value: &[u8]) -> Result<Uri, ScanError> {
    if memchr::memchr(b'&', value).is_none() {
        return Ok(Uri::of(value));
    }
    let mut resolved = SmallVec::new();
    // Longer than every name that matters, so it is none of them.
    match text::append(&mut resolved, value, false, 256) {
        Err(ScanError::Limit(_)) => Ok(Uri::Other),
        Err(error) => Err(error),
        Ok(()) => Ok(Uri::of(&resolved)),
    }
}

/// The inside of a tag, read from left to right; places are those in `bytes`.
pub(in crate::soap) struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    /// Starts at a place behind `<`; `bytes` end where the tag does.
    pub(in crate::soap) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(in crate::soap) fn position(&self) -> usize {
        self.at
    }

    pub(in crate::soap) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// A name, possibly empty: everything up to what cannot be in one.
    pub(in crate::soap) fn name(&mut self) -> Range {
        let start = self.at;
        let rest = &self.bytes[start.min(self.bytes.len())..];
        let len = rest
            .iter()
            .position(|b| {
                matches!(
                    b,
                    b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'/' | b'<' | b'"' | b'\''
                )
            })
            .unwrap_or(rest.len());
        self.at += len;
        (start as u32, self.at as u32)
    }

    /// Skips blanks; true when there were some.
    pub(in crate::soap) fn blank(&mut self) -> bool {
        let start = self.at;
        while self
            .bytes
            .get(self.at)
            .is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
        {
            self.at += 1;
        }
        self.at > start
    }

    /// An attribute: places of its name and of its value, without the quotes.
    pub(in crate::soap) fn attribute(&mut self) -> Result<(Range, Range), ScanError> {
        let name = self.name();
        self.blank();
        if name.0 == name.1 || self.bytes.get(self.at) != Some(&b'=') {
            return Err(ScanError::Malformed("an attribute without a value"));
        }
        self.at += 1;
        self.blank();
        let quote = match self.bytes.get(self.at) {
            Some(&quote @ (b'"' | b'\'')) => quote,
            _ => return Err(ScanError::Malformed("an attribute without quotes")),
        };
        let start = self.at + 1;
        let Some(len) = memchr::memchr(quote, &self.bytes[start..]) else {
            return Err(ScanError::Malformed(
                "an attribute without its closing quote",
            ));
        };
        self.at = start + len + 1;
        Ok((name, (start as u32, (start + len) as u32)))
    }
}
