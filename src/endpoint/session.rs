//! Session affinity: which id a message carries, which id an answer hands out, and where ids are bound.
//!
//! One file per session type, one row in [`SESSIONS`] (spec/endpoints.md 14). A type only reads ids; binding, expiry and
//! renewal are the [`table`]'s, the decision what to do with an id is the walk's. Each group with a session has its own
//! table, so an id means nothing outside its group and type (14.7.1).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use smallvec::SmallVec;

use crate::config::model::{SessionDef, SessionKind};
use crate::config::source::Span;
use crate::endpoint::tree::NodeId;

pub mod http;
mod simple_client;
mod soap;
pub mod table;

pub use simple_client::SimpleClient;
pub use soap::ServiceGroup;
pub use table::{Path, SessionCounts, SessionTable};

/// Longest id that is believed; a longer one counts as none.
pub const ID_BYTES_MAX: usize = 512;
/// Most ids that are looked at in one message.
pub const IDS_MAX: usize = 16;
/// Idle time of a session when no `sessionTimeout` on its path is set (14.6).
pub const DEFAULT_WINDOW: Duration = Duration::from_millis(120_000);
/// How long a replaced id still leads to its session (14.7.5).
pub const ALIAS_GRACE: Duration = Duration::from_secs(30);

/// What a request says that matters to the endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'r> {
    /// Text of the SOAP header block `ClientID`.
    pub client_id: Option<&'r str>,
    /// Text of the SOAP header block `ServiceGroupId`.
    pub service_group_id: Option<&'r str>,
    /// The `Cookie` header values as received.
    pub cookies: &'r [&'r str],
    /// Value of a `;jsessionid=` path parameter.
    pub path_session: Option<&'r str>,
    /// `[retry] non_idempotent`: what groups do that do not say it themselves.
    pub retry_non_idempotent: bool,
    /// For groups that balance by a hash: the group, and the hash of what the message has.
    pub keys: &'r [(NodeId, u64)],
    /// What the nodes that each message resolves for itself stand for; one that is not listed stands for nothing.
    pub resolved: &'r [(NodeId, NodeId)],
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            client_id: None,
            service_group_id: None,
            cookies: &[],
            path_session: None,
            retry_non_idempotent: true,
            keys: &[],
            resolved: &[],
        }
    }
}

/// What an answer says that matters to sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseFacts<'r> {
    /// The `Set-Cookie` header values.
    pub set_cookie: &'r [&'r str],
    /// `ServiceGroupId` of the answer's `ReplyTo`.
    pub service_group_id: Option<&'r str>,
    /// Seconds since 1970, for cookies that expire at a date.
    pub unix_seconds: i64,
}

/// What an answer does to ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The session has this id from now on.
    Id(String),
    /// The ids that begin with this text are over.
    Gone(String),
}

/// Ids found in a request, in the order of trying.
pub type Ids = SmallVec<[String; 1]>;

/// Reads the ids of one session type.
pub trait Affinity: Sync {
    /// True when the client chooses the id, so that it is bound before the message is sent.
    fn client_initiated(&self) -> bool;
    /// Adds the ids of a request.
    fn requested(&self, facts: &Facts<'_>, spec: &SessionSpec, ids: &mut Ids);
    /// Adds what an answer says.
    fn learned(&self, response: &ResponseFacts<'_>, spec: &SessionSpec, out: &mut Vec<Learned>);
    /// True when a new id takes the place of this old one, rather than standing beside it.
    fn replaces(&self, old: &str, new: &str) -> bool;
}

/// One row of [`SESSIONS`].
pub struct SessionType {
    /// `session/@type`.
    pub name: &'static str,
    /// Its value in the model.
    pub kind: SessionKind,
    /// One sentence for people.
    pub doc: &'static str,
    /// The reader.
    pub affinity: &'static dyn Affinity,
}

/// Every session type.
pub const SESSIONS: &[SessionType] = &[
    SessionType {
        name: "http",
        kind: SessionKind::Http,
        doc: "the back end's session cookie, or the jsessionid path parameter",
        affinity: &http::Cookies,
    },
    SessionType {
        name: "simpleClientSession",
        kind: SessionKind::SimpleClient,
        doc: "the SOAP header block ClientID that the client sends",
        affinity: &SimpleClient,
    },
    SessionType {
        name: "soap",
        kind: SessionKind::Soap,
        doc: "the SOAP header block ServiceGroupId that Axis2 hands out",
        affinity: &ServiceGroup,
    },
];

/// The `session` of one group, resolved.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// `type`.
    pub kind: SessionKind,
    /// `sessionTimeout`, when set.
    pub timeout: Option<Duration>,
    /// True when use does not extend a session.
    pub fixed_expiry: bool,
    /// True when a session moves while its child is not ready.
    pub rebind: bool,
    /// True when unknown ids go to the back end.
    pub forward_unknown: bool,
    /// Cookie names that carry a session.
    pub cookies: Box<[String]>,
    /// The `session` element's type, for decisions.
    pub rule: Span,
}

impl SessionSpec {
    /// Resolves the element.
    pub fn new(def: &SessionDef) -> Self {
        let cookies = if def.cookies.is_empty() {
            http::DEFAULT_NAMES
                .iter()
                .map(|n| (*n).to_owned())
                .collect()
        } else {
            def.cookies.clone().into()
        };
        Self {
            kind: def.kind.value,
            timeout: def.timeout.as_ref().map(|t| t.value),
            fixed_expiry: def.fixed_expiry,
            rebind: def.rebind,
            forward_unknown: def.forward_unknown,
            cookies,
            rule: def.kind.span,
        }
    }

