//! Local entries and the registry: endpoints, sequences and texts by key, changes taken while serving.

use std::net::SocketAddr;

use crate::support::{Backend, Proxy, address, eventually, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

fn file(server: SocketAddr) -> String {
    format!("<endpoint {NS}>{}</endpoint>", address(server, ""))
}

fn definitions(inside: &str, send: &str) -> String {
    format!(
        "<definitions {NS}><registry provider=\"org.apache.synapse.registry.url.SimpleURLRegistry\"><parameter name=\"root\">file:registry/</parameter>
         <parameter name=\"cachableDuration\">500</parameter></registry>{inside}
         <sequence name=\"main\"><in>{send}</in><out><send/></out></sequence></definitions>"
    )
}

#[test]
fn an_endpoint_of_the_registry_changes_with_its_file_and_a_broken_one_changes_nothing() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let main = definitions("", "<send><endpoint key=\"endpoint/one.xml\"/></send>");
    let proxy = Proxy::start(&[
        ("synapse.xml", main.as_str()),
        ("registry/endpoint/one.xml", file(a.address).as_str()),
    ]);
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote()).text(), "a");
    proxy.write(
        "registry/endpoint/one.xml",
        &format!("<endpoint {NS}><address/></endpoint>"),
    );
    proxy.line("the refusal", |line| {
        line["evt"] == "config.reload" && line["text"].as_str().unwrap().starts_with("rejected")
    });
    assert_eq!(client.post("/", &quote()).text(), "a");
    proxy.write("registry/endpoint/one.xml", &file(b.address));
    eventually("the other endpoint", || {
        (client.post("/", &quote()).text() == "b").then_some(())
    });
}

#[test]
fn a_key_may_be_computed_and_a_text_may_be_a_list() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let list = format!("http://{}/svc,\n http://{}/svc\n", a.address, b.address);
    let main = definitions(
        "<localEntry key=\"greeting\">hello</localEntry>",
        "<filter xpath=\"$trp:X-To = 'list'\"><then><send><endpoint><recipientlist><endpoints value=\"{get-property('registry', 'lists/all')}\"/></recipientlist></endpoint></send></then>
         <else><property name=\"X-Greeting\" scope=\"transport\" expression=\"get-property('greeting')\"/><send><endpoint key-expression=\"$trp:X-To\"/></send></else></filter>",
    );
    let proxy = Proxy::start(&[
        ("synapse.xml", main.as_str()),
        ("registry/one.xml", file(a.address).as_str()),
        ("registry/lists/all", list.as_str()),
    ]);
    let mut client = proxy.client();
    let mut ask = |to: &str| client.post_with("/", &format!("X-To: {to}\r\n"), &quote());
    assert_eq!(ask("one.xml").text(), "a");
    assert_eq!(a.seen()[0].headers.value("X-Greeting"), Some("hello"));
    assert_eq!(ask("list").status, 200);
    eventually("both copies", || {
        (a.hits() == 2 && b.hits() == 1).then_some(())
    });
    assert!(ask("lists/all").text().contains("305100"));
}

#[test]
fn local_entries_are_endpoints_and_sequences_from_inside_and_from_a_file() {
    let a = Backend::named("a");
    let sequence = "<localEntry key=\"steps\"><sequence><property name=\"X-Step\" value=\"1\" scope=\"transport\"/></sequence></localEntry>";
    let main = format!(
        "<definitions {NS}><localEntry key=\"ep\" src=\"file:other/ep.xml\"/>{sequence}
         <sequence name=\"main\"><in><sequence key=\"steps\"/><send><endpoint key=\"ep\"/></send></in><out><send/></out></sequence></definitions>"
    );
    let proxy = Proxy::start(&[
        ("synapse.xml", main.as_str()),
        ("other/ep.xml", file(a.address).as_str()),
    ]);
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(a.seen()[0].headers.value("X-Step"), Some("1"));
    assert_eq!(proxy.state("ep"), "active");
}

