//! The cluster as the API shows it.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/cluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// Name of the cluster.
    pub name: String,
    /// This member: `tcp://IP:PORT`.
    pub member: String,
    /// Everybody who is there, and who was in the last hour, by name.
    pub members: Vec<MemberView>,
    /// Who is sent where, by `balance` URI.
    pub balancers: Vec<BalancerView>,
    /// Who was heard in the last minute and does not belong to the cluster, in words.
    pub strangers: Vec<String>,
}

/// A member of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its name: `tcp://IP:PORT`.
    pub name: String,
    /// It is the one that was asked.
    pub own: bool,
    /// Where others reach it: `IP:PORT`.
    pub address: String,
    /// `online`, `draining` (not offered, what is open goes on), `down`, or `joining` (this one, at its start).
    pub state: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The version of axon that it runs; empty while it is not known.
    pub version: String,
    /// Its open WebSockets.
    pub connections: u64,
    /// Hash of its services; nothing while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,
    /// Whether its services are those of the member that was asked; nothing while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_equal: Option<bool>,
    /// What it has otherwise, 100 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceView>,
    /// What is to be done about it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// Something that a member has otherwise than the one that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceView {
    /// Name of the service.
    pub service: String,
    /// Name of the option; `service` when it is about the service as a whole.
    pub option: String,
    /// The value at the member that was asked; nothing: not there.
    pub here: Option<String>,
    /// The value at the other member; nothing: not there.
    pub there: Option<String>,
}

/// A public URI and where its clients are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerView {
    /// The `balance` URI.
    pub balance: String,
    /// The URIs of members.
    pub targets: Vec<TargetView>,
}

/// A URI of a member that clients are sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// The URI.
    pub uri: String,
    /// The member.
    pub member: String,
    /// Open WebSockets of its service.
    pub connections: u64,
    /// False while the member drains.
    pub offered: bool,
}
