//! `--lenient`: what has an error is left out, says so to whoever gets there, and the rest serves.

use crate::support::{Proxy, quote};

const CONFIG: &str = "<definitions xmlns=\"http://ws.apache.org/ns/synapse\">
<proxy name=\"good\"><target><inSequence><respond/></inSequence></target></proxy>
<proxy name=\"bad\"><target><inSequence><send><endpoint key=\"hits\"/></send><property value=\"x\"/></inSequence>
  <faultSequence><respond/></faultSequence></target></proxy>
<api name=\"api\" context=\"/api\"><resource uri-template=\"/one\"><inSequence><respond/></inSequence></resource>
  <resource uri-template=\"/two\"><inSequence><enrich/></inSequence></resource></api>
<sequence name=\"half\"><property name=\"a\" value=\"1\"/><log category=\"LOUD\"/></sequence>
<sequence name=\"main\"><in><filter xpath=\"$trp:X-Half\"><then><sequence key=\"half\"/></then></filter><respond/></in></sequence>
<endpoint name=\"hits\"><address uri=\"nothing\"/></endpoint>
</definitions>";

fn lenient() -> Proxy {
    Proxy::with(&[("synapse.xml", CONFIG)], &["--no-watch", "--lenient"])
}

#[test]
fn what_has_an_error_is_left_out_whole_and_names_it() {
    let proxy = lenient();
    let mut client = proxy.client();
    assert_eq!(client.post("/services/good", &quote()).text(), quote());
    assert_eq!(client.post("/", &quote()).text(), quote());
    // Nothing of it runs, not even its fault sequence.
    let bad = client.post("/services/bad", &quote());
    let want = "the proxy service `bad` at ";
    let problem = "is left out: `property` needs the attribute `name` at ";
    for part in [want, problem, "synapse.xml:3:74"] {
        assert!(
            bad.status == 500 && bad.text().contains(part),
            "{}",
            bad.text()
        );
    }
    for path in ["/api/one", "/api/two"] {
        let answer = client.get(path);
        assert_eq!(answer.status, 501, "{path}: {}", answer.text());
    }
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nX-Half: 1\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{}",
        quote().len(),
        quote()
    ));
    let half = client.answer().text();
    assert!(
        half.contains("the sequence `half`") && half.contains("LOUD"),
        "{half}"
    );
}

#[test]
fn log_status_and_readiness_tell_what_is_left_out() {
    let proxy = lenient();
    let line = proxy.line("the event", |line| line["evt"] == "config.left_out");
    let text = line["text"].as_str().unwrap();
    assert!(
        text.starts_with("left out: ") && text.contains("synapse.xml:3:74"),
        "{text}"
    );
    let status = proxy.look("/api/v1/status");
    let problems = status["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 5, "{status}");
    assert!(
        problems[4]
            .as_str()
            .unwrap()
            .contains("the address has no scheme"),
        "{status}"
    );
    let ready = proxy.ask("GET /ready?verbose HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(
        (ready.status, ready.text().as_str()),
        (
            200,
            "ready\nerrors in the configuration: 5; axon status names them\n"
        )
    );
}
