//! A WebSocket client that shows every frame, and sends whatever it is told to.

use axon::transport::websocket::frame::{self, Header, Opcode};

use super::{Answer, Client};

/// The key of RFC 6455 and what answers it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request for a WebSocket, with more header lines (each ends with CR LF).
pub fn ask(target: &str, host: &str, lines: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// A frame as a client sends it.
pub fn masked(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = [7, 1, 8, 2];
    let mut out = Vec::new();
    let header = Header {
        fin,
        compressed: false,
        opcode,
        mask: Some(key),
        length: payload.len() as u64,
    };
    frame::write(&header, &mut out);
    let start = out.len();
    out.extend_from_slice(payload);
    frame::mask(&mut out[start..], key, 0);
    out
}

/// An open WebSocket.
pub struct Socket(pub Client);

impl Socket {
    /// Asks for one; the answer is shown too.
    pub fn open(mut client: Client, request: &str) -> (Socket, Answer) {
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.status, 101, "{}", answer.head);
        (Socket(client), answer)
    }

    /// Sends a whole message, or a control frame.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        self.0.send(masked(true, opcode, payload));
    }

    /// The next frame; `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<(bool, Opcode, Vec<u8>)> {
        let mut head = self.0.exactly(2)?;
        let more = match head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        head.extend(self.0.exactly(more)?);
        let (header, _) = frame::read(&head).unwrap().unwrap();
        assert_eq!(header.mask, None, "a server does not mask");
        let payload = self.0.exactly(header.length as usize)?;
        Some((header.fin, header.opcode, payload))
    }

    /// The next frame is that one.
    #[track_caller]
    pub fn expect(&mut self, opcode: Opcode, payload: &[u8]) {
        let (fin, found, bytes) = self.frame().expect("the connection ended");
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            fin && found == opcode && bytes == payload,
            "{found:?} {text:?}"
        );
    }

    /// The next frame closes with that code, and the connection ends behind it.
    #[track_caller]
    pub fn expect_close(&mut self, code: u16) {
        let (_, opcode, payload) = self.frame().expect("the connection ended");
        let told = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        assert_eq!((opcode, told), (Opcode::Close, Some(code)));
        assert_eq!(self.frame(), None);
    }
}
