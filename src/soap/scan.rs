//! The SOAP header, read from the raw prefix of a body as it arrives.
//!
//! Affinity needs one small text out of the header; building a tree of the message for that would cost more than the
//! rest of the request. So the bytes are scanned in place, iteratively, up to `</Header>` or `<Body>`, and whatever
//! follows streams on unread. Every limit is a number in [`Limits`]; a message over one of them is refused, never
//! skipped, so that nobody can hide an id behind noise.
//!
//! Rules (spec/reliability.md, classes 7 to 9):
//! - only a direct child of the one Header of the Envelope counts; a comment, CDATA, attribute or body does not;
//! - two blocks of one name with different values are refused; the same value twice is one value;
//! - a DOCTYPE is refused in every encoding that is read (SOAP 1.1 section 3, SOAP 1.2 part 1 section 5 forbid it);
//! - what is no envelope has no header and passes: JSON, attachments, another root, an encoding that is not read here;
//! - an envelope whose header is malformed or breaks off is refused, as the originals refuse to build it.
//!
//! UTF-8 (with or without a byte order mark), US-ASCII, ISO-8859-1 and UTF-16 are read.

mod encoding;
mod tag;
#[cfg(test)]
mod tests;
mod text;

use smallvec::SmallVec;

use encoding::Wide;
pub(in crate::soap) use encoding::{Encoding, detect};
pub(in crate::soap) use tag::{Cursor, Quoted};
use tag::{Tag, Uri};
pub use text::Text;
pub(in crate::soap) use text::reference;

/// How much of a message the scan may look at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes up to the end of the header, everything before it included.
    pub bytes: usize,
    /// Nesting of elements.
    pub depth: usize,
    /// Attributes and namespace declarations of one tag.
    pub attributes: usize,
    /// Namespace declarations in scope.
    pub namespaces: usize,
    /// Bytes of one name.
    pub name: usize,
    /// Bytes of one wanted text.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 * 1024,
            depth: 64,
            attributes: 256,
            namespaces: 128,
            name: 1024,
            text: 512,
        }
    }
}

/// Which header blocks are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `{http://ws.apache.org/ns/synapse}ClientID`.
    pub client_id: bool,
    /// `{http://ws.apache.org/namespaces/axis2}ServiceGroupId`, direct child of Header (a request's).
    pub service_group: bool,
    /// The same inside `wsa:ReplyTo/wsa:ReferenceParameters` (an answer's).
    pub reply_service_group: bool,
    /// `wsa:To`.
    pub to: bool,
}

/// What the header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScannedHeader {
    /// The id of a client-initiated session; never empty.
    pub client_id: Option<Text>,
    /// The id of an Axis2 session, from the place that was asked for; never empty.
    pub service_group: Option<Text>,
    /// The bytes of the request's ServiceGroupId block, from `<` to behind its end tag; absent in UTF-16.
    pub service_group_block: Option<(u32, u32)>,
    /// The destination.
    pub to: Option<Text>,
    /// One past the end tag of Header; absent when there is none, or in UTF-16.
    pub header_end: Option<u32>,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// A document type declaration.
    #[error("the message has a DOCTYPE, which SOAP forbids")]
    Doctype,
    /// The header is longer, deeper or wider than allowed.
    #[error("the SOAP header exceeds the limit on its {0}")]
    Limit(&'static str),
    /// The header is not well-formed, or breaks off.
    #[error("the SOAP header is not well-formed XML: {0}")]
    Malformed(&'static str),
    /// Two blocks of one name that contradict each other.
    #[error("the SOAP header has two different {0} blocks")]
    Conflict(&'static str),
}

/// How far the scan got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once by who fed it; a box would be the only allocation of a scan"
)]
pub enum Progress {
    /// Feed again with more bytes.
    NeedMore,
    /// Everything that matters was seen.
    Done(ScannedHeader),
    /// The message is refused.
    Refused(ScanError),
}

