//! Bytes of strangers inside a line of ours: a peer must not be able to forge a line or break a JSON document.
//!
//! JSON: quotes, backslash and control characters are escaped, bytes that are no UTF-8 become U+FFFD (a log line
//! is for reading, not for restoring the message). Text: a value that has a space, a quote or a control
//! character is quoted.

use super::digits::write_hex;

/// Appends `"..."`.
pub fn json_string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    // Nearly every value is.
    if is_plain(value) {
        out.extend_from_slice(value);
    } else {
        for chunk in value.utf8_chunks() {
            json_escaped(out, chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
    }
    out.push(b'"');
}

/// True when a JSON string holds these bytes as they are: printable ASCII but for the quote and the backslash.
///
/// Looks at eight bytes at a time, the last of them twice, because the values are short and many.
fn is_plain(value: &[u8]) -> bool {
    let eight = |chunk: &[u8; 8]| odd_bytes(u64::from_le_bytes(*chunk));
    let four = |chunk: &[u8; 4]| odd_bytes(SPACES << 32 | u64::from(u32::from_le_bytes(*chunk)));
    if let Some(last) = value.last_chunk::<8>() {
        let (chunks, _) = value.as_chunks::<8>();
        return chunks
            .iter()
            .fold(eight(last), |odd, chunk| odd | eight(chunk))
            == 0;
    }
    match (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        (Some(first), Some(last)) => four(first) | four(last) == 0,
        _ => value
            .iter()
            .all(|&byte| odd_bytes(SPACES << 8 | u64::from(byte)) == 0),
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const SPACES: u64 = u64::from_le_bytes([b' '; 8]);

/// Not 0 when one of the eight bytes is a control character, a quote, a backslash or no ASCII.
fn odd_bytes(bytes: u64) -> u64 {
    const HIGH: u64 = ONES << 7;
    // The highest bit of each byte that is below `n`, right as long as all are ASCII, which is looked at too.
    let below = |bytes: u64, n: u64| bytes.wrapping_sub(ONES * n) & !bytes;
    let is = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (bytes | below(bytes, 0x20) | is(b'"') | is(b'\\')) & HIGH
}

fn json_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut clean_from = 0;
    for (at, &byte) in value.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&value[clean_from..at]);
        clean_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                write_hex(out, byte.into(), 2);
            }
        }
    }
    out.extend_from_slice(&value[clean_from..]);
}

/// Appends a value of a text line, quoted when it could be mistaken for more than one word.
pub fn text_word(out: &mut Vec<u8>, value: &[u8]) {
    if !value.is_empty() && value.iter().all(|&b| b.is_ascii_graphic() && b != b'"') {
        out.extend_from_slice(value);
    } else {
        out.push(b'"');
        text_plain(out, value);
        out.push(b'"');
    }
}

/// Appends text with quotes, backslashes, control bytes and bytes above ASCII written as escapes.
pub fn text_plain(out: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7e => out.push(byte),
            _ => {
                out.extend_from_slice(b"\\x");
                write_hex(out, byte.into(), 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_strings_parse_back_whatever_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            json_string(&mut out, &bytes);
            let back: String = serde_json::from_slice(&out).unwrap();
            if let Ok(text) = std::str::from_utf8(&bytes) {
                prop_assert_eq!(back, text);
            }
            prop_assert!(!out.contains(&b'\n'));
        }

        #[test]
        fn text_never_holds_a_line_break_or_an_escape_sequence(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            text_word(&mut out, &bytes);
            prop_assert!(out.iter().all(|b| (0x20..0x7f).contains(b)));
        }
    }

    #[test]
    fn a_byte_is_plain_wherever_it_stands_or_nowhere() {
        for byte in 0..=u8::MAX {
            let plain = (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
            for len in [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 21] {
                for at in 0..len {
                    let mut value = vec![b'a'; len];
                    value[at] = byte;
                    assert_eq!(is_plain(&value), plain, "{byte} at {at} of {len}");
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn bad_utf8_becomes_a_replacement_character() {
        let mut out = Vec::new();
        json_string(&mut out, b"a\xffb");
        assert_eq!(out, "\"a\u{fffd}b\"".as_bytes());
    }

    #[test]
    fn a_word_with_a_space_is_quoted() {
        let mut out = Vec::new();
        text_word(&mut out, b"two words");
        assert_eq!(out, b"\"two words\"");
    }
}
