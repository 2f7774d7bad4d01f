//! The events of a text, one after the other, as nodes of a tree.

use super::*;
use crate::soap::scan::Cursor;

/// A text that is under way: character data and references come as separate events.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    raw: bool,
}

/// An element that is not closed yet.
struct Open {
    node: NodeId,
    last: u32,
    /// How many declarations were in scope before it.
    scope: usize,
}

/// Builds nodes under one parent.
pub(super) struct Builder<'t, 's> {
    pub(super) tree: &'t mut Tree,
    pub(super) limits: &'t Limits,
    /// What a place in the text is more as a place in the tree.
    pub(super) base: u32,
    /// False where the text may end inside elements.
    pub(super) complete: bool,
    open: Vec<Open>,
    /// Declarations in scope: prefix, namespace.
    pub(super) scope: SmallVec<[(Symbol, Symbol); 16]>,
    run: Option<Run>,
    /// Names as they are written, cut and checked once: prefix and local name.
    pub(super) cut: HashMap<&'s str, (Symbol, Symbol)>,
}

impl<'t, 's> Builder<'t, 's> {
    pub(super) fn new(tree: &'t mut Tree, limits: &'t Limits, base: u32, parent: NodeId) -> Self {
        Builder {
            tree,
            limits,
            base,
            complete: true,
            open: vec![Open {
                node: parent,
                last: NONE,
                scope: 0,
            }],
            scope: SmallVec::new(),
            run: None,
            cut: HashMap::new(),
        }
    }

    /// Takes over what is declared at an element.
    pub(super) fn enter_scope(&mut self, element: NodeId) {
        self.scope = self.tree.in_scope(element).into_iter().collect();
        if let Some(open) = self.open.last_mut() {
            open.scope = self.scope.len();
        }
    }

    /// A whole document.
    pub(super) fn document(&mut self, source: &'s str, start: usize) -> Result<(), Problem> {
        self.events(source, start, true)?;
        match self.tree.root() {
            Some(_) => Ok(()),
            None => Err(Problem::at("there is no element", source.len())),
        }
    }

    /// The content of an element.
    pub(super) fn content(&mut self, source: &'s str) -> Result<(), Problem> {
        self.events(source, 0, false)
    }

