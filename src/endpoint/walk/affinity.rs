//! The walk's part of session affinity (spec/endpoints.md 14): follow a known session, or begin one and bind it.
//!
//! A session belongs to the outermost group with a `session` on an unbroken chain of such groups; its path names the
//! child at each of them and ends with the first child that has no session of its own. What that child (a failover
//! group, say) picks inside is not part of the session. Bindings hold child identities, so they outlive reloads; a path
//! whose child is gone begins a new session.

use smallvec::SmallVec;

use super::{SessionEffect, Walk, Why};
use crate::codes::ErrorCode;
use crate::endpoint::order::Order;
use crate::endpoint::session::table::{Bind, Lifetime};
use crate::endpoint::session::{Ids, Learned, Path, ResponseFacts, key_hash};
use crate::endpoint::tree::{Endpoints, LoadBalance, Node, NodeId, NodeKind, Session};
use crate::util::clock::Tick;

/// A session that the message is in.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    /// The outermost group; its table and its type count.
    pub group: NodeId,
    /// Position of that group among the frames.
    base: usize,
    /// The ids that the request carries.
    ids: Ids,
    /// Position among them of the one that is bound; such a session is established.
    known: Option<usize>,
    /// Followed when established, else being built.
    path: Path,
    /// The ids that were bound before sending, and for which this message answers.
    bound: bool,
    /// The request's ids are to be taken out.
    pub strip: bool,
}

/// The session of a group, when it has one.
pub(super) fn of(endpoints: &Endpoints, id: NodeId) -> Option<&Session> {
    match &endpoints.node(id).kind {
        NodeKind::LoadBalance(lb) => lb.session.as_ref(),
        _ => None,
    }
}

impl Walk<'_, '_> {
    /// Level of a group in the session's path; looks the session up when it begins here.
    pub(super) fn session_level(&mut self, id: NodeId, node: &Node, now: Tick) -> Option<usize> {
        let NodeKind::LoadBalance(LoadBalance {
            session: Some(session),
            ..
        }) = &node.kind
        else {
            return None;
        };
        if let Some(level) = self.frames.last().and_then(|frame| frame.level) {
            return Some(level + 1);
        }
        let affinity = session.spec.affinity();
        let mut ids = Ids::new();
        affinity.requested(&self.facts, &session.spec, &mut ids);
        let mut affine = Affine {
            group: id,
            base: self.frames.len(),
            known: None,
            path: Path::new(),
            bound: false,
            strip: false,
            ids,
        };
        for (i, text) in affine.ids.iter().enumerate() {
            if let Some(path) = session.table.lookup(text, now) {
                (affine.known, affine.path) = (Some(i), path);
                break;
            }
        }
        if affine.known.is_none() {
            affine.strip = !affinity.client_initiated()
                && !session.spec.forward_unknown
                && !affine.ids.is_empty();
            self.decide(id, Why::NewSession);
        }
        self.sessions.push(affine);
        Some(0)
    }

    /// True when the innermost group's choice is an established session's.
    pub(super) fn following(&self) -> bool {
        let in_session = self
            .frames
            .last()
            .is_some_and(|frame| frame.level.is_some());
        in_session && self.sessions.last().is_some_and(|s| s.known.is_some())
    }

    /// Chooses in a group with a session.
    pub(super) fn pick_session(
        &mut self,
        lb: &LoadBalance,
        level: usize,
        now: Tick,
    ) -> Result<NodeId, ErrorCode> {
        if self.following() {
            match self.bound_child(lb, level, now) {
                Bound::Child(child) => {
                    self.decide(child, Why::Session);
                    return Ok(child);
                }
                Bound::Fail(verdict) => return Err(verdict),
                Bound::Anew => self.begin_anew(level),
            }
        }
        self.take_back();
        if !lb.group.is_open() {
            return Err(ErrorCode::NO_READY_CHILD);
        }
        let Some(child) = self.pick_balanced(lb, now) else {
            let frame = self.frames.last();
            return Err(frame.map_or(ErrorCode::NO_READY_CHILD, |frame| frame.nothing_left()));
        };
        let member = self.endpoints.node(child).member;
        if let Some(session) = self.sessions.last_mut() {
            session.path.truncate(level);
            session.path.push(member);
        }
        Ok(child)
    }

    fn bound_child(&mut self, lb: &LoadBalance, level: usize, now: Tick) -> Bound {
        let endpoints = self.endpoints;
        let Some(session) = self.sessions.last() else {
            return Bound::Anew;
        };
        let group = session.group;
        let Some(&member) = session.path.get(level) else {
            self.decide(group, Why::SessionBadPath);
            return Bound::Fail(ErrorCode::SESSION_BAD_PATH);
        };
        let mut children = lb.group.children.iter().copied();
        let Some(child) = children.find(|c| endpoints.node(*c).member == member) else {
            return Bound::Anew;
        };
        let rebinds = of(endpoints, group).is_some_and(|s| s.spec.rebind);
        if self.usable_as(true, child, now) {
            Bound::Child(child)
        } else if rebinds || endpoints.order(child) == Order::Maintain {
            self.decide(child, Why::Rebound);
            Bound::Anew
        } else {
            self.decide(child, Why::SessionUnavailable);
            Bound::Fail(ErrorCode::SESSION_NOT_READY)
        }
    }

