//! One try with what the endpoint proves itself by. A token that the back end refuses is replaced once.

use super::auth::{Auth, Token, TokenSource};
use super::facts::RequestFacts;
use super::request::Outgoing;
use super::{Dispatch, Sent};
use crate::codes::ErrorCode;
use crate::config::model::Scope;
use crate::endpoint::tree::{Leaf, NodeId};
use crate::endpoint::walk::Walk;
use crate::exchange::{Body, Exchange, Fault};
use crate::transport::target::Target;
use crate::transport::upstream::{Answer, Stage, TryError};

impl Dispatch<'_> {
    /// Prepares a try and makes it. The outer error ends the message: it cannot be written for this leaf.
    pub(super) async fn authorized(
        &self,
        x: &mut Exchange,
        (node, leaf): (NodeId, &Leaf),
        walk: &mut Walk<'_, '_>,
        facts: &RequestFacts,
        properties: &[(Scope, String, String)],
        keep: bool,
    ) -> Result<Result<(Answer, Sent), TryError>, Fault> {
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
            let outgoing =
                Outgoing::prepare(self, x, (node, leaf), walk, facts, properties, value)?;
            if let Some(left_out) = is_left_out(self, leaf, &outgoing.target, walk) {
                self.worker.recycle(outgoing.head);
                return Ok(Err(left_out));
            }
            let result = self.try_leaf(x, leaf, &outgoing, keep).await;
            self.worker.recycle(outgoing.head);
            let answer = match result {
                Ok(answer) => answer,
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
            return Ok(Ok((answer, (outgoing.target, outgoing.changed))));
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
