//! One `service`, and `service-defaults` (spec/kaazing.md 2.2 and 2.3).

use super::children::{Order, Row, missing, read};
use super::model::{MimeMapping, ServiceDef};
use super::options::{self, Options, Side};
use super::uri::{SCHEMES, Uri};
use super::{constraint, meant};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// The children of a service, in the order that the schema asks for.
const ROWS: &[Row] = &[
    Row::must("name"),
    Row::one("description"),
    Row::any("accept"),
    Row::any("connect"),
    Row::any("balance"),
    Row::any("notify"),
    Row::must("type"),
    Row::one("properties"),
    Row::one("accept-options"),
    Row::one("connect-options"),
    Row::one("realm-name"),
    Row::any("authorization-constraint"),
    Row::any("mime-mapping"),
    Row::any("cross-site-constraint"),
];

/// The role that everybody has who can log in.
const ANYBODY: &str = "*";

/// What holds for every service that does not say otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    accept: Options,
    connect: Options,
    /// Media types by extension.
    pub mime: Vec<MimeMapping>,
}

/// Reads `service-defaults`.
pub(super) fn defaults(element: &Element, diagnostics: &mut Diagnostics) -> Defaults {
    let rows = [
        Row::one("accept-options"),
        Row::one("connect-options"),
        Row::any("mime-mapping"),
    ];
    let children = read(element, &rows, Order::Fixed, diagnostics);
    let mut side = |name: &str, side| {
        let options = children.one(name);
        options
            .map(|e| options::parse(e, side, diagnostics))
            .unwrap_or_default()
    };
    let accept = side("accept-options", Side::Accept);
    let connect = side("connect-options", Side::Connect);
    let mime = children.all("mime-mapping");
    Defaults {
        accept,
        connect,
        mime: mime.filter_map(|e| mime_mapping(e, diagnostics)).collect(),
    }
}

/// Reads a service; without a name or a type there is none.
pub(super) fn parse(
    element: &Element,
    defaults: &Defaults,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceDef> {
    let children = read(element, ROWS, Order::Fixed, diagnostics);
    let mut unsupported = Vec::new();
    if let Some(notify) = children.one("notify") {
        options::later(&mut unsupported, "notify", notify, diagnostics);
    }
    let mut uris = |name: &str, accepts: bool| -> Vec<Spanned<Uri>> {
        let all = children.all(name).map(Element::text_spanned);
        all.filter_map(|text| uri(&text, accepts, diagnostics))
            .collect()
    };
    let (accepts, connects, balances) = (
        uris("accept", true),
        uris("connect", false),
        uris("balance", true),
    );
    let mut side = |name: &str, side| {
        let options = children.one(name);
        options
            .map(|e| options::parse(e, side, diagnostics))
            .unwrap_or_default()
    };
    let accept_options = side("accept-options", Side::Accept).or(&defaults.accept);
    let connect_options = side("connect-options", Side::Connect).or(&defaults.connect);
    let realm = children.one("realm-name").map(Element::text_spanned);
    let roles = children
        .all("authorization-constraint")
        .flat_map(|e| roles(e, diagnostics))
        .collect();
    let constraint = children.one("authorization-constraint");
    let mime = children.all("mime-mapping");
    let mime = mime.filter_map(|e| mime_mapping(e, diagnostics)).collect();
    let constraints = children.all("cross-site-constraint");
    let constraints = constraints
        .filter_map(|e| constraint::parse(e, diagnostics))
        .collect();
    let mut def = ServiceDef {
        name: children.one("name")?.text_spanned(),
        span: element.name_span,
        kind: children.one("type")?.text_spanned(),
        accepts,
        connects,
        balances,
        properties: children.one("properties").cloned(),
        accept_options,
        connect_options,
        realm,
        roles,
        constraint: constraint.map(|e| e.name_span),
        mime,
        constraints,
        unsupported: None,
    };
    let options = [&def.accept_options, &def.connect_options];
    let options = options.into_iter().flat_map(|o| o.unsupported.clone());
    let reasons: Vec<_> = unsupported.into_iter().chain(options).collect();
    reasons.into_iter().for_each(|why| def.lacks(why));
    let has_accept = children.one("accept").is_some();
    if !has_accept && !["broadcast", "update.check"].contains(&def.kind.value.as_str()) {
        missing(element, "accept", diagnostics);
    }
    Some(def)
}

fn roles(element: &Element, diagnostics: &mut Diagnostics) -> Vec<Spanned<String>> {
    let rows = [Row::any("require-role"), Row::any("require-valid-user")];
    let children = read(element, &rows, Order::Free, diagnostics);
    let roles = children.all("require-role").map(Element::text_spanned);
    let valid = children.all("require-valid-user");
    let valid = valid.map(|e| Spanned::new(ANYBODY.to_owned(), e.name_span));
    roles.chain(valid).collect()
}

fn mime_mapping(element: &Element, diagnostics: &mut Diagnostics) -> Option<MimeMapping> {
    let rows = [Row::must("extension"), Row::must("mime-type")];
    let children = read(element, &rows, Order::Fixed, diagnostics);
    Some(MimeMapping {
        extension: children.one("extension")?.text().to_ascii_lowercase(),
        media_type: children.one("mime-type")?.text(),
    })
}

/// A URI of a service. One that clients use needs its port written.
fn uri(
    text: &Spanned<String>,
    accepts: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Uri>> {
    let code = DiagnosticCode::GatewayUri;
    let uri = match Uri::parse(&text.value) {
        Ok(uri) => uri,
        Err(message) => {
            diagnostics.error_help(code, text.span, message, code.row().help);
            return None;
        }
    };
    let Some(scheme) = uri.known() else {
        let message = format!("{} has the unknown scheme {}", text.value, uri.scheme);
        let help = meant(&uri.scheme, SCHEMES.iter().map(|row| row.name));
        diagnostics.error_help(code, text.span, message, help);
        return None;
    };
    let needs_port = scheme.port.is_none() || accepts;
    if needs_port && uri.port.is_none() && !["pipe", "aws"].contains(&scheme.name) {
        let message = format!("Missing port number in URI {}", text.value);
        let help = match scheme.port {
            Some(port) => format!(
                "write the port, :{port} for the usual one of {}",
                scheme.name
            ),
            None => "write the port behind the host".to_owned(),
        };
        diagnostics.error_help(code, text.span, message, help);
        return None;
    }
    Some(Spanned::new(uri, text.span))
}
