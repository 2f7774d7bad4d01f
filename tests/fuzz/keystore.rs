//! What keystores must keep: no more comes out than is in them, the password decides before anything else, and without it
//! no key is there.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axon::transport::tls::keystore::{self, Format, StoreError};

use crate::mutate::Random;

pub const WORDS: &[&[u8]] = &[
    b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01",
    b"\xce\xce\xce\xce\0\0\0\x02\0\0\0\x01",
    b"\0\0\0\x01",
    b"\0\0\0\x02",
    b"\0\0\0\x03",
    b"\0\x05X.509",
    b"\xac\xed\0\x05sr",
    b"\x71\0\x7e\0\0",
    b"\x75\x71\0\x7e\0\x01\x7f\xff\xff\xff",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"\xa0\x00",
    b"\x02\x04\x7f\xff\xff\xff",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x06",
];

const PASSWORD: &str = "welcome1";
/// Rounds of a key derivation: few, so that many inputs are tried.
const ROUNDS: u32 = 2_100;

/// A store, as it is and sealed anew.
pub fn store(input: &[u8], random: &mut Random) {
    let format = Format::of(input);
    for password in [None, Some(PASSWORD), Some("guess")] {
        let opened = match keystore::open(input, password, ROUNDS) {
            Ok(opened) => opened,
            Err(error) => {
                assert_eq!(error == StoreError::Unknown, format.is_none());
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        let mut found = opened.trusted.iter().map(Vec::len).sum::<usize>();
        for entry in &opened.keys {
            assert!(entry.chain.len() <= 16);
            if let Ok(key) = &entry.key {
                found += key.len();
            }
            // Only a key in clear is there without a password.
            if password.is_none() && format != Some(Format::Pkcs12) {
                assert!(entry.key.is_err());
            }
        }
        assert!(found <= input.len(), "more comes out than is in it");
    }
    if let Some(sealed) = sealed(input, format) {
        let opened = keystore::open(&sealed, Some(PASSWORD), ROUNDS);
        assert_ne!(opened.err(), Some(StoreError::Password));
        let mut other = sealed;
        let at = random.below(other.len().saturating_sub(24)) + 4;
        other[at] ^= 1;
        let opened = keystore::open(&other, Some(PASSWORD), ROUNDS);
        assert_eq!(opened.err(), Some(StoreError::Password));
    }
}

/// A store of Java with the seal that belongs to its content.
fn sealed(input: &[u8], format: Option<Format>) -> Option<Vec<u8>> {
    if !matches!(format?, Format::Jks | Format::Jceks) {
        return None;
    }
    let content = &input[..input.len().checked_sub(20)?];
    if content.len() < 5 {
        return None;
    }
    let mut hashed: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    hashed.extend_from_slice(b"Mighty Aphrodite");
    hashed.extend_from_slice(content);
    let seal = digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    Some([content, seal.as_ref()].concat())
}
