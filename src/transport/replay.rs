//! What of a request body was already sent, in case it has to be sent again.
//!
//! The raw payload is kept from its first byte: in memory (the read buffers themselves, not copies) up to one limit,
//! then in an unlinked temporary file up to another, then not at all: the request is no longer replayable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::buffer::{Buf, SMALL};

/// Bounds of what is kept per request and in all.
#[derive(Clone, Copy, Debug)]
pub struct ReplayLimits {
    /// Bytes in memory per request.
    pub memory: u64,
    /// Bytes on disk per request.
    pub disk: u64,
    /// Bytes on disk for all requests together.
    pub disk_total: u64,
}

static DISK_BYTES: AtomicU64 = AtomicU64::new(0);

/// Bytes of request bodies that lie in temporary files now.
pub fn disk_bytes() -> u64 {
    DISK_BYTES.load(Ordering::Relaxed)
}

/// The kept part of one body.
#[derive(Debug, Default)]
pub struct Replay {
    memory: Vec<Buf>,
    memory_bytes: u64,
    file: Option<File>,
    file_bytes: u64,
    lost: bool,
}

impl Replay {
    /// True while everything that was taken is still here.
    pub fn is_whole(&self) -> bool {
        !self.lost
    }

    /// Bytes kept.
    pub fn len(&self) -> u64 {
        self.memory_bytes + self.file_bytes
    }

    /// True when nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Something was sent on and not kept.
    pub fn lose(&mut self) {
        self.forget();
        self.lost = true;
    }

    /// Gives everything back: no repeat will be needed.
    pub fn forget(&mut self) {
        self.memory.clear();
        self.memory_bytes = 0;
        if self.file.take().is_some() {
            DISK_BYTES.fetch_sub(self.file_bytes, Ordering::Relaxed);
            self.file_bytes = 0;
        }
    }

    /// True when a run of that length still goes into memory.
    pub fn fits_memory(&self, run: u64, limits: &ReplayLimits) -> bool {
        !self.lost && self.file.is_none() && self.memory_bytes + run <= limits.memory
    }

    /// Keeps a whole buffer.
    pub fn keep(&mut self, buf: Buf) {
        self.memory_bytes += buf.len() as u64;
        self.memory.push(buf);
    }

    /// Keeps a copy: in memory while it fits, else on disk, else nothing more is kept.
    pub fn keep_copy(&mut self, run: &[u8], limits: &ReplayLimits) {
        if self.lost {
            return;
        }
        if self.fits_memory(run.len() as u64, limits) {
            let appended = self
                .memory
                .last_mut()
                .is_some_and(|last| last.capacity() - last.len() >= run.len() && last.extend(run));
            if !appended {
                let mut buf = Buf::default();
                if run.len() > SMALL {
                    buf.grow();
                    buf.grow();
                }
                if !buf.extend(run) {
                    return self.lose();
                }
                self.memory.push(buf);
            }
            self.memory_bytes += run.len() as u64;
        } else if self.spill(run, limits).is_err() {
            self.lose();
        }
    }

    fn spill(&mut self, run: &[u8], limits: &ReplayLimits) -> io::Result<()> {
        let n = run.len() as u64;
        if self.file_bytes + n > limits.disk {
            return Err(io::Error::other("over [limits] replay_disk_bytes"));
        }
        if DISK_BYTES.fetch_add(n, Ordering::Relaxed) + n > limits.disk_total {
            DISK_BYTES.fetch_sub(n, Ordering::Relaxed);
            return Err(io::Error::other("over [limits] replay_disk_total_bytes"));
        }
        let written = (|| {
            if self.file.is_none() {
                self.file = Some(tempfile::tempfile()?);
            }
            match &self.file {
                Some(file) => file.write_all_at(run, self.file_bytes),
                None => Ok(()),
            }
        })();
        match written {
            Ok(()) => {
                self.file_bytes += n;
                Ok(())
            }
            Err(error) => {
                DISK_BYTES.fetch_sub(n, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// A part of the kept bytes from `offset` on: from memory as it lies there, from the file through `scratch`.
    /// Empty at the end.
    pub fn part<'a>(&'a self, offset: u64, scratch: &'a mut Buf) -> io::Result<&'a [u8]> {
        let mut at = offset;
        for buf in &self.memory {
            let len = buf.len() as u64;
            if at < len {
                return Ok(&buf.data()[at as usize..]);
            }
            at -= len;
        }
        let Some(file) = &self.file else {
            return Ok(&[]);
        };
        if at >= self.file_bytes {
            return Ok(&[]);
        }
        scratch.consume(scratch.len());
        let left = usize::try_from(self.file_bytes - at).unwrap_or(usize::MAX);
        let Some(room) = scratch.room() else {
            return Ok(&[]);
        };
        let want = room.len().min(left);
        let n = file.read_at(&mut room[..want], at)?;
        if n == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        scratch.filled(n);
        Ok(scratch.data())
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(replay: &Replay) -> Vec<u8> {
        let (mut out, mut scratch) = (Vec::new(), Buf::default());
        loop {
            let part = replay
                .part(out.len() as u64, &mut scratch)
                .unwrap()
                .to_vec();
            if part.is_empty() {
                return out;
            }
            out.extend(part);
        }
    }

    #[test]
    fn memory_then_disk_then_lost() {
        let limits = ReplayLimits {
            memory: 40_000,
            disk: 60_000,
            disk_total: u64::MAX,
        };
        let mut replay = Replay::default();
        let body: Vec<u8> = (0..90_000u32).map(|n| n as u8).collect();
        for run in body.chunks(10_000) {
            replay.keep_copy(run, &limits);
        }
        assert_eq!(replay.len(), 90_000);
        assert!(replay.is_whole());
        assert_eq!(all(&replay), body);
        replay.keep_copy(&body[..20_000], &limits);
        assert!(!replay.is_whole());
        assert!(replay.is_empty());
    }

    #[test]
    fn the_total_on_disk_is_a_bound() {
        let limits = ReplayLimits {
            memory: 0,
            disk: 1000,
            disk_total: 0,
        };
        let mut replay = Replay::default();
        replay.keep_copy(&[1; 10], &limits);
        assert!(!replay.is_whole());
    }
}
