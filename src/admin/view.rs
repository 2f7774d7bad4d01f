//! What the API shows. Field order is the order in the JSON; times are RFC 3339, durations milliseconds.
//! The client verbs read the same types back, so the two ends cannot drift apart.

mod cluster;
mod tls;

use serde::{Deserialize, Serialize};

pub use cluster::{BalancerView, ClusterView, DifferenceView, MemberView, TargetView};
pub use tls::{CertificateView, TlsProfileView, TlsView};

/// `GET /api/v1/status`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StatusView {
    /// Version of axon.
    pub version: String,
    /// When it started.
    pub started_at: String,
    /// How long it runs.
    pub uptime_ms: u64,
    /// Generation of the configuration that serves.
    pub generation: u64,
    /// `ok`, `degraded` (the last load was refused, an older generation serves) or `failed`.
    pub config: String,
    /// Where the configuration comes from.
    pub source: String,
    /// Endpoints by state.
    pub endpoints: StateCounts,
    /// Sessions bound.
    pub sessions: u64,
    /// Exchanges being served.
    pub requests_in_flight: u64,
    /// Open client connections.
    pub connections: u64,
    /// What is listened on.
    pub listeners: Vec<ListenerView>,
    /// Message stores, when there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<StoreView>,
    /// Message processors, when there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<ProcessorView>,
    /// Priority executors, when there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executors: Vec<ExecutorView>,
    /// What needs attention, in words.
    pub problems: Vec<String>,
}

/// One message store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreView {
    /// Its name.
    pub name: String,
    /// Messages that wait.
    pub messages: u64,
}

/// One message processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessorView {
    /// Its name.
    pub name: String,
    /// What it takes from.
    pub store: String,
    /// False after too many attempts in a row.
    pub active: bool,
    /// Messages that were delivered or sampled.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were dropped.
    pub dropped: u64,
}

/// One priority executor, over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorView {
    /// Its name.
    pub name: String,
    /// Messages that are worked on.
    pub running: u64,
    /// Messages that wait for their turn.
    pub waiting: u64,
}

/// Leaf endpoints by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts {
    /// Ready.
    pub active: u64,
    /// Marked, still used.
    pub timeout: u64,
    /// Left out for a time.
    pub suspended: u64,
    /// Switched off.
    pub off: u64,
}

/// One listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListenerView {
    /// `http`, `admin`, `probes`.
    pub kind: String,
    /// Address that is listened on.
    pub address: String,
}

/// An item of `GET /api/v1/endpoints`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EndpointView {
    /// Tree path: `group/name` or `group/#2`.
    pub path: String,
    /// Its name, when it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// `address`, `loadbalance`, `failover`, `default`, `member`, `indirect`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `active`, `timeout`, `suspended`, `off`; of a group: computed from its children.
    pub state: String,
    /// `active`, `drain`, `maintain` or `off`: what an administrator set.
    pub admin_state: String,
    /// What was said with that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<OrderView>,
    /// Since when it is in this state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
    /// When it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_retry_at: Option<String>,
    /// The same as a countdown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_retry_in_ms: Option<u64>,
    /// Length of the running suspension.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suspend_ms: Option<u64>,
    /// Tries left before a marked endpoint is suspended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retries_left: Option<u32>,
    /// Suspensions in a row.
    pub consecutive: u32,
    /// What put it into this state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<CauseView>,
    /// Where it sends to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub resolved: Vec<String>,
    /// Tries being made.
    pub in_flight: u64,
    /// Sessions bound to it, or in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sessions: Option<u64>,
    /// Effective settings and where each comes from.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub settings: Vec<SettingView>,
    /// Where it is defined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub defined: Option<PlaceView>,
    /// Paths of its children.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub children: Vec<String>,
}

