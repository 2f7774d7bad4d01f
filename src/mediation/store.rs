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
    messages: VecDeque<Box<Exchange>>,
    bytes: usize,
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
        queue.messages.push_back(message);
        Ok(())
    }

    /// Takes the first message out.
    pub fn take(&self) -> Option<Box<Exchange>> {
        let queue = self.queue();
        let mut queue = queue.lock();
        let message = queue.messages.pop_front()?;
        queue.bytes -= size(&message);
        Some(message)
    }

    /// Puts a message back in front, which was taken and could not be delivered. It had its place before, so it has it again.
    pub fn give_back(&self, message: Box<Exchange>) {
        let queue = self.queue();
        let mut queue = queue.lock();
        queue.bytes += size(&message);
        queue.messages.push_front(message);
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
