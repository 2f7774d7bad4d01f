//! Runs sequences: one async function with an explicit stack.
//!
//! Nesting costs a frame in a small vector and no future; only `send` waits. Errors follow Synapse: `onError` of the
//! sequences in scope, innermost first, then the sequence `fault`, then nobody. A handler that fails hands on to the
//! next one out. When a handler ends the flow has ended: the sequence that failed is not resumed.

mod ask;
mod parts;
mod send;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::gather::{Gathered, Group, Outcome};
use super::mediator::aggregate::Aggregate;
use super::mediator::send::Send;
use super::mediator::{After, List, Mediator, Scene, Step};
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
    /// Before that, by a drop or an answer; of the flow, or of the handler that took its error.
    Stopped,
    /// With `x.fault`, behind a handler that ran to its end.
    Handled,
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

/// What a flow waits for.
enum Wait<'a> {
    /// Nothing: it is over.
    Ended(Ended),
    /// The answer to the current message, which goes as it is.
    Answer(&'a Send),
    /// What few messages need.
    Work(Work<'a>),
}

/// What takes its time.
enum Work<'a> {
    /// More of the message has to be read for a mediator.
    Look(&'a dyn Mediator),
    /// What a mediator said.
    Step(Step<'a>),
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
    /// Handlers that the current flow has started.
    started: u32,
    /// The sequence `fault`, as long as the current flow has not started it.
    global: Option<SequenceId>,
    /// How often an answer was sent on.
    hops: u32,
    /// The message became the answer without having been sent.
    looped: bool,
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
            started: 0,
            global: None,
            hops: 0,
            looped: false,
            trace: cx.log.trace(),
        }
    }

    /// Runs a sequence with the current message, handlers included.
    pub(super) fn flow<'r>(
        &'r mut self,
        start: SequenceId,
        x: &'r mut Exchange,
    ) -> impl Future<Output = Ended> + use<'r, 'a> {
        self.begin();
        let first = self.call(start);
        self.go(first, x)
    }

    /// Sends the current message to an endpoint, handlers included.
    pub(super) async fn send_on(&mut self, endpoint: u32, x: &mut Exchange) -> Ended {
        self.begin();
        let first = Box::pin(self.send(SendTo::Endpoint(endpoint), x)).await;
        self.go(first, x).await
    }

    /// Gives the answer to the client as it is.
    pub(super) async fn reply(&mut self, x: &mut Exchange) -> Ended {
        match self.answer(x).await {
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
        if let Some(handler) = self.fault {
            self.handlers.push(handler);
        }
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
    ///
    /// Every wait of a flow is here, and what it decides between two waits is not: the future stays small and shallow.
    async fn go(&mut self, first: Result<(), Fault>, x: &mut Exchange) -> Ended {
        self.started = 0;
        self.global = self.mediation.fault;
        let mut next = first.map(|()| None);
        loop {
            next = match self.advance(next, x) {
                Wait::Ended(ended) => return ended,
                Wait::Answer(send) => {
                    let sent = self.cx.sender.send(x, send.to).await;
                    self.answered(send, sent, x)
                }
                Wait::Work(work) => Box::pin(self.work(work, x)).await,
            };
        }
    }

    /// Goes on behind a wait, up to the next one.
    fn advance(&mut self, next: Result<Option<Wait<'a>>, Fault>, x: &mut Exchange) -> Wait<'a> {
        let mut next = next;
        loop {
            let fault = match next {
                Ok(None) => {
                    next = self.list(x).map(Some);
                    continue;
                }
                Ok(Some(Wait::Ended(Ended::Finished))) if self.started > 0 => {
                    return Wait::Ended(Ended::Handled);
                }
                Ok(Some(wait)) => return wait,
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
            self.started += 1;
            let handler = self.handlers.pop().or_else(|| self.global.take());
            next = match handler {
                Some(handler) if self.started <= HANDLERS_MAX => self.call(handler).map(|()| None),
                _ => return Wait::Ended(Ended::Unhandled),
            };
        }
    }

    /// Runs until the stack is empty, the flow is stopped, something has to be waited for, or something fails.
    fn list(&mut self, x: &mut Exchange) -> Result<Wait<'a>, Fault> {
        while let Some(frame) = self.frames.last_mut() {
            let Some((mediator, looks)) = frame.list.at(frame.next) else {
                self.leave(x);
                continue;
            };
            frame.next += 1;
            self.steps += 1;
            if self.steps > STEPS_MAX {
                let text = format!("the message passed more than {STEPS_MAX} mediators");
                return Err(Fault::new(ErrorCode::NONE, text));
            }
            if let Some(trace) = self.trace
                && let Some(place) = frame.list.place(frame.next - 1)
            {
                trace.passed(Passed::Mediator(&place.value, place.span));
            }
            let step = match looks && (content::is_large(x) || self.looks_further(mediator, x)) {
                false => mediator.mediate(x, &self.scene),
                true => {
                    let most = self.cx.sender.header_bytes();
                    match mediator.glance(x, &self.scene, most) {
                        Some(step) => step,
                        None => return Ok(Wait::Work(Work::Look(mediator))),
                    }
                }
            };
            match step {
                Step::Next => {}
                step => {
                    if let Some(wait) = self.enact(step, x)? {
                        return Ok(wait);
                    }
                }
            }
        }
        Ok(Wait::Ended(Ended::Finished))
    }

    /// True when a mediator needs more of the message than was read.
    fn looks_further(&self, mediator: &dyn Mediator, x: &Exchange) -> bool {
        let whole = mediator.extent(&self.scene);
        if whole.is_some_and(|extent| !content::is_read(x, extent)) {
            return true;
        }
        let looks = mediator.looks(&self.scene);
        let extent = looks.and_then(|expression| expression.extent(x).max(x.arguments_extent()));
        extent.is_some_and(|extent| !content::is_read(x, extent))
    }

    /// Does what a mediator says; `None` when the flow goes on at once.
    fn enact(&mut self, step: Step<'a>, x: &mut Exchange) -> Result<Option<Wait<'a>>, Fault> {
        if let (Some(trace), Step::Enter(list)) = (self.trace, &step)
            && let Some(place) = list.place(usize::MAX)
        {
            trace.passed(Passed::Inside(&place.value, place.span));
        }
        match step {
            Step::Next => {}
            Step::Stop => return Ok(Some(Wait::Ended(Ended::Stopped))),
            Step::Enter(list) => self.enter(list),
            Step::Call(id) => self.call(id)?,
            Step::Invoke(template, handler) => self.invoke(template, handler)?,
            Step::Send(send) if self.goes_straight(send, x) => {
                send::forget_failure(x);
                x.receive = None;
                return Ok(Some(Wait::Answer(send)));
            }
            Step::Send(send) if self.answers_straight(send, x) => answer::reply(x)?,
            Step::Fail(fault) => return Err(fault),
            step => return Ok(Some(Wait::Work(Work::Step(step)))),
        }
        Ok(None)
    }

    /// What few messages go through.
    async fn work(&mut self, work: Work<'a>, x: &mut Exchange) -> Result<Option<Wait<'a>>, Fault> {
        match work {
            Work::Look(mediator) => {
                self.look(mediator, x).await?;
                if x.replied {
                    return Ok(Some(Wait::Ended(Ended::Stopped)));
                }
                if content::is_large(x) {
                    content::look_ahead(x, mediator, &self.scene, self.cx.sender).await?;
                }
                let step = mediator.mediate(x, &self.scene);
                self.enact(step, x)
            }
            Work::Step(step) => {
                let ended = self.other(step, x).await?;
                Ok(ended.map(Wait::Ended))
            }
        }
    }

    /// Reads as much of the message as a mediator needs.
    async fn look(&mut self, mediator: &dyn Mediator, x: &mut Exchange) -> Result<(), Fault> {
        if let Some(extent) = mediator.extent(&self.scene)
            && !content::is_read(x, extent)
        {
            let read = content::ensure(x, extent, "", self.cx.sender).await;
            match read {
                Err(_) if mediator.forgives() => {}
                read => read?,
            }
            if x.replied {
                return Ok(());
            }
        }
        if let Some(expression) = mediator.looks(&self.scene)
            && let Some(extent) = expression.extent(x).max(x.arguments_extent())
            && !content::is_read(x, extent)
        {
            let read = content::ensure(x, extent, expression.place(), self.cx.sender).await;
            // Where only the header might have said where to, the URL says it otherwise.
            let own = expression.need().extent().max(x.arguments_extent());
            if own.is_some() {
                read?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, list: &'a List) {
        self.frames.push(Frame {
            list,
            next: 0,
            sequence: false,
            handlers: 0,
            template: false,
        });
    }

    /// What few messages go through; says when the flow ends with it.
    async fn other(&mut self, step: Step<'a>, x: &mut Exchange) -> Result<Option<Ended>, Fault> {
        match step {
            Step::Gather(aggregate) => match self.gather(aggregate, x).await? {
                Outcome::Waiting => {}
                Outcome::Late => return Ok(Some(Ended::Stopped)),
                Outcome::Complete(group) => self.complete(group, x)?,
            },
            Step::Send(send) => {
                self.send_by(send, x).await?;
                if x.replied && x.direction == Direction::Request {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::Ask(call) => {
                self.ask(call, x).await?;
                if x.replied {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::Clone(clone) => {
                self.clone_message(clone, x).await?;
                if x.replied || !clone.goes_on {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::Iterate(iterate) => {
                self.iterate(iterate, x).await?;
                if x.replied || !iterate.goes_on {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::ForEach(each) => {
                self.for_each(each, x).await?;
                if x.replied {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::Enqueue(enqueue) => {
                self.enqueue(enqueue, x).await?;
                if x.replied {
                    return Ok(Some(Ended::Stopped));
                }
            }
            Step::Store(store) => {
                self.whole(x).await?;
                if x.replied {
                    return Ok(Some(Ended::Stopped));
                }
                store.put(x.copy_current())?;
            }
            Step::Respond => {
                self.turn(x).await?;
                self.answer(x).await?;
                return Ok(Some(Ended::Stopped));
            }
            Step::Loop => {
                self.turn(x).await?;
                self.looped = true;
                return Ok(Some(Ended::Stopped));
            }
            Step::Fail(fault) => return Err(fault),
            Step::Next | Step::Stop | Step::Enter(_) | Step::Call(_) | Step::Invoke(..) => {}
        }
        Ok(None)
    }

    async fn gather(
        &mut self,
        aggregate: &'a Aggregate,
        x: &mut Exchange,
    ) -> Result<Outcome<'a>, Fault> {
        if x.direction == Direction::Request || x.response.is_none() {
            return Ok(Outcome::Waiting);
        }
        content::ready(x, self.cx.sender).await?;
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
            Step::Enter(list) => self.enter(list),
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

    /// True once after the message became the answer without having been sent.
    pub(super) fn take_looped(&mut self) -> bool {
        std::mem::take(&mut self.looped)
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
        if let Some(handler) = sequence.on_error {
            self.handlers.push(handler);
        }
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
