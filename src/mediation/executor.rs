//! Priority executors: how many messages of `enqueue` are worked on at the same time, and who is next (spec/mediation.md 6).

use std::sync::Arc;

use super::parse::Parse;
use crate::config::model::QueueDef;

/// Most messages that are worked on at the same time.
const THREADS_MAX: u64 = 1024;
/// Most messages that a queue without a size takes.
const SIZE_MAX: u64 = 4096;

/// A compiled executor. Its numbers hold for each worker.
#[derive(Debug, PartialEq, Eq)]
pub struct Executor {
    /// Its name.
    pub name: Arc<str>,
    /// So many at the same time.
    pub threads: usize,
    /// Priority and size of each queue, the most urgent first.
    queues: Vec<(i64, usize)>,
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
        }
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
