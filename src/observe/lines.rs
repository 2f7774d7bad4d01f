//! Lines out of the workers without a worker ever waiting: a buffer per writer of lines, one thread that empties
//! them all.
//!
//! A worker appends under a lock that the thread holds only to swap the buffer away. The thread sleeps while
//! there is nothing, then waits [`FLUSH_AFTER`] so that lines leave in bulk, or less when a buffer reaches
//! [`FLUSH_AT`]. When the output cannot keep up and a buffer is at [`FULL_AT`], lines are dropped and counted:
//! a proxy that stops because its log is slow is worse than a gap in the log.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;

/// Bytes in one buffer that wake the thread early.
pub const FLUSH_AT: usize = 256 * 1024;
/// Bytes in one buffer from which on lines are dropped.
pub const FULL_AT: usize = 1024 * 1024;
/// Longest time that a line waits for company.
pub const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// The thread that writes, and the place to get buffers for it.
#[derive(Debug)]
pub struct LineWriter {
    shared: Arc<Shared>,
    waker: Thread,
    thread: Option<JoinHandle<()>>,
}

/// One source's end: append lines here.
#[derive(Debug)]
pub struct Lines {
    buffer: Arc<Buffer>,
    shared: Arc<Shared>,
    waker: Thread,
}

type Buffer = Mutex<Vec<u8>>;

#[derive(Debug, Default)]
struct Shared {
    buffers: Mutex<Vec<Arc<Buffer>>>,
    /// Some buffer is not empty.
    pending: AtomicBool,
    /// Some buffer is past [`FLUSH_AT`].
    urgent: AtomicBool,
    stop: AtomicBool,
    dropped: AtomicU64,
}

impl LineWriter {
    /// Starts the thread on that output.
    pub fn start(sink: Box<dyn Write + Send>) -> std::io::Result<LineWriter> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("axon-log".into()).spawn({
            let shared = Arc::clone(&shared);
            move || run(&shared, sink)
        })?;
        Ok(LineWriter {
            shared,
            waker: thread.thread().clone(),
            thread: Some(thread),
        })
    }

    /// A new buffer; one per worker, so that workers do not meet at a lock.
    pub fn lines(&self) -> Lines {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        self.shared.buffers.lock().push(Arc::clone(&buffer));
        Lines {
            buffer,
            shared: Arc::clone(&self.shared),
            waker: self.waker.clone(),
        }
    }

    /// Lines lost because the output was slower than the traffic, or failed.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes out what is there and ends the thread.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.stop.store(true, Ordering::Release);
            self.waker.unpark();
            // A panic of the log thread has been printed; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Lines {
    /// Appends what `write` writes (one or more whole lines); drops it when the buffer is full.
    pub fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let filled = {
            let mut buffer = self.buffer.lock();
            if buffer.len() >= FULL_AT {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            write(&mut buffer);
            buffer.len()
        };
        let flag = if filled >= FLUSH_AT {
            &self.shared.urgent
        } else {
            &self.shared.pending
        };
        // The load keeps the common case, thread already woken, free of a write to a shared line.
        if !flag.load(Ordering::Relaxed) && !flag.swap(true, Ordering::AcqRel) {
            self.waker.unpark();
        }
    }
}

fn run(shared: &Shared, mut sink: Box<dyn Write + Send>) {
    let mut spare = Vec::new();
    let raised = |flag: &AtomicBool| flag.load(Ordering::Acquire);
    loop {
        while !raised(&shared.pending) && !raised(&shared.urgent) && !raised(&shared.stop) {
            std::thread::park();
        }
        if !raised(&shared.urgent) && !raised(&shared.stop) {
            std::thread::park_timeout(FLUSH_AFTER);
        }
        // Cleared before the buffers are taken: a line that comes later raises the flag again.
        shared.pending.store(false, Ordering::Release);
        shared.urgent.store(false, Ordering::Release);
        let last = raised(&shared.stop);
        drain(shared, sink.as_mut(), &mut spare);
        if last {
            return;
        }
    }
}

fn drain(shared: &Shared, sink: &mut dyn Write, spare: &mut Vec<u8>) {
    let buffers: Vec<_> = shared.buffers.lock().clone();
    for buffer in &buffers {
        std::mem::swap(spare, &mut *buffer.lock());
        if !spare.is_empty() && sink.write_all(spare).is_err() {
            let lost = memchr::memchr_iter(b'\n', spare).count() as u64;
            shared.dropped.fetch_add(lost, Ordering::Relaxed);
        }
        spare.clear();
    }
    // A failing flush is the same trouble that the next write reports.
    let _ = sink.flush();
    drop(buffers);
    shared
        .buffers
        .lock()
        .retain(|b| Arc::strong_count(b) > 1 || !b.lock().is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Channel(mpsc::Sender<Vec<u8>>);

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(text: &str) -> impl FnOnce(&mut Vec<u8>) {
        move |out| {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
    }

    #[test]
    fn a_lone_line_arrives_by_itself() {
        let (sender, receiver) = mpsc::channel();
        let writer = LineWriter::start(Box::new(Channel(sender))).unwrap();
        writer.lines().append(line("hello"));
        let got = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(got, b"hello\n");
        writer.close();
    }

    #[test]
    fn close_writes_what_every_buffer_still_holds() {
        let (sender, receiver) = mpsc::channel();
        let writer = LineWriter::start(Box::new(Channel(sender))).unwrap();
        let (a, b) = (writer.lines(), writer.lines());
        a.append(line("a"));
        b.append(line("b"));
        drop((a, b));
        writer.close();
        let mut all: Vec<u8> = receiver.iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, b"\n\nab");
    }

    #[test]
    fn a_blocked_output_drops_lines_and_counts_them() {
        struct Blocked(mpsc::Receiver<()>);
        impl Write for Blocked {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                // Ends when the test lets go of its sender.
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (release, gate) = mpsc::channel::<()>();
        let writer = LineWriter::start(Box::new(Blocked(gate))).unwrap();
        let lines = writer.lines();
        let long = "x".repeat(64 * 1024);
        // Twice the bound and the buffer that the thread may already have taken away.
        for _ in 0..3 * FULL_AT / long.len() {
            lines.append(line(&long));
        }
        assert!(writer.dropped() > 0);
        drop(release);
        writer.close();
    }

    #[test]
    fn a_failing_output_is_counted_by_lines() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut writer = LineWriter::start(Box::new(Broken)).unwrap();
        let lines = writer.lines();
        lines.append(line("one"));
        lines.append(line("two"));
        writer.finish();
        assert_eq!(writer.dropped(), 2);
    }
}
