//! `gateway-config.xml` of KAAZING Gateway as data (spec/kaazing.md 2): properties, services, security, cluster.
//!
//! Every value keeps its place, every problem of the file is found in one run. The schema's own order of elements is
//! enforced, because a file that it refuses would not start there either; where manual and schema disagree both are
//! taken. What a service type makes of its `properties` is read by the file of that type in the gateway room.
//!
//! Where a thing goes: an option is one row in [`options`], a URI scheme one row in [`uri`], a rule across services one
//! function in [`checks`].

mod checks;
mod children;
mod cluster;
mod constraint;
pub mod jaas;
pub mod model;
pub mod options;
mod properties;
pub mod protection;
mod security;
mod service;
pub mod uri;
pub mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::children::{Children, Row, read};
use self::model::GatewayDef;
use super::diagnostic::Diagnostics;
use super::source::Spanned;
use super::suggest::nearest;
use super::xml::Element;
use crate::codes::DiagnosticCode;

/// What every namespace begins with.
const PUBLISHERS: [&str; 2] = ["http://xmlns.kaazing.org/", "http://xmlns.kaazing.com/"];
/// The releases of the language; between them nothing changed that is read here.
const RELEASES: [&str; 6] = [
    "2012/03", "2012/08", "2014/09", "2015/08", "2015/11", "2016/06",
];
/// The namespace to write today.
pub const NAMESPACE: &str = "http://xmlns.kaazing.org/2016/06/gateway";

/// What a file is read in.
pub(super) struct Surroundings<'a> {
    /// The environment: `GATEWAY_HOME`, `GATEWAY_OPTS`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The file.
    pub path: &'a Path,
}

/// Reads a `gateway-config`. What is broken is reported and left out.
pub(super) fn parse(
    root: &Element,
    around: &Surroundings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<GatewayDef> {
    if !is_namespace(&root.namespace) {
        unknown_namespace(root, diagnostics);
        return None;
    }
    let root = &properties::fill(root, around.env, diagnostics);
    let rows = [
        Row::any("properties"),
        Row::any("service"),
        Row::any("service-defaults"),
        Row::any("security"),
        Row::any("cluster"),
    ];
    let children = read(root, &rows, children::Order::Free, diagnostics);
    let once = |name: &str, diagnostics: &mut Diagnostics| {
        let mut all = children.all(name);
        let first = all.next();
        for more in all {
            let message = format!("{name} is given twice; a gateway-config has one");
            let help = "put what they hold into one element";
            let code = DiagnosticCode::DuplicateElement;
            diagnostics.error_help(code, more.name_span, message, help);
        }
        first
    };
    // The properties were read before; here only their number is looked at.
    once("properties", diagnostics);
    let defaults = once("service-defaults", diagnostics)
        .map(|element| service::defaults(element, diagnostics))
        .unwrap_or_default();
    let security = once("security", diagnostics)
        .map(|element| security::parse(element, diagnostics))
        .unwrap_or_default();
    let cluster =
        once("cluster", diagnostics).and_then(|element| cluster::parse(element, diagnostics));
    let mut services: Vec<_> = children
        .all("service")
        .filter_map(|element| service::parse(element, &defaults, diagnostics))
        .collect();
    // A realm that is not there, or asks for what there is not, protects nobody: its services are not served.
    for service in &mut services {
        let Some(named) = &service.realm else {
            continue;
        };
        let why = match security.realm(&named.value) {
            Some(realm) => realm.unsupported.clone(),
            None => Some(Spanned::new(
                format!("the realm {} is not defined", named.value),
                named.span,
            )),
        };
        if let Some(why) = why {
            service.lacks(why);
        }
    }
    let def = GatewayDef {
        namespace: root.namespace.clone(),
        span: root.name_span,
        home: home(around),
        folder: folder(around.path),
        mime: defaults.mime,
        services,
        security,
        cluster,
    };
    checks::run(&def, diagnostics);
    Some(def)
}

/// True for the namespace of a release, whatever little stands behind it.
pub fn is_namespace(namespace: &str) -> bool {
    let namespace = namespace.trim().trim_end_matches(['/', '#']);
    PUBLISHERS.iter().any(|publisher| {
        let rest = namespace.strip_prefix(publisher);
        let release = rest.and_then(|rest| rest.strip_suffix("/gateway"));
        release.is_some_and(|release| RELEASES.contains(&release))
    })
}

fn unknown_namespace(root: &Element, diagnostics: &mut Diagnostics) {
    let row = DiagnosticCode::GatewayNamespace.row();
    let message = match root.namespace.as_str() {
        "" => "gateway-config is in no namespace".to_owned(),
        uri => format!("Unknown/unsupported XML namespace URI: {uri}"),
    };
    diagnostics.error_help(row.code, root.name_span, message, row.help);
}

fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// `GATEWAY_HOME`, else the folder around the `conf` that the file lies in, else the file's own.
fn home(around: &Surroundings<'_>) -> PathBuf {
    if let Some(home) = (around.env)("GATEWAY_HOME").filter(|home| !home.is_empty()) {
        return home.into();
    }
    let folder = folder(around.path);
    match folder.file_name() {
        Some(name) if name == "conf" => folder.join(".."),
        _ => folder,
    }
}

/// "did you mean", when a word is near one of those that may stand there; else the words themselves.
pub fn meant<'a>(word: &str, words: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, words.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "use one of {}",
            words.into_iter().collect::<Vec<_>>().join(", ")
        ),
    }
}
