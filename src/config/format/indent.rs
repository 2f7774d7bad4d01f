//! `axon fmt --indent`: each element of the endpoint language in a line of its own.
//!
//! Only the white space between elements and comments changes. An element that holds text keeps what is inside; a blank line between two
//! elements stays one blank line.

use super::tag::Tag;
use super::{Edit, Pen};
use crate::config::xml::{Element, Node};

impl Pen<'_> {
    /// Lays out an element and what is inside; it stays where it is itself.
    pub(super) fn indent(&mut self, element: &Element, width: usize) {
        let start = element.span.start as usize;
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let before = &self.text[line_start..start];
        let base = match before.trim().is_empty() {
            true => before.to_owned(),
            false => before[..before.len() - before.trim_start().len()].to_owned(),
        };
        self.children(element, &base, width);
    }

    fn children(&mut self, element: &Element, base: &str, width: usize) {
        let has_text = element.children.iter().any(|node| match node {
            Node::Text(text) => !text.value.trim().is_empty(),
            Node::Element(_) => false,
        });
        let Some(tag) = Tag::read(self.text, element.span.start as usize) else {
            return;
        };
        let end = element.span.end as usize;
        let Some(close) = self.text[..end].rfind("</").filter(|_| !tag.is_empty) else {
            return;
        };
        if has_text || element.elements().next().is_none() {
            return;
        }
        let inner = format!("{base}{}", " ".repeat(width));
        let mut at = tag.range.end;
        for child in element.elements() {
            self.gap(at, child.span.start as usize, &inner, &inner);
            self.children(child, &inner, width);
            at = child.span.end as usize;
        }
        self.gap(at, close, &inner, base);
    }

    /// The white space from `from` to `to`, comments between kept: each gets a line, what follows the gap too.
    fn gap(&mut self, from: usize, to: usize, inner: &str, last: &str) {
        let mut at = from;
        while let Some(markup) = self.text[at..to].find('<').map(|found| at + found) {
            // A comment behind an element, in its line, belongs to it.
            let same_line = !self.text[at..markup].contains('\n');
            if !(same_line && self.text[..at].ends_with('>') && !self.text[at..markup].is_empty()) {
                self.space(at, markup, inner);
            }
            let end = match self.text[markup..].starts_with("<!--") {
                true => self.text[markup..to].find("-->").map(|n| markup + n + 3),
                false => self.text[markup..to].find("?>").map(|n| markup + n + 2),
            };
            match end {
                Some(end) => at = end,
                // No comment after all: leave the rest as it is.
                None => return,
            }
        }
        self.space(at, to, last);
    }

    fn space(&mut self, from: usize, to: usize, indent: &str) {
        let old = &self.text[from..to];
        if !old.trim().is_empty() {
            return;
        }
        let line = self.line_break;
        let blank = if old.matches('\n').count() > 1 {
            line
        } else {
            ""
        };
        let text = format!("{blank}{line}{indent}");
        if old != text {
            self.edits.push(Edit {
                range: from..to,
                text,
            });
        }
    }
}
