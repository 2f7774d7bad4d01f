//! How many messages may use a back end at the same time, and who waits for a place.
//!
//! One gate for the whole process: its places are taken from all workers, and who waits is let in in the order of coming.
//! A place is free again when it is dropped, a wait when its future is: nothing is left over from a client that went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::util::gauge::Gauge;

/// The bounds of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Most places; at least 1.
    pub places: u32,
    /// Most messages that wait for one.
    pub waiting: u32,
    /// Longest wait.
    pub wait: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    places: Arc<Semaphore>,
    waiting: Gauge,
    refused: AtomicU64,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overload {
    /// As many as may wait are waiting.
    #[error("{0} messages are waiting already")]
    Full(u32),
    /// The wait took too long.
    #[error("no place became free within {} ms", .0.as_millis())]
    Late(Duration),
}

impl Gate {
    /// A gate with those bounds and every place free.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.places as usize)),
            waiting: Gauge::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Its bounds.
    pub fn limits(&self) -> GateLimits {
        self.limits
    }

    /// A place, at once or after a wait.
    pub async fn enter(&self) -> Result<Place, Overload> {
        // Succeeds only while nobody waits: a place that becomes free belongs to the first in the row.
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(Place { _permit: permit });
        }
        // Counted first and looked at then: of two that come for the last place in the row one is refused.
        let waiting = self.waiting.one();
        if self.waiting.now() > u64::from(self.limits.waiting) {
            return self.refuse(Overload::Full(self.limits.waiting));
        }
        let permit = tokio::time::timeout(self.limits.wait, self.places.clone().acquire_owned());
        let permit = permit.await;
        drop(waiting);
        match permit {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            // The semaphore is never closed, so this is the timer.
            Ok(Err(_)) | Err(_) => self.refuse(Overload::Late(self.limits.wait)),
        }
    }

    /// Why a message that came now would be refused at once.
    pub fn refuses_now(&self) -> Option<Overload> {
        let full = self.places.available_permits() == 0
            && self.waiting.now() >= u64::from(self.limits.waiting);
        full.then_some(Overload::Full(self.limits.waiting))
    }

    fn refuse(&self, why: Overload) -> Result<Place, Overload> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(why)
    }

    /// Places taken.
    pub fn in_use(&self) -> u64 {
        u64::from(self.limits.places).saturating_sub(self.places.available_permits() as u64)
    }

    /// Messages that wait.
    pub fn pending(&self) -> u64 {
        self.waiting.now()
    }

    /// Messages that got no place.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(places: u32, waiting: u32) -> Arc<Gate> {
        Arc::new(Gate::new(GateLimits {
            places,
            waiting,
            wait: Duration::from_millis(100),
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_first_is_let_in_first() {
        let gate = gate(1, 10);
        let place = gate.enter().await.unwrap();
        let (order, mut came) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..3 {
            let (gate, order) = (gate.clone(), order.clone());
            tokio::spawn(async move {
                let _place = gate.enter().await.unwrap();
                order.send(number).unwrap();
            });
            tokio::task::yield_now().await;
        }
        assert_eq!((gate.in_use(), gate.pending()), (1, 3));
        drop(place);
        assert_eq!(came.recv().await, Some(0));
        assert_eq!(came.recv().await, Some(1));
        assert_eq!(came.recv().await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_row_and_a_long_wait_are_refused() {
        let gate = gate(1, 1);
        let place = gate.enter().await.unwrap();
        let waits = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        assert_eq!(gate.refuses_now(), Some(Overload::Full(1)));
        assert_eq!(gate.enter().await.err(), Some(Overload::Full(1)));
        let late = Err(Overload::Late(Duration::from_millis(100)));
        assert_eq!(waits.await.unwrap(), late);
        assert_eq!((gate.in_use(), gate.pending(), gate.refused()), (1, 0, 2));
        drop(place);
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.in_use(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_leaves_the_row() {
        let gate = gate(1, 1);
        let place = gate.enter().await.unwrap();
        let waits = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        waits.abort();
        assert!(waits.await.is_err());
        assert_eq!(gate.pending(), 0);
        drop(place);
        assert!(gate.enter().await.is_ok());
    }

    #[test]
    fn the_bound_holds_for_all_threads_together() {
        let gate = Arc::new(Gate::new(GateLimits {
            places: 3,
            waiting: 1000,
            wait: Duration::from_secs(20),
        }));
        let most = AtomicU64::new(0);
        let inside = AtomicU64::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        for _ in 0..200 {
                            let _place = gate.enter().await.unwrap();
                            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    });
                });
            }
        });
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(gate.in_use(), 0);
    }
}
