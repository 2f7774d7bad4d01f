//! The answers to the copies of a message (spec/endpoints.md 16): each goes through the response flow by itself, each
//! failure through the handlers that were in scope where the message was sent.
//!
//! The client gets what is sent back first. What comes after that, and everything when the client was told 202 at once,
//! goes on behind it.

use tokio::time::Instant;

use super::gather::{Done, Gathered, Group};
use super::run::{Ended, Handlers, Run};
use super::{Category, Cx, Flow, Mediation, answer, default_fault};
use crate::exchange::{Copies, CopyDone, Direction, Exchange, Fault};

/// Copies that are still under way when their client has been answered.
pub struct Rest {
    copies: Box<Copies>,
    handlers: Handlers,
    flow: Flow,
    /// Aggregates that were complete.
    done: Done,
}

/// True when the client waits for no answer: it is told 202 at once.
fn is_one_way(x: &Exchange) -> bool {
    let on = |value: Option<&str>| value.is_some_and(|v| v.trim().eq_ignore_ascii_case("true"));
    on(x.properties.value("OUT_ONLY")) || on(x.axis2.value("FORCE_SC_ACCEPTED"))
}

impl Mediation {
    /// What follows a request flow that sent copies. False when none were sent.
    pub(super) async fn after_copies(
        &self,
        run: &Run<'_>,
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
        let rest = Rest {
            copies,
            handlers: run.copy_handlers(),
            flow,
            done: Done::new(),
        };
        let failed = ended == Ended::Unhandled;
        if x.replied || failed || is_one_way(x) {
            if !x.replied && !failed {
                answer::accepted(x);
            }
            cx.sender.behind(rest);
            return !failed;
        }
        self.each_answer(rest, Some(x), cx).await;
        true
    }

    /// Goes on with copies whose client has been answered.
    pub async fn behind(&self, rest: Rest, cx: &Cx<'_>) {
        self.each_answer(rest, None, cx).await;
    }

    async fn each_answer(&self, mut rest: Rest, mut client: Option<&mut Exchange>, cx: &Cx<'_>) {
        let mut run = Run::new(self, cx, rest.flow.fault);
        run.gathered = Gathered::after(std::mem::take(&mut rest.done));
        let mut last = None;
        loop {
            let (mut copy, failed) = match next(&mut rest.copies, &mut run).await {
                Event::Copy(done) => {
                    let CopyDone {
                        exchange: mut copy,
                        result,
                    } = done;
                    let failed = match result {
                        Ok(()) => self.answered(&mut run, rest.flow, &mut copy).await,
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
                    rest.done = run.gathered.done();
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

    /// Takes an answer through the response flow; the error that no handler made good.
    async fn answered(
        &self,
        run: &mut Run<'_>,
        flow: Flow,
        copy: &mut Exchange,
    ) -> Option<(Fault, Ended)> {
        copy.response.as_ref()?;
        copy.direction = Direction::Response;
        copy.axis2 = Default::default();
        copy.fault = None;
        copy.fault_made = false;
        let ended = match flow.answer {
            Some(answer) => run.flow(answer, copy).await,
            None => run.reply(copy),
        };
        let fault = copy.fault.take()?;
        Some((fault, ended))
    }

    /// The first answer to copies that no sequence is interested in.
    pub(super) async fn first_answer(&self, x: &mut Exchange, cx: &Cx<'_>) {
        let Some(mut copies) = x.copies.take() else {
            return;
        };
        let mut last = None;
        while let Some(CopyDone {
            exchange: mut copy,
            result,
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

async fn next<'a>(copies: &mut Copies, run: &mut Run<'a>) -> Event<'a> {
    loop {
        if let Some(group) = run.gathered.expired(Instant::now()) {
            return Event::Group(group);
        }
        let done = match run.gathered.due() {
            None => copies.next().await,
            Some(due) => match tokio::time::timeout_at(due, copies.next()).await {
                Ok(done) => done,
                Err(_) => continue,
            },
        };
        return match done {
            Some(done) => Event::Copy(done),
            None => run.gathered.left().map_or(Event::Over, Event::Group),
        };
    }
}
