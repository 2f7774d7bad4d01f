//! One request to the administration server, over TCP or a Unix socket, with a bound on time and size.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
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
}

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
    let mut path = String::from("/api/v1/endpoints/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path + action
}

impl Call {
    /// A look.
    pub fn get(path: &str) -> Call {
        Call {
            method: "GET",
            path: path.to_owned(),
            body: String::new(),
        }
    }

    /// A change, with a reason for the events.
    pub fn post(path: &str, reason: Option<&str>) -> Call {
        let body = reason.map(|reason| serde_json::json!({ "reason": reason }).to_string());
        Call {
            method: "POST",
            path: path.to_owned(),
            body: body.unwrap_or_default(),
        }
    }

    /// Makes the call and waits for its answer.
    pub fn run(&self, address: &AdminAddr, token_file: Option<&Path>) -> Result<Reply, CallError> {
        let token = token(token_file)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CallError::Broken(error.to_string()))?;
        runtime.block_on(async {
            tokio::time::timeout(CALL_TIME, self.connect_and_send(address, token))
                .await
                .unwrap_or_else(|_| Err(CallError::Timeout(address.clone())))
        })
    }

    async fn connect_and_send(
        &self,
        address: &AdminAddr,
        token: Option<Token>,
    ) -> Result<Reply, CallError> {
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
    ) -> Result<Reply, CallError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken =
            |error: Box<dyn std::error::Error + Send + Sync>| CallError::Broken(error.to_string());
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json")
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
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| broken(e.into()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_MAX)
            .collect()
            .await;
        let body = body.map_err(broken)?.to_bytes();
        Ok(Reply {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
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
