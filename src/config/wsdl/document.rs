//! One document: WSDL 1.1 (W3C note of 2001) or WSDL 2.0 (W3C recommendation of 2007).

use roxmltree::{Node, ParsingOptions};

use super::MAX_DOCUMENT_BYTES;
use crate::config::decode::decode;
use crate::config::xml;

/// Namespace of WSDL 1.1.
pub const WSDL11: &str = "http://schemas.xmlsoap.org/wsdl/";
/// Namespace of WSDL 2.0.
pub const WSDL20: &str = "http://www.w3.org/ns/wsdl";
/// SOAP 1.1 elements of WSDL 1.1.
pub(super) const SOAP11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
/// SOAP 1.2 elements of WSDL 1.1.
pub(super) const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
/// HTTP elements of WSDL 1.1.
pub(super) const HTTP: &str = "http://schemas.xmlsoap.org/wsdl/http/";
const SOAP_OF_20: &str = "http://www.w3.org/ns/wsdl/soap";
const HTTP_OF_20: &str = "http://www.w3.org/ns/wsdl/http";

/// Most XML nodes of one document.
const MAX_NODES: u32 = 1_000_000;

/// The format that a port asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortFormat {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
    /// Plain HTTP with a body.
    Rest,
    /// Plain HTTP with everything in the URL.
    Get,
}

impl PortFormat {
    /// The word of the `format` attribute.
    pub fn word(self) -> &'static str {
        match self {
            PortFormat::Soap11 => "soap11",
            PortFormat::Soap12 => "soap12",
            PortFormat::Rest => "rest",
            PortFormat::Get => "get",
        }
    }
}

/// A name that something is referred to by; without a namespace only the local part counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Namespace, where it is known.
    pub namespace: Option<String>,
    /// Local part.
    pub local: String,
}

/// What of a document matters to who sends to its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `targetNamespace`, empty when there is none.
    pub target_namespace: String,
    /// Services in document order.
    pub services: Vec<Service>,
    /// Bindings in document order.
    pub bindings: Vec<Binding>,
    /// Locations of imported and included definitions, as written.
    pub imports: Vec<String>,
}

/// `service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Local name.
    pub name: String,
    /// `port` (1.1) or `endpoint` (2.0) children.
    pub ports: Vec<Port>,
}

/// `port` or `endpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Local name.
    pub name: String,
    /// The binding that it refers to.
    pub binding: Name,
    /// The address, when it has one.
    pub address: Option<String>,
    /// What the address element says about the format; nothing where only the binding tells.
    pub kind: Option<PortFormat>,
}

/// `binding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Local name.
    pub name: String,
    /// The format, when it is one of those known.
    pub format: Option<PortFormat>,
}

/// Why bytes are no definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoDocument {
    /// They are no XML that is read here.
    Unreadable(String),
    /// The root is another element: a schema, say.
    Other(String),
}

impl std::fmt::Display for NoDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoDocument::Unreadable(why) => f.write_str(why),
            NoDocument::Other(root) => {
                write!(
                    f,
                    "the root element {root} is no WSDL 1.1 or 2.0 definition"
                )
            }
        }
    }
}

/// The text of a document, when it is XML that may be read.
pub(super) fn text_of(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err("the document is larger than 4 MiB".to_owned());
    }
    let decoded = decode(bytes);
    if let Some((_, problem)) = decoded.problem {
        return Err(problem);
    }
    match xml::unacceptable(&decoded.text) {
        Some(code) => Err(code.row().text.replace("the file", "the document")),
        None => Ok(decoded.text),
    }
}

/// The tree of a document's text.
pub(super) fn tree_of(text: &str) -> Result<roxmltree::Document<'_>, String> {
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| format!("not well-formed XML: {error}"))
}

impl Document {
    /// Reads a document.
    pub fn parse(bytes: &[u8]) -> Result<Document, NoDocument> {
        let text = text_of(bytes).map_err(NoDocument::Unreadable)?;
        let tree = tree_of(&text).map_err(NoDocument::Unreadable)?;
        let root = tree.root_element();
        let read = match (root.tag_name().namespace(), root.tag_name().name()) {
            (Some(WSDL11), "definitions") => port_of_11 as fn(Node<'_, '_>) -> Port,
            (Some(WSDL20), "description") => port_of_20,
            (namespace, name) => {
                let root = format!("{{{}}}{name}", namespace.unwrap_or_default());
                return Err(NoDocument::Other(root));
            }
        };
        let ns = root.tag_name().namespace().unwrap_or_default();
        let children =
            |name: &'static str| root.children().filter(move |n| n.has_tag_name((ns, name)));
        let ports = |service: Node<'_, '_>| {
            let of_service = service.children();
            of_service
                .filter(|n| {
                    n.has_tag_name((WSDL11, "port")) || n.has_tag_name((WSDL20, "endpoint"))
                })
                .map(read)
                .collect()
        };
        Ok(Document {
            target_namespace: attribute(root, "targetNamespace"),
            services: children("service")
                .map(|service| Service {
                    name: attribute(service, "name"),
                    ports: ports(service),
                })
                .collect(),
            bindings: children("binding")
                .map(|binding| Binding {
                    name: attribute(binding, "name"),
                    format: if ns == WSDL11 {
                        format_of_11(binding)
                    } else {
                        format_of_20(binding)
                    },
                })
                .collect(),
            imports: children("import")
                .chain(children("include"))
                .map(|import| attribute(import, "location"))
                .filter(|location| !location.is_empty())
                .collect(),
        })
    }
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_default().trim().to_owned()
}

