//! Sends a message through the tree: the walk decides, the transport tries, the answer comes back on the same call.
//!
//! The only part of this room that does I/O. What the message must be looked at for (a `ClientID`, cookies, a repeat)
//! was known when the tree was built (design 5): a plain address streams without anything being read.

mod attempt;
pub mod auth;
mod authorized;
mod copies;
mod facts;
mod format;
mod read;
pub mod rehearsal;
mod relocate;
mod request;
mod resolve;
mod soap;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::hold;
use super::session::Facts;
use super::state::Transition;
use super::tree::target::Target as LeafTarget;
use super::tree::{Endpoints, NodeId};
use super::walk::{Decision, Failure, Step, Walk};
use crate::codes::ErrorCode;
use crate::config::model::{Scope, TimeoutAction};
use crate::config::source::Span;
use crate::exchange::{Body, Exchange, Fault};
use crate::observe::RequestId;
use crate::soap::content::Extent;
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::reply::give_back;
use crate::transport::target::Target;
use crate::transport::upstream::{self, Answer};
use crate::transport::worker::Worker;

use attempt::TryEnd;
use auth::TokenFetches;
pub use copies::{CopySender, NoCopies, Outbound, Recipient};
use facts::RequestFacts;
use format::Changed;
pub use rehearsal::{Rehearsal, Tried};

/// When a client may come again that an overloaded endpoint turned away (`Retry-After`).
const OVERLOAD_PASSES: Duration = Duration::from_secs(1);

/// Values of endpoint properties, computed by the room that knows expressions.
pub trait PropertyValues {
    /// The properties of a node for this message, in document order.
    fn values(&self, node: NodeId, x: &Exchange) -> Vec<(Scope, String, String)>;

