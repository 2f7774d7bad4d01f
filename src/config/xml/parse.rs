//! Text -> [`Element`], with one diagnostic for the first syntax error.

use std::ops::Range;

use super::scan::{name_length, scan};
use super::{Attribute, Element, Node};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{FileId, Span, Spanned};
use crate::config::substitution::Substitution;

/// Most namespace declarations in scope of one element: every element keeps its own list.
const MAX_PREFIXES: usize = 64;

/// Builds the tree of a file: its root elements in order, which is one, or a `session` and the group after it as the
/// published pages print them. Empty after a syntax error.
pub(in crate::config) fn parse(
    file: FileId,
    text: &str,
    substitution: &Substitution<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Element> {
    let span = |range: Range<usize>| Span {
        file,
        start: range.start as u32,
        end: range.end as u32,
    };
    let shape = scan(text);
    if let Some(place) = shape.doctype {
        let row = DiagnosticCode::DoctypeRefused.row();
        diagnostics.error(row.code, span(place), row.text);
        return Vec::new();
    }
    if let Some(place) = shape.too_deep {
        let row = DiagnosticCode::TooDeep.row();
        diagnostics.error(row.code, span(place), row.text);
        return Vec::new();
    }
    let first_end = shape.roots.first().map_or(text.len(), |r| r.end);
    let mut builder = Builder {
        file,
        substitution,
        diagnostics,
    };
    let Some(first) = builder.fragment(text, 0..first_end, shape.open) else {
        return Vec::new();
    };
    let mut roots = vec![first];
    let mut end = first_end;
    if roots[0].name == "session"
        && let Some(second) = shape.roots.get(1)
        && blank(&text[end..second.start])
    {
        match builder.fragment(text, second.clone(), None) {
            Some(group) => roots.push(group),
            None => return Vec::new(),
        }
        end = second.end;
    }
    let rest = &text[end..];
    let more = shape.roots.get(roots.len()).map(|r| r.start);
    if more.is_some() || !blank(rest) {
        let start = more.unwrap_or(end + (rest.len() - rest.trim_start().len()));
        let length = text[start..].chars().next().map_or(0, char::len_utf8);
        let row = DiagnosticCode::TrailingContent.row();
        diagnostics.warn(row.code, span(start..start + length), row.text, row.help);
    }
    roots
}

/// True for text that may stand outside a root element.
fn blank(text: &str) -> bool {
    let text = text.trim();
    // Comments and processing instructions are the only markup that may follow.
    text.is_empty() || text.starts_with("<!--") || text.starts_with("<?")
}

struct Builder<'a> {
    file: FileId,
    substitution: &'a Substitution<'a>,
    diagnostics: &'a mut Diagnostics,
}

impl Builder<'_> {
    fn fragment(
        &mut self,
        text: &str,
        range: Range<usize>,
        open: Option<Range<usize>>,
    ) -> Option<Element> {
        let fragment = &text[range.clone()];
        match roxmltree::Document::parse(fragment) {
            Ok(document) => self.element(document.root_element(), fragment, range.start),
            Err(error) => {
                self.syntax_error(&error, text, range, open);
                None
            }
        }
    }

    fn syntax_error(
        &mut self,
        error: &roxmltree::Error,
        text: &str,
        range: Range<usize>,
        open: Option<Range<usize>>,
    ) {
        use roxmltree::Error as E;
        let position = error.pos();
        let place = match error {
            E::UnclosedRootNode | E::UnexpectedEndOfStream => {
                open.clone().unwrap_or(range.end..range.end)
            }
            E::NoRootNode => 0..0,
            _ => {
                let start = range.start + offset_of(&text[range], position);
                start..start + text[start..].chars().next().map_or(0, char::len_utf8)
            }
        };
        let message = match (error, open) {
            (E::UnclosedRootNode | E::UnexpectedEndOfStream, Some(open)) => {
                format!("the file ends inside the element {}>", &text[open])
            }
            (E::UnexpectedCloseTag(expected, found, _), _) => {
                format!("</{expected}> was expected here, not </{found}>")
            }
            (E::NoRootNode, _) => "the file has no root element".to_owned(),
            _ => {
                // The place is told beside the message, not inside it.
                error.to_string().replace(&format!(" at {position}"), "")
            }
        };
        self.diagnostics.error(
            DiagnosticCode::Malformed,
            self.span(place, 0),
            format!("not well-formed XML: {message}"),
        );
    }

    /// Copies one element; the nesting is bounded by the look before.
    fn element(
        &mut self,
        node: roxmltree::Node<'_, '_>,
        text: &str,
        base: usize,
    ) -> Option<Element> {
        let range = node.range();
        let name_end = range.start + name_length(&text.as_bytes()[range.clone()]);
        let name_span = self.span(range.start..name_end, base);
        let prefixes: Vec<_> = node
            .namespaces()
            .map(|n| (n.name().unwrap_or_default().to_owned(), n.uri().to_owned()))
            .collect();
        if prefixes.len() > MAX_PREFIXES {
            self.diagnostics.error(
                DiagnosticCode::Malformed,
                name_span,
                format!("more than {MAX_PREFIXES} namespaces are declared here"),
            );
            return None;
        }
        let attributes = node
            .attributes()
            .map(|a| Attribute {
                name: a.name().to_owned(),
                namespace: a.namespace().unwrap_or_default().to_owned(),
                value: self.value(a.value(), a.range_value(), base),
                name_span: self.span(a.range_qname(), base),
            })
            .collect();
        let mut children = Vec::new();
        for child in node.children() {
            if child.is_element() {
                children.push(Node::Element(self.element(child, text, base)?));
            } else if let (true, Some(words)) = (child.is_text(), child.text()) {
                children.push(Node::Text(self.value(words, child.range(), base)));
            }
        }
        Some(Element {
            name: node.tag_name().name().to_owned(),
            namespace: node.tag_name().namespace().unwrap_or_default().to_owned(),
            attributes,
            children,
            prefixes,
            name_span,
            span: self.span(range, base),
        })
    }

    fn value(&mut self, raw: &str, range: Range<usize>, base: usize) -> Spanned<String> {
        let span = self.span(range, base);
        let value = match self.substitution.resolve(raw) {
            Ok(value) => value.into_owned(),
            Err(message) => {
                self.diagnostics
                    .error(DiagnosticCode::Unresolved, span, message);
                raw.to_owned()
            }
        };
        Spanned::new(value, span)
    }

    fn span(&self, range: Range<usize>, base: usize) -> Span {
        Span {
            file: self.file,
            start: (base + range.start) as u32,
            end: (base + range.end) as u32,
        }
    }
}

