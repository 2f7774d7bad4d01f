//! One format of XML messages made of another: the SOAP versions, envelope and bare payload (spec/endpoints.md 17.1).
//!
//! What a conversion does not concern is copied as it stands. An element that moves takes along the namespace
//! declarations that it relies on; those that only the old envelope used stay behind.

mod fault;
pub mod query;
mod scope;

use super::outline::{Element, Envelope, Outline, Section, Unreadable, Version};
pub(super) use scope::quoted;
use scope::{Carry, Scope};

/// Start of every document that is written here; it is UTF-8 until it is [encoded](super::charset::encode) otherwise.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
/// Prefix of envelopes that are made here.
const PREFIX: &str = "soapenv";
const ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
const ROLE_NEXT: &str = "http://www.w3.org/2003/05/soap-envelope/role/next";
const ROLE_ULTIMATE: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";

/// The message as an envelope of that version; `None` when it is one already. A document that is no envelope becomes
/// the payload.
pub fn to_envelope(outline: &Outline<'_>, to: Version) -> Result<Option<String>, Unreadable> {
    match &outline.envelope {
        Some(envelope) if envelope.version == to => Ok(None),
        Some(envelope) => Change::new(outline, envelope, to).write().map(Some),
        None => Ok(Some(wrap(outline.slice(&outline.root.range), to))),
    }
}

/// An envelope around a payload that stands on its own, with an empty Header as the originals write it (recorded).
pub fn wrap(payload: &str, version: Version) -> String {
    let namespace = version.namespace();
    format!(
        "{DECLARATION}<{PREFIX}:Envelope xmlns:{PREFIX}=\"{namespace}\"><{PREFIX}:Header/><{PREFIX}:Body>{payload}</{PREFIX}:Body></{PREFIX}:Envelope>"
    )
}

/// The first child of the body as a document; `None` when the message is no envelope. Empty for an empty body.
pub fn to_payload(outline: &Outline<'_>) -> Option<String> {
    let envelope = outline.envelope.as_ref()?;
    let Some(child) = envelope.body.children.first() else {
        return Some(String::new());
    };
    let mut out = DECLARATION.to_owned();
    let scope = Scope::of(&[&outline.root, &envelope.body.element]);
    Carry::new(outline.text, &scope, &Scope::default()).write(child, &mut out);
    Some(out)
}

/// An envelope of one version on its way to the other.
struct Change<'o, 't> {
    outline: &'o Outline<'t>,
    envelope: &'o Envelope<'t>,
    to: Version,
    /// Prefix of the new envelope.
    prefix: String,
}

impl<'o, 't> Change<'o, 't> {
    fn new(outline: &'o Outline<'t>, envelope: &'o Envelope<'t>, to: Version) -> Self {
        let mut change = Self {
            outline,
            envelope,
            to,
            prefix: String::new(),
        };
        change.prefix = change.usable_prefix();
        change
    }

    /// The old envelope's own prefix when nothing that is copied means something else by it, else a new one.
    fn usable_prefix(&self) -> String {
        let own = outline_prefix(&self.outline.root);
        let candidates = (!own.is_empty())
            .then(|| own.to_owned())
            .into_iter()
            .chain([PREFIX.to_owned()])
            .chain((1..).map(|n| format!("{PREFIX}{n}")));
        let mut free = candidates.filter(|prefix| self.is_free(prefix));
        // The message is finite, so some number is not in it.
        free.next().unwrap_or_else(|| PREFIX.to_owned())
    }

    fn is_free(&self, prefix: &str) -> bool {
        let old = self.envelope.version.namespace();
        let sections = self.envelope.header.iter().chain([&self.envelope.body]);
        let mut outer = sections
            .clone()
            .map(|s| &s.element)
            .chain([&self.outline.root]);
        if outer.any(|e| e.declarations().any(|(p, uri)| p == prefix && uri != old)) {
            return false;
        }
        let fault = self.envelope.fault();
        sections.flat_map(|s| &s.children).all(|child| {
            Some(child) == fault && !declares(self.outline.slice(&child.range), prefix)
                || !self.relies_on(child, prefix)
        })
    }

    /// True when a child that is copied uses the prefix, leaving out the attributes that are translated.
    fn relies_on(&self, child: &Element<'_>, prefix: &str) -> bool {
        let colon = format!("{prefix}:");
        child.prefix_colon() == colon
            || self.outline.slice(&child.inner).contains(&colon)
            || child.declarations().any(|(p, _)| p == prefix)
            || child.attributes.iter().any(|a| a.value.contains(&colon))
    }

