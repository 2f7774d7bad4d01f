//! A body read to its end into memory, for who has to look at all of it.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use super::buffer::Buf;
use super::downstream::{Client, within};
use super::http1::framing::{Decoder, Framing, Next};
use super::http1::strict::Refused;
use super::io::Io;
use super::upstream::Upstream;

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
        let decoder = &mut self.body.decoder;
        take(
            &mut self.io,
            &mut self.buf,
            decoder,
            self.body.framing,
            limits,
        )
        .await
    }
}

impl Upstream {
    /// The whole body of the answer.
    ///
    /// # Errors
    /// [`WholeError`]; the connection is of no use then.
    pub async fn read_whole(&mut self, limits: WholeLimits) -> Result<Vec<u8>, WholeError> {
        announced(self.framing, limits)?;
        take(
            &mut self.io,
            &mut self.buf,
            &mut self.decoder,
            self.framing,
            limits,
        )
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
    io: &mut Io,
    buf: &mut Buf,
    decoder: &mut Decoder,
    framing: Framing,
    limits: WholeLimits,
) -> Result<Vec<u8>, WholeError> {
    let mut out = match framing {
        // Grown as it comes: a peer that announces much and sends little costs little.
        Framing::Length(length) => Vec::with_capacity(length.min(64 * 1024) as usize),
        _ => Vec::new(),
    };
    loop {
        match decoder.next(buf).map_err(WholeError::Refused)? {
            Next::Data { len, .. } => {
                if out.len() + len > limits.bytes {
                    return Err(WholeError::TooLong(limits.bytes));
                }
                out.extend_from_slice(&buf.data()[..len]);
                decoder.consume(buf, len);
            }
            Next::End => return Ok(out),
            Next::More => {
                // The last read left no room: there is more, and a larger buffer takes it in fewer reads.
                if buf.is_full() && buf.capacity() > 0 {
                    buf.grow();
                }
                let read = within(limits.progress, poll_fn(|cx| io.poll_fill(cx, buf))).await;
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
