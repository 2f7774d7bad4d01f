//! `wsdl`: address and format come from a WSDL document (spec/endpoints.md 4.3).
//!
//! Only the element is read here; the document is read when the endpoint is built. `service` and `port` are names without a
//! namespace in Synapse; here they may have a prefix as its documentation says, and `endpoint` stands for `port` as it does in WSDL 2.0.

use std::time::Duration;

use super::{leaf, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointKind, WsdlDef, WsdlSource};
use crate::config::source::Spanned;
use crate::config::wsdl::{Name, Written, is_wsdl};
use crate::config::xml::{Element, Node, write};

/// Documents are not fetched more often than this.
const REFRESH_MIN: Duration = Duration::from_secs(1);

/// Reads where the document is, which port of it is meant, and the settings.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let leaf = leaf::parse(&without_document(element), &vocabulary::WSDL, diagnostics);
    let service = name(element, "service", diagnostics);
    let port = port(element, diagnostics);
    let refresh = refresh(element, diagnostics);
    let source = source(element, diagnostics);
    let (source, service, port) = (source?, service?, port?);
    Some(leaf.into_kind(|leaf| {
        EndpointKind::Wsdl(Box::new(WsdlDef {
            source,
            service,
            port,
            refresh,
            leaf,
        }))
    }))
}

/// The element without an inline definition, whose elements are none of ours.
fn without_document(element: &Element) -> Element {
    let ours = |node: &&Node| !matches!(node, Node::Element(e) if is_wsdl(&e.namespace));
    Element {
        name: element.name.clone(),
        namespace: element.namespace.clone(),
        attributes: element.attributes.clone(),
        children: element.children.iter().filter(ours).cloned().collect(),
        prefixes: element.prefixes.clone(),
        name_span: element.name_span,
        span: element.span,
    }
}

fn source(element: &Element, diagnostics: &mut Diagnostics) -> Option<WsdlSource> {
    let inline = element.elements().find(|e| is_wsdl(&e.namespace));
    let Some(written) = element.attribute("uri") else {
        let Some(inline) = inline else {
            let row = DiagnosticCode::WsdlMissing.row();
            diagnostics.error_help(row.code, element.name_span, row.text, row.help);
            return None;
        };
        return Some(WsdlSource::Inline(Spanned::new(
            write(inline),
            inline.name_span,
        )));
    };
    if let Some(inline) = inline {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            inline.name_span,
            "the inline definition is ignored because the endpoint has a uri",
            "remove the uri or the definition",
        );
    }
    let uri = Spanned::new(
        element
            .req_attr("uri", diagnostics)?
            .value
            .trim()
            .to_owned(),
        written.span,
    );
    if let Err(problem) = Written::parse(&uri.value) {
        let row = DiagnosticCode::WsdlUnreadable.row();
        diagnostics.error_help(row.code, uri.span, problem, row.help);
        return None;
    }
    Some(WsdlSource::Uri(uri))
}

fn port(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<Name>> {
    match (element.attribute("port"), element.attribute("endpoint")) {
        (None, Some(_)) => name(element, "endpoint", diagnostics),
        (Some(_), Some(endpoint)) => {
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                endpoint.span,
                "endpoint is ignored because there is a port",
                "keep one of the two",
            );
            name(element, "port", diagnostics)
        }
        (_, None) => name(element, "port", diagnostics),
    }
}

/// A name that must be there; its prefix is one that holds here.
fn name(
    element: &Element,
    attribute: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Name>> {
    let written = element.req_attr(attribute, diagnostics)?;
    let text = written.value.trim();
    let (prefix, local) = match text.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, text),
    };
    let namespace = prefix.and_then(|prefix| element.prefix(prefix));
    if let (Some(prefix), None) = (prefix, namespace) {
        diagnostics.warn(
            DiagnosticCode::BadValue,
            written.span,
            format!("the prefix {prefix} is not declared here; only {local} counts"),
            "declare it with xmlns, or leave it out",
        );
    }
    let name = Name {
        namespace: namespace.map(str::to_owned),
        local: local.to_owned(),
    };
    Some(Spanned::new(name, written.span))
}

