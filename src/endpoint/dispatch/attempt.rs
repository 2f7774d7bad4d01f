//! One try of one endpoint: what comes before it and what comes of it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::facts::{self, RequestFacts};
use super::rehearsal::{Rehearsal, Tried};
use super::request::{self, Outgoing};
use super::{Dispatch, Sent, auth, authorized};
use crate::codes::ErrorCode;
use crate::config::model::Scope;
use crate::endpoint::operations;
use crate::endpoint::session::ResponseFacts;
use crate::endpoint::tree::{Leaf, Needs, NodeId};
use crate::endpoint::walk::{Retry, SessionEffect, TryOf, Walk};
use crate::exchange::{Body, Exchange, Fault, Properties, SessionPart, TryRecord};
use crate::soap::scan::Text;
use crate::transport::gate::{Gate, Overload, Place};
use crate::transport::upstream::{self, Answer, Try, TryBody, TryError};
use crate::util::gauge::Counted;

/// A try that has begun.
pub(super) struct Begun<'a> {
    this: TryOf,
    /// The endpoint that is tried.
    pub leaf: &'a Leaf,
    properties: Vec<(Scope, String, String)>,
    /// What one child's properties set, the next one does not see (spec/endpoints.md 9.3).
    before: Option<Box<(Properties, Properties)>>,
    at: Instant,
    busy: Option<Counted>,
    place: Option<Place>,
}

/// An answer, or why there is none.
pub(super) type Outcome = Result<(Answer, Sent), TryError>;

/// What became of a try.
pub(super) enum TryEnd {
    /// There is an answer.
    Answered(Answer, Sent),
    /// There is nothing more to do for the message.
    Over,
    /// The walk knows why not.
    Failed,
    /// The answer counts as a failure; it goes to the client when nobody else is tried.
    Kept(NodeId, Answer, Sent),
}

