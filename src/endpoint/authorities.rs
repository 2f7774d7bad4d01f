//! A state for each back end of an endpoint whose target the message decides (`ax:stateKey="authority"`, spec/endpoints.md
//! 4.2): a host that is down does not take the others with it, as it does in the originals.
//!
//! Bounded: when there are too many, the one that was used longest ago goes, one that works before one that is left out.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::state::StateCell;
use crate::transport::target::Target;
use crate::util::clock::Tick;

/// Most back ends of one endpoint whose states are kept.
pub const AUTHORITIES_MAX: usize = 1024;

/// The states of one endpoint's back ends, by scheme, host and port.
#[derive(Debug, Default)]
pub struct Authorities {
    states: Mutex<HashMap<String, Known>>,
    probe_all: bool,
}

#[derive(Debug)]
struct Known {
    state: Arc<StateCell>,
    used: Tick,
}

impl Authorities {
    /// None known yet; `probe_all` is how each is probed.
    pub fn new(probe_all: bool) -> Self {
        Self {
            states: Mutex::default(),
            probe_all,
        }
    }

    /// A copy in which each state changes by itself.
    pub fn fork(&self) -> Self {
        let states = self.states.lock();
        let copies = states.iter().map(|(key, known)| {
            let state = Arc::new(known.state.fork());
            let used = known.used;
            (key.clone(), Known { state, used })
        });
        Self {
            states: Mutex::new(copies.collect()),
            probe_all: self.probe_all,
        }
    }

    /// The state of one back end; a new one works.
    pub fn state(&self, target: &Target, now: Tick) -> Arc<StateCell> {
        let key = key(target);
        let mut states = self.states.lock();
        if let Some(known) = states.get_mut(&key) {
            known.used = now;
            return known.state.clone();
        }
        if states.len() >= AUTHORITIES_MAX {
            let oldest = states
                .iter()
                .min_by_key(|(_, known)| (!known.state.is_ready(now), known.used))
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                states.remove(&oldest);
            }
        }
        let state = Arc::new(StateCell::probed_by(self.probe_all));
        let known = Known {
            state: state.clone(),
            used: now,
        };
        states.insert(key, known);
        state
    }

    /// Forgets all of them: each works again.
    pub fn clear(&self) {
        self.states.lock().clear();
    }
}

/// Names in any case are one host.
fn key(target: &Target) -> String {
    let host = target.host.to_ascii_lowercase();
    format!(
        "{}://{host}:{}",
        if target.https { "https" } else { "http" },
        target.port
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::ErrorCode;
    use crate::config::model::LeafDef;
    use crate::endpoint::rules::tests::rules;

    fn target(host: &str) -> Target {
        Target::new(false, host, 80)
    }

    fn suspend(state: &StateCell, now: Tick) {
        let admission = state.admit(now).unwrap();
        state.on_error(
            &rules(LeafDef::default()),
            admission,
            ErrorCode::CONNECT_FAILED,
            None,
            now,
        );
    }

    #[test]
    fn each_back_end_has_a_state_of_its_own() {
        let all = Authorities::new(false);
        suspend(&all.state(&target("A"), Tick(0)), Tick(0));
        assert!(!all.state(&target("a"), Tick(1)).is_ready(Tick(1)));
        assert!(all.state(&target("b"), Tick(1)).is_ready(Tick(1)));
        assert!(
            all.state(&Target::new(false, "a", 81), Tick(1))
                .is_ready(Tick(1))
        );
        assert!(
            all.state(&Target::new(true, "a", 80), Tick(1))
                .is_ready(Tick(1))
        );
        all.clear();
        assert!(all.state(&target("a"), Tick(1)).is_ready(Tick(1)));
    }

    #[test]
    fn the_number_is_bounded_and_what_is_left_out_stays_longest() {
        let all = Authorities::new(false);
        suspend(&all.state(&target("down"), Tick(0)), Tick(0));
        for n in 0..2 * AUTHORITIES_MAX as u64 {
            all.state(&target(&format!("h{n}")), Tick(1 + n));
        }
        assert_eq!(all.states.lock().len(), AUTHORITIES_MAX);
        assert!(!all.state(&target("down"), Tick(3000)).is_ready(Tick(3000)));
    }
}
