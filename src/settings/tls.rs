//! `[tls.NAME]`: a profile for listeners, endpoints and whoever else speaks TLS.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::TLS;
use super::placed;
use super::read::{MAX_ENTRIES, Reader};
use crate::config::source::{Span, Spanned};

/// One profile, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProfile {
    /// Its name.
    pub name: String,
    /// Where its settings stand.
    pub span: Span,
    /// Certificates with their chains: what a listener shows, and what an endpoint shows as a client (the first).
    pub cert: Vec<Spanned<PathBuf>>,
    /// Their keys, in the same order.
    pub key: Vec<Spanned<PathBuf>>,
    /// Authorities that sign clients.
    pub client_ca: Option<Spanned<PathBuf>>,
    /// Whether a listener asks clients for a certificate.
    pub client: ClientAuth,
    /// Authorities that sign servers, or servers' own certificates; empty: the system's.
    pub ca: Vec<Spanned<PathBuf>>,
    /// Whether servers have to be who they should be; `None`: they have to.
    pub verify: Option<Spanned<bool>>,
    /// The name to ask servers for and to expect, in place of the address's host.
    pub server_name: Option<Spanned<String>>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// The newest version that is spoken.
    pub max_version: MaxVersion,
    /// Certificates with their keys in a keystore of Java or PKCS#12; behind those of `cert`. Of a gateway-config only.
    pub keystore: Option<TlsStore>,
    /// Whose certificate of the keystore is shown to clients that ask for no name.
    pub shown_first: Option<String>,
    /// Authorities in such a store: of servers, and of clients where they are asked. Of a gateway-config only.
    pub truststore: Option<TlsStore>,
    /// A setting of it could not be read: it must not be used, for it would protect less than was asked for.
    pub faulty: bool,
}

/// `client`: whether a listener asks for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// No.
    #[default]
    None,
    /// Yes; clients without one are served too.
    Optional,
    /// Yes; only clients with one are served.
    Required,
}

/// `min_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The newest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaxVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    #[default]
    Tls13,
}

/// A keystore, as a configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsStore {
    /// The file.
    pub file: Spanned<PathBuf>,
    /// The file whose first line is its password.
    pub password: Option<Spanned<PathBuf>>,
    /// The format that it is said to have.
    pub kind: Option<Spanned<String>>,
}

impl TlsProfile {
    /// A profile that says nothing yet.
    pub fn new(name: impl Into<String>, span: Span) -> Self {
        Self {
            name: name.into(),
            span,
            cert: Vec::new(),
            key: Vec::new(),
            client_ca: None,
            client: ClientAuth::None,
            ca: Vec::new(),
            verify: None,
            server_name: None,
            min_version: MinVersion::default(),
            max_version: MaxVersion::default(),
            keystore: None,
            shown_first: None,
            truststore: None,
            faulty: false,
        }
    }

    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let lists = self.cert.iter().chain(&self.key).chain(&self.ca);
        let stores = self.keystore.iter().chain(&self.truststore);
        let of_stores = stores.flat_map(|store| [&store.file].into_iter().chain(&store.password));
        lists
            .chain(&self.client_ca)
            .chain(of_stores)
            .map(|path| path.value.as_path())
    }

    /// Lets its paths begin where they do ([`placed`]).
    pub(super) fn resolve(&mut self, folders: &[&Path]) {
        let lists = self
            .cert
            .iter_mut()
            .chain(&mut self.key)
            .chain(&mut self.ca);
        for path in lists.chain(&mut self.client_ca) {
            path.value = placed(&path.value, folders);
        }
    }

    /// Everything that the profile means, but for the places.
    pub fn hash_values(&self, hasher: &mut impl Hasher) {
        let paths =
            |list: &[Spanned<PathBuf>]| list.iter().map(|p| p.value.clone()).collect::<Vec<_>>();
        self.name.hash(hasher);
        paths(&self.cert).hash(hasher);
        paths(&self.key).hash(hasher);
        paths(&self.ca).hash(hasher);
        self.client_ca.as_ref().map(|p| &p.value).hash(hasher);
        self.client.hash(hasher);
        self.verify.as_ref().map(|v| v.value).hash(hasher);
        self.server_name.as_ref().map(|n| &n.value).hash(hasher);
        self.min_version.hash(hasher);
        self.max_version.hash(hasher);
        self.shown_first.hash(hasher);
        for store in [&self.keystore, &self.truststore] {
            let paths = store
                .as_ref()
                .map(|s| (&s.file.value, s.password.as_ref().map(|p| &p.value)));
            paths.hash(hasher);
        }
        self.faulty.hash(hasher);
    }
}

