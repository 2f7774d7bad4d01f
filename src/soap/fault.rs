//! Faults as bytes: SOAP 1.1 (section 4.4), SOAP 1.2 (part 1, section 5.4), and the plain-XML `Exception` of Synapse.
//!
//! The envelope carries an empty Header, as the recorded ones do, or the blocks that were read of the message. The code is a QName that is written with the prefix the
//! configuration used; its namespace is declared on the envelope, so that a code of a foreign namespace stays readable.

use bytes::Bytes;

use super::blocks::HeaderBlocks;
use super::envelope::{SOAP11_NS, SOAP12_NS};
use super::escape_text;

/// The three shapes of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultVersion {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
    /// Plain XML.
    Pox,
}

/// The code of a fault: a qualified name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCode {
    /// Prefix to write; never empty.
    pub prefix: String,
    /// Local name.
    pub local: String,
    /// Namespace that the prefix means.
    pub namespace: String,
}

impl FaultCode {
    /// The code that says "the fault is on this side" in a SOAP version.
    pub fn server(version: FaultVersion) -> Self {
        match version {
            FaultVersion::Soap12 => Self::standard(SOAP12_NS, "Receiver"),
            FaultVersion::Soap11 | FaultVersion::Pox => Self::standard(SOAP11_NS, "Server"),
        }
    }

    /// The code that says "the message is at fault".
    pub fn client(version: FaultVersion) -> Self {
        match version {
            FaultVersion::Soap12 => Self::standard(SOAP12_NS, "Sender"),
            FaultVersion::Soap11 | FaultVersion::Pox => Self::standard(SOAP11_NS, "Client"),
        }
    }

    fn standard(namespace: &str, local: &str) -> Self {
        Self {
            prefix: "soapenv".to_owned(),
            local: local.to_owned(),
            namespace: namespace.to_owned(),
        }
    }
}

/// What stands in `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail<'a> {
    /// No detail element.
    Absent,
    /// Text, escaped here.
    Text(&'a str),
    /// Well-formed XML, written as it is.
    Xml(&'a str),
}

/// Everything that a fault says.
#[derive(Clone, Copy, Debug)]
pub struct FaultText<'a> {
    /// The code.
    pub code: &'a FaultCode,
    /// The reason, for people.
    pub reason: &'a str,
    /// The node that failed (SOAP 1.2 only).
    pub node: Option<&'a str>,
    /// The role, or `faultactor`.
    pub role: Option<&'a str>,
    /// The detail.
    pub detail: Detail<'a>,
    /// Header blocks of the message that the fault was made of.
    pub blocks: Option<&'a HeaderBlocks>,
}

impl FaultVersion {
    /// The envelope's namespace; `None` for plain XML.
    pub fn namespace(self) -> Option<&'static str> {
        match self {
            FaultVersion::Soap11 => Some(SOAP11_NS),
            FaultVersion::Soap12 => Some(SOAP12_NS),
            FaultVersion::Pox => None,
        }
    }
}

impl FaultText<'_> {
    /// The whole message.
    pub fn write(&self, version: FaultVersion) -> Bytes {
        let mut out = String::with_capacity(512 + self.reason.len());
        match version {
            FaultVersion::Soap11 => self.soap11(&mut out),
            FaultVersion::Soap12 => self.soap12(&mut out),
            FaultVersion::Pox => self.pox(&mut out),
        }
        Bytes::from(out)
    }

    fn soap11(&self, out: &mut String) {
        self.open(out, SOAP11_NS);
        element(out, "faultcode", &self.code_text(SOAP11_NS));
        element(out, "faultstring", self.reason);
        if let Some(role) = self.role {
            element(out, "faultactor", role);
        }
        self.detail(out, "detail");
        out.push_str("</soapenv:Fault></soapenv:Body></soapenv:Envelope>");
    }

    fn soap12(&self, out: &mut String) {
        self.open(out, SOAP12_NS);
        out.push_str("<soapenv:Code>");
        element(out, "soapenv:Value", &self.code_text(SOAP12_NS));
        out.push_str("</soapenv:Code><soapenv:Reason><soapenv:Text xml:lang=\"en\">");
        escape_text(out, self.reason);
        out.push_str("</soapenv:Text></soapenv:Reason>");
        if let Some(node) = self.node {
            element(out, "soapenv:Node", node);
        }
        if let Some(role) = self.role {
            element(out, "soapenv:Role", role);
        }
        self.detail(out, "soapenv:Detail");
        out.push_str("</soapenv:Fault></soapenv:Body></soapenv:Envelope>");
    }

    // The detail when there is one, else the reason.
    fn pox(&self, out: &mut String) {
        out.push_str("<Exception>");
        match self.detail {
            Detail::Text(text) if !text.is_empty() => escape_text(out, text),
            Detail::Xml(xml) if !xml.is_empty() => out.push_str(xml),
            _ => escape_text(out, self.reason),
        }
        out.push_str("</Exception>");
    }

    fn open(&self, out: &mut String, namespace: &str) {
        out.push_str("<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope xmlns:soapenv=\"");
        out.push_str(namespace);
        out.push('"');
        let prefix = self.prefix(namespace);
        if prefix != "soapenv" {
            out.push_str(" xmlns:");
            out.push_str(prefix);
            out.push_str("=\"");
            escape_text(out, &self.code.namespace);
            out.push('"');
        }
        out.push_str("><soapenv:Header");
        match self.blocks {
            Some(blocks) => {
                out.push_str(&blocks.declarations);
                out.push('>');
                out.push_str(&blocks.content);
                out.push_str("</soapenv:Header>");
            }
            None => out.push_str("/>"),
        }
        out.push_str("<soapenv:Body><soapenv:Fault>");
    }

    // `soapenv` is the envelope's own prefix: a code that uses it for another namespace is written with one of its own.
    fn prefix(&self, envelope: &str) -> &str {
        match self.code.prefix.as_str() {
            "soapenv" if self.code.namespace != envelope => "fc",
            prefix => prefix,
        }
    }

    fn code_text(&self, envelope: &str) -> String {
        format!("{}:{}", self.prefix(envelope), self.code.local)
    }

    fn detail(&self, out: &mut String, name: &str) {
        match self.detail {
            Detail::Absent => {}
            Detail::Text(text) => element(out, name, text),
            Detail::Xml(xml) => {
                out.push_str(&format!("<{name}>{xml}</{name}>"));
            }
        }
    }
}

