//! Sends a message through the tree: the walk decides, the transport tries, the answer comes back on the same call.
//!
//! The only part of this room that does I/O. What the message must be looked at for (a `ClientID`, cookies, a repeat)
//! was known when the tree was built (design 5): a plain address streams without anything being read.

mod facts;
mod read;
pub mod rehearsal;
mod request;
mod soap;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::hold;
use super::session::ResponseFacts;
use super::state::Transition;
use super::tree::target::Target as LeafTarget;
use super::tree::{Endpoints, Leaf, Needs, NodeId};
use super::walk::{Decision, Failure, Retry, SessionEffect, Step, TryOf, Walk};
use crate::codes::ErrorCode;
use crate::config::model::{Scope, TimeoutAction};
use crate::config::source::Span;
use crate::exchange::{Body, Exchange, Fault, SessionPart, TryRecord};
use crate::observe::RequestId;
use crate::soap::content::Extent;
use crate::transport::http1::framing::Framing;
use crate::transport::target::Target;
use crate::transport::upstream::{self, Answer, Try, TryBody, TryError};
use crate::transport::worker::Worker;

use facts::RequestFacts;
pub use rehearsal::{Rehearsal, Tried};
use request::Outgoing;

/// Values of endpoint properties, computed by the room that knows expressions.
pub trait PropertyValues {
    /// The properties of a node for this message, in document order.
    fn values(&self, node: NodeId, x: &Exchange) -> Vec<(Scope, String, String)>;

    /// How far a message has to be read before the properties of a node, and of all below it, can be computed.
    fn extent(&self, _: NodeId) -> Option<Extent> {
        None
    }
}

/// Takes the events that a send causes.
pub trait EventSink {
    /// A try changed the state of a leaf; `said` is what the transport says of a failed one.
    fn state_changed(
        &self,
        path: &str,
        transition: &Transition,
        request: &RequestId,
        said: Option<&str>,
    );
    /// A try failed and changed no state: the leaf's lists leave the code out, or its outage is counted already.
    fn left_alone(&self, leaf: NodeId, code: ErrorCode, request: &RequestId, said: &str);
    /// A message that was sent to this endpoint failed; `said` is what the last try or the walk says.
    fn gave_up(
        &self,
        root: NodeId,
        failure: &Failure,
        decisions: &[Decision],
        request: &RequestId,
        said: &str,
    );
    /// A message goes on to this endpoint after another one failed with that code.
    fn failed_over(
        &self,
        path: &str,
        rule: Span,
        failed: &str,
        code: ErrorCode,
        request: &RequestId,
    );
    /// A message goes on to another child after a try that may have run.
    fn repeated(&self, path: &str, code: ErrorCode, request: &RequestId);
}

/// What holds for all messages of a generation.
#[derive(Clone, Debug)]
pub struct SendPolicy {
    /// `[retry] non_idempotent`.
    pub retry_non_idempotent: bool,
    /// Targets that a message may name for itself (design 16).
    pub allowed: super::allow::AllowList,
}

/// A sender for one exchange.
#[derive(Clone, Copy)]
pub struct Dispatch<'a> {
    /// The worker that it runs on.
    pub worker: &'a Worker,
    /// The tree of the exchange's generation.
    pub endpoints: &'a Endpoints,
    /// Values of properties.
    pub properties: &'a dyn PropertyValues,
    /// What holds for all messages.
    pub policy: &'a SendPolicy,
    /// Where events go.
    pub events: &'a dyn EventSink,
    /// The exchange's id.
    pub request: &'a RequestId,
    /// Whether somebody will read the hashes of session ids.
    pub hash_sessions: bool,
    /// Stands in for the network when the message is only thought through.
    pub rehearsal: Option<&'a dyn Rehearsal>,
}

