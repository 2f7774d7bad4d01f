//! Files of others: `../shared/corpus` (or `AXON_SHARED`), which is not part of the project. Without it the tests say so and pass.
//!
//! What is asked of a check: nobody's endpoint is judged wrongly, and a refusal points into the faulty element.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axon::check::{Format, Request, check};
use axon::config::format::{Style, format};
use axon::config::{loader, serialise};
use serde_json::Value;

pub fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("AXON_SHARED").map_or("../shared".into(), PathBuf::from);
    let corpus = shared.join("corpus");
    if !corpus.is_dir() {
        println!("skipped: there is no ../shared/corpus (AXON_SHARED names another place)");
        return None;
    }
    Some(corpus)
}

/// Taken by Synapse, refused here: security that would not be there is never passed over (design: never silent plaintext).
const STRICTER: &[&str] = &[
    "definitions-027-security_transformation_proxy_for_policy4_backend.xml",
    "definitions-028-security_transformation_proxy_for_policy6_backend.xml",
];

/// A mutant that lost a namespace declaration besides the fault that was put in.
const SECOND_FAULT: &str = "m006";

pub struct Row {
    pub file: PathBuf,
    pub name: String,
    pub invalid: bool,
    pub columns: Vec<String>,
}

pub fn rows(folder: &Path, verdict: usize) -> Vec<Row> {
    let list = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let rows = list.lines().skip(1).map(|line| {
        let columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let invalid = ["invalid", "rejects"].contains(&columns[verdict].as_str());
        Row {
            file: folder.join(&columns[0]),
            name: columns[0].clone(),
            invalid,
            columns,
        }
    });
    rows.collect()
}

fn diagnostics(file: &Path) -> Vec<Value> {
    let request = Request {
        paths: &[file.to_owned()],
        default_root: Path::new("unused"),
        settings: None,
        format: Format::Json,
        deny: &[],
        allow: &[],
    };
    let answer = check(&request, [], axon::server::check_more);
    let report: Value = serde_json::from_str(&answer.text).unwrap();
    report["diagnostics"].as_array().unwrap().clone()
}

fn errors(file: &Path) -> Vec<Value> {
    let mut all = diagnostics(file);
    // The corpus holds configurations without the files that they name.
    all.retain(|d| d["severity"] == "error" && d["code"] != "AX0110" && d["code"] != "AX0602");
    all
}

fn wrong_verdicts(rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        let errors = errors(&row.file);
        let stricter = STRICTER.contains(&row.name.as_str());
        if (errors.is_empty() == row.invalid) != stricter {
            wrong.push(format!("{} {errors:?}", row.columns.join(" ")));
        }
        if stricter {
            assert!(errors.iter().all(|e| e["code"] == "AX0701"), "{errors:?}");
        }
    }
    wrong
}

fn count(file: &Path, tally: &mut BTreeMap<String, usize>) {
    for d in diagnostics(file) {
        let key = format!(
            "{} {}",
            d["severity"].as_str().unwrap(),
            d["code"].as_str().unwrap()
        );
        *tally.entry(key).or_default() += 1;
    }
}

