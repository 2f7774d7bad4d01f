//! A child by chance, in proportion to its weight.

use super::{Algorithm, GroupView, Setup, Weight};

/// A sequence of numbers from one seed (splitmix64): equal seeds give equal choices.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is above zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: what it favours is below one in 2^64 / bound.
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }
}

/// Spreads a number over all bits.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws one thing of many in one pass: what comes with weight `w` is kept with the chance `w` of all weights so far.
#[derive(Debug)]
pub(super) struct Draw {
    random: Random,
    total: u64,
    chosen: Option<usize>,
}

impl Draw {
    /// Nothing is drawn yet.
    pub fn new(random: Random) -> Self {
        Self {
            random,
            total: 0,
            chosen: None,
        }
    }

    /// Puts one in; a weight of zero is never drawn.
    pub fn offer(&mut self, child: usize, weight: u64) {
        self.total += weight;
        if weight > 0 && self.random.below(self.total) < weight {
            self.chosen = Some(child);
        }
    }

    /// Puts back what was put in so far.
    pub fn begin_anew(&mut self) {
        (self.total, self.chosen) = (0, None);
    }

    /// What was drawn.
    pub fn chosen(&self) -> Option<usize> {
        self.chosen
    }
}

/// See the module.
#[derive(Debug)]
pub struct WeightedRandom {
    weights: Box<[Weight]>,
}

impl WeightedRandom {
    /// For a group of as many children as there are weights.
    pub fn new(setup: &Setup<'_>) -> Self {
        Self {
            weights: setup.settings.weights.clone().into(),
        }
    }
}

impl Algorithm for WeightedRandom {
    fn pick(&self, group: &mut dyn GroupView, seed: u64) -> Option<usize> {
        let mut draw = Draw::new(Random::new(seed));
        for (i, weight) in self.weights.iter().enumerate() {
            if group.ready(i) {
                draw.offer(
                    i,
                    u64::from(weight.get()) * u64::from(group.share(i).max(1)),
                );
            }
        }
        draw.chosen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::{Group, counts, settings};

    #[test]
    fn a_child_that_is_down_leaves_its_share_to_the_others_by_their_weights() {
        let random = WeightedRandom::new(&Setup {
            settings: &settings(&[1, 3, 2]),
            position: 0,
        });
        let mut group = Group::ready(3);
        group.ready[1] = false;
        let mut seeds = Random::new(1);
        let counts = counts(3, 6000, || random.pick(&mut group, seeds.number()).unwrap());
        assert_eq!(counts[1], 0);
        assert!(counts[0].abs_diff(2000) < 190, "{counts:?}");
    }

    #[test]
    fn neighbouring_seeds_give_unrelated_choices() {
        let random = WeightedRandom::new(&Setup {
            settings: &settings(&[1, 1]),
            position: 0,
        });
        let mut seed = 0;
        let counts = counts(2, 6000, || {
            seed += 1;
            random.pick(&mut |_: usize| true, seed).unwrap()
        });
        assert!(counts[0].abs_diff(3000) < 200, "{counts:?}");
    }
}
