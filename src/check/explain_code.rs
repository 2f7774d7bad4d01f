//! `axon explain-code N|NAME|AXnnnn`: what a number or name means that a log, a metric, a fault or a diagnostic showed.
//!
//! The words are those of the tables in `codes`; the example of a diagnostic comes from `docs/codes.md`, the page that is made from
//! the tables and from the project's own faulty files, and that is part of the program.

use std::fmt::Write;

use serde::Serialize;

use super::{Answer, Format};
use crate::codes::{DIAGNOSTICS, DiagnosticText, ERRORS, ErrorCode, ErrorText};
use crate::config::suggest::nearest;

/// The page with one section for each code.
const PAGE: &str = include_str!("../../docs/codes.md");

/// Codes of the HTTP transport: the pass-through transport of the originals adds the protocol state to them.
const TRANSPORT: std::ops::Range<i32> = 101_000..102_000;

/// What is known about one code.
#[derive(Serialize)]
struct Explanation<'a> {
    code: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    meaning: &'a str,
    help: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'a str>,
}

/// Explains a code; the exit code is 1 when nothing is known by that name.
pub fn explain_code(what: &str, format: Format) -> Answer {
    let what = what.trim();
    let found = diagnostic(what)
        .map(of_diagnostic)
        .or_else(|| error(what).map(of_error));
    match (found, format) {
        (Some(explanation), Format::Human) => Answer {
            text: human(&explanation),
            exit_code: 0,
        },
        (Some(explanation), _) => Answer {
            // Strings alone: this cannot fail.
            text: serde_json::to_string(&explanation).unwrap_or_default() + "\n",
            exit_code: 0,
        },
        (None, _) => Answer {
            text: unknown(what),
            exit_code: 1,
        },
    }
}

/// `AX0301`, in any case, with or without the leading zero.
fn diagnostic(what: &str) -> Option<&'static DiagnosticText> {
    let digits = what
        .get(..2)
        .filter(|prefix| prefix.eq_ignore_ascii_case("ax"))
        .map(|_| &what[2..])?;
    let number: u16 = digits.parse().ok()?;
    DIAGNOSTICS.iter().find(|row| row.code as u16 == number)
}

/// `101504` or `connection_timeout`, with `-` as good as `_`.
fn error(what: &str) -> Option<&'static ErrorText> {
    if let Ok(number) = what.parse() {
        return ErrorCode(number).row();
    }
    let name = what.to_ascii_lowercase().replace('-', "_");
    ERRORS.iter().find(|row| row.name == name)
}

