//! `proxy`: a service at `/services/NAME` (spec/mediation.md 4).
//!
//! What stands inside its sequences and endpoints is read where these are compiled. Attributes of `target` win over
//! children of the same name, as in Synapse; an unknown parameter is kept and has no effect, as there.

use super::diagnostic::Diagnostics;
use super::model::{EndpointUse, ProxyDef, PublishDef, PublishSource, SequenceUse, Transports};
use super::source::Spanned;
use super::wsdl::{Addresses, Written, is_wsdl};
use super::xml::{Element, write};
use crate::codes::DiagnosticCode;

/// Transports of the originals that axon does not have.
const OTHER_TRANSPORTS: &[&str] = &[
    "amqp", "fix", "hl7", "jms", "kafka", "mailto", "mqtt", "msmq", "rabbitmq", "sap", "tcp",
    "udp", "vfs",
];

const ATTRIBUTES: &[&str] = &[
    "name",
    "transports",
    "startOnLoad",
    "pinnedServers",
    "serviceGroup",
    "statistics",
    "trace",
];
const CHILDREN: &[&str] = &[
    "target",
    "publishWSDL",
    "policy",
    "enableAddressing",
    "enableSec",
    "enableRM",
    "parameter",
    "description",
];

/// Reads a proxy service; `None` when an error was reported.
pub fn parse(
    element: &Element,
    name: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<ProxyDef> {
    let before = diagnostics.errors();
    strangers(element, ATTRIBUTES, CHILDREN, diagnostics);
    let transports = transports(element, diagnostics);
    qualities(element, diagnostics);
    let parameters = parameters(element, diagnostics);
    let publish = element
        .child("publishWSDL")
        .and_then(|publish| publish_wsdl(publish, diagnostics));
    let target = match element.child("target") {
        Some(target) => Some(target),
        None => {
            let help = "add <target> with an inSequence or an endpoint";
            lacks(element, "target", help, diagnostics);
            None
        }
    };
    let parts = target.map(|target| Parts::of(target, diagnostics));
    if diagnostics.errors() > before {
        return None;
    }
    let Parts {
        in_sequence,
        out_sequence,
        fault_sequence,
        endpoint,
    } = parts?;
    let is = |parameter: &str, word: &str| {
        let value = parameters.iter().find(|(name, _)| name.value == parameter);
        value.is_some_and(|(_, value)| value.trim().eq_ignore_ascii_case(word))
    };
    let addresses = match (
        is("useOriginalwsdl", "true"),
        is("modifyUserWSDLPortAddress", "false"),
    ) {
        (true, true) => Addresses::Original,
        (true, false) => Addresses::Plain,
        // Without the first the second has no effect (recorded).
        (false, _) => Addresses::Own,
    };
    let base = parameters
        .iter()
        .find(|(name, _)| name.value == "WSDLEPRPrefix")
        .map(|(_, value)| value.trim().trim_end_matches('/').to_owned());
    Some(ProxyDef {
        name,
        transports,
        active: active(element, diagnostics),
        in_sequence,
        out_sequence,
        fault_sequence,
        endpoint,
        publish,
        addresses,
        base,
        span: element.span,
    })
}

pub(super) fn lacks(element: &Element, what: &str, help: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error_help(
        DiagnosticCode::MissingElement,
        element.name_span,
        format!("the {} has no {what}", element.name),
        help,
    );
}

pub(super) fn strangers(
    element: &Element,
    attributes: &[&str],
    children: &[&str],
    diagnostics: &mut Diagnostics,
) {
    for attribute in &element.attributes {
        if attribute.namespace.is_empty() && !attributes.contains(&attribute.name.as_str()) {
            let row = DiagnosticCode::UnknownAttribute.row();
            let message = format!(
                "{} is not an attribute of {} and is ignored",
                attribute.name, element.name
            );
            diagnostics.warn(row.code, attribute.name_span, message, row.help);
        }
    }
    for child in element.elements() {
        if !children.contains(&child.name.as_str()) && !is_wsdl(&child.namespace) {
            let row = DiagnosticCode::UnknownElement.row();
            let message = format!(
                "{} is not an element of {} and is ignored",
                child.name, element.name
            );
            diagnostics.warn(row.code, child.name_span, message, row.help);
        }
    }
}

fn transports(element: &Element, diagnostics: &mut Diagnostics) -> Transports {
    let Some(written) = element.attribute("transports") else {
        return Transports::ALL;
    };
    let mut found = Transports::NONE;
    let (mut others, mut unknown) = (Vec::new(), Vec::new());
    let mut inside = false;
    for word in written.value.split([' ', ',', '\t', '\r', '\n']) {
        match word.trim() {
            "" => {}
            "all" => found = Transports::ALL,
            "http" => found.http = true,
            "https" => found.https = true,
            // Who sends to `local://` reaches every service.
            "local" => inside = true,
            other if OTHER_TRANSPORTS.contains(&other) => others.push(other),
            other => unknown.push(other),
        }
    }
    if written.value.trim().is_empty() {
        return Transports::ALL;
    }
    if !unknown.is_empty() {
        diagnostics.warn(
            DiagnosticCode::BadValue,
            written.span,
            format!("no transport is named {}", unknown.join(", ")),
            "use http, https, or leave transports out for both",
        );
    }
    let help =
        "axon serves http and https; the service is reached over those of them that are listed";
    match (others.is_empty(), found == Transports::NONE) {
        (true, _) => {}
        (false, false) => diagnostics.warn(
            DiagnosticCode::NoEffect,
            written.span,
            format!("axon does not have the transport {}", others.join(", ")),
            help,
        ),
        (false, true) if inside => {}
        (false, true) => diagnostics.unsupported(
            DiagnosticCode::UnsupportedScheme,
            written.span,
            format!(
                "the service is only for {}, which axon does not have",
                others.join(", ")
            ),
            help,
        ),
    }
    found
}

fn active(element: &Element, diagnostics: &mut Diagnostics) -> bool {
    let Some(written) = element.attribute("startOnLoad") else {
        return true;
    };
    match written.value.trim() {
        word if word.eq_ignore_ascii_case("true") => true,
        word if word.eq_ignore_ascii_case("false") => false,
        _ => {
            // Java's way to read a Boolean.
            diagnostics.warn(
                DiagnosticCode::BadValue,
                written.span,
                "startOnLoad is neither true nor false; as in Synapse it counts as false",
                "write true or false",
            );
            false
        }
    }
}

/// Security, policies and addressing of the service itself.
fn qualities(element: &Element, diagnostics: &mut Diagnostics) {
    if let Some(security) = element.child("enableSec") {
        let row = DiagnosticCode::SecurityMissing.row();
        diagnostics.error_help(
            row.code,
            security.name_span,
            "the proxy service asks for message security, which axon does not have",
            row.help,
        );
    }
    for policy in element.elements().filter(|e| e.is("policy")) {
        policy.req_attr("key", diagnostics);
        if let Some(kind) = policy.attribute("type")
            && !["in", "out"].contains(&kind.value.trim())
        {
            diagnostics.error_help(
                DiagnosticCode::BadValue,
                kind.span,
                "the type of a policy is in or out",
                "write in or out, or leave it out for both",
            );
        }
    }
    for name in ["policy", "enableAddressing", "enableRM"] {
        if let Some(wish) = element.child(name) {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                wish.name_span,
                format!("{name} of a proxy service has no effect"),
                "what the message carries is passed on as it is",
            );
        }
    }
    if let Some(pinned) = element.attribute("pinnedServers") {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            pinned.span,
            "pinnedServers has no effect: the service is started wherever its file is loaded",
            "give each server its own files",
        );
    }
}

