//! A byte stream to a peer. One kind today; TLS becomes another variant here and nowhere else.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::Buf;

/// A connected stream.
#[derive(Debug)]
pub struct Io {
    stream: TcpStream,
}

impl Io {
    /// Wraps a connected socket; small writes go out at once.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Lets the system notice a peer that vanished; for tunnels, which have no timer of their own.
    pub fn keep_probing(&self) {
        // A socket that refuses the option still works.
        let _ = socket2::SockRef::from(&self.stream).set_keepalive(true);
    }

    /// Makes the coming close a reset, so that a cut answer cannot pass for a complete one.
    pub fn reset_on_close(&self) {
        // When the option is refused the close still comes, only more politely.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Ready when a read would give something (data, the end, an error). Costs no system call.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(cx)
    }

    /// True when the peer has sent something or closed since the last read. Costs no system call.
    pub fn has_news(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.stream.poll_read_ready(&mut cx).is_ready()
    }

    /// Reads into the buffer, whose storage is borrowed only when something is there. `Ok(0)`: the peer closed.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut Buf) -> Poll<io::Result<usize>> {
        let Some(room) = buf.room() else {
            return Poll::Ready(Err(io::Error::other("no room in the read buffer")));
        };
        let mut read = ReadBuf::new(room);
        let result = Pin::new(&mut self.stream).poll_read(cx, &mut read);
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
        match pieces {
            [one] => Pin::new(&mut self.stream).poll_write(cx, one),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, pieces),
        }
    }

    /// Ends our side of the stream.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(&mut self.stream, bytes).await
    }
}
