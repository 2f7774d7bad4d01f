//! `axon check`: every problem of a configuration, for people or for tools.
//!
//! The exit code is 0 for a clean configuration and 1 when something would not work: an error, or a part that is not supported. Warnings
//! count only when they are denied.

use std::path::{Path, PathBuf};

use crate::config::diagnostic::{Diagnostics, Severity};
use crate::config::model::Model;
use crate::config::{loader, render};
use crate::settings;

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Human,
    /// A tool.
    Json,
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
    /// Warnings make the check fail.
    pub deny_warnings: bool,
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
    extra: impl FnOnce(&Model, &mut Diagnostics),
) -> Answer {
    let (mut model, mut diagnostics) = loader::load(request.paths, request.default_root);
    let files = model.sources.len();
    settings::load(
        request.settings,
        &model.root,
        environment,
        &mut model.sources,
        &mut diagnostics,
    );
    extra(&model, &mut diagnostics);
    let list = diagnostics.into_sorted();
    let failed = list
        .iter()
        .any(|d| d.severity != Severity::Warning || request.deny_warnings);
    let text = match request.format {
        Format::Json => render::json(files, &model.sources, &list) + "\n",
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
