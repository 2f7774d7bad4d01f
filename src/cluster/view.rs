//! What is known of the cluster at a moment: who is there, and what each offers.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::differences::Difference;
use super::strangers::Stranger;
use crate::config::gateway::uri::Uri;
use crate::util::gauge::Gauge;

/// Bytes of a mark.
const MARK_BYTES: usize = 8;

/// A URI that a member offers for a public one, as members tell it to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The public URI.
    pub public: String,
    /// The member's own.
    pub uri: String,
    /// Its open WebSockets.
    pub load: u64,
}

/// The same, ready to be chosen.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The URI that clients are sent to.
    pub uri: Uri,
    /// What a cookie calls it: tells nothing of the URI, and is the same on every member.
    pub mark: String,
    /// The service of this process that accepts it; `None` for one of another member.
    pub here: Option<String>,
    /// Its open WebSockets.
    pub load: Gauge,
}

impl Offered {
    /// An offer of a URI.
    pub fn new(uri: Uri, here: Option<String>, load: Gauge) -> Offered {
        let hash = digest(&SHA256, uri.to_string().as_bytes());
        let bytes = hash.as_ref().iter().take(MARK_BYTES);
        Offered {
            mark: bytes.map(|byte| format!("{byte:02x}")).collect(),
            uri,
            here,
            load,
        }
    }

    /// Its open WebSockets.
    pub fn load(&self) -> u64 {
        self.load.now()
    }
}

/// What public URIs are compared by.
pub fn key(uri: &Uri) -> String {
    format!("{}://{}{}", uri.scheme, uri.authority(), uri.path_or_root())
}

/// What has become of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there and offered.
    Online,
    /// It is there and not offered, because somebody ordered it.
    Draining,
    /// It has left, or was not heard of for too long.
    Down,
}

impl Presence {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Presence::Online => "online",
            Presence::Draining => "draining",
            Presence::Down => "down",
        }
    }
}

/// One member, as far as it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name: `tcp://IP:PORT`.
    pub name: String,
    /// It is this process.
    pub own: bool,
    /// What has become of it.
    pub presence: Presence,
    /// Since when, milliseconds since 1970.
    pub since_unix_ms: u64,
    /// The version of axon that it runs.
    pub version: String,
    /// Its open WebSockets.
    pub open: u64,
    /// Hash of its configuration; `None` while it is not known.
    pub config: Option<String>,
    /// What it has otherwise than this member.
    pub differences: Vec<Difference>,
    /// What it offers.
    pub offers: Vec<Offer>,
}

impl Member {
    /// True unless it is configured otherwise than this member, as far as that is known.
    pub fn is_alike(&self, own: Option<&str>) -> bool {
        self.config.as_deref().is_none_or(|hash| Some(hash) == own)
    }
}

/// The cluster at a moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Everybody who is there, and who was lately, by name.
    pub members: Vec<Member>,
    /// What the others offer, by public URI.
    pub offered: HashMap<String, Vec<Arc<Offered>>>,
    /// Who was heard and does not belong to it.
    pub strangers: Vec<Stranger>,
}

impl View {
    /// The names of those who are there.
    pub fn present(&self) -> impl Iterator<Item = &str> {
        let present = self.members.iter().filter(|m| m.presence != Presence::Down);
        present.map(|m| m.name.as_str())
    }

    /// A member by its name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.name == name)
    }
}
