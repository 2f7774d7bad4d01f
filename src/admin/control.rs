//! What the administration server needs of the proxy. The server room implements it.

use std::future::Future;
use std::pin::Pin;

use super::explain::{ExplainRequest, ExplainView};
use super::view::{EndpointView, ReloadView, StatusView};
use crate::observe::{Entry, Event, Follower, MetricsSnapshot, TooManyReaders};

/// A future that may be sent to another thread of the control plane.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running proxy, seen from the administration server.
pub trait Control: Send + Sync {
    /// One-screen summary.
    fn status(&self) -> StatusView;
    /// Every endpoint of every tree, parents before their children.
    fn endpoints(&self) -> Vec<EndpointView>;
    /// One endpoint, with its settings.
    fn endpoint(&self, path: &str) -> Option<EndpointView>;
    /// Switches the endpoint at that tree path on or off.
    fn switch(
        &self,
        path: &str,
        on: bool,
        order: &SwitchOrder,
    ) -> Result<EndpointView, SwitchError>;
    /// Loads the configuration again and says what came of it.
    fn reload(&self) -> BoxFuture<'_, ReloadView>;
    /// Whether traffic may be sent here; the reasons when not.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Every metric now.
    fn metrics(&self) -> MetricsSnapshot;
    /// The last events, oldest first.
    fn events(&self, limit: usize) -> Vec<Event>;
    /// What happened to an endpoint and below it since then, oldest first; `None` when nobody knows that path.
    fn timeline(&self, path: &str, since_unix_ms: u64) -> Option<Vec<Entry>>;
    /// The way that a request would take now; changes nothing and counts nothing.
    fn explain(&self, request: &ExplainRequest) -> Result<ExplainView, String>;
    /// Events as they happen, from behind the one of that id.
    fn follow(&self, after: Option<&str>) -> Result<Follower, TooManyReaders>;
}

/// Body of a switch: why, and by whom.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchOrder {
    /// Why, for the events.
    pub reason: Option<String>,
    /// Who asks for it, as he names himself.
    pub by: Option<String>,
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
