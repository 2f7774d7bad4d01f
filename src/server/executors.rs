//! Priority executors of one worker: so many messages at the same time, the most urgent of those that wait next.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::mediation::executor::{Counted, Executor};

/// All of them, by name.
#[derive(Default)]
pub struct Executors(RefCell<HashMap<Arc<str>, Line>>);

#[derive(Default)]
struct Line {
    running: usize,
    /// Those who wait, per queue, the most urgent first.
    waiting: Vec<VecDeque<oneshot::Sender<()>>>,
}

/// A place in the line of an executor; who has had his turn gives it to the next.
pub struct Turn {
    executors: Rc<Executors>,
    name: Arc<str>,
    wait: Option<oneshot::Receiver<()>>,
    counted: Counted,
}

impl Executors {
    /// Goes to the end of a queue of an executor; `None` when it is full.
    pub fn enter(self: &Rc<Self>, executor: &Executor, priority: i64) -> Option<Turn> {
        let mut lines = self.0.borrow_mut();
        let line = lines.entry(executor.name.clone()).or_default();
        let turn = |wait: Option<oneshot::Receiver<()>>| {
            let mut counted = executor.count();
            if wait.is_none() {
                counted.run();
            }
            Turn {
                executors: self.clone(),
                name: executor.name.clone(),
                wait,
                counted,
            }
        };
        if line.running < executor.threads {
            line.running += 1;
            return Some(turn(None));
        }
        let (nth, size) = executor.queue(priority);
        if line.waiting.len() <= nth {
            line.waiting.resize_with(nth + 1, VecDeque::new);
        }
        let queue = line.waiting.get_mut(nth)?;
        if queue.len() >= size {
            return None;
        }
        let (tell, told) = oneshot::channel();
        queue.push_back(tell);
        Some(turn(Some(told)))
    }
}

impl Turn {
    /// Waits for it.
    pub async fn come(&mut self) {
        if let Some(wait) = &mut self.wait {
            // The other end is in the line of this worker, and stays there until it is told.
            let _ = wait.await;
            self.wait = None;
            self.counted.run();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(wait) = &mut self.wait
            && wait.try_recv().is_err()
        {
            return;
        }
        let mut lines = self.executors.0.borrow_mut();
        let Some(line) = lines.get_mut(&self.name) else {
            return;
        };
        while let Some(next) = line.waiting.iter_mut().find_map(VecDeque::pop_front) {
            if next.send(()).is_ok() {
                return;
            }
        }
        line.running = line.running.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;

    #[test]
    fn the_most_urgent_is_next_and_queues_have_an_end() {
        let executors = Rc::new(Executors::default());
        let executor = Executor::of("pe", 1, vec![(10, 2), (1, 1)]);
        let enter = |priority| executors.enter(&executor, priority);
        let come = |turn: &mut Turn| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            std::pin::pin!(turn.come()).poll(&mut context).is_ready()
        };
        let mut first = enter(1).unwrap();
        assert!(come(&mut first));
        let mut slow = enter(1).unwrap();
        let load = || (executor.load().running(), executor.load().waiting());
        assert_eq!(load(), (1, 1));
        assert!(enter(5).is_none(), "the queue of the less urgent is full");
        let mut fast = enter(10).unwrap();
        // Who goes away before his turn takes nobody's.
        drop(enter(12).unwrap());
        assert!(!come(&mut fast) && !come(&mut slow));
        drop(first);
        assert!(come(&mut fast) && !come(&mut slow));
        drop(fast);
        // Told, but gone before he looked.
        let mut last = enter(10).unwrap();
        drop(slow);
        assert!(come(&mut last));
        drop(last);
        assert_eq!(load(), (0, 0));
        assert!(come(&mut enter(1).unwrap()), "free again");
    }
}
