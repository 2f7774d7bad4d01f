//! `axon fmt` on files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axon::check::{Answer, FmtRequest, fmt};
use axon::config::format::Style;

const OLD: &str = "<endpoint name='e' xmlns='http://ws.apache.org/ns/synapse'>\n  <!-- two -->\n  <loadBalance><endpoint key='a'/></loadBalance>\n</endpoint>\n";
const NEW: &str = "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"e\">\n  <!-- two -->\n  <loadbalance><endpoint key=\"a\"/></loadbalance>\n</endpoint>\n";

fn run(path: &Path, check: bool) -> Answer {
    fmt(&FmtRequest {
        paths: &[path.to_owned()],
        default_root: Path::new("unused"),
        check,
        style: Style {
            upgrade: true,
            indent: None,
        },
    })
}

#[test]
fn a_check_shows_the_difference_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.xml");
    std::fs::write(&file, OLD).unwrap();
    let answer = run(&file, true);
    assert_eq!(answer.exit_code, 1);
    assert!(
        answer.text.contains("\n-  <loadBalance>"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains("\n+  <loadbalance>"),
        "{}",
        answer.text
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), OLD);
}

#[test]
fn a_file_is_replaced_with_its_permissions_and_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.xml");
    let link = folder.path().join("link.xml");
    std::fs::write(&file, OLD).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let answer = run(&link, false);
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), NEW);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing is left behind"
    );
    assert_eq!(run(&file, true).exit_code, 0);
}

#[test]
fn a_folder_is_formatted_and_what_is_no_configuration_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e.xml"), OLD).unwrap();
    std::fs::write(folder.path().join("pom.xml"), "<project  a='b'/>").unwrap();
    let answer = run(folder.path(), false);
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
    assert!(
        answer.text.ends_with("fmt: 1 file, 1 changed\n"),
        "{}",
        answer.text
    );
}

#[test]
fn a_faulty_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.xml");
    std::fs::write(&file, "<endpoint").unwrap();
    let answer = run(&file, false);
    assert_eq!(answer.exit_code, 1);
    assert!(answer.text.contains("error[AX0101]"), "{}", answer.text);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "<endpoint");
    assert_eq!(run(Path::new("no/such.xml"), false).exit_code, 1);
}

#[test]
fn the_samples_are_in_canonical_form() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    // Printed as documentation prints a group: the old way on purpose.
    paths
        .retain(|p| p.extension().is_some_and(|e| e == "xml") && !p.ends_with("03-bare-group.xml"));
    let answer = fmt(&FmtRequest {
        paths: &paths,
        default_root: Path::new("unused"),
        check: true,
        style: Style {
            upgrade: true,
            indent: None,
        },
    });
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
}
