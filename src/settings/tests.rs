use std::fs;

use super::*;
use crate::config::diagnostic::Severity;

struct Loaded {
    settings: Settings,
    problems: Vec<(Severity, String, String)>,
}

fn load_from(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("synapse-configs/default");
    fs::create_dir_all(&root).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let environment = environment
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let settings = load(None, &root, environment, &mut sources, &mut diagnostics);
    let problems = diagnostics
        .into_sorted()
        .into_iter()
        .map(|d| {
            let text = &sources.file(d.span.file).text;
            let marked = text[d.span.start as usize..d.span.end as usize].to_owned();
            (d.severity, marked, d.message)
        })
        .collect();
    Loaded { settings, problems }
}

#[test]
fn nothing_is_required() {
    let loaded = load_from(&[], &[]);
    assert!(loaded.problems.is_empty());
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(loaded.settings.timers.response, Duration::from_secs(180));
}

#[test]
fn every_key_of_the_documentation_is_read() {
    let text = r#"
[[listener]]
address = "0.0.0.0:8280"
forwarded = "off"
[[listener]]
address = "[::1]:0"
[admin]
address = "unix:/run/axon.sock"
probes = "0.0.0.0:9080"
[limits]
head_bytes = 4096
headers = 50
soap_header_bytes = 0x10_000
message_bytes = 1048576
replay_memory_bytes = 0
replay_disk_bytes = 1
replay_disk_total_bytes = 2
[timers]
head_ms = 1
client_idle_ms = 2
body_progress_ms = 3
connect_ms = 4
response_ms = 5
pool_idle_ms = 6
drain_ms = 7
[retry]
non_idempotent = false
[default_endpoint]
allow = ["10.0.0.0/8", "h:80"]
[answers]
own_media_type = true
[sessions]
store = "local"
per_group = 10
timeout_ms = 9
[access_log]
format = "json"
"#;
    let loaded = load_from(&[("axon.toml", text)], &[]);
    assert_eq!(loaded.problems, []);
    let s = loaded.settings;
    assert_eq!(
        s.listeners
            .iter()
            .map(|l| l.address.as_str())
            .collect::<Vec<_>>(),
        ["0.0.0.0:8280", "[::1]:0"]
    );
    assert_eq!(s.admin.address, "unix:/run/axon.sock");
    assert_eq!(s.admin.probes.as_deref(), Some("0.0.0.0:9080"));
    assert_eq!(
        s.limits,
        Limits {
            head_bytes: 4096,
            headers: 50,
            soap_header_bytes: 65536,
            message_bytes: 1_048_576,
            replay_memory_bytes: 0,
            replay_disk_bytes: 1,
            replay_disk_total_bytes: 2,
        }
    );
    let t = &s.timers;
    let timers = [
        t.head,
        t.client_idle,
        t.body_progress,
        t.connect,
        t.response,
        t.pool_idle,
        t.drain,
    ];
    assert_eq!(timers.map(|d| d.as_millis()), [1, 2, 3, 4, 5, 6, 7]);
    assert!(!s.retry.non_idempotent);
    assert_eq!(s.default_endpoint.allow, ["10.0.0.0/8", "h:80"]);
    assert!(s.answers.own_media_type);
    assert_eq!(
        (s.sessions.per_group, s.sessions.timeout.as_millis()),
        (10, 9)
    );
    assert_eq!(s.access_log.format, LogFormat::Json);
}

