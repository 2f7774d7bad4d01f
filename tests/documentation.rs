//! `docs/codes.md` is made from the tables that the program uses, and the settings, attributes and metric families that
//! exist are documented.
//!
//! `UPDATE_EXPECTED=1 cargo test --test documentation` writes `docs/codes.md` anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use axon::codes::{DIAGNOSTICS, ERRORS};
use axon::config::endpoint::vocabulary::{
    self, ADDRESS, DEFAULT, ENDPOINT, FAILOVER, KINDS, LOAD_BALANCE, MEMBER, SESSION, WSDL,
};
use axon::config::language::{ARTIFACTS, Support};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(docs(name)).unwrap_or_default()
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// A page for each row of the tables that is run: the folder under `docs`, the name, what it is.
fn pages() -> Vec<(&'static str, &'static str, String)> {
    let mediators = axon::mediation::mediator::MEDIATORS.iter();
    let mediators = mediators.map(|entry| ("mediators", entry.name, capital(entry.doc) + "."));
    let artifacts = ARTIFACTS.iter().filter(|row| row.support == Support::Runs);
    let artifacts = artifacts.map(|row| ("artifacts", row.element, String::new()));
    let endpoints = KINDS.iter().map(|kind| ("endpoints", *kind, String::new()));
    mediators.chain(artifacts).chain(endpoints).collect()
}

/// What stands in a list of pages about one whose row says nothing: the first sentence of its text.
fn about(text: &str) -> &str {
    let end = [". ", ".\n", "; "].iter().filter_map(|end| text.find(end));
    text.get(..end.min().unwrap_or(text.len())).unwrap_or(text)
}

/// The words of an endpoint kind, from the table that its reader uses.
fn words(kind: &str) -> String {
    let words = vocabulary::of(kind).unwrap();
    let mut out = String::from("\n");
    let own: Vec<String> = words.axon.iter().map(|word| format!("ax:{word}")).collect();
    let own = own.iter().map(String::as_str);
    let attributes: Vec<&str> = words.attributes.iter().copied().chain(own).collect();
    let children: Vec<&str> = words.once.iter().chain(words.many).copied().collect();
    for (what, list) in [("Attributes", attributes), ("Children", children)] {
        if !list.is_empty() {
            writeln!(out, "{what}: `{}`.\n", list.join("`, `")).unwrap();
        }
    }
    out + "What those mean that are not explained here: [configuration](../configuration.md).\n"
}