    /// Ends the established session: this message begins a new one at this level.
    fn begin_anew(&mut self, level: usize) {
        let endpoints = self.endpoints;
        let Some(session) = self.sessions.last_mut() else {
            return;
        };
        let Some(known) = session.known.take() else {
            return;
        };
        if let Some(own) = of(endpoints, session.group) {
            // Only the binding that was found: another request may have moved the session meanwhile.
            own.table.unbind(&session.ids[known], &session.path);
            session.strip = !own.spec.affinity().client_initiated();
        }
        session.path.truncate(level);
        let group = session.group;
        self.decide(group, Why::NewSession);
    }

    /// Binds what must be bound before sending; true when another request was quicker and this one follows it.
    pub(super) fn bind_before_send(&mut self, now: Tick) -> bool {
        let endpoints = self.endpoints;
        for i in 0..self.sessions.len() {
            let lifetime = self.lifetime(i);
            let session = &mut self.sessions[i];
            let Some(own) = of(endpoints, session.group) else {
                continue;
            };
            let first = session.known.is_none() && !session.bound;
            if !first || session.ids.is_empty() || !own.spec.affinity().client_initiated() {
                continue;
            }
            match own
                .table
                .bind(&session.ids[0], &session.path, lifetime, now)
            {
                Bind::Stored => session.bound = true,
                Bind::Existing(path) => {
                    let same = path == session.path;
                    session.known = Some(0);
                    session.path = path;
                    let (group, base) = (session.group, session.base);
                    self.decide(group, Why::Followed);
                    if !same {
                        self.frames.truncate(base + 1);
                        self.sessions.truncate(i + 1);
                        if let Some(frame) = self.frames.last_mut() {
                            frame.attempts = frame.attempts.saturating_sub(1);
                        }
                        return true;
                    }
                }
            }
        }
        false
    }

    fn lifetime(&self, session: usize) -> Lifetime {
        let Affine { group, base, .. } = self.sessions[session];
        Lifetime {
            window: self.window(base),
            fixed: of(self.endpoints, group).is_some_and(|s| s.spec.fixed_expiry),
        }
    }

    /// Takes back the binding of the innermost session that this message made for a child that then failed.
    fn take_back(&mut self) {
        let endpoints = self.endpoints;
        let Some(session) = self.sessions.last_mut() else {
            return;
        };
        if std::mem::take(&mut session.bound)
            && let Some(own) = of(endpoints, session.group)
        {
            own.table.unbind(&session.ids[0], &session.path);
        }
    }

    /// The innermost session is over for this message.
    pub(super) fn forget_session(&mut self) {
        self.take_back();
        self.sessions.pop();
    }

    /// What the answer says about the message's sessions.
    pub(super) fn learn(&mut self, response: &ResponseFacts<'_>, now: Tick) -> SessionEffect {
        let mut effect = SessionEffect::None;
        for i in 0..self.sessions.len() {
            let lifetime = self.lifetime(i);
            let session = &self.sessions[i];
            let Some(own) = of(self.endpoints, session.group) else {
                continue;
            };
            let affinity = own.spec.affinity();
            if let Some(known) = session.known {
                own.table.touch(&session.ids[known], now);
                effect = SessionEffect::Kept;
                self.answered_in = Some(AnsweredIn::Carried(i, known));
            } else if session.bound {
                effect = SessionEffect::Bound;
                self.answered_in = Some(AnsweredIn::Carried(i, 0));
            }
            let mut learned = Vec::new();
            affinity.learned(response, &own.spec, &mut learned);
            let known = session.known.map(|known| session.ids[known].as_str());
            for news in learned {
                match news {
                    Learned::Id(id) => {
                        own.table.rebind(&id, &session.path, lifetime, now);
                        match known.filter(|old| affinity.replaces(old, &id)) {
                            Some(old) => {
                                own.table.retire(old, now);
                                effect = SessionEffect::Renewed;
                            }
                            None if known.is_none() => {
                                effect = SessionEffect::Bound;
                                self.answered_in = Some(AnsweredIn::New(id));
                            }
                            None => {}
                        }
                    }
                    Learned::Gone(prefix) => {
                        let gone: SmallVec<[&String; 2]> = session
                            .ids
                            .iter()
                            .filter(|id| id.starts_with(&prefix))
                            .collect();
                        for id in gone {
                            if own.table.remove(id) {
                                effect = SessionEffect::Ended;
                            }
                        }
                    }
                }
            }
        }
        effect
    }
}

/// The session that an answered message was in.
#[derive(Clone, Debug)]
pub(super) enum AnsweredIn {
    /// Number of the session, and of its id among those that the message carries.
    Carried(usize, usize),
    /// The id that the back end handed out.
    New(String),
}

impl AnsweredIn {
    /// See [`Walk::session_hash`].
    pub fn hash(&self, sessions: &[Affine]) -> Option<u64> {
        match self {
            AnsweredIn::Carried(session, id) => {
                Some(key_hash(sessions.get(*session)?.ids.get(*id)?))
            }
            AnsweredIn::New(id) => Some(key_hash(id)),
        }
    }
}

enum Bound {
    Child(NodeId),
    Fail(ErrorCode),
    Anew,
}