/// The blocks that can be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    ClientId,
    ServiceGroup,
    ReplyServiceGroup,
    To,
}

impl Block {
    fn name(self) -> &'static str {
        match self {
            Block::ClientId => "ClientID",
            Block::ServiceGroup | Block::ReplyServiceGroup => "ServiceGroupId",
            Block::To => "To",
        }
    }
}

/// A block whose text is being collected.
#[derive(Debug)]
struct Capture {
    block: Block,
    /// Number of open elements while inside it.
    depth: usize,
    start: usize,
    text: SmallVec<[u8; 64]>,
}

/// Where in the path of a server's session id the scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReplyPath {
    #[default]
    Outside,
    ReplyTo,
    ReferenceParameters,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    name: (u32, u32),
    /// How many declarations were in scope before it.
    namespaces: u32,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    /// Range of the prefix; empty for the default namespace.
    prefix: (u32, u32),
    uri: Uri,
}

/// The scan of one message. Feed it the growing prefix; it keeps its place.
#[derive(Debug)]
pub struct HeaderScan {
    limits: Limits,
    wanted: Wanted,
    encoding: Encoding,
    wide: Option<Wide>,
    pos: usize,
    /// How far the end of the token at `pos` was looked for: feeding byte by byte must not search from the start.
    searched: usize,
    quoted: Quoted,
    open: SmallVec<[Open; 8]>,
    namespaces: SmallVec<[Binding; 8]>,
    envelope: Uri,
    reply: ReplyPath,
    capture: Option<Capture>,
    found: ScannedHeader,
}

/// One token's effect.
enum Flow {
    Continue,
    NeedMore,
    Done,
}

impl HeaderScan {
    /// A scan for those blocks.
    pub fn new(wanted: Wanted, limits: Limits) -> Self {
        Self {
            limits,
            wanted,
            encoding: Encoding::Unknown,
            wide: None,
            pos: 0,
            searched: 0,
            quoted: Quoted::Outside,
            open: SmallVec::new(),
            namespaces: SmallVec::new(),
            envelope: Uri::Other,
            reply: ReplyPath::Outside,
            capture: None,
            found: ScannedHeader::default(),
        }
    }

    /// Where the scan of an envelope stopped: behind its Header, or without one in front of what stands there instead.
    /// `None` for what is no envelope, and in UTF-16.
    pub fn stopped_at(&self) -> Option<usize> {
        (self.wide.is_none() && self.open.len() == 1).then_some(self.pos)
    }

    /// Goes on with everything that has arrived so far; `complete` when nothing will follow.
    ///
    /// The bytes given before must be the same as in the last call, with more behind them.
    pub fn feed(&mut self, bytes: &[u8], complete: bool) -> Progress {
        match self.advance(bytes, complete) {
            Ok(Flow::Done) => Progress::Done(std::mem::take(&mut self.found)),
            Ok(_) => Progress::NeedMore,
            Err(error) => Progress::Refused(error),
        }
    }

    fn advance(&mut self, bytes: &[u8], complete: bool) -> Result<Flow, ScanError> {
        if self.encoding == Encoding::Unknown {
            match encoding::detect(bytes, complete) {
                None => return Ok(Flow::NeedMore),
                Some((encoding, skip)) => {
                    self.encoding = encoding;
                    if encoding.is_wide() {
                        self.wide = Some(Wide::new(skip));
                    } else {
                        self.pos = skip;
                        self.searched = skip;
                    }
                }
            }
        }
        match self.encoding {
            Encoding::Foreign => Ok(Flow::Done),
            Encoding::Utf16Le | Encoding::Utf16Be => self.advance_wide(bytes, complete),
            _ => self.advance_narrow(bytes, complete),
        }
    }

