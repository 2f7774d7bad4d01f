//! Encryption with a password, as keystores have it: PBES2 (RFC 8018), the schemes of PKCS#12 (RFC 7292 appendices B and C),
//! and the one of JCEKS.
//!
//! Old ciphers are only ever read here. What they protect was protected by them before; a store is as safe as its file.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm as Aes, DecryptionContext, PaddedBlockDecryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use des::cipher::{Block, BlockDecrypt, KeyInit};
use des::{TdesEde2, TdesEde3};
use md5::{Digest, Md5};
use rc2::Rc2;
use std::num::NonZeroU32;

use super::super::der::{Der, OCTETS, OID, SEQUENCE};
use super::StoreError;

/// PKCS#5 2.0.
const OID_PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const OID_PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
/// The schemes of PKCS#12, whose last arc says which.
const OID_PKCS12: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
const OID_DES_EDE3: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x03\x07";
/// AES, whose last arc says how.
const OID_AES: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01";
/// HMAC, whose last arc says with which hash.
const OID_HMAC: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02";
const OID_SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
/// SHA-2, whose last arc says how long.
const OID_SHA2: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02";

const DAMAGED: StoreError = StoreError::Damaged("the parameters of an encryption are not whole");

/// A hash that seals a PKCS#12 store.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
}

impl Hash {
    /// By its object identifier.
    pub fn of(oid: &[u8]) -> Result<Hash, StoreError> {
        let (digest, hmac) = match oid.split_last() {
            _ if oid == OID_SHA1 => (
                &SHA1_FOR_LEGACY_USE_ONLY,
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            ),
            Some((1, OID_SHA2)) => (&SHA256, hmac::HMAC_SHA256),
            Some((2, OID_SHA2)) => (&SHA384, hmac::HMAC_SHA384),
            Some((3, OID_SHA2)) => (&SHA512, hmac::HMAC_SHA512),
            _ => return Err(StoreError::algorithm(oid)),
        };
        Ok(Hash { digest, hmac })
    }

    /// The key that content is sealed with.
    pub fn seal(
        self,
        password: &str,
        salt: &[u8],
        count: u32,
        rounds: u32,
    ) -> Result<hmac::Key, StoreError> {
        let length = self.digest.output_len();
        let key = derive(self.digest, MAC, password, salt, count, rounds, length)?;
        Ok(hmac::Key::new(self.hmac, &key))
    }
}

/// Decrypts with the scheme of an `AlgorithmIdentifier`.
pub(super) fn decrypt(
    mut algorithm: Der<'_>,
    locked: &[u8],
    password: &str,
    rounds: u32,
) -> Result<Vec<u8>, StoreError> {
    let oid = algorithm.expect(OID).ok_or(DAMAGED)?;
    let mut parameters = algorithm.inside(SEQUENCE).ok_or(DAMAGED)?;
    if oid == OID_PBES2 {
        return pbes2(parameters, locked, password, rounds);
    }
    let scheme = match oid.split_last() {
        Some((scheme, OID_PKCS12)) => *scheme,
        _ => return Err(StoreError::algorithm(oid)),
    };
    let salt = parameters.expect(OCTETS).ok_or(DAMAGED)?;
    let count = parameters.number().ok_or(DAMAGED)?;
    let derived = |purpose, length| {
        derive(
            &SHA1_FOR_LEGACY_USE_ONLY,
            purpose,
            password,
            salt,
            count,
            rounds,
            length,
        )
    };
    let iv = || derived(IV, BLOCK);
    match scheme {
        3 => chain(cipher::<TdesEde3>(&derived(KEY, 24)?)?, &iv()?, locked),
        4 => chain(cipher::<TdesEde2>(&derived(KEY, 16)?)?, &iv()?, locked),
        5 => chain(
            Rc2::new_with_eff_key_len(&derived(KEY, 16)?, 128),
            &iv()?,
            locked,
        ),
        6 => chain(
            Rc2::new_with_eff_key_len(&derived(KEY, 5)?, 40),
            &iv()?,
            locked,
        ),
        _ => Err(StoreError::algorithm(oid)),
    }
}

