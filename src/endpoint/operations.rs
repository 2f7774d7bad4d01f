//! What `statistics="enable"` counts beside the endpoint itself: its operations (spec/endpoints.md 18).
//!
//! The operation is the property `endpoint.operation`, else the SOAP action without `urn:`. Both come with messages, so
//! there is a bound: from then on everything new counts under one name.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::exchange::Exchange;
use crate::soap::envelope;
use crate::transport::headers::Name;

/// Most operations of one endpoint.
const OPERATIONS_MAX: usize = 100;
/// Longest name of one, in bytes.
const NAME_MAX: usize = 128;
/// What further ones count under.
const OTHERS: &str = "(others)";

/// The operations of one leaf.
#[derive(Debug, Default)]
pub struct Operations {
    rows: Mutex<BTreeMap<String, Operation>>,
}

/// The counters of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Operation {
    /// Tries answered.
    pub answered: u64,
    /// Tries failed.
    pub failed: u64,
    /// Time of those that were answered, to the head of the answer.
    pub seconds: f64,
}

/// The operation that a message calls; `None` when it names none.
pub fn of(x: &Exchange) -> Option<String> {
    let fields = &x.request.headers;
    let name = match x.properties.value("endpoint.operation") {
        Some(name) => name,
        None => {
            let action = envelope::action(
                fields.value(Name::SoapAction),
                fields.value(Name::ContentType),
            );
            action.strip_prefix("urn:").unwrap_or(action)
        }
    };
    let fits = !name.is_empty() && name.len() <= NAME_MAX;
    (fits && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

impl Operations {
    /// Counts a try.
    pub fn count(&self, name: String, answered: bool, took: Duration) {
        let mut rows = self.rows.lock();
        let name = match rows.len() < OPERATIONS_MAX || rows.contains_key(&name) {
            true => name,
            false => OTHERS.to_owned(),
        };
        let row = rows.entry(name).or_default();
        if answered {
            row.answered += 1;
            row.seconds += took.as_secs_f64();
        } else {
            row.failed += 1;
        }
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<(String, Operation)> {
        let rows = self.rows.lock();
        rows.iter()
            .map(|(name, row)| (name.clone(), *row))
            .collect()
    }

    /// Counts from nothing.
    pub fn reset(&self) {
        self.rows.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_failures_are_counted_by_operation_up_to_a_bound() {
        let operations = Operations::default();
        let ms = Duration::from_millis(500);
        operations.count("buy".to_owned(), true, ms);
        operations.count("buy".to_owned(), true, ms);
        operations.count("buy".to_owned(), false, ms);
        let buy = Operation {
            answered: 2,
            failed: 1,
            seconds: 1.0,
        };
        assert_eq!(operations.all(), [("buy".to_owned(), buy)]);
        for n in 0..OPERATIONS_MAX * 2 {
            operations.count(format!("n{n}"), true, ms);
        }
        let all = operations.all();
        assert_eq!(all.len(), OPERATIONS_MAX + 1);
        let others = all.iter().find(|(name, _)| name == OTHERS).unwrap();
        assert_eq!(others.1.answered, OPERATIONS_MAX as u64 + 1);
        operations.count("buy".to_owned(), false, ms);
        let buy = operations.all().into_iter().find(|(name, _)| name == "buy");
        assert_eq!(buy.unwrap().1.failed, 2, "a known one goes on");
    }
}
