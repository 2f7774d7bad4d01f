//! `axon compat`: what becomes of each artifact of a Synapse or WSO2 configuration: it runs as it did, it runs and differs
//! in what is named, or it does not run.
//!
//! The verdict of an artifact comes of the problems that a check finds inside it, and of the rows of `docs/differences.md` that
//! its elements show ([`differences`]). What no file shows (a hash order, a time-out to the second) is in that document alone.
//!
//! The score is the share of artifacts that run, in percent. Exit codes: 0 all run, 1 some do not.

pub mod differences;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Answer, Format};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::loader;
use crate::config::model::Model;
use crate::config::source::{FileId, Sources, Span};
use crate::settings::{self, Settings};

/// Most reasons that are shown for one artifact.
const REASONS_MAX: usize = 20;

/// What to compare.
#[derive(Debug)]
pub struct CompatRequest<'a> {
    /// Files and folders; empty for the default root.
    pub paths: &'a [PathBuf],
    /// What is read when no path is given.
    pub default_root: &'a Path,
    /// The form of the answer.
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Same,
    Different,
    Unsupported,
    Invalid,
}

#[derive(Debug, Serialize)]
struct Reason {
    line: u32,
    column: u32,
    /// A diagnostic's code; none for a row of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    text: String,
}

#[derive(Debug, Serialize)]
struct Artifact {
    kind: &'static str,
    name: String,
    file: String,
    line: u32,
    verdict: Verdict,
    reasons: Vec<Reason>,
    /// Reasons that are left out.
    more: usize,
    #[serde(skip)]
    span: Span,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Of 100 artifacts so many run.
    score: usize,
    same: usize,
    different: usize,
    unsupported: usize,
    invalid: usize,
    artifacts: Vec<Artifact>,
}

/// Compares; `extra` as in [`check`](super::check).
pub fn compat(
    request: &CompatRequest<'_>,
    environment: impl IntoIterator<Item = (String, String)>,
    extra: impl FnOnce(&Model, &Settings, &mut Diagnostics),
) -> Answer {
    let (mut model, mut diagnostics) = loader::load(request.paths, request.default_root);
    let settings = settings::load(
        None,
        &model.root,
        environment,
        &mut model.sources,
        &mut diagnostics,
    );
    extra(&model, &settings, &mut diagnostics);
    let mut artifacts = artifacts(&model);
    for diagnostic in diagnostics.into_sorted() {
        judge(&mut artifacts, &model.sources, &diagnostic);
    }
    compare(&mut artifacts, &model.sources);
    artifacts.sort_by_key(|a| (a.span.file, a.span.start));
    let report = Report::of(artifacts);
    let text = match request.format {
        Format::Human => report.human(),
        // Every field has a name and a value: it cannot fail.
        Format::Json | Format::Sarif => serde_json::to_string(&report).unwrap_or_default() + "\n",
    };
    Answer {
        text,
        exit_code: (report.unsupported + report.invalid > 0).into(),
    }
}

/// Every artifact that was found, each once: what a local entry holds is a part of the entry.
fn artifacts(model: &Model) -> Vec<Artifact> {
    let sources = &model.sources;
    let mut found: Vec<Artifact> = Vec::new();
    let mut add = |kind, name: &str, span: Span| {
        let inside = |a: &Artifact| {
            let at = a.span;
            at.file == span.file && at.start <= span.start && span.end <= at.end
        };
        // They come first.
        let mut entries = found.iter().take_while(|a| a.kind == "localEntry");
        if kind == "localEntry" || !entries.any(inside) {
            found.push(Artifact {
                kind,
                name: name.to_owned(),
                file: sources.file(span.file).path.display().to_string(),
                line: sources.position(span.file, span.start).line,
                verdict: Verdict::Same,
                reasons: Vec::new(),
                more: 0,
                span,
            });
        }
    };
    for def in &model.entries {
        add("localEntry", &def.key.value, def.element.span);
    }
    for def in &model.proxies {
        add("proxy", &def.name.value, def.span);
    }
    for def in &model.apis {
        add("api", &def.name.value, def.span);
    }
    for def in &model.tasks {
        add("task", &def.name.value, def.span);
    }
    for def in model.endpoints.iter().chain(&model.keyed) {
        let name = def.name.as_ref().map_or("", |n| n.value.as_str());
        add("endpoint", name, def.span);
    }
    for def in &model.sequences {
        add("sequence", &def.name.value, def.element.span);
    }
    for def in &model.templates {
        add("template", &def.name.value, def.endpoint.span);
    }
    for def in &model.sequence_templates {
        add("template", &def.name.value, def.sequence.span);
    }
    if let Some(registry) = &model.registry {
        add("registry", "", registry.span);
    }
    for def in &model.unsupported {
        let kind = crate::config::language::artifact_named(&def.kind);
        let kind = kind.map_or("other", |row| row.element);
        add(kind, def.name.as_deref().unwrap_or_default(), def.span());
    }
    found
}

