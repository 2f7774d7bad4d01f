//! Orders of the administration: given, told, and ended when their time is over.

use std::sync::Arc;
use std::time::Duration;

use super::generation::Generation;
use super::log::{shortened, state_event};
use super::reload::Shared;
use crate::admin::{SwitchOrder, Verb};
use crate::endpoint::NodeId;
use crate::endpoint::inspect::SwitchError;
use crate::endpoint::order::{Note, Order};
use crate::endpoint::state::Transition;
use crate::endpoint::tree::NodeKind;
use crate::observe::stamp::unix_ms;
use crate::observe::{Event, EventLog};
use crate::util::clock::{self, Tick};

/// How often it is looked whether an order is over.
const LOOK: Duration = Duration::from_secs(1);

/// Carries an order out.
pub fn give(
    generation: &Generation,
    events: &EventLog,
    id: NodeId,
    verb: Verb,
    order: &SwitchOrder,
    now: Tick,
) -> Result<(), SwitchError> {
    let endpoints = &generation.endpoints;
    let wanted = match verb {
        Verb::On => Order::Active,
        Verb::Off => Order::Off,
        Verb::Drain => Order::Drain,
        Verb::Maintain => Order::Maintain,
        Verb::Resume => {
            let resumed = resume(generation, id, now)?;
            for (id, transition) in resumed {
                tell(generation, events, id, &transition, None, order);
            }
            return Ok(());
        }
        Verb::ResetStats => return reset(generation, events, id, order),
    };
    let short = |text: &Option<String>| text.as_deref().map(|text| shortened(text).into());
    let note = Note {
        reason: short(&order.reason),
        by: short(&order.by),
        since: now,
        until: order
            .for_ms
            .map(|ms| now + Duration::from_millis(ms))
            .filter(|_| wanted != Order::Active),
    };
    let before = endpoints.order(id);
    let transition = endpoints.give_order(id, wanted, note, now)?;
    let names = (before != wanted).then(|| (before.name(), wanted.name()));
    match transition {
        Some(transition) => tell(generation, events, id, &transition, names, order),
        None => {
            if let Some((from, to)) = names {
                let mut event = Event {
                    endpoint: Some(path_of(generation, id)),
                    from: Some(from),
                    to: Some(to),
                    ..Event::new("endpoint.state")
                };
                sign(&mut event, order);
                events.emit(event);
            }
        }
    }
    Ok(())
}

fn path_of(generation: &Generation, id: NodeId) -> String {
    let endpoints = &generation.endpoints;
    endpoints.node(endpoints.resolve(id)).path.to_string()
}

fn sign(event: &mut Event, order: &SwitchOrder) {
    event.text = order.reason.as_deref().map(shortened);
    event.by = Some(
        order
            .by
            .as_deref()
            .map_or("administration".to_owned(), shortened),
    );
}

/// A change of state by order; drain and maintain are shown by their own names.
fn tell(
    generation: &Generation,
    events: &EventLog,
    id: NodeId,
    transition: &Transition,
    names: Option<(&'static str, &'static str)>,
    order: &SwitchOrder,
) {
    let path = path_of(generation, id);
    let mut event = state_event(generation, &path, transition, None);
    if let Some((_, to @ ("drain" | "maintain"))) = names {
        event.to = Some(to);
    }
    sign(&mut event, order);
    events.emit(event);
}

/// Ends the suspensions of a leaf, or of every leaf of a group.
fn resume(
    generation: &Generation,
    id: NodeId,
    now: Tick,
) -> Result<Vec<(NodeId, Transition)>, SwitchError> {
    let endpoints = &generation.endpoints;
    let mut done = Vec::new();
    let mut todo = vec![endpoints.resolve(id)];
    while let Some(id) = todo.pop() {
        let node = endpoints.node(id);
        match &node.kind {
            NodeKind::Leaf(leaf) => {
                done.extend(leaf.state.resume(now).map(|transition| (id, transition)));
            }
            _ => {
                let group = node.group().ok_or(SwitchError::NotUsable)?;
                todo.extend(group.children.iter().map(|child| endpoints.resolve(*child)));
            }
        }
    }
    Ok(done)
}

/// Counts from nothing: a leaf, or a group and every leaf of it.
fn reset(
    generation: &Generation,
    events: &EventLog,
    id: NodeId,
    order: &SwitchOrder,
) -> Result<(), SwitchError> {
    let endpoints = &generation.endpoints;
    let at = unix_ms();
    let mut todo = vec![endpoints.resolve(id)];
    while let Some(id) = todo.pop() {
        let node = endpoints.node(id);
        match &node.kind {
            NodeKind::Leaf(leaf) => {
                leaf.stats.reset(at);
                if let Some(operations) = &leaf.operations {
                    operations.reset();
                }
            }
            _ => {
                let group = node.group().ok_or(SwitchError::NotUsable)?;
                group.stats.reset(at);
                todo.extend(group.children.iter().map(|child| endpoints.resolve(*child)));
            }
        }
    }
    let mut event = Event {
        endpoint: Some(path_of(generation, id)),
        ..Event::new("endpoint.stats_reset")
    };
    sign(&mut event, order);
    events.emit(event);
    Ok(())
}

/// Ends orders whose time is over, for ever.
pub async fn end_orders(shared: Arc<Shared>) {
    let over = SwitchOrder {
        reason: Some("the time of the order is over".to_owned()),
        by: Some("axon".to_owned()),
        for_ms: None,
    };
    loop {
        tokio::time::sleep(LOOK).await;
        let generation = shared.current.load_full();
        let now = clock::now();
        for id in generation.endpoints.orders_over(now) {
            // An endpoint that cannot be switched has no order to end.
            let _ = give(&generation, &shared.events, id, Verb::On, &over, now);
        }
    }
}
