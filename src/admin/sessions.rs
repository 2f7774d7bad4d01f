//! `/api/v1/sessions`: bindings of clients to children, without their ids.

use serde::{Deserialize, Serialize};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// Path of the group.
    pub group: Option<String>,
    /// Path of the child.
    pub child: Option<String>,
    /// Exactly this id, as the client sends it.
    pub key: Option<String>,
    /// How many; 100 when left out, 1,000 at most.
    pub limit: Option<usize>,
    /// The last `id` of the page before.
    pub after: Option<String>,
}

/// A page of bindings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionList {
    /// How many fit in all.
    pub total: u64,
    /// What the next page begins behind; nothing when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The bindings.
    pub items: Vec<SessionItem>,
}

/// One binding.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionItem {
    /// What it is addressed by; of use in this process only.
    pub id: String,
    /// The beginning of the session's own id.
    pub key: String,
    /// The hash that access lines show.
    pub key_hash: String,
    /// Path of the group.
    pub group: String,
    /// Path of the child.
    pub child: String,
    /// When it was bound.
    pub created_at: String,
    /// When it was used last.
    pub last_hit_at: String,
    /// How often it was looked up.
    pub hits: u32,
    /// When it ends, unless it is used.
    pub expires_in_ms: u64,
}

/// Body of `:move`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionMove {
    /// Path of the child.
    pub to: String,
}
