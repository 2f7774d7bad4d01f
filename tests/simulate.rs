//! The timelines of spec/endpoints.md 22 as scenarios of `axon simulate`, with the numbers that stand there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use axon::simulate::{Entry, Scenario, human, json, run};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/simulate")
        .join(name)
}

fn lines_of(tree: &str, scenario: &str, seed: u64) -> Vec<Entry> {
    let scenario = Scenario::read(&file(scenario)).unwrap();
    let mut lines = Vec::new();
    run(&[file(tree)], &scenario, seed, &mut |entry| {
        lines.push(entry.clone());
    })
    .unwrap();
    lines
}

fn lines(name: &str) -> Vec<Entry> {
    lines_of(&format!("{name}.xml"), &format!("{name}.toml"), 1)
}

/// Time, state after, and the end of each pause and suspension.
fn states(lines: &[Entry]) -> Vec<(u64, &str, Option<u64>)> {
    let states = lines.iter().filter(|e| e.what == "state");
    states
        .map(|e| (e.t_ms, e.to.unwrap(), e.until_ms))
        .collect()
}

/// Time and endpoint of each line of a kind.
fn at<'l>(lines: &'l [Entry], what: &str) -> Vec<(u64, &'l str)> {
    let found = lines.iter().filter(|e| e.what == what);
    found
        .map(|e| {
            let path = e.endpoint.as_deref().unwrap_or("");
            (e.t_ms, path.rsplit('/').next().unwrap())
        })
        .collect()
}

/// Time and code of each request that failed.
fn failures(lines: &[Entry]) -> Vec<(u64, i32)> {
    let found = lines.iter().filter(|e| e.what == "gave_up");
    found.map(|e| (e.t_ms, e.code.unwrap())).collect()
}

#[test]
fn t_a_defaults() {
    let lines = lines("t-a");
    assert_eq!(
        states(&lines),
        [(0, "suspended", Some(30_000)), (30_001, "active", None)]
    );
    assert_eq!(failures(&lines), [(0, 101_503), (10_000, 303_001)]);
    assert_eq!(at(&lines, "answered"), [(30_001, "e")]);
}

#[test]
fn t_b_progression() {
    assert_eq!(
        states(&lines("t-b")),
        [
            (0, "suspended", Some(1_000)),
            (1_000, "suspended", Some(3_000)),
            (3_000, "suspended", Some(7_000)),
            (7_000, "suspended", Some(12_000)),
            (12_000, "suspended", Some(17_000)),
            (17_000, "active", None),
            (17_001, "suspended", Some(18_001)),
        ]
    );
}

#[test]
fn t_c_tolerated_timeouts() {
    assert_eq!(
        states(&lines("t-c")),
        [
            (0, "timeout", Some(10)),
            (20, "timeout", Some(30)),
            (40, "timeout", Some(50)),
            (60, "suspended", Some(30_060)),
        ]
    );
    assert_eq!(
        states(&lines_of("t-c.xml", "t-c-success.toml", 1)),
        [
            (0, "timeout", Some(10)),
            (20, "timeout", Some(30)),
            (30, "active", None),
            (40, "timeout", Some(50)),
            (60, "timeout", Some(70)),
            (80, "timeout", Some(90)),
            (100, "suspended", Some(30_100)),
        ]
    );
}

#[test]
fn t_d_mixed_lists() {
    let lines = lines("t-d");
    let until: Vec<_> = states(&lines)
        .iter()
        .map(|(at, to, until)| (*at, *to, until.unwrap() - at))
        .collect();
    // The refused connection of t=0 is in neither list; each time below is the spec's plus 1.
    assert_eq!(
        until,
        [
            (1, "suspended", 1_000),
            (1_001, "suspended", 2_000),
            (3_001, "suspended", 4_000),
            (7_001, "suspended", 8_000),
            (15_001, "suspended", 16_000),
            (31_001, "suspended", 32_000),
            (63_001, "suspended", 60_000),
        ]
    );
}

#[test]
fn t_e_concurrency() {
    let lines = lines("t-e");
    // The first failure is at 1; the nine others of the same outage change nothing.
    assert_eq!(
        states(&lines),
        [
            (1, "suspended", Some(1_001)),
            (1_006, "suspended", Some(3_006))
        ]
    );
    let probes: Vec<_> = at(&lines, "try")
        .into_iter()
        .filter(|(t, _)| *t == 1_001)
        .collect();
    assert_eq!(probes.len(), 1);
    assert_eq!(
        failures(&lines)
            .iter()
            .filter(|f| **f == (1_001, 303_001))
            .count(),
        2
    );
}

