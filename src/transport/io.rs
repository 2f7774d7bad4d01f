//! A byte stream to a peer: plain, or inside TLS. What differs between the two is here and nowhere else.
//!
//! A plain stream pays one branch per call for it. Inside TLS, bytes that were taken may still wait for the socket:
//! whoever has written all he has calls [`Io::poll_flush`] before he counts it as sent. A stream that ends without the
//! peer's `close_notify` is an error, so a body that lasts until the close cannot be cut short unnoticed (RFC 8446
//! section 6.1).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::buffer::Buf;
use super::tls;

/// A connected stream.
#[derive(Debug)]
pub struct Io {
    kind: Kind,
    /// The peer is to see that something was cut off.
    cut: bool,
}

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Of a call inside the process.
    Pipe(DuplexStream),
}

impl Io {
    /// Wraps a connected socket; small writes go out at once.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            kind: Kind::Plain(stream),
            cut: false,
        })
    }

    /// Wraps a TLS connection over a socket.
    pub fn secure(stream: TlsStream<TcpStream>) -> io::Result<Self> {
        stream.get_ref().0.set_nodelay(true)?;
        Ok(Self {
            kind: Kind::Tls(Box::new(stream)),
            cut: false,
        })
    }

    /// One end of a pipe in memory.
    pub fn pipe(stream: DuplexStream) -> Self {
        Self {
            kind: Kind::Pipe(stream),
            cut: false,
        }
    }

    /// The version of TLS; `None` for a plain stream.
    pub fn tls_version(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Plain(_) | Kind::Pipe(_) => None,
            Kind::Tls(stream) => Some(tls::version_name(stream.get_ref().1.protocol_version())),
        }
    }

    fn socket(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Plain(stream) => Some(stream),
            Kind::Tls(stream) => Some(stream.get_ref().0),
            Kind::Pipe(_) => None,
        }
    }

    /// Lets the system notice a peer that vanished; for tunnels, which have no timer of their own.
    pub fn keep_probing(&self) {
        if let Some(socket) = self.socket() {
            // A socket that refuses the option still works.
            let _ = socket2::SockRef::from(socket).set_keepalive(true);
        }
    }

    /// Makes the coming close a reset, so that a cut answer cannot pass for a complete one.
    pub fn reset_on_close(&mut self) {
        self.cut = true;
        if let Some(socket) = self.socket() {
            // When the option is refused the close still comes, only more politely.
            let _ = socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO));
        }
    }

    /// True when the peer has sent something or closed since the last read. Costs no system call while nothing came.
    pub fn has_news(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match &mut self.kind {
            Kind::Plain(stream) => stream.poll_read_ready(&mut cx).is_ready(),
            // What came may be for TLS alone: a ticket, new keys.
            Kind::Tls(stream) => {
                let mut byte = [0];
                Pin::new(stream)
                    .poll_read(&mut cx, &mut ReadBuf::new(&mut byte))
                    .is_ready()
            }
            // None is kept for another message.
            Kind::Pipe(_) => true,
        }
    }

    /// Ready when the peer has closed its side or the stream broke. What it sent and nobody read yet hides that; of a pipe
    /// it is found out when something is written.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        let Some(socket) = self.socket() else {
            return Poll::Pending;
        };
        match socket.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Reads into the buffer, whose storage is borrowed only when something is there. `Ok(0)`: the peer closed.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut Buf) -> Poll<io::Result<usize>> {
        let Some(room) = buf.room() else {
            return Poll::Ready(Err(io::Error::other("no room in the read buffer")));
        };
        let mut read = ReadBuf::new(room);
        let result = match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, &mut read),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, &mut read),
            Kind::Pipe(stream) => Pin::new(stream).poll_read(cx, &mut read),
        };
        let n = read.filled().len();
        match result {
            Poll::Ready(Ok(())) => {
                buf.filled(n);
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                buf.release();
                Poll::Pending
            }
        }
    }

    /// Writes some of the pieces.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match (&mut self.kind, pieces) {
            (Kind::Plain(stream), [one]) => Pin::new(stream).poll_write(cx, one),
            (Kind::Plain(stream), _) => Pin::new(stream).poll_write_vectored(cx, pieces),
            (Kind::Tls(stream), [one]) => Pin::new(stream).poll_write(cx, one),
            (Kind::Tls(stream), _) => Pin::new(stream).poll_write_vectored(cx, pieces),
            (Kind::Pipe(stream), _) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    /// Sends what TLS has taken and the socket has not. A plain stream keeps nothing back.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(_) | Kind::Pipe(_) => Poll::Ready(Ok(())),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// True when bytes that were written wait for the socket.
    pub fn holds_back(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) | Kind::Pipe(_) => false,
            Kind::Tls(stream) => stream.get_ref().1.wants_write(),
        }
    }

    /// Ends our side of the stream; of one that is cut, the end is not announced.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            _ if self.cut => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Pipe(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Announces the end before the stream is dropped, where that makes a difference: inside TLS a close without it
    /// looks cut off. Does not wait: it is a few bytes, and who does not read them does not miss them.
    pub fn say_goodbye(&mut self) {
        if let Kind::Tls(stream) = &mut self.kind
            && !self.cut
        {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let _ = Pin::new(stream).poll_shutdown(&mut cx);
        }
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain(stream) => stream.write_all(bytes).await,
            Kind::Pipe(stream) => stream.write_all(bytes).await,
            Kind::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }
}
