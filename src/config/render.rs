//! Problems for people and for tools.
//!
//! For people: one greppable head line, the place, the source line with the words in question underlined, and what to do. For tools:
//! one JSON object whose fields never change their names.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;

use super::diagnostic::{Diagnostic, Severity};
use super::source::Sources;

/// Longest piece of a source line that is shown.
const MAX_LINE: usize = 200;
/// How much of a clipped line stands before the marked words.
const LEAD: usize = 60;

/// Everything for people, without a summary.
pub fn human(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        one(&mut out, sources, diagnostic);
    }
    out
}

fn one(out: &mut String, sources: &Sources, d: &Diagnostic) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}[{}]: {}", d.severity.word(), d.code, d.message);
    let file = sources.file(d.span.file);
    if file.text.is_empty() {
        let _ = writeln!(out, "  --> {}", file.path.display());
    } else {
        let _ = writeln!(out, "  --> {}", sources.locate(d.span));
        if !file.is_secret() {
            excerpt(out, sources, d);
        }
    }
    let _ = writeln!(out, "   = help: {}", help(sources, d));
}

/// What to do, with the other place when there is one.
pub fn help<'d>(sources: &Sources, d: &'d Diagnostic) -> Cow<'d, str> {
    let text = d.help.as_deref().unwrap_or(d.code.row().help);
    match d.related {
        Some(place) => Cow::Owned(format!("{text} ({})", sources.locate(place))),
        None => Cow::Borrowed(text),
    }
}

fn excerpt(out: &mut String, sources: &Sources, d: &Diagnostic) {
    let at = sources.position(d.span.file, d.span.start);
    let text = &sources.file(d.span.file).text;
    let marked = text
        .get(d.span.start as usize..d.span.end as usize)
        .and_then(|m| m.lines().next())
        .map_or(0, |m| m.chars().take(MAX_LINE).count());
    let whole = sources.line(d.span.file, at.line);
    // A file may be one long line with a problem in every corner: only the piece that is shown is looked at.
    let start = whole.as_ptr() as usize - text.as_ptr() as usize;
    let place = (d.span.start as usize - start).min(whole.len());
    let (before_place, from_place) = whole.split_at(place);
    let wide = whole.len() > MAX_LINE && whole.chars().nth(MAX_LINE).is_some();
    let lead = match wide {
        true => LEAD,
        false => MAX_LINE,
    };
    let head: Vec<char> = before_place.chars().rev().take(lead).collect();
    let clipped = head.iter().map(|c| c.len_utf8()).sum::<usize>() < before_place.len();
    let room = MAX_LINE - head.len();
    let tail: String = from_place.chars().take(room).collect();
    let before = if clipped { "..." } else { "" };
    let after = if tail.len() < from_place.len() {
        "..."
    } else {
        ""
    };
    let shown: String = head
        .iter()
        .rev()
        .copied()
        .chain(tail.chars())
        // A tab is one column here as in the position above; control characters must not reach a terminal.
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let carets = marked.clamp(1, tail.chars().count().max(1));
    let number = at.line.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(before.len() + head.len());
    let source = format!("{before}{shown}{after}");
    let _ = writeln!(out, " {number} | {}", source.trim_end());
    let _ = writeln!(out, " {gutter} | {indent}{}", "^".repeat(carets));
}

/// The last line: `check: 12 files, 31 endpoints, 1 error, 2 warnings`.
pub fn summary(files: usize, endpoints: usize, diagnostics: &[Diagnostic]) -> String {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|d| d.severity == severity)
            .count()
    };
    let plural = |n: usize, word: &str| match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    let mut parts = vec![
        plural(files, "file"),
        plural(endpoints, "endpoint"),
        plural(count(Severity::Error), "error"),
    ];
    let unsupported = count(Severity::Unsupported);
    if unsupported > 0 {
        parts.push(format!("{unsupported} unsupported"));
    }
    parts.push(plural(count(Severity::Warning), "warning"));
    format!("check: {}", parts.join(", "))
}

#[derive(Serialize)]
struct Report<'a> {
    files: usize,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: String,
    severity: &'static str,
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    message: &'a str,
    help: Cow<'a, str>,
}

/// The JSON object of `axon check --format json`.
pub fn json(files: usize, sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let report = Report {
        files,
        diagnostics: diagnostics
            .iter()
            .map(|d| {
                let start = sources.position(d.span.file, d.span.start);
                let end = sources.position(d.span.file, d.span.end);
                Entry {
                    code: d.code.to_string(),
                    severity: d.severity.word(),
                    file: sources.file(d.span.file).path.display().to_string(),
                    line: start.line,
                    column: start.column,
                    end_line: end.line,
                    end_column: end.column,
                    message: &d.message,
                    help: help(sources, d),
                }
            })
            .collect(),
    };
    // Serialising strings and numbers into a string cannot fail; an empty object would be the honest rest.
    serde_json::to_string(&report).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Diagnostics;
    use crate::config::source::Span;

    fn problem(text: &str, range: std::ops::Range<usize>) -> (Sources, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let file = sources.add(Path::new("a.xml"), text.to_owned());
        let span = Span {
            file,
            start: range.start as u32,
            end: range.end as u32,
        };
        let mut diagnostics = Diagnostics::default();
        diagnostics.error_help(
            DiagnosticCode::UnresolvedKey,
            span,
            "no stok",
            "did you mean stock?",
        );
        (sources, diagnostics.into_sorted())
    }

    #[test]
    fn people_see_head_place_line_and_help() {
        let (sources, list) = problem("<a>\n\t<endpoint key=\"stok\"/>\n</a>", 20..24);
        let expected = "error[AX0303]: no stok
  --> a.xml:2:17
 2 |  <endpoint key=\"stok\"/>
   |                 ^^^^
   = help: did you mean stock?
";
        let text = human(&sources, &list);
        assert_eq!(text, expected);
    }

    #[test]
    fn a_wide_line_is_clipped_around_the_mark() {
        let line = format!("{}MARK{}", "x".repeat(1000), "y".repeat(1000));
        let (sources, list) = problem(&line, 1000..1004);
        let text = human(&sources, &list);
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows.iter().all(|r| r.chars().count() < 220));
        assert_eq!(rows[2].find("MARK"), rows[3].find("^^^^"));
        assert!(!rows[3].contains("^^^^^"));
    }

    #[test]
    fn a_mark_at_the_end_of_the_text_and_control_characters_do_no_harm() {
        let (sources, list) = problem("<a\u{1b}[31m>\n", 10..10);
        assert!(!human(&sources, &list).contains('\u{1b}'));
        let (sources, list) = problem("", 0..0);
        assert!(human(&sources, &list).contains("--> a.xml\n"));
    }

    #[test]
    fn tools_see_every_field() {
        let (sources, list) = problem("<a>\n<b/></a>", 4..8);
        assert_eq!(
            json(1, &sources, &list),
            r#"{"files":1,"diagnostics":[{"code":"AX0303","severity":"error","file":"a.xml","line":2,"column":1,"end_line":2,"end_column":5,"message":"no stok","help":"did you mean stock?"}]}"#
        );
    }

    #[test]
    fn the_summary_counts() {
        let (_, list) = problem("<a/>", 0..1);
        assert_eq!(
            summary(12, 31, &list),
            "check: 12 files, 31 endpoints, 1 error, 0 warnings"
        );
        assert_eq!(
            summary(1, 1, &[]),
            "check: 1 file, 1 endpoint, 0 errors, 0 warnings"
        );
    }
}
