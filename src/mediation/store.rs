//! Message stores: queues of messages in memory, which processors take from (spec/mediation.md 6 and 9).
//!
//! A store lives as long as the process, by its name: a reload finds its messages where they were. It is bounded by number and
//! bytes; a message that does not fit is an error of the flow that stores it, so that nobody is told that it was taken.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::parse::Parse;
use crate::codes::ErrorCode;
use crate::config::model::QueueDef;
use crate::exchange::{Body, Exchange, Fault};
use crate::util::clock::Tick;

/// Names of the class that is run, without their packages.
const IN_MEMORY: &[&str] = &["InMemoryStore", "InMemoryMessageStore"];
/// Most messages of a store.
const MESSAGES_MAX: usize = 10_000;
/// Most bytes of bodies in a store.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Store {
    /// Its name.
    pub name: Arc<str>,
    /// Shared with the store of the same name of the generation before.
    queue: Mutex<Arc<Mutex<Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    message: Box<Exchange>,
    number: Number,
}

/// The number by which a message is put in order, once somebody has asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Unasked,
    None,
    Is(i64),
}

impl Queue {
    /// Takes the first message out of which that is true.
    fn take_first(&mut self, is: impl Fn(Number) -> bool) -> Option<Box<Exchange>> {
        let at = self.messages.iter().position(|kept| is(kept.number))?;
        let kept = self.messages.remove(at)?;
        self.bytes -= size(&kept.message);
        Some(kept.message)
    }
}

/// Compiles a store; `None` when it is kept elsewhere, which has been reported then.
pub(super) fn build(def: &QueueDef, parse: &mut Parse<'_>) -> Option<Arc<Store>> {
    parse.only(&def.element, &["name", "class"], &["parameter"]);
    if let Some(class) = def.element.attribute("class") {
        let short = class.value.trim().rsplit('.').next().unwrap_or_default();
        if !short.is_empty() && !IN_MEMORY.contains(&short) {
            let text = format!(
                "the message store class `{}` is not supported yet",
                class.value.trim()
            );
            parse.unsupported(class.span, &text);
            return None;
        }
    }
    Some(Arc::new(Store::new(&def.name.value)))
}

impl Store {
    /// An empty one.
    pub fn new(name: &str) -> Store {
        Store {
            name: name.into(),
            queue: Mutex::default(),
        }
    }

    /// Goes on with the messages of a store of an older generation.
    pub fn inherit(&self, previous: &Store) {
        let queue = previous.queue();
        *self.queue.lock() = queue;
    }

    fn queue(&self) -> Arc<Mutex<Queue>> {
        self.queue.lock().clone()
    }

    /// Puts a message, whose body is held, behind the others.
    pub fn put(&self, message: Box<Exchange>) -> Result<(), Fault> {
        let bytes = size(&message);
        let queue = self.queue();
        let mut queue = queue.lock();
        if queue.messages.len() >= MESSAGES_MAX || queue.bytes + bytes > BYTES_MAX {
            let text = format!(
                "the message store `{}` is full: {} messages, {} bytes",
                self.name,
                queue.messages.len(),
                queue.bytes
            );
            return Err(Fault::new(ErrorCode::OVERLOADED, text));
        }
        queue.bytes += bytes;
        queue.messages.push_back(Kept {
            message,
            number: Number::Unasked,
        });
        Ok(())
    }

    /// Takes the first message out.
    pub fn take(&self) -> Option<Box<Exchange>> {
        self.queue().lock().take_first(|_| true)
    }

    /// Puts a message back in front, which was taken and could not be delivered. It had its place before, so it has it again.
    pub fn give_back(&self, message: Box<Exchange>) {
        let queue = self.queue();
        let mut queue = queue.lock();
        queue.bytes += size(&message);
        queue.messages.push_front(Kept {
            message,
            number: Number::Unasked,
        });
    }

    /// Takes the first message out whose number nobody has asked for.
    pub fn take_unnumbered(&self) -> Option<Box<Exchange>> {
        let queue = self.queue();
        queue.lock().take_first(|number| number == Number::Unasked)
    }

    /// Puts such a message back, with its number or without one.
    pub fn put_numbered(&self, message: Box<Exchange>, number: Option<i64>) {
        let queue = self.queue();
        let mut queue = queue.lock();
        queue.bytes += size(&message);
        let number = number.map_or(Number::None, Number::Is);
        queue.messages.push_back(Kept { message, number });
    }

    /// Takes the first message with that number out.
    pub fn take_number(&self, number: i64) -> Option<Box<Exchange>> {
        let queue = self.queue();
        queue.lock().take_first(|n| n == Number::Is(number))
    }

    /// The least number of a message, from that one on.
    pub fn least_from(&self, from: i64) -> Option<i64> {
        let queue = self.queue();
        let queue = queue.lock();
        let numbers = queue.messages.iter().filter_map(|kept| match kept.number {
            Number::Is(number) => Some(number),
            Number::Unasked | Number::None => None,
        });
        numbers.filter(|number| *number >= from).min()
    }

    /// Removes the messages with a lesser number; how many there were.
    pub fn remove_below(&self, number: i64) -> usize {
        let queue = self.queue();
        let mut queue = queue.lock();
        let below = |n| matches!(n, Number::Is(n) if n < number);
        std::iter::from_fn(|| queue.take_first(below)).count()
    }

    /// When the message came that has waited longest.
    pub fn oldest(&self) -> Option<Tick> {
        let queue = self.queue();
        let queue = queue.lock();
        queue.messages.iter().map(|kept| kept.message.started).min()
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.queue().lock().messages.len()
    }

    /// True when none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn size(message: &Exchange) -> usize {
    let bytes = |body: &Body| match body {
        Body::Whole(bytes) => bytes.len(),
        Body::Empty | Body::Incoming => 0,
    };
    bytes(&message.request_body) + bytes(&message.response_body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediation::testing::soap11_with;

    #[test]
    fn messages_are_found_by_their_numbers() {
        let store = Store::new("s");
        for _ in 0..4 {
            store.put(Box::new(soap11_with("", ""))).unwrap();
        }
        for number in [Some(3), Some(1), None, Some(3)] {
            let message = store.take_unnumbered().unwrap();
            store.put_numbered(message, number);
        }
        assert!(store.take_unnumbered().is_none() && store.oldest().is_some());
        let least = [i64::MIN, 2, 4].map(|from| store.least_from(from));
        assert_eq!(least, [Some(1), Some(3), None]);
        assert!(store.take_number(3).is_some() && store.take_number(2).is_none());
        assert_eq!((store.remove_below(4), store.len()), (2, 1));
    }

    #[test]
    fn messages_come_out_in_order_and_bytes_are_bounded() {
        let before = Store::new("s");
        let store = Store::new("s");
        store.inherit(&before);
        let message = |text: &str| {
            let mut x = soap11_with("", "");
            x.request_body = Body::held(text.as_bytes().to_vec());
            Box::new(x)
        };
        before.put(message("a")).unwrap();
        store.put(message("bb")).unwrap();
        let first = store.take().unwrap();
        assert_eq!(first.request_body, Body::held(&b"a"[..]));
        store.give_back(first);
        assert_eq!(store.len(), 2);
        assert_eq!(store.take().unwrap().request_body, Body::held(&b"a"[..]));
        let large = vec![b'x'; BYTES_MAX - 1];
        let mut x = soap11_with("", "");
        x.request_body = Body::held(large);
        let fault = store.put(Box::new(x)).unwrap_err();
        assert!(fault.message.contains("`s` is full"), "{}", fault.message);
        assert_eq!(store.len(), 1);
    }
}
