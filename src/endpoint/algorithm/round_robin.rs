//! Each ready child in turn (spec/endpoints.md 13.2): 1, 2, 3, 1, 2, 3.
//!
//! The position moves only when a child was found, in one compare-and-swap with the choice: ten callers at once on ten
//! children get ten different ones. The originals move it once more for every call that finds nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Algorithm, GroupView, Setup};

/// See the module.
#[derive(Debug)]
pub struct RoundRobin {
    count: usize,
    next: AtomicUsize,
}

impl RoundRobin {
    /// For a group of as many children as there are weights.
    pub fn new(setup: &Setup<'_>) -> Self {
        Self {
            count: setup.settings.weights.len(),
            next: AtomicUsize::new(setup.start()),
        }
    }
}

impl Algorithm for RoundRobin {
    fn pick(&self, group: &mut dyn GroupView, _seed: u64) -> Option<usize> {
        loop {
            let start = self.next.load(Ordering::Acquire);
            let chosen = (start..self.count)
                .chain(0..start)
                .find(|&i| group.ready(i))?;
            let after = if chosen + 1 == self.count {
                0
            } else {
                chosen + 1
            };
            // A failure means that another caller has moved on, so the group as a whole makes progress.
            if self
                .next
                .compare_exchange(start, after, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            {
                return Some(chosen);
            }
        }
    }

    fn position(&self) -> usize {
        self.next.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::algorithm::testing::settings;
    use std::sync::Barrier;

    fn of(count: usize) -> RoundRobin {
        RoundRobin::new(&Setup {
            settings: &settings(&vec![1; count]),
            position: 0,
        })
    }

    #[test]
    fn goes_round_in_declaration_order() {
        let rr = of(3);
        let picks: Vec<_> = (0..6)
            .map(|_| rr.pick(&mut |_: usize| true, 0).unwrap())
            .collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn finding_nothing_does_not_move_the_position() {
        let rr = of(3);
        assert_eq!(rr.pick(&mut |_: usize| true, 0), Some(0));
        for _ in 0..5 {
            assert_eq!(rr.pick(&mut |_: usize| false, 0), None);
        }
        assert_eq!(rr.pick(&mut |_: usize| true, 0), Some(1));
    }

    #[test]
    fn skips_what_is_not_ready() {
        let rr = of(3);
        let picks: Vec<_> = (0..5)
            .map(|_| rr.pick(&mut |i: usize| i != 1, 0).unwrap())
            .collect();
        assert_eq!(picks, [0, 2, 0, 2, 0]);
    }

    #[test]
    fn ten_callers_at_once_on_ten_children_get_ten_different_ones() {
        let rr = of(10);
        let barrier = Barrier::new(10);
        let mut all: Vec<usize> = std::thread::scope(|s| {
            let callers: Vec<_> = (0..10)
                .map(|_| {
                    s.spawn(|| {
                        barrier.wait();
                        (0..600)
                            .map(|_| rr.pick(&mut |_: usize| true, 0).unwrap())
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            callers
                .into_iter()
                .flat_map(|c| c.join().unwrap())
                .collect()
        });
        all.sort_unstable();
        for child in 0..10 {
            assert_eq!(all.iter().filter(|&&c| c == child).count(), 600);
        }
    }
}
