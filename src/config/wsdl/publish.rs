//! A definition as a proxy service shows it: addresses are its own, and what is imported is reached through it.
//!
//! The given documents stay what they are; only values of attributes are replaced, at places that are found once. What is
//! replaced: `location` of the addresses of http ports (`address` of WSDL 2.0 endpoints), the name of a lone service, and
//! the locations of imports and includes of definitions and schemas that were read together with the document.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use roxmltree::Node;

use super::document::{HTTP, SOAP11, SOAP12, WSDL11, WSDL20, tree_of};
use super::location::Location;

/// Namespace of XML Schema.
pub(super) const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";

/// What a client asks for in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `?wsdl`.
    Wsdl,
    /// `?wsdl2`.
    Wsdl2,
    /// `?wsdl=name`: an imported definition.
    Import(String),
    /// `?xsd` or `?xsd=name`.
    Schema(Option<String>),
}

impl Asked {
    /// The question in a query, when it is one. In capitals too: the originals take `?WSDL` for a message of no operation,
    /// which helps nobody.
    pub fn of(query: &[u8]) -> Option<Asked> {
        let query = std::str::from_utf8(query).ok()?;
        let (word, name) = match query.split_once('=') {
            Some((word, name)) => (word, Some(name.to_owned())),
            None => (query, None),
        };
        match (word.to_ascii_lowercase().as_str(), name) {
            ("wsdl", None) => Some(Asked::Wsdl),
            ("wsdl2", None) => Some(Asked::Wsdl2),
            ("wsdl", Some(name)) => Some(Asked::Import(name)),
            ("xsd", name) => Some(Asked::Schema(name)),
            _ => None,
        }
    }
}

/// What becomes of addresses (the parameters `useOriginalwsdl` and `modifyUserWSDLPortAddress`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// `/services/N.NHttpSoap11Endpoint` and such, and the service has the proxy's name.
    #[default]
    Own,
    /// `/services/N`; the service keeps its name.
    Plain,
    /// Those of the document.
    Original,
}

/// Where the proxy service is, as its client sees it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Scheme, host and port: `http://h:8280`.
    pub base: &'a str,
    /// Name of the service.
    pub service: &'a str,
    /// What becomes of addresses.
    pub addresses: Addresses,
}

/// A definition with all that it imports, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    kind: Kind,
    /// `xsd0`, `wsdl1`; empty for the first.
    name: String,
    text: String,
    /// In ascending order, without overlap.
    changes: Vec<(Range<usize>, Change)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Wsdl11,
    Wsdl20,
    Schema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// The address of a port; the word for its protocol in the names that the originals make.
    Address(&'static str),
    Service,
    /// A reference to the file of that number.
    Reference(usize),
}

/// A document as it was read, and what its references lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it was read.
    pub location: Location,
    /// Its text.
    pub text: String,
    /// References as written, and where they lead.
    pub references: HashMap<String, Location>,
}

impl Published {
    /// Takes the parts of a definition, the first of which is the one that was asked for.
    pub fn new(parts: Vec<Part>) -> Result<Published, String> {
        let mut kinds = Vec::with_capacity(parts.len());
        for part in &parts {
            kinds.push(kind(&part.text).map_err(|why| format!("{}: {why}", part.location))?);
        }
        if kinds.first().is_none_or(|kind| *kind == Kind::Schema) {
            return Err("the document is no WSDL 1.1 or 2.0 definition".to_owned());
        }
        let numbers: HashMap<Location, usize> = parts
            .iter()
            .enumerate()
            .map(|(number, part)| (part.location.clone(), number))
            .collect();
        let mut files = Vec::with_capacity(parts.len());
        for (number, (part, kind)) in parts.into_iter().zip(kinds).enumerate() {
            let lead =
                |reference: &str| numbers.get(part.references.get(reference.trim())?).copied();
            let changes = changes(&part.text, number == 0, lead)?;
            let name = match (number, kind) {
                (0, _) => String::new(),
                (_, Kind::Schema) => format!("xsd{}", number - 1),
                _ => format!("wsdl{number}"),
            };
            files.push(File {
                kind,
                name,
                text: part.text,
                changes,
            });
        }
        Ok(Published { files })
    }

