//! Two members on one machine: who is offered, and for how long.

use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use axon::transport::websocket::frame::Opcode;
use rustix::process::Signal;

use super::config;
use crate::support::socket::{Socket, ask};
use crate::support::{Client, Proxy, eventually};

/// A member that is lost is not offered any more after this (the promise is 3 s; the machine may be busy).
const LOST: Duration = Duration::from_secs(6);
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11)\r\n";

/// Ports that nobody uses: of the doors, and of two members.
pub struct Ports {
    /// Of the doors.
    pub door: u16,
    /// Of the members, for each other.
    members: [u16; 2],
}

impl Ports {
    /// Found by asking the system.
    pub fn free() -> Ports {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        Ports {
            door: door.local_addr().unwrap().port(),
            members: udp.map(|socket| socket.local_addr().unwrap().port()),
        }
    }

    /// A member: a balancer on the public URI, an echo on its own address.
    fn member(&self, number: usize, cluster: &str, connect: &str, properties: &str) -> String {
        let (door, own) = (self.door, self.members[number - 1]);
        let bind =
            format!("<accept-options><ws.bind>127.0.0.{number}:{door}</ws.bind></accept-options>");
        config(&format!(
            "<cluster><name>{cluster}</name><accept>tcp://127.0.0.1:{own}</accept><connect>{connect}</connect></cluster>\
             <service><name>public</name><accept>ws://public.test:{door}/echo</accept><type>balancer</type>\
             <properties xmlns:ax=\"urn:axon:1\">{properties}</properties>{bind}</service>\
             <service><name>echo</name><accept>ws://127.0.0.{number}:{door}/echo</accept>\
             <balance>ws://public.test:{door}/echo</balance><type>echo</type></service>"
        ))
    }

    /// The file of a member that asks the other one.
    pub fn configured(&self, number: usize, cluster: &str, properties: &str) -> String {
        let other = self.members[2 - number];
        let connect = format!("tcp://127.0.0.1:{other}");
        self.member(number, cluster, &connect, properties)
    }

    /// Runs a member.
    pub fn start(&self, number: usize, cluster: &str, properties: &str) -> Proxy {
        let text = self.configured(number, cluster, properties);
        Proxy::start(&[("gateway-config.xml", text)])
    }

    fn ask(&self, lines: &str) -> String {
        ask("/echo", &format!("public.test:{}", self.door), lines)
    }
}

/// Where one member sends a client.
fn sent(member: &Proxy, ports: &Ports) -> String {
    let mut client = Client::connect(member.listening("gateway"));
    client.send(ports.ask(""));
    let answer = client.answer();
    assert_eq!(answer.status, 302, "{}", answer.head);
    answer.headers.value("Location").unwrap().to_owned()
}

/// True when the member is offered in one of so many answers.
pub fn is_offered(member: &Proxy, ports: &Ports, other: &str) -> bool {
    (0..24).any(|_| sent(member, ports).contains(other))
}

/// Waits until the member is not offered any more.
pub fn until_lost(member: &Proxy, ports: &Ports, other: &str) -> Duration {
    let begun = Instant::now();
    eventually("the lost member to be left out", || {
        (!is_offered(member, ports, other)).then_some(())
    });
    begun.elapsed()
}

/// Waits until the member is offered.
pub fn until_offered(member: &Proxy, ports: &Ports, other: &str) {
    eventually("the member to be offered", || {
        is_offered(member, ports, other).then_some(())
    });
}

#[test]
fn members_offer_each_other_and_leave_out_who_is_killed_frozen_or_stopped() {
    let ports = Ports::free();
    let one = ports.start(1, "c", "");
    let mut two = ports.start(2, "c", "");
    until_offered(&one, &ports, "127.0.0.2");
    until_offered(&two, &ports, "127.0.0.1");
    let line = |text: &str| {
        one.line(text, |line| {
            line["evt"] == "cluster.member"
                && line["text"].as_str().is_some_and(|t| t.starts_with(text))
        })
    };
    let name = format!("tcp://127.0.0.1:{}", ports.members[1]);
    line(&format!("Cluster member {name} is now online"));
    line("Current cluster members: [");
    line("Current shared balancer map: balance URI: ws://public.test:");

    two.signal(Signal::STOP);
    assert!(until_lost(&one, &ports, "127.0.0.2") < LOST);
    line(&format!("Cluster member {name} has gone down"));
    two.signal(Signal::CONT);
    until_offered(&one, &ports, "127.0.0.2");

    two.signal(Signal::KILL);
    two.ended();
    assert!(until_lost(&one, &ports, "127.0.0.2") < LOST);
    drop(two);
    let mut two = ports.start(2, "c", "");
    until_offered(&one, &ports, "127.0.0.2");

    two.signal(Signal::TERM);
    assert!(until_lost(&one, &ports, "127.0.0.2") < LOST);
    assert!(two.ended().success());
}

#[test]
fn a_browser_is_served_through_the_member_that_is_chosen() {
    let ports = Ports::free();
    let mode = "<ax:algorithm>least-connections</ax:algorithm>";
    let one = ports.start(1, "c", mode);
    let two = ports.start(2, "c", mode);
    until_offered(&one, &ports, "127.0.0.2");
    let origin = format!("Origin: http://public.test:{}\r\n{BROWSER}", ports.door);
    let mut open = Vec::new();
    for _ in 0..4 {
        let client = Client::connect(one.listening("gateway"));
        let (mut socket, _) = Socket::open(client, &ports.ask(&origin));
        socket.send(Opcode::Text, b"through");
        socket.expect(Opcode::Text, b"through");
        open.push(socket);
    }
    drop(open);
    two.line("a WebSocket at the other member", |line| {
        line["route"] == "echo" && line["status"] == 101
    });
    // One that is gone but not yet missed is passed over.
    two.signal(Signal::KILL);
    for _ in 0..4 {
        let client = Client::connect(one.listening("gateway"));
        let (mut socket, _) = Socket::open(client, &ports.ask(&origin));
        socket.send(Opcode::Text, b"x");
        socket.expect(Opcode::Text, b"x");
    }
}

#[test]
fn members_of_another_name_stay_strangers() {
    let ports = Ports::free();
    let one = ports.start(1, "c", "");
    let two = ports.start(2, "d", "");
    std::thread::sleep(Duration::from_secs(1));
    assert!(!is_offered(&one, &ports, "127.0.0.2"));
    assert!(!is_offered(&two, &ports, "127.0.0.1"));
}
