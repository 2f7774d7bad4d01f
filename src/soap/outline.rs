//! Where the parts of an XML message lie: the root, and for an envelope its header blocks and the children of its body.
//!
//! Conversions cut and join ranges of the message, so what they do not touch stays byte for byte as it came. The whole
//! message is read once, checked to be well-formed and bounded in depth; only the outer three levels are remembered. A
//! DOCTYPE is refused: nothing in it is ever wanted (SOAP 1.2 part 1 section 5).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;
use smallvec::SmallVec;

use super::envelope::{SOAP11_NS, SOAP12_NS};

/// Deepest nesting of elements.
const DEPTH_MAX: usize = 256;
/// Most attributes, declarations included, on one element.
const ATTRIBUTES_MAX: usize = 256;
/// Most elements that are remembered: header blocks, and children of the body.
const ELEMENTS_MAX: usize = 10_000;
/// Most declarations that hold at one place.
const DECLARATIONS_MAX: usize = 256;
/// Levels of elements that are remembered.
const REMEMBERED: usize = 3;
const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";

/// Why a message cannot be read as XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It has a DOCTYPE.
    Doctype,
    /// It is larger in this respect than axon takes.
    Limit(&'static str),
    /// Its bytes are no text.
    Encoding(String),
    /// It is not well-formed, or not the envelope that its media type announces.
    Malformed {
        /// What is wrong.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Doctype => f.write_str("it has a DOCTYPE, which SOAP does not allow"),
            Unreadable::Limit(what) => write!(f, "it exceeds a limit: {what}"),
            Unreadable::Encoding(text) => f.write_str(text),
            Unreadable::Malformed {
                message,
                line,
                column,
            } => write!(f, "line {line}, column {column}: {message}"),
        }
    }
}

impl Unreadable {
    /// Something wrong at a byte of the text.
    pub(super) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let mut end = byte.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Unreadable::Malformed {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The SOAP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1.1
    Soap11,
    /// 1.2
    Soap12,
}

impl Version {
    /// Namespace of its envelopes.
    pub fn namespace(self) -> &'static str {
        match self {
            Version::Soap11 => SOAP11_NS,
            Version::Soap12 => SOAP12_NS,
        }
    }

    /// Media type of its messages.
    pub fn media_type(self) -> &'static str {
        match self {
            Version::Soap11 => "text/xml",
            Version::Soap12 => "application/soap+xml",
        }
    }
}

/// An attribute as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'t> {
    /// Its name.
    pub name: &'t str,
    /// Its value, references unresolved.
    pub value: Cow<'t, str>,
}

/// An element of the outer levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'t> {
    /// Its name as it is written.
    pub name: &'t str,
    /// Namespace of the name; empty: none.
    pub namespace: String,
    /// Attributes and namespace declarations.
    pub attributes: Vec<Attribute<'t>>,
    /// From `<` to behind the end tag.
    pub range: Range<usize>,
    /// Between start tag and end tag; empty, at the end, for an empty-element tag.
    pub inner: Range<usize>,
}

impl<'t> Element<'t> {
    /// The name without its prefix.
    pub fn local(&self) -> &'t str {
        self.name
            .split_once(':')
            .map_or(self.name, |(_, local)| local)
    }

    /// The prefix with its colon, or nothing.
    pub fn prefix_colon(&self) -> &'t str {
        &self.name[..self.name.len() - self.local().len()]
    }

    /// True for an element of that name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local() == local
    }

    /// Namespace declarations: prefix (empty: the default) and value as written.
    pub fn declarations(&self) -> impl Iterator<Item = (&'t str, &str)> {
        self.attributes
            .iter()
            .filter_map(|a| Some((declared_prefix(a.name)?, &*a.value)))
    }
}

/// Header or Body, with the elements in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'t> {
    /// The element.
    pub element: Element<'t>,
    /// Its children.
    pub children: Vec<Element<'t>>,
}

/// The parts of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'t> {
    /// Its version.
    pub version: Version,
    /// The header.
    pub header: Option<Section<'t>>,
    /// The body.
    pub body: Section<'t>,
}

impl<'t> Envelope<'t> {
    /// The fault, when the body is one.
    pub fn fault(&self) -> Option<&Element<'t>> {
        let first = self.body.children.first()?;
        first.is(self.version.namespace(), "Fault").then_some(first)
    }
}

