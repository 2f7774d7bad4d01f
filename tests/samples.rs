//! Every file in `samples/`, in the deployment folder and in the demonstration loads without a diagnostic: they are
//! what people copy from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use axon::check::{Answer, Format, Request, Which, check};

/// Printed as documentation prints a group, without a namespace: warned about, with the fix.
const BARE: &str = "03-bare-group.xml";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn answer(path: &Path, deny_warnings: bool) -> Answer {
    let request = Request {
        paths: &[path.to_owned()],
        default_root: Path::new("unused"),
        settings: None,
        format: Format::Human,
        deny: if deny_warnings {
            &[Which::Warnings]
        } else {
            &[]
        },
        allow: &[],
    };
    check(&request, [], axon::server::check_more)
}

fn assert_clean(paths: &[PathBuf]) {
    for path in paths {
        let answer = answer(path, true);
        assert_eq!(answer.exit_code, 0, "{}:\n{}", path.display(), answer.text);
    }
}

#[test]
fn samples_load_without_a_diagnostic() {
    let entries = std::fs::read_dir(root().join("samples")).unwrap();
    let files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "xml") && !path.ends_with(BARE))
        .collect();
    assert!(files.len() >= 11);
    assert_clean(&files);
}

#[test]
fn all_samples_together_have_no_error() {
    let answer = answer(&root().join("samples"), false);
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
}

#[test]
fn the_members_of_the_cluster_load_without_a_diagnostic() {
    let folder = root().join("samples/kaazing-cluster");
    assert_clean(&[folder.join("member1.xml"), folder.join("member2.xml")]);
}

#[test]
fn the_bare_group_is_warned_about_and_taken() {
    let answer = answer(&root().join("samples").join(BARE), false);
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
    assert!(answer.text.contains("warning"), "{}", answer.text);
}

#[test]
fn each_sample_is_described() {
    let described = std::fs::read_to_string(root().join("samples/README.md")).unwrap();
    for entry in std::fs::read_dir(root().join("samples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || described.contains(&format!("`{name}`")),
            "{name}"
        );
    }
}

#[test]
fn the_default_deployment_and_the_demonstration_load_without_a_diagnostic() {
    assert_clean(&[
        root().join("synapse-configs/default"),
        root().join("src/demo"),
    ]);
}
