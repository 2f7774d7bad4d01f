//! A changed configuration is taken while traffic flows, whole or not at all, and identities stay.

use rustix::process::Signal;

use crate::support::{Backend, Down, Proxy, address, child, endpoint, eventually, quote_of};

fn one(server: &Backend) -> String {
    endpoint("e", &address(server.address, ""))
}

fn group(children: &str) -> String {
    endpoint(
        "g",
        &format!("<session type=\"simpleClientSession\"/><loadbalance>{children}</loadbalance>"),
    )
}

#[test]
fn an_edited_file_takes_effect_and_connections_stay_open() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::with(&[("e.xml", one(&a))], &[]);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "a");
    proxy.write("e.xml", &one(&b));
    eventually("the edit to take effect", || {
        (client.get("/").text() == "b").then_some(())
    });
    assert_eq!(proxy.look("/api/v1/status")["generation"], 2);
}

#[test]
fn a_file_that_is_added_or_removed_is_an_edit_too() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::with(&[("e.xml", one(&a))], &[]);
    let mut client = proxy.client();
    proxy.write("more.xml", &one(&b).replace("\"e\"", "\"more\""));
    eventually("the new endpoint", || {
        (client.get("/services/more").text() == "b").then_some(())
    });
    proxy.remove("more.xml");
    eventually("the new endpoint to go", || {
        (client.get("/services/more").text() == "a").then_some(())
    });
}

#[test]
fn a_broken_file_keeps_the_old_configuration_and_is_named() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&[
        ("e.xml", one(&a)),
        ("f.xml", one(&b).replace("\"e\"", "\"f\"")),
    ]);
    proxy.write("e.xml", &one(&b));
    proxy.write(
        "f.xml",
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\"\n name=\"f\"><address/></endpoint>",
    );
    let (status, view) = proxy.change("/api/v1/config:reload");
    assert_eq!((status, &view["result"]), (422, &"rejected".into()));
    let problem = &view["diagnostics"][0];
    assert!(
        problem["file"].as_str().unwrap().ends_with("f.xml"),
        "{view}"
    );
    assert_eq!(problem["line"], 2);
    assert_eq!(proxy.client().get("/services/e").text(), "a");
    let status = proxy.look("/api/v1/status");
    assert_eq!(
        (&status["config"], &status["generation"]),
        (&"degraded".into(), &1.into())
    );
    proxy.write("f.xml", &one(&a).replace("\"e\"", "\"f\""));
    proxy.reload();
    assert_eq!(proxy.look("/api/v1/status")["config"], "ok");
    assert_eq!(proxy.client().get("/services/e").text(), "b");
}

#[test]
fn a_hangup_signal_reloads() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&[("e.xml", one(&a))]);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "a");
    proxy.write("e.xml", &one(&b));
    proxy.signal(Signal::HUP);
    eventually("the reload", || {
        (client.get("/").text() == "b").then_some(())
    });
}

#[test]
fn a_hangup_signal_as_soon_as_it_listens_does_not_end_it() {
    let a = Backend::named("a");
    for _ in 0..8 {
        let proxy = Proxy::start(&[("e.xml", one(&a))]);
        proxy.signal(Signal::HUP);
        assert_eq!(proxy.client().get("/").text(), "a");
        eventually("the reload", || {
            let status = proxy.look("/api/v1/status");
            (!status["last_reload"].is_null() || status["config"] == "ok").then_some(())
        });
    }
}

#[test]
fn files_that_did_not_change_are_no_new_generation() {
    let a = Backend::named("a");
    let proxy = Proxy::start(&[("e.xml", one(&a))]);
    let (status, view) = proxy.change("/api/v1/config:reload");
    assert_eq!((status, &view["result"]), (200, &"unchanged".into()));
    assert_eq!(view["generation"], 1);
}

