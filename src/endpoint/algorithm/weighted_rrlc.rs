//! Weighted rounds whose weights follow the open connections (spec/endpoints.md 13.4; Synapse's `WeightedRRLCAlgorithm`).
//!
//! Children in the order of falling weights get as many messages in a row as their current weight says. After every
//! `rounds` full rounds the current weights are calculated anew: with c of C connections and weight w of W a child gets
//! `w + (w/W - c/C) * C`, between its bounds. Unlike the original this counts the connections as they are now (the original
//! adds all counts since its start), leaves out children that are not ready, and goes by the written weights for a round in which
//! all others are zero, where the original never comes back.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Algorithm, GroupView, Setup};

#[derive(Clone, Copy, Debug)]
struct Child {
    /// Position in the group.
    at: usize,
    weight: u32,
    min: u32,
    max: u32,
}

#[derive(Clone, Debug)]
struct Round {
    /// Current weights, in the order of `children`.
    current: Box<[u32]>,
    /// Whose turn it is, and how many messages it has left.
    turn: usize,
    left: u32,
    /// Full rounds since the last calculation.
    full: u32,
}

/// See the module.
#[derive(Debug)]
pub struct WeightedRrlc {
    /// By falling weight.
    children: Box<[Child]>,
    rounds: u32,
    round: Mutex<Round>,
}

impl WeightedRrlc {
    /// Starts a round at the given child.
    pub fn new(setup: &Setup<'_>) -> Self {
        let settings = setup.settings;
        let mut children: Vec<Child> = settings
            .weights
            .iter()
            .zip(&settings.bounds)
            .enumerate()
            .map(|(at, (weight, &(min, max)))| Child {
                at,
                weight: weight.get(),
                min,
                max,
            })
            .collect();
        children.sort_by_key(|child| std::cmp::Reverse(child.weight));
        let start = setup.start();
        let turn = children.iter().position(|c| c.at == start && start > 0);
        let turn = turn.unwrap_or(0);
        let current: Box<[u32]> = children.iter().map(|c| c.weight).collect();
        Self {
            round: Mutex::new(Round {
                left: current.get(turn).copied().unwrap_or(0),
                current,
                turn,
                full: 0,
            }),
            children: children.into(),
            rounds: settings.rounds.max(1),
        }
    }

    fn recalculate(&self, round: &mut Round, group: &dyn GroupView) {
        let counts: Vec<u64> = self
            .children
            .iter()
            .map(|c| group.connections(c.at))
            .collect();
        let all: i128 = counts.iter().map(|&count| i128::from(count)).sum();
        if all == 0 {
            return;
        }
        let weights: i128 = self.children.iter().map(|c| i128::from(c.weight)).sum();
        for ((child, count), current) in self.children.iter().zip(counts).zip(&mut round.current) {
            let weight = i128::from(child.weight);
            let delta = rounded(weight * all - i128::from(count) * weights, weights);
            let wanted = (weight + delta).clamp(0, i128::from(u32::MAX)) as u32;
            *current = if delta < 0 {
                wanted.max(child.min)
            } else {
                wanted.min(child.max)
            };
        }
        if round.current.iter().all(|weight| *weight == 0) {
            round.current = self.children.iter().map(|c| c.weight).collect();
        }
    }

    fn next_turn(&self, round: &mut Round, group: &dyn GroupView) {
        round.turn += 1;
        if round.turn == self.children.len() {
            round.turn = 0;
            round.full += 1;
            if round.full >= self.rounds {
                round.full = 0;
                self.recalculate(round, group);
            }
        }
        round.left = round.current[round.turn];
    }
}

/// `n / d` to the nearest whole number, exact halves down; `d` is above zero.
fn rounded(n: i128, d: i128) -> i128 {
    -(d - 2 * n).div_euclid(2 * d)
}

impl Algorithm for WeightedRrlc {
    fn pick(&self, group: &mut dyn GroupView, _seed: u64) -> Option<usize> {
        let mut round = self.round.lock();
        let mut found = false;
        // What is ready must not change under the search, and a search that finds nothing must not move anything.
        let ready: smallvec::SmallVec<[bool; 16]> = self
            .children
            .iter()
            .map(|child| group.ready(child.at))
            .inspect(|ready| found |= *ready)
            .collect();
        if !found {
            return None;
        }
        // Two rounds: the weights of the ready may be zero in this one and not in the next.
        for _ in 0..=2 * self.children.len() {
            if round.left > 0 && ready[round.turn] {
                round.left -= 1;
                return Some(self.children[round.turn].at);
            }
            self.next_turn(&mut round, group);
        }
        // The ready are all at zero, others are not: somebody has to take the message.
        let first = ready.iter().position(|ready| *ready)?;
        Some(self.children[first].at)
    }

