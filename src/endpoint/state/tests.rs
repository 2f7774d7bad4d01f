use super::*;
use crate::config::model::LeafDef;
use crate::endpoint::rules::tests::{PLACE, ms, rules, spanned};

const REFUSED: ErrorCode = ErrorCode::CONNECT_FAILED;
const SILENT: ErrorCode = ErrorCode::RESPONSE_TIMEOUT;

/// A leaf that is asked and answers at given moments.
struct Leaf {
    rules: RuleSettings,
    cell: StateCell,
}

impl Leaf {
    fn new(def: LeafDef) -> Self {
        Self {
            rules: rules(def),
            cell: StateCell::default(),
        }
    }

    fn admit(&self, at: u64) -> Admission {
        self.cell
            .admit(Tick(at))
            .unwrap_or_else(|| panic!("not ready at {at}: {:?}", self.cell.snapshot()))
    }

    fn fail(&self, code: ErrorCode, at: u64) -> Option<Transition> {
        let admission = self.admit(at);
        self.fail_as(admission, code, at)
    }

    fn fail_as(&self, admission: Admission, code: ErrorCode, at: u64) -> Option<Transition> {
        let change = self
            .cell
            .on_error(&self.rules, admission, code, None, Tick(at));
        self.cell.check_invariants();
        change
    }

    fn reply(&self, at: u64) -> Option<Transition> {
        let change = self.cell.on_success(self.admit(at), Tick(at));
        self.cell.check_invariants();
        change
    }

    fn ready_from(&self, at: u64) {
        assert!(
            !self.cell.is_ready(Tick(at - 1)),
            "too early {:?}",
            self.cell.snapshot()
        );
        assert!(self.cell.admit(Tick(at - 1)).is_none());
        assert!(
            self.cell.is_ready(Tick(at)),
            "too late {:?}",
            self.cell.snapshot()
        );
    }

    fn state(&self) -> EndpointState {
        self.cell.snapshot().state
    }
}

fn suspend(initial: u64, factor: f64, maximum: u64) -> LeafDef {
    LeafDef {
        suspend_initial: Some(spanned(ms(initial))),
        suspend_factor: Some(spanned(factor)),
        suspend_maximum: Some(spanned(ms(maximum))),
        suspend_span: Some(PLACE),
        ..LeafDef::default()
    }
}

fn tolerate(retries: u32, delay: u64) -> LeafDef {
    LeafDef {
        mark_retries: Some(spanned(retries)),
        mark_delay: Some(spanned(ms(delay))),
        ..LeafDef::default()
    }
}

#[test]
fn t_a_defaults() {
    let leaf = Leaf::new(LeafDef::default());
    let change = leaf.fail(REFUSED, 0).unwrap();
    assert_eq!(
        (
            change.from,
            change.to,
            change.code,
            change.pause,
            change.next,
            change.rule
        ),
        (
            EndpointState::Active,
            EndpointState::Suspended,
            Some(REFUSED),
            ms(30_000),
            Tick(30_000),
            Some(PLACE)
        )
    );
    assert!(leaf.cell.admit(Tick(10_000)).is_none());
    assert_eq!(leaf.reply(30_001).unwrap().to, EndpointState::Active);
    assert!(leaf.reply(30_002).is_none());
}

#[test]
fn t_b_progression() {
    let leaf = Leaf::new(suspend(1000, 2.0, 5000));
    for (at, until) in [
        (0, 1000),
        (1000, 3000),
        (3000, 7000),
        (7000, 12_000),
        (12_000, 17_000),
    ] {
        assert_eq!(leaf.fail(REFUSED, at).unwrap().next, Tick(until));
        leaf.ready_from(until);
    }
    leaf.reply(17_000).unwrap();
    assert_eq!(leaf.fail(REFUSED, 17_500).unwrap().next, Tick(18_500));
}

#[test]
fn t_c_tolerated_timeouts() {
    let leaf = Leaf::new(tolerate(3, 10));
    for (at, left) in [(0, 2), (20, 1), (40, 0)] {
        assert_eq!(leaf.fail(SILENT, at).unwrap().to, EndpointState::Timeout);
        assert_eq!(leaf.cell.snapshot().remaining_retries, Some(left));
        leaf.ready_from(at + 10);
    }
    let change = leaf.fail(SILENT, 60).unwrap();
    assert_eq!(
        (change.to, change.next),
        (EndpointState::Suspended, Tick(30_060))
    );
    // The budget is not refilled by time: one more timeout after the wait suspends again.
    assert_eq!(
        leaf.fail(SILENT, 30_060).unwrap().to,
        EndpointState::Suspended
    );
}

#[test]
fn t_c_a_success_refills_the_budget() {
    let leaf = Leaf::new(tolerate(3, 10));
    leaf.fail(SILENT, 0);
    leaf.fail(SILENT, 20);
    leaf.reply(30).unwrap();
    for at in [40, 60, 80] {
        assert_eq!(leaf.fail(SILENT, at).unwrap().to, EndpointState::Timeout);
    }
    assert_eq!(leaf.fail(SILENT, 100).unwrap().to, EndpointState::Suspended);
}