fn pbes2(
    mut parameters: Der<'_>,
    locked: &[u8],
    password: &str,
    rounds: u32,
) -> Result<Vec<u8>, StoreError> {
    let mut derivation = parameters.inside(SEQUENCE).ok_or(DAMAGED)?;
    let mut encryption = parameters.inside(SEQUENCE).ok_or(DAMAGED)?;
    let oid = derivation.expect(OID).ok_or(DAMAGED)?;
    if oid != OID_PBKDF2 {
        return Err(StoreError::algorithm(oid));
    }
    let mut derivation = derivation.inside(SEQUENCE).ok_or(DAMAGED)?;
    let salt = derivation.expect(OCTETS).ok_or(DAMAGED)?;
    let count = bounded(derivation.number(), rounds)?;
    let mut hash = pbkdf2::PBKDF2_HMAC_SHA1;
    // The length of the key may be told, which the cipher says as well.
    while let Some((tag, value)) = derivation.next() {
        if tag != SEQUENCE {
            continue;
        }
        let oid = Der(value).expect(OID).ok_or(DAMAGED)?;
        hash = match oid.split_last() {
            Some((7, OID_HMAC)) => pbkdf2::PBKDF2_HMAC_SHA1,
            Some((9, OID_HMAC)) => pbkdf2::PBKDF2_HMAC_SHA256,
            Some((10, OID_HMAC)) => pbkdf2::PBKDF2_HMAC_SHA384,
            Some((11, OID_HMAC)) => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return Err(StoreError::algorithm(oid)),
        };
    }
    let oid = encryption.expect(OID).ok_or(DAMAGED)?;
    let iv = encryption.expect(OCTETS).ok_or(DAMAGED)?;
    let derived = |length| {
        let mut key = vec![0; length];
        pbkdf2::derive(hash, count, salt, password.as_bytes(), &mut key);
        key
    };
    match oid.split_last() {
        Some((2, OID_AES)) => aes(&AES_128, &derived(16), iv, locked),
        Some((22, OID_AES)) => aes(&AES_192, &derived(24), iv, locked),
        Some((42, OID_AES)) => aes(&AES_256, &derived(32), iv, locked),
        _ if oid == OID_DES_EDE3 => chain(cipher::<TdesEde3>(&derived(24))?, iv, locked),
        _ => Err(StoreError::algorithm(oid)),
    }
}

