//! Runs sequences: one async function with an explicit stack.
//!
//! Nesting costs a frame in a small vector and no future; only `send` waits. Errors follow Synapse: `onError` of the
//! sequences in scope, innermost first, then the sequence `fault`, then nobody. A handler that fails hands on to the
//! next one out. When a handler ends the flow has ended: the sequence that failed is not resumed.

use smallvec::SmallVec;
use tokio::time::Instant;

use super::copies::{Aside, Way, is_one_way};
use super::gather::{Gathered, Group, Outcome, tell};
use super::mediator::aggregate::Aggregate;
use super::mediator::call::Call;
use super::mediator::clone::Clone;
use super::mediator::send::Send;
use super::mediator::{After, List, Scene, Step};
use super::{Cx, Mediation, Passed, SequenceId, Trace, answer, content};
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::mediation::SendTo;
use crate::soap::content::Extent;

/// Deepest nesting of sequences that call each other.
pub const CALLS_MAX: usize = 64;
/// Most mediators that one message may pass.
pub const STEPS_MAX: u32 = 100_000;
/// Most handlers that one flow may start: a sequence that is its own handler must end.
const HANDLERS_MAX: u32 = 16;

/// Most times that the answer to one message is sent on.
const HOPS_MAX: u32 = 32;

/// Most times that a copy is made of a copy.
const DEPTH_MAX: u8 = 16;

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
            hops: 0,
            looped: false,
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
    async fn go(&mut self, first: Result<(), Fault>, x: &mut Exchange) -> Ended {
        let mut started = 0;
        let mut global = self.mediation.fault;
        let mut next = first;
        loop {
            let fault = match next {
                Ok(()) => match self.list(x).await {
                    Ok(Ended::Finished) if started > 0 => return Ended::Handled,
                    Ok(ended) => return ended,
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
            if let Some(extent) = mediator.extent(&self.scene) {
                content::ensure(x, extent, "", self.cx.sender).await?;
                if x.replied {
                    return Ok(Ended::Stopped);
                }
            }
            if let Some(expression) = mediator.looks(&self.scene)
                && let Some(extent) = expression.extent(x).max(x.arguments_extent())
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
                Step::Send(send) => {
                    self.send_by(send, x).await?;
                    if x.replied && x.direction == Direction::Request {
                        return Ok(Ended::Stopped);
                    }
                }
                Step::Ask(call) => {
                    self.ask(call, x).await?;
                    if x.replied {
                        return Ok(Ended::Stopped);
                    }
                }
                Step::Clone(clone) => {
                    self.clone_message(clone, x).await?;
                    if x.replied || !clone.goes_on {
                        return Ok(Ended::Stopped);
                    }
                }
                Step::Respond => {
                    self.turn(x).await?;
                    self.answer(x).await?;
                    return Ok(Ended::Stopped);
                }
                Step::Loop => {
                    self.turn(x).await?;
                    self.looped = true;
                    return Ok(Ended::Stopped);
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

    /// Does what a `send` says.
    async fn send_by(&mut self, send: &Send, x: &mut Exchange) -> Result<(), Fault> {
        if send.to == SendTo::ToOfMessage {
            if x.is_response() || is_answer(x) {
                self.turn(x).await?;
                return self.answer(x).await;
            }
        } else if x.direction == Direction::Response {
            self.turn_on(x).await?;
        }
        let receive = match &send.receive {
            Some(sequence) => Some(self.scene.find(sequence, x)?),
            None => None,
        };
        if is_one_way(x) && !self.cx.sender.rehearses() {
            self.whole(x).await?;
            if x.replied {
                return Ok(());
            }
            x.receive = receive.map(|id| id.0);
            let copy = x.copy();
            return self.aside(vec![(copy, Way::Send(send.to))], false, x);
        }
        if self.is_used_again() {
            self.whole(x).await?;
            if x.replied {
                return Ok(());
            }
        }
        x.receive = receive.map(|id| id.0);
        let sent = self.send(send.to, x).await;
        sent.map_err(|fault| at(send, fault))
    }

    /// True when mediators behind the current one may need the request after it has been sent.
    fn is_used_again(&self) -> bool {
        let mut frames = self.frames.iter().rev();
        let after = frames.find_map(|frame| match frame.list.after(frame.next) {
            After::Goes => None,
            known => Some(known),
        });
        after == Some(After::Uses)
    }

    /// Has the current message whole, as bytes that say what its tree says.
    async fn whole(&self, x: &mut Exchange) -> Result<(), Fault> {
        content::ready(x, self.cx.sender).await?;
        if *x.body() == Body::Incoming && !x.replied {
            self.cx.sender.read(x, Extent::Whole).await?;
        }
        Ok(())
    }

    /// Makes the current message the answer. Ends with `x.replied` when the client's message broke off.
    async fn turn(&mut self, x: &mut Exchange) -> Result<(), Fault> {
        if x.direction == Direction::Request {
            self.whole(x).await?;
            if !x.replied {
                self.cx.sender.discard(x).await;
                x.turn_to_answer();
            }
        }
        Ok(())
    }

    /// Gives the current message, which is an answer, to the client.
    async fn answer(&mut self, x: &mut Exchange) -> Result<(), Fault> {
        content::ready(x, self.cx.sender).await?;
        match x.replied {
            true => Ok(()),
            false => answer::reply(x),
        }
    }

    /// Makes the answer the current request, so that it is sent on.
    async fn turn_on(&mut self, x: &mut Exchange) -> Result<(), Fault> {
        self.hops += 1;
        if self.hops > HOPS_MAX {
            let text = format!("the answer was sent on more than {HOPS_MAX} times");
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        content::ready(x, self.cx.sender).await?;
        self.cx.sender.hold(x).await?;
        x.turn_to_request();
        x.onward = true;
        Ok(())
    }

    async fn send(&mut self, to: SendTo, x: &mut Exchange) -> Result<(), Fault> {
        // An error of an earlier try says nothing about this one.
        x.fault = None;
        x.retry_after = None;
        content::ready(x, self.cx.sender).await?;
        if x.replied {
            return Ok(());
        }
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

    /// Sends copies on ways of their own; what comes of them is found in `x.copies`.
    fn aside(
        &mut self,
        copies: Vec<(Box<Exchange>, Way)>,
        in_order: bool,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        let report = x.more_copies(copies.len());
        if x.depth >= DEPTH_MAX {
            let text = format!("more than {DEPTH_MAX} copies of copies of a message");
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        let depth = x.depth + 1;
        let aside = |(mut copy, way): (Box<Exchange>, Way)| {
            copy.depth = depth;
            Aside {
                copy,
                way,
                handlers: self.handlers.clone(),
            }
        };
        if self
            .cx
            .sender
            .aside(copies.into_iter().map(aside).collect(), in_order, report)
        {
            return Ok(());
        }
        let text = "too many copies of messages are under way already";
        Err(Fault::new(ErrorCode::OVERLOADED, text))
    }

    /// Goes the way of a copy, up to its answer, handlers included.
    pub(super) async fn way(&mut self, way: Way, handlers: Handlers, x: &mut Exchange) -> Ended {
        self.begin();
        self.handlers = handlers.clone();
        let (first, then) = match way {
            Way::Send(to) => (self.send(to, x).await, None),
            Way::Through(Some(id), then) => (self.call(id), then),
            Way::Through(None, then) => (Ok(()), then),
        };
        let ended = self.go(first, x).await;
        let sent = x.replied || x.response.is_some() && !x.is_response() || x.copies.is_some();
        match then {
            Some(endpoint) if ended == Ended::Finished && !sent => {
                self.begin();
                self.handlers = handlers;
                let first = self.send_by(&Send::to(endpoint), x).await;
                self.go(first, x).await
            }
            _ => ended,
        }
    }

    /// Does what a `clone` says.
    async fn clone_message(&mut self, clone: &Clone, x: &mut Exchange) -> Result<(), Fault> {
        self.whole(x).await?;
        if x.replied || clone.targets.is_empty() {
            return Ok(());
        }
        let split = split(x);
        let mut copies = Vec::with_capacity(clone.targets.len());
        for (nth, target) in clone.targets.iter().enumerate() {
            let mut copy = x.copy_current();
            copy.receive = None;
            tell(
                &mut copy,
                clone.id.as_deref(),
                nth,
                clone.targets.len(),
                &split,
            );
            let way = target.of_copy(&mut copy, &self.scene)?;
            copies.push((copy, way));
        }
        self.aside(copies, clone.in_order, x)
    }

    /// Does what a `call` says.
    async fn ask(&mut self, call: &Call, x: &mut Exchange) -> Result<(), Fault> {
        let response = x.is_response();
        if x.direction == Direction::Response {
            self.turn_on(x).await?;
        }
        self.whole(x).await?;
        if x.replied {
            return Ok(());
        }
        self.cx.sender.discard(x).await;
        x.response = None;
        let sent = self.send(call.send.to, x).await;
        sent.map_err(|fault| at(&call.send, fault))?;
        if x.replied || x.response.is_none() {
            return Ok(());
        }
        self.cx.sender.hold(x).await?;
        if response {
            x.receive_answer();
        } else {
            x.turn_to_request();
        }
        Ok(())
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

/// True for a request that is to be the answer itself: `RESPONSE=true` in a request flow (spec/mediation.md 7).
fn is_answer(x: &Exchange) -> bool {
    let marked = x.properties.value("RESPONSE");
    marked.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Says where it is written that a message without an address was to be sent.
fn at(send: &Send, fault: Fault) -> Fault {
    match send.to {
        SendTo::ToOfMessage if fault.code == ErrorCode::NOT_READY => {
            let text = format!("without an endpoint at {}: {}", send.place, fault.message);
            Fault::new(fault.code, text)
        }
        _ => fault,
    }
}

/// What the copies of a message have in common, and no others.
fn split(x: &mut Exchange) -> String {
    x.splits += 1;
    format!("{}/{}", x.line, x.splits)
}
