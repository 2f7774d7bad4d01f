//! Which child of a load-balance group takes the next message.
//!
//! One file per algorithm, one row in [`ALGORITHMS`]. An algorithm sees positions, weights and what a [`GroupView`] says
//! of the children, which has no side effects; it never sees a message, only the hash of what the group balances by.
//! Time and chance are arguments too, so the same pick can be made again in an explanation. Lookup (spec/endpoints.md
//! 13.6): the exact name, then the last dotted segment without the suffix `Algorithm`, whatever its case.

use std::num::NonZeroU32;
use std::sync::Arc;

mod least_connections;
mod p2c;
mod random;
mod rendezvous;
mod round_robin;
mod weighted_round_robin;
mod weighted_rrlc;

pub use least_connections::LeastConnections;
pub use p2c::PowerOfTwo;
pub use random::{Random, WeightedRandom};
pub use rendezvous::{HashBy, Rendezvous, hash_of};
pub use round_robin::RoundRobin;
pub use weighted_round_robin::{Burst, Smooth};
pub use weighted_rrlc::WeightedRrlc;

/// Share of one child.
pub type Weight = NonZeroU32;

/// The whole of a child's share, in thousandths; a child in its slow start has less.
pub const FULL_SHARE: u32 = 1000;

/// What an algorithm may ask of a group's children, by position. Asking changes nothing.
pub trait GroupView {
    /// The child may take this message: it is ready, and the message has not tried it.
    fn ready(&mut self, child: usize) -> bool;
    /// Messages that it is busy with, over all workers.
    fn in_flight(&self, _child: usize) -> u64 {
        0
    }
    /// Moving mean of the time to its answers in microseconds; 0 = nothing is known.
    fn latency_us(&self, _child: usize) -> u64 {
        0
    }
    /// Connections that are open to it, over all workers.
    fn connections(&self, _child: usize) -> u64 {
        0
    }
    /// How much of its weight counts now, in thousandths.
    fn share(&self, _child: usize) -> u32 {
        FULL_SHARE
    }
    /// Hash of what the message is balanced by, when it has that.
    fn key(&self) -> Option<u64> {
        None
    }
}

impl<F: FnMut(usize) -> bool> GroupView for F {
    fn ready(&mut self, child: usize) -> bool {
        self(child)
    }
}

/// A balancing algorithm; shared by all workers.
pub trait Algorithm: Send + Sync {
    /// Chooses among the children that are ready; moves on only when it found one. `seed` is all its chance.
    fn pick(&self, group: &mut dyn GroupView, seed: u64) -> Option<usize>;

    /// The child that it looks at first next time, for carrying the position over a reload.
    fn position(&self) -> usize {
        0
    }

    /// A copy of its own that would choose the same next; nothing when the position says all there is to copy.
    fn fork(&self) -> Option<Arc<dyn Algorithm>> {
        None
    }
}

/// What an algorithm is made from. While it stays the same over a reload, the running algorithm goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// One weight per child, in declaration order.
    pub weights: Vec<Weight>,
    /// Smallest and largest weight that `weightedRRLC` may give each child.
    pub bounds: Vec<(u32, u32)>,
    /// Full rounds between two of its calculations; at least 1.
    pub rounds: u32,
    /// Hash of each child's name or target: the same in every process that has the same configuration.
    pub identities: Vec<u64>,
}

/// Settings, and where to start.
#[derive(Debug)]
pub struct Setup<'a> {
    /// What it is made from.
    pub settings: &'a Settings,
    /// Where to start.
    pub position: usize,
}

impl Setup<'_> {
    /// The position, when there is such a child, else the first.
    fn start(&self) -> usize {
        if self.position < self.settings.weights.len() {
            self.position
        } else {
            0
        }
    }
}

/// How a child that has just recovered gets less than its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowStart {
    /// It is left out of some of the choices.
    LeftOut,
    /// The algorithm counts with less weight.
    LessWeight,
    /// It does not: a message belongs to one child, whatever that child went through.
    Without,
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
    /// True when the load of the children must be measured.
    pub loads: bool,
    /// What of the message it goes by.
    pub hash: Option<HashBy>,
    /// What a slow start does.
    pub slow_start: SlowStart,
    /// Makes one for a group.
    pub build: fn(&Setup<'_>) -> Box<dyn Algorithm>,
}

