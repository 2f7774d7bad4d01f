//! Health checks (users-ask U18; spec/endpoints.md 6.5 rule 7).

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use crate::support::{Act, Backend, Down, Proxy, child, eventually, ok};

const QUICK: &str = "interval=\"100\" timeout=\"500\" rise=\"2\" fall=\"2\"";

fn checked(server: std::net::SocketAddr, check: &str, more: &str) -> String {
    format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"e\">\
         <address uri=\"http://{server}/svc\"><suspendOnFailure><initialDuration>60000</initialDuration>\
         </suspendOnFailure><ax:healthCheck {check}>{more}</ax:healthCheck></address></endpoint>"
    )
}

fn becomes(proxy: &Proxy, path: &str, state: &str) {
    eventually(&format!("{path} to be {state}"), || {
        (proxy.state(path) == state).then_some(())
    });
}

#[test]
fn a_server_that_goes_is_found_without_a_message_and_so_is_its_return() {
    let server = Backend::named("a");
    let proxy = Proxy::serving(&checked(
        server.address,
        &format!("type=\"tcp\" {QUICK}"),
        "",
    ));
    let down = server.down();
    becomes(&proxy, "e", "suspended");
    let event = proxy.line("the event", |l| {
        l["evt"] == "endpoint.state" && l["to"] == "suspended"
    });
    assert_eq!(event["code"], 303_206);
    assert_eq!(event["req"], "health-check");
    assert!(
        event["rule"].as_str().unwrap().contains("e.xml:1:"),
        "{event}"
    );
    assert!(
        event["text"].as_str().unwrap().contains("refused"),
        "{event}"
    );
    let _server = down.up("back");
    becomes(&proxy, "e", "active");
    assert_eq!(proxy.client().get("/").text(), "back");
}

#[test]
fn a_suspension_that_a_message_caused_is_shortened() {
    let down = Down::new();
    let proxy = Proxy::serving(&checked(
        down.address,
        "type=\"tcp\" interval=\"100\" rise=\"2\" fall=\"1000\"",
        "",
    ));
    assert_eq!(proxy.client().get("/").status, 502);
    assert_eq!(proxy.state("e"), "suspended");
    let _server = down.up("back");
    becomes(&proxy, "e", "active");
    assert_eq!(proxy.client().get("/").text(), "back");
}

#[test]
fn what_a_person_switched_off_stays_off() {
    let server = Backend::named("a");
    let proxy = Proxy::serving(&checked(
        server.address,
        &format!("type=\"tcp\" {QUICK}"),
        "",
    ));
    assert_eq!(proxy.change("/api/v1/endpoints/e:off").0, 200);
    let before = server.connections();
    eventually("some checks more", || {
        (server.connections() > before + 4).then_some(())
    });
    assert_eq!(proxy.state("e"), "off");
}

/// A server whose health page has a status that the test sets; it counts the requests for it.
fn with_page(status: &Arc<AtomicU16>) -> Backend {
    let status = status.clone();
    Backend::start(move |request| match request.target() {
        "/health?full" => Act::Write(
            format!(
                "HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n",
                status.load(Ordering::SeqCst)
            )
            .into_bytes(),
        ),
        _ => Act::Write(ok("a")),
    })
}

#[test]
fn a_health_page_decides_by_its_status() {
    let status = Arc::new(AtomicU16::new(200));
    let server = with_page(&status);
    let check = format!("type=\"http\" path=\"/health?full\" status=\"200-204,401\" {QUICK}");
    let proxy = Proxy::serving(&checked(server.address, &check, ""));
    eventually("a check", || (server.hits() > 0).then_some(()));
    let asked = server.seen().remove(0);
    assert!(
        asked.head.starts_with("GET /health?full HTTP/1.1"),
        "{}",
        asked.head
    );
    assert_eq!(
        asked.headers.value("Host"),
        Some(server.address.to_string().as_str())
    );
    status.store(503, Ordering::SeqCst);
    becomes(&proxy, "e", "suspended");
    assert_eq!(proxy.client().get("/").status, 503);
    status.store(401, Ordering::SeqCst);
    becomes(&proxy, "e", "active");
}

