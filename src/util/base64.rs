//! Base64 (RFC 4648 section 4), as XML and `Authorization: Basic` have it: white space between the characters is allowed
//! when reading (XML Schema part 2, section 3.2.16).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of bytes, padded.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .chain([&0; 2])
            .take(3)
            .fold(0u32, |word, &b| word << 8 | u32::from(b));
        for i in 0..4 {
            match i <= group.len() {
                true => out.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

/// The bytes of a text; `None` when it is not exactly base64 with its padding.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut digits, mut padding) = (0u32, 0usize, 0usize);
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' if digits % 4 >= 2 && padding < 2 => {
                padding += 1;
                digits += 1;
                word <<= 6;
                if digits.is_multiple_of(4) {
                    out.extend_from_slice(&word.to_be_bytes()[1..4 - padding]);
                }
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        word = word << 6 | u32::from(value);
        digits += 1;
        if digits.is_multiple_of(4) {
            out.extend_from_slice(&word.to_be_bytes()[1..]);
            word = 0;
        }
    }
    digits.is_multiple_of(4).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_go_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encode(&all).as_bytes()), Some(all));
        assert_eq!(decode(b" Zm\r\n9v "), Some(b"foo".to_vec()));
    }

    #[test]
    fn what_is_no_base64_is_none() {
        for text in [
            "Zg", "Zg=", "Z===", "Zg==Zg==", "=Zg=", "Z-==", "Zm9v=", "Zg==a",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
