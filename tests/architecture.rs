//! The house keeps its shape: who may know whom, how long a file may be, and what no file may hold.
//!
//! Sources are parsed, so that inline paths (`crate::soap::...` in the middle of a function) count as much as
//! `use` lines; a word inside a comment or a string does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Longest file, in lines.
const LINES_MAX: usize = 800;
/// Half of the files are shorter than this.
const LINES_MEDIAN: usize = 200;

/// Room, and the rooms that it may know besides itself. A room that is not listed may know nobody, so a new one
/// has to be thought about here first.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("util", &[]),
    ("codes", &["util"]),
    ("config", &["codes", "util"]),
    ("settings", &["codes", "config", "util"]),
    (
        "check",
        &[
            "codes",
            "config",
            "endpoint",
            "mediation",
            "settings",
            "util",
        ],
    ),
    (
        "simulate",
        &[
            "codes",
            "config",
            "endpoint",
            "settings",
            "transport",
            "util",
        ],
    ),
    ("soap", &["codes", "util"]),
    ("observe", &["codes", "util"]),
    ("transport", &["codes", "observe", "settings", "util"]),
    (
        "exchange",
        &["codes", "observe", "soap", "transport", "util"],
    ),
    (
        "endpoint",
        &[
            "codes",
            "config",
            "exchange",
            "observe",
            "settings",
            "soap",
            "transport",
            "util",
        ],
    ),
    (
        "mediation",
        &[
            "codes",
            "config",
            "endpoint",
            "exchange",
            "observe",
            "settings",
            "soap",
            "transport",
            "util",
        ],
    ),
    ("cluster", &["codes", "config", "observe", "util"]),
    (
        "gateway",
        &["cluster", "codes", "config", "observe", "transport", "util"],
    ),
    ("admin", &["codes", "observe", "util"]),
    ("client_cli", &["admin"]),
    ("backend", &[]),
    ("demo", &["backend"]),
    (
        "server",
        &[
            "admin",
            "backend",
            "check",
            "cluster",
            "codes",
            "config",
            "demo",
            "endpoint",
            "exchange",
            "gateway",
            "mediation",
            "observe",
            "settings",
            "soap",
            "transport",
            "util",
        ],
    ),
    (
        "cli",
        &[
            "backend",
            "check",
            "client_cli",
            "demo",
            "server",
            "settings",
            "simulate",
            "admin",
        ],
    ),
];

/// Rooms that work without a runtime: the same code runs on a virtual clock.
const SANS_IO: &[&str] = &["util", "codes", "config", "soap"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The room that a file of `src/` belongs to; `main` and `lib` are the doors, not rooms.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    let name = first.trim_end_matches(".rs");
    (name != "main" && name != "lib").then(|| name.to_owned())
}

/// Collects the rooms named after `crate::`, in `use` trees, paths and macro arguments, and macro names.
#[derive(Default)]
struct Seen {
    rooms: Vec<(String, usize)>,
    macros: Vec<(String, usize)>,
    tokio: Vec<usize>,
}

