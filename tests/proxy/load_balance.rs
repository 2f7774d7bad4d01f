//! Load-balance groups (spec/endpoints.md 11 to 13).

use std::collections::BTreeMap;

use crate::support::{Backend, Down, Proxy, child, endpoint};

fn three() -> Vec<Backend> {
    ["a", "b", "c"].map(Backend::named).into()
}

fn children(servers: &[Backend]) -> String {
    servers
        .iter()
        .zip(["a", "b", "c"])
        .map(|(s, name)| child(name, s.address, ""))
        .collect()
}

fn hits(servers: &[Backend]) -> Vec<usize> {
    servers.iter().map(Backend::hits).collect()
}

#[test]
fn round_robin_takes_turns() {
    let servers = three();
    let group = format!("<loadbalance>{}</loadbalance>", children(&servers));
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    let turns: String = (0..6).map(|_| client.get("/").text()).collect();
    assert_eq!(turns, "abcabc");
}

#[test]
fn connections_share_the_turns() {
    let servers = three();
    let group = format!("<loadbalance>{}</loadbalance>", children(&servers));
    let proxy = Proxy::serving(&endpoint("g", &group));
    for _ in 0..9 {
        assert_eq!(proxy.client().get("/").status, 200);
    }
    assert_eq!(hits(&servers), [3, 3, 3]);
}

#[test]
fn weights_are_shares() {
    let servers = three();
    let weighted: String = servers
        .iter()
        .zip([("a", 3), ("b", 2), ("c", 1)])
        .map(|(s, (name, weight))| {
            let leaf = crate::support::address(s.address, "");
            let weight = format!("<property name=\"loadbalance.weight\" value=\"{weight}\"/>");
            format!("<endpoint name=\"{name}\">{leaf}{weight}</endpoint>")
        })
        .collect();
    let algorithm = "org.apache.synapse.endpoints.algorithms.WeightedRoundRobin";
    let group = format!("<loadbalance algorithm=\"{algorithm}\">{weighted}</loadbalance>");
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    for _ in 0..12 {
        client.get("/");
    }
    assert_eq!(hits(&servers), [6, 4, 2]);
}

#[test]
fn a_child_that_is_down_is_skipped_and_nothing_is_lost() {
    let (a, down, c) = (Backend::named("a"), Down::new(), Backend::named("c"));
    let group = format!(
        "<loadbalance>{}{}{}</loadbalance>",
        child("a", a.address, ""),
        child("b", down.address, ""),
        child("c", c.address, "")
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    let mut answers = BTreeMap::new();
    for _ in 0..10 {
        *answers.entry(client.get("/").text()).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("a".into(), 5), ("c".into(), 5)]));
}

#[test]
fn without_failover_the_client_hears_of_the_failure() {
    let (down, b) = (Down::new(), Backend::named("b"));
    let group = format!(
        "<loadbalance failover=\"false\">{}{}</loadbalance>",
        child("a", down.address, ""),
        child("b", b.address, "")
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    let statuses: Vec<u16> = (0..3).map(|_| client.get("/").status).collect();
    assert_eq!(statuses, [502, 200, 200]);
}

#[test]
fn members_are_a_host_and_a_port_and_keep_the_path() {
    let servers = three();
    let members: String = servers
        .iter()
        .map(|s| {
            format!(
                "<member hostName=\"127.0.0.1\" httpPort=\"{}\"/>",
                s.address.port()
            )
        })
        .collect();
    let proxy = Proxy::serving(&endpoint(
        "g",
        &format!("<loadbalance>{members}</loadbalance>"),
    ));
    let mut client = proxy.client();
    for n in 0..3 {
        client.get(&format!("/path/{n}?q"));
    }
    assert_eq!(hits(&servers), [1, 1, 1]);
    assert_eq!(servers[1].seen()[0].target(), "/path/1?q");
}

#[test]
fn the_bare_group_of_the_published_page_is_a_configuration() {
    let servers = three();
    let bare = format!(
        "<loadBalance policy=\"roundRobin\">{}</loadBalance>",
        children(&servers)
    );
    let proxy = Proxy::serving(&bare);
    let mut client = proxy.client();
    let turns: String = (0..3).map(|_| client.get("/").text()).collect();
    assert_eq!(turns, "abc");
}

#[test]
fn with_every_child_down_the_answer_comes_at_once_and_says_when_to_come_back() {
    let (a, b) = (Down::new(), Down::new());
    let group = format!(
        "<loadbalance>{}{}</loadbalance>",
        child("a", a.address, ""),
        child("b", b.address, "")
    );
    let proxy = Proxy::serving(&endpoint("g", &group));
    let mut client = proxy.client();
    assert_eq!(client.get("/").status, 502);
    assert_eq!(client.get("/").status, 503);
}
