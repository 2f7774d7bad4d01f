//! Why a walk went where it went: small records that events, the access log and explanations are made from.

use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::tree::NodeId;

/// Most decisions of one walk that are kept; the first ones tell most.
pub const DECISIONS_MAX: usize = 64;

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The node it is about.
    pub node: NodeId,
    /// The reason.
    pub why: Why,
    /// The element in the configuration.
    pub rule: Span,
}

/// The reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A leaf was tried.
    Try,
    /// A leaf whose suspension is over was tried as its probe.
    Probe,
    /// First usable child of a failover group.
    FirstReady,
    /// The child that a non-dynamic failover group stays on.
    Current,
    /// The algorithm's choice.
    Algorithm,
    /// The child that the session is bound to.
    Session,
    /// The message carries no known session: a new one begins.
    NewSession,
    /// Another request of the same new session was quicker.
    Followed,
    /// The bound child is not ready and the session moves.
    Rebound,
    /// The bound child is not ready.
    SessionUnavailable,
    /// The session's path leads nowhere.
    SessionBadPath,
    /// The node cannot take the message.
    NotReady,
    /// The try failed with this code.
    Failed(ErrorCode),
    /// The failed child's `retryConfig` forbids another try.
    RetryForbidden,
    /// The message cannot or must not be sent again.
    NotRepeatable,
    /// The group does not fail over.
    FailoverOff,
    /// The group's `ax:maxAttempts` is used up.
    AttemptsExhausted,
    /// Each ready child of a recipient list gets a copy.
    Copies,
    /// The group gives the message up.
    GroupFailed,
}
