//! Back ends over https.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{https_address, secure_client, with_files};
use crate::support::tls::{Authority, Pair, server_side};
use crate::support::{Act, Answer, Backend, Down, Proxy, child, endpoint, eventually, ok, quote};

/// A back end inside TLS with that certificate.
fn secure(backend: &Backend, pair: &Pair) -> SocketAddr {
    server_side(backend.address, Authority::server(pair, None))
}

/// A proxy with the profile `house`, which trusts that authority; more lines may follow.
fn proxy(file: &str, authority: &Authority, more: &str) -> Proxy {
    let toml = format!("[tls.house]\nca = \"ca.pem\"\n{more}\n");
    Proxy::start(&[
        ("e.xml", file),
        ("axon.toml", &toml),
        ("ca.pem", &authority.pem()),
    ])
}

fn of(to: SocketAddr) -> String {
    endpoint("e", &https_address(to.port(), "ax:tls=\"house\""))
}

/// The answer to a request whose back end cannot be trusted, and what the access line says.
fn refused(proxy: &Proxy) -> (Answer, serde_json::Value) {
    let begun = Instant::now();
    // As SOAP, so that the fault tells why.
    let answer = proxy.client().post("/", "<a/>");
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited");
    let line = proxy.line("the access line", |l| {
        l["code"] == 101503 && l["status"].is_number()
    });
    assert_eq!(line["outcome"], "tls_failed", "{line}");
    (answer, line)
}

#[test]
fn an_https_back_end_is_verified_asked_and_kept() {
    let authority = Authority::new();
    let backend = Backend::start(|r| Act::Write(ok(&format!("{} {}", r.target(), r.body.len()))));
    let front = secure(&backend, &authority.sign(&["localhost"]));
    let proxy = proxy(&of(front), &authority, "");
    let mut client = proxy.client();
    for _ in 0..5 {
        assert_eq!(client.post("/", "<a/>").text(), "/svc 4");
    }
    assert_eq!(backend.connections(), 1);
    let host = backend.seen()[0].headers.value("Host").map(str::to_owned);
    assert_eq!(host, Some(format!("localhost:{}", front.port())));
}

#[test]
fn who_cannot_be_trusted_gets_nothing_and_the_reason_is_said_at_once() {
    let (authority, others) = (Authority::new(), Authority::new());
    let backend = Backend::named("secret");
    for (pair, reason) in [
        (
            others.sign(&["localhost"]),
            "signed by nobody who is trusted",
        ),
        (
            authority.sign_until(&["localhost"], 2020),
            "certificate is over",
        ),
        (
            authority.sign(&["other.test"]),
            "not for localhost, only for",
        ),
    ] {
        let proxy = proxy(&of(secure(&backend, &pair)), &authority, "");
        let answer = refused(&proxy).0;
        assert_eq!(answer.status, 500);
        assert!(
            answer.text().contains(reason),
            "{reason}: {}",
            answer.text()
        );
        let metrics = proxy
            .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .text();
        let line = "axon_endpoint_requests_total{endpoint=\"e\",outcome=\"tls_failed\"} 1";
        assert!(metrics.lines().any(|l| l == line), "{metrics}");
    }
    assert_eq!(backend.hits(), 0);
}

#[test]
fn without_a_profile_the_authorities_of_the_system_are_trusted() {
    let authority = Authority::new();
    let backend = Backend::named("a");
    let front = secure(&backend, &authority.sign(&["localhost"]));
    let file = endpoint("e", &https_address(front.port(), ""));
    // Nobody on this machine trusts the new authority.
    let strict = Proxy::start(&[("e.xml", &file)]);
    let answer = refused(&strict).0;
    assert!(answer.text().contains("trusted"), "{}", answer.text());
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let proxy = Proxy::with_variables(&[("e.xml", &file)], &[("SSL_CERT_FILE", ca.as_os_str())]);
    assert_eq!(proxy.client().get("/").text(), "a");
}

