//! `call` and `callout`: the answer to what is sent is gone on with.

use super::Run;
use super::send::at;
use crate::exchange::{Body, Direction, Exchange, Fault, Properties};
use crate::mediation::mediator::call::{Call, Part};
use crate::mediation::{content, message};
use crate::soap::content::Extent;
use crate::transport::head::RequestHead;

impl Run<'_> {
    /// Does what a `call` or `callout` says.
    pub(super) async fn ask(&mut self, call: &Call, x: &mut Exchange) -> Result<(), Fault> {
        if let Some(part) = &call.part {
            return self.ask_with(call, part, x).await;
        }
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
        match response {
            true => x.receive_answer(),
            false => x.turn_to_request(),
        }
        Ok(())
    }

    /// Sends a message of its own; the current one stays, but for where the answer goes.
    async fn ask_with(&mut self, call: &Call, part: &Part, x: &mut Exchange) -> Result<(), Fault> {
        let mut asked = x.copy();
        let made = part.message(x)?;
        let mut head = RequestHead::default();
        head.set_method(b"POST");
        head.set_target(b"/");
        let content_type = String::from_utf8_lossy(made.content_type()).into_owned();
        head.headers.set("Content-Type", content_type.as_bytes());
        let action = part.action().unwrap_or(message::action(x)).to_owned();
        if !action.is_empty() {
            head.headers
                .set("SOAPAction", format!("\"{action}\"").as_bytes());
        }
        asked.request = head;
        asked.direction = Direction::Request;
        asked.axis2 = Properties::default();
        asked.rest_suffix = Default::default();
        asked.request_body = Body::Empty;
        asked.keep_content(made);
        content::ready(&mut asked, self.cx.sender).await?;
        asked.forget_content();
        let sent = self.send(call.send.to, &mut asked).await;
        x.take_trail(&mut asked);
        sent.map_err(|fault| part.failed(at(&call.send, fault)))?;
        if asked.response.is_none() {
            return Ok(());
        }
        let held = self.cx.sender.hold(&mut asked).await;
        held.map_err(|fault| part.failed(fault))?;
        asked.receive_answer();
        content::ensure(&mut asked, Extent::Whole, "", self.cx.sender).await?;
        part.put(&asked, x)
    }
}
