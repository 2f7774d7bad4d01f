//! WebSocket through an address endpoint (RFC 6455, RFC 9110 section 7.8).

use crate::support::{Act, Backend, Proxy, address, endpoint};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn through(backend: &Backend) -> Proxy {
    Proxy::serving(&endpoint("e", &address(backend.address, "")))
}

#[test]
fn after_101_bytes_go_both_ways_as_they_are() {
    let backend = Backend::start(|_| {
        Act::Take(Box::new(|mut client| {
            // The first bytes of the tunnel come in one write with the answer.
            client.send([AGREED.as_bytes(), b"\x81\x05hello"].concat());
            while let Some(frame) = client.exactly(4) {
                client.send(frame.iter().rev().copied().collect::<Vec<u8>>());
            }
        }))
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send(ASK);
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(
        answer.headers.value("Sec-WebSocket-Accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(client.exactly(7).unwrap(), b"\x81\x05hello");
    for _ in 0..50 {
        client.send(b"\x00GET");
        assert_eq!(client.exactly(4).unwrap(), b"TEG\x00");
    }
    assert_eq!(
        backend.seen()[0].headers.value("Upgrade"),
        Some("websocket")
    );
}

#[test]
fn the_end_of_one_side_reaches_the_other() {
    let backend = Backend::start(|_| {
        Act::Take(Box::new(|mut client| {
            client.send(AGREED);
            let last_words = client.rest();
            client.send(last_words);
        }))
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send(ASK);
    assert_eq!(client.answer().status, 101);
    let open = |wanted: &str| {
        crate::support::eventually(wanted, || {
            let text = proxy.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let line = format!("axon_streams{{kind=\"websocket\"}} {wanted}");
            text.text().lines().any(|l| l == line).then_some(())
        });
    };
    open("1.0");
    client.send("last words");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"last words");
    open("0.0");
}

#[test]
fn a_refused_upgrade_is_an_answer_and_the_connection_goes_on() {
    let backend = Backend::start(|_| {
        Act::Write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_vec())
    });
    let proxy = through(&backend);
    let mut client = proxy.client();
    client.send(ASK);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
    assert_eq!(client.get("/").status, 403);
}

#[test]
fn a_101_that_nobody_asked_for_is_a_broken_answer() {
    let backend = Backend::start(|_| Act::Write(AGREED.into()));
    let proxy = through(&backend);
    assert_eq!(proxy.client().get("/").status, 502);
}