#[test]
fn a_back_end_that_does_not_speak_tls_is_said_so() {
    // Answers whatever comes, as an HTTP server does to a record of TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let proxy = proxy(&of(plain), &Authority::new(), "");
    let text = refused(&proxy).0.text();
    assert!(text.contains("it does not speak TLS"), "{text}");
}

#[test]
fn a_back_end_that_never_answers_the_handshake_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    let proxy = proxy(
        &of(silent),
        &Authority::new(),
        "[timers]\ntls_handshake_ms = 300",
    );
    let text = proxy.client().post("/", "<a/>").text();
    assert!(text.contains("not over within 300 ms"), "{text}");
    let line = proxy.line("the access line", |l| {
        l["code"] == 101508 && l["status"].is_number()
    });
    assert_eq!(line["outcome"], "connect_timeout");
}

#[test]
fn a_group_goes_on_from_an_untrusted_https_child_to_a_plain_one_and_back() {
    let (authority, others) = (Authority::new(), Authority::new());
    let (bad, good, plain) = (
        Backend::named("bad"),
        Backend::named("secure"),
        Backend::named("plain"),
    );
    let pair = authority.sign(&["localhost"]);
    let untrusted = secure(&bad, &others.sign(&["localhost"]));
    let trusted = secure(&good, &pair);
    let https = |name: &str, to: SocketAddr| {
        format!(
            "<endpoint name=\"{name}\">{}</endpoint>",
            https_address(to.port(), "ax:tls=\"house\"")
        )
    };
    let first = format!(
        "<failover>{}{}</failover>",
        https("a", untrusted),
        child("b", plain.address, "")
    );
    let on = proxy(&endpoint("e", &first), &authority, "");
    assert_eq!(on.client().post("/", "<a/>").text(), "plain");
    let line = on.line("the access line", |l| l["attempts"].is_array());
    assert_eq!(line["attempts"][0]["outcome"], "tls_failed");
    let second = format!(
        "<failover>{}{}</failover>",
        child("a", Down::new().address, ""),
        https("b", trusted)
    );
    let back = proxy(&endpoint("e", &second), &authority, "");
    assert_eq!(back.client().post("/", "<a/>").text(), "secure");
    assert_eq!(bad.hits(), 0);
}

#[test]
fn a_client_certificate_is_shown_to_who_asks_for_one() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let backend = Backend::named("in");
    let pair = authority.sign(&["localhost"]);
    let front = server_side(backend.address, Authority::server(&pair, Some(&clients)));
    let me = clients.sign(&["me"]);
    let toml = "[tls.house]\nca = \"ca.pem\"\ncert = \"me.pem\"\nkey = \"me.key\"\n[tls.bare]\nca = \"ca.pem\"\n";
    let names = |profile: &str| https_address(front.port(), &format!("ax:tls=\"{profile}\""));
    let files = |profile: &str| {
        Proxy::start(&[
            ("e.xml", endpoint("e", &names(profile)).as_str()),
            ("axon.toml", toml),
            ("ca.pem", &authority.pem()),
            ("me.pem", &me.cert),
            ("me.key", &me.key),
        ])
    };
    assert_eq!(files("house").client().get("/").text(), "in");
    // In TLS 1.3 the refusal comes after the handshake, in place of the answer.
    let text = refused(&files("bare")).0.text();
    assert!(text.contains("it wants a client certificate"), "{text}");
    assert_eq!(backend.hits(), 1);
}