/// The outline of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline<'t> {
    /// The message.
    pub text: &'t str,
    /// The document element.
    pub root: Element<'t>,
    /// The envelope, when it is one.
    pub envelope: Option<Envelope<'t>>,
}

impl<'t> Outline<'t> {
    /// Reads a message.
    pub fn read(text: &'t str) -> Result<Outline<'t>, Unreadable> {
        Walk::new(text).run()
    }

    /// The text of a range.
    pub fn slice(&self, range: &Range<usize>) -> &'t str {
        &self.text[range.clone()]
    }

    /// The elements in the content of an element, with the declarations that hold there resolved.
    pub fn children(&self, of: &[&Element<'t>]) -> Result<Vec<Element<'t>>, Unreadable> {
        let Some(last) = of.last() else {
            return Ok(Vec::new());
        };
        let mut walk = Walk::new(&self.text[..last.inner.end]);
        for element in of {
            for (prefix, uri) in element.declarations() {
                walk.scope.push((0, prefix, resolved(uri)));
            }
        }
        walk.fragment(last.inner.start)
    }
}

/// The prefix that an attribute declares; `None` for other attributes.
pub fn declared_prefix(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

/// A qualified name: the ASCII part of the rules of XML 1.0 (section 2.3) and Namespaces (section 4).
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let goes_on = |c: char| starts(c) || c.is_ascii_digit() || c == '-' || c == '.';
        part.starts_with(starts) && part.chars().all(goes_on)
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}

/// A value with its references resolved.
pub fn resolved(value: &str) -> String {
    quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), Cow::into_owned)
}

