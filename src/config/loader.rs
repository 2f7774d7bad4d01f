//! Finds the files of a configuration and reads them.
//!
//! A path is a file, whose root element decides what it is, or a folder: a tree as Synapse and WSO2 deploy it ([`tree`]), else every `*.xml`
//! directly inside that has a known root. Nothing stops the reading: every problem of every file is found in one run, and an unreadable
//! file is a problem like any other.
//!
//! Bounds: 10,000 files, 16 MiB each.

mod artifact;
mod entries;
mod library;
mod structure;
mod tree;
mod users;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

pub(super) use self::artifact::is_root;

use self::artifact::Space;
use super::decode::decode;
use super::diagnostic::Diagnostics;
use super::endpoint::template::Templates;
use super::model::Model;
use super::source::{FileId, Span};
use super::substitution::Substitution;
use super::xml::Element;
use super::{lint, xml};
use crate::codes::DiagnosticCode;

/// Largest configuration file.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Most files of one load.
const MAX_FILES: usize = 10_000;

/// Loads the paths, or the default root when none is given.
pub fn load(paths: &[PathBuf], default_root: &Path) -> (Model, Diagnostics) {
    let env = |name: &str| std::env::var(name).ok();
    let mut loader = Loader::new(&env);
    let default = [default_root.to_owned()];
    let paths = if paths.is_empty() { &default } else { paths };
    for path in paths {
        loader.path(path);
    }
    loader.users();
    loader.finish()
}

/// The files that the paths stand for, without reading them; a path that is no folder stands for itself.
pub fn files(paths: &[PathBuf], default_root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let default = [default_root.to_owned()];
    let paths = if paths.is_empty() { &default } else { paths };
    let mut found = Vec::new();
    for path in paths {
        match (path.is_dir(), tree::root(path)) {
            (false, _) => found.push(path.clone()),
            (true, Some(root)) => found.extend(tree::files(&root)),
            (true, None) => found.extend(tree::xml_files(path)?),
        }
    }
    Ok(found)
}

/// Loads one file that is already in memory; neither files nor the environment are read.
pub fn parse_bytes(name: &str, bytes: &[u8]) -> (Model, Diagnostics) {
    let env = |_: &str| None;
    let mut loader = Loader::new(&env);
    loader.text(Path::new(name), bytes, Origin::Named, &[]);
    loader.finish()
}

/// How a file came to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Named on the command line, or part of a tree.
    Named,
    /// Found in a folder that is no tree: other XML files may lie beside.
    Found,
}

struct Loader<'a> {
    model: Model,
    diagnostics: Diagnostics,
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Names that are taken, and where.
    names: HashMap<(Space, String), Span>,
    /// Files already read, so that a path given twice is not read twice.
    seen: HashSet<PathBuf>,
    /// Files that are part of the configuration, broken ones included.
    recognised: usize,
    /// Set once the limit was reported.
    full: bool,
}

