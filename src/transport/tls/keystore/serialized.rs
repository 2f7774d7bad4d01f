//! Steps over one serialised Java object (Java Object Serialization Specification, chapter 6).
//!
//! A secret key in a JCEKS store is such an object, and nothing says how long it is. Only its shape is followed: what the
//! classes of sealed keys need, within bounds for nesting and for what may be referred back to.

/// Deepest nesting that is followed; a sealed key has three levels.
const DEPTH_MAX: u8 = 12;
/// Most things that may be referred back to.
const HANDLES_MAX: usize = 256;
/// Number of the first of them in the stream.
const FIRST_HANDLE: u32 = 0x007e_0000;

const MAGIC: &[u8] = &[0xac, 0xed, 0x00, 0x05];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS_DESCRIPTION: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;
const END_OF_BLOCK: u8 = 0x78;

/// The class writes more than its fields.
const WRITES_MORE: u8 = 0x01;
/// The class is written field by field.
const SERIALIZABLE: u8 = 0x02;

/// What stands behind the object; `None` when it is none, or ends early.
pub(super) fn skip(bytes: &[u8]) -> Option<&[u8]> {
    let mut skipper = Skipper {
        rest: bytes.strip_prefix(MAGIC)?,
        handles: Vec::new(),
        classes: Vec::new(),
    };
    skipper.content(DEPTH_MAX)?;
    Some(skipper.rest)
}

/// A class, as far as its objects have to be stepped over.
struct Class {
    flags: u8,
    /// The types of its fields.
    fields: Vec<u8>,
    /// The type of the elements, of a class of arrays.
    element: Option<u8>,
    parent: Option<usize>,
}

struct Skipper<'a> {
    rest: &'a [u8],
    /// What may be referred back to: the number of a class, or something else.
    handles: Vec<Option<usize>>,
    classes: Vec<Class>,
}

impl<'a> Skipper<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let digits = self.take(digits)?;
        Some(digits.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number(2)?;
        self.take(length as usize)
    }

    fn remember(&mut self, class: Option<usize>) -> Option<()> {
        (self.handles.len() < HANDLES_MAX).then(|| self.handles.push(class))
    }

    /// One thing of any kind; the kind.
    fn content(&mut self, depth: u8) -> Option<u8> {
        let depth = depth.checked_sub(1)?;
        let kind = self.byte()?;
        match kind {
            NULL | END_OF_BLOCK => {}
            REFERENCE => {
                self.number(4)?;
            }
            CLASS_DESCRIPTION => {
                self.description(depth)?;
            }
            OBJECT => {
                let class = self.class(depth)??;
                self.remember(None)?;
                self.object(class, depth)?;
            }
            STRING => {
                self.remember(None)?;
                self.text()?;
            }
            ARRAY => {
                let class = self.class(depth)??;
                self.remember(None)?;
                let length = self.number(4)?;
                let element = self.classes[class].element?;
                match width(element) {
                    Some(width) => {
                        self.take((length as usize).checked_mul(width)?)?;
                    }
                    // Each takes a byte at least, so the bytes that are there are the bound.
                    None => {
                        for _ in 0..length {
                            self.content(depth)?;
                        }
                    }
                }
            }
            BLOCK => {
                let length = self.number(1)?;
                self.take(length as usize)?;
            }
            _ => return None,
        }
        Some(kind)
    }

    /// A class, where one has to stand: described here or before; `Some(None)` for none.
    fn class(&mut self, depth: u8) -> Option<Option<usize>> {
        match self.byte()? {
            NULL => Some(None),
            REFERENCE => {
                let handle = self.number(4)?.checked_sub(FIRST_HANDLE)?;
                (*self.handles.get(handle as usize)?).map(Some)
            }
            CLASS_DESCRIPTION => self.description(depth).map(Some),
            _ => None,
        }
    }

    fn description(&mut self, depth: u8) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        let name = self.text()?;
        // The version of the class.
        self.take(8)?;
        let at = self.classes.len();
        self.remember(Some(at))?;
        let flags = self.byte()?;
        self.classes.push(Class {
            flags,
            fields: Vec::new(),
            element: name.strip_prefix(b"[").and_then(|n| n.first().copied()),
            parent: None,
        });
        for _ in 0..self.number(2)? {
            let kind = self.byte()?;
            self.text()?;
            if matches!(kind, b'[' | b'L') {
                self.content(depth)?;
            }
            self.classes[at].fields.push(kind);
        }
        while self.content(depth)? != END_OF_BLOCK {}
        self.classes[at].parent = self.class(depth)?;
        Some(at)
    }

    /// The fields of an object, those of the outermost class first.
    fn object(&mut self, class: usize, depth: u8) -> Option<()> {
        let mut line = vec![class];
        while let Some(parent) = self.classes[line[line.len() - 1]].parent {
            // A class cannot be its own ancestor, but bytes can say so.
            if line.contains(&parent) {
                return None;
            }
            line.push(parent);
        }
        for class in line.into_iter().rev() {
            let flags = self.classes[class].flags;
            if flags & SERIALIZABLE == 0 {
                return None;
            }
            for at in 0..self.classes[class].fields.len() {
                match width(self.classes[class].fields[at]) {
                    Some(width) => {
                        self.take(width)?;
                    }
                    None => {
                        self.content(depth)?;
                    }
                }
            }
            if flags & WRITES_MORE != 0 {
                while self.content(depth)? != END_OF_BLOCK {}
            }
        }
        Some(())
    }
}

/// Bytes of a value that is none of the kinds that describe themselves.
fn width(kind: u8) -> Option<usize> {
    match kind {
        b'B' | b'Z' => Some(1),
        b'C' | b'S' => Some(2),
        b'F' | b'I' => Some(4),
        b'D' | b'J' => Some(8),
        _ => None,
    }
}
