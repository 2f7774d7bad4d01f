//! Priority executors: how many messages of `enqueue` are worked on at the same time, and who is next (spec/mediation.md 6).

use std::sync::Arc;

use parking_lot::Mutex;

use super::parse::Parse;
use crate::config::model::QueueDef;
use crate::util::gauge::{self, Gauge};

/// Most messages that are worked on at the same time.
const THREADS_MAX: u64 = 1024;
/// Most messages that a queue without a size takes.
const SIZE_MAX: u64 = 4096;

/// A compiled executor. Its numbers hold for each worker.
#[derive(Debug)]
pub struct Executor {
    /// Its name.
    pub name: Arc<str>,
    /// So many at the same time.
    pub threads: usize,
    /// Priority and size of each queue, the most urgent first.
    queues: Vec<(i64, usize)>,
    /// Shared with the executor of the same name of the generation before.
    load: Mutex<Arc<Load>>,
}

/// How many messages an executor has, over all workers.
#[derive(Debug, Default)]
pub struct Load {
    running: Gauge,
    waiting: Gauge,
}

impl Load {
    /// Messages that are worked on.
    pub fn running(&self) -> u64 {
        self.running.now()
    }

    /// Messages that wait for their turn.
    pub fn waiting(&self) -> u64 {
        self.waiting.now()
    }
}

/// One message that an executor has: counted as long as it exists.
#[derive(Debug)]
pub struct Counted {
    load: Arc<Load>,
    /// Where it is counted now.
    one: gauge::Counted,
}

impl Counted {
    /// It is worked on from now on.
    pub fn run(&mut self) {
        self.one = self.load.running.one();
    }
}

/// Compiles an executor; what is wrong has been reported then.
pub(super) fn build(def: &QueueDef, parse: &mut Parse<'_>) -> Option<Arc<Executor>> {
    let element = &def.element;
    parse.only(
        element,
        &["name", "beforeExecuteHandler"],
        &["queues", "threads"],
    );
    let mut number = |element: Option<&crate::config::xml::Element>, name: &str| {
        let Some(text) = element.and_then(|e| e.attribute(name)) else {
            return Some(None);
        };
        match text.value.trim().parse::<i64>() {
            Ok(number) => Some(Some(number)),
            Err(_) => {
                parse.bad(text.span, format!("`{name}` is not a whole number"));
                None
            }
        }
    };
    let threads = number(element.child("threads"), "max")?.unwrap_or(100);
    let mut queues = Vec::new();
    let written = element
        .child("queues")
        .into_iter()
        .flat_map(|q| q.elements());
    for queue in written.filter(|e| e.is("queue")) {
        let priority = number(Some(queue), "priority")?.unwrap_or(1);
        let size = number(Some(queue), "size")?.and_then(|n| u64::try_from(n).ok());
        queues.push((
            priority,
            size.unwrap_or(SIZE_MAX).clamp(1, SIZE_MAX) as usize,
        ));
    }
    if queues.is_empty() {
        let text = "a priority executor needs a `queue` in `queues`";
        parse.bad(element.name_span, text);
        return None;
    }
    queues.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    Some(Arc::new(Executor {
        name: def.name.value.as_str().into(),
        threads: u64::try_from(threads).unwrap_or(1).clamp(1, THREADS_MAX) as usize,
        queues,
        load: Mutex::default(),
    }))
}

impl Executor {
    /// One of these numbers; the queues are in order.
    #[cfg(test)]
    pub fn of(name: &str, threads: usize, queues: Vec<(i64, usize)>) -> Executor {
        Executor {
            name: name.into(),
            threads,
            queues,
            load: Mutex::default(),
        }
    }

    /// How many messages it has.
    pub fn load(&self) -> Arc<Load> {
        self.load.lock().clone()
    }

    /// Counts one more message, which waits.
    pub fn count(&self) -> Counted {
        let load = self.load();
        let one = load.waiting.one();
        Counted { load, one }
    }

    /// Goes on counting where an executor of an older generation is.
    pub fn inherit(&self, previous: &Executor) {
        let load = previous.load();
        *self.load.lock() = load;
    }

    /// The queue for a priority, from the most urgent on, and how many may wait in it: the first that is not more urgent, else
    /// the last.
    pub fn queue(&self, priority: i64) -> (usize, usize) {
        let fits = |(own, _): &(i64, usize)| *own <= priority;
        let last = self.queues.len().saturating_sub(1);
        let nth = self.queues.iter().position(fits).unwrap_or(last);
        (nth, self.queues.get(nth).map_or(0, |queue| queue.1))
    }
}