/// Files in folders of an example: a registry.
fn beside(folder: &str) -> Vec<(String, String)> {
    let root = docs(folder);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if inside != root {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                found.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// One page: what it is, its settings, and an example that `tests/proxy/examples.rs` runs.
fn page(kind: &str, name: &str, doc: &str) -> String {
    let folder = format!("examples/{kind}/{name}");
    let read = |file: &str| text_of(&format!("{folder}/{file}"));
    let mut out = format!(
        "# {name}\n\nMade from the tables of the program and from `docs/{folder}`, which a test runs; do not edit.\n\n"
    );
    if !doc.is_empty() {
        write!(out, "{doc}\n\n").unwrap();
    }
    out += &read("text.md");
    if kind == "endpoints" {
        out += &words(name);
    }
    out += "\n## Example\n";
    for (file, language, title) in [
        ("synapse.xml", "xml", ""),
        ("request.http", "http", "The client sends:"),
        ("sent.http", "http", "The back end gets:"),
        ("answer.http", "http", "The client gets:"),
        ("log.txt", "text", "The log says:"),
    ] {
        let text = read(file);
        let parts: Vec<&str> = text
            .split("###\n")
            .filter(|p| !p.trim().is_empty())
            .collect();
        if parts.is_empty() {
            continue;
        }
        if !title.is_empty() {
            write!(out, "\n{title}\n").unwrap();
        }
        for part in parts {
            write!(out, "\n```{language}\n{}\n```\n", part.trim_end()).unwrap();
        }
        if file == "synapse.xml" {
            for (name, text) in beside(&folder) {
                write!(out, "\n`{name}`:\n\n```text\n{}\n```\n", text.trim_end()).unwrap();
            }
        }
    }
    out
}

#[test]
fn the_pages_of_mediators_artifacts_and_endpoints_are_made_from_tables_and_examples() {
    let mut wanted = Vec::new();
    for kind in ["mediators", "artifacts", "endpoints"] {
        let mut index = format!(
            "# {}\n\nEach page has an example that a test runs.\n\n",
            capital(kind)
        );
        for (_, name, doc) in pages().iter().filter(|page| page.0 == kind) {
            let folder = format!("examples/{kind}/{name}");
            assert!(
                docs(&folder).join("synapse.xml").is_file(),
                "docs/{folder} is missing: write an example"
            );
            let text = text_of(&format!("{folder}/text.md"));
            let about = match doc.as_str() {
                "" => about(&text),
                doc => doc.trim_end_matches('.'),
            };
            writeln!(index, "- [{name}]({name}.md): {}", about.replace('\n', " ")).unwrap();
            wanted.push((format!("{kind}/{name}.md"), page(kind, name, doc)));
        }
        if kind == "artifacts" {
            for (support, what) in [
                (Support::Later, "Not run yet, which `axon check` says"),
                (Support::Noted, "Accepted without effect"),
            ] {
                let rows = ARTIFACTS.iter().filter(|row| row.support == support);
                let names: Vec<&str> = rows.map(|row| row.element).collect();
                writeln!(index, "\n{what}: `{}`.", names.join("`, `")).unwrap();
            }
        }
        wanted.push((format!("{kind}/README.md"), index));
        // A folder of another name would be an example of nothing.
        let known: Vec<&str> = pages()
            .iter()
            .filter(|p| p.0 == kind)
            .map(|p| p.1)
            .collect();
        for entry in std::fs::read_dir(docs("examples").join(kind)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name.as_str()), "{kind}/{name}");
        }
    }
    assert!(wanted.len() > 20);
    for (file, text) in wanted {
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(docs(&file).parent().unwrap()).unwrap();
            std::fs::write(docs(&file), text).unwrap();
        } else {
            let advice = "run UPDATE_EXPECTED=1 cargo test --test documentation";
            assert!(text == text_of(&file), "docs/{file} is behind: {advice}");
        }
    }
}

/// Words that no element of the language has.
const NO_WORD: &str = "zzzzzzzzzzzz";