    /// The reader of its type.
    pub fn affinity(&self) -> &'static dyn Affinity {
        match self.kind {
            SessionKind::Http => &http::Cookies,
            SessionKind::SimpleClient => &SimpleClient,
            SessionKind::Soap => &ServiceGroup,
        }
    }
}

/// Key of [`key_hash`], another one in each process.
static HASH_KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A number that tells sessions apart without showing their ids: the same in all workers, and of no use to somebody who
/// guesses ids, as the key never leaves the process.
pub fn key_hash(id: &str) -> u64 {
    HASH_KEY.hash_one(id)
}

/// An id as it may be bound: trimmed, neither empty nor too long.
fn believable(id: &str) -> Option<&str> {
    let id = id.trim();
    (!id.is_empty() && id.len() <= ID_BYTES_MAX).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::{FileId, Spanned};

    pub(crate) fn spec(kind: SessionKind) -> SessionSpec {
        let rule = Span {
            file: FileId(0),
            start: 0,
            end: 0,
        };
        SessionSpec::new(&SessionDef {
            kind: Spanned::new(kind, rule),
            timeout: None,
            fixed_expiry: false,
            rebind: false,
            forward_unknown: false,
            cookies: Vec::new(),
        })
    }

    pub(crate) fn ids(kind: SessionKind, facts: &Facts<'_>) -> Vec<String> {
        let spec = spec(kind);
        let mut ids = Ids::new();
        spec.affinity().requested(facts, &spec, &mut ids);
        ids.into_vec()
    }

    #[test]
    fn every_kind_has_the_registered_reader_and_one_initiator() {
        for (row, client) in SESSIONS.iter().zip([false, true, false]) {
            assert_eq!(row.affinity.client_initiated(), client, "{}", row.name);
            assert_eq!(spec(row.kind).affinity().client_initiated(), client);
        }
    }

    #[test]
    fn soap_ids_are_trimmed_text_and_empty_or_oversized_ones_are_none() {
        let long = "x".repeat(ID_BYTES_MAX + 1);
        for (text, wanted) in [
            (Some(" 0001\n"), vec!["0001".to_owned()]),
            (Some("  "), vec![]),
            (Some(long.as_str()), vec![]),
            (Some(&long[1..]), vec![long[1..].to_owned()]),
            (None, vec![]),
        ] {
            let client = Facts {
                client_id: text,
                ..Facts::default()
            };
            assert_eq!(ids(SessionKind::SimpleClient, &client), wanted);
            assert!(ids(SessionKind::Soap, &client).is_empty());
            let group = Facts {
                service_group_id: text,
                ..Facts::default()
            };
            assert_eq!(ids(SessionKind::Soap, &group), wanted);
            assert!(ids(SessionKind::SimpleClient, &group).is_empty());
        }
    }

    #[test]
    fn only_soap_answers_and_cookies_teach_an_id() {
        let response = ResponseFacts {
            set_cookie: &["JSESSIONID=a"],
            service_group_id: Some("g"),
            unix_seconds: 0,
        };
        let learned = |kind| {
            let spec = spec(kind);
            let mut out = Vec::new();
            spec.affinity().learned(&response, &spec, &mut out);
            out
        };
        assert_eq!(learned(SessionKind::SimpleClient), []);
        assert_eq!(learned(SessionKind::Soap), [Learned::Id("g".into())]);
        assert_eq!(
            learned(SessionKind::Http),
            [Learned::Id("JSESSIONID=a".into())]
        );
    }
}