#[test]
fn t_f_failover() {
    let dynamic = lines("t-f");
    assert_eq!(
        at(&dynamic, "try"),
        [
            (0, "a"),
            (0, "b"),
            (10_000, "b"),
            (30_000, "a"),
            (30_000, "b")
        ]
    );
    let fixed = lines("t-f-static");
    assert_eq!(
        at(&fixed, "answered"),
        [(0, "b"), (31_000, "b"), (32_000, "a")]
    );
}

#[test]
fn t_g_round_robin_with_failover() {
    let lines = lines("t-g");
    let order: String = at(&lines, "answered")
        .iter()
        .map(|(_, c)| &c[1..])
        .collect();
    assert_eq!(order[..63], "123".repeat(21));
    assert_eq!(&order[63..70], "2323232");
    // Child 1 was asked once in vain, and again when its 60 seconds were over.
    let first: Vec<_> = at(&lines, "try")
        .into_iter()
        .filter(|(t, c)| *c == "c1" && *t >= 6_300)
        .collect();
    assert_eq!(first[0], (6_300, "c1"));
    assert!(first[1].0 >= 66_300, "{first:?}");
}

#[test]
fn t_h_nested() {
    let lines = lines("t-h");
    assert_eq!(
        at(&lines, "answered"),
        [(0, "a"), (1_000, "b"), (31_000, "a")]
    );
    assert_eq!(failures(&lines), [(2_000, 101_503), (3_000, 309_001)]);
    assert!(
        at(&lines, "try")
            .iter()
            .all(|(_, c)| *c != "c" && *c != "d")
    );
}

#[test]
fn t_i_session_life() {
    let lines = lines("t-i");
    let of_session: Vec<_> = lines
        .iter()
        .filter(|e| e.what == "answered" && e.text.is_some())
        .map(|e| (e.t_ms, e.endpoint.as_deref().unwrap()))
        .collect();
    assert_eq!(
        of_session,
        [
            (0, "g/one"),
            (400, "g/one"),
            (800, "g/one"),
            (1_200, "g/one")
        ]
    );
    assert_eq!(failures(&lines), [(1_400, 309_001)]);
}

#[test]
fn t_j_timeout() {
    let lines = lines("t-j");
    assert_eq!(failures(&lines), [(2_000, 101_504)]);
    assert_eq!(states(&lines), [(2_000, "suspended", Some(32_000))]);
}

#[test]
fn t_k_weights() {
    let order = |tree: &str| {
        let lines = lines_of(tree, "t-k.toml", 1);
        let tries = at(&lines, "answered");
        tries.iter().map(|(_, c)| &c[1..]).collect::<String>()
    };
    assert_eq!(order("t-k.xml"), "011122011122");
    assert_eq!(order("t-k-smooth.xml"), "120121120121");
}

#[test]
fn orders_decide_over_sessions_and_outlive_a_reload() {
    let lines = lines("drain");
    assert_eq!(
        at(&lines, "answered"),
        [
            (0, "one"),
            (200, "one"),
            (300, "two"),
            (500, "two"),
            (510, "two"),
            (600, "one"),
            (800, "two"),
        ]
    );
}

#[test]
fn the_same_seed_gives_the_same_lines_in_both_forms() {
    let program = |format: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_axon"))
            .arg("simulate")
            .arg(file("t-f.xml"))
            .arg("--scenario")
            .arg(file("t-f.toml"))
            .args(["--seed", "7", "--format", format])
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let print = |print: fn(&Entry) -> String| {
        let lines = lines_of("t-f.xml", "t-f.toml", 7);
        lines.iter().map(|e| print(e) + "\n").collect::<String>()
    };
    assert_eq!(program("human"), print(human));
    assert_eq!(program("json"), print(json));
}

#[test]
fn a_scenario_that_names_nobody_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "[[backend]]\nchild = \"nobody\"\n").unwrap();
    let scenario = Scenario::read(&path).unwrap();
    let refused = run(&[file("t-a.xml")], &scenario, 1, &mut |_| {});
    assert!(refused.unwrap_err().contains("nobody"));
}
