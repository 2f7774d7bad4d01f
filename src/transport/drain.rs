//! Stopping without losing anything: what is under way ends, what is idle is closed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// The stop of one worker: a flag, those who wait for it, and how much is under way.
#[derive(Debug, Default)]
pub struct Drain {
    begun: Cell<bool>,
    waiting: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
    open: Cell<usize>,
    empty: RefCell<Option<Waker>>,
}

/// A connection that waits and may be woken by the stop.
#[derive(Debug)]
pub struct Waiting<'a> {
    drain: &'a Drain,
    slot: usize,
}

/// A connection that is open.
#[derive(Debug)]
pub struct Open<'a> {
    drain: &'a Drain,
}

impl Drain {
    /// True once the stop began.
    pub fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Begins the stop and wakes all who wait.
    pub fn begin(&self) {
        self.begun.set(true);
        for waker in self
            .waiting
            .borrow_mut()
            .iter_mut()
            .filter_map(Option::take)
        {
            waker.wake();
        }
        self.wake_if_empty();
    }

    /// Takes a place among those who are woken.
    pub fn wait(&self) -> Waiting<'_> {
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut waiting = self.waiting.borrow_mut();
            waiting.push(None);
            waiting.len() - 1
        });
        Waiting { drain: self, slot }
    }

    /// Counts a connection until the value is dropped.
    pub fn open(&self) -> Open<'_> {
        self.open.set(self.open.get() + 1);
        Open { drain: self }
    }

    /// Connections open now.
    pub fn open_count(&self) -> usize {
        self.open.get()
    }

    /// Ready when the stop began and no connection is open.
    pub async fn done(&self) {
        poll_fn(|cx| {
            if self.begun.get() && self.open.get() == 0 {
                return Poll::Ready(());
            }
            *self.empty.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn wake_if_empty(&self) {
        if self.open.get() == 0
            && let Some(waker) = self.empty.borrow_mut().take()
        {
            waker.wake();
        }
    }
}

impl Waiting<'_> {
    /// True when the stop has begun; else this task is woken when it does.
    pub fn poll_begun(&self, cx: &Context<'_>) -> bool {
        if self.drain.begun.get() {
            return true;
        }
        let place = &mut self.drain.waiting.borrow_mut()[self.slot];
        if !place.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *place = Some(cx.waker().clone());
        }
        false
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.drain.waiting.borrow_mut()[self.slot] = None;
        self.drain.free.borrow_mut().push(self.slot);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.drain.open.set(self.drain.open.get() - 1);
        if self.drain.begun.get() {
            self.drain.wake_if_empty();
        }
    }
}
