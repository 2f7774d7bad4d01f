use super::*;

const HOUR: Lifetime = Lifetime {
    window: Duration::from_secs(3600),
    fixed: false,
};

fn sliding(ms: u64) -> Lifetime {
    Lifetime {
        window: Duration::from_millis(ms),
        fixed: false,
    }
}

fn fixed(ms: u64) -> Lifetime {
    Lifetime {
        fixed: true,
        ..sliding(ms)
    }
}

fn path(child: u64) -> Path {
    Path::from_slice(&[MemberId(child)])
}

#[test]
fn the_first_binding_wins_and_the_second_follows() {
    let table = SessionTable::new(10);
    assert_eq!(table.bind("c", &path(1), HOUR, Tick(0)), Bind::Stored);
    assert_eq!(
        table.bind("c", &path(2), HOUR, Tick(1)),
        Bind::Existing(path(1))
    );
    assert_eq!(table.lookup("c", Tick(2)), Some(path(1)));
    table.check_invariants();
}

#[test]
fn sessions_end_with_their_child() {
    let table = SessionTable::new(10);
    table.bind("stays", &path(1), HOUR, Tick(0));
    table.bind("goes", &path(2), HOUR, Tick(0));
    assert_eq!(table.end_where(|path| path.contains(&MemberId(2))), 1);
    assert_eq!(table.lookup("goes", Tick(1)), None);
    assert_eq!(table.lookup("stays", Tick(1)), Some(path(1)));
    table.check_invariants();
}

#[test]
fn parallel_first_requests_bind_once() {
    let table = SessionTable::new(10);
    let barrier = std::sync::Barrier::new(8);
    let stored: usize = std::thread::scope(|s| {
        let all: Vec<_> = (0..8)
            .map(|n| {
                let (table, barrier) = (&table, &barrier);
                s.spawn(move || {
                    barrier.wait();
                    usize::from(table.bind("c", &path(n), HOUR, Tick(0)) == Bind::Stored)
                })
            })
            .collect();
        all.into_iter().map(|h| h.join().unwrap()).sum()
    });
    assert_eq!(stored, 1);
}

#[test]
fn sliding_sessions_live_from_use_and_fixed_ones_from_creation() {
    let table = SessionTable::new(10);
    table.bind("s", &path(1), sliding(1000), Tick(0));
    table.bind("f", &path(1), fixed(1000), Tick(0));
    for at in [400, 800] {
        assert!(table.lookup("s", Tick(at)).is_some());
        assert!(table.lookup("f", Tick(at)).is_some());
    }
    assert!(
        table.lookup("f", Tick(1000)).is_none(),
        "over at its instant"
    );
    assert!(table.lookup("s", Tick(1799)).is_some());
    assert!(table.lookup("s", Tick(2799)).is_none());
    assert_eq!(table.counts().expired, 2);
    assert!(table.is_empty());
}

#[test]
fn a_window_of_zero_is_over_at_once() {
    let table = SessionTable::new(10);
    table.bind("c", &path(1), sliding(0), Tick(5));
    assert_eq!(table.lookup("c", Tick(5)), None);
    assert_eq!(table.bind("c", &path(2), HOUR, Tick(5)), Bind::Stored);
}

#[test]
fn a_replaced_id_leads_to_its_session_for_the_grace_time() {
    let table = SessionTable::new(10);
    table.bind("old", &path(1), HOUR, Tick(0));
    table.rebind("new", &path(1), HOUR, Tick(10));
    table.retire("old", Tick(10));
    assert_eq!(table.lookup("old", Tick(29_000)), Some(path(1)));
    assert_eq!(
        table.lookup("old", Tick(30_010)),
        None,
        "use does not extend an alias"
    );
    assert_eq!(table.lookup("new", Tick(31_000)), Some(path(1)));
}

#[test]
fn an_id_handed_out_again_moves_to_where_it_came_from() {
    let table = SessionTable::new(10);
    table.rebind("x", &path(1), HOUR, Tick(0));
    table.rebind("x", &path(2), HOUR, Tick(1));
    assert_eq!(table.lookup("x", Tick(2)), Some(path(2)));
    assert_eq!(table.len(), 1);
    table.check_invariants();
}

#[test]
fn only_the_binding_that_was_made_is_taken_back() {
    let table = SessionTable::new(10);
    table.bind("c", &path(1), HOUR, Tick(0));
    assert!(!table.unbind("c", &path(2)));
    assert!(table.unbind("c", &path(1)));
    assert!(!table.remove("c"));
}

#[test]
fn the_bound_is_hard_and_the_unused_go_first() {
    let table = SessionTable::new(3);
    for id in ["a", "b", "c"] {
        table.bind(id, &path(1), HOUR, Tick(0));
    }
    assert!(table.lookup("a", Tick(1)).is_some());
    table.bind("d", &path(1), HOUR, Tick(2));
    assert_eq!(
        table.lookup("b", Tick(3)),
        None,
        "b was the oldest that nobody used"
    );
    assert!(table.lookup("a", Tick(3)).is_some());
    assert_eq!((table.len(), table.counts().evicted), (3, 1));
    table.check_invariants();
}

#[test]
fn a_full_table_stays_full_under_100_000_ids_with_everything_in_use() {
    for bound in [1, 100, 8192] {
        let table = SessionTable::new(bound);
        for n in 0..100_000u64 {
            let id = n.to_string();
            table.bind(&id, &path(n), HOUR, Tick(n));
            assert_eq!(table.lookup(&id, Tick(n)), Some(path(n)));
        }
        assert!(table.len() <= bound);
        assert!(table.len() > bound / 2);
        assert_eq!(
            table.counts().created - table.counts().evicted,
            table.len() as u64
        );
    }
}

#[test]
fn binding_and_removing_for_ever_needs_no_more_room() {
    let table = SessionTable::new(100);
    for n in 0..10_000u64 {
        let id = n.to_string();
        table.bind(&id, &path(1), HOUR, Tick(n));
        table.remove(&id);
    }
    table.check_invariants();
    assert!(table.is_empty());
}

#[test]
fn sweeping_takes_the_expired_and_leaves_the_rest() {
    let table = SessionTable::new(10_000);
    for n in 0..1000u64 {
        table.bind(
            &n.to_string(),
            &path(1),
            sliding(if n % 2 == 0 { 10 } else { 1000 }),
            Tick(0),
        );
    }
    assert_eq!(table.sweep(Tick(500)), 500);
    assert_eq!(table.sweep(Tick(500)), 0);
    assert_eq!(table.len(), 500);
    table.check_invariants();
}
