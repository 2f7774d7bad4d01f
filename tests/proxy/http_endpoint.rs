//! `http` endpoints: templates, methods, authentication (spec/endpoints.md 4.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Act, Backend, Proxy, endpoint, eventually, ok};

/// `main` sets properties and sends to that endpoint.
fn sending(properties: &[(&str, &str)], endpoint: &str) -> String {
    let properties: String = properties
        .iter()
        .map(|(name, value)| format!("<property name=\"{name}\" value=\"{value}\"/>"))
        .collect();
    format!(
        "<definitions xmlns=\"http://ws.apache.org/ns/synapse\"><sequence name=\"main\">\
         <in>{properties}<send><endpoint name=\"e\">{endpoint}</endpoint></send></in>\
         <out><send/></out></sequence></definitions>"
    )
}

fn proxy(properties: &[(&str, &str)], endpoint: &str) -> Proxy {
    Proxy::start(&[("synapse.xml", sending(properties, endpoint))])
}

#[test]
fn a_template_is_filled_in_from_the_message_and_the_endpoints_own_properties_win() {
    let server = Backend::named("a");
    let template = format!(
        "http://{{uri.var.host}}:{}/items/{{uri.var.id}}{{?query.param.q,query.param.none}}",
        server.address.port()
    );
    let proxy = proxy(
        &[
            ("uri.var.host", "127.0.0.1"),
            ("uri.var.id", "1/2 &#252;"),
            ("query.param.q", "of the message"),
        ],
        &format!(
            "<http uri-template=\"{template}\"/><property name=\"query.param.q\" value=\"own\"/>"
        ),
    );
    assert_eq!(proxy.client().post("/", "<a/>").text(), "a");
    assert_eq!(
        server.seen()[0].target(),
        "/items/1%2F2%20%C3%BC?query.param.q=own"
    );
}

#[test]
fn a_whole_url_may_be_one_variable_encoded_or_not() {
    let server = Backend::named("a");
    let url = format!("http://{}/a/b?c=d", server.address);
    let plain = proxy(
        &[("uri.var.url", &url)],
        "<http uri-template=\"{uri.var.url}\"/>",
    );
    assert_eq!(plain.client().post("/", "<a/>").text(), "a");
    let encoded = url.replace(':', "%3A").replace('/', "%2F");
    let legacy = proxy(
        &[("uri.var.url", &encoded)],
        "<http uri-template=\"legacy-encoding:{uri.var.url}\"/>",
    );
    assert_eq!(legacy.client().post("/", "<a/>").text(), "a");
    let targets: Vec<String> = server
        .seen()
        .iter()
        .map(|r| r.target().to_owned())
        .collect();
    assert_eq!(targets, ["/a/b?c=d", "/a/b?c=d"]);
}

#[test]
fn without_its_values_a_path_is_not_asked_for() {
    let server = Backend::named("a");
    let template = format!("http://{}/items/{{uri.var.id}}", server.address);
    let proxy = proxy(&[], &format!("<http uri-template=\"{template}\"/>"));
    let answer = proxy.client().post("/", "<a/>");
    assert!(answer.text().contains("uri.var.id"), "{}", answer.text());
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_method_of_its_own_is_a_whole_request() {
    let server = Backend::named("a");
    let serving = |attributes: &str| {
        Proxy::serving(&endpoint(
            "e",
            &format!(
                "<http {attributes} uri-template=\"http://{}/x\"/>",
                server.address
            ),
        ))
    };
    // Without one the request keeps its method, and REST messages the rest of their path.
    let same = serving("");
    assert_eq!(same.client().get("/more?a=b").status, 200);
    let seen = server.seen().pop().unwrap();
    assert!(seen.head.starts_with("GET /x/more?a=b "), "{}", seen.head);
    // GET has no body: it stays behind, with its media type.
    let get = serving("method=\"get\"");
    let mut client = get.client();
    assert_eq!(client.post("/more", "<a/>").status, 200);
    let seen = server.seen().pop().unwrap();
    assert!(seen.head.starts_with("GET /x HTTP/1.1"), "{}", seen.head);
    assert!(seen.body.is_empty());
    assert_eq!(seen.headers.value("Content-Type"), None);
    assert_eq!(seen.headers.value("Content-Length"), None);
    // The connection to the client goes on, or is closed in order; either way the next request is served.
    assert_eq!(get.client().post("/", "<a/>").status, 200);
    let put = serving("method=\"PUT\"");
    assert_eq!(put.client().post("/more", "<a/>").status, 200);
    let seen = server.seen().pop().unwrap();
    assert!(seen.head.starts_with("PUT /x HTTP/1.1"), "{}", seen.head);
    assert_eq!(seen.body, b"<a/>");
}

#[test]
fn basic_authentication_takes_the_place_of_the_clients_own() {
    let server = Backend::named("a");
    let proxy = Proxy::serving(&endpoint(
        "e",
        &format!(
            "<http uri-template=\"http://{}/x\"><authentication><basicAuth>\
             <username>Aladdin</username><password>open sesame</password>\
             </basicAuth></authentication></http>",
            server.address
        ),
    ));
    let mut client = proxy.client();
    assert_eq!(
        client
            .post_with("/", "Authorization: Basic eDp5\r\n", "<a/>")
            .status,
        200
    );
    let seen = server.seen().pop().unwrap();
    assert_eq!(
        seen.headers.values("Authorization"),
        ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]
    );
}

