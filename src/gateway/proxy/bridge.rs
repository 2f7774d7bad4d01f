//! A WebSocket on one side, a stream on the other: payloads out as bytes, bytes back as binary messages.
//!
//! Each direction holds at most what its buffer holds; the side that does not take stops the other one.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll};

use crate::transport::buffer::Buf;
use crate::transport::io::Io;
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::socket::{End, Socket, Told};

/// Runs until one side ends.
pub(super) async fn run(socket: &mut Socket<'_>, io: Io) -> End {
    io.keep_probing();
    let mut bridge = Bridge {
        io,
        buf: Buf::default(),
        outgoing: None,
    };
    poll_fn(|cx| bridge.poll(cx, socket)).await
}

struct Bridge {
    io: Io,
    /// Bytes of the stream.
    buf: Buf,
    /// A part of a message, and how much of it the stream has taken.
    outgoing: Option<(Told, usize)>,
}

impl Bridge {
    fn poll(&mut self, cx: &mut Context<'_>, socket: &mut Socket<'_>) -> Poll<End> {
        if let Poll::Ready(end) = self.poll_out(cx, socket) {
            return Poll::Ready(end);
        }
        self.poll_back(cx, socket)
    }

    /// From the WebSocket to the stream.
    fn poll_out(&mut self, cx: &mut Context<'_>, socket: &mut Socket<'_>) -> Poll<End> {
        loop {
            if let Some((told, taken)) = &mut self.outgoing {
                let payload = socket.part(told).payload;
                while *taken < payload.len() {
                    match self.io.poll_write(cx, &[IoSlice::new(&payload[*taken..])]) {
                        Poll::Ready(Ok(n @ 1..)) => *taken += n,
                        Poll::Ready(_) => return Poll::Ready(End::Close(CloseCode::NORMAL)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                self.outgoing = None;
            }
            match socket.poll_next(cx) {
                Poll::Ready(Ok(told)) => self.outgoing = Some((told, 0)),
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => {
                    return match self.io.poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(End::Close(CloseCode::NORMAL)),
                        _ => Poll::Pending,
                    };
                }
            }
        }
    }

    /// From the stream to the WebSocket.
    fn poll_back(&mut self, cx: &mut Context<'_>, socket: &mut Socket<'_>) -> Poll<End> {
        loop {
            if socket.is_full() {
                match socket.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => return Poll::Pending,
                }
            }
            match self.io.poll_fill(cx, &mut self.buf) {
                Poll::Ready(Ok(n @ 1..)) => {
                    socket.queue(true, Opcode::Binary, self.buf.data());
                    self.buf.consume(n);
                }
                Poll::Ready(_) => return Poll::Ready(End::Close(CloseCode::NORMAL)),
                Poll::Pending => {
                    return match socket.poll_flush(cx) {
                        Poll::Ready(Err(end)) => Poll::Ready(end),
                        _ => Poll::Pending,
                    };
                }
            }
        }
    }
}
