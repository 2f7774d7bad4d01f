//! The server's side of a handshake.

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::reason::TlsError;
use super::server::ServerTls;

/// What came of greeting a client.
pub enum Greeted {
    /// A TLS connection.
    Secure(Box<TlsStream<TcpStream>>),
    /// The client speaks HTTP without TLS; nothing was read yet.
    Plain(TcpStream),
    /// The client went away before it said anything, as a check of the port does.
    Gone,
    /// No connection.
    Failed(TlsError),
}

/// Makes the handshake. The caller bounds its time.
pub async fn greet(stream: TcpStream, tls: &ServerTls) -> Greeted {
    // A record begins with a small number, a request with a letter: who took the wrong port gets to know it.
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first[0].is_ascii_uppercase() => return Greeted::Plain(stream),
        Ok(1) => {}
        Ok(_) | Err(_) => return Greeted::Gone,
    }
    match TlsAcceptor::from(tls.config()).accept(stream).await {
        Ok(secure) => Greeted::Secure(Box::new(secure)),
        Err(error) => Greeted::Failed(TlsError::of(&error)),
    }
}
