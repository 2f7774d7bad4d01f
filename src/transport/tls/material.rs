//! The files of the profiles, read and looked at: certificates with their keys, and the authorities that are trusted.
//!
//! Every problem is found in one go and says which setting it belongs to; the room that knows the settings' places makes
//! diagnostics of them. Key material is kept for as long as it takes to compile it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::Facts;
use super::provider;
use crate::settings::{Settings, TlsProfile};

/// Largest certificate, key or CA file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Certificates that end within this many seconds are warned about.
const SOON_S: i64 = 14 * 24 * 3_600;

/// Which setting of a profile a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The profile as a whole.
    Profile,
    /// A file of `cert`.
    Cert(usize),
    /// A file of `key`.
    Key(usize),
    /// `client_ca`.
    ClientCa,
    /// A file of `ca`.
    Ca(usize),
    /// `verify`.
    Verify,
    /// `server_name`.
    ServerName,
    /// The keystore.
    Keystore,
    /// The file with the keystore's password.
    KeystorePassword,
    /// The format that the keystore is said to have.
    KeystoreKind,
    /// The truststore.
    Truststore,
    /// The file with the truststore's password.
    TruststorePassword,
    /// The format that the truststore is said to have.
    TruststoreKind,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A file cannot be read, or does not hold what it should.
    File,
    /// A key does not belong to its certificate.
    Mismatch,
    /// A certificate is over, not valid yet, or over soon.
    Time,
    /// Two settings do not go together, or one is missing.
    Incomplete,
    /// A certificate is for no name, or for one that another one has.
    Names,
    /// The other side is not verified.
    VerificationOff,
    /// A keystore cannot be opened, or holds nothing of use.
    Store,
    /// An entry of a keystore cannot be used, or the keystore is of another format than is said.
    StoreEntry,
}

/// Something that is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the profile.
    pub profile: String,
    /// Which setting.
    pub place: Place,
    /// What kind.
    pub kind: ProblemKind,
    /// One sentence: what is wrong.
    pub text: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// True when the profile cannot be used.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self.kind,
            ProblemKind::File
                | ProblemKind::Mismatch
                | ProblemKind::Incomplete
                | ProblemKind::Store
        )
    }
}

/// The settings of all profiles and the bytes of their files.
pub struct Material {
    profiles: Vec<TlsProfile>,
    files: BTreeMap<PathBuf, Result<Vec<u8>, String>>,
}

impl std::fmt::Debug for Material {
    /// Without the bytes, which hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.files.keys()).finish()
    }
}

impl Material {
    /// Reads every file that the profiles name.
    pub fn read(settings: &Settings) -> Material {
        let profiles = settings.tls.clone();
        let mut files = BTreeMap::new();
        for path in profiles.iter().flat_map(TlsProfile::files) {
            if !files.contains_key(path) {
                files.insert(path.to_owned(), read_file(path));
            }
        }
        Material { profiles, files }
    }

    /// The profiles, in the order of the settings.
    pub fn profiles(&self) -> &[TlsProfile] {
        &self.profiles
    }

