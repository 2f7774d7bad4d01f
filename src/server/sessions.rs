//! Sessions for the administration: listed without showing their ids, dropped, moved.
//!
//! A binding is addressed by the keyed hash of its group and its id ([`key_hash`]), so that nothing that is shown can be
//! used to take a session over. Listing looks at one shard of a table at a time.

use std::collections::BTreeMap;

use super::generation::Generation;
use crate::admin::SessionError;
use crate::admin::sessions::{SessionItem, SessionList, SessionQuery};
use crate::endpoint::session::table::{Binding, Path};
use crate::endpoint::session::{SessionTable, key_hash};
use crate::endpoint::tree::{Endpoints, NodeId, NodeKind};
use crate::observe::stamp::{rfc3339, unix_ms_of};
use crate::util::clock::Tick;

/// Most bindings in one answer.
pub const LIST_MAX: usize = 1_000;

fn groups(endpoints: &Endpoints) -> impl Iterator<Item = (NodeId, &SessionTable)> {
    endpoints.nodes().filter_map(|(id, node)| match &node.kind {
        NodeKind::LoadBalance(lb) => Some((id, &*lb.session.as_ref()?.table)),
        _ => None,
    })
}

/// What a binding is addressed by.
fn address(group: &str, id: &str) -> u64 {
    key_hash(&format!("{group}\n{id}"))
}

/// The beginning of an id that is long enough not to be given away by it.
fn masked(id: &str) -> String {
    let shown = if id.chars().count() >= 12 { 3 } else { 0 };
    id.chars().take(shown).chain("***".chars()).collect()
}

/// The child that a path ends at.
fn child_of(endpoints: &Endpoints, group: NodeId, path: &Path) -> Option<NodeId> {
    let mut at = group;
    for member in path {
        let node = endpoints.node(endpoints.resolve(at));
        let mut children = node.group()?.children.iter().copied();
        at = children.find(|child| endpoints.node(*child).member == *member)?;
    }
    Some(at)
}

/// The bindings that fit, in the order of their addresses.
pub fn list(generation: &Generation, query: &SessionQuery, now: Tick) -> SessionList {
    let endpoints = &generation.endpoints;
    let limit = query.limit.unwrap_or(100).clamp(1, LIST_MAX);
    let after = query.after.as_deref().and_then(number);
    let mut found: BTreeMap<u64, SessionItem> = BTreeMap::new();
    let mut total = 0;
    for (group, table) in groups(endpoints) {
        let group_path = &endpoints.node(group).path;
        if query
            .group
            .as_ref()
            .is_some_and(|wanted| **wanted != **group_path)
        {
            continue;
        }
        table.each(now, &mut |binding| {
            if query.key.as_ref().is_some_and(|key| key != binding.id) {
                return;
            }
            let child = child_of(endpoints, group, binding.path);
            let child = child.map_or("", |id| &endpoints.node(id).path);
            if query.child.as_ref().is_some_and(|wanted| wanted != child) {
                return;
            }
            total += 1;
            let at = address(group_path, binding.id);
            if after.is_some_and(|after| at <= after) {
                return;
            }
            let full = found.len() > limit;
            if full && found.last_key_value().is_some_and(|(last, _)| at > *last) {
                return;
            }
            found.insert(at, item(at, group_path, child, &binding, now));
            if found.len() > limit + 1 {
                found.pop_last();
            }
        });
    }
    let more = found.len() > limit;
    if more {
        found.pop_last();
    }
    let items: Vec<SessionItem> = found.into_values().collect();
    SessionList {
        next: items.last().filter(|_| more).map(|item| item.id.clone()),
        total,
        items,
    }
}

fn item(at: u64, group: &str, child: &str, binding: &Binding<'_>, now: Tick) -> SessionItem {
    let time = |tick| rfc3339(unix_ms_of(tick));
    let left = binding.expires.since(now).as_millis();
    SessionItem {
        id: format!("{at:016x}"),
        key: masked(binding.id),
        key_hash: format!("{:016x}", key_hash(binding.id)),
        group: group.to_owned(),
        child: child.to_owned(),
        created_at: time(binding.created),
        last_hit_at: time(binding.last),
        hits: binding.hits,
        expires_in_ms: u64::try_from(left).unwrap_or(u64::MAX),
    }
}

fn number(id: &str) -> Option<u64> {
    u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16)
}

/// The group and the id of a binding.
fn found(endpoints: &Endpoints, id: &str, now: Tick) -> Option<(NodeId, String)> {
    let wanted = number(id)?;
    for (group, table) in groups(endpoints) {
        let path = &endpoints.node(group).path;
        let mut text = None;
        table.each(now, &mut |binding| {
            if text.is_none() && address(path, binding.id) == wanted {
                text = Some(binding.id.to_owned());
            }
        });
        if let Some(text) = text {
            return Some((group, text));
        }
    }
    None
}

fn table(endpoints: &Endpoints, group: NodeId) -> Option<&SessionTable> {
    groups(endpoints)
        .find(|(id, _)| *id == group)
        .map(|(_, table)| table)
}

/// Ends a session; the path of its group.
pub fn drop_one(generation: &Generation, id: &str, now: Tick) -> Result<String, SessionError> {
    let endpoints = &generation.endpoints;
    let (group, text) = found(endpoints, id, now).ok_or(SessionError::Unknown)?;
    let table = table(endpoints, group).ok_or(SessionError::Unknown)?;
    if table.remove(&text) {
        Ok(endpoints.node(group).path.to_string())
    } else {
        Err(SessionError::Unknown)
    }
}

/// Binds a session to another child of its group; the path of the group.
pub fn move_one(
    generation: &Generation,
    id: &str,
    to: &str,
    now: Tick,
) -> Result<String, SessionError> {
    let endpoints = &generation.endpoints;
    let (group, text) = found(endpoints, id, now).ok_or(SessionError::Unknown)?;
    let path = path_to(endpoints, group, to).ok_or_else(|| {
        SessionError::Target(format!(
            "`{to}` is no child that a session of {} can be bound to",
            endpoints.node(group).path
        ))
    })?;
    let table = table(endpoints, group).ok_or(SessionError::Unknown)?;
    if table.move_to(&text, &path) {
        Ok(endpoints.node(group).path.to_string())
    } else {
        Err(SessionError::Unknown)
    }
}

/// The children from a session's group down to the first that has no session of its own.
fn path_to(endpoints: &Endpoints, group: NodeId, to: &str) -> Option<Path> {
    let mut path = Path::new();
    let mut at = group;
    loop {
        let node = endpoints.node(endpoints.resolve(at));
        let children = &node.group()?.children;
        let next = children.iter().copied().find(|child| {
            let child = &*endpoints.node(*child).path;
            child == to
                || to
                    .strip_prefix(child)
                    .is_some_and(|rest| rest.starts_with('/'))
        })?;
        path.push(endpoints.node(next).member);
        let real = endpoints.node(endpoints.resolve(next));
        let goes_on = matches!(&real.kind, NodeKind::LoadBalance(lb) if lb.session.is_some());
        if !goes_on {
            return (&*endpoints.node(next).path == to).then_some(path);
        }
        at = next;
    }
}
