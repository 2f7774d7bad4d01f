//! Who gets the message: endpoint state, groups, balancing, session affinity, and the walk of one message through them.
//!
//! Everything here but the dispatch to the transport is sans-io (design 6): the time ([`Tick`](crate::util::clock::Tick))
//! and the random seed are arguments, nothing sleeps, nothing reads a socket. The same code therefore runs in the
//! proxy, in explanations and simulations, and in property tests. Rules: spec/endpoints.md 1, 2, 6-14, 21, 22.
//!
//! - [`rules`]: what a leaf's settings say about an error, and how long a suspension lasts.
//! - [`state`]: Active / Timeout / Suspended / Off of one leaf, with epochs and probes.
//! - [`authorities`]: a state for each back end of an endpoint whose target the message decides.
//! - [`algorithm`]: which child is next; one registration line per algorithm.
//! - [`load`]: how busy a leaf is and how soon it answers, for the algorithms that go by that.
//! - [`session`]: which child is mine; one registration line per session type, and the bounded table.
//! - [`shape`]: what a leaf's format settings make of a message.
//! - [`tree`]: the endpoints of one generation as an arena, built from the model, identities carried over reloads.
//! - [`walk`]: one message's way through the tree: try, next try, or failure.
//! - [`order`]: what a person wants of an endpoint.
//! - [`health`]: what health checks do to a state.
//! - [`membership`]: where the members of dynamic groups come from.
//! - [`recipients`]: the addresses of recipient lists that messages compute.
//! - [`hold`]: when a refusal is worth a short wait.
//! - [`stats`], [`inspect`]: what the administration sees.

pub mod algorithm;
pub mod allow;
pub mod authorities;
pub mod dispatch;
pub mod health;
pub mod hold;
pub mod inspect;
pub mod load;
pub mod membership;
pub mod operations;
pub mod order;
pub mod recipients;
pub mod rules;
pub mod session;
pub mod shape;
pub mod state;
pub mod stats;
pub mod tree;
pub mod walk;

pub use session::{Facts, ResponseFacts};
pub use tree::{Builder, Endpoints, NodeId, ReloadReport};
pub use walk::{Failure, Retry, Step, TryOf, Walk};
