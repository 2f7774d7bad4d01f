//! The state machine of one leaf: Active, Timeout, Suspended, Off (spec/endpoints.md 6).
//!
//! A healthy endpoint costs one atomic load per admission and one per success: while the state is Active the word holds
//! the epoch and the bit "admit". Everything else goes under a mutex, which only a troubled endpoint ever takes.
//!
//! Where this differs from the originals on purpose (6.5): each admission carries the **epoch**, bumped on every entry
//! into Suspended, Off or Active. What an older epoch reports changes nothing, so ten failures of one outage are one
//! suspension step, and a late success of a request from before the outage does not end it. Off is left by switching
//! on only. When a suspension is over, one probe at a time is admitted; a suspension of length zero ("never suspend")
//! admits everybody, as there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::order::{Note, Order};
use super::rules::{ErrorClass, RuleSettings};
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::util::clock::Tick;

#[cfg(test)]
mod tests;

/// How many probes a suspended endpoint whose time is up is asked with at the same time.
pub const PROBES: u32 = 1;

const ADMIT: u64 = 1;

/// The four states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointState {
    /// Works.
    Active,
    /// In the pause after a tolerated error.
    Timeout,
    /// Suspended after an error.
    Suspended,
    /// Taken out by a person.
    Off,
}

impl EndpointState {
    /// The name that people and metrics see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Timeout => "timeout",
            Self::Suspended => "suspended",
            Self::Off => "off",
        }
    }
}

/// Permission for one try; given back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    epoch: u64,
    probe: bool,
}

impl Admission {
    /// True when the try is the probe of a suspended endpoint.
    pub fn is_probe(self) -> bool {
        self.probe
    }
}

/// A change of state: what events and logs are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// State before.
    pub from: EndpointState,
    /// State after; the same as before when a pause or suspension was renewed.
    pub to: EndpointState,
    /// The error that caused it, when one did.
    pub code: Option<ErrorCode>,
    /// Length of the pause or suspension.
    pub pause: Duration,
    /// When the endpoint is ready again.
    pub next: Tick,
    /// When it happened.
    pub at: Tick,
    /// The rule in the configuration, when one applied.
    pub rule: Option<Span>,
    /// How many suspensions in a row this is; 0 when it is none.
    pub nth: u32,
    /// Tolerated errors left, in Timeout.
    pub left: Option<u32>,
}

/// What the administration shows of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state.
    pub state: EndpointState,
    /// Since when.
    pub since: Tick,
    /// When it is ready again; meaningful in Timeout and Suspended.
    pub next_retry: Tick,
    /// Tolerated errors left; `None` = the full budget.
    pub remaining_retries: Option<u32>,
    /// Length of the last suspension, zero when none since the last success.
    pub last_suspension: Duration,
    /// The error that led here.
    pub cause: Option<ErrorCode>,
    /// Suspensions in a row.
    pub consecutive_suspensions: u32,
    /// Timeout errors in a row.
    pub consecutive_timeouts: u32,
    /// What a person ordered.
    pub order: Order,
}

#[derive(Clone, Debug)]
struct Inner {
    state: EndpointState,
    epoch: u64,
    next_retry: Tick,
    remaining: Option<u32>,
    last_suspend_ms: u64,
    probes: u32,
    since: Tick,
    cause: Option<ErrorCode>,
    consecutive_suspensions: u32,
    consecutive_timeouts: u32,
    order: Order,
    note: Option<Box<Note>>,
    /// `ax:probe="all"`: no limit to the probes.
    all_probe: bool,
    /// Health checks hold it out.
    by_check: bool,
}

/// The state of one leaf. Shared by generations, so it does not hold the rules: they are given with each outcome. How it is
/// probed is a part of it: a leaf whose definition changes begins anew.
#[derive(Debug)]
pub struct StateCell {
    word: AtomicU64,
    /// When it came back after a suspension, a pause or Off; 0 = it never was away.
    recovered: AtomicU64,
    inner: Mutex<Inner>,
}

impl Default for StateCell {
    fn default() -> Self {
        Self {
            word: AtomicU64::new(ADMIT),
            recovered: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                state: EndpointState::Active,
                epoch: 0,
                next_retry: Tick(0),
                remaining: None,
                last_suspend_ms: 0,
                probes: 0,
                since: Tick(0),
                cause: None,
                consecutive_suspensions: 0,
                consecutive_timeouts: 0,
                order: Order::Active,
                note: None,
                all_probe: false,
                by_check: false,
            }),
        }
    }
}