    fn position(&self) -> usize {
        let turn = self.round.lock().turn;
        self.children.get(turn).map_or(0, |child| child.at)
    }

    fn fork(&self) -> Option<Arc<dyn Algorithm>> {
        Some(Arc::new(WeightedRrlc {
            children: self.children.clone(),
            rounds: self.rounds,
            round: Mutex::new(self.round.lock().clone()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::{Group, settings};

    fn of(weights: &[u32]) -> WeightedRrlc {
        WeightedRrlc::new(&Setup {
            settings: &settings(weights),
            position: 0,
        })
    }

    fn picks(algorithm: &WeightedRrlc, group: &mut Group, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| algorithm.pick(group, 0).unwrap())
            .collect()
    }

    #[test]
    fn without_connections_each_child_gets_its_weight_by_falling_weights() {
        let mut group = Group::ready(3);
        assert_eq!(
            picks(&of(&[2, 5, 3]), &mut group, 10),
            [1, 1, 1, 1, 1, 2, 2, 2, 0, 0]
        );
    }

    #[test]
    fn the_worked_example_and_the_same_again_while_the_counts_stay() {
        // Weights 5, 3, 2 and connections 8, 1, 1: deltas -3 (cut by the minimum 3), +2, +1.
        let rrlc = of(&[5, 3, 2]);
        let mut group = Group::ready(3);
        picks(&rrlc, &mut group, 10);
        group.connections = vec![8, 1, 1];
        for _ in 0..2 {
            let round = picks(&rrlc, &mut group, 11);
            assert_eq!(round, [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]);
        }
    }

    #[test]
    fn halves_go_down_whatever_the_sign() {
        let of = |n| rounded(n, 4);
        assert_eq!([of(1), of(2), of(3), of(6)], [0, 0, 1, 1]);
        assert_eq!([of(-1), of(-2), of(-3), of(-6)], [0, -1, -1, -2]);
    }

    #[test]
    fn exact_halves_round_down_and_bounds_hold() {
        // 10 of 10 connections on child 0 of two equal ones with weight 1: delta -5 and +5, bounds 0 and 3.
        let rrlc = of(&[1, 1]);
        let mut group = Group::ready(2);
        picks(&rrlc, &mut group, 2);
        group.connections = vec![10, 0];
        assert_eq!(picks(&rrlc, &mut group, 6), [1, 1, 1, 1, 1, 1]);
        // 1 of 1: delta -0.5 and +0.5 round down to -1 and 0.
        let rrlc = of(&[3, 3]);
        group.connections = vec![1, 0];
        picks(&rrlc, &mut group, 6);
        assert_eq!(picks(&rrlc, &mut group, 5), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn calculates_after_as_many_rounds_as_it_is_told() {
        let mut settings = settings(&[1, 1]);
        settings.rounds = 3;
        let rrlc = WeightedRrlc::new(&Setup {
            settings: &settings,
            position: 0,
        });
        let mut group = Group::ready(2);
        group.connections = vec![10, 0];
        assert_eq!(picks(&rrlc, &mut group, 8), [0, 1, 0, 1, 0, 1, 1, 1]);
    }

    #[test]
    fn a_ready_child_of_weight_zero_is_better_than_none() {
        let rrlc = of(&[1, 1]);
        let mut group = Group::ready(2);
        picks(&rrlc, &mut group, 2);
        group.connections = vec![10, 0];
        group.ready[1] = false;
        assert_eq!(picks(&rrlc, &mut group, 3), [0, 0, 0]);
        group.ready[0] = false;
        assert_eq!(rrlc.pick(&mut group, 0), None);
    }

    #[test]
    fn shares_follow_the_weights_over_6000_picks_while_each_has_its_share_of_connections() {
        let rrlc = of(&[5, 3, 2]);
        let mut group = Group::ready(3);
        group.connections = vec![50, 30, 20];
        let all = picks(&rrlc, &mut group, 6000);
        let share = |child| all.iter().filter(|&&c| c == child).count();
        assert_eq!([share(0), share(1), share(2)], [3000, 1800, 1200]);
    }
}
