//! Writes down what a message passes while it is thought through.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::describe::place;
use super::{Generation, TRIES_SHOWN};
use crate::admin::explain::StepView;
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::{EventSink, Rehearsal, Tried, rehearsal};
use crate::endpoint::state::Transition;
use crate::endpoint::walk::{Decision, Failure, SessionEffect};
use crate::exchange::{CopyReport, Exchange, Fault};
use crate::mediation::{
    Aside, Category, Cx, LocalBoxFuture, LogSink, Passed, ReadBytes, Rest, SendTo, Sender, Trace,
};
use crate::observe::RequestId;
use crate::server::serve::Bound;
use crate::soap::content::Extent;
use crate::transport::upstream::TryError;

/// One try, written down.
pub struct TryOf {
    pub leaf: NodeId,
    pub head: String,
    pub target: String,
    pub deadline: Duration,
    pub code: Option<ErrorCode>,
}

/// One message sent to an endpoint.
#[derive(Default)]
pub struct Send {
    pub root: Option<NodeId>,
    pub tries: Vec<TryOf>,
    pub decisions: Vec<Decision>,
    pub failure: Option<(ErrorCode, ErrorCode, String)>,
    pub answered: Option<(SessionEffect, u64)>,
    /// What the last try says that could not be made, or that changed no state.
    pub last_error: Option<(ErrorCode, String)>,
    pub would_wait: Option<Duration>,
}

/// The notes of one run.
pub struct Record<'r> {
    generation: &'r Generation,
    code: &'r dyn Fn(NodeId) -> Option<ErrorCode>,
    steps: RefCell<Vec<StepView>>,
    sends: RefCell<Vec<Send>>,
    unknown: RefCell<Vec<String>>,
    answered: Cell<bool>,
}

/// Most copies of one message that are followed.
const COPIES_SHOWN: usize = 16;
/// Most steps that are written down.
const STEPS_MAX: usize = 500;

impl<'r> Record<'r> {
    pub fn new(
        generation: &'r Generation,
        code: &'r dyn Fn(NodeId) -> Option<ErrorCode>,
    ) -> Record<'r> {
        Record {
            generation,
            code,
            steps: RefCell::default(),
            sends: RefCell::default(),
            unknown: RefCell::default(),
            answered: Cell::new(false),
        }
    }

    /// Steps, sends, what is not known, and whether a try was answered.
    pub fn into_parts(self) -> (Vec<StepView>, Vec<Send>, Vec<String>, bool) {
        (
            self.steps.into_inner(),
            self.sends.into_inner(),
            self.unknown.into_inner(),
            self.answered.get(),
        )
    }

    /// A message, or a copy of it, is sent.
    pub fn begin(&self, send: Send) {
        self.sends.borrow_mut().push(send);
    }

    /// Something that cannot be known.
    pub fn unknown(&self, text: String) {
        self.unknown.borrow_mut().push(text);
    }

    fn step(&self, kind: &str, text: String, span: Option<Span>) {
        let mut steps = self.steps.borrow_mut();
        if steps.len() < STEPS_MAX {
            steps.push(StepView {
                kind: kind.to_owned(),
                text,
                rule: span.map(|span| place(self.generation, span)),
            });
        }
    }

    fn current<T>(&self, note: impl FnOnce(&mut Send) -> T) -> T {
        let mut sends = self.sends.borrow_mut();
        match sends.last_mut() {
            Some(send) => note(send),
            None => {
                let mut send = Send::default();
                let noted = note(&mut send);
                sends.push(send);
                noted
            }
        }
    }
}

impl Trace for Record<'_> {
    fn passed(&self, step: Passed<'_>) {
        match step {
            Passed::ToMain => self.step("route", "the sequence main takes it".to_owned(), None),
            Passed::ToService(name) => {
                self.step("route", format!("the proxy service {name} takes it"), None);
            }
            Passed::ToApi(name) => self.step("route", format!("the API {name} takes it"), None),
            Passed::ToEndpoint(id) => {
                let node = self.generation.endpoints.node(NodeId(id));
                let text = format!("endpoint {} takes it", node.path);
                self.step("route", text, Some(node.span));
            }
            Passed::Nowhere => {
                self.step("route", "no endpoint has this path".to_owned(), None);
            }
            Passed::Unsupported(fault) => self.step("route", fault.message.clone(), None),
            Passed::Sequence(name, span) => self.step("sequence", name.to_owned(), Some(span)),
            Passed::Mediator(name, span) => self.step("mediator", name.to_owned(), Some(span)),
            Passed::Inside(name, span) => self.step("inside", name.to_owned(), Some(span)),
            Passed::Failed(fault) => {
                let text = format!("{} {}: {}", fault.code, fault.code.name(), fault.message);
                self.step("fault", text, None);
            }
        }
    }
}

