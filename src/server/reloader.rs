//! The thread that reloads: one request after the other, always on the same thread.
//!
//! Not a pool: what one build allocates the next one uses again, so a thousand reloads take no more memory than one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::reload::{Shared, reload};
use crate::admin::ReloadView;

/// Most requests that wait; who comes later waits for a place.
const WAITING_MAX: usize = 16;

/// Asks the thread for reloads. It ends with the last of these.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::Sender<oneshot::Sender<ReloadView>>);

impl Reloader {
    /// Starts the thread.
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Reloader> {
        let (sender, mut requests) = mpsc::channel::<oneshot::Sender<ReloadView>>(WAITING_MAX);
        std::thread::Builder::new()
            .name("axon-reload".to_owned())
            .spawn(move || {
                while let Some(reply) = requests.blocking_recv() {
                    // A reload that panics leaves the last good generation serving, and the next one is tried.
                    if let Ok(view) = catch_unwind(AssertUnwindSafe(|| reload(&shared))) {
                        // Who asked may have gone away.
                        let _ = reply.send(view);
                    }
                }
            })?;
        Ok(Reloader(sender))
    }

    /// Loads the files again, beginning after this call; `None` when the reload broke down.
    pub async fn reload(&self) -> Option<ReloadView> {
        let (reply, view) = oneshot::channel();
        self.0.send(reply).await.ok()?;
        view.await.ok()
    }
}