fn of_diagnostic(row: &'static DiagnosticText) -> Explanation<'static> {
    let code = row.code.to_string();
    Explanation {
        example: section(&code).and_then(fenced),
        code,
        kind: "diagnostic",
        name: None,
        meaning: row.text,
        help: row.help,
        notes: Vec::new(),
    }
}

fn of_error(row: &'static ErrorText) -> Explanation<'static> {
    Explanation {
        code: row.code.to_string(),
        kind: "error",
        name: Some(row.name),
        meaning: row.text,
        help: row.help,
        notes: code_notes(row.code),
        example: None,
    }
}

/// What the number does to an endpoint, and what else may be behind it.
pub fn code_notes(code: ErrorCode) -> Vec<String> {
    let mut notes = Vec::new();
    if !TRANSPORT.contains(&code.0) {
        return notes;
    }
    let timeout = [ErrorCode::RESPONSE_TIMEOUT, ErrorCode::CONNECTION_CLOSED].contains(&code);
    notes.push(
        match timeout {
            true => {
                "Without lists of its own an endpoint counts it as a timeout (markForSuspension), then it suspends."
            }
            false => "Without lists of its own an endpoint is suspended by it (suspendOnFailure).",
        }
        .to_owned(),
    );
    notes.push(format!(
        "A list in a configuration matches it as {code}, or as {code} to {} with the protocol state added.",
        code.0 + 8
    ));
    let others: Vec<String> = ERRORS
        .iter()
        .filter(|row| TRANSPORT.contains(&row.code.0))
        .filter(|row| row.code < code && code.0 - row.code.0 <= 8)
        .map(|row| format!("{} ({}) + {}", row.code, row.name, code.0 - row.code.0))
        .collect();
    if !others.is_empty() {
        notes.push(format!(
            "In lists and logs of the originals the number may also stand for {}.",
            others.join(", ")
        ));
    }
    notes
}

fn human(e: &Explanation<'_>) -> String {
    let mut out = e.code.clone();
    if let Some(name) = e.name {
        let _ = write!(out, " {name}");
    }
    let _ = writeln!(out, ": {}", e.meaning);
    for note in &e.notes {
        let _ = writeln!(out, "  {note}");
    }
    let _ = writeln!(out, "  What to do: {}", e.help);
    if let Some(example) = e.example {
        let _ = writeln!(out, "\nFor example:\n\n{}", example.trim_end());
    }
    out
}

fn unknown(what: &str) -> String {
    let codes: Vec<String> = DIAGNOSTICS.iter().map(|d| d.code.to_string()).collect();
    let names = ERRORS.iter().map(|row| row.name);
    let meant = nearest(what, names.chain(codes.iter().map(String::as_str)));
    let number = match what.parse::<i32>() {
        Ok(_) => " A number that is not in the table is one that a mediator set (ERROR_CODE).",
        Err(_) => "",
    };
    let meant = meant.map_or(String::new(), |m| format!(" Did you mean {m}?"));
    format!("axon knows no code {what}.{number}{meant} All of them: docs/codes.md\n")
}

/// The section of a code in the page.
fn section(code: &str) -> Option<&'static str> {
    let heading = format!("\n### {code}\n");
    let start = PAGE.find(&heading)? + heading.len();
    let rest = &PAGE[start..];
    Some(rest.find("\n### ").map_or(rest, |end| &rest[..end]))
}

/// What stands between the fences of a section.
fn fenced(section: &'static str) -> Option<&'static str> {
    let start = section.find("```text\n")? + "```text\n".len();
    let rest = &section[start..];
    Some(&rest[..rest.find("\n```")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(what: &str) -> String {
        explain_code(what, Format::Human).text
    }

    #[test]
    fn a_code_is_found_by_number_name_and_diagnostic() {
        assert!(text("101504").starts_with("101504 connection_timeout: "));
        assert_eq!(text("Connection-Timeout"), text("101504"));
        assert!(text("ax0301").starts_with("AX0301: a name is defined twice"));
        assert_eq!(text("AX301"), text("AX0301"));
        assert!(text("AX0301").contains("error[AX0301]: "), "an example");
        for row in ERRORS {
            assert!(text(row.name).starts_with(&format!("{} ", row.code)));
        }
        for row in DIAGNOSTICS {
            assert!(
                text(&row.code.to_string()).contains(row.help),
                "{}",
                row.code
            );
        }
    }

    #[test]
    fn the_number_that_means_two_things_says_so() {
        let text = text("101507");
        assert!(text.contains("101504 (connection_timeout) + 3"), "{text}");
        assert!(text.contains("101507 to 101515"), "{text}");
    }

    #[test]
    fn what_nobody_knows_is_refused_with_what_may_be_meant() {
        let answer = explain_code("conection_timeout", Format::Human);
        assert_eq!(answer.exit_code, 1);
        assert!(
            answer.text.contains("connection_timeout"),
            "{}",
            answer.text
        );
        for odd in ["", "AX", "ax€", "911911", "AX9999999", "€"] {
            assert_eq!(explain_code(odd, Format::Json).exit_code, 1, "{odd}");
        }
    }

    #[test]
    fn tools_get_an_object() {
        let answer = explain_code("AX0301", Format::Json);
        let object: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(object["code"], "AX0301");
        assert_eq!(object["kind"], "diagnostic");
        assert!(object["example"].is_string());
    }
}