/// Name of the weighted algorithm in the order of Synapse's class.
pub const BURST: &str = "org.apache.synapse.endpoints.algorithms.WeightedRoundRobin";
/// Name of the algorithm that needs a weight and a fixed address for each child.
pub const RRLC: &str = "weightedRRLC";

/// A row for what goes in turns or by chance, unweighted.
const PLAIN: AlgorithmType = AlgorithmType {
    name: "",
    aliases: &[],
    doc: "",
    weighted: false,
    loads: false,
    hash: None,
    slow_start: SlowStart::LeftOut,
    build: |setup| Box::new(RoundRobin::new(setup)),
};

/// A row for what goes by a hash.
const HASHED: AlgorithmType = AlgorithmType {
    weighted: true,
    slow_start: SlowStart::Without,
    build: |setup| Box::new(Rendezvous::new(setup)),
    ..PLAIN
};

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
        ..PLAIN
    },
    AlgorithmType {
        name: "weightedRoundRobin",
        aliases: &["weighted-round-robin"],
        doc: "each ready child in proportion to its weight, interleaved",
        weighted: true,
        slow_start: SlowStart::LessWeight,
        build: |setup| Box::new(Smooth::new(setup)),
        ..PLAIN
    },
    // Tests of Synapse users count the order of its class, so that name keeps it (spec 13.5).
    AlgorithmType {
        name: BURST,
        aliases: &["WeightedRoundRobin"],
        doc: "as many messages in a row as the child's weight says, then the next child",
        weighted: true,
        build: |setup| Box::new(Burst::new(setup)),
        ..PLAIN
    },
    AlgorithmType {
        name: RRLC,
        aliases: &[
            "WeightedRRLC",
            "org.apache.synapse.endpoints.algorithms.WeightedRRLCAlgorithm",
        ],
        doc: "weighted rounds, whose weights follow the connections that are open to each child",
        weighted: true,
        loads: true,
        build: |setup| Box::new(WeightedRrlc::new(setup)),
        ..PLAIN
    },
    AlgorithmType {
        name: "leastConnections",
        aliases: &["least-connections", "leastInFlight"],
        doc: "the child with the fewest messages in flight for its weight",
        weighted: true,
        loads: true,
        slow_start: SlowStart::LessWeight,
        build: |setup| Box::new(LeastConnections::new(setup)),
        ..PLAIN
    },
    AlgorithmType {
        name: "random",
        aliases: &["weightedRandom", "weighted-random"],
        doc: "a child by chance, in proportion to its weight",
        weighted: true,
        slow_start: SlowStart::LessWeight,
        build: |setup| Box::new(WeightedRandom::new(setup)),
        ..PLAIN
    },
    AlgorithmType {
        name: "p2c",
        aliases: &["powerOfTwoChoices", "power-of-two-choices"],
        doc: "of two children by chance the one that answers sooner and has less to do",
        weighted: true,
        loads: true,
        slow_start: SlowStart::LessWeight,
        build: |setup| Box::new(PowerOfTwo::new(setup)),
        ..PLAIN
    },
    AlgorithmType {
        name: "sourceHash",
        aliases: &["source-hash", "ipHash"],
        doc: "the same child for the same client address",
        hash: Some(HashBy::Source),
        ..HASHED
    },
    AlgorithmType {
        name: "headerHash",
        aliases: &["header-hash"],
        doc: "the same child for the same value of the header field loadbalance.hash.header",
        hash: Some(HashBy::Header),
        ..HASHED
    },
    AlgorithmType {
        name: "uriHash",
        aliases: &["uri-hash"],
        doc: "the same child for the same path; with loadbalance.hash.query also for the same query",
        hash: Some(HashBy::Uri),
        ..HASHED
    },
    AlgorithmType {
        name: "cookieHash",
        aliases: &["cookie-hash"],
        doc: "the same child for the same value of the cookie loadbalance.hash.cookie",
        hash: Some(HashBy::Cookie),
        ..HASHED
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
    fn the_new_algorithms_have_their_names() {
        let name = |n: &str| lookup(n).map(|row| row.name);
        for rrlc in [
            "weightedRRLC",
            "WeightedRRLCAlgorithm",
            "org.apache.synapse.endpoints.algorithms.WeightedRRLCAlgorithm",
            "com.example.weightedrrlc",
        ] {
            assert_eq!(name(rrlc), Some("weightedRRLC"), "{rrlc}");
        }
        assert_eq!(name("least-connections"), Some("leastConnections"));
        assert_eq!(name("P2C"), Some("p2c"));
        assert_eq!(name("com.example.RandomAlgorithm"), Some("random"));
        assert_eq!(name("headerhash"), Some("headerHash"));
    }

    #[test]
    fn every_algorithm_picks_ready_children_only_and_none_when_there_is_none() {
        for row in ALGORITHMS {
            let algorithm = (row.build)(&Setup {
                settings: &testing::settings(&[1, 3, 2]),
                position: 0,
            });
            for seed in 0..60 {
                assert_eq!(
                    algorithm.pick(&mut |i: usize| i == 1, seed),
                    Some(1),
                    "{}",
                    row.name
                );
                let none = algorithm.pick(&mut |_: usize| false, seed);
                assert_eq!(none, None, "{}", row.name);
            }
            assert!(algorithm.position() < 3);
        }
    }

    #[test]
    fn every_algorithm_keeps_to_the_weights_when_all_children_are_alike() {
        for row in ALGORITHMS {
            let algorithm = (row.build)(&Setup {
                settings: &testing::settings(&[1, 3, 2]),
                position: 0,
            });
            let mut random = Random::new(7);
            let mut group = testing::Group::ready(3);
            let counts = testing::counts(3, 12_000, || {
                group.key = Some(random.number());
                algorithm.pick(&mut group, random.number()).unwrap()
            });
            let shares = if row.weighted {
                [2000, 6000, 4000]
            } else {
                [4000; 3]
            };
            for (count, share) in counts.iter().zip(shares) {
                // Five standard deviations of a binomial count are below 270.
                let far = (*count as i64 - share).abs();
                assert!(far < 270, "{}: {counts:?}", row.name);
            }
        }
    }
}

