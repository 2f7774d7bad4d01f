//! TLS profiles of a configuration: compiled by the transport, their problems put at their places in the settings.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::source::{Sources, Span, Spanned};
use crate::observe::stamp::unix_ms;
use crate::settings::{Settings, TlsProfile, TlsStore};
use crate::transport::tls::{Material, Place, Problem, ProblemKind, TlsSet};

/// Name of the profile that `--cert` and `--key` make.
pub const FLAGS_PROFILE: &str = "command-line";

/// Adds the profile that the flags `--cert` and `--key` make.
pub fn add_flags(
    settings: &mut Settings,
    cert: &[PathBuf],
    key: &[PathBuf],
    sources: &mut Sources,
) {
    if cert.is_empty() && key.is_empty() {
        return;
    }
    let mut text = String::new();
    let mut written = |flag: &str, paths: &[PathBuf]| -> Vec<(PathBuf, u32, u32)> {
        let add = |path: &PathBuf| {
            text.push_str(flag);
            let start = text.len() as u32;
            text.push_str(&path.display().to_string());
            let end = text.len() as u32;
            text.push(' ');
            (path.clone(), start, end)
        };
        paths.iter().map(add).collect()
    };
    let (cert, key) = (written("--cert ", cert), written("--key ", key));
    let end = text.len() as u32;
    let file = sources.add(std::path::Path::new("command line"), text);
    let place = |start, end| Span { file, start, end };
    let spanned = |list: Vec<(PathBuf, u32, u32)>| {
        list.into_iter()
            .map(|(path, start, end)| Spanned::new(path, place(start, end)))
            .collect()
    };
    let mut profile = TlsProfile::new(FLAGS_PROFILE, place(0, end));
    profile.cert = spanned(cert);
    profile.key = spanned(key);
    settings.tls.push(profile);
}

/// Compiles the profiles and reports what is wrong with them, and with the listeners that name them.
pub fn build(
    settings: &Settings,
    material: &Material,
    previous: Option<&TlsSet>,
    diagnostics: &mut Diagnostics,
) -> Arc<TlsSet> {
    let (set, problems) = TlsSet::build(material, previous, unix_ms());
    let mut told: HashSet<(Span, String)> = HashSet::new();
    for problem in problems {
        report(settings, problem, &mut told, diagnostics);
    }
    for named in settings.listeners.iter().filter_map(|l| l.tls.as_ref()) {
        listener(settings, &set, named, diagnostics);
    }
    Arc::new(set)
}

fn listener(
    settings: &Settings,
    set: &TlsSet,
    named: &Spanned<String>,
    diagnostics: &mut Diagnostics,
) {
    let name = &named.value;
    let Some(profile) = settings.tls.iter().find(|p| p.name == *name) else {
        let row = DiagnosticCode::UnknownTlsProfile.row();
        let message = format!("there is no TLS profile {name}");
        let help = format!("add [tls.{name}] with cert and key; {}", row.help);
        return diagnostics.error_help(row.code, named.span, message, help);
    };
    let usable = set.profile(name).is_some_and(|p| p.server.is_some());
    // What else keeps it from being used has been reported where it is written.
    if !usable && profile.cert.is_empty() && profile.key.is_empty() {
        diagnostics.error_help(
            DiagnosticCode::TlsIncomplete,
            named.span,
            format!("the TLS profile {name} has no certificate to show to clients"),
            format!("add cert = \"FILE\" and key = \"FILE\" to [tls.{name}]"),
        );
    }
}

/// Makes a diagnostic of it; profiles of the same files have the same problems, which are told once.
fn report(
    settings: &Settings,
    problem: Problem,
    told: &mut HashSet<(Span, String)>,
    diagnostics: &mut Diagnostics,
) {
    let Some(profile) = settings.tls.iter().find(|p| p.name == problem.profile) else {
        return;
    };
    let is_shown = profile.name == FLAGS_PROFILE
        || settings
            .listeners
            .iter()
            .any(|l| l.tls.as_ref().is_some_and(|t| t.value == profile.name));
    let code = match problem.kind {
        ProblemKind::File => DiagnosticCode::TlsFile,
        ProblemKind::Mismatch => DiagnosticCode::TlsKeyMismatch,
        ProblemKind::Time => DiagnosticCode::TlsCertificateTime,
        ProblemKind::Incomplete => DiagnosticCode::TlsIncomplete,
        ProblemKind::VerificationOff => DiagnosticCode::TlsNotVerified,
        // Names matter where a client looks for them.
        ProblemKind::Names if !is_shown => return,
        ProblemKind::Names => DiagnosticCode::TlsNames,
        ProblemKind::Store | ProblemKind::StoreEntry => DiagnosticCode::Keystore,
    };
    let span = span(profile, problem.place);
    if !told.insert((span, problem.text.clone())) {
        return;
    }
    diagnostics.push(Diagnostic {
        code,
        severity: if problem.is_fatal() {
            Severity::Error
        } else {
            Severity::Warning
        },
        span,
        message: problem.text,
        help: Some(problem.help),
        related: None,
    });
}

