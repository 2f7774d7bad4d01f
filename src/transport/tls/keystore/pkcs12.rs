//! PKCS#12 (RFC 7292): a sealed list of bags, some of them encrypted.
//!
//! ```text
//! PFX { 3, data { safe* }, seal }     safe: data or encrypted data { bag* }     bag: key | locked key | certificate | more bags
//! ```
//!
//! A key and its certificate carry the same `localKeyId`; the rest of its chain is found by who signed whom. Certificates
//! without a key are those that are trusted.

use aws_lc_rs::hmac;

use super::super::der::{
    BMP_STRING, Der, EXPLICIT_0, IMPLICIT_0, INTEGER, OCTETS, OID, SEQUENCE, SET,
};
use super::{CHAIN_BYTES_MAX, CHAIN_MAX, ENTRIES_MAX, KeyEntry, Opened, StoreError, pbe};

const OID_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const OID_ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
/// Kinds of bags, whose last arc says which.
const OID_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
const OID_X509: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const OID_FRIENDLY_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
const OID_LOCAL_KEY_ID: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15";
/// The version that RFC 7292 has.
const VERSION: u32 = 3;
/// How deep bags may lie in bags.
const DEPTH_MAX: u8 = 4;

const DAMAGED: StoreError = StoreError::Damaged("its parts are not where PKCS#12 has them");

/// True for bytes that begin like a store: a sequence whose first element is the version and whose second one a content.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let begin = || {
        let mut store = Der(bytes).inside(SEQUENCE)?;
        let version = store.number()?;
        store.inside(SEQUENCE)?.expect(OID)?;
        Some(version == VERSION)
    };
    begin().unwrap_or_default()
}

/// Opens one.
pub(super) fn open(
    bytes: &[u8],
    password: Option<&str>,
    rounds: u32,
) -> Result<Opened, StoreError> {
    let mut store = Der(bytes).inside(SEQUENCE).ok_or(DAMAGED)?;
    store.expect(INTEGER).ok_or(DAMAGED)?;
    let content = store.inside(SEQUENCE).ok_or(DAMAGED)?;
    let safes = data(content)?;
    // A store need not be sealed, and without the password nobody can look at the seal.
    if let (Some(password), false) = (password, store.is_done()) {
        let seal = store.inside(SEQUENCE).ok_or(DAMAGED)?;
        check(seal, safes, password, rounds)?;
    }
    let mut bags = Bags {
        password,
        rounds,
        keys: Vec::new(),
        certificates: Vec::new(),
    };
    let mut safes = Der(safes).inside(SEQUENCE).ok_or(DAMAGED)?;
    while !safes.is_done() {
        let safe = safes.inside(SEQUENCE).ok_or(DAMAGED)?;
        bags.safe(safe)?;
    }
    bags.sorted()
}

/// The bytes in a content that is plain data.
fn data(mut content: Der<'_>) -> Result<&[u8], StoreError> {
    let kind = content.expect(OID).ok_or(DAMAGED)?;
    if kind != OID_DATA {
        return Err(StoreError::Unsupported(
            "a seal with a key in place of a password".to_owned(),
        ));
    }
    let mut inside = content.inside(EXPLICIT_0).ok_or(DAMAGED)?;
    inside.expect(OCTETS).ok_or(DAMAGED)
}

/// Checks the seal: an HMAC over the content under a key that is made of the password.
fn check(mut seal: Der<'_>, content: &[u8], password: &str, rounds: u32) -> Result<(), StoreError> {
    let mut digest = seal.inside(SEQUENCE).ok_or(DAMAGED)?;
    let mut algorithm = digest.inside(SEQUENCE).ok_or(DAMAGED)?;
    let hash = pbe::Hash::of(algorithm.expect(OID).ok_or(DAMAGED)?)?;
    let wanted = digest.expect(OCTETS).ok_or(DAMAGED)?;
    let salt = seal.expect(OCTETS).ok_or(DAMAGED)?;
    let count = match seal.is_done() {
        true => 1,
        false => seal.number().ok_or(DAMAGED)?,
    };
    let key = hash.seal(password, salt, count, rounds)?;
    hmac::verify(&key, content, wanted).map_err(|_| StoreError::Password)
}