    /// The files, whether they could be read or not.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Hash of everything that one profile is compiled from.
    pub fn fingerprint(&self, profile: &TlsProfile) -> u64 {
        let mut hasher = DefaultHasher::new();
        profile.hash_values(&mut hasher);
        for path in profile.files() {
            self.files.get(path).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Looks at one profile; what is wrong is added to the problems.
    pub(super) fn inspect<'m>(
        &'m self,
        profile: &'m TlsProfile,
        now_s: i64,
        problems: &'m mut Vec<Problem>,
    ) -> Inspected {
        let mut inspector = Inspector {
            files: &self.files,
            profile,
            now_s,
            problems,
        };
        let mut pairs = inspector.pairs();
        pairs.extend(inspector.keystore());
        inspector.settings(&pairs);
        let trusted = inspector.truststore();
        let client_ca = profile
            .client_ca
            .as_ref()
            .map(|path| inspector.authorities(&[(Place::ClientCa, &path.value)]).0);
        Inspected {
            pairs,
            client_ca: client_ca.or_else(|| trusted.as_ref().map(|(roots, _)| roots.clone())),
            ca: trusted.or_else(|| {
                (!profile.ca.is_empty()).then(|| {
                    let files: Vec<_> = profile
                        .ca
                        .iter()
                        .enumerate()
                        .map(|(at, path)| (Place::Ca(at), path.value.as_path()))
                        .collect();
                    inspector.authorities(&files)
                })
            }),
        }
    }
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub key: Arc<CertifiedKey>,
    /// The certificate and those that lead to its authority.
    pub chain: Vec<Facts>,
}

/// Trusted authorities, and the certificates themselves.
pub(super) type Authorities = (RootCertStore, Vec<CertificateDer<'static>>);

/// What the files of one profile hold.
pub(super) struct Inspected {
    pub pairs: Vec<Pair>,
    pub client_ca: Option<RootCertStore>,
    pub ca: Option<Authorities>,
}

/// Adds one that is trusted.
pub(super) fn trust(
    all: &mut Authorities,
    certificate: CertificateDer<'static>,
) -> Result<(), rustls::Error> {
    let taken = all.0.add(certificate.clone());
    all.1.push(certificate);
    taken
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if found.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if found.len() > FILE_BYTES_MAX {
        return Err("it is larger than 1 MiB".to_owned());
    }
    std::fs::read(path).map_err(|e| e.to_string())
}

/// Looks at one profile.
pub(super) struct Inspector<'m> {
    files: &'m BTreeMap<PathBuf, Result<Vec<u8>, String>>,
    pub(super) profile: &'m TlsProfile,
    now_s: i64,
    problems: &'m mut Vec<Problem>,
}

impl<'m> Inspector<'m> {
    pub(super) fn add(
        &mut self,
        place: Place,
        kind: ProblemKind,
        text: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem {
            profile: self.profile.name.clone(),
            place,
            kind,
            text: text.into(),
            help: help.into(),
        });
    }

