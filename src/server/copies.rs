//! Sends that run beside the connection that asked for them: the copies of recipient lists, messages whose client was
//! answered before they were sent.
//!
//! Each is a task of the same worker. It keeps its generation, ends by its endpoint's timeouts, and counts as open for the
//! drain. Bounded by number and by the bytes of the bodies that are held for it.

mod events;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::executors::Executors;
use super::generation::Generation;
use super::heavy::Heavy;
use super::log::Events;
use super::serve::Bound;
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::auth::TokenFetches;
use crate::endpoint::dispatch::{CopySender, Dispatch, Outbound, Recipient};
use crate::exchange::{Body, CopyDone, CopyReport};
use crate::mediation::executor::Executor;
use crate::mediation::{Aside, Cx, Rest};
use crate::observe::{EventLog, RequestId};
use crate::transport::worker::Worker;
use events::OfList;

/// Most copies that are under way on one worker.
const COPIES_MAX: usize = 4096;
/// Most bytes of bodies that are held for copies on one worker.
const COPIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What copies hold on one worker.
#[derive(Debug, Default)]
pub struct Space {
    copies: Cell<usize>,
    bytes: Cell<usize>,
}

/// Room for the copies of one message; free again when the last of them has ended.
struct Taken {
    space: Rc<Space>,
    copies: usize,
    bytes: usize,
}

impl Taken {
    fn take(space: &Rc<Space>, copies: usize, bytes: usize) -> Option<Taken> {
        let (all, held) = (space.copies.get() + copies, space.bytes.get() + bytes);
        (all <= COPIES_MAX && held <= COPIES_BYTES_MAX).then(|| {
            space.copies.set(all);
            space.bytes.set(held);
            let space = space.clone();
            Taken {
                space,
                copies,
                bytes,
            }
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let space = &self.space;
        space.copies.set(space.copies.get() - self.copies);
        space.bytes.set(space.bytes.get() - self.bytes);
    }
}

/// What every task of one worker has.
pub struct Home {
    /// The worker.
    pub worker: Rc<Worker>,
    /// Takes events.
    pub events: Arc<EventLog>,
    /// What copies hold.
    pub space: Rc<Space>,
    /// Where tokens are fetched.
    pub tokens: TokenFetches,
    /// Where long work is done.
    pub heavy: Arc<Heavy>,
    /// Who waits for priority executors.
    pub executors: Rc<Executors>,
}

/// What a task of its own needs.
#[derive(Clone)]
pub struct Beside {
    /// What its worker has.
    pub home: Rc<Home>,
    /// The generation of its message.
    pub generation: Arc<Generation>,
    /// The message's id.
    pub request: RequestId,
    /// Whether somebody will read the hashes of session ids.
    pub hash_sessions: bool,
}

impl CopySender for Beside {
    fn send_all(&self, copies: Vec<Outbound>, report: CopyReport) -> bool {
        // The body is shared: it is held once.
        let bytes = copies
            .first()
            .map_or(0, |first| match &first.copy.request_body {
                Body::Whole(bytes) => bytes.len(),
                Body::Empty | Body::Incoming => 0,
            });
        let Some(taken) = Taken::take(&self.home.space, copies.len(), bytes) else {
            return false;
        };
        let taken = Rc::new(taken);
        for copy in copies {
            let task = self.clone().one(copy, report.clone(), taken.clone());
            tokio::task::spawn_local(task);
        }
        true
    }
}

impl Beside {
    /// Goes on with copies whose client has been answered.
    pub fn behind(&self, rest: Rest) {
        let this = self.clone();
        tokio::task::spawn_local(async move {
            let _open = this.home.worker.drain.open();
            let events = this.events();
            let sender = this.bound(&events);
            let cx = Cx {
                sender: &sender,
                log: &events,
            };
            this.generation.mediation.behind(rest, &cx).await;
        });
    }

    /// Takes copies on ways of their own, in order or each beside the others.
    pub fn aside(&self, copies: Vec<Aside>, in_order: bool, report: CopyReport) -> bool {
        let Some(taken) = Taken::take(&self.home.space, copies.len(), held(&copies)) else {
            return false;
        };
        let taken = Rc::new(taken);
        if in_order {
            let this = self.clone();
            tokio::task::spawn_local(async move {
                for aside in copies {
                    this.one_aside(aside, &report).await;
                }
                drop(taken);
            });
            return true;
        }
        for aside in copies {
            let (this, report, taken) = (self.clone(), report.clone(), taken.clone());
            tokio::task::spawn_local(async move {
                this.one_aside(aside, &report).await;
                drop(taken);
            });
        }
        true
    }

    /// Takes a copy on its way when it is its turn.
    pub fn enqueue(
        &self,
        copy: Aside,
        executor: &Executor,
        priority: i64,
        report: CopyReport,
    ) -> bool {
        let copies = [copy];
        let Some(taken) = Taken::take(&self.home.space, 1, held(&copies)) else {
            return false;
        };
        let Some(mut turn) = self.home.executors.enter(executor, priority) else {
            return false;
        };
        let this = self.clone();
        tokio::task::spawn_local(async move {
            let _open = this.home.worker.drain.open();
            turn.come().await;
            for copy in copies {
                this.one_aside(copy, &report).await;
            }
            drop((taken, turn));
        });
        true
    }

    async fn one_aside(&self, aside: Aside, report: &CopyReport) {
        let _open = self.home.worker.drain.open();
        self.home.worker.look();
        let events = self.events();
        let sender = self.bound(&events);
        let cx = Cx {
            sender: &sender,
            log: &events,
        };
        let done = self.generation.mediation.aside(aside, &cx).await;
        self.come_back(done, report).await;
    }

    /// A sender for this message.
    pub fn bound<'a>(&'a self, events: &'a Events<'a>) -> Bound<'a> {
        Bound {
            dispatch: self.dispatch(events),
            beside: Some(self),
            to_of_message: self.generation.to_of_message,
        }
    }

