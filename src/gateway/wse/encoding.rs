//! How frames of an emulated WebSocket are written for clients that cannot take every byte.
//!
//! The letters behind `/;e/c`, `/;e/u` and `/;e/d` say it: `b` bytes, `t` bytes as the characters of a text, `te` the same
//! with some characters escaped; an `m` behind them: text messages are told from those of bytes.

/// The byte that begins an escape.
const ESCAPE: u8 = 0x7f;

/// What a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Bodies are texts: each byte is a character.
    pub text: bool,
    /// NUL, CR, LF and DEL are escaped.
    pub escaped: bool,
    /// Text messages have a type of their own; else all messages go out as bytes.
    pub mixed: bool,
}

impl Encoding {
    /// Reads the letters.
    pub fn parse(letters: &[u8]) -> Option<Encoding> {
        let (kind, mixed) = match letters.strip_suffix(b"m") {
            Some(kind) => (kind, true),
            None => (letters, false),
        };
        let (text, escaped) = match kind {
            b"b" => (false, false),
            b"t" => (true, false),
            b"te" => (true, true),
            _ => return None,
        };
        Some(Encoding {
            text,
            escaped,
            mixed,
        })
    }

    /// The letters.
    pub fn letters(self) -> &'static str {
        match (self.text, self.escaped, self.mixed) {
            (false, _, false) => "b",
            (false, _, true) => "bm",
            (true, false, false) => "t",
            (true, false, true) => "tm",
            (true, true, false) => "te",
            (true, true, true) => "tem",
        }
    }

    /// The media type of what goes to the client.
    pub fn media_type(self) -> &'static [u8] {
        match self.text {
            true => b"text/plain;charset=windows-1252",
            false => b"application/octet-stream",
        }
    }

    /// Adds bytes as the client takes them.
    pub fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.escaped {
            return out.extend_from_slice(bytes);
        }
        for &byte in bytes {
            match byte {
                0 => out.extend_from_slice(&[ESCAPE, b'0']),
                b'\n' => out.extend_from_slice(&[ESCAPE, b'n']),
                b'\r' => out.extend_from_slice(&[ESCAPE, b'r']),
                ESCAPE => out.extend_from_slice(&[ESCAPE, ESCAPE]),
                byte => out.push(byte),
            }
        }
    }
}

/// Bytes of a body that comes from a client, as it meant them.
#[derive(Debug)]
pub struct Decoding {
    /// The body is UTF-8; its characters are the bytes, counted modulo 256, because some clients cannot send NUL.
    utf8: bool,
    escaped: bool,
    /// Bytes of a character that are still to come, and what it is so far.
    rest: u8,
    code: u32,
    /// An escape has begun.
    begun: bool,
}

impl Decoding {
    /// For a body; `utf8` says how its client wrote it.
    pub fn new(encoding: Encoding, utf8: bool) -> Decoding {
        Decoding {
            utf8: encoding.text && utf8,
            escaped: encoding.escaped,
            rest: 0,
            code: 0,
            begun: false,
        }
    }

    /// Adds what the bytes mean; false when they mean nothing.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.utf8 && !self.escaped {
            out.extend_from_slice(bytes);
            return true;
        }
        bytes.iter().all(|byte| self.byte(*byte, out))
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        if !self.utf8 {
            return self.unescape(byte, out);
        }
        match (byte, self.rest) {
            (0..0x80, 0) => return self.unescape(byte, out),
            (0xc2..0xe0, 0) => (self.rest, self.code) = (1, u32::from(byte & 0x1f)),
            (0xe0..0xf0, 0) => (self.rest, self.code) = (2, u32::from(byte & 0x0f)),
            (0x80..0xc0, 1..) => {
                self.code = self.code << 6 | u32::from(byte & 0x3f);
                self.rest -= 1;
                if self.rest == 0 {
                    return self.unescape(self.code as u8, out);
                }
            }
            _ => return false,
        }
        true
    }

    fn unescape(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        if !self.escaped {
            out.push(byte);
            return true;
        }
        let meant = match (std::mem::take(&mut self.begun), byte) {
            (false, ESCAPE) => {
                self.begun = true;
                return true;
            }
            (false, byte) => byte,
            (true, b'0') => 0,
            (true, b'n') => b'\n',
            (true, b'r') => b'\r',
            (true, ESCAPE) => ESCAPE,
            (true, _) => return false,
        };
        out.push(meant);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(letters: &str, body: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let encoding = Encoding::parse(letters.as_bytes()).unwrap();
        let mut decoding = Decoding::new(encoding, true);
        // One by one, so that no character and no escape comes whole.
        let good = body.chunks(1).all(|byte| decoding.take(byte, &mut out));
        good.then_some(out)
    }

    #[test]
    fn letters_are_read_and_written() {
        for letters in ["b", "bm", "t", "tm", "te", "tem"] {
            let encoding = Encoding::parse(letters.as_bytes()).unwrap();
            assert_eq!(encoding.letters(), letters);
        }
        for letters in ["", "m", "x", "be", "tme", "T"] {
            assert_eq!(Encoding::parse(letters.as_bytes()), None, "{letters}");
        }
    }

    #[test]
    fn characters_and_escapes_are_the_bytes_that_were_meant() {
        let all: Vec<u8> = (0..=255).collect();
        let characters: String = all.iter().map(|b| char::from(*b)).collect();
        assert_eq!(decoded("t", characters.as_bytes()), Some(all.clone()));
        assert_eq!(decoded("b", &all), Some(all.clone()));
        // A client that cannot send NUL sends the character 256.
        assert_eq!(
            decoded("tm", "a\u{100}b".as_bytes()),
            Some(b"a\0b".to_vec())
        );
        // As the original writes it.
        let escaped = b"\x7f0\x01\x7fn\x7fr\x20\x7f\x7f\xc2\x80\xc3\xbf";
        let meant = b"\0\x01\n\r\x20\x7f\x80\xff";
        assert_eq!(decoded("te", escaped), Some(meant.to_vec()));
        let mut out = Vec::new();
        Encoding::parse(b"te").unwrap().write(meant, &mut out);
        assert_eq!(out, b"\x7f0\x01\x7fn\x7fr\x20\x7f\x7f\x80\xff");
        for wrong in [&b"\x7fx"[..], b"\xff", b"\x80", b"\xc3a"] {
            assert_eq!(decoded("te", wrong), None, "{wrong:x?}");
        }
    }
}
