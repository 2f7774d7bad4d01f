//! New certificates while traffic flows, and ones that cannot be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;

use super::{secure_client, secure_port};
use crate::support::tls::{Authority, Pair, client_side, shake};
use crate::support::{Backend, Client, Proxy, address, endpoint, eventually};

/// A watching proxy whose certificate lies in a folder of its own.
struct Rotating {
    proxy: Proxy,
    pairs: tempfile::TempDir,
    authority: Authority,
    _backend: Backend,
}

impl Rotating {
    fn start(flags: &[&str]) -> Rotating {
        let authority = Authority::new();
        let pairs = tempfile::tempdir().unwrap();
        let (cert, key) = authority.sign(&["localhost"]).write(pairs.path(), "edge");
        let toml = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"edge\"\n[tls.edge]\ncert = \"{}\"\nkey = \"{}\"\n",
            cert.display(),
            key.display()
        );
        let backend = Backend::named("a");
        let file = endpoint("e", &address(backend.address, ""));
        let proxy = Proxy::with(&[("e.xml", &file), ("axon.toml", &toml)], flags);
        Rotating {
            proxy,
            pairs,
            authority,
            _backend: backend,
        }
    }

    fn shown(&self) -> Vec<u8> {
        let to = self.proxy.listening("https");
        let shown = shake(to, &self.authority.client(), "localhost");
        let shown = shown.unwrap_or_else(|e| panic!("{e}; {}", self.proxy.complaints()));
        shown.cert.to_vec()
    }

    fn rotate(&self, pair: &Pair) {
        pair.write(self.pairs.path(), "edge");
    }

    fn turns_to(&self, pair: &Pair) {
        let wanted = der(pair);
        eventually("the new certificate", || {
            (self.shown() == wanted).then_some(())
        });
    }
}

fn der(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pair.cert.as_bytes())
        .unwrap()
        .to_vec()
}

#[test]
fn a_replaced_certificate_is_shown_to_new_clients_while_old_connections_go_on() {
    let this = Rotating::start(&[]);
    let mut old = secure_client(&this.proxy, &this.authority);
    assert_eq!(old.get("/").text(), "a");
    for _ in 0..3 {
        let next = this.authority.sign(&["localhost"]);
        this.rotate(&next);
        this.turns_to(&next);
        assert_eq!(old.get("/").text(), "a");
    }
    let view = this.proxy.look("/api/v1/tls");
    assert!(view.get("problem").is_none(), "{view}");
}

#[test]
fn nothing_is_lost_while_certificates_change_under_load() {
    let this = Rotating::start(&["--no-watch"]);
    let port = secure_port(this.proxy.listening("https"), &this.authority);
    let (stop, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..4)
        .map(|at| {
            let (stop, served) = (stop.clone(), served.clone());
            std::thread::spawn(move || {
                let mut client = Client::connect(port);
                while !stop.load(Ordering::SeqCst) {
                    // Half of them on a new connection each time.
                    if at % 2 == 0 {
                        client = Client::connect(port);
                    }
                    assert_eq!(client.post("/", "<a/>").text(), "a");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..10 {
        let next = this.authority.sign(&["localhost"]);
        this.rotate(&next);
        match round % 2 {
            0 => this.proxy.signal(Signal::HUP),
            _ => assert_eq!(this.proxy.reload()["result"], "applied"),
        }
        this.turns_to(&next);
    }
    stop.store(true, Ordering::SeqCst);
    for thread in load {
        thread.join().unwrap();
    }
    assert!(served.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_with_its_place_and_the_last_good_one_goes_on() {
    let this = Rotating::start(&["--no-watch"]);
    let before = this.shown();
    let (one, other) = (
        this.authority.sign(&["localhost"]),
        this.authority.sign(&["localhost"]),
    );
    let broken = |cert: &str, key: &str| Pair {
        cert: cert.to_owned(),
        key: key.to_owned(),
    };
    for (pair, code, line, words) in [
        (
            broken(&one.cert, &other.key),
            "AX0703",
            6,
            "does not belong to",
        ),
        (broken("", &one.key), "AX0702", 5, "no certificate"),
        (broken(&one.cert, "nothing"), "AX0702", 6, "no private key"),
    ] {
        this.rotate(&pair);
        let (status, view) = this.proxy.change("/api/v1/config:reload");
        assert_eq!((status, &view["result"]), (422, &"rejected".into()));
        let problem = &view["diagnostics"][0];
        assert_eq!(problem["code"], code, "{view}");
        assert_eq!(problem["line"], line, "{view}");
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.contains(words) && message.contains("edge."),
            "{message}"
        );
        assert_eq!(this.shown(), before);
        let status = this.proxy.look("/api/v1/status");
        assert_eq!(status["config"], "degraded");
        let view = this.proxy.look("/api/v1/tls");
        assert!(view["problem"].as_str().unwrap().contains(code), "{view}");
    }
    this.rotate(&one);
    assert_eq!(this.proxy.reload()["result"], "applied");
    assert_eq!(this.shown(), der(&one));
    assert_eq!(this.proxy.look("/api/v1/status")["config"], "ok");
}

#[test]
fn the_administration_shows_profiles_and_when_they_end() {
    let this = Rotating::start(&["--no-watch"]);
    let view = this.proxy.look("/api/v1/tls");
    let profile = &view["profiles"][0];
    assert_eq!(profile["name"], "edge");
    assert_eq!(profile["chains"][0][0]["names"][0], "localhost");
    assert_eq!(profile["not_after"], "2090-01-01T00:00:00.000Z");
    assert_eq!(
        profile["listeners"][0],
        this.proxy.listening("https").to_string().as_str()
    );
    assert_eq!(profile["client"], "none");
    let metrics = this
        .proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let line = "axon_tls_certificate_not_after_timestamp_seconds{profile=\"edge\"} 3786912000.0";
    assert!(metrics.lines().any(|l| l == line), "{metrics}");
}

#[test]
fn sessions_are_resumed_and_outlive_a_reload_that_changes_no_certificate() {
    let this = Rotating::start(&["--no-watch"]);
    let to = this.proxy.listening("https");
    // One configuration keeps the tickets of all its connections.
    let port = client_side(to, this.authority.client(), "localhost");
    assert_eq!(Client::connect(port).get("/").text(), "a");
    let shared = this.authority.client();
    let resumed =
        |config: &rustls::ClientConfig| crate::support::tls::resumes(to, config, "localhost");
    assert!(!resumed(&shared));
    assert!(resumed(&shared));
    this.proxy.write(
        "f.xml",
        &endpoint("f", "<address uri=\"http://localhost:1/\"/>"),
    );
    assert_eq!(this.proxy.reload()["result"], "applied");
    assert!(resumed(&shared));
}
