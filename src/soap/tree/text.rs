//! From the text as written to its value, and string-values (XML 1.0 sections 2.11 and 3.3.3, XPath 1.0 section 5).

use std::borrow::Cow;

use super::{Kind, NodeId, RAW, Tree};
use crate::soap::scan::reference;

impl Tree {
    /// The text of a text, CDATA section, comment, instruction, attribute or declaration, references resolved; of
    /// others empty.
    pub fn value(&self, node: NodeId) -> Cow<'_, str> {
        let record = self.record(node);
        let kind = record.kind();
        if matches!(kind, Kind::Document | Kind::Element) {
            return Cow::Borrowed("");
        }
        let written = self.slice(record.range());
        if !record.has(RAW) {
            return Cow::Borrowed(match kind {
                // What stands between the target and its text belongs to neither.
                Kind::Instruction => written.trim_start(),
                _ => written,
            });
        }
        let mut out = String::with_capacity(written.len());
        resolve(written, kind, &mut out);
        Cow::Owned(out)
    }

    /// The string-value of XPath: of an element or the document all text below, joined; else the value.
    pub fn string_value(&self, node: NodeId) -> Cow<'_, str> {
        match self.kind(node) {
            Kind::Document | Kind::Element => self.joined(self.descendants(node)),
            _ => self.value(node),
        }
    }

    /// The text that stands directly in an element, joined.
    pub fn own_text(&self, node: NodeId) -> Cow<'_, str> {
        self.joined(self.children(node))
    }

    /// The values of the texts among nodes; borrowed when there is only one.
    pub(in crate::soap) fn joined(&self, nodes: impl Iterator<Item = NodeId>) -> Cow<'_, str> {
        let mut texts = nodes.filter(|node| self.is_text(*node));
        let Some(first) = texts.next() else {
            return Cow::Borrowed("");
        };
        let mut out = self.value(first);
        for node in texts {
            out.to_mut().push_str(&self.value(node));
        }
        out
    }
}

/// True when a text as written is not its own value.
pub(super) fn is_raw(written: &str, kind: Kind) -> bool {
    let bytes = written.as_bytes();
    match kind {
        Kind::Attribute | Kind::Namespace => {
            memchr::memchr2(b'&', b'\r', bytes).is_some()
                || memchr::memchr2(b'\t', b'\n', bytes).is_some()
        }
        Kind::Text => memchr::memchr2(b'&', b'\r', bytes).is_some(),
        _ => memchr::memchr(b'\r', bytes).is_some(),
    }
}

/// Appends the value of a text as written.
pub(in crate::soap) fn resolve(written: &str, kind: Kind, out: &mut String) {
    let attribute = matches!(kind, Kind::Attribute | Kind::Namespace);
    let references = attribute || kind == Kind::Text;
    let mut rest = match kind {
        Kind::Instruction => written.trim_start(),
        _ => written,
    };
    let special = |c: char| match c {
        '&' => references,
        '\r' => true,
        '\t' | '\n' => attribute,
        _ => false,
    };
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('&') {
            let name = &after[..after.find(';').unwrap_or(0)];
            match reference(name.as_bytes()) {
                Some(c) => {
                    out.push(c);
                    rest = &after[name.len() + 1..];
                }
                // Checked when it was read; what is none stays as it is.
                None => {
                    out.push('&');
                    rest = after;
                }
            }
            continue;
        }
        // A carriage return, alone or with its line feed, is one line end.
        let taken = if rest.starts_with("\r\n") { 2 } else { 1 };
        out.push(if attribute { ' ' } else { '\n' });
        rest = &rest[taken..];
    }
    out.push_str(rest);
}
