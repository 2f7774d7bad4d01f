//! Runs sequences: one async function with an explicit stack.
//!
//! Nesting costs a frame in a small vector and no future; only `send` waits. Errors follow Synapse: `onError` of the
//! sequences in scope, innermost first, then the sequence `fault`, then nobody. A handler that fails hands on to the
//! next one out. When a handler ends the flow has ended: the sequence that failed is not resumed.

use smallvec::SmallVec;
use tokio::time::Instant;

use super::gather::{Gathered, Group, Outcome};
use super::mediator::aggregate::Aggregate;
use super::mediator::{List, Scene, Step};
use super::{Cx, Mediation, Passed, SequenceId, Trace, answer, content};
use crate::codes::ErrorCode;
use crate::exchange::{Direction, Exchange, Fault};
use crate::mediation::SendTo;

/// Deepest nesting of sequences that call each other.
pub const CALLS_MAX: usize = 64;
/// Most mediators that one message may pass.
pub const STEPS_MAX: u32 = 100_000;
/// Most handlers that one flow may start: a sequence that is its own handler must end.
const HANDLERS_MAX: u32 = 16;

/// Error handlers in scope, the innermost last.
pub(super) type Handlers = SmallVec<[SequenceId; 4]>;

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// At the end of its mediators.
    Finished,
    /// Before that: by a drop, an answer, or behind a handler.
    Stopped,
    /// With `x.fault`, which no handler took.
    Unhandled,
}

struct Frame<'a> {
    list: &'a List,
    next: usize,
    /// True for the body of a sequence.
    sequence: bool,
    /// How many handlers leave the scope with it.
    handlers: u8,
    /// True for a template: its parameters end with it.
    template: bool,
}

/// One message's way through the sequences.
pub(super) struct Run<'a> {
    mediation: &'a Mediation,
    cx: &'a Cx<'a>,
    scene: Scene<'a>,
    frames: SmallVec<[Frame<'a>; 6]>,
    handlers: Handlers,
    copy_handlers: Handlers,
    /// Handler of everything that runs here, below those of the sequences.
    fault: Option<SequenceId>,
    /// Groups of answers that are put together.
    pub(super) gathered: Gathered<'a>,
    calls: usize,
    steps: u32,
    trace: Option<&'a dyn Trace>,
}

impl<'a> Run<'a> {
    pub(super) fn new(mediation: &'a Mediation, cx: &'a Cx<'a>, fault: Option<SequenceId>) -> Self {
        Self {
            mediation,
            cx,
            scene: Scene {
                log: cx.log,
                sequences: &mediation.ids,
                fields: &mediation.fields,
            },
            frames: SmallVec::new(),
            handlers: SmallVec::new(),
            fault,
            copy_handlers: SmallVec::new(),
            gathered: Gathered::default(),
            calls: 0,
            steps: 0,
            trace: cx.log.trace(),
        }
    }

    /// Runs a sequence with the current message, handlers included.
    pub(super) async fn flow(&mut self, start: SequenceId, x: &mut Exchange) -> Ended {
        self.begin();
        let first = self.call(start);
        self.go(first, x).await
    }

    /// Sends the current message to an endpoint, handlers included.
    pub(super) async fn send_on(&mut self, endpoint: u32, x: &mut Exchange) -> Ended {
        self.begin();
        let first = self.send(SendTo::Endpoint(endpoint), x).await;
        self.go(first, x).await
    }

    /// Gives the answer to the client as it is.
    pub(super) fn reply(&mut self, x: &mut Exchange) -> Ended {
        match answer::reply(x) {
            Ok(()) => Ended::Stopped,
            Err(fault) => {
                x.fault.get_or_insert(fault);
                Ended::Unhandled
            }
        }
    }

    fn begin(&mut self) {
        self.frames.clear();
        self.handlers.clear();
        self.handlers.extend(self.fault);
        self.calls = 0;
    }