/// A QName with the prefixes that hold where it stands.
fn qname(node: Node<'_, '_>, text: &str) -> Name {
    let (prefix, local) = match text.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, text),
    };
    Name {
        namespace: node.lookup_namespace_uri(prefix).map(str::to_owned),
        local: local.to_owned(),
    }
}

fn port_of_11(port: Node<'_, '_>) -> Port {
    let address = port.children().find_map(|child| {
        let kind = match (child.tag_name().namespace(), child.tag_name().name()) {
            (Some(SOAP11), "address") => Some(PortFormat::Soap11),
            (Some(SOAP12), "address") => Some(PortFormat::Soap12),
            (Some(HTTP), "address") => None,
            _ => return None,
        };
        Some((attribute(child, "location"), kind))
    });
    let (address, kind) = address.unzip();
    Port {
        name: attribute(port, "name"),
        binding: qname(port, &attribute(port, "binding")),
        address: address.filter(|a| !a.is_empty()),
        kind: kind.flatten(),
    }
}

fn port_of_20(endpoint: Node<'_, '_>) -> Port {
    Port {
        name: attribute(endpoint, "name"),
        binding: qname(endpoint, &attribute(endpoint, "binding")),
        address: Some(attribute(endpoint, "address")).filter(|a| !a.is_empty()),
        kind: None,
    }
}

fn format_of_11(binding: Node<'_, '_>) -> Option<PortFormat> {
    binding.children().find_map(|child| {
        let verb = || child.attribute("verb").unwrap_or_default().trim();
        match (child.tag_name().namespace(), child.tag_name().name()) {
            (Some(SOAP11), "binding") => Some(PortFormat::Soap11),
            (Some(SOAP12), "binding") => Some(PortFormat::Soap12),
            (Some(HTTP), "binding") if verb().eq_ignore_ascii_case("GET") => Some(PortFormat::Get),
            (Some(HTTP), "binding") => Some(PortFormat::Rest),
            _ => None,
        }
    })
}

/// The binding's `type` tells SOAP from HTTP; SOAP is 1.2 unless `wsoap:version` says 1.1; HTTP is `get` when no
/// operation uses another method (WSDL 2.0 part 2, sections 5.10 and 6.4: the default there depends on the operation).
fn format_of_20(binding: Node<'_, '_>) -> Option<PortFormat> {
    match attribute(binding, "type").as_str() {
        SOAP_OF_20 => match binding.attribute((SOAP_OF_20, "version")).map(str::trim) {
            Some("1.1") => Some(PortFormat::Soap11),
            _ => Some(PortFormat::Soap12),
        },
        HTTP_OF_20 => {
            let default = binding.attribute((HTTP_OF_20, "methodDefault"));
            let mut operations = binding
                .children()
                .filter(|n| n.has_tag_name((WSDL20, "operation")))
                .map(|n| n.attribute((HTTP_OF_20, "method")).or(default))
                .peekable();
            let get =
                |method: Option<&str>| method.is_some_and(|m| m.trim().eq_ignore_ascii_case("GET"));
            let all = match operations.peek() {
                Some(_) => operations.all(get),
                None => get(default),
            };
            Some(if all {
                PortFormat::Get
            } else {
                PortFormat::Rest
            })
        }
        _ => None,
    }
}

#[cfg(test)]
pub(in crate::config) mod tests {
    use super::*;

    /// A definition with one service `Quote` of these ports.
    pub(in crate::config) fn wsdl11(ports: &str) -> String {
        format!(
            "<w:definitions xmlns:w='{WSDL11}' xmlns:s='{SOAP11}' xmlns:s12='{SOAP12}' xmlns:h='{HTTP}' xmlns:t='urn:q' targetNamespace='urn:q'>\
             <w:binding name='B11' type='t:P'><s:binding/></w:binding>\
             <w:binding name='BG' type='t:P'><h:binding verb='get'/></w:binding>\
             <w:binding name='BP' type='t:P'><h:binding verb='POST'/></w:binding>\
             <w:service name='Quote'>{ports}</w:service></w:definitions>"
        )
    }

