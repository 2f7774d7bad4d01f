//! `axon check`: every problem of a configuration, for people or for tools. Beside it the other verbs that explain the language offline:
//! `explain-code` ([`explain_code()`]), `compat` ([`compat()`]) and `fmt` ([`fmt()`]).
//!
//! The exit code is 0 for a clean configuration and 1 when something would not work: an error, or a part that is not supported. Warnings
//! count only when they are denied, all of them, those about intent (lints), or single codes.

mod compat;
mod explain_code;
mod fmt;
mod sarif;

pub use compat::differences::{DIFFERENCES, Difference};
pub use compat::{CompatRequest, compat};
pub use explain_code::{code_notes, explain_code};
pub use fmt::{FmtRequest, fmt};

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::codes::{DIAGNOSTICS, DiagnosticCode};
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::model::Model;
use crate::config::{loader, render};
use crate::settings::{self, Settings};

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Human,
    /// A tool: one JSON object.
    Json,
    /// A tool that reads SARIF 2.1.0.
    Sarif,
}

/// What to look at.
#[derive(Debug)]
pub struct Request<'a> {
    /// Files and folders; empty for the default root.
    pub paths: &'a [PathBuf],
    /// What is read when no path is given.
    pub default_root: &'a Path,
    /// A settings file that was named; else the one beside the configuration.
    pub settings: Option<&'a Path>,
    /// The form of the answer.
    pub format: Format,
    /// Warnings that make the check fail.
    pub deny: &'a [Which],
    /// Warnings that are left out.
    pub allow: &'a [Which],
}

/// A choice of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    Warnings,
    /// Those about intent, AX09xx.
    Lints,
    /// Those of one code.
    Code(DiagnosticCode),
}

impl Which {
    fn includes(self, diagnostic: &Diagnostic) -> bool {
        let chosen = match self {
            Which::Warnings => true,
            Which::Lints => diagnostic.code.is_lint(),
            Which::Code(code) => diagnostic.code == code,
        };
        chosen && diagnostic.severity == Severity::Warning
    }
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "warnings" => Ok(Which::Warnings),
            "lints" => Ok(Which::Lints),
            code => DIAGNOSTICS
                .iter()
                .find(|row| row.code.to_string().eq_ignore_ascii_case(code))
                .map(|row| Which::Code(row.code))
                .ok_or_else(|| "write warnings, lints, or a code such as AX0906".to_owned()),
        }
    }
}

/// What to print, and the exit code.
#[derive(Debug)]
pub struct Answer {
    /// Text to print, with its last line break.
    pub text: String,
    /// 0 clean, 1 problems.
    pub exit_code: u8,
}

/// Loads and checks; `extra` lets the rooms that build from the model add what only they can see.
pub fn check(
    request: &Request<'_>,
    environment: impl IntoIterator<Item = (String, String)>,
    extra: impl FnOnce(&Model, &Settings, &mut Diagnostics),
) -> Answer {
    let (mut model, mut diagnostics) = loader::load(request.paths, request.default_root);
    let files = model.sources.len();
    let settings = settings::load(
        request.settings,
        &model.root,
        environment,
        &mut model.sources,
        &mut diagnostics,
    );
    extra(&model, &settings, &mut diagnostics);
    let among = |which: &[Which], d: &Diagnostic| which.iter().any(|w| w.includes(d));
    let mut list = diagnostics.into_sorted();
    list.retain(|d| !among(request.allow, d));
    let failed = list
        .iter()
        .any(|d| d.severity != Severity::Warning || among(request.deny, d));
    let text = match request.format {
        Format::Json => render::json(files, &model.sources, &list) + "\n",
        Format::Sarif => sarif::sarif(&model.sources, &list) + "\n",
        Format::Human => {
            let summary = render::summary(files, model.endpoints.len(), &list);
            render::human(&model.sources, &list) + &summary + "\n"
        }
    };
    Answer {
        text,
        exit_code: failed.into(),
    }
}
