//! Proxy services: routes, sequences, endpoints and the WSDL that they publish.

use crate::support::{Act, Backend, Down, Proxy, eventually, ok, quote};

fn definitions(inside: &str) -> String {
    format!("<definitions xmlns=\"http://ws.apache.org/ns/synapse\">{inside}</definitions>")
}

fn service(name: &str, inside: &str) -> String {
    format!("<proxy name=\"{name}\" transports=\"http\">{inside}</proxy>")
}

fn sends_to(server: &Backend) -> String {
    format!(
        "<endpoint><address uri=\"http://{}/svc\"/></endpoint>",
        server.address
    )
}

const FAULT: &str = "<makefault version=\"soap11\" response=\"true\"><code xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" value=\"s:Server\"/>\
    <reason expression=\"concat('handled ', get-property('ERROR_CODE'), ' in ', get-property('proxy.name'))\"/></makefault><send/>";

const WSDL: &str = "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/' xmlns:x='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:q'>\
    <types><x:schema><x:include schemaLocation='types/quote.xsd'/></x:schema></types>\
    <service name='Real'><port name='P' binding='B'><s:address location='http://real.test/soap'/></port></service></definitions>";

const SCHEMA: &str = "<schema xmlns='http://www.w3.org/2001/XMLSchema' id='quote'/>";

#[test]
fn the_name_in_the_path_chooses_the_service_and_the_rest_goes_on() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let config = definitions(&format!(
        "{}{}",
        service("p", &format!("<target>{}</target>", sends_to(&a))),
        service("p/q", &format!("<target>{}</target>", sends_to(&b))),
    ));
    let proxy = Proxy::start(&[("synapse.xml", config)]);
    let mut client = proxy.client();
    assert_eq!(client.get("/services/p/x/y?z=1").text(), "a");
    assert_eq!(client.get("/services/p/q/r").text(), "b");
    assert_eq!(
        client
            .post("/services/p.pHttpSoap11Endpoint", &quote())
            .text(),
        "a"
    );
    let targets: Vec<String> = a.seen().iter().map(|r| r.target().to_owned()).collect();
    assert_eq!(targets, ["/svc/x/y?z=1", "/svc"]);
    assert_eq!(b.seen()[0].target(), "/svc/r");
    for path in ["/services/P", "/services/nope", "/p"] {
        let nowhere = client.get(path);
        assert_eq!(nowhere.status, 404, "{path}");
        assert!(
            nowhere.text().contains("/services/p/q"),
            "{}",
            nowhere.text()
        );
    }
    proxy.line("the access line", |line| line["route"] == "p/q");
}

#[test]
fn what_no_service_takes_goes_to_main() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let main = format!(
        "<sequence name=\"main\"><in><send>{}</send></in><out><send/></out></sequence>",
        sends_to(&b)
    );
    let target = format!("<target>{}</target>", sends_to(&a));
    let config = definitions(&(service("p", &target) + &main));
    let proxy = Proxy::start(&[("synapse.xml", config)]);
    assert_eq!(proxy.client().post("/services/p", &quote()).text(), "a");
    assert_eq!(proxy.client().post("/services/other", &quote()).text(), "b");
}

#[test]
fn request_and_answer_pass_the_sequences_of_the_target() {
    let a = Backend::named("a");
    let target = format!(
        "<target outSequence=\"out\"><inSequence><property name=\"X-In\" value=\"1\" scope=\"transport\"/></inSequence>{}</target>",
        sends_to(&a)
    );
    let out = "<sequence name=\"out\"><property name=\"X-Out\" value=\"1\" scope=\"transport\"/><send/></sequence>";
    let proxy = Proxy::start(&[("synapse.xml", definitions(&(service("p", &target) + out)))]);
    let answer = proxy.client().post("/services/p", &quote());
    assert_eq!(
        (answer.text().as_str(), answer.headers.value("X-Out")),
        ("a", Some("1"))
    );
    assert_eq!(a.seen()[0].headers.value("X-In"), Some("1"));
}

#[test]
fn the_endpoint_is_used_neither_after_a_drop_nor_after_a_send() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let target = format!(
        "<target><inSequence><switch source=\"get-property('Action')\"><case regex=\"urn:stop\"><drop/></case>\
         <case regex=\"urn:b\"><send>{}</send></case></switch></inSequence>{}</target>",
        sends_to(&b),
        sends_to(&a)
    );
    let proxy = Proxy::start(&[("synapse.xml", definitions(&service("p", &target)))]);
    let mut client = proxy.client();
    let mut ask = |action: &str| {
        let line = format!("SOAPAction: \"urn:{action}\"\r\n");
        let answer = client.post_with("/services/p", &line, &quote());
        (answer.status, answer.text())
    };
    assert_eq!(ask("a"), (200, "a".to_owned()));
    assert_eq!(ask("b"), (200, "b".to_owned()));
    assert_eq!(ask("stop"), (202, String::new()));
    assert_eq!((a.hits(), b.hits()), (1, 1));
}

