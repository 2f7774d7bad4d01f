//! SARIF 2.1.0 (OASIS), the form in which code scanning and editors take findings.
//!
//! One run with one result for each diagnostic. What axon does not support is of the level `error`, because the check fails on it too; the
//! severity as axon names it is in the properties. Columns count characters, which SARIF has to be told.

use std::path::Path;

use serde::Serialize;

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::render;
use crate::config::source::Sources;

#[derive(Serialize)]
struct Log<'a> {
    version: &'static str,
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text<'static>,
    help: Text<'static>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Text<'a>,
    locations: [Location; 1],
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    severity: &'static str,
}

#[derive(Serialize)]
struct Text<'a> {
    text: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

/// The log of one check.
pub(super) fn sarif(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut used: Vec<DiagnosticCode> = diagnostics.iter().map(|d| d.code).collect();
    used.sort_unstable();
    used.dedup();
    let rules = used
        .iter()
        .map(|code| Rule {
            id: code.to_string(),
            short_description: Text {
                text: code.row().text.into(),
            },
            help: Text {
                text: code.row().help.into(),
            },
        })
        .collect();
    let results = diagnostics
        .iter()
        .map(|d| finding(sources, &used, d))
        .collect();
    let log = Log {
        version: "2.1.0",
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "axon",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules,
                },
            },
            invocations: [Invocation {
                execution_successful: true,
            }],
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    // Strings and numbers alone: this cannot fail.
    serde_json::to_string_pretty(&log).unwrap_or_default()
}

fn finding<'a>(sources: &Sources, used: &[DiagnosticCode], d: &'a Diagnostic) -> Finding<'a> {
    let file = sources.file(d.span.file);
    let help = render::help(sources, d);
    let region = (!file.text.is_empty()).then(|| {
        let start = sources.position(d.span.file, d.span.start);
        let end = sources.position(d.span.file, d.span.end);
        Region {
            start_line: start.line,
            start_column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    });
    Finding {
        rule_id: d.code.to_string(),
        rule_index: used.partition_point(|code| *code < d.code),
        level: match d.severity {
            Severity::Warning => "warning",
            Severity::Unsupported | Severity::Error => "error",
        },
        message: Text {
            text: format!("{}; {help}", d.message).into(),
        },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: uri(&file.path),
                },
                region,
            },
        }],
        properties: Properties {
            severity: d.severity.word(),
        },
    }
}

/// The path as a URI reference (RFC 3986): relative as it was given, or `file://`.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut out = match path.is_absolute() {
        true => "file://".to_owned(),
        false => String::new(),
    };
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri(Path::new("a b/é.xml")), "a%20b/%C3%A9.xml");
        assert_eq!(uri(Path::new("/etc/axon/x.xml")), "file:///etc/axon/x.xml");
        assert_eq!(uri(Path::new("c:d.xml")), "c%3Ad.xml");
    }
}
