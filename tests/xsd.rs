//! The validator of `validate` against 216 pairs of schema and instance (`tests/data/xsd`), judged as Xerces judges them.

#![cfg(feature = "xsd")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axon::soap::xsd::{SchemaTexts, Schemas};

/// Cases in which the validator is known to judge otherwise, with the reason; a case that is right after all must go.
const OTHERWISE: &[(&str, &str)] = &[(
    "type-base64Binary-03",
    "the validator takes no blanks inside base64",
)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/xsd")
}

/// The schema, with every other schema of the folder for it to include.
fn texts(name: &str) -> SchemaTexts {
    let own = format!("{name}.xsd");
    let mut resources = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.ends_with(".xsd") && file != own {
            resources.push((file, Arc::from(std::fs::read_to_string(&path).unwrap())));
        }
    }
    let text = std::fs::read_to_string(folder().join(&own)).unwrap();
    SchemaTexts {
        schemas: vec![(own, Arc::from(text))],
        resources,
    }
}

fn verdict(schema: &str, instance: &str) -> &'static str {
    let Ok(schemas) = Schemas::compile(&texts(schema)) else {
        return "schema-error";
    };
    let path = folder().join(format!("{instance}.xml"));
    match schemas.validate(&std::fs::read_to_string(path).unwrap()) {
        Ok(()) => "valid",
        Err(_) => "invalid",
    }
}

#[test]
fn the_cases_are_judged_as_the_reference_judges_them() {
    let table = std::fs::read_to_string(folder().join("cases.tsv")).unwrap();
    let (mut count, mut wrong, mut unexpected) = (0, 0, Vec::new());
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [id, topic, schema, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        count += 1;
        let said = verdict(schema, id);
        let known = OTHERWISE.iter().any(|(known, _)| *known == id);
        wrong += usize::from(said != expected);
        if (said == expected) == known {
            unexpected.push(format!("{id} ({topic}): {said}, expected {expected}"));
        }
    }
    assert_eq!(count, 216);
    println!("{} of {count} as expected", count - wrong);
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(wrong * 50 <= count, "98 % at least");
}
