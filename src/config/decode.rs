//! Bytes of a configuration file -> text.
//!
//! XML 1.0 appendix F: a byte order mark decides, then the declaration. Read are UTF-8, UTF-16 and ISO-8859-1 (with
//! its subset US-ASCII); anything else is refused rather than guessed. All places in the model count bytes of the
//! decoded text, so what follows never sees the original bytes.

/// Text, and what was wrong with the bytes.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The text; where bytes were bad it has replacement characters.
    pub text: String,
    /// Offset in `text` and message of the first problem.
    pub problem: Option<(usize, String)>,
}

/// Decodes a whole file.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        _ => declared(bytes),
    }
}

/// Writes a text in the encoding in which a file was: the one in which `was` gives back `bytes`. `None` when the text cannot be written
/// in it, or when the file's bytes were bad.
pub(super) fn encode_like(text: &str, was: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
    let wide =
        |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let write = |text: &str| -> Option<Vec<u8>> {
        Some(match bytes {
            [0xEF, 0xBB, 0xBF, ..] => marked(&bytes[..3], text.as_bytes().to_vec()),
            [0xFE, 0xFF, ..] => marked(&bytes[..2], wide(text, u16::to_be_bytes)),
            [0xFF, 0xFE, ..] => marked(&bytes[..2], wide(text, u16::to_le_bytes)),
            [0, b'<', ..] => wide(text, u16::to_be_bytes),
            [b'<', 0, ..] => wide(text, u16::to_le_bytes),
            _ if bytes == was.as_bytes() => text.as_bytes().to_vec(),
            _ => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect::<Option<_>>()?,
        })
    };
    if write(was)? != bytes {
        return None;
    }
    write(text)
}

fn declared(bytes: &[u8]) -> Decoded {
    let name = declared_encoding(bytes).unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        // A declaration that was readable as single bytes cannot be UTF-16: the file was saved anew as UTF-8.
        "" | "utf-8" | "utf8" | "utf-16" | "us-ascii" | "ascii" => utf8(bytes),
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "l1" => Decoded {
            text: bytes.iter().map(|&b| char::from(b)).collect(),
            problem: None,
        },
        _ => Decoded {
            text: String::from_utf8_lossy(bytes).into_owned(),
            problem: Some((0, format!("the encoding {name} is not one that axon reads"))),
        },
    }
}

/// The value of `encoding` in the XML declaration, when there is one.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = bytes.strip_prefix(b"<?xml")?;
    let head = &head[..head.len().min(200)];
    let head = &head[..memchr::memmem::find(head, b"?>")?];
    let at = memchr::memmem::find(head, b"encoding")?;
    let rest = head[at + 8..].trim_ascii_start().strip_prefix(b"=")?;
    let (quote, rest) = rest.trim_ascii_start().split_first()?;
    let end = memchr::memchr(*quote, rest)?;
    std::str::from_utf8(&rest[..end]).ok().map(str::to_owned)
}

fn utf8(bytes: &[u8]) -> Decoded {
    match std::str::from_utf8(bytes) {
        Ok(text) => Decoded {
            text: text.to_owned(),
            problem: None,
        },
        Err(e) => Decoded {
            text: String::from_utf8_lossy(bytes).into_owned(),
            problem: Some((e.valid_up_to(), "this byte is not UTF-8".to_owned())),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut problem = None;
    for c in char::decode_utf16(units) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => {
                problem.get_or_insert((text.len(), "this is half a UTF-16 pair".to_owned()));
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
    if bytes.len() % 2 == 1 {
        problem.get_or_insert((text.len(), "the file ends inside a character".to_owned()));
    }
    Decoded { text, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(bytes: &[u8]) -> String {
        let decoded = decode(bytes);
        assert_eq!(decoded.problem, None);
        decoded.text
    }

    #[test]
    fn the_byte_order_mark_decides_and_is_not_part_of_the_text() {
        assert_eq!(good(b"\xEF\xBB\xBF<a/>"), "<a/>");
        assert_eq!(good(b"\xFE\xFF\0<\0a\0/\0>"), "<a/>");
        assert_eq!(good(b"\xFF\xFE<\0\xE9\0/\0>\0"), "<é/>");
        assert_eq!(good(b"<\0a\0/\0>\0"), "<a/>");
    }

    #[test]
    fn latin_1_is_read_when_declared_and_utf_8_otherwise() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE9'/>";
        assert!(good(latin).ends_with("<a b='é'/>"));
        let plain = decode(b"<a b='\xE9'/>");
        assert_eq!(plain.problem.map(|p| p.0), Some(6));
    }

    #[test]
    fn a_text_is_written_as_its_file_was() {
        for bytes in [
            &b"<a/>"[..],
            "<é/>".as_bytes(),
            b"\xEF\xBB\xBF<a/>",
            b"\xFE\xFF\0<\0a\0/\0>",
            b"\xFF\xFE<\0\xE9\0/\0>\0",
            b"<\0a\0/\0>\0",
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE9'/>",
        ] {
            let text = good(bytes);
            assert_eq!(encode_like(&text, &text, bytes).as_deref(), Some(bytes));
            let longer = encode_like(&format!("{text}<!--\u{fc}-->"), &text, bytes).unwrap();
            assert_eq!(good(&longer), format!("{text}<!--\u{fc}-->"));
        }
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE9'/>";
        let text = good(latin);
        assert_eq!(
            encode_like("\u{20ac}", &text, latin),
            None,
            "no euro in Latin-1"
        );
        let damaged = b"<a b='\xE9'/>";
        assert_eq!(encode_like("<a/>", &decode(damaged).text, damaged), None);
    }

    #[test]
    fn an_unknown_encoding_is_named() {
        let decoded = decode(b"<?xml version=\"1.0\" encoding=\"EBCDIC-7\"?><a/>");
        assert!(decoded.problem.is_some_and(|p| p.1.contains("EBCDIC-7")));
    }

    #[test]
    fn half_a_pair_and_half_a_unit_are_problems() {
        assert!(decode(b"\xFF\xFE<\0\x00\xD8").problem.is_some());
        assert!(decode(b"\xFF\xFE<\0a").problem.is_some());
    }
}
