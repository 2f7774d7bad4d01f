//! Members of a cluster: who is there, and which URIs each of them offers to balancers.
//!
//! Membership and the shared map are gossip (chitchat): every member tells a few others what it knows, five times a second.
//! What a balancer reads is a local copy ([`View`]), so that no answer ever waits for another member. A member whose heartbeat stands
//! still is left out after [`view::SILENT`], whether it was killed, frozen or cut off; one that stops says so and is left out
//! at once. There is no master.
//!
//! [`view`] is pure and is told the time. Everything between members is sealed with a shared key ([`seal`]); without one only addresses of
//! this machine may be used.

mod discovery;
mod member;
pub mod seal;
mod transport;
pub mod view;

pub use member::{Local, Plan, run};
pub use view::{Offer, Offered, View, key};