    fn advance_wide(&mut self, bytes: &[u8], complete: bool) -> Result<Flow, ScanError> {
        let Some(mut wide) = self.wide.take() else {
            return Ok(Flow::Done);
        };
        let decoded = wide.decode(bytes, self.encoding == Encoding::Utf16Be, self.limits.bytes);
        // What stands in front of a broken unit counts first: the scan may end there.
        let flow = match (
            self.advance_narrow(wide.text(), complete && decoded.is_ok()),
            decoded,
        ) {
            (Ok(Flow::NeedMore), Err(error)) => Err(error),
            (flow, _) => flow,
        };
        self.wide = Some(wide);
        // Places in the decoded text mean nothing in the message.
        self.found.service_group_block = None;
        self.found.header_end = None;
        flow
    }

    fn advance_narrow(&mut self, bytes: &[u8], complete: bool) -> Result<Flow, ScanError> {
        let visible = &bytes[..bytes.len().min(self.limits.bytes)];
        loop {
            match self.token(visible)? {
                Flow::Continue => {}
                Flow::Done => return Ok(Flow::Done),
                Flow::NeedMore if bytes.len() >= self.limits.bytes => {
                    return Err(ScanError::Limit("length"));
                }
                Flow::NeedMore if !complete => return Ok(Flow::NeedMore),
                Flow::NeedMore if self.open.is_empty() => return Ok(Flow::Done),
                Flow::NeedMore => return Err(ScanError::Malformed("it breaks off")),
            }
        }
    }

    /// Takes one token: text up to the next `<`, or one piece of markup.
    fn token(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        let rest = &bytes[self.pos..];
        let Some(&first) = rest.first() else {
            return Ok(Flow::NeedMore);
        };
        if first != b'<' {
            return self.character_data(bytes);
        }
        match rest.get(1) {
            None => Ok(Flow::NeedMore),
            Some(b'?') => self.instruction(bytes),
            Some(b'!') => self.declaration(bytes),
            Some(b'/') => self.end_tag(bytes),
            Some(_) => self.start_tag(bytes),
        }
    }

    fn character_data(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        if self.open.is_empty() {
            // Anything but white space in front of the root means that this is no XML.
            let from = self.searched.max(self.pos);
            let blank = bytes[from..]
                .iter()
                .take_while(|b| b.is_ascii_whitespace())
                .count();
            return match bytes.get(from + blank) {
                None => {
                    self.step_to(bytes.len());
                    Ok(Flow::NeedMore)
                }
                Some(b'<') => {
                    self.step_to(from + blank);
                    Ok(Flow::Continue)
                }
                Some(_) => Ok(Flow::Done),
            };
        }
        let from = self.searched.max(self.pos);
        let Some(at) = memchr::memchr(b'<', &bytes[from..]) else {
            self.searched = bytes.len();
            return Ok(Flow::NeedMore);
        };
        let end = from + at;
        let latin1 = self.encoding == Encoding::Latin1;
        let (start, limit) = (self.pos, self.limits.text);
        if let Some(capture) = self.captured_here() {
            text::append(&mut capture.text, &bytes[start..end], latin1, limit)?;
        }
        self.step_to(end);
        Ok(Flow::Continue)
    }

    /// Finds the end of a token that ends with `mark`, looking from its `body` on. Every mark ends with `>`, and for
    /// marks this short a search for that one byte beats a general one.
    fn find(&mut self, bytes: &[u8], body: usize, mark: &[u8]) -> Option<usize> {
        let first = self.pos + body;
        let mut from = self.searched.max(first);
        while let Some(at) = memchr::memchr(b'>', bytes.get(from..)?) {
            from += at + 1;
            if from >= first + mark.len() && bytes[..from].ends_with(mark) {
                return Some(from - mark.len());
            }
        }
        self.searched = bytes.len();
        None
    }