    /// Where events of this message go.
    pub fn events(&self) -> Events<'_> {
        Events {
            log: &self.home.events,
            generation: &self.generation,
        }
    }

    /// A sender for this message.
    pub fn dispatch<'a>(&'a self, events: &'a Events<'a>) -> Dispatch<'a> {
        Dispatch {
            worker: &self.home.worker,
            endpoints: &self.generation.endpoints,
            properties: &*self.generation,
            policy: &self.generation.policy,
            events,
            copies: self,
            request: &self.request,
            hash_sessions: self.hash_sessions,
            rehearsal: None,
            tokens: &self.home.tokens,
        }
    }

    async fn one(self, outbound: Outbound, report: CopyReport, taken: Rc<Taken>) {
        let _open = self.home.worker.drain.open();
        let Outbound { to, mut copy } = outbound;
        self.home.worker.look();
        let events = self.events();
        let dispatch = self.dispatch(&events);
        let result = match to {
            Recipient::Child(child) => dispatch.send(&mut copy, child).await,
            Recipient::Address(leaf, list) => {
                let events = OfList {
                    events: &events,
                    list,
                };
                let dispatch = Dispatch {
                    endpoints: &leaf,
                    events: &events,
                    ..dispatch
                };
                let root = leaf.tops().first().copied().unwrap_or(NodeId(0));
                let result = dispatch.send(&mut copy, root).await;
                // Its numbers mean something in its own tree only: others know it by its list.
                for tried in &mut copy.trail.tries {
                    tried.leaf = list.0;
                }
                copy.trail.root = Some(list.0);
                result
            }
        };
        drop(taken);
        let done = CopyDone {
            exchange: copy,
            result,
            recovered: false,
        };
        self.come_back(done, &report).await;
    }

    /// A copy that was copied itself comes back as its copies, unless it has an answer of its own.
    async fn come_back(&self, mut done: CopyDone, report: &CopyReport) {
        let copies = done.exchange.copies.take();
        let own = done.exchange.replied || done.exchange.response.is_some() || done.result.is_err();
        if copies.is_none() || own {
            self.give_back(done, report).await;
        }
        if let Some(copies) = copies {
            let mut copies = copies.wait();
            while let Some(done) = copies.next().await {
                self.give_back(done, report).await;
            }
        }
    }

    async fn give_back(&self, done: CopyDone, report: &CopyReport) {
        if let Err(mut unwanted) = report.done(done) {
            unwanted.discard_answer(&self.home.worker).await;
        }
    }
}

/// Bytes that are held for copies; a body that several share is held once.
fn held(copies: &[Aside]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let bodies = copies.iter().map(|aside| &aside.copy.request_body);
    let bytes = bodies.map(|body| match body {
        Body::Whole(bytes) if seen.insert(bytes.as_ptr()) => bytes.len(),
        Body::Whole(_) | Body::Empty | Body::Incoming => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_free_again_after_the_last_copy() {
        let space = Rc::new(Space::default());
        let all = Taken::take(&space, COPIES_MAX, 0).unwrap();
        assert!(Taken::take(&space, 1, 0).is_none());
        drop(all);
        let large = Taken::take(&space, 1, COPIES_BYTES_MAX).unwrap();
        assert!(Taken::take(&space, 1, 1).is_none());
        assert!(Taken::take(&space, 1, 0).is_some());
        drop(large);
        assert_eq!((space.copies.get(), space.bytes.get()), (0, 0));
    }
}
