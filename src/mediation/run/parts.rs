//! Copies of the current message: `clone` and `iterate` send them on ways of their own, `foreach` takes one part after the
//! other through a sequence and puts it back.

use super::{Run, SequenceId, Wait};
use crate::codes::ErrorCode;
use crate::exchange::{Exchange, Fault};
use crate::mediation::copies::{Aside, Way};
use crate::mediation::mediator::clone::Clone;
use crate::mediation::mediator::enqueue::Enqueue;
use crate::mediation::mediator::foreach::ForEach;
use crate::mediation::mediator::iterate::Iterate;
use crate::mediation::{content, gather::tell};

/// Most times that a copy is made of a copy.
const DEPTH_MAX: u8 = 16;

impl<'a> Run<'a> {
    /// Sends copies on ways of their own; what comes of them is found in `x.copies`.
    pub(super) fn aside(
        &mut self,
        copies: Vec<(Box<Exchange>, Way)>,
        in_order: bool,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        let report = x.more_copies(copies.len());
        let depth = deeper(x)?;
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

    /// Does what a `clone` says.
    pub(super) async fn clone_message(
        &mut self,
        clone: &Clone,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
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

    /// Does what an `enqueue` says.
    pub(super) async fn enqueue(
        &mut self,
        enqueue: &Enqueue,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        self.whole(x).await?;
        if x.replied {
            return Ok(());
        }
        let sequence = self.scene.find(&enqueue.sequence, x)?;
        let mut copy = x.copy_current();
        copy.receive = None;
        copy.depth = deeper(x)?;
        let aside = Aside {
            copy,
            way: Way::Through(Some(sequence), None),
            handlers: self.handlers.clone(),
        };
        let report = x.more_copies(1);
        let taken = self
            .cx
            .sender
            .enqueue(aside, &enqueue.executor, enqueue.priority, report);
        match taken {
            true => Ok(()),
            false => {
                let text = format!(
                    "the queue of the priority executor `{}` is full",
                    enqueue.executor.name
                );
                Err(Fault::new(ErrorCode::OVERLOADED, text))
            }
        }
    }

    /// Does what an `iterate` says.
    pub(super) async fn iterate(
        &mut self,
        iterate: &Iterate,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        let parts = iterate.parts(x)?;
        if parts.is_empty() {
            return Ok(());
        }
        let split = split(x);
        let total = parts.len();
        let mut copies = Vec::with_capacity(total);
        for (nth, part) in parts.into_iter().enumerate() {
            let mut copy = x.copy_current();
            copy.receive = None;
            copy.keep_content(part);
            content::ready(&mut copy, self.cx.sender).await?;
            copy.forget_content();
            tell(&mut copy, iterate.id.as_deref(), nth, total, &split);
            let way = iterate.target.of_copy(&mut copy, &self.scene)?;
            copies.push((copy, way));
        }
        self.aside(copies, iterate.in_order, x)
    }

    /// Does what a `foreach` says: its sequence runs with each node as the payload, and what it makes of it takes the node's
    /// place. The properties are those of one message.
    pub(super) async fn for_each(
        &mut self,
        each: &'a ForEach,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        let sequence = self.scene.find(&each.sequence, x)?;
        let nodes = each.nodes(x)?;
        let Some(whole) = x.take_content() else {
            return Ok(());
        };
        let mut whole = *whole;
        for node in nodes {
            let part = match each.part(&whole, node) {
                Ok(part) => part,
                Err(fault) => {
                    x.keep_content(whole);
                    return Err(fault);
                }
            };
            x.keep_content(part);
            let ended = Box::pin(self.inside(sequence, x)).await;
            let part = x.take_content();
            let put = match ended {
                Ok(()) => each.put(&mut whole, node, part.as_deref()),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = put {
                if each.goes_on && !x.replied {
                    continue;
                }
                x.keep_content(whole);
                return Err(fault);
            }
            if x.replied {
                return Ok(());
            }
        }
        // The sequence may have written its part as the message.
        whole
            .view_mut()
            .map_err(|error| content::refused("", &error))?;
        x.keep_content(whole);
        Ok(())
    }

    /// Runs a sequence to its end in the middle of the flow.
    async fn inside(&mut self, sequence: SequenceId, x: &mut Exchange) -> Result<(), Fault> {
        let frames = std::mem::take(&mut self.frames);
        let (calls, handlers) = (self.calls, self.handlers.clone());
        let ended = match self.call(sequence) {
            Ok(()) => self.unhandled(x).await,
            Err(fault) => Err(fault),
        };
        self.frames = frames;
        (self.calls, self.handlers) = (calls, handlers);
        ended
    }

    /// Runs to the end; what fails is not for the handlers in scope.
    async fn unhandled(&mut self, x: &mut Exchange) -> Result<(), Fault> {
        let mut next = None;
        loop {
            let wait = match next {
                Some(wait) => wait,
                None => self.list(x)?,
            };
            next = match wait {
                Wait::Ended(_) => return Ok(()),
                Wait::Answer(send) => {
                    let sent = self.cx.sender.send(x, send.to).await;
                    self.answered(send, sent, x)?
                }
                Wait::Work(work) => Box::pin(self.work(work, x)).await?,
            };
        }
    }
}

/// What the copies of a message have in common, and no others.
fn split(x: &mut Exchange) -> String {
    x.splits += 1;
    format!("{}/{}", x.line, x.splits)
}

/// How deep a copy of this message is.
fn deeper(x: &Exchange) -> Result<u8, Fault> {
    if x.depth >= DEPTH_MAX {
        let text = format!("more than {DEPTH_MAX} copies of copies of a message");
        return Err(Fault::new(ErrorCode::NONE, text));
    }
    Ok(x.depth + 1)
}