fn parameters(element: &Element, diagnostics: &mut Diagnostics) -> Vec<(Spanned<String>, String)> {
    let mut found: Vec<(Spanned<String>, String)> = Vec::new();
    for parameter in element.elements().filter(|e| e.is("parameter")) {
        let Some(name) = parameter.req_attr("name", diagnostics) else {
            continue;
        };
        if found.iter().any(|(known, _)| known.value == name.value) {
            diagnostics.warn(
                DiagnosticCode::DuplicateElement,
                name.span,
                format!(
                    "the parameter {} is given twice; the first one counts",
                    name.value
                ),
                DiagnosticCode::DuplicateElement.row().help,
            );
        }
        found.push((name.clone(), parameter.text()));
    }
    found
}

/// The parts of a target.
struct Parts {
    in_sequence: Option<SequenceUse>,
    out_sequence: Option<SequenceUse>,
    fault_sequence: Option<SequenceUse>,
    endpoint: Option<EndpointUse>,
}

impl Parts {
    fn of(target: &Element, diagnostics: &mut Diagnostics) -> Parts {
        const NAMES: &[&str] = &["inSequence", "outSequence", "faultSequence", "endpoint"];
        strangers(target, NAMES, NAMES, diagnostics);
        let mut sequence = |name| match part(target, name, diagnostics)? {
            Part::Key(key) => Some(SequenceUse::Key(key)),
            Part::Inside(element) => Some(SequenceUse::Inline(element.clone())),
        };
        let in_sequence = sequence("inSequence");
        let out_sequence = sequence("outSequence");
        let fault_sequence = sequence("faultSequence");
        let endpoint = match part(target, "endpoint", diagnostics) {
            Some(Part::Key(key)) => Some(EndpointUse::Key(key)),
            Some(Part::Inside(element)) => Some(EndpointUse::Inline(element.clone())),
            None => None,
        };
        if in_sequence.is_none() && endpoint.is_none() {
            let help = "say where requests go: an inSequence, an endpoint, or both";
            lacks(target, "inSequence or endpoint", help, diagnostics);
        }
        Parts {
            in_sequence,
            out_sequence,
            fault_sequence,
            endpoint,
        }
    }
}

