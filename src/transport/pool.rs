//! Idle connections to back ends, one pool per worker, no locks.
//!
//! A connection that closed or spoke while it lay here is recognised without a system call (its readiness says so)
//! and dropped when it is asked for; the rest are dropped when their time is over.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use super::limits::POOL_IDLE_MAX;
use super::target::{KeyHasher, Target};
use super::upstream::Upstream;
use crate::util::clock::Tick;

/// The connections to one target, and since when each is idle.
type Idle = Vec<(Tick, Box<Upstream>)>;

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub struct Pool {
    idle: HashMap<Arc<Target>, Idle, BuildHasherDefault<KeyHasher>>,
    /// Connections that were handed out again.
    pub reused: u64,
    /// Connections that were found dead.
    pub stale: u64,
}

impl Pool {
    /// The connection used last, when one is alive.
    pub fn take(&mut self, target: &Target, now: Tick) -> Option<Box<Upstream>> {
        let list = self.idle.get_mut(target)?;
        while let Some((until, mut connection)) = list.pop() {
            if until > now && !connection.io.has_news() {
                self.reused += 1;
                return Some(connection);
            }
            self.stale += 1;
        }
        None
    }

    /// Keeps a connection whose exchange ended exactly.
    pub fn put(
        &mut self,
        target: &Arc<Target>,
        connection: Box<Upstream>,
        keep: Duration,
        now: Tick,
    ) {
        if target.here {
            return;
        }
        let until = now + keep;
        match self.idle.get_mut(target) {
            Some(list) if list.len() < POOL_IDLE_MAX => list.push((until, connection)),
            Some(_) => {}
            None => {
                self.idle.insert(target.clone(), vec![(until, connection)]);
            }
        }
    }

    /// Drops what is dead or over its time.
    pub fn sweep(&mut self, now: Tick) {
        self.idle.retain(|_, list| {
            list.retain_mut(|(until, connection)| *until > now && !connection.io.has_news());
            !list.is_empty()
        });
    }

    /// How many connections lie here.
    pub fn len(&self) -> usize {
        self.idle.values().map(Vec::len).sum()
    }

    /// True when none lies here.
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}