impl LogSink for Record<'_> {
    fn enabled(&self, _: Category) -> bool {
        false
    }

    fn log(&self, _: Category, _: &str) {}

    fn trace(&self) -> Option<&dyn Trace> {
        Some(self)
    }
}

impl EventSink for Record<'_> {
    fn state_changed(&self, _: &str, _: &Transition, _: &RequestId, _: Option<&str>) {}

    fn left_alone(&self, _: NodeId, code: ErrorCode, _: &RequestId, said: &str) {
        self.current(|send| send.last_error = Some((code, said.to_owned())));
    }

    fn gave_up(
        &self,
        root: NodeId,
        failure: &Failure,
        decisions: &[Decision],
        _: &RequestId,
        said: &str,
    ) {
        self.current(|send| {
            send.root.get_or_insert(root);
            send.decisions = decisions.to_vec();
            send.failure = Some((failure.code, failure.verdict, said.to_owned()));
        });
    }

    fn failed_over(&self, _: &str, _: Span, _: &str, _: ErrorCode, _: &RequestId) {}

    fn repeated(&self, _: &str, _: ErrorCode, _: &RequestId) {}
}

impl Rehearsal for Record<'_> {
    fn result(&self, tried: &Tried<'_>) -> Result<(), TryError> {
        let code = (self.code)(tried.leaf);
        self.current(|send| {
            send.root = Some(tried.root);
            send.decisions = tried.decisions.to_vec();
            if send.tries.len() < TRIES_SHOWN {
                send.tries.push(TryOf {
                    leaf: tried.leaf,
                    head: String::from_utf8_lossy(tried.head).into_owned(),
                    target: tried.target.to_string(),
                    deadline: tried.deadline,
                    code,
                });
            }
        });
        match code {
            None => Ok(()),
            Some(code) => {
                let text = code.row().map_or("failed", |row| row.text).to_owned();
                Err(rehearsal::failed(code, text))
            }
        }
    }

    fn answered(&self, effect: SessionEffect, session: u64) {
        self.answered.set(true);
        self.current(|send| send.answered = Some((effect, session)));
        self.unknown.borrow_mut().push(
            "what the back end answers; the sequences for the answer are not followed".to_owned(),
        );
    }

    fn would_wait(&self, wait: Duration) {
        self.current(|send| send.would_wait = Some(wait));
    }
}

/// Sends without sending.
pub struct Rehearsed<'a> {
    pub bound: Bound<'a>,
    pub record: &'a Record<'a>,
}

impl Sender for Rehearsed<'_> {
    fn send<'a>(
        &'a self,
        x: &'a mut Exchange,
        to: SendTo,
    ) -> LocalBoxFuture<'a, Result<(), Fault>> {
        let root = match to {
            SendTo::Endpoint(id) => Some(NodeId(id)),
            SendTo::ToOfMessage => Some(self.bound.to_of_message),
        };
        self.record.sends.borrow_mut().push(Send {
            root,
            ..Send::default()
        });
        self.bound.send(x, to)
    }

    fn extent(&self, to: SendTo) -> Option<Extent> {
        self.bound.extent(to)
    }

    fn read<'a>(
        &'a self,
        x: &'a mut Exchange,
        extent: Extent,
    ) -> LocalBoxFuture<'a, Result<Option<ReadBytes>, Fault>> {
        self.bound.read(x, extent)
    }

    fn message_bytes(&self) -> usize {
        self.bound.message_bytes()
    }

    fn chance(&self) -> u64 {
        self.bound.chance()
    }

    fn hold<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, Result<(), Fault>> {
        self.bound.hold(x)
    }

    fn discard<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, ()> {
        self.bound.discard(x)
    }

    /// Each copy goes its way at once and to its end, for nothing waits.
    fn aside(&self, copies: Vec<Aside>, _in_order: bool, report: CopyReport) -> bool {
        let cx = Cx {
            sender: self,
            log: self.record,
        };
        let all = copies.len();
        if all > COPIES_SHOWN {
            let text = format!("{} more copies are not followed", all - COPIES_SHOWN);
            self.record.unknown(text);
        }
        for (nth, aside) in copies.into_iter().take(COPIES_SHOWN).enumerate() {
            self.record
                .step("copy", format!("{} of {all}", nth + 1), None);
            let mediation = &self.record.generation.mediation;
            let done = {
                let mut way = pin!(mediation.aside(aside, &cx));
                way.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            };
            match done {
                // Nobody takes it back when the explanation is over.
                Poll::Ready(done) => drop(report.done(done)),
                Poll::Pending => self
                    .record
                    .unknown("a copy waits for something outside".to_owned()),
            }
        }
        true
    }

    fn rehearses(&self) -> bool {
        true
    }

    fn behind(&self, rest: Rest) {
        self.bound.behind(rest);
    }
}
