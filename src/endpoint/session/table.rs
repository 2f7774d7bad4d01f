//! Where ids are bound: one bounded table per group.
//!
//! Shards of a hash map and a queue under one mutex each: what is bound and what is thrown out next must change
//! together, which is why this is not a concurrent map. Eviction is "second chance": the queue keeps the order of
//! insertion, and an entry that was used since it last reached the front goes round once more. The bound is hard, the
//! order approximates least recently used. Expiry is sliding or fixed (spec/endpoints.md 14.6, 14.7.2); expired entries
//! go when they are looked up, when a new one needs the room, and by [`SessionTable::sweep`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::ALIAS_GRACE;
use crate::endpoint::tree::MemberId;
use crate::util::clock::Tick;

#[cfg(test)]
mod tests;

/// Children from the outermost session group down to the first child that has no session of its own.
pub type Path = SmallVec<[MemberId; 2]>;

/// Tables smaller than this have one shard, so that their bound is exact for any ids.
const SHARDED_FROM: usize = 4096;
const SHARDS: usize = 16;
/// Entries of one shard that one sweep looks at, so that a lock is never held for long.
const SWEEP_STEP: usize = 2048;

/// How long a binding lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Idle time, or time since creation when `fixed`.
    pub window: Duration,
    /// True when use does not extend it.
    pub fixed: bool,
}

/// What became of an attempt to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Bound as asked.
    Stored,
    /// Somebody else bound the id before; follow this.
    Existing(Path),
}

/// Counters of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Bound now, replaced ids in their grace time included.
    pub active: u64,
    /// Bound since start.
    pub created: u64,
    /// Ended by time.
    pub expired: u64,
    /// Thrown out because the table was full.
    pub evicted: u64,
    /// Moved or renamed.
    pub renewed: u64,
    /// Lookups of an id that was not bound.
    pub unknown: u64,
}

#[derive(Debug)]
struct Entry {
    path: Path,
    lifetime: Lifetime,
    expires: Tick,
    stamp: u64,
    used: bool,
    created: Tick,
    last: Tick,
    hits: u32,
}

/// A binding, as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'t> {
    /// The id; not for people.
    pub id: &'t str,
    /// Where it leads.
    pub path: &'t Path,
    /// When it was bound.
    pub created: Tick,
    /// When it was used last.
    pub last: Tick,
    /// How often it was used.
    pub hits: u32,
    /// When it ends, unless it is used.
    pub expires: Tick,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Arc<str>, Entry>,
    /// Ids in the order of insertion with the stamp of their entry; another stamp means the entry is gone.
    queue: VecDeque<(Arc<str>, u64)>,
    stamp: u64,
}

#[derive(Debug, Default)]
struct Counters {
    created: AtomicU64,
    expired: AtomicU64,
    evicted: AtomicU64,
    renewed: AtomicU64,
    unknown: AtomicU64,
}

/// The sessions of one group.
#[derive(Debug)]
pub struct SessionTable {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
    hasher: RandomState,
    counters: Counters,
    /// Of a copy: what it is a copy of.
    base: Option<Base>,
}

#[derive(Debug)]
struct Base {
    table: Arc<SessionTable>,
    /// Ids that were taken over, or were not there: the copy goes its own way with them.
    seen: Mutex<HashSet<Box<str>>>,
}

impl SessionTable {
    /// A table of at most `bound` ids (at least one).
    pub fn new(bound: usize) -> Self {
        let shards = if bound < SHARDED_FROM { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            per_shard: (bound / shards).max(1),
            hasher: RandomState::new(),
            counters: Counters::default(),
            base: None,
        }
    }

    /// A copy that takes ids over when it is asked for them; nothing that is done in it reaches `table`.
    pub fn over(table: Arc<SessionTable>) -> Self {
        Self {
            base: Some(Base {
                table,
                seen: Mutex::default(),
            }),
            ..Self::new(SHARDED_FROM - 1)
        }
    }

    /// The path of an id; using it extends a sliding session.
    pub fn lookup(&self, id: &str, now: Tick) -> Option<Path> {
        let mut shard = self.shard(id).lock();
        self.take_over(&mut shard, id, now);
        if let Some(entry) = shard.entries.get_mut(id) {
            if now < entry.expires {
                entry.touch(now);
                entry.hits = entry.hits.saturating_add(1);
                return Some(entry.path.clone());
            }
            shard.entries.remove(id);
            count(&self.counters.expired);
        }
        count(&self.counters.unknown);
        None
    }