impl<'a> Loader<'a> {
    fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            model: Model::default(),
            diagnostics: Diagnostics::default(),
            env,
            names: HashMap::new(),
            seen: HashSet::new(),
            recognised: 0,
            full: false,
        }
    }

    /// What needs all files to be read: what the registry gives, endpoints that use templates, and a second look at what is
    /// allowed but probably not meant.
    fn finish(mut self) -> (Model, Diagnostics) {
        self.read_main_resource();
        self.read_registry();
        let mut endpoints = std::mem::take(&mut self.model.endpoints);
        let mut keyed = std::mem::take(&mut self.model.keyed);
        let mut templates = Templates::of(&self.model.templates, &self.model.sources, self.env);
        for endpoint in endpoints.iter_mut().chain(&mut keyed) {
            templates.expand(endpoint, &mut self.diagnostics);
        }
        (self.model.endpoints, self.model.keyed) = (endpoints, keyed);
        lint::run(&self.model, &mut self.diagnostics);
        (self.model, self.diagnostics)
    }

    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            self.root(path.parent().unwrap_or(Path::new("")));
            return self.file(path, Origin::Named);
        }
        if let Some(root) = tree::root(path) {
            self.root(&root);
            for file in tree::files(&root) {
                self.file(&file, Origin::Named);
            }
            return;
        }
        self.root(path);
        let (before, seen) = (self.recognised, self.seen.len());
        let files = match tree::xml_files(path) {
            Ok(files) => files,
            Err(error) => return self.unreadable(path, &error.to_string()),
        };
        for file in &files {
            self.file(file, Origin::Found);
        }
        // Files that were read before under another path are no reason to complain.
        let new = files.is_empty() || self.seen.len() > seen;
        if new && self.recognised == before {
            let row = DiagnosticCode::NoConfiguration.row();
            let span = self.nowhere(path);
            let message = format!("the folder {} holds no configuration", path.display());
            self.diagnostics
                .error_help(row.code, span, message, row.help);
        }
    }

    /// The first path gives the configuration root.
    fn root(&mut self, root: &Path) {
        if self.model.root.as_os_str().is_empty() {
            let here = Path::new(".");
            self.model.root = if root.as_os_str().is_empty() {
                here
            } else {
                root
            }
            .to_owned();
        }
    }

    fn file(&mut self, path: &Path, origin: Origin) {
        if let Ok(real) = path.canonicalize()
            && !self.seen.insert(real)
        {
            return;
        }
        if self.model.sources.len() >= MAX_FILES {
            if !self.full {
                self.full = true;
                let row = DiagnosticCode::TooManyFiles.row();
                let span = self.nowhere(path);
                self.diagnostics
                    .error_help(row.code, span, row.text, row.help);
            }
            return;
        }
        match read(path) {
            Ok(bytes) => {
                let folders = [
                    path.parent().unwrap_or(Path::new("")).to_owned(),
                    self.model.root.clone(),
                    PathBuf::new(),
                ];
                self.text(path, &bytes, origin, &folders);
            }
            Err(error) => self.unreadable(path, &error.to_string()),
        }
    }

    fn text(&mut self, path: &Path, bytes: &[u8], origin: Origin, folders: &[PathBuf]) {
        if let Some(roots) = self.parsed(path, bytes, folders) {
            self.roots(path, &roots, origin);
        }
    }

    /// A text as elements, which becomes one of the configuration's sources; `None` after a problem with the text as a whole.
    fn parsed(&mut self, path: &Path, bytes: &[u8], folders: &[PathBuf]) -> Option<Vec<Element>> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let row = DiagnosticCode::FileTooLarge.row();
            let span = self.nowhere(path);
            self.diagnostics
                .error_help(row.code, span, row.text, row.help);
            return None;
        }
        let decoded = decode(bytes);
        let file = self.model.sources.add(path, decoded.text);
        if let Some((at, message)) = decoded.problem {
            let start = at as u32;
            let span = Span {
                file,
                start,
                end: start,
            };
            let row = DiagnosticCode::BadEncoding.row();
            self.diagnostics
                .error_help(row.code, span, message, row.help);
            return None;
        }
        let text = self.model.sources.file(file).text.clone();
        let substitution = Substitution {
            env: self.env,
            folders,
        };
        Some(xml::parse(
            file,
            &text,
            &substitution,
            &mut self.diagnostics,
        ))
    }

    fn unreadable(&mut self, path: &Path, why: &str) {
        let row = DiagnosticCode::Unreadable.row();
        let span = self.nowhere(path);
        let message = format!("{} cannot be read: {why}", path.display());
        self.diagnostics
            .error_help(row.code, span, message, row.help);
    }

    /// A place in a file that has no text.
    fn nowhere(&mut self, path: &Path) -> Span {
        let file: FileId = self.model.sources.add(path, String::new());
        Span {
            file,
            start: 0,
            end: 0,
        }
    }
}

/// Reads a file, at most one byte more than is allowed, whatever its size was said to be.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
