//! Bodies held whole: before a message is copied, and before an answer is looked into.

use super::{Body, Exchange, Fault};
use crate::codes::ErrorCode;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::strict::Refused;
use crate::transport::reply::give_back;
use crate::transport::whole::{WholeError, WholeLimits};
use crate::transport::worker::Worker;

/// What a client is told whose request is too large to be held.
const TOO_LARGE: Refused = Refused {
    status: 413,
    reason: "the request is larger than [limits] message_bytes",
};
/// An answer that nobody wants is read to its end up to so many bytes, so that its connection can be used again.
const WORTH_READING: usize = 64 * 1024;

impl Exchange {
    /// Reads the request's body whole; nothing of it may have been sent on. The error is for the client.
    pub async fn hold_request(&mut self, worker: &Worker) -> Result<(), Refused> {
        if self.request_body != Body::Incoming {
            return Ok(());
        }
        let Some(client) = self.client.as_mut() else {
            return Ok(());
        };
        let read = client.read_whole(WholeLimits::of(&worker.limits));
        let body = read.await.map_err(|error| match error {
            WholeError::TooLong(_) => TOO_LARGE,
            WholeError::Refused(refused) => refused,
            WholeError::Gone => Refused::bad("the body is no longer there"),
            WholeError::BrokeOff => Refused::bad("the body broke off"),
        })?;
        worker.look();
        self.request_body = Body::held(body);
        Ok(())
    }

    /// Reads the answer's body whole and gives its connection back to the pool.
    pub async fn hold_answer(&mut self, worker: &Worker) -> Result<(), Fault> {
        let Some((mut upstream, target)) = self.upstream.take() else {
            return Ok(());
        };
        if self.response_body != Body::Incoming {
            self.upstream = Some((upstream, target));
            return Ok(());
        }
        if upstream.sending.take().is_some() {
            // The back end answered before it had the request; what is left of that is not needed any more.
            upstream.keep_alive = false;
        }
        let read = upstream.read_whole(WholeLimits::of(&worker.limits));
        let body = read.await.map_err(|error| {
            let text = match error {
                WholeError::TooLong(bytes) => format!(
                    "the answer of {target} is larger than [limits] message_bytes ({bytes} bytes)"
                ),
                WholeError::Refused(refused) => {
                    format!("the answer of {target} is broken: {}", refused.reason)
                }
                WholeError::Gone | WholeError::BrokeOff => {
                    format!("the answer of {target} broke off")
                }
            };
            Fault::new(ErrorCode::RESPONSE_PROCESSING, text)
        })?;
        worker.look();
        give_back(worker, upstream, &target);
        self.response_body = Body::held(body);
        Ok(())
    }

    /// Lets go of an answer that nobody wants, without losing its connection where that is cheap.
    pub async fn discard_answer(&mut self, worker: &Worker) {
        let Some((mut upstream, target)) = self.upstream.take() else {
            return;
        };
        let cheap = upstream.keep_alive && upstream.sending.is_none();
        if cheap && upstream.framing != Framing::UntilClose {
            // Whatever is wrong with it: then the connection is not reusable, and nothing else was wanted.
            let limits = WholeLimits {
                bytes: WORTH_READING,
                ..WholeLimits::of(&worker.limits)
            };
            let _ = upstream.read_whole(limits).await;
            give_back(worker, upstream, &target);
        }
        self.response_body = Body::Empty;
    }
}
