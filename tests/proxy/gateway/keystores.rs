//! Keystores and truststores of Java and PKCS#12, read as they are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use axon::transport::tls::keystore::{self, Opened, ROUNDS_MAX};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{config, service};
use crate::support::tls::shake;
use crate::support::{Proxy, eventually};

/// One of the stores that lie in `tests/data/keystores`.
fn stored(name: &str) -> String {
    format!("{}/tests/data/keystores/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn opened(name: &str) -> Opened {
    let bytes = std::fs::read(stored(name)).unwrap();
    keystore::open(&bytes, Some("welcome1"), ROUNDS_MAX).unwrap()
}

fn trusted(opened: &Opened) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for entry in &opened.keys {
        let last = entry.chain.last().unwrap().clone();
        roots.add(CertificateDer::from(last)).unwrap();
    }
    roots
}

/// A client that trusts the certificates of a store, and shows the one for a.test when it is to.
fn client(name: &str, shows: bool) -> ClientConfig {
    let opened = opened(name);
    let roots = trusted(&opened);
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut keys = opened.keys.into_iter();
    let first = keys.find(|k| ["one", "leaf"].contains(&k.alias.as_str()));
    match first.filter(|_| shows) {
        Some(first) => {
            let chain = first.chain.into_iter().map(CertificateDer::from).collect();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(first.key.unwrap()));
            builder.with_client_auth_cert(chain, key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}

fn store(what: &str, kind: &str, file: &str, password: &str) -> String {
    let kind = match kind {
        "" => String::new(),
        kind => format!("<type>{kind}</type>"),
    };
    let password = match password {
        "" => String::new(),
        file => format!("<password-file>{file}</password-file>"),
    };
    format!("<{what}>{kind}<file>{file}</file>{password}</{what}>")
}

fn secure(name: &str, host: &str, more: &str) -> String {
    let options =
        format!("<accept-options><wss.bind>127.0.0.1:0</wss.bind>{more}</accept-options>");
    service(
        name,
        &[&format!("wss://{host}:9091/{name}")],
        "echo",
        &options,
    )
}

fn run(services: &str, stores: &str) -> Proxy {
    let inside = format!("{services}<security>{stores}</security>");
    Proxy::start(&[
        ("gateway-config.xml", config(&inside).as_str()),
        ("conf/keystore.pw", "welcome1\nnot this\n"),
    ])
}

#[test]
fn every_format_is_read_and_each_host_shown_its_own_certificate() {
    for (kind, name, hosts) in [
        ("JKS", "several.jks", &["a.test", "b.test"][..]),
        ("", "several.jks", &["b.test"]),
        ("JCEKS", "several.jceks", &["a.test", "d.test"]),
        ("JCEKS", "rsa.jceks", &["a.test"]),
        ("PKCS12", "keytool-17.p12", &["a.test", "one.b.test"]),
        ("PKCS12", "keytool-8.p12", &["a.test"]),
        ("PKCS12", "openssl-legacy.p12", &["a.test"]),
        ("PKCS12", "chain.p12", &["a.test"]),
        // Said to be something else: read as what it is.
        ("JKS", "openssl.p12", &["a.test"]),
    ] {
        let services: String = hosts
            .iter()
            .enumerate()
            .map(|(at, host)| secure(&format!("echo{at}"), host, ""))
            .collect();
        let keystore = store("keystore", kind, &stored(name), "keystore.pw");
        let proxy = run(&services, &keystore);
        for host in hosts {
            let shown = shake(proxy.listening("gateway-tls"), &client(name, false), host);
            let shown = shown.unwrap_or_else(|e| panic!("{name} {host}: {e}"));
            let wanted = host.replace("one.", "*.");
            assert_eq!(shown.names, [wanted], "{name}");
        }
    }
}

/// What a client without verification is shown.
fn subject(door: std::net::SocketAddr, words: &[&str]) -> String {
    let shown = Command::new("openssl")
        .args(["s_client", "-connect", &door.to_string()])
        .args(words)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("subject="));
    line.unwrap_or_else(|| panic!("{text}")).replace(' ', "")
}

#[test]
fn a_certificate_with_nothing_but_a_common_name_is_shown_for_it() {
    let keystore = store("keystore", "JCEKS", &stored("several.jceks"), "keystore.pw");
    let proxy = run(&secure("echo", "c.test", ""), &keystore);
    let door = proxy.listening("gateway-tls");
    assert_eq!(
        subject(door, &["-servername", "c.test"]),
        "subject=CN=c.test"
    );
}

#[test]
fn a_client_that_asks_for_no_name_is_shown_the_certificate_of_the_accept_uri() {
    for host in ["a.test", "b.test"] {
        let keystore = store("keystore", "JKS", &stored("several.jks"), "keystore.pw");
        let proxy = run(&secure("echo", host, ""), &keystore);
        let shown = subject(proxy.listening("gateway-tls"), &["-noservername"]);
        assert_eq!(shown, format!("subject=CN={host}"));
    }
}

#[test]
fn clients_show_a_certificate_that_the_truststore_trusts() {
    let trust = store("truststore", "", &stored("trust.jks"), "");
    let stores = store("keystore", "JKS", &stored("several.jks"), "keystore.pw") + &trust;
    for (verify, without, with) in [
        ("none", true, true),
        ("optional", true, true),
        ("required", false, true),
    ] {
        let option = format!("<ssl.verify-client>{verify}</ssl.verify-client>");
        let proxy = run(&secure("echo", "a.test", &option), &stores);
        let door = proxy.listening("gateway-tls");
        for (shows, want) in [(false, without), (true, with)] {
            let asked = answered(door, client("several.jks", shows));
            assert_eq!(asked, want, "{verify} {shows}");
        }
        // Somebody whom nobody vouches for.
        let mut stranger = client("several.jks", false);
        stranger.client_auth_cert_resolver = client("chain.p12", true).client_auth_cert_resolver;
        assert_eq!(answered(door, stranger), verify == "none", "{verify}");
    }
}

/// True when a request inside TLS gets an answer: in TLS 1.3 a client is refused after its handshake.
fn answered(door: std::net::SocketAddr, config: ClientConfig) -> bool {
    use std::io::{Read, Write};
    let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = std::net::TcpStream::connect(door).unwrap();
    socket
        .set_read_timeout(Some(crate::support::DEADLINE))
        .unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test:9091\r\n\r\n");
    let mut first = [0; 4];
    asked.is_ok() && stream.read_exact(&mut first).is_ok() && &first == b"HTTP"
}

#[test]
fn only_the_versions_of_the_list_are_spoken() {
    let keystore = store("keystore", "JKS", &stored("several.jks"), "keystore.pw");
    for (protocols, old, new) in [
        ("TLSv1.2", true, false),
        ("TLSv1.3", false, true),
        ("TLSv1,TLSv1.2,TLSv1.3", true, true),
    ] {
        let option = format!("<ssl.protocols>{protocols}</ssl.protocols>");
        let proxy = run(&secure("echo", "a.test", &option), &keystore);
        for (version, want) in [
            (&rustls::version::TLS12, old),
            (&rustls::version::TLS13, new),
        ] {
            let roots = trusted(&opened("several.jks"));
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let shown = shake(proxy.listening("gateway-tls"), &config, "a.test");
            assert_eq!(shown.is_ok(), want, "{protocols} {version:?}");
        }
    }
}

#[test]
fn a_replaced_store_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let put = |name: &str| {
        let beside = folder.path().join("new");
        std::fs::copy(stored(name), &beside).unwrap();
        std::fs::rename(beside, &file).unwrap();
    };
    put("several.jks");
    let keystore = store("keystore", "JKS", &file.to_string_lossy(), "keystore.pw");
    let inside = secure("echo", "a.test", "") + &format!("<security>{keystore}</security>");
    let proxy = Proxy::with(
        &[
            ("gateway-config.xml", config(&inside).as_str()),
            ("conf/keystore.pw", "welcome1"),
        ],
        &[],
    );
    let door = proxy.listening("gateway-tls");
    shake(door, &client("several.jks", false), "a.test").unwrap();
    put("chain.p12");
    eventually("the new certificate", || {
        shake(door, &client("chain.p12", false), "a.test").ok()
    });
    // One that cannot be opened leaves the last good one.
    put("chain-aes128.p12");
    let (_, view) = proxy.change("/api/v1/config:reload");
    assert_eq!(view["result"], "rejected", "{view}");
    shake(door, &client("chain.p12", false), "a.test").unwrap();
}

