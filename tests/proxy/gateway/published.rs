//! The published page "Set Up KAAZING Gateway as a Load Balancer", step by step: its example, moved to this machine.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use axon::transport::websocket::frame::Opcode;

use super::config;
use crate::support::socket::{Socket, ask};
use crate::support::tls::{Authority, client_side};
use crate::support::{Answer, Client, Proxy, eventually};

/// What differs from the page: ports that are free, and addresses of this machine for those of members.
struct Moved {
    ws: u16,
    wss: u16,
    cluster: [u16; 2],
}

impl Moved {
    fn here() -> Moved {
        let tcp = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let udp = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |at: &TcpListener| at.local_addr().unwrap().port();
        Moved {
            ws: port(&tcp[0]),
            wss: port(&tcp[1]),
            cluster: udp.map(|at| at.local_addr().unwrap().port()),
        }
    }

    /// The configuration of a member: the `cluster`, `balancer` and `echo` of the page.
    fn member(&self, number: usize) -> String {
        let Moved { ws, wss, cluster } = self;
        let (own, other) = (cluster[number - 1], cluster[2 - number]);
        config(&format!(
            "<cluster>
               <name>MyCluster</name>
               <accept>tcp://127.0.0.1:{own}</accept>
               <connect>tcp://127.0.0.1:{other}</connect>
             </cluster>
             <service>
               <name>Echo balancer</name>
               <accept>ws://balancer.example.com:{ws}/echo</accept>
               <accept>wss://balancer.example.com:{wss}/echo</accept>
               <type>balancer</type>
               <accept-options>
                 <ws.bind>127.0.0.{number}:{ws}</ws.bind>
                 <wss.bind>127.0.0.{number}:{wss}</wss.bind>
               </accept-options>
             </service>
             <service>
               <name>Echo</name>
               <accept>ws://127.0.0.{number}:{ws}/echo</accept>
               <accept>wss://127.0.0.{number}:{wss}/echo</accept>
               <balance>ws://balancer.example.com:{ws}/echo</balance>
               <balance>wss://balancer.example.com:{wss}/echo</balance>
               <type>echo</type>
               <cross-site-constraint>
                 <allow-origin>http://directory.example.com:8080</allow-origin>
               </cross-site-constraint>
               <cross-site-constraint>
                 <allow-origin>https://directory.example.com:9090</allow-origin>
               </cross-site-constraint>
             </service>
             <security>
               <keystore><type>JCEKS</type><file>keystore.db</file><password-file>keystore.pw</password-file></keystore>
             </security>"
        ))
    }
}

fn answer(mut client: Client, request: &str) -> Answer {
    client.send(request);
    client.answer()
}

#[test]
fn every_step_of_the_page_works_as_it_says() {
    let moved = Moved::here();
    let authority = Authority::new();
    let pair = authority.sign(&["balancer.example.com", "127.0.0.1", "127.0.0.2"]);
    let start = |number| {
        Proxy::start(&[
            ("gateway-config.xml", moved.member(number).as_str()),
            ("keystore.pem", &pair.cert),
            ("keystore.key", &pair.key),
        ])
    };
    let members = [start(1), start(2)];
    // Steps 1 to 5: clients of the public URI are told either member, whichever of the two they ask.
    let host = format!("balancer.example.com:{}", moved.ws);
    for member in &members {
        for number in [1, 2] {
            let wanted = format!("http://127.0.0.{number}:{}/echo", moved.ws);
            eventually("each member to be named", || {
                let client = Client::connect(member.listening("gateway"));
                let answer = answer(client, &ask("/echo", &host, ""));
                (answer.headers.value("Location") == Some(&wanted)).then_some(())
            });
        }
    }
    // Inside TLS they are told a TLS URI.
    let secure_host = format!("balancer.example.com:{}", moved.wss);
    let door: SocketAddr = members[0].listening("gateway-tls");
    let tls = client_side(door, authority.client(), "balancer.example.com");
    let told = answer(Client::connect(tls), &ask("/echo", &secure_host, ""));
    let location = told.headers.value("Location").unwrap().to_owned();
    assert!(location.starts_with("https://127.0.0."), "{location}");
    assert!(
        location.ends_with(&format!(":{}/echo", moved.wss)),
        "{location}"
    );

    // At the member: pages of the directory may use it, others may not, and those of the balancer need no constraint.
    let at = format!("127.0.0.1:{}", moved.ws);
    let from = |origin: &str| {
        let client = Client::connect(at.parse().unwrap());
        answer(client, &ask("/echo", &at, &format!("Origin: {origin}\r\n"))).status
    };
    assert_eq!(from("http://directory.example.com:8080"), 101);
    assert_eq!(from("https://directory.example.com:9090"), 101);
    assert_eq!(from(&format!("http://{host}")), 101);
    assert_eq!(from("http://elsewhere.example.com"), 403);
    let (mut socket, _) =
        Socket::open(Client::connect(at.parse().unwrap()), &ask("/echo", &at, ""));
    socket.send(Opcode::Text, b"hello");
    socket.expect(Opcode::Text, b"hello");
    let secure = format!("127.0.0.2:{}", moved.wss);
    let tls = client_side(secure.parse().unwrap(), authority.client(), "127.0.0.2");
    let (mut socket, _) = Socket::open(Client::connect(tls), &ask("/echo", &secure, ""));
    socket.send(Opcode::Binary, b"\x00\xff");
    socket.expect(Opcode::Binary, b"\x00\xff");

    // Step 6: the cluster is watched through the administration.
    let events = members[0].look("/api/v1/events").to_string();
    assert!(
        events.contains("Current cluster members: [tcp://127.0.0.1:"),
        "{events}"
    );
}