struct Key {
    attributes: Attributes,
    key: Result<Vec<u8>, StoreError>,
}

struct Certificate {
    attributes: Attributes,
    der: Vec<u8>,
}

#[derive(Default)]
struct Attributes {
    name: Option<String>,
    key_id: Option<Vec<u8>>,
}

struct Bags<'p> {
    password: Option<&'p str>,
    rounds: u32,
    keys: Vec<Key>,
    certificates: Vec<Certificate>,
}

impl Bags<'_> {
    fn safe(&mut self, content: Der<'_>) -> Result<(), StoreError> {
        let kind = { content }.expect(OID).ok_or(DAMAGED)?;
        if kind != OID_ENCRYPTED_DATA {
            return self.bags(data(content)?, DEPTH_MAX);
        }
        let mut content = content;
        content.expect(OID).ok_or(DAMAGED)?;
        let mut encrypted = content
            .inside(EXPLICIT_0)
            .and_then(|mut inside| inside.inside(SEQUENCE))
            .ok_or(DAMAGED)?;
        encrypted.expect(INTEGER).ok_or(DAMAGED)?;
        let mut info = encrypted.inside(SEQUENCE).ok_or(DAMAGED)?;
        info.expect(OID).ok_or(DAMAGED)?;
        let algorithm = info.inside(SEQUENCE).ok_or(DAMAGED)?;
        let locked = info.expect(IMPLICIT_0).ok_or(DAMAGED)?;
        let password = self.password.ok_or(StoreError::NoPassword)?;
        let bags = pbe::decrypt(algorithm, locked, password, self.rounds);
        // There is no other password than that of the store for a whole safe.
        let bags = bags.map_err(|error| match error {
            StoreError::KeyPassword => StoreError::Password,
            other => other,
        })?;
        self.bags(&bags, DEPTH_MAX)
    }

    fn bags(&mut self, bytes: &[u8], depth: u8) -> Result<(), StoreError> {
        let mut bags = Der(bytes).inside(SEQUENCE).ok_or(DAMAGED)?;
        while !bags.is_done() {
            let mut bag = bags.inside(SEQUENCE).ok_or(DAMAGED)?;
            let kind = bag.expect(OID).ok_or(DAMAGED)?;
            let value = bag.inside(EXPLICIT_0).ok_or(DAMAGED)?;
            let attributes = attributes(bag);
            if self.keys.len() + self.certificates.len() >= ENTRIES_MAX {
                return Err(StoreError::Damaged("it has too many entries"));
            }
            match kind.split_last() {
                Some((1, OID_BAG)) => self.keys.push(Key {
                    attributes,
                    key: Ok(value.0.to_vec()),
                }),
                Some((2, OID_BAG)) => {
                    let key = self.unlock(value);
                    self.keys.push(Key { attributes, key });
                }
                Some((3, OID_BAG)) => {
                    if let Some(der) = certificate(value)? {
                        self.certificates.push(Certificate { attributes, der });
                    }
                }
                Some((6, OID_BAG)) => {
                    let depth = depth.checked_sub(1).ok_or(DAMAGED)?;
                    self.bags(value.0, depth)?;
                }
                // Revocation lists and secrets, which TLS has no use for.
                _ => {}
            }
        }
        Ok(())
    }

    fn unlock(&self, mut value: Der<'_>) -> Result<Vec<u8>, StoreError> {
        let mut info = value.inside(SEQUENCE).ok_or(DAMAGED)?;
        let algorithm = info.inside(SEQUENCE).ok_or(DAMAGED)?;
        let locked = info.expect(OCTETS).ok_or(DAMAGED)?;
        let password = self.password.ok_or(StoreError::NoPassword)?;
        pbe::decrypt(algorithm, locked, password, self.rounds)
    }

    /// Gives each key its chain; certificates that belong to none are the trusted ones.
    fn sorted(self) -> Result<Opened, StoreError> {
        let certificates = &self.certificates;
        let names: Vec<_> = certificates.iter().map(|c| names(&c.der)).collect();
        let mut used = vec![false; certificates.len()];
        let alone = self.keys.len() == 1;
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for (at, key) in self.keys.into_iter().enumerate() {
            let own = |c: &Certificate| match (&key.attributes.key_id, &c.attributes.key_id) {
                (Some(key), Some(certificate)) => key == certificate,
                _ => key.attributes.name.is_some() && key.attributes.name == c.attributes.name,
            };
            let first = certificates.iter().position(own);
            let first = first.or_else(|| (alone && !certificates.is_empty()).then_some(0));
            let line = line(first, &names);
            line.iter().for_each(|at| used[*at] = true);
            let chain: Vec<_> = line
                .iter()
                .map(|at| certificates[*at].der.clone())
                .collect();
            bytes += chain.iter().map(Vec::len).sum::<usize>();
            if bytes > CHAIN_BYTES_MAX {
                return Err(StoreError::Damaged("its chains are too large"));
            }
            let named = key.attributes.name;
            keys.push(KeyEntry {
                alias: named.unwrap_or_else(|| format!("{}", at + 1)),
                chain,
                key: key.key,
            });
        }
        let all = self.certificates.into_iter().zip(used);
        let trusted = all.filter(|(_, used)| !used).map(|(c, _)| c.der);
        Ok(Opened {
            keys,
            trusted: trusted.collect(),
        })
    }
}

