//! WSDL endpoints: where the document says, when it is there, and what happens while it is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::tls::{Authority, server_side};
use crate::support::{Act, Backend, Down, Proxy, child, endpoint, eventually, ok, quote};

/// A document whose port `P` of the service `Quote` leads to that server.
fn wsdl(server: SocketAddr) -> String {
    format!(
        "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/' targetNamespace='urn:q'>\
         <service name='Quote'><port name='P' binding='B'><s:address location='http://{server}/from/wsdl'/></port></service></definitions>"
    )
}

fn by_uri(uri: &str, more: &str) -> String {
    format!("<wsdl xmlns:ax=\"urn:axon:1\" uri=\"{uri}\" service=\"Quote\" port=\"P\" {more}/>")
}

/// Serves the document of whichever server the number names.
fn publisher(servers: Vec<SocketAddr>, current: Arc<AtomicUsize>) -> Backend {
    Backend::start(move |_| Act::Write(ok(&wsdl(servers[current.load(Ordering::SeqCst)]))))
}

#[test]
fn address_and_path_come_from_a_file_beside_the_configuration() {
    let a = Backend::named("a");
    let files = [
        ("e.xml", endpoint("e", &by_uri("file:parts/main.wsdl", ""))),
        (
            "parts/main.wsdl",
            "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'><import location='service.wsdl'/></definitions>".to_owned(),
        ),
        ("parts/service.wsdl", wsdl(a.address)),
    ];
    let proxy = Proxy::start(&files);
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(a.seen()[0].target(), "/from/wsdl");
    let view = proxy.endpoint("e");
    assert_eq!(
        (&view["type"], &view["state"]),
        (&"wsdl".into(), &"active".into())
    );
}

#[test]
fn an_inline_document_is_used() {
    let a = Backend::named("a");
    let inline = format!(
        "<wsdl service=\"Quote\" port=\"P\">{}</wsdl>",
        wsdl(a.address)
    );
    let proxy = Proxy::serving(&endpoint("e", &inline));
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(a.seen()[0].target(), "/from/wsdl");
}

#[test]
fn a_document_from_a_url_is_there_for_the_first_request_and_redirects_are_followed() {
    let a = Backend::named("a");
    let documents = publisher(vec![a.address], Arc::default());
    let to = documents.address;
    let moved = Backend::start(move |_| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{to}/x?wsdl\r\nContent-Length: 0\r\n\r\n"
        );
        Act::Write(head.into_bytes())
    });
    let uri = format!("http://{}/service?wsdl", moved.address);
    let proxy = Proxy::serving(&endpoint("e", &by_uri(&uri, "")));
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(moved.seen()[0].target(), "/service?wsdl");
    assert_eq!(documents.seen()[0].target(), "/x?wsdl");
}

#[test]
fn axon_starts_without_the_document_and_takes_it_when_it_comes() {
    let a = Backend::named("a");
    let down = Down::new();
    let uri = format!("http://{}/?wsdl", down.address);
    let proxy = Proxy::serving(&endpoint("e", &by_uri(&uri, "")));
    assert!(
        proxy.complaints().contains("AX0607"),
        "{}",
        proxy.complaints()
    );
    let refused = proxy.client().post("/", &quote());
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("303001"), "{}", refused.text());
    assert!(refused.text().contains("WSDL"), "{}", refused.text());
    assert_eq!(proxy.state("e"), "unresolved");
    let cause = &proxy.endpoint("e")["cause"];
    assert!(
        cause["text"].as_str().unwrap().contains("cannot connect"),
        "{cause}"
    );

    let address = a.address;
    let _documents = down.up_with(move |_| Act::Write(ok(&wsdl(address))));
    eventually("the document to be fetched", || {
        (proxy.state("e") == "active").then_some(())
    });
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    proxy.line("the event", |line: &Value| {
        line["evt"] == "endpoint.wsdl"
            && line["text"]
                .as_str()
                .is_some_and(|t| t.contains("leads to"))
    });
}

