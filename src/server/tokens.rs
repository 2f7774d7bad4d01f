//! Fetches tokens for endpoints that prove themselves by one: the control plane's part of `endpoint::dispatch::auth`.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::{Semaphore, mpsc};

use super::call::{Bounds, call};
use crate::endpoint::dispatch::auth::{ANSWER_BYTES_MAX, TokenAnswer, TokenFetch, TokenRequest};

/// Most fetches at the same time; more wait in the channel, for as long as their messages wait.
const AT_ONCE: usize = 16;
/// Most fetches that wait to be begun.
pub const WAITING_MAX: usize = 64;

/// Fetches what is asked for until nobody can ask any more.
pub async fn serve(mut fetches: mpsc::Receiver<TokenFetch>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(TokenFetch { request, mut reply }) = fetches.recv().await {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                // Who asked may have gone away.
                () = reply.closed() => {}
                answer = fetch(request) => {
                    let _ = reply.send(answer);
                }
            }
        });
    }
}

async fn fetch(asked: TokenRequest) -> Result<TokenAnswer, String> {
    let mut head = http::Request::post(&*asked.address.path_and_query)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Accept", "application/json");
    for (name, value) in &asked.headers {
        head = head.header(name, value);
    }
    // The error of the builder could show a value, which may be a secret.
    let request = head
        .body(Full::new(Bytes::from(asked.body)))
        .map_err(|_| "a field of the token request has no usable name or value".to_owned())?;
    let bounds = Bounds {
        connect: asked.connect_timeout,
        answer: asked.response_timeout,
        body: ANSWER_BYTES_MAX,
    };
    let (status, body) = call(&asked.address.target, request, bounds).await?;
    Ok(TokenAnswer {
        status,
        body: body.to_vec(),
    })
}
