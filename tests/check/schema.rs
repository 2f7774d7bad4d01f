//! The schema of `axon schema --xsd`, judged by a validator that is not ours: `xmllint`, or lxml of Python. Where neither is, the tests say so
//! and pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use axon::config::schema::{Dialect, xsd};

use super::corpus;

/// Prints one line for each file: `valid FILE` or `invalid FILE REASON`.
const LXML: &str = "
import sys
from lxml import etree
schema = etree.XMLSchema(etree.parse(sys.argv[1]))
for name in sys.argv[2:]:
    try:
        good = schema.validate(etree.parse(name))
        print('valid' if good else 'invalid', name, '' if good else schema.error_log[0].message)
    except etree.XMLSyntaxError as error:
        print('invalid', name, error)
";

/// Faults that a schema cannot see: an XPath that does not parse, a condition made of two attributes, a code that one version of a fault needs.
const NOT_STRUCTURAL: &[&str] = &["m006", "m008", "m014", "m015", "m025", "m027", "m033"];

/// What the validator says of each file, `None` for valid.
fn verdicts(dialect: Dialect, files: &[PathBuf]) -> Option<BTreeMap<PathBuf, Option<String>>> {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("synapse.xsd");
    std::fs::write(&schema, xsd(dialect)).unwrap();
    let has = |program: &str, argument: &[&str]| {
        let run = Command::new(program).args(argument).output();
        run.is_ok_and(|r| r.status.success())
    };
    let mut found = BTreeMap::new();
    if has("python3", &["-c", "import lxml.etree"]) {
        let run = Command::new("python3")
            .args(["-c", LXML])
            .arg(&schema)
            .args(files)
            .output()
            .unwrap();
        let (said, errors) = (
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
        assert!(run.status.success(), "{errors}");
        for line in said.lines() {
            let mut words = line.splitn(3, ' ');
            let (verdict, file) = (words.next().unwrap(), words.next().unwrap());
            let reason = words.next().unwrap_or_default().to_owned();
            found.insert(file.into(), (verdict == "invalid").then_some(reason));
        }
    } else if has("xmllint", &["--version"]) {
        for file in files {
            let run = Command::new("xmllint")
                .args(["--noout", "--schema"])
                .arg(&schema)
                .arg(file)
                .output()
                .unwrap();
            let reason = String::from_utf8_lossy(&run.stderr).into_owned();
            assert_ne!(
                run.status.code(),
                Some(5),
                "the schema does not compile: {reason}"
            );
            found.insert(file.clone(), (!run.status.success()).then_some(reason));
        }
    } else {
        println!("skipped: there is neither xmllint nor lxml for python3");
        return None;
    }
    Some(found)
}

/// The samples that belong to a dialect: Synapse has no `http` endpoints and no mediator `call`.
fn samples(dialect: Dialect) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    // The bare group has no namespace, so that no schema applies to it.
    files
        .retain(|f| f.extension().is_some_and(|e| e == "xml") && !f.ends_with("03-bare-group.xml"));
    if dialect == Dialect::Synapse {
        let of_wso2 = |text: String| text.contains("<http ") || text.contains("<call>");
        files.retain(|f| !of_wso2(std::fs::read_to_string(f).unwrap()));
    }
    files
}

#[test]
fn the_samples_are_valid() {
    for dialect in [Dialect::Synapse, Dialect::Wso2] {
        let Some(verdicts) = verdicts(dialect, &samples(dialect)) else {
            return;
        };
        for (file, problem) in verdicts {
            assert_eq!(problem, None, "{dialect:?} {}", file.display());
        }
    }
}

#[test]
fn every_valid_file_of_others_is_valid() {
    let Some(corpus) = corpus::corpus() else {
        return;
    };
    let rows = corpus::rows(&corpus, 2);
    let of = |dialect: &str| -> Vec<PathBuf> {
        let chosen = rows
            .iter()
            .filter(|r| !r.invalid && r.columns[3] == dialect);
        chosen.map(|r| r.file.clone()).collect()
    };
    let all: Vec<PathBuf> = [of("apache"), of("wso2")].concat();
    for (dialect, files) in [(Dialect::Wso2, all), (Dialect::Synapse, of("apache"))] {
        let Some(verdicts) = verdicts(dialect, &files) else {
            return;
        };
        let wrong: Vec<_> = verdicts
            .iter()
            .filter(|(_, problem)| problem.is_some())
            .collect();
        println!(
            "{dialect:?}: {} of {} files are valid",
            files.len() - wrong.len(),
            files.len()
        );
        assert!(wrong.is_empty(), "{dialect:?} {wrong:#?}");
    }
}

#[test]
fn no_structural_mutant_is_valid() {
    let Some(corpus) = corpus::corpus() else {
        return;
    };
    let rows = corpus::rows(&corpus.join("mutants"), 1);
    let structural = rows
        .iter()
        .filter(|r| !NOT_STRUCTURAL.iter().any(|n| r.name.starts_with(n)));
    let files: Vec<PathBuf> = structural.map(|r| r.file.clone()).collect();
    assert_eq!(files.len(), 37);
    let Some(verdicts) = verdicts(Dialect::Wso2, &files) else {
        return;
    };
    let valid: Vec<_> = verdicts
        .iter()
        .filter(|(_, problem)| problem.is_none())
        .collect();
    assert!(valid.is_empty(), "{valid:#?}");
}