/// Gives a problem to the artifact that it stands in; a file may be too broken to hold one.
fn judge(artifacts: &mut Vec<Artifact>, sources: &Sources, problem: &Diagnostic) {
    let verdict = match problem.severity {
        Severity::Error => Verdict::Invalid,
        Severity::Unsupported => Verdict::Unsupported,
        Severity::Warning if problem.code == DiagnosticCode::NoEffect => Verdict::Different,
        Severity::Warning => return,
    };
    let at = sources.position(problem.span.file, problem.span.start);
    let reason = Reason {
        line: at.line,
        column: at.column,
        code: Some(problem.code.to_string()),
        text: problem.message.clone(),
    };
    let holds = |a: &Artifact| {
        let (outer, inner) = (a.span, problem.span);
        outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
    };
    if let Some(artifact) = artifacts.iter_mut().find(|a| holds(a)) {
        return artifact.add(verdict, reason);
    }
    if verdict == Verdict::Different {
        return;
    }
    let file = sources.file(problem.span.file).path.display().to_string();
    let mut artifact = Artifact {
        kind: "file",
        name: String::new(),
        file,
        line: at.line,
        verdict: Verdict::Same,
        reasons: Vec::new(),
        more: 0,
        span: problem.span,
    };
    artifact.add(verdict, reason);
    artifacts.push(artifact);
}

/// Looks for the rows of the document.
fn compare(artifacts: &mut [Artifact], sources: &Sources) {
    for number in 0..sources.len() {
        let file = FileId(number as u32);
        let mut here: Vec<&mut Artifact> = artifacts
            .iter_mut()
            .filter(|a| a.span.file == file && a.verdict < Verdict::Invalid && a.kind != "file")
            .collect();
        here.sort_by_key(|a| a.span.start);
        if here.is_empty() {
            continue;
        }
        let Ok(document) = roxmltree::Document::parse(&sources.file(file).text) else {
            continue;
        };
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let range = node.range();
            // None lies in another one: the last that begins before is the only one that may hold it.
            let before = here.partition_point(|a| a.span.start as usize <= range.start);
            let last = before.checked_sub(1).and_then(|at| here.get_mut(at));
            let Some(artifact) = last.filter(|a| range.end <= a.span.end as usize) else {
                continue;
            };
            for row in differences::of(&node) {
                let at = sources.position(file, range.start as u32);
                artifact.add(
                    Verdict::Different,
                    Reason {
                        line: at.line,
                        column: at.column,
                        code: None,
                        text: format!("{}; axon: {}", row.original, row.axon),
                    },
                );
            }
        }
    }
}

impl Artifact {
    fn add(&mut self, verdict: Verdict, reason: Reason) {
        self.verdict = self.verdict.max(verdict);
        if self
            .reasons
            .iter()
            .any(|r| r.text == reason.text && r.code.is_none())
        {
            return;
        }
        match self.reasons.len() < REASONS_MAX {
            true => self.reasons.push(reason),
            false => self.more += 1,
        }
    }
}

impl Report {
    fn of(artifacts: Vec<Artifact>) -> Report {
        let count = |verdict| artifacts.iter().filter(|a| a.verdict == verdict).count();
        let (same, different) = (count(Verdict::Same), count(Verdict::Different));
        Report {
            score: match artifacts.len() {
                0 => 100,
                all => (same + different) * 100 / all,
            },
            same,
            different,
            unsupported: count(Verdict::Unsupported),
            invalid: count(Verdict::Invalid),
            artifacts,
        }
    }

    fn human(&self) -> String {
        let mut out = String::new();
        for artifact in &self.artifacts {
            let verdict = match artifact.verdict {
                Verdict::Same => "same",
                Verdict::Different => "different",
                Verdict::Unsupported => "unsupported",
                Verdict::Invalid => "invalid",
            };
            let name = match artifact.name.as_str() {
                "" => String::new(),
                name => format!(" {name}"),
            };
            let (file, line) = (&artifact.file, artifact.line);
            // Writing to a text cannot fail.
            let _ = writeln!(out, "{verdict:<11} {}{name} ({file}:{line})", artifact.kind);
            for reason in &artifact.reasons {
                let code = match &reason.code {
                    Some(code) => format!("[{code}] "),
                    None => String::new(),
                };
                let (line, column) = (reason.line, reason.column);
                let _ = writeln!(out, "            {line}:{column} {code}{}", reason.text);
            }
            if artifact.more > 0 {
                let _ = writeln!(out, "            and {} more", artifact.more);
            }
        }
        let _ = writeln!(
            out,
            "compat: {} of 100: {} the same, {} different, {} unsupported, {} invalid",
            self.score, self.same, self.different, self.unsupported, self.invalid
        );
        out
    }
}
