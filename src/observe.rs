//! What axon tells about itself: access lines, event lines, request ids and metric families.
//!
//! Any room may write here; nothing here knows a room. A worker never waits for an output: lines go into a
//! bounded buffer of its own that one thread empties ([`lines`]), and metrics are plain snapshots that are
//! rendered when somebody asks ([`metrics`]). Keys, names and labels are those of the interface: their order is
//! stable, because people grep for them.

pub mod access;
mod digits;
mod escape;
pub mod event;
pub mod follow;
pub mod lines;
pub mod metrics;
pub mod request_id;
pub mod stamp;
pub mod timeline;

pub use access::{AccessRecord, Attempt, SessionHow, SessionUse};
pub use event::{Event, EventLog};
pub use follow::{Follower, TooManyReaders};
pub use lines::{LineWriter, Lines};
pub use metrics::MetricsSnapshot;
pub use request_id::{RequestId, RequestIds};
pub use timeline::Entry;

use std::io::IsTerminal;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    Text,
    /// One JSON object a line.
    Json,
    /// Nothing.
    Off,
}

impl LogFormat {
    /// The format of that name; `auto` is text on a terminal and JSON otherwise. `None` for an unknown name.
    pub fn parse(name: &str) -> Option<LogFormat> {
        Some(match name {
            "auto" if std::io::stdout().is_terminal() => LogFormat::Text,
            "auto" | "json" => LogFormat::Json,
            "text" => LogFormat::Text,
            "off" => LogFormat::Off,
            _ => return None,
        })
    }
}
