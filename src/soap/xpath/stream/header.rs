//! Simple paths into a SOAP header, answered from the bytes that are here.
//!
//! Routing by a header block is the commonest question about a message, and the block stands within its first bytes. This
//! quick look answers it where the header is written plainly, in ASCII and without comments, references or anything
//! else that is rare; of everything else, and of everything that is wrong, it says nothing, so that who reads the message
//! properly decides. What it answers, a tree of the same message answers too.

use smallvec::SmallVec;

use super::{Anchor, End, StreamPath, passes, recall};
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

/// Most elements that are open at the same time.
const DEPTH_MAX: usize = 24;
/// Most attributes and declarations of one tag.
const ATTRIBUTES_MAX: usize = 8;
/// Most declarations in scope.
const SCOPE_MAX: usize = 32;

/// What a path leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It leads to something.
    pub exists: bool,
    /// The texts directly inside the nodes, one after the other, in document order. `None` where one of them is blank, so
    /// that the element itself would be asked for.
    pub text: Option<String>,
}

/// An open element.
struct Level<'b> {
    name: Name<'b>,
    states: u64,
    /// Declarations in scope before it.
    scope: usize,
    /// Which of the texts is its own.
    found: Option<usize>,
}

/// A name as it is written.
#[derive(Clone, Copy)]
struct Name<'b> {
    whole: &'b [u8],
    /// Where its local part begins.
    local: usize,
}

impl<'b> Name<'b> {
    fn prefix(self) -> &'b [u8] {
        self.whole
            .get(..self.local.saturating_sub(1))
            .unwrap_or_default()
    }

    fn local(self) -> &'b [u8] {
        self.whole.get(self.local..).unwrap_or_default()
    }
}

/// What a byte may be in a name.
const OUTSIDE: u8 = 0;
const FIRST: u8 = 1;
const LATER: u8 = 2;

static CLASSES: [u8; 256] = {
    let mut classes = [OUTSIDE; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => FIRST,
            b'0'..=b'9' | b'-' | b'.' => LATER,
            _ => OUTSIDE,
        };
        byte += 1;
    }
    classes
};

struct Look<'p, 'b> {
    path: &'p StreamPath,
    bytes: &'b [u8],
    at: usize,
    levels: SmallVec<[Level<'b>; 6]>,
    /// Attributes and declarations of the tag that was read last.
    attributes: SmallVec<[(Name<'b>, &'b [u8]); ATTRIBUTES_MAX]>,
    /// Prefixes and namespaces.
    scope: SmallVec<[(&'b [u8], &'b [u8]); 8]>,
    /// Of each element that was found.
    texts: SmallVec<[String; 1]>,
    /// Of attributes and texts that were found.
    values: Option<String>,
    pieces: Pieces,
}

/// Where what was found is written.
#[derive(Clone, Copy)]
enum Pieces {
    None,
    /// In one piece: from this byte to that.
    One(usize, usize),
    /// In several, or not as a text.
    Other,
}

impl StreamPath {
    /// What the path leads to in the header of the envelope that begins here; nothing behind the header is looked at.
    /// `None`: the quick look does not tell.
    pub fn in_header(&self, bytes: &[u8]) -> Option<Seen> {
        if let Some(text) = recall::text(self.id, bytes) {
            return Some(Seen {
                exists: true,
                text: Some(text),
            });
        }
        let mut look = Look {
            path: self,
            bytes,
            at: 0,
            levels: SmallVec::new(),
            attributes: SmallVec::new(),
            scope: SmallVec::new(),
            texts: SmallVec::new(),
            values: None,
            pieces: Pieces::None,
        };
        look.prolog()?;
        while !look.token()? {}
        let header = bytes.get(..look.at)?;
        if !is_plain(header) {
            return None;
        }
        if let Pieces::One(start, end) = look.pieces
            && look.texts.len() <= 1
        {
            recall::keep(self.id, header.get(..start)?, header.get(end..)?);
        }
        let exists = !look.texts.is_empty() || look.values.is_some();
        let blank = |text: &String| text.trim().is_empty();
        let text = match (look.values, look.texts.len()) {
            (Some(values), _) => Some(values),
            (None, _) if look.texts.iter().any(blank) => None,
            (None, 0 | 1) => Some(look.texts.pop().unwrap_or_default()),
            (None, _) => Some(look.texts.concat()),
        };
        Some(Seen { exists, text })
    }
}

/// True for printable ASCII without references and without what might end a section.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    // Without a way out of the loop it takes many bytes at once.
    let odd = bytes.iter().fold(0, |odd, byte| {
        let blank = u8::from(*byte == b'\n') | u8::from(*byte == b'\t');
        let foreign = u8::from(byte.wrapping_sub(b' ') > b'~' - b' ');
        odd | (foreign & !blank) | u8::from(*byte == b'&') | u8::from(*byte == b']')
    });
    odd == 0
}

