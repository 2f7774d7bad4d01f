//! Thinking a message through without a network: the same walk, the same preparation of each try, but nothing is sent.
//!
//! `axon explain` gives the outcomes; everything else is the code that serves. The tree that it walks on is a copy
//! ([`Endpoints::fork`](crate::endpoint::Endpoints::fork)).

use std::time::Duration;

use crate::codes::ErrorCode;
use crate::endpoint::tree::NodeId;
use crate::endpoint::walk::{Decision, SessionEffect};
use crate::transport::target::Target;
use crate::transport::upstream::{Stage, TryError};

/// A try, ready to be sent.
pub struct Tried<'t> {
    /// The endpoint that the message was sent to.
    pub root: NodeId,
    /// The leaf that is asked.
    pub leaf: NodeId,
    /// The request's head as it would be written.
    pub head: &'t [u8],
    /// Where it would be written to.
    pub target: &'t Target,
    /// How long an answer is waited for.
    pub deadline: Duration,
    /// What the walk decided so far.
    pub decisions: &'t [Decision],
}

/// Stands in for the network.
pub trait Rehearsal {
    /// What becomes of a try.
    fn result(&self, tried: &Tried<'_>) -> Result<(), TryError>;
    /// The try was answered; what that does to the message's session, and the hash of the session's id.
    fn answered(&self, effect: SessionEffect, session: u64);
    /// The message would wait so long for an endpoint that it has no alternative to.
    fn would_wait(&self, wait: Duration);
}

/// A failure with that code, at the stage where such a failure happens.
pub fn failed(code: ErrorCode, text: String) -> TryError {
    let stage = match code {
        ErrorCode::CONNECT_FAILED | ErrorCode::CONNECT_TIMEOUT | ErrorCode::CONNECT_CANCELLED => {
            Stage::Connect
        }
        ErrorCode::SEND_FAILED | ErrorCode::SEND_ABORTED => Stage::Head,
        ErrorCode::RECEIVE_FAILED | ErrorCode::PROTOCOL_VIOLATION => Stage::Answer,
        _ => Stage::Sent,
    };
    TryError::Failed { code, stage, text }
}
