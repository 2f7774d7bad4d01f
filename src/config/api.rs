//! `api`: resources below a context (spec/mediation.md 5).
//!
//! What stands inside the sequences of its resources is read where these are compiled. The rules by which an API is
//! refused are those of Synapse; handlers are Java classes, and an API that asks for one is not served without it.

use super::diagnostic::Diagnostics;
use super::model::{ApiDef, Mapping, Methods, ResourceDef, Transports};
use super::proxy::{Part, lacks, part, strangers};
use super::source::{Span, Spanned};
use super::uri_template::Template;
use super::xml::Element;
use crate::codes::DiagnosticCode;
use crate::config::model::SequenceUse;

const ATTRIBUTES: &[&str] = &[
    "name",
    "context",
    "hostname",
    "port",
    "version",
    "version-type",
    "transport",
    "transports",
    "publishSwagger",
    "statistics",
    "trace",
];
const RESOURCE_ATTRIBUTES: &[&str] = &[
    "methods",
    "uri-template",
    "url-mapping",
    "protocol",
    "content-type",
    "user-agent",
    "inSequence",
    "outSequence",
    "faultSequence",
    "statistics",
    "trace",
];
const SEQUENCES: [&str; 3] = ["inSequence", "outSequence", "faultSequence"];

/// Reads an API; `None` when it cannot be served, which was reported.
pub fn parse(
    element: &Element,
    name: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<ApiDef> {
    let before = diagnostics.errors();
    strangers(
        element,
        ATTRIBUTES,
        &["resource", "handlers", "description"],
        diagnostics,
    );
    let handled = handlers(element, diagnostics);
    let version = word(element, "version");
    let context = context(element, version.as_deref(), diagnostics);
    let port = port(element, diagnostics);
    let transports = element
        .attribute("transport")
        .or_else(|| element.attribute("transports"))
        .map_or(Transports::ALL, |written| protocols(written, diagnostics));
    let mut resources: Vec<ResourceDef> = Vec::new();
    for resource in element.elements().filter(|e| e.is("resource")) {
        let Some(def) = self::resource(resource, diagnostics) else {
            continue;
        };
        if let Some(first) = resources.iter().find(|first| collide(first, &def)) {
            twice(first, &def, resource.name_span, diagnostics);
        }
        resources.push(def);
    }
    if element.child("resource").is_none() {
        let help = "add <resource> with an inSequence";
        lacks(element, "resource", help, diagnostics);
    }
    if diagnostics.errors() > before || handled {
        return None;
    }
    Some(ApiDef {
        name,
        context: context?,
        version,
        host: word(element, "hostname").map(|host| host.to_ascii_lowercase()),
        port,
        transports,
        resources,
        span: element.span,
    })
}

/// The beginning of the paths of an API that is not served.
pub fn context_of(element: &Element) -> Option<String> {
    let version = word(element, "version");
    context(element, version.as_deref(), &mut Diagnostics::default()).map(|c| c.value)
}

fn word(element: &Element, name: &str) -> Option<String> {
    let text = element.attribute(name)?.value.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The context with the version in its place: behind it, or where `{version}` stands.
fn context(
    element: &Element,
    version: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<String>> {
    let written = element.req_attr("context", diagnostics)?;
    let text = written.value.trim();
    if !text.starts_with('/') {
        let help = format!("write context=\"/{text}\"");
        let message = "the context of an API begins with a slash";
        diagnostics.error_help(DiagnosticCode::BadValue, written.span, message, help);
        return None;
    }
    let text = text.trim_end_matches('/');
    let kind = element.attribute("version-type");
    let text = match (kind.map(|k| k.value.trim()), version) {
        (Some("url"), Some(version)) => format!("{text}/{version}"),
        (Some("context"), Some(version)) => text.replace("{version}", version),
        (None | Some("url" | "context" | ""), _) => text.to_owned(),
        (Some(other), _) => {
            let span = kind.map_or(element.name_span, |kind| kind.span);
            let message = format!("`{other}` is no version-type");
            let help = "write url or context";
            diagnostics.error_help(DiagnosticCode::BadValue, span, message, help);
            return None;
        }
    };
    Some(Spanned::new(text, written.span))
}

fn port(element: &Element, diagnostics: &mut Diagnostics) -> Option<u16> {
    let written = element.attribute("port")?;
    let port = written.value.trim().parse().ok().filter(|port| *port > 0);
    if port.is_none() {
        let message = "the port of an API is a number from 1 to 65535";
        let help = "correct it, or leave it out";
        diagnostics.error_help(DiagnosticCode::BadNumber, written.span, message, help);
    }
    port
}

fn protocols(written: &Spanned<String>, diagnostics: &mut Diagnostics) -> Transports {
    let mut found = Transports::NONE;
    for word in written.value.split([' ', ',', '\t', '\r', '\n']) {
        match word {
            "" => {}
            "http" => found.http = true,
            "https" => found.https = true,
            other => {
                let message = format!("`{other}` is no protocol");
                let help = "write http or https, or leave it out for both";
                diagnostics.error_help(DiagnosticCode::BadValue, written.span, message, help);
            }
        }
    }
    match found == Transports::NONE {
        true => Transports::ALL,
        false => found,
    }
}

fn handlers(element: &Element, diagnostics: &mut Diagnostics) -> bool {
    let mut any = false;
    let handlers = element.elements().filter(|e| e.is("handlers"));
    for handler in handlers.flat_map(Element::elements) {
        any = true;
        let (class, span) = match handler.attribute("class") {
            Some(class) => (class.value.trim(), class.span),
            None => ("", handler.name_span),
        };
        diagnostics.unsupported(
            DiagnosticCode::NotSupportedYet,
            span,
            format!("the handler `{class}` is a Java class, which axon does not run"),
            "the API is not served without it: its callers are answered 501 until the handler is removed",
        );
    }
    any
}

fn resource(element: &Element, diagnostics: &mut Diagnostics) -> Option<ResourceDef> {
    let before = diagnostics.errors();
    let children = [&SEQUENCES[..], &["description"]].concat();
    strangers(element, RESOURCE_ATTRIBUTES, &children, diagnostics);
    let mut sequence = |name| match part(element, name, diagnostics)? {
        Part::Key(key) => Some(SequenceUse::Key(key)),
        Part::Inside(element) => Some(SequenceUse::Inline(element.clone())),
    };
    let [in_sequence, out_sequence, fault_sequence] = SEQUENCES.map(&mut sequence);
    let methods = methods(element, diagnostics);
    let mapping = mapping(element, diagnostics);
    let transports = element
        .attribute("protocol")
        .map_or(Transports::ALL, |written| protocols(written, diagnostics));
    let user_agent = element
        .attribute("user-agent")
        .filter(|written| !written.value.is_empty());
    if diagnostics.errors() > before {
        return None;
    }
    Some(ResourceDef {
        methods,
        mapping: mapping?,
        transports,
        content_type: word(element, "content-type"),
        user_agent: user_agent.cloned(),
        in_sequence,
        out_sequence,
        fault_sequence,
        span: element.span,
    })
}

fn methods(element: &Element, diagnostics: &mut Diagnostics) -> Methods {
    let mut methods = Methods::default();
    let Some(written) = element.attribute("methods") else {
        return methods;
    };
    for word in written.value.split_ascii_whitespace() {
        let method = Methods::of(word.as_bytes());
        let problem = if method.is_empty() {
            format!("`{word}` is no method")
        } else if methods.meets(method) {
            format!("{word} is listed twice")
        } else {
            methods = methods.and(method);
            continue;
        };
        let help = format!(
            "list each method once, with blanks between: {}",
            Methods::NAMES.join(" ")
        );
        diagnostics.error_help(DiagnosticCode::BadValue, written.span, problem, help);
    }
    methods
}

fn mapping(element: &Element, diagnostics: &mut Diagnostics) -> Option<Mapping> {
    let (url, template) = (
        element.attribute("url-mapping"),
        element.attribute("uri-template"),
    );
    match (url, template) {
        (Some(url), Some(_)) => {
            diagnostics.error_help(
                DiagnosticCode::ConflictingAttributes,
                url.span,
                "a resource has either a url-mapping or a uri-template",
                "remove one of the two",
            );
            None
        }
        (Some(url), None) => Some(Mapping::Url(url.value.trim().to_owned())),
        (None, Some(template)) => match Template::parse(template.value.trim()) {
            Ok(parsed) => Some(Mapping::Template(parsed)),
            Err(error) => {
                let help = "write variables as {name} or {+name} (RFC 6570)";
                let message = format!("the uri-template cannot be used: {error}");
                diagnostics.error_help(DiagnosticCode::BadValue, template.span, message, help);
                None
            }
        },
        (None, None) => Some(Mapping::Default),
    }
}

/// True when Synapse refuses the two beside each other.
fn collide(first: &ResourceDef, second: &ResourceDef) -> bool {
    let methods = first.methods.is_empty()
        || second.methods.is_empty()
        || first.methods.meets(second.methods);
    match (&first.mapping, &second.mapping) {
        (Mapping::Default, Mapping::Default) => true,
        (Mapping::Default, _) | (_, Mapping::Default) => false,
        (first, second) => methods && first.text() == second.text(),
    }
}

fn twice(first: &ResourceDef, second: &ResourceDef, span: Span, diagnostics: &mut Diagnostics) {
    let (message, help) = match second.mapping {
        Mapping::Default => (
            "an API has one resource without url-mapping and uri-template".to_owned(),
            "give one of the two a mapping, or make one of both",
        ),
        _ => (
            format!(
                "another resource has the mapping `{}` and a method of this one",
                first.mapping.text()
            ),
            "give them different mappings or methods",
        ),
    };
    diagnostics.error_help(DiagnosticCode::DuplicateKey, span, message, help);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;

    fn load(attributes: &str, inside: &str) -> (Option<ApiDef>, Vec<DiagnosticCode>) {
        let text = format!(
            "<api xmlns='http://ws.apache.org/ns/synapse' name='a' {attributes}>{inside}</api>"
        );
        let (mut model, diagnostics) = parse_bytes("a.xml", text.as_bytes());
        let codes = diagnostics.into_sorted().iter().map(|d| d.code).collect();
        (model.apis.pop(), codes)
    }

    #[test]
    fn the_context_holds_the_version_where_it_belongs() {
        for (attributes, want) in [
            ("context='/a'", "/a"),
            ("context='/a/b/'", "/a/b"),
            ("context='/'", ""),
            ("context='/a' version='1.0'", "/a"),
            ("context='/a' version='1.0' version-type='url'", "/a/1.0"),
            (
                "context='/a/{version}/b' version='1.0' version-type='context'",
                "/a/1.0/b",
            ),
        ] {
            let (def, codes) = load(attributes, "<resource/>");
            assert_eq!(codes, [], "{attributes}");
            assert_eq!(def.unwrap().context.value, want, "{attributes}");
        }
    }

    #[test]
    fn what_synapse_refuses_is_an_error() {
        use DiagnosticCode as Code;
        let ok = "context='/a'";
        for (attributes, inside, code) in [
            ("", "<resource/>", Code::MissingAttribute),
            ("context='a'", "<resource/>", Code::BadValue),
            ("context='/a' port='x'", "<resource/>", Code::BadNumber),
            (
                "context='/a' version='1' version-type='header'",
                "<resource/>",
                Code::BadValue,
            ),
            (ok, "", Code::MissingElement),
            (ok, "<resource methods='GET FETCH'/>", Code::BadValue),
            (ok, "<resource methods='GET GET'/>", Code::BadValue),
            (ok, "<resource protocol='ftp'/>", Code::BadValue),
            (
                ok,
                "<resource url-mapping='/a' uri-template='/b'/>",
                Code::ConflictingAttributes,
            ),
            (ok, "<resource uri-template='/{a'/>", Code::BadValue),
            (
                ok,
                "<resource/><resource methods='GET'/>",
                Code::DuplicateKey,
            ),
            (
                ok,
                "<resource url-mapping='/a'/><resource url-mapping='/a' methods='GET'/>",
                Code::DuplicateKey,
            ),
            (
                ok,
                "<resource uri-template='/{a}' methods='GET'/><resource uri-template='/{a}' methods='PUT GET'/>",
                Code::DuplicateKey,
            ),
        ] {
            let (def, codes) = load(attributes, inside);
            assert!(
                def.is_none() && codes == [code],
                "{attributes} {inside}: {codes:?}"
            );
        }
        let (def, codes) = load(
            ok,
            "<resource url-mapping='/a' methods='GET'/><resource url-mapping='/a' methods='PUT'/><resource/>",
        );
        assert_eq!((codes.len(), def.unwrap().resources.len()), (0, 3));
    }

    #[test]
    fn an_api_with_a_handler_is_not_served_without_it() {
        let inside = "<resource/><handlers><handler class='x.Throttle'/></handlers>";
        let (def, codes) = load("context='/a'", inside);
        assert!(def.is_none());
        assert_eq!(codes, [DiagnosticCode::NotSupportedYet]);
    }

    #[test]
    fn two_apis_of_one_context_are_an_error() {
        let api = |name: &str, more: &str| {
            format!("<api name='{name}' context='/a' {more}><resource/></api>")
        };
        let load = |apis: String| {
            let text = format!(
                "<definitions xmlns='http://ws.apache.org/ns/synapse'>{apis}</definitions>"
            );
            let (model, diagnostics) = parse_bytes("a.xml", text.as_bytes());
            (model.apis.len(), diagnostics.errors())
        };
        assert_eq!(load(api("a", "") + &api("b", "")), (1, 1));
        assert_eq!(load(api("a", "") + &api("a", "port='80'")), (1, 1));
        assert_eq!(load(api("a", "") + &api("b", "hostname='h'")), (2, 0));
        let versioned = api("b", "version='1' version-type='url'");
        assert_eq!(load(api("a", "") + &versioned), (2, 0));
    }
}