    /// Extends a sliding session at the end of an exchange.
    pub fn touch(&self, id: &str, now: Tick) {
        if let Some(entry) = self.shard(id).lock().entries.get_mut(id)
            && now < entry.expires
        {
            entry.touch(now);
        }
    }

    /// Binds an id that nobody has bound; the first of two parallel requests wins.
    pub fn bind(&self, id: &str, path: &Path, lifetime: Lifetime, now: Tick) -> Bind {
        let mut shard = self.shard(id).lock();
        self.take_over(&mut shard, id, now);
        if let Some(entry) = shard.entries.get_mut(id) {
            if now < entry.expires {
                entry.touch(now);
                return Bind::Existing(entry.path.clone());
            }
            count(&self.counters.expired);
        }
        self.insert(&mut shard, id, path, lifetime, now);
        Bind::Stored
    }

    /// Binds an id that a back end handed out, whatever it was bound to.
    pub fn rebind(&self, id: &str, path: &Path, lifetime: Lifetime, now: Tick) {
        let mut shard = self.shard(id).lock();
        self.take_over(&mut shard, id, now);
        if let Some(entry) = shard.entries.get_mut(id) {
            if now < entry.expires {
                entry.path.clone_from(path);
                entry.lifetime = lifetime;
                entry.expires = now + lifetime.window;
                (entry.used, entry.last) = (true, now);
                return;
            }
            count(&self.counters.expired);
        }
        self.insert(&mut shard, id, path, lifetime, now);
    }

    /// Turns a replaced id into an alias that ends after the grace time.
    pub fn retire(&self, id: &str, now: Tick) {
        if let Some(entry) = self.shard(id).lock().entries.get_mut(id) {
            entry.lifetime = Lifetime {
                window: ALIAS_GRACE,
                fixed: true,
            };
            entry.expires = entry.expires.min(now + ALIAS_GRACE);
            count(&self.counters.renewed);
        }
    }

    /// Ends a session.
    pub fn remove(&self, id: &str) -> bool {
        self.shard(id).lock().entries.remove(id).is_some()
    }

    /// Ends a session if it is still bound to this path.
    pub fn unbind(&self, id: &str, path: &Path) -> bool {
        let mut shard = self.shard(id).lock();
        let same = shard
            .entries
            .get(id)
            .is_some_and(|entry| entry.path == *path);
        if same {
            shard.entries.remove(id);
            count(&self.counters.renewed);
        }
        same
    }

    /// Binds an id that is bound to another child; false when it is not bound.
    pub fn move_to(&self, id: &str, path: &Path) -> bool {
        let mut shard = self.shard(id).lock();
        let Some(entry) = shard.entries.get_mut(id) else {
            return false;
        };
        entry.path.clone_from(path);
        count(&self.counters.renewed);
        true
    }

    /// Shows every binding that is not over, one shard at a time.
    pub fn each(&self, now: Tick, visit: &mut dyn FnMut(Binding<'_>)) {
        for shard in &self.shards {
            for (id, entry) in &shard.lock().entries {
                if now < entry.expires {
                    visit(Binding {
                        id,
                        path: &entry.path,
                        created: entry.created,
                        last: entry.last,
                        hits: entry.hits,
                        expires: entry.expires,
                    });
                }
            }
        }
    }

    /// Throws out expired sessions, a bounded number per call; how many went.
    pub fn sweep(&self, now: Tick) -> usize {
        let mut gone = 0;
        for shard in &self.shards {
            let mut shard = shard.lock();
            for _ in 0..SWEEP_STEP.min(shard.queue.len()) {
                let Some((id, stamp)) = shard.queue.pop_front() else {
                    break;
                };
                match shard.entries.get(&id) {
                    Some(entry) if entry.stamp == stamp && now < entry.expires => {
                        shard.queue.push_back((id, stamp));
                    }
                    Some(entry) if entry.stamp == stamp => {
                        shard.entries.remove(&id);
                        gone += 1;
                    }
                    _ => {}
                }
            }
        }
        self.counters
            .expired
            .fetch_add(gone as u64, Ordering::Relaxed);
        gone
    }

    /// Ends the sessions that are bound to children who are gone; how many.
    pub fn end_where(&self, gone: impl Fn(&Path) -> bool) -> usize {
        let mut ended = 0;
        for shard in &self.shards {
            let entries = &mut shard.lock().entries;
            let before = entries.len();
            entries.retain(|_, entry| !gone(&entry.path));
            ended += before - entries.len();
        }
        ended
    }

    /// How many ids are bound.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().entries.len()).sum()
    }