/// An order of an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderView {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    pub since: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Answer of `GET /api/v1/endpoints/{path}/stats`; names are those of Synapse's management view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatsView {
    /// Path.
    pub endpoint: String,
    /// Tries begun; of a group, messages that came.
    pub messages_sent: u64,
    /// Tries answered.
    pub messages_received: u64,
    /// Tries that failed before the request was on its way, or in a group that had nobody to send to.
    pub faults_sending: u64,
    /// Tries that failed after that.
    pub faults_receiving: u64,
    /// Of them by time.
    pub timeouts_receiving: u64,
    /// Connections not made in time.
    pub timeouts_sending: u64,
    /// Failures by code.
    pub sending_fault_table: std::collections::BTreeMap<String, u64>,
    /// Failures by code.
    pub receiving_fault_table: std::collections::BTreeMap<String, u64>,
    /// Mean time to an answer, of all since the last reset.
    pub avg_answer_ms: f64,
    /// Suspensions since the last reset.
    pub total_endpoint_suspensions: u64,
    /// Suspensions in a row.
    pub consecutive_endpoint_suspensions: u32,
    /// Tolerated errors in a row.
    pub consecutive_endpoint_timeouts: u32,
    /// Changes into suspended within the last minute, five and fifteen.
    pub last_minute_endpoint_suspensions: u64,
    /// Within the last five minutes.
    #[serde(rename = "last5MinuteEndpointSuspensions")]
    pub last_5_minute_endpoint_suspensions: u64,
    /// Within the last fifteen minutes.
    #[serde(rename = "last15MinuteEndpointSuspensions")]
    pub last_15_minute_endpoint_suspensions: u64,
    /// Tries running now.
    pub in_flight: u64,
    /// Children of a group, of them active, ready.
    pub total_children: u64,
    /// Of them active.
    pub active_children: u64,
    /// Of them ready.
    pub ready_children: u64,
    /// When the counters began.
    pub last_reset_time: String,
    /// Operations of an endpoint with `statistics="enable"`, by name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub operations: std::collections::BTreeMap<String, OperationView>,
}

/// One operation of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationView {
    /// Tries answered.
    pub answered: u64,
    /// Tries failed.
    pub failed: u64,
    /// Mean time to an answer.
    pub avg_answer_ms: f64,
}

/// Why an endpoint is in its state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CauseView {
    /// Synapse error code; absent for a switch by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<i32>,
    /// Its name, or `switched_off`.
    pub name: String,
    /// In words.
    pub text: String,
    /// The request that met it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<PlaceView>,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// File, relative to the configuration root.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One effective setting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SettingView {
    /// `timeout.duration` ...
    pub key: String,
    /// With its unit.
    pub value: String,
    /// `explicit`, `default`, or the setting of `axon.toml` that it comes from.
    pub origin: String,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<PlaceView>,
}

/// Answer of `POST /api/v1/config:reload`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReloadView {
    /// `applied`, `unchanged` or `rejected`.
    pub result: String,
    /// Generation that serves now.
    pub generation: u64,
    /// Paths that are new.
    pub added: Vec<String>,
    /// Paths whose definition changed.
    pub changed: Vec<ChangeView>,
    /// Paths that are gone.
    pub removed: Vec<String>,
    /// What became of the sessions.
    pub sessions: KeptView,
    /// Problems found, as `axon check --format json` shows them.
    pub diagnostics: Vec<serde_json::Value>,
    /// How long it took.
    pub took_ms: u64,
}

/// One endpoint that a reload changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangeView {
    /// Tree path.
    pub path: String,
    /// Settings that differ, as far as known.
    pub fields: Vec<String>,
    /// Whether suspension state and counters went on.
    pub state_kept: bool,
}

/// What a reload carried over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// Carried over.
    pub kept: u64,
    /// Gone with their child.
    pub lost: u64,
}

/// Answer of `GET /api/v1/endpoints/{path}/events`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TimelineView {
    /// The endpoint now; nothing when it is gone.
    #[serde(default)]
    pub endpoint: Option<EndpointView>,
    /// What happened to it and below it, oldest first.
    pub items: Vec<EntryView>,
}

/// An event, as the client verbs read it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryView {
    /// When, the first time.
    pub ts: String,
    /// When, the last time.
    pub last: String,
    /// How often.
    pub count: Option<u64>,
    /// What kind.
    pub evt: String,
    /// Path of the endpoint.
    pub endpoint: Option<String>,
    /// State before.
    pub from: Option<String>,
    /// State after.
    pub to: Option<String>,
    /// Error code.
    pub code: Option<i32>,
    /// Its name.
    pub name: Option<String>,
    /// What it means.
    pub meaning: Option<String>,
    /// What the walk concluded.
    pub verdict: Option<i32>,
    /// The child that it is about.
    pub child: Option<String>,
    /// Length of the suspension or pause.
    pub suspend_ms: Option<u64>,
    /// How it came about.
    pub how: Option<String>,
    /// When the endpoint is tried again.
    pub next: Option<String>,
    /// The request that caused it.
    pub req: Option<String>,
    /// The rule that decided it.
    pub rule: Option<String>,
    /// Who did it.
    pub by: Option<String>,
    /// The rest.
    pub text: Option<String>,
}
