//! Children in proportion to their weights, in two orders (spec/endpoints.md 13.3, 13.5, timeline T-K).
//!
//! [`Burst`] is the order of Synapse's class: weight many messages to one child, then the next. [`Smooth`] interleaves:
//! each pick adds its weight to every ready child's counter, takes the largest (the first on ties) and takes the total
//! off it. Both skip children that are not ready; the originals keep sending to them. The state is a few words under a
//! mutex: a pick must change all of it together.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Algorithm, GroupView, Setup, Weight};

/// Weight many in a row.
#[derive(Debug)]
pub struct Burst {
    weights: Box<[Weight]>,
    /// Child of the running burst and how many messages it has left.
    current: Mutex<(usize, u32)>,
}

impl Burst {
    /// Starts a burst at the given position.
    pub fn new(setup: &Setup<'_>) -> Self {
        let (start, weights) = (setup.start(), &setup.settings.weights);
        let left = weights.get(start).map_or(0, |w| w.get());
        Self {
            weights: weights.clone().into(),
            current: Mutex::new((start, left)),
        }
    }
}

impl Algorithm for Burst {
    fn pick(&self, group: &mut dyn GroupView, _seed: u64) -> Option<usize> {
        let count = self.weights.len();
        let mut current = self.current.lock();
        let (start, left) = *current;
        if left > 0 && group.ready(start) {
            current.1 = left - 1;
            return Some(start);
        }
        let chosen = (start + 1..count)
            .chain(0..(start + 1).min(count))
            .find(|&i| group.ready(i))?;
        *current = (chosen, self.weights[chosen].get() - 1);
        Some(chosen)
    }

    fn position(&self) -> usize {
        self.current.lock().0
    }

    fn fork(&self) -> Option<Arc<dyn Algorithm>> {
        Some(Arc::new(Burst {
            weights: self.weights.clone(),
            current: Mutex::new(*self.current.lock()),
        }))
    }
}

/// Interleaved.
#[derive(Debug)]
pub struct Smooth {
    weights: Box<[Weight]>,
    counters: Mutex<Box<[i64]>>,
}

impl Smooth {
    /// Starts with all counters at zero.
    pub fn new(setup: &Setup<'_>) -> Self {
        Self {
            weights: setup.settings.weights.clone().into(),
            counters: Mutex::new(vec![0; setup.settings.weights.len()].into()),
        }
    }
}

impl Algorithm for Smooth {
    fn pick(&self, group: &mut dyn GroupView, _seed: u64) -> Option<usize> {
        let mut counters = self.counters.lock();
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (i, weight) in self.weights.iter().enumerate() {
            if !group.ready(i) {
                continue;
            }
            // In thousandths, as a child in its slow start has less than a whole share.
            let weight = i64::from(weight.get()) * i64::from(group.share(i).max(1));
            total += weight;
            counters[i] += weight;
            if best.is_none_or(|b| counters[i] > counters[b]) {
                best = Some(i);
            }
        }
        let chosen = best?;
        // Among the ready the sum of the counters stays what it was, so none can run away.
        counters[chosen] -= total;
        Some(chosen)
    }

    fn fork(&self) -> Option<Arc<dyn Algorithm>> {
        Some(Arc::new(Smooth {
            weights: self.weights.clone(),
            counters: Mutex::new(self.counters.lock().clone()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::settings;

    fn picks(algorithm: &dyn Algorithm, count: usize, ready: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..count)
            .map(|_| algorithm.pick(&mut |i: usize| ready(i), 0).unwrap())
            .collect()
    }

    #[test]
    fn t_k_burst_order_of_the_java_class() {
        let burst = Burst::new(&Setup {
            settings: &settings(&[1, 3, 2]),
            position: 0,
        });
        assert_eq!(
            picks(&burst, 12, |_| true),
            [0, 1, 1, 1, 2, 2, 0, 1, 1, 1, 2, 2]
        );
    }

    #[test]
    fn t_k_smooth_order_of_the_alias() {
        let smooth = Smooth::new(&Setup {
            settings: &settings(&[1, 3, 2]),
            position: 0,
        });
        assert_eq!(
            picks(&smooth, 12, |_| true),
            [1, 2, 0, 1, 2, 1, 1, 2, 0, 1, 2, 1]
        );
    }

    #[test]
    fn burst_leaves_out_a_child_that_is_down_and_keeps_the_others_weights() {
        let burst = Burst::new(&Setup {
            settings: &settings(&[1, 2, 3]),
            position: 0,
        });
        assert_eq!(picks(&burst, 7, |i| i != 2), [0, 1, 1, 0, 1, 1, 0]);
    }

    #[test]
    fn shares_follow_the_weights_over_6000_picks() {
        let setup = Setup {
            settings: &settings(&[1, 3, 2]),
            position: 0,
        };
        for algorithm in [&Burst::new(&setup) as &dyn Algorithm, &Smooth::new(&setup)] {
            let all = picks(algorithm, 6000, |_| true);
            let share = |child| all.iter().filter(|&&c| c == child).count();
            assert_eq!([share(0), share(1), share(2)], [1000, 3000, 2000]);
        }
    }

    #[test]
    fn smooth_stays_bounded_while_children_come_and_go() {
        let smooth = Smooth::new(&Setup {
            settings: &settings(&[5, 1, 2]),
            position: 0,
        });
        for n in 0..10_000usize {
            let _ = smooth.pick(&mut |i: usize| !(n / 7 + i).is_multiple_of(3), 0);
        }
        assert!(smooth.counters.lock().iter().all(|c| c.abs() <= 64_000));
    }
}