/// What the reader of a mediator says that there is, when it meets what there is not.
fn words_of_reader(name: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.xml");
    let text = format!(
        "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" name=\"main\"><{name} {NO_WORD}=\"\"><{NO_WORD}/></{name}></sequence>"
    );
    std::fs::write(&file, text).unwrap();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_axon"))
        .args(["check", "--format", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut words = Vec::new();
    for diagnostic in report["diagnostics"].as_array().unwrap() {
        let help = diagnostic["help"].as_str().unwrap_or_default();
        if let Some(list) = help.strip_prefix("it is ignored; there are `") {
            let list = list.trim_end_matches('`').split("`, `");
            words.extend(list.map(str::to_owned));
        }
    }
    words
}

#[test]
fn each_word_that_the_reader_of_a_mediator_knows_is_explained_on_its_page() {
    let (mut read, mut missing) = (0, Vec::new());
    for entry in axon::mediation::mediator::MEDIATORS {
        let text = text_of(&format!("examples/mediators/{}/text.md", entry.name));
        for word in words_of_reader(entry.name) {
            read += 1;
            if !text.contains(&format!("`{word}`")) {
                missing.push(format!("{} of {}", word, entry.name));
            }
        }
    }
    assert!(missing.is_empty(), "not explained: {missing:?}");
    assert!(read > 80, "{read}");
}

fn codes() -> String {
    let mut out = String::from(
        "# Codes\n\nMade from the tables in `src/codes` and the faulty files in `tests/data/config`; do not edit.\n\
         `axon explain-code CODE` prints a section.\n\n\
         ## Error codes\n\n\
         `ERROR_CODE` of a failed message, the label `code` of metrics, and `code` in access lines and events. Those from\n\
         303201 on are axon's own, the others Synapse's. Lists in a configuration match a code also in the form that\n\
         Synapse's pass-through transport gives it, with the protocol state (0 to 8) added.\n\n\
         | code | name | meaning |\n|---|---|---|\n",
    );
    for row in ERRORS {
        let code = row.code;
        writeln!(
            out,
            "| [{code}](#{code}) | `{}` | {} |",
            row.name,
            cell(row.text)
        )
        .unwrap();
    }
    out += "\n## Diagnostics\n\n\
            What `axon check`, the start and a reload say about files. A number keeps its meaning for ever: AX01xx XML, 02xx\n\
            structure, 03xx references, 04xx values and units, 05xx placeholders, 06xx WSDL, 07xx TLS and security, 09xx\n\
            intent: what is allowed but probably not meant.\n\n\
            | code | meaning |\n|---|---|\n";
    for row in DIAGNOSTICS {
        let code = row.code.to_string();
        let anchor = code.to_lowercase();
        writeln!(out, "| [{code}](#{anchor}) | {} |", cell(row.text)).unwrap();
    }
    out += "\n## Each code\n";
    for row in ERRORS {
        writeln!(
            out,
            "\n### {}\n\n`{}`: {}.\n",
            row.code,
            row.name,
            sentence(row.text)
        )
        .unwrap();
        for note in axon::check::code_notes(row.code) {
            writeln!(out, "{note}\n").unwrap();
        }
        writeln!(out, "What to do: {}.", sentence(row.help)).unwrap();
    }
    let examples = examples();
    for row in DIAGNOSTICS {
        let code = row.code.to_string();
        write!(
            out,
            "\n### {code}\n\n{}.\n\nWhat to do: {}.\n",
            capital(&sentence(row.text)),
            sentence(row.help)
        )
        .unwrap();
        if let Some(example) = examples.get(&code) {
            write!(out, "\n```text\n{example}```\n").unwrap();
        }
    }
    out
}

/// Text that is no table's cell: markup in it is for the reader, not for Markdown.
fn sentence(text: &str) -> String {
    text.replace('<', "&lt;")
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

/// For each diagnostic the first report of it on the project's own faulty files.
fn examples() -> std::collections::BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "expected"));
    files.sort();
    let mut found = std::collections::BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut report = String::new();
        for line in text.lines() {
            let head = ["error[", "warning[", "unsupported["]
                .iter()
                .any(|w| line.starts_with(w));
            if head || line.starts_with("check: ") {
                if let Some(code) = report.split(['[', ']']).nth(1) {
                    found
                        .entry(code.to_owned())
                        .or_insert(report.replace("tests/data/config/", ""));
                }
                report.clear();
            }
            report += line;
            report += "\n";
        }
    }
    found
}

#[test]
fn the_codes_are_those_of_the_tables() {
    let made = codes();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(docs("codes.md"), &made).unwrap();
    }
    assert!(
        text_of("codes.md") == made,
        "docs/codes.md is behind the tables: run UPDATE_EXPECTED=1 cargo test --test documentation"
    );
}

#[test]
fn each_attribute_of_axons_own_is_documented() {
    let text = text_of("configuration.md");
    for words in [
        &ENDPOINT,
        &ADDRESS,
        &WSDL,
        &DEFAULT,
        &FAILOVER,
        &LOAD_BALANCE,
        &MEMBER,
        &SESSION,
    ] {
        for attribute in words.axon {
            assert!(text.contains(&format!("`ax:{attribute}`")), "{attribute}");
        }
    }
}

