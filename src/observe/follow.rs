//! Events as they happen: a bounded queue per reader.
//!
//! Whoever emits an event never waits for a reader. One that does not keep up finds its queue ended and is told so; it
//! comes again with the number of the last event it has, and gets what is still kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::Event;

/// Events that wait for one reader.
pub const QUEUE_MAX: usize = 1_024;
/// Most readers: half of the connections that the administration serves.
pub const READERS_MAX: usize = 32;

/// All places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{READERS_MAX} readers follow the events already")]
pub struct TooManyReaders;

/// The writing end: one queue per reader.
#[derive(Debug, Default)]
pub(super) struct Readers {
    list: Vec<Reader>,
    closed: bool,
}

#[derive(Debug)]
struct Reader {
    queue: mpsc::Sender<Arc<Event>>,
    too_slow: Arc<AtomicBool>,
}

/// The reading end.
#[derive(Debug)]
pub struct Follower {
    /// Events that went before this reader came, although it asked for them.
    pub missed: u64,
    epoch: u64,
    backlog: VecDeque<Arc<Event>>,
    queue: mpsc::Receiver<Arc<Event>>,
    too_slow: Arc<AtomicBool>,
}

impl Readers {
    /// Adds a reader.
    pub fn join(
        &mut self,
        epoch: u64,
        backlog: VecDeque<Arc<Event>>,
        missed: u64,
    ) -> Result<Follower, TooManyReaders> {
        self.list.retain(|reader| !reader.queue.is_closed());
        if self.list.len() >= READERS_MAX {
            return Err(TooManyReaders);
        }
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        let too_slow = Arc::<AtomicBool>::default();
        if !self.closed {
            self.list.push(Reader {
                queue,
                too_slow: too_slow.clone(),
            });
        }
        Ok(Follower {
            missed,
            epoch,
            backlog,
            queue: receiver,
            too_slow,
        })
    }

    /// Gives an event to every reader; those who are behind are let go.
    pub fn hand_out(&mut self, event: &Arc<Event>) {
        self.list
            .retain(|reader| match reader.queue.try_send(event.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    reader.too_slow.store(true, Ordering::Release);
                    false
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
    }

    /// Lets all readers go, and takes no more.
    pub fn close(&mut self) {
        self.closed = true;
        self.list.clear();
    }
}

impl Follower {
    /// The next event; `None` after the last, when the proxy stops or the reader was too slow.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Event>>> {
        match self.backlog.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.queue.poll_recv(cx),
        }
    }

    /// What a reader comes again with to go on behind that event.
    pub fn id_of(&self, event: &Event) -> String {
        format!("{}-{}", self.epoch, event.seq)
    }

    /// Whether the end came because this reader did not keep up.
    pub fn was_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{EventLog, LogFormat};
    use std::task::Waker;

    fn next(follower: &mut Follower) -> Option<u64> {
        let mut cx = Context::from_waker(Waker::noop());
        match follower.poll_next(&mut cx) {
            Poll::Ready(event) => event.map(|e| e.seq),
            Poll::Pending => Some(0),
        }
    }

    fn log(events: usize) -> EventLog {
        let log = EventLog::new(LogFormat::Off, None);
        for _ in 0..events {
            log.emit(Event::new("config.reload"));
        }
        log
    }

    #[test]
    fn a_reader_goes_on_behind_the_last_event_it_has() {
        let log = log(5);
        let mut follower = log.follow(Some("3")).unwrap();
        log.emit(Event::new("config.reload"));
        assert_eq!(
            [(); 4].map(|()| next(&mut follower)),
            [Some(4), Some(5), Some(6), Some(0)]
        );
        assert_eq!(follower.missed, 0);
        let mut new = log.follow(None).unwrap();
        assert_eq!(next(&mut new), Some(0));
    }

    #[test]
    fn what_is_no_longer_kept_is_counted_and_a_number_of_another_process_begins_anew() {
        let log = log(super::super::event::KEPT + 10);
        assert_eq!(log.follow(Some("4")).unwrap().missed, 6);
        let mut other = log.follow(Some("1-12")).unwrap();
        assert_eq!((other.missed, next(&mut other)), (10, Some(11)));
    }

    #[test]
    fn a_slow_reader_gets_what_is_queued_and_is_let_go() {
        let log = log(0);
        let mut slow = log.follow(None).unwrap();
        for _ in 0..QUEUE_MAX + 1 {
            log.emit(Event::new("config.reload"));
        }
        let mut got = 0;
        while next(&mut slow).is_some_and(|seq| seq > 0) {
            got += 1;
        }
        assert_eq!((got, slow.was_too_slow()), (QUEUE_MAX, true));
    }

    #[test]
    fn places_are_bounded_and_free_again() {
        let log = log(0);
        let all: Vec<_> = (0..READERS_MAX)
            .map(|_| log.follow(None).unwrap())
            .collect();
        assert_eq!(log.follow(None).err(), Some(TooManyReaders));
        drop(all);
        let mut last = log.follow(None).unwrap();
        log.end_followers();
        assert_eq!(next(&mut last), None);
        assert!(!last.was_too_slow());
    }
}
