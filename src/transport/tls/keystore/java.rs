//! JKS and JCEKS, as `sun.security.provider.JavaKeyStore` and `com.sun.crypto.provider.JceKeyStore` write them.
//!
//! ```text
//! magic version count { 1 alias date key chain | 2 alias date certificate | 3 alias date object }* seal
//! ```
//!
//! Numbers are big-endian, texts have a length of two bytes in front. The seal is a SHA-1 over the password, a fixed text
//! and everything before it.

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};

use super::super::der::{Der, OCTETS, OID, SEQUENCE};
use super::{CHAIN_MAX, ENTRIES_MAX, KeyEntry, Opened, StoreError, pbe, serialized};

/// What stands between the password and the store when it is sealed.
const WHITENING: &[u8] = b"Mighty Aphrodite";
/// Length of a SHA-1.
const SEAL: usize = 20;
/// 1.3.6.1.4.1.42.2.17.1.1: what JKS protects keys with.
const OID_JKS: &[u8] = b"\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01";
/// 1.3.6.1.4.1.42.2.19.1: what JCEKS protects keys with.
const OID_JCEKS: &[u8] = b"\x2b\x06\x01\x04\x01\x2a\x02\x13\x01";

const TRUNCATED: StoreError = StoreError::Damaged("it ends early");

/// Opens one of the two.
pub(super) fn open(
    bytes: &[u8],
    password: Option<&str>,
    rounds: u32,
) -> Result<Opened, StoreError> {
    let end = bytes.len().checked_sub(SEAL).ok_or(TRUNCATED)?;
    let (content, seal) = bytes.split_at(end);
    if let Some(password) = password {
        let wanted = sha1(&[&wide(password), WHITENING, content]);
        constant_time::verify_slices_are_equal(&wanted, seal).map_err(|_| StoreError::Password)?;
    }
    let mut reader = Reader(content);
    reader.take(4)?;
    let version = reader.number()?;
    if !(1..=2).contains(&version) {
        return Err(StoreError::Unsupported(format!(
            "version {version} of the format"
        )));
    }
    let count = reader.number()? as usize;
    if count > ENTRIES_MAX {
        return Err(StoreError::Damaged("it has too many entries"));
    }
    let mut opened = Opened::default();
    for _ in 0..count {
        let tag = reader.number()?;
        let alias = reader.text()?;
        // When it was put in.
        reader.take(8)?;
        match tag {
            1 => {
                let protected = reader.block()?;
                let length = reader.number()? as usize;
                if length > CHAIN_MAX {
                    return Err(StoreError::Damaged("a chain has too many certificates"));
                }
                let chain: Result<_, _> =
                    (0..length).map(|_| reader.certificate(version)).collect();
                opened.keys.push(KeyEntry {
                    alias,
                    chain: chain?,
                    key: unlock(protected, password, rounds),
                });
            }
            2 => opened.trusted.push(reader.certificate(version)?),
            // A secret key, which TLS has no use for.
            3 => reader.0 = serialized::skip(reader.0).ok_or(TRUNCATED)?,
            _ => return Err(StoreError::Damaged("an entry is of no known kind")),
        }
    }
    Ok(opened)
}

/// Bytes that are read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let digits = self.take(4)?;
        Ok(digits.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
    }

    fn block(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Result<String, StoreError> {
        let length = self.take(2)?;
        let length = usize::from(length[0]) << 8 | usize::from(length[1]);
        // Java's own UTF-8 differs for what names do not have; those are shown only.
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, StoreError> {
        if version == 2 {
            let kind = self.text()?;
            if kind != "X.509" && kind != "X509" {
                return Err(StoreError::Unsupported(format!(
                    "certificates of the kind {kind}"
                )));
            }
        }
        Ok(self.block()?.to_vec())
    }
}

/// Opens a protected key: an `EncryptedPrivateKeyInfo` (RFC 5208 section 6) with an algorithm of Sun's.
fn unlock(protected: &[u8], password: Option<&str>, rounds: u32) -> Result<Vec<u8>, StoreError> {
    let damaged = StoreError::Damaged("a key is not as it was written");
    let mut info = Der(protected).inside(SEQUENCE).ok_or(damaged.clone())?;
    let mut algorithm = info.inside(SEQUENCE).ok_or(damaged.clone())?;
    let oid = algorithm.expect(OID).ok_or(damaged.clone())?;
    let locked = info.expect(OCTETS).ok_or(damaged.clone())?;
    let password = password.ok_or(StoreError::NoPassword)?;
    if oid == OID_JKS {
        return unmask(locked, password);
    }
    if oid != OID_JCEKS {
        return Err(StoreError::algorithm(oid));
    }
    let mut parameters = algorithm.inside(SEQUENCE).ok_or(damaged.clone())?;
    let salt = parameters.expect(OCTETS).ok_or(damaged.clone())?;
    let count = parameters.number().ok_or(damaged)?;
    pbe::md5_triple_des(locked, password, salt, count, rounds)
}

/// The protector of JKS: `salt, key XOR stream, check`, where the stream is a chain of SHA-1 over the password.
fn unmask(locked: &[u8], password: &str) -> Result<Vec<u8>, StoreError> {
    let length = locked
        .len()
        .checked_sub(2 * SEAL)
        .ok_or(StoreError::Damaged("a key is too short"))?;
    let (salt, rest) = locked.split_at(SEAL);
    let (masked, check) = rest.split_at(length);
    let password = wide(password);
    let mut key = Vec::with_capacity(length);
    let mut mask = salt.to_vec();
    for block in masked.chunks(SEAL) {
        mask = sha1(&[&password, &mask]);
        key.extend(block.iter().zip(&mask).map(|(byte, mask)| byte ^ mask));
    }
    let wanted = sha1(&[&password, &key]);
    match constant_time::verify_slices_are_equal(&wanted, check) {
        Ok(()) => Ok(key),
        Err(_) => Err(StoreError::KeyPassword),
    }
}

/// A password as Java hashes it: two bytes per character.
fn wide(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = digest::Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| hash.update(part));
    hash.finish().as_ref().to_vec()
}
