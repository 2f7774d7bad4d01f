//! Copies of a message to the children of a recipient list (spec/endpoints.md 16).
//!
//! The body is held whole once and shared; each copy is an exchange of its own that is sent by itself, in the order of the
//! children and without waiting. What comes of them is found in [`Exchange::copies`].

use std::sync::Arc;

use super::Dispatch;
use crate::codes::ErrorCode;
use crate::config::endpoint::recipient_list::split;
use crate::config::model::Scope;
use crate::endpoint::recipients::RECIPIENTS_MAX;
use crate::endpoint::tree::{Computed, Endpoints, NodeId, NodeKind};
use crate::exchange::{CopyReport, Exchange, Fault};

/// Property of each copy: its number from 0, and how many were sent.
const SEQUENCE: &str = "messageSequence";
/// Property of each copy: how many recipients the list has, ready or not.
const TOTAL: &str = "recipient.total";

/// Who gets a copy.
#[derive(Clone)]
pub enum Recipient {
    /// A child.
    Child(NodeId),
    /// An address that the message gave: a tree of its own, of which this is the only node, and the list's node.
    Address(Arc<Endpoints>, NodeId),
}

/// One copy, ready to be sent.
pub struct Outbound {
    /// To whom.
    pub to: Recipient,
    /// The copy.
    pub copy: Box<Exchange>,
}

/// Sends copies by themselves: the room above owns what a task needs.
pub trait CopySender {
    /// Begins to send all of them; false when too much is under way already, and none is sent.
    fn send_all(&self, copies: Vec<Outbound>, report: CopyReport) -> bool;
}

/// Sends none.
#[derive(Clone, Copy, Debug)]
pub struct NoCopies;

impl CopySender for NoCopies {
    fn send_all(&self, _: Vec<Outbound>, _: CopyReport) -> bool {
        false
    }
}

impl Dispatch<'_> {
    /// Sends a copy to each of the ready children, or to each address that the message gives.
    pub(super) fn send_copies(
        &self,
        x: &mut Exchange,
        list: NodeId,
        ready: &[NodeId],
        properties: Vec<(Scope, String, String)>,
    ) -> Result<(), Fault> {
        let node = self.endpoints.node(list);
        let NodeKind::RecipientList(kind) = &node.kind else {
            return Err(Fault::new(ErrorCode::NONE, "no recipient list"));
        };
        let (recipients, total): (Vec<Recipient>, usize) = match &kind.computed {
            None => {
                let ready = ready.iter().map(|id| Recipient::Child(*id)).collect();
                (ready, kind.group.children.len())
            }
            Some(computed) => self.addresses(x, list, computed)?,
        };
        if recipients.len() > RECIPIENTS_MAX {
            let text = format!(
                "recipient list {}: {} recipients are more than {RECIPIENTS_MAX}",
                node.path,
                recipients.len()
            );
            return Err(Fault::new(ErrorCode::NO_READY_CHILD, text));
        }
        if recipients.is_empty() && total > 0 {
            let text = format!("recipient list {}: no recipient is ready", node.path);
            return Err(Fault::new(ErrorCode::NO_READY_CHILD, text));
        }
        for (scope, name, value) in properties {
            match scope {
                Scope::Transport => x.request.headers.set(&name, value.as_bytes()),
                Scope::Default => x.properties.set(name, value),
                Scope::Axis2 | Scope::Axis2Client => x.axis2.set(name, value),
            }
        }
        let sent = recipients.len();
        let copies = recipients.into_iter().enumerate().map(|(i, to)| {
            let mut copy = x.copy();
            copy.properties.set(SEQUENCE, format!("{i}/{sent}"));
            copy.properties.set(TOTAL, total.to_string());
            Outbound { to, copy }
        });
        let copies = copies.collect();
        let report = x.more_copies(sent);
        if !self.copies.send_all(copies, report) {
            let text = format!(
                "recipient list {}: too many copies are under way already",
                node.path
            );
            return Err(Fault::new(ErrorCode::NO_READY_CHILD, text));
        }
        Ok(())
    }

    /// The ready ones of the addresses that the message gives, and how many it gives.
    fn addresses(
        &self,
        x: &Exchange,
        list: NodeId,
        computed: &Computed,
    ) -> Result<(Vec<Recipient>, usize), Fault> {
        let node = self.endpoints.node(list);
        let now = self.worker.now();
        let text = self.properties.addresses(list, x)?;
        let mut ready = Vec::new();
        let mut total = 0;
        for url in split(&text).take(RECIPIENTS_MAX + 1) {
            total += 1;
            let Some(leaf) = computed.leaves.leaf(&url, &node.path, node.span) else {
                let text = format!("recipient list {}: {url} is no http address", node.path);
                return Err(Fault::new(ErrorCode::NO_READY_CHILD, text));
            };
            if leaf.tops().iter().any(|id| leaf.is_ready(*id, now)) {
                ready.push(Recipient::Address(leaf, list));
            }
        }
        Ok((ready, total))
    }
}
