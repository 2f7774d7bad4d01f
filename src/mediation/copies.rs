//! The answers to the copies of a message (spec/endpoints.md 16): each goes through the response flow by itself, each
//! failure through the handlers that were in scope where the message was sent.
//!
//! The client gets what is sent back first. What comes after that, and everything when the client was told 202 at once,
//! goes on behind it.

use tokio::time::Instant;

use super::gather::{Done, Gathered, Group};
use super::run::{Ended, Handlers, Run};
use super::{Category, Cx, Flow, Mediation, SendTo, SequenceId, answer, default_fault};
use crate::exchange::{Coming, CopyDone, Direction, Exchange, Fault};

/// Copies that are still under way when their client has been answered.
pub struct Rest {
    /// The last of them are waited for first.
    copies: Vec<Coming>,
    handlers: Handlers,
    flow: Flow,
    /// Aggregates that were complete.
    done: Done,
}

/// A copy that goes a way of its own, up to its answer.
pub struct Aside {
    /// The copy.
    pub copy: Box<Exchange>,
    pub(super) way: Way,
    pub(super) handlers: Handlers,
}

/// Where a copy goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// It is sent.
    Send(SendTo),
    /// Through a sequence, and then to an endpoint when it was not sent yet.
    Through(Option<SequenceId>, Option<u32>),
}

fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
}

/// True when the client waits for no answer: it is told 202 at once.
pub(super) fn is_one_way(x: &Exchange) -> bool {
    is_on(x.properties.value("OUT_ONLY")) || is_on(x.axis2.value("FORCE_SC_ACCEPTED"))
}

impl Mediation {
    /// What follows a flow that sent copies. False when an error is left over.
    pub(super) async fn after_copies(
        &self,
        mut run: Run<'_>,
        flow: Flow,
        ended: Ended,
        x: &mut Exchange,
        cx: &Cx<'_>,
    ) -> bool {
        let Some(copies) = x.copies.take() else {
            return false;
        };
        if copies.sent == 0 {
            cx.log.log(
                Category::Warn,
                "the recipient list is empty: the message went nowhere",
            );
        }
        let mut rest = Rest {
            copies: vec![copies.wait()],
            handlers: run.copy_handlers(),
            flow,
            done: Done::new(),
        };
        let failed = ended == Ended::Unhandled;
        if !x.replied && !failed && is_one_way(x) {
            answer::accepted(x);
        }
        // The message itself went on and was answered too.
        if !x.replied && !failed {
            self.answered(&mut run, flow, x, ended).await;
        }
        if x.replied || failed {
            rest.done = run.gathered.take_done();
            cx.sender.behind(rest);
            return !failed;
        }
        let fault = x.fault.take();
        self.each_answer(run, rest, Some(x), cx).await;
        if !x.replied
            && let Some(fault) = fault
        {
            default_fault(x, &fault);
        }
        true
    }

    /// The copies of a message that no client waits for; what is left of them is for who calls.
    pub(super) fn left_of(&self, run: &mut Run<'_>, x: &mut Exchange) -> Option<Rest> {
        let copies = x.copies.take()?;
        Some(Rest {
            copies: vec![copies.wait()],
            handlers: run.copy_handlers(),
            flow: Flow::default(),
            done: run.gathered.take_done(),
        })
    }

    /// Takes a copy on its way, up to its answer.
    pub async fn aside(&self, aside: Aside, cx: &Cx<'_>) -> CopyDone {
        let Aside {
            mut copy,
            way,
            handlers,
        } = aside;
        let mut run = Run::new(self, cx, None);
        let ended = run.way(way, handlers, &mut copy).await;
        let fault = copy.fault.take();
        let result = match fault {
            Some(fault) if !copy.replied && copy.response.is_none() => {
                if ended == Ended::Unhandled {
                    log_unhandled(cx, &fault);
                }
                Err(fault)
            }
            _ => Ok(()),
        };
        CopyDone {
            exchange: copy,
            result,
            recovered: true,
        }
    }

    /// Goes on with copies whose client has been answered.
    pub async fn behind(&self, rest: Rest, cx: &Cx<'_>) {
        let mut rest = rest;
        let mut run = Run::new(self, cx, rest.flow.fault);
        run.gathered = Gathered::after(std::mem::take(&mut rest.done));
        self.each_answer(run, rest, None, cx).await;
    }

