//! Runs tasks: one worker looks what is due, and takes each message through as a task beside the connections.
//!
//! A task that stays as it is keeps its count and its next time over a reload. One message of a task is under way at a time: when it
//! takes longer than the pause, the next one is left out. The end of the process waits for those under way as for requests.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::generation::Generation;
use super::schedule;
use super::serve::Service;
use crate::config::cron::Schedule;
use crate::mediation::{Cx, Task};

/// How often it is looked whether there are other tasks now.
const LOOK: Duration = Duration::from_millis(500);

/// What is known of one task.
struct Due {
    print: String,
    next: Instant,
    left: Option<u32>,
    busy: Rc<Cell<bool>>,
}

/// Looks until the stop begins.
pub async fn follow(service: Rc<Service>) {
    let mut known: HashMap<String, Due> = HashMap::new();
    while !service.worker.drain.has_begun() {
        let now = Instant::now();
        let generation = service.generation();
        let tasks = generation.mediation.tasks();
        known.retain(|name, due| {
            let same = |task: &Task| task.name == *name && task.print == due.print;
            tasks.iter().any(same)
        });
        let mut wake = now + LOOK;
        for (at, task) in tasks.iter().enumerate() {
            let due = known.entry(task.name.clone()).or_insert_with(|| Due {
                print: task.print.clone(),
                next: match &task.schedule {
                    Schedule::Every(_) => now,
                    at => schedule::next(at, now),
                },
                left: task.count,
                busy: Rc::default(),
            });
            if due.left == Some(0) {
                continue;
            }
            if due.next <= now {
                due.next = schedule::next(&task.schedule, now);
                due.left = due.left.map(|left| left - 1);
                if !due.busy.replace(true) {
                    tokio::task::spawn_local(fire(
                        service.clone(),
                        generation.clone(),
                        at,
                        due.busy.clone(),
                    ));
                }
            }
            wake = wake.min(due.next.max(now + Duration::from_millis(1)));
        }
        drop(generation);
        tokio::time::sleep_until(wake).await;
    }
}

/// Takes one message of a task through.
async fn fire(service: Rc<Service>, generation: Arc<Generation>, at: usize, busy: Rc<Cell<bool>>) {
    let _open = service.worker.drain.open();
    service.worker.look();
    let beside = service.beside(generation);
    let events = beside.events();
    let sender = beside.bound(&events);
    let cx = Cx {
        sender: &sender,
        log: &events,
    };
    let mediation = &beside.generation.mediation;
    if let Some(task) = mediation.tasks().get(at) {
        let mut x = task.message(service.worker.now());
        x.entries.clone_from(&beside.generation.entries);
        mediation.inject(task, &mut x, &cx).await;
        x.discard_answer(&service.worker).await;
    }
    busy.set(false);
}
