//! XML files -> typed, spanned model. Reads files and nothing else: no runtime, no network.
//!
//! [`load`](loader::load) reports every problem of a file set in one run; each names file, line and column.

pub mod api;
pub mod cron;
mod decode;
pub mod diagnostic;
pub mod endpoint;
pub mod format;
pub mod gateway;
pub mod language;
pub mod lint;
pub mod loader;
pub mod model;
pub mod properties;
pub mod proxy;
pub mod registry;
pub mod render;
pub mod schema;
pub mod sequence_template;
pub mod serialise;
pub mod source;
mod substitution;
pub mod suggest;
pub mod task;
pub mod uri_template;
pub mod wsdl;
pub mod xml;

/// Namespace of all Synapse configuration elements.
pub const SYNAPSE_NS: &str = "http://ws.apache.org/ns/synapse";
/// Namespace of what only axon knows (attributes and elements that Synapse ignores).
pub const AXON_NS: &str = "urn:axon:1";