    fn events(&mut self, source: &'s str, start: usize, document: bool) -> Result<(), Problem> {
        if let Some(at) = forbidden(source) {
            return Err(Problem::at("a character that XML forbids", at));
        }
        // The reader would skip it, and its places would be wrong.
        if source[start..].starts_with('\u{feff}') {
            return Err(Problem::at("a second byte order mark", start));
        }
        let mut reader = Reader::from_str(&source[start..]);
        reader.config_mut().check_comments = true;
        let mut at = start;
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = start + reader.error_position() as usize;
                    let message = match &error {
                        quick_xml::Error::Syntax(error) => error.to_string(),
                        quick_xml::Error::IllFormed(error) => error.to_string(),
                        error => error.to_string(),
                    };
                    return Err(Problem::at(message, at));
                }
            };
            let end = start + reader.buffer_position() as usize;
            match &event {
                Event::Text(_) => self.text(source, at, end)?,
                Event::GeneralRef(name) => {
                    let name: &str = name;
                    if reference(name.as_bytes()).is_none() {
                        return Err(Problem::at(format!("an unknown entity `&{name};`"), at));
                    }
                    self.reference(at, end)?;
                }
                _ => {
                    self.flush(source)?;
                    match event {
                        Event::Start(_) => self.start(source, at, end, false)?,
                        Event::Empty(_) => self.start(source, at, end, true)?,
                        Event::End(_) => self.end(end),
                        Event::CData(_) => self.leaf(Kind::CData, source, (at + 9, end - 3))?,
                        Event::Comment(_) => self.leaf(Kind::Comment, source, (at + 4, end - 3))?,
                        Event::PI(pi) => self.instruction(source, at, end, pi.target().len())?,
                        Event::Decl(_) if document && at == start => {
                            declaration(&source[at..end], at)?;
                        }
                        Event::Decl(_) => {
                            return Err(Problem::at("an XML declaration inside the text", at));
                        }
                        Event::DocType(_) => return Err(Problem::Doctype),
                        _ => return self.finish(source),
                    }
                }
            }
            at = end;
        }
    }

    fn finish(&mut self, source: &str) -> Result<(), Problem> {
        if self.open.len() > 1 && self.complete {
            return Err(Problem::at("it breaks off inside an element", source.len()));
        }
        while self.open.len() > 1 {
            // Without its end tag it is not what the message says.
            if let Some(open) = self.open.last() {
                self.tree.changed(open.node);
            }
            self.end(source.len());
        }
        Ok(())
    }

    fn outside(&self) -> bool {
        self.open.len() == 1 && self.open[0].node == Tree::DOCUMENT
    }

    fn text(&mut self, source: &str, start: usize, end: usize) -> Result<(), Problem> {
        let written = &source[start..end];
        if self.outside() {
            // Blanks between the outermost nodes are no part of the tree.
            return match written.trim_matches(['\t', '\n', '\r', ' ']).is_empty() {
                true => Ok(()),
                false => Err(Problem::at("text outside the document element", start)),
            };
        }
        if let Some(at) = memchr::memmem::find(written.as_bytes(), b"]]>") {
            return Err(Problem::at("`]]>` in a text", start + at));
        }
        let raw = text::is_raw(written, Kind::Text);
        self.extend(start, end, raw);
        Ok(())
    }

    fn reference(&mut self, start: usize, end: usize) -> Result<(), Problem> {
        if self.outside() {
            return Err(Problem::at("text outside the document element", start));
        }
        self.extend(start, end, true);
        Ok(())
    }

    fn extend(&mut self, start: usize, end: usize, raw: bool) {
        match &mut self.run {
            Some(run) => {
                run.end = end;
                run.raw |= raw;
            }
            None if start == end => {}
            None => self.run = Some(Run { start, end, raw }),
        }
    }

    fn flush(&mut self, source: &str) -> Result<(), Problem> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        // References may have come between the brackets.
        if run.raw && memchr::memmem::find(&source.as_bytes()[run.start..run.end], b"]]>").is_some()
        {
            return Err(Problem::at("`]]>` in a text", run.start));
        }
        let flags = if run.raw { RAW } else { 0 };
        self.add(Kind::Text, 0, flags, (run.start, run.end));
        Ok(())
    }

    fn leaf(&mut self, kind: Kind, source: &str, range: (usize, usize)) -> Result<(), Problem> {
        if kind == Kind::CData && self.outside() {
            return Err(Problem::at("text outside the document element", range.0));
        }
        let flags = if text::is_raw(&source[range.0..range.1], kind) {
            RAW
        } else {
            0
        };
        self.add(kind, 0, flags, range);
        Ok(())
    }

    fn instruction(
        &mut self,
        source: &str,
        start: usize,
        end: usize,
        target: usize,
    ) -> Result<(), Problem> {
        let range = (start + 2 + target, end - 2);
        let target = &source[start + 2..range.0];
        if !is_ncname(target) || target.eq_ignore_ascii_case("xml") {
            return Err(Problem::at("an instruction without a valid target", start));
        }
        let symbol = self.symbol(target)?;
        let name = self.tree.names.name(Symbol::EMPTY, symbol, Symbol::EMPTY);
        let raw = text::is_raw(&source[range.0..range.1], Kind::Instruction);
        let flags = if raw { RAW } else { 0 };
        self.add(Kind::Instruction, name.0, flags, range);
        Ok(())
    }

    fn start(
        &mut self,
        source: &'s str,
        start: usize,
        end: usize,
        empty: bool,
    ) -> Result<(), Problem> {
        if self.outside() && self.tree.root().is_some() {
            return Err(Problem::at("a second document element", start));
        }
        if self.open.len() > self.limits.depth {
            return Err(Problem::Limit("depth"));
        }
        let scope = self.scope.len();
        let node = self.add(Kind::Element, 0, 0, (start, end));
        self.tag(source, (start, end - usize::from(empty) - 1), node)?;
        match empty {
            true => self.scope.truncate(scope),
            false => self.open.push(Open {
                node,
                last: NONE,
                scope,
            }),
        }
        Ok(())
    }

    fn end(&mut self, end: usize) {
        // quick-xml has compared the names: there is an open element.
        if self.open.len() > 1
            && let Some(open) = self.open.pop()
        {
            self.tree.record_mut(open.node).end = self.base + end as u32;
            self.scope.truncate(open.scope);
        }
    }

    fn add(&mut self, kind: Kind, name: u32, flags: u32, range: (usize, usize)) -> NodeId {
        let range: Range = (self.base + range.0 as u32, self.base + range.1 as u32);
        let node = self.tree.push(Record::new(kind, name, flags, range));
        if let Some(open) = self.open.last_mut() {
            let records = &mut self.tree.records;
            records[node.index()].parent = open.node.0;
            match records.get_mut(open.last as usize) {
                Some(last) => {
                    last.next = node.0;
                    records[node.index()].previous = open.last;
                }
                None => records[open.node.index()].first = node.0,
            }
            let first = records[open.node.index()].first;
            records[first as usize].previous = node.0;
            open.last = node.0;
        }
        node
    }

    /// The symbol of a text out of the message.
    pub(super) fn symbol(&mut self, text: &str) -> Result<Symbol, Problem> {
        if self.tree.names.full() {
            return Err(Problem::Limit("names"));
        }
        Ok(self.tree.names.symbol(text))
    }
}

/// The first character that no XML document may hold (XML 1.0, production 2).
fn forbidden(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // Whole blocks first: without an early way out in the inner loop it runs on wide registers.
    for (number, block) in bytes.chunks(256).enumerate() {
        if block.iter().fold(false, |found, b| found | control(b)) {
            return block.iter().position(control).map(|at| number * 256 + at);
        }
    }
    memchr::memmem::find_iter(bytes, b"\xef\xbf")
        .find(|&at| matches!(bytes.get(at + 2), Some(0xbe | 0xbf)))
}

/// Checks an XML declaration (XML 1.0, production 23); which encoding it names was read before.
fn declaration(text: &str, at: usize) -> Result<(), Problem> {
    let wrong = || Problem::at("an XML declaration that is none of XML 1.0", at);
    let end = text.len().saturating_sub("?>".len());
    let mut cursor = Cursor::new(&text.as_bytes()[..end], "<?xml".len());
    let mut before = 0;
    loop {
        let spaced = cursor.blank();
        if cursor.at_end() {
            break;
        }
        let (name, value) = match cursor.attribute() {
            Ok(attribute) if spaced => attribute,
            _ => return Err(wrong()),
        };
        let part = |range: (u32, u32)| &text[range.0 as usize..range.1 as usize];
        let value = part(value);
        let name_characters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let (place, valid) = match part(name) {
            "version" => (1, matches!(value.as_bytes(), [b'1', b'.', b'0'..=b'9'])),
            "encoding" => (2, !value.is_empty() && value.chars().all(name_characters)),
            "standalone" => (3, matches!(value, "yes" | "no")),
            _ => return Err(wrong()),
        };
        // In this order, the version first.
        if !valid || place <= before || (before == 0 && place != 1) {
            return Err(wrong());
        }
        before = place;
    }
    match before {
        0 => Err(wrong()),
        _ => Ok(()),
    }
}
