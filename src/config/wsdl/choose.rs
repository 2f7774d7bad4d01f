//! Service and port -> address and format.

use std::fmt;

use super::collect::Documents;
use super::document::{Document, Name, Port, PortFormat, Service};
use crate::config::suggest::nearest;

/// Most names that an error lists.
const SHOWN: usize = 10;

/// Where a port leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The address as written.
    pub address: String,
    /// The format that the port asks for.
    pub format: PortFormat,
}

/// Why a port leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No service of that name; those that there are.
    Service(Name, Vec<String>),
    /// The service has no port of that name; those that it has.
    Port(Name, Vec<String>),
    /// The port has no address.
    Address(String),
    /// The port's binding is not defined, or is of a kind that is not known, so that the format is not known either.
    Binding(String),
}

impl Documents {
    /// The port of that name in the service of that name.
    ///
    /// A name without a namespace is looked for in the first document's own namespace, then in all of them.
    pub fn choose(&self, service: &Name, port: &Name) -> Result<Chosen, Problem> {
        let found = self
            .services()
            .find(|(document, s)| matches(service, document, &s.name))
            .map(|(_, s)| s)
            .ok_or_else(|| Problem::Service(service.clone(), self.service_names()))?;
        let port = found
            .ports
            .iter()
            .find(|p| p.name == port.local)
            .ok_or_else(|| {
                let names = found.ports.iter().map(|p| p.name.clone());
                Problem::Port(port.clone(), names.collect())
            })?;
        let address = port
            .address
            .clone()
            .ok_or_else(|| Problem::Address(port.name.clone()))?;
        Ok(Chosen {
            address,
            format: self.format(port)?,
        })
    }

    fn services(&self) -> impl Iterator<Item = (&Document, &Service)> {
        let pairs = self.list.iter();
        pairs.flat_map(|document| document.services.iter().map(move |s| (document, s)))
    }

    /// Names for a message: with the namespace only where the local part alone does not tell them apart.
    fn service_names(&self) -> Vec<String> {
        let twice = |name: &str| self.services().filter(|(_, s)| s.name == name).count() > 1;
        self.services()
            .map(|(document, s)| match twice(&s.name) {
                true => format!("{{{}}}{}", document.target_namespace, s.name),
                false => s.name.clone(),
            })
            .collect()
    }

    fn format(&self, port: &Port) -> Result<PortFormat, Problem> {
        let binding = || {
            let mut documents = self.list.iter();
            documents.find_map(|document| {
                let bindings = &document.bindings;
                bindings
                    .iter()
                    .find(|b| matches(&port.binding, document, &b.name))
            })
        };
        match (port.kind, binding()) {
            (Some(format), _) => Ok(format),
            (None, Some(binding)) => binding
                .format
                .ok_or_else(|| Problem::Binding(binding.name.clone())),
            (None, None) => Err(Problem::Binding(port.binding.local.clone())),
        }
    }
}

fn matches(name: &Name, document: &Document, local: &str) -> bool {
    name.local == local
        && name
            .namespace
            .as_ref()
            .is_none_or(|ns| *ns == document.target_namespace)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{{{namespace}}}{}", self.local),
            None => f.write_str(&self.local),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Service(name, names) => {
                write!(f, "the WSDL has no service {name}; ")?;
                listed(f, "services", names)
            }
            Problem::Port(name, names) => {
                write!(f, "the service has no port {name}; ")?;
                listed(f, "ports", names)
            }
            Problem::Address(port) => write!(f, "the port {port} has no address"),
            Problem::Binding(binding) => write!(
                f,
                "the binding {binding} is not defined, or is neither SOAP nor HTTP"
            ),
        }
    }
}

impl Problem {
    /// The name that was probably meant.
    pub fn meant(&self) -> Option<&str> {
        match self {
            Problem::Service(name, names) | Problem::Port(name, names) => {
                nearest(&name.local, names.iter().map(String::as_str))
            }
            _ => None,
        }
    }
}

