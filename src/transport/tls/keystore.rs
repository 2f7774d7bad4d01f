//! Keystores as Java and OpenSSL write them: JKS, JCEKS and PKCS#12 (RFC 7292), opened with their password.
//!
//! Pure: bytes and a password in, certificates and keys out. The format is that of the bytes, whatever a configuration
//! calls it. The seal of a store (its digest or MAC) is checked before anything in it is believed; a key that
//! cannot be opened is an error of its own, as the others may still be of use. Everything that a file can make grow is
//! bounded: entries, chains, nesting, and the rounds of a key derivation by the caller.

mod java;
mod pbe;
mod pkcs12;
mod serialized;

use std::fmt;

use super::der::dotted;

/// Most entries of one store.
const ENTRIES_MAX: usize = 1_000;
/// Most certificates of one chain.
const CHAIN_MAX: usize = 16;
/// Most bytes of all chains together: keys may share what leads to their authority.
const CHAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most rounds of a key derivation that are worked through: about a second of work, and a hundred times what keytool and
/// openssl write.
pub const ROUNDS_MAX: u32 = 1_000_000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Java's own.
    Jks,
    /// Java's, with stronger keys.
    Jceks,
    /// RFC 7292.
    Pkcs12,
}

impl Format {
    /// What these bytes begin as.
    pub fn of(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0xfe, 0xed, 0xfe, 0xed, ..] => Some(Format::Jks),
            [0xce, 0xce, 0xce, 0xce, ..] => Some(Format::Jceks),
            // Version 3 stands first in a store, and a number or a name in a certificate or a key.
            [0x30, ..] if pkcs12::is_one(bytes) => Some(Format::Pkcs12),
            _ => None,
        }
    }

    /// As a configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Jks => "JKS",
            Format::Jceks => "JCEKS",
            Format::Pkcs12 => "PKCS12",
        }
    }
}

/// A store that was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Keys with their certificates, in the order of the file.
    pub keys: Vec<KeyEntry>,
    /// Certificates that stand there for themselves: who is trusted.
    pub trusted: Vec<Vec<u8>>,
}

/// A key with the certificate that it belongs to.
pub struct KeyEntry {
    /// Its name in the store.
    pub alias: String,
    /// Its certificate first and those that lead to its authority, in DER.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8 in DER, or why it cannot be had.
    pub key: Result<Vec<u8>, StoreError>,
}

impl fmt::Debug for KeyEntry {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyEntry").field(&self.alias).finish()
    }
}

/// Why a store, or a key in it, cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The seal does not fit the password.
    #[error("the password is not that of the store, or the file was changed")]
    Password,
    /// It is locked and no password was given.
    #[error("it is locked with a password")]
    NoPassword,
    /// The store opens with the password, the key does not.
    #[error("the key has another password than the store")]
    KeyPassword,
    /// Something is not where the format has it.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// The format allows it; it is not read here.
    #[error("it uses {0}, which is not supported")]
    Unsupported(String),
    /// None of the formats.
    #[error("it is no keystore")]
    Unknown,
}

impl StoreError {
    /// An algorithm, by its object identifier.
    fn algorithm(oid: &[u8]) -> StoreError {
        StoreError::Unsupported(format!("the algorithm {}", dotted(oid)))
    }
}

/// Opens a store. Without a password the seal cannot be checked, and keys stay closed; certificates are there where they are
/// not locked. A key derivation of more than `rounds` rounds is refused.
pub fn open(bytes: &[u8], password: Option<&str>, rounds: u32) -> Result<Opened, StoreError> {
    match Format::of(bytes).ok_or(StoreError::Unknown)? {
        Format::Jks | Format::Jceks => java::open(bytes, password, rounds),
        Format::Pkcs12 => pkcs12::open(bytes, password, rounds),
    }
}

#[cfg(test)]
mod tests;
