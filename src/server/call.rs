//! One request of the control plane, with bounds on everything.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::transport::target::Target;

/// Bounds of a call.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest time to connect.
    pub connect: Duration,
    /// Longest time from then on to the end of the answer.
    pub answer: Duration,
    /// Largest body of an answer; 0: it is not read.
    pub body: usize,
}

/// Connects; the error is one line for people.
pub async fn connect(target: &Target, time: Duration) -> Result<TcpStream, String> {
    let connecting = TcpStream::connect((&*target.host, target.port));
    match tokio::time::timeout(time, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("connection to {target} failed: {error}")),
        Err(_) => Err(format!(
            "connection to {target} not established within {} ms",
            time.as_millis()
        )),
    }
}

/// Sends a request on a connection of its own and gives status and body of the answer.
pub async fn call(
    target: &Target,
    mut request: Request<Full<Bytes>>,
    bounds: Bounds,
) -> Result<(u16, Bytes), String> {
    let host = target
        .authority
        .parse()
        .map_err(|_| format!("{target} is no usable Host"))?;
    request.headers_mut().insert("Host", host);
    let stream = connect(target, bounds.connect).await?;
    let talk = async {
        if !target.https {
            return exchange(target, stream, request, bounds.body).await;
        }
        let Some(tls) = target.tls() else {
            return Err(format!("{target}: there is no TLS profile to connect with"));
        };
        let secure = tls.connect(&target.host, stream).await;
        let secure = secure.map_err(|error| format!("TLS with {target} failed: {error}"))?;
        exchange(target, secure, request, bounds.body).await
    };
    match tokio::time::timeout(bounds.answer, talk).await {
        Ok(result) => result,
        Err(_) => Err(format!(
            "no answer from {target} within {} ms",
            bounds.answer.as_millis()
        )),
    }
}

async fn exchange(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    body_max: usize,
) -> Result<(u16, Bytes), String> {
    let failed = |error: hyper::Error| format!("{target} did not answer: {error}");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(failed)?;
    // It ends with the answer, or with this call.
    let _ends = AbortOnDrop(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status().as_u16();
    if body_max == 0 {
        return Ok((status, Bytes::new()));
    }
    let body = Limited::new(answer.into_body(), body_max).collect().await;
    let body = body.map_err(|error| format!("the answer of {target} cannot be read: {error}"))?;
    Ok((status, body.to_bytes()))
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
