//! Recipient lists: a copy to each (spec/endpoints.md 16).

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Act, Backend, Down, Proxy, address, child, endpoint, eventually, ok, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";
const FAULT: &str = "<sequence name=\"fault\"><makefault version=\"soap11\" response=\"true\"><code xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" value=\"s:Server\"/>
  <reason expression=\"concat(get-property('ERROR_CODE'), ' ', get-property('messageSequence'))\"/></makefault><send/></sequence>";

/// `main` sends to that list after those mediators.
fn sends(before: &str, list: &str, out: &str, rest: &str) -> String {
    format!(
        "<definitions {NS}><sequence name=\"main\"><in>{before}<send><endpoint><recipientlist>{list}</recipientlist></endpoint></send><drop/></in>
         <out>{out}</out></sequence>{rest}</definitions>"
    )
}

fn children(servers: &[SocketAddr]) -> String {
    let each = servers.iter();
    each.map(|s| format!("<endpoint>{}</endpoint>", address(*s, "")))
        .collect()
}

fn late(ms: u64, body: &'static str) -> Backend {
    Backend::start(move |_| Act::Late(Duration::from_millis(ms), ok(body)))
}

const ONE_WAY: &str = "<property name=\"OUT_ONLY\" value=\"true\"/><property name=\"FORCE_SC_ACCEPTED\" scope=\"axis2\" value=\"true\"/>";

#[test]
fn each_gets_a_copy_and_the_first_answer_is_the_clients() {
    let (a, b, c) = (late(900, "a"), late(50, "b"), late(600, "c"));
    let list = children(&[a.address, b.address, c.address]);
    let log = "<log level=\"custom\"><property name=\"copy\" expression=\"concat(get-property('messageSequence'), ' of ', get-property('recipient.total'))\"/></log>";
    let proxy = Proxy::serving(&sends("", &list, &format!("{log}<send/>"), FAULT));
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote()).text(), "b");
    for server in [&a, &b, &c] {
        assert_eq!(server.hits(), 1);
        assert_eq!(server.seen()[0].body, quote().as_bytes());
    }
    // The other answers go through the response flow too.
    for number in ["1/3", "2/3", "0/3"] {
        proxy.text_line("the answer to a copy", |line| {
            line.contains(&format!("copy = {number} of 3"))
        });
    }
    // The connection is in order, and so are those to the back ends.
    assert_eq!(client.post("/", &quote()).text(), "b");
}

#[test]
fn copies_of_a_large_chunked_body_are_whole() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let list = children(&[a.address, b.address]);
    let proxy = Proxy::serving(&sends("", &list, "<send/>", FAULT));
    let mut client = proxy.client();
    let part = "x".repeat(100_000);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..5 {
        client.send(format!("{:x}\r\n{part}\r\n", part.len()));
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    eventually("both copies", || (a.hits() + b.hits() == 2).then_some(()));
    for server in [a, b] {
        assert_eq!(server.seen()[0].body.len(), 500_000);
    }
}

#[test]
fn a_body_that_is_too_large_to_be_held_is_refused() {
    let a = Backend::named("a");
    let definitions = sends("", &children(&[a.address]), "<send/>", FAULT);
    let proxy = Proxy::start(&[
        ("e.xml", definitions.as_str()),
        ("axon.toml", "[limits]\nmessage_bytes = 2000\n"),
    ]);
    assert_eq!(proxy.client().post("/", &"x".repeat(2001)).status, 413);
    assert_eq!(proxy.client().post("/", &"x".repeat(2000)).status, 200);
    assert_eq!(a.hits(), 1);
}

#[test]
fn one_way_the_client_is_told_202_at_once_and_a_stop_waits_for_the_copies() {
    let (a, b) = (late(700, "a"), late(700, "b"));
    let list = children(&[a.address, b.address]);
    let mut proxy = Proxy::serving(&sends(ONE_WAY, &list, "", FAULT));
    let mut client = proxy.client();
    let begun = std::time::Instant::now();
    let answer = client.post("/", &quote());
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    assert!(begun.elapsed() < Duration::from_millis(600));
    eventually("both copies", || (a.hits() + b.hits() == 2).then_some(()));
    drop(client);
    proxy.signal(Signal::TERM);
    assert!(proxy.ended().success());
    assert!(
        begun.elapsed() >= Duration::from_millis(700),
        "the answers were waited for"
    );
}

