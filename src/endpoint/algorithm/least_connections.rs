//! The child with the fewest messages in flight for its weight (spec/endpoints.md 13.5).
//!
//! A message is in flight from the choice until its answer has been relayed whole, so a back end that is slow or sends
//! much gets less. Idle children are equal whatever their weights: among equals the weights decide, by chance, as
//! otherwise a quiet group would send everything to its first child.

use super::random::Draw;
use super::{Algorithm, GroupView, Random, Setup, Weight};

/// See the module.
#[derive(Debug)]
pub struct LeastConnections {
    weights: Box<[Weight]>,
}

impl LeastConnections {
    /// For a group of as many children as there are weights.
    pub fn new(setup: &Setup<'_>) -> Self {
        Self {
            weights: setup.settings.weights.clone().into(),
        }
    }
}

impl Algorithm for LeastConnections {
    fn pick(&self, group: &mut dyn GroupView, seed: u64) -> Option<usize> {
        // The load with this message, over the weight: compared as fractions, so nothing is rounded.
        let mut least: Option<(u128, u128)> = None;
        let mut draw = Draw::new(Random::new(seed));
        for (i, weight) in self.weights.iter().enumerate() {
            if !group.ready(i) {
                continue;
            }
            let weight = u64::from(weight.get()) * u64::from(group.share(i).max(1));
            let busy = group.in_flight(i);
            let load = if busy == 0 { 0 } else { u128::from(busy) + 1 };
            let this = (load, u128::from(weight));
            let order = least.map_or(std::cmp::Ordering::Less, |best| {
                (this.0 * best.1).cmp(&(best.0 * this.1))
            });
            match order {
                std::cmp::Ordering::Greater => continue,
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Less => {
                    least = Some(this);
                    draw.begin_anew();
                }
            }
            draw.offer(i, weight);
        }
        draw.chosen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::{Group, counts, settings};

    fn of(weights: &[u32]) -> LeastConnections {
        LeastConnections::new(&Setup {
            settings: &settings(weights),
            position: 0,
        })
    }

    #[test]
    fn the_least_busy_for_its_weight_is_chosen() {
        let least = of(&[1, 3, 2]);
        let mut group = Group::ready(3);
        group.in_flight = vec![1, 2, 3];
        // (1+1)/1, (2+1)/3, (3+1)/2
        for seed in 0..50 {
            assert_eq!(least.pick(&mut group, seed), Some(1));
        }
        group.ready[1] = false;
        for seed in 0..50 {
            assert!(matches!(least.pick(&mut group, seed), Some(0 | 2)));
        }
    }

    #[test]
    fn work_in_flight_settles_at_the_weights_over_6000_picks() {
        let least = of(&[1, 3, 2]);
        let mut group = Group::ready(3);
        let mut seeds = Random::new(3);
        for _ in 0..6000 {
            let child = least.pick(&mut group, seeds.number()).unwrap();
            group.in_flight[child] += 1;
        }
        for (busy, share) in group.in_flight.iter().zip([1000u64, 3000, 2000]) {
            assert!(busy.abs_diff(share) <= 3, "{:?}", group.in_flight);
        }
    }

    #[test]
    fn a_slow_child_gets_as_much_as_it_works_off() {
        // Of two children with the same weight one takes four times as long: a message stays 5 or 20 rounds.
        let least = of(&[1, 1]);
        let mut group = Group::ready(2);
        let mut seeds = Random::new(9);
        let mut ends: Vec<(usize, usize)> = Vec::new();
        let mut counts = [0u64; 2];
        for round in 0..6000 {
            ends.retain(|&(end, child)| {
                let over = end <= round;
                group.in_flight[child] -= u64::from(over);
                !over
            });
            for _ in 0..2 {
                let child = least.pick(&mut group, seeds.number()).unwrap();
                group.in_flight[child] += 1;
                counts[child] += 1;
                ends.push((round + [5, 20][child], child));
            }
        }
        let ratio = counts[0] as f64 / counts[1] as f64;
        assert!((3.3..4.7).contains(&ratio), "{counts:?}");
    }

    #[test]
    fn a_child_in_its_slow_start_counts_with_less_weight() {
        let least = of(&[1, 1]);
        let mut group = Group::ready(2);
        group.share[1] = 100;
        let mut seeds = Random::new(5);
        let idle = counts(2, 6000, || least.pick(&mut group, seeds.number()).unwrap());
        assert!(idle[1].abs_diff(545) < 120, "{idle:?}");
        group.in_flight = vec![8, 1];
        assert_eq!(least.pick(&mut group, 1), Some(0), "9/1 against 2/0.1");
    }
}