struct Walk<'t> {
    text: &'t str,
    /// Depth, prefix, namespace.
    scope: Vec<(usize, &'t str, String)>,
    /// The remembered elements that are open.
    open: Vec<Element<'t>>,
    depth: usize,
    root: Option<Element<'t>>,
    sections: Vec<Section<'t>>,
    children: Vec<Element<'t>>,
    kept: usize,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            scope: Vec::new(),
            open: Vec::new(),
            depth: 0,
            root: None,
            sections: Vec::new(),
            children: Vec::new(),
            kept: 0,
        }
    }

    fn run(mut self) -> Result<Outline<'t>, Unreadable> {
        self.events(0)?;
        let text = self.text;
        let Some(root) = self.root else {
            return Err(Unreadable::at(text, text.len(), "there is no element"));
        };
        let version = [Version::Soap11, Version::Soap12]
            .into_iter()
            .find(|v| root.is(v.namespace(), "Envelope"));
        let envelope = match version {
            None => None,
            Some(version) => {
                let mut found = |local| {
                    let at = self
                        .sections
                        .iter()
                        .position(|s| s.element.is(version.namespace(), local))?;
                    Some(self.sections.swap_remove(at))
                };
                let header = found("Header");
                let body = found("Body").ok_or_else(|| {
                    Unreadable::at(text, root.range.start, "the envelope has no Body")
                })?;
                Some(Envelope {
                    version,
                    header,
                    body,
                })
            }
        };
        Ok(Outline {
            text,
            root,
            envelope,
        })
    }

    /// The elements of a content that begins at a byte of the text and ends with it.
    fn fragment(mut self, start: usize) -> Result<Vec<Element<'t>>, Unreadable> {
        self.depth = 2;
        self.events(start)?;
        Ok(self.children)
    }

    fn events(&mut self, start: usize) -> Result<(), Unreadable> {
        let text = self.text;
        let outside = self.depth;
        // The reader would skip one more, and its places would be wrong. Inside an element it is a character like any other.
        let body = text[start..].trim_start_matches('\u{feff}');
        let offset = text.len() - body.len();
        if outside == 0 && offset - start > '\u{feff}'.len_utf8() {
            return Err(Unreadable::at(text, start, "a second byte order mark"));
        }
        let mut reader = Reader::from_str(body);
        // As XML has it: no stray `&`, no unknown end tag, no `--` in comments.
        reader.config_mut().check_comments = true;
        let position = |reader: &Reader<&[u8]>| {
            offset + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
        };
        loop {
            let from = position(&reader);
            let event = reader.read_event().map_err(|error| {
                let at = offset + usize::try_from(reader.error_position()).unwrap_or(0);
                Unreadable::at(text, at, error.to_string())
            })?;
            let to = position(&reader);
            let bad = |message: &str| Err(Unreadable::at(text, from, message));
            match event {
                Event::Start(tag) => {
                    let from = to - tag.len() - "<>".len();
                    self.opens(from..to, tag.name().as_ref().len(), "<>".len())?;
                    self.depth += 1;
                }
                Event::Empty(tag) => {
                    let from = to - tag.len() - "</>".len();
                    self.opens(from..to, tag.name().as_ref().len(), "</>".len())?;
                    self.closes(to, to);
                }
                Event::End(_) => {
                    self.depth -= 1;
                    let from = text[..to].rfind("</").unwrap_or(to);
                    self.closes(from, to);
                }
                Event::GeneralRef(name) => {
                    let known = matches!(&*name, "amp" | "lt" | "gt" | "apos" | "quot")
                        || name.is_char_ref() && matches!(name.resolve_char_ref(), Ok(Some(_)));
                    if !known || self.depth == 0 {
                        return bad("an unknown reference");
                    }
                }
                Event::Text(chars) if self.depth == 0 && !chars.trim().is_empty() => {
                    return bad("text outside the document element");
                }
                Event::CData(_) if self.depth == 0 => {
                    return bad("text outside the document element");
                }
                Event::Decl(_) if from > offset => {
                    return bad("the XML declaration is not at the start");
                }
                Event::DocType(_) => return Err(Unreadable::Doctype),
                Event::Eof if self.depth > outside => return bad("the message ends too early"),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    /// An element begins: where its tag lies, how long its name is, and the length of the brackets around the tag.
    fn opens(&mut self, tag: Range<usize>, name: usize, brackets: usize) -> Result<(), Unreadable> {
        let text = self.text;
        let (from, to) = (tag.start, tag.end);
        if self.depth == 0 && self.root.is_some() {
            return Err(Unreadable::at(text, from, "a second document element"));
        }
        if self.depth >= DEPTH_MAX {
            return Err(Unreadable::Limit("elements nest more than 256 deep"));
        }
        let keep = self.depth < REMEMBERED;
        let content = &text[from + 1..to + 1 - brackets];
        let mut attributes = Vec::new();
        let mut needed: SmallVec<[&str; 4]> = SmallVec::new();
        for (count, attribute) in Attributes::new(content, name).enumerate() {
            let attribute =
                attribute.map_err(|error| Unreadable::at(text, from, error.to_string()))?;
            if count >= ATTRIBUTES_MAX {
                return Err(Unreadable::Limit("an element has more than 256 attributes"));
            }
            if !is_name(attribute.key.0) {
                return Err(Unreadable::at(text, from, "an attribute's name is no name"));
            }
            if attribute.value.contains('<') {
                return Err(Unreadable::at(
                    text,
                    from,
                    "a < in the value of an attribute",
                ));
            }
            let prefixed = attribute.key.0.split_once(':').map(|(prefix, _)| prefix);
            match declared_prefix(attribute.key.0) {
                // Of a deep declaration only that it is there is of interest.
                Some(prefix) => {
                    let uri = match keep {
                        true => resolved(&attribute.value),
                        false => String::new(),
                    };
                    self.scope.push((self.depth + 1, prefix, uri));
                }
                None => needed.extend(prefixed),
            }
            if keep {
                attributes.push(Attribute {
                    name: attribute.key.0,
                    value: attribute.value,
                });
            }
        }
        let name = &content[..name];
        if !is_name(name) {
            return Err(Unreadable::at(text, from, "a tag without a proper name"));
        }
        if self.scope.len() > DECLARATIONS_MAX {
            return Err(Unreadable::Limit(
                "more than 256 namespace declarations around an element",
            ));
        }
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        for prefix in needed {
            self.namespace(prefix, from)?;
        }
        let namespace = self.namespace(prefix, from)?;
        if !keep {
            return Ok(());
        }
        let namespace = namespace.to_owned();
        self.kept += 1;
        if self.kept > ELEMENTS_MAX {
            return Err(Unreadable::Limit(
                "more than 10,000 header blocks and body elements",
            ));
        }
        self.open.push(Element {
            name,
            namespace,
            attributes,
            range: from..to,
            inner: to..to,
        });
        Ok(())
    }

    /// What a prefix means here.
    fn namespace(&self, prefix: &str, at: usize) -> Result<&str, Unreadable> {
        match self.scope.iter().rev().find(|(_, p, _)| *p == prefix) {
            Some((_, _, uri)) => Ok(uri),
            None if prefix.is_empty() => Ok(""),
            None if prefix == "xml" => Ok(XML_NS),
            None => {
                let message = format!("the prefix {prefix} is not declared");
                Err(Unreadable::at(self.text, at, message))
            }
        }
    }

    /// An element of the depth below the current one ends: content up to `inner_end`, end tag up to `end`.
    fn closes(&mut self, inner_end: usize, end: usize) {
        let depth = self.depth;
        while self.scope.last().is_some_and(|(at, ..)| *at > depth) {
            self.scope.pop();
        }
        if depth >= REMEMBERED {
            return;
        }
        let Some(mut element) = self.open.pop() else {
            return;
        };
        element.inner.end = inner_end;
        element.range.end = end;
        match depth {
            0 => self.root = Some(element),
            1 => {
                let children = std::mem::take(&mut self.children);
                self.sections.push(Section { element, children });
            }
            _ => self.children.push(element),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:a='urn:a'><s:Header><a:h s:mustUnderstand=\"1\"/></s:Header><s:Body ><m xmlns=\"urn:m\"><n/>t</m ><!--c--></s:Body></s:Envelope>";

    #[test]
    fn the_parts_of_an_envelope_are_found_where_they_lie() {
        let outline = Outline::read(TEXT).unwrap();
        let envelope = outline.envelope.as_ref().unwrap();
        assert_eq!(envelope.version, Version::Soap11);
        let header = envelope.header.as_ref().unwrap();
        assert_eq!(
            outline.slice(&header.children[0].range),
            "<a:h s:mustUnderstand=\"1\"/>"
        );
        assert!(header.children[0].is("urn:a", "h"));
        let child = &envelope.body.children[0];
        assert!(child.is("urn:m", "m"));
        assert_eq!(outline.slice(&child.range), "<m xmlns=\"urn:m\"><n/>t</m >");
        assert_eq!(outline.slice(&child.inner), "<n/>t");
        assert_eq!(outline.slice(&outline.root.range).len(), TEXT.len() - 22);
        let inside = outline
            .children(&[&outline.root, &envelope.body.element, child])
            .unwrap();
        assert!(inside[0].is("urn:m", "n"));
        assert_eq!(outline.slice(&inside[0].range), "<n/>");
    }

    #[test]
    fn what_is_no_envelope_has_a_root() {
        let outline = Outline::read(" <!--c--><q:a xmlns:q='urn:q'/>\n").unwrap();
        assert!(outline.root.is("urn:q", "a"));
        assert_eq!(outline.envelope, None);
        assert_eq!(outline.root.prefix_colon(), "q:");
    }

    #[test]
    fn order_marks_move_no_place_and_a_second_one_is_refused() {
        let one = Outline::read("\u{feff}<a>é<b/></a>").unwrap();
        assert_eq!(one.slice(&one.root.range), "<a>é<b/></a>");
        assert!(Outline::read("\u{feff}\u{feff}<a>é<b/></a>").is_err());
        let inside = Outline::read("<a>\u{feff}\u{feff}é<b/></a>").unwrap();
        let found = inside.children(&[&inside.root]).unwrap();
        assert_eq!(inside.slice(&found[0].range), "<b/>");
    }

    #[test]
    fn malformed_messages_are_refused_with_their_place() {
        for (text, line) in [
            ("", 1),
            ("<a><b></a>", 1),
            ("<a>\n<b>\n</a>", 3),
            ("<a/><b/>", 1),
            ("<a>&nbsp;</a>", 1),
            ("<a b='1' b='2'/>", 1),
            ("<a b></a>", 1),
            ("<a>", 1),
            ("x<a/>", 1),
            ("<p:a/>", 1),
            ("<a><a><a><a><p:a/></a></a></a></a>", 1),
            ("<a><a><a><a p:b=''/></a></a></a>", 1),
            ("<a<b/>", 1),
            ("<1a/>", 1),
            ("<a:/>", 1),
            ("<a b:c:d='1'/>", 1),
            ("<a/>\n<?xml version='1.0'?>", 2),
            (
                "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>",
                1,
            ),
        ] {
            match Outline::read(text) {
                Err(Unreadable::Malformed { line: at, .. }) => {
                    assert!(at >= 1 && at <= line, "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(Outline::read("<!DOCTYPE a><a/>"), Err(Unreadable::Doctype));
        let deep = "<a>".repeat(300);
        assert!(matches!(Outline::read(&deep), Err(Unreadable::Limit(_))));
        let error = Outline::read("<a>\n <b></c></a>").unwrap_err().to_string();
        assert!(error.starts_with("line 2, column 5: "), "{error}");
    }
}
