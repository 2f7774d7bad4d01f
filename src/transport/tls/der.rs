//! A reader of DER (X.690), as far as certificates and keystores need it: elements one behind the other.
//!
//! Whatever the bytes are, it answers or gives up; it never reads beyond them and never recurses.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// The element with the context's own tag 0, made of other elements.
pub(super) const EXPLICIT_0: u8 = 0xa0;
/// The element with the context's own tag 0, made of bytes.
pub(super) const IMPLICIT_0: u8 = 0x80;

/// A row of DER elements.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub &'a [u8]);

impl<'a> Der<'a> {
    /// The next element: tag and value.
    pub fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let digits = usize::from(first & 0x7f);
            if !(1..=4).contains(&digits) || digits > rest.len() {
                return None;
            }
            length = rest[..digits]
                .iter()
                .fold(0, |n, b| (n << 8) | usize::from(*b));
            rest = &rest[digits..];
        }
        if length > rest.len() {
            return None;
        }
        let (value, after) = rest.split_at(length);
        self.0 = after;
        Some((tag, value))
    }

    /// The next element, when it has that tag.
    pub fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, value)| value)
    }

    /// The elements inside the next one, when it has that tag.
    pub fn inside(&mut self, wanted: u8) -> Option<Der<'a>> {
        self.expect(wanted).map(Der)
    }

    /// The next element, when it is a whole number from 0 on that fits.
    pub fn number(&mut self) -> Option<u32> {
        let digits = self.expect(INTEGER)?;
        let (first, rest) = digits.split_first()?;
        // The sign has a byte of its own where the first bit is taken.
        let digits = if *first == 0 { rest } else { digits };
        if first & 0x80 != 0 || digits.len() > 4 {
            return None;
        }
        Some(digits.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
    }

    /// True when nothing is left.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

/// An object identifier in dots, for people.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc: u64 = 0;
    for byte in oid.iter().take(64) {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    if let Some(both) = arcs.first().copied() {
        let first = (both / 40).min(2);
        arcs[0] = both - first * 40;
        arcs.insert(0, first);
    }
    let arcs: Vec<_> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_from_0_on_as_far_as_they_fit() {
        for (der, want) in [
            (&b"\x02\x01\x00"[..], Some(0)),
            (b"\x02\x02\x08\x00", Some(2048)),
            (b"\x02\x03\x00\xff\xff", Some(65_535)),
            (b"\x02\x05\x00\xff\xff\xff\xff", Some(u32::MAX)),
            (b"\x02\x05\x01\x00\x00\x00\x00", None),
            (b"\x02\x01\xff", None),
            (b"\x02\x00", None),
            (b"\x04\x01\x00", None),
        ] {
            assert_eq!(Der(der).number(), want, "{der:?}");
        }
    }

    #[test]
    fn identifiers_are_shown_in_dots() {
        assert_eq!(
            dotted(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"),
            "1.2.840.113549.1.7.1"
        );
        assert_eq!(dotted(b"\x55\x04\x03"), "2.5.4.3");
        assert_eq!(dotted(b""), "");
        assert!(dotted(&[0xff; 500]).is_empty());
    }
}
