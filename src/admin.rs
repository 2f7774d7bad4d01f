//! The administration server of the control plane: status, endpoints, switches, reload, events, metrics.
//!
//! It knows the running proxy only through [`Control`], so that no room depends on it and its tests need no
//! proxy. Safe by default (RFC 9110 for the methods, RFC 9457 for problems):
//! - bound to loopback or a Unix socket, or it asks for a token ([`Admin::bind`] refuses anything else);
//! - the `Host` must name this machine, so that a page of another site cannot reach it through a rebound name;
//! - a change needs POST, no foreign `Origin`, and the header `X-Axon-Request` (which a page of another site
//!   cannot send without a preflight, and preflights are never granted) or the token;
//! - heads, bodies, connections and the time for a head are bounded.

mod access;
mod control;
#[cfg(test)]
pub(crate) mod double;
pub mod explain;
mod listen;
mod problem;
mod router;
pub mod sessions;
mod stream;
mod view;

pub use access::Token;
pub use control::{BoxFuture, Control, SessionError, SwitchError, SwitchOrder, Verb};
pub use listen::{Admin, AdminAddr, BindError};
pub use view::{
    BalancerView, CauseView, CertificateView, ChangeView, ClusterView, DifferenceView,
    EndpointView, EntryView, ExecutorView, KeptView, ListenerView, MemberView, OperationView,
    OrderView, PlaceView, ProcessorView, ReloadView, SettingView, StateCounts, StatsView,
    StatusView, StoreView, TargetView, TimelineView, TlsProfileView, TlsView,
};
