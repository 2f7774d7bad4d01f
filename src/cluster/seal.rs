//! What members send is encrypted and authenticated with a key that they share (AES-256-GCM, a nonce by chance for each
//! datagram). Who has not the key learns nothing and is not listened to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};

/// Shortest secret, in bytes.
pub const SECRET_MIN: usize = 16;
/// What a key is made for; another use of the same secret has another key.
const PURPOSE: &[u8] = b"axon cluster 1\0";
/// The same for what tells keys apart.
const MARK: &[u8] = b"axon cluster mark 1\0";

/// The key of a cluster; it is never printed.
pub struct Key {
    key: RandomizedNonceKey,
    /// Hash that is the same for the same secret.
    mark: [u8; 32],
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.mark == other.mark
    }
}

impl Eq for Key {}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key of a secret; `None` when it is too short.
    pub fn new(secret: &[u8]) -> Option<Key> {
        let secret = secret.trim_ascii();
        if secret.len() < SECRET_MIN {
            return None;
        }
        let key = digest(&SHA256, &[PURPOSE, secret].concat());
        let mark = digest(&SHA256, &[MARK, secret].concat());
        Some(Key {
            key: RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()?,
            mark: mark.as_ref().try_into().ok()?,
        })
    }

    /// Seals in place, with the nonce in front.
    pub fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .ok()?;
        Some([&nonce.as_ref()[..], &sealed].concat())
    }

    /// Opens; `None` for what was not sealed with this key.
    pub fn open(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = datagram.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let length = self
            .key
            .open_in_place(nonce, Aad::empty(), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(length);
        Some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_and_no_bit_may_change() {
        let (key, other) = (Key::new(&[1; 32]).unwrap(), Key::new(&[2; 32]).unwrap());
        let sealed = key.seal(b"hello").unwrap();
        assert_ne!(sealed, key.seal(b"hello").unwrap());
        assert_eq!(key.open(&sealed).unwrap(), b"hello");
        assert_eq!(other.open(&sealed), None);
        assert!(key == Key::new(&[1; 32]).unwrap() && key != other);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&changed), None);
            assert_eq!(key.open(&sealed[..at]), None);
        }
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(Key::new(b"  0123456789abcde \n").is_none());
        assert!(Key::new(b"0123456789abcdef\n").is_some());
    }
}