impl Seen {
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                self.rooms
                    .push((path.ident.to_string(), path.ident.span().start().line));
            }
            syn::UseTree::Name(name) => {
                self.rooms
                    .push((name.ident.to_string(), name.ident.span().start().line));
            }
            syn::UseTree::Rename(name) => {
                self.rooms
                    .push((name.ident.to_string(), name.ident.span().start().line));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item)),
            syn::UseTree::Glob(glob) => self
                .rooms
                .push(("*".into(), glob.star_token.spans[0].start().line)),
        }
    }

    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            if let proc_macro2::TokenTree::Group(group) = token {
                self.tokens(group.stream());
            }
            let is_crate = token.to_string() == "crate";
            if let (true, Some(proc_macro2::TokenTree::Ident(name))) =
                (is_crate, tokens.get(at + 3))
            {
                self.rooms
                    .push((name.to_string(), name.span().start().line));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Seen {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree {
            match path.ident.to_string().as_str() {
                "crate" => self.tree(&path.tree),
                "tokio" => self.tokio.push(path.ident.span().start().line),
                _ => {}
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        let first = segments.next().map(|s| s.ident.to_string());
        match (first.as_deref(), segments.next()) {
            (Some("crate"), Some(second)) => {
                self.rooms
                    .push((second.ident.to_string(), second.ident.span().start().line));
            }
            (Some("tokio"), Some(second)) => self.tokio.push(second.ident.span().start().line),
            _ => {}
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if let Some(name) = mac.path.segments.last() {
            self.macros
                .push((name.ident.to_string(), name.ident.span().start().line));
        }
        self.tokens(mac.tokens.clone());
        syn::visit::visit_macro(self, mac);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // Tests may use what they like.
        let is_test = item.attrs.iter().any(|a| a.path().is_ident("cfg"));
        if !is_test {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

fn seen(path: &Path) -> Seen {
    let text = std::fs::read_to_string(path).unwrap();
    let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", relative(path)));
    let mut seen = Seen::default();
    seen.visit_file(&file);
    seen
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem == "tests" || stem == "double")
}

fn sources() -> Vec<PathBuf> {
    let files = rust_files(&root().join("src"));
    assert!(files.len() > 10, "the sources were not found");
    files
}

fn complain(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn rooms_know_only_whom_they_may_know() {
    let may: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    let mut problems = Vec::new();
    for path in sources().iter().filter(|p| !is_test_file(p)) {
        let Some(room) = room(path) else { continue };
        let Some(allowed) = may.get(room.as_str()) else {
            problems.push(format!(
                "{}: the room \"{room}\" is not in the table",
                relative(path)
            ));
            continue;
        };
        for (known, line) in seen(path).rooms {
            if known != room && !allowed.contains(&known.as_str()) {
                problems.push(format!(
                    "{}:{line}: {room} may not know {known}",
                    relative(path)
                ));
            }
        }
    }
    complain(&problems);
}

#[test]
fn the_table_has_no_circle() {
    let may: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    let mut done: Vec<&str> = Vec::new();
    while done.len() < MAY_KNOW.len() {
        let next = MAY_KNOW
            .iter()
            .find(|(room, known)| !done.contains(room) && known.iter().all(|k| done.contains(k)));
        let (room, _) =
            next.unwrap_or_else(|| panic!("a circle among the rooms that are not in {done:?}"));
        done.push(room);
    }
    assert_eq!(may.len(), MAY_KNOW.len(), "a room is listed twice");
}

#[test]
fn pure_rooms_do_not_touch_the_runtime() {
    let mut problems = Vec::new();
    for path in sources() {
        if room(&path).is_some_and(|room| SANS_IO.contains(&room.as_str())) {
            let lines = seen(&path).tokio;
            problems.extend(
                lines
                    .iter()
                    .map(|line| format!("{}:{line}: tokio", relative(&path))),
            );
        }
    }
    complain(&problems);
}

#[test]
fn no_file_is_too_long_and_the_median_is_short() {
    let mut lengths = Vec::new();
    let mut problems = Vec::new();
    for path in rust_files(&root().join("src"))
        .into_iter()
        .chain(rust_files(&root().join("tests")))
    {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        lengths.push(lines);
        if lines > LINES_MAX {
            problems.push(format!("{}: {lines} lines", relative(&path)));
        }
    }
    complain(&problems);
    lengths.sort_unstable();
    assert!(
        lengths[lengths.len() / 2] < LINES_MEDIAN,
        "median {}",
        lengths[lengths.len() / 2]
    );
}

#[test]
fn nothing_is_left_open_and_no_machine_is_named() {
    // Put together here, so that this file does not hold what it looks for.
    let machine = ["/home", "/root", "/work", "/tmp"].map(|folder| format!("\"{folder}/"));
    let mut problems = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            if machine.iter().any(|m| line.contains(m.as_str())) {
                problems.push(format!(
                    "{}:{}: a path of one machine",
                    relative(&path),
                    at + 1
                ));
            }
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            if ["TODO", "FIXME", "XXX", "HACK"]
                .iter()
                .any(|word| comment.contains(word))
            {
                problems.push(format!(
                    "{}:{}: something is left open",
                    relative(&path),
                    at + 1
                ));
            }
            let allowed_dead = "dead".to_owned() + "_code";
            if line.contains(&allowed_dead) {
                problems.push(format!("{}:{}: dead code is kept", relative(&path), at + 1));
            }
        }
        for (name, line) in seen(&path).macros {
            if ["todo", "unimplemented", "dbg"].contains(&name.as_str()) {
                problems.push(format!("{}:{line}: {name}!", relative(&path)));
            }
        }
    }
    complain(&problems);
}

#[test]
fn module_files_stand_beside_their_folders_and_say_what_they_are() {
    let mut problems = Vec::new();
    for path in sources() {
        if path.ends_with("mod.rs") {
            problems.push(format!("{}: use NAME.rs beside NAME/", relative(&path)));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        if !is_test_file(&path) && !text.starts_with("//!") {
            problems.push(format!("{}: says not what it is", relative(&path)));
        }
    }
    complain(&problems);
}