impl<'b> Look<'_, 'b> {
    fn prolog(&mut self) -> Option<()> {
        if self.bytes.starts_with(b"<?xml ") {
            let end = self.bytes.iter().take(128).position(|byte| *byte == b'>')?;
            let declaration = self.bytes.get(6..end)?.strip_suffix(b"?")?;
            let plain: &[&[u8]] = &[
                br#"version="1.0""#,
                br#"version='1.0'"#,
                br#"version="1.0" encoding="UTF-8""#,
                br#"version='1.0' encoding='UTF-8'"#,
                br#"version="1.0" encoding="utf-8""#,
                br#"version='1.0' encoding='utf-8'"#,
            ];
            if !plain.contains(&declaration.trim_ascii()) {
                return None;
            }
            self.at = end + 1;
        }
        Some(())
    }

    /// Takes a text and the tag behind it; true at the end of the header.
    fn token(&mut self) -> Option<bool> {
        let rest = self.bytes.get(self.at..)?;
        if rest.first() != Some(&b'<') {
            let length = memchr::memchr(b'<', rest)?;
            self.text(rest.get(..length)?)?;
            self.at += length;
        }
        self.at += 1;
        match self.bytes.get(self.at)? {
            b'/' => self.end_tag(),
            _ => self.start_tag(),
        }
    }

    fn text(&mut self, text: &'b [u8]) -> Option<()> {
        let Some(level) = self.levels.last() else {
            return text.trim_ascii().is_empty().then_some(());
        };
        let text_node = match self.path.end {
            End::Text { deep: false } => self.path.is_end(level.states),
            End::Text { deep: true } => self.levels.iter().any(|l| self.path.is_end(l.states)),
            _ => false,
        };
        if level.found.is_some() || text_node {
            self.pieces = match self.pieces {
                Pieces::None => Pieces::One(self.at, self.at + text.len()),
                _ => Pieces::Other,
            };
        }
        if let Some(found) = level.found {
            let text = std::str::from_utf8(text).ok()?;
            self.texts.get_mut(found)?.push_str(text);
        }
        if text_node {
            let text = std::str::from_utf8(text).ok()?;
            self.values.get_or_insert_default().push_str(text);
        }
        Some(())
    }

    fn end_tag(&mut self) -> Option<bool> {
        let level = self.levels.pop()?;
        let rest = self.bytes.get(self.at + 1..)?;
        let behind = rest.strip_prefix(level.name.whole)?;
        let blanks = behind.iter().position(|byte| !is_blank(*byte))?;
        if behind.get(blanks) != Some(&b'>') {
            return None;
        }
        self.at += 1 + level.name.whole.len() + blanks + 1;
        self.scope.truncate(level.scope);
        Some(self.levels.len() <= 1)
    }

    fn start_tag(&mut self) -> Option<bool> {
        let scope = self.scope.len();
        let (name, empty) = self.tag()?;
        self.declare()?;
        let (namespace, local) = self.expanded(name, true)?;
        let depth = self.levels.len();
        let mut states = match depth {
            0 => self.of_envelope(namespace, local)?,
            _ => self.path.next(self.levels.last()?.states, namespace, local),
        };
        if depth == 1 {
            // The envelope's, whose namespace was told to be one of SOAP's.
            let soap = self.expanded(self.levels.first()?.name, true)?.0;
            let header = local == b"Header" && namespace == soap;
            match (header, self.path.anchor) {
                // The header comes first, or there is none.
                (false, _) => return Some(true),
                (true, Anchor::Header) => states = self.path.stay(1),
                (true, _) => {}
            }
        }
        let end = self.path.is_end(states);
        let found = match (&self.path.end, end) {
            (End::Element, true) => {
                self.texts.push(String::new());
                Some(self.texts.len() - 1)
            }
            _ => None,
        };
        self.attributes(end)?;
        if empty {
            self.scope.truncate(scope);
            // An empty envelope has no header, an empty header nothing in it.
            return Some(depth <= 1);
        }
        if depth >= DEPTH_MAX {
            return None;
        }
        self.levels.push(Level {
            name,
            states,
            scope,
            found,
        });
        Some(false)
    }

    /// The states inside the envelope; `None` for what is none.
    fn of_envelope(&self, namespace: &[u8], local: &[u8]) -> Option<u64> {
        let soap = namespace == SOAP11_NS.as_bytes() || namespace == SOAP12_NS.as_bytes();
        if local != b"Envelope" || !soap {
            return None;
        }
        match self.path.anchor {
            Anchor::Document => Some(self.path.next(self.path.stay(1), namespace, local)),
            Anchor::Envelope => Some(self.path.stay(1)),
            Anchor::Header => Some(0),
            Anchor::Body => None,
        }
    }

    /// Takes the declarations of a tag.
    fn declare(&mut self) -> Option<()> {
        for (name, value) in &self.attributes {
            let prefix = match (name.prefix(), name.local()) {
                (b"", b"xmlns") => b"",
                (b"xmlns", b"xml" | b"xmlns") => return None,
                (b"xmlns", prefix) => prefix,
                _ => continue,
            };
            if self.scope.len() >= SCOPE_MAX || (value.is_empty() && !prefix.is_empty()) {
                return None;
            }
            self.scope.push((prefix, value));
        }
        Some(())
    }

    /// Looks through the attributes of a tag; `end` when the path leads to its element.
    fn attributes(&mut self, end: bool) -> Option<()> {
        for (at, (name, value)) in self.attributes.iter().enumerate() {
            // Whether two prefixes mean the same is for who reads it properly.
            let mut before = self.attributes.get(..at)?.iter();
            if before.any(|(other, _)| other.local() == name.local()) {
                return None;
            }
            if name.prefix() == b"xmlns" || name.whole == b"xmlns" {
                continue;
            }
            let (namespace, local) = self.expanded(*name, false)?;
            if let (End::Attribute(test), true) = (&self.path.end, end)
                && passes(test, namespace, local)
            {
                // They would become blanks.
                if value.iter().any(|byte| matches!(byte, b'\n' | b'\t')) {
                    return None;
                }
                self.pieces = Pieces::Other;
                let value = std::str::from_utf8(value).ok()?;
                self.values.get_or_insert_default().push_str(value);
            }
        }
        Some(())
    }

    /// Reads a tag up to its end: its name, and whether it is that of an empty element.
    fn tag(&mut self) -> Option<(Name<'b>, bool)> {
        let name = self.name()?;
        self.attributes.clear();
        loop {
            let start = self.at;
            while is_blank(*self.bytes.get(self.at)?) {
                self.at += 1;
            }
            match self.bytes.get(self.at)? {
                b'>' => {
                    self.at += 1;
                    return Some((name, false));
                }
                b'/' if self.bytes.get(self.at + 1) == Some(&b'>') => {
                    self.at += 2;
                    return Some((name, true));
                }
                _ if start == self.at || self.attributes.len() >= ATTRIBUTES_MAX => return None,
                _ => self.attribute()?,
            }
        }
    }

    fn attribute(&mut self) -> Option<()> {
        let name = self.name()?;
        let [b'=', quote @ (b'"' | b'\''), rest @ ..] = self.bytes.get(self.at..)? else {
            return None;
        };
        let length = memchr::memchr2(*quote, b'<', rest)?;
        let (value, behind) = rest.split_at_checked(length)?;
        if behind.first() != Some(quote) {
            return None;
        }
        self.at += length + 3;
        self.attributes.push((name, value));
        Some(())
    }

    /// A name that certainly is one.
    fn name(&mut self) -> Option<Name<'b>> {
        let rest = self.bytes.get(self.at..)?;
        let mut length = part(rest)?;
        let mut local = 0;
        if rest.get(length) == Some(&b':') {
            local = length + 1;
            length = local + part(rest.get(local..)?)?;
            if rest.get(length) == Some(&b':') {
                return None;
            }
        }
        self.at += length;
        let whole = rest.get(..length)?;
        Some(Name { whole, local })
    }

    /// Namespace and local name; `None` where the prefix is not declared.
    fn expanded(&self, name: Name<'b>, element: bool) -> Option<(&'b [u8], &'b [u8])> {
        let (prefix, local) = (name.prefix(), name.local());
        if prefix.is_empty() && !element {
            return Some((b"", local));
        }
        let mut scope = self.scope.iter().rev();
        match scope.find(|(known, _)| *known == prefix) {
            Some((_, namespace)) => Some((namespace, local)),
            None if prefix.is_empty() => Some((b"", local)),
            None => None,
        }
    }
}