    fn instruction(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        let Some(end) = self.find(bytes, 2, b"?>") else {
            return Ok(Flow::NeedMore);
        };
        let body = &bytes[self.pos + 2..end];
        let declaration = self.open.is_empty()
            && body.starts_with(b"xml")
            && body.get(3).is_some_and(u8::is_ascii_whitespace);
        if declaration && !self.encoding.accepts(body) {
            return Ok(Flow::Done);
        }
        if declaration {
            self.encoding = self.encoding.declared(body);
        }
        self.step_to(end + 2);
        Ok(Flow::Continue)
    }

    fn declaration(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        const CDATA: &[u8] = b"<![CDATA[";
        let rest = &bytes[self.pos..];
        if rest.starts_with(b"<!--") {
            let Some(end) = self.find(bytes, 4, b"-->") else {
                return Ok(Flow::NeedMore);
            };
            self.step_to(end + 3);
            return Ok(Flow::Continue);
        }
        if rest.starts_with(CDATA) {
            if self.open.is_empty() {
                return Ok(Flow::Done);
            }
            let Some(end) = self.find(bytes, CDATA.len(), b"]]>") else {
                return Ok(Flow::NeedMore);
            };
            let (start, latin1) = (self.pos + CDATA.len(), self.encoding == Encoding::Latin1);
            let limit = self.limits.text;
            if let Some(capture) = self.captured_here() {
                text::append_raw(&mut capture.text, &bytes[start..end], latin1, limit)?;
            }
            self.step_to(end + 3);
            return Ok(Flow::Continue);
        }
        let undecided = CDATA.starts_with(rest) || b"<!--".starts_with(rest);
        match undecided {
            true => Ok(Flow::NeedMore),
            // `<!D...`, and everything else that can only stand inside a DOCTYPE.
            false => Err(ScanError::Doctype),
        }
    }

    fn start_tag(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        let from = self.searched.max(self.pos + 1);
        let Some(end) = self.quoted.find_end(bytes, from) else {
            self.searched = bytes.len();
            return Ok(Flow::NeedMore);
        };
        let start = self.pos;
        let outer = self.namespaces.len();
        let tag = match Tag::parse(bytes, start + 1, end, &self.limits, &mut self.namespaces) {
            Ok(tag) => tag,
            // Something that only looks like a tag: the body is no XML, so it has no header.
            Err(ScanError::Malformed(_)) if self.open.is_empty() => return Ok(Flow::Done),
            Err(error) => return Err(error),
        };
        if self.open.len() >= self.limits.depth {
            return Err(ScanError::Limit("depth"));
        }
        let uri = tag::resolve(bytes, tag.prefix(bytes), &self.namespaces);
        let local = tag.local(bytes);
        let depth = self.open.len();
        match depth {
            0 => {
                if local != b"Envelope" || !matches!(uri, Uri::Soap11 | Uri::Soap12) {
                    return Ok(Flow::Done);
                }
                self.envelope = uri;
            }
            1 if local != b"Header" || uri != self.envelope => return Ok(Flow::Done),
            1 => {}
            _ => self.block_opens(depth, start, uri, local),
        }
        self.step_to(end + 1);
        if tag.empty {
            self.namespaces.truncate(outer);
            if depth <= 1 {
                return Ok(Flow::Done);
            }
            return self.block_closes(depth + 1, end + 1);
        }
        self.open.push(Open {
            name: tag.name,
            namespaces: outer as u32,
        });
        Ok(Flow::Continue)
    }

    fn end_tag(&mut self, bytes: &[u8]) -> Result<Flow, ScanError> {
        let Some(end) = self.find(bytes, 2, b">") else {
            return Ok(Flow::NeedMore);
        };
        let name = bytes[self.pos + 2..end].trim_ascii_end();
        let Some(open) = self.open.pop() else {
            return Ok(Flow::Done);
        };
        if tag::slice(bytes, open.name) != name {
            return Err(ScanError::Malformed("an end tag does not match"));
        }
        self.namespaces.truncate(open.namespaces as usize);
        self.step_to(end + 1);
        match self.open.len() {
            1 => {
                self.found.header_end = u32::try_from(end + 1).ok();
                Ok(Flow::Done)
            }
            0 => Ok(Flow::Done),
            left => self.block_closes(left + 1, end + 1),
        }
    }

