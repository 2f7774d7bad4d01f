//! REST APIs (spec/mediation.md 5).

use super::{SequenceUse, Transports};
use crate::config::source::{Span, Spanned};
use crate::config::uri_template::Template;

/// An `api` element.
#[derive(Debug, Clone)]
pub struct ApiDef {
    /// Name.
    pub name: Spanned<String>,
    /// What its paths begin with: the context and, where it belongs there, the version; without a slash at its end, empty for
    /// the API of all paths.
    pub context: Spanned<String>,
    /// `version`.
    pub version: Option<String>,
    /// `hostname`, in lower case.
    pub host: Option<String>,
    /// `port`.
    pub port: Option<u16>,
    /// Over what it is reached.
    pub transports: Transports,
    /// Never empty.
    pub resources: Vec<ResourceDef>,
    /// The element.
    pub span: Span,
}

/// A `resource` of an API.
#[derive(Debug, Clone)]
pub struct ResourceDef {
    /// `methods`; empty means all.
    pub methods: Methods,
    /// Which paths it takes.
    pub mapping: Mapping,
    /// Over what it is reached.
    pub transports: Transports,
    /// `content-type`.
    pub content_type: Option<String>,
    /// `user-agent`: a regular expression.
    pub user_agent: Option<Spanned<String>>,
    /// What requests go through.
    pub in_sequence: Option<SequenceUse>,
    /// What answers go through; without it they go straight back.
    pub out_sequence: Option<SequenceUse>,
    /// What handles errors.
    pub fault_sequence: Option<SequenceUse>,
    /// The element.
    pub span: Span,
}

/// Which paths a resource takes.
#[derive(Debug, Clone)]
pub enum Mapping {
    /// Those that no other one takes.
    Default,
    /// `url-mapping`.
    Url(String),
    /// `uri-template`.
    Template(Template),
}

impl Mapping {
    /// As it is written; empty for the default.
    pub fn text(&self) -> &str {
        match self {
            Mapping::Default => "",
            Mapping::Url(text) => text,
            Mapping::Template(template) => template.text(),
        }
    }
}

/// A set of the methods that resources may name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// The methods there are, in the order in which they are listed.
    pub const NAMES: [&'static str; 7] =
        ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    /// All of them.
    pub const ALL: Methods = Methods((1 << Methods::NAMES.len()) - 1);

    /// The set of one; empty for a token that is none of them.
    pub fn of(token: &[u8]) -> Methods {
        let at = Self::NAMES.iter().position(|n| n.as_bytes() == token);
        Methods(at.map_or(0, |at| 1 << at))
    }

    /// True when there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    pub fn and(self, other: Methods) -> Methods {
        Methods(self.0 | other.0)
    }

    /// True when one is in both.
    pub fn meets(self, other: Methods) -> bool {
        self.0 & other.0 != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = Self::NAMES.into_iter().enumerate();
        named.filter_map(move |(at, name)| (self.0 & (1 << at) != 0).then_some(name))
    }
}