impl Dispatch<'_> {
    /// The beginning of the current message, or all of it, and how much that is; a message that was read whole is held
    /// from then on. `None`: it broke off, and the client was told so.
    ///
    /// # Errors
    /// A fault: it is longer than `[limits] message_bytes`, or its header is refused.
    pub async fn read(
        &self,
        x: &mut Exchange,
        extent: Extent,
    ) -> Result<Option<(Bytes, Extent)>, Fault> {
        read::read(self.worker, x, extent).await
    }

    /// Sends the request of an exchange to an endpoint and waits for the head of its answer.
    pub async fn send(&self, x: &mut Exchange, root: NodeId) -> Result<(), Fault> {
        let needs = self.endpoints.needs(root);
        let mut facts = RequestFacts::of(x, needs);
        let names_target = x.to.is_none()
            && self
                .endpoints
                .leaf(self.endpoints.resolve(root))
                .is_some_and(|l| l.target == LeafTarget::Message);
        if needs.client_id || needs.service_group_id || names_target {
            let header = soap::request_header(self.worker, x, needs, names_target).await?;
            self.worker.look();
            match header {
                Some(header) => {
                    x.header_end = header.header_end;
                    facts.header = header;
                }
                None => return Ok(()),
            }
        }
        x.trail.root = Some(root.0);
        let cookies = facts.cookies();
        let mut refused_since = None;
        loop {
            let facts_now = facts.facts(&cookies, self.policy.retry_non_idempotent);
            let mut walk = Walk::start(self.endpoints, root, facts_now, self.worker.random());
            let failure = loop {
                match walk.next(self.worker.now()) {
                    Step::Fail(failure) => break failure,
                    Step::Try(this) => {
                        if self
                            .attempt(x, root, &facts, needs, &mut walk, this)
                            .await?
                        {
                            return Ok(());
                        }
                    }
                }
            };
            let now = self.worker.now();
            let since = *refused_since.get_or_insert(now);
            let again = hold::until(
                self.endpoints,
                &failure,
                walk.decisions(),
                since,
                now,
                self.worker.limits.hold,
            );
            let again = match (self.rehearsal, again) {
                (Some(rehearsal), Some(again)) => {
                    rehearsal.would_wait(again.since(now));
                    None
                }
                (_, again) => again,
            };
            if let (Some(again), Some(_place)) = (again, self.worker.hold_one()) {
                drop(walk);
                tokio::time::sleep(again.since(now)).await;
                self.worker.look();
                continue;
            }
            x.trail.failure = Some(failure.code);
            let fault = self.give_up(x, failure);
            let decisions = walk.decisions();
            self.events
                .gave_up(root, &failure, decisions, self.request, &fault.message);
            return if x.replied { Ok(()) } else { Err(fault) };
        }
    }

    /// One try. True: answered. False: the walk knows why it failed. An error ends the message.
    async fn attempt(
        &self,
        x: &mut Exchange,
        root: NodeId,
        facts: &RequestFacts,
        needs: Needs,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
    ) -> Result<bool, Fault> {
        let Some(leaf) = self.endpoints.leaf(this.leaf) else {
            return Err(Fault::new(ErrorCode::NONE, "a try without a leaf"));
        };
        if let Some(TryRecord {
            leaf: failed,
            code: Some(code),
            ..
        }) = x.trail.tries.last()
        {
            let (node, failed) = (
                self.endpoints.node(this.leaf),
                self.endpoints.node(NodeId(*failed)),
            );
            self.events
                .failed_over(&node.path, node.span, &failed.path, *code, self.request);
        }
        let properties = self.node_properties(x, root, this.leaf);
        let prepared = Outgoing::prepare(self, x, leaf, walk, facts, &properties);
        let outgoing = match prepared {
            Ok(outgoing) => outgoing,
            Err(fault) => {
                walk.abandon();
                self.events
                    .left_alone(this.leaf, fault.code, self.request, &fault.message);
                return Err(fault);
            }
        };
        let begun = self.worker.instant();
        let result = match self.rehearsal {
            None => self.try_leaf(x, leaf, &outgoing, needs.repeat).await,
            Some(rehearsal) => {
                let tried = Tried {
                    root,
                    leaf: this.leaf,
                    head: &outgoing.head,
                    target: &outgoing.target,
                    deadline: leaf.timeout.unwrap_or(self.worker.limits.response),
                    decisions: walk.decisions(),
                };
                match rehearsal.result(&tried) {
                    Ok(()) => {
                        let (_, effect) =
                            walk.succeeded(&ResponseFacts::default(), self.worker.now());
                        rehearsal.answered(effect, walk.session_hash());
                        x.replied = true;
                        return Ok(true);
                    }
                    Err(failed) => Err(failed),
                }
            }
        };
        let took = self.worker.look() - begun;
        self.worker.recycle(outgoing.head);
        match result {
            Ok(answer) => {
                x.trail.tries.push(TryRecord {
                    leaf: this.leaf.0,
                    code: None,
                    tls_failed: false,
                    took,
                });
                leaf.stats.duration.record(took);
                self.answered(x, needs, walk, this, answer, outgoing.target)
                    .await?;
                Ok(true)
            }
            Err(TryError::ClientGone) => {
                walk.abandon();
                request::answer_refused(x, request::BROKE_OFF);
                Ok(true)
            }
            Err(TryError::ClientRefused(refused)) => {
                walk.abandon();
                request::answer_refused(x, refused);
                Ok(true)
            }
            Err(TryError::Failed { code, stage, text }) => {
                let tls_failed =
                    stage == upstream::Stage::Handshake && code == ErrorCode::CONNECT_FAILED;
                if tls_failed {
                    leaf.stats.tls_failures.fetch_add(1, Ordering::Relaxed);
                }
                x.trail.tries.push(TryRecord {
                    leaf: this.leaf.0,
                    code: Some(code),
                    tls_failed,
                    took,
                });
                let may_have_run = stage > upstream::Stage::Head;
                let retry = Retry {
                    may_have_run,
                    replayable: x.client.as_ref().is_none_or(|c| c.replayable())
                        || matches!(x.request_body, Body::Whole(_)),
                    idempotent: x.request.method.is_idempotent(),
                };
                let state_added = ErrorCode(code.0 + stage.protocol_state());
                // The built-in response time does not make a POST run twice: only a timeout that the file sets does (design 15).
                let built_in_timeout =
                    code == ErrorCode::RESPONSE_TIMEOUT && leaf.timeout.is_none();
                let retry = Retry {
                    replayable: retry.replayable && (retry.idempotent || !built_in_timeout),
                    ..retry
                };
                let transition = walk.failed(code, Some(state_added), retry, self.worker.now());
                match transition {
                    Some(_) => self.record(this.leaf, transition, Some(&text)),
                    None => self.events.left_alone(this.leaf, code, self.request, &text),
                }
                x.fault = Some(Fault::new(code, text));
                if may_have_run && retry.replayable && !retry.idempotent {
                    self.events
                        .repeated(&self.endpoints.node(this.leaf).path, code, self.request);
                }
                Ok(false)
            }
        }
    }

    async fn try_leaf(
        &self,
        x: &mut Exchange,
        leaf: &Leaf,
        outgoing: &Outgoing,
        keep: bool,
    ) -> Result<Answer, TryError> {
        let body = match &x.request_body {
            Body::Empty => TryBody::None,
            Body::Incoming => TryBody::Client { keep },
            Body::Whole(bytes) => TryBody::Bytes(bytes),
        };
        let this = Try {
            target: &outgoing.target,
            head: &outgoing.head,
            asked: outgoing.method,
            upgrade: outgoing.upgrade,
            body,
            framing: outgoing.framing,
            deadline: leaf.timeout.unwrap_or(self.worker.limits.response),
            connected: Cell::default(),
        };
        let answer = upstream::attempt(self.worker, x.client.as_deref_mut(), &this).await;
        x.trail.connect = this.connected.get();
        if let Some(took) = x.trail.connect {
            leaf.stats.connect.record(took);
        }
        if let Ok(answer) = &answer {
            // Nothing is sent again once an answer has begun.
            if let Some(client) = x.client.as_mut()
                && answer.upstream.sending.is_none()
            {
                client.body.replay.forget();
            }
        }
        answer
    }

    async fn answered(
        &self,
        x: &mut Exchange,
        needs: Needs,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
        mut answer: Answer,
        target: Arc<Target>,
    ) -> Result<(), Fault> {
        let group = if needs.service_group_id {
            soap::answer_service_group(self.worker, &mut answer).await
        } else {
            None
        };
        let set_cookies = if needs.cookies {
            facts::set_cookies(&answer.head)
        } else {
            Vec::new()
        };
        let set_cookies: Vec<&str> = set_cookies.iter().map(String::as_str).collect();
        let response = ResponseFacts {
            set_cookie: &set_cookies,
            service_group_id: group.as_ref().map(|g| g.as_str()),
            unix_seconds: if needs.cookies {
                facts::unix_seconds()
            } else {
                0
            },
        };
        let (transition, effect) = walk.succeeded(&response, self.worker.now());
        let key = match (self.hash_sessions, effect) {
            (false, _) | (_, SessionEffect::None) => 0,
            (true, _) => walk.session_hash(),
        };
        x.trail.session = match effect {
            SessionEffect::None => SessionPart::None,
            SessionEffect::Bound => SessionPart::Bound(key),
            SessionEffect::Kept | SessionEffect::Renewed | SessionEffect::Ended => {
                SessionPart::Hit(key)
            }
        };
        self.record(this.leaf, transition, None);
        x.fault = None;
        x.response_body = if answer.upstream.framing == Framing::None && answer.head.status != 101 {
            Body::Empty
        } else {
            Body::Incoming
        };
        x.response = Some(answer.head);
        x.upstream = Some((answer.upstream, target));
        Ok(())
    }

    fn record(&self, leaf: NodeId, transition: Option<Transition>, said: Option<&str>) {
        if let Some(transition) = transition {
            let path = &self.endpoints.node(leaf).path;
            self.events
                .state_changed(path, &transition, self.request, said);
        }
    }

    /// The fault of a message that no try answered.
    fn give_up(&self, x: &mut Exchange, failure: Failure) -> Fault {
        let now = self.worker.now();
        let said = failure.message(self.endpoints, now);
        // After a real attempt the fault sequence sees the last transport code and its text (spec 7.3).
        let fault = match x.fault.take() {
            // The detail of a transport fault is empty (recorded).
            Some(last) if last.code == failure.code => Fault {
                detail: String::new(),
                message: match failure.verdict {
                    // The code stays the transport's, so somebody has to say why no other child was asked.
                    ErrorCode::NOT_REPLAYABLE => {
                        format!("{}; {} {said}", last.message, failure.verdict)
                    }
                    _ => last.message,
                },
                ..last
            },
            _ => Fault::new(failure.code, said),
        };
        x.retry_after = self.retry_after(failure.node, now);
        if failure.discard
            || self.endpoints.leaf(failure.node).is_some_and(|l| {
                l.timeout_action == Some(TimeoutAction::Discard)
                    && failure.code == ErrorCode::RESPONSE_TIMEOUT
            })
        {
            request::answer_discarded(x);
        }
        fault
    }

    /// How long the endpoint will go on refusing.
    fn retry_after(&self, node: NodeId, now: crate::util::clock::Tick) -> Option<Duration> {
        let leaf = self.endpoints.leaf(node)?;
        let next = leaf.state.snapshot().next_retry;
        (next > now).then(|| next.since(now))
    }

    /// Properties of the group and of the leaf, in the order in which they are set.
    fn node_properties(
        &self,
        x: &Exchange,
        root: NodeId,
        leaf: NodeId,
    ) -> Vec<(Scope, String, String)> {
        let mut all = Vec::new();
        for node in [root, leaf] {
            if !self.endpoints.node(node).properties.is_empty() && (all.is_empty() || root != leaf)
            {
                all.extend(self.properties.values(node, x));
            }
        }
        all
    }
}
