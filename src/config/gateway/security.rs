//! The element `security`: keystore, truststore and realms (spec/kaazing.md 2.2).

use super::children::{Order, Row, read};
use super::meant;
use super::model::{LoginModuleDef, RealmDef, SecurityDef, StoreDef, Success};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::config::xml::Element;

const STORE_ROWS: &[Row] = &[
    Row::one("type"),
    Row::must("file"),
    Row::one("password-file"),
];

const STORE_TYPES: &[&str] = &["JKS", "JCEKS", "PKCS12", "PEM"];

const REALM_ROWS: &[Row] = &[
    Row::must("name"),
    Row::one("description"),
    Row::any("user-principal-class"),
    Row::one("authentication"),
];

const AUTHENTICATION_ROWS: &[Row] = &[
    Row::one("http-challenge-scheme"),
    Row::any("http-header"),
    Row::any("http-query-parameter"),
    Row::any("http-cookie"),
    Row::one("authorization-mode"),
    Row::one("session-timeout"),
    Row::one("login-modules"),
];

const SUCCESSES: &[(&str, Success)] = &[
    ("required", Success::Required),
    ("requisite", Success::Requisite),
    ("sufficient", Success::Sufficient),
    ("optional", Success::Optional),
];

const MODES: &[&str] = &["challenge", "validate"];

/// The login module whose users are in a file.
const FILE_MODULE: &str = "file";

const CHALLENGES: &[&str] = &[
    "Basic",
    "Negotiate",
    "Application Basic",
    "Application Negotiate",
    "Application Token",
];

/// Reads the element.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> SecurityDef {
    let rows = [
        Row::one("keystore"),
        Row::one("truststore"),
        Row::any("realm"),
    ];
    let children = read(element, &rows, Order::Free, diagnostics);
    let mut store = |name: &str| {
        children
            .one(name)
            .and_then(|element| store(element, diagnostics))
    };
    let (keystore, truststore) = (store("keystore"), store("truststore"));
    let realms: Vec<RealmDef> = children
        .all("realm")
        .filter_map(|element| realm(element, diagnostics))
        .collect();
    for (at, realm) in realms.iter().enumerate() {
        if realms[..at]
            .iter()
            .any(|r| r.name.value == realm.name.value)
        {
            let message = format!("the realm {} is defined twice", realm.name.value);
            let code = DiagnosticCode::DuplicateName;
            diagnostics.error_help(code, realm.name.span, message, "rename one of the two");
        }
    }
    SecurityDef {
        keystore,
        truststore,
        realms,
    }
}

fn store(element: &Element, diagnostics: &mut Diagnostics) -> Option<StoreDef> {
    let children = read(element, STORE_ROWS, Order::Fixed, diagnostics);
    let text = |name: &str| children.one(name).map(Element::text_spanned);
    let kind = text("type");
    if let Some(kind) = &kind
        && !STORE_TYPES.contains(&kind.value.to_ascii_uppercase().as_str())
    {
        one_of(kind, "a keystore type", STORE_TYPES, diagnostics);
    }
    Some(StoreDef {
        kind,
        file: text("file")?,
        password_file: text("password-file"),
    })
}

fn realm(element: &Element, diagnostics: &mut Diagnostics) -> Option<RealmDef> {
    let children = read(element, REALM_ROWS, Order::Fixed, diagnostics);
    let name = children.one("name").map(Element::text_spanned);
    let mut realm = RealmDef {
        name: name?,
        description: children.one("description").map(Element::text),
        application: false,
        modules: Vec::new(),
        unsupported: None,
    };
    if let Some(element) = children.one("authentication") {
        authentication(element, &mut realm, diagnostics);
    }
    if realm.modules.is_empty() && realm.unsupported.is_none() {
        let message = format!(
            "the realm {} has no login-module: nobody can log in",
            realm.name.value
        );
        let help = "add <login-modules><login-module><type>file</type><success>required</success><options><file>jaas-config.xml</file></options></login-module></login-modules> to its authentication";
        let code = DiagnosticCode::Users;
        diagnostics.warn(code, realm.name.span, message, help);
    }
    Some(realm)
}