    async fn each_answer(
        &self,
        mut run: Run<'_>,
        mut rest: Rest,
        mut client: Option<&mut Exchange>,
        cx: &Cx<'_>,
    ) {
        let mut last = None;
        loop {
            let (mut copy, failed) = match next(&mut rest.copies, &mut run).await {
                Event::Copy(done) => {
                    let CopyDone {
                        exchange: mut copy,
                        result,
                        recovered,
                    } = done;
                    let failed = match result {
                        Ok(()) => {
                            let flow = rest.flow;
                            let ended = self.answered(&mut run, flow, &mut copy, Ended::Finished);
                            let ended = ended.await;
                            let fault = copy.fault.take().filter(|_| !copy.replied);
                            fault.map(|fault| (fault, ended))
                        }
                        // Who sent it has run the handlers and said what was left of the error.
                        Err(fault) if recovered => Some((fault, Ended::Stopped)),
                        Err(fault) => {
                            let ended = run.recover(&rest.handlers, fault.clone(), &mut copy).await;
                            Some((fault, ended))
                        }
                    };
                    (copy, failed)
                }
                // A group that no answer completes, by its time or because there are no more.
                Event::Group(group) => {
                    let mut message = group.message();
                    let ended = run.resume(group, &mut message).await;
                    let fault = message.fault.take().filter(|_| !message.replied);
                    (message, fault.map(|fault| (fault, ended)))
                }
                Event::Over => break,
            };
            rest.copies
                .extend(copy.copies.take().map(|more| more.wait()));
            if let Some((fault, ended)) = failed
                && !copy.replied
            {
                if ended == Ended::Unhandled {
                    log_unhandled(cx, &fault);
                }
                last = Some(fault);
            }
            match client.as_deref_mut() {
                Some(x) if copy.replied => {
                    x.adopt(copy);
                    rest.done = run.gathered.take_done();
                    cx.sender.behind(rest);
                    return;
                }
                Some(x) => x.take_trail(&mut copy),
                None => {}
            }
            cx.sender.discard(&mut copy).await;
        }
        // Nothing was sent back: when there was an error the client must not hear that all went well.
        if let (Some(x), Some(fault)) = (client, last) {
            default_fault(x, &fault);
        }
    }

    /// Takes an answer through the response flow, as often as it is sent on. `ended` is how the flow before ended.
    pub(super) async fn answered(
        &self,
        run: &mut Run<'_>,
        flow: Flow,
        x: &mut Exchange,
        mut ended: Ended,
    ) -> Ended {
        // Nobody waits for the answer to a message that goes one way.
        let unwanted = is_on(x.properties.value("OUT_ONLY"));
        loop {
            match x.direction {
                _ if x.replied => break,
                Direction::Request if x.response.is_some() && !unwanted => x.receive_answer(),
                Direction::Response if run.take_looped() => {}
                _ => break,
            }
            let receive = x.receive.take().map(SequenceId);
            // Before answers too (recorded).
            ended = match self.pre_mediate {
                Some(before) => run.flow(before, x).await,
                None => Ended::Finished,
            };
            ended = match (ended, receive.or(flow.answer)) {
                (Ended::Finished, Some(answer)) => run.flow(answer, x).await,
                (Ended::Finished, None) => Box::pin(run.reply(x)).await,
                (ended, _) => ended,
            };
            if x.copies.is_some() {
                break;
            }
        }
        ended
    }

    /// The first answer to copies that no sequence is interested in.
    pub(super) async fn first_answer(&self, x: &mut Exchange, cx: &Cx<'_>) {
        let Some(copies) = x.copies.take() else {
            return;
        };
        let mut copies = copies.wait();
        let mut last = None;
        while let Some(CopyDone {
            exchange: mut copy,
            result,
            ..
        }) = copies.next().await
        {
            match result {
                Ok(()) if copy.response.is_some() => {
                    copy.replied = true;
                    copy.direction = Direction::Response;
                    x.adopt(copy);
                    return;
                }
                Ok(()) => {}
                Err(fault) => last = Some(fault),
            }
            x.take_trail(&mut copy);
        }
        if let Some(fault) = last {
            self.unhandled(x, cx, fault);
        }
    }
}

fn log_unhandled(cx: &Cx<'_>, fault: &Fault) {
    let text = format!(
        "no fault sequence took the error {} of a copy: {}",
        fault.code, fault.message
    );
    cx.log.log(Category::Error, &text);
}

/// What comes next of the copies of a message.
enum Event<'a> {
    /// One came back.
    Copy(CopyDone),
    /// A group of answers is complete without another one.
    Group(Box<Group<'a>>),
    /// All came back, and no group is open.
    Over,
}

async fn next<'a>(copies: &mut Vec<Coming>, run: &mut Run<'a>) -> Event<'a> {
    loop {
        if let Some(group) = run.gathered.expired(Instant::now()) {
            return Event::Group(group);
        }
        let Some(coming) = copies.last_mut() else {
            return run.gathered.left().map_or(Event::Over, Event::Group);
        };
        let done = match run.gathered.due() {
            None => coming.next().await,
            Some(due) => match tokio::time::timeout_at(due, coming.next()).await {
                Ok(done) => done,
                Err(_) => continue,
            },
        };
        match done {
            Some(done) => return Event::Copy(done),
            None => copies.truncate(copies.len() - 1),
        }
    }
}
