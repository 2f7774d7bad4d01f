//! Runs message processors on one worker: each when its interval is over, beside the exchanges, one round at a time.
//!
//! A stop lets them deliver what waits, as long as that works and the drain time lasts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::copies::Beside;
use super::schedule;
use super::serve::Service;
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::{Dispatch, EventSink};
use crate::endpoint::state::Transition;
use crate::endpoint::tree::NodeKind;
use crate::endpoint::walk::{Decision, Failure};
use crate::exchange::{Exchange, Fault};
use crate::mediation::processor::Turn;
use crate::mediation::{Category, Cx, LogSink};
use crate::observe::RequestId;

/// How often it is looked for processors of a new configuration.
const LOOK: Duration = Duration::from_millis(500);

/// See the module.
pub struct Processors {
    service: Rc<Service>,
    /// By name: when each is due; `None` while it works.
    due: RefCell<HashMap<Arc<str>, Option<Instant>>>,
}

impl Processors {
    /// Those of the configuration that the service serves.
    pub fn new(service: Rc<Service>) -> Rc<Processors> {
        Rc::new(Processors {
            service,
            due: RefCell::default(),
        })
    }

    /// Runs for ever.
    pub async fn run(self: Rc<Self>) {
        loop {
            let next = self.start_due(Instant::now());
            tokio::time::sleep_until(next).await;
            if self.service.worker.drain.has_begun() {
                return;
            }
        }
    }

    /// Starts whatever is due; when to look again.
    fn start_due(self: &Rc<Self>, now: Instant) -> Instant {
        let generation = self.service.generation();
        let processors = generation.mediation.processors();
        let mut due = self.due.borrow_mut();
        due.retain(|name, at| at.is_none() || processors.iter().any(|p| p.name == *name));
        let mut next = now + LOOK;
        for (nth, processor) in processors.iter().enumerate() {
            let first = Some(schedule::next(&processor.schedule, now));
            let Some(at) = due.entry(processor.name.clone()).or_insert(first) else {
                continue;
            };
            if *at > now {
                next = next.min(*at);
                continue;
            }
            if processor.store.is_empty() || !processor.state.is_active() {
                *at = schedule::next(&processor.schedule, now);
                next = next.min(*at);
                continue;
            }
            due.insert(processor.name.clone(), None);
            let this = self.clone();
            let beside = self.beside();
            tokio::task::spawn_local(async move {
                this.round(nth, &beside, false).await;
                if let Some(processor) = beside.generation.mediation.processors().get(nth) {
                    let at = schedule::next(&processor.schedule, Instant::now());
                    this.due
                        .borrow_mut()
                        .insert(processor.name.clone(), Some(at));
                }
            });
        }
        next
    }

    fn beside(&self) -> Beside {
        self.service.beside(self.service.generation())
    }

    async fn round(&self, nth: usize, beside: &Beside, last: bool) -> bool {
        let _open = beside.home.worker.drain.open();
        beside.home.worker.look();
        let events = beside.events();
        let sender = beside.bound(&events);
        let cx = Cx {
            sender: &sender,
            log: &events,
        };
        let mediation = &beside.generation.mediation;
        match mediation.processors().get(nth) {
            Some(processor) => {
                let now = beside.home.worker.now();
                mediation.work(processor, Turn { now, last }, &cx).await
            }
            None => false,
        }
    }

    /// Delivers what waits, and says what is lost.
    pub async fn finish(&self, end: Instant) {
        let beside = self.beside();
        let processors = beside.generation.mediation.processors().len();
        let all = async {
            for nth in 0..processors {
                while self.round(nth, &beside, true).await {}
            }
        };
        let _ = tokio::time::timeout_at(end, all).await;
        for store in beside.generation.mediation.stores() {
            let left = store.len();
            if left > 0 {
                let text = format!(
                    "{left} messages of the message store `{}` are lost",
                    store.name
                );
                beside.events().log(Category::Error, &text);
            }
        }
    }
}

impl Beside {
    /// Sends for a processor: by a tree of endpoints that only processors use, in which nothing stays left out but what a
    /// person has switched off.
    pub async fn deliver(&self, x: &mut Exchange, root: NodeId) -> Result<(), Fault> {
        let own = self.generation.deliveries();
        let now = self.home.worker.now();
        for (id, node) in own.nodes() {
            if let NodeKind::Leaf(leaf) = &node.kind
                && let Some(original) = self.generation.endpoints.leaf(id)
            {
                leaf.state.switch_on(now);
                leaf.state.obey(&original.state);
            }
        }
        let events = self.events();
        let quiet = Quiet(&events);
        let dispatch = Dispatch {
            endpoints: own,
            events: &quiet,
            ..self.dispatch(&events)
        };
        dispatch.send(x, root).await
    }
}

/// Says nothing of states, which are those of the processors' own tree.
struct Quiet<'a>(&'a dyn EventSink);

impl EventSink for Quiet<'_> {
    fn state_changed(&self, _: &str, _: &Transition, _: &RequestId, _: Option<&str>) {}

    fn left_alone(&self, _: NodeId, _: ErrorCode, _: &RequestId, _: &str) {}

    fn gave_up(
        &self,
        root: NodeId,
        failure: &Failure,
        decisions: &[Decision],
        request: &RequestId,
        said: &str,
    ) {
        self.0.gave_up(root, failure, decisions, request, said);
    }

    fn failed_over(&self, path: &str, rule: Span, failed: &str, code: ErrorCode, id: &RequestId) {
        self.0.failed_over(path, rule, failed, code, id);
    }

    fn repeated(&self, path: &str, code: ErrorCode, request: &RequestId) {
        self.0.repeated(path, code, request);
    }
}
