//! A first look at the markup, before a tree is built.
//!
//! It finds what the tree parser must not meet or cannot tell: a DOCTYPE, nesting that is too deep, and where the root
//! element ends, because Synapse ignores what comes after it and so do we (with a warning). It is exact for well-formed text; at
//! the first mistake it may go astray, but the tree parser stops at that same mistake.

use std::ops::Range;

use super::MAX_DEPTH;

/// What the look found.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Closed top-level elements in order.
    pub roots: Vec<Range<usize>>,
    /// The innermost element that is still open at the end of the text: its start tag's `<name`.
    pub open: Option<Range<usize>>,
    /// A DOCTYPE.
    pub doctype: Option<Range<usize>>,
    /// The first element that is nested too deep.
    pub too_deep: Option<Range<usize>>,
}

/// Most top-level elements that are looked at: a `session` and its group.
const MAX_ROOTS: usize = 2;

/// Looks through the text.
pub(super) fn scan(text: &str) -> Shape {
    let bytes = text.as_bytes();
    let mut shape = Shape::default();
    let mut open: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'<', &bytes[at..]) {
        at += next;
        let rest = &bytes[at..];
        let skipped = if rest.starts_with(b"<!--") {
            until(rest, 4, b"-->")
        } else if rest.starts_with(b"<![CDATA[") {
            until(rest, 9, b"]]>")
        } else if rest.starts_with(b"<?") {
            until(rest, 2, b"?>")
        } else if rest.starts_with(b"<!DOCTYPE") {
            shape.doctype = Some(at..at + 9);
            return shape;
        } else if rest.starts_with(b"</") {
            let end = until(rest, 2, b">");
            if let (Some(length), Some(start)) = (end, open.pop())
                && open.is_empty()
            {
                shape.roots.push(start.start..at + length);
            }
            end
        } else {
            let name = at..at + name_length(rest);
            let end = tag_length(rest);
            if let Some(length) = end {
                let empty = rest[..length].ends_with(b"/>");
                if open.len() >= MAX_DEPTH {
                    shape.too_deep = Some(name);
                    return shape;
                }
                match (empty, open.is_empty()) {
                    (false, _) => open.push(name),
                    (true, true) => shape.roots.push(at..at + length),
                    (true, false) => {}
                }
            }
            end
        };
        let Some(length) = skipped else { break };
        at += length;
        if shape.roots.len() == MAX_ROOTS {
            break;
        }
    }
    shape.open = open.pop();
    shape
}

/// Length up to and with `end`, looked for from `from`.
fn until(rest: &[u8], from: usize, end: &[u8]) -> Option<usize> {
    memchr::memmem::find(&rest[from..], end).map(|at| from + at + end.len())
}

/// Length of a start tag; a `>` inside quotes is not its end.
fn tag_length(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr3(b'>', b'"', b'\'', &rest[at..])?;
        if rest[at] == b'>' {
            return Some(at + 1);
        }
        at += 2 + memchr::memchr(rest[at], &rest[at + 1..])?;
    }
}

/// Length of `<name`.
pub(super) fn name_length(rest: &[u8]) -> usize {
    rest.iter()
        .skip(1)
        .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'))
        .map_or(rest.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_end_where_their_tags_do() {
        let text = "<?xml version='1.0'?><!-- <x> --><a b='>'><![CDATA[</a>]]><c/></a> junk";
        let shape = scan(text);
        assert_eq!(shape.roots.len(), 1);
        assert!(text[shape.roots[0].clone()].ends_with("<c/></a>"));
        assert_eq!(scan("<session/><loadBalance></loadBalance>").roots.len(), 2);
    }

    #[test]
    fn the_element_left_open_is_named() {
        let text = "<a><b></b><c d='1'>";
        assert_eq!(scan(text).open.map(|r| &text[r]), Some("<c"));
    }

    #[test]
    fn depth_and_doctype_stop_the_look() {
        assert!(scan(&"<a>".repeat(MAX_DEPTH)).too_deep.is_none());
        assert!(scan(&"<a>".repeat(MAX_DEPTH + 1)).too_deep.is_some());
        assert!(scan("<!DOCTYPE a><a/>").doctype.is_some());
        assert!(scan("<a><!-- <!DOCTYPE a> --></a>").doctype.is_none());
    }
}