#[test]
fn a_group_goes_past_a_child_whose_document_is_missing() {
    let b = Backend::named("b");
    let down = Down::new();
    let first = format!(
        "<endpoint name=\"a\">{}</endpoint>",
        by_uri(&format!("http://{}/?wsdl", down.address), "")
    );
    let group = format!("<failover>{first}{}</failover>", child("b", b.address, ""));
    let proxy = Proxy::serving(&endpoint("g", &group));
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
}

#[test]
fn a_refreshed_document_moves_the_endpoint_and_a_broken_one_does_not() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let current = Arc::new(AtomicUsize::new(0));
    let servers = [a.address, b.address];
    let (script_current, hits) = (current.clone(), Arc::new(AtomicUsize::new(0)));
    let broken = hits.clone();
    let documents = Backend::start(move |_| match script_current.load(Ordering::SeqCst) {
        2 => {
            broken.fetch_add(1, Ordering::SeqCst);
            Act::Write(ok("<html/>"))
        }
        n => Act::Write(ok(&wsdl(servers[n]))),
    });
    let uri = format!("http://{}/?wsdl", documents.address);
    let proxy = Proxy::serving(&endpoint("e", &by_uri(&uri, "ax:refresh=\"1000\"")));
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    let member = proxy.endpoint("e")["since"].clone();
    current.store(1, Ordering::SeqCst);
    eventually("the endpoint to move", || {
        (proxy.client().post("/", &quote()).text() == "b").then_some(())
    });
    assert_eq!(proxy.endpoint("e")["since"], member);
    current.store(2, Ordering::SeqCst);
    eventually("a broken document to be read", || {
        (hits.load(Ordering::SeqCst) > 1).then_some(())
    });
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    assert_eq!(proxy.state("e"), "active");
}

#[test]
fn a_changed_file_is_noticed_by_a_reload_and_a_broken_one_is_refused() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let files = [
        ("e.xml", endpoint("e", &by_uri("q.wsdl", ""))),
        ("q.wsdl", wsdl(a.address)),
    ];
    let proxy = Proxy::start(&files);
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    let (_, same) = proxy.change("/api/v1/config:reload");
    assert_eq!(same["result"], "unchanged");
    proxy.write("q.wsdl", &wsdl(b.address));
    proxy.reload();
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
    proxy.write(
        "q.wsdl",
        "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>",
    );
    let (_, refused) = proxy.change("/api/v1/config:reload");
    assert_eq!(refused["result"], "rejected", "{refused}");
    assert_eq!(refused["diagnostics"][0]["code"], "AX0604", "{refused}");
    assert_eq!(proxy.client().post("/", &quote()).text(), "b");
}

#[test]
fn a_stand_alone_wsdl_endpoint_is_suspended_like_any_other() {
    let down = Down::new();
    let files = [
        ("e.xml", endpoint("e", &by_uri("q.wsdl", ""))),
        ("q.wsdl", wsdl(down.address)),
    ];
    let proxy = Proxy::start(&files);
    assert!(proxy.client().post("/", &quote()).text().contains("101503"));
    assert_eq!(proxy.state("e"), "suspended");
    assert!(proxy.client().post("/", &quote()).text().contains("303001"));
}

#[test]
fn a_document_over_https_is_fetched_from_whom_the_profile_trusts() {
    let a = Backend::named("a");
    let documents = publisher(vec![a.address], Arc::default());
    let authority = Authority::new();
    let pair = authority.sign(&["localhost"]);
    let front = server_side(documents.address, Authority::server(&pair, None));
    let uri = format!("https://localhost:{}/?wsdl", front.port());
    let serve = |profile: &str| {
        Proxy::start(&[
            ("e.xml", endpoint("e", &by_uri(&uri, profile)).as_str()),
            ("axon.toml", "[tls.house]\nca = \"ca.pem\"\n"),
            ("ca.pem", &authority.pem()),
        ])
    };
    let trusting = serve("ax:tls=\"house\"");
    assert_eq!(trusting.client().post("/", &quote()).text(), "a");
    let doubting = serve("");
    assert_eq!(doubting.state("e"), "unresolved");
    let cause = &doubting.endpoint("e")["cause"]["text"];
    assert!(
        cause.as_str().unwrap().contains("no TLS connection"),
        "{cause}"
    );
}
