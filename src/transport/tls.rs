//! TLS on both sides: profiles compiled from the settings, handshakes, and the words for what goes wrong.
//!
//! rustls with aws-lc; TLS 1.2 and 1.3 only, forward secrecy always (spec/reliability.md 15). What a profile is made of is
//! read and compiled when a configuration is loaded; a [`TlsSet`] never changes afterwards. A reload builds the next set
//! and takes over every profile whose files and settings are the same, so that tickets, resumption and pooled connections
//! outlive it; new handshakes use the new set, open connections stay as they are.
//!
//! Others that need TLS to a server (WSDL, tokens, health checks) ask the set for a [`ClientTls`] and [`dial`], or
//! call [`ClientTls::connect`] over a stream of their own.

mod accept;
mod certificate;
mod client;
mod der;
mod dial;
pub mod keystore;
mod material;
mod reason;
mod server;
mod set;
mod store;

pub use accept::{Greeted, greet};
pub use certificate::Facts;
pub use client::ClientTls;
pub use dial::{Duplex, Stream, dial};
pub use material::{Material, Place, Problem, ProblemKind};
pub use reason::{TlsError, rejected};
pub use server::ServerTls;
pub use set::{Profile, TlsSet};

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

use crate::settings::{MaxVersion, MinVersion};

/// The one protocol that is spoken inside TLS so far (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The cryptography of both sides.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    PROVIDER.clone()
}

/// The versions between two, both included.
fn versions(
    least: MinVersion,
    most: MaxVersion,
) -> &'static [&'static rustls::SupportedProtocolVersion] {
    const TLS12_ALONE: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const TLS13_ALONE: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match (least, most) {
        (MinVersion::Tls12, MaxVersion::Tls13) => rustls::ALL_VERSIONS,
        (MinVersion::Tls12, MaxVersion::Tls12) => TLS12_ALONE,
        (MinVersion::Tls13, MaxVersion::Tls13) => TLS13_ALONE,
        (MinVersion::Tls13, MaxVersion::Tls12) => &[],
    }
}

/// Name of a negotiated version in access lines.
pub(super) fn version_name(version: Option<rustls::ProtocolVersion>) -> &'static str {
    match version {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    }
}
