//! Keystore and truststore of a gateway-config as TLS profiles: one for each way in which an address is protected.
//!
//! JKS, JCEKS and PKCS#12 are read directly. PEM is taken too: the file itself, or the pair beside it with the same stem,
//! which is what is used where the store is missing or nothing says its password. What is wrong is said at the
//! place of the element that names the file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::doors::{self, KEYSTORE_PROFILE};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::model::{GatewayDef, StoreDef};
use crate::config::gateway::protection::{Clients, Protection, Versions};
use crate::config::source::Spanned;
use crate::settings::{ClientAuth, MaxVersion, MinVersion, Settings, TlsProfile, TlsStore};
use crate::transport::tls::ClientTls;
use crate::transport::tls::keystore::Format;
use crate::transport::tls::{Facts, TlsSet};

/// Name of the TLS profile that the truststore makes.
const TRUSTSTORE_PROFILE: &str = "truststore";
/// How a PEM file begins, after what may stand in front.
const PEM: &[u8] = b"-----BEGIN ";
/// Bytes of a file that are looked at to know what it is.
const LOOK: u64 = 1024 * 1024;

/// Adds the profiles that keystore and truststore make.
pub fn add(settings: &mut Settings, def: Option<&GatewayDef>, diagnostics: &mut Diagnostics) {
    let Some(def) = def else { return };
    let security = &def.security;
    let mut find = |store: &Option<StoreDef>, what| {
        let store = store.as_ref()?;
        let found = found(def, store, what).unwrap_or_else(|(place, message, help)| {
            diagnostics.error_help(DiagnosticCode::Keystore, place.span, message, help);
            Found::Nothing
        });
        Some((store.file.clone(), found))
    };
    let trusted = find(&security.truststore, "truststore");
    let own = find(&security.keystore, "keystore");
    for versions in Versions::EACH {
        let asked = |s: &&_| versions_to_back_ends(s) == versions;
        if trusted.is_none()
            && (versions == Versions::All || !def.services.iter().any(|s| asked(&s)))
        {
            continue;
        }
        let span = trusted.as_ref().map_or(def.span, |(file, _)| file.span);
        let name = format!("{TRUSTSTORE_PROFILE}{}", versions.suffix());
        let mut profile = TlsProfile::new(name, span);
        spoken(&mut profile, versions);
        match &trusted {
            Some((file, Found::Pem(cert, _))) => {
                profile.ca.push(Spanned::new(cert.clone(), file.span));
            }
            Some((_, Found::Store(store))) => profile.truststore = Some(store.clone()),
            Some((_, Found::Nothing)) => profile.faulty = true,
            None => {}
        }
        settings.tls.push(profile);
    }
    let Some((file, own)) = own else { return };
    for protection in protections(def) {
        let mut profile = TlsProfile::new(doors::profile(protection), file.span);
        spoken(&mut profile, protection.versions);
        match &own {
            Found::Pem(cert, key) => {
                profile.cert.push(Spanned::new(cert.clone(), file.span));
                profile.key.push(Spanned::new(key.clone(), file.span));
            }
            Found::Store(store) => profile.keystore = Some(store.clone()),
            Found::Nothing => profile.faulty = true,
        }
        profile.shown_first = first_host(def, protection);
        profile.client = match protection.clients {
            Clients::None => ClientAuth::None,
            Clients::Optional => ClientAuth::Optional,
            Clients::Required => ClientAuth::Required,
        };
        if protection.clients != Clients::None {
            match &trusted {
                Some((file, Found::Pem(cert, _))) => {
                    profile.client_ca = Some(Spanned::new(cert.clone(), file.span));
                }
                Some((_, Found::Store(store))) => profile.truststore = Some(store.clone()),
                // Told of elsewhere; without knowing whom to take nobody is served.
                Some((_, Found::Nothing)) | None => {
                    profile.client = ClientAuth::None;
                    profile.faulty = true;
                }
            }
        }
        settings.tls.push(profile);
    }
}

/// The ways in which addresses are protected; that of the options' defaults always, as the keystore is to be judged.
fn protections(def: &GatewayDef) -> BTreeSet<Protection> {
    let mut all = BTreeSet::from([Protection::default()]);
    let services = def.services.iter();
    let secure = services.filter(|s| s.accepts.iter().any(|a| a.value.is_secure()));
    all.extend(secure.map(|service| service.accept_options.protection()));
    all
}

/// The host of the first accept URI that is protected in this way.
fn first_host(def: &GatewayDef, protection: Protection) -> Option<String> {
    let mut services = def.services.iter();
    services.find_map(|service| {
        let mut accepts = service.accepts.iter();
        let own = service.accept_options.protection() == protection;
        let first = accepts.find(|a| own && a.value.is_secure());
        first.map(|accept| accept.value.host.clone())
    })
}

fn versions_to_back_ends(service: &crate::config::gateway::model::ServiceDef) -> Versions {
    service.connect_options.versions.unwrap_or_default()
}

