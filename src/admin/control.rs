//! What the administration server needs of the proxy. The server room implements it.

use std::future::Future;
use std::pin::Pin;

use super::explain::{ExplainRequest, ExplainView};
use super::sessions::{SessionList, SessionQuery};
use super::view::{ClusterView, EndpointView, ReloadView, StatsView, StatusView, TlsView};
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
    /// Gives an order to the endpoint at that tree path.
    fn order(
        &self,
        path: &str,
        verb: Verb,
        order: &SwitchOrder,
    ) -> Result<EndpointView, SwitchError>;
    /// The counters of an endpoint.
    fn stats(&self, path: &str) -> Option<StatsView>;
    /// Bindings of sessions.
    fn sessions(&self, query: &SessionQuery) -> SessionList;
    /// Ends a session.
    fn drop_session(&self, id: &str, order: &SwitchOrder) -> Result<(), SessionError>;
    /// Binds a session to another child.
    fn move_session(&self, id: &str, to: &str) -> Result<(), SessionError>;
    /// Loads the configuration again and says what came of it.
    fn reload(&self) -> BoxFuture<'_, ReloadView>;
    /// Has `/ready` say no, or yes again, so that whoever sends traffic here stops; what comes all the same is served.
    fn drain(&self, on: bool, order: &SwitchOrder);
    /// What is known of the cluster; `None` without one.
    fn cluster(&self) -> Option<ClusterView>;
    /// Has balancers leave this member out, or offer it again; what is open goes on. `None` without a cluster.
    fn drain_member(&self, on: bool, order: &SwitchOrder) -> Option<ClusterView>;
    /// Begins the stop, as SIGTERM does.
    fn stop(&self, order: &SwitchOrder);
    /// Whether traffic may be sent here; the reasons when not.
    /// With what is to be known of it all the same.
    fn ready(&self) -> Result<Vec<String>, Vec<String>>;
    /// Every metric now.
    fn metrics(&self) -> MetricsSnapshot;
    /// The TLS profiles: certificates, when they end, who uses them.
    fn tls(&self) -> TlsView;
    /// The last events, oldest first.
    fn events(&self, limit: usize) -> Vec<Event>;
    /// What happened to an endpoint and below it since then, oldest first; `None` when nobody knows that path.
    fn timeline(&self, path: &str, since_unix_ms: u64) -> Option<Vec<Entry>>;
    /// The way that a request would take now; changes nothing and counts nothing.
    fn explain(&self, request: &ExplainRequest) -> Result<ExplainView, String>;
    /// Events as they happen, from behind the one of that id.
    fn follow(&self, after: Option<&str>) -> Result<Follower, TooManyReaders>;
}

/// What can be ordered of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Use it, whatever put it out of use.
    On,
    /// Leave it out; sessions that are bound to it fail.
    Off,
    /// Only what is bound to it.
    Drain,
    /// Leave it out; sessions that are bound to it move.
    Maintain,
    /// End its suspension now; an order stays.
    Resume,
    /// Count from nothing.
    ResetStats,
}

impl Verb {
    /// Every verb with the suffix of its path.
    pub const ALL: [(&'static str, Verb); 6] = [
        (":on", Verb::On),
        (":off", Verb::Off),
        (":drain", Verb::Drain),
        (":maintain", Verb::Maintain),
        (":resume", Verb::Resume),
        (":reset-stats", Verb::ResetStats),
    ];
}

/// Why a session was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Nobody is bound under that id.
    #[error("no session has this id; GET /api/v1/sessions lists them")]
    Unknown,
    /// The target is no child that the session can be bound to.
    #[error("{0}")]
    Target(String),
}

/// Body of an order: why, by whom, and for how long.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchOrder {
    /// Why, for the events.
    pub reason: Option<String>,
    /// Who asks for it, as he names himself.
    pub by: Option<String>,
    /// The endpoint is used again after so long.
    pub for_ms: Option<u64>,
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
