//! Where this process stands in the cluster: what it knows of the others, and whether they are to leave it out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use super::view::View;

/// What outlives generations and joins.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The cluster, as it was last seen.
    pub view: Arc<ArcSwap<View>>,
    /// Whether balancers are to leave this process out.
    pub draining: Arc<Draining>,
}

/// Two orders, given and ended one by one; with either of them balancers leave this member out, and what is open goes on.
#[derive(Debug, Default)]
pub struct Draining {
    process: AtomicBool,
    member: AtomicBool,
}

impl Draining {
    /// The whole process is drained: `/ready` says no.
    pub fn order_process(&self, on: bool) {
        self.process.store(on, Ordering::Release);
    }

    /// True while the whole process is drained.
    pub fn is_process(&self) -> bool {
        self.process.load(Ordering::Acquire)
    }

    /// The member of the cluster is drained; `/ready` says yes.
    pub fn order_member(&self, on: bool) {
        self.member.store(on, Ordering::Release);
    }

    /// True while balancers leave this member out.
    pub fn is_on(&self) -> bool {
        self.is_process() || self.member.load(Ordering::Acquire)
    }
}
