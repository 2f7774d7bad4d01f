//! Which child of a load-balance group takes the next message.
//!
//! One file per algorithm, one row in [`ALGORITHMS`]. An algorithm sees positions, weights and a readiness question that
//! has no side effects; it never sees messages that it does not need. Lookup (spec/endpoints.md 13.6): the exact name,
//! then the last dotted segment without the suffix `Algorithm`, whatever its case.

use std::num::NonZeroU32;
use std::sync::Arc;

mod round_robin;
mod weighted_round_robin;

pub use round_robin::RoundRobin;
pub use weighted_round_robin::{Burst, Smooth};

/// Share of one child.
pub type Weight = NonZeroU32;

/// A balancing algorithm; shared by all workers.
pub trait Algorithm: Send + Sync {
    /// Chooses among the children for which `ready` is true; moves on only when it found one.
    fn pick(&self, ready: &mut dyn FnMut(usize) -> bool, seed: u64) -> Option<usize>;

    /// The child that it looks at first next time, for carrying the position over a reload.
    fn position(&self) -> usize;

    /// A copy of its own that would choose the same next; nothing when the position says all there is to copy.
    fn fork(&self) -> Option<Arc<dyn Algorithm>> {
        None
    }
}

/// What an algorithm is made from.
#[derive(Debug)]
pub struct Setup<'a> {
    /// One weight per child, in declaration order.
    pub weights: &'a [Weight],
    /// Where to start.
    pub position: usize,
}

/// One row of [`ALGORITHMS`].
pub struct AlgorithmType {
    /// Canonical name.
    pub name: &'static str,
    /// Other names, Java classes included.
    pub aliases: &'static [&'static str],
    /// One sentence for people.
    pub doc: &'static str,
    /// True when the children's `loadbalance.weight` counts.
    pub weighted: bool,
    /// Makes one for a group.
    pub build: fn(&Setup<'_>) -> Box<dyn Algorithm>,
}

/// Name of the weighted algorithm in the order of Synapse's class.
pub const BURST: &str = "org.apache.synapse.endpoints.algorithms.WeightedRoundRobin";

/// Every algorithm.
pub const ALGORITHMS: &[AlgorithmType] = &[
    AlgorithmType {
        name: "roundRobin",
        aliases: &[
            "round-robin",
            "RoundRobin",
            "org.apache.synapse.endpoints.algorithms.RoundRobin",
        ],
        doc: "each ready child in turn",
        weighted: false,
        build: |setup| Box::new(RoundRobin::new(setup)),
    },
    AlgorithmType {
        name: "weightedRoundRobin",
        aliases: &["weighted-round-robin"],
        doc: "each ready child in proportion to its weight, interleaved",
        weighted: true,
        build: |setup| Box::new(Smooth::new(setup)),
    },
    // Tests of Synapse users count the order of its class, so that name keeps it (spec 13.5).
    AlgorithmType {
        name: BURST,
        aliases: &["WeightedRoundRobin"],
        doc: "as many messages in a row as the child's weight says, then the next child",
        weighted: true,
        build: |setup| Box::new(Burst::new(setup)),
    },
];

/// The algorithm of that name.
pub fn lookup(name: &str) -> Option<&'static AlgorithmType> {
    let name = name.trim();
    let wanted = simple_name(name);
    let rounds: [&dyn Fn(&str) -> bool; 3] = [
        &|known| known == name,
        &|known| simple_name(known) == wanted,
        &|known| simple_name(known).eq_ignore_ascii_case(wanted),
    ];
    rounds.iter().find_map(|matches| {
        ALGORITHMS
            .iter()
            .find(|row| matches(row.name) || row.aliases.iter().any(|alias| matches(alias)))
    })
}

/// The registered names, for messages.
pub fn names() -> String {
    let names: Vec<_> = ALGORITHMS.iter().map(|row| row.name).collect();
    names.join(", ")
}

fn simple_name(name: &str) -> &str {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.strip_suffix("Algorithm").unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_exactly_or_by_their_last_segment() {
        let name = |n: &str| lookup(n).map(|row| row.name);
        assert_eq!(name("roundRobin"), Some("roundRobin"));
        assert_eq!(name(" RoundRobin "), Some("roundRobin"));
        assert_eq!(
            name("org.apache.synapse.endpoints.algorithms.RoundRobin"),
            Some("roundRobin")
        );
        assert_eq!(name("com.example.roundrobinAlgorithm"), Some("roundRobin"));
        assert_eq!(name("weightedRoundRobin"), Some("weightedRoundRobin"));
        assert_eq!(
            name("org.apache.synapse.endpoints.algorithms.WeightedRoundRobin"),
            Some("org.apache.synapse.endpoints.algorithms.WeightedRoundRobin")
        );
        assert_eq!(name("WeightedRoundRobin"), Some(BURST));
        assert_eq!(name("com.example.WeightedRoundRobin"), Some(BURST));
        assert_eq!(name("WEIGHTEDROUNDROBIN"), Some("weightedRoundRobin"));
        assert_eq!(name("com.example.Mine"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn no_name_is_registered_twice() {
        let mut all: Vec<&str> = ALGORITHMS
            .iter()
            .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn every_algorithm_picks_ready_children_only_and_none_when_there_is_none() {
        let weights = [1, 3, 2].map(|w| Weight::new(w).unwrap());
        for row in ALGORITHMS {
            let algorithm = (row.build)(&Setup {
                weights: &weights,
                position: 0,
            });
            for seed in 0..60 {
                assert_eq!(
                    algorithm.pick(&mut |i| i == 1, seed),
                    Some(1),
                    "{}",
                    row.name
                );
                assert_eq!(algorithm.pick(&mut |_| false, seed), None, "{}", row.name);
            }
            assert!(algorithm.position() < 3);
        }
    }
}