    /// How far a message has to be read before the properties of a node, and of all below it, can be computed.
    fn extent(&self, _: NodeId) -> Option<Extent> {
        None
    }
    /// The key that the `key-expression` of a node gives for this message.
    fn key(&self, _node: NodeId, _x: &Exchange) -> Option<String> {
        None
    }
    /// The addresses that the recipient list of a node computes for this message.
    fn addresses(&self, _node: NodeId, _x: &Exchange) -> Result<String, Fault> {
        Ok(String::new())
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
    /// A try of a leaf with `trace="enable"` is over.
    fn traced(&self, _leaf: NodeId, _text: &str, _request: &RequestId) {}
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
    /// `[requests] get_form`.
    pub get_form: bool,
    /// `[answers] own_media_type`.
    pub relabel_answers: bool,
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
    /// Sends the copies of a recipient list.
    pub copies: &'a dyn CopySender,
    /// The exchange's id.
    pub request: &'a RequestId,
    /// Whether somebody will read the hashes of session ids.
    pub hash_sessions: bool,
    /// Stands in for the network when the message is only thought through.
    pub rehearsal: Option<&'a dyn Rehearsal>,
    /// Where tokens are fetched.
    pub tokens: &'a TokenFetches,
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
        let mut needs = self.endpoints.needs(root);
        let resolved = resolve::references(self, x, root, needs);
        for (_, target) in &resolved.targets {
            needs.join(self.endpoints.needs(*target));
        }
        // What most messages do not need is boxed, here and below: the future of a message that only passes stays small,
        // and each of its polls goes through few frames.
        if needs.whole
            && let Err(refused) = Box::pin(x.hold_request(self.worker)).await
        {
            request::answer_refused(x, refused);
            return Ok(());
        }
        if (needs.body || needs.body_unless_parts) && !Box::pin(self.hold_body(x, needs)).await? {
            return Ok(());
        }
        let mut facts = RequestFacts::of(x, needs);
        if needs.hash {
            let roots = resolved.targets.iter().map(|(_, target)| *target);
            facts.hash(x, self.endpoints, [root].into_iter().chain(roots));
        }
        let names_target = x.to.is_none()
            && self
                .endpoints
                .leaf(resolved.end_of(self.endpoints, root))
                .is_some_and(|l| l.target == LeafTarget::Message);
        if needs.client_id || needs.service_group_id || names_target {
            let read = soap::request_header(self.worker, x, needs, names_target);
            let header = Box::pin(read).await?;
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
            let facts_now = Facts {
                resolved: &resolved.targets,
                ..facts.facts(&cookies, self.policy.retry_non_idempotent)
            };
            let mut walk = Walk::start(self.endpoints, root, facts_now, self.worker.random());
            let mut kept = None;
            let ended = loop {
                match walk.next(self.worker.now()) {
                    Step::Fail(failure) => match kept.take() {
                        Some(kept) if failure.code.is_status() => break Ok(kept),
                        _ => break Err(failure),
                    },
                    Step::Copies(list) => {
                        let ready = walk.recipients(list, self.worker.now());
                        let properties = self.node_properties(x, &walk);
                        drop(walk);
                        return self.send_copies(x, list, &ready, properties);
                    }
                    Step::Try(this) => {
                        kept = None;
                        let mut tried = self.begin(x, needs, &walk, this)?;
                        let result = match self.is_plain(tried.leaf) {
                            true => match self.outgoing(x, &tried, &mut walk, &facts, None) {
                                Ok(Ok(outgoing)) => {
                                    let body = outgoing.try_body(&x.request_body, needs.repeat);
                                    let this = self.try_of(
                                        x.depth,
                                        x.departed.take(),
                                        tried.leaf,
                                        &outgoing,
                                        body,
                                    );
                                    let client = x.client.as_deref_mut();
                                    let answer = upstream::attempt(self.worker, client, &this);
                                    let answer = answer.await;
                                    let took = this.connected.get();
                                    Ok(self.back(x, tried.leaf, outgoing, took, answer))
                                }
                                Ok(Err(left_out)) => Ok(Err(left_out)),
                                Err(fault) => Err(fault),
                            },
                            false => {
                                let guarded = self.guarded(x, &mut tried, &mut walk, &facts, needs);
                                match Box::pin(guarded).await.transpose() {
                                    Some(result) => result,
                                    None => return Ok(()),
                                }
                            }
                        };
                        match self.over(x, &mut walk, tried, result)? {
                            TryEnd::Answered(mut answer, sent) => {
                                let group = match needs.service_group_id {
                                    true => {
                                        let asked =
                                            soap::answer_service_group(self.worker, &mut answer);
                                        Box::pin(asked).await
                                    }
                                    false => None,
                                };
                                self.accept(x, needs, &mut walk, this, &answer, group);
                                break Ok((this.leaf, answer, sent));
                            }
                            TryEnd::Over => return Ok(()),
                            TryEnd::Failed => {}
                            TryEnd::Kept(leaf, answer, sent) => kept = Some((leaf, answer, sent)),
                        }
                    }
                }
            };
            let failure = match ended {
                Ok((leaf, answer, (target, None))) => {
                    self.deliver(x, leaf, answer, target);
                    return Ok(());
                }
                Ok((leaf, answer, (target, Some(changed)))) => {
                    let changed = self.deliver_changed(x, leaf, answer, target, changed);
                    return Box::pin(changed).await;
                }
                Err(failure) => failure,
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
                // Boxed, so that the future of a message that does not wait has no room for a timer.
                Box::pin(tokio::time::sleep(again.since(now))).await;
                self.worker.look();
                continue;
            }
            x.trail.failure = Some(failure.code);
            let mut fault = self.give_up(x, failure);
            resolved.explain(self.endpoints, &failure, &mut fault);
            let decisions = walk.decisions();
            self.events
                .gave_up(root, &failure, decisions, self.request, &fault.message);
            return if x.replied { Ok(()) } else { Err(fault) };
        }
    }

    /// Makes the back end's answer the message's.
    fn deliver(&self, x: &mut Exchange, leaf: NodeId, mut answer: Answer, target: Arc<Target>) {
        self.welcome(x, leaf, &mut answer, &target);
        pass_on(x, answer, target);
    }

