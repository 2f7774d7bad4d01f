//! Sends the current message: to an endpoint, on to another one, back to the client.

use tokio::sync::oneshot;

use super::{After, Ended, Handlers, Run, Wait};
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::mediation::copies::{Way, is_one_way};
use crate::mediation::mediator::send::Send;
use crate::mediation::{SendTo, answer, content};
use crate::soap::content::Extent;

/// Most times that the answer to one message is sent on.
const HOPS_MAX: u32 = 32;

impl Run<'_> {
    /// Does what a `send` says.
    pub(super) async fn send_by(&mut self, send: &Send, x: &mut Exchange) -> Result<(), Fault> {
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
            let mut copy = x.copy();
            let (tell, departed) = oneshot::channel();
            copy.departed = Some(tell);
            self.aside(vec![(copy, Way::Send(send.to))], false, x)?;
            // Messages leave in the order of their sends, and whoever is told 202 finds his on its way.
            self.cx.sender.departure(departed).await;
            return Ok(());
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

    /// True for a `send` of a request that nobody has looked into and that nobody wants again: it is handed over as it is.
    pub(super) fn goes_straight(&self, send: &Send, x: &Exchange) -> bool {
        x.direction == Direction::Request
            && send.to != SendTo::ToOfMessage
            && send.receive.is_none()
            && content::is_untouched(x)
            && self.cx.sender.extent(send.to).is_none()
            && !is_one_way(x)
            && !self.is_used_again()
    }

    /// True for a `send` of an answer to the client that nobody has looked into.
    pub(super) fn answers_straight(&self, send: &Send, x: &Exchange) -> bool {
        x.direction == Direction::Response
            && send.to == SendTo::ToOfMessage
            && content::is_untouched(x)
    }

    /// Goes on behind a `send` of a message that was sent as it is.
    pub(super) fn answered(
        &mut self,
        send: &Send,
        sent: Result<(), Fault>,
        x: &mut Exchange,
    ) -> Result<Option<Wait<'static>>, Fault> {
        self.sent(sent, x).map_err(|fault| at(send, fault))?;
        let over = x.replied && x.direction == Direction::Request;
        Ok(over.then_some(Wait::Ended(Ended::Stopped)))
    }

    /// What holds behind every send.
    fn sent(&mut self, sent: Result<(), Fault>, x: &mut Exchange) -> Result<(), Fault> {
        x.forget_content();
        sent?;
        if x.copies.is_some() {
            // What is in scope here takes the errors of the copies, whenever they come.
            self.copy_handlers = self.handlers.clone();
        }
        Ok(())
    }

    /// True when mediators behind the current one may need the request after it has been sent.
    pub(super) fn is_used_again(&self) -> bool {
        let mut frames = self.frames.iter().rev();
        let after = frames.find_map(|frame| match frame.list.after(frame.next) {
            After::Goes => None,
            known => Some(known),
        });
        after == Some(After::Uses)
    }

    /// Has the current message whole, as bytes that say what its tree says.
    pub(super) async fn whole(&self, x: &mut Exchange) -> Result<(), Fault> {
        content::ready(x, self.cx.sender).await?;
        if *x.body() == Body::Incoming && !x.replied {
            self.cx.sender.read(x, Extent::Whole).await?;
        }
        Ok(())
    }

    /// Makes the current message the answer. Ends with `x.replied` when the client's message broke off.
    pub(super) async fn turn(&mut self, x: &mut Exchange) -> Result<(), Fault> {
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
    pub(super) async fn answer(&mut self, x: &mut Exchange) -> Result<(), Fault> {
        content::ready(x, self.cx.sender).await?;
        match x.replied {
            true => Ok(()),
            false => answer::reply(x),
        }
    }

    /// Makes the answer the current request, so that it is sent on.
    pub(super) async fn turn_on(&mut self, x: &mut Exchange) -> Result<(), Fault> {
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

    pub(super) async fn send(&mut self, to: SendTo, x: &mut Exchange) -> Result<(), Fault> {
        forget_failure(x);
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
        if self.cx.sender.extent(to).is_none() {
            content::let_go(x, self.cx.sender).await;
        }
        let sent = self.cx.sender.send(x, to).await;
        self.sent(sent, x)
    }

    /// Goes the way of a copy, up to its answer, handlers included.
    pub(in crate::mediation) async fn way(
        &mut self,
        way: Way,
        handlers: Handlers,
        x: &mut Exchange,
    ) -> Ended {
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
}

/// An error of an earlier try says nothing about the next one.
pub(super) fn forget_failure(x: &mut Exchange) {
    x.fault = None;
    x.retry_after = None;
}

/// True for a request that is to be the answer itself: `RESPONSE=true` in a request flow (spec/mediation.md 7).
fn is_answer(x: &Exchange) -> bool {
    let marked = x.properties.value("RESPONSE");
    marked.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Says where it is written that a message without an address was to be sent.
pub(super) fn at(send: &Send, fault: Fault) -> Fault {
    match send.to {
        SendTo::ToOfMessage if fault.code == ErrorCode::NOT_READY => {
            let text = format!("without an endpoint at {}: {}", send.place, fault.message);
            Fault::new(fault.code, text)
        }
        _ => fault,
    }
}
