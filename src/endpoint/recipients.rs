//! The addresses of recipient lists that messages compute: a leaf for each, whose state is remembered while it is among the
//! last that were asked for (spec/endpoints.md 16, `max-cache`).
//!
//! Such a leaf is a tree of its own, so that nothing of the generation's tree changes while messages run.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::tree::{Builder, Endpoints, Target};
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{AddressDef, EndpointDef, EndpointKind, LeafDef};
use crate::config::source::{Span, Spanned};
use crate::transport::tls::TlsSet;

/// Most copies of one message.
pub const RECIPIENTS_MAX: usize = 1000;

/// Leaves by address; the one that was not asked for the longest goes first.
pub struct LeafCache {
    bound: usize,
    tls: Arc<TlsSet>,
    leaves: Mutex<Leaves>,
}

#[derive(Default)]
struct Leaves {
    by_address: HashMap<String, Used>,
    /// Counts the questions.
    turn: u64,
}

struct Used {
    turn: u64,
    leaf: Arc<Endpoints>,
}

impl LeafCache {
    /// A cache of so many addresses, which are connected to with these TLS profiles.
    pub fn new(bound: usize, tls: Arc<TlsSet>) -> Self {
        // Here and not on a worker, which has no time to read the system's authorities; a failure is that of each send.
        if let Some(client) = tls.client(None) {
            let _ = client.prepare();
        }
        Self {
            bound: bound.max(1),
            tls,
            leaves: Mutex::default(),
        }
    }

    /// A copy in which the state of each address changes by itself.
    pub fn fork(&self) -> Self {
        let leaves = self.leaves.lock();
        let by_address = leaves.by_address.iter().map(|(url, used)| {
            let leaf = Arc::new(used.leaf.fork());
            let turn = used.turn;
            (url.clone(), Used { turn, leaf })
        });
        Self {
            bound: self.bound,
            tls: self.tls.clone(),
            leaves: Mutex::new(Leaves {
                by_address: by_address.collect(),
                turn: leaves.turn,
            }),
        }
    }

    /// True when it is what a list of so many addresses with these profiles needs.
    pub fn serves(&self, bound: usize, tls: &TlsSet) -> bool {
        self.bound == bound.max(1) && self.tls.fingerprint() == tls.fingerprint()
    }

    /// The leaf of an address of the list at `path`; `None` when it is no address.
    pub fn leaf(&self, url: &str, path: &str, span: Span) -> Option<Arc<Endpoints>> {
        Target::parse(url).filter(|target| matches!(target, Target::Fixed(_)))?;
        let mut leaves = self.leaves.lock();
        leaves.turn += 1;
        let turn = leaves.turn;
        if let Some(used) = leaves.by_address.get_mut(url) {
            used.turn = turn;
            return Some(used.leaf.clone());
        }
        if leaves.by_address.len() >= self.bound {
            let oldest = leaves.by_address.iter().min_by_key(|(_, used)| used.turn);
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                leaves.by_address.remove(&oldest);
            }
        }
        let leaf = Arc::new(alone(url, path, span, &self.tls));
        let used = Used {
            turn,
            leaf: leaf.clone(),
        };
        leaves.by_address.insert(url.to_owned(), used);
        Some(leaf)
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.leaves.lock().by_address.len()
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tree of one address.
fn alone(url: &str, path: &str, span: Span, tls: &Arc<TlsSet>) -> Endpoints {
    let text = |value: String| Spanned::new(value, span);
    let mut builder = Builder::new(None).tls(tls.clone());
    builder.define(&EndpointDef {
        name: Some(text(format!("{path}/{url}"))),
        kind: EndpointKind::Address(AddressDef {
            uri: text(url.to_owned()),
            leaf: LeafDef::default(),
        }),
        on_error: None,
        properties: Vec::new(),
        description: None,
        span,
    });
    // An address that was taken apart leaves nothing to complain about.
    builder.finish(&mut Diagnostics::default()).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::rules::tests::PLACE;

    #[test]
    fn an_address_keeps_its_leaf_until_as_many_others_were_asked_for() {
        let cache = LeafCache::new(2, Arc::default());
        let leaf = |url: &str| cache.leaf(url, "list", PLACE).unwrap();
        let (a, b) = (leaf("http://a/"), leaf("http://b/"));
        assert!(Arc::ptr_eq(&a, &leaf("http://a/")));
        leaf("http://c/");
        assert_eq!(cache.len(), 2);
        assert!(Arc::ptr_eq(&a, &leaf("http://a/")), "asked for after b");
        assert!(!Arc::ptr_eq(&b, &leaf("http://b/")));
        let (id, node) = a.nodes().next().unwrap();
        assert_eq!(&*node.path, "list/http://a/");
        assert!(a.leaf(id).is_some());
    }

    #[test]
    fn what_is_no_address_has_no_leaf() {
        let cache = LeafCache::new(2, Arc::default());
        for url in ["", "a", "jms:/q", "http://", "http://${x}/"] {
            assert!(cache.leaf(url, "list", PLACE).is_none(), "{url}");
        }
        assert!(cache.is_empty());
    }
}
