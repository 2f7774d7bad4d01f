//! `axon fmt`: puts configuration files into canonical form, or shows what would change.
//!
//! A file is written beside itself and renamed, with its permissions, so that whoever reads it sees the old text or the new one. Exit codes: 0
//! all is in form (now), 1 something would change (`--check`) or a file could not be formatted.

mod diff;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Answer;
use crate::config::format::{Refusal, Style, format};
use crate::config::{loader, render};

/// What to format.
#[derive(Debug)]
pub struct FmtRequest<'a> {
    /// Files and folders; empty for the default root.
    pub paths: &'a [PathBuf],
    /// What is read when no path is given.
    pub default_root: &'a Path,
    /// Write nothing; show what would change.
    pub check: bool,
    /// How far to go.
    pub style: Style,
}

/// Formats the files.
pub fn fmt(request: &FmtRequest<'_>) -> Answer {
    let mut run = Run::default();
    match loader::files(request.paths, request.default_root) {
        Ok(files) => {
            for file in &files {
                let named = request.paths.contains(file);
                run.file(file, named, request);
            }
        }
        Err(error) => run.failed(&format!("the folder cannot be read: {error}")),
    }
    run.answer(request.check)
}

#[derive(Default)]
struct Run {
    text: String,
    files: usize,
    changed: usize,
    failed: usize,
}

impl Run {
    fn file(&mut self, path: &Path, named: bool, request: &FmtRequest<'_>) {
        let shown = path.display();
        // A link stays a link: what it leads to is written.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let bytes = match std::fs::read(&real) {
            Ok(bytes) => bytes,
            Err(error) => return self.failed(&format!("{shown}: {error}")),
        };
        let formatted = match format(path, &bytes, request.style) {
            Ok(formatted) => formatted,
            // Other files may lie in a folder; one that was named is expected to be configuration.
            Err(Refusal::NotOurs) if !named => return,
            Err(refusal) => return self.refused(path, &refusal),
        };
        self.files += 1;
        if formatted.before == formatted.after {
            return;
        }
        self.changed += 1;
        if request.check {
            let name = shown.to_string();
            self.text += &diff::unified(&name, &formatted.before, &formatted.after);
            return;
        }
        match replace(&real, &formatted.bytes) {
            Ok(()) => {
                let _ = writeln!(self.text, "formatted {shown}");
            }
            Err(error) => self.failed(&format!("{shown} cannot be written: {error}")),
        }
    }

    fn refused(&mut self, path: &Path, refusal: &Refusal) {
        let shown = path.display();
        match refusal {
            Refusal::Faulty(sources, diagnostics) => {
                self.text += &render::human(sources, diagnostics);
                self.failed(&format!("{shown} is left as it is"));
            }
            Refusal::NotOurs => self.failed(&format!("{shown} is no configuration")),
            Refusal::Encoding => self.failed(&format!("{shown} cannot be written in its encoding")),
            Refusal::Meaning => self.failed(&format!(
                "{shown} is left as it is: the new text would not mean the same (please report this)"
            )),
        }
    }

    fn failed(&mut self, text: &str) {
        self.failed += 1;
        let _ = writeln!(self.text, "axon: {text}");
    }

    fn answer(mut self, check: bool) -> Answer {
        let would = if check { "would be changed" } else { "changed" };
        let _ = writeln!(
            self.text,
            "fmt: {} file{}, {} {would}",
            self.files,
            if self.files == 1 { "" } else { "s" },
            self.changed
        );
        let bad = self.failed > 0 || (check && self.changed > 0);
        Answer {
            text: self.text,
            exit_code: bad.into(),
        }
    }
}

/// Puts a new file in the place of an old one, which is there whole until then.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let permissions = std::fs::metadata(path)?.permissions();
    let mut new = tempfile::Builder::new()
        .prefix(".axon-fmt-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(bytes)?;
    new.as_file().set_permissions(permissions)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|e| e.error)?;
    Ok(())
}
