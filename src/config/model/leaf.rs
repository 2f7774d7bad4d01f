//! The settings of endpoints that talk to a back end (spec/endpoints.md 3): what may stand on and in `address`, `default`,
//! `wsdl`, `http` and `member`.

use std::time::Duration;

use crate::config::source::{Span, Spanned};

/// The settings common to all leaf endpoints (spec/endpoints.md 3). `None` = not written.
#[derive(Debug, Clone, Default)]
pub struct LeafDef {
    /// What a message becomes on its way to this endpoint.
    pub format: FormatDef,
    /// `timeout/duration`.
    pub timeout: Option<Spanned<Duration>>,
    /// `timeout/responseAction`.
    pub timeout_action: Option<Spanned<TimeoutAction>>,
    /// `suspendOnFailure/errorCodes`; empty = every other code.
    pub suspend_codes: Vec<i32>,
    /// `suspendOnFailure/initialDuration`.
    pub suspend_initial: Option<Spanned<Duration>>,
    /// `suspendOnFailure/progressionFactor`.
    pub suspend_factor: Option<Spanned<f64>>,
    /// `suspendOnFailure/maximumDuration`.
    pub suspend_maximum: Option<Spanned<Duration>>,
    /// Where `suspendOnFailure` (or `suspendDurationOnFailure`) stands: the rule that an event names.
    pub suspend_span: Option<Span>,
    /// `markForSuspension/errorCodes`; empty = 101504 and 101505.
    pub mark_codes: Vec<i32>,
    /// `markForSuspension/retriesBeforeSuspension`.
    pub mark_retries: Option<Spanned<u32>>,
    /// `markForSuspension/retryDelay`.
    pub mark_delay: Option<Spanned<Duration>>,
    /// Where `markForSuspension` stands.
    pub mark_span: Option<Span>,
    /// `retryConfig/disabledErrorCodes`.
    pub retry_disabled: Vec<i32>,
    /// `retryConfig/enabledErrorCodes`.
    pub retry_enabled: Vec<i32>,
    /// `ax:tls`: the profile for https.
    pub tls: Option<Spanned<String>>,
    /// `ax:probe="all"`: everybody is let in when a suspension is over; default one probe.
    pub probe_all: bool,
    /// `retryConfig/ax:httpStatusCodes`: answers that count as failures.
    pub failing_statuses: Vec<u16>,
    /// `ax:maxConnections` and what belongs to it.
    pub limits: Option<LimitsDef>,
    /// `ax:stateKey="authority"`: a state for each back end, where the message decides which it is.
    pub state_by_authority: bool,
    /// `ax:healthCheck`.
    pub health: Option<Box<HealthDef>>,
    /// `ax:slowStart`: how long after a recovery it gets less than its share.
    pub slow_start: Option<Spanned<Duration>>,
    /// `statistics="enable"`: its operations are counted one by one.
    pub statistics: bool,
    /// `trace="enable"`: each try has a line in the log.
    pub trace: bool,
}

/// `ax:healthCheck`: how the control plane asks whether a back end is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthDef {
    /// What is asked.
    pub kind: HealthKind,
    /// Time between two checks.
    pub interval: Duration,
    /// Longest time of one.
    pub timeout: Duration,
    /// Successes in a row that bring the endpoint back.
    pub rise: u32,
    /// Failures in a row that take it out.
    pub fall: u32,
    /// The element.
    pub span: Span,
}

impl HealthDef {
    /// The same check, written at that place.
    pub fn moved_to(&self, other: &HealthDef) -> HealthDef {
        let mut moved = HealthDef {
            span: other.span,
            ..self.clone()
        };
        if let (HealthKind::Soap(soap), HealthKind::Soap(there)) = (&mut moved.kind, &other.kind)
            && let (Some(expect), Some(there)) = (&mut soap.expect, &there.expect)
        {
            expect.text.span = there.text.span;
        }
        moved
    }
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthKind {
    /// Whether it can be connected.
    Tcp,
    /// Whether a request is answered with one of these statuses.
    Http(HttpCheck),
    /// Whether an operation is.
    Soap(SoapCheck),
}

/// A request of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Method.
    pub method: String,
    /// Path and query; `None` = those of the address.
    pub path: Option<String>,
    /// Statuses that are good, from and to.
    pub statuses: Vec<(u16, u16)>,
}

/// A call of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapCheck {
    /// Path and query; `None` = those of the address.
    pub path: Option<String>,
    /// SOAP 1.2, else 1.1.
    pub soap12: bool,
    /// The action, empty for none.
    pub action: String,
    /// What is inside the envelope's body: XML that means the same wherever it stands.
    pub inside: String,
    /// Statuses that are good, from and to.
    pub statuses: Vec<(u16, u16)>,
    /// What must hold of the answer.
    pub expect: Option<Box<ExpectDef>>,
}

/// `expect` of a health check: an XPath 1.0 expression over the envelope of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectDef {
    /// The expression.
    pub text: Spanned<String>,
    /// The prefixes that it uses, with their namespaces.
    pub prefixes: Vec<(String, String)>,
}

/// How much a back end is given at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsDef {
    /// `ax:maxConnections`: most connections in use, over all workers.
    pub connections: u32,
    /// `ax:maxPending`: most messages that wait for one.
    pub pending: u32,
    /// `ax:queueTimeout`: longest wait.
    pub wait: Duration,
}

/// The settings of a leaf that change messages (spec/endpoints.md 17, 19.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatDef {
    /// `format`.
    pub format: Option<MessageFormat>,
    /// `optimize`.
    pub optimize: Option<Optimize>,
    /// `encoding`, as written.
    pub encoding: Option<Spanned<String>>,
    /// `enableAddressing`.
    pub addressing: Option<AddressingVersion>,
}

/// `format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageFormat {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
    /// The payload alone.
    Pox,
    /// A GET with the payload as its query.
    Get,
    /// As it is, with the rest of the URL.
    Rest,
}

impl MessageFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Soap11, Self::Soap12, Self::Pox, Self::Get, Self::Rest];

    /// The word in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Soap11 => "soap11",
            Self::Soap12 => "soap12",
            Self::Pox => "pox",
            Self::Get => "get",
            Self::Rest => "rest",
        }
    }
}

/// `optimize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Optimize {
    /// Binary content goes out in parts that the message includes.
    Mtom,
    /// The message goes out with its attachments.
    Swa,
}

impl Optimize {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mtom, Self::Swa];

    /// The word in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mtom => "mtom",
            Self::Swa => "swa",
        }
    }
}

/// `enableAddressing/@version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressingVersion {
    /// WS-Addressing 1.0.
    Final,
    /// The submission of August 2004.
    Submission,
}

impl AddressingVersion {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Final, Self::Submission];

    /// The word in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Submission => "submission",
        }
    }
}

/// `timeout/responseAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutAction {
    /// Run the fault handlers.
    Fault,
    /// Forget the request.
    Discard,
    /// `never` / `none`.
    None,
}
