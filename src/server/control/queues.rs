//! What is shown of message stores, message processors and priority executors.

use std::sync::atomic::Ordering;

use crate::admin::{ExecutorView, ProcessorView, StoreView};
use crate::observe::metrics::ProcessorMetrics;
use crate::server::generation::Generation;

/// The stores.
pub fn stores(generation: &Generation) -> Vec<StoreView> {
    let all = generation.mediation.stores().iter();
    all.map(|store| StoreView {
        name: store.name.to_string(),
        messages: store.len() as u64,
    })
    .collect()
}

/// The processors.
pub fn processors(generation: &Generation) -> Vec<ProcessorView> {
    let all = generation.mediation.processors().iter();
    all.map(|p| ProcessorView {
        name: p.name.to_string(),
        store: p.store.name.to_string(),
        active: p.state.is_active(),
        delivered: p.state.delivered.load(Ordering::Relaxed),
        failed: p.state.failed.load(Ordering::Relaxed),
        dropped: p.state.dropped.load(Ordering::Relaxed),
    })
    .collect()
}

/// The priority executors.
pub fn executors(generation: &Generation) -> Vec<ExecutorView> {
    let all = generation.mediation.executors().iter();
    all.map(|executor| {
        let load = executor.load();
        ExecutorView {
            name: executor.name.to_string(),
            running: load.running(),
            waiting: load.waiting(),
        }
    })
    .collect()
}

/// What is said of processors that are stopped.
pub fn stopped(generation: &Generation) -> Vec<String> {
    let all = processors(generation).into_iter().filter(|p| !p.active);
    all.map(|p| {
        format!(
            "message processor {} is stopped: a message of store {} cannot be delivered, or is.active is false; load the configuration again to start it",
            p.name, p.store
        )
    })
    .collect()
}

/// Messages that wait, per store.
pub fn waiting(generation: &Generation) -> Vec<(String, u64)> {
    let stores = stores(generation).into_iter();
    stores.map(|store| (store.name, store.messages)).collect()
}

/// What processors have done.
pub fn worked(generation: &Generation) -> Vec<ProcessorMetrics> {
    let all = processors(generation).into_iter();
    all.map(|p| ProcessorMetrics {
        outcomes: [
            ("delivered", p.delivered),
            ("failed", p.failed),
            ("dropped", p.dropped),
        ],
        active: p.active,
        name: p.name,
    })
    .collect()
}
