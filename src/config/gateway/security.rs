//! The element `security`: keystore, truststore and realms (spec/kaazing.md 2.2).

use super::children::{Order, Row, read};
use super::meant;
use super::model::{LoginModuleDef, RealmDef, SecurityDef, StoreDef};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Spanned;
use crate::config::xml::{Element, Node};

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

const SUCCESSES: &[&str] = &["required", "requisite", "sufficient", "optional"];

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
    let (mut challenge, mut modules) = (None, Vec::new());
    if let Some(element) = children.one("authentication") {
        let children = read(element, AUTHENTICATION_ROWS, Order::Fixed, diagnostics);
        challenge = children
            .one("http-challenge-scheme")
            .map(Element::text_spanned);
        if let Some(scheme) = &challenge
            && !CHALLENGES.contains(&scheme.value.as_str())
        {
            one_of(scheme, "a challenge scheme", CHALLENGES, diagnostics);
        }
        if let Some(element) = children.one("login-modules") {
            let rows = [Row::any("login-module")];
            let all = read(element, &rows, Order::Free, diagnostics);
            let list = all.all("login-module");
            modules = list.filter_map(|e| login_module(e, diagnostics)).collect();
        }
    }
    Some(RealmDef {
        name: name?,
        challenge,
        modules,
    })
}

fn login_module(element: &Element, diagnostics: &mut Diagnostics) -> Option<LoginModuleDef> {
    let rows = [Row::must("type"), Row::must("success"), Row::one("options")];
    let children = read(element, &rows, Order::Fixed, diagnostics);
    let success = children.one("success").map(Element::text_spanned);
    if let Some(success) = &success
        && !SUCCESSES.contains(&success.value.as_str())
    {
        one_of(success, "a success mode", SUCCESSES, diagnostics);
    }
    let options = children.one("options").map(|options| {
        let of = |node: &Node| match node {
            Node::Element(option) => Some((option.name.clone(), option.text_spanned())),
            Node::Text(_) => None,
        };
        options.children.iter().filter_map(of).collect()
    });
    Some(LoginModuleDef {
        kind: children.one("type")?.text_spanned(),
        success: success?.value,
        options: options.unwrap_or_default(),
    })
}

fn one_of(
    value: &Spanned<String>,
    what: &str,
    words: &[&'static str],
    diagnostics: &mut Diagnostics,
) {
    let message = format!("{} is not {what}", value.value);
    let help = meant(&value.value, words.iter().copied());
    let code = DiagnosticCode::GatewayValue;
    diagnostics.error_help(code, value.span, message, help);
}
