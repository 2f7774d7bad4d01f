//! What is known of the cluster at a moment. Pure: states of members and the time in, a [`View`] out.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::config::gateway::uri::Uri;
use crate::util::gauge::Gauge;

/// A member that was not heard of for so long is not offered.
pub const SILENT: Duration = Duration::from_secs(2);
/// Most offers of one member that are looked at.
const OFFERS_MAX: usize = 1_000;
/// Bytes of a mark.
const MARK_BYTES: usize = 8;

/// A URI that a member offers for a public one, as members tell it to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The public URI.
    pub public: String,
    /// The member's own.
    pub uri: String,
    /// Its open WebSockets.
    pub load: u64,
}

/// The same, ready to be chosen.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The URI that clients are sent to.
    pub uri: Uri,
    /// What a cookie calls it: tells nothing of the URI, and is the same on every member.
    pub mark: String,
    /// The service of this process that accepts it; `None` for one of another member.
    pub here: Option<String>,
    /// Its open WebSockets.
    pub load: Gauge,
}

impl Offered {
    /// An offer of a URI.
    pub fn new(uri: Uri, here: Option<String>, load: Gauge) -> Offered {
        let hash = digest(&SHA256, uri.to_string().as_bytes());
        let bytes = hash.as_ref().iter().take(MARK_BYTES);
        Offered {
            mark: bytes.map(|byte| format!("{byte:02x}")).collect(),
            uri,
            here,
            load,
        }
    }

    /// Its open WebSockets.
    pub fn load(&self) -> u64 {
        self.load.now()
    }
}

/// What public URIs are compared by.
pub fn key(uri: &Uri) -> String {
    format!("{}://{}{}", uri.scheme, uri.authority(), uri.path_or_root())
}

/// What one member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name: `tcp://IP:PORT`.
    pub name: String,
    /// A number that is larger after each of its starts.
    pub start: u64,
    /// A number that grows for as long as it is alive.
    pub heartbeat: u64,
    /// It stops.
    pub leaving: bool,
    /// What it offers.
    pub offers: Vec<Offer>,
}

/// The cluster at a moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The members that are there, by name.
    pub members: Vec<String>,
    /// What the others offer, by public URI.
    pub offered: HashMap<String, Vec<Arc<Offered>>>,
}

/// Remembers when each member was last heard of.
#[derive(Debug, Default)]
pub struct Watcher {
    heard: BTreeMap<String, Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    start: u64,
    heartbeat: u64,
    at: Duration,
}

/// What one look saw.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The cluster.
    pub view: View,
    /// Lines that tell what changed, in the words that users know.
    pub news: Vec<String>,
}

impl Watcher {
    /// Looks at the states of all members, this one (`own`) among them; the time is any that only grows.
    pub fn look(&mut self, own: &str, states: &[State], before: &View, now: Duration) -> Look {
        let mut newest: BTreeMap<&str, &State> = BTreeMap::new();
        for state in states {
            let known = newest.entry(&state.name).or_insert(state);
            if state.start > known.start {
                *known = state;
            }
        }
        let mut view = View::default();
        for (name, state) in newest {
            let heard = self.heard.entry(name.to_owned()).or_insert(Heard {
                start: state.start,
                heartbeat: state.heartbeat,
                at: now,
            });
            if (state.start, state.heartbeat) != (heard.start, heard.heartbeat) {
                *heard = Heard {
                    start: state.start,
                    heartbeat: state.heartbeat,
                    at: now,
                };
            }
            let is_there = !state.leaving && now.saturating_sub(heard.at) < SILENT;
            if name != own && !is_there {
                continue;
            }
            view.members.push(name.to_owned());
            if name != own {
                take_offers(&mut view, state);
            }
        }
        self.heard
            .retain(|name, _| states.iter().any(|s| s.name == *name));
        let news = news(before, &view);
        Look { view, news }
    }
}

