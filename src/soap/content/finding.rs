//! What expressions have found in a message before anybody asked: of a large one that is done beside the worker
//! (`mediation::content`), so that the answer is there when a mediator, which never waits, evaluates.

use super::Content;
use crate::soap::json::path::JsonPathError;
use crate::soap::xpath::stream::Found;
use crate::soap::xpath::{Value, XPathError};

/// What one expression has found.
#[derive(Clone, Debug)]
pub enum Finding {
    /// An XPath, in the tree.
    Value(Result<Value<'static>, XPathError>),
    /// A simple path, in the text.
    Found(Vec<Found>),
    /// A JSONPath, as a text.
    Text(Result<String, JsonPathError>),
}

impl Content {
    /// Keeps what the expression of that key has found, until [`forget_findings`](Self::forget_findings) or a change.
    pub fn remember(&self, key: usize, finding: Finding) {
        self.findings.borrow_mut().push((key, finding));
    }

    /// Forgets what was found: what expressions know besides the message may be another next time.
    pub fn forget_findings(&self) {
        self.findings.borrow_mut().clear();
    }

    /// What the expression of that key has found.
    pub fn finding<T>(&self, key: usize, read: impl FnOnce(&Finding) -> Option<T>) -> Option<T> {
        let findings = self.findings.borrow();
        let (_, finding) = findings.iter().find(|(known, _)| *known == key)?;
        read(finding)
    }
}
