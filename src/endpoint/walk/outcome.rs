//! What goes in and out of a walk.

use crate::codes::ErrorCode;
use crate::endpoint::state::Admission;
use crate::endpoint::tree::{Endpoints, NodeId, NodeKind};
use crate::util::clock::Tick;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send to this leaf and report.
    Try(TryOf),
    /// Send a copy to each ready child of this recipient list; the walk is over with it.
    Copies(NodeId),
    /// The message failed; this is final.
    Fail(Failure),
}

/// One try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryOf {
    /// The leaf, references followed.
    pub leaf: NodeId,
    /// What the leaf's state gave for this try; the walk gives it back.
    pub admission: Admission,
    /// Number of the try, from 1.
    pub number: u32,
}

/// What the transport knows about a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The back end may have run the request: its head was written completely.
    pub may_have_run: bool,
    /// The request can be sent again: all of its bytes are still held.
    pub replayable: bool,
    /// The method may be run twice without harm.
    pub idempotent: bool,
}

/// Why a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What `ERROR_CODE` shows: the code of the last try, or the verdict when there was none.
    pub code: ErrorCode,
    /// What the walk itself says: 303000, 303001, 303201, 303202, 305100, 309001 to 309003.
    pub verdict: ErrorCode,
    /// The last leaf that was tried, else the node that could not be.
    pub node: NodeId,
    /// True when `responseAction` is `discard`: no fault sequence runs.
    pub discard: bool,
    /// How many tries there were.
    pub tries: u32,
}

impl Failure {
    /// One line for `ERROR_MESSAGE` and the log, for a failure without a try.
    pub fn message(&self, endpoints: &Endpoints, now: Tick) -> String {
        let node = endpoints.node(self.node);
        match &node.kind {
            // In the words of the originals, which people search their logs for (spec/samples.md 4).
            NodeKind::Missing(key) => {
                format!(
                    "Couldn't find the endpoint with the key : {}",
                    key.value.trim()
                )
            }
            NodeKind::NoTemplate(template) => {
                format!("there is no endpoint template \"{}\"", template.value)
            }
            NodeKind::Resolving(resolving) => format!(
                "the key-expression {} names no endpoint",
                resolving.expression.value.trim()
            ),
            NodeKind::ByHost(_) => format!("endpoint {} has no service for the host", node.path),
            NodeKind::Unsupported(what) => {
                format!("endpoint {} cannot be used: {}", node.path, what.value)
            }
            NodeKind::Leaf(leaf) if self.code == ErrorCode::NOT_READY => {
                if let Some(why) = leaf.target.not_ready() {
                    return format!("endpoint {} is not ready: {why}", node.path);
                }
                let snapshot = leaf.state.snapshot();
                let left = snapshot.next_retry.since(now).as_millis();
                format!(
                    "endpoint {} is not ready: {}, {left} ms left",
                    node.path,
                    snapshot.state.name()
                )
            }
            _ => {
                let text = self.verdict.row().map_or("failed", |row| row.text);
                format!("endpoint {}: {text}", node.path)
            }
        }
    }
}

/// What an answer did to the message's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEffect {
    /// Nothing.
    None,
    /// The session goes on.
    Kept,
    /// A session was bound.
    Bound,
    /// The back end gave the session another id.
    Renewed,
    /// The back end ended the session.
    Ended,
}