impl<'a> Dispatch<'a> {
    /// Begins a try.
    pub(super) fn begin(
        &self,
        x: &Exchange,
        needs: Needs,
        walk: &Walk<'_, '_>,
        this: TryOf,
    ) -> Result<Begun<'a>, Fault> {
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
        let before = || Box::new((x.properties.clone(), x.axis2.clone()));
        Ok(Begun {
            this,
            leaf,
            before: (!properties.is_empty()).then(before),
            properties,
            at: self.worker.instant(),
            busy: leaf.load.as_ref().map(|load| load.busy.one()),
            place: None,
        })
    }

    /// True for an endpoint that nothing has to be waited for before it is tried.
    pub(super) fn is_plain(&self, leaf: &Leaf) -> bool {
        self.rehearsal.is_none() && leaf.gate.is_none() && leaf.auth.is_none()
    }

    /// The request as this endpoint gets it; the inner error when its back end is left out for a time.
    pub(super) fn outgoing(
        &self,
        x: &mut Exchange,
        begun: &Begun<'_>,
        walk: &mut Walk<'_, '_>,
        facts: &RequestFacts,
        authorization: Option<&[u8]>,
    ) -> Result<Result<Outgoing, TryError>, Fault> {
        let leaf = (begun.this.leaf, begun.leaf);
        let outgoing =
            Outgoing::prepare(self, x, leaf, walk, facts, &begun.properties, authorization)?;
        match authorized::is_left_out(self, begun.leaf, &outgoing.target, walk) {
            None => Ok(Ok(outgoing)),
            Some(left_out) => {
                self.worker.recycle(outgoing.head);
                Ok(Err(left_out))
            }
        }
    }

    /// The try as the transport takes it, of a message that is so many copies deep.
    pub(super) fn try_of<'t>(
        &self,
        depth: u8,
        departed: Option<oneshot::Sender<()>>,
        leaf: &'t Leaf,
        outgoing: &'t Outgoing,
        body: TryBody<'t>,
    ) -> Try<'t> {
        Try {
            target: &outgoing.target,
            head: &outgoing.head,
            asked: outgoing.method,
            upgrade: outgoing.upgrade,
            body,
            framing: outgoing.framing,
            deadline: leaf.timeout.unwrap_or(self.worker.limits.response),
            connected: Cell::default(),
            departed: RefCell::new(departed),
            depth: depth.saturating_add(1),
            connections: leaf.load.as_ref().map(|load| &load.connections),
        }
    }

    /// Notes what a try took to connect, and keeps what its answer is understood with.
    pub(super) fn back(
        &self,
        x: &mut Exchange,
        leaf: &Leaf,
        outgoing: Outgoing,
        connect: Option<Duration>,
        answer: Result<Answer, TryError>,
    ) -> Outcome {
        x.trail.connect = connect;
        if let Some(took) = connect {
            leaf.stats.connect.record(took);
        }
        self.worker.recycle(outgoing.head);
        answer.map(|answer| (answer, (outgoing.target, outgoing.changed)))
    }

    /// A try of an endpoint that has a limit or wants a proof, or one that is only thought through: that is over without an
    /// outcome when it would have been answered.
    pub(super) async fn guarded(
        &self,
        x: &mut Exchange,
        begun: &mut Begun<'_>,
        walk: &mut Walk<'_, '_>,
        facts: &RequestFacts,
        needs: Needs,
    ) -> Result<Option<Outcome>, Fault> {
        if let Some(rehearsal) = self.rehearsal {
            let result = self.rehearse(rehearsal, x, begun, facts, walk)?;
            return Ok(result.err().map(Err));
        }
        if let Some(gate) = &begun.leaf.gate {
            match self.enter(x, gate).await {
                Ok(place) => begun.place = Some(place),
                Err(error) => return Ok(Some(Err(error))),
            }
        }
        let sent = self.authorized(x, begun, walk, facts, needs.repeat);
        sent.await.map(Some)
    }

    /// Takes the outcome of a try. An error ends the message.
    pub(super) fn over(
        &self,
        x: &mut Exchange,
        walk: &mut Walk<'_, '_>,
        begun: Begun<'_>,
        result: Result<Outcome, Fault>,
    ) -> Result<TryEnd, Fault> {
        let Begun { this, leaf, .. } = begun;
        let result = match result {
            Ok(result) => result,
            Err(fault) => {
                walk.abandon();
                self.events
                    .left_alone(this.leaf, fault.code, self.request, &fault.message);
                return Err(fault);
            }
        };
        let took = self.worker.look() - begun.at;
        if self.rehearsal.is_none() {
            if leaf.operations.is_some() || leaf.trace {
                self.tell(x, this.leaf, leaf, &result, took);
            }
            if let Some(load) = &leaf.load {
                load.record(result.as_ref().err(), took, self.worker.now());
            }
        }
        match result {
            Ok((mut answer, sent)) => {
                (answer.upstream.busy, answer.upstream.place) = (begun.busy, begun.place);
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
                let Some(code) = code else {
                    return Ok(TryEnd::Answered(answer, sent));
                };
                let text = format!("{} answered {status}, which is listed as a failure", sent.0);
                let whole = answer.upstream.sending.is_none();
                restore(x, begun.before);
                self.failed(x, leaf, walk, this, (code, None), true, whole, text);
                Ok(TryEnd::Kept(this.leaf, answer, sent))
            }
            Err(TryError::ClientGone) => {
                walk.abandon();
                request::answer_refused(x, request::BROKE_OFF);
                Ok(TryEnd::Over)
            }
            Err(TryError::ClientRefused(refused)) => {
                walk.abandon();
                request::answer_refused(x, refused);
                Ok(TryEnd::Over)
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
                restore(x, begun.before);
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

    /// Tells the walk of an answer, and keeps what it says of its session.
    pub(super) fn accept(
        &self,
        x: &mut Exchange,
        needs: Needs,
        walk: &mut Walk<'_, '_>,
        this: TryOf,
        answer: &Answer,
        group: Option<Text>,
    ) {
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
    }

    /// Thinks a try through: the outer error ends the message, as it cannot be written for this leaf. What an endpoint
    /// proves itself by is not shown.
    fn rehearse(
        &self,
        rehearsal: &dyn Rehearsal,
        x: &mut Exchange,
        begun: &Begun<'_>,
        facts: &RequestFacts,
        walk: &mut Walk<'_, '_>,
    ) -> Result<Result<(), TryError>, Fault> {
        let Begun { this, leaf, .. } = *begun;
        if let Some(gate) = &leaf.gate
            && let Some(why) = gate.refuses_now()
        {
            return Ok(Err(overloaded(why)));
        }
        let proof = leaf.auth.as_ref().map(auth::Auth::placeholder);
        let outgoing = match self.outgoing(x, begun, walk, facts, proof)? {
            Ok(outgoing) => outgoing,
            Err(left_out) => return Ok(Err(left_out)),
        };
        let tried = Tried {
            root: x.trail.root.map_or(this.leaf, NodeId),
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
}

fn overloaded(why: Overload) -> TryError {
    TryError::Failed {
        code: ErrorCode::OVERLOADED,
        stage: upstream::Stage::Connect,
        text: format!("the endpoint has as much to do as it may: {why}"),
    }
}

/// Takes back what the properties of a child set that did not answer.
fn restore(x: &mut Exchange, before: Option<Box<(Properties, Properties)>>) {
    if let Some(before) = before {
        (x.properties, x.axis2) = *before;
    }
}