/// Byte offset of a row and column, which both count from 1 (columns in characters).
fn offset_of(text: &str, position: roxmltree::TextPos) -> usize {
    let line_start = match position.row.saturating_sub(2) {
        _ if position.row <= 1 => 0,
        nth => memchr::memchr_iter(b'\n', text.as_bytes())
            .nth(nth as usize)
            .map_or(text.len(), |at| at + 1),
    };
    text[line_start..]
        .char_indices()
        .nth(position.col.saturating_sub(1) as usize)
        .map_or(text.len(), |(at, _)| line_start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Vec<Element>, Vec<(DiagnosticCode, String)>) {
        let substitution = Substitution {
            env: &|_| None,
            folders: &[],
        };
        let mut diagnostics = Diagnostics::default();
        let roots = parse(FileId(0), text, &substitution, &mut diagnostics);
        let found = diagnostics
            .into_sorted()
            .into_iter()
            .map(|d| {
                let marked = &text[d.span.start as usize..d.span.end as usize];
                (d.code, marked.to_owned())
            })
            .collect();
        (roots, found)
    }

    fn at(text: &str, span: Span) -> &str {
        &text[span.start as usize..span.end as usize]
    }

    #[test]
    fn every_part_knows_its_place() {
        let text = "<a:e xmlns:a='urn:axon:1' k='v&lt;' a:q=\"x\">\n  12 <b/></a:e>";
        let (roots, found) = tree(text);
        assert!(found.is_empty());
        let root = &roots[0];
        assert_eq!(
            (root.name.as_str(), root.namespace.as_str()),
            ("e", "urn:axon:1")
        );
        assert_eq!(at(text, root.name_span), "<a:e");
        assert_eq!(at(text, root.span), text);
        assert_eq!(root.attribute("k").map(|v| v.value.as_str()), Some("v<"));
        assert_eq!(root.attribute("k").map(|v| at(text, v.span)), Some("v&lt;"));
        assert_eq!(
            root.attribute_ns("urn:axon:1", "q")
                .map(|v| at(text, v.span)),
            Some("x")
        );
        assert_eq!(root.prefix("a"), Some("urn:axon:1"));
        assert_eq!(at(text, root.text_spanned().span), "12");
        assert_eq!(
            root.elements()
                .map(|e| at(text, e.span))
                .collect::<Vec<_>>(),
            ["<b/>"]
        );
    }

    #[test]
    fn the_first_syntax_error_is_placed() {
        assert_eq!(
            tree("<a>\n<é></b></a>").1,
            [(DiagnosticCode::Malformed, "<".to_owned())]
        );
        assert_eq!(
            tree("<a><bc>").1,
            [(DiagnosticCode::Malformed, "<bc".to_owned())]
        );
        assert_eq!(tree("").1, [(DiagnosticCode::Malformed, String::new())]);
        assert_eq!(
            tree(" \n<a b='1' b='2'/>").1[0].0,
            DiagnosticCode::Malformed
        );
    }

    #[test]
    fn what_follows_the_root_is_ignored_with_a_warning() {
        let (roots, found) = tree("<a/>\n<!-- fine -->\n");
        assert_eq!((roots.len(), found.len()), (1, 0));
        let (roots, found) = tree("<a/>\nxx<");
        assert_eq!(roots.len(), 1);
        assert_eq!(found, [(DiagnosticCode::TrailingContent, "x".to_owned())]);
    }

    #[test]
    fn a_session_brings_the_group_after_it() {
        let text = "<session type='http'/>\n<loadBalance><endpoint key='a'/></loadBalance>\n";
        let (roots, found) = tree(text);
        assert!(found.is_empty());
        assert_eq!(
            roots.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(),
            ["session", "loadBalance"]
        );
        assert!(at(text, roots[1].span).starts_with("<loadBalance>"));
    }

    #[test]
    fn doctype_depth_and_too_many_namespaces_are_refused() {
        assert_eq!(
            tree("<!DOCTYPE a><a/>").1[0].0,
            DiagnosticCode::DoctypeRefused
        );
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert_eq!(tree(&deep).1[0].0, DiagnosticCode::TooDeep);
        let declarations: String = (0..80).map(|n| format!(" xmlns:p{n}='u{n}'")).collect();
        assert_eq!(
            tree(&format!("<a{declarations}/>")).1[0].0,
            DiagnosticCode::Malformed
        );
    }

    #[test]
    fn a_placeholder_without_value_is_reported_where_it_stands() {
        let (_, found) = tree("<a k='${env.NOPE}'>$SYSTEM:NOPE</a>");
        assert_eq!(
            found,
            [
                (DiagnosticCode::Unresolved, "${env.NOPE}".to_owned()),
                (DiagnosticCode::Unresolved, "$SYSTEM:NOPE".to_owned())
            ]
        );
    }
}
