//! A request message as far as the sample services read it, and the envelopes around their answers.

/// How a message is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
    /// Plain XML.
    Plain,
}

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// What a request asks for.
#[derive(Debug)]
pub struct Asked {
    /// How it came, and how its answer goes.
    pub wrapping: Wrapping,
    /// Local name of the payload element; empty for an empty body.
    pub operation: String,
    /// Namespace of the payload element.
    pub namespace: String,
    /// Text of each leaf element below the payload: local name and text, in order.
    pub values: Vec<(String, String)>,
}

impl Asked {
    /// Reads a message; the error is a sentence.
    pub fn parse(text: &str) -> Result<Asked, String> {
        // No DTD: roxmltree refuses one by default. The node limit keeps a hostile body from growing 20-fold.
        let options = roxmltree::ParsingOptions {
            nodes_limit: 1_000_000,
            ..roxmltree::ParsingOptions::default()
        };
        let document =
            roxmltree::Document::parse_with_options(text, options).map_err(|e| e.to_string())?;
        let root = document.root_element();
        let wrapping = match (root.tag_name().name(), root.tag_name().namespace()) {
            ("Envelope", Some(SOAP11)) => Wrapping::Soap11,
            ("Envelope", Some(SOAP12)) => Wrapping::Soap12,
            _ => Wrapping::Plain,
        };
        let payload = if wrapping == Wrapping::Plain {
            Some(root)
        } else {
            let body = root.children().find(|n| n.tag_name().name() == "Body");
            let body = body.ok_or("the envelope has no Body")?;
            body.children().find(roxmltree::Node::is_element)
        };
        let leaves = payload
            .into_iter()
            .flat_map(|p| p.descendants())
            .filter(|n| n.is_element() && !n.children().any(|c| c.is_element()));
        Ok(Asked {
            wrapping,
            operation: payload
                .map(|p| p.tag_name().name().to_owned())
                .unwrap_or_default(),
            namespace: payload
                .and_then(|p| p.tag_name().namespace())
                .unwrap_or("")
                .to_owned(),
            values: leaves
                .map(|n| {
                    (
                        n.tag_name().name().to_owned(),
                        n.text().unwrap_or("").trim().to_owned(),
                    )
                })
                .collect(),
        })
    }

    /// Text of the first leaf of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().find(|(n, _)| n == name);
        found.map(|(_, text)| text.as_str())
    }
}

impl Wrapping {
    /// `Content-Type` of a message wrapped so.
    pub fn content_type(self) -> &'static str {
        match self {
            Wrapping::Soap11 => "text/xml; charset=UTF-8",
            Wrapping::Soap12 => "application/soap+xml; charset=UTF-8",
            Wrapping::Plain => "application/xml; charset=UTF-8",
        }
    }

    /// The payload inside its envelope.
    pub fn wrap(self, payload: &str) -> String {
        let namespace = match self {
            Wrapping::Soap11 => SOAP11,
            Wrapping::Soap12 => SOAP12,
            Wrapping::Plain => return payload.to_owned(),
        };
        format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Body>{payload}</s:Body></s:Envelope>")
    }

    /// A fault that blames the sender.
    pub fn fault(self, reason: &str) -> String {
        let reason = escaped(reason);
        match self {
            Wrapping::Soap12 => self.wrap(&format!(
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason>\
                 <s:Text xml:lang=\"en\">{reason}</s:Text></s:Reason></s:Fault>"
            )),
            _ => Wrapping::Soap11.wrap(&format!(
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>{reason}</faultstring></s:Fault>"
            )),
        }
    }
}

/// Text as XML character data or a double-quoted attribute value.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soap_of_both_versions_and_plain_xml_give_the_same_question() {
        let inner = "<m:getQuote xmlns:m=\"urn:x\"><m:request><m:symbol> IBM </m:symbol></m:request></m:getQuote>";
        for wrapping in [Wrapping::Soap11, Wrapping::Soap12, Wrapping::Plain] {
            let asked = Asked::parse(&wrapping.wrap(inner)).unwrap();
            assert_eq!(
                (asked.wrapping, asked.operation.as_str()),
                (wrapping, "getQuote")
            );
            assert_eq!(
                (asked.namespace.as_str(), asked.value("symbol")),
                ("urn:x", Some("IBM"))
            );
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bad in [
            "",
            "<a",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            &Wrapping::Soap11.wrap("").replace("Body", "Head"),
        ] {
            assert!(Asked::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_is_well_formed_whatever_the_reason() {
        for wrapping in [Wrapping::Soap11, Wrapping::Soap12, Wrapping::Plain] {
            assert!(Asked::parse(&wrapping.fault("<&\"]]>")).is_ok());
        }
    }
}