    /// What the client asked for, as it is seen from a place; `None` when there is no such document.
    pub fn show(&self, asked: &Asked, place: &Place<'_>) -> Option<String> {
        let schema = |f: &&File| f.kind == Kind::Schema;
        let found = match asked {
            Asked::Wsdl => self.files.first(),
            Asked::Wsdl2 => self.files.first().filter(|f| f.kind == Kind::Wsdl20),
            Asked::Import(name) => self.files.iter().find(|f| !schema(f) && f.name == *name),
            Asked::Schema(None) => self.files.iter().find(schema),
            Asked::Schema(Some(name)) => self.files.iter().find(|f| schema(f) && f.name == *name),
        };
        found.map(|file| self.write(file, place))
    }

    fn write(&self, file: &File, place: &Place<'_>) -> String {
        let mut out = String::with_capacity(file.text.len() + 512);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let mut from = after_declaration(&file.text);
        for (range, change) in &file.changes {
            let Some(value) = self.value(*change, place) else {
                continue;
            };
            out.push_str(&file.text[from..range.start]);
            escape(&mut out, &value);
            from = range.end;
        }
        out.push_str(&file.text[from..]);
        out
    }

    fn value(&self, change: Change, place: &Place<'_>) -> Option<String> {
        let Place { base, service, .. } = place;
        let mut value = format!("{base}/services/{service}");
        // Writing to a String does not fail.
        let _ = match (change, place.addresses) {
            (Change::Address(_), Addresses::Original) => return None,
            (Change::Address(_), Addresses::Plain) => Ok(()),
            (Change::Address(protocol), Addresses::Own) => {
                let secure = if base.starts_with("https:") { "s" } else { "" };
                write!(value, ".{service}Http{secure}{protocol}Endpoint")
            }
            (Change::Service, Addresses::Own) => return Some((*service).to_owned()),
            (Change::Service, _) => return None,
            (Change::Reference(number), _) => {
                let file = self.files.get(number)?;
                match (file.kind, file.name.as_str()) {
                    (Kind::Schema, name) => write!(value, "?xsd={name}"),
                    (_, "") => write!(value, "?wsdl"),
                    (_, name) => write!(value, "?wsdl={name}"),
                }
            }
        };
        Some(value)
    }
}

/// Every reference of a document that leads to another one, as written.
pub(super) fn references(text: &str) -> Result<Vec<String>, String> {
    let tree = tree_of(text)?;
    let each = tree.descendants().filter_map(|node| {
        let value = node.attribute(reference_attribute(node)?)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    });
    Ok(each.collect())
}

/// The attribute in which an element names another document.
fn reference_attribute(node: Node<'_, '_>) -> Option<&'static str> {
    match (node.tag_name().namespace()?, node.tag_name().name()) {
        (WSDL11, "import") | (WSDL20, "import" | "include") => Some("location"),
        (SCHEMA, "import" | "include" | "redefine") => Some("schemaLocation"),
        _ => None,
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let tree = tree_of(text)?;
    let root = tree.root_element();
    match (root.tag_name().namespace(), root.tag_name().name()) {
        (Some(WSDL11), "definitions") => Ok(Kind::Wsdl11),
        (Some(WSDL20), "description") => Ok(Kind::Wsdl20),
        (Some(SCHEMA), "schema") => Ok(Kind::Schema),
        (_, name) => Err(format!(
            "the root element {name} is neither a definition nor a schema"
        )),
    }
}

