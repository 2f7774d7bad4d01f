//! Faults between the SOAP versions (SOAP 1.1 section 4.4; SOAP 1.2 part 1, section 5.4).
//!
//! The standard codes have counterparts. Any other code of SOAP 1.1 becomes the Subcode of a Receiver fault, and a
//! Subcode becomes the code of SOAP 1.1, as the WS-* specifications bind their faults. Reason, role and detail keep their content.

use super::Change;
use super::scope::{Carry, Scope, quoted};
use crate::soap::outline::{Element, Unreadable, Version};

/// Codes of both versions that mean the same.
const CODES: [(&str, &str); 4] = [
    ("Client", "Sender"),
    ("Server", "Receiver"),
    ("MustUnderstand", "MustUnderstand"),
    ("VersionMismatch", "VersionMismatch"),
];

/// A qualified name as text, its prefix resolved.
struct Code {
    namespace: String,
    local: String,
    prefix: String,
}

impl<'t> Change<'_, 't> {
    /// Writes the fault anew.
    pub(super) fn fault(
        &self,
        fault: &Element<'t>,
        new: &Scope,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let around = [&self.outline.root, &self.envelope.body.element, fault];
        let parts = self.outline.children(&around)?;
        match self.to {
            Version::Soap12 => self.to_soap12(fault, &parts, new, out),
            Version::Soap11 => self.to_soap11(fault, &parts, new, out),
        }
    }

    fn to_soap12(
        &self,
        fault: &Element<'t>,
        parts: &[Element<'t>],
        new: &Scope,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let p = &self.prefix;
        let part = |local: &str| parts.iter().find(|e| e.local() == local);
        let code = part("faultcode").map(|e| self.code(fault, &[e]));
        let standard = code.as_ref().and_then(|code| {
            let ours = code.namespace == Version::Soap11.namespace();
            // `Client.Authentication` is a Client fault (SOAP 1.1 section 4.4.1).
            let class = code.local.split('.').next().unwrap_or_default();
            let row = CODES.iter().find(|(old, _)| ours && *old == class)?;
            Some((row.1, row.0 == code.local))
        });
        let value = standard.map_or("Receiver", |(value, _)| value);
        out.push_str(&format!(
            "<{p}:Fault><{p}:Code><{p}:Value>{p}:{value}</{p}:Value>"
        ));
        if let Some(code) = code.filter(|c| !c.local.is_empty())
            && !standard.is_some_and(|(_, exact)| exact)
        {
            let (declaration, name) = code.written(p);
            out.push_str(&format!(
                "<{p}:Subcode><{p}:Value{declaration}>{name}</{p}:Value></{p}:Subcode>"
            ));
        }
        let reason = part("faultstring");
        let language = reason.and_then(language).unwrap_or("en");
        out.push_str(&format!(
            "</{p}:Code><{p}:Reason><{p}:Text xml:lang=\"{}\">",
            quoted(language)
        ));
        if let Some(reason) = reason {
            self.content(fault, &[reason], new, out)?;
        }
        out.push_str(&format!("</{p}:Text></{p}:Reason>"));
        if let Some(actor) = part("faultactor") {
            out.push_str(&format!("<{p}:Role>"));
            self.content(fault, &[actor], new, out)?;
            out.push_str(&format!("</{p}:Role>"));
        }
        if let Some(detail) = part("detail") {
            out.push_str(&format!("<{p}:Detail>"));
            self.content(fault, &[detail], new, out)?;
            out.push_str(&format!("</{p}:Detail>"));
        }
        out.push_str(&format!("</{p}:Fault>"));
        Ok(())
    }

    fn to_soap11(
        &self,
        fault: &Element<'t>,
        parts: &[Element<'t>],
        new: &Scope,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let p = &self.prefix;
        let part = |local: &str| parts.iter().find(|e| e.local() == local);
        let inside = |around: &[&Element<'t>]| self.inside(fault, around);
        let mut code = None;
        if let Some(element) = part("Code") {
            let children = inside(&[element])?;
            let named = |local: &str| children.iter().find(|e| e.local() == local);
            code = named("Value").map(|value| self.code(fault, &[element, value]));
            if let Some(subcode) = named("Subcode") {
                let values = inside(&[element, subcode])?;
                let value = values.iter().find(|e| e.local() == "Value");
                code = value
                    .map(|value| self.code(fault, &[element, subcode, value]))
                    .or(code);
            }
        }
        let (declaration, name) = match code {
            None => (String::new(), format!("{p}:Server")),
            Some(code) if code.namespace == Version::Soap12.namespace() => {
                let row = CODES.iter().find(|(_, new)| *new == code.local);
                // DataEncodingUnknown: the sender chose the encoding.
                (
                    String::new(),
                    format!("{p}:{}", row.map_or("Client", |row| row.0)),
                )
            }
            Some(code) => code.written(p),
        };
        out.push_str(&format!(
            "<{p}:Fault><faultcode{declaration}>{name}</faultcode>"
        ));
        let texts = match part("Reason") {
            Some(reason) => inside(&[reason])?,
            None => Vec::new(),
        };
        let english = |e: &&Element<'t>| language(e).is_some_and(|l| l.starts_with("en"));
        let text = texts.iter().find(english).or(texts.first());
        let language = text.and_then(language).filter(|l| !l.is_empty());
        let language = language.map_or(String::new(), |l| format!(" xml:lang=\"{}\"", quoted(l)));
        out.push_str(&format!("<faultstring{language}>"));
        if let (Some(reason), Some(text)) = (part("Reason"), text) {
            self.content(fault, &[reason, text], new, out)?;
        }
        out.push_str("</faultstring>");
        if let Some(actor) = part("Role").or(part("Node")) {
            out.push_str("<faultactor>");
            self.content(fault, &[actor], new, out)?;
            out.push_str("</faultactor>");
        }
        if let Some(detail) = part("Detail") {
            out.push_str("<detail>");
            self.content(fault, &[detail], new, out)?;
            out.push_str("</detail>");
        }
        out.push_str(&format!("</{p}:Fault>"));
        Ok(())
    }

    /// Writes what the last of some elements inside the fault holds, with the declarations that it relies on.
    fn content(
        &self,
        fault: &Element<'t>,
        inside: &[&Element<'t>],
        new: &Scope,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let Some(element) = inside.last() else {
            return Ok(());
        };
        let mut around = vec![&self.outline.root, &self.envelope.body.element, fault];
        around.extend(inside);
        let old = Scope::of(&around);
        let mut at = element.inner.start;
        for child in &self.outline.children(&around)? {
            out.push_str(&self.outline.text[at..child.range.start]);
            Carry::new(self.outline.text, &old, new).write(child, out);
            at = child.range.end;
        }
        out.push_str(&self.outline.text[at..element.inner.end]);
        Ok(())
    }

    /// The code that the last of the elements inside the fault holds.
    fn code(&self, fault: &Element<'t>, inside: &[&Element<'t>]) -> Code {
        let mut around = vec![&self.outline.root, &self.envelope.body.element, fault];
        around.extend(inside);
        let scope = Scope::of(&around);
        let text = around
            .last()
            .map_or("", |e| self.outline.slice(&e.inner).trim());
        // Markup inside a code is none of ours.
        let text = if text.contains(['<', '&']) { "" } else { text };
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        Code {
            // Old services write their codes without a prefix; they mean SOAP's.
            namespace: scope.namespace(prefix).unwrap_or_default().to_owned(),
            local: local.to_owned(),
            prefix: prefix.to_owned(),
        }
        .or_standard(self.envelope.version)
    }

    /// The elements in the last of those inside the fault.
    fn inside(
        &self,
        fault: &Element<'t>,
        around: &[&Element<'t>],
    ) -> Result<Vec<Element<'t>>, Unreadable> {
        let mut all = vec![&self.outline.root, &self.envelope.body.element, fault];
        all.extend(around);
        self.outline.children(&all)
    }
}

impl Code {
    fn or_standard(mut self, version: Version) -> Code {
        let class = self.local.split('.').next().unwrap_or_default();
        let known = CODES.iter().any(|(old, new)| match version {
            Version::Soap11 => *old == class,
            Version::Soap12 => *new == class,
        });
        if self.namespace.is_empty() && known {
            version.namespace().clone_into(&mut self.namespace);
        }
        self
    }

    /// A declaration and the name that relies on it; a code without namespace is written bare. The element that it
    /// stands on keeps the prefix of the envelope.
    fn written(&self, envelope: &str) -> (String, String) {
        if self.namespace.is_empty() {
            return (String::new(), self.local.clone());
        }
        let own = !self.prefix.is_empty() && self.prefix != envelope;
        let prefix = if own { &self.prefix } else { "code" };
        let uri = quoted(&self.namespace.replace('&', "&amp;").replace('<', "&lt;"));
        (
            format!(" xmlns:{prefix}=\"{uri}\""),
            format!("{prefix}:{}", self.local),
        )
    }
}

fn language<'e>(element: &'e Element<'_>) -> Option<&'e str> {
    let found = element.attributes.iter().find(|a| a.name == "xml:lang");
    found.map(|a| &*a.value)
}
