//! What `axon check` says: one faulty file per rule, compared with the expected words.
//!
//! `UPDATE_EXPECTED=1 cargo test --test check` writes the expectations anew; read the difference before committing it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compat;
mod corpus;
mod fmt;
mod formats;
mod json_schema;
mod scale;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use axon::check::{Answer, Format, Request, Which, check};
use axon::config::{loader, render};

const DATA: &str = "tests/data/config";

fn faulty_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(DATA)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "xml"))
        .collect();
    files.sort();
    files
}

fn run(path: &Path, format: Format, deny_warnings: bool) -> Answer {
    let request = Request {
        paths: &[path.to_owned()],
        default_root: Path::new("unused"),
        settings: None,
        format,
        deny: if deny_warnings {
            &[Which::Warnings]
        } else {
            &[]
        },
        allow: &[],
    };
    check(&request, [], axon::server::check_more)
}

#[test]
fn every_faulty_file_gets_its_words() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let files = faulty_files();
    assert!(files.len() >= 25);
    let mut wrong = Vec::new();
    for path in files {
        let answer = run(&path, Format::Human, false);
        let said = format!("{}exit code {}\n", answer.text, answer.exit_code);
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&said) {
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tools_get_one_object_with_every_field() {
    let answer = run(&Path::new(DATA).join("no-uri.xml"), Format::Json, false);
    let report: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(report["files"], 1);
    let problem = report["diagnostics"][0].as_object().unwrap();
    let fields: Vec<&str> = problem.keys().map(String::as_str).collect();
    let expected = [
        "code",
        "severity",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "message",
        "help",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&problem["code"], &problem["line"]),
        (&"AX0204".into(), &2.into())
    );
}

#[test]
fn warnings_fail_the_check_only_when_denied() {
    let path = Path::new(DATA).join("bare-group.xml");
    assert_eq!(run(&path, Format::Human, false).exit_code, 0);
    assert_eq!(run(&path, Format::Human, true).exit_code, 1);
}

#[test]
fn warnings_are_denied_and_allowed_by_kind_and_by_code() {
    let path = Path::new(DATA).join("lint-single.xml");
    let exit = |deny: &[Which], allow: &[Which]| {
        let request = Request {
            paths: std::slice::from_ref(&path),
            default_root: Path::new("unused"),
            settings: None,
            format: Format::Human,
            deny,
            allow,
        };
        let answer = check(&request, [], |_, _, _| {});
        (answer.exit_code, answer.text.matches("warning[").count())
    };
    let which = |text: &str| text.parse::<Which>().unwrap();
    let (lints, cut, other) = (which("lints"), which("ax0905"), which("AX0906"));
    assert_eq!(exit(&[], &[]), (0, 4));
    assert_eq!(exit(&[lints], &[]), (1, 4));
    assert_eq!(exit(&[cut], &[]), (1, 4));
    assert_eq!(exit(&[other], &[]), (0, 4));
    assert_eq!(exit(&[lints], &[cut]), (1, 3));
    assert_eq!(exit(&[which("warnings")], &[lints]), (0, 0));
    assert!("AX9999".parse::<Which>().is_err());
}

#[test]
fn rooms_add_what_only_they_can_see() {
    let path = Path::new(DATA).join("clean.xml");
    let request = Request {
        paths: &[path],
        default_root: Path::new("unused"),
        settings: None,
        format: Format::Human,
        deny: &[],
        allow: &[],
    };
    let answer = check(&request, [], |model, _, diagnostics| {
        let span = model.endpoints[0].span;
        diagnostics.error(
            axon::codes::DiagnosticCode::UnresolvedKey,
            span,
            "no such key",
        );
    });
    assert_eq!(answer.exit_code, 1);
    assert!(answer.text.starts_with("error[AX0303]: no such key\n"));
}

#[test]
fn settings_beside_the_configuration_are_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(Path::new(DATA).join("clean.xml"), dir.path().join("e.xml")).unwrap();
    fs::write(dir.path().join("axon.toml"), "[timer]\n").unwrap();
    let answer = run(dir.path(), Format::Human, false);
    assert!(answer.text.contains("axon.toml:1:2"), "{}", answer.text);
    assert!(
        answer
            .text
            .ends_with("check: 1 file, 2 endpoints, 1 error, 0 warnings\n")
    );
}

/// xorshift64*: the same files on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const PIECES: &[&[u8]] = &[
        b"<",
        b">",
        b"\"",
        b"&",
        b"&#0;",
        b"&amp;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"${",
        b"}",
        b"$SYSTEM:",
        b"\xFF",
        b"\0",
        b"</endpoint>",
        b"<endpoint>",
        b"<session type='http'/>",
        b"xmlns=''",
        b"-1",
        b"\xC3\xA9",
    ];
    let at = random.below(bytes.len() + 1);
    match random.below(4) {
        0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        1 => {
            let end = (at + random.below(20)).min(bytes.len());
            bytes.drain(at..end);
        }
        2 => {
            let start = random.below(bytes.len() + 1);
            let end = (start + random.below(40)).min(bytes.len());
            let copy = bytes[start..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
    }
}

#[test]
fn damaged_files_give_problems_and_never_a_panic() {
    let corpus: Vec<Vec<u8>> = faulty_files()
        .iter()
        .map(|p| fs::read(p).unwrap())
        .collect();
    let seed = 0x5EED_0003;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    for _ in 0..4_000 {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(6) {
            mutate(&mut bytes, &mut random);
        }
        let (model, diagnostics) = loader::parse_bytes("e.xml", &bytes);
        let list = diagnostics.into_sorted();
        for problem in &list {
            let text = &model.sources.file(problem.span.file).text;
            let range = problem.span.start as usize..problem.span.end as usize;
            assert!(text.get(range).is_some(), "{problem:?} in {text:?}");
        }
        assert_eq!(
            render::human(&model.sources, &list).is_empty(),
            list.is_empty()
        );
        serde_json::from_str::<serde_json::Value>(&render::json(1, &model.sources, &list)).unwrap();
    }
}
