//! The sample back end: the services that the stock samples and the demonstration talk to.
//!
//! - `SimpleStockQuoteService`: `getQuote` with a price that is fixed per port, `placeOrder` one-way (empty 202);
//! - `LBService1`: echoes the payload with the text `Response from server: NAME`, and sets `JSESSIONID`;
//! - `MTOMSwASampleService`: gives an uploaded file back as MTOM or as SOAP with attachments.
//!
//! SOAP 1.1, SOAP 1.2 and plain XML are understood, `?wsdl` is answered, every answer names its server in
//! `X-Backend`. `?delay=MS` and `?status=N` make it misbehave on purpose. It is for trying things out: it listens
//! on loopback, and whoever reaches it may stop it (`POST /demo/stop`).

mod alone;
mod attachments;
mod control;
mod fleet;
mod message;
mod service;

pub use alone::run;
pub use fleet::{Fleet, FleetError};

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::task::JoinSet;

/// Ports used when none is given.
pub const DEFAULT_PORTS: [u16; 4] = [9000, 9001, 9002, 9003];
/// Largest request body.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Most client connections at a time.
const CONNECTIONS_MAX: usize = 1024;
/// Longest delay that a request may ask for.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// Longest time for a head.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// An answer before it becomes HTTP.
#[derive(Debug, Default)]
struct Reply {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
    set_cookie: Option<String>,
}

impl Reply {
    fn text(status: u16, text: impl Into<String>) -> Reply {
        Reply {
            status,
            content_type: Some("text/plain; charset=utf-8".to_owned()),
            body: text.into().into_bytes(),
            set_cookie: None,
        }
    }
}

/// One server.
#[derive(Debug)]
struct Server {
    name: String,
    port: u16,
    /// Calls so far by operation; the names are a fixed few.
    calls: Mutex<std::collections::BTreeMap<&'static str, u64>>,
    sessions: std::sync::atomic::AtomicU64,
    /// The servers that the control path may stop and start.
    fleet: Weak<Fleet>,
}

/// Serves one back end of that name until `stop` resolves; its connections end with it.
async fn serve(
    listener: std::net::TcpListener,
    name: String,
    fleet: Weak<Fleet>,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let server = Arc::new(Server {
        name,
        port: listener.local_addr()?.port(),
        calls: Mutex::default(),
        sessions: std::sync::atomic::AtomicU64::new(0),
        fleet,
    });
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    // Without it a small answer may wait for the peer's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(stream, Arc::clone(&server)));
                }
                // Out of file descriptors, mostly: a pause is the only help.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, server: Arc<Server>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(request).await) }
    });
    // An error here is the peer's: it went away or spoke no HTTP.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or("");
        let wanted = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .into_iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let mut reply = match Limited::new(body, BODY_MAX).collect().await {
            Ok(body) => self.reply(&head, &body.to_bytes()),
            Err(_) => Reply::text(413, "the request body is too large or broke off\n"),
        };
        if let Some(ms) = wanted("delay").and_then(|ms| ms.parse().ok()) {
            tokio::time::sleep(Duration::from_millis(ms).min(DELAY_MAX)).await;
        }
        if let Some(status) = wanted("status").and_then(|status| status.parse().ok()) {
            reply.status = status;
        }
        self.to_http(reply)
    }

    fn reply(&self, head: &http::request::Parts, body: &[u8]) -> Reply {
        match head.uri.path().strip_prefix("/demo/") {
            Some(action) => self.control(&head.method, action, head.uri.query().unwrap_or("")),
            None => self.call(head, body),
        }
    }

    fn to_http(&self, reply: Reply) -> Response<Full<Bytes>> {
        let status = StatusCode::from_u16(reply.status)
            .ok()
            .filter(|s| s.as_u16() >= 200);
        let mut response = Response::new(Full::new(Bytes::from(reply.body)));
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut set = |name: &'static str, value: Option<String>| {
            if let Some(value) = value.and_then(|v| http::HeaderValue::from_str(&v).ok()) {
                response.headers_mut().insert(name, value);
            }
        };
        set("content-type", reply.content_type);
        set("set-cookie", reply.set_cookie);
        set("x-backend", Some(self.name.clone()));
        response
    }
}
