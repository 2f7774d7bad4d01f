//! Which REST API a request is for.

/// An API and the resource of it that takes a message; the same for all messages that it takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Visit {
    /// The API's name.
    pub api: String,
    /// Its version; empty without one.
    pub version: String,
    /// What its paths begin with, the version included where it is part of them.
    pub context: String,
    /// The mapping or template of the resource; empty for none or the one without.
    pub resource: String,
}
