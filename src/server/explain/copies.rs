//! The copies of a recipient list while a message is thought through: each at once and to its end, for nothing waits.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::record::{Record, Send};
use crate::endpoint::Endpoints;
use crate::endpoint::dispatch::auth::TokenFetches;
use crate::endpoint::dispatch::{CopySender, Dispatch, Outbound, Recipient};
use crate::exchange::{CopyDone, CopyReport};
use crate::observe::RequestId;
use crate::server::generation::Generation;
use crate::transport::worker::Worker;

/// Sends what is only thought through.
pub struct InPlace<'a> {
    pub worker: &'a Worker,
    pub endpoints: &'a Endpoints,
    pub generation: &'a Generation,
    pub record: &'a Record<'a>,
    pub request: &'a RequestId,
    pub tokens: &'a TokenFetches,
}

impl InPlace<'_> {
    pub fn dispatch(&self) -> Dispatch<'_> {
        Dispatch {
            worker: self.worker,
            endpoints: self.endpoints,
            properties: self.generation,
            policy: &self.generation.policy,
            events: self.record,
            copies: self,
            request: self.request,
            hash_sessions: true,
            rehearsal: Some(self.record),
            tokens: self.tokens,
        }
    }
}

impl CopySender for InPlace<'_> {
    fn send_all(&self, copies: Vec<Outbound>, report: CopyReport) -> bool {
        for Outbound { to, mut copy } in copies {
            let Recipient::Child(child) = to else {
                self.record
                    .unknown("a copy goes to an address that the message gives".to_owned());
                continue;
            };
            self.record.begin(Send {
                root: Some(child),
                ..Send::default()
            });
            let dispatch = self.dispatch();
            let sent = {
                let mut sending = pin!(dispatch.send(&mut copy, child));
                sending
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
            };
            let Poll::Ready(result) = sent else {
                self.record
                    .unknown("a copy waits for something outside".to_owned());
                continue;
            };
            // Nobody takes it back when the explanation is over.
            let _ = report.done(CopyDone {
                recovered: false,
                exchange: copy,
                result,
            });
        }
        true
    }
}
