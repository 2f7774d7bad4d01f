//! Counters of one endpoint under the names of Synapse's management view (spec/endpoints.md 20.1), with true means.

use std::sync::atomic::Ordering;

use super::generation::Generation;
use crate::admin::{OperationView, StatsView};
use crate::codes::ErrorCode;
use crate::endpoint::state::EndpointState;
use crate::endpoint::stats::Counts;
use crate::endpoint::tree::NodeId;
use crate::observe::EventLog;
use crate::observe::stamp::{rfc3339, unix_ms};
use crate::util::clock::Tick;

const MINUTE_MS: u64 = 60_000;

/// Failures that happen before the request is on its way.
fn while_sending(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CONNECT_FAILED
            | ErrorCode::CONNECT_TIMEOUT
            | ErrorCode::CONNECT_CANCELLED
            | ErrorCode::SEND_FAILED
            | ErrorCode::SEND_ABORTED
    )
}

/// The counters of an endpoint, since they were last reset.
pub fn stats(
    generation: &Generation,
    events: &EventLog,
    id: NodeId,
    started_unix_ms: u64,
    now: Tick,
) -> StatsView {
    let endpoints = &generation.endpoints;
    let node = endpoints.node(endpoints.resolve(id));
    let mut view = StatsView {
        endpoint: endpoints.node(id).path.to_string(),
        last_reset_time: rfc3339(started_unix_ms),
        ..StatsView::default()
    };
    if let Some(leaf) = endpoints.leaf(id) {
        let (counts, reset) = leaf.stats.since_reset();
        let snapshot = leaf.state.snapshot();
        view.consecutive_endpoint_suspensions = snapshot.consecutive_suspensions;
        view.consecutive_endpoint_timeouts = snapshot.consecutive_timeouts;
        view.in_flight = leaf.stats.in_flight.load(Ordering::Relaxed);
        view.total_endpoint_suspensions = leaf.stats.suspensions.load(Ordering::Relaxed);
        if let Some(at) = reset {
            view.last_reset_time = rfc3339(at);
        }
        fill(&mut view, &counts);
        for (name, row) in leaf.operations.iter().flat_map(|o| o.all()) {
            let mean = match row.answered {
                0 => 0.0,
                n => row.seconds * 1_000.0 / n as f64,
            };
            let operation = OperationView {
                answered: row.answered,
                failed: row.failed,
                avg_answer_ms: mean,
            };
            view.operations.insert(name, operation);
        }
    } else if let Some(group) = node.group() {
        let (counts, reset) = group.stats.since_reset();
        view.messages_sent = counts.requests;
        view.faults_sending = counts.failures;
        view.messages_received = counts.requests.saturating_sub(counts.failures);
        if let Some(at) = reset {
            view.last_reset_time = rfc3339(at);
        }
        view.total_children = group.children.len() as u64;
        for child in &group.children {
            let child = endpoints.view(*child, now);
            view.active_children += u64::from(child.state == EndpointState::Active);
            view.ready_children += u64::from(child.ready);
        }
    }
    let (path, today) = (&*node.path, unix_ms());
    let entries = events.timeline(path, today.saturating_sub(15 * MINUTE_MS));
    let suspended = |minutes: u64| {
        let since = today.saturating_sub(minutes * MINUTE_MS);
        let own = entries.iter().filter(|entry| {
            let event = &entry.event;
            event.to == Some("suspended")
                && event.ts >= since
                && event.endpoint.as_deref() == Some(path)
        });
        own.count() as u64
    };
    view.last_minute_endpoint_suspensions = suspended(1);
    view.last_5_minute_endpoint_suspensions = suspended(5);
    view.last_15_minute_endpoint_suspensions = suspended(15);
    view
}

fn fill(view: &mut StatsView, counts: &Counts) {
    view.messages_sent = counts.requests;
    view.messages_received = counts.successes;
    if counts.answers > 0 {
        view.avg_answer_ms = counts.answers_seconds * 1_000.0 / counts.answers as f64;
    }
    for (code, n) in &counts.errors {
        let (table, faults) = if while_sending(*code) {
            (&mut view.sending_fault_table, &mut view.faults_sending)
        } else {
            (&mut view.receiving_fault_table, &mut view.faults_receiving)
        };
        *faults += n;
        table.insert(code.to_string(), *n);
        match *code {
            ErrorCode::CONNECT_TIMEOUT => view.timeouts_sending += n,
            ErrorCode::RESPONSE_TIMEOUT => view.timeouts_receiving += n,
            _ => {}
        }
    }
}
