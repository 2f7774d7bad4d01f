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

/// A back end that answers with a quote of its name.
fn quoting(name: &'static str, ms: u64) -> Backend {
    Backend::start(move |_| {
        let body = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><q:answer xmlns:q=\"http://services.samples\"><q:from>{name}</q:from></q:answer></e:Body></e:Envelope>"
        );
        Act::Late(Duration::from_millis(ms), ok(&body))
    })
}

/// Who is named in an answer, in order.
fn names(answer: &str) -> Vec<&str> {
    answer
        .split("<q:from>")
        .skip(1)
        .filter_map(|part| part.split('<').next())
        .collect()
}

fn gathered(condition: &str) -> String {
    format!(
        "<aggregate>{condition}<onComplete xmlns:m=\"http://services.samples\" expression=\"//m:answer\"><send/></onComplete></aggregate>"
    )
}

#[test]
fn the_answers_of_all_become_one() {
    let (a, b, c) = (quoting("a", 300), quoting("b", 50), quoting("c", 150));
    let list = children(&[a.address, b.address, c.address]);
    let proxy = Proxy::serving(&sends("", &list, &gathered(""), FAULT));
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.post("/", &quote());
        assert_eq!(
            (answer.status, names(&answer.text())),
            (200, vec!["b", "c", "a"])
        );
        assert_eq!(answer.text().matches("Body>").count(), 2);
    }
    assert_eq!(
        (a.connections(), b.connections()),
        (1, 1),
        "connections are used again"
    );
}

#[test]
fn an_aggregate_ends_by_count_by_time_or_when_no_more_can_come() {
    let (fast, slow, down) = (quoting("fast", 0), quoting("slow", 1800), Down::new());
    let quiet = "<sequence name=\"fault\"><drop/></sequence>";
    let both = children(&[fast.address, slow.address]);
    let first = Proxy::serving(&sends(
        "",
        &both,
        &gathered("<completeCondition><messageCount min=\"1\" max=\"{1}\"/></completeCondition>"),
        quiet,
    ));
    assert_eq!(names(&first.client().post("/", &quote()).text()), ["fast"]);
    let timed = Proxy::serving(&sends(
        "",
        &both,
        &gathered(
            "<completeCondition timeout=\"1\"><messageCount min=\"-1\" max=\"-1\"/></completeCondition>",
        ),
        quiet,
    ));
    let begun = std::time::Instant::now();
    assert_eq!(names(&timed.client().post("/", &quote()).text()), ["fast"]);
    let took = begun.elapsed().as_millis();
    assert!((900..1700).contains(&took), "{took} ms");
    // Two of three answer: nothing more can come.
    let list = children(&[fast.address, down.address, slow.address]);
    let rest = Proxy::serving(&sends("", &list, &gathered(""), quiet));
    assert_eq!(
        names(&rest.client().post("/", &quote()).text()),
        ["fast", "slow"]
    );
}

#[test]
fn fewer_than_the_least_are_an_error_and_a_lone_answer_is_whole() {
    let (a, down) = (quoting("a", 0), Down::new());
    let list = children(&[a.address, down.address]);
    let least = "<completeCondition><messageCount min=\"2\"/></completeCondition>";
    let silent = "<sequence name=\"fault\"><log level=\"custom\"><property name=\"said\" expression=\"get-property('ERROR_MESSAGE')\"/></log></sequence>";
    let proxy = Proxy::serving(&sends("", &list, &gathered(least), silent));
    let answer = proxy.client().post("/", &quote());
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("has 1 of at least 2"),
        "{}",
        answer.text()
    );
    let alone = format!(
        "<definitions {NS}><sequence name=\"main\"><in><send><endpoint>{}</endpoint></send></in><out>{}</out></sequence></definitions>",
        address(a.address, ""),
        gathered("")
    );
    let proxy = Proxy::serving(&alone);
    assert_eq!(names(&proxy.client().post("/", &quote()).text()), ["a"]);
}

#[test]
fn answers_that_correlate_belong_together_and_one_that_is_no_xml_is_an_error_of_its_own() {
    let (a, b) = (quoting("x", 0), quoting("x", 100));
    let c = Backend::start(|_| Act::Late(Duration::from_millis(200), ok("no xml")));
    let list = children(&[a.address, b.address, c.address]);
    let aggregate = "<aggregate><correlateOn xmlns:m=\"http://services.samples\" expression=\"//m:from\"/><completeCondition><messageCount max=\"2\"/></completeCondition>
        <onComplete xmlns:m=\"http://services.samples\" expression=\"//m:answer\" sequence=\"back\"/></aggregate>";
    let back = "<sequence name=\"back\"><send/></sequence><sequence name=\"fault\"><log level=\"custom\"><property name=\"said\" expression=\"get-property('ERROR_CODE')\"/></log></sequence>";
    let proxy = Proxy::serving(&sends("", &list, aggregate, back));
    assert_eq!(
        names(&proxy.client().post("/", &quote()).text()),
        ["x", "x"]
    );
    proxy.text_line("the unreadable answer", |line| line.contains("said = 0"));
}
