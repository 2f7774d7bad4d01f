//! From tree to text. An element that nobody changed is one copy of the bytes that were read; around a change the tags on
//! the way are written anew, with the attributes in their order, in their quotes and with their references.

use super::names::Symbol;
use super::scope::Bindings;
use super::{ADDED, CHANGED, Charset, Kind, NodeId, Range, SINGLE, TAG, Tree, encode};
use crate::soap::scan::Quoted;

/// Whether a written message starts with an XML declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Declaration {
    /// When the message that was read had one.
    #[default]
    AsRead,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a whole message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The XML declaration.
    pub declaration: Declaration,
    /// The charset. A name that does not fit into it makes the message UTF-8, with a declaration that says so.
    pub charset: Charset,
}

const BLANKS: [char; 4] = ['\t', '\n', '\r', ' '];

impl Tree {
    /// Appends a subtree that stands on its own: its element gets the declarations that it relies on. Of the document
    /// everything but the XML declaration.
    pub fn write(&self, node: NodeId, out: &mut String) {
        match self.kind(node) {
            Kind::Document => self.write_outermost(out),
            Kind::Element => {
                let needs = match self.parent(node) {
                    Some(_) => self.needs(node),
                    None => Bindings::new(),
                };
                self.write_subtree(node, &needs, out);
            }
            _ => self.write_leaf(node, out),
        }
    }

    /// A subtree that stands on its own as text, see [`write`](Self::write).
    pub fn to_xml(&self, node: NodeId) -> String {
        let mut out = String::new();
        self.write(node, &mut out);
        out
    }

    /// Appends what is inside an element as it stands there: prefixes are not declared again.
    pub fn write_inner(&self, node: NodeId, out: &mut String) {
        for child in self.children(node) {
            match self.kind(child) {
                Kind::Element => self.write_subtree(child, &Bindings::new(), out),
                _ => self.write_leaf(child, out),
            }
        }
    }

    /// The whole message.
    pub fn write_document(&self, options: &WriteOptions) -> Vec<u8> {
        let declared = match options.declaration {
            Declaration::AsRead => self.declaration_text().is_some(),
            Declaration::Always => true,
            Declaration::Never => false,
        };
        // Without a declaration, and without an order mark, a message is UTF-8.
        let declared = declared || matches!(options.charset, Charset::Latin1);
        let text = self.document_text(declared, options.charset);
        match options.charset.encode(text) {
            Some(bytes) => bytes,
            None => self.document_text(true, Charset::Utf8).into_bytes(),
        }
    }

    fn document_text(&self, declared: bool, charset: Charset) -> String {
        let mut out = String::with_capacity(self.source.len() + self.added.len() + 64);
        if declared {
            self.write_declaration(charset, &mut out);
        }
        self.write(Tree::DOCUMENT, &mut out);
        out
    }

    /// The XML declaration that was read.
    fn declaration_text(&self) -> Option<&str> {
        let text = self
            .source
            .get(self.record(Tree::DOCUMENT).start as usize..)?;
        let rest = text.strip_prefix("<?xml")?;
        if !rest.starts_with(BLANKS) {
            return None;
        }
        Some(&text[..text.find("?>")? + 2])
    }

    /// The declaration as it was read where it holds for the charset, else a new one.
    fn write_declaration(&self, charset: Charset, out: &mut String) {
        let read = self.declaration_text();
        let encoding = read.map(|text| declared_encoding(text).unwrap_or("UTF-8"));
        match (read, encoding) {
            (Some(text), Some(name)) if Charset::named(name) == Some(charset) => out.push_str(text),
            _ => {
                out.push_str("<?xml version=\"1.0\" encoding=\"");
                out.push_str(charset.name());
                out.push_str("\"?>");
            }
        }
    }

    /// Everything but the XML declaration.
    fn write_outermost(&self, out: &mut String) {
        let document = self.record(Tree::DOCUMENT);
        let body = document.start as usize + self.declaration_text().map_or(0, str::len);
        if !document.has(CHANGED) {
            out.push_str(self.source.get(body..).unwrap_or_default());
            return;
        }
        for child in self.children(Tree::DOCUMENT) {
            // Blanks between the outermost nodes are no nodes; those in front of one that was read come with it.
            let start = match self.kind(child) {
                Kind::Comment => (self.record(child).start as usize).saturating_sub(4),
                Kind::Instruction => (self.record(child).start as usize)
                    .saturating_sub(2 + self.name(child).local.len()),
                _ => self.record(child).start as usize,
            };
            if start > body && start <= self.source.len() {
                let before = &self.source[body..start];
                out.push_str(&before[before.trim_end_matches(BLANKS).len()..]);
            }
            match self.kind(child) {
                Kind::Element => self.write_subtree(child, &Bindings::new(), out),
                _ => self.write_leaf(child, out),
            }
        }
        let end = self.source.trim_end_matches(BLANKS).len();
        out.push_str(&self.source[end..]);
    }

    fn write_subtree(&self, top: NodeId, needs: &Bindings, out: &mut String) {
        let mut node = top;
        loop {
            let extra = (node == top).then_some(needs);
            if self.open(node, extra, out)
                && let Some(child) = self.first_child(node)
            {
                node = child;
                continue;
            }
            loop {
                if node == top {
                    return;
                }
                if let Some(next) = self.next_sibling(node) {
                    node = next;
                    break;
                }
                let Some(parent) = self.parent(node) else {
                    return;
                };
                node = parent;
                self.close(node, out);
            }
        }
    }