fn element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    escape_text(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<'a>(code: &'a FaultCode, reason: &'a str, detail: Detail<'a>) -> FaultText<'a> {
        FaultText {
            code,
            reason,
            node: Some("urn:node"),
            role: Some("urn:me"),
            detail,
            blocks: None,
        }
    }

    fn written(text: &FaultText<'_>, version: FaultVersion) -> String {
        let bytes = text.write(version);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        roxmltree::Document::parse(&text).unwrap();
        text
    }

    #[test]
    fn soap11_has_an_empty_header_and_unqualified_children() {
        let code = FaultCode {
            prefix: "s".into(),
            local: "Server".into(),
            namespace: SOAP11_NS.into(),
        };
        let text = written(
            &fault(&code, "a < b", Detail::Text("words")),
            FaultVersion::Soap11,
        );
        assert!(text.ends_with(
            "<soapenv:Header/><soapenv:Body><soapenv:Fault><faultcode>s:Server</faultcode><faultstring>a &lt; b</faultstring>\
             <faultactor>urn:me</faultactor><detail>words</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        ), "{text}");
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(
            document.root_element().lookup_namespace_uri(Some("s")),
            Some(SOAP11_NS)
        );
    }

    #[test]
    fn soap12_wraps_code_and_reason_and_keeps_an_empty_detail() {
        let code = FaultCode::server(FaultVersion::Soap12);
        let text = written(&fault(&code, "why", Detail::Text("")), FaultVersion::Soap12);
        assert!(text.contains(
            "<soapenv:Code><soapenv:Value>soapenv:Receiver</soapenv:Value></soapenv:Code>\
             <soapenv:Reason><soapenv:Text xml:lang=\"en\">why</soapenv:Text></soapenv:Reason>\
             <soapenv:Node>urn:node</soapenv:Node><soapenv:Role>urn:me</soapenv:Role><soapenv:Detail></soapenv:Detail>"
        ), "{text}");
    }

    #[test]
    fn a_code_of_the_other_soap_version_keeps_its_own_namespace() {
        let code = FaultCode::server(FaultVersion::Soap12);
        let text = written(&fault(&code, "why", Detail::Absent), FaultVersion::Soap11);
        assert!(
            text.contains("<faultcode>fc:Receiver</faultcode>"),
            "{text}"
        );
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(
            document.root_element().lookup_namespace_uri(Some("fc")),
            Some(SOAP12_NS)
        );
    }

    #[test]
    fn pox_is_an_exception_with_the_detail_or_else_the_reason() {
        let code = FaultCode::server(FaultVersion::Pox);
        for (detail, want) in [
            (Detail::Absent, "<Exception>why</Exception>"),
            (Detail::Text(""), "<Exception>why</Exception>"),
            (Detail::Text("a&b"), "<Exception>a&amp;b</Exception>"),
            (Detail::Xml("<d/>"), "<Exception><d/></Exception>"),
        ] {
            assert_eq!(
                written(&fault(&code, "why", detail), FaultVersion::Pox),
                want
            );
        }
    }
}