    /// Runs the handlers that were in scope where a copy of a message was sent that failed.
    pub(super) async fn recover(
        &mut self,
        handlers: &[SequenceId],
        fault: Fault,
        x: &mut Exchange,
    ) -> Ended {
        self.begin();
        self.handlers = handlers.into();
        self.go(Err(fault), x).await
    }

    /// Runs to the end after a first step, through the handlers when something fails.
    async fn go(&mut self, first: Result<(), Fault>, x: &mut Exchange) -> Ended {
        let mut started = 0;
        let mut global = self.mediation.fault;
        let mut next = first;
        loop {
            let fault = match next {
                Ok(()) => match self.list(x).await {
                    Ok(Ended::Finished) if started == 0 => return Ended::Finished,
                    Ok(_) => return Ended::Stopped,
                    Err(fault) => fault,
                },
                Err(fault) => fault,
            };
            if let Some(trace) = self.trace {
                trace.passed(Passed::Failed(&fault));
            }
            // The first error is what the handlers are about; one inside a handler only moves on.
            x.fault.get_or_insert(fault);
            x.call = None;
            self.frames.clear();
            self.calls = 0;
            started += 1;
            let handler = self.handlers.pop().or_else(|| global.take());
            next = match handler {
                Some(handler) if started <= HANDLERS_MAX => self.call(handler),
                _ => return Ended::Unhandled,
            };
        }
    }

    /// Runs until the stack is empty, the flow is stopped, or something fails.
    async fn list(&mut self, x: &mut Exchange) -> Result<Ended, Fault> {
        while let Some(frame) = self.frames.last_mut() {
            let Some(mediator) = frame.list.at(frame.next) else {
                self.leave(x);
                continue;
            };
            frame.next += 1;
            self.steps += 1;
            if self.steps > STEPS_MAX {
                let text = format!("the message passed more than {STEPS_MAX} mediators");
                return Err(Fault::new(ErrorCode::NONE, text));
            }
            let place = match self.trace {
                Some(_) => frame.list.place(frame.next - 1),
                None => None,
            };
            if let (Some(trace), Some(place)) = (self.trace, place) {
                trace.passed(Passed::Mediator(&place.value, place.span));
            }
            if let Some(expression) = mediator.looks(&self.scene)
                && let Some(extent) = expression.need().extent().max(x.arguments_extent())
            {
                content::ensure(x, extent, expression.place(), self.cx.sender).await?;
                if x.replied {
                    return Ok(Ended::Stopped);
                }
            }
            let step = mediator.mediate(x, &self.scene);
            if let (Some(trace), Step::Enter(list)) = (self.trace, &step)
                && let Some(place) = list.place(usize::MAX)
            {
                trace.passed(Passed::Inside(&place.value, place.span));
            }
            match step {
                Step::Next => {}
                Step::Stop => return Ok(Ended::Stopped),
                Step::Enter(list) => self.frames.push(Frame {
                    list,
                    next: 0,
                    sequence: false,
                    handlers: 0,
                    template: false,
                }),
                Step::Call(id) => self.call(id)?,
                Step::Invoke(template, handler) => self.invoke(template, handler)?,
                Step::Gather(aggregate) => match self.gather(aggregate, x).await? {
                    Outcome::Waiting => {}
                    Outcome::Late => return Ok(Ended::Stopped),
                    Outcome::Complete(group) => self.complete(group, x)?,
                },
                Step::Send(to) => {
                    self.send(to, x).await?;
                    if x.replied && x.direction == Direction::Request {
                        return Ok(Ended::Stopped);
                    }
                }
                Step::Fail(fault) => return Err(fault),
            }
        }
        Ok(Ended::Finished)
    }