/// The first cell of each row of the settings table is `section.key`, the second the default as it is written.
#[test]
fn each_setting_is_documented_with_its_default() {
    let text = text_of("configuration.md");
    let rows: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(key, rest)| Some((key, rest.split(" | ").next()?)))
        .collect();
    let documented = |key: &str| {
        let row = rows.iter().find(|(name, _)| *name == key);
        row.unwrap_or_else(|| panic!("{key} is not documented")).1
    };
    let defaults = axon::settings::Settings::default();
    let (limits, timers) = (&defaults.limits, &defaults.timers);
    let millis = |d: std::time::Duration| d.as_millis() as usize;
    for (key, value) in [
        ("limits.head_bytes", limits.head_bytes),
        ("limits.headers", limits.headers),
        ("limits.soap_header_bytes", limits.soap_header_bytes),
        ("limits.message_bytes", limits.message_bytes),
        ("limits.replay_memory_bytes", limits.replay_memory_bytes),
        ("limits.replay_disk_bytes", limits.replay_disk_bytes),
        (
            "limits.replay_disk_total_bytes",
            limits.replay_disk_total_bytes,
        ),
        ("timers.head_ms", millis(timers.head)),
        ("timers.tls_handshake_ms", millis(timers.tls_handshake)),
        ("timers.client_idle_ms", millis(timers.client_idle)),
        ("timers.body_progress_ms", millis(timers.body_progress)),
        ("timers.connect_ms", millis(timers.connect)),
        ("timers.response_ms", millis(timers.response)),
        ("timers.pool_idle_ms", millis(timers.pool_idle)),
        ("timers.hold_ms", millis(timers.hold)),
        ("timers.drain_ms", millis(timers.drain)),
        ("sessions.per_group", defaults.sessions.per_group),
        ("sessions.timeout_ms", millis(defaults.sessions.timeout)),
    ] {
        assert_eq!(documented(key), format!("`{value}`"), "{key}");
    }
    let switch = defaults.retry.non_idempotent;
    assert_eq!(documented("retry.non_idempotent"), format!("`{switch}`"));
    let address = &defaults.admin.address;
    assert_eq!(documented("admin.address"), format!("`\"{address}\"`"));
}

#[test]
fn each_metric_family_is_documented() {
    let text = text_of("operations.md");
    let shown = axon::observe::metrics::Exposition::default()
        .render(axon::observe::MetricsSnapshot::default())
        .unwrap();
    let mut families = 0;
    for line in shown.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let known = text.contains(&format!("`{name}`")) || name.starts_with("process_");
        assert!(known, "{name}");
        families += 1;
    }
    assert!(families > 30, "{shown}");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("ARCHITECTURE.md")];
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        files.push(entry.unwrap().path());
    }
    for file in files
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "md"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let outside = target.starts_with("http") || target.is_empty();
            assert!(
                outside || file.parent().unwrap().join(target).exists(),
                "{}: {target}",
                file.display()
            );
        }
    }
}

/// The commands of a shell block in a document that need no running axon.
fn commands(name: &str, verb: &str) -> Vec<Vec<String>> {
    let text = text_of(name);
    let lines = text
        .lines()
        .filter(|line| line.starts_with(&format!("axon {verb} ")) && !line.contains("--from-node"));
    lines
        .map(|line| {
            // Quoted as in a shell: nothing is escaped inside single quotes.
            let mut words = Vec::new();
            for (at, part) in line.split('\'').enumerate() {
                if at % 2 == 1 {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(str::to_owned));
                }
            }
            words.split_off(1)
        })
        .collect()
}

#[test]
fn the_commands_that_need_no_running_axon_do_what_the_text_says() {
    for verb in ["explain", "simulate"] {
        let commands = commands("operations.md", verb);
        assert!(!commands.is_empty(), "{verb}");
        for words in commands {
            let out = std::process::Command::new(env!("CARGO_BIN_EXE_axon"))
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .args(&words)
                .output()
                .unwrap();
            assert!(out.status.success(), "{words:?}: {out:?}");
            assert!(!out.stdout.is_empty(), "{words:?}");
        }
    }
}

#[test]
fn the_scenario_in_the_text_is_one() {
    let text = text_of("operations.md");
    let block = text.split("```toml\n# Times are").nth(1).unwrap();
    let block = format!("# Times are{}", block.split("```").next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, block).unwrap();
    let scenario = axon::simulate::Scenario::read(&path).unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/simulate/t-f.xml");
    let mut lines = 0;
    axon::simulate::run(&[tree], &scenario, 1, &mut |_| lines += 1).unwrap();
    assert!(lines > 8, "{lines}");
}
