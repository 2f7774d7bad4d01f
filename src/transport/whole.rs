//! A body read to its end into memory, for who has to look at all of it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::breath::{Breath, SLICE};
use super::buffer::Buf;
use super::downstream::{Client, within};
use super::http1::framing::{Decoder, Framing, Next};
use super::http1::strict::Refused;
use super::limits::Limits;
use super::upstream::Upstream;

/// Room is made for so many times what has come, up to what was announced: a large body is copied but once or twice.
const GROWTH: usize = 15;

/// Why a body is not there whole.
#[derive(Debug)]
pub enum WholeError {
    /// It is longer than that many bytes.
    TooLong(usize),
    /// Some of it has been sent on already and is not kept.
    Gone,
    /// Its framing is broken.
    Refused(Refused),
    /// Its peer closed, or stood still for too long.
    BrokeOff,
}

/// How much is read, and how long a peer may stand still.
#[derive(Clone, Copy, Debug)]
pub struct WholeLimits {
    /// Bytes.
    pub bytes: usize,
    /// Without a byte.
    pub progress: Duration,
}

impl WholeLimits {
    /// Those of a worker's bounds.
    pub fn of(limits: &Limits) -> WholeLimits {
        WholeLimits {
            bytes: limits.message_bytes,
            progress: limits.body_progress,
        }
    }
}

impl Client {
    /// The whole body of the current request. What lies in the buffer already is copied and stays there.
    ///
    /// # Errors
    /// [`WholeError`]; the connection cannot take another request then.
    pub async fn read_whole(&mut self, limits: WholeLimits) -> Result<Vec<u8>, WholeError> {
        if let Some(len) = self.body.held {
            return match len > limits.bytes {
                true => Err(WholeError::TooLong(limits.bytes)),
                false => Ok(self.buf.data()[..len].to_vec()),
            };
        }
        if !self.body.is_untouched() {
            return Err(WholeError::Gone);
        }
        announced(self.body.framing, limits)?;
        if self.send_continue().await.is_err() {
            return Err(WholeError::BrokeOff);
        }
        let (io, body) = (&mut self.io, &mut self.body);
        let fill = |cx: &mut Context<'_>, buf: &mut Buf| io.poll_fill(cx, buf);
        take(&mut self.buf, &mut body.decoder, body.framing, limits, fill).await
    }
}

impl Upstream {
    /// The whole body of the answer, while what is left of a request that is held whole goes out.
    ///
    /// # Errors
    /// [`WholeError`]; the connection is of no use then.
    pub async fn read_whole(&mut self, limits: WholeLimits) -> Result<Vec<u8>, WholeError> {
        announced(self.framing, limits)?;
        let Upstream {
            io,
            buf,
            decoder,
            sending,
            keep_alive,
            ..
        } = self;
        take(buf, decoder, self.framing, limits, |cx, buf| {
            if let Some(pump) = sending.as_mut().filter(|pump| pump.is_own()) {
                match pump.poll_own(cx, io) {
                    Poll::Ready(Ok(())) => *sending = None,
                    // The back end does not want the rest; its answer still counts, the connection does not.
                    Poll::Ready(Err(_)) => (*sending, *keep_alive) = (None, false),
                    Poll::Pending => {}
                }
            }
            io.poll_fill(cx, buf)
        })
        .await
    }
}

/// A length that is too large is refused before a byte of it is read.
fn announced(framing: Framing, limits: WholeLimits) -> Result<(), WholeError> {
    match framing {
        Framing::Length(length) if length > limits.bytes as u64 => {
            Err(WholeError::TooLong(limits.bytes))
        }
        _ => Ok(()),
    }
}

async fn take(
    buf: &mut Buf,
    decoder: &mut Decoder,
    framing: Framing,
    limits: WholeLimits,
    mut fill: impl FnMut(&mut Context<'_>, &mut Buf) -> Poll<io::Result<usize>>,
) -> Result<Vec<u8>, WholeError> {
    let mut out = match framing {
        // Grown as it comes: a peer that announces much and sends little costs little.
        Framing::Length(length) => Vec::with_capacity(length.min(64 * 1024) as usize),
        _ => Vec::new(),
    };
    let mut breath = match framing {
        Framing::Length(length) if length > SLICE as u64 => Breath::of_large(),
        _ => Breath::default(),
    };
    loop {
        match decoder.next(buf).map_err(WholeError::Refused)? {
            Next::Data { len, .. } => {
                if out.len() + len > limits.bytes {
                    return Err(WholeError::TooLong(limits.bytes));
                }
                if let Framing::Length(length) = framing
                    && out.len() + len > out.capacity()
                {
                    let left = length as usize - out.len();
                    out.reserve_exact(left.min(out.len() * GROWTH).max(len));
                }
                out.extend_from_slice(&buf.data()[..len]);
                decoder.consume(buf, len);
                breath.moved(len);
            }
            Next::End => return Ok(out),
            Next::More => {
                // The last read left no room: there is more, and a larger buffer takes it in fewer reads.
                if buf.is_full() && buf.capacity() > 0 {
                    buf.grow();
                }
                poll_fn(|cx| breath.poll(cx)).await;
                let read = within(limits.progress, poll_fn(|cx| fill(cx, buf))).await;
                match read {
                    Some(Ok(0)) => decoder
                        .connection_ended()
                        .map_err(|_| WholeError::BrokeOff)?,
                    Some(Ok(_)) => {}
                    Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Some(Err(_)) | None => return Err(WholeError::BrokeOff),
                }
            }
        }
    }
}
