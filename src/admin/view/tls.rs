//! What `GET /api/v1/tls` shows.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/tls`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TlsView {
    /// When files were read last, whatever came of it.
    pub last_reload_at: String,
    /// Why the last load was refused, while that is so: older certificates go on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// Handshakes of clients that came to nothing.
    pub handshakes_failed: u64,
    /// The profiles, by name.
    pub profiles: Vec<TlsProfileView>,
}

/// One profile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TlsProfileView {
    /// Its name.
    pub name: String,
    /// Since when it is as it is.
    pub loaded_at: String,
    /// When the first of its certificates ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<String>,
    /// The same as a countdown; below 0 it is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_in_s: Option<i64>,
    /// Whether listeners ask clients for a certificate: `none`, `optional`, `required`.
    pub client: String,
    /// Whether servers are verified.
    pub verify: bool,
    /// Its certificates, each with what leads to its authority.
    pub chains: Vec<Vec<CertificateView>>,
    /// Listeners that use it.
    pub listeners: Vec<String>,
    /// Endpoints that use it.
    pub endpoints: Vec<String>,
}

/// One certificate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CertificateView {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Serial number, in hexadecimal digits.
    pub serial: String,
    /// First moment.
    pub not_before: String,
    /// Last moment.
    pub not_after: String,
    /// DNS names and addresses.
    pub names: Vec<String>,
}