#[test]
fn t_d_mixed_lists_of_the_vendor_sample() {
    let leaf = Leaf::new(LeafDef {
        mark_codes: vec![101504, 101505],
        suspend_codes: vec![101500, 101501, 101506, 101507, 101508],
        mark_retries: Some(spanned(3)),
        mark_delay: Some(spanned(ms(1))),
        ..suspend(1000, 2.0, 60_000)
    });
    assert!(leaf.fail(REFUSED, 0).is_none());
    assert_eq!(leaf.state(), EndpointState::Active);
    let mut at = 0;
    for until in [1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000] {
        assert_eq!(leaf.fail(ErrorCode(101507), at).unwrap().next, Tick(until));
        at = until;
    }
}

#[test]
fn t_e_parallel_failures_are_one_step_and_one_probe_is_admitted() {
    let leaf = Leaf::new(suspend(1000, 2.0, 60_000));
    let tries: Vec<_> = (0..10).map(|_| leaf.admit(0)).collect();
    for (n, admission) in tries.into_iter().enumerate() {
        let change = leaf.fail_as(admission, REFUSED, n as u64 * 5);
        assert_eq!(change.is_some(), n == 0);
    }
    leaf.ready_from(1000);
    let probe = leaf.admit(1000);
    assert!(probe.is_probe());
    assert!(!leaf.cell.is_ready(Tick(1001)));
    assert!(leaf.cell.admit(Tick(1001)).is_none());
    assert_eq!(leaf.fail_as(probe, REFUSED, 1005).unwrap().next, Tick(3005));
}

#[test]
fn t_j_a_response_timeout_without_tolerance_suspends() {
    let leaf = Leaf::new(LeafDef::default());
    let change = leaf.fail(SILENT, 2000).unwrap();
    assert_eq!(
        (change.to, change.next),
        (EndpointState::Suspended, Tick(32_000))
    );
}

