//! What tools get: JSON by our own schema, SARIF by a schema of what we write of it.

use std::path::Path;

use axon::check::Format;
use serde_json::Value;

use super::json_schema::problems;
use super::{DATA, faulty_files, run};

fn schema(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn parsed(path: &Path, format: Format) -> Value {
    serde_json::from_str(&run(path, format, false).text).unwrap()
}

#[test]
fn every_answer_in_json_fits_its_schema() {
    let schema = schema("docs/schemas/check.schema.json");
    for path in faulty_files() {
        let report = parsed(&path, Format::Json);
        assert_eq!(problems(&schema, &report), [""; 0], "{}", path.display());
    }
    let missing = parsed(Path::new("no/such/file.xml"), Format::Json);
    assert_eq!(problems(&schema, &missing), [""; 0]);
}

#[test]
fn every_answer_in_sarif_fits_the_standard() {
    let schema = schema("tests/data/sarif-subset.schema.json");
    for path in faulty_files() {
        let log = parsed(&path, Format::Sarif);
        assert_eq!(problems(&schema, &log), [""; 0], "{}", path.display());
        let run = &log["runs"][0];
        let (rules, results) = (&run["tool"]["driver"]["rules"], &run["results"]);
        let report = parsed(&path, Format::Json);
        let diagnostics = report["diagnostics"].as_array().unwrap();
        assert_eq!(results.as_array().unwrap().len(), diagnostics.len());
        for (result, diagnostic) in results.as_array().unwrap().iter().zip(diagnostics) {
            let rule = &rules[result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            assert_eq!(result["ruleId"], diagnostic["code"]);
            assert_eq!(result["properties"]["severity"], diagnostic["severity"]);
            let place = &result["locations"][0]["physicalLocation"];
            if !place["region"].is_null() {
                assert_eq!(place["region"]["startLine"], diagnostic["line"]);
                assert_eq!(place["region"]["endColumn"], diagnostic["end_column"]);
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_has_no_region() {
    let log = parsed(Path::new("no/such/file.xml"), Format::Sarif);
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "no/such/file.xml");
    assert!(place["region"].is_null());
}

#[test]
fn the_clean_file_is_a_run_without_results() {
    let log = parsed(&Path::new(DATA).join("clean.xml"), Format::Sarif);
    assert_eq!(log["runs"][0]["results"], Value::Array(Vec::new()));
}
