//! The folder that Synapse and WSO2 deploy from (spec/mediation.md 2).
//!
//! `synapse.xml`, `registry.xml`, and one artifact per `*.xml` file in the artifact folders, read in Synapse's load order; inside a
//! folder by file name, so that two loads of the same files are the same. Folders inside artifact folders are not read.

use std::io;
use std::path::{Path, PathBuf};

/// Artifact folders in load order. `events` is what a published guide writes for `event-sources`.
pub(super) const FOLDERS: &[&str] = &[
    "local-entries",
    "endpoints",
    "sequences",
    "templates",
    "proxy-services",
    "tasks",
    "event-sources",
    "events",
    "priority-executors",
    "message-stores",
    "message-processors",
    "inbound-endpoints",
    "imports",
    "api",
];

/// The tree that the folder holds or is.
pub(super) fn root(folder: &Path) -> Option<PathBuf> {
    let candidates = [
        folder.join("synapse-configs").join("default"),
        folder.join("default"),
        folder.to_owned(),
    ];
    candidates.into_iter().find(|c| is_tree(c))
}

fn is_tree(folder: &Path) -> bool {
    folder.join("synapse.xml").is_file() || FOLDERS.iter().any(|f| folder.join(f).is_dir())
}

/// The tree's files in load order.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["synapse.xml", "registry.xml"]
        .iter()
        .map(|f| root.join(f))
        .filter(|f| f.is_file())
        .collect();
    for folder in FOLDERS {
        // A folder that is not there holds nothing; one that cannot be listed is given as a path, so that it is reported.
        let folder = root.join(folder);
        match xml_files(&folder) {
            Ok(found) => files.extend(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => files.push(folder),
        }
    }
    files
}

/// The `*.xml` files directly inside, by name; hidden ones (editors' backups) are left out.
pub(super) fn xml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let xml = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("xml"));
        if xml && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