    /// Writes a node up to its children; true when there are some to be written.
    fn open(&self, node: NodeId, extra: Option<&Bindings>, out: &mut String) -> bool {
        let record = self.record(node);
        if record.kind() != Kind::Element {
            self.write_leaf(node, out);
            return false;
        }
        let extra = extra.filter(|needs| {
            needs
                .iter()
                .any(|(_, namespace)| *namespace != Symbol::EMPTY)
        });
        if !record.has(CHANGED) && extra.is_none() {
            out.push_str(self.slice(record.range()));
            return false;
        }
        let children = self.first_child(node).is_some();
        match self.tag_as_read(node).filter(|_| extra.is_none()) {
            Some(tag) => {
                let open = match tag.strip_suffix("/>").filter(|_| children) {
                    Some(start) => start.trim_end_matches(BLANKS),
                    None => tag.strip_suffix('>').unwrap_or(tag),
                };
                out.push_str(open);
                out.push('>');
                if !children && !tag.ends_with("/>") {
                    self.close(node, out);
                }
            }
            None => {
                self.write_tag(node, extra, out);
                out.push_str(if children { ">" } else { "/>" });
            }
        }
        children
    }

    fn close(&self, node: NodeId, out: &mut String) {
        out.push_str("</");
        self.write_name(node, out);
        out.push('>');
    }

    /// The start tag in the message, where it still holds.
    fn tag_as_read(&self, node: NodeId) -> Option<&str> {
        self.tag_range(node).map(|range| self.slice(range))
    }

    /// Where the start tag stands in the message, if it still holds.
    pub(super) fn tag_range(&self, node: NodeId) -> Option<Range> {
        let record = self.record(node);
        if record.has(TAG) {
            return None;
        }
        let whole = self.slice(record.range());
        let end = Quoted::Outside.find_end(whole.as_bytes(), 0)?;
        Some((record.start, record.start + end as u32 + 1))
    }

    fn write_tag(&self, node: NodeId, extra: Option<&Bindings>, out: &mut String) {
        out.push('<');
        self.write_name(node, out);
        for (prefix, namespace) in extra.into_iter().flatten() {
            if *namespace != Symbol::EMPTY {
                self.write_binding(*prefix, out);
                out.push('"');
                encode::escape_value(out, self.names.text(*namespace));
                out.push('"');
            }
        }
        let alone = self.parent(node).is_none();
        for attribute in self.attribute_list(node) {
            let record = self.record(attribute);
            if record.kind() == Kind::Namespace {
                // What was noted only in case the element comes to stand elsewhere.
                if alone && record.has(ADDED) && record.first == Symbol::EMPTY.0 {
                    continue;
                }
                self.write_binding(Symbol(record.name()), out);
            } else {
                out.push(' ');
                self.write_name(attribute, out);
                out.push('=');
            }
            let quote = if record.has(SINGLE) { '\'' } else { '"' };
            out.push(quote);
            out.push_str(self.slice(record.range()));
            out.push(quote);
        }
    }

    fn write_binding(&self, prefix: Symbol, out: &mut String) {
        out.push_str(" xmlns");
        if prefix != Symbol::EMPTY {
            out.push(':');
            out.push_str(self.names.text(prefix));
        }
        out.push('=');
    }

    fn write_name(&self, node: NodeId, out: &mut String) {
        let name = self.names.get(self.name_id(node));
        if !name.prefix.is_empty() {
            out.push_str(name.prefix);
            out.push(':');
        }
        out.push_str(name.local);
    }

    fn write_leaf(&self, node: NodeId, out: &mut String) {
        let record = self.record(node);
        let text = self.slice(record.range());
        let (before, after) = match record.kind() {
            Kind::CData => ("<![CDATA[", "]]>"),
            Kind::Comment => ("<!--", "-->"),
            Kind::Instruction => ("<?", "?>"),
            // An attribute has no form of its own: its value as a text.
            Kind::Attribute | Kind::Namespace => {
                encode::escape_content(out, &self.value(node));
                return;
            }
            _ => ("", ""),
        };
        out.push_str(before);
        if record.kind() == Kind::Instruction {
            self.write_name(node, out);
        }
        let mut text = text;
        if record.kind() == Kind::Text {
            // Texts that came to stand side by side must not make one line end out of two.
            if text.starts_with('\n') && out.ends_with('\r') {
                out.push_str("&#10;");
                text = &text[1..];
            }
            // Nor may they say `]]>` together.
            let brackets = text.len() - text.trim_start_matches(']').len();
            let split = text[brackets..].starts_with('>') && out.ends_with(']');
            if split && (brackets > 0 || out.ends_with("]]")) {
                out.push_str(&text[..brackets]);
                out.push_str("&gt;");
                text = &text[brackets + 1..];
            }
        }
        out.push_str(text);
        out.push_str(after);
    }
}

/// The name in the `encoding` of an XML declaration.
fn declared_encoding(declaration: &str) -> Option<&str> {
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next()?;
    rest[1..].split(quote).next()
}