#[test]
fn errors_go_to_the_fault_sequence_of_the_service_then_to_fault_then_to_the_client() {
    let down = Down::new();
    let to = format!(
        "<endpoint><address uri=\"http://{}/\"/></endpoint>",
        down.address
    );
    let own = service(
        "own",
        &format!("<target>{to}<faultSequence>{FAULT}</faultSequence></target>"),
    );
    let none = service("none", &format!("<target>{to}</target>"));
    let global = format!("<sequence name=\"fault\">{FAULT}</sequence>");
    let proxy = Proxy::start(&[("synapse.xml", definitions(&(own.clone() + &none + &global)))]);
    for name in ["own", "none"] {
        let answer = proxy.client().post(&format!("/services/{name}"), &quote());
        assert_eq!(answer.status, 500);
        let want = format!("in {name}");
        assert!(
            answer.text().contains("handled") && answer.text().contains(&want),
            "{}",
            answer.text()
        );
    }
    let proxy = Proxy::start(&[("synapse.xml", definitions(&none))]);
    let answer = proxy.client().post("/services/none", &quote());
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("101503"), "{}", answer.text());
}

#[test]
fn an_inactive_service_and_one_of_another_transport_say_so() {
    let a = Backend::named("a");
    let target = format!("<target>{}</target>", sends_to(&a));
    let config = definitions(&format!(
        "<proxy name=\"off\" startOnLoad=\"false\">{target}</proxy><proxy name=\"tls\" transports=\"https\">{target}</proxy>"
    ));
    let proxy = Proxy::start(&[("synapse.xml", config)]);
    for (name, says) in [("off", "inactive service: off"), ("tls", "cannot be found")] {
        let answer = proxy.client().post(&format!("/services/{name}"), &quote());
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(a.hits(), 0);
}

#[test]
fn a_wsdl_in_a_file_is_shown_with_the_addresses_of_the_service_and_its_schemas() {
    let a = Backend::named("a");
    let published = format!(
        "<target>{}</target><publishWSDL uri=\"file:q.wsdl\"/>",
        sends_to(&a)
    );
    let proxy = Proxy::start(&[
        ("synapse.xml", definitions(&service("p", &published))),
        ("q.wsdl", WSDL.to_owned()),
        ("types/quote.xsd", SCHEMA.to_owned()),
    ]);
    let mut client = proxy.client();
    let wsdl = client.get("/services/p?wsdl");
    assert_eq!(wsdl.status, 200);
    assert_eq!(
        wsdl.headers.value("Content-Type"),
        Some("text/xml; charset=UTF-8")
    );
    for part in [
        "location='http://h/services/p.pHttpSoap11Endpoint'",
        "name='p'",
        "schemaLocation='http://h/services/p?xsd=xsd0'",
    ] {
        assert!(wsdl.text().contains(part), "{part}: {}", wsdl.text());
    }
    assert!(
        client
            .get("/services/p?xsd=xsd0")
            .text()
            .contains("id='quote'")
    );
    assert_eq!(client.get("/services/p?xsd=xsd1").status, 404);
    assert_eq!(client.get("/services/p?wsdl2").status, 404);
    assert_eq!(client.get("/services/p?WSDL").text(), wsdl.text());
    // Anything else is a request to the service.
    assert_eq!(client.get("/services/p").text(), "a");
}

#[test]
fn a_wsdl_in_an_entry_takes_its_schema_from_another_entry() {
    let a = Backend::named("a");
    let published = format!(
        "<target>{}</target><publishWSDL key=\"w\"><resource location=\"types/quote.xsd\" key=\"s\"/></publishWSDL>",
        sends_to(&a)
    );
    let entries = format!(
        "<localEntry key=\"w\">{WSDL}</localEntry><localEntry key=\"s\">{SCHEMA}</localEntry>"
    );
    let proxy = Proxy::start(&[(
        "synapse.xml",
        definitions(&(entries + &service("p", &published))),
    )]);
    let wsdl = proxy.client().get("/services/p?wsdl").text();
    assert!(wsdl.contains("http://h/services/p?xsd=xsd0"), "{wsdl}");
    assert!(
        proxy
            .client()
            .get("/services/p?xsd")
            .text()
            .contains("quote")
    );
    assert_eq!(proxy.complaints(), "");
}

#[test]
fn a_wsdl_at_a_url_is_fetched_when_it_comes_and_the_service_works_before() {
    let a = Backend::named("a");
    let down = Down::new();
    let published = format!(
        "<target>{}</target><publishWSDL uri=\"http://{}/real?wsdl\"/>",
        sends_to(&a),
        down.address
    );
    let proxy = Proxy::start(&[("synapse.xml", definitions(&service("p", &published)))]);
    assert!(
        proxy.complaints().contains("AX0607"),
        "{}",
        proxy.complaints()
    );
    assert_eq!(proxy.client().post("/services/p", &quote()).text(), "a");
    let missing = proxy.client().get("/services/p?wsdl");
    assert_eq!(missing.status, 503);
    assert!(
        missing.text().contains("cannot connect"),
        "{}",
        missing.text()
    );
    let documents = down.up_with(|request| {
        Act::Write(ok(if request.target() == "/real?wsdl" {
            WSDL
        } else {
            SCHEMA
        }))
    });
    let wsdl = eventually("the definition to be published", || {
        let answer = proxy.client().get("/services/p?wsdl");
        (answer.status == 200).then(|| answer.text())
    });
    assert!(
        wsdl.contains("http://h/services/p.pHttpSoap11Endpoint"),
        "{wsdl}"
    );
    assert!(
        documents
            .seen()
            .iter()
            .any(|r| r.target() == "/types/quote.xsd")
    );
}

#[test]
fn services_of_a_tree_are_loaded_and_a_broken_one_answers_with_its_place() {
    let a = Backend::named("a");
    let tree = |broken: &str| {
        [
            ("synapse.xml", definitions("")),
            (
                "proxy-services/p.xml",
                service("p", &format!("<target>{}</target>", sends_to(&a))).replacen(
                    "<proxy ",
                    "<proxy xmlns=\"http://ws.apache.org/ns/synapse\" ",
                    1,
                ),
            ),
            ("proxy-services/broken.xml", broken.to_owned()),
        ]
    };
    let broken = "<proxy xmlns=\"http://ws.apache.org/ns/synapse\" name=\"broken\"><target outSequence=\"o\"/></proxy>";
    let proxy = Proxy::with(&tree(broken), &["--no-watch", "--lenient"]);
    assert_eq!(proxy.client().post("/services/p", &quote()).text(), "a");
    let answer = proxy.client().post("/services/broken", &quote());
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("broken.xml:1:1"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_service_is_called_inside_the_process_whatever_its_transports() {
    let a = Backend::named("a");
    let inner = format!(
        "<proxy name=\"inner\" transports=\"local\"><target><inSequence><property name=\"X-Via\" value=\"inner\" scope=\"transport\"/></inSequence>{}</target></proxy>",
        sends_to(&a)
    );
    let to = |uri: &str| format!("<endpoint><address uri=\"{uri}\"/></endpoint>");
    let call = format!(
        "<target><inSequence><call>{}</call><respond/></inSequence></target>",
        to("local://localhost/services/inner")
    );
    let itself = format!(
        "<target>{}<faultSequence>{FAULT}</faultSequence></target>",
        to("local://services/itself")
    );
    let config = definitions(
        &(inner
            + &service(
                "sends",
                &format!("<target>{}</target>", to("local://services/inner")),
            )
            + &service("calls", &call)
            + &service("itself", &itself)),
    );
    let proxy = Proxy::start(&[("synapse.xml", config)]);
    let mut client = proxy.client();
    assert_eq!(client.post("/services/sends", &quote()).text(), "a");
    assert_eq!(client.post("/services/calls", &quote()).text(), "a");
    assert_eq!(client.get("/services/sends/x?y=1").text(), "a");
    let seen = a.seen();
    assert!(
        seen.iter()
            .all(|r| r.headers.value("X-Via") == Some("inner"))
    );
    assert_eq!(seen[2].target(), "/svc/x?y=1");
    // From outside it cannot be reached, and one that calls itself ends.
    let refused = client.post("/services/inner", &quote());
    assert_eq!(refused.status, 500, "{}", refused.text());
    let ended = client.post("/services/itself", &quote());
    assert_eq!(ended.status, 500);
    assert!(ended.text().contains("handled"), "{}", ended.text());
}

#[test]
fn a_message_does_not_name_a_service_of_the_process_by_itself() {
    let main = "<sequence name=\"main\"><in><send/></in><out><send/></out></sequence>";
    let inner = "<proxy name=\"inner\" transports=\"local\"><target><inSequence><respond/></inSequence></target></proxy>";
    let proxy = Proxy::start(&[("synapse.xml", definitions(&format!("{main}{inner}")))]);
    let to = "<soapenv:Header><w:To xmlns:w=\"http://www.w3.org/2005/08/addressing\">local://services/inner</w:To></soapenv:Header><soapenv:Body>";
    let message = quote().replacen("<soapenv:Body>", to, 1);
    let answer = proxy.client().post("/", &message);
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("only the configuration may"),
        "{}",
        answer.text()
    );
}