#[test]
fn a_thousand_parallel_failures_on_threads_are_one_suspension_step() {
    let leaf = Leaf::new(suspend(1000, 2.0, u64::MAX));
    let tries: Vec<_> = (0..1000).map(|_| leaf.admit(0)).collect();
    let changes: usize = std::thread::scope(|s| {
        let threads: Vec<_> = tries
            .chunks(125)
            .map(|chunk| {
                let leaf = &leaf;
                s.spawn(move || {
                    let failed = chunk.iter().filter(|&&a| {
                        leaf.cell
                            .on_error(&leaf.rules, a, REFUSED, None, Tick(9))
                            .is_some()
                    });
                    failed.count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(changes, 1);
    assert_eq!(leaf.cell.snapshot().last_suspension, ms(1000));
    leaf.cell.check_invariants();
}

#[test]
fn off_stays_off_whatever_comes_back() {
    let leaf = Leaf::new(LeafDef::default());
    let (a, b) = (leaf.admit(0), leaf.admit(0));
    assert_eq!(
        leaf.cell.switch_off(Tick(1)).unwrap().to,
        EndpointState::Off
    );
    assert!(leaf.cell.switch_off(Tick(2)).is_none());
    assert!(leaf.fail_as(a, REFUSED, 3).is_none());
    assert!(leaf.cell.on_success(b, Tick(4)).is_none());
    assert!(leaf.cell.is_off());
    assert!(!leaf.cell.is_ready(Tick(u64::MAX)));
    assert_eq!(
        leaf.cell.switch_on(Tick(5)).unwrap().to,
        EndpointState::Active
    );
    assert!(leaf.cell.switch_on(Tick(6)).is_none());
    // A try from before Off still belongs to the past.
    assert!(leaf.fail_as(a, REFUSED, 7).is_none());
    assert_eq!(leaf.state(), EndpointState::Active);
}

#[test]
fn a_late_success_does_not_end_a_suspension_but_the_probe_does() {
    let leaf = Leaf::new(LeafDef::default());
    let (slow, quick) = (leaf.admit(0), leaf.admit(0));
    leaf.fail_as(quick, REFUSED, 1).unwrap();
    assert!(leaf.cell.on_success(slow, Tick(2)).is_none());
    assert_eq!(leaf.state(), EndpointState::Suspended);
    assert_eq!(leaf.reply(30_001).unwrap().to, EndpointState::Active);
}

#[test]
fn an_abandoned_probe_frees_its_slot_once() {
    let leaf = Leaf::new(LeafDef::default());
    leaf.fail(REFUSED, 0);
    let probe = leaf.admit(30_000);
    assert!(leaf.cell.admit(Tick(30_000)).is_none());
    leaf.cell.abandon(probe);
    let again = leaf.admit(30_001);
    leaf.fail_as(again, REFUSED, 30_002).unwrap();
    // The first probe's slot belongs to an older epoch by now.
    leaf.cell.abandon(probe);
    leaf.cell.check_invariants();
    assert!(leaf.admit(60_002).is_probe());
    assert!(leaf.cell.admit(Tick(60_002)).is_none());
}

#[test]
fn an_ignored_error_of_a_probe_frees_its_slot() {
    let leaf = Leaf::new(LeafDef {
        suspend_codes: vec![REFUSED.0],
        ..LeafDef::default()
    });
    leaf.fail(REFUSED, 0);
    assert!(leaf.fail(ErrorCode::PROTOCOL_VIOLATION, 30_000).is_none());
    assert!(leaf.admit(30_000).is_probe());
}

#[test]
fn a_suspension_of_length_zero_admits_everybody() {
    let leaf = Leaf::new(suspend(0, 2.0, 60_000));
    for at in 0..3 {
        assert_eq!(leaf.fail(REFUSED, at).unwrap().pause, Duration::ZERO);
        let (a, b) = (leaf.admit(at), leaf.admit(at));
        assert!(!a.is_probe() && !b.is_probe());
    }
}

#[test]
fn a_timeout_after_a_suspension_with_budget_left_keeps_the_last_length() {
    let leaf = Leaf::new(LeafDef {
        suspend_initial: Some(spanned(ms(1000))),
        suspend_factor: Some(spanned(2.0)),
        ..tolerate(1, 10)
    });
    leaf.fail(REFUSED, 0);
    assert_eq!(leaf.fail(SILENT, 1000).unwrap().to, EndpointState::Timeout);
    assert_eq!(leaf.cell.snapshot().last_suspension, ms(1000));
    assert_eq!(leaf.fail(REFUSED, 1010).unwrap().next, Tick(3010));
}

/// Spec 6.3 as a table: every state meets every event, from an admission of its own epoch and of an older one.
#[test]
fn state_event_matrix() {
    use EndpointState::{Active, Off, Suspended, Timeout};
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Timeout,
        Suspend,
        Ignored,
        Reply,
        SwitchOff,
        SwitchOn,
    }
    let bring = |leaf: &Leaf, state| match state {
        Active => {}
        Timeout => assert!(leaf.fail(SILENT, 0).is_some()),
        Suspended => assert!(leaf.fail(REFUSED, 0).is_some()),
        Off => assert!(leaf.cell.switch_off(Tick(0)).is_some()),
    };
    // state, event, after it with an admission of this epoch, after it with an older one
    let table = [
        (Active, Event::Timeout, Timeout, Active),
        (Active, Event::Suspend, Suspended, Active),
        (Active, Event::Ignored, Active, Active),
        (Active, Event::Reply, Active, Active),
        (Active, Event::SwitchOff, Off, Off),
        (Active, Event::SwitchOn, Active, Active),
        (Timeout, Event::Timeout, Timeout, Timeout),
        (Timeout, Event::Suspend, Suspended, Timeout),
        (Timeout, Event::Ignored, Timeout, Timeout),
        (Timeout, Event::Reply, Active, Timeout),
        (Timeout, Event::SwitchOff, Off, Off),
        (Timeout, Event::SwitchOn, Active, Active),
        (Suspended, Event::Timeout, Timeout, Suspended),
        (Suspended, Event::Suspend, Suspended, Suspended),
        (Suspended, Event::Ignored, Suspended, Suspended),
        (Suspended, Event::Reply, Active, Suspended),
        (Suspended, Event::SwitchOff, Off, Off),
        (Suspended, Event::SwitchOn, Active, Active),
        (Off, Event::Timeout, Off, Off),
        (Off, Event::Suspend, Off, Off),
        (Off, Event::Ignored, Off, Off),
        (Off, Event::Reply, Off, Off),
        (Off, Event::SwitchOff, Off, Off),
        (Off, Event::SwitchOn, Active, Active),
    ];
    for (state, event, now_epoch, old_epoch) in table {
        for stale in [false, true] {
            let leaf = Leaf::new(LeafDef {
                suspend_codes: vec![REFUSED.0],
                ..tolerate(5, 10)
            });
            let old = leaf.admit(0);
            // One full outage lies between the old admission and the state under test.
            let outage = leaf.admit(0);
            leaf.fail_as(outage, REFUSED, 0);
            leaf.cell.switch_on(Tick(0));
            bring(&leaf, state);
            // Nobody is admitted while off: the newest possible admission is the one from before.
            let admission = match leaf.cell.admit(Tick(40_000)) {
                Some(fresh) if !stale => fresh,
                _ => old,
            };
            let at = 40_000;
            match event {
                Event::Timeout => {
                    let _ = leaf.fail_as(admission, SILENT, at);
                }
                Event::Suspend => {
                    let _ = leaf.fail_as(admission, REFUSED, at);
                }
                Event::Ignored => {
                    let _ = leaf.fail_as(admission, ErrorCode(101506), at);
                }
                Event::Reply => {
                    let _ = leaf.cell.on_success(admission, Tick(at));
                }
                Event::SwitchOff => {
                    let _ = leaf.cell.switch_off(Tick(at));
                }
                Event::SwitchOn => {
                    let _ = leaf.cell.switch_on(Tick(at));
                }
            }
            leaf.cell.check_invariants();
            let wanted = if stale { old_epoch } else { now_epoch };
            assert_eq!(leaf.state(), wanted, "{state:?} {event:?} stale={stale}");
        }
    }
}