    async fn gather(
        &mut self,
        aggregate: &'a Aggregate,
        x: &mut Exchange,
    ) -> Result<Outcome<'a>, Fault> {
        if x.direction == Direction::Request || x.response.is_none() {
            return Ok(Outcome::Waiting);
        }
        self.cx.sender.hold(x).await?;
        self.gathered.take(aggregate, x, Instant::now())
    }

    /// Goes on with the message that a group makes; nothing follows behind its `onComplete`.
    fn complete(&mut self, group: Box<Group<'a>>, x: &mut Exchange) -> Result<(), Fault> {
        let aggregate = group.aggregate;
        let message = group.into_message();
        x.response = message.response;
        x.response_body = message.response_body;
        x.forget_content();
        x.properties = message.properties;
        x.direction = Direction::Response;
        x.call = None;
        self.frames.clear();
        self.calls = 0;
        match aggregate.complete.step(x, &self.scene) {
            Step::Enter(list) => self.frames.push(Frame {
                list,
                next: 0,
                sequence: false,
                handlers: 0,
                template: false,
            }),
            Step::Call(id) => self.call(id)?,
            Step::Fail(fault) => return Err(fault),
            _ => {}
        }
        Ok(())
    }

    /// Runs what follows a group that is complete without a new message.
    pub(super) async fn resume(&mut self, group: Box<Group<'a>>, x: &mut Exchange) -> Ended {
        self.handlers.clear();
        let next = match group.lacks() {
            Some(fault) => Err(fault),
            None => self.complete(group, x),
        };
        self.go(next, x).await
    }

    async fn send(&mut self, to: SendTo, x: &mut Exchange) -> Result<(), Fault> {
        if x.direction == Direction::Response {
            return match to {
                SendTo::ToOfMessage => answer::reply(x),
                SendTo::Endpoint(_) => Err(Fault::new(
                    ErrorCode::NOT_SUPPORTED,
                    "sending an answer on to an endpoint is not supported yet",
                )),
            };
        }
        // An error of an earlier try says nothing about this one.
        x.fault = None;
        x.retry_after = None;
        if let Some(extent) = self.cx.sender.extent(to) {
            content::ensure(x, extent, "", self.cx.sender).await?;
            if x.replied {
                return Ok(());
            }
        }
        let sent = self.cx.sender.send(x, to).await;
        x.forget_content();
        sent?;
        if x.copies.is_some() {
            // What is in scope here takes the errors of the copies, whenever they come.
            self.copy_handlers = self.handlers.clone();
        }
        Ok(())
    }

    /// The handlers that were in scope where copies were sent last.
    pub(super) fn copy_handlers(&self) -> Handlers {
        self.copy_handlers.clone()
    }

    fn call(&mut self, id: SequenceId) -> Result<(), Fault> {
        let Some(sequence) = self.mediation.sequence(id) else {
            return Err(Fault::new(ErrorCode::NONE, "the sequence does not exist"));
        };
        if self.calls >= CALLS_MAX {
            let text = format!(
                "sequence `{}`: more than {CALLS_MAX} sequences call each other",
                sequence.name
            );
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        if let Some(trace) = self.trace {
            trace.passed(Passed::Sequence(&sequence.name, sequence.place));
        }
        self.calls += 1;
        self.handlers.extend(sequence.on_error);
        self.frames.push(Frame {
            list: &sequence.list,
            next: 0,
            sequence: true,
            handlers: u8::from(sequence.on_error.is_some()),
            template: false,
        });
        Ok(())
    }

    /// Runs a template whose parameters are set.
    fn invoke(&mut self, template: SequenceId, handler: Option<SequenceId>) -> Result<(), Fault> {
        self.handlers.extend(handler);
        self.call(template)?;
        if let Some(frame) = self.frames.last_mut() {
            frame.template = true;
            frame.handlers += u8::from(handler.is_some());
        }
        Ok(())
    }

    fn leave(&mut self, x: &mut Exchange) {
        if let Some(frame) = self.frames.pop() {
            self.calls -= usize::from(frame.sequence);
            let kept = self.handlers.len().saturating_sub(frame.handlers.into());
            self.handlers.truncate(kept);
            if frame.template {
                x.leave();
            }
        }
    }
}
