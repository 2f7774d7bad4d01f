//! Emulated WebSockets that are open, and what their requests share.
//!
//! A session is one end of a pipe in memory; at the other end a worker serves an ordinary WebSocket. What waits in the
//! pipe is bounded, so a client that fetches nothing stops its service as a slow connection would.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::downward::Downward;
use super::encoding::Encoding;
use crate::transport::buffer::Buf;
use crate::transport::io::Io;

/// Most sessions of the process.
const SESSIONS_MAX: usize = 10_000;
/// A session that no answer runs for is given up after this long (the original's time), or up to twice as long.
pub const FORSAKEN: Duration = Duration::from_secs(60);
/// Largest number of a request (2^53 - 1: what a script can count to).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// An emulated WebSocket.
#[derive(Debug)]
pub struct Session {
    /// The accept URI that it was made at; its other requests have to come in there too.
    pub accept: String,
    /// What its client takes.
    pub encoding: Encoding,
    /// Its client knows pings.
    pub pings: bool,
    /// Largest message.
    pub message_bytes: u64,
    /// Our end of the pipe. Locked for single calls only.
    pub io: Mutex<Io>,
    /// Held by the request that sends. Between two of them the pipe is at the end of a frame.
    pub up: tokio::sync::Mutex<()>,
    /// Held by the answer that runs.
    pub down: tokio::sync::Mutex<Down>,
    /// Number of the last answer that was asked for: an older one ends.
    pub turn: watch::Sender<u64>,
    /// Numbers of the next requests; `None`: its client does not count.
    numbers: Option<Numbers>,
}

/// What is read of the pipe.
#[derive(Debug)]
pub struct Down {
    /// Read and not yet used.
    pub buf: Buf,
    /// Makes frames of it.
    pub downward: Downward,
}

#[derive(Debug)]
struct Numbers {
    up: AtomicU64,
    down: AtomicU64,
}

/// Which of its two sequences of requests is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the service.
    Up,
    /// To the client.
    Down,
}

impl Session {
    /// A session that was just made; `number` is that of the request that made it.
    pub fn new(
        accept: String,
        encoding: Encoding,
        pings: bool,
        message_bytes: u64,
        io: Io,
        buf: Buf,
        number: Option<u64>,
    ) -> Session {
        Session {
            accept,
            encoding,
            pings,
            message_bytes,
            io: Mutex::new(io),
            up: tokio::sync::Mutex::default(),
            down: tokio::sync::Mutex::new(Down {
                buf,
                downward: Downward::new(encoding, pings),
            }),
            turn: watch::Sender::new(0),
            numbers: number.map(|number| Numbers {
                up: AtomicU64::new(number + 1),
                down: AtomicU64::new(number + 1),
            }),
        }
    }

    /// The answer of that turn has ended and none has been asked for since: from now on the session waits.
    pub fn left(&self, turn: u64) {
        self.turn.send_if_modified(|last| {
            let waits = *last == turn;
            *last += u64::from(waits);
            waits
        });
    }

    /// True when the request has the number that is due, which is then counted.
    pub fn is_in_order(&self, way: Way, number: Option<u64>) -> bool {
        let Some(numbers) = &self.numbers else {
            return true;
        };
        let next = match way {
            Way::Up => &numbers.up,
            Way::Down => &numbers.down,
        };
        let order = Ordering::Relaxed;
        number.is_some_and(|n| next.compare_exchange(n, n + 1, order, order).is_ok())
    }
}

/// The number of a request as its client wrote it.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok().filter(|n| *n <= NUMBER_MAX)
}

/// All sessions of a gateway, by their ids. They outlive reloads.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

impl Sessions {
    /// True while another one may be made.
    pub fn has_room(&self) -> bool {
        self.0.lock().len() < SESSIONS_MAX
    }

    /// Keeps a session under an id that nobody can guess; `None` when there are too many, or no chance is to be had.
    pub fn add(&self, session: Arc<Session>) -> Option<String> {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        let id: String = random.iter().map(|b| format!("{b:02x}")).collect();
        let mut all = self.0.lock();
        if all.len() >= SESSIONS_MAX {
            return None;
        }
        all.insert(id.clone(), session);
        Some(id)
    }

    /// The session with that id.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.0.lock().get(id).cloned()
    }

    /// Forgets a session: its end of the pipe closes with the last request that uses it.
    pub fn remove(&self, id: &str) {
        let removed = self.0.lock().remove(id);
        // Whatever answer still runs ends; and the pipe is closed outside of the lock.
        if let Some(session) = removed {
            session.turn.send_modify(|turn| *turn += 1);
        }
    }

    /// Gives a session up that no answer ran for, and none was asked for, for all of that time and at most twice as long. One
    /// of these runs for each session.
    pub async fn watch(self: Arc<Self>, id: String, after: Duration) {
        while let Some(turn) = self.find(&id).map(|session| *session.turn.borrow()) {
            tokio::time::sleep(after).await;
            let forsaken = self.find(&id).is_some_and(|session| {
                *session.turn.borrow() == turn && session.down.try_lock().is_ok()
            });
            if forsaken {
                self.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: Option<u64>) -> Session {
        let (ours, _) = tokio::io::duplex(64);
        let encoding = Encoding::parse(b"b").unwrap();
        Session::new(
            String::new(),
            encoding,
            true,
            100,
            Io::pipe(ours),
            Buf::default(),
            number,
        )
    }

    #[test]
    fn requests_are_counted_for_each_way_and_only_by_clients_that_count() {
        let counts = session(Some(7));
        for way in [Way::Up, Way::Down] {
            assert!(!counts.is_in_order(way, None));
            assert!(!counts.is_in_order(way, Some(7)));
            assert!(counts.is_in_order(way, Some(8)));
            assert!(!counts.is_in_order(way, Some(8)));
            assert!(counts.is_in_order(way, Some(9)));
        }
        assert!(session(None).is_in_order(Way::Up, Some(3)));
    }

    #[test]
    fn numbers_are_what_a_script_can_count_to() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"9007199254740991"), Some(NUMBER_MAX));
        for wrong in [&b""[..], b"9007199254740992", b"-1", b"+1", b"1 ", b"1e3"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_without_an_answer_is_given_up_and_one_with_is_not() {
        let sessions = Arc::new(Sessions::default());
        let id = sessions.add(Arc::new(session(None))).unwrap();
        let kept = sessions.find(&id).unwrap();
        let watching = tokio::spawn(sessions.clone().watch(id.clone(), FORSAKEN));
        let down = kept.down.lock().await;
        tokio::time::sleep(FORSAKEN * 5 / 2).await;
        assert!(sessions.find(&id).is_some(), "an answer runs");
        drop(down);
        kept.left(0);
        tokio::time::sleep(FORSAKEN).await;
        assert!(sessions.find(&id).is_some(), "it ended less than that ago");
        watching.await.unwrap();
        assert!(sessions.find(&id).is_none());
    }

    #[test]
    fn an_answer_that_ends_does_not_end_the_next_one() {
        let session = session(None);
        session.turn.send_modify(|turn| *turn = 2);
        session.left(1);
        assert_eq!(*session.turn.borrow(), 2);
        session.left(2);
        assert_eq!(*session.turn.borrow(), 3);
    }

    #[test]
    fn there_is_a_bound() {
        let sessions = Sessions::default();
        let one = Arc::new(session(None));
        while sessions.has_room() {
            sessions.add(one.clone()).unwrap();
        }
        assert_eq!(sessions.add(one), None);
        assert_eq!(sessions.0.lock().len(), SESSIONS_MAX);
    }
}
