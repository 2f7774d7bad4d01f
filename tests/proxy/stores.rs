//! Message stores and message processors (spec/mediation.md 6).

use std::time::Duration;

use crate::support::{Act, Backend, Down, Proxy, address, eventually, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

/// Stores every message of `main`, and has them forwarded to `tgt` with these parameters.
fn forwarding(target: &str, parameters: &str, more: &str) -> String {
    format!(
        "<definitions {NS}><messageStore name=\"ms\"/>
         <messageProcessor name=\"mp\" class=\"org.apache.synapse.message.processors.forward.ScheduledMessageForwardingProcessor\" messageStore=\"ms\">
           <parameter name=\"interval\">50</parameter>{parameters}</messageProcessor>
         <endpoint name=\"tgt\">{target}</endpoint>
         <sequence name=\"main\"><in><property name=\"target.endpoint\" value=\"tgt\"/><store messageStore=\"ms\"/></in></sequence>{more}</definitions>"
    )
}

fn parameter(name: &str, value: &str) -> String {
    format!("<parameter name=\"{name}\">{value}</parameter>")
}

fn numbered(n: usize) -> String {
    quote().replace("IBM", &format!("IBM{n}"))
}

#[test]
fn messages_are_delivered_in_order_once_the_back_end_is_there() {
    let down = Down::new();
    let config = forwarding(
        &address(down.address, ""),
        &parameter("max.deliver.attempts", "-1"),
        "",
    );
    let proxy = Proxy::serving(&config);
    let mut client = proxy.client();
    for n in 0..3 {
        assert_eq!(client.post("/", &numbered(n)).status, 202);
    }
    let waiting = || {
        proxy.look("/api/v1/status")["stores"][0]["messages"]
            .as_u64()
            .unwrap()
    };
    let failed = || {
        proxy.look("/api/v1/status")["processors"][0]["failed"]
            .as_u64()
            .unwrap()
    };
    eventually("attempts fail", || (failed() >= 2).then_some(()));
    assert_eq!(waiting(), 3);
    // What a processor meets concerns nobody else.
    assert_eq!(proxy.state("tgt"), "active");
    let up = down.up("a");
    eventually("all are delivered", || (up.hits() == 3).then_some(()));
    for (n, seen) in up.seen().iter().enumerate() {
        assert_eq!(
            (seen.target(), &seen.body[..]),
            ("/svc", numbered(n).as_bytes())
        );
    }
    eventually("the store is empty", || (waiting() == 0).then_some(()));
}

#[test]
fn a_processor_stops_after_too_many_attempts_and_a_reload_starts_it_with_its_messages() {
    let down = Down::new();
    let config = forwarding(
        &address(down.address, ""),
        &parameter("max.delivery.attempts", "2"),
        "",
    );
    let proxy = Proxy::serving(&config);
    assert_eq!(proxy.client().post("/", &quote()).status, 202);
    let stopped = || proxy.look("/api/v1/status")["processors"][0]["active"] == false;
    eventually("it stops", || stopped().then_some(()));
    let status = proxy.look("/api/v1/status");
    assert!(
        status["problems"][0]
            .as_str()
            .unwrap()
            .contains("mp is stopped"),
        "{status}"
    );
    assert_eq!(status["stores"][0]["messages"], 1);
    let up = down.up("a");
    proxy.write(
        "e.xml",
        &config.replace(
            "<parameter name=\"interval\">50",
            "<parameter name=\"interval\">60",
        ),
    );
    proxy.reload();
    eventually("it is delivered", || (up.hits() == 1).then_some(()));
}

#[test]
fn a_message_is_dropped_where_that_is_asked_for() {
    let down = Down::new();
    let parameters =
        parameter("max.delivery.attempts", "2") + &parameter("max.delivery.drop", "Enabled");
    let proxy = Proxy::serving(&forwarding(&address(down.address, ""), &parameters, ""));
    assert_eq!(proxy.client().post("/", &quote()).status, 202);
    let of = |name: &str| proxy.look("/api/v1/status")["processors"][0][name].clone();
    eventually("it is dropped", || (of("dropped") == 1).then_some(()));
    assert_eq!(of("active"), true);
    let metrics = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    assert!(
        metrics.contains("axon_message_store_messages{store=\"ms\"} 0"),
        "{metrics}"
    );
    assert!(
        metrics.contains(
            "axon_message_processor_messages_total{processor=\"mp\",outcome=\"dropped\"} 1"
        ),
        "{metrics}"
    );
}

#[test]
fn a_sampling_processor_gives_messages_to_its_sequence_and_a_stop_lets_it_finish() {
    let a = Backend::start(|_| Act::Late(Duration::from_millis(50), crate::support::ok("a")));
    let config = format!(
        "<definitions {NS}><messageStore name=\"ms\"/>
         <messageProcessor name=\"mp\" class=\"org.apache.synapse.message.processors.sampler.SamplingProcessor\" messageStore=\"ms\">{}{}</messageProcessor>
         <sequence name=\"smp\"><property name=\"X-Stored\" value=\"1\" scope=\"transport\"/><send><endpoint>{}</endpoint></send></sequence>
         <sequence name=\"before\"><property name=\"X-Before\" value=\"1\" scope=\"transport\"/></sequence>
         <sequence name=\"main\"><in><store messageStore=\"ms\" sequence=\"before\"/></in></sequence></definitions>",
        parameter("interval", "60000"),
        parameter("sequence", "smp"),
        address(a.address, "/svc"),
    );
    let mut proxy = Proxy::serving(&config);
    let mut client = proxy.client();
    for n in 0..3 {
        assert_eq!(client.post("/", &numbered(n)).status, 202);
    }
    assert_eq!(a.hits(), 0);
    drop(client);
    proxy.signal(rustix::process::Signal::TERM);
    assert!(proxy.ended().success());
    assert_eq!(a.hits(), 3);
    let seen = &a.seen()[2];
    assert_eq!(
        (
            seen.headers.value("X-Stored"),
            seen.headers.value("X-Before")
        ),
        (Some("1"), Some("1"))
    );
    assert_eq!(seen.body, numbered(2).as_bytes());
}

/// Puts messages in order by the number behind the symbol `IBM`.
fn resequencing(server: &Backend, parameters: &str) -> String {
    format!(
        "<definitions {NS}><messageStore name=\"ms\"/>
         <messageProcessor name=\"mp\" class=\"org.apache.synapse.message.processors.resequence.ResequencingProcessor\" messageStore=\"ms\">
           <parameter name=\"interval\">20</parameter><parameter name=\"nextEsbSequence\">next</parameter>
           <parameter name=\"seqNumXpath\" expression=\"substring-after(//getQuote, 'IBM')\"/>{parameters}</messageProcessor>
         <sequence name=\"next\"><send><endpoint>{}</endpoint></send></sequence>
         <sequence name=\"main\"><in><store messageStore=\"ms\"/></in></sequence></definitions>",
        address(server.address, "/svc")
    )
}

fn symbols(server: &Backend) -> Vec<String> {
    let symbol = |body: &[u8]| {
        let text = String::from_utf8_lossy(body).into_owned();
        let at = text.find("IBM").unwrap();
        text[at..].split('<').next().unwrap().to_owned()
    };
    server.seen().iter().map(|r| symbol(&r.body)).collect()
}

#[test]
fn a_resequencing_processor_goes_by_the_numbers_of_the_messages() {
    let a = Backend::named("a");
    let first = parameter("requiredInitMessages", "3");
    let proxy = Proxy::serving(&resequencing(&a, &first));
    let mut client = proxy.client();
    for n in [4, 2, 5] {
        assert_eq!(client.post("/", &numbered(n)).status, 202);
    }
    // It begins with the least number, and waits for the one that is not there yet.
    eventually("the first is delivered", || (a.hits() == 1).then_some(()));
    for n in [1, 3] {
        client.post("/", &numbered(n));
    }
    eventually("all of them are", || (a.hits() == 4).then_some(()));
    assert_eq!(symbols(&a), ["IBM2", "IBM3", "IBM4", "IBM5"]);
    let line = proxy.line("one that is too late", |line| {
        line["text"]
            .as_str()
            .is_some_and(|m| m.contains("whose turn is over"))
    });
    assert!(line["text"].as_str().unwrap().contains("the number 1"));
    assert_eq!(proxy.look("/api/v1/status")["stores"][0]["messages"], 1);
}

#[test]
fn duplicates_go_where_that_is_asked_for_and_a_stop_waits_for_no_number() {
    let a = Backend::named("a");
    let parameters =
        parameter("requiredInitMessages", "1") + &parameter("deleteDuplicates", "true");
    let mut proxy = Proxy::serving(&resequencing(&a, &parameters));
    let mut client = proxy.client();
    for n in [1, 1, 5, 3] {
        client.post("/", &numbered(n));
    }
    let of = |name: &str| proxy.look("/api/v1/status")["processors"][0][name].clone();
    eventually("the duplicate is dropped", || {
        (of("dropped") == 1).then_some(())
    });
    drop(client);
    proxy.signal(rustix::process::Signal::TERM);
    assert!(proxy.ended().success());
    assert_eq!(symbols(&a), ["IBM1", "IBM3", "IBM5"]);
}

#[test]
fn what_is_kept_elsewhere_is_told_of() {
    let config = format!(
        "<definitions {NS}><messageStore name=\"ms\" class=\"org.apache.synapse.message.store.impl.jms.JmsStore\"/>
         <sequence name=\"main\"><store messageStore=\"ms\"/></sequence></definitions>"
    );
    let answer = Proxy::serving(&config).client().post("/", &quote());
    assert!(
        answer.status == 500 && answer.text().contains("303204"),
        "{}",
        answer.text()
    );
}

#[test]
fn an_executor_works_on_so_many_at_the_same_time_and_its_answer_is_the_clients() {
    let a = Backend::start(|_| Act::Late(Duration::from_millis(200), crate::support::ok("a")));
    let config = format!(
        "<definitions {NS}><priorityExecutor name=\"pe\"><queues><queue size=\"1\" priority=\"1\"/></queues><threads max=\"1\"/></priorityExecutor>
         <sequence name=\"work\"><send><endpoint>{}</endpoint></send></sequence>
         <sequence name=\"main\"><in><enqueue sequence=\"work\" priority=\"1\" executor=\"pe\"/></in><out><send/></out></sequence></definitions>",
        address(a.address, "")
    );
    let proxy = Proxy::with(
        &[("e.xml", config.as_str())],
        &["--no-watch", "--workers", "1"],
    );
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    let begun = std::time::Instant::now();
    for (nth, client) in clients.iter_mut().enumerate() {
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: axon\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{}",
            quote().len(),
            quote()
        ));
        if nth == 0 {
            eventually("the first is sent", || (a.hits() == 1).then_some(()));
        }
    }
    let texts: Vec<String> = clients.iter_mut().map(|c| c.answer().text()).collect();
    let full = texts.iter().filter(|t| t.contains("executor `pe` is full"));
    assert_eq!((texts[0].as_str(), full.count()), ("a", 1));
    assert_eq!(texts.iter().filter(|t| *t == "a").count(), 2);
    assert!(
        begun.elapsed() >= Duration::from_millis(380),
        "one after the other"
    );
    assert_eq!(a.hits(), 2);
}

