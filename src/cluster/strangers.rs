//! Who was heard on the addresses of the cluster and does not belong to it: a wrong name or another key is the first thing to
//! look for when a member does not join (spec/kaazing.md 7).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;

/// Most strangers that are known at a time; anybody can send a datagram.
const STRANGERS_MAX: usize = 16;
/// One that was not heard of for so long is forgotten, and told again when it comes back.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// Longest name that is told.
const NAME_MAX: usize = 100;

/// Why somebody is a stranger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is of a cluster of this name; `None` where it did not say which.
    Cluster(Option<String>),
    /// What it sends is sealed with another key, or one of the two has none.
    Key,
}

/// Somebody who does not belong to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Where it sends from.
    pub address: SocketAddr,
    /// Why it stays a stranger.
    pub why: Why,
}

impl Stranger {
    /// What is wrong and what to do, in words; `own` is the name of this cluster.
    pub fn told(&self, own: &str) -> String {
        let address = self.address;
        match &self.why {
            Why::Cluster(Some(name)) => format!(
                "{address} belongs to the cluster '{name}' and stays a stranger: the name of this one is '{own}'; members have the same"
            ),
            Why::Cluster(None) => format!(
                "{address} belongs to a cluster of another name and stays a stranger: the name of this one is '{own}'; members have the same"
            ),
            Why::Key => format!(
                "what {address} sends is not sealed with the key of this cluster and is not listened to; [cluster] key_file holds the same secret on every member"
            ),
        }
    }
}

/// Those who were heard lately.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<BTreeMap<(SocketAddr, Why), Heard>>);

#[derive(Debug)]
struct Heard {
    /// It was heard since the last look.
    again: bool,
    at: Duration,
    told: bool,
}

impl Strangers {
    /// Somebody was heard.
    pub fn hear(&self, address: SocketAddr, why: Why) {
        let why = match why {
            Why::Cluster(Some(name)) => {
                let printable = name.chars().filter(|c| !c.is_control());
                Why::Cluster(Some(printable.take(NAME_MAX).collect()))
            }
            other => other,
        };
        let mut known = self.0.lock();
        // Who has said the name of its cluster need not be told once more without it.
        let named =
            |(at, why): &(SocketAddr, Why)| *at == address && matches!(why, Why::Cluster(Some(_)));
        match why {
            Why::Cluster(None) if known.keys().any(named) => return,
            Why::Cluster(Some(_)) => drop(known.remove(&(address, Why::Cluster(None)))),
            _ => {}
        }
        let is_full = known.len() >= STRANGERS_MAX;
        let who = (address, why);
        if let Some(heard) = known.get_mut(&who) {
            heard.again = true;
        } else if !is_full {
            let heard = Heard {
                again: true,
                at: Duration::ZERO,
                told: false,
            };
            known.insert(who, heard);
        }
    }

    /// All of them now, and those among them who are new.
    pub fn look(&self, now: Duration) -> (Vec<Stranger>, Vec<Stranger>) {
        let mut known = self.0.lock();
        let mut fresh = Vec::new();
        for ((address, why), heard) in known.iter_mut() {
            if std::mem::take(&mut heard.again) {
                heard.at = now;
            }
            if !std::mem::replace(&mut heard.told, true) {
                let why = why.clone();
                fresh.push(Stranger {
                    address: *address,
                    why,
                });
            }
        }
        known.retain(|_, heard| now.saturating_sub(heard.at) < FORGOTTEN);
        let all = known.keys().map(|(address, why)| Stranger {
            address: *address,
            why: why.clone(),
        });
        (all.collect(), fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_told_once_until_it_was_silent_and_their_number_is_bounded() {
        let strangers = Strangers::default();
        let of = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let other = || Why::Cluster(Some("d\u{1b}".to_owned()));
        strangers.hear(of(1), Why::Cluster(None));
        strangers.hear(of(1), other());
        strangers.hear(of(1), Why::Cluster(None));
        let (all, fresh) = strangers.look(Duration::from_secs(1));
        assert_eq!((all.len(), fresh.len()), (1, 1));
        assert!(fresh[0].told("c").contains("'d'"));
        strangers.hear(of(1), other());
        assert_eq!(strangers.look(Duration::from_secs(2)).1, []);
        assert_eq!(strangers.look(Duration::from_secs(62)).0, []);
        strangers.hear(of(1), other());
        assert_eq!(strangers.look(Duration::from_secs(63)).1.len(), 1);
        for port in 1..100 {
            strangers.hear(of(port), Why::Key);
        }
        assert_eq!(
            strangers.look(Duration::from_secs(64)).0.len(),
            STRANGERS_MAX
        );
    }
}
