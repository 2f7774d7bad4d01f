//! The keystore of a gateway-config as a TLS profile.
//!
//! Certificates and keys are read as PEM: the file itself, or the pair beside it with the same stem, which
//! `openssl pkcs12 -in keystore.p12 -nodes` writes. What is wrong is said at the place of the `file` element.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::doors::KEYSTORE_PROFILE;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::model::{GatewayDef, StoreDef};
use crate::config::source::Spanned;
use crate::settings::{Settings, TlsProfile};
use crate::transport::tls::{ClientTls, TlsSet};

/// Name of the TLS profile that the truststore makes.
const TRUSTSTORE_PROFILE: &str = "truststore";
/// How a PEM file begins, after what may stand in front.
const PEM: &[u8] = b"-----BEGIN ";
/// Bytes of a file that are looked at to know what it is.
const LOOK: usize = 64 * 1024;

/// Adds the profile that the keystore makes.
pub fn add(settings: &mut Settings, def: Option<&GatewayDef>, diagnostics: &mut Diagnostics) {
    let Some(def) = def else { return };
    truststore(settings, def, diagnostics);
    let Some(store) = &def.security.keystore else {
        return;
    };
    let mut profile = TlsProfile::new(KEYSTORE_PROFILE, store.file.span);
    match pair(def, store) {
        Ok((cert, key)) => {
            profile.cert.push(Spanned::new(cert, store.file.span));
            profile.key.push(Spanned::new(key, store.file.span));
        }
        Err((message, help)) => {
            let code = DiagnosticCode::Keystore;
            diagnostics.error_help(code, store.file.span, message, help);
            profile.faulty = true;
        }
    }
    settings.tls.push(profile);
}

/// Adds the profile that the truststore makes: whom back ends have to be signed by.
fn truststore(settings: &mut Settings, def: &GatewayDef, diagnostics: &mut Diagnostics) {
    let Some(store) = &def.security.truststore else {
        return;
    };
    let mut profile = TlsProfile::new(TRUSTSTORE_PROFILE, store.file.span);
    let names = [
        store.file.value.clone(),
        Path::new(&store.file.value)
            .with_extension("pem")
            .to_string_lossy()
            .into_owned(),
    ];
    let mut places = names.iter().map(|name| def.file(&["conf"], name));
    match places.find(|place| is_pem(place)) {
        Some(file) => profile.ca.push(Spanned::new(file, store.file.span)),
        None => {
            let file = def.file(&["conf"], &names[0]);
            let message = format!(
                "the truststore {} is no PEM file, and there is none beside it",
                file.display()
            );
            let help = format!(
                "put the certificates that are trusted into {}",
                file.with_extension("pem").display()
            );
            let code = DiagnosticCode::Keystore;
            diagnostics.error_help(code, store.file.span, message, help);
            profile.faulty = true;
        }
    }
    settings.tls.push(profile);
}

/// How back ends inside TLS are known: by the truststore, else by what the system trusts.
pub fn trust(tls: &TlsSet) -> Arc<ClientTls> {
    let own = tls.client(Some(TRUSTSTORE_PROFILE));
    own.unwrap_or_else(|| tls.system().clone())
}

/// The files of the certificate and of its key.
fn pair(def: &GatewayDef, store: &StoreDef) -> Result<(PathBuf, PathBuf), (String, String)> {
    let file = def.file(&["conf"], &store.file.value);
    if is_pem(&file) {
        return Ok((file.clone(), key_beside(&file).unwrap_or(file)));
    }
    let cert = Path::new(&store.file.value).with_extension("pem");
    let cert = def.file(&["conf"], &cert.to_string_lossy());
    let shown = file.display();
    let convert = format!(
        "put the certificate into {} and its key beside it as {}; a Java keystore is converted with keytool -importkeystore -deststoretype PKCS12 and openssl pkcs12 -nodes",
        cert.display(),
        file.with_extension("key").display()
    );
    if !is_pem(&cert) {
        let message = match file.exists() {
            true => format!("the keystore {shown} is no PEM file, and there is none beside it"),
            false => format!("the keystore file {shown} is not found"),
        };
        return Err((message, convert));
    }
    match key_beside(&cert) {
        Some(key) => Ok((cert, key)),
        None => Ok((cert.clone(), cert)),
    }
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
    places.find(|place| place != cert && is_pem(place))
}

fn is_pem(path: &Path) -> bool {
    use std::io::Read;
    let mut begin = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(LOOK as u64).read_to_end(&mut begin));
    read.is_ok() && memchr::memmem::find(&begin, PEM).is_some()
}

/// Every host that TLS is spoken for has a certificate.
pub fn check_names(def: &GatewayDef, tls: &TlsSet, diagnostics: &mut Diagnostics) {
    let Some(profile) = tls.profile(KEYSTORE_PROFILE) else {
        return;
    };
    let facts: Vec<_> = profile.chains.iter().filter_map(|c| c.first()).collect();
    if facts.is_empty() {
        return;
    }
    let covers = |host: &str| {
        let one = |name: &str| match name.strip_prefix("*.") {
            Some(suffix) => host.split_once('.').is_some_and(|(_, rest)| rest == suffix),
            None => name == host,
        };
        facts
            .iter()
            .any(|f| f.names.iter().any(|name| one(name)) || one(&f.subject.to_ascii_lowercase()))
    };
    for service in &def.services {
        let clear = service.accept_options.encryption == Some(false);
        for accept in service
            .accepts
            .iter()
            .filter(|a| a.value.is_secure() && !clear)
        {
            if covers(&accept.value.host) {
                continue;
            }
            let names: Vec<_> = facts.iter().flat_map(|f| f.names.iter().cloned()).collect();
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