#[test]
fn the_status_tells_how_many_messages_an_executor_has() {
    let silent = Backend::start(|_| Act::Hang);
    let config = format!(
        "<definitions {NS}><priorityExecutor name=\"pe\"><queues><queue priority=\"1\" size=\"9\"/></queues><threads max=\"1\"/></priorityExecutor>
         <sequence name=\"main\"><in><enqueue executor=\"pe\" priority=\"1\" sequence=\"f\"/></in></sequence>
         <sequence name=\"f\"><send><endpoint>{}</endpoint></send></sequence></definitions>",
        address(silent.address, "")
    );
    let proxy = Proxy::with(
        &[("e.xml", config.as_str())],
        &["--no-watch", "--workers", "1"],
    );
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{}",
            quote().len(),
            quote()
        ));
    }
    let executor = || proxy.look("/api/v1/status")["executors"][0].clone();
    eventually("all are there", || {
        (executor()["waiting"] == 2).then_some(())
    });
    assert_eq!(
        (&executor()["name"], &executor()["running"]),
        (&"pe".into(), &1.into())
    );
    let out = proxy.verb(&["status"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        text.contains("executor   pe: 1 running, 2 waiting"),
        "{text}"
    );
    let metrics = proxy
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .text();
    let line = "axon_priority_executor_messages{executor=\"pe\",state=\"waiting\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    // A reload of the same executor goes on counting.
    proxy.write(
        "e.xml",
        &config.replace("</definitions>", "<sequence name=\"more\"/></definitions>"),
    );
    proxy.reload();
    assert_eq!(executor()["running"], 1);
}
