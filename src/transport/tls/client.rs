//! TLS to servers: whom to trust, what to show them, and the handshake.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::Facts;
use super::material::{Authorities, Inspected};
use super::reason::TlsError;
use super::{ALPN, provider, versions};
use crate::settings::{MaxVersion, MinVersion, TlsProfile};

/// How connections to servers are protected: one profile, or the system's trust.
///
/// Equal when made from the same settings and files, so that connections of two profiles, or of two versions of one, are
/// never taken for each other.
pub struct ClientTls {
    name: Box<str>,
    key: u64,
    server_name: Option<ServerName<'static>>,
    make: Box<Make>,
    /// Compiled at the first use: reading the system's authorities takes a while, and few configurations need them.
    config: OnceLock<Result<Arc<ClientConfig>, TlsError>>,
}

/// Compiles.
type Make = dyn Fn() -> Result<ClientConfig, TlsError> + Send + Sync;

impl ClientTls {
    /// The system's trusted authorities (or those in `SSL_CERT_FILE`, `SSL_CERT_DIR`), and no client certificate.
    pub(super) fn system() -> ClientTls {
        ClientTls {
            name: "".into(),
            key: 0,
            server_name: None,
            make: Box::new(|| {
                let trust = Arc::new(Trust::new(None)?);
                compile(trust, (MinVersion::Tls12, MaxVersion::Tls13), None)
            }),
            config: OnceLock::new(),
        }
    }

    /// One that makes no connection, for a profile that is missing or cannot be used: what asks for protection never goes
    /// out with less.
    pub fn unusable(name: &str, why: &str) -> ClientTls {
        let mut hasher = std::hash::DefaultHasher::new();
        (name, why).hash(&mut hasher);
        let error = TlsError(why.to_owned());
        ClientTls {
            name: name.into(),
            key: hasher.finish(),
            server_name: None,
            make: Box::new(move || Err(error.clone())),
            config: OnceLock::new(),
        }
    }

    /// From a profile that has been inspected.
    pub(super) fn of(profile: &TlsProfile, key: u64, found: &Inspected) -> ClientTls {
        let verify = profile.verify.as_ref().is_none_or(|v| v.value);
        let spoken = (profile.min_version, profile.max_version);
        let pair = found.pairs.first().map(|p| p.key.clone());
        let ca = found.ca.clone();
        ClientTls {
            name: profile.name.as_str().into(),
            key,
            server_name: profile
                .server_name
                .as_ref()
                .and_then(|name| ServerName::try_from(name.value.clone()).ok()),
            make: Box::new(move || {
                let verifier: Arc<dyn ServerCertVerifier> = match verify {
                    true => Arc::new(Trust::new(ca.as_ref())?),
                    false => Arc::new(Anyone),
                };
                compile(verifier, spoken, pair.clone())
            }),
            config: OnceLock::new(),
        }
    }

    /// Name of the profile; empty for the system's trust.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compiles what is compiled at the first use. Reads files: for the control plane, before traffic needs it.
    pub fn prepare(&self) -> Result<(), TlsError> {
        self.config().map(|_| ())
    }

    /// Makes a TLS connection over a stream that is connected to `host`. Fails at once when the server is not who it
    /// should be; the caller bounds the time.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config()?;
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|_| TlsError(format!("{host} is no name that a certificate can have")))?,
        };
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| TlsError::of(&error))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.config
            .get_or_init(|| (self.make)().map(Arc::new))
            .clone()
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.name == other.name
    }
}

impl Eq for ClientTls {}

impl Hash for ClientTls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.key).hash(state);
    }
}

impl fmt::Debug for ClientTls {
    /// Without the configuration, which holds a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientTls").field(&self.name).finish()
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Among a system's roots there may be some that are too old for rustls: the others still count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found
            .errors
            .first()
            .map_or_else(String::new, |error| format!(" ({error})"));
        return Err(TlsError(format!(
            "this machine has no trusted authorities{why}: install ca-certificates, set SSL_CERT_FILE, or name some with ca in a TLS profile"
        )));
    }
    Ok(roots)
}

fn compile(
    verifier: Arc<dyn ServerCertVerifier>,
    (least, most): (MinVersion, MaxVersion),
    pair: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(least, most))
        .map_err(|error| TlsError(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match pair {
        Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The usual verification; besides, a certificate that `ca` holds itself is taken, as other programs do: servers inside
/// a house often have one that signed itself, with the mark of an authority, which webpki alone refuses.
#[derive(Debug)]
struct Trust {
    usual: Arc<WebPkiServerVerifier>,
    exactly: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn new(ca: Option<&Authorities>) -> Result<Trust, TlsError> {
        let (roots, exactly) = match ca {
            Some((roots, all)) => (roots.clone(), all.clone()),
            None => (system_roots()?, Vec::new()),
        };
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TlsError(error.to_string()))?;
        Ok(Trust { usual, exactly })
    }

    fn is_the_one(
        &self,
        end_entity: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, Error> {
        if !self
            .exactly
            .iter()
            .any(|c| c.as_ref() == end_entity.as_ref())
        {
            return Ok(false);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match Facts::read(end_entity) {
            Some(facts) if facts.not_after < now => Err(CertificateError::Expired.into()),
            Some(facts) if facts.not_before > now => Err(CertificateError::NotValidYet.into()),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self
            .usual
            .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match usual {
            Err(Error::InvalidCertificate(
                CertificateError::Other(_) | CertificateError::UnknownIssuer,
            )) if self.is_the_one(end_entity, name, now)? => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Takes any certificate, for profiles that say `verify = false`. The other side still has to have its key.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
