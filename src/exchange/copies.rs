//! Copies of a message: each is an exchange of its own, sent by itself, and comes back with its answer or its failure.

use tokio::sync::mpsc;

use super::{Body, Direction, Exchange, Fault, Trail};

/// The copies of one message that are under way, as long as more may follow.
#[derive(Debug)]
pub struct Copies {
    /// How many were sent.
    pub sent: usize,
    report: CopyReport,
    coming: Coming,
}

/// The copies of one message that come back.
#[derive(Debug)]
pub struct Coming(mpsc::UnboundedReceiver<CopyDone>);

/// One copy that came back.
#[derive(Debug)]
pub struct CopyDone {
    /// The copy; its answer is in it when the result is good.
    pub exchange: Box<Exchange>,
    /// What came of sending it.
    pub result: Result<(), Fault>,
    /// True when the handlers of its error have run already.
    pub recovered: bool,
}

/// Takes copies that came back; as many as there are copies, so that the queue needs no other bound.
#[derive(Clone, Debug)]
pub struct CopyReport(mpsc::UnboundedSender<CopyDone>);

impl Copies {
    /// What is left to wait for: there are no more.
    pub fn wait(self) -> Coming {
        self.coming
    }
}

impl Coming {
    /// The next one that comes back, in the order of coming; `None` when all have.
    pub async fn next(&mut self) -> Option<CopyDone> {
        self.0.recv().await
    }
}

impl CopyReport {
    /// Gives a copy back; it is given back again when nobody waits for it any more.
    pub fn done(&self, copy: CopyDone) -> Result<(), Box<Exchange>> {
        self.0.send(copy).map_err(|back| back.0.exchange)
    }
}

impl Exchange {
    /// Where so many more copies of this message come back to.
    pub fn more_copies(&mut self, sent: usize) -> CopyReport {
        let copies = self.copies.get_or_insert_with(|| {
            let (sender, done) = mpsc::unbounded_channel();
            Box::new(Copies {
                sent: 0,
                report: CopyReport(sender),
                coming: Coming(done),
            })
        });
        copies.sent += sent;
        copies.report.clone()
    }

    /// A copy of the current request, without the client. Its body is shared; one that is not held whole is left out.
    pub fn copy(&self) -> Box<Exchange> {
        let body = match &self.request_body {
            Body::Incoming => Body::Empty,
            held => held.clone(),
        };
        let mut copy = Exchange::new(self.arrival, self.started, self.request.clone(), body);
        copy.rest_suffix = self.rest_suffix;
        copy.properties = self.properties.clone();
        copy.axis2 = self.axis2.clone();
        copy.to.clone_from(&self.to);
        copy.header_end = self.header_end;
        copy.rewritten = self.rewritten;
        copy.named.clone_from(&self.named);
        copy.client_head.clone_from(&self.client_head);
        copy.onward = self.onward;
        copy.receive = self.receive;
        copy.fault_made = self.fault_made;
        copy.depth = self.depth;
        copy.entries.clone_from(&self.entries);
        copy.proxy.clone_from(&self.proxy);
        copy.visit.clone_from(&self.visit);
        copy.call.clone_from(&self.call);
        Box::new(copy)
    }

    /// A copy of the current message, also of an answer; the body must be held.
    pub fn copy_current(&self) -> Box<Exchange> {
        let mut copy = self.copy();
        if self.direction == Direction::Response {
            copy.direction = Direction::Response;
            copy.response.clone_from(&self.response);
            copy.response_body = self.response_body.clone();
        }
        copy
    }

    /// Makes the answer of a copy the answer to this message.
    pub fn adopt(&mut self, mut copy: Box<Exchange>) {
        self.take_trail(&mut copy);
        self.direction = copy.direction;
        self.response = copy.response;
        self.response_body = copy.response_body;
        self.forget_content();
        self.upstream = copy.upstream;
        self.answer_format = copy.answer_format;
        self.fault_blocks = copy.fault_blocks;
        self.axis2 = copy.axis2;
        self.retry_after = copy.retry_after;
        self.fault_made = copy.fault_made;
        self.replied = copy.replied;
    }

    /// Adds what was tried for a copy to what is known of this message.
    pub fn take_trail(&mut self, copy: &mut Exchange) {
        let Trail {
            tries,
            connect,
            session,
            failure,
            ..
        } = std::mem::take(&mut copy.trail);
        let trail = &mut self.trail;
        trail.tries.extend(tries);
        (trail.connect, trail.session, trail.failure) = (connect, session, failure);
    }
}