    pub(super) fn bytes(&mut self, place: Place, path: &Path) -> Option<&'m [u8]> {
        match self.files.get(path)? {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                self.add(
                    place,
                    ProblemKind::File,
                    format!("{} cannot be read: {why}", path.display()),
                    "check the path and its permissions; a relative path starts at the settings file",
                );
                None
            }
        }
    }

    fn pairs(&mut self) -> Vec<Pair> {
        let profile = self.profile;
        if profile.cert.len() != profile.key.len() {
            self.add(
                Place::Profile,
                ProblemKind::Incomplete,
                format!(
                    "the profile {} has {} cert and {} key",
                    profile.name,
                    profile.cert.len(),
                    profile.key.len()
                ),
                "give each certificate its key, in the same order",
            );
            return Vec::new();
        }
        let pairs: Vec<_> = (0..profile.cert.len())
            .filter_map(|at| self.pair(at))
            .collect();
        self.names(&pairs);
        pairs
    }

    fn pair(&mut self, at: usize) -> Option<Pair> {
        let (cert, key) = (&self.profile.cert[at].value, &self.profile.key[at].value);
        let chain = self.certificates(Place::Cert(at), cert);
        let secret = self.key(Place::Key(at), key);
        let (chain, secret) = (chain?, secret?);
        let facts: Vec<Facts> = chain.iter().filter_map(|c| Facts::read(c)).collect();
        match CertifiedKey::from_der(chain, secret, &provider()) {
            Ok(pair) => {
                let what = format!("the certificate in {}", cert.display());
                self.time(Place::Cert(at), &what, facts.first());
                Some(Pair {
                    key: Arc::new(pair),
                    chain: facts,
                })
            }
            Err(rustls::Error::InconsistentKeys(_)) => {
                self.add(
                    Place::Key(at),
                    ProblemKind::Mismatch,
                    format!(
                        "the key in {} does not belong to the certificate in {}",
                        key.display(),
                        cert.display()
                    ),
                    "use the key that the certificate was requested with; the server's certificate comes first in its file, its chain after it",
                );
                None
            }
            Err(error) => {
                self.add(
                    Place::Key(at),
                    ProblemKind::File,
                    format!(
                        "the key in {} or the certificate in {} cannot be used: {error}",
                        key.display(),
                        cert.display()
                    ),
                    "axon takes RSA keys from 2048 bits on, ECDSA P-256, P-384 and P-521, and Ed25519, in PEM",
                );
                None
            }
        }
    }

    fn certificates(&mut self, place: Place, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let bytes = self.bytes(place, path)?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let wrong = match found {
            Ok(list) if list.is_empty() => "no certificate".to_owned(),
            Ok(list) => match list.iter().find(|c| Facts::read(c).is_none()) {
                None => return Some(list),
                Some(_) => "something that is no X.509 certificate".to_owned(),
            },
            Err(error) => format!("no readable PEM ({error})"),
        };
        self.add(
            place,
            ProblemKind::File,
            format!("{} holds {wrong}", path.display()),
            form_help(bytes, "write -----BEGIN CERTIFICATE----- sections, as a certificate authority hands them out"),
        );
        None
    }

    fn key(&mut self, place: Place, path: &Path) -> Option<PrivateKeyDer<'static>> {
        let bytes = self.bytes(place, path)?;
        let error = match PrivateKeyDer::from_pem_slice(bytes) {
            Ok(key) => return Some(key),
            Err(error) => error,
        };
        let encrypted = memchr::memmem::find(bytes, b"ENCRYPTED").is_some();
        let (wrong, help) = if encrypted {
            (
                "a key that is locked with a password".to_owned(),
                "unlock it: openssl pkey -in KEY -out UNLOCKED; protect the file by its permissions"
                    .to_owned(),
            )
        } else {
            let help = form_help(bytes, "write one -----BEGIN PRIVATE KEY----- section");
            (format!("no private key ({error})"), help)
        };
        self.add(
            place,
            ProblemKind::File,
            format!("{} holds {wrong}", path.display()),
            help,
        );
        None
    }

    /// Authorities of one or more files.
    fn authorities(&mut self, files: &[(Place, &Path)]) -> Authorities {
        let mut all = (RootCertStore::empty(), Vec::new());
        for (place, path) in files {
            for certificate in self.certificates(*place, path).unwrap_or_default() {
                if let Err(error) = trust(&mut all, certificate) {
                    self.add(
                        *place,
                        ProblemKind::File,
                        format!(
                            "{} holds a certificate that cannot be trusted: {error}",
                            path.display()
                        ),
                        "write X.509 certificates of version 3",
                    );
                }
            }
        }
        all
    }

    pub(super) fn time(&mut self, place: Place, what: &str, facts: Option<&Facts>) {
        let Some(facts) = facts else { return };
        let date = |s: i64| {
            let text = crate::observe::stamp::rfc3339(u64::try_from(s).unwrap_or(0) * 1_000);
            text.split('T').next().unwrap_or_default().to_owned()
        };
        let left = facts.not_after - self.now_s;
        let (text, help) = if left < 0 {
            (
                format!("{what} is over since {}", date(facts.not_after)),
                "replace the file: it is taken without a restart; until then clients refuse the connection",
            )
        } else if facts.not_before > self.now_s {
            (
                format!("{what} is not valid before {}", date(facts.not_before)),
                "check the clock of this machine, and the file",
            )
        } else if left < SOON_S {
            (
                format!(
                    "{what} is over in {} days, on {}",
                    left / 86_400,
                    date(facts.not_after)
                ),
                "replace the file: it is taken without a restart",
            )
        } else {
            return;
        };
        self.add(place, ProblemKind::Time, text, help);
    }

    /// Names that two certificates of the same kind have: only the first one is ever shown for them.
    fn names(&mut self, pairs: &[Pair]) {
        if pairs.len() != self.profile.cert.len() {
            return;
        }
        let mut seen: BTreeMap<(&str, u8), usize> = BTreeMap::new();
        let mut twice = Vec::new();
        for (at, pair) in pairs.iter().enumerate() {
            for name in pair.chain.first().map_or(&[][..], |f| &f.names[..]) {
                // An RSA and an ECDSA certificate for one name are no rivals: clients differ in what they take.
                match seen.entry((name.as_str(), u8::from(pair.key.key.algorithm()))) {
                    std::collections::btree_map::Entry::Occupied(first) => {
                        twice.push((at, name.clone(), *first.get()));
                    }
                    std::collections::btree_map::Entry::Vacant(free) => {
                        free.insert(at);
                    }
                }
            }
        }
        for (at, name, first) in twice.into_iter().filter(|(at, _, first)| at != first) {
            let files = [at, first].map(|i| self.profile.cert[i].value.display().to_string());
            self.add(
                Place::Cert(at),
                ProblemKind::Names,
                format!(
                    "{} is for {name}, and so is {}, which comes first and is shown",
                    files[0], files[1]
                ),
                "remove one of the two",
            );
        }
    }

    /// Settings that do not go together.
    fn settings(&mut self, pairs: &[Pair]) {
        use crate::settings::ClientAuth;
        let profile = self.profile;
        let authorities = (&profile.client_ca, &profile.truststore);
        match (profile.client, authorities) {
            (ClientAuth::Optional | ClientAuth::Required, (None, None)) => self.add(
                Place::Profile,
                ProblemKind::Incomplete,
                format!(
                    "the profile {} asks clients for a certificate, but not whose",
                    profile.name
                ),
                "add client_ca = \"FILE\" with the authorities that sign clients",
            ),
            (ClientAuth::None, (Some(_), _)) => self.add(
                Place::ClientCa,
                ProblemKind::Incomplete,
                "client_ca is given, but clients are not asked for a certificate",
                "add client = \"required\" or client = \"optional\", or remove client_ca",
            ),
            _ => {}
        }
        if profile.verify.as_ref().is_some_and(|v| !v.value) {
            self.add(
                Place::Verify,
                ProblemKind::VerificationOff,
                format!("the profile {} takes any certificate: whoever is in between can read and change everything", profile.name),
                "name the authority, or the server's own certificate, with ca = \"FILE\" instead",
            );
        }
        if let Some(name) = &profile.server_name
            && rustls::pki_types::ServerName::try_from(name.value.as_str()).is_err()
        {
            self.add(
                Place::ServerName,
                ProblemKind::Incomplete,
                format!("`{}` is no host name", name.value),
                "write a DNS name or an IP address without a port",
            );
        }
        // Those of a keystore come behind those of the files.
        for (at, pair) in pairs.iter().take(profile.cert.len()).enumerate() {
            if pair.chain.first().is_some_and(|f| f.names.is_empty()) {
                self.add(
                    Place::Cert(at),
                    ProblemKind::Names,
                    format!(
                        "the certificate in {} is for no name (subjectAltName): as a server's, clients refuse it",
                        profile.cert[at].value.display()
                    ),
                    "have it made with the names that clients use; for a client certificate this does not matter",
                );
            }
        }
    }
}

/// What to do with a file in another form than PEM.
fn form_help(bytes: &[u8], otherwise: &str) -> String {
    match bytes {
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => {
            "this is a Java key store: keytool -importkeystore -srckeystore FILE -destkeystore STORE.p12 -deststoretype PKCS12, then openssl pkcs12 -in STORE.p12 -nodes -out FILE.pem".to_owned()
        }
        [0x30, 0x80..=0x84, ..] => {
            "this is a binary file: openssl pkcs12 -in FILE -nodes -out FILE.pem for a .p12 or .pfx, openssl x509 -inform DER -in FILE -out FILE.pem for a certificate".to_owned()
        }
        _ => otherwise.to_owned(),
    }
}