    fn ports(text: &str) -> Vec<Port> {
        let document = Document::parse(text.as_bytes()).unwrap();
        document
            .services
            .into_iter()
            .flat_map(|s| s.ports)
            .collect()
    }

    #[test]
    fn ports_of_wsdl_11_have_address_and_kind() {
        let text = wsdl11(
            "<w:port name='a' binding='t:B11'><w:documentation/><s:address location=' http://a/ '/></w:port>\
             <w:port name='b' binding='t:B12'><s12:address location='http://b/'/></w:port>\
             <w:port name='c' binding='t:BG'><h:address location='http://c/'/></w:port>\
             <w:port name='d' binding='t:B11'><s:address location=''/></w:port>\
             <w:port name='e' binding='t:B11'/>",
        );
        let found: Vec<_> = ports(&text)
            .into_iter()
            .map(|p| (p.name, p.address, p.kind))
            .collect();
        let of = |name: &str, address: Option<&str>, kind| {
            (name.to_owned(), address.map(str::to_owned), kind)
        };
        assert_eq!(
            found,
            [
                of("a", Some("http://a/"), Some(PortFormat::Soap11)),
                of("b", Some("http://b/"), Some(PortFormat::Soap12)),
                of("c", Some("http://c/"), None),
                of("d", None, Some(PortFormat::Soap11)),
                of("e", None, None),
            ]
        );
    }

    #[test]
    fn bindings_tell_the_format() {
        let document = Document::parse(wsdl11("").as_bytes()).unwrap();
        let formats: Vec<_> = document.bindings.iter().map(|b| b.format).collect();
        assert_eq!(
            formats,
            [PortFormat::Soap11, PortFormat::Get, PortFormat::Rest].map(Some)
        );
        let binding = |kind: &str, attributes: &str, operations: &str| {
            let text = format!(
                "<description xmlns='{WSDL20}' xmlns:ws='{SOAP_OF_20}' xmlns:wh='{HTTP_OF_20}' targetNamespace='u'>\
                 <binding name='b' type='{kind}' {attributes}>{operations}</binding></description>"
            );
            Document::parse(text.as_bytes()).unwrap().bindings[0].format
        };
        let get = "<operation ref='o' wh:method='GET'/>";
        let post = "<operation ref='p' wh:method='POST'/>";
        for (kind, attributes, operations, want) in [
            (SOAP_OF_20, "", "", PortFormat::Soap12),
            (SOAP_OF_20, "ws:version='1.2'", "", PortFormat::Soap12),
            (SOAP_OF_20, "ws:version='1.1'", "", PortFormat::Soap11),
            (HTTP_OF_20, "wh:methodDefault='GET'", "", PortFormat::Get),
            (HTTP_OF_20, "", get, PortFormat::Get),
            (HTTP_OF_20, "wh:methodDefault='GET'", post, PortFormat::Rest),
            (HTTP_OF_20, "", "", PortFormat::Rest),
        ] {
            let format = binding(kind, attributes, operations);
            assert_eq!(format, Some(want), "{kind} {attributes} {operations}");
        }
        assert_eq!(binding("urn:other", "", ""), None);
    }

    #[test]
    fn endpoints_of_wsdl_20_have_their_address_as_an_attribute() {
        let text = format!(
            "<d:description xmlns:d='{WSDL20}' xmlns:t='u' targetNamespace='u'><d:import namespace='v' location='i.wsdl'/>\
             <d:include location='j.wsdl'/><d:service name='S' interface='t:I'>\
             <d:endpoint name='e' binding='t:b' address='http://e/'/></d:service></d:description>"
        );
        let document = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(document.imports, ["i.wsdl", "j.wsdl"]);
        let port = &document.services[0].ports[0];
        assert_eq!(port.address.as_deref(), Some("http://e/"));
        assert_eq!(port.binding.namespace.as_deref(), Some("u"));
    }

    #[test]
    fn what_is_no_definition_says_why() {
        let why = |text: &str| match Document::parse(text.as_bytes()) {
            Err(error) => error.to_string(),
            Ok(document) => panic!("{document:?}"),
        };
        assert!(why("<html/>").contains("{}html"));
        assert!(why("<a>").contains("not well-formed"));
        assert!(
            why(&format!("<!DOCTYPE a><definitions xmlns='{WSDL11}'/>")).contains("document type")
        );
        assert!(why(&"<a>".repeat(300)).contains("256"));
        let large = format!(
            "<definitions xmlns='{WSDL11}'>{}</definitions>",
            " ".repeat(MAX_DOCUMENT_BYTES)
        );
        assert!(why(&large).contains("4 MiB"));
    }
}
