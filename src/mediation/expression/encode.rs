//! `base64Encode`, `base64Decode` and `url-encode` of Synapse (spec/mediation.md 8; recorded).

use std::borrow::Cow;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The charsets that texts are turned into bytes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bytes {
    /// UTF-8, without a second argument.
    #[default]
    Utf8,
    /// ISO-8859-1; what does not fit becomes `?`, as in Java.
    Latin1,
}

impl Bytes {
    /// The charset of a name; `None` for one that is not known.
    pub(super) fn named(name: &str) -> Option<Bytes> {
        let is = |names: &[&str]| names.iter().any(|n| name.trim().eq_ignore_ascii_case(n));
        if is(&["utf-8", "utf8", "us-ascii"]) {
            Some(Bytes::Utf8)
        } else if is(&["iso-8859-1", "latin1"]) {
            Some(Bytes::Latin1)
        } else {
            None
        }
    }

    fn of(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Bytes::Utf8 => Cow::Borrowed(text.as_bytes()),
            Bytes::Latin1 => {
                let byte = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
                Cow::Owned(text.chars().map(byte).collect())
            }
        }
    }

    fn text(self, bytes: Vec<u8>) -> String {
        match self {
            Bytes::Utf8 => String::from_utf8_lossy(&bytes).into_owned(),
            Bytes::Latin1 => bytes.into_iter().map(char::from).collect(),
        }
    }
}

/// A text in base 64 (RFC 4648 section 4, with padding).
pub(super) fn base64(text: &str, charset: Bytes) -> String {
    let bytes = charset.of(text);
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

/// The text that was written in base 64; blanks do not count. `None` for what is not base 64.
pub(super) fn from_base64(text: &str, charset: Bytes) -> Option<String> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    let written = text.bytes().filter(|b| !b.is_ascii_whitespace());
    let mut ended = false;
    for byte in written {
        if byte == b'=' {
            ended = true;
            continue;
        }
        let digit = DIGITS.iter().position(|d| *d == byte).filter(|_| !ended)?;
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    (count < 6).then(|| charset.text(out))
}

/// A text for a URL: `/` and `&` stay, a blank is `%20` (recorded).
pub(super) fn for_url(text: &str, charset: Bytes) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in charset.of(text).iter() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => {
                out.push(char::from(byte))
            }
            b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_as_recorded() {
        assert_eq!(for_url("a b;c/ü", Bytes::Utf8), "a%20b;c/%C3%BC");
        assert_eq!(for_url("ü", Bytes::Latin1), "%FC");
        assert_eq!(base64("hélo", Bytes::Utf8), "aMOpbG8=");
        assert_eq!(base64("ü", Bytes::Latin1), "/A==");
        assert_eq!(base64("hi", Bytes::Utf8), "aGk=");
        assert_eq!(base64("", Bytes::Utf8), "");
        assert_eq!(from_base64("aGk=", Bytes::Utf8).as_deref(), Some("hi"));
        assert_eq!(from_base64(" aG\nk", Bytes::Utf8).as_deref(), Some("hi"));
        assert_eq!(from_base64("/A==", Bytes::Latin1).as_deref(), Some("ü"));
        for wrong in ["a", "aGk=a", "a-b="] {
            assert_eq!(from_base64(wrong, Bytes::Utf8), None, "{wrong}");
        }
    }
}
