//! What only the whole file shows: the rules that are checked at the start (spec/kaazing.md 4.6 and 7), in every namespace.
//!
//! The texts are those that users know and look up; the places of both URIs are added.

use std::collections::HashMap;

use super::meant;
use super::model::{GatewayDef, ServiceDef};
use super::protection::{Clients, Protection};
use super::uri::{Layer, Uri};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};

/// Type name of the balancer.
const BALANCER: &str = "balancer";

/// Runs every rule.
pub(super) fn run(def: &GatewayDef, diagnostics: &mut Diagnostics) {
    let mut check = Check { def, diagnostics };
    check.some_service();
    check.unique_names();
    check.each_uri_once();
    check.one_protection_per_address();
    check.balancers();
    check.keystore();
    check.truststore();
    check.realms();
}

struct Check<'a> {
    def: &'a GatewayDef,
    diagnostics: &'a mut Diagnostics,
}

impl Check<'_> {
    /// An error at one place that has to do with another one.
    fn error(
        &mut self,
        code: DiagnosticCode,
        at: Span,
        other: Option<Span>,
        message: String,
        help: &str,
    ) {
        self.diagnostics.error_help(code, at, message, help);
        if let Some(other) = other {
            self.diagnostics.related(at, other);
        }
    }

    fn some_service(&mut self) {
        if self.def.services.is_empty() {
            let message = "a gateway-config without a service serves nothing";
            let code = DiagnosticCode::NoEffect;
            let help = "add a service";
            self.diagnostics.warn(code, self.def.span, message, help);
        }
    }

    fn unique_names(&mut self) {
        let mut names: HashMap<&str, Span> = HashMap::new();
        for service in &self.def.services {
            let name = &service.name;
            match names.get(name.value.as_str()).copied() {
                Some(first) => self.error(
                    DiagnosticCode::DuplicateName,
                    name.span,
                    Some(first),
                    format!(
                        "Service name must be unique. More than one service named '{}'",
                        name.value
                    ),
                    "rename one of the two",
                ),
                None => {
                    names.insert(&name.value, name.span);
                }
            }
        }
    }

    fn each_uri_once(&mut self) {
        let mut seen: HashMap<String, &Spanned<Uri>> = HashMap::new();
        for service in &self.def.services {
            for accept in &service.accepts {
                let uri = &accept.value;
                let key = format!("{}://{}{}", uri.scheme, uri.authority(), uri.path_or_root());
                match seen.get(&key) {
                    Some(first) => {
                        let first = first.span;
                        self.error(
                            DiagnosticCode::AcceptedTwice,
                            accept.span,
                            Some(first),
                            format!("Tried to bind address {uri}, which is accepted already"),
                            "give one of the two another path, host or port",
                        );
                    }
                    None => {
                        seen.insert(key, accept);
                    }
                }
            }
        }
    }

    /// A clear scheme and one inside TLS cannot share an address.
    fn one_protection_per_address(&mut self) {
        let mut seen: HashMap<String, (Option<Protection>, Span)> = HashMap::new();
        for service in &self.def.services {
            for accept in &service.accepts {
                let (host, port) = address(service, &accept.value);
                let options = &service.accept_options;
                let secure = accept.value.is_secure() && options.encryption != Some(false);
                let secure = secure.then(|| options.protection());
                let at = options
                    .bind(&accept.value.scheme)
                    .map_or(accept.span, |b| b.span);
                let key = format!("{host}:{port}");
                match seen.get(&key).copied() {
                    Some((Some(other), first)) if secure.is_some_and(|own| own != other) => self.error(
                        DiagnosticCode::AddressClash,
                        at,
                        Some(first),
                        format!("{key} is used with two kinds of verify-client or protocols"),
                        "give both services the same ones, or different ports",
                    ),
                    Some((other, first)) if other != secure => self.error(
                        DiagnosticCode::AddressClash,
                        at,
                        Some(first),
                        format!("Address already in use: {key} is used in clear and inside TLS (Host is configured as a secure port)"),
                        "give the clear and the TLS URIs different ports",
                    ),
                    Some(_) => {}
                    None => {
                        seen.insert(key, (secure, at));
                    }
                }
            }
        }
    }

    fn balancers(&mut self) {
        let services = &self.def.services;
        let is_balancer = |service: &&ServiceDef| service.kind.value == BALANCER;
        for balancer in services.iter().filter(is_balancer) {
            self.balancer(balancer);
        }
        let public: Vec<_> = services
            .iter()
            .filter(is_balancer)
            .flat_map(|service| &service.accepts)
            .collect();
        for service in services {
            for balance in &service.balances {
                self.balance(service, balance, &public);
            }
        }
    }

    /// Every accept of a balancer has somebody to send clients to.
    fn balancer(&mut self, balancer: &ServiceDef) {
        for accept in &balancer.accepts {
            if accept.value.layer() != Layer::WebSocket {
                self.error(
                    DiagnosticCode::GatewayUri,
                    accept.span,
                    None,
                    format!("Invalid protocol in the balancer: {}", accept.value),
                    "a balancer accepts ws:// and wss:// URIs",
                );
                continue;
            }
            let balances = self.def.services.iter().flat_map(|s| &s.balances);
            let found = balances.clone().any(|b| b.value.is_same(&accept.value));
            if !found {
                let nearest = balances
                    .filter(|b| b.value.host == accept.value.host)
                    .map(|b| b.span)
                    .next();
                self.error(
                    DiagnosticCode::OrphanedBalancer,
                    accept.span,
                    nearest,
                    format!("Detected orphaned balancer accept URI: {}, no balance URIs in the configuration file point to this balancer service. Unable to launch the Gateway.", accept.value),
                    "add a balance element with exactly this URI to the services that share the load",
                );
            }
        }
    }

    /// A `balance` names a balancer of this file, and is like an accept of its own service but for the host.
    fn balance(&mut self, service: &ServiceDef, balance: &Spanned<Uri>, public: &[&Spanned<Uri>]) {
        let uri = &balance.value;
        if !public.iter().any(|accept| accept.value.is_same(uri)) {
            let texts: Vec<_> = public
                .iter()
                .map(|accept| accept.value.to_string())
                .collect();
            let help = match texts.is_empty() {
                true => "add a service of type balancer that accepts this URI".to_owned(),
                false => meant(&uri.to_string(), texts.iter().map(String::as_str)),
            };
            let nearest = public.iter().find(|a| a.value.scheme == uri.scheme);
            self.error(
                DiagnosticCode::NoBalancer,
                balance.span,
                nearest.map(|accept| accept.span),
                format!("balance URI: {uri} does not point to a balancer service's accept URI in the configuration file, unable to launch the Gateway"),
                &help,
            );
        }
        let matches = |accept: &&Spanned<Uri>| accept.value.matches_but_host(uri);
        if service.accepts.iter().any(|accept| matches(&accept)) {
            return;
        }
        let same_scheme = service
            .accepts
            .iter()
            .find(|a| a.value.scheme == uri.scheme);
        if let Some(accept) = same_scheme.or(service.accepts.first()) {
            self.error(
                DiagnosticCode::BalanceMismatch,
                balance.span,
                Some(accept.span),
                format!("Accept URI: {} does not match balance URI: {uri} in all but hostname. Unable to launch Gateway", accept.value),
                "the balance and accept URIs of a service must have the same scheme, port and path",
            );
        }
    }

    fn keystore(&mut self) {
        if self.def.security.keystore.is_some() {
            return;
        }
        for service in &self.def.services {
            let clear = service.accept_options.encryption == Some(false);
            let secure = service.accepts.iter().find(|a| a.value.is_secure());
            if let Some(accept) = secure.filter(|_| !clear) {
                self.error(
                    DiagnosticCode::NoKeystore,
                    accept.span,
                    None,
                    format!("{} needs a certificate and there is no keystore", accept.value),
                    "add <security><keystore><type>JCEKS</type><file>keystore.db</file><password-file>keystore.pw</password-file></keystore></security>",
                );
            }
        }
    }

    /// Clients are known by the truststore.
    fn truststore(&mut self) {
        if self.def.security.truststore.is_some() {
            return;
        }
        for service in &self.def.services {
            let options = &service.accept_options;
            let asked = options.clients.as_ref();
            if let Some(asked) = asked.filter(|c| c.value != Clients::None) {
                self.error(
                    DiagnosticCode::Keystore,
                    asked.span,
                    None,
                    "clients are to show a certificate and there is no truststore that says whose"
                        .to_owned(),
                    "add <security><truststore><file>truststore.db</file></truststore></security> with the authorities that sign clients",
                );
            }
        }
    }

    /// Nobody who speaks no HTTP can be asked who he is.
    fn streams(&mut self, service: &ServiceDef) {
        let mut accepts = service.accepts.iter();
        let stream = accepts.find(|a| a.value.layer() == Layer::Stream);
        if let (Some(stream), Some(_)) = (stream, &service.realm) {
            let code = DiagnosticCode::OpenService;
            let message = format!("clients of {} are not asked who they are", stream.value);
            let help = "ssl:// with ssl.verify-client required asks them for a certificate";
            self.diagnostics.warn(code, stream.span, message, help);
        }
    }

    fn realms(&mut self) {
        let realms = &self.def.security.realms;
        for service in &self.def.services {
            let names = realms.iter().map(|realm| realm.name.value.as_str());
            match &service.realm {
                Some(realm) if !names.clone().any(|name| name == realm.value) => {
                    let help = match realms.is_empty() {
                        true => "define it with a realm in security".to_owned(),
                        false => meant(&realm.value, names),
                    };
                    let message = format!("Unrecognized realm name {}", realm.value);
                    let code = DiagnosticCode::UnknownRealm;
                    self.error(code, realm.span, None, message, &help);
                }
                Some(realm) if service.roles.is_empty() => {
                    let code = DiagnosticCode::RealmWithoutRoles;
                    let message = format!(
                        "{} has a realm-name and no authorization-constraint: every user of the realm may use it",
                        service.name.value
                    );
                    let row = code.row();
                    self.diagnostics.warn(code, realm.span, message, row.help);
                }
                None => {
                    if let Some(constraint) = service.constraint {
                        let row = DiagnosticCode::OpenService.row();
                        let message = format!(
                            "{} has an authorization-constraint and no realm-name: every client may use it",
                            service.name.value
                        );
                        self.diagnostics
                            .warn(row.code, constraint, message, row.help);
                    }
                }
                Some(_) => {}
            }
            self.streams(service);
        }
    }
}

/// Where a service listens for a URI, as far as the file says it.
fn address(service: &ServiceDef, accept: &Uri) -> (String, u16) {
    match service.accept_options.bind(&accept.scheme) {
        Some(bind) => (
            bind.value.host.clone().unwrap_or_else(|| "*".to_owned()),
            bind.value.port,
        ),
        None => (accept.host.clone(), accept.port_or_default()),
    }
}