#[test]
fn sessions_stay_with_their_children_when_others_come_and_go() {
    let servers = ["a", "b", "c"].map(Backend::named);
    let [a, b, c] = &servers;
    let unnamed = |s: &Backend| format!("<endpoint>{}</endpoint>", address(s.address, ""));
    let proxy = Proxy::start(&[("e.xml", group(&(unnamed(a) + &unnamed(b))))]);
    let mut client = proxy.client();
    let clients = ["1", "2", "3", "4"];
    let ask = |client: &mut crate::support::Client| -> Vec<String> {
        let answers = clients
            .iter()
            .map(|id| client.post("/", &quote_of(id)).text());
        answers.collect()
    };
    assert_eq!(ask(&mut client), ["a", "b", "a", "b"]);
    // In front, and the order of the others turned round.
    proxy.write("e.xml", &group(&(unnamed(c) + &unnamed(b) + &unnamed(a))));
    let view = proxy.reload();
    assert_eq!(view["sessions"]["kept"], 4, "{view}");
    assert_eq!(ask(&mut client), ["a", "b", "a", "b"]);
    proxy.write("e.xml", &group(&(unnamed(b) + &unnamed(c))));
    let view = proxy.reload();
    assert_eq!(view["sessions"]["lost"], 2, "{view}");
    let after = ask(&mut client);
    assert_eq!((after[1].as_str(), after[3].as_str()), ("b", "b"));
    assert!(!after.contains(&"a".to_owned()), "{after:?}");
}

#[test]
fn a_changed_setting_unbinds_nobody() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let named = |settings: &str| {
        group(&(child("x", a.address, settings) + &child("y", b.address, settings)))
    };
    let proxy = Proxy::start(&[("e.xml", named(""))]);
    let mut client = proxy.client();
    client.post("/", &quote_of("first"));
    assert_eq!(client.post("/", &quote_of("second")).text(), "b");
    for ms in [1000, 2000, 3000] {
        proxy.write(
            "e.xml",
            &named(&format!(
                "<timeout><duration>{ms}</duration><responseAction>fault</responseAction></timeout>"
            )),
        );
        proxy.reload();
        assert_eq!(client.post("/", &quote_of("second")).text(), "b");
    }
}

#[test]
fn an_endpoint_that_is_off_stays_off() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let children = child("x", a.address, "") + &child("y", b.address, "");
    let proxy = Proxy::start(&[("e.xml", group(&children))]);
    assert_eq!(proxy.change("/api/v1/endpoints/g/x:off").0, 200);
    let more = "<suspendOnFailure><initialDuration>5</initialDuration></suspendOnFailure>";
    proxy.write(
        "e.xml",
        &group(&(child("x", a.address, more) + &child("y", b.address, ""))),
    );
    proxy.reload();
    assert_eq!(proxy.state("g/x"), "off");
    let mut client = proxy.client();
    assert_eq!(
        (client.get("/").text(), client.get("/").text()),
        ("b".into(), "b".into())
    );
}

#[test]
fn a_suspension_is_kept_unless_its_endpoint_is_defined_otherwise() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let long = "<suspendOnFailure><initialDuration>60000</initialDuration></suspendOnFailure>";
    let children = |settings: &str, of_b: &str| {
        child("x", down.address, settings) + &child("y", b.address, of_b)
    };
    let proxy = Proxy::start(&[("e.xml", group(&children(long, "")))]);
    assert_eq!(proxy.client().get("/").text(), "b");
    assert_eq!(proxy.state("g/x"), "suspended");
    proxy.write("e.xml", &group(&children(long, long)));
    proxy.reload();
    assert_eq!(proxy.state("g/x"), "suspended");
    proxy.write(
        "e.xml",
        &group(&children(&long.replace("60000", "50000"), long)),
    );
    proxy.reload();
    assert_eq!(proxy.state("g/x"), "active");
}

#[test]
fn what_is_under_way_ends_on_the_configuration_that_it_began_with() {
    let slow = Backend::start(|r| {
        let wait = if r.target().ends_with("/slow") {
            400
        } else {
            0
        };
        crate::support::Act::Late(
            std::time::Duration::from_millis(wait),
            crate::support::ok("old"),
        )
    });
    let b = Backend::named("new");
    let proxy = Proxy::start(&[("e.xml", one(&slow))]);
    let mut under_way = proxy.client();
    under_way.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually("the request to arrive", || (slow.hits() == 1).then_some(()));
    proxy.write("e.xml", &one(&b));
    proxy.reload();
    assert_eq!(proxy.client().get("/").text(), "new");
    assert_eq!(under_way.answer().text(), "old");
    assert_eq!(under_way.get("/").text(), "new");
}
