//! What a `gateway-config.xml` says, with the place of every value.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::jaas::UsersDef;
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
    /// The roles that a client needs, all of them; `*` for whoever can log in.
    pub roles: Vec<Spanned<String>>,
    /// The first `authorization-constraint`.
    pub constraint: Option<Span>,
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
    /// `description`: what people are shown who are asked for a password.
    pub description: Option<String>,
    /// The challenge is `Application ...`: for the client program, not for the browser around it.
    pub application: bool,
    /// Its login modules, in order.
    pub modules: Vec<LoginModuleDef>,
    /// Why it cannot protect anything in this version: the first reason.
    pub unsupported: Option<Spanned<String>>,
}

/// One `login-module` of the type `file`.
#[derive(Clone, Debug)]
pub struct LoginModuleDef {
    /// How its success counts among those of the others.
    pub success: Success,
    /// The file with the users.
    pub file: Option<Spanned<String>>,
    /// The users, when the file could be read.
    pub users: Option<Arc<UsersDef>>,
}

/// How the success of a login module counts (JAAS, `javax.security.auth.login.Configuration`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// It has to succeed; the others are asked all the same.
    Required,
    /// It has to succeed; when it fails nobody else is asked.
    Requisite,
    /// When it succeeds nobody else is asked.
    Sufficient,
    /// It need not succeed.
    Optional,
}

impl SecurityDef {
    /// The realm of that name.
    pub fn realm(&self, name: &str) -> Option<&RealmDef> {
        self.realms.iter().find(|realm| realm.name.value == name)
    }
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
    /// A file that `security` names: an absolute path as it is, others as the original looks for them.
    pub fn conf_file(&self, name: &str) -> PathBuf {
        let path = Path::new(name);
        match path.is_absolute() && path.exists() {
            true => path.to_owned(),
            false => self.file(&["conf"], name),
        }
    }

    /// The files of its login modules, whether they are there or not.
    pub fn users_files(&self) -> impl Iterator<Item = PathBuf> {
        let modules = self.security.realms.iter().flat_map(|realm| &realm.modules);
        let files = modules.filter_map(|module| module.file.as_ref());
        files.map(|file| self.conf_file(&file.value))
    }

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