/// Issuer and subject of a certificate.
type Names<'c> = Option<(&'c [u8], &'c [u8])>;

/// The certificates from the first one to its authority, each signed by the next.
fn line(first: Option<usize>, names: &[Names<'_>]) -> Vec<usize> {
    let mut line: Vec<usize> = first.into_iter().collect();
    while let Some(last) = line.last().filter(|_| line.len() < CHAIN_MAX) {
        let Some((issuer, subject)) = names[*last] else {
            break;
        };
        let signed = |n: &Names<'_>| n.is_some_and(|(_, subject)| subject == issuer);
        match names.iter().position(signed) {
            Some(next) if issuer != subject && !line.contains(&next) => line.push(next),
            _ => break,
        }
    }
    line
}

/// The certificate in a bag; `None` for one of another kind than X.509.
fn certificate(mut value: Der<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let mut bag = value.inside(SEQUENCE).ok_or(DAMAGED)?;
    let kind = bag.expect(OID).ok_or(DAMAGED)?;
    let mut inside = bag.inside(EXPLICIT_0).ok_or(DAMAGED)?;
    let der = inside.expect(OCTETS).ok_or(DAMAGED)?;
    Ok((kind == OID_X509).then(|| der.to_vec()))
}

fn attributes(mut bag: Der<'_>) -> Attributes {
    let mut found = Attributes::default();
    let mut list = bag.inside(SET).unwrap_or(Der(&[]));
    while let Some(mut attribute) = list.inside(SEQUENCE) {
        let (Some(kind), Some(mut values)) = (attribute.expect(OID), attribute.inside(SET)) else {
            continue;
        };
        match values.next() {
            Some((BMP_STRING, text)) if kind == OID_FRIENDLY_NAME => {
                let units = text
                    .chunks_exact(2)
                    .map(|c| u16::from_be_bytes([c[0], c[1]]));
                let text = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}'));
                found.name = Some(text.collect());
            }
            Some((OCTETS, id)) if kind == OID_LOCAL_KEY_ID => found.key_id = Some(id.to_vec()),
            _ => {}
        }
    }
    found
}

/// Who signed a certificate and whose it is (RFC 5280 section 4.1), as the bytes of both names.
fn names(der: &[u8]) -> Names<'_> {
    let mut signed = Der(der).inside(SEQUENCE)?.inside(SEQUENCE)?;
    let (tag, _) = signed.next()?;
    if tag == EXPLICIT_0 {
        signed.expect(INTEGER)?;
    }
    signed.expect(SEQUENCE)?;
    let issuer = signed.expect(SEQUENCE)?;
    signed.expect(SEQUENCE)?;
    Some((issuer, signed.expect(SEQUENCE)?))
}
