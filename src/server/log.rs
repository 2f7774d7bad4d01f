//! From what happened to lines and events.

use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::dispatch::EventSink;
use crate::endpoint::state::{EndpointState, Transition};
use crate::exchange::{Exchange, SessionPart};
use crate::mediation::{Category, LogSink};
use crate::observe::stamp::{unix_ms, unix_ms_of};
use crate::observe::{Event, EventLog, RequestId, SessionHow, SessionUse};
use crate::transport::reply::ReplyEnd;

use super::generation::Generation;

/// Writes the events of one exchange.
pub struct Events<'a> {
    /// Where they go.
    pub log: &'a EventLog,
    /// Names the places of rules.
    pub generation: &'a Generation,
}

/// The event of a change of state.
pub fn state_event(
    generation: &Generation,
    path: &str,
    transition: &Transition,
    request: Option<&str>,
) -> Event {
    let waits = matches!(
        transition.to,
        EndpointState::Timeout | EndpointState::Suspended
    );
    Event {
        endpoint: Some(path.to_owned()),
        from: Some(transition.from.name()),
        to: Some(transition.to.name()),
        code: transition.code.map(|c| c.0),
        name: transition.code.map(ErrorCode::name),
        suspend_ms: waits.then(|| u64::try_from(transition.pause.as_millis()).unwrap_or(u64::MAX)),
        next: waits.then(|| unix_ms_of(transition.next)),
        req: request.map(str::to_owned),
        rule: transition.rule.map(|span| generation.locate(span)),
        ..Event::new("endpoint.state")
    }
}

impl EventSink for Events<'_> {
    fn state_changed(&self, path: &str, transition: &Transition, request: &str) {
        self.log.emit(state_event(
            self.generation,
            path,
            transition,
            Some(request),
        ));
    }

    fn failed_over(
        &self,
        path: &str,
        rule: Span,
        failed: &str,
        code: ErrorCode,
        request: &RequestId,
    ) {
        self.log.emit(Event {
            endpoint: Some(path.to_owned()),
            code: Some(code.0),
            name: Some(code.name()),
            req: Some(request.to_string()),
            rule: Some(self.generation.locate(rule)),
            text: Some(format!("after {failed}")),
            ..Event::new("endpoint.failover")
        });
    }

    fn repeated(&self, path: &str, code: ErrorCode, request: &RequestId) {
        self.log.emit(Event {
            endpoint: Some(path.to_owned()),
            code: Some(code.0),
            name: Some(code.name()),
            req: Some(request.to_string()),
            text: Some("the request may have run here and may be sent again".to_owned()),
            ..Event::new("endpoint.repeat")
        });
    }
}

impl LogSink for Events<'_> {
    fn enabled(&self, category: Category) -> bool {
        !matches!(category, Category::Trace | Category::Debug)
    }

    fn log(&self, category: Category, text: &str) {
        self.log.emit(Event {
            ts: unix_ms(),
            text: Some(format!("{category} {text}")),
            ..Event::new("mediation.log")
        });
    }
}

/// How an exchange ended, as the label that logs and metrics share.
pub fn outcome(x: &Exchange, end: ReplyEnd) -> &'static str {
    match end {
        ReplyEnd::ClientGone | ReplyEnd::Stalled => return "client_abort",
        ReplyEnd::BackEndBroke => return "closed_early",
        ReplyEnd::Complete => {}
    }
    match x.trail.failure {
        None => "ok",
        Some(code) => outcome_of(code),
    }
}

/// The outcome that an error code stands for.
pub fn outcome_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::CONNECT_FAILED => "connect_failed",
        ErrorCode::CONNECT_TIMEOUT => "connect_timeout",
        ErrorCode::SEND_FAILED | ErrorCode::SEND_ABORTED => "send_failed",
        ErrorCode::RESPONSE_TIMEOUT => "response_timeout",
        ErrorCode::CONNECTION_CLOSED | ErrorCode::RECEIVE_FAILED => "closed_early",
        ErrorCode::PROTOCOL_VIOLATION => "protocol_error",
        ErrorCode::NOT_READY | ErrorCode::NO_READY_CHILD => "suspended",
        ErrorCode::SESSION_NOT_READY | ErrorCode::SESSION_BAD_PATH | ErrorCode::SESSION_FAILED => {
            "session_unavailable"
        }
        ErrorCode::ENDPOINT_MISSING => "no_endpoint",
        ErrorCode::RECEIVER_RECEIVE => "client_abort",
        _ => "rejected",
    }
}

/// The session's part in an access line.
pub fn session_use(part: SessionPart) -> Option<SessionUse> {
    let (how, key_hash) = match part {
        SessionPart::None => return None,
        SessionPart::Bound(hash) => (SessionHow::Bound, hash),
        SessionPart::Hit(hash) => (SessionHow::Hit, hash),
    };
    Some(SessionUse { key_hash, how })
}
