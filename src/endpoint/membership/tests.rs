use super::*;
use crate::endpoint::rules::tests::{PLACE, spanned};

fn handler(provider: &str, settings: &[(&str, &str)]) -> MembershipDef {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), spanned((*value).to_owned()));
    MembershipDef {
        provider: spanned(provider.to_owned()),
        settings: settings.iter().map(owned).collect(),
        span: PLACE,
    }
}

fn source(
    provider: &str,
    settings: &[(&str, &str)],
    folders: &[PathBuf],
) -> (Option<Box<dyn Source>>, Vec<String>) {
    let def = handler(provider, settings);
    let mut diagnostics = Diagnostics::default();
    let source = build(&Settings { def: &def, folders }, &mut diagnostics);
    let told = diagnostics.list().iter();
    let told = told.map(|d| format!("{} {}", d.code, d.severity.word()));
    (source, told.collect())
}

fn texts(members: &[Address]) -> Vec<String> {
    let port = |port: Option<u16>| port.map_or("-".to_owned(), |port| port.to_string());
    let text = |m: &Address| format!("{} {} {}", m.host, port(m.http_port), port(m.https_port));
    members.iter().map(text).collect()
}

#[test]
fn members_are_written_as_host_and_ports() {
    for (text, wanted) in [
        ("h", Some("h - -")),
        ("h:80", Some("h 80 -")),
        ("10.0.0.1:80:443", Some("10.0.0.1 80 443")),
        ("[::1]:80", Some("::1 80 -")),
        ("[::1]", Some("::1 - -")),
        ("", None),
        (":80", None),
        ("h:", None),
        ("h:0", None),
        ("h:x", None),
        ("h:1:2:3", None),
        ("h/x:80", None),
        ("[::1]80", None),
        ("[x]:80", None),
        ("http://h:80", None),
    ] {
        let found = member(text).map(|m| texts(&[m]).remove(0));
        assert_eq!(found.as_deref(), wanted, "{text}");
    }
}

#[test]
fn a_list_is_what_it_says() {
    let (list, problems) = source("static", &[("members", "a:1, b:2\n a:1")], &[]);
    let members = list.unwrap().look().unwrap();
    assert_eq!(
        (texts(&members), problems),
        (vec!["a 1 -".to_owned(), "b 2 -".to_owned()], vec![])
    );
    assert_eq!(
        source("static", &[("members", "a:1,http://b")], &[]).1,
        ["AX0404 error"]
    );
    assert_eq!(
        source("static", &[("member", "a")], &[]).1,
        ["AX0211 warning", "AX0204 error"]
    );
}

#[test]
fn a_file_is_read_again_and_a_bad_line_or_no_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let folders = [dir.path().join("none"), dir.path().to_owned()];
    let (file, problems) = source("file", &[("path", "m.txt"), ("refresh", "1000")], &folders);
    let file = file.unwrap();
    assert_eq!(
        (file.period(), problems),
        (Some(Duration::from_secs(1)), vec![])
    );
    assert!(file.look().is_err());
    std::fs::write(dir.path().join("m.txt"), "# two\na:1\n\n b:2 # here\n").unwrap();
    assert_eq!(texts(&file.look().unwrap()), ["a 1 -", "b 2 -"]);
    std::fs::write(dir.path().join("m.txt"), "a:1\nhttp://b\n").unwrap();
    let error = file.look().unwrap_err();
    assert!(error.to_string().starts_with("line 2 "), "{error}");
    std::fs::write(dir.path().join("m.txt"), "").unwrap();
    assert!(file.look().unwrap().is_empty());
}

#[test]
fn a_name_has_the_addresses_that_it_resolves_to() {
    let settings = [("host", "127.0.0.1"), ("port", "9"), ("httpsPort", "10")];
    let (dns, problems) = source("dns", &settings, &[]);
    let dns = dns.unwrap();
    assert_eq!(
        (texts(&dns.look().unwrap()), problems),
        (vec!["127.0.0.1 9 10".to_owned()], vec![])
    );
    assert_eq!(dns.period(), Some(Duration::from_secs(30)));
    assert_eq!(source("dns", &[("host", "h")], &[]).1, ["AX0204 error"]);
    let bad = [("host", "h"), ("port", "70000")];
    assert_eq!(source("dns", &bad, &[]).1, ["AX0401 error"]);
}

#[test]
fn what_is_not_there_is_told() {
    let java = "org.apache.synapse.core.axis2.Axis2LoadBalanceMembershipHandler";
    for name in ["cluster", java] {
        let (source, problems) = source(name, &[("applicationDomain", "d")], &[]);
        assert!(source.is_none());
        assert_eq!(problems, ["AX0201 unsupported"]);
    }
    assert_eq!(source("x.Y", &[], &[]).1, ["AX0413 unsupported"]);
}

#[test]
fn no_name_stands_twice() {
    let mut names: Vec<_> = PROVIDERS.iter().flat_map(|row| row.names).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
