//! Tells from what members say who is there. Pure: what they say and the time in, a [`View`] and lines for the log out.
//!
//! A member counts as there while its heartbeat moves. One that is seen for the first time has to move once: what others
//! remember of somebody who is long gone must not be offered. What a member tells is taken apart again only when it has
//! changed, as this is done five times a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::description::Description;
use super::differences::{self, Difference};
use super::pages::{self, KEYS};
use super::view::{Member, Offer, Offered, Presence, View, key};
use crate::config::gateway::uri::Uri;
use crate::util::gauge::Gauge;

/// A member that was not heard of for so long is not offered.
pub const SILENT: Duration = Duration::from_secs(2);
/// For how long a member that is gone is shown.
const SHOWN: Duration = Duration::from_secs(3_600);
/// Most members that are known; those who come later are not taken.
const MEMBERS_MAX: usize = 256;
/// Most offers of one member that are looked at.
const OFFERS_MAX: usize = 1_000;

/// What one member says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<'a> {
    /// Its name: `tcp://IP:PORT`.
    pub name: &'a str,
    /// A number that is larger after each of its starts.
    pub start: u64,
    /// A number that grows for as long as it is alive.
    pub heartbeat: u64,
    /// It stops.
    pub leaving: bool,
    /// It is not to be offered.
    pub draining: bool,
    /// The version of axon.
    pub version: &'a str,
    /// Its open WebSockets.
    pub open: u64,
    /// What it offers: lists of [`Offer`] as JSON.
    pub offers: [&'a str; KEYS.len()],
    /// Its configuration: a [`Description`] as JSON.
    pub config: &'a str,
}

/// This member.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub description: Arc<Description>,
}

/// A moment on two clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Any that only grows.
    pub line: Duration,
    /// Milliseconds since 1970, for people.
    pub unix_ms: u64,
}

/// What one look saw.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The cluster.
    pub view: View,
    /// Lines that tell what changed, in the words that users know.
    pub news: Vec<String>,
}

/// Remembers when each member was last heard of, and what it said.
#[derive(Debug, Default)]
pub struct Watcher {
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    start: u64,
    heartbeat: u64,
    /// When its heartbeat moved last.
    heard: Duration,
    /// It has moved since it was first seen.
    moved: bool,
    presence: Presence,
    since_unix_ms: u64,
    version: String,
    open: u64,
    offers: [Taken<Vec<Offer>>; KEYS.len()],
    /// The same, ready to be chosen, by public URI.
    offered: Vec<(String, Arc<Offered>)>,
    config: Taken<Option<Description>>,
    /// Hash of the own configuration that it was compared with.
    compared: String,
    differences: Vec<Difference>,
}

/// What was taken out of a text.
#[derive(Debug, Default)]
struct Taken<T> {
    text: String,
    value: T,
}

impl<T> Taken<T> {
    /// Reads a text unless it is the one that was read last; true when it was read.
    fn take(&mut self, text: &str, read: impl FnOnce(&str) -> T) -> bool {
        let changed = self.text != text;
        if changed {
            self.value = read(text);
            text.clone_into(&mut self.text);
        }
        changed
    }
}

impl Watcher {
    /// Looks at what all members say, this one among them.
    pub fn look(&mut self, own: &Own, states: &[State<'_>], before: &View, now: Moment) -> Look {
        let mut newest: BTreeMap<&str, &State<'_>> = BTreeMap::new();
        for state in states {
            let known = newest.entry(state.name).or_insert(state);
            if state.start > known.start {
                *known = state;
            }
        }
        for (&name, state) in &newest {
            if self.known.len() >= MEMBERS_MAX && !self.known.contains_key(name) {
                continue;
            }
            let known = self
                .known
                .entry(name.to_owned())
                .or_insert_with(|| Known::new(state, now, name == own.name));
            known.hear(state, now);
            known.compare(&own.description);
        }
        let mut view = View::default();
        for (name, known) in &mut self.known {
            let is_own = *name == own.name;
            known.age(newest.get(name.as_str()).copied(), is_own, now);
            if !known.moved {
                continue;
            }
            if known.presence == Presence::Online && !is_own {
                for (public, offered) in &known.offered {
                    let list = view.offered.entry(public.clone()).or_default();
                    list.push(offered.clone());
                }
            }
            view.members.push(known.shown(name, is_own));
        }
        self.known.retain(|name, known| {
            let told = newest.contains_key(name.as_str());
            told || (known.moved && now.line.saturating_sub(known.heard) < SHOWN)
        });
        let news = news(before, &view, &own.name);
        Look { view, news }
    }
}

impl Known {
    fn new(state: &State<'_>, now: Moment, own: bool) -> Known {
        Known {
            start: state.start,
            heartbeat: state.heartbeat,
            heard: now.line,
            moved: own,
            presence: Presence::Down,
            since_unix_ms: now.unix_ms,
            version: String::new(),
            open: 0,
            offers: Default::default(),
            offered: Vec::new(),
            config: Taken::default(),
            compared: String::new(),
            differences: Vec::new(),
        }
    }