/// Gives the place of a range of the settings file.
type ToSpan<'a> = &'a dyn Fn(std::ops::Range<usize>) -> Span;

/// Reads the table `tls`, whose keys are the profiles' names.
pub(super) fn read(reader: &mut Reader<'_>, value: &DeValue<'_>, place: Span, span: ToSpan<'_>) {
    let Some(table) = value.as_table().filter(|t| t.len() <= MAX_ENTRIES) else {
        return reader.bad(place, "tls holds profiles: write [tls.NAME]");
    };
    for (name, value) in table {
        match value.get_ref().as_table() {
            Some(keys) => {
                let profile = TlsProfile::new(name.get_ref().as_ref(), span(name.span()));
                let profile = read_profile(reader, profile, keys, span);
                reader.settings.tls.push(profile);
            }
            None => {
                let message = format!("tls.{0} is a profile: write [tls.{0}]", name.get_ref());
                reader.bad(span(name.span()), &message);
            }
        }
    }
    // In the order of the file, whatever the parser's map does.
    reader
        .settings
        .tls
        .sort_by_key(|profile| profile.span.start);
}

fn read_profile(
    reader: &mut Reader<'_>,
    mut profile: TlsProfile,
    keys: &DeTable<'_>,
    span: ToSpan<'_>,
) -> TlsProfile {
    for (key, value) in keys {
        let (name, place) = (key.get_ref().as_ref(), span(value.span()));
        let value = value.get_ref();
        let text = value.as_str().map(str::trim).filter(|t| !t.is_empty());
        let wanted = match name {
            "cert" | "key" | "ca" => match paths(value, place, span) {
                Some(list) => {
                    match name {
                        "cert" => profile.cert = list,
                        "key" => profile.key = list,
                        _ => profile.ca = list,
                    }
                    continue;
                }
                None => "a path, or a list of paths",
            },
            "client_ca" => match text {
                Some(path) => {
                    profile.client_ca = Some(Spanned::new(path.into(), place));
                    continue;
                }
                None => "a path",
            },
            "client" => {
                profile.client = match text {
                    Some("none") => ClientAuth::None,
                    Some("optional") => ClientAuth::Optional,
                    Some("required") => ClientAuth::Required,
                    _ => {
                        bad(
                            reader,
                            place,
                            &mut profile,
                            name,
                            "none, optional or required",
                        );
                        continue;
                    }
                };
                continue;
            }
            "verify" => match value.as_bool() {
                Some(on) => {
                    profile.verify = Some(Spanned::new(on, place));
                    continue;
                }
                None => "true or false",
            },
            "server_name" => match text {
                Some(host) => {
                    profile.server_name = Some(Spanned::new(host.to_owned(), place));
                    continue;
                }
                None => "a host name",
            },
            "min_version" => {
                profile.min_version = match text {
                    Some("1.2") => MinVersion::Tls12,
                    Some("1.3") => MinVersion::Tls13,
                    _ => {
                        bad(reader, place, &mut profile, name, "\"1.2\" or \"1.3\"");
                        continue;
                    }
                };
                continue;
            }
            _ => {
                let section = format!("tls.{}", profile.name);
                reader.unknown(span(key.span()), name, &section, TLS.iter().copied());
                profile.faulty = true;
                continue;
            }
        };
        bad(reader, place, &mut profile, name, wanted);
    }
    profile
}

fn bad(reader: &mut Reader<'_>, place: Span, profile: &mut TlsProfile, key: &str, wanted: &str) {
    profile.faulty = true;
    let message = format!("tls.{}.{key} must be {wanted}", profile.name);
    reader.bad(place, &message);
}

fn paths(value: &DeValue<'_>, place: Span, span: ToSpan<'_>) -> Option<Vec<Spanned<PathBuf>>> {
    let path = |text: &str, place| {
        let text = text.trim();
        (!text.is_empty()).then(|| Spanned::new(PathBuf::from(text), place))
    };
    if let Some(text) = value.as_str() {
        return Some(vec![path(text, place)?]);
    }
    let items = value
        .as_array()
        .filter(|a| (1..=MAX_ENTRIES).contains(&a.len()))?;
    items
        .iter()
        .map(|item| path(item.get_ref().as_str()?, span(item.span())))
        .collect()
}