    /// Makes the back end's answer the message's, changed back as the request was changed.
    async fn deliver_changed(
        &self,
        x: &mut Exchange,
        leaf: NodeId,
        mut answer: Answer,
        target: Arc<Target>,
        changed: Box<Changed>,
    ) -> Result<(), Fault> {
        self.welcome(x, leaf, &mut answer, &target);
        let Some(body) = self.change_back(x, leaf, &changed, &mut answer).await? else {
            pass_on(x, answer, target);
            return Ok(());
        };
        x.response_body = Body::held(body);
        x.response = Some(answer.head);
        give_back(self.worker, answer.upstream, &target);
        Ok(())
    }

    /// What is done with the head of every answer.
    fn welcome(&self, x: &mut Exchange, leaf: NodeId, answer: &mut Answer, target: &Target) {
        // Nothing is sent again once an answer has begun that goes on to the client.
        if let Some(client) = x.client.as_mut()
            && answer.upstream.sending.is_none()
        {
            client.body.replay.forget();
        }
        x.fault = None;
        if relocate::concerns(answer.head.status) {
            self.relocate(x, leaf, answer, target);
        }
    }

    /// Has the `Location` of an answer lead to us where it leads to the back end.
    fn relocate(&self, x: &Exchange, leaf: NodeId, answer: &mut Answer, target: &Target) {
        let Some(leaf) = self.endpoints.leaf(leaf) else {
            return;
        };
        let text = |value: Option<&[u8]>| {
            value.and_then(|v| std::str::from_utf8(v).ok().map(str::to_owned))
        };
        let fields = &answer.head.headers;
        let (Some(location), Some(host)) = (
            text(fields.value(Name::Location)),
            text(x.request.headers.value(Name::Host)),
        ) else {
            return;
        };
        let asked = x.request.target();
        let route = asked.get(..asked.len() - x.suffix().len());
        let (path, route) = match &leaf.target {
            LeafTarget::Fixed(address) => {
                let path = address.path_and_query.split('?').next();
                (path.unwrap_or_default(), text(route).unwrap_or_default())
            }
            // It keeps the path that the client asked for.
            LeafTarget::Member(_) => ("", String::new()),
            _ => return,
        };
        let front = relocate::Front {
            https: x.arrival.https,
            host: &host,
            route: route.trim_end_matches('/'),
        };
        if let Some(here) = relocate::relocated(&location, target, path, &front) {
            answer.head.headers.set("Location", here.as_bytes());
        }
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
            Some(mut last) if last.code == failure.code => {
                last.detail.clear();
                // The code stays the transport's, so somebody has to say why no other child was asked.
                if failure.verdict == ErrorCode::NOT_REPLAYABLE {
                    last.message = format!("{}; {} {said}", last.message, failure.verdict);
                }
                last
            }
            _ => Fault::new(failure.code, said),
        };
        x.retry_after = match failure.code {
            ErrorCode::OVERLOADED => Some(OVERLOAD_PASSES),
            _ => self.retry_after(failure.node, now),
        };
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

    /// Properties of everything on the way to the leaf, in the order in which they are set.
    fn node_properties(&self, x: &Exchange, walk: &Walk<'_, '_>) -> Vec<(Scope, String, String)> {
        let mut all = Vec::new();
        for node in walk.passed() {
            if !self.endpoints.node(node).properties.is_empty() {
                all.extend(self.properties.values(node, x));
            }
        }
        all
    }
}

/// Has an answer pass from its connection to the client.
fn pass_on(x: &mut Exchange, answer: Answer, target: Arc<Target>) {
    x.response_body = if answer.upstream.framing == Framing::None && answer.head.status != 101 {
        Body::Empty
    } else {
        Body::Incoming
    };
    x.response = Some(answer.head);
    x.upstream = Some((answer.upstream, target));
}

/// Where a try went, and what the format settings of its leaf did to it.
type Sent = (Arc<Target>, Option<Box<Changed>>);
