//! Simple paths answered from the text of a message, without a tree.
//!
//! Child and descendant steps with name tests and without predicates, with an attribute or `text()` at the end: what
//! content-based routing mostly asks for. The text is read once and left as soon as the answer is there; a tree of the
//! same message would give the same answer. What stands behind the answer is not looked at.

mod header;
mod recall;

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;
use smallvec::SmallVec;

use super::XPath;
use super::expr::{Axis, Expr, Start, Step, Test};
use crate::soap::scan::{Cursor, reference};
use crate::soap::tree::{Kind, Limits, ParseError, XML_NS, place, resolve};

pub use header::Seen;
use recall::PathId;

/// Most steps of such a path: one bit each.
const STEPS_MAX: usize = 62;

/// A path that can be answered from the text.
#[derive(Clone, Debug)]
pub struct StreamPath {
    steps: Vec<Move>,
    end: End,
    anchor: Anchor,
    id: PathId,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// At the document.
    Document,
    /// At the document element.
    Envelope,
    /// At the `Header` of an envelope.
    Header,
    /// At the `Body` of an envelope.
    Body,
}

#[derive(Clone, Debug)]
struct Move {
    deep: bool,
    /// True where the step may stay where it is (`descendant-or-self::node()`).
    stays: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum End {
    Element,
    Attribute(Test),
    /// Texts directly inside, or anywhere below.
    Text {
        deep: bool,
    },
}

/// A node that a path leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its string-value.
    pub value: String,
    /// Of an element, the text directly inside it; else the value.
    pub own: String,
    /// True for an element.
    pub element: bool,
}

impl StreamPath {
    /// The path of an expression, when it is one of this kind; `variable` tells of a variable of the host, by its number,
    /// which part of the message it is.
    pub fn of(xpath: &XPath, variable: impl FnOnce(u32) -> Option<Anchor>) -> Option<StreamPath> {
        let Expr::Path(path) = &xpath.root else {
            return None;
        };
        let anchor = match &path.start {
            Start::Root => Anchor::Document,
            Start::Context => Anchor::Envelope,
            Start::Expr(Expr::Extension(call)) if call.arguments.is_none() => variable(call.id)?,
            Start::Expr(_) => return None,
        };
        let (last, before) = path.steps.split_last()?;
        let (steps, end) = match (last.axis, &last.test) {
            (Axis::Attribute, Test::Node) => (before, End::Attribute(Test::Any)),
            (Axis::Attribute, test) if is_name(test) => (before, End::Attribute(test.clone())),
            (Axis::Child, Test::Text) => (before, End::Text { deep: false }),
            (Axis::Descendant, Test::Text) => (before, End::Text { deep: true }),
            _ => (&path.steps[..], End::Element),
        };
        let plain = path.steps.iter().all(|step| step.predicates.is_empty());
        let steps: Option<Vec<Move>> = steps.iter().map(Move::of).collect();
        let steps = steps.filter(|steps| plain && steps.len() <= STEPS_MAX)?;
        // What stays everywhere leads to every kind of node.
        let elements = match end {
            End::Element => steps.last().is_some_and(|last| !last.stays),
            _ => true,
        };
        elements.then_some(StreamPath {
            steps,
            end,
            anchor,
            id: PathId::next(),
        })
    }

    /// Does the path lead to anything in a text whose document element has one of those names (namespace and local
    /// name; any, when there are none)? `None` when it has another.
    ///
    /// # Errors
    /// [`ParseError`], for what is found on the way to the answer.
    pub fn exists(&self, text: &str, roots: &[(&str, &str)]) -> Result<Option<bool>, ParseError> {
        let mut run = Run::new(self, text, 1, roots);
        run.read()?;
        Ok((!run.foreign).then_some(!run.found.is_empty()))
    }

    /// The first nodes that the path leads to, at most so many, in document order; `roots` as for
    /// [`exists`](Self::exists).
    ///
    /// # Errors
    /// [`ParseError`], for what is found on the way to the answer.
    pub fn find(
        &self,
        text: &str,
        most: usize,
        roots: &[(&str, &str)],
    ) -> Result<Option<Vec<Found>>, ParseError> {
        let mut run = Run::new(self, text, most, roots);
        run.values = true;
        run.read()?;
        Ok((!run.foreign).then_some(run.found))
    }

