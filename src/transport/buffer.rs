//! Byte buffers that cost nothing while a connection is idle.
//!
//! Storage comes from a free list of the worker's thread and goes back as soon as a buffer is empty, so ten thousand
//! idle connections hold no buffers at all. Three sizes: one that takes an ordinary SOAP message in one read, and two
//! larger ones that a stream grows into (a fixed small buffer costs twice the CPU for 1 MB bodies: spec/performance.md).

use std::cell::RefCell;

/// First size: a head and a 10 KB message in one read.
pub const SMALL: usize = 16 * 1024;
/// Second size.
const MEDIUM: usize = 64 * 1024;
/// Largest size.
pub const LARGE: usize = 256 * 1024;

/// Bytes of free storage that a thread keeps per size.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

thread_local! {
    static FREE: RefCell<[Vec<Box<[u8]>>; 3]> = const { RefCell::new([const { Vec::new() }; 3]) };
}

fn class(size: usize) -> usize {
    match size {
        SMALL => 0,
        MEDIUM => 1,
        _ => 2,
    }
}

fn take(size: usize) -> Box<[u8]> {
    FREE.with(|free| free.borrow_mut()[class(size)].pop())
        .unwrap_or_else(|| vec![0; size].into_boxed_slice())
}

fn give(storage: Box<[u8]>) {
    let size = storage.len();
    if !matches!(size, SMALL | MEDIUM | LARGE) {
        return;
    }
    // A thread that is going away has no list any more; then the storage is simply freed.
    let _ = FREE.try_with(|free| {
        let list = &mut free.borrow_mut()[class(size)];
        if list.len() * size < KEPT_BYTES {
            list.push(storage);
        }
    });
}

/// A window of bytes read and not yet used, in storage that is borrowed from the thread.
#[derive(Debug, Default)]
pub struct Buf {
    storage: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buf {
    /// The bytes held.
    pub fn data(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// The bytes held, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.end]
    }

    /// How many bytes are held.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when none are held.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.len());
        self.start += n;
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves `len` bytes at `from` to `to` (both from the first byte held).
    pub fn shift(&mut self, from: usize, to: usize, len: usize) {
        let base = self.start;
        self.storage
            .copy_within(base + from..base + from + len, base + to);
    }

    /// Overwrites a range of the bytes held with spaces.
    pub fn blank(&mut self, range: std::ops::Range<usize>) {
        let base = self.start;
        if range.start <= range.end && range.end <= self.len() {
            self.storage[base + range.start..base + range.end].fill(b' ');
        }
    }

    /// Room to read into, at least one byte: borrows storage, makes room in front, or takes the next size.
    /// `None` when the largest size is full.
    pub fn room(&mut self) -> Option<&mut [u8]> {
        if self.storage.is_empty() {
            self.storage = take(SMALL);
        } else if self.end == self.storage.len() {
            if self.start > 0 {
                self.storage.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else if !self.grow() {
                return None;
            }
        }
        Some(&mut self.storage[self.end..])
    }

    /// Takes the next larger storage; false when it is the largest.
    pub fn grow(&mut self) -> bool {
        let next = match self.storage.len() {
            0 => SMALL,
            SMALL => MEDIUM,
            MEDIUM => LARGE,
            _ => return false,
        };
        let mut larger = take(next);
        let held = self.len();
        larger[..held].copy_from_slice(&self.storage[self.start..self.end]);
        give(std::mem::replace(&mut self.storage, larger));
        self.start = 0;
        self.end = held;
        true
    }

    /// Counts `n` bytes that were read into [`room`](Self::room).
    pub fn filled(&mut self, n: usize) {
        self.end += n;
        debug_assert!(self.end <= self.storage.len());
    }

    /// True when the last read left no room: the sender has more, so a larger buffer pays.
    pub fn is_full(&self) -> bool {
        self.end == self.storage.len()
    }

    /// Size of the storage held now.
    pub fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// Gives the storage back when no byte is held.
    pub fn release(&mut self) {
        if self.is_empty() && !self.storage.is_empty() {
            give(std::mem::take(&mut self.storage));
            self.start = 0;
            self.end = 0;
        }
    }

    /// Takes the whole content out as a buffer of its own; this one borrows anew when it next reads.
    pub fn split(&mut self) -> Buf {
        std::mem::take(self)
    }

    /// Adds bytes; false when they do not fit into the largest size.
    pub fn extend(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(room) = self.room() else {
                return false;
            };
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            self.filled(n);
            rest = &rest[n..];
        }
        true
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if !self.storage.is_empty() {
            give(std::mem::take(&mut self.storage));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_in_steps_and_keeps_what_it_holds() {
        let mut buf = Buf::default();
        assert!(buf.extend(&vec![7; SMALL]));
        assert!(buf.is_full());
        assert!(buf.extend(&[1, 2, 3]));
        assert_eq!(buf.capacity(), MEDIUM);
        buf.consume(SMALL);
        assert_eq!(buf.data(), [1, 2, 3]);
        buf.consume(3);
        buf.release();
        assert_eq!(buf.capacity(), 0);
    }

    #[test]
    fn the_largest_size_is_a_bound() {
        let mut buf = Buf::default();
        assert!(buf.extend(&vec![7; LARGE]));
        assert!(buf.room().is_none());
        assert!(!buf.extend(&[1]));
        buf.consume(1);
        assert_eq!(buf.room().map(|r| r.len()), Some(1));
    }
}
