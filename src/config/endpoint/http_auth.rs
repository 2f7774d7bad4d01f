//! `authentication` of an `http` endpoint: `basicAuth` or `oauth` (spec/endpoints.md 4.4).

use std::time::Duration;

use super::{unsupported, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{AuthDef, EndpointKind, Grant, OAuthDef, Secret};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Most request parameters and header fields of a token request.
const FIELDS_MAX: usize = 64;

/// What was read.
pub(super) enum Auth {
    /// None, or one that this version runs.
    Supported(Option<AuthDef>),
    /// One that it does not.
    Unsupported(Box<EndpointKind>),
}

/// Reads the `authentication` of an endpoint; `None` when an error was reported.
pub(super) fn parse(endpoint: &Element, diagnostics: &mut Diagnostics) -> Option<Auth> {
    let Some(element) = endpoint.child("authentication") else {
        return Some(Auth::Supported(None));
    };
    vocabulary::check(element, &vocabulary::AUTHENTICATION, diagnostics);
    if let Some(basic) = element.child("basicAuth") {
        vocabulary::check(basic, &vocabulary::BASIC_AUTH, diagnostics);
        let user = required(basic, "username", diagnostics);
        let password = required(basic, "password", diagnostics);
        let (user, password) = (user?, password?);
        return Some(match computed([&user, &password], diagnostics) {
            Some(kind) => Auth::Unsupported(Box::new(kind)),
            None => Auth::Supported(Some(AuthDef::Basic {
                user: user.value,
                password: Secret(password.value),
            })),
        });
    }
    if let Some(oauth) = element.child("oauth") {
        return self::oauth(oauth, diagnostics);
    }
    diagnostics.error_help(
        DiagnosticCode::MissingAttribute,
        element.name_span,
        "authentication says neither basicAuth nor oauth",
        "put one of the two inside, or remove authentication",
    );
    None
}

fn oauth(oauth: &Element, diagnostics: &mut Diagnostics) -> Option<Auth> {
    vocabulary::check(oauth, &vocabulary::OAUTH, diagnostics);
    let kinds = [
        "clientCredentials",
        "authorizationCode",
        "passwordCredentials",
    ];
    let found = kinds
        .iter()
        .find_map(|kind| Some((*kind, oauth.child(kind)?)));
    let Some((kind, element)) = found else {
        diagnostics.error_help(
            DiagnosticCode::MissingAttribute,
            oauth.name_span,
            "oauth names no grant",
            format!("put one of {} inside", kinds.join(", ")),
        );
        return None;
    };
    if let Some(words) = vocabulary::of(kind) {
        vocabulary::check(element, words, diagnostics);
    }
    for wish in ["proxyConfigs", "useGlobalProxyConfigs"] {
        if let Some(proxy) = element.child(wish)
            && proxy.text() != "false"
        {
            let what = format!("{wish} of a token request");
            return Some(Auth::Unsupported(Box::new(unsupported(
                what,
                proxy.name_span,
                diagnostics,
            ))));
        }
    }
    let before = diagnostics.errors();
    let url = required(element, "tokenUrl", diagnostics);
    let id = required(element, "clientId", diagnostics);
    let secret = required(element, "clientSecret", diagnostics);
    let mut texts: Vec<Spanned<String>> = Vec::new();
    let grant = match kind {
        "clientCredentials" => Some(Grant::ClientCredentials),
        "authorizationCode" => required(element, "refreshToken", diagnostics).map(|token| {
            texts.push(token.clone());
            Grant::RefreshToken(Secret(token.value))
        }),
        _ => {
            let user = required(element, "username", diagnostics);
            let password = required(element, "password", diagnostics);
            user.zip(password).map(|(user, password)| {
                texts.extend([user.clone(), password.clone()]);
                Grant::Password {
                    user: user.value,
                    password: Secret(password.value),
                }
            })
        }
    };
    let in_header = in_header(element, diagnostics);
    let parameters = fields(element, "requestParameters", "parameter", diagnostics);
    let headers = fields(element, "customHeaders", "header", diagnostics);
    let connect = value::child_millis(element, "connectionTimeout", diagnostics);
    let total = value::child_millis(element, "socketTimeout", diagnostics);
    // How long to wait for a connection of the pool, which there is not.
    let _ = value::child_millis(element, "connectionRequestTimeout", diagnostics);
    if diagnostics.errors() > before {
        return None;
    }
    let (url, id, secret) = (url?, id?, secret?);
    texts.extend([url.clone(), id.clone(), secret.clone()]);
    if let Some(kind) = computed(&texts, diagnostics) {
        return Some(Auth::Unsupported(Box::new(kind)));
    }
    if let Some(kind) = super::address::refused(&url, diagnostics) {
        return kind.map(|kind| Auth::Unsupported(Box::new(kind)));
    }
    Some(Auth::Supported(Some(AuthDef::OAuth(Box::new(OAuthDef {
        grant: grant?,
        token_url: url,
        client_id: id.value,
        client_secret: Secret(secret.value),
        in_header,
        parameters,
        headers,
        connect_timeout: connect.map_or(Duration::from_secs(10), |v| v.value),
        response_timeout: total.map_or(Duration::from_secs(30), |v| v.value),
    })))))
}

fn required(
    parent: &Element,
    child: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<String>> {
    let found = parent.child(child).map(Element::text_spanned);
    if found.as_ref().is_none_or(|text| text.value.is_empty()) {
        diagnostics.error_help(
            DiagnosticCode::MissingAttribute,
            found.map_or(parent.name_span, |text| text.span),
            format!("{} has no {child}", parent.name),
            format!("add <{child}>...</{child}>"),
        );
        return None;
    }
    found
}

/// A value that is an expression over the message.
fn computed<'t>(
    texts: impl IntoIterator<Item = &'t Spanned<String>>,
    diagnostics: &mut Diagnostics,
) -> Option<EndpointKind> {
    let found = texts.into_iter().find(|text| text.value.starts_with('{'))?;
    let what = "authentication computed from the message".to_owned();
    Some(unsupported(what, found.span, diagnostics))
}

fn in_header(element: &Element, diagnostics: &mut Diagnostics) -> bool {
    let Some(mode) = element.child("authMode").map(Element::text_spanned) else {
        return true;
    };
    match mode.value.to_ascii_lowercase().as_str() {
        "header" => true,
        "payload" => false,
        _ => {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                mode.span,
                "authMode is neither header nor payload",
                "header sends client and secret as Basic authentication, payload as parameters",
            );
            true
        }
    }
}

/// Name and value of each `child` of `parent`.
fn fields(
    element: &Element,
    parent: &str,
    child: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, Secret)> {
    let Some(parent) = element.child(parent) else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    for field in parent.elements().filter(|e| e.is(child)) {
        let Some(name) = field.req_attr("name", diagnostics) else {
            continue;
        };
        if fields.len() == FIELDS_MAX {
            diagnostics.error(
                DiagnosticCode::BadValue,
                field.name_span,
                format!("more than {FIELDS_MAX} of {child}"),
            );
            break;
        }
        fields.push((name.value.trim().to_owned(), Secret(field.text())));
    }
    fields
}
