//! The published page "Set Up KAAZING Gateway as a Load Balancer", step by step: its example, moved to this machine.
//!
//! Host names are those of the page. What differs is what has to: ports that are free, and addresses of this machine in the binds
//! (the `Echo` service has binds too, as its names are in no DNS here). Members find each other in the page's multicast
//! group; where multicast does not work, by a `tcp://` list.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use axon::transport::websocket::frame::Opcode;
use serde_json::Value;
use socket2::{Domain, Socket as RawSocket, Type};

use super::config;
use crate::support::socket::{Socket, ask};
use crate::support::tls::{Authority, client_side};
use crate::support::{Answer, Client, Proxy, eventually};

/// The multicast group of the page.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 2, 2, 44);
const PAGES: [&str; 2] = [
    "http://directory.example.com:8080",
    "https://directory.example.com:9090",
];

/// What differs from the page.
struct Moved {
    ws: u16,
    wss: u16,
    cluster: [u16; 2],
    /// Port of the multicast group, where that works.
    multicast: Option<u16>,
}

impl Moved {
    fn here() -> Moved {
        let tcp = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let udp = [0, 1, 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |at: &TcpListener| at.local_addr().unwrap().port();
        let [one, two, group] = udp.map(|at| at.local_addr().unwrap().port());
        Moved {
            ws: port(&tcp[0]),
            wss: port(&tcp[1]),
            cluster: [one, two],
            multicast: does_multicast(group).then_some(group),
        }
    }

    /// The configuration of a member: the `cluster`, `balancer` and `echo` of the page.
    fn member(&self, number: usize) -> String {
        let Moved { ws, wss, .. } = self;
        let (own, other) = (self.cluster[number - 1], self.cluster[2 - number]);
        let connect = match self.multicast {
            Some(port) => format!("udp://{GROUP}:{port}"),
            None => format!("tcp://127.0.0.{}:{other}", 3 - number),
        };
        let bind = format!(
            "<accept-options>
               <ws.bind>127.0.0.{number}:{ws}</ws.bind>
               <wss.bind>127.0.0.{number}:{wss}</wss.bind>
             </accept-options>"
        );
        let [page, secure_page] = PAGES;
        config(&format!(
            "<cluster>
               <name>MyCluster</name>
               <accept>tcp://127.0.0.{number}:{own}</accept>
               <connect>{connect}</connect>
             </cluster>
             <service>
               <name>Echo balancer</name>
               <accept>ws://balancer.example.com:{ws}/echo</accept>
               <accept>wss://balancer.example.com:{wss}/echo</accept>
               <type>balancer</type>
               {bind}
             </service>
             <service>
               <name>Echo</name>
               <accept>ws://node{number}.example.com:{ws}/echo</accept>
               <accept>wss://node{number}.example.com:{wss}/echo</accept>
               <balance>ws://balancer.example.com:{ws}/echo</balance>
               <balance>wss://balancer.example.com:{wss}/echo</balance>
               <type>echo</type>
               {bind}
               <cross-site-constraint>
                 <allow-origin>{page}</allow-origin>
               </cross-site-constraint>
               <cross-site-constraint>
                 <allow-origin>{secure_page}</allow-origin>
               </cross-site-constraint>
             </service>
             <security>
               <keystore><type>JCEKS</type><file>keystore.db</file><password-file>keystore.pw</password-file></keystore>
             </security>"
        ))
    }
}

/// True when what is sent into a group on the loopback interface comes back.
fn does_multicast(port: u16) -> bool {
    let sent = || -> std::io::Result<()> {
        let socket = RawSocket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
        socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        socket.set_multicast_loop_v4(true)?;
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.send_to(b"x", (GROUP, port))?;
        socket.recv_from(&mut [0; 8]).map(drop)
    };
    let works = sent();
    if let Err(error) = &works {
        println!("without multicast, by a tcp:// list: {error}");
    }
    works.is_ok()
}

/// The two members, and how to come to them.
struct Cluster {
    moved: Moved,
    authority: Authority,
    members: [Proxy; 2],
}

impl Cluster {
    /// Step 5: all are started.
    fn start() -> Cluster {
        let moved = Moved::here();
        let authority = Authority::new();
        let names = ["balancer", "node1", "node2"].map(|name| format!("{name}.example.com"));
        let pair = authority.sign(&names.each_ref().map(String::as_str));
        let members = [1, 2].map(|number| {
            Proxy::start(&[
                ("gateway-config.xml", moved.member(number).as_str()),
                ("keystore.pem", &pair.cert),
                ("keystore.key", &pair.key),
            ])
        });
        Cluster {
            moved,
            authority,
            members,
        }
    }

    /// A connection to a member's address, in clear or inside TLS with that name.
    fn connect(&self, number: usize, secure: Option<&str>) -> Client {
        let port = if secure.is_some() {
            self.moved.wss
        } else {
            self.moved.ws
        };
        let door: SocketAddr = format!("127.0.0.{number}:{port}").parse().unwrap();
        match secure {
            Some(name) => Client::connect(client_side(door, self.authority.client(), name)),
            None => Client::connect(door),
        }
    }

    fn port(&self, secure: bool) -> u16 {
        if secure {
            self.moved.wss
        } else {
            self.moved.ws
        }
    }

