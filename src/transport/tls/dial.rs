//! Connections of the control plane: documents, tokens, checks of health. The data plane has its own (`upstream`), which
//! pays for nothing that is not used.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::client::ClientTls;
use crate::transport::target::Target;

/// A connection, plain or inside TLS.
pub type Stream = Box<dyn Duplex>;

/// Bytes in, bytes out.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Connects to a target; one with https is protected as it says itself, else by `tls`. The error is one line for people
/// that says what to do. The caller bounds the time.
pub async fn dial(target: &Target, tls: &ClientTls) -> Result<Stream, String> {
    if target.here {
        return Err("a service of this process has no address to connect to".to_owned());
    }
    let stream = TcpStream::connect((&*target.host, target.port))
        .await
        .map_err(|error| format!("cannot connect to {}: {error}", target.authority))?;
    if !target.https {
        return Ok(Box::new(stream));
    }
    let tls = target.tls().unwrap_or(tls);
    match tls.connect(&target.host, stream).await {
        Ok(secure) => Ok(Box::new(secure)),
        Err(why) => Err(format!("no TLS connection to {}: {why}", target.authority)),
    }
}
