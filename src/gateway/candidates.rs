//! The members that a balancer may send clients to, and the choice among them.
//!
//! Pure but for the counts of open WebSockets, which are read when they are asked for.

use std::sync::Arc;

use crate::cluster::Offered;
use crate::config::gateway::model::GatewayDef;
use crate::config::gateway::uri::Uri;
use crate::util::gauge::Gauge;

/// How one of several members is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// Each as often as any other, as the original does.
    #[default]
    Random,
    /// The one with the fewest open WebSockets.
    LeastConnections,
    /// The one with fewer open WebSockets of two that are drawn: good where counts are a little old.
    PowerOfTwo,
}

impl Choice {
    /// Reads its name.
    pub fn parse(text: &str) -> Result<Choice, String> {
        match text {
            "random" => Ok(Choice::Random),
            "least-connections" => Ok(Choice::LeastConnections),
            "p2c" => Ok(Choice::PowerOfTwo),
            _ => Err(format!(
                "{text} is no way to choose: use random, least-connections or p2c"
            )),
        }
    }
}

/// The candidates of this file for an accept URI of a balancer: the accept URIs of services that name it in `balance`
/// and differ from it in nothing but the host.
pub(super) fn of(
    def: &GatewayDef,
    public: &Uri,
    load: impl Fn(&str) -> Gauge,
) -> Vec<Arc<Offered>> {
    let mut found = Vec::new();
    for service in &def.services {
        if !service.balances.iter().any(|b| b.value.is_same(public)) {
            continue;
        }
        let name = &service.name.value;
        for accept in &service.accepts {
            if accept.value.matches_but_host(public) {
                let offered = Offered::new(accept.value.clone(), Some(name.clone()), load(name));
                found.push(Arc::new(offered));
            }
        }
    }
    found
}

/// Chooses; the randomness is an argument.
pub(super) fn pick(choice: Choice, candidates: &[Arc<Offered>], chance: u64) -> Option<usize> {
    let count = candidates.len();
    if count < 2 {
        return count.checked_sub(1);
    }
    let load = |at: usize| candidates[at].load();
    let first = (chance % count as u64) as usize;
    Some(match choice {
        Choice::Random => first,
        Choice::LeastConnections => {
            // Beginning anywhere, so that members that are alike get alike.
            let turned = (0..count).map(|at| (first + at) % count);
            turned.min_by_key(|at| load(*at)).unwrap_or(first)
        }
        Choice::PowerOfTwo => {
            let step = 1 + ((chance >> 32) % (count as u64 - 1)) as usize;
            let second = (first + step) % count;
            if load(second) < load(first) {
                second
            } else {
                first
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(loads: &[u64]) -> Vec<Arc<Offered>> {
        let of = |(at, load): (usize, &u64)| {
            let uri = Uri::parse(&format!("ws://node{at}:1/")).unwrap();
            Arc::new(Offered::new(uri, None, Gauge::at(*load)))
        };
        loads.iter().enumerate().map(of).collect()
    }

    /// How often each is chosen over evenly spread chances.
    fn shares(choice: Choice, loads: &[u64]) -> Vec<usize> {
        let candidates = candidates(loads);
        let mut counts = vec![0; loads.len()];
        for high in 0..12_u64 {
            for low in 0..12_u64 {
                counts[pick(choice, &candidates, high << 32 | low).unwrap()] += 1;
            }
        }
        counts
    }

    #[test]
    fn random_gives_each_the_same_share_whatever_their_load() {
        assert_eq!(shares(Choice::Random, &[9, 0, 5]), [48, 48, 48]);
    }

    #[test]
    fn least_connections_takes_the_least_and_shares_among_equals() {
        assert_eq!(shares(Choice::LeastConnections, &[9, 2, 5]), [0, 144, 0]);
        assert_eq!(shares(Choice::LeastConnections, &[1, 1]), [72, 72]);
    }

    #[test]
    fn of_two_that_are_drawn_the_one_with_less_is_taken_and_the_worst_never() {
        let shares = shares(Choice::PowerOfTwo, &[9, 0, 5]);
        assert_eq!(shares[0], 0, "{shares:?}");
        assert!(shares[1] > shares[2], "{shares:?}");
    }

    #[test]
    fn nobody_is_chosen_of_nobody() {
        assert_eq!(pick(Choice::Random, &[], 7), None);
        assert_eq!(pick(Choice::PowerOfTwo, &candidates(&[3]), 7), Some(0));
    }
}
