use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::diagnostic::Severity;
use crate::config::model::EndpointKind;

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

fn endpoint(name: &str) -> String {
    format!("<endpoint {NS} name=\"{name}\"><address uri=\"http://h/\"/></endpoint>")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn names(model: &Model) -> Vec<&str> {
    model
        .endpoints
        .iter()
        .filter_map(|e| e.name.as_ref().map(|n| n.value.as_str()))
        .collect()
}

fn codes(diagnostics: Diagnostics) -> Vec<DiagnosticCode> {
    diagnostics.into_sorted().iter().map(|d| d.code).collect()
}

fn bytes(text: &str) -> (Model, Diagnostics) {
    parse_bytes("quotes.xml", text.as_bytes())
}

#[test]
fn a_tree_is_read_in_load_order_and_nothing_beside_it() {
    let root = "synapse-configs/default";
    let definitions = format!("<definitions {NS}>{}</definitions>", endpoint("first"));
    let files = [
        (format!("{root}/synapse.xml"), definitions),
        (format!("{root}/endpoints/b.xml"), endpoint("b")),
        (format!("{root}/endpoints/a.xml"), endpoint("a")),
        (format!("{root}/endpoints/.a.xml"), endpoint("hidden")),
        (format!("{root}/endpoints/deep/c.xml"), endpoint("c")),
        (
            format!("{root}/sequences/main.xml"),
            format!("<sequence {NS} name=\"main\" onError=\"f\"/>"),
        ),
        (format!("{root}/other/x.xml"), endpoint("x")),
        ("beside.xml".to_owned(), endpoint("beside")),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let dir = folder(&files);
    let (model, diagnostics) = load(&[dir.path().to_owned()], Path::new("unused"));
    assert_eq!(diagnostics.list(), []);
    assert_eq!(names(&model), ["first", "a", "b"]);
    assert_eq!(
        model.sequences[0]
            .on_error
            .as_ref()
            .map(|e| e.value.as_str()),
        Some("f")
    );
    assert_eq!(model.root, dir.path().join(root));
    assert!(!model.endpoints_only());
}

#[test]
fn a_plain_folder_gives_its_known_roots_and_the_default_root_stands_in_for_no_path() {
    let dir = folder(&[
        ("a.xml", "<address uri=\"http://h/\"/>"),
        ("pom.xml", "<project/>"),
        ("notes.txt", "<endpoint"),
    ]);
    let (model, diagnostics) = load(&[], dir.path());
    assert_eq!(names(&model), ["a"]);
    assert_eq!(codes(diagnostics), [DiagnosticCode::MissingNamespace]);
    assert!(model.endpoints_only());
    let strangers = folder(&[("pom.xml", "<project/>")]);
    let (_, diagnostics) = load(&[strangers.path().to_owned()], Path::new("unused"));
    assert_eq!(codes(diagnostics), [DiagnosticCode::NoConfiguration]);
}

#[test]
fn a_path_given_twice_is_read_once() {
    let dir = folder(&[("a.xml", &endpoint("a"))]);
    let file = dir.path().join("a.xml");
    let (model, diagnostics) = load(&[file, dir.path().to_owned()], Path::new("unused"));
    assert_eq!((names(&model).len(), diagnostics.errors()), (1, 0));
    assert_eq!(model.root, dir.path());
}

#[test]
fn what_cannot_be_read_is_a_problem_that_names_the_path() {
    let dir = folder(&[]);
    let missing = dir.path().join("missing.xml");
    let (model, diagnostics) = load(&[missing, dir.path().to_owned()], Path::new("unused"));
    let list = diagnostics.into_sorted();
    assert_eq!(list[0].code, DiagnosticCode::Unreadable);
    assert!(list[0].message.contains("missing.xml"));
    assert_eq!(list[1].code, DiagnosticCode::NoConfiguration);
    assert_eq!(model.sources.len(), 2);
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let dir = folder(&[]);
    let path = dir.path().join("big.xml");
    fs::File::create(&path)
        .unwrap()
        .set_len(MAX_FILE_BYTES + 1)
        .unwrap();
    let (_, diagnostics) = load(&[path], Path::new("unused"));
    assert_eq!(codes(diagnostics), [DiagnosticCode::FileTooLarge]);
}

#[test]
fn relative_files_of_placeholders_are_found_beside_the_file() {
    let text = format!("<endpoint {NS}><address uri=\"http://${{file:host}}:80/\"/></endpoint>");
    let dir = folder(&[("e.xml", &text), ("host", "back\n")]);
    let (model, diagnostics) = load(&[dir.path().join("e.xml")], Path::new("unused"));
    assert_eq!(diagnostics.list(), []);
    let EndpointKind::Address(address) = &model.endpoints[0].kind else {
        panic!()
    };
    assert_eq!(address.uri.value, "http://back:80/");
}

#[test]
fn a_bare_group_with_its_session_loads_under_the_files_name() {
    let (model, diagnostics) = bytes(
        "<session type=\"simpleClientSession\"/>\n<loadBalance policy=\"roundRobin\"><endpoint><address uri=\"http://h/\"/></endpoint></loadBalance>",
    );
    assert_eq!(names(&model), ["quotes"]);
    let EndpointKind::LoadBalance(group) = &model.endpoints[0].kind else {
        panic!()
    };
    assert!(group.session.is_some());
    assert_eq!(
        codes(diagnostics),
        [
            DiagnosticCode::MissingNamespace,
            DiagnosticCode::OldSpelling,
            DiagnosticCode::OldSpelling
        ]
    );
}

#[test]
fn a_lone_endpoint_may_lack_name_and_namespace_but_a_definition_may_not() {
    let (model, diagnostics) = bytes("<endpoint><default/></endpoint>");
    assert_eq!(names(&model), ["quotes"]);
    assert_eq!(codes(diagnostics), [DiagnosticCode::MissingNamespace]);
    let (_, diagnostics) = bytes(&format!(
        "<definitions {NS}><endpoint><default/></endpoint><sequence/></definitions>"
    ));
    assert_eq!(
        codes(diagnostics),
        [DiagnosticCode::MissingName, DiagnosticCode::MissingName]
    );
    let (_, diagnostics) = bytes("<definitions/>");
    assert_eq!(codes(diagnostics), [DiagnosticCode::MissingNamespace]);
    let (_, diagnostics) = bytes("<definitions xmlns=\"urn:other\"/>");
    assert_eq!(codes(diagnostics), [DiagnosticCode::UnknownRoot]);
}

#[test]
fn a_name_defined_twice_names_both_places() {
    let text = format!(
        "<definitions {NS}>\n{}\n{}</definitions>",
        endpoint("p"),
        endpoint("p")
    );
    let (model, diagnostics) = bytes(&text);
    let list = diagnostics.into_sorted();
    assert_eq!(list[0].code, DiagnosticCode::DuplicateName);
    assert!(
        list[0].message.contains("quotes.xml:2:"),
        "{}",
        list[0].message
    );
    assert_eq!(
        model
            .sources
            .position(list[0].span.file, list[0].span.start)
            .line,
        3
    );
    assert_eq!(names(&model), ["p"]);
}

#[test]
fn entries_share_the_names_of_endpoints_and_proxies_do_not() {
    let with = |other: &str| {
        let text = format!("<definitions {NS}>{other}{}</definitions>", endpoint("p"));
        bytes(&text).1.errors()
    };
    assert_eq!(with("<localEntry key=\"p\">x</localEntry>"), 1);
    assert_eq!(with("<sequence name=\"p\"/>"), 1);
    assert_eq!(
        with("<proxy name=\"p\"><target endpoint=\"e\"/></proxy>"),
        0
    );
}

#[test]
fn registry_task_manager_and_description_stop_nothing() {
    let text = format!(
        "<definitions {NS}><registry provider=\"org.wso2.carbon.mediation.registry.WSO2Registry\"/><taskManager/><description>d</description>{}<task name=\"x\" class=\"y\"/></definitions>",
        endpoint("p")
    );
    let (model, diagnostics) = bytes(&text);
    let severities: Vec<_> = diagnostics.list().iter().map(|d| d.severity).collect();
    assert_eq!(
        severities,
        [Severity::Warning, Severity::Warning, Severity::Unsupported]
    );
    assert_eq!(names(&model), ["p"]);
    assert!(model.endpoints_only());
}

#[test]
fn a_mediator_directly_in_definitions_is_an_error() {
    let (_, diagnostics) = bytes(&format!(
        "<definitions {NS}><log/><endpiont name=\"x\"/></definitions>"
    ));
    let list = diagnostics.into_sorted();
    assert!(
        list.iter()
            .all(|d| d.code == DiagnosticCode::UnknownElement)
    );
    assert_eq!(list[1].help.as_deref(), Some("did you mean endpoint?"));
}

#[test]
fn the_real_world_files_beside_the_project_get_their_verdicts() {
    let corpus = std::env::var_os("SHARED_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
        PathBuf::from,
    );
    let Ok(manifest) = fs::read_to_string(corpus.join("MANIFEST.tsv")) else {
        println!("skipped: no ../shared/corpus beside the project");
        return;
    };
    let mut wrong = Vec::new();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let path: PathBuf = corpus.join(columns[0]);
        let (model, diagnostics) = load(&[path], Path::new("unused"));
        let valid = columns[2] == "valid";
        // The corpus holds configurations without the files that their local entries name.
        let refused = diagnostics
            .list()
            .iter()
            .any(|d| d.severity == Severity::Error && d.code != DiagnosticCode::Unreadable);
        if valid && refused {
            let list = diagnostics.into_sorted();
            wrong.push(crate::config::render::human(&model.sources, &list));
        }
    }
    let named = [
        "initialDuration not a number",
        "mediator at the top level of definitions",
        "truncated file",
        "closing tag turned into an opening tag",
    ];
    let mutants = fs::read_to_string(corpus.join("mutants/MANIFEST.tsv")).unwrap();
    for row in mutants.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (_, diagnostics) = load(
            &[corpus.join("mutants").join(columns[0])],
            Path::new("unused"),
        );
        let inside_a_proxy = columns[0].contains("proxy-");
        if named.contains(&columns[2]) && !inside_a_proxy && diagnostics.errors() == 0 {
            wrong.push(format!("{}: {} was not noticed", columns[0], columns[2]));
        }
    }
    load(&[corpus.join("rules")], Path::new("unused"));
    assert!(
        wrong.is_empty(),
        "{} files:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