#[test]
fn profiles_of_one_target_never_share_connections() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let backend = Backend::named("in");
    let pair = authority.sign(&["localhost"]);
    let front = server_side(backend.address, Authority::server(&pair, Some(&clients)));
    let me = clients.sign(&["me"]);
    let toml = "[tls.house]\nca = \"ca.pem\"\ncert = \"me.pem\"\nkey = \"me.key\"\n[tls.bare]\nca = \"ca.pem\"\n";
    let proxy = Proxy::with(
        &[
            (
                "a.xml",
                endpoint("a", &https_address(front.port(), "ax:tls=\"house\"")).as_str(),
            ),
            (
                "b.xml",
                &endpoint("b", &https_address(front.port(), "ax:tls=\"bare\"")),
            ),
            ("axon.toml", toml),
            ("ca.pem", &authority.pem()),
            ("me.pem", &me.cert),
            ("me.key", &me.key),
        ],
        &["--no-watch", "--workers", "1"],
    );
    assert_eq!(proxy.client().get("/services/a").text(), "in");
    // The connection of the first lies idle; whoever has no certificate must not ride on it.
    assert_eq!(proxy.client().get("/services/b").status, 502);
    assert_eq!(proxy.client().get("/services/a").text(), "in");
    assert_eq!(backend.connections(), 1);
}

#[test]
fn an_answer_that_is_cut_off_inside_tls_is_not_taken_for_complete() {
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let config = Arc::new(Authority::server(&pair, None));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    // Answers until the close; a path that says so is closed without close_notify, as an attacker would.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || {
                let mut session = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::Stream::new(&mut session, &mut stream);
                let mut asked = [0; 4096];
                let Ok(n) = tls.read(&mut asked) else { return };
                let cut = String::from_utf8_lossy(&asked[..n]).contains("/cut");
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nfirst half");
                if !cut {
                    session.send_close_notify();
                    let _ = session.complete_io(&mut stream);
                }
            });
        }
    });
    let proxy = proxy(&of(to), &authority, "");
    let ask = |path: &str| {
        let mut client = proxy.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let head = client.head()?;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        client.body(crate::support::Headers::parse(&head).framing())
    };
    assert_eq!(ask("/whole").unwrap().0, b"first half");
    assert!(ask("/cut").is_none(), "a part passed for the whole");
    proxy.line("the cut", |l| l["outcome"] == "closed_early");
}

#[test]
fn members_are_asked_with_the_scheme_that_the_message_came_in_on() {
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let (plain, inner) = (Backend::named("plain"), Backend::named("secure"));
    let front = secure(&inner, &pair);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let file = endpoint(
        "e",
        &format!(
            "<loadbalance xmlns:ax=\"urn:axon:1\" ax:tls=\"house\"><member hostName=\"localhost\" httpPort=\"{}\" httpsPort=\"{}\"/></loadbalance>",
            plain.address.port(),
            front.port()
        ),
    );
    let house = format!("[tls.house]\nca = \"{}\"", ca.display());
    let proxy = with_files(&file, &pair, "", &house);
    assert_eq!(proxy.client().get("/x").text(), "plain");
    assert_eq!(secure_client(&proxy, &authority).get("/x").text(), "secure");
}

#[test]
fn a_profile_may_trust_one_self_signed_certificate_or_nobody_in_particular() {
    let authority = Authority::new();
    // What `openssl req -x509` makes: its own authority.
    let own = Authority::self_signed("localhost");
    let backend = Backend::named("a");
    let front = secure(&backend, &own);
    let exactly = Proxy::start(&[
        ("e.xml", of(front).as_str()),
        ("axon.toml", "[tls.house]\nca = \"own.pem\"\n"),
        ("own.pem", &own.cert),
    ]);
    assert_eq!(exactly.client().get("/").text(), "a");
    let other = proxy(&of(front), &authority, "");
    assert!(refused(&other).0.text().contains("ca in a TLS profile"));
    let anyone = proxy(&of(front), &authority, "verify = false");
    assert_eq!(anyone.client().get("/").text(), "a");
    let said = anyone.complaints();
    assert!(
        said.contains("AX0707") && said.contains("axon.toml:3:10"),
        "{said}"
    );
}

#[test]
fn a_large_body_reaches_an_https_back_end_that_is_slow_to_read() {
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let backend =
        Backend::start(|r| Act::Late(Duration::from_millis(200), ok(&r.body.len().to_string())));
    let front = secure(&backend, &pair);
    let proxy = proxy(&of(front), &authority, "");
    let body = "x".repeat(6 * 1024 * 1024);
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.post("/", &body).text(), body.len().to_string());
    }
}

