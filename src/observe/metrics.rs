//! Metric families as data: rooms fill a [`MetricsSnapshot`] when somebody asks, [`Exposition`] writes it.
//!
//! Nothing is registered anywhere and nothing is counted twice: counters live beside what they measure and are
//! summed over the workers when read. Labels come from the configuration and not from messages, but for the operations of
//! endpoints that count them, a hundred each; every family is still capped, because a configuration can be large.

pub mod histogram;
mod process;
mod render;

pub use histogram::{Histogram, HistogramSnapshot};
pub use process::ProcessMetrics;
pub use render::{CONTENT_TYPE, Exposition};

/// Everything that `/metrics` shows, at one moment.
#[derive(Clone, Debug, Default)]
pub struct MetricsSnapshot {
    /// When the process started, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Configuration and reloads.
    pub config: ConfigMetrics,
    /// One per listener and protocol.
    pub connections: Vec<ConnectionMetrics>,
    /// Open upgraded streams by kind (`websocket`).
    pub streams: Vec<(&'static str, u64)>,
    /// Requests answered: listener, route, status, count.
    pub requests: Vec<RequestCount>,
    /// Durations and bytes per listener and route.
    pub routes: Vec<RouteMetrics>,
    /// Exchanges being served.
    pub requests_in_flight: u64,
    /// Pooled connections to back ends.
    pub pool: PoolMetrics,
    /// One per leaf endpoint.
    pub endpoints: Vec<EndpointMetrics>,
    /// One per group.
    pub groups: Vec<GroupMetrics>,
    /// Messages that wait, per message store.
    pub stores: Vec<(String, u64)>,
    /// One per message processor.
    pub processors: Vec<ProcessorMetrics>,
    /// Messages that are worked on and that wait, per priority executor.
    pub executors: Vec<(String, u64, u64)>,
    /// TLS handshakes of clients that came to nothing.
    pub tls_handshakes_failed: u64,
    /// Per TLS profile with certificates: when the first of them ends, seconds since 1970.
    pub certificates_end: Vec<(String, i64)>,
    /// The cluster that this process is a member of.
    pub cluster: Option<ClusterMetrics>,
    /// Access and event lines that could not be written.
    pub log_lines_dropped: u64,
    /// Longest delay of each worker since the last reading, in seconds.
    pub worker_stalls: Vec<f64>,
}

/// A cluster as one member sees it.
#[derive(Clone, Debug, Default)]
pub struct ClusterMetrics {
    /// Members by state.
    pub members: Vec<(&'static str, u64)>,
    /// Members that are configured otherwise than this one.
    pub otherwise: u64,
}

/// One message processor.
#[derive(Clone, Debug, Default)]
pub struct ProcessorMetrics {
    /// Its name.
    pub name: String,
    /// False after too many attempts in a row.
    pub active: bool,
    /// What became of messages and attempts.
    pub outcomes: [(&'static str, u64); 3],
}

/// Configuration and reloads.
#[derive(Clone, Debug, Default)]
pub struct ConfigMetrics {
    /// Generation that serves.
    pub generation: u64,
    /// Whether the last load was taken.
    pub last_reload_successful: bool,
    /// When the last load was tried, milliseconds since 1970.
    pub last_reload_unix_ms: u64,
    /// Loads by result (`applied`, `unchanged`, `rejected`).
    pub reloads: Vec<(&'static str, u64)>,
    /// Diagnostics of the serving generation by severity.
    pub diagnostics: Vec<(&'static str, u64)>,
}

/// Client connections of one listener.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    /// Name or address of the listener.
    pub listener: String,
    /// `http1` ...
    pub protocol: &'static str,
    /// Open now.
    pub open: u64,
    /// Accepted so far.
    pub total: u64,
}

/// Answers of one status.
#[derive(Clone, Debug, Default)]
pub struct RequestCount {
    /// Listener.
    pub listener: String,
    /// Route.
    pub route: String,
    /// Status sent; 0 when the client got none.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// Durations and bytes of one route.
#[derive(Clone, Debug, Default)]
pub struct RouteMetrics {
    /// Listener.
    pub listener: String,
    /// Route.
    pub route: String,
    /// Time from the request's head to the answer's last byte.
    pub duration: HistogramSnapshot,
    /// Body bytes that clients announced; chunked bodies are not in it.
    pub request_bytes: u64,
    /// Body bytes out.
    pub response_bytes: u64,
}

/// Pooled connections to back ends, of all workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolMetrics {
    /// Idle now.
    pub idle: u64,
    /// Taken for another request.
    pub reused: u64,
    /// Found dead.
    pub stale: u64,
}

/// One leaf endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointMetrics {
    /// Tree path.
    pub endpoint: String,
    /// `active`, `timeout`, `suspended` or `off`.
    pub state: &'static str,
    /// Tries being made.
    pub in_flight: u64,
    /// Tries by outcome.
    pub requests: Vec<(&'static str, u64)>,
    /// Failures by Synapse error code.
    pub errors: Vec<(i32, u64)>,
    /// Times that it was suspended.
    pub suspensions: u64,
    /// Until when it is left out, milliseconds since 1970.
    pub suspended_until_unix_ms: Option<u64>,
    /// Connections in use, messages waiting for one and messages refused, where there is a limit.
    pub limited: Option<[u64; 3]>,
    /// Time from the start of a try to the head of its answer.
    pub duration: HistogramSnapshot,
    /// Time to connect.
    pub connect: HistogramSnapshot,
    /// Operations that were called, answered, failed, and the time of the answers, where they are counted.
    pub operations: Vec<(String, u64, u64, f64)>,
    /// Readings of its WSDL that succeeded and that failed; `None` for an endpoint of another kind.
    pub wsdl: Option<(u64, u64)>,
}

/// One group.
#[derive(Clone, Debug, Default)]
pub struct GroupMetrics {
    /// Tree path.
    pub group: String,
    /// Children by state.
    pub children: Vec<(&'static str, u64)>,
    /// Times that a message went on to another child.
    pub failovers: u64,
    /// Those of them after a try that may have run.
    pub repeats: u64,
    /// Bindings now; `None` without a session.
    pub sessions: Option<u64>,
    /// Session events by kind (`bound`, `expired`, `renewed`, `evicted`).
    pub session_events: Vec<(&'static str, u64)>,
}