/// Groups as the tests of the algorithms need them.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn settings(weights: &[u32]) -> Settings {
        Settings {
            weights: weights.iter().map(|&w| Weight::new(w).unwrap()).collect(),
            bounds: weights
                .iter()
                .map(|&w| (w.saturating_sub(2), w + 2))
                .collect(),
            rounds: 1,
            identities: (0..weights.len())
                .map(|i| hash_of(format!("child {i}").as_bytes()))
                .collect(),
        }
    }

    /// A group whose every answer a test can set.
    pub(crate) struct Group {
        pub ready: Vec<bool>,
        pub in_flight: Vec<u64>,
        pub latency_us: Vec<u64>,
        pub connections: Vec<u64>,
        pub share: Vec<u32>,
        pub key: Option<u64>,
    }

    impl Group {
        pub(crate) fn ready(count: usize) -> Self {
            Self {
                ready: vec![true; count],
                in_flight: vec![0; count],
                latency_us: vec![0; count],
                connections: vec![0; count],
                share: vec![FULL_SHARE; count],
                key: None,
            }
        }
    }

    impl GroupView for Group {
        fn ready(&mut self, child: usize) -> bool {
            self.ready[child]
        }
        fn in_flight(&self, child: usize) -> u64 {
            self.in_flight[child]
        }
        fn latency_us(&self, child: usize) -> u64 {
            self.latency_us[child]
        }
        fn connections(&self, child: usize) -> u64 {
            self.connections[child]
        }
        fn share(&self, child: usize) -> u32 {
            self.share[child]
        }
        fn key(&self) -> Option<u64> {
            self.key
        }
    }

    pub(crate) fn counts(
        children: usize,
        picks: usize,
        mut pick: impl FnMut() -> usize,
    ) -> Vec<u64> {
        let mut counts = vec![0; children];
        for _ in 0..picks {
            counts[pick()] += 1;
        }
        counts
    }
}