/// `ax:refresh`: how often the document is read again.
fn refresh(element: &Element, diagnostics: &mut Diagnostics) -> Option<Spanned<Duration>> {
    let text = element.attribute_ns(AXON_NS, "refresh")?;
    let ms = value::number::<u64>("ax:refresh", text, diagnostics)?;
    let refresh = Duration::from_millis(ms.value);
    if refresh < REFRESH_MIN {
        diagnostics.error_help(
            DiagnosticCode::BadValue,
            ms.span,
            "ax:refresh is less than a second",
            "write milliseconds, 1000 or more, or leave it out",
        );
        return None;
    }
    Some(Spanned::new(refresh, ms.span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;
    use crate::config::wsdl::{Document, WSDL11, WSDL20};

    fn load(wsdl: &str) -> (Option<Box<WsdlDef>>, Vec<DiagnosticCode>) {
        let text = format!(
            "<endpoint xmlns='http://ws.apache.org/ns/synapse' xmlns:ax='urn:axon:1' xmlns:q='urn:q' name='e'>{wsdl}</endpoint>"
        );
        let (mut model, diagnostics) = parse_bytes("e.xml", text.as_bytes());
        let def = match model.endpoints.remove(0).kind {
            EndpointKind::Wsdl(def) => Some(def),
            _ => None,
        };
        let codes = diagnostics.into_sorted().iter().map(|d| d.code).collect();
        (def, codes)
    }

    fn good(wsdl: &str) -> Box<WsdlDef> {
        let (def, codes) = load(wsdl);
        assert_eq!(codes, [], "{wsdl}");
        def.unwrap()
    }

    #[test]
    fn a_document_by_uri_with_names_and_settings() {
        let def = good(
            "<wsdl uri=' file:q.wsdl ' service='q:Quote' port='P' ax:refresh='60000'>\
             <suspendOnFailure><initialDuration>5</initialDuration></suspendOnFailure></wsdl>",
        );
        assert!(matches!(&def.source, WsdlSource::Uri(uri) if uri.value == "file:q.wsdl"));
        assert_eq!(def.service.value.namespace.as_deref(), Some("urn:q"));
        assert_eq!(def.service.value.local, "Quote");
        assert_eq!(def.port.value.namespace, None);
        assert_eq!(def.refresh.map(|r| r.value.as_secs()), Some(60));
        assert!(def.leaf.suspend_initial.is_some());
        assert_eq!(
            good("<wsdl uri='a' service='S' endpoint='E'/>")
                .port
                .value
                .local,
            "E"
        );
    }

    #[test]
    fn an_inline_document_becomes_one_of_its_own() {
        for (root, ns) in [("definitions", WSDL11), ("description", WSDL20)] {
            let def = good(&format!(
                "<wsdl service='S' port='P'><w:{root} xmlns:w='{ns}' targetNamespace='urn:q'><w:service name='S'/></w:{root}></wsdl>"
            ));
            let WsdlSource::Inline(text) = &def.source else {
                panic!("{:?}", def.source);
            };
            let document = Document::parse(text.value.as_bytes()).unwrap();
            assert_eq!(document.services[0].name, "S");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_an_error_and_what_is_double_a_warning() {
        use DiagnosticCode as Code;
        let inline = format!("<definitions xmlns='{WSDL11}'/>");
        let both = format!("<wsdl uri='a' service='S' port='P'>{inline}</wsdl>");
        for (wsdl, want) in [
            ("<wsdl service='S' port='P'/>", Code::WsdlMissing),
            ("<wsdl uri='a' port='P'/>", Code::MissingAttribute),
            ("<wsdl uri='a' service='S'/>", Code::MissingAttribute),
            (
                "<wsdl uri='a' service=' ' port='P'/>",
                Code::MissingAttribute,
            ),
            (
                "<wsdl uri='' service='S' port='P'/>",
                Code::MissingAttribute,
            ),
            (
                "<wsdl uri='jms:/q' service='S' port='P'/>",
                Code::WsdlUnreadable,
            ),
            (
                "<wsdl uri='a' service='S' port='P' ax:refresh='999'/>",
                Code::BadValue,
            ),
            (
                "<wsdl uri='a' service='S' port='P' ax:refresh='x'/>",
                Code::BadNumber,
            ),
            (
                "<wsdl uri='a' service='S' port='P' endpoint='Q'/>",
                Code::NoEffect,
            ),
            ("<wsdl uri='a' service='x:S' port='P'/>", Code::BadValue),
            (
                "<wsdl url='a' uri='a' service='S' port='P'/>",
                Code::UnknownAttribute,
            ),
            (&both, Code::NoEffect),
        ] {
            assert_eq!(load(wsdl).1, [want], "{wsdl}");
        }
    }
}
