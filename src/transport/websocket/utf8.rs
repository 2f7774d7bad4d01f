//! UTF-8 that comes in parts: a text message may be cut anywhere, also inside a character.

/// Judges a text part by part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    /// The beginning of a character whose rest has not come.
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// Takes the next part; false when the text is not UTF-8.
    pub fn take(&mut self, mut part: &[u8]) -> bool {
        while self.length > 0 {
            let Some((&next, rest)) = part.split_first() else {
                return true;
            };
            self.begun[self.length] = next;
            self.length += 1;
            part = rest;
            match std::str::from_utf8(&self.begun[..self.length]) {
                Ok(_) => self.length = 0,
                // Cut inside a character, which four bytes cannot be.
                Err(error) if error.error_len().is_none() && self.length < 4 => {}
                Err(_) => return false,
            }
        }
        match std::str::from_utf8(part) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let rest = &part[error.valid_up_to()..];
                self.begun[..rest.len()].copy_from_slice(rest);
                self.length = rest.len();
                true
            }
        }
    }

    /// Ends the text; false when it ended inside a character.
    pub fn end(&mut self) -> bool {
        std::mem::take(&mut self.length) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_the_same_wherever_the_text_is_cut() {
        let texts: [&[u8]; 7] = [
            "a é ☃ 😀 z".as_bytes(),
            b"\xff",
            b"ab\xc3",
            b"\xed\xa0\x80",
            b"\xf0\x9f\x98",
            b"\xe2\x28\xa1",
            b"\xc3\xa9\xa9",
        ];
        for text in texts {
            let good = std::str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut utf8 = Utf8::default();
                    let parts = [&text[..first], &text[first..second], &text[second..]];
                    let taken = parts.iter().all(|part| utf8.take(part)) && utf8.end();
                    assert_eq!(taken, good, "{text:x?} {first} {second}");
                }
            }
        }
    }
}
