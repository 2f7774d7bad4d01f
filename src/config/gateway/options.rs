//! `accept-options` and `connect-options` (spec/kaazing.md 2.4): one row per option.

use std::time::Duration;

use super::meant;
use super::protection::{Clients, Protection, Versions};
use super::uri::SCHEMES;
use super::value::{Bind, count, data_size, duration, switch};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// How clients are accepted.
pub type AcceptOptions = Options;
/// How back ends are connected to.
pub type ConnectOptions = Options;

/// The options of one side of a service.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to listen in place of the accept URI, by scheme.
    pub binds: Vec<(String, Spanned<Bind>)>,
    /// Largest WebSocket message, in bytes.
    pub maximum_message: Option<u64>,
    /// A WebSocket that is silent for so long is closed; zero: never.
    pub inactivity: Option<Duration>,
    /// Answers say `Server`.
    pub server_header: Option<bool>,
    /// TLS is spoken; `false`: somebody in front has taken it off.
    pub encryption: Option<bool>,
    /// Whether clients show a certificate.
    pub clients: Option<Spanned<Clients>>,
    /// Versions of TLS that are spoken.
    pub versions: Option<Versions>,
    /// What was asked for and is not run by this version.
    pub unsupported: Vec<Spanned<String>>,
}

impl Options {
    /// These, with others for what they leave open.
    pub fn or(mut self, others: &Options) -> Options {
        for (scheme, bind) in &others.binds {
            if !self.binds.iter().any(|(own, _)| own == scheme) {
                self.binds.push((scheme.clone(), bind.clone()));
            }
        }
        self.unsupported.extend(others.unsupported.iter().cloned());
        Options {
            maximum_message: self.maximum_message.or(others.maximum_message),
            inactivity: self.inactivity.or(others.inactivity),
            server_header: self.server_header.or(others.server_header),
            encryption: self.encryption.or(others.encryption),
            clients: self.clients.or_else(|| others.clients.clone()),
            versions: self.versions.or(others.versions),
            ..self
        }
    }

    /// How an address is protected, where TLS is spoken.
    pub fn protection(&self) -> Protection {
        Protection {
            clients: self.clients.as_ref().map_or(Clients::None, |c| c.value),
            versions: self.versions.unwrap_or_default(),
        }
    }

    /// Where to listen for a scheme, when an option says so.
    pub fn bind(&self, scheme: &str) -> Option<&Spanned<Bind>> {
        let layers = SCHEMES.iter().find(|row| row.name == scheme)?.binds;
        let of = |layer: &&str| self.binds.iter().find(|(own, _)| own == layer);
        layers.iter().find_map(of).map(|(_, bind)| bind)
    }
}

/// Which side an option may stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `accept-options`.
    Accept,
    /// `connect-options`.
    Connect,
}