/// What `axon check` says of a file with these stores.
fn said(services: &str, stores: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let inside = format!("{services}\n<security>\n{stores}\n</security>");
    put("gateway-config.xml", &config(&inside));
    put("keystore.pw", "welcome1\n");
    put("wrong.pw", "guess\n");
    put("nonsense.db", "nonsense");
    let said = Command::new(env!("CARGO_BIN_EXE_axon"))
        .arg("check")
        .arg(Path::new(folder.path()).join("gateway-config.xml"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

#[test]
fn what_is_wrong_with_a_store_is_said_at_the_element_that_names_it() {
    let file = |name: &str| stored(name);
    let wss = secure("echo", "a.test", "");
    for (stores, words) in [
        (
            store("keystore", "JKS", &file("several.jks"), "wrong.pw"),
            &[
                "error[AX0721]",
                "the password is not that of the store",
                ":3:",
                "wrong.pw",
            ][..],
        ),
        (
            store("keystore", "PKCS12", &file("keytool-17.p12"), "nowhere.pw"),
            &["the password file", "is not found", "first line", ":3:"],
        ),
        (
            store("keystore", "JKS", "nowhere.db", "keystore.pw"),
            &["the keystore file", "nowhere.db is not found", ":3:"],
        ),
        (
            store("keystore", "JKS", "nonsense.db", "keystore.pw"),
            &["nonsense.db is neither JKS, JCEKS, PKCS12 nor PEM", ":3:"],
        ),
        (
            store("keystore", "JKS", &file("several.jks"), ""),
            &["it is locked with a password", "add <password-file>"],
        ),
        (
            store("keystore", "JCEKS", &file("several.jks"), "keystore.pw"),
            &[
                "warning[AX0721]",
                "is JKS, not JCEKS; it is read as what it is",
                "0 errors",
            ],
        ),
        (
            store("keystore", "JKS", &file("locked.jks"), "keystore.pw"),
            &[
                "one: the key has another password than the store",
                "keytool -keypasswd",
            ],
        ),
        (
            store("keystore", "JKS", &file("trust.jks"), "").replace(
                "</file>",
                "</file><password-file>keystore.pw</password-file>",
            ),
            &["the password is not that of the store"],
        ),
        (
            store("keystore", "JKS", &file("weak.jks"), "keystore.pw"),
            &[
                "warning[AX0721]",
                "weak: ",
                "RSA keys from 2048 bits on",
                "Keystore does not have a certificate entry for a.test",
                "its certificates are for b.test",
            ],
        ),
        (
            store("keystore", "JKS", &file("several.jks"), "keystore.pw")
                + &store("truststore", "", &file("several.jks"), "wrong.pw"),
            &["the truststore", "the password is not that of the store"],
        ),
    ] {
        let said = said(&wss, &stores);
        for word in words {
            assert!(said.contains(word), "{word} is missing in:\n{said}");
        }
    }
}

#[test]
fn options_that_need_more_than_there_is_say_so() {
    let keystore = store("keystore", "JKS", &stored("several.jks"), "keystore.pw");
    for (option, words) in [
        (
            "<ssl.verify-client>required</ssl.verify-client>",
            &["error[AX0721]", "there is no truststore that says whose"][..],
        ),
        (
            "<ssl.verify-client>always</ssl.verify-client>",
            &[
                "error[AX0421]",
                "always is none of none, optional and required",
            ],
        ),
        (
            "<ssl.protocols>TLSv1</ssl.protocols>",
            &[
                "error[AX0421]",
                "axon speaks TLS 1.2 and 1.3, and none of these",
            ],
        ),
        (
            "<ssl.protocols>TLSv1.1,TLSv1.2</ssl.protocols>",
            &[
                "warning[AX0211]",
                "ssl.protocols is kept in part",
                "0 errors",
            ],
        ),
    ] {
        let said = said(&secure("echo", "a.test", option), &keystore);
        for word in words {
            assert!(said.contains(word), "{word} is missing in:\n{said}");
        }
    }
}