/// A part of an artifact.
pub(super) enum Part<'e> {
    /// Named by its key.
    Key(Spanned<String>),
    /// Written there.
    Inside(&'e Element),
}

/// A part by its key or its content; the key wins.
pub(super) fn part<'e>(
    target: &'e Element,
    name: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Part<'e>> {
    let inside = target.child(name);
    let Some(key) = target
        .attribute(name)
        .filter(|k| !k.value.trim().is_empty())
    else {
        return inside.map(Part::Inside);
    };
    if let Some(inside) = inside {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            inside.name_span,
            format!("{name} is ignored because the attribute names one by key"),
            "remove the attribute or the element",
        );
    }
    Some(Part::Key(Spanned::new(
        key.value.trim().to_owned(),
        key.span,
    )))
}

/// Where the WSDL comes from: key, else inside, else uri.
fn publish_wsdl(publish: &Element, diagnostics: &mut Diagnostics) -> Option<PublishDef> {
    strangers(
        publish,
        &["key", "uri", "preservePolicy"],
        &["resource"],
        diagnostics,
    );
    let value = |name: &str| {
        publish
            .attribute(name)
            .map(|v| Spanned::new(v.value.trim().to_owned(), v.span))
            .filter(|v| !v.value.is_empty())
    };
    let inside = publish.elements().find(|e| is_wsdl(&e.namespace));
    let source = match (value("key"), inside, value("uri")) {
        (Some(key), ..) => PublishSource::Key(key),
        (None, Some(inside), _) => {
            PublishSource::Inline(Spanned::new(write(inside), inside.name_span))
        }
        (None, None, Some(uri)) => {
            if let Err(problem) = Written::parse(&uri.value) {
                let row = DiagnosticCode::WsdlUnreadable.row();
                diagnostics.error_help(row.code, uri.span, problem, row.help);
                return None;
            }
            PublishSource::Uri(uri)
        }
        (None, None, None) => {
            let row = DiagnosticCode::WsdlMissing.row();
            let message = "publishWSDL has neither a key, nor a uri, nor a definition inside";
            diagnostics.warn(
                row.code,
                publish.name_span,
                message,
                "add one of them, or remove it",
            );
            return None;
        }
    };
    let mut resources = Vec::new();
    for resource in publish.elements().filter(|e| e.is("resource")) {
        let location = resource.req_attr("location", diagnostics);
        let key = resource.req_attr("key", diagnostics);
        if let (Some(location), Some(key)) = (location, key) {
            let key = Spanned::new(key.value.trim().to_owned(), key.span);
            resources.push((location.value.trim().to_owned(), key));
        }
    }
    Some(PublishDef { source, resources })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;
    use crate::config::wsdl::WSDL11;

    fn load(attributes: &str, inside: &str) -> (Option<ProxyDef>, Vec<DiagnosticCode>) {
        let text = format!(
            "<proxy xmlns='http://ws.apache.org/ns/synapse' name='p' {attributes}>{inside}</proxy>"
        );
        let (mut model, diagnostics) = parse_bytes("p.xml", text.as_bytes());
        let codes = diagnostics.into_sorted().iter().map(|d| d.code).collect();
        (model.proxies.pop(), codes)
    }

    const TARGET: &str = "<target endpoint='e'/>";

    fn good(attributes: &str, inside: &str) -> ProxyDef {
        let (def, codes) = load(attributes, &format!("{TARGET}{inside}"));
        assert_eq!(codes, [], "{attributes} {inside}");
        def.unwrap()
    }

    #[test]
    fn keys_win_over_children() {
        let (def, codes) = load(
            "",
            "<target inSequence='i' endpoint=' '><inSequence/><outSequence onError='h'/><endpoint key='e'/></target>",
        );
        let def = def.unwrap();
        assert_eq!(codes, [DiagnosticCode::NoEffect]);
        assert!(matches!(&def.in_sequence, Some(SequenceUse::Key(key)) if key.value == "i"));
        assert!(matches!(&def.out_sequence, Some(SequenceUse::Inline(_))));
        assert!(def.fault_sequence.is_none());
        assert!(matches!(&def.endpoint, Some(EndpointUse::Inline(_))));
    }

    #[test]
    fn transports_are_http_and_https_unless_the_file_says_less() {
        for (attributes, http, https) in [
            ("", true, true),
            ("transports='all'", true, true),
            ("transports='http'", true, false),
            ("transports='https,http'", true, true),
            ("transports=' https '", false, true),
            ("transports='local'", false, false),
            ("transports='http local'", true, false),
        ] {
            let transports = good(attributes, "").transports;
            assert_eq!(
                (transports.http, transports.https),
                (http, https),
                "{attributes}"
            );
        }
        for (attributes, code) in [
            ("transports='http jms'", DiagnosticCode::NoEffect),
            ("transports='jms'", DiagnosticCode::UnsupportedScheme),
            ("transports='carrierpigeon'", DiagnosticCode::BadValue),
        ] {
            let (def, codes) = load(attributes, TARGET);
            assert_eq!(codes, [code], "{attributes}");
            assert_eq!(def.unwrap().transports.http, attributes.contains("http"));
        }
    }

    #[test]
    fn parameters_say_how_the_wsdl_is_shown_and_a_service_may_be_inactive() {
        let parameter =
            |name: &str, value: &str| format!("<parameter name='{name}'>{value}</parameter>");
        let original = parameter("useOriginalwsdl", "true");
        let keep = parameter("modifyUserWSDLPortAddress", "false");
        let other = "<parameter name='x'><any xmlns=''/></parameter>";
        for (inside, want) in [
            (other.to_owned(), Addresses::Own),
            (keep.clone(), Addresses::Own),
            (original.clone(), Addresses::Plain),
            (original + &keep, Addresses::Original),
        ] {
            assert_eq!(good("", &inside).addresses, want, "{inside}");
        }
        let prefix = good("", &parameter("WSDLEPRPrefix", "https://public/esb/"));
        assert_eq!(prefix.base.as_deref(), Some("https://public/esb"));
        assert!(!good("startOnLoad='false'", "").active);
        assert!(good("startOnLoad='TRUE'", "").active);
    }

    #[test]
    fn the_wsdl_is_found_by_key_then_inside_then_by_uri() {
        let inline = format!("<definitions xmlns='{WSDL11}'/>");
        let publish = |attributes: &str, inside: &str| {
            let inside = format!("<publishWSDL {attributes}>{inside}</publishWSDL>");
            good("", &inside).publish.unwrap()
        };
        assert!(matches!(
            publish("key='k' uri='u'", &inline).source,
            PublishSource::Key(_)
        ));
        assert!(matches!(
            publish("uri='u'", &inline).source,
            PublishSource::Inline(_)
        ));
        let by_uri = publish("uri='u'", "<resource location=' a.xsd ' key='k'/>");
        assert!(matches!(by_uri.source, PublishSource::Uri(_)));
        assert_eq!(by_uri.resources[0].0, "a.xsd");
    }

    #[test]
    fn what_cannot_be_a_service_is_an_error() {
        use DiagnosticCode as Code;
        for (inside, code) in [
            ("", Code::MissingElement),
            ("<target outSequence='o'/>", Code::MissingElement),
            ("<target endpoint='e'/><policy/>", Code::MissingAttribute),
            (
                "<target endpoint='e'/><policy key='k' type='both'/>",
                Code::BadValue,
            ),
            (
                "<target endpoint='e'/><parameter>1</parameter>",
                Code::MissingAttribute,
            ),
            ("<target endpoint='e'/><enableSec/>", Code::SecurityMissing),
            (
                "<target endpoint='e'/><publishWSDL uri='jms:/q'/>",
                Code::WsdlUnreadable,
            ),
        ] {
            let (def, codes) = load("", inside);
            assert!(
                def.is_none() && codes.contains(&code),
                "{inside}: {codes:?}"
            );
        }
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        use DiagnosticCode as Code;
        for (attributes, inside, code) in [
            ("pinnedServers='a'", "", Code::NoEffect),
            ("startOnLoad='maybe'", "", Code::BadValue),
            ("wsdl='x'", "", Code::UnknownAttribute),
            ("", "<wsdl/>", Code::UnknownElement),
            ("", "<policy key='k' type='in'/>", Code::NoEffect),
            ("", "<enableAddressing/>", Code::NoEffect),
            ("", "<publishWSDL/>", Code::WsdlMissing),
            (
                "",
                "<parameter name='a'/><parameter name='a'/>",
                Code::DuplicateElement,
            ),
        ] {
            let (def, codes) = load(attributes, &format!("{TARGET}{inside}"));
            assert!(
                def.is_some() && codes == [code],
                "{attributes} {inside}: {codes:?}"
            );
        }
    }
}
