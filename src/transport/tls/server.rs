//! TLS to clients: which certificate is shown for which name, and whether clients show theirs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use super::certificate::Facts;
use super::material::{Inspected, Pair};
use super::reason::TlsError;
use super::{ALPN, provider, versions};
use crate::settings::{ClientAuth, TlsProfile};

/// How connections of clients are protected.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Compiles a profile whose files are known.
    pub(super) fn of(profile: &TlsProfile, found: &Inspected) -> Result<ServerTls, TlsError> {
        let said = |error: &dyn fmt::Display| TlsError(error.to_string());
        let names = Names::of(&found.pairs)
            .ok_or_else(|| TlsError("the profile has no certificate".to_owned()))?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(profile.min_version, profile.max_version))
            .map_err(|error| said(&error))?;
        let builder = match (profile.client, &found.client_ca) {
            (ClientAuth::None, _) => builder.with_no_client_auth(),
            (ClientAuth::Optional | ClientAuth::Required, None) => {
                return Err(TlsError("nobody is named who signs clients".to_owned()));
            }
            (asked, Some(roots)) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots.clone()),
                    provider(),
                );
                let verifier = match asked {
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier.build().map_err(|error| said(&error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(names));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Stateless tickets, with keys of this profile alone: a session of one profile is nothing to another, which may
        // ask for a client certificate.
        config.ticketer =
            rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| said(&error))?;
        Ok(ServerTls(Arc::new(config)))
    }

    /// For a handshake.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.clone()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

/// Certificates by the name that a client asks for (RFC 6066 section 3): the exact name, else a wildcard one label up,
/// else the first certificate of the profile.
#[derive(Debug)]
struct Names {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    default: Vec<Arc<CertifiedKey>>,
}

impl Names {
    fn of(pairs: &[Pair]) -> Option<Names> {
        let first = pairs.first()?;
        let names_of = |pair: &Pair| pair.chain.first().map(Facts::hosts).unwrap_or_default();
        let mut names = Names {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            default: vec![first.key.clone()],
        };
        for (at, pair) in pairs.iter().enumerate() {
            let own = names_of(pair);
            // The same names with another kind of key: shown to clients that take only that.
            if at > 0 && own == names_of(first) {
                names.default.push(pair.key.clone());
            }
            for name in own {
                let list = match name.strip_prefix("*.") {
                    Some(suffix) => names.wildcard.entry(suffix.to_owned()),
                    None => names.exact.entry(name),
                };
                list.or_default().push(pair.key.clone());
            }
        }
        Some(names)
    }

    fn list(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else {
            return &self.default;
        };
        let lower;
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        let wildcard = || self.wildcard.get(name.split_once('.')?.1);
        self.exact
            .get(name)
            .or_else(wildcard)
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let list = self.list(hello.server_name());
        let schemes = hello.signature_schemes();
        list.iter()
            .find(|pair| pair.key.choose_scheme(schemes).is_some())
            .or(list.first())
            .cloned()
    }
}