impl StateCell {
    /// A cell that lets everybody in when a suspension is over, as the originals do (`ax:probe="all"`), or one probe.
    pub fn probed_by(all: bool) -> Self {
        let cell = Self::default();
        cell.inner.lock().all_probe = all;
        cell
    }

    /// Permission for one try now, or `None` when the endpoint is not ready.
    pub fn admit(&self, now: Tick) -> Option<Admission> {
        self.admit_as(false, now)
    }

    /// The same; `bound` for a message whose session is bound here, which a drained endpoint still takes.
    pub fn admit_as(&self, bound: bool, now: Tick) -> Option<Admission> {
        let word = self.word.load(Ordering::Acquire);
        if word & ADMIT != 0 {
            return Some(Admission {
                epoch: word >> 1,
                probe: false,
            });
        }
        let mut inner = self.inner.lock();
        if !inner.ready(bound, now) {
            return None;
        }
        let probe = inner.probing();
        if probe {
            inner.probes += 1;
        }
        Some(Admission {
            epoch: inner.epoch,
            probe,
        })
    }

    /// Whether a try would be admitted now; asks without side effects.
    pub fn is_ready(&self, now: Tick) -> bool {
        self.word.load(Ordering::Acquire) & ADMIT != 0 || self.inner.lock().ready(false, now)
    }

    /// The same for a message whose session is bound here.
    pub fn is_ready_bound(&self, now: Tick) -> bool {
        self.word.load(Ordering::Acquire) & ADMIT != 0 || self.inner.lock().ready(true, now)
    }

    /// A reply came.
    pub fn on_success(&self, admission: Admission, now: Tick) -> Option<Transition> {
        // Active already, in this epoch or a later one: nothing to do either way.
        if self.word.load(Ordering::Acquire) & ADMIT != 0 {
            return None;
        }
        let mut inner = self.inner.lock();
        if admission.epoch != inner.epoch {
            return None;
        }
        match inner.state {
            EndpointState::Timeout | EndpointState::Suspended => {
                Some(self.enter_active(&mut inner, now))
            }
            EndpointState::Active | EndpointState::Off => None,
        }
    }

    /// The try failed.
    pub fn on_error(
        &self,
        rules: &RuleSettings,
        admission: Admission,
        code: ErrorCode,
        state_added: Option<ErrorCode>,
        now: Tick,
    ) -> Option<Transition> {
        let class = rules.classify(code, state_added);
        let mut inner = self.inner.lock();
        if admission.epoch != inner.epoch || inner.state == EndpointState::Off {
            return None;
        }
        inner.release(admission);
        if class == ErrorClass::Ignored {
            return None;
        }
        inner.cause = Some(code);
        let from = inner.state;
        if class == ErrorClass::Timeout {
            inner.consecutive_timeouts = inner.consecutive_timeouts.saturating_add(1);
            let left = inner.remaining.unwrap_or(rules.tolerated);
            if left > 0 {
                inner.remaining = Some(left - 1);
                inner.next_retry = now + rules.retry_delay;
                inner.enter(EndpointState::Timeout, now);
                self.publish(&inner);
                return Some(inner.transition(
                    from,
                    rules.retry_delay,
                    now,
                    Some(rules.place(class)),
                ));
            }
            inner.remaining = Some(0);
        }
        let length_ms = rules.next_suspension_ms(inner.last_suspend_ms);
        let length = Duration::from_millis(length_ms);
        inner.last_suspend_ms = length_ms;
        inner.next_retry = now + length;
        inner.epoch += 1;
        inner.probes = 0;
        inner.consecutive_timeouts = 0;
        inner.consecutive_suspensions = inner.consecutive_suspensions.saturating_add(1);
        inner.enter(EndpointState::Suspended, now);
        self.publish(&inner);
        Some(inner.transition(from, length, now, Some(rules.place(class))))
    }

    /// The try ended without an outcome (the client went away, the walk was dropped): frees the probe slot.
    pub fn abandon(&self, admission: Admission) {
        if admission.probe {
            let mut inner = self.inner.lock();
            if admission.epoch == inner.epoch {
                inner.release(admission);
            }
        }
    }

