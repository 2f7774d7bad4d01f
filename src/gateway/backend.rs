//! What services that lead to back ends share: targets, connections, the words for failures, and the mark against loops.

use std::io;
use std::sync::LazyLock;

use tokio::net::TcpStream;

use super::page::Page;
use super::service::Build;
use super::visit::Visit;
use crate::codes::ErrorCode;
use crate::config::gateway::uri::Uri;
use crate::transport::head::RequestHead;
use crate::transport::io::Io;
use crate::transport::target::Target;
use crate::transport::tls::ClientTls;
use crate::transport::upstream::TryError;
use crate::transport::worker::Worker;

/// What this process calls itself in `Via`.
static NAME: LazyLock<String> = LazyLock::new(|| {
    use std::hash::{BuildHasher, RandomState};
    format!(
        "1.1 axon-{:016x}",
        RandomState::new().hash_one(std::process::id())
    )
});

/// The back end of a connect URI.
pub(super) fn target(uri: &Uri, build: &Build<'_>) -> Target {
    let target = Target::new(uri.is_secure(), &uri.host, uri.port_or_default());
    target.with_tls(build.trust.clone())
}

/// `Via` with this process behind those that came before.
pub(super) fn via(head: &RequestHead) -> Vec<u8> {
    let fields = head.headers.iter();
    let before = fields.filter(|(_, name, _)| name.eq_ignore_ascii_case(b"Via"));
    let mut all: Vec<&[u8]> = before.map(|(_, _, value)| value).collect();
    all.push(NAME.as_bytes());
    all.join(&b", "[..])
}

/// True for a request that came through here before.
pub(super) fn is_loop(visit: &Visit<'_>) -> bool {
    let mut fields = visit.head.headers.iter();
    fields.any(|(_, name, value)| {
        name.eq_ignore_ascii_case(b"Via") && memchr::memmem::find(value, NAME.as_bytes()).is_some()
    })
}

/// Says what became of a try that brought no answer.
pub(super) async fn failed(visit: &mut Visit<'_>, error: TryError) {
    match error {
        TryError::Failed { code, .. } => {
            let down = [ErrorCode::CONNECT_FAILED, ErrorCode::CONNECT_TIMEOUT];
            visit.served.outcome = Some(match code {
                code if down.contains(&code) => "connect_failed",
                ErrorCode::RESPONSE_TIMEOUT => "timeout",
                _ => "backend_broke",
            });
            let page = match down.contains(&code) || code == ErrorCode::RESPONSE_TIMEOUT {
                true => Page::GATEWAY_TIMEOUT,
                false => Page::BAD_GATEWAY,
            };
            visit.page(page).await;
        }
        TryError::ClientGone => {
            visit.client.keep_alive = false;
            visit.served.outcome = Some("client_abort");
        }
        TryError::ClientRefused(_) => visit.page(Page::BAD_REQUEST).await,
    }
}

/// Connects to a back end that speaks no HTTP, within the time for that.
pub(super) async fn dial(worker: &Worker, target: &Target, tls: &ClientTls) -> io::Result<Io> {
    let limit = worker.limits.connect;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(limit, worker.dial(target))
        .await
        .map_err(late)??;
    let limit = worker.limits.tls_handshake;
    let secured = secured(stream, target, tls);
    tokio::time::timeout(limit, secured).await.map_err(late)?
}

/// The connection as the target asks for it.
pub(super) async fn secured(stream: TcpStream, target: &Target, tls: &ClientTls) -> io::Result<Io> {
    if !target.https {
        return Io::new(stream);
    }
    let secure = tls.connect(&target.host, stream).await;
    let secure = secure.map_err(|why| io::Error::other(why.to_string()))?;
    Io::secure(secure.into())
}
