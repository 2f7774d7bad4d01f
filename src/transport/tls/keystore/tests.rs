//! Stores that keytool and openssl made; how each was made is in `tests/data/keystores/README.md`.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::*;
use crate::transport::tls::Facts;

const PASSWORD: Option<&str> = Some("welcome1");

fn stored(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keystores");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

fn opened(name: &str, password: Option<&str>) -> Result<Opened, StoreError> {
    open(&stored(name), password, ROUNDS_MAX)
}

/// For each key its name and whom its certificates are of, after it was seen to belong to the first one.
fn keys(opened: &Opened) -> Vec<(String, Vec<String>)> {
    let of = |entry: &KeyEntry| {
        let key = entry.key.clone().unwrap();
        let chain: Vec<_> = entry
            .chain
            .iter()
            .cloned()
            .map(CertificateDer::from)
            .collect();
        let facts = chain.iter().map(|der| Facts::read(der).unwrap().subject);
        let subjects = facts.collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        CertifiedKey::from_der(chain, key, &Arc::new(default_provider())).unwrap();
        (entry.alias.clone(), subjects)
    };
    opened.keys.iter().map(of).collect()
}

#[test]
fn every_kind_of_store_gives_its_keys_and_their_certificates() {
    for (name, format, password, want) in [
        (
            "several.jks",
            Format::Jks,
            "welcome1",
            &[("one", "a.test"), ("two", "b.test")][..],
        ),
        (
            "several.jceks",
            Format::Jceks,
            "welcome1",
            &[("one", "a.test"), ("bare", "c.test"), ("after", "d.test")],
        ),
        ("rsa.jceks", Format::Jceks, "welcome1", &[("rsa", "a.test")]),
        (
            "keytool-17.p12",
            Format::Pkcs12,
            "welcome1",
            &[("one", "a.test"), ("two", "*.b.test")],
        ),
        (
            "keytool-8.p12",
            Format::Pkcs12,
            "welcome1",
            &[("one", "a.test")],
        ),
        (
            "openssl.p12",
            Format::Pkcs12,
            "welcome1",
            &[("one", "a.test")],
        ),
        (
            "openssl-legacy.p12",
            Format::Pkcs12,
            "welcome1",
            &[("one", "a.test")],
        ),
        (
            "chain.p12",
            Format::Pkcs12,
            "welcome1",
            &[("leaf", "a.test root")],
        ),
        (
            "chain-aes128.p12",
            Format::Pkcs12,
            "p\u{e4}sswort",
            &[("leaf", "a.test root")],
        ),
    ] {
        assert_eq!(Format::of(&stored(name)), Some(format), "{name}");
        let opened = opened(name, Some(password)).unwrap();
        let mut found: Vec<_> = keys(&opened)
            .into_iter()
            .map(|(a, c)| (a, c.join(" ")))
            .collect();
        let mut want: Vec<_> = want
            .iter()
            .map(|(a, c)| (a.to_string(), c.to_string()))
            .collect();
        found.sort();
        want.sort();
        assert_eq!(found, want, "{name}");
        assert!(opened.trusted.is_empty(), "{name}");
    }
}

#[test]
fn truststores_give_whom_they_trust_also_without_a_password_where_nothing_is_locked() {
    let subject = |opened: &Opened| {
        let facts = opened.trusted.iter().map(|der| Facts::read(der).unwrap());
        facts.map(|f| f.subject).collect::<Vec<_>>()
    };
    for name in ["trust.jks", "trust.jceks", "trust.p12", "trust-open.p12"] {
        let opened = opened(name, Some("changeit")).unwrap();
        assert_eq!(subject(&opened), ["a.test"], "{name}");
    }
    for name in ["trust.jks", "trust.jceks", "trust-open.p12"] {
        assert_eq!(subject(&opened(name, None).unwrap()), ["a.test"], "{name}");
    }
    assert_eq!(
        opened("trust.p12", None).unwrap_err(),
        StoreError::NoPassword
    );
}

#[test]
fn a_wrong_password_is_told_from_a_key_with_another_one() {
    for name in [
        "several.jks",
        "several.jceks",
        "keytool-17.p12",
        "keytool-8.p12",
        "openssl.p12",
        "openssl-legacy.p12",
    ] {
        for wrong in ["welcome2", ""] {
            let error = opened(name, Some(wrong)).unwrap_err();
            assert_eq!(error, StoreError::Password, "{name}");
        }
    }
    let locked = opened("locked.jks", PASSWORD).unwrap();
    assert_eq!(locked.keys[0].key, Err(StoreError::KeyPassword));
    let closed = opened("several.jks", None).unwrap();
    assert!(
        closed
            .keys
            .iter()
            .all(|k| k.key == Err(StoreError::NoPassword))
    );
}

#[test]
fn what_is_no_store_or_was_cut_or_changed_is_refused() {
    for bytes in [
        &b""[..],
        b"\xfe\xed",
        b"-----BEGIN CERTIFICATE-----",
        b"\x30\x82\x01",
        b"PK\x03\x04",
    ] {
        assert_eq!(
            open(bytes, PASSWORD, ROUNDS_MAX).unwrap_err(),
            StoreError::Unknown
        );
    }
    for name in [
        "several.jks",
        "several.jceks",
        "keytool-17.p12",
        "openssl-legacy.p12",
    ] {
        let whole = stored(name);
        for length in (0..whole.len()).step_by(131) {
            for password in [PASSWORD, None] {
                assert!(
                    open(&whole[..length], password, 20_000).is_err(),
                    "{name} {length}"
                );
            }
        }
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        assert!(open(&changed, PASSWORD, ROUNDS_MAX).is_err(), "{name}");
    }
}

#[test]
fn a_derivation_that_would_take_too_long_is_refused() {
    let error = open(&stored("keytool-8.p12"), PASSWORD, 99_999).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("100000 rounds (at most 99999"), "{text}");
}