fn aes(
    algorithm: &'static Aes,
    key: &[u8],
    iv: &[u8],
    locked: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let iv: [u8; 16] = iv.try_into().map_err(|_| DAMAGED)?;
    let wrong = |_| StoreError::KeyPassword;
    let key = UnboundCipherKey::new(algorithm, key).map_err(wrong)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
    let mut bytes = locked.to_vec();
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = key.decrypt(&mut bytes, context).map_err(wrong)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// `PBEWithMD5AndTripleDES` of JCEKS: each half of the salt is hashed with the password, round by round; both results are
/// the key and the initial vector.
pub(super) fn md5_triple_des(
    locked: &[u8],
    password: &str,
    salt: &[u8],
    count: u32,
    rounds: u32,
) -> Result<Vec<u8>, StoreError> {
    let count = bounded(Some(count), rounds)?.get();
    if salt.len() != 8 {
        return Err(DAMAGED);
    }
    // Java takes seven bits of each character here.
    let password: Vec<u8> = password.encode_utf16().map(|c| (c & 0x7f) as u8).collect();
    let mut derived = Vec::new();
    for half in salt.chunks(4) {
        let mut hash = half.to_vec();
        for _ in 0..count {
            hash = Md5::new()
                .chain_update(&hash)
                .chain_update(&password)
                .finalize()
                .to_vec();
        }
        derived.extend(hash);
    }
    let (key, iv) = derived.split_at(24);
    chain(cipher::<TdesEde3>(key)?, iv, locked)
}

/// Bytes of a block of the old ciphers.
const BLOCK: usize = 8;

fn cipher<C: KeyInit>(key: &[u8]) -> Result<C, StoreError> {
    C::new_from_slice(key).map_err(|_| DAMAGED)
}

/// Decrypts a chain of blocks (CBC) and takes the padding off. What a wrong key makes has almost never the right one.
fn chain<C: BlockDecrypt>(cipher: C, iv: &[u8], locked: &[u8]) -> Result<Vec<u8>, StoreError> {
    if iv.len() != BLOCK {
        return Err(DAMAGED);
    }
    if locked.is_empty() || !locked.len().is_multiple_of(BLOCK) || C::block_size() != BLOCK {
        return Err(StoreError::Damaged("what is encrypted has no whole blocks"));
    }
    let mut bytes = Vec::with_capacity(locked.len());
    let mut before = iv;
    for block in locked.chunks(BLOCK) {
        let mut clear = Block::<C>::clone_from_slice(block);
        cipher.decrypt_block(&mut clear);
        bytes.extend(clear.iter().zip(before).map(|(byte, mask)| byte ^ mask));
        before = block;
    }
    let padding = bytes.last().copied().unwrap_or_default();
    let kept = bytes.len().saturating_sub(usize::from(padding));
    let whole = (1..=BLOCK).contains(&usize::from(padding))
        && bytes[kept..].iter().all(|byte| *byte == padding);
    if !whole {
        return Err(StoreError::KeyPassword);
    }
    bytes.truncate(kept);
    Ok(bytes)
}

/// What a derived key is for (RFC 7292 appendix B.3).
const KEY: u8 = 1;
const IV: u8 = 2;
const MAC: u8 = 3;

/// The key derivation of PKCS#12 (RFC 7292 appendix B.2).
fn derive(
    hash: &'static digest::Algorithm,
    purpose: u8,
    password: &str,
    salt: &[u8],
    count: u32,
    rounds: u32,
    length: usize,
) -> Result<Vec<u8>, StoreError> {
    let count = bounded(Some(count), rounds)?.get();
    let block = hash.block_len();
    // Two bytes for each character and for a zero at the end.
    let password: Vec<u8> = password
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_be_bytes)
        .collect();
    let filled = |bytes: &[u8]| -> Vec<u8> {
        let whole = bytes.len().div_ceil(block) * block;
        bytes.iter().copied().cycle().take(whole).collect()
    };
    let mut input = filled(salt);
    input.extend(filled(&password));
    let mut derived = Vec::new();
    while derived.len() < length {
        let mut first = digest::Context::new(hash);
        first.update(&vec![purpose; block]);
        first.update(&input);
        let mut hashed = first.finish();
        for _ in 1..count {
            hashed = digest::digest(hash, hashed.as_ref());
        }
        derived.extend_from_slice(hashed.as_ref());
        let addend: Vec<u8> = hashed
            .as_ref()
            .iter()
            .copied()
            .cycle()
            .take(block)
            .collect();
        for part in input.chunks_mut(block) {
            let mut carry = 1;
            for (byte, more) in part.iter_mut().zip(&addend).rev() {
                let sum = u16::from(*byte) + u16::from(*more) + carry;
                *byte = sum as u8;
                carry = sum >> 8;
            }
        }
    }
    derived.truncate(length);
    Ok(derived)
}

fn bounded(count: Option<u32>, rounds: u32) -> Result<NonZeroU32, StoreError> {
    let count = count.and_then(NonZeroU32::new).ok_or(DAMAGED)?;
    match count.get() <= rounds {
        true => Ok(count),
        false => Err(StoreError::Unsupported(format!(
            "a key derivation of {count} rounds (at most {rounds} are worked through)"
        ))),
    }
}