    fn hear(&mut self, state: &State<'_>, now: Moment) {
        if (state.start, state.heartbeat) != (self.start, self.heartbeat) {
            (self.start, self.heartbeat) = (state.start, state.heartbeat);
            self.heard = now.line;
            self.moved = true;
        }
        if self.version != state.version {
            state.version.clone_into(&mut self.version);
        }
        self.open = state.open;
        let mut changed = false;
        for (known, page) in self.offers.iter_mut().zip(state.offers) {
            changed |= known.take(page, pages::read);
        }
        if changed {
            self.offered = self.all_offers().filter_map(offered).collect();
        }
        if self.config.take(state.config, Description::read) {
            self.compared.clear();
        }
    }

    fn all_offers(&self) -> impl Iterator<Item = &Offer> {
        let pages = self.offers.iter().flat_map(|page| &page.value);
        pages.take(OFFERS_MAX)
    }

    fn compare(&mut self, own: &Description) {
        if self.compared != own.hash {
            let there = self.config.value.as_ref();
            self.differences = there.map(|d| own.differences(d)).unwrap_or_default();
            self.compared.clone_from(&own.hash);
        }
    }

    /// What has become of it by now.
    fn age(&mut self, state: Option<&State<'_>>, own: bool, now: Moment) {
        let silent = now.line.saturating_sub(self.heard) >= SILENT;
        let presence = match state {
            Some(state) if own || !(state.leaving || silent) => match state.draining {
                true => Presence::Draining,
                false => Presence::Online,
            },
            _ => Presence::Down,
        };
        if presence != self.presence {
            self.presence = presence;
            self.since_unix_ms = now.unix_ms;
        }
    }

    fn shown(&self, name: &str, own: bool) -> Member {
        let down = self.presence == Presence::Down;
        Member {
            name: name.to_owned(),
            own,
            presence: self.presence,
            since_unix_ms: self.since_unix_ms,
            version: self.version.clone(),
            open: if down { 0 } else { self.open },
            config: self.config.value.as_ref().map(|c| c.hash.clone()),
            differences: self.differences.clone(),
            offers: self.all_offers().cloned().collect(),
        }
    }
}

/// What another member says is judged like what a file says.
fn offered(offer: &Offer) -> Option<(String, Arc<Offered>)> {
    let (public, uri) = (
        Uri::parse(&offer.public).ok()?,
        Uri::parse(&offer.uri).ok()?,
    );
    if !uri.matches_but_host(&public) {
        return None;
    }
    let offered = Offered::new(uri, None, Gauge::at(offer.load));
    Some((key(&public), Arc::new(offered)))
}

fn news(before: &View, now: &View, own: &str) -> Vec<String> {
    let mut news = Vec::new();
    let there = |view: &View, name: &str| view.present().any(|member| member == name);
    let came = now.present().filter(|m| !there(before, m));
    news.extend(came.map(|m| format!("Cluster member {m} is now online")));
    let gone = before.present().filter(|m| !there(now, m));
    news.extend(gone.map(|m| format!("Cluster member {m} has gone down")));
    if !news.is_empty() {
        let names: Vec<_> = now.present().collect();
        news.push(format!("Current cluster members: [{}]", names.join(", ")));
    }
    for member in now.members.iter().filter(|m| m.name != own) {
        news.extend(changed(before.member(&member.name), member));
    }
    let mut keys: Vec<_> = before.offered.keys().chain(now.offered.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let uris = |view: &View| -> Vec<String> {
            let list = view.offered.get(key).into_iter().flatten();
            list.map(|offered| offered.uri.to_string()).collect()
        };
        let list = uris(now);
        if list != uris(before) {
            news.push(format!(
                "Current shared balancer map: balance URI: {key} target list of other members: [{}]",
                list.join(", ")
            ));
        }
    }
    news
}

/// What changed at a member that is there.
fn changed(before: Option<&Member>, now: &Member) -> Vec<String> {
    let mut news = Vec::new();
    let name = &now.name;
    let drained = |m: Option<&Member>| m.is_some_and(|m| m.presence == Presence::Draining);
    match (drained(before), now.presence) {
        (false, Presence::Draining) => news.push(format!(
            "Cluster member {name} is draining: it is not offered, its WebSockets go on"
        )),
        (true, Presence::Online) => news.push(format!("Cluster member {name} is offered again")),
        _ => {}
    }
    let otherwise = |m: Option<&Member>| m.map(|m| m.differences.clone()).unwrap_or_default();
    let was = otherwise(before);
    if now.presence != Presence::Down && was != now.differences {
        news.push(match now.differences.is_empty() {
            true => format!("Cluster member {name} is configured alike again"),
            false => format!(
                "Cluster member {name} is configured otherwise (it is offered all the same): {}",
                differences::told(&now.differences)
            ),
        });
    }
    news
}

#[cfg(test)]
mod tests;