#[test]
fn every_file_is_judged_as_synapse_judges_it() {
    let Some(corpus) = corpus() else { return };
    let files = rows(&corpus, 2);
    assert_eq!(files.len(), 151);
    let mut wrong = wrong_verdicts(&files);
    wrong.extend(wrong_verdicts(&rows(&corpus.join("mutants"), 1)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut tally = BTreeMap::new();
    for row in &files {
        count(&row.file, &mut tally);
    }
    println!("diagnostics of the 151 files: {tally:#?}");
}

#[test]
fn every_rule_is_kept_as_synapse_keeps_it() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("rules");
    let rules = rows(&folder, 1);
    assert_eq!(rules.len(), 55);
    let wrong = wrong_verdicts(&rules);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_points_into_the_faulty_element() {
    let Some(corpus) = corpus() else { return };
    let mutants = rows(&corpus.join("mutants"), 1);
    assert_eq!(mutants.len(), 44);
    for row in mutants {
        let (original, text) = (corpus.join(&row.columns[3]), read(&row.file));
        let errors = errors(&row.file);
        assert!(!errors.is_empty(), "{}", row.name);
        let Ok(mutant) = roxmltree::Document::parse(&text) else {
            assert_eq!(errors.len(), 1, "{}: {errors:?}", row.name);
            assert_eq!(errors[0]["code"], "AX0101", "{}", row.name);
            continue;
        };
        let original = read(&original);
        let original = roxmltree::Document::parse(&original).unwrap();
        let faulty = difference(original.root_element(), mutant.root_element()).unwrap();
        let inside = |error: &&Value| {
            let at = offset(&text, &error["line"], &error["column"]);
            faulty.range().contains(&at)
        };
        let most = match row.name.starts_with(SECOND_FAULT) {
            true => 1,
            false => errors.len(),
        };
        let found = errors.iter().filter(inside).count();
        assert_eq!(found, most, "{} {}: {errors:?}", row.name, row.columns[2]);
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The innermost element in which the mutant is no longer what it was made from.
fn difference<'m>(
    was: roxmltree::Node<'_, '_>,
    is: roxmltree::Node<'m, 'm>,
) -> Option<roxmltree::Node<'m, 'm>> {
    let attributes = |node: roxmltree::Node<'_, '_>| -> Vec<(String, String)> {
        let mut all: Vec<_> = node
            .attributes()
            .map(|a| (a.name().to_owned(), a.value().to_owned()))
            .collect();
        all.sort();
        all
    };
    let text = |node: roxmltree::Node<'_, '_>| -> String {
        let words = node
            .children()
            .filter(|c| c.is_text())
            .filter_map(|c| c.text());
        words.flat_map(str::split_whitespace).collect()
    };
    if was.tag_name() != is.tag_name() || attributes(was) != attributes(is) || text(was) != text(is)
    {
        return Some(is);
    }
    let children = |node: roxmltree::Node<'m, 'm>| {
        node.children()
            .filter(|c| c.is_element())
            .collect::<Vec<_>>()
    };
    let new = children(is);
    let old: Vec<_> = was.children().filter(|c| c.is_element()).collect();
    if new.len() < old.len() {
        return Some(is);
    }
    for (nth, child) in new.iter().enumerate() {
        match old.get(nth) {
            Some(before) if new.len() == old.len() || before.tag_name() == child.tag_name() => {
                if let Some(found) = difference(*before, *child) {
                    return Some(found);
                }
            }
            _ => return Some(*child),
        }
    }
    None
}

fn offset(text: &str, line: &Value, column: &Value) -> usize {
    let (line, column) = (
        line.as_u64().unwrap() as usize,
        column.as_u64().unwrap() as usize,
    );
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let in_line = text[before..]
        .char_indices()
        .nth(column - 1)
        .map_or(0, |(at, _)| at);
    before + in_line
}

/// Every file that axon reads without an error: the corpus and the samples of Apache Synapse.
fn sound_files(corpus: &Path) -> Vec<PathBuf> {
    let samples = corpus.join("synapse-samples/repository/conf/sample");
    let samples = std::fs::read_dir(samples)
        .unwrap()
        .map(|e| e.unwrap().path());
    let all = rows(corpus, 2)
        .into_iter()
        .filter(|r| !r.invalid)
        .map(|r| r.file);
    all.chain(samples.filter(|f| f.is_file() && f.extension().is_some_and(|e| e == "xml")))
        .collect()
}

/// They suspend the only endpoint that they have, as AX0903 says.
const ALONE: &[&str] = &[
    "definitions-009-CARBON11016_synapse.xml",
    "sequence-148-EndpointErrorTestCloneSequence.xml",
];

#[test]
fn published_files_set_off_no_warning_about_intent() {
    let Some(corpus) = corpus() else { return };
    for file in sound_files(&corpus) {
        for d in diagnostics(&file) {
            let code = d["code"].as_str().unwrap();
            let alone = code == "AX0903" && ALONE.iter().any(|name| file.ends_with(name));
            assert!(
                !code.starts_with("AX09") || alone,
                "{}: {d}",
                file.display()
            );
            // Documents that a sample names lie where its package is unpacked.
            let elsewhere = ["AX0110", "AX0602"].contains(&code);
            let stricter = STRICTER.iter().any(|s| file.ends_with(s));
            let known = d["severity"] != "error" || stricter || elsewhere;
            assert!(known, "{}: {d}", file.display());
        }
    }
}

#[test]
fn published_files_survive_being_formatted_and_written() {
    let Some(corpus) = corpus() else { return };
    let styles = [(false, None), (true, None), (true, Some(4))];
    let mut endpoints = 0;
    for file in sound_files(&corpus) {
        let bytes = std::fs::read(&file).unwrap();
        for (upgrade, indent) in styles {
            let style = Style { upgrade, indent };
            let once = format(&file, &bytes, style)
                .unwrap_or_else(|e| panic!("{}: {e:?}", file.display()));
            let twice = format(&file, &once.bytes, style).unwrap();
            assert_eq!(once.after, twice.after, "{}", file.display());
        }
        let (model, _) = loader::parse_bytes("e.xml", &bytes);
        for def in &model.endpoints {
            let text = serialise::endpoint(def);
            if text.contains("<!--") {
                // Something in it is not run, so that the model does not hold it.
                continue;
            }
            let (again, _) = loader::parse_bytes("e.xml", text.as_bytes());
            assert_eq!(
                serialise::endpoint(&again.endpoints[0]),
                text,
                "{}",
                file.display()
            );
            endpoints += 1;
        }
    }
    assert!(endpoints > 10, "{endpoints}");
}
