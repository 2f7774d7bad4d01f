//! One try with what the endpoint proves itself by. A token that the back end refuses is replaced once.

use super::Dispatch;
use super::attempt::{Begun, Outcome};
use super::auth::{Auth, Token, TokenSource};
use super::facts::RequestFacts;
use crate::codes::ErrorCode;
use crate::endpoint::tree::Leaf;
use crate::endpoint::walk::Walk;
use crate::exchange::{Body, Exchange, Fault};
use crate::transport::target::Target;
use crate::transport::upstream::{self, Stage, TryError};

impl Dispatch<'_> {
    /// Prepares a try and makes it. The outer error ends the message: it cannot be written for this leaf.
    pub(super) async fn authorized(
        &self,
        x: &mut Exchange,
        begun: &Begun<'_>,
        walk: &mut Walk<'_, '_>,
        facts: &RequestFacts,
        keep: bool,
    ) -> Result<Outcome, Fault> {
        let leaf = begun.leaf;
        let (basic, source) = match &leaf.auth {
            None => (None, None),
            Some(Auth::Basic(value)) => (Some(&**value), None),
            Some(Auth::Token(source)) => (None, Some(&**source)),
        };
        let mut token = match source {
            None => None,
            Some(source) => match Box::pin(self.token(source)).await {
                Ok(token) => Some(token),
                Err(failed) => return Ok(Err(failed)),
            },
        };
        let mut fresh = false;
        loop {
            let value = token.as_ref().map(|t| t.value.as_bytes()).or(basic);
            let outgoing = match self.outgoing(x, begun, walk, facts, value)? {
                Ok(outgoing) => outgoing,
                Err(left_out) => return Ok(Err(left_out)),
            };
            let body = outgoing.try_body(&x.request_body, keep);
            let this = self.try_of(x.depth, x.departed.take(), leaf, &outgoing, body);
            let answer = upstream::attempt(self.worker, x.client.as_deref_mut(), &this).await;
            let took = this.connected.get();
            let (answer, sent) = match self.back(x, leaf, outgoing, took, answer) {
                Ok(answered) => answered,
                Err(error) => return Ok(Err(error)),
            };
            if let (Some(source), Some(refused)) = (source, &token)
                && answer.head.status == 401
                && !fresh
                && answer.upstream.sending.is_none()
                && replayable(x)
            {
                // One that was fetched after this one was sent counts as new too.
                source.refused(refused);
                drop(answer);
                match Box::pin(self.token(source)).await {
                    Ok(new) => (token, fresh) = (Some(new), true),
                    Err(failed) => return Ok(Err(failed)),
                }
                continue;
            }
            return Ok(Ok((answer, sent)));
        }
    }

    async fn token(&self, source: &TokenSource) -> Result<Token, TryError> {
        source
            .token(self.tokens)
            .await
            .map_err(|text| TryError::Failed {
                code: ErrorCode::AUTHENTICATION,
                stage: Stage::Connect,
                text,
            })
    }
}

/// Tells the walk of the back end that a message turned out to go to; the error when that one is not ready.
pub(super) fn is_left_out(
    dispatch: &Dispatch<'_>,
    leaf: &Leaf,
    target: &Target,
    walk: &mut Walk<'_, '_>,
) -> Option<TryError> {
    let authorities = leaf.authorities.as_ref()?;
    let now = dispatch.worker.now();
    let state = authorities.state(target, now);
    if walk.found(state.clone(), now) {
        return None;
    }
    let snapshot = state.snapshot();
    Some(TryError::Failed {
        code: ErrorCode::NOT_READY,
        stage: Stage::Connect,
        text: format!(
            "{target} is not ready: {}, {} ms left",
            snapshot.state.name(),
            snapshot.next_retry.since(now).as_millis()
        ),
    })
}

fn replayable(x: &Exchange) -> bool {
    x.client.as_ref().is_none_or(|client| client.replayable())
        || matches!(x.request_body, Body::Whole(_))
}
