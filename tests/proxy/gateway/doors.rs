//! Doors over reloads: opened when something leads there, closed when nothing does any more.

use std::net::{SocketAddr, TcpListener, TcpStream};

use axon::transport::websocket::frame::Opcode;

use super::{config, service};
use crate::support::socket::{Socket, ask};
use crate::support::{Client, Proxy, eventually};

/// An echo service behind a door of its own.
fn behind(name: &str, door: SocketAddr) -> String {
    let bind = format!("<accept-options><ws.bind>{door}</ws.bind></accept-options>");
    service(name, &[&format!("ws://a.test:8081/{name}")], "echo", &bind)
}

/// Addresses that nobody uses.
fn free() -> [SocketAddr; 2] {
    let held = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}

fn connect(door: SocketAddr, name: &str) -> Socket {
    let request = ask(&format!("/{name}"), "a.test:8081", "");
    Socket::open(Client::connect(door), &request).0
}

fn listeners(proxy: &Proxy) -> Vec<String> {
    let view = proxy.look("/api/v1/status");
    let all = view["listeners"].as_array().unwrap().iter();
    let doors = all.filter(|l| l["kind"] == "gateway");
    doors
        .map(|l| l["address"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_reload_closes_doors_that_nothing_leads_to_and_their_connections_go_on() {
    let doors = free();
    let [kept, other] = doors;
    let both = behind("kept", kept) + &behind("other", other);
    let proxy = Proxy::start(&[("gateway-config.xml", config(&both))]);
    assert_eq!(listeners(&proxy), doors.map(|d| d.to_string()));
    let mut open = [connect(kept, "kept"), connect(other, "other")];

    proxy.write("gateway-config.xml", &config(&behind("kept", kept)));
    proxy.reload();
    eventually("the door to be closed", || TcpStream::connect(other).err());
    proxy.line("the closed door", |line| {
        let text = line["text"].as_str().unwrap_or_default();
        line["evt"] == "listener.closed" && text.starts_with(&format!("gateway {other}"))
    });
    assert_eq!(listeners(&proxy), [kept.to_string()]);
    for socket in &mut open {
        socket.send(Opcode::Text, b"x");
        socket.expect(Opcode::Text, b"x");
    }
    connect(kept, "kept");

    // It can be opened again.
    proxy.write("gateway-config.xml", &config(&both));
    proxy.reload();
    connect(other, "other");
    assert_eq!(listeners(&proxy), doors.map(|d| d.to_string()));
}

#[test]
fn the_start_says_which_namespace_was_taken_and_so_does_a_reload_that_changes_it() {
    let [door, _] = free();
    let text = config(&behind("a", door));
    let old = text.replace("2016/06", "2015/11");
    let proxy = Proxy::start(&[("gateway-config.xml", &old)]);
    let told = |release: &str| {
        let wanted = format!("namespace http://xmlns.kaazing.org/{release}/gateway, services: 1");
        proxy.line(&wanted, |line| {
            let text = line["text"].as_str().unwrap_or_default();
            line["evt"] == "config.gateway" && text.ends_with(&wanted)
        })
    };
    let line = told("2015/11");
    assert!(
        line["text"]
            .as_str()
            .unwrap()
            .contains("gateway-config.xml:1:"),
        "{line}"
    );
    proxy.write("gateway-config.xml", &text);
    proxy.reload();
    told("2016/06");
}
