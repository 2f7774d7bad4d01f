//! What a `gateway-config.xml` says, with the place of every value.

use std::path::PathBuf;
use std::time::Duration;

use super::options::{AcceptOptions, ConnectOptions};
use super::uri::Uri;
use crate::config::source::{Span, Spanned};
use crate::config::xml::Element;

/// A whole file.
#[derive(Clone, Debug)]
pub struct GatewayDef {
    /// The namespace that it is written in.
    pub namespace: String,
    /// Its root element.
    pub span: Span,
    /// `GATEWAY_HOME`: where relative file names begin.
    pub home: PathBuf,
    /// The file's own folder.
    pub folder: PathBuf,
    /// Media types by extension, of `service-defaults`.
    pub mime: Vec<MimeMapping>,
    /// The services in document order.
    pub services: Vec<ServiceDef>,
    /// Keystore, truststore, realms.
    pub security: SecurityDef,
    /// The cluster that this member belongs to.
    pub cluster: Option<ClusterDef>,
}

/// One `service`. Its options are its own with `service-defaults` behind them.
#[derive(Clone, Debug)]
pub struct ServiceDef {
    /// Name, for people and for the administration.
    pub name: Spanned<String>,
    /// The element.
    pub span: Span,
    /// What kind of service it is.
    pub kind: Spanned<String>,
    /// The URIs that clients use.
    pub accepts: Vec<Spanned<Uri>>,
    /// The back ends.
    pub connects: Vec<Spanned<Uri>>,
    /// The public URIs of the balancers that send clients here.
    pub balances: Vec<Spanned<Uri>>,
    /// The element `properties`.
    pub properties: Option<Element>,
    /// How clients are accepted.
    pub accept_options: AcceptOptions,
    /// How back ends are connected to.
    pub connect_options: ConnectOptions,
    /// The realm that clients log in to.
    pub realm: Option<Spanned<String>>,
    /// The roles that a client needs.
    pub roles: Vec<Spanned<String>>,
    /// Media types by extension, of the service.
    pub mime: Vec<MimeMapping>,
    /// Which pages of other origins may use it.
    pub constraints: Vec<ConstraintDef>,
    /// Why it is not served by this version: the first reason.
    pub unsupported: Option<Spanned<String>>,
}

/// One `mime-mapping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MimeMapping {
    /// Extension, without the dot, in lower case.
    pub extension: String,
    /// Media type.
    pub media_type: String,
}

/// One `cross-site-constraint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintDef {
    /// The pages that it is for; `None` for `*`.
    pub origin: Option<Origin>,
    /// `allow-methods` as written.
    pub methods: Option<Spanned<String>>,
    /// `allow-headers` as written.
    pub headers: Option<Spanned<String>>,
    /// For how long a browser may remember it.
    pub maximum_age: Option<Duration>,
    /// The `allow-origin`.
    pub span: Span,
}

/// Scheme, host in lower case, and port of a web page (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Scheme in lower case.
    pub scheme: String,
    /// Host in lower case, IPv6 in brackets.
    pub host: String,
    /// Port, that of the scheme when none was written.
    pub port: u16,
}

/// The element `security`.
#[derive(Clone, Debug, Default)]
pub struct SecurityDef {
    /// Certificates and keys of this gateway.
    pub keystore: Option<StoreDef>,
    /// Authorities that are trusted.
    pub truststore: Option<StoreDef>,
    /// Realms.
    pub realms: Vec<RealmDef>,
}

/// `keystore` or `truststore`.
#[derive(Clone, Debug)]
pub struct StoreDef {
    /// `JKS`, `JCEKS` or `PKCS12`; `None`: whatever the file is.
    pub kind: Option<Spanned<String>>,
    /// The file.
    pub file: Spanned<String>,
    /// The file that holds its password.
    pub password_file: Option<Spanned<String>>,
}

/// One `realm`.
#[derive(Clone, Debug)]
pub struct RealmDef {
    /// Its name.
    pub name: Spanned<String>,
    /// `http-challenge-scheme`, as written.
    pub challenge: Option<Spanned<String>>,
    /// Types of its login modules, in order.
    pub modules: Vec<LoginModuleDef>,
}

/// One `login-module`.
#[derive(Clone, Debug)]
pub struct LoginModuleDef {
    /// `file`, `ldap`, `class:NAME` ...
    pub kind: Spanned<String>,
    /// `required`, `requisite`, `sufficient` or `optional`.
    pub success: String,
    /// Its options: name and value.
    pub options: Vec<(String, Spanned<String>)>,
}

/// The element `cluster`.
#[derive(Clone, Debug)]
pub struct ClusterDef {
    /// Members of other names do not join.
    pub name: Spanned<String>,
    /// The element.
    pub span: Span,
    /// Where this member is reached by others.
    pub accepts: Vec<Spanned<Uri>>,
    /// Where other members are.
    pub connects: Vec<Spanned<Uri>>,
}

impl GatewayDef {
    /// The file that a name means, as the original looks for it: below one of these folders of `GATEWAY_HOME`, beside
    /// the configuration, or where the process runs. The first place when it is nowhere.
    pub fn file(&self, below: &[&str], name: &str) -> PathBuf {
        let name = name.trim_start_matches('/');
        let mut places: Vec<_> = below.iter().map(|b| self.home.join(b).join(name)).collect();
        places.push(self.folder.join(name));
        let found = places.iter().find(|place| place.exists()).cloned();
        found.unwrap_or_else(|| places.swap_remove(0))
    }
}

impl ServiceDef {
    /// What the service cannot do; the first reason is the one that clients are told.
    pub(super) fn lacks(&mut self, why: Spanned<String>) {
        self.unsupported.get_or_insert(why);
    }
}
