//! Notices changed files: waits until writing has paused, then reloads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// A file counts as written when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(60);
/// A reload is not put off longer than this, however long writing goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches the files of a configuration.
pub struct Watch {
    changes: mpsc::Receiver<()>,
    // Dropping it ends the watching.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the folders that the given files and folders lie in.
    pub fn start(paths: &[PathBuf]) -> notify::Result<Watch> {
        let (sender, changes) = mpsc::channel(1);
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
        Ok(Watch {
            changes,
            _watcher: watcher,
        })
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

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
