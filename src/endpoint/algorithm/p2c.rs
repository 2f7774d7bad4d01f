//! Power of two choices: of two children by chance the better one (Mitzenmacher, "The Power of Two Choices in Randomized
//! Load Balancing"), which is nearly as good as asking all of them and does not send everybody to the same one.
//!
//! Better is a smaller product of the moving mean of the time to an answer and of the messages in flight for the weight.
//! The weights also decide which two are drawn, so that idle children that answer alike get their shares. A child of
//! which no time is known is taken for the fastest: it gets a message and is known then.

use super::random::Draw;
use super::{Algorithm, GroupView, Random, Setup, Weight};

/// See the module.
#[derive(Debug)]
pub struct PowerOfTwo {
    weights: Box<[Weight]>,
}

impl PowerOfTwo {
    /// For a group of as many children as there are weights.
    pub fn new(setup: &Setup<'_>) -> Self {
        Self {
            weights: setup.settings.weights.clone().into(),
        }
    }

    /// Weight in thousandths, slow start included.
    fn weight(&self, group: &dyn GroupView, child: usize) -> u64 {
        u64::from(self.weights[child].get()) * u64::from(group.share(child).max(1))
    }

    fn draw(&self, group: &mut dyn GroupView, random: Random, not: Option<usize>) -> Option<usize> {
        let mut draw = Draw::new(random);
        for i in 0..self.weights.len() {
            if Some(i) != not && group.ready(i) {
                let weight = self.weight(group, i);
                draw.offer(i, weight);
            }
        }
        draw.chosen()
    }

    /// Time to an answer times load: a fraction.
    fn cost(&self, group: &dyn GroupView, child: usize) -> (u128, u128) {
        let weight = self.weight(group, child);
        let busy = group.in_flight(child).saturating_mul(1000);
        let load = u128::from(busy.saturating_add(weight));
        let time = u128::from(group.latency_us(child).clamp(1, u64::from(u32::MAX)));
        (time * load, u128::from(weight))
    }
}

impl Algorithm for PowerOfTwo {
    fn pick(&self, group: &mut dyn GroupView, seed: u64) -> Option<usize> {
        let mut random = Random::new(seed);
        let (one, two) = (Random::new(random.number()), Random::new(random.number()));
        let first = self.draw(group, one, None)?;
        let Some(second) = self.draw(group, two, Some(first)) else {
            return Some(first);
        };
        let (a, b) = (self.cost(group, first), self.cost(group, second));
        // Both products fit: 32 bits of time, 64 of load, and a weight of 42 bits would have to be at their ends together.
        let second_is_better = b.0.saturating_mul(a.1) < a.0.saturating_mul(b.1);
        Some(if second_is_better { second } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::{Group, counts, settings};

    fn of(weights: &[u32]) -> PowerOfTwo {
        PowerOfTwo::new(&Setup {
            settings: &settings(weights),
            position: 0,
        })
    }

    #[test]
    fn the_child_that_answers_late_gets_only_what_both_draws_leave_it() {
        let p2c = of(&[1, 1, 1]);
        let mut group = Group::ready(3);
        group.latency_us = vec![1000, 1000, 9000];
        let mut seeds = Random::new(11);
        let counts = counts(3, 6000, || p2c.pick(&mut group, seeds.number()).unwrap());
        assert_eq!(counts[2], 0, "it is never the better of two: {counts:?}");
        assert!(counts[0].abs_diff(3000) < 200, "{counts:?}");
    }

    #[test]
    fn load_counts_against_speed() {
        let p2c = of(&[1, 1]);
        let mut group = Group::ready(2);
        group.latency_us = vec![1000, 3000];
        assert_eq!(p2c.pick(&mut group, 1), Some(0));
        group.in_flight = vec![3, 0];
        assert_eq!(p2c.pick(&mut group, 1), Some(1), "4 ms against 3 ms");
        group.ready[1] = false;
        assert_eq!(p2c.pick(&mut group, 1), Some(0));
    }

    #[test]
    fn work_in_flight_stays_near_the_weights_over_6000_picks() {
        let p2c = of(&[1, 3, 2]);
        let mut group = Group::ready(3);
        let mut seeds = Random::new(13);
        for _ in 0..6000 {
            let child = p2c.pick(&mut group, seeds.number()).unwrap();
            group.in_flight[child] += 1;
        }
        for (busy, share) in group.in_flight.iter().zip([1000u64, 3000, 2000]) {
            assert!(busy.abs_diff(share) < 60, "{:?}", group.in_flight);
        }
    }

    #[test]
    fn a_child_in_its_slow_start_is_drawn_less() {
        let p2c = of(&[1, 1]);
        let mut group = Group::ready(2);
        group.latency_us = vec![1000, 1000];
        group.share[1] = 100;
        let mut seeds = Random::new(17);
        let counts = counts(2, 6000, || p2c.pick(&mut group, seeds.number()).unwrap());
        assert!(counts[1].abs_diff(545) < 120, "{counts:?}");
    }
}