#[test]
fn an_unknown_key_is_an_error_at_its_place_with_a_suggestion() {
    let loaded = load_from(&[("axon.toml", "[limit]\n[timers]\nconect_ms = 3\n")], &[]);
    let marked: Vec<_> = loaded
        .problems
        .iter()
        .map(|p| (p.0, p.1.as_str()))
        .collect();
    assert_eq!(
        marked,
        [(Severity::Error, "limit"), (Severity::Error, "conect_ms")]
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_an_error_and_the_default_stays() {
    let text = "[limits]\nheaders = 0\nhead_bytes = \"many\"\n[timers]\nhead_ms = -1\n[admin]\naddress = 5\n[[listener]]\naddress = \"x\"\n[[listener]]\n";
    let loaded = load_from(&[("axon.toml", text)], &[]);
    assert_eq!(loaded.problems.len(), 6, "{:?}", loaded.problems);
    assert!(loaded.problems.iter().all(|p| p.0 == Severity::Error));
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn holding_can_be_turned_off_and_other_timers_cannot() {
    let loaded = load_from(
        &[("axon.toml", "[timers]\nhold_ms = 0\nconnect_ms = 0\n")],
        &[],
    );
    assert!(loaded.settings.timers.hold.is_zero());
    assert_eq!(loaded.problems.len(), 1);
    assert!(loaded.problems[0].2.contains("timers.connect_ms"));
}

#[test]
fn parts_of_later_versions_are_named_as_unsupported() {
    let text = "[sessions]\nstore = \"redis://h\"\n[[listener]]\naddress = \"h:1\"\nproxy_protocol = true\n";
    let loaded = load_from(&[("axon.toml", text)], &[]);
    assert_eq!(loaded.problems.len(), 2, "{:?}", loaded.problems);
    assert!(loaded.problems.iter().all(|p| p.0 == Severity::Unsupported));
    assert!(loaded.problems.iter().all(|p| !p.2.contains("redis")));
}

#[test]
fn broken_toml_is_placed() {
    let loaded = load_from(&[("axon.toml", "[limits\n")], &[]);
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_synapse_properties() {
    let files = [
        (
            "synapse.properties",
            "synapse.global_timeout_interval=1000\nsynapse.sal.endpoints.sesssion.timeout.default=2000\n",
        ),
        (
            "axon.toml",
            "[timers]\nresponse_ms = 500\nconnect_ms = 600\n",
        ),
    ];
    let environment = [
        ("AXON_TIMERS_CONNECT_MS", "700"),
        ("AXON_RETRY_NON_IDEMPOTENT", "false"),
        ("AXON_DEFAULT_ENDPOINT_ALLOW", "a:1, b:2"),
        ("AXON_UNRELATED", "x"),
        ("PATH", "/bin"),
    ];
    let loaded = load_from(&files, &environment);
    assert_eq!(loaded.problems, []);
    let s = loaded.settings;
    assert_eq!(s.timers.response.as_millis(), 500);
    assert_eq!(s.timers.connect.as_millis(), 700);
    assert_eq!(s.sessions.timeout.as_millis(), 2000);
    assert!(!s.retry.non_idempotent);
    assert_eq!(s.default_endpoint.allow, ["a:1", "b:2"]);
}

#[test]
fn a_wrong_variable_is_named_without_its_value() {
    let loaded = load_from(
        &[],
        &[("AXON_LIMITS_HEADERS", "s3cret"), ("AXON_LIMITS_NOPE", "1")],
    );
    let marked: Vec<_> = loaded.problems.iter().map(|p| p.1.as_str()).collect();
    assert_eq!(marked, ["AXON_LIMITS_HEADERS", "AXON_LIMITS_NOPE"]);
    assert!(loaded.problems.iter().all(|p| !p.2.contains("s3cret")));
}

#[test]
fn properties_without_effect_are_listed_once() {
    let text = "synapse.timeout_handler_interval=15000\nstatistics.clean.enable=true\nsynapse.global_timeout_interval=soon\n";
    let loaded = load_from(&[("synapse.properties", text)], &[]);
    let severities: Vec<_> = loaded.problems.iter().map(|p| p.0).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Error]);
    assert!(
        loaded.problems[0]
            .2
            .contains("synapse.timeout_handler_interval, statistics.clean.enable")
    );
}

#[test]
fn a_named_file_must_exist() {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let missing = Path::new("no-such-folder/axon.toml");
    load(
        Some(missing),
        Path::new("."),
        [],
        &mut sources,
        &mut diagnostics,
    );
    assert_eq!(diagnostics.errors(), 1);
}

#[test]
fn tls_profiles_are_read_with_their_places_and_their_paths_begin_at_the_file() {
    let text = r#"
[[listener]]
address = "127.0.0.1:0"
tls = "edge"
[tls.edge]
cert = ["a.pem", "b.pem"]
key = ["a.key", "b.key"]
client_ca = "/abs/clients.pem"
client = "required"
min_version = "1.3"
[tls.partner]
ca = "axon.toml"
verify = false
server_name = "inside.test"
"#;
    let loaded = load_from(&[("axon.toml", text)], &[]);
    assert_eq!(loaded.problems, []);
    let settings = loaded.settings;
    let named = settings.listeners[0].tls.as_ref().map(|t| t.value.as_str());
    assert_eq!(named, Some("edge"));
    let [edge, partner] = &settings.tls[..] else {
        panic!("two profiles");
    };
    assert_eq!(
        (edge.name.as_str(), partner.name.as_str()),
        ("edge", "partner")
    );
    assert!(edge.cert[1].value.ends_with("b.pem") && edge.cert[1].value.is_absolute());
    assert_eq!(
        edge.client_ca.as_ref().map(|p| p.value.clone()),
        Some("/abs/clients.pem".into())
    );
    assert_eq!(edge.client, ClientAuth::Required);
    assert_eq!(edge.min_version, MinVersion::Tls13);
    assert_eq!(edge.files().count(), 5);
    assert!(partner.ca[0].value.is_absolute());
    assert_eq!(partner.verify.as_ref().map(|v| v.value), Some(false));
    assert!(!edge.faulty && !partner.faulty);
}

#[test]
fn what_a_tls_profile_cannot_say_is_an_error_at_its_place_and_makes_it_unusable() {
    let text = "[tls.a]\nclient = \"maybe\"\n[tls.b]\nverify = \"no\"\n[tls.c]\ncert = []\n[tls.d]\nmin_version = \"1.1\"\n[tls.e]\ncertificate = \"x\"\n[tls]\nf = 1\n";
    let loaded = load_from(&[("axon.toml", text)], &[]);
    let said: Vec<&str> = loaded.problems.iter().map(|p| p.2.as_str()).collect();
    assert_eq!(
        said,
        [
            "tls.a.client must be none, optional or required",
            "tls.b.verify must be true or false",
            "tls.c.cert must be a path, or a list of paths",
            "tls.d.min_version must be \"1.2\" or \"1.3\"",
            "certificate is not a key of tls.e",
            "tls.f is a profile: write [tls.f]",
        ]
    );
    assert_eq!(loaded.problems[0].1, "\"maybe\"");
    assert!(loaded.settings.tls.iter().all(|p| p.faulty));
}