fn listed(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return write!(f, "it has no {what}");
    }
    write!(f, "{what}: {}", names[..names.len().min(SHOWN)].join(", "))?;
    match names.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::wsdl::document::tests::wsdl11;
    use crate::config::wsdl::{WSDL11, WSDL20};

    fn name(text: &str) -> Name {
        match text.strip_prefix('{').and_then(|t| t.split_once('}')) {
            Some((namespace, local)) => Name {
                namespace: Some(namespace.to_owned()),
                local: local.to_owned(),
            },
            None => Name {
                namespace: None,
                local: text.to_owned(),
            },
        }
    }

    fn documents(texts: &[String]) -> Documents {
        Documents {
            list: texts
                .iter()
                .map(|t| Document::parse(t.as_bytes()).unwrap())
                .collect(),
            notes: Vec::new(),
        }
    }

    fn choose(texts: &[String], service: &str, port: &str) -> Result<(String, PortFormat), String> {
        documents(texts)
            .choose(&name(service), &name(port))
            .map(|c| (c.address, c.format))
            .map_err(|p| p.to_string())
    }

    fn quote() -> String {
        wsdl11(
            "<w:port name='P11' binding='t:B11'><s:address location='http://a/'/></w:port>\
             <w:port name='P12' binding='t:B12'><s12:address location='http://b/'/></w:port>\
             <w:port name='Get' binding='t:BG'><h:address location='http://c/'/></w:port>\
             <w:port name='Post' binding='t:BP'><h:address location='http://d/'/></w:port>\
             <w:port name='Lost' binding='t:Gone'><h:address location='http://d/'/></w:port>\
             <w:port name='None' binding='t:B11'/>",
        )
    }

    #[test]
    fn the_first_fitting_extension_gives_address_and_format() {
        for (port, address, format) in [
            ("P11", "http://a/", PortFormat::Soap11),
            ("P12", "http://b/", PortFormat::Soap12),
            ("Get", "http://c/", PortFormat::Get),
            ("Post", "http://d/", PortFormat::Rest),
        ] {
            for service in ["Quote", "{urn:q}Quote"] {
                let chosen = choose(&[quote()], service, port);
                assert_eq!(chosen, Ok((address.to_owned(), format)), "{service} {port}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let why = |service: &str, port: &str| choose(&[quote()], service, port).unwrap_err();
        assert_eq!(
            why("Quotes", "P11"),
            "the WSDL has no service Quotes; services: Quote"
        );
        assert!(why("{urn:other}Quote", "P11").contains("{urn:other}Quote"));
        assert_eq!(
            why("Quote", "P1"),
            "the service has no port P1; ports: P11, P12, Get, Post, Lost, None"
        );
        assert!(why("Quote", "None").contains("no address"));
        assert!(why("Quote", "Lost").contains("Gone"));
        let meant = documents(&[quote()]).choose(&name("Quotee"), &name("P11"));
        assert_eq!(meant.unwrap_err().meant(), Some("Quote"));
        let empty = format!("<definitions xmlns='{WSDL11}'/>");
        let none = choose(&[empty], "S", "P");
        assert!(none.unwrap_err().contains("it has no services"));
    }

    #[test]
    fn services_and_bindings_of_imported_documents_are_found() {
        let interface = format!(
            "<description xmlns='{WSDL20}' targetNamespace='urn:b' xmlns:ws='http://www.w3.org/ns/wsdl/soap'>\
             <binding name='b' type='http://www.w3.org/ns/wsdl/soap' ws:version='1.1'/></description>"
        );
        let service = format!(
            "<description xmlns='{WSDL20}' targetNamespace='urn:s' xmlns:b='urn:b'><service name='S'>\
             <endpoint name='E' binding='b:b' address='http://e/'/></service></description>"
        );
        let root = format!("<description xmlns='{WSDL20}' targetNamespace='urn:r'/>");
        let chosen = choose(&[root, interface, service], "S", "E");
        assert_eq!(chosen, Ok(("http://e/".to_owned(), PortFormat::Soap11)));
    }

    #[test]
    fn of_two_services_of_one_name_the_first_document_s_own_wins_and_a_namespace_tells_them_apart()
    {
        let of = |ns: &str, host: &str| {
            wsdl11(&format!(
                "<w:port name='P' binding='t:B11'><s:address location='http://{host}/'/></w:port>"
            ))
            .replace("urn:q", ns)
        };
        let both = [of("urn:1", "one"), of("urn:2", "two")];
        let host = |service: &str| choose(&both, service, "P").unwrap().0;
        assert_eq!(host("Quote"), "http://one/");
        assert_eq!(host("{urn:2}Quote"), "http://two/");
        let why = choose(&both, "Quotas", "P").unwrap_err();
        assert!(why.contains("{urn:1}Quote, {urn:2}Quote"), "{why}");
    }
}