#[test]
fn one_way_connections_to_back_ends_are_used_again() {
    let a = Backend::named("a");
    let proxy = Proxy::with(
        &[(
            "e.xml",
            sends(ONE_WAY, &children(&[a.address]), "", FAULT).as_str(),
        )],
        &["--no-watch", "--workers", "1"],
    );
    let mut client = proxy.client();
    for n in 1..=5 {
        assert_eq!(client.post("/", &quote()).status, 202);
        eventually("the copy", || (a.hits() == n).then_some(()));
        // The answer is taken off the connection a moment later.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(a.connections(), 1);
}

#[test]
fn an_unready_child_is_skipped_and_its_failure_concerns_its_copy_alone() {
    let (a, b) = (Down::new(), Backend::named("b"));
    let list = child("a", a.address, "") + &child("b", b.address, "");
    let quiet = "<sequence name=\"fault\"><log level=\"custom\"><property name=\"failed\" expression=\"concat(get-property('ERROR_CODE'), ' ', get-property('messageSequence'))\"/></log><drop/></sequence>";
    let log = "<log level=\"custom\"><property name=\"answered\" expression=\"get-property('messageSequence')\"/></log><send/>";
    let proxy = Proxy::serving(&sends("", &list, log, quiet));
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote()).text(), "b");
    proxy.text_line("the failed copy", |line| {
        line.contains("failed = 101503 0/2")
    });
    proxy.text_line("the answered copy", |line| line.contains("answered = 1/2"));
    // The first one is suspended now: one copy is sent, and numbered as such.
    assert_eq!(client.post("/", &quote()).text(), "b");
    proxy.text_line("the only copy", |line| line.contains("answered = 0/1"));
}

#[test]
fn nobody_ready_is_303000_and_an_error_that_nobody_took_is_told() {
    let (a, b) = (Down::new(), Down::new());
    let list = children(&[a.address, b.address]);
    let proxy = Proxy::serving(&sends("", &list, "<send/>", FAULT));
    let mut client = proxy.client();
    let first = client.post("/", &quote());
    assert!(first.text().contains("101503 "), "{}", first.text());
    eventually("both to be suspended", || {
        let answer = client.post("/", &quote());
        answer.text().contains("303000 ").then_some(())
    });
    // Without a fault sequence the last failure is the client's.
    let (a, b) = (Down::new(), Down::new());
    let list = children(&[a.address, b.address]);
    let proxy = Proxy::serving(&sends("", &list, "<send/>", ""));
    let answer = proxy.client().post("/", &quote());
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("101503"), "{}", answer.text());
}

#[test]
fn without_sequences_the_first_answer_counts_and_members_keep_the_path() {
    let (a, b, c) = (Down::new(), late(100, "b"), late(600, "c"));
    let member = |s: SocketAddr| {
        format!(
            "<member hostName=\"{}\" httpPort=\"{}\"/>",
            s.ip(),
            s.port()
        )
    };
    let list = member(a.address) + &member(b.address) + &member(c.address);
    let proxy = Proxy::serving(&endpoint(
        "e",
        &format!("<recipientList>{list}</recipientList>"),
    ));
    assert_eq!(proxy.client().post("/x/y?z", &quote()).text(), "b");
    eventually("the last copy", || (c.hits() == 1).then_some(()));
    assert_eq!(c.seen()[0].target(), "/x/y?z");
}

#[test]
fn a_message_computes_its_recipients() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let list = "<endpoints value=\"{$trp:X-To}\" max-cache=\"2\"/>";
    let proxy = Proxy::serving(&sends("", list, "<send/>", FAULT));
    let mut client = proxy.client();
    let mut ask = |to: &str| client.post_with("/", &format!("X-To: {to}\r\n"), &quote());
    let (one, two) = (
        format!("http://{}/svc", a.address),
        format!("http://{}/svc", b.address),
    );
    assert_eq!(ask(&one).text(), "a");
    assert_eq!(ask(&format!("{one}, ,{two}")).status, 200);
    eventually("all copies", || {
        (a.hits() == 2 && b.hits() == 1).then_some(())
    });
    // An empty list: nothing is sent, and nothing failed.
    assert_eq!(ask(" , ").status, 202);
    let bad = ask("jms:/q");
    assert!(bad.text().contains("303000 "), "{}", bad.text());
    // The state of an address is remembered.
    let down = Down::new();
    let gone = format!("http://{}/", down.address);
    assert!(ask(&gone).text().contains("101503 0/1"));
    assert!(ask(&gone).text().contains("303000 "));
    proxy.line("the list in the access line", |line| {
        line["endpoint"] == "main/in/send"
    });
}

#[test]
fn lists_stand_in_groups_and_in_lists() {
    let (a, b, c) = (Down::new(), Backend::named("b"), Backend::named("c"));
    let inner = format!(
        "<endpoint name=\"inner\"><recipientlist>{}</recipientlist></endpoint>",
        children(&[b.address, c.address])
    );
    let group = endpoint(
        "g",
        &format!("<failover>{}{inner}</failover>", child("a", a.address, "")),
    );
    let proxy = Proxy::serving(&group);
    assert_eq!(proxy.client().post("/", &quote()).status, 200);
    eventually("both copies", || (b.hits() + c.hits() == 2).then_some(()));
    let outer = endpoint(
        "l",
        &format!(
            "<recipientlist>{inner}{}</recipientlist>",
            child("d", b.address, "")
        ),
    );
    let proxy = Proxy::serving(&outer);
    assert_eq!(proxy.client().post("/", &quote()).status, 200);
    eventually("three more", || (b.hits() + c.hits() == 5).then_some(()));
}