/// A server that gives tokens t1, t2 ... and counts them.
fn tokens() -> (Backend, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let count = given.clone();
    let server = Backend::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Act::Write(ok(&format!(
            "{{\"access_token\":\"t{number}\",\"expires_in\":3600}}"
        )))
    });
    (server, given)
}

fn with_token(server: &Backend, tokens: std::net::SocketAddr, settings: &str) -> Proxy {
    let template = format!("http://{}/x", server.address);
    Proxy::serving(&endpoint(
        "e",
        &format!(
            "<http uri-template=\"{template}\"><authentication><oauth><clientCredentials>\
             <tokenUrl>http://{tokens}/token</tokenUrl><clientId>me</clientId>\
             <clientSecret>secret</clientSecret>{settings}\
             </clientCredentials></oauth></authentication></http>"
        ),
    ))
}

#[test]
fn a_token_is_fetched_once_and_used_for_all() {
    let server = Backend::named("a");
    let (token_server, given) = tokens();
    let proxy = with_token(
        &server,
        token_server.address,
        "<requestParameters><parameter name=\"scope\">read all</parameter></requestParameters>",
    );
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let mut client = proxy.client();
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
            client
        })
        .collect();
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(given.load(Ordering::SeqCst), 1);
    assert!(
        server
            .seen()
            .iter()
            .all(|r| r.headers.value("Authorization") == Some("Bearer t1"))
    );
    let asked = token_server.seen().remove(0);
    assert_eq!(asked.body, b"grant_type=client_credentials&scope=read+all");
    assert_eq!(
        asked.headers.value("Authorization"),
        Some("Basic bWU6c2VjcmV0")
    );
}

#[test]
fn a_refused_token_is_replaced_once_and_the_request_sent_again_whole() {
    let server = Backend::start(|request| {
        let fresh = request.headers.value("Authorization") == Some("Bearer t2");
        Act::Write(if fresh {
            ok("welcome")
        } else {
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec()
        })
    });
    let (token_server, given) = tokens();
    let proxy = with_token(&server, token_server.address, "");
    let body = format!("<a>{}</a>", "x".repeat(100_000));
    assert_eq!(proxy.client().post("/", &body).text(), "welcome");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].body, body.as_bytes());
    assert_eq!(proxy.client().post("/", "<a/>").text(), "welcome");
    assert_eq!(given.load(Ordering::SeqCst), 2);
}

#[test]
fn a_401_that_stays_is_the_answer() {
    let server = Backend::start(|_| {
        Act::Write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno".to_vec())
    });
    let (token_server, given) = tokens();
    let proxy = with_token(&server, token_server.address, "");
    let answer = proxy.client().post("/", "<a/>");
    assert_eq!((answer.status, answer.text().as_str()), (401, "no"));
    assert_eq!((server.hits(), given.load(Ordering::SeqCst)), (2, 2));
}

#[test]
fn without_a_token_nothing_is_sent_and_the_failure_has_its_code() {
    let server = Backend::named("a");
    let token_server = Backend::start(|_| {
        Act::Write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nsecret".to_vec())
    });
    let proxy = with_token(&server, token_server.address, "");
    let answer = proxy.client().get("/");
    assert_eq!(answer.status, 502);
    assert_eq!(server.hits(), 0);
    let line = proxy.line("the access line", |line| line["code"] == 303_003);
    assert!(!line.to_string().contains("secret"), "{line}");
    eventually("the suspension", || {
        (proxy.state("e") == "suspended").then_some(())
    });
}

#[test]
fn a_host_that_is_down_takes_the_others_with_it_only_where_they_share_a_state() {
    for (attribute, second) in [("", 503), ("ax:stateKey=\"authority\"", 200)] {
        let (down, up) = (crate::support::Down::new(), Backend::named("a"));
        let text = format!(
            "<definitions xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\"><sequence name=\"main\">\
             <in><property name=\"uri.var.port\" expression=\"get-property('transport', 'X-Port')\"/>\
             <send><endpoint name=\"e\"><http {attribute} uri-template=\"http://127.0.0.1:{{uri.var.port}}/\">\
             <suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure></http>\
             </endpoint></send></in><out><send/></out></sequence></definitions>"
        );
        let proxy = Proxy::start(&[("synapse.xml", text)]);
        let ask = |port: u16| {
            let mut client = proxy.client();
            client.send(format!(
                "GET / HTTP/1.1\r\nHost: h\r\nX-Port: {port}\r\n\r\n"
            ));
            client.answer()
        };
        assert_eq!(ask(down.address.port()).status, 502);
        assert_eq!(ask(up.address.port()).status, second, "{attribute}");
        let again = ask(down.address.port());
        assert_eq!(again.status, 503);
        proxy.line("the access line", |line| line["code"] == 303_001);
    }
}
