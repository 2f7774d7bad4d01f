//! permessage-deflate (RFC 7692), where the configuration allows it.

use axon::transport::websocket::deflate::{Inflation, Step, deflate, negotiate};
use axon::transport::websocket::frame::{self, Header, Opcode};

use super::{client, options, run, service};
use crate::support::socket::{Socket, ask, masked};
use crate::support::{Answer, Proxy};

const HOST: &str = "a.test:8081";
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

fn echo(allowed: &str) -> Proxy {
    let properties = format!(
        "<properties xmlns:ax=\"urn:axon:1\"><ax:permessage-deflate>{allowed}</ax:permessage-deflate></properties>"
    );
    let options = options("<ws.maximum.message.size>1m</ws.maximum.message.size>");
    run(&service(
        "echo",
        &["ws://a.test:8081/echo"],
        "echo",
        &(properties + &options),
    ))
}

fn open(proxy: &Proxy, offer: &str) -> (Socket, Answer) {
    Socket::open(client(proxy), &ask("/echo", HOST, offer))
}

/// A frame of a compressed message.
fn part(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        fin,
        compressed: opcode != Opcode::Continuation,
        opcode,
        mask: Some([0; 4]),
        length: payload.len() as u64,
    };
    let mut out = Vec::new();
    frame::write(&header, &mut out);
    [out, payload.to_vec()].concat()
}

fn compressed(message: &[u8]) -> Vec<u8> {
    let (agreed, _) = negotiate([b"permessage-deflate".as_slice()]).unwrap();
    let mut out = Vec::new();
    assert!(deflate(message, agreed, &mut out));
    out
}

/// The next message, whether it came compressed, and in how many bytes.
fn message(socket: &mut Socket) -> (Vec<u8>, bool, usize) {
    let mut whole = Vec::new();
    let mut deflated = None;
    loop {
        let head = socket.0.exactly(2).expect("the connection ended");
        let more = match head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let head = [head, socket.0.exactly(more).unwrap()].concat();
        let (header, _) = frame::read(&head).unwrap().unwrap();
        whole.extend(socket.0.exactly(header.length as usize).unwrap());
        let deflated = *deflated.get_or_insert(header.compressed);
        if !header.fin {
            continue;
        }
        let size = whole.len();
        if !deflated {
            return (whole, false, size);
        }
        let mut inflation = Inflation::new(false, u64::MAX);
        inflation.feed(0..size, true);
        let mut out = Vec::new();
        while let Step::Piece { last, .. } = inflation.step(&whole).unwrap() {
            out.extend_from_slice(inflation.piece());
            if last {
                break;
            }
        }
        return (out, true, size);
    }
}

#[test]
fn messages_are_compressed_both_ways_where_it_is_allowed_and_offered() {
    let proxy = echo("enabled");
    let (mut socket, answer) = open(&proxy, OFFER);
    assert_eq!(
        answer.headers.value("Sec-WebSocket-Extensions"),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    );
    let text = "the same again, ".repeat(500);
    for _ in 0..3 {
        socket
            .0
            .send(part(true, Opcode::Text, &compressed(text.as_bytes())));
        let (back, deflated, size) = message(&mut socket);
        assert!(
            back == text.as_bytes() && deflated && size < 200,
            "{deflated} {size}"
        );
    }
    // In fragments, with a ping in between, and one that is not compressed.
    let bytes = compressed(text.as_bytes());
    let (one, two) = bytes.split_at(bytes.len() / 2);
    socket.0.send(part(false, Opcode::Binary, one));
    socket.send(Opcode::Ping, b"?");
    socket.0.send(part(true, Opcode::Continuation, two));
    let (mut whole, mut asked) = (Vec::new(), false);
    while whole.len() < text.len() {
        let (_, opcode, payload) = socket.frame().expect("the connection ended");
        match opcode {
            Opcode::Pong => asked = true,
            _ => whole.extend(payload),
        }
    }
    assert!(whole == text.as_bytes() && asked);
    socket.send(Opcode::Text, b"short");
    socket.expect(Opcode::Text, b"short");
    socket.send(Opcode::Close, b"\x03\xe8");
    socket.expect(Opcode::Close, b"\x03\xe8");
}

#[test]
fn a_large_message_comes_in_pieces_and_the_limit_counts_what_comes_out() {
    let proxy = echo("enabled");
    let (mut socket, _) = open(&proxy, OFFER);
    let large: Vec<u8> = (0..1_048_576_u32).map(|n| (n / 1000) as u8).collect();
    socket
        .0
        .send(part(true, Opcode::Binary, &compressed(&large)));
    assert!(message(&mut socket).0 == large);
    let one_more = [large, vec![0]].concat();
    socket
        .0
        .send(part(true, Opcode::Binary, &compressed(&one_more)));
    // What came out before it was too much may be on its way back.
    loop {
        let (_, opcode, payload) = socket.frame().expect("the connection ended");
        if opcode == Opcode::Close {
            assert_eq!(payload, 1009_u16.to_be_bytes());
            break;
        }
    }
}

#[test]
fn what_is_no_compressed_message_is_closed_with_its_code() {
    let proxy = echo("enabled");
    for (bytes, code) in [
        (part(true, Opcode::Binary, b"\xff\xff\xff"), 1007),
        // Compressed text that is no UTF-8: a stored block with the byte ff.
        (
            part(true, Opcode::Text, b"\x00\x01\x00\xfe\xff\xff\x00"),
            1007,
        ),
        // Only what begins a message says that it is compressed.
        (masked(false, Opcode::Text, b"a"), 0),
    ] {
        let (mut socket, _) = open(&proxy, OFFER);
        socket.0.send(&bytes);
        if code == 0 {
            assert!(socket.frame().is_some());
            socket.0.send(b"\xc0\x80\0\0\0\0");
            socket.expect_close(1002);
        } else {
            socket.expect_close(code);
        }
    }
}

#[test]
fn nothing_is_agreed_to_where_it_is_not_allowed_or_not_offered() {
    for (allowed, offer) in [
        ("disabled", OFFER),
        ("enabled", ""),
        (
            "enabled",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n",
        ),
    ] {
        let proxy = echo(allowed);
        let (mut socket, answer) = open(&proxy, offer);
        assert_eq!(answer.headers.value("Sec-WebSocket-Extensions"), None);
        socket.0.send(part(true, Opcode::Binary, b"\x00"));
        socket.expect_close(1002);
    }
}