fn take_offers(view: &mut View, state: &State) {
    for offer in state.offers.iter().take(OFFERS_MAX) {
        // What another member says is judged like what a file says.
        let (Ok(public), Ok(uri)) = (Uri::parse(&offer.public), Uri::parse(&offer.uri)) else {
            continue;
        };
        if !uri.matches_but_host(&public) {
            continue;
        }
        let load = Gauge::at(offer.load);
        let list = view.offered.entry(key(&public)).or_default();
        list.push(Arc::new(Offered::new(uri, None, load)));
    }
}

fn news(before: &View, now: &View) -> Vec<String> {
    let mut news = Vec::new();
    let came = now.members.iter().filter(|m| !before.members.contains(m));
    news.extend(came.map(|m| format!("Cluster member {m} is now online")));
    let gone = before.members.iter().filter(|m| !now.members.contains(m));
    news.extend(gone.map(|m| format!("Cluster member {m} has gone down")));
    if !news.is_empty() {
        news.push(format!(
            "Current cluster members: [{}]",
            now.members.join(", ")
        ));
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

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "ws://public.test:8081/echo";

    fn state(name: &str, start: u64, heartbeat: u64) -> State {
        State {
            name: name.to_owned(),
            start,
            heartbeat,
            leaving: false,
            offers: vec![Offer {
                public: PUBLIC.to_owned(),
                uri: format!("ws://{name}.test:8081/echo"),
                load: 3,
            }],
        }
    }

    fn uris(view: &View) -> Vec<String> {
        let list = view.offered.get(PUBLIC).into_iter().flatten();
        list.map(|o| o.uri.to_string()).collect()
    }

    #[test]
    fn a_member_is_offered_until_it_is_silent_and_again_when_it_is_heard() {
        let mut watcher = Watcher::default();
        let mut view = View::default();
        let mut look = |heartbeat, start, at_ms| {
            let states = [state("node1", 1, at_ms), state("node2", start, heartbeat)];
            let look = watcher.look("node1", &states, &view, Duration::from_millis(at_ms));
            view = look.view.clone();
            look
        };
        let first = look(7, 1, 0);
        assert_eq!(uris(&first.view), ["ws://node2.test:8081/echo"]);
        assert!(
            first
                .news
                .contains(&"Cluster member node2 is now online".to_owned())
        );
        assert!(look(7, 1, 1_999).news.is_empty());
        let silent = look(7, 1, 2_000);
        assert_eq!(silent.view.members, ["node1"]);
        assert!(uris(&silent.view).is_empty());
        assert!(
            silent
                .news
                .contains(&"Cluster member node2 has gone down".to_owned())
        );
        assert_eq!(look(8, 1, 2_100).view.members.len(), 2);
        // Started anew: its heartbeat begins anew too.
        assert!(look(8, 1, 9_000).view.members.len() == 1);
        assert_eq!(look(1, 2, 9_100).view.members.len(), 2);
    }

    #[test]
    fn one_that_stops_is_left_out_at_once_and_so_is_what_makes_no_sense() {
        let mut leaving = state("node2", 1, 1);
        leaving.leaving = true;
        let mut strange = state("node3", 1, 1);
        strange.offers[0].uri = "ws://node3.test:9999/other".to_owned();
        strange.offers.push(Offer {
            public: "nonsense".to_owned(),
            uri: String::new(),
            load: 0,
        });
        let states = [state("node1", 1, 1), leaving, strange];
        let look = Watcher::default().look("node1", &states, &View::default(), Duration::ZERO);
        assert_eq!(look.view.members, ["node1", "node3"]);
        assert!(look.view.offered.is_empty());
    }

    #[test]
    fn of_two_starts_of_one_member_the_newer_counts() {
        let mut old = state("node2", 1, 100);
        old.offers.clear();
        let states = [old, state("node2", 2, 1)];
        let look = Watcher::default().look("node1", &states, &View::default(), Duration::ZERO);
        assert_eq!(uris(&look.view).len(), 1);
    }
}
