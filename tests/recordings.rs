//! The recordings under `tests/data/oracle` are what was recorded: no test may be made to pass by editing them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle")
}

/// Name and SHA-256 of each file, as the list says.
fn listed() -> Vec<(String, String)> {
    let list = std::fs::read_to_string(recordings().join("SHA256SUMS")).unwrap();
    let lines = list.lines().map(|line| line.split_once("  ").unwrap());
    lines
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect()
}

fn is_listed_as(folder: &Path) -> std::io::Result<bool> {
    let list = std::fs::File::open(recordings().join("SHA256SUMS"))?;
    let mut sums = Command::new("sha256sum");
    sums.args(["--check", "--strict", "--quiet"])
        .current_dir(folder);
    Ok(sums.stdin(Stdio::from(list)).status()?.success())
}

#[test]
fn the_copies_have_the_listed_hashes_and_none_is_missing_from_the_list() {
    assert!(is_listed_as(&recordings()).expect("sha256sum of coreutils"));
    let names: BTreeSet<String> = listed().into_iter().map(|(name, _)| name).collect();
    let mut count = 0;
    for folder in ["scenarios", "mediation"] {
        for file in std::fs::read_dir(recordings().join(folder)).unwrap() {
            count += 1;
            let file = file.unwrap().file_name().into_string().unwrap();
            let name = format!("{folder}/{file}");
            assert!(names.contains(&name), "{name} is not in the list");
        }
    }
    // Beside the runner and its back ends.
    assert_eq!(names.len(), count + 2);
}

#[test]
fn the_copies_are_those_of_the_shared_folder_when_it_is_there() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("AXON_SHARED").map_or(beside, PathBuf::from);
    let oracle = shared.join("oracle");
    if !oracle.is_dir() {
        println!(
            "skipped: there is no shared folder beside the project (AXON_SHARED names another place)"
        );
        return;
    }
    assert!(is_listed_as(&oracle).expect("sha256sum of coreutils"));
}

#[test]
fn the_table_of_xpath_is_that_of_the_shared_folder_when_it_is_there() {
    let copies = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/xpath");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("AXON_SHARED").map_or(beside, PathBuf::from);
    let originals = shared.join("oracle/xpath");
    for file in std::fs::read_dir(&copies).unwrap() {
        let name = file.unwrap().file_name();
        if let Ok(original) = std::fs::read(originals.join(&name)) {
            assert_eq!(
                std::fs::read(copies.join(&name)).unwrap(),
                original,
                "{name:?}"
            );
        }
    }
}

#[test]
fn each_oddity_of_the_recorded_gateway_is_listed_with_what_axon_does() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("AXON_SHARED").map_or(project.join("../shared"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(shared.join("oracle/kaazing/cases")) else {
        println!(
            "skipped: there is no shared folder beside the project (AXON_SHARED names another place)"
        );
        return;
    };
    let page = std::fs::read_to_string(project.join("docs/differences.md")).unwrap();
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let set: serde_json::Value = serde_json::from_str(&text).unwrap();
        for case in set["cases"].as_array().unwrap() {
            if case["quirk"] == true {
                let id = case["id"].as_str().unwrap();
                assert!(page.contains(&format!("`{id}`")), "{id} is not listed");
                count += 1;
            }
        }
    }
    assert!(count > 0, "no case is marked");
}
