//! The same child for the same key: rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase
//! Hit Rates"), weighted.
//!
//! Each child scores by the hash of key and child; the best ready one is taken. When a child goes, its keys move to
//! their second best and nobody else's move; when it comes back it gets the same keys again. Nothing is remembered, so
//! processes with the same configuration agree. A message without a key goes to a child by chance.

use super::random::mix;
use super::{Algorithm, GroupView, Random, Setup, Weight};

/// What of a message the hash is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashBy {
    /// Address of the client.
    Source,
    /// Value of a header field.
    Header,
    /// Path, and the query if the group says so.
    Uri,
    /// Value of a cookie.
    Cookie,
}

/// Hash of a key or a name (FNV-1a, spread): the same in every process, unlike those of the standard library.
pub fn hash_of(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    let hash = bytes.iter().fold(start, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// See the module.
#[derive(Debug)]
pub struct Rendezvous {
    children: Box<[(u64, Weight)]>,
}

impl Rendezvous {
    /// For a group of as many children as there are weights.
    pub fn new(setup: &Setup<'_>) -> Self {
        let (identities, weights) = (&setup.settings.identities, &setup.settings.weights);
        Self {
            children: identities
                .iter()
                .copied()
                .zip(weights.iter().copied())
                .collect(),
        }
    }
}

impl Algorithm for Rendezvous {
    fn pick(&self, group: &mut dyn GroupView, seed: u64) -> Option<usize> {
        let key = group.key().unwrap_or_else(|| Random::new(seed).number());
        let mut best: Option<(f64, usize)> = None;
        for (i, (identity, weight)) in self.children.iter().enumerate() {
            if !group.ready(i) {
                continue;
            }
            let score = score(mix(key ^ identity.rotate_left(17)), *weight);
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, i));
            }
        }
        best.map(|(_, child)| child)
    }
}

/// A number that is the largest of several with a chance in proportion to the weight.
fn score(hash: u64, weight: Weight) -> f64 {
    // 53 bits between 0 and 1, neither of them reached, so the logarithm is finite and below zero.
    let unit = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -f64::from(weight.get()) / unit.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::{Group, counts, settings};

    fn of(weights: &[u32]) -> Rendezvous {
        Rendezvous::new(&Setup {
            settings: &settings(weights),
            position: 0,
        })
    }

    fn placed(rendezvous: &Rendezvous, group: &mut Group) -> Vec<usize> {
        (0..6000)
            .map(|n| {
                group.key = Some(hash_of(format!("client {n}").as_bytes()));
                // Chance plays no part when there is a key.
                rendezvous.pick(group, n).unwrap()
            })
            .collect()
    }

    #[test]
    fn only_the_keys_of_a_child_that_is_down_move_and_they_come_back() {
        let rendezvous = of(&[1, 1, 1, 1]);
        let mut group = Group::ready(4);
        let before = placed(&rendezvous, &mut group);
        group.ready[2] = false;
        let without = placed(&rendezvous, &mut group);
        let mut moved = [0; 4];
        for (was, is) in before.iter().zip(&without) {
            if *was == 2 {
                moved[*is] += 1;
            } else {
                assert_eq!(was, is);
            }
        }
        // The 1500 keys spread over the three others.
        assert_eq!(moved[2], 0);
        assert!(moved.iter().sum::<i32>().abs_diff(1500) < 180, "{moved:?}");
        for child in [0, 1, 3] {
            assert!(moved[child].abs_diff(500) < 110, "{moved:?}");
        }
        group.ready[2] = true;
        assert_eq!(placed(&rendezvous, &mut group), before);
    }

    #[test]
    fn only_the_keys_of_a_child_that_is_removed_move() {
        let mut group = Group::ready(4);
        let before = placed(&of(&[1, 2, 1, 2]), &mut group);
        let mut fewer = settings(&[1, 2, 1, 2]);
        fewer.weights.remove(1);
        fewer.identities.remove(1);
        let fewer = Rendezvous::new(&Setup {
            settings: &fewer,
            position: 0,
        });
        let after = placed(&fewer, &mut Group::ready(3));
        for (was, is) in before.iter().zip(&after) {
            let was = [Some(0), None, Some(1), Some(2)][*was];
            assert!(was.is_none() || was == Some(*is));
        }
    }

    #[test]
    fn without_a_key_chance_decides_by_the_weights() {
        let rendezvous = of(&[1, 3]);
        let mut seeds = Random::new(2);
        let counts = counts(2, 6000, || {
            rendezvous
                .pick(&mut |_: usize| true, seeds.number())
                .unwrap()
        });
        assert!(counts[0].abs_diff(1500) < 180, "{counts:?}");
    }

    #[test]
    fn hashes_are_the_same_in_every_process() {
        assert_eq!(hash_of(b""), mix(0xcbf2_9ce4_8422_2325));
        assert_eq!(hash_of(b"a"), mix(0xaf63_dc4c_8601_ec8c));
    }
}
