//! Groups whose members come from elsewhere (spec/endpoints.md 15).

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Act, Backend, Down, Proxy, endpoint, eventually, ok, quote};

fn group(provider: &str, settings: &[(&str, &str)], before: &str) -> String {
    let properties: String = settings
        .iter()
        .map(|(name, value)| format!("<property name=\"{name}\" value=\"{value}\"/>"))
        .collect();
    endpoint(
        "g",
        &format!(
            "{before}<dynamicLoadbalance><membershipHandler class=\"{provider}\">{properties}</membershipHandler></dynamicLoadbalance>"
        ),
    )
}

fn lines(servers: &[SocketAddr]) -> String {
    servers.iter().map(|s| format!("{s}\n")).collect()
}

#[test]
fn members_of_a_list_take_turns_keep_the_path_and_are_left_out_when_they_fail() {
    let (a, b, c) = (Backend::named("a"), Down::new(), Backend::named("c"));
    let members = lines(&[a.address, b.address, c.address]).replace('\n', ",");
    let proxy = Proxy::serving(&group("static", &[("members", &members)], ""));
    let mut client = proxy.client();
    let texts: Vec<String> = (0..4)
        .map(|_| client.post("/x?y", &quote()).text())
        .collect();
    assert_eq!(texts, ["a", "c", "a", "c"]);
    assert_eq!(a.seen()[0].target(), "/x?y");
    assert_eq!(proxy.state("g/#1"), "suspended");
}

#[test]
fn members_of_a_file_come_and_go_without_losing_state_sessions_or_requests() {
    let slow = Backend::start(|_| {
        let answer = String::from_utf8(ok("a")).unwrap();
        let answer = answer.replace("\r\n\r\n", "\r\nSet-Cookie: JSESSIONID=s1\r\n\r\n");
        Act::Late(Duration::from_millis(700), answer.into_bytes())
    });
    let (b, down) = (Backend::named("b"), Down::new());
    let text = group(
        "file",
        &[("path", "members.txt"), ("refresh", "500")],
        "<session type=\"http\"/>",
    );
    let proxy = Proxy::start(&[
        ("g.xml", text.as_str()),
        ("members.txt", lines(&[slow.address, down.address]).as_str()),
    ]);
    let mut client = proxy.client();
    assert_eq!(client.post("/", &quote()).text(), "a");
    // The second one fails over to the first, and is suspended.
    assert_eq!(client.post("/", &quote()).text(), "a");
    assert_eq!(proxy.state("g/#1"), "suspended");
    let mut under_way = proxy.client();
    under_way.send("GET / HTTP/1.1\r\nHost: h\r\nCookie: JSESSIONID=s1\r\n\r\n");
    eventually("the request", || (slow.hits() == 3).then_some(()));
    // Another one comes first, the suspended one stays.
    proxy.write(
        "members.txt",
        &lines(&[b.address, down.address, slow.address]),
    );
    let generation = |proxy: &Proxy| proxy.look("/api/v1/status")["generation"].as_u64().unwrap();
    eventually("the reload", || (generation(&proxy) == 2).then_some(()));
    assert_eq!(under_way.answer().text(), "a");
    assert_eq!(
        (proxy.state("g/#1").as_str(), proxy.state("g/#0").as_str()),
        ("suspended", "active")
    );
    // The session is bound to the address, not to the place.
    let bound = client.post_with("/", "Cookie: JSESSIONID=s1\r\n", &quote());
    assert_eq!(bound.text(), "a");
    eventually("the new one's turn", || {
        (client.post("/", &quote()).text() == "b").then_some(())
    });
    // A line that is no member changes nothing.
    proxy.write("members.txt", "http://x\n");
    proxy.line("the complaint", |line| {
        line["evt"] == "members.failed" && line["text"].as_str().unwrap().contains("line 1")
    });
    assert_eq!(client.post("/", &quote()).status, 200);
    proxy.write("members.txt", "");
    eventually("nobody to be left", || {
        (client.post("/", &quote()).text().contains("303000")).then_some(())
    });
}

#[test]
fn a_service_is_found_by_its_host() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let service = |host: &str, server: SocketAddr| {
        format!(
            "<service><hosts><host>{host}</host></hosts><domain>{host}</domain><membershipHandler class=\"static\"><property name=\"members\" value=\"{server}\"/></membershipHandler></service>"
        )
    };
    let services = service("a.org", a.address) + &service("x.b.org", b.address);
    let proxy = Proxy::serving(&endpoint(
        "g",
        &format!(
            "<serviceDynamicLoadbalance><loadBalancerConfig><services>{services}</services></loadBalancerConfig></serviceDynamicLoadbalance>"
        ),
    ));
    let mut client = proxy.client();
    let mut ask = |host: &str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer()
    };
    assert_eq!(ask("a.org").text(), "a");
    assert_eq!(ask("www.A.org:80").text(), "a");
    assert_eq!(ask("y.x.b.org").text(), "b");
    assert_eq!(ask("b.org").status, 500);
    assert_eq!(proxy.state("g/a.org/#0"), "active");
}

#[test]
fn a_cluster_is_not_there_yet_and_its_group_has_no_members() {
    let java = "org.apache.synapse.core.axis2.Axis2LoadBalanceMembershipHandler";
    let proxy = Proxy::serving(&group(java, &[("applicationDomain", "d")], ""));
    let answer = proxy.client().post("/", &quote());
    assert!(answer.text().contains("303000"), "{}", answer.text());
}
