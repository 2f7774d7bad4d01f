//! Keystores and truststores of a profile: opened, and their entries made what rustls takes.
//!
//! An entry that cannot be used is told of and left out as long as another one can: a store often holds keys for more than
//! one purpose. Without any the profile cannot be used.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::Facts;
use super::keystore::{self, Format, KeyEntry, Opened, ROUNDS_MAX, StoreError};
use super::material::{Authorities, Inspector, Pair, Place, ProblemKind, trust};
use super::provider;
use crate::settings::TlsStore;

/// The password that keytool's own trusted authorities have, and that a truststore is opened with when none is given.
const USUAL_PASSWORD: &str = "changeit";

/// Where the parts of a store are named.
struct Places {
    file: Place,
    password: Place,
    kind: Place,
    /// As people call it.
    what: &'static str,
}

const KEYSTORE: Places = Places {
    file: Place::Keystore,
    password: Place::KeystorePassword,
    kind: Place::KeystoreKind,
    what: "keystore",
};

const TRUSTSTORE: Places = Places {
    file: Place::Truststore,
    password: Place::TruststorePassword,
    kind: Place::TruststoreKind,
    what: "truststore",
};

impl<'m> Inspector<'m> {
    /// The certificates of the keystore with their keys.
    pub(super) fn keystore(&mut self) -> Vec<Pair> {
        let Some(store) = &self.profile.keystore else {
            return Vec::new();
        };
        let Some(opened) = self.open(store, &KEYSTORE) else {
            return Vec::new();
        };
        let (mut pairs, mut unusable) = (Vec::new(), Vec::new());
        let path = store.file.value.display();
        for entry in opened.keys {
            let alias = entry.alias.clone();
            match pair(entry) {
                Ok(pair) => {
                    let what = format!("the certificate {alias} in {path}");
                    self.time(Place::Keystore, &what, pair.chain.first());
                    pairs.push(pair);
                }
                Err((why, help)) => unusable.push((format!("{alias}: {why}"), help)),
            }
        }
        // The order of a Java store is nobody's choice.
        if let Some(host) = &self.profile.shown_first {
            pairs.sort_by_key(|pair| !pair.chain.first().is_some_and(|f| f.covers(host)));
        }
        let kind = match pairs.is_empty() {
            true => ProblemKind::Store,
            false => ProblemKind::StoreEntry,
        };
        if pairs.is_empty() && unusable.is_empty() {
            self.add(
                Place::Keystore,
                kind,
                format!("the keystore {path} holds no key"),
                "put the certificate in together with its key: keytool -genkeypair makes both, keytool -importkeystore takes them from another store",
            );
        }
        for (why, help) in unusable {
            let text = format!("the keystore {path} has an entry that cannot be used: {why}");
            self.add(Place::Keystore, kind, text, help);
        }
        pairs
    }

    /// Whom the truststore trusts; `None` when there is none, or it cannot be opened.
    pub(super) fn truststore(&mut self) -> Option<Authorities> {
        let store = self.profile.truststore.as_ref()?;
        let opened = self.open(store, &TRUSTSTORE)?;
        let path = store.file.value.display();
        let mut all = (RootCertStore::empty(), Vec::new());
        let of_keys = opened.keys.into_iter().flat_map(|entry| entry.chain);
        for der in opened.trusted.into_iter().chain(of_keys) {
            if let Err(error) = trust(&mut all, CertificateDer::from(der)) {
                self.add(
                    Place::Truststore,
                    ProblemKind::StoreEntry,
                    format!(
                        "the truststore {path} holds a certificate that cannot be trusted: {error}"
                    ),
                    "put X.509 certificates of version 3 in: keytool -importcert",
                );
            }
        }
        if all.1.is_empty() {
            self.add(
                Place::Truststore,
                ProblemKind::Store,
                format!("the truststore {path} holds no certificate"),
                "put those in that are trusted: keytool -importcert -alias NAME -file CERTIFICATE -keystore STORE",
            );
        }
        Some(all)
    }