    fn write(&self) -> Result<String, Unreadable> {
        let Self {
            outline, envelope, ..
        } = self;
        let p = &self.prefix;
        let mut out = format!(
            "{DECLARATION}<{p}:Envelope xmlns:{p}=\"{}\"",
            self.to.namespace()
        );
        let mut new = Scope::default();
        new.declare(p, self.to.namespace());
        self.attributes(
            &outline.root,
            &Scope::of(&[&outline.root]),
            &mut new,
            &mut out,
        );
        out.push('>');
        match &envelope.header {
            Some(header) => self.section(header, "Header", &new, &mut out)?,
            None => out.push_str(&format!("<{p}:Header/>")),
        }
        self.section(&envelope.body, "Body", &new, &mut out)?;
        out.push_str(&format!("</{p}:Envelope>"));
        Ok(out)
    }

    /// Header or Body: what stands between the children stays too.
    fn section(
        &self,
        section: &Section<'t>,
        name: &str,
        new: &Scope,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let (outline, p) = (self.outline, &self.prefix);
        let old = Scope::of(&[&outline.root, &section.element]);
        let mut new = new.clone();
        out.push_str(&format!("<{p}:{name}"));
        self.attributes(&section.element, &old, &mut new, out);
        out.push('>');
        let mut at = section.element.inner.start;
        for child in &section.children {
            out.push_str(&outline.text[at..child.range.start]);
            at = child.range.end;
            if name == "Body" && self.envelope.fault() == Some(child) {
                self.fault(child, &new, out)?;
            } else {
                let mut carry = Carry::new(outline.text, &old, &new);
                if name == "Header" {
                    carry.attributes = Some(Box::new(|a, scope| self.block_attribute(a, scope)));
                }
                carry.write(child, out);
            }
        }
        out.push_str(&outline.text[at..section.element.inner.end]);
        out.push_str(&format!("</{p}:{name}>"));
        Ok(())
    }

    /// The attributes of an element of the envelope itself, but for what belongs to the old version. A default
    /// namespace is left to those who rely on it: the parts of a SOAP 1.1 fault have none.
    fn attributes(&self, element: &Element<'_>, old: &Scope, new: &mut Scope, out: &mut String) {
        let old_namespace = self.envelope.version.namespace();
        for (prefix, uri) in element.declarations() {
            if !prefix.is_empty() && prefix != self.prefix && uri != old_namespace {
                new.declare(prefix, uri);
                out.push_str(&format!(" xmlns:{prefix}=\"{}\"", quoted(uri)));
            }
        }
        for attribute in &element.attributes {
            let Some((prefix, _)) = attribute.name.split_once(':') else {
                continue;
            };
            if prefix != "xmlns" && old.namespace(prefix) != Some(old_namespace) {
                out.push_str(&format!(
                    " {}=\"{}\"",
                    attribute.name,
                    quoted(&attribute.value)
                ));
            }
        }
    }

    /// `actor` and `role`, `mustUnderstand`, `relay` on a header block (SOAP 1.1 section 4.2; SOAP 1.2 part 1 section 5.2).
    /// `None`: not an attribute of the old envelope. An empty name: not written.
    fn block_attribute(
        &self,
        (name, value): (&str, &str),
        scope: &Scope,
    ) -> Option<(String, String)> {
        let (prefix, local) = name.split_once(':')?;
        if prefix == "xmlns" || scope.namespace(prefix) != Some(self.envelope.version.namespace()) {
            return None;
        }
        let (local, value) = match (self.to, local, value.trim()) {
            (Version::Soap12, "actor", ACTOR_NEXT) => ("role", ROLE_NEXT),
            (Version::Soap12, "actor", other) => ("role", other),
            (Version::Soap11, "role", ROLE_NEXT) => ("actor", ACTOR_NEXT),
            (Version::Soap11, "role", ROLE_ULTIMATE) | (Version::Soap11, "relay", _) => ("", ""),
            (Version::Soap11, "role", other) => ("actor", other),
            (Version::Soap11, "mustUnderstand", "true") => (local, "1"),
            (Version::Soap11, "mustUnderstand", "false") => (local, "0"),
            (_, local, _) => (local, value),
        };
        Some(match local {
            "" => (String::new(), String::new()),
            local => (format!("{}:{local}", self.prefix), value.to_owned()),
        })
    }
}

/// The prefix of an element without its colon.
fn outline_prefix<'t>(element: &Element<'t>) -> &'t str {
    element.prefix_colon().trim_end_matches(':')
}

fn declares(text: &str, prefix: &str) -> bool {
    text.contains(&format!("xmlns:{prefix}"))
}

#[cfg(test)]
mod tests;
