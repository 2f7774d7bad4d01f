//! Large bodies in slices: who has moved one waits for its turn before the next, so that what else the worker serves goes first.
//!
//! One slice is moved each time the worker has looked at its sockets, however many large bodies there are: an exchange beside
//! them waits for one slice, not for as many as there are bodies.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::Semaphore;

/// Bytes of a slice.
pub const SLICE: usize = 64 * 1024;

thread_local! {
    static TURN: Arc<Semaphore> = Arc::new(Semaphore::new(1));
}

/// How much of a body was moved since the last turn.
#[derive(Default)]
pub struct Breath {
    moved: usize,
    turn: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Breath {
    /// Of a body that is known to be large: its first slice waits for its turn too.
    pub fn of_large() -> Breath {
        let mut breath = Breath::default();
        breath.moved(SLICE);
        breath
    }

    /// So many bytes were moved.
    pub fn moved(&mut self, bytes: usize) {
        self.moved += bytes;
        if self.moved >= SLICE {
            self.moved = 0;
            self.turn = Some(Box::pin(turn(TURN.with(Arc::clone))));
        }
    }

    /// Ready when the next slice may be moved.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(turn) = self.turn.as_mut() {
            ready!(turn.as_mut().poll(cx));
            self.turn = None;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Breath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breath")
            .field("moved", &self.moved)
            .finish_non_exhaustive()
    }
}

async fn turn(row: Arc<Semaphore>) {
    // Never closed; and whose turn it is has the worker look at its sockets before the next one's.
    let _turn = row.acquire_owned().await;
    tokio::task::yield_now().await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn slices_take_turns_and_what_is_small_does_not_wait() {
        let seen: Rc<RefCell<Vec<(u8, u32)>>> = Rc::default();
        let move_all = |name: u8, bytes: usize| {
            let seen = seen.clone();
            async move {
                let mut breath = Breath::default();
                for slice in 0..3 {
                    poll_fn(|cx| breath.poll(cx)).await;
                    seen.borrow_mut().push((name, slice));
                    breath.moved(bytes);
                }
            }
        };
        let all = tokio::task::LocalSet::new();
        all.spawn_local(move_all(1, SLICE));
        all.spawn_local(move_all(2, SLICE));
        all.spawn_local(move_all(3, 1000));
        all.await;
        let expected = [
            (1, 0),
            (2, 0),
            (3, 0),
            (3, 1),
            (3, 2),
            (1, 1),
            (2, 1),
            (1, 2),
            (2, 2),
        ];
        assert_eq!(*seen.borrow(), expected);
    }
}
