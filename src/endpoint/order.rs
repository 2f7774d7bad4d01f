//! What a person orders of an endpoint: use it, drain it, switch it off, maintain it (users-ask U08).
//!
//! | order | new messages | messages of sessions that are bound here |
//! |---|---|---|
//! | active | as its state says | as its state says |
//! | drain | go elsewhere | still come here |
//! | off | go elsewhere | fail with 309001 (Synapse's OFF) |
//! | maintain | go elsewhere | move to another child |
//!
//! An order has a reason and a name for those who ask later, may end by itself, and outlives reloads with the endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

use crate::util::clock::Tick;

/// The orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Use it.
    #[default]
    Active,
    /// Only what is bound to it.
    Drain,
    /// Nothing; sessions move.
    Maintain,
    /// Nothing.
    Off,
}

impl Order {
    const ALL: [Order; 4] = [Order::Active, Order::Drain, Order::Maintain, Order::Off];

    /// The order of that name.
    pub fn of(name: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.name() == name)
    }

    /// The name that people see.
    pub fn name(self) -> &'static str {
        match self {
            Order::Active => "active",
            Order::Drain => "drain",
            Order::Maintain => "maintain",
            Order::Off => "off",
        }
    }

    /// Whether nothing at all comes here.
    pub fn is_out(self) -> bool {
        matches!(self, Order::Off | Order::Maintain)
    }
}

/// Why, by whom, since when, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The reason given.
    pub reason: Option<Arc<str>>,
    /// Who gave it.
    pub by: Option<Arc<str>>,
    /// When it was given.
    pub since: Tick,
    /// When it ends by itself.
    pub until: Option<Tick>,
}

impl Note {
    /// Whether the order is over.
    pub fn is_over(&self, now: Tick) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The order that a group is under.
#[derive(Debug, Default)]
pub struct GroupOrder {
    order: AtomicU8,
    note: Mutex<Option<Note>>,
}

impl GroupOrder {
    /// The order now.
    pub fn order(&self) -> Order {
        let at = usize::from(self.order.load(Ordering::Acquire));
        Order::ALL.get(at).copied().unwrap_or_default()
    }

    /// What was said with it.
    pub fn note(&self) -> Option<Note> {
        self.note.lock().clone()
    }

    /// Gives an order; what it was before.
    pub fn set(&self, order: Order, note: Option<Note>) -> Order {
        let mut kept = self.note.lock();
        *kept = note.filter(|_| order != Order::Active);
        let at = Order::ALL.iter().position(|o| *o == order).unwrap_or(0);
        let before = self.order.swap(at as u8, Ordering::AcqRel);
        let before = Order::ALL.get(usize::from(before)).copied();
        before.unwrap_or_default()
    }

    /// A cell of its own under the same order.
    pub fn fork(&self) -> GroupOrder {
        GroupOrder {
            order: AtomicU8::new(self.order.load(Ordering::Acquire)),
            note: Mutex::new(self.note()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_keeps_its_order_and_what_was_said() {
        let cell = GroupOrder::default();
        let note = Note {
            reason: Some("patching".into()),
            until: Some(Tick(9)),
            ..Note::default()
        };
        assert_eq!(cell.set(Order::Drain, Some(note.clone())), Order::Active);
        assert_eq!(
            (cell.order(), cell.note()),
            (Order::Drain, Some(note.clone()))
        );
        assert_eq!(cell.fork().order(), Order::Drain);
        assert!(!note.is_over(Tick(8)) && note.is_over(Tick(9)));
        assert_eq!(cell.set(Order::Active, Some(note)), Order::Drain);
        assert_eq!(cell.note(), None);
    }

    #[test]
    fn orders_are_known_by_their_names() {
        for order in Order::ALL {
            assert_eq!(Order::of(order.name()), Some(order));
        }
        assert_eq!(Order::of("on"), None);
    }
}