    /// The states that follow from those of a parent for an element of that name.
    fn next(&self, states: u64, namespace: &[u8], local: &[u8]) -> u64 {
        let mut next = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let here = 1u64 << at;
            if states & here == 0 {
                continue;
            }
            if step.deep {
                next |= here;
            }
            if !step.stays && passes(&step.test, namespace, local) {
                next |= here << 1;
            }
        }
        self.stay(next)
    }

    /// Steps that may stay where they are are taken at once.
    fn stay(&self, mut states: u64) -> u64 {
        for (at, step) in self.steps.iter().enumerate() {
            if step.stays && states & 1 << at != 0 {
                states |= 1 << (at + 1);
            }
        }
        states
    }

    fn is_end(&self, states: u64) -> bool {
        states & 1 << self.steps.len() != 0
    }
}

impl Move {
    fn of(step: &Step) -> Option<Move> {
        let (deep, stays) = match (step.axis, &step.test) {
            (Axis::Child, test) if is_name(test) => (false, false),
            (Axis::Descendant, test) if is_name(test) => (true, false),
            (Axis::DescendantOrSelf, Test::Node) => (true, true),
            _ => return None,
        };
        Some(Move {
            deep,
            stays,
            test: step.test.clone(),
        })
    }
}

fn is_name(test: &Test) -> bool {
    matches!(test, Test::Any | Test::Namespace(_) | Test::Name { .. })
}

fn passes(test: &Test, namespace: &[u8], local: &[u8]) -> bool {
    match test {
        Test::Any => true,
        Test::Namespace(wanted) => wanted.as_bytes() == namespace,
        Test::Name {
            namespace: wanted,
            local: name,
        } => name.as_bytes() == local && wanted.as_bytes() == namespace,
        _ => false,
    }
}

/// An element around the place of the reading.
struct Level {
    states: u64,
    /// Declarations in scope before it.
    scope: usize,
    /// Which found node it is.
    found: Option<usize>,
    /// Which found node the text under way is.
    text: Option<usize>,
}

/// One reading.
struct Run<'p, 't> {
    path: &'p StreamPath,
    text: &'t str,
    most: usize,
    values: bool,
    levels: Vec<Level>,
    scope: Vec<(&'t str, Cow<'t, str>)>,
    found: Vec<Found>,
    /// Found nodes whose values are not complete.
    open: usize,
    /// What the document element may be; anything, when there are none.
    roots: &'p [(&'p str, &'p str)],
    /// It is something else.
    foreign: bool,
    /// It has been seen.
    rooted: bool,
    /// Its namespace.
    soap: Option<String>,
    /// The part of the envelope has been seen that the path starts at.
    parted: bool,
}

impl<'p, 't> Run<'p, 't> {
    fn new(
        path: &'p StreamPath,
        text: &'t str,
        most: usize,
        roots: &'p [(&'p str, &'p str)],
    ) -> Self {
        let start = match path.anchor {
            Anchor::Document => path.stay(1),
            _ => 0,
        };
        Run {
            path,
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            most,
            values: false,
            levels: vec![Level {
                states: start,
                scope: 0,
                found: None,
                text: None,
            }],
            scope: Vec::new(),
            found: Vec::new(),
            open: 0,
            roots,
            foreign: false,
            rooted: false,
            soap: None,
            parted: false,
        }
    }

    fn enough(&self) -> bool {
        self.foreign || (self.found.len() >= self.most && (self.open == 0 || !self.values))
    }

