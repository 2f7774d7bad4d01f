//! Notices changed files: waits until writing has paused, then reloads.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// A file counts as written when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(60);
/// A reload is not put off longer than this, however long writing goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches the files of a configuration.
pub struct Watch {
    changes: mpsc::Receiver<()>,
    files: Files,
    // Dropping it ends the watching.
    _watcher: RecommendedWatcher,
}

/// Files outside the configuration's folders. Other files in their folders are nobody's business: a certificate may lie
/// where much else happens.
struct Files {
    watcher: RecommendedWatcher,
    wanted: Arc<Mutex<HashSet<PathBuf>>>,
    folders: HashSet<PathBuf>,
}

impl Watch {
    /// Watches the folders that the given files and folders lie in.
    pub fn start(paths: &[PathBuf]) -> notify::Result<Watch> {
        let (sender, changes) = mpsc::channel(1);
        let of_files = sender.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|e| !e.kind.is_access()) {
                    // One pending change says all there is to say.
                    let _ = sender.try_send(());
                }
            })?;
        for path in paths {
            // An editor replaces a file by renaming: only its folder sees the new one.
            let (folder, mode) = match path.is_dir() {
                true => (path.as_path(), RecursiveMode::Recursive),
                false => (parent(path), RecursiveMode::NonRecursive),
            };
            watcher.watch(folder, mode)?;
        }
        let wanted: Arc<Mutex<HashSet<PathBuf>>> = Arc::default();
        let is_wanted = wanted.clone();
        let files = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|e| {
                !e.kind.is_access() && e.paths.iter().any(|p| concerns(&is_wanted.lock(), p))
            }) {
                let _ = of_files.try_send(());
            }
        })?;
        Ok(Watch {
            changes,
            files: Files {
                watcher: files,
                wanted,
                folders: HashSet::new(),
            },
            _watcher: watcher,
        })
    }

    /// Watches these files too, wherever they lie; whether they are there does not matter, their folders have to be.
    pub fn also<'p>(&mut self, files: impl IntoIterator<Item = &'p Path>) {
        for path in files {
            let Ok(path) = std::path::absolute(path) else {
                continue;
            };
            let folder = parent(&path).to_owned();
            self.files.wanted.lock().insert(path);
            if !self.files.folders.contains(&folder)
                && self
                    .files
                    .watcher
                    .watch(&folder, RecursiveMode::NonRecursive)
                    .is_ok()
            {
                self.files.folders.insert(folder);
            }
        }
    }

    /// Waits for a change that has settled. False when there will be none any more.
    pub async fn changed(&mut self) -> bool {
        if self.changes.recv().await.is_none() {
            return false;
        }
        let settled = async {
            while tokio::time::timeout(QUIET, self.changes.recv())
                .await
                .is_ok_and(|more| more.is_some())
            {}
        };
        // When writing never pauses the reload comes all the same.
        let _ = tokio::time::timeout(PATIENCE, settled).await;
        true
    }
}

/// A wanted file, or the link `..data` that an orchestrator swaps for all files of a folder at once.
fn concerns(wanted: &HashSet<PathBuf>, path: &Path) -> bool {
    wanted.contains(path) || path.file_name() == Some(OsStr::new("..data"))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