#[test]
fn an_endpoint_with_an_unknown_profile_is_an_error_at_its_place() {
    let authority = Authority::new();
    let backend = Backend::named("a");
    let front = secure(&backend, &authority.sign(&["localhost"]));
    let file = endpoint("e", &https_address(front.port(), "ax:tls=\"hause\""));
    let proxy = Proxy::with(
        &[
            ("e.xml", file.as_str()),
            ("axon.toml", "[tls.house]\nca = \"ca.pem\"\n"),
            ("ca.pem", &authority.pem()),
        ],
        &["--no-watch", "--lenient"],
    );
    let said = proxy.complaints();
    assert!(
        said.contains("AX0705") && said.contains("e.xml:2:"),
        "{said}"
    );
    // A lenient start does not send with less protection than was asked for.
    let text = refused(&proxy).0.text();
    assert!(text.contains("there is no TLS profile hause"), "{text}");
}

#[test]
fn a_wsdl_document_and_the_service_that_it_names_are_asked_under_the_same_profile() {
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let service = Backend::named("quoted");
    let port = secure(&service, &pair).port();
    let document = format!(
        r#"<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t" targetNamespace="urn:t"><w:binding name="B" type="t:T"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/></w:binding><w:service name="Quote"><w:port name="P" binding="t:B"><s:address location="https://localhost:{port}/svc"/></w:port></w:service></w:definitions>"#
    );
    let publisher = Backend::start(move |_| Act::Write(ok(&document)));
    let to = secure(&publisher, &pair);
    let wsdl = |attributes: &str| {
        let element = format!(
            "<wsdl xmlns:ax=\"urn:axon:1\" uri=\"https://localhost:{}/q?wsdl\" service=\"Quote\" port=\"P\" {attributes}/>",
            to.port()
        );
        endpoint("e", &element)
    };
    let trusted = proxy(&wsdl("ax:tls=\"house\""), &authority, "");
    assert_eq!(trusted.client().post("/", &quote()).text(), "quoted");
    assert_eq!((publisher.hits(), service.hits()), (1, 1));
    // Without the profile nobody trusts the publisher, and nothing is asked.
    let strict = proxy(&wsdl(""), &authority, "");
    assert_ne!(strict.client().post("/", &quote()).text(), "quoted");
    let said = strict.complaints();
    assert!(
        said.contains("AX0607") && said.contains("no TLS connection"),
        "{said}"
    );
    assert_eq!((publisher.hits(), service.hits()), (1, 1));
}

/// An endpoint over https whose health page is looked at.
fn checked(to: SocketAddr, attributes: &str) -> String {
    let check = "<ax:healthCheck type=\"http\" path=\"/health\" interval=\"100\" timeout=\"2000\" rise=\"1\" fall=\"1\"/>";
    let address = https_address(to.port(), attributes);
    endpoint(
        "e",
        &format!("{}>{check}</address>", address.trim_end_matches("/>")),
    )
}

#[test]
fn a_health_check_goes_over_tls_as_the_profile_says() {
    let (authority, others) = (Authority::new(), Authority::new());
    let backend = Backend::named("a");
    let good = secure(&backend, &authority.sign(&["localhost"]));
    let trusting = proxy(&checked(good, "ax:tls=\"house\""), &authority, "");
    eventually("some checks", || (backend.hits() > 3).then_some(()));
    assert_eq!(backend.seen()[0].target(), "/health");
    assert_eq!(trusting.state("e"), "active");
    // Who is not the one that the profile trusts is out of order, without a message having met him.
    let wrong = secure(&backend, &others.sign(&["localhost"]));
    let refusing = proxy(&checked(wrong, "ax:tls=\"house\""), &authority, "");
    let event = refusing.line("the event", |l| l["to"] == "suspended");
    assert_eq!(event["code"], 303_206);
    let text = event["text"].as_str().unwrap();
    assert!(text.contains("TLS") && text.contains("trusted"), "{text}");
}
