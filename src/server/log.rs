//! From what happened to lines and events.

use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::EventSink;
use crate::endpoint::rules::{ErrorClass, RuleSettings};
use crate::endpoint::state::{EndpointState, Transition};
use crate::endpoint::walk::{Decision, Failure, Why};
use crate::exchange::{Exchange, SessionPart, TryRecord};
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

/// Longest text of a transport or an operator that an event carries, in bytes.
const SAID_MAX: usize = 300;

/// The event of a change of state.
pub fn state_event(
    generation: &Generation,
    path: &str,
    transition: &Transition,
    request: Option<&str>,
) -> Event {
    let endpoints = &generation.endpoints;
    let leaf = endpoints.at_path(path).and_then(|id| endpoints.leaf(id));
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
        suspend_ms: waits.then(|| millis(transition.pause)),
        how: leaf.and_then(|leaf| how(&leaf.rules, transition)),
        next: waits.then(|| unix_ms_of(transition.next)),
        req: request.map(str::to_owned),
        rule: transition.rule.map(|span| generation.locate(span)),
        ..Event::new("endpoint.state")
    }
}

/// How the length of a pause or suspension came about.
fn how(rules: &RuleSettings, transition: &Transition) -> Option<String> {
    let code = transition.code?;
    if code == ErrorCode::HEALTH_CHECK {
        return Some("until enough checks pass".to_owned());
    }
    match transition.to {
        EndpointState::Timeout => Some(format!(
            "{} of {} tolerated errors left",
            transition.left.unwrap_or(0),
            rules.tolerated
        )),
        EndpointState::Suspended => {
            let initial = millis(rules.initial);
            let mut text = match transition.nth {
                0 | 1 => format!("initial {initial} ms"),
                n => format!("initial {initial} ms x {}^{}", rules.factor, n - 1),
            };
            if transition.pause == rules.maximum {
                text += &format!(", at most {} ms", millis(rules.maximum));
            }
            if rules.tolerated > 0 && rules.classify(code, None) == ErrorClass::Timeout {
                text += &format!("; {} tolerated errors are used up", rules.tolerated);
            }
            Some(text)
        }
        EndpointState::Active | EndpointState::Off => None,
    }
}

fn millis(d: std::time::Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

/// The beginning of a text, as much of it as an event carries.
pub fn shortened(text: &str) -> String {
    let mut end = text.len().min(SAID_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

impl Events<'_> {
    fn path(&self, node: NodeId) -> &str {
        &self.generation.endpoints.node(node).path
    }

    /// What decided that a message was given up, and where: the last decision that stopped the walk.
    fn decisive<'d>(&self, decisions: &'d [Decision]) -> Option<(&'d Decision, &'static str)> {
        decisions.iter().rev().find_map(|decision| {
            let words = match decision.why {
                Why::RetryForbidden => {
                    "retryConfig of the child allows no other try after this code"
                }
                Why::NotRepeatable => "the request cannot or must not be sent again",
                Why::FailoverOff => "the group does not fail over",
                Why::AttemptsExhausted => "ax:maxAttempts of the group is used up",
                Why::SessionUnavailable => "the child that the session is bound to is not ready",
                Why::SessionBadPath => "the session's path leads nowhere",
                _ => return None,
            };
            Some((decision, words))
        })
    }
}

impl EventSink for Events<'_> {
    fn state_changed(
        &self,
        path: &str,
        transition: &Transition,
        request: &RequestId,
        said: Option<&str>,
    ) {
        let request = request.to_string();
        let mut event = state_event(self.generation, path, transition, Some(&request));
        event.text = match (said, transition.from, transition.to) {
            (Some(said), ..) => Some(shortened(said)),
            (None, EndpointState::Suspended, EndpointState::Active) => {
                Some("its probe was answered".to_owned())
            }
            (None, EndpointState::Timeout, EndpointState::Active) => {
                Some("it answered after a tolerated error".to_owned())
            }
            _ => None,
        };
        self.log.emit(event);
    }

    fn left_alone(&self, leaf: NodeId, code: ErrorCode, request: &RequestId, said: &str) {
        let rules = self.generation.endpoints.leaf(leaf).map(|leaf| &leaf.rules);
        let class = rules.map(|rules| rules.classify(code, None));
        self.log
            .note(self.path(leaf), "endpoint.error", code.0, None, || Event {
                code: Some(code.0),
                name: Some(code.name()),
                req: Some(request.to_string()),
                how: Some(
                    match class {
                        _ if code == ErrorCode::OVERLOADED => {
                            "it has as much to do as ax:maxConnections lets it, and has not failed: its state stays"
                        }
                        Some(ErrorClass::Ignored) => {
                            "its error codes leave this one out: its state stays"
                        }
                        _ => "its state stays",
                    }
                    .to_owned(),
                ),
                rule: match code {
                    ErrorCode::OVERLOADED => {
                        let span = self.generation.endpoints.node(leaf).span;
                        Some(self.generation.locate(span))
                    }
                    _ => rules
                        .zip(class)
                        .map(|(rules, class)| self.generation.locate(rules.place(class))),
                },
                text: Some(shortened(said)),
                ..Event::new("endpoint.error")
            });
    }

    fn traced(&self, leaf: NodeId, text: &str, request: &RequestId) {
        self.log.write_only(Event {
            endpoint: Some(self.path(leaf).to_owned()),
            req: Some(request.to_string()),
            text: Some(shortened(text)),
            ..Event::new("endpoint.trace")
        });
    }

    fn gave_up(
        &self,
        root: NodeId,
        failure: &Failure,
        decisions: &[Decision],
        request: &RequestId,
        said: &str,
    ) {
        let node = self.path(failure.node);
        let child = (node != self.path(root)).then_some(node);
        let decisive = self.decisive(decisions);
        // The child that stopped it tells more than the last one that was tried.
        let child = match decisive {
            Some((decision, _)) if decision.why == Why::SessionUnavailable => {
                Some(self.path(decision.node))
            }
            _ => child,
        };
        let kind = "endpoint.failed";
        self.log
            .note(self.path(root), kind, failure.code.0, child, || Event {
                code: Some(failure.code.0),
                name: Some(failure.code.name()),
                verdict: (failure.verdict != failure.code).then_some(failure.verdict.0),
                child: child.map(str::to_owned),
                req: Some(request.to_string()),
                rule: decisive.map(|(decision, _)| self.generation.locate(decision.rule)),
                how: match decisive {
                    _ if failure.discard => {
                        Some("responseAction is discard: no fault sequence ran".to_owned())
                    }
                    Some((_, words)) => Some(words.to_owned()),
                    None => (failure.verdict != failure.code)
                        .then(|| failure.verdict.row().map_or("", |row| row.text).to_owned()),
                },
                text: Some(shortened(said)),
                ..Event::new(kind)
            });
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
        Some(ErrorCode::CONNECT_FAILED) => {
            let last = x.trail.tries.last();
            last.map_or("connect_failed", try_outcome)
        }
        Some(code) => outcome_of(code),
    }
}

/// The outcome of one try.
pub fn try_outcome(this: &TryRecord) -> &'static str {
    match this.code {
        None => "ok",
        Some(_) if this.tls_failed => "tls_failed",
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
        ErrorCode::OVERLOADED => "overload",
        ErrorCode::RECEIVER_RECEIVE => "client_abort",
        code if code.is_status() => "failed_status",
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