fn authentication(element: &Element, realm: &mut RealmDef, diagnostics: &mut Diagnostics) {
    let children = read(element, AUTHENTICATION_ROWS, Order::Fixed, diagnostics);
    let text = |name: &str| children.one(name).map(Element::text_spanned);
    if let Some(scheme) = text("http-challenge-scheme") {
        match scheme.value.as_str() {
            "Basic" => {}
            "Application Basic" => realm.application = true,
            known if CHALLENGES.contains(&known) => {
                let what = format!("the challenge scheme {known}");
                let help = "Basic and Application Basic are supported";
                lacks(realm, scheme.span, &what, help, diagnostics);
            }
            _ => one_of(&scheme, "a challenge scheme", CHALLENGES, diagnostics),
        }
    }
    match text("authorization-mode") {
        Some(mode) if mode.value == "validate" => {
            let help = "with challenge, which is the default, clients are asked who they are";
            let what = "the authorization-mode validate";
            lacks(realm, mode.span, what, help, diagnostics);
        }
        Some(mode) if mode.value != "challenge" => {
            one_of(&mode, "an authorization-mode", MODES, diagnostics);
        }
        _ => {}
    }
    if let Some(timeout) = text("session-timeout") {
        let help = "without it a WebSocket stays open for as long as both ends like";
        lacks(realm, timeout.span, "session-timeout", help, diagnostics);
    }
    for name in ["http-header", "http-query-parameter", "http-cookie"] {
        if let Some(custom) = children.one(name) {
            let message = format!("{name} has no effect");
            let help = "it is for login modules of one's own; names and passwords are taken from Authorization";
            let code = DiagnosticCode::NoEffect;
            diagnostics.warn(code, custom.name_span, message, help);
        }
    }
    if let Some(element) = children.one("login-modules") {
        let rows = [Row::any("login-module")];
        let all = read(element, &rows, Order::Free, diagnostics);
        for module in all.all("login-module") {
            if let Some(module) = login_module(module, realm, diagnostics) {
                realm.modules.push(module);
            }
        }
    }
}

/// Notes that the realm asks for what this version has not.
fn lacks(realm: &mut RealmDef, span: Span, what: &str, help: &str, diagnostics: &mut Diagnostics) {
    let message = format!("{what} is not supported yet");
    let help = format!("{help}; services with this realm answer 501");
    let code = DiagnosticCode::NotSupportedYet;
    diagnostics.unsupported(code, span, message.clone(), help);
    realm.unsupported.get_or_insert(Spanned::new(message, span));
}

fn login_module(
    element: &Element,
    realm: &mut RealmDef,
    diagnostics: &mut Diagnostics,
) -> Option<LoginModuleDef> {
    let rows = [Row::must("type"), Row::must("success"), Row::one("options")];
    let children = read(element, &rows, Order::Fixed, diagnostics);
    let success = children.one("success").map(Element::text_spanned)?;
    let known = SUCCESSES.iter().find(|(name, _)| *name == success.value);
    if known.is_none() {
        let names: Vec<_> = SUCCESSES.iter().map(|(name, _)| *name).collect();
        one_of(&success, "a success mode", &names, diagnostics);
        // Without it the others would protect less than was asked for.
        let why = format!("the success mode {} is not known", success.value);
        let why = Spanned::new(why, success.span);
        realm.unsupported.get_or_insert(why);
    }
    let kind = children.one("type")?.text_spanned();
    if kind.value != FILE_MODULE {
        let what = format!("the login module {}", kind.value);
        let help = "the login module file is supported";
        lacks(realm, kind.span, &what, help, diagnostics);
        return None;
    }
    let options = children.one("options");
    let option = |name: &str| {
        let mut all = options?.elements();
        all.find(|option| option.name == name)
            .map(Element::text_spanned)
    };
    // The program reads `file`, parts of the manual write `filename`.
    let file = option("file").or_else(|| option("filename"));
    if file.is_none() {
        let message = "a login module of the type file needs the option file";
        let help = "add <options><file>jaas-config.xml</file></options>";
        let code = DiagnosticCode::MissingElement;
        diagnostics.error_help(code, element.name_span, message, help);
    }
    Some(LoginModuleDef {
        success: known?.1,
        file,
        users: None,
    })
}

fn one_of(value: &Spanned<String>, what: &str, words: &[&str], diagnostics: &mut Diagnostics) {
    let message = format!("{} is not {what}", value.value);
    let help = meant(&value.value, words.iter().copied());
    let code = DiagnosticCode::GatewayValue;
    diagnostics.error_help(code, value.span, message, help);
}
