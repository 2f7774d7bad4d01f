//! Which encoding a body is in, and UTF-16 made readable.
//!
//! By XML 1.0 appendix F: byte order mark, else the shape of the first characters, else the declaration. An encoding
//! that is not read here is [`Encoding::Foreign`]: the message passes untouched, like one without a header.

use super::ScanError;

/// The encodings that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Encoding {
    /// Too few bytes to tell.
    Unknown,
    /// UTF-8 or US-ASCII.
    Utf8,
    /// ISO-8859-1, by declaration.
    Latin1,
    Utf16Le,
    Utf16Be,
    /// Not read.
    Foreign,
}

impl Encoding {
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Encoding::Utf16Le | Encoding::Utf16Be)
    }

    /// True when the XML declaration (its text without the brackets) names an encoding that is read and can be this one.
    pub(in crate::soap) fn accepts(self, declaration: &[u8]) -> bool {
        match declared(declaration) {
            None => true,
            Some(name) if self.is_wide() => starts_with_ignore_case(name, b"utf-16"),
            Some(name) => [
                &b"utf-8"[..],
                b"utf8",
                b"us-ascii",
                b"ascii",
                b"iso-8859-1",
                b"latin1",
            ]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known)),
        }
    }

    /// The encoding after reading a declaration that [`accepts`](Self::accepts) took.
    pub(in crate::soap) fn declared(self, declaration: &[u8]) -> Encoding {
        match declared(declaration) {
            Some(name)
                if name.eq_ignore_ascii_case(b"iso-8859-1")
                    || name.eq_ignore_ascii_case(b"latin1") =>
            {
                Encoding::Latin1
            }
            _ => self,
        }
    }
}

/// The encoding that the first bytes show and how many of them to skip; `None` when more are needed.
pub(in crate::soap) fn detect(bytes: &[u8], complete: bool) -> Option<(Encoding, usize)> {
    if bytes.len() < 4 && !complete {
        // A first byte that starts no mark and no wide character decides already.
        return match bytes.first() {
            None | Some(0xef | 0xfe | 0xff | 0x00 | b'<') => None,
            Some(_) => Some((Encoding::Utf8, 0)),
        };
    }
    Some(match bytes {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => (Encoding::Foreign, 0),
        [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => (Encoding::Foreign, 0),
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
        [b'<', 0, ..] => (Encoding::Utf16Le, 0),
        [0, b'<', ..] => (Encoding::Utf16Be, 0),
        _ => (Encoding::Utf8, 0),
    })
}

/// The `encoding` value of an XML declaration.
fn declared(declaration: &[u8]) -> Option<&[u8]> {
    let at = declaration.windows(8).position(|w| w == b"encoding")?;
    let rest = declaration[at + 8..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (&quote, rest) = rest.split_first()?;
    let end = memchr::memchr(quote, rest)?;
    Some(&rest[..end])
}

fn starts_with_ignore_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// A UTF-16 body as UTF-8, decoded as it grows.
#[derive(Debug)]
pub(super) struct Wide {
    text: String,
    taken: usize,
    high: Option<u16>,
    broken: bool,
}

impl Wide {
    /// Starts behind a mark of `skip` bytes.
    pub(super) fn new(skip: usize) -> Self {
        Self {
            text: String::new(),
            taken: skip,
            high: None,
            broken: false,
        }
    }

    /// Takes the units that have arrived since the last call, up to `limit` bytes of text.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        big: bool,
        limit: usize,
    ) -> Result<(), ScanError> {
        while !self.broken
            && self.text.len() < limit
            && let Some(&[a, b]) = bytes.get(self.taken..self.taken + 2)
        {
            let unit = if big {
                u16::from_be_bytes([a, b])
            } else {
                u16::from_le_bytes([a, b])
            };
            self.taken += 2;
            let decoded = match self.high.take() {
                Some(high) => char::decode_utf16([high, unit]).next(),
                None if (0xd800..0xdc00).contains(&unit) => {
                    self.high = Some(unit);
                    continue;
                }
                None => char::decode_utf16([unit]).next(),
            };
            match decoded {
                Some(Ok(c)) => self.text.push(c),
                _ => self.broken = true,
            }
        }
        match self.broken {
            true => Err(ScanError::Malformed("a lone UTF-16 surrogate")),
            false => Ok(()),
        }
    }

    /// The text so far.
    pub(super) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }
}
