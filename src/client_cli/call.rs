//! One request to the administration server, over TCP or a Unix socket, with a bound on time and size.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::admin::{AdminAddr, Token};

/// Longest time for the whole call; a reload of a large configuration takes a while.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Largest answer: 5,000 endpoints with their settings fit several times.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// A request to make.
#[derive(Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    body: String,
    accept: &'static str,
}

/// Longest line of a stream.
const LINE_MAX: usize = 1024 * 1024;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body text.
    pub body: String,
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens there.
    #[error("cannot reach the administration address {address}: {source}")]
    Unreachable {
        /// The address.
        address: AdminAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("no answer from {0} in time")]
    Timeout(AdminAddr),
    /// The token cannot be used.
    #[error("{0}")]
    Token(String),
    /// The connection broke, or the other end speaks something else.
    #[error("the call failed: {0}")]
    Broken(String),
}

/// Path of an endpoint with an action, percent-encoded.
pub fn endpoint_path(name: &str, action: &str) -> String {
    format!("/api/v1/endpoints/{}{action}", encoded(name))
}

/// Percent-encoded; the slash of a tree path is kept.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl Call {
    /// A look.
    pub fn get(path: &str) -> Call {
        Call {
            method: "GET",
            path: path.to_owned(),
            body: String::new(),
            accept: "application/json",
        }
    }

    /// A change, with what it takes.
    pub fn post(path: &str, body: Option<serde_json::Value>) -> Call {
        Call {
            method: "POST",
            path: path.to_owned(),
            body: body.map(|body| body.to_string()).unwrap_or_default(),
            accept: "application/json",
        }
    }

    /// A removal.
    pub fn delete(path: &str) -> Call {
        Call {
            method: "DELETE",
            ..Call::get(path)
        }
    }

    /// The same, for an answer of another type.
    pub fn accepting(self, accept: &'static str) -> Call {
        Call { accept, ..self }
    }

    /// Makes the call and waits for its answer.
    pub fn run(&self, address: &AdminAddr, token_file: Option<&Path>) -> Result<Reply, CallError> {
        let token = token(token_file)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CallError::Broken(error.to_string()))?;
        runtime.block_on(async {
            let whole = async { whole(self.connect_and_send(address, token).await?).await };
            tokio::time::timeout(CALL_TIME, whole)
                .await
                .unwrap_or_else(|_| Err(CallError::Timeout(address.clone())))
        })
    }

    /// Makes the call and hands out the lines of its answer as they come, until it ends; an answer that is a refusal is
    /// given back.
    pub fn lines(
        &self,
        address: &AdminAddr,
        token_file: Option<&Path>,
        mut line: impl FnMut(&str),
    ) -> Result<Option<Reply>, CallError> {
        let token = token(token_file)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CallError::Broken(error.to_string()))?;
        runtime.block_on(async {
            let head = tokio::time::timeout(CALL_TIME, self.connect_and_send(address, token));
            let response = head
                .await
                .unwrap_or_else(|_| Err(CallError::Timeout(address.clone())))?;
            if response.status() != http::StatusCode::OK {
                return whole(response).await.map(Some);
            }
            let mut body = response.into_body();
            let mut gathered = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|e| CallError::Broken(e.to_string()))?;
                let Ok(bytes) = frame.into_data() else {
                    continue;
                };
                gathered.extend_from_slice(&bytes);
                while let Some(end) = gathered.iter().position(|b| *b == b'\n') {
                    let text = String::from_utf8_lossy(&gathered[..end]).into_owned();
                    gathered.drain(..=end);
                    if !text.trim().is_empty() {
                        line(&text);
                    }
                }
                if gathered.len() > LINE_MAX {
                    return Err(CallError::Broken("a line is too long".to_owned()));
                }
            }
            Ok(None)
        })
    }

    async fn connect_and_send(
        &self,
        address: &AdminAddr,
        token: Option<Token>,
    ) -> Result<Response<Incoming>, CallError> {
        let unreachable = |source| CallError::Unreachable {
            address: address.clone(),
            source,
        };
        match address {
            AdminAddr::Tcp(at) => {
                let stream = tokio::net::TcpStream::connect(at)
                    .await
                    .map_err(unreachable)?;
                self.send(stream, at.to_string(), token).await
            }
            AdminAddr::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path)
                    .await
                    .map_err(unreachable)?;
                self.send(stream, "localhost".to_owned(), token).await
            }
        }
    }

    async fn send<S>(
        &self,
        stream: S,
        host: String,
        token: Option<Token>,
    ) -> Result<Response<Incoming>, CallError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken =
            |error: Box<dyn std::error::Error + Send + Sync>| CallError::Broken(error.to_string());
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::HOST, host)
            .header(header::ACCEPT, self.accept)
            .header("x-axon-request", "1");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        let body = Full::new(Bytes::from(self.body.clone()));
        let request = request.body(body).map_err(|e| broken(e.into()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| broken(e.into()))?;
        // Ends with the runtime, which lives as long as this call.
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(|e| broken(e.into()))
    }
}

async fn whole(response: Response<Incoming>) -> Result<Reply, CallError> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_MAX)
        .collect()
        .await
        .map_err(|error| CallError::Broken(error.to_string()))?
        .to_bytes();
    Ok(Reply {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn token(file: Option<&Path>) -> Result<Option<Token>, CallError> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            CallError::Token(format!(
                "cannot read the token file {}: {error}",
                path.display()
            ))
        })?,
        None => match std::env::var("AXON_ADMIN_TOKEN") {
            Ok(text) => text,
            Err(_) => return Ok(None),
        },
    };
    match Token::new(&text) {
        Some(token) => Ok(Some(token)),
        None => Err(CallError::Token(
            "the administration token is shorter than 16 characters".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_percent_encoded_and_the_slash_of_a_tree_path_is_kept() {
        assert_eq!(
            endpoint_path("quotes/#2", ":off"),
            "/api/v1/endpoints/quotes/%232:off"
        );
        assert_eq!(
            endpoint_path("a b?é:on", ""),
            "/api/v1/endpoints/a%20b%3F%C3%A9%3Aon"
        );
    }
}
