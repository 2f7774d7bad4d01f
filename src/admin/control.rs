//! What the administration server needs of the proxy. The server room implements it.

use std::future::Future;
use std::pin::Pin;

use super::view::{EndpointView, ReloadView, StatusView};
use crate::observe::{Event, MetricsSnapshot};

/// A future that may be sent to another thread of the control plane.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running proxy, seen from the administration server.
pub trait Control: Send + Sync {
    /// One-screen summary.
    fn status(&self) -> StatusView;
    /// Every endpoint of every tree, parents before their children.
    fn endpoints(&self) -> Vec<EndpointView>;
    /// Switches the endpoint at that tree path on or off.
    fn switch(
        &self,
        path: &str,
        on: bool,
        reason: Option<&str>,
    ) -> Result<EndpointView, SwitchError>;
    /// Loads the configuration again and says what came of it.
    fn reload(&self) -> BoxFuture<'_, ReloadView>;
    /// Whether traffic may be sent here; the reasons when not.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Every metric now.
    fn metrics(&self) -> MetricsSnapshot;
    /// The last events, oldest first.
    fn events(&self, limit: usize) -> Vec<Event>;
}

/// Why a switch was not made.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// No endpoint has that path.
    #[error("there is no endpoint \"{0}\"")]
    Unknown(String),
    /// The endpoint has no state of its own to switch.
    #[error("endpoint \"{path}\" cannot be switched: {why}")]
    NotSwitchable {
        /// Its path.
        path: String,
        /// The reason, in words.
        why: String,
    },
}
