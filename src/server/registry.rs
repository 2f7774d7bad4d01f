//! Looks at the registry's files now and then: a change is taken by a reload, as every other change of the configuration,
//! so that what is broken leaves the last good state serving (spec/mediation.md 6).

use std::sync::Arc;

use super::reload::Shared;
use super::reloader::Reloader;
use crate::config::registry;

/// How often it is asked whether there is a registry at all.
const IDLE: std::time::Duration = std::time::Duration::from_secs(5);

/// Reloads whenever a file has changed since it was loaded; each look comes `cachableDuration` after the one before.
pub async fn follow(shared: Arc<Shared>, reloader: Reloader) {
    // A change that was refused is not taken for a new one at the next look.
    let mut tried = None;
    loop {
        let generation = shared.current.load_full();
        let registry = generation.registry.as_ref();
        let Some((folder, period)) = registry.and_then(|r| Some((r.folder.clone()?, r.period)))
        else {
            tokio::time::sleep(IDLE).await;
            continue;
        };
        let look = tokio::task::spawn_blocking(move || registry::print(&folder));
        let Ok(now) = look.await else {
            return;
        };
        let loaded = registry.is_some_and(|r| r.print == now);
        drop(generation);
        if !loaded && tried.as_ref() != Some(&now) {
            reloader.reload().await;
            tried = Some(now);
        }
        tokio::time::sleep(period).await;
    }
}