    /// Step 4: what a client is told that asks for the public URI at that member.
    fn told(&self, number: usize, secure: bool) -> String {
        let host = "balancer.example.com";
        let client = self.connect(number, secure.then_some(host));
        let told = answer(
            client,
            &ask("/echo", &format!("{host}:{}", self.port(secure)), ""),
        );
        assert_eq!(told.status, 302, "{}", told.head);
        told.headers.value("Location").unwrap().to_owned()
    }

    /// What a page of that origin is answered at the member itself.
    fn from(&self, number: usize, secure: bool, origin: &str) -> Answer {
        let host = format!("node{number}.example.com");
        let client = self.connect(number, secure.then_some(&host));
        let at = format!("{host}:{}", self.port(secure));
        answer(client, &ask("/echo", &at, &format!("Origin: {origin}\r\n")))
    }
}

fn answer(mut client: Client, request: &str) -> Answer {
    client.send(request);
    client.answer()
}

#[test]
fn clients_of_the_public_uri_are_told_either_member_and_echo_there() {
    let cluster = Cluster::start();
    for (asked, number) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for (secure, scheme) in [(false, "http"), (true, "https")] {
            let host = format!("node{number}.example.com");
            let at = format!("{host}:{}", cluster.port(secure));
            eventually("each member to be named", || {
                (cluster.told(asked, secure) == format!("{scheme}://{at}/echo")).then_some(())
            });
            let client = cluster.connect(number, secure.then_some(&host));
            let (mut socket, _) = Socket::open(client, &ask("/echo", &at, ""));
            socket.send(Opcode::Text, b"hello");
            socket.expect(Opcode::Text, b"hello");
            socket.send(Opcode::Binary, b"\x00\xff");
            socket.expect(Opcode::Binary, b"\x00\xff");
        }
    }
}

#[test]
fn pages_of_the_directory_and_of_the_balancer_may_use_it_and_others_may_not() {
    let cluster = Cluster::start();
    for number in [1, 2] {
        for secure in [false, true] {
            for page in PAGES {
                let answer = cluster.from(number, secure, page);
                assert_eq!(answer.status, 101, "{page}: {}", answer.head);
                assert_eq!(
                    answer.headers.value("Access-Control-Allow-Origin"),
                    Some(page)
                );
            }
            // Those of the public URIs need no constraint.
            for (scheme, port) in [("http", cluster.moved.ws), ("https", cluster.moved.wss)] {
                let public = format!("{scheme}://balancer.example.com:{port}");
                assert_eq!(
                    cluster.from(number, secure, &public).status,
                    101,
                    "{public}"
                );
            }
            let refused = cluster.from(number, secure, "http://elsewhere.example.com");
            assert_eq!(refused.status, 403, "{}", refused.head);
        }
    }
}

#[test]
fn the_cluster_is_watched_through_the_administration_of_each_member() {
    let cluster = Cluster::start();
    for member in &cluster.members {
        let view = eventually("both members", || {
            let view = member.look("/api/v1/cluster");
            let members = view["members"].as_array().unwrap();
            let both = members.len() == 2 && members.iter().all(|m| m["state"] == "online");
            both.then_some(view)
        });
        assert_eq!(view["name"], "MyCluster");
        let members = view["members"].as_array().unwrap();
        assert!(members.iter().all(|m| m["config_equal"] == true), "{view}");
        let balancers = view["balancers"].as_array().unwrap();
        let publics = [
            format!("ws://balancer.example.com:{}/echo", cluster.moved.ws),
            format!("wss://balancer.example.com:{}/echo", cluster.moved.wss),
        ];
        let named: Vec<_> = balancers.iter().map(|b| &b["balance"]).collect();
        assert_eq!(named, [publics[0].as_str(), publics[1].as_str()]);
        for balancer in balancers {
            let targets = balancer["targets"].as_array().unwrap();
            let hosts = targets.iter().map(|t| t["uri"].as_str().unwrap());
            assert_eq!(
                hosts.filter(|uri| uri.contains("://node")).count(),
                2,
                "{view}"
            );
        }
        // The lines that users of the original know.
        let lines = member.look("/api/v1/events").to_string();
        for text in [
            "Cluster member tcp://127.0.0.",
            "Current cluster members: [tcp://127.0.0.",
            "Current shared balancer map: balance URI: ws://balancer.example.com:",
        ] {
            assert!(lines.contains(text), "{text}: {lines}");
        }
        let metrics = member
            .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .text();
        let line = "axon_cluster_members{state=\"online\"} 2";
        assert!(metrics.lines().any(|l| l.starts_with(line)), "{metrics}");
    }
    // A WebSocket at a member is counted at the other one.
    let at = format!("node1.example.com:{}", cluster.moved.ws);
    let _open = Socket::open(cluster.connect(1, None), &ask("/echo", &at, ""));
    eventually("the WebSocket to be counted", || {
        let view = cluster.members[1].look("/api/v1/cluster");
        let counted = |member: &Value| member["own"] == false && member["connections"] == 1;
        view["members"]
            .as_array()
            .unwrap()
            .iter()
            .any(counted)
            .then_some(())
    });
}