    /// True when no id is bound.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The counters now.
    pub fn counts(&self) -> SessionCounts {
        let read = |c: &AtomicU64| c.load(Ordering::Relaxed);
        SessionCounts {
            active: self.len() as u64,
            created: read(&self.counters.created),
            expired: read(&self.counters.expired),
            evicted: read(&self.counters.evicted),
            renewed: read(&self.counters.renewed),
            unknown: read(&self.counters.unknown),
        }
    }

    fn shard(&self, id: &str) -> &Mutex<Shard> {
        // The low bits choose the bucket inside the shard's own map, under another hasher: no correlation.
        &self.shards[self.hasher.hash_one(id) as usize % self.shards.len()]
    }

    fn take_over(&self, shard: &mut Shard, id: &str, now: Tick) {
        let Some(base) = &self.base else {
            return;
        };
        if !base.seen.lock().insert(id.into()) {
            return;
        }
        let theirs = base.table.shard(id).lock();
        let Some(Entry {
            path,
            lifetime,
            expires,
            ..
        }) = theirs.entries.get(id)
        else {
            return;
        };
        self.insert(shard, id, path, *lifetime, now);
        if let Some(entry) = shard.entries.get_mut(id) {
            entry.expires = *expires;
        }
    }

    fn insert(&self, shard: &mut Shard, id: &str, path: &Path, lifetime: Lifetime, now: Tick) {
        shard.entries.remove(id);
        while shard.entries.len() >= self.per_shard {
            match shard.evict(now) {
                Some(true) => count(&self.counters.expired),
                Some(false) => count(&self.counters.evicted),
                None => break,
            }
        }
        let id: Arc<str> = id.into();
        shard.stamp += 1;
        let entry = Entry {
            path: path.clone(),
            lifetime,
            expires: now + lifetime.window,
            stamp: shard.stamp,
            used: false,
            created: now,
            last: now,
            hits: 0,
        };
        shard.queue.push_back((id.clone(), shard.stamp));
        shard.entries.insert(id, entry);
        shard.trim();
        count(&self.counters.created);
    }

    /// What must hold between any two calls.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        for shard in &self.shards {
            let shard = shard.lock();
            assert!(shard.entries.len() <= self.per_shard);
            assert!(shard.queue.len() <= 2 * shard.entries.len() + 16);
            for (id, entry) in &shard.entries {
                let queued = shard
                    .queue
                    .iter()
                    .filter(|q| q.0 == *id && q.1 == entry.stamp);
                assert_eq!(queued.count(), 1, "{id}");
            }
        }
    }
}

impl Entry {
    fn touch(&mut self, now: Tick) {
        self.used = true;
        self.last = now;
        if !self.lifetime.fixed {
            self.expires = now + self.lifetime.window;
        }
    }
}

impl Shard {
    /// Throws one entry out; true when it was over anyway, `None` when there is none.
    fn evict(&mut self, now: Tick) -> Option<bool> {
        // Each entry goes round at most once, as its mark is taken off when it does.
        for _ in 0..=2 * self.queue.len() {
            let (id, stamp) = self.queue.pop_front()?;
            let Some(entry) = self.entries.get_mut(&id).filter(|e| e.stamp == stamp) else {
                continue;
            };
            let over = entry.expires <= now;
            if entry.used && !over {
                entry.used = false;
                self.queue.push_back((id, stamp));
            } else {
                self.entries.remove(&id);
                return Some(over);
            }
        }
        None
    }

    /// Keeps the queue in proportion when sessions are removed faster than they are evicted.
    fn trim(&mut self) {
        if self.queue.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.queue
                .retain(|(id, stamp)| entries.get(id).is_some_and(|e| e.stamp == *stamp));
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