#[test]
fn an_operation_is_called_with_the_body_of_the_file() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = Backend::start(move |request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let good = body.contains("<s:Body><ping xmlns=\"urn:p\"")
            && body.contains("a &amp; b")
            && request.headers.value("SOAPAction") == Some("\"urn:ping\"");
        counted.fetch_add(usize::from(good), Ordering::SeqCst);
        Act::Write(match good {
            true => ok("<pong/>"),
            false => b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n".to_vec(),
        })
    });
    let check = format!("type=\"soap\" action=\"urn:ping\" {QUICK}");
    let body = "<ax:body><p:ping xmlns:p=\"urn:p\"><p:text>a &amp; b</p:text></p:ping></ax:body>";
    let proxy = Proxy::serving(&checked(server.address, &check, body));
    eventually("some checks", || {
        (count.load(Ordering::SeqCst) >= 3).then_some(())
    });
    assert_eq!(proxy.state("e"), "active");
}

/// A server whose operation answers 200 with a word that the test sets.
fn with_operation(word: &Arc<std::sync::Mutex<&'static str>>) -> Backend {
    let word = word.clone();
    Backend::start(move |_| {
        let word = word.lock().unwrap();
        Act::Write(ok(&format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
             <p:state xmlns:p=\"urn:p\">{word}</p:state></e:Body></e:Envelope>"
        )))
    })
}

#[test]
fn an_operation_is_judged_by_what_it_answers() {
    let word = Arc::new(std::sync::Mutex::new("ready"));
    let server = with_operation(&word);
    let expect = "xmlns:q=\"urn:p\" expect=\"//q:state = 'ready'\"";
    let check = format!("type=\"soap\" action=\"urn:state\" {expect} {QUICK}");
    let proxy = Proxy::serving(&checked(server.address, &check, ""));
    eventually("some checks", || (server.hits() > 3).then_some(()));
    assert_eq!(proxy.state("e"), "active");
    *word.lock().unwrap() = "starting";
    becomes(&proxy, "e", "suspended");
    let event = proxy.line("the event", |l| l["to"] == "suspended");
    let text = event["text"].as_str().unwrap();
    let wanted = "answered 200, but `//q:state = 'ready'` does not hold of the answer";
    assert!(text.ends_with(wanted), "{text}");
    *word.lock().unwrap() = "ready";
    becomes(&proxy, "e", "active");
}

#[test]
fn a_check_runs_on_over_a_reload_that_does_not_change_it() {
    let server = Backend::named("a");
    // One check a minute: whether it began anew shows in its number.
    let check = "type=\"tcp\" interval=\"60000\"";
    let other = Backend::named("b");
    let proxy = Proxy::start(&[("e.xml", checked(server.address, check, ""))]);
    // The first check comes somewhere within the first interval, so it is asked for by another one that is quick.
    let second =
        checked(other.address, &format!("type=\"tcp\" {QUICK}"), "").replace("\"e\"", "\"f\"");
    proxy.write("f.xml", &second);
    proxy.reload();
    eventually("checks of the new endpoint", || {
        (other.connections() > 2).then_some(())
    });
    let before = server.connections();
    for n in 0..3 {
        proxy.write("f.xml", &format!("{second}<!-- {n} -->"));
        proxy.reload();
    }
    let now = other.connections();
    eventually("checks after the reloads", || {
        (other.connections() > now + 2).then_some(())
    });
    assert!(server.connections() <= before + 1);
    // Without a check nobody asks any more.
    proxy.remove("f.xml");
    proxy.reload();
    eventually("silence", || {
        let before = other.connections();
        std::thread::sleep(std::time::Duration::from_millis(400));
        (other.connections() == before).then_some(())
    });
}

#[test]
fn a_group_passes_over_a_member_that_its_check_found_down() {
    let (gone, good) = (Backend::named("gone"), Backend::named("good"));
    let group = format!(
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"g\"><loadbalance>\
         <member hostName=\"127.0.0.1\" httpPort=\"{}\"/><member hostName=\"127.0.0.1\" httpPort=\"{}\"/>\
         <ax:healthCheck type=\"tcp\" {QUICK}/></loadbalance></endpoint>",
        gone.address.port(),
        good.address.port()
    );
    let proxy = Proxy::serving(&group);
    let _down = gone.down();
    becomes(&proxy, "g/#0", "suspended");
    for _ in 0..4 {
        assert_eq!(proxy.client().get("/").text(), "good");
    }
    assert_eq!(proxy.endpoint("g")["failovers"].as_u64().unwrap_or(0), 0);
    let _ = child("unused", good.address, "");
}
