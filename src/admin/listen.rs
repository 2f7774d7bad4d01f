//! The sockets of the administration server and the loop that serves them.
//!
//! Bound before anything else starts, so that a port in use or a missing token stops the start with a message.
//! Limits: [`CONNECTIONS_MAX`] connections, [`HEAD_MAX`] bytes of head, [`HEAD_TIME`] for it to arrive.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use super::access::{Gate, Token};
use super::control::Control;
use super::router::Router;
use super::stream::Body;
use crate::observe::metrics::Exposition;

/// Most connections at a time; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// Largest head.
pub const HEAD_MAX: usize = 16 * 1024;
/// Longest time for a head, and for which an idle connection is kept.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// Longest time for one connection's answer, slow readers included; counted from the end of a stream of events.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// Where the administration server listens: `host:port` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddr {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for AdminAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<AdminAddr, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err("unix: needs a path, as in unix:/run/axon.sock".to_owned())
            } else {
                Ok(AdminAddr::Unix(path.into()))
            };
        }
        let named = text.replacen(
            "localhost:",
            "127.0.0.1:",
            usize::from(text.starts_with("localhost:")),
        );
        named.parse().map(AdminAddr::Tcp).map_err(|_| {
            format!("\"{text}\" is neither an address such as 127.0.0.1:8080 nor unix:PATH")
        })
    }
}

impl fmt::Display for AdminAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminAddr::Tcp(address) => address.fmt(f),
            AdminAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why the server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anybody on the network could switch endpoints.
    #[error(
        "the administration address {0} can be reached from other machines and no token is set: \
         bind it to 127.0.0.1 or unix:PATH, or set [admin] token_file or AXON_ADMIN_TOKEN (16 characters or more)"
    )]
    OpenToAll(SocketAddr),
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: AdminAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A bound administration (or probes) socket, not yet served.
#[derive(Debug)]
pub struct Admin {
    socket: Socket,
    address: AdminAddr,
    gate: Option<Gate>,
}

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Admin {
    /// Binds the administration server; refuses an address that others can reach unless there is a token.
    pub fn bind(address: &AdminAddr, token: Option<Token>) -> Result<Admin, BindError> {
        let bound = match address {
            AdminAddr::Tcp(at) if !at.ip().is_loopback() && token.is_none() => {
                return Err(BindError::OpenToAll(*at));
            }
            AdminAddr::Tcp(at) => Some(at.ip()),
            AdminAddr::Unix(_) => None,
        };
        Admin::open(address, Some(Gate { bound, token }))
    }

    /// Binds the probes listener: `/live`, `/ready` and `/metrics`, for looking only.
    pub fn bind_probes(address: &AdminAddr) -> Result<Admin, BindError> {
        Admin::open(address, None)
    }

    fn open(address: &AdminAddr, gate: Option<Gate>) -> Result<Admin, BindError> {
        let (socket, address) = open(address).map_err(|source| BindError::Listen {
            address: address.clone(),
            source,
        })?;
        Ok(Admin {
            socket,
            address,
            gate,
        })
    }

    /// The address with the port that the system chose.
    pub fn address(&self) -> &AdminAddr {
        &self.address
    }

    /// Serves until `stop` resolves; running requests are finished, waiting connections closed.
    pub async fn serve(
        self,
        control: Arc<dyn Control>,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let router = Arc::new(Router {
            control,
            exposition: Exposition::default(),
            gate: self.gate,
        });
        let listener = match self.socket {
            Socket::Tcp(socket) => Listener::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Socket::Unix(socket) => Listener::Unix(tokio::net::UnixListener::from_std(socket)?),
        };
        accept_loop(&listener, &router, stop).await;
        if let AdminAddr::Unix(path) = &self.address {
            // Already gone is as good as removed.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

fn open(address: &AdminAddr) -> std::io::Result<(Socket, AdminAddr)> {
    match address {
        AdminAddr::Tcp(at) => {
            let listener = std::net::TcpListener::bind(at)?;
            listener.set_nonblocking(true)?;
            let bound = AdminAddr::Tcp(listener.local_addr()?);
            Ok((Socket::Tcp(listener), bound))
        }
        AdminAddr::Unix(path) => {
            use std::os::unix::fs::PermissionsExt;
            // A socket file of an ended process is in the way; one that answers is not ours to take.
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(std::io::ErrorKind::AddrInUse.into());
            }
            remove_stale_socket(path)?;
            // Bound under a name of its own in a folder that only we can enter, opened up by the rename: at no
            // moment can others connect.
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let private = tempfile::Builder::new()
                .prefix(".axon-admin")
                .tempdir_in(folder.unwrap_or(std::path::Path::new(".")))?;
            let inside = private.path().join("s");
            let listener = std::os::unix::net::UnixListener::bind(&inside)?;
            std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600))?;
            std::fs::rename(&inside, path)?;
            listener.set_nonblocking(true)?;
            Ok((Socket::Unix(listener), address.clone()))
        }
    }
}

fn remove_stale_socket(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(std::io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a connection is, whichever socket it came from.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match self {
            Listener::Tcp(listener) => Box::new(listener.accept().await?.0),
            Listener::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

async fn accept_loop(listener: &Listener, router: &Arc<Router>, stop: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, stream) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let (Ok(slot), Ok(stream)) = (slot, stream) else {
            // Out of file descriptors, mostly: a pause is the only help.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (router, stopped) = (Arc::clone(router), stopped.clone());
        tokio::spawn(async move {
            // An error here is the peer's: it went away or spoke no HTTP, and got its 4xx.
            let _ = connection(stream, router, stopped).await;
            drop(slot);
        });
    }
    drop(stopping);
    // Every connection gives its slot back when it ends.
    let _ = tokio::time::timeout(HEAD_TIME, slots.acquire_many(CONNECTIONS_MAX as u32)).await;
}

async fn connection(
    stream: Box<dyn Stream>,
    router: Arc<Router>,
    mut stopped: watch::Receiver<()>,
) -> hyper::Result<()> {
    let streams = Arc::<AtomicBool>::default();
    let open = streams.clone();
    let service = service_fn(move |request| {
        let (router, open) = (Arc::clone(&router), open.clone());
        async move {
            let mut answer = router.answer(request).await;
            if let Body::Events(events) = answer.body_mut() {
                events.mark(open);
            }
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            // The sender is gone: the server stops.
            _ = stopped.changed() => break,
            () = tokio::time::sleep(ANSWER_TIME) => {
                if !streams.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(HEAD_TIME, connection).await;
    Ok(())
}

#[cfg(test)]
mod tests;