fn changes(
    text: &str,
    first: bool,
    lead: impl Fn(&str) -> Option<usize>,
) -> Result<Vec<(Range<usize>, Change)>, String> {
    let tree = tree_of(text)?;
    let mut services = Vec::new();
    let mut changes = Vec::new();
    for node in tree.descendants().filter(Node::is_element) {
        let Some(ns) = node.tag_name().namespace() else {
            continue;
        };
        let address = match (ns, node.tag_name().name()) {
            (SOAP11, "address") => Some(("location", "Soap11")),
            (SOAP12, "address") => Some(("location", "Soap12")),
            (HTTP, "address") => Some(("location", "")),
            (WSDL20, "endpoint") => Some(("address", "")),
            (WSDL11 | WSDL20, "service") => {
                services.extend(node.attribute_node("name").map(|a| a.range_value()));
                None
            }
            _ => None,
        };
        if let Some((name, protocol)) = address
            && let Some(attribute) = node.attribute_node(name)
            && is_http(attribute.value())
        {
            changes.push((attribute.range_value(), Change::Address(protocol)));
        }
        if let Some(name) = reference_attribute(node)
            && let Some(attribute) = node.attribute_node(name)
            && let Some(number) = lead(attribute.value())
        {
            changes.push((attribute.range_value(), Change::Reference(number)));
        }
    }
    // Of several services nobody could say which one the proxy is.
    if let ([only], true) = (&services[..], first) {
        changes.push((only.clone(), Change::Service));
    }
    changes.sort_by_key(|(range, _)| range.start);
    Ok(changes)
}

/// An address that a proxy service can stand for; one that is still to be filled in counts as such.
fn is_http(address: &str) -> bool {
    let address = address.trim();
    let scheme = address.split(':').next().unwrap_or_default();
    !address.contains(':')
        || scheme.eq_ignore_ascii_case("http")
        || scheme.eq_ignore_ascii_case("https")
}

/// The text goes out as UTF-8, whatever it was.
fn after_declaration(text: &str) -> usize {
    match text.strip_prefix("<?xml") {
        Some(rest) if rest.starts_with(char::is_whitespace) => {
            let end = text.find("?>").map_or(0, |at| at + 2);
            end + text[end..].len() - text[end..].trim_start().len()
        }
        _ => 0,
    }
}

fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, text: &str, references: &[(&str, &str)]) -> Part {
        let at = |name: &str| Location::Url(format!("http://h/{name}"));
        Part {
            location: at(name),
            text: text.to_owned(),
            references: references
                .iter()
                .map(|(written, to)| ((*written).to_owned(), at(to)))
                .collect(),
        }
    }

    fn place(addresses: Addresses) -> Place<'static> {
        Place {
            base: "http://proxy:8280",
            service: "P&1",
            addresses,
        }
    }

    fn wsdl() -> Published {
        let text = format!(
            "<?xml version='1.0' encoding='ISO-8859-1'?>\n<!-- é --><w:definitions xmlns:w='{WSDL11}' xmlns:s='{SOAP11}' xmlns:t='{SOAP12}' xmlns:h='{HTTP}' xmlns:x='{SCHEMA}'>\
             <w:import location='b.wsdl'/><w:import location='http://far/c.wsdl'/>\
             <w:types><x:schema><x:include schemaLocation=' a.xsd '/></x:schema></w:types>\
             <w:service name='Real'><w:port name='1'><s:address location=\"http://real/1\"/></w:port><w:port name='2'><t:address location='https://real/2'/></w:port>\
             <w:port name='3'><h:address location='http://real/3'/></w:port><w:port name='4'><s:address location='jms:/q'/></w:port></w:service></w:definitions>"
        );
        let import = format!("<definitions xmlns='{WSDL11}'><service name='Other'/></definitions>");
        let schema = format!("<schema xmlns='{SCHEMA}'><import schemaLocation='b'/></schema>");
        Published::new(vec![
            part(
                "a.wsdl",
                &text,
                &[
                    ("b.wsdl", "b.wsdl"),
                    ("a.xsd", "a.xsd"),
                    ("http://far/c.wsdl", "c"),
                ],
            ),
            part("a.xsd", &schema, &[("b", "b.wsdl")]),
            part("b.wsdl", &import, &[]),
        ])
        .unwrap()
    }

    fn show(asked: Asked, addresses: Addresses) -> String {
        wsdl().show(&asked, &place(addresses)).unwrap()
    }

    #[test]
    fn addresses_name_and_imports_are_the_proxy_s_own() {
        let text = show(Asked::Wsdl, Addresses::Own);
        assert!(
            text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- é -->"),
            "{text}"
        );
        for part in [
            "location=\"http://proxy:8280/services/P&amp;1.P&amp;1HttpSoap11Endpoint\"",
            "location='http://proxy:8280/services/P&amp;1.P&amp;1HttpSoap12Endpoint'",
            "location='http://proxy:8280/services/P&amp;1.P&amp;1HttpEndpoint'",
            "location='jms:/q'",
            "service name='P&amp;1'",
            "import location='http://proxy:8280/services/P&amp;1?wsdl=wsdl2'",
            "import location='http://far/c.wsdl'",
            "schemaLocation='http://proxy:8280/services/P&amp;1?xsd=xsd0'",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let over_https = Place {
            base: "https://proxy",
            ..place(Addresses::Own)
        };
        let text = wsdl().show(&Asked::Wsdl, &over_https).unwrap();
        assert!(
            text.contains("P&amp;1.P&amp;1HttpsSoap11Endpoint"),
            "{text}"
        );
    }

    #[test]
    fn the_original_keeps_its_name_and_if_wanted_its_addresses() {
        let plain = show(Asked::Wsdl, Addresses::Plain);
        assert!(
            plain.contains("location=\"http://proxy:8280/services/P&amp;1\""),
            "{plain}"
        );
        assert!(plain.contains("service name='Real'"));
        let original = show(Asked::Wsdl, Addresses::Original);
        assert!(
            original.contains("location=\"http://real/1\""),
            "{original}"
        );
        assert!(original.contains("?wsdl=wsdl2"), "{original}");
    }

    #[test]
    fn what_is_imported_is_shown_under_its_name() {
        let own = Addresses::Own;
        assert!(show(Asked::Import("wsdl2".into()), own).contains("name='Other'"));
        let schema = show(Asked::Schema(None), own);
        assert_eq!(schema, show(Asked::Schema(Some("xsd0".into())), own));
        assert!(schema.contains("?wsdl=wsdl2"), "{schema}");
        for asked in [
            Asked::Wsdl2,
            Asked::Import("xsd0".into()),
            Asked::Schema(Some("x".into())),
        ] {
            assert_eq!(wsdl().show(&asked, &place(own)), None);
        }
    }

    #[test]
    fn a_wsdl_20_definition_is_shown_for_both_questions() {
        let text = format!(
            "<description xmlns='{WSDL20}'><service name='S'><endpoint name='e' address='http://real/'/></service></description>"
        );
        let published = Published::new(vec![part("a", &text, &[])]).unwrap();
        for asked in [Asked::Wsdl, Asked::Wsdl2] {
            let text = published.show(&asked, &place(Addresses::Own)).unwrap();
            assert!(
                text.contains("address='http://proxy:8280/services/P&amp;1.P&amp;1HttpEndpoint'"),
                "{text}"
            );
        }
    }

    #[test]
    fn questions_are_told_from_ordinary_queries() {
        assert_eq!(Asked::of(b"wsdl"), Some(Asked::Wsdl));
        assert_eq!(Asked::of(b"wsdl2"), Some(Asked::Wsdl2));
        assert_eq!(Asked::of(b"wsdl=a"), Some(Asked::Import("a".into())));
        assert_eq!(Asked::of(b"xsd"), Some(Asked::Schema(None)));
        assert_eq!(
            Asked::of(b"xsd=xsd0"),
            Some(Asked::Schema(Some("xsd0".into())))
        );
        assert_eq!(Asked::of(b"WSDL"), Some(Asked::Wsdl));
        for query in ["wsdl3", "", "a=wsdl", "wsdl&x", "xsdx"] {
            assert_eq!(Asked::of(query.as_bytes()), None, "{query}");
        }
    }

    #[test]
    fn a_schema_or_anything_else_is_no_definition() {
        let schema = format!("<schema xmlns='{SCHEMA}'/>");
        for text in [schema.as_str(), "<html/>", "<"] {
            assert!(
                Published::new(vec![part("a", text, &[])]).is_err(),
                "{text}"
            );
        }
        assert!(Published::new(Vec::new()).is_err());
    }
}
