//! The text of a header block: references resolved, encoding checked, length bounded.

use smallvec::SmallVec;

use super::ScanError;

/// A short text out of a header, held without an allocation up to 64 bytes; valid UTF-8, trimmed, never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(SmallVec<[u8; 64]>);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        // Checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Trims and checks; `None` when nothing is left.
    pub(super) fn trimmed(bytes: &[u8]) -> Result<Option<Text>, ScanError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(ScanError::Malformed("a text is not valid UTF-8"));
        };
        let text = text.trim();
        Ok((!text.is_empty()).then(|| Text(SmallVec::from_slice(text.as_bytes()))))
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

type Buffer = SmallVec<[u8; 64]>;

/// Appends character data, resolving references.
pub(super) fn append(
    out: &mut Buffer,
    mut data: &[u8],
    latin1: bool,
    limit: usize,
) -> Result<(), ScanError> {
    while let Some(at) = memchr::memchr(b'&', data) {
        append_raw(out, &data[..at], latin1, limit)?;
        let rest = &data[at + 1..];
        // The longest reference that is one, `&#x0010FFFF;` with some zeros to spare.
        let window = &rest[..rest.len().min(16)];
        let end =
            memchr::memchr(b';', window).ok_or(ScanError::Malformed("an unfinished reference"))?;
        let c = reference(&rest[..end]).ok_or(ScanError::Malformed("an unknown reference"))?;
        append_raw(out, c.encode_utf8(&mut [0; 4]).as_bytes(), false, limit)?;
        data = &rest[end + 1..];
    }
    append_raw(out, data, latin1, limit)
}

/// Appends text without references (CDATA).
pub(super) fn append_raw(
    out: &mut Buffer,
    data: &[u8],
    latin1: bool,
    limit: usize,
) -> Result<(), ScanError> {
    if out.len() + data.len() > limit {
        return Err(ScanError::Limit("text"));
    }
    if latin1 {
        for &byte in data {
            out.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
        }
    } else {
        out.extend_from_slice(data);
    }
    Ok(())
}

/// The character of a reference: one of the five predefined, or a number.
pub(in crate::soap) fn reference(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"apos" => Some('\''),
        b"quot" => Some('"'),
        [b'#', b'x', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let text = std::str::from_utf8(digits).ok()?;
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let c = char::from_u32(u32::from_str_radix(text, radix).ok()?)?;
    let allowed =
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    allowed.then_some(c)
}