/// What becomes of an option.
enum Use {
    /// It is read.
    Read(fn(&mut Options, &Spanned<String>) -> Result<(), String>),
    /// It is read; `false`: only in part, for the reason given.
    ReadInPart(
        fn(&mut Options, &Spanned<String>) -> Result<bool, String>,
        &'static str,
    ),
    /// It is judged, and has no effect for the reason given.
    Idle(fn(&str) -> Result<(), String>, &'static str),
    /// The service that it stands in is not served by this version.
    Later,
}

/// One option.
struct OptionRow {
    name: &'static str,
    sides: &'static [Side],
    of: Use,
}

const BOTH: &[Side] = &[Side::Accept, Side::Connect];
const ACCEPT: &[Side] = &[Side::Accept];
const CONNECT: &[Side] = &[Side::Connect];

const fn row(name: &'static str, sides: &'static [Side], of: Use) -> OptionRow {
    OptionRow { name, sides, of }
}

fn text(_: &str) -> Result<(), String> {
    Ok(())
}

fn read_duration(text: &str) -> Result<(), String> {
    duration(text).map(drop)
}

fn read_count(text: &str) -> Result<(), String> {
    count(text).map(drop)
}

fn read_switch(text: &str) -> Result<(), String> {
    switch(text).map(drop)
}

fn encryption(options: &mut Options, text: &Spanned<String>) -> Result<(), String> {
    options.encryption = Some(switch(&text.value)?);
    Ok(())
}

fn verify_client(options: &mut Options, text: &Spanned<String>) -> Result<(), String> {
    let clients = Clients::parse(&text.value)?;
    options.clients = Some(Spanned::new(clients, text.span));
    Ok(())
}

fn protocols(options: &mut Options, text: &Spanned<String>) -> Result<bool, String> {
    let (versions, old) = Versions::parse(&text.value)?;
    options.versions = Some(versions);
    Ok(!old)
}

const SUITES: &str =
    "axon offers the suites of TLS 1.2 and 1.3 that have forward secrecy, and no others";
const VERSIONS: &str = "axon speaks TLS 1.2 and 1.3, and no older version";
const IDLE_TIME: &str = "idle connections are closed after [timers] client_idle_ms of axon.toml";
const REDIRECTS: &str = "redirects of a back end are passed on to the client";
const POOL: &str = "axon keeps connections to back ends by its own rules";

/// Every option but those that say where to listen.
const OPTIONS: &[OptionRow] = &[
    row(
        "ws.maximum.message.size",
        ACCEPT,
        Use::Read(|options, text| {
            options.maximum_message = Some(data_size(&text.value)?);
            Ok(())
        }),
    ),
    row(
        "ws.inactivity.timeout",
        BOTH,
        Use::Read(|options, text| {
            options.inactivity = Some(duration(&text.value)?);
            Ok(())
        }),
    ),
    row(
        "ws.version",
        CONNECT,
        Use::Idle(text, "axon speaks RFC 6455 to back ends"),
    ),
    row("http.keepalive", CONNECT, Use::Idle(read_switch, POOL)),
    row(
        "http.keepalive.connections",
        CONNECT,
        Use::Idle(read_count, POOL),
    ),
    row(
        "http.keepalive.timeout",
        BOTH,
        Use::Idle(read_duration, IDLE_TIME),
    ),
    row(
        "http.maximum.redirects",
        BOTH,
        Use::Idle(read_count, REDIRECTS),
    ),
    row("http.max.authentication.attempts", ACCEPT, Use::Later),
    row("http.realm", ACCEPT, Use::Later),
    row(
        "http.server.header",
        ACCEPT,
        Use::Read(|options, text| {
            options.server_header = Some(switch(&text.value)?);
            Ok(())
        }),
    ),
    row("ssl.ciphers", BOTH, Use::Idle(text, SUITES)),
    row("tls.ciphers", BOTH, Use::Idle(text, SUITES)),
    row("ssl.protocols", BOTH, Use::ReadInPart(protocols, VERSIONS)),
    row("tls.protocols", BOTH, Use::ReadInPart(protocols, VERSIONS)),
    row("ssl.encryption", BOTH, Use::Read(encryption)),
    row("tls.encryption", BOTH, Use::Read(encryption)),
    row("ssl.verify-client", ACCEPT, Use::Read(verify_client)),
    row("tls.verify-client", ACCEPT, Use::Read(verify_client)),
    row("udp.interface", BOTH, Use::Later),
    row("tcp.maximum.outbound.rate", ACCEPT, Use::Later),
    row("pipe.transport", BOTH, Use::Later),
    row("tcp.transport", BOTH, Use::Later),
    row("udp.transport", BOTH, Use::Later),
    row("ssl.transport", BOTH, Use::Later),
    row("tls.transport", BOTH, Use::Later),
    row("http.transport", BOTH, Use::Later),
    row("socks.mode", BOTH, Use::Later),
    row("socks.timeout", BOTH, Use::Later),
    row("socks.retry.maximum.interval", BOTH, Use::Later),
    row("socks.ssl.ciphers", BOTH, Use::Later),
    row("socks.ssl.protocols", BOTH, Use::Later),
    row("socks.ssl.verify-client", BOTH, Use::Later),
];

/// Schemes that have an option `SCHEME.bind`.
const BINDS: &[&str] = &[
    "ws.bind",
    "wss.bind",
    "http.bind",
    "https.bind",
    "ssl.bind",
    "tls.bind",
    "tcp.bind",
    "udp.bind",
    "socks.bind",
];

/// Reads the options of one side.
pub(super) fn parse(element: &Element, side: Side, diagnostics: &mut Diagnostics) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<&str> = Vec::new();
    for child in element.elements() {
        let name = child.name.as_str();
        if child.namespace != element.namespace {
            unknown(element, child, side, diagnostics);
            continue;
        }
        if seen.contains(&name) {
            let code = DiagnosticCode::DuplicateElement;
            let message = format!("{name} is given twice");
            diagnostics.error_help(code, child.name_span, message, "keep one of them");
            continue;
        }
        seen.push(name);
        let value = child.text_spanned();
        if BINDS.contains(&name) {
            bind(&mut options, name, &value, diagnostics);
            continue;
        }
        match OPTIONS.iter().find(|row| row.name == name) {
            Some(row) if row.sides.contains(&side) => {
                take(row, child, &value, &mut options, diagnostics)
            }
            Some(_) => {
                let code = DiagnosticCode::UnknownElement;
                let (message, help) = match side {
                    Side::Accept => (
                        format!("{name} is no accept-option"),
                        "write it into connect-options",
                    ),
                    Side::Connect => (
                        format!("{name} is no connect-option"),
                        "write it into accept-options",
                    ),
                };
                diagnostics.error_help(code, child.name_span, message, help);
            }
            None => unknown(element, child, side, diagnostics),
        }
    }
    options
}

