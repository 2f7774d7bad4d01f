//! A compressed message given back, piece by piece.
//!
//! The limit counts what comes out (RFC 7692 section 8.2 warns of messages that are much larger than they look), and no
//! piece is larger than [`PIECE`].

use std::cell::RefCell;
use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::utf8::Utf8;

/// Largest piece.
pub const PIECE: usize = 16 * 1024;
/// States of the algorithm that a thread keeps for the next messages, 43 KB each.
const SPARE: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Decompress>> = const { RefCell::new(Vec::new()) };
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All that was fed is used; the message goes on.
    More,
    /// A piece is there.
    Piece {
        /// It begins the message.
        first: bool,
        /// It ends the message.
        last: bool,
    },
}

/// A compressed message on its way in. What is fed lies in a buffer of the caller's, which is shown again at each step.
#[derive(Debug)]
pub struct Inflation {
    /// The message is text.
    pub text: bool,
    state: Option<Decompress>,
    limit: u64,
    size: u64,
    /// What is left of what was fed.
    input: Range<usize>,
    /// Nothing is fed after that.
    complete: bool,
    /// Bytes of the tail that were given to the algorithm.
    tail: usize,
    /// A block said that it is the last one.
    ended: bool,
    begun: bool,
    utf8: Utf8,
    piece: Vec<u8>,
}

impl Inflation {
    /// For a message of at most so many bytes, uncompressed.
    pub fn new(text: bool, limit: u64) -> Inflation {
        let spare = FREE.with(|free| free.borrow_mut().pop());
        Inflation {
            text,
            state: Some(spare.unwrap_or_else(|| Decompress::new(false))),
            limit,
            size: 0,
            input: 0..0,
            complete: false,
            tail: 0,
            ended: false,
            begun: false,
            utf8: Utf8::default(),
            piece: Vec::new(),
        }
    }

    /// The next compressed bytes: where they lie in the buffer that is shown to [`step`](Self::step), and whether the message
    /// ends behind them.
    pub fn feed(&mut self, input: Range<usize>, complete: bool) {
        self.input = input;
        self.complete = complete;
    }

    /// True while what was fed is not used up.
    pub fn has_more(&self) -> bool {
        self.state.is_some() && (!self.input.is_empty() || self.complete)
    }

    /// True when the last piece was told.
    pub fn is_over(&self) -> bool {
        self.state.is_none()
    }

    /// The piece that was told last.
    pub fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// Goes on. An error is the code to close with.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, CloseCode> {
        self.piece.clear();
        self.piece.reserve_exact(PIECE);
        let mut done = false;
        if self.ended {
            self.input.start = self.input.end;
            done = self.complete;
        }
        while let Some(state) = &mut self.state
            && self.piece.len() < PIECE
            && !self.ended
        {
            let (input, in_tail) = match self.input.is_empty() {
                false => (bytes.get(self.input.clone()).unwrap_or_default(), false),
                true if self.complete => (&TAIL[self.tail..], true),
                true => break,
            };
            let (before_in, before_out) = (state.total_in(), state.total_out());
            let status = state.decompress_vec(input, &mut self.piece, FlushDecompress::Sync);
            let status = status.map_err(|_| CloseCode::NOT_UTF8)?;
            let taken = (state.total_in() - before_in) as usize;
            let given = state.total_out() - before_out;
            self.size += given;
            match in_tail {
                true => self.tail += taken,
                false => self.input.start += taken,
            }
            if self.size > self.limit {
                return Err(CloseCode::TOO_BIG);
            }
            let has_room = self.piece.len() < PIECE;
            // A block that says it is the last one is followed by padding (section 7.2.3.4).
            self.ended |= status == Status::StreamEnd;
            if self.ended {
                self.input.start = self.input.end;
                done = self.complete;
                break;
            }
            if self.tail == TAIL.len() && has_room {
                done = true;
                break;
            }
            // It takes nothing and gives nothing: it waits for what will never come.
            if taken == 0 && given == 0 && has_room {
                return Err(CloseCode::NOT_UTF8);
            }
        }
        if self.piece.is_empty() && !done {
            return Ok(Step::More);
        }
        if self.text && !(self.utf8.take(&self.piece) && (!done || self.utf8.end())) {
            return Err(CloseCode::NOT_UTF8);
        }
        if done {
            self.release();
        }
        Ok(Step::Piece {
            first: !std::mem::replace(&mut self.begun, true),
            last: done,
        })
    }

    /// Gives the state back to the thread.
    fn release(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < SPARE {
                state.reset(false);
                free.push(state);
            }
        });
    }
}

impl Drop for Inflation {
    fn drop(&mut self) {
        self.release();
    }
}