#[test]
fn a_sequence_of_the_registry_may_be_found_by_a_computed_key() {
    let a = Backend::named("a");
    let send = format!(
        "<sequence key=\"{{$trp:X-Key}}\"/><send><endpoint>{}</endpoint></send>",
        address(a.address, "")
    );
    let step = |value: &str| {
        format!(
            "<sequence {NS} name=\"any\"><property name=\"X-Step\" value=\"{value}\" scope=\"transport\"/></sequence>"
        )
    };
    let main = definitions("", &send);
    let proxy = Proxy::start(&[
        ("synapse.xml", main.as_str()),
        ("registry/steps/one.xml", step("1").as_str()),
        ("registry/config/two.xml", step("2").as_str()),
        // Nothing refers to it: what is wrong there stops nothing.
        (
            "registry/broken.xml",
            &format!("<sequence {NS}><nonsense/></sequence>"),
        ),
    ]);
    let mut client = proxy.client();
    let mut ask = |key: &str| client.post_with("/", &format!("X-Key: {key}\r\n"), &quote());
    for (nth, (key, step)) in [
        ("steps/one.xml", "1"),
        ("/steps/one.xml", "1"),
        ("conf:/two.xml", "2"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ask(key).text(), "a");
        assert_eq!(a.seen()[nth].headers.value("X-Step"), Some(step), "{key}");
    }
    assert_eq!(ask("broken.xml").status, 500);
    assert_eq!(ask("none.xml").status, 500);
}

#[test]
fn a_configuration_that_is_only_a_registry_lies_in_it() {
    let a = Backend::named("a");
    let registry = "<registry provider=\"org.apache.synapse.registry.url.SimpleURLRegistry\"><parameter name=\"root\">file:registry/</parameter>
        <parameter name=\"cachableDuration\">500</parameter></registry>";
    let whole = |step: &str| {
        format!(
            "<definitions {NS}><sequence name=\"main\"><in><property name=\"X-Step\" value=\"{step}\" scope=\"transport\"/>
             <send><endpoint>{}</endpoint></send></in><out><send/></out></sequence></definitions>",
            address(a.address, "")
        )
    };
    let proxy = Proxy::start(&[
        (
            "synapse.xml",
            format!("<definitions {NS}>{registry}</definitions>").as_str(),
        ),
        ("registry/synapse.xml", whole("1").as_str()),
    ]);
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote()).text(), "a");
    assert_eq!(a.seen()[0].headers.value("X-Step"), Some("1"));
    proxy.write("registry/synapse.xml", &whole("2"));
    eventually("the new configuration", || {
        client.post("/", &quote());
        let seen = a.seen();
        (seen.last()?.headers.value("X-Step") == Some("2")).then_some(())
    });
}

#[test]
fn an_entry_that_is_xml_is_read_as_its_text() {
    let a = Backend::named("a");
    let entries = "<localEntry key=\"txt\">plain words</localEntry>
        <localEntry key=\"xml\"><k:e xmlns:k=\"urn:k\">v</k:e></localEntry>
        <localEntry key=\"deep\"><k:e xmlns:k=\"urn:k\"><k:f/></k:e></localEntry>
        <localEntry key=\"file\" src=\"file:other/data.xml\"/>
        <localEntry key=\"cdata\"><![CDATA[<not>parsed</not>]]></localEntry>";
    let expression = "concat(get-property('txt'), '|', get-property('xml'), '|', get-property('deep'), '|', get-property('file'), '|', string-length(get-property('cdata')))";
    let main = format!(
        "<definitions {NS}>{entries}<sequence name=\"main\"><in><property name=\"X-All\" expression=\"{expression}\" scope=\"transport\"/>
         <send><endpoint>{}</endpoint></send></in><out><send/></out></sequence></definitions>",
        address(a.address, "")
    );
    let proxy = Proxy::start(&[
        ("synapse.xml", main.as_str()),
        ("other/data.xml", "<k:f xmlns:k=\"urn:k\">from file</k:f>"),
    ]);
    assert_eq!(proxy.client().post("/", &quote()).text(), "a");
    assert_eq!(
        a.seen()[0].headers.value("X-All"),
        Some("plain words|v|<k:e xmlns:k=\"urn:k\"><k:f/></k:e>|from file|17")
    );
}
