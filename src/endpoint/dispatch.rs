//! Sends a message through the tree: the walk decides, the transport tries, the answer comes back on the same call.
//!
//! The only part of this room that does I/O. What the message must be looked at for (a `ClientID`, cookies, a repeat)
//! was known when the tree was built (design 5): a plain address streams without anything being read.

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

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::hold;
use super::operations;
use super::session::{Facts, ResponseFacts};
use super::state::Transition;
use super::tree::target::Target as LeafTarget;
use super::tree::{Endpoints, Leaf, Needs, NodeId};
use super::walk::{Decision, Failure, Retry, SessionEffect, Step, TryOf, Walk};
use crate::codes::ErrorCode;
use crate::config::model::{Scope, TimeoutAction};
use crate::config::source::Span;
use crate::exchange::{Body, Exchange, Fault, Properties, SessionPart, TryRecord};
use crate::observe::RequestId;
use crate::soap::content::Extent;
use crate::transport::gate::{Gate, Overload, Place};
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::reply::give_back;
use crate::transport::target::Target;
use crate::transport::upstream::{self, Answer, Try, TryBody, TryError};
use crate::transport::worker::Worker;

use auth::TokenFetches;
pub use copies::{CopySender, NoCopies, Outbound, Recipient};
use facts::RequestFacts;
use format::Changed;
pub use rehearsal::{Rehearsal, Tried};
use request::Outgoing;

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
            let failure = loop {
                match walk.next(self.worker.now()) {
                    Step::Fail(failure) => match kept.take() {
                        Some((leaf, answer, sent)) if failure.code.is_status() => {
                            return self.deliver(x, leaf, answer, sent).await;
                        }
                        _ => break failure,
                    },
                    Step::Copies(list) => {
                        let ready = walk.recipients(list, self.worker.now());
                        let properties = self.node_properties(x, &walk);
                        drop(walk);
                        return self.send_copies(x, list, &ready, properties);
                    }
                    Step::Try(this) => {
                        kept = None;
                        let tried = self.attempt(x, &facts, needs, &mut walk, this);
                        match tried.await? {
                            TryEnd::Answered => return Ok(()),
                            TryEnd::Failed => {}
                            TryEnd::Kept(leaf, answer, sent) => kept = Some((leaf, answer, sent)),
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
            let mut fault = self.give_up(x, failure);
            resolved.explain(self.endpoints, &failure, &mut fault);
            let decisions = walk.decisions();
            self.events
                .gave_up(root, &failure, decisions, self.request, &fault.message);
            return if x.replied { Ok(()) } else { Err(fault) };
        }
    }

    /// One try. An error ends the message.
    async fn attempt(
        &self,
        x: &mut Exchange,
        facts: &RequestFacts,
        needs: Needs,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
    ) -> Result<TryEnd, Fault> {
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
        let properties = match needs.properties {
            true => self.node_properties(x, walk),
            false => Vec::new(),
        };
        // What one child's properties set, the next one does not see (spec 9.3).
        let before = (!properties.is_empty()).then(|| (x.properties.clone(), x.axis2.clone()));
        let begun = self.worker.instant();
        let rehearsed = self.rehearsal.map(|rehearsal| {
            let root = x.trail.root.map_or(this.leaf, NodeId);
            self.rehearse(rehearsal, x, root, leaf, facts, walk, this, &properties)
        });
        let busy = leaf.load.as_ref().map(|load| load.busy.one());
        let place = match &leaf.gate {
            Some(gate) if rehearsed.is_none() => Some(Box::pin(self.enter(x, gate)).await),
            _ => None,
        };
        let (place, result) = match (rehearsed, place.transpose()) {
            (Some(Ok(Ok(()))), _) => return Ok(TryEnd::Answered),
            (Some(Ok(Err(error))), _) => (None, Ok(Err(error))),
            (Some(Err(fault)), _) => (None, Err(fault)),
            (None, Err(error)) => (None, Ok(Err(error))),
            (None, Ok(place)) => {
                let sent =
                    self.authorized(x, (this.leaf, leaf), walk, facts, &properties, needs.repeat);
                (place, sent.await)
            }
        };
        let result = match result {
            Ok(result) => result,
            Err(fault) => {
                walk.abandon();
                self.events
                    .left_alone(this.leaf, fault.code, self.request, &fault.message);
                return Err(fault);
            }
        };
        let took = self.worker.look() - begun;
        if (leaf.operations.is_some() || leaf.trace) && self.rehearsal.is_none() {
            self.tell(x, this.leaf, leaf, &result, took);
        }
        if let Some(load) = &leaf.load
            && self.rehearsal.is_none()
        {
            load.record(result.as_ref().err(), took, self.worker.now());
        }
        match result {
            Ok((mut answer, sent)) => {
                (answer.upstream.busy, answer.upstream.place) = (busy, place);
                leaf.stats.duration.record(took);
                let status = answer.head.status;
                let failing = leaf.failing_statuses.contains(&status);
                let code = failing.then(|| ErrorCode::of_status(status));
                x.trail.tries.push(TryRecord {
                    leaf: this.leaf.0,
                    code,
                    tls_failed: false,
                    took,
                });
                if let Some(code) = code {
                    let text =
                        format!("{} answered {status}, which is listed as a failure", sent.0);
                    let whole = answer.upstream.sending.is_none();
                    restore(x, before);
                    self.failed(x, leaf, walk, this, (code, None), true, whole, text);
                    return Ok(TryEnd::Kept(this.leaf, answer, sent));
                }
                self.answered(x, needs, walk, this, answer, sent).await?;
                Ok(TryEnd::Answered)
            }
            Err(TryError::ClientGone) => {
                walk.abandon();
                request::answer_refused(x, request::BROKE_OFF);
                Ok(TryEnd::Answered)
            }
            Err(TryError::ClientRefused(refused)) => {
                walk.abandon();
                request::answer_refused(x, refused);
                Ok(TryEnd::Answered)
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
                restore(x, before);
                let codes = (code, Some(ErrorCode(code.0 + stage.protocol_state())));
                let may_have_run = stage > upstream::Stage::Head;
                self.failed(x, leaf, walk, this, codes, may_have_run, true, text);
                Ok(TryEnd::Failed)
            }
        }
    }

    /// Counts a try by its operation, and writes its line.
    fn tell(
        &self,
        x: &Exchange,
        id: NodeId,
        leaf: &Leaf,
        result: &Result<(Answer, Sent), TryError>,
        took: Duration,
    ) {
        let operation = operations::of(x);
        let ended = match result {
            Ok((answer, (target, _))) => format!("{target} answered {}", answer.head.status),
            Err(TryError::Failed { code, text, .. }) => format!("failed with {code}: {text}"),
            Err(TryError::ClientGone | TryError::ClientRefused(_)) => {
                "the client's own request ended it".to_owned()
            }
        };
        if leaf.trace {
            let method = String::from_utf8_lossy(x.request.method_text());
            let path = String::from_utf8_lossy(x.request.target());
            let path = path.split('?').next().unwrap_or_default();
            let called = operation.as_deref().unwrap_or("-");
            let ms = took.as_millis();
            let text = format!("{method} {path}, operation {called}: {ended} after {ms} ms");
            self.events.traced(id, &text, self.request);
        }
        let failed = matches!(result, Err(TryError::Failed { .. }));
        if let (Some(operations), Some(operation)) = (&leaf.operations, operation)
            && (failed || result.is_ok())
        {
            operations.count(operation, !failed, took);
        }
    }

    /// Tells the walk of a failed try; `codes` is the code, and the one with the protocol state added.
    #[expect(
        clippy::too_many_arguments,
        reason = "all of it is what a failed try is"
    )]
    fn failed(
        &self,
        x: &mut Exchange,
        leaf: &Leaf,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
        (code, state_added): (ErrorCode, Option<ErrorCode>),
        may_have_run: bool,
        whole: bool,
        text: String,
    ) {
        let idempotent = x.request.method.is_idempotent();
        let held = x.client.as_ref().is_none_or(|c| c.replayable())
            || matches!(x.request_body, Body::Whole(_));
        // The built-in response time does not make a POST run twice: only a timeout that the file sets does (design 15).
        let built_in_timeout = code == ErrorCode::RESPONSE_TIMEOUT && leaf.timeout.is_none();
        let retry = Retry {
            may_have_run,
            replayable: held && whole && (idempotent || !built_in_timeout),
            idempotent,
        };
        let transition = walk.failed(code, state_added, retry, self.worker.now());
        match transition {
            Some(_) => self.record(this.leaf, transition, Some(&text)),
            None => self.events.left_alone(this.leaf, code, self.request, &text),
        }
        x.fault = Some(Fault::new(code, text));
        if may_have_run && retry.replayable && !idempotent {
            self.events
                .repeated(&self.endpoints.node(this.leaf).path, code, self.request);
        }
    }

    /// Makes the back end's answer the message's, changed back where the request was changed.
    async fn deliver(
        &self,
        x: &mut Exchange,
        leaf: NodeId,
        mut answer: Answer,
        (target, changed): Sent,
    ) -> Result<(), Fault> {
        // Nothing is sent again once an answer has begun that goes on to the client.
        if let Some(client) = x.client.as_mut()
            && answer.upstream.sending.is_none()
        {
            client.body.replay.forget();
        }
        x.fault = None;
        if relocate::concerns(answer.head.status) {
            self.relocate(x, leaf, &mut answer, &target);
        }
        if let Some(changed) = &changed
            && let Some(body) = Box::pin(self.change_back(x, leaf, changed, &mut answer)).await?
        {
            x.response_body = Body::held(body);
            x.response = Some(answer.head);
            give_back(self.worker, answer.upstream, &target);
            return Ok(());
        }
        x.response_body = if answer.upstream.framing == Framing::None && answer.head.status != 101 {
            Body::Empty
        } else {
            Body::Incoming
        };
        x.response = Some(answer.head);
        x.upstream = Some((answer.upstream, target));
        Ok(())
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

    /// Thinks a try through: the outer error ends the message, as it cannot be written for this leaf. What an endpoint
    /// proves itself by is not shown.
    #[expect(clippy::too_many_arguments, reason = "all of it is what a try is")]
    fn rehearse(
        &self,
        rehearsal: &dyn Rehearsal,
        x: &mut Exchange,
        root: NodeId,
        leaf: &Leaf,
        facts: &RequestFacts,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
        properties: &[(Scope, String, String)],
    ) -> Result<Result<(), TryError>, Fault> {
        if let Some(gate) = &leaf.gate
            && let Some(why) = gate.refuses_now()
        {
            return Ok(Err(overloaded(why)));
        }
        let proof = leaf.auth.as_ref().map(auth::Auth::placeholder);
        let outgoing =
            Outgoing::prepare(self, x, (this.leaf, leaf), walk, facts, properties, proof)?;
        if let Some(left_out) = authorized::is_left_out(self, leaf, &outgoing.target, walk) {
            return Ok(Err(left_out));
        }
        let tried = Tried {
            root,
            leaf: this.leaf,
            head: &outgoing.head,
            target: &outgoing.target,
            deadline: leaf.timeout.unwrap_or(self.worker.limits.response),
            decisions: walk.decisions(),
        };
        let result = rehearsal.result(&tried);
        if result.is_ok() {
            let (_, effect) = walk.succeeded(&ResponseFacts::default(), self.worker.now());
            rehearsal.answered(effect, walk.session_hash());
            x.replied = true;
        }
        Ok(result)
    }

    /// Waits for a place at a back end that has a limit; a client that goes meanwhile leaves the row.
    async fn enter(&self, x: &mut Exchange, gate: &Gate) -> Result<Place, TryError> {
        let gone = async {
            match x.client.as_mut() {
                Some(client) => poll_fn(|cx| client.io.poll_gone(cx)).await,
                None => std::future::pending().await,
            }
        };
        let entered = tokio::select! {
            biased;
            entered = gate.enter() => entered,
            () = gone => return Err(TryError::ClientGone),
        };
        self.worker.look();
        entered.map_err(overloaded)
    }

    async fn try_leaf(
        &self,
        x: &mut Exchange,
        leaf: &Leaf,
        outgoing: &Outgoing,
        keep: bool,
    ) -> Result<Answer, TryError> {
        let body = match outgoing.body.as_ref().unwrap_or(&x.request_body) {
            Body::Empty => TryBody::None,
            _ if outgoing.without_body => TryBody::None,
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
            connections: leaf.load.as_ref().map(|load| &load.connections),
        };
        let answer = upstream::attempt(self.worker, x.client.as_deref_mut(), &this).await;
        x.trail.connect = this.connected.get();
        if let Some(took) = x.trail.connect {
            leaf.stats.connect.record(took);
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
        (target, changed): Sent,
    ) -> Result<(), Fault> {
        let group = if needs.service_group_id {
            Box::pin(soap::answer_service_group(self.worker, &mut answer)).await
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
        self.deliver(x, this.leaf, answer, (target, changed))
            .await?;
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

fn overloaded(why: Overload) -> TryError {
    TryError::Failed {
        code: ErrorCode::OVERLOADED,
        stage: upstream::Stage::Connect,
        text: format!("the endpoint has as much to do as it may: {why}"),
    }
}

/// What became of a try.
enum TryEnd {
    /// There is an answer.
    Answered,
    /// The walk knows why not.
    Failed,
    /// The answer counts as a failure; it goes to the client when nobody else is tried.
    Kept(NodeId, Answer, Sent),
}

/// Where a try went, and what the format settings of its leaf did to it.
type Sent = (Arc<Target>, Option<Box<Changed>>);

/// Takes back what the properties of a child set that did not answer.
fn restore(x: &mut Exchange, before: Option<(Properties, Properties)>) {
    if let Some((properties, axis2)) = before {
        (x.properties, x.axis2) = (properties, axis2);
    }
}