/// The length of the name without a prefix that begins here; something follows it.
fn part(bytes: &[u8]) -> Option<usize> {
    let class = |byte: &u8| CLASSES[usize::from(*byte)];
    if class(bytes.first()?) != FIRST {
        return None;
    }
    bytes.iter().position(|byte| class(byte) == OUTSIDE)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::xpath::{Argument, Extension, Known, Reach, Scope, Unknown, Written, XPath};

    struct Names;

    impl Scope for Names {
        fn namespace(&self, prefix: &str) -> Option<&str> {
            match prefix {
                "s" => Some(SOAP11_NS),
                "a" => Some("urn:a"),
                _ => None,
            }
        }

        fn function(&mut self, _: &Written<'_>, _: &[Argument<'_>]) -> Result<Known, Unknown> {
            Err(Unknown::Name)
        }

        fn variable(&mut self, _: &Written<'_>) -> Result<Extension, Unknown> {
            Ok(Extension {
                id: 0,
                kind: None,
                reach: Reach::Header,
            })
        }
    }

    fn look(path: &str, message: &str) -> Option<Seen> {
        let xpath = XPath::compile(path, &mut Names).unwrap();
        let stream = StreamPath::of(&xpath, |_| Some(Anchor::Header)).unwrap();
        let whole = stream.in_header(message.as_bytes());
        // Whatever is cut off behind the header is not missed, and before its end nothing is told.
        if let (Some(end), Some(_)) = (message.find("</s:Header>"), &whole) {
            let end = end + "</s:Header>".len();
            assert_eq!(stream.in_header(&message.as_bytes()[..end]), whole);
            assert_eq!(stream.in_header(&message.as_bytes()[..end - 1]), None);
        }
        whole
    }

    fn seen(text: &str) -> Option<Seen> {
        Some(Seen {
            exists: true,
            text: Some(text.to_owned()),
        })
    }

    fn envelope(header: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"{SOAP11_NS}\" xmlns:a=\"urn:a\">\n \
             <s:Header>{header}</s:Header><s:Body>&nothing;"
        )
    }

    #[test]
    fn what_is_written_plainly_is_found() {
        let message = envelope(
            "<x><a:id>no</a:id></x> <a:id k='1' >one</a:id > <b:id xmlns:b=\"urn:a\">two</b:id>",
        );
        for (path, text) in [
            ("$header/a:id", "onetwo"),
            ("s:Header/a:id", "onetwo"),
            ("/s:Envelope/s:Header/a:id/text()", "onetwo"),
            ("$header//a:id", "noonetwo"),
            ("$header/*/@k", "1"),
            ("$header/x/a:*", "no"),
        ] {
            assert_eq!(look(path, &message), seen(text), "{path}");
        }
        let nothing = Some(Seen {
            exists: false,
            text: Some(String::new()),
        });
        assert_eq!(look("$header/a:other", &message), nothing);
        let bare = format!("<e:Envelope xmlns:e=\"{SOAP12_NS}\"><e:Body>");
        assert_eq!(look("$header/a:id", &bare), nothing);
        let blank = envelope("<a:id> <x/></a:id>");
        let exists = Some(Seen {
            exists: true,
            text: None,
        });
        assert_eq!(look("$header/a:id", &blank), exists);
    }

    #[test]
    fn a_header_that_is_written_as_the_last_one_is_not_read_again() {
        let xpath = XPath::compile("$header/a:id", &mut Names).unwrap();
        let stream = StreamPath::of(&xpath, |_| Some(Anchor::Header)).unwrap();
        let header = |id: &str, more: &str| envelope(&format!("<a:id>{id}</a:id><b>{more}</b>"));
        for (id, more, text) in [
            ("one", "x", Some("one")),
            ("two", "x", Some("two")),
            ("two", "y", Some("two")),
            ("three", "y", Some("three")),
            ("fo</a:id><a:id>ur", "y", Some("four")),
            ("five", "y", Some("five")),
            ("a&amp;b", "y", None),
            ("six", "&amp;", None),
            ("seven", "y", Some("seven")),
        ] {
            let seen = stream.in_header(header(id, more).as_bytes());
            assert_eq!(
                seen.and_then(|seen| seen.text).as_deref(),
                text,
                "{id} {more}"
            );
        }
    }

    #[test]
    fn of_what_is_rare_or_wrong_nothing_is_said() {
        for header in [
            "<a:id>&amp;</a:id>",
            "<a:id><!-- --></a:id>",
            "<a:id>\u{e9}</a:id>",
            "<a:id><![CDATA[x]]></a:id>",
            "<a:id>x]]></a:id>",
            "<a:id>x\u{1}</a:id>",
            "<a:id></a:ie>",
            "<a:id k='1' k='2'/>",
            "<a:id k='1'l='2'/>",
            "<a:id k='<'/>",
            "<a:id xmlns:b=''/>",
            "<b:id/>",
            "<a:1d/>",
            "<a:id b:k='1'/>",
        ] {
            assert_eq!(look("$header/a:id", &envelope(header)), None, "{header}");
        }
        let deep = "<x>".repeat(40) + &"</x>".repeat(40);
        assert_eq!(look("$header/a:id", &envelope(&deep)), None);
        for other in ["", "{}", "<a/>", "<!DOCTYPE a><a/>", "<Envelope/>", "text"] {
            assert_eq!(look("$header/a:id", other), None, "{other}");
        }
    }
}