    /// Takes the endpoint out; only [`switch_on`](Self::switch_on) brings it back.
    pub fn switch_off(&self, now: Tick) -> Option<Transition> {
        self.take_out(Order::Off, None, now)
    }

    /// Gives an order. A transition comes of it when the endpoint is taken out or brought back.
    pub fn order(&self, order: Order, note: Note, now: Tick) -> Option<Transition> {
        match order {
            Order::Active => self.switch_on(now),
            Order::Off | Order::Maintain => self.take_out(order, Some(note), now),
            Order::Drain => {
                let mut inner = self.inner.lock();
                let out = inner.state == EndpointState::Off;
                let transition = out.then(|| self.enter_active(&mut inner, now));
                inner.order = Order::Drain;
                inner.note = Some(Box::new(note));
                self.publish(&inner);
                transition
            }
        }
    }

    /// Ends a pause or suspension now; an order stays.
    pub fn resume(&self, now: Tick) -> Option<Transition> {
        let mut inner = self.inner.lock();
        let waits = matches!(
            inner.state,
            EndpointState::Timeout | EndpointState::Suspended
        );
        waits.then(|| self.enter_active(&mut inner, now))
    }

    /// What was said with the order.
    pub fn note(&self) -> Option<Note> {
        // Without an order the word says so, and nobody waits for the lock.
        if self.word.load(Ordering::Acquire) & ADMIT != 0 {
            return None;
        }
        self.inner.lock().note.as_deref().cloned()
    }

    /// Takes over the order that another cell is under, when an endpoint begins anew.
    pub fn obey(&self, other: &StateCell) {
        let (order, note, since) = {
            let inner = other.inner.lock();
            (inner.order, inner.note.clone(), inner.since)
        };
        if order != Order::Active {
            let note = note.map_or_else(Note::default, |note| *note);
            self.order(order, note, since);
        }
    }

    fn take_out(&self, order: Order, note: Option<Note>, now: Tick) -> Option<Transition> {
        let mut inner = self.inner.lock();
        inner.order = order;
        inner.note = note.map(Box::new);
        if inner.state == EndpointState::Off {
            return None;
        }
        let from = inner.state;
        inner.clear();
        inner.consecutive_suspensions = 0;
        inner.consecutive_timeouts = 0;
        inner.epoch += 1;
        inner.enter(EndpointState::Off, now);
        self.publish(&inner);
        Some(inner.transition(from, Duration::ZERO, now, None))
    }

    /// Brings the endpoint back from Off, and ends a pause or suspension.
    pub fn switch_on(&self, now: Tick) -> Option<Transition> {
        let mut inner = self.inner.lock();
        (inner.order, inner.note) = (Order::Active, None);
        self.publish(&inner);
        (inner.state != EndpointState::Active).then(|| self.enter_active(&mut inner, now))
    }

    /// A cell of its own in the same state. A probe that is running is the original's: in the copy its place is taken.
    pub fn fork(&self) -> StateCell {
        let inner = self.inner.lock().clone();
        let cell = StateCell {
            word: AtomicU64::new(0),
            recovered: AtomicU64::new(self.recovered.load(Ordering::Relaxed)),
            inner: Mutex::new(inner.clone()),
        };
        cell.publish(&inner);
        cell
    }

    /// Enough health checks passed: ends a pause or suspension. Off stays.
    pub fn check_passed(&self, now: Tick, rule: Span) -> Option<Transition> {
        if self.word.load(Ordering::Acquire) & ADMIT != 0 {
            return None;
        }
        let mut inner = self.inner.lock();
        match inner.state {
            EndpointState::Timeout | EndpointState::Suspended => Some(Transition {
                rule: Some(rule),
                ..self.enter_active(&mut inner, now)
            }),
            EndpointState::Active | EndpointState::Off => None,
        }
    }

    /// Enough health checks failed: holds the endpoint out for as long as `lease`, or longer where it is out for longer
    /// already. Off stays. What a suspension by messages would be next is not changed.
    pub fn check_failed(&self, now: Tick, lease: Duration, rule: Span) -> Option<Transition> {
        let mut inner = self.inner.lock();
        let from = inner.state;
        if from == EndpointState::Off {
            return None;
        }
        if from == EndpointState::Suspended {
            inner.next_retry = inner.next_retry.max(now + lease);
            return None;
        }
        inner.by_check = true;
        inner.cause = Some(ErrorCode::HEALTH_CHECK);
        inner.next_retry = now + lease;
        inner.epoch += 1;
        inner.probes = 0;
        inner.enter(EndpointState::Suspended, now);
        self.publish(&inner);
        Some(inner.transition(from, lease, now, Some(rule)))
    }