fn spoken(profile: &mut TlsProfile, versions: Versions) {
    if versions == Versions::Tls13 {
        profile.min_version = MinVersion::Tls13;
    }
    if versions == Versions::Tls12 {
        profile.max_version = MaxVersion::Tls12;
    }
}

/// How back ends inside TLS are known: by the truststore, else by what the system trusts.
pub fn trust(tls: &TlsSet, versions: Versions) -> Arc<ClientTls> {
    let name = format!("{TRUSTSTORE_PROFILE}{}", versions.suffix());
    let own = tls.client(Some(&name));
    own.unwrap_or_else(|| tls.system().clone())
}

/// What an element led to.
enum Found {
    /// A certificate, or several, and the file of the key.
    Pem(PathBuf, PathBuf),
    /// A store that is opened when the profile is compiled.
    Store(TlsStore),
    /// Nothing that could be used, which was told.
    Nothing,
}

/// What is wrong, where, and what to do.
type Wrong<'d> = (&'d Spanned<String>, String, String);

fn found<'d>(def: &GatewayDef, store: &'d StoreDef, what: &str) -> Result<Found, Wrong<'d>> {
    let file = def.conf_file(&store.file.value);
    let shown = file.display();
    let is_store = match begin(&file) {
        Some(begin) if is_pem(&begin) => {
            let key = key_beside(&file).unwrap_or_else(|| file.clone());
            return Ok(Found::Pem(file, key));
        }
        Some(begin) => Format::of(&begin).is_some(),
        None => false,
    };
    let beside = def.conf_file(
        &Path::new(&store.file.value)
            .with_extension("pem")
            .to_string_lossy(),
    );
    let is_beside = begin(&beside).is_some_and(|begin| is_pem(&begin));
    // A truststore opens without a password; keys do not.
    let opens = store.password_file.is_some() || what == TRUSTSTORE_PROFILE;
    if is_beside && !(is_store && opens) {
        let key = key_beside(&beside).unwrap_or_else(|| beside.clone());
        return Ok(Found::Pem(beside, key));
    }
    if !is_store {
        let help = format!(
            "correct the name, relative ones begin in GATEWAY_HOME/conf; it may be JKS, JCEKS, PKCS12 or PEM, or there may be {} beside it",
            beside.display()
        );
        let message = match file.exists() {
            true => format!("the {what} {shown} is neither JKS, JCEKS, PKCS12 nor PEM"),
            false => format!("the {what} file {shown} is not found"),
        };
        return Err((&store.file, message, help));
    }
    let password = store.password_file.as_ref().map(|named| {
        let path = def.conf_file(&named.value);
        Spanned::new(path, named.span)
    });
    if let (Some(named), Some(path)) = (&store.password_file, &password)
        && !path.value.is_file()
    {
        let message = format!("the password file {} is not found", path.value.display());
        let help = format!(
            "write the password of the {what} into its first line, or correct the name; relative ones begin in GATEWAY_HOME/conf"
        );
        return Err((named, message, help));
    }
    Ok(Found::Store(TlsStore {
        file: Spanned::new(file, store.file.span),
        password,
        kind: store.kind.clone(),
    }))
}

/// The key that belongs to a certificate, by its name.
fn key_beside(cert: &Path) -> Option<PathBuf> {
    let stem = cert.file_stem()?.to_string_lossy();
    let names = [
        format!("{stem}.key"),
        format!("{stem}-key.pem"),
        "key.pem".to_owned(),
    ];
    let mut places = names.iter().map(|name| cert.with_file_name(name));
    places.find(|place| place != cert && begin(place).is_some_and(|begin| is_pem(&begin)))
}

/// What a file begins with; `None` when it cannot be read.
fn begin(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut begin = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LOOK).read_to_end(&mut begin).ok()?;
    Some(begin)
}

fn is_pem(begin: &[u8]) -> bool {
    memchr::memmem::find(begin, PEM).is_some()
}

/// Every host that TLS is spoken for has a certificate.
pub fn check_names(def: &GatewayDef, tls: &TlsSet, diagnostics: &mut Diagnostics) {
    let Some(profile) = tls.profile(KEYSTORE_PROFILE) else {
        return;
    };
    let certificates: Vec<&Facts> = profile.chains.iter().filter_map(|c| c.first()).collect();
    let names: Vec<String> = certificates.iter().flat_map(|f| f.hosts()).collect();
    if names.is_empty() {
        return;
    }
    for service in &def.services {
        let clear = service.accept_options.encryption == Some(false);
        for accept in service
            .accepts
            .iter()
            .filter(|a| a.value.is_secure() && !clear)
        {
            if certificates.iter().any(|f| f.covers(&accept.value.host)) {
                continue;
            }
            let message = format!(
                "Keystore does not have a certificate entry for {}",
                accept.value.host
            );
            let help = format!("its certificates are for {}", names.join(", "));
            let code = DiagnosticCode::Keystore;
            diagnostics.error_help(code, accept.span, message, help);
        }
    }
}