fn span(profile: &TlsProfile, place: Place) -> Span {
    let of = |path: Option<&Spanned<PathBuf>>| path.map(|p| p.span);
    let found = match place {
        Place::Profile => None,
        Place::Cert(at) => of(profile.cert.get(at)),
        Place::Key(at) => of(profile.key.get(at)),
        Place::ClientCa => of(profile.client_ca.as_ref()),
        Place::Ca(at) => of(profile.ca.get(at)),
        Place::Verify => profile.verify.as_ref().map(|v| v.span),
        Place::ServerName => profile.server_name.as_ref().map(|n| n.span),
        Place::Keystore | Place::KeystorePassword | Place::KeystoreKind => {
            part(profile.keystore.as_ref(), place)
        }
        Place::Truststore | Place::TruststorePassword | Place::TruststoreKind => {
            part(profile.truststore.as_ref(), place)
        }
    };
    found.unwrap_or(profile.span)
}

/// Where a part of a store is named; the store's file when it is not.
fn part(store: Option<&TlsStore>, place: Place) -> Option<Span> {
    let store = store?;
    let found = match place {
        Place::KeystorePassword | Place::TruststorePassword => {
            store.password.as_ref().map(|p| p.span)
        }
        Place::KeystoreKind | Place::TruststoreKind => store.kind.as_ref().map(|k| k.span),
        _ => None,
    };
    Some(found.unwrap_or(store.file.span))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings;

    /// A certificate for a name that ends with that year, and its key.
    fn pair(name: &str, year: i32) -> (String, String) {
        let names = if name.is_empty() {
            vec![]
        } else {
            vec![name.to_owned()]
        };
        let mut asked = rcgen::CertificateParams::new(names).unwrap();
        asked.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = asked.self_signed(&key).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    /// What is said of an `axon.toml` beside these files: severity, code, marked text, message.
    fn said(toml: &str, files: &[(&str, &str)]) -> Vec<(Severity, String, String, String)> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("axon.toml"), toml).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let settings = settings::load(None, folder.path(), [], &mut sources, &mut diagnostics);
        build(
            &settings,
            &Material::read(&settings),
            None,
            &mut diagnostics,
        );
        let marked = |span: Span| {
            sources.file(span.file).text[span.start as usize..span.end as usize].to_owned()
        };
        let list = diagnostics.into_sorted().into_iter();
        list.map(|d| (d.severity, d.code.to_string(), marked(d.span), d.message))
            .collect()
    }

    const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"edge\"\n";

    #[test]
    fn a_good_profile_is_silent_and_an_absent_one_is_missed_where_it_is_named() {
        let (cert, key) = pair("a.test", 2090);
        let files = [("a.pem", cert.as_str()), ("a.key", key.as_str())];
        let toml = format!("{LISTENER}[tls.edge]\ncert = \"a.pem\"\nkey = \"a.key\"\n");
        assert_eq!(said(&toml, &files), []);
        let problem = said(LISTENER, &[]).remove(0);
        assert_eq!(
            (problem.0, problem.1.as_str(), problem.2.as_str()),
            (Severity::Error, "AX0705", "\"edge\"")
        );
        let bare = said(&format!("{LISTENER}[tls.edge]\n"), &[]).remove(0);
        assert_eq!((bare.1.as_str(), bare.2.as_str()), ("AX0706", "\"edge\""));
    }

    #[test]
    fn each_thing_that_is_wrong_is_said_at_its_setting() {
        let ((cert, key), (_, other)) = (pair("a.test", 2090), pair("a.test", 2090));
        let (over, over_key) = pair("a.test", 2020);
        let (nameless, nameless_key) = pair("", 2090);
        let files = [
            ("a.pem", cert.as_str()),
            ("a.key", key.as_str()),
            ("other.key", other.as_str()),
            ("over.pem", over.as_str()),
            ("over.key", over_key.as_str()),
            ("no.pem", nameless.as_str()),
            ("no.key", nameless_key.as_str()),
            (
                "locked.key",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            ),
            ("store.p12", "0\u{1}\u{2}"),
        ];
        use Severity::{Error, Warning};
        for (profile, severity, code, marked, words) in [
            (
                "cert = \"a.pem\"\nkey = \"other.key\"",
                Error,
                "AX0703",
                "\"other.key\"",
                "does not belong",
            ),
            (
                "cert = \"x.pem\"\nkey = \"a.key\"",
                Error,
                "AX0702",
                "\"x.pem\"",
                "cannot be read",
            ),
            (
                "cert = \"a.key\"\nkey = \"a.key\"",
                Error,
                "AX0702",
                "\"a.key\"",
                "no certificate",
            ),
            (
                "cert = \"a.pem\"\nkey = \"locked.key\"",
                Error,
                "AX0702",
                "\"locked.key\"",
                "locked with a password",
            ),
            (
                "cert = \"store.p12\"\nkey = \"a.key\"",
                Error,
                "AX0702",
                "\"store.p12\"",
                "no certificate",
            ),
            (
                "cert = \"a.pem\"",
                Error,
                "AX0706",
                "edge",
                "has 1 cert and 0 key",
            ),
            (
                "cert = \"a.pem\"\nkey = \"a.key\"\nclient = \"required\"",
                Error,
                "AX0706",
                "edge",
                "not whose",
            ),
            (
                "cert = \"a.pem\"\nkey = \"a.key\"\nclient_ca = \"a.pem\"",
                Error,
                "AX0706",
                "\"a.pem\"",
                "not asked",
            ),
            (
                "cert = \"over.pem\"\nkey = \"over.key\"",
                Warning,
                "AX0704",
                "\"over.pem\"",
                "over since 2020-01-01",
            ),
            (
                "cert = \"no.pem\"\nkey = \"no.key\"",
                Warning,
                "AX0708",
                "\"no.pem\"",
                "for no name",
            ),
            (
                "cert = [\"a.pem\", \"a.pem\"]\nkey = [\"a.key\", \"a.key\"]",
                Warning,
                "AX0708",
                "\"a.pem\"",
                "comes first",
            ),
            (
                "cert = \"a.pem\"\nkey = \"a.key\"\nverify = false",
                Warning,
                "AX0707",
                "false",
                "takes any certificate",
            ),
        ] {
            let toml = format!("{LISTENER}[tls.edge]\n{profile}\n");
            let list = said(&toml, &files);
            let problem = list.first().unwrap_or_else(|| panic!("{profile}: nothing"));
            assert_eq!(
                (problem.0, problem.1.as_str(), problem.2.as_str()),
                (severity, code, marked),
                "{profile}: {list:?}"
            );
            assert!(problem.3.contains(words), "{profile}: {list:?}");
            assert_eq!(list.len(), 1, "{profile}: {list:?}");
        }
    }

    #[test]
    fn flags_make_a_profile_whose_problems_are_marked_in_the_flags() {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let mut settings = Settings::default();
        let (cert, key) = (["no.pem".into()], ["no.key".into()]);
        add_flags(&mut settings, &cert, &key, &mut sources);
        build(
            &settings,
            &Material::read(&settings),
            None,
            &mut diagnostics,
        );
        let list = diagnostics.into_sorted();
        let places: Vec<_> = list.iter().map(|d| sources.locate(d.span)).collect();
        assert_eq!(places, ["command line:1:8", "command line:1:21"]);
        assert_eq!(
            sources.file(list[0].span.file).path,
            Path::new("command line")
        );
    }

    #[test]
    fn what_has_not_changed_is_taken_over_and_a_broken_one_keeps_the_last_good() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let ((cert, key), (next, next_key)) = (pair("a.test", 2090), pair("a.test", 2090));
        let put = |cert: &str, key: &str| {
            std::fs::write(file("a.pem"), cert).unwrap();
            std::fs::write(file("a.key"), key).unwrap();
        };
        let load = |previous: Option<&TlsSet>| {
            let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
            let mut settings = Settings::default();
            add_flags(
                &mut settings,
                &[file("a.pem")],
                &[file("a.key")],
                &mut sources,
            );
            let set = build(
                &settings,
                &Material::read(&settings),
                previous,
                &mut diagnostics,
            );
            (set, diagnostics.has_errors())
        };
        let same = |a: &TlsSet, b: &TlsSet| {
            let of = |set: &TlsSet| set.profile(FLAGS_PROFILE).cloned();
            Arc::ptr_eq(&of(a).unwrap(), &of(b).unwrap())
        };
        put(&cert, &key);
        let (first, _) = load(None);
        let (again, _) = load(Some(&first));
        assert!(same(&first, &again) && first.fingerprint() == again.fingerprint());
        put(&next, &key);
        let (broken, has_errors) = load(Some(&again));
        assert!(has_errors && same(&first, &broken));
        put(&next, &next_key);
        let (rotated, has_errors) = load(Some(&broken));
        assert!(!has_errors && !same(&first, &rotated));
        assert_ne!(
            first.client(Some(FLAGS_PROFILE)),
            rotated.client(Some(FLAGS_PROFILE))
        );
    }
}
