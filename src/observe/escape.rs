//! Bytes of strangers inside a line of ours: a peer must not be able to forge a line or break a JSON document.
//!
//! JSON: quotes, backslash and control characters are escaped, bytes that are no UTF-8 become U+FFFD (a log line
//! is for reading, not for restoring the message). Text: a value that has a space, a quote or a control
//! character is quoted.

/// Appends `"..."`.
pub fn json_string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    // Nearly every value is plain ASCII; without an early exit this check is done many bytes at a time.
    let plain = value.iter().fold(true, |plain, &b| {
        plain & (0x20..0x80).contains(&b) & (b != b'"') & (b != b'\\')
    });
    if plain {
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
                hex(out, byte);
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
                hex(out, byte);
            }
        }
    }
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    hex_digits(out, u64::from(byte), 2);
}

/// Appends the lowest `digits` hexadecimal digits of a number.
pub fn hex_digits(out: &mut Vec<u8>, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(value >> (place * 4)) as usize & 15]);
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