fn take(
    row: &OptionRow,
    child: &Element,
    value: &Spanned<String>,
    options: &mut Options,
    diagnostics: &mut Diagnostics,
) {
    let name = row.name;
    let judged = match &row.of {
        Use::Read(read) => read(options, value),
        Use::ReadInPart(read, why) => read(options, value).map(|whole| {
            if !whole {
                let code = DiagnosticCode::NoEffect;
                let message = format!("{name} is kept in part");
                diagnostics.warn(code, value.span, message, *why);
            }
        }),
        Use::Idle(judge, why) => {
            let code = DiagnosticCode::NoEffect;
            let message = format!("{name} has no effect");
            diagnostics.warn(code, child.name_span, message, *why);
            judge(&value.value)
        }
        Use::Later => {
            later(&mut options.unsupported, name, child, diagnostics);
            Ok(())
        }
    };
    if let Err(message) = judged {
        let code = DiagnosticCode::GatewayValue;
        diagnostics.error_help(
            code,
            value.span,
            format!("{name}: {message}"),
            code.row().help,
        );
    }
}

/// Notes that the service needs what this version has not.
pub(super) fn later(
    into: &mut Vec<Spanned<String>>,
    what: &str,
    element: &Element,
    diagnostics: &mut Diagnostics,
) {
    let message = format!("{what} is not supported yet");
    diagnostics.unsupported(
        DiagnosticCode::NotSupportedYet,
        element.name_span,
        message.clone(),
        "the service answers 501 until then; without this element it is served",
    );
    into.push(Spanned::new(message, element.name_span));
}

fn bind(options: &mut Options, name: &str, value: &Spanned<String>, diagnostics: &mut Diagnostics) {
    let scheme = name.trim_end_matches(".bind");
    match Bind::parse(&value.value) {
        Ok(bind) => options
            .binds
            .push((scheme.to_owned(), Spanned::new(bind, value.span))),
        Err(message) => {
            let code = DiagnosticCode::GatewayValue;
            let help = "write port, host:port, [ip6]:port or @interface:port";
            diagnostics.error_help(code, value.span, format!("{name}: {message}"), help);
        }
    }
}

fn unknown(parent: &Element, child: &Element, side: Side, diagnostics: &mut Diagnostics) {
    let names = OPTIONS.iter().filter(|row| row.sides.contains(&side));
    let names: Vec<_> = names
        .map(|row| row.name)
        .chain(BINDS.iter().copied())
        .collect();
    let message = format!("{} may not stand in {}", child.name, parent.name);
    let help = meant(&child.name, names.iter().copied());
    let code = DiagnosticCode::UnknownElement;
    diagnostics.error_help(code, child.name_span, message, help);
}
