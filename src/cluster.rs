//! Members of a cluster: who is there, and which URIs each of them offers to balancers.
//!
//! Membership and the shared map are gossip (chitchat): every member tells a few others what it knows, five times a second.
//! What a balancer reads is a local copy ([`View`]), so that no answer ever waits for another member. A member whose heartbeat stands
//! still is left out after [`watcher::SILENT`], whether it was killed, frozen or cut off; one that stops says so and is left out
//! at once, one that drains is left out and goes on with what is open. There is no master.
//!
//! [`watcher`] is pure and is told the time. Members compare their configurations ([`description`]) and tell what is
//! different; that excludes nobody. Everything between members is sealed with a shared key ([`seal`]); without one only addresses of
//! this machine may be used.

pub mod description;
mod differences;
mod discovery;
mod member;
mod pages;
pub mod seal;
mod standing;
mod strangers;
mod transport;
pub mod view;
pub mod watcher;

pub use description::Description;
pub use differences::Difference;
pub use member::{LEAVING_TIME, Local, Plan, Says, run};
pub use standing::{Draining, Standing};
pub use strangers::Stranger;
pub use view::{Member, Offer, Offered, Presence, View, key};
