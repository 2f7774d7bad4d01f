//! `axon compat`: a verdict for each artifact.

use std::path::Path;

use axon::check::{Answer, CompatRequest, DIFFERENCES, Format, compat};
use serde_json::{Value, json};

fn run(text: &str, format: Format) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.xml");
    std::fs::write(&file, text).unwrap();
    let request = CompatRequest {
        paths: &[file],
        default_root: Path::new("unused"),
        format,
    };
    compat(&request, [], axon::server::check_more)
}

fn definitions(inside: &str) -> String {
    format!("<definitions xmlns=\"http://ws.apache.org/ns/synapse\">\n{inside}\n</definitions>")
}

const MIXED: &str = r#"<endpoint name="e"><address uri="http://h/"/></endpoint>
<sequence name="s"><log/></sequence>
<endpoint name="t"><address uri="http://h/"><timeout><duration>5</duration></timeout></address></endpoint>
<sequence name="u"><class name="x.Y"/><filter xpath="true()"><smooks/></filter></sequence>
<sequence name="v"><switch/></sequence>
<task name="w" class="x.Y"/>
<proxy name="p"><target endpoint="e" faultSequence="s"/></proxy>"#;

#[test]
fn each_artifact_is_the_same_different_unsupported_or_invalid() {
    let answer = run(&definitions(MIXED), Format::Json);
    assert_eq!(answer.exit_code, 1);
    let report: Value = serde_json::from_str(&answer.text).unwrap();
    let verdicts: Vec<_> = report["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            let reasons = a["reasons"].as_array().unwrap().len();
            json!([a["kind"], a["name"], a["verdict"], a["line"], reasons])
        })
        .collect();
    assert_eq!(
        Value::from(verdicts),
        json!([
            ["endpoint", "e", "same", 2, 0],
            ["sequence", "s", "same", 3, 0],
            ["endpoint", "t", "different", 4, 1],
            ["sequence", "u", "unsupported", 5, 2],
            ["sequence", "v", "invalid", 6, 1],
            ["task", "w", "unsupported", 7, 1],
            ["proxy", "p", "same", 8, 0]
        ])
    );
    let counts = ["score", "same", "different", "unsupported", "invalid"].map(|n| &report[n]);
    assert_eq!(counts, [57, 3, 1, 2, 1]);
    let reason = &report["artifacts"][2]["reasons"][0];
    assert_eq!(
        (&reason["line"], &reason["column"]),
        (&json!(4), &json!(45))
    );
    assert!(
        reason["text"]
            .as_str()
            .unwrap()
            .contains("counts as `fault`")
    );
}

#[test]
fn a_person_reads_the_verdict_first_and_the_score_last() {
    let answer = run(&definitions(MIXED), Format::Human);
    let lines: Vec<&str> = answer.text.lines().collect();
    assert!(
        lines[0].starts_with("same        endpoint e ("),
        "{}",
        lines[0]
    );
    assert!(
        lines[2].starts_with("different   endpoint t ("),
        "{}",
        lines[2]
    );
    assert!(
        lines[5].contains("[AX0201] the mediator `class`"),
        "{}",
        lines[5]
    );
    assert_eq!(
        *lines.last().unwrap(),
        "compat: 57 of 100: 3 the same, 1 different, 2 unsupported, 1 invalid"
    );
    let clean = run(
        &definitions(r#"<endpoint name="e"><address uri="http://h/"/></endpoint>"#),
        Format::Human,
    );
    assert_eq!(clean.exit_code, 0);
    let broken = run("<definitions", Format::Human);
    assert_eq!(broken.exit_code, 1);
    assert!(
        broken.text.starts_with("invalid     file ("),
        "{}",
        broken.text
    );
}

#[test]
fn what_a_local_entry_holds_is_judged_with_it() {
    let entry =
        r#"<localEntry key="k"><sequence name="i"><class name="x"/></sequence></localEntry>"#;
    let answer = run(&definitions(entry), Format::Json);
    let report: Value = serde_json::from_str(&answer.text).unwrap();
    let artifacts = report["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.len(), 1);
    assert_eq!(artifacts[0]["kind"], "localEntry");
    assert_eq!(artifacts[0]["verdict"], "unsupported");
}

#[test]
fn the_rows_are_those_of_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let document = std::fs::read_to_string(path).unwrap();
    for row in DIFFERENCES {
        let cells = format!("| {} | {}", row.original, row.axon);
        assert!(document.contains(&cells), "{cells}");
    }
    assert!(DIFFERENCES.len() > 15);
}