    /// The values that the administration shows.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.inner.lock();
        Snapshot {
            state: inner.state,
            since: inner.since,
            next_retry: inner.next_retry,
            remaining_retries: inner.remaining,
            last_suspension: Duration::from_millis(inner.last_suspend_ms),
            cause: inner.cause,
            consecutive_suspensions: inner.consecutive_suspensions,
            consecutive_timeouts: inner.consecutive_timeouts,
            order: inner.order,
        }
    }

    /// When the endpoint came back the last time, for a slow start; `None` while it never was away.
    pub fn recovered(&self) -> Option<Tick> {
        match self.recovered.load(Ordering::Relaxed) {
            0 => None,
            tick => Some(Tick(tick)),
        }
    }

    /// True while a person has switched the endpoint off.
    pub fn is_off(&self) -> bool {
        self.word.load(Ordering::Acquire) & ADMIT == 0
            && self.inner.lock().state == EndpointState::Off
    }

    fn enter_active(&self, inner: &mut Inner, now: Tick) -> Transition {
        let from = inner.state;
        inner.clear();
        inner.epoch += 1;
        inner.consecutive_suspensions = 0;
        inner.consecutive_timeouts = 0;
        inner.enter(EndpointState::Active, now);
        // Before the word: who sees it active must not take it for one that never was away.
        self.recovered.store(now.0.max(1), Ordering::Relaxed);
        self.publish(inner);
        inner.transition(from, Duration::ZERO, now, None)
    }

    fn publish(&self, inner: &Inner) {
        let admit = u64::from(inner.is_open());
        // The epoch is counted in 63 bits: at a million transitions a second they last 290,000 years.
        self.word
            .store((inner.epoch << 1) | (admit * ADMIT), Ordering::Release);
    }

    /// What must hold between any two calls.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let inner = self.inner.lock();
        let word = self.word.load(Ordering::Acquire);
        assert_eq!(word & ADMIT != 0, inner.is_open(), "{inner:?}");
        assert_eq!(word >> 1, inner.epoch, "{inner:?}");
        assert!(inner.probes <= PROBES, "{inner:?}");
        assert!(
            inner.probes == 0 || inner.state == EndpointState::Suspended,
            "{inner:?}"
        );
    }
}

impl Inner {
    /// Whether everybody is admitted without a second look.
    fn is_open(&self) -> bool {
        self.state == EndpointState::Active && self.order == Order::Active
    }

    fn ready(&self, bound: bool, now: Tick) -> bool {
        if self.order == Order::Drain && !bound {
            return false;
        }
        match self.state {
            EndpointState::Active => true,
            EndpointState::Off => false,
            EndpointState::Timeout => now >= self.next_retry,
            EndpointState::Suspended => {
                now >= self.next_retry && (!self.probing() || self.probes < PROBES)
            }
        }
    }

    fn probing(&self) -> bool {
        self.state == EndpointState::Suspended
            && (self.last_suspend_ms > 0 || self.by_check)
            && !self.all_probe
    }

    fn release(&mut self, admission: Admission) {
        if admission.probe {
            self.probes = self.probes.saturating_sub(1);
        }
    }

    fn clear(&mut self) {
        self.remaining = None;
        self.last_suspend_ms = 0;
        self.probes = 0;
        self.by_check = false;
        self.cause = None;
        self.next_retry = Tick(0);
    }

    fn enter(&mut self, state: EndpointState, now: Tick) {
        if self.state != state {
            self.since = now;
        }
        self.state = state;
    }

    fn transition(
        &self,
        from: EndpointState,
        pause: Duration,
        now: Tick,
        rule: Option<Span>,
    ) -> Transition {
        Transition {
            from,
            to: self.state,
            code: self.cause,
            pause,
            next: self.next_retry,
            at: now,
            rule,
            nth: match self.state {
                EndpointState::Suspended => self.consecutive_suspensions,
                _ => 0,
            },
            left: match self.state {
                EndpointState::Timeout => self.remaining,
                _ => None,
            },
        }
    }
}