    fn read(&mut self) -> Result<(), ParseError> {
        // The reader would skip it, and its places would be wrong.
        if self.text.starts_with('\u{feff}') {
            return Err(self.malformed("a second byte order mark", 0));
        }
        let mut reader = Reader::from_str(self.text);
        let mut at = 0;
        while !self.enough() {
            let event = reader.read_event().map_err(|error| {
                let at = reader.error_position() as usize;
                self.malformed(error.to_string(), at)
            })?;
            let end = reader.buffer_position() as usize;
            match event {
                Event::GeneralRef(name) if reference(name.as_bytes()).is_none() => {
                    return Err(self.malformed("an unknown entity", at));
                }
                Event::Text(_) | Event::GeneralRef(_) => self.characters(at, end, Kind::Text)?,
                Event::CData(_) => self.characters(at + 9, end - 3, Kind::CData)?,
                Event::Start(_) => self.start(at, end - 1)?,
                Event::Empty(_) => {
                    self.start(at, end - 2)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Comment(_) | Event::PI(_) => self.end_text(),
                Event::DocType(_) => return Err(ParseError::Doctype),
                Event::Eof if self.levels.len() > 1 => {
                    return Err(self.malformed("it breaks off inside an element", end));
                }
                Event::Eof if !self.rooted => {
                    return Err(self.malformed("there is no element", end));
                }
                Event::Eof => return Ok(()),
                Event::Decl(_) => {}
            }
            at = end;
        }
        Ok(())
    }

    fn malformed(&self, message: impl Into<String>, at: usize) -> ParseError {
        let (line, column) = place(self.text, at);
        ParseError::Malformed {
            message: message.into(),
            line,
            column,
        }
    }

    fn start(&mut self, start: usize, end: usize) -> Result<(), ParseError> {
        self.end_text();
        if self.levels.len() > Limits::default().depth {
            return Err(ParseError::Limit("depth"));
        }
        let scope = self.scope.len();
        let mut cursor = Cursor::new(&self.text.as_bytes()[..end], start + 1);
        let name = cursor.name();
        let name = &self.text[name.0 as usize..name.1 as usize];
        let mut attributes: SmallVec<[(&'t str, &'t str); 8]> = SmallVec::new();
        loop {
            cursor.blank();
            if cursor.at_end() {
                break;
            }
            let at = cursor.position();
            let Ok((name, value)) = cursor.attribute() else {
                return Err(self.malformed("a broken attribute", at));
            };
            attributes.push((
                &self.text[name.0 as usize..name.1 as usize],
                &self.text[value.0 as usize..value.1 as usize],
            ));
        }
        for (name, value) in &attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => &rest[1..],
                _ => continue,
            };
            if self.scope.len() >= Limits::default().namespaces {
                return Err(ParseError::Limit("namespaces"));
            }
            self.scope.push((prefix, resolved(value, Kind::Namespace)));
        }
        let (namespace, local) = self.expanded(name, true, start)?;
        let root = self.levels.len() == 1;
        let known = self.roots.is_empty() || self.roots.contains(&(namespace, local));
        if root && self.rooted {
            return Err(self.malformed("a second document element", start));
        }
        if root && !known {
            self.foreign = true;
            return Ok(());
        }
        let part = self.begins_part(namespace, local);
        let states = match (root, self.path.anchor) {
            (true, Anchor::Envelope) => self.path.stay(1),
            _ if part => self.path.stay(1),
            _ => {
                let parent = self.levels.last().map_or(0, |level| level.states);
                self.path
                    .next(parent, namespace.as_bytes(), local.as_bytes())
            }
        };
        // Only who starts at a part of the envelope asks for it.
        let parts = matches!(self.path.anchor, Anchor::Header | Anchor::Body);
        let soap = (root && parts).then(|| namespace.to_owned());
        self.parted |= part;
        self.soap = soap.or(self.soap.take());
        let found = match (&self.path.end, self.path.is_end(states)) {
            (End::Element, true) => self.add(Found {
                element: true,
                ..Found::default()
            }),
            _ => None,
        };
        self.open += usize::from(found.is_some());
        if let (End::Attribute(test), true) = (&self.path.end, self.path.is_end(states)) {
            for (name, value) in &attributes {
                if *name == "xmlns" || name.starts_with("xmlns:") {
                    continue;
                }
                let (namespace, local) = self.expanded(name, false, start)?;
                if passes(test, namespace.as_bytes(), local.as_bytes()) {
                    let value = resolved(value, Kind::Attribute).into_owned();
                    self.add(Found {
                        own: value.clone(),
                        value,
                        element: false,
                    });
                }
            }
        }
        self.rooted = true;
        self.levels.push(Level {
            states,
            scope,
            found,
            text: None,
        });
        Ok(())
    }

    /// True for the element of that name when it is the part of the envelope that the path starts at.
    fn begins_part(&self, namespace: &str, local: &str) -> bool {
        let part = match self.path.anchor {
            Anchor::Header => "Header",
            Anchor::Body => "Body",
            Anchor::Document | Anchor::Envelope => return false,
        };
        let inside = self.levels.len() == 2 && !self.parted;
        inside && local == part && self.soap.as_deref() == Some(namespace)
    }

    fn add(&mut self, found: Found) -> Option<usize> {
        (self.found.len() < self.most).then(|| {
            self.found.push(found);
            self.found.len() - 1
        })
    }

    fn end(&mut self) {
        self.end_text();
        if self.levels.len() > 1
            && let Some(level) = self.levels.pop()
        {
            self.scope.truncate(level.scope);
            self.open -= usize::from(level.found.is_some());
        }
    }

    fn end_text(&mut self) {
        if let Some(level) = self.levels.last_mut()
            && level.text.take().is_some()
        {
            self.open -= 1;
        }
    }

    fn characters(&mut self, start: usize, end: usize, kind: Kind) -> Result<(), ParseError> {
        let text = resolved(&self.text[start..end], kind);
        let inside = self.levels.len() - 1;
        if inside == 0 {
            return match text.trim_matches(['\t', '\n', '\r', ' ']).is_empty() {
                true => Ok(()),
                false => Err(self.malformed("text outside the document element", start)),
            };
        }
        if text.is_empty() {
            return Ok(());
        }
        if let End::Text { deep } = self.path.end
            && self.levels[inside].text.is_none()
        {
            let mut above = self
                .levels
                .iter()
                .rev()
                .take(if deep { usize::MAX } else { 1 });
            if above.any(|level| self.path.is_end(level.states))
                && let Some(found) = self.add(Found::default())
            {
                self.levels[inside].text = Some(found);
                self.open += 1;
            }
        }
        if !self.values {
            return Ok(());
        }
        if let Some(found) = self.levels[inside].text {
            self.found[found].value.push_str(&text);
            self.found[found].own.push_str(&text);
        }
        for (depth, level) in self.levels.iter().enumerate() {
            if let Some(found) = level.found {
                self.found[found].value.push_str(&text);
                if depth == inside {
                    self.found[found].own.push_str(&text);
                }
            }
        }
        Ok(())
    }

    /// Namespace and local name of a name as it is written.
    fn expanded<'n>(
        &'n self,
        name: &'t str,
        element: bool,
        at: usize,
    ) -> Result<(&'n str, &'t str), ParseError> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if prefix == "xml" {
            return Ok((XML_NS, local));
        }
        if prefix.is_empty() && !element {
            return Ok(("", local));
        }
        match self.scope.iter().rev().find(|(known, _)| *known == prefix) {
            Some((_, namespace)) => Ok((namespace, local)),
            None if prefix.is_empty() => Ok(("", local)),
            None => Err(self.malformed(format!("the prefix `{prefix}` is not declared"), at)),
        }
    }
}

/// The value of a text as written.
fn resolved(written: &str, kind: Kind) -> Cow<'_, str> {
    let special = match kind {
        Kind::CData => memchr::memchr(b'\r', written.as_bytes()).is_some(),
        Kind::Text => memchr::memchr2(b'&', b'\r', written.as_bytes()).is_some(),
        _ => written.contains(['&', '\r', '\n', '\t']),
    };
    match special {
        false => Cow::Borrowed(written),
        true => {
            let mut out = String::with_capacity(written.len());
            resolve(written, kind, &mut out);
            Cow::Owned(out)
        }
    }
}