    /// An element opens inside Header, `depth` elements being open around it.
    fn block_opens(&mut self, depth: usize, start: usize, uri: Uri, local: &[u8]) {
        let wanted = self.wanted;
        let block = match (depth, self.reply, uri, local) {
            (2, _, Uri::Synapse, b"ClientID") if wanted.client_id => Block::ClientId,
            (2, _, Uri::Axis2, b"ServiceGroupId") if wanted.service_group => Block::ServiceGroup,
            (2, _, Uri::Wsa, b"To") if wanted.to => Block::To,
            (2, _, Uri::Wsa, b"ReplyTo") if wanted.reply_service_group => {
                self.reply = ReplyPath::ReplyTo;
                return;
            }
            (3, ReplyPath::ReplyTo, Uri::Wsa, b"ReferenceParameters") => {
                self.reply = ReplyPath::ReferenceParameters;
                return;
            }
            (4, ReplyPath::ReferenceParameters, Uri::Axis2, b"ServiceGroupId") => {
                Block::ReplyServiceGroup
            }
            _ => return,
        };
        self.capture = Some(Capture {
            block,
            depth: depth + 1,
            start,
            text: SmallVec::new(),
        });
    }

    /// The element that was the `depth`th open one ends at `end`.
    fn block_closes(&mut self, depth: usize, end: usize) -> Result<Flow, ScanError> {
        match (depth, self.reply) {
            (4, ReplyPath::ReferenceParameters) => self.reply = ReplyPath::ReplyTo,
            (3, _) => self.reply = ReplyPath::Outside,
            _ => {}
        }
        if self.capture.as_ref().is_some_and(|c| c.depth == depth)
            && let Some(capture) = self.capture.take()
        {
            let text = Text::trimmed(&capture.text)?;
            let slot = match capture.block {
                Block::ClientId => &mut self.found.client_id,
                Block::To => &mut self.found.to,
                Block::ServiceGroup => {
                    self.found.service_group_block = Some((capture.start as u32, end as u32));
                    &mut self.found.service_group
                }
                Block::ReplyServiceGroup => &mut self.found.service_group,
            };
            match (&*slot, text) {
                (_, None) => {}
                (Some(old), Some(new)) if *old != new => {
                    return Err(ScanError::Conflict(capture.block.name()));
                }
                (_, new) => *slot = new,
            }
        }
        Ok(Flow::Continue)
    }

    fn captured_here(&mut self) -> Option<&mut Capture> {
        let depth = self.open.len();
        self.capture.as_mut().filter(|c| c.depth == depth)
    }

    fn step_to(&mut self, at: usize) {
        self.pos = at;
        self.searched = at;
        self.quoted = Quoted::Outside;
    }
}

/// Scans arbitrary bytes in arbitrary pieces; must neither panic nor depend on the pieces. For the fuzz corpus.
pub fn fuzz(data: &[u8]) {
    let wanted = Wanted {
        client_id: true,
        service_group: true,
        reply_service_group: true,
        to: true,
    };
    let limits = Limits {
        bytes: 4096,
        ..Limits::default()
    };
    let whole = HeaderScan::new(wanted, limits).feed(data, true);
    let mut scan = HeaderScan::new(wanted, limits);
    let step = usize::from(data.first().copied().unwrap_or(1) % 7) + 1;
    let mut end = 0;
    let piecewise = loop {
        end = (end + step).min(data.len());
        match scan.feed(&data[..end], end == data.len()) {
            Progress::NeedMore => {}
            other => break other,
        }
    };
    assert_eq!(
        whole, piecewise,
        "the pieces in which a message arrives changed what was read"
    );
}
