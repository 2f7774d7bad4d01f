//! Long computations, beside the workers: trees of large messages are made, searched and written here, so that the messages of other
//! connections go on meanwhile (design 2).
//!
//! A thread for each core but one, which is left to the workers, and of a lower priority than theirs: a worker that has something
//! to do has it done first. A message that was begun goes on before another one begins, so that few trees are there at the same
//! time. The line has an end; who does not get into it is told so.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::codes::ErrorCode;
use crate::exchange::Fault;
use crate::mediation::Job;

/// Most jobs that wait.
const WAITING_MAX: usize = 1024;
/// How much less than workers these threads are preferred (`nice`).
const NICE: i32 = 10;

/// See the module.
#[derive(Default)]
pub struct Heavy {
    line: Mutex<Line>,
    come: Condvar,
}

/// Those who wait, in order.
#[derive(Default)]
struct Line {
    begun: VecDeque<Work>,
    new: VecDeque<Work>,
}

struct Work {
    job: Job,
    done: oneshot::Sender<()>,
}

impl Heavy {
    /// Starts the threads, which end with the process.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start() -> std::io::Result<Arc<Heavy>> {
        let heavy = Arc::new(Heavy::default());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for index in 0..cores.saturating_sub(1).max(1) {
            let own = heavy.clone();
            std::thread::Builder::new()
                .name(format!("axon-heavy-{index}"))
                .spawn(move || own.work())?;
        }
        Ok(heavy)
    }

    fn work(&self) {
        // Without the permission they are as good as the workers.
        let _ = rustix::process::nice(NICE);
        loop {
            let mut line = self.line.lock();
            let work = loop {
                match line.begun.pop_front().or_else(|| line.new.pop_front()) {
                    Some(work) => break work,
                    None => self.come.wait(&mut line),
                }
            };
            drop(line);
            // One that panics is one that was not done; the panic has been reported.
            if catch_unwind(AssertUnwindSafe(work.job)).is_ok() {
                // Who has gone away does not wait.
                let _ = work.done.send(());
            }
        }
    }

    /// Waits until that is done; `begun` for a message of which something was done before.
    ///
    /// # Errors
    /// 303205 when too much waits already, 0 when it could not be done.
    pub async fn compute(&self, job: Job, begun: bool) -> Result<(), Fault> {
        let (done, told) = oneshot::channel();
        {
            let mut line = self.line.lock();
            if line.begun.len() + line.new.len() >= WAITING_MAX {
                let text = format!("{WAITING_MAX} large messages wait to be worked on");
                return Err(Fault::new(ErrorCode::OVERLOADED, text));
            }
            let work = Work { job, done };
            match begun {
                true => line.begun.push_back(work),
                false => line.new.push_back(work),
            }
        }
        self.come.notify_one();
        let failed = |_| Fault::new(ErrorCode::NONE, "the message could not be worked on");
        told.await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn jobs_are_done_elsewhere_and_one_that_panics_harms_nobody() {
        let heavy = Heavy::start().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let own = std::thread::current().id();
        let counted = count.clone();
        let job = Box::new(move || {
            assert_ne!(std::thread::current().id(), own);
            counted.fetch_add(1, Ordering::Relaxed);
        });
        heavy.compute(job, false).await.unwrap();
        let fault = heavy.compute(Box::new(|| panic!("on purpose")), true).await;
        assert_eq!(fault.unwrap_err().code, ErrorCode::NONE);
        for _ in 0..8 {
            let counted = count.clone();
            let job = Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            heavy.compute(job, false).await.unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 9);
    }

    #[tokio::test]
    async fn the_line_has_an_end() {
        // Nobody works.
        let heavy = Arc::new(Heavy::default());
        for _ in 0..WAITING_MAX {
            let (done, _) = oneshot::channel();
            let job: Job = Box::new(|| {});
            heavy.line.lock().new.push_back(Work { job, done });
        }
        let fault = heavy.compute(Box::new(|| {}), true).await.unwrap_err();
        assert_eq!(fault.code, ErrorCode::OVERLOADED);
    }
}