    fn open(&mut self, store: &TlsStore, places: &Places) -> Option<Opened> {
        let bytes = self.bytes(places.file, &store.file.value)?;
        let password = match &store.password {
            Some(file) => Some(self.password(places, &file.value)?),
            None => None,
        };
        self.compare(store, places, bytes);
        let opened = keystore::open(bytes, password.as_deref(), ROUNDS_MAX);
        let opened = match opened {
            // A truststore holds no secrets: it is opened without a password where it can be, and with the usual one.
            Err(StoreError::NoPassword) if places.file == Place::Truststore => {
                keystore::open(bytes, Some(USUAL_PASSWORD), ROUNDS_MAX)
                    .map_err(|_| StoreError::NoPassword)
            }
            other => other,
        };
        match opened {
            Ok(opened) => Some(opened),
            Err(error) => {
                let (place, help) = advice(&error, store, places);
                let file = store.file.value.display();
                let text = format!("the {} {file} cannot be opened: {error}", places.what);
                self.add(place, ProblemKind::Store, text, help);
                None
            }
        }
    }

    /// The password is the first line of its file.
    fn password(&mut self, places: &Places, file: &Path) -> Option<String> {
        let bytes = self.bytes(places.password, file)?;
        let line = bytes.split(|b| matches!(b, b'\n' | b'\r')).next();
        match line.map(str::from_utf8) {
            Some(Ok(password)) => Some(password.to_owned()),
            _ => {
                self.add(
                    places.password,
                    ProblemKind::Store,
                    format!("the password file {} is no text in UTF-8", file.display()),
                    "write the password into its first line",
                );
                None
            }
        }
    }

    /// A store of another format than is said is read all the same.
    fn compare(&mut self, store: &TlsStore, places: &Places, bytes: &[u8]) {
        let (Some(said), Some(found)) = (&store.kind, Format::of(bytes)) else {
            return;
        };
        if !said.value.eq_ignore_ascii_case(found.name()) {
            self.add(
                places.kind,
                ProblemKind::StoreEntry,
                format!(
                    "the {} {} is {}, not {}; it is read as what it is",
                    places.what,
                    store.file.value.display(),
                    found.name(),
                    said.value
                ),
                format!("write <type>{}</type>", found.name()),
            );
        }
    }
}

/// What to do about a store that cannot be opened, and the place that it is about.
fn advice(error: &StoreError, store: &TlsStore, places: &Places) -> (Place, String) {
    let list = format!("keytool -list -keystore {}", store.file.value.display());
    match (error, &store.password) {
        (StoreError::Password, Some(_)) => (
            places.password,
            format!("write the store's password into the first line of its password-file; {list} asks for the same"),
        ),
        (StoreError::NoPassword, _) => (
            places.file,
            "add <password-file>FILE</password-file>; the password is the first line of that file".to_owned(),
        ),
        (StoreError::Unknown, _) => (
            places.file,
            "axon reads JKS, JCEKS, PKCS12 (.p12, .pfx) and PEM".to_owned(),
        ),
        (StoreError::Unsupported(_), _) => (
            places.file,
            "write it anew: keytool -importkeystore -srckeystore STORE -destkeystore NEW -deststoretype PKCS12".to_owned(),
        ),
        _ => (places.file, format!("see whether {list} can read it, else take it from its source again")),
    }
}

/// An entry as rustls takes it; else why not, and what to do.
fn pair(entry: KeyEntry) -> Result<Pair, (String, String)> {
    let key = entry.key.map_err(|error| {
        let help = match &error {
            StoreError::KeyPassword => {
                "give the key the password of the store: keytool -keypasswd -alias NAME -keystore STORE".to_owned()
            }
            StoreError::NoPassword => "add <password-file>FILE</password-file>; the password is the first line of that file".to_owned(),
            _ => "put the key in anew".to_owned(),
        };
        (error.to_string(), help)
    })?;
    let chain: Vec<Facts> = entry
        .chain
        .iter()
        .filter_map(|der| Facts::read(der))
        .collect();
    if chain.is_empty() || chain.len() < entry.chain.len() {
        let help = "put the certificate in anew: keytool -importcert with the alias of the key";
        return Err(("it has no X.509 certificate".to_owned(), help.to_owned()));
    }
    let certificates = entry.chain.into_iter().map(CertificateDer::from).collect();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    match CertifiedKey::from_der(certificates, secret, &provider()) {
        Ok(key) => Ok(Pair {
            key: Arc::new(key),
            chain,
        }),
        Err(rustls::Error::InconsistentKeys(_)) => Err((
            "the key does not belong to the certificate".to_owned(),
            "use the key that the certificate was requested with".to_owned(),
        )),
        Err(error) => Err((
            error.to_string(),
            "axon takes RSA keys from 2048 bits on, ECDSA P-256, P-384 and P-521, and Ed25519; keytool -genkeypair -keyalg RSA -keysize 3072 makes one".to_owned(),
        )),
    }
}
