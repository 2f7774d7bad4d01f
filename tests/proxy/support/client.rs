//! A client that keeps its connection and shows every byte of an answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::DEADLINE;

/// Header fields in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The fields of a head without its first line.
    pub fn parse(head: &str) -> Headers {
        let fields = head.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        });
        Headers(fields.collect())
    }

    /// The first value of that name, in whatever case.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().copied()
    }

    /// Every value of that name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|f| f.0.eq_ignore_ascii_case(name));
        named.map(|f| f.1.as_str()).collect()
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        if self
            .value("Transfer-Encoding")
            .is_some_and(|v| v.ends_with("chunked"))
        {
            Framing::Chunked
        } else {
            match self.value("Content-Length") {
                Some(length) => Framing::Length(length.parse().unwrap()),
                None => Framing::None,
            }
        }
    }
}

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The head as it came.
    pub head: String,
    /// Its fields.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Headers,
    /// Heads of the interim answers before it.
    pub interim: Vec<String>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A stream and what was read of it too early.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(to: SocketAddr) -> Client {
        Client::over(TcpStream::connect(to).unwrap())
    }

    /// Takes a connected stream.
    pub fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            buffer: Vec::new(),
        }
    }

    /// GET and its answer.
    pub fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        self.answer()
    }

    /// POST of XML and its answer.
    pub fn post(&mut self, target: &str, body: &str) -> Answer {
        self.post_with(target, "", body)
    }

    /// POST of XML with more header lines (each ends with CR LF), and its answer.
    pub fn post_with(&mut self, target: &str, lines: &str, body: &str) -> Answer {
        self.send(format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n{lines}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.answer()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        self.read_answer(true)
    }

    /// Reads one answer that has no body whatever its header says.
    pub fn answer_to_head(&mut self) -> Answer {
        self.read_answer(false)
    }

    fn read_answer(&mut self, with_body: bool) -> Answer {
        let mut interim = Vec::new();
        loop {
            let head = self.head().expect("the connection ended before an answer");
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            if (100..200).contains(&status) && status != 101 {
                interim.push(head);
                continue;
            }
            let headers = Headers::parse(&head);
            let mut answer = Answer {
                status,
                head,
                headers,
                interim,
                ..Answer::default()
            };
            if with_body && !matches!(status, 101 | 204 | 304) {
                match answer.headers.framing() {
                    Framing::None => answer.body = self.rest(),
                    framing => (answer.body, answer.trailers) = self.body(framing).unwrap(),
                }
            }
            return answer;
        }
    }

    /// A head up to its empty line; `None` when the connection ends before one begins.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.more() {
                assert!(
                    self.buffer.is_empty(),
                    "a head broke off: {:?}",
                    self.text()
                );
                return None;
            }
        }
    }

    /// A body of that framing; `None` when it breaks off.
    pub fn body(&mut self, framing: Framing) -> Option<(Vec<u8>, Headers)> {
        match framing {
            Framing::None => Some(Default::default()),
            Framing::Length(n) => Some((self.exactly(n)?, Headers::default())),
            Framing::Chunked => {
                let mut body = Vec::new();
                loop {
                    let size = self.line()?;
                    let size = size.split(';').next().unwrap().trim();
                    let size = usize::from_str_radix(size, 16).unwrap();
                    if size == 0 {
                        break;
                    }
                    body.extend(self.exactly(size)?);
                    assert_eq!(self.exactly(2)?, b"\r\n");
                }
                let mut trailers = String::from("trailers\n");
                loop {
                    let line = self.line()?;
                    if line.is_empty() {
                        return Some((body, Headers::parse(&trailers)));
                    }
                    trailers.push_str(&line);
                    trailers.push('\n');
                }
            }
        }
    }

    /// So many bytes; `None` when the stream ends before.
    pub fn exactly(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < n {
            if !self.more() {
                return None;
            }
        }
        Some(self.buffer.drain(..n).collect())
    }

    /// Everything up to the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.buffer)
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8(line[..end].to_vec()).unwrap());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Reads once. False at the end of the stream, a reset counts as one; a silent peer fails the test.
    fn more(&mut self) -> bool {
        let mut part = [0; 64 * 1024];
        match self.stream.read(&mut part) {
            Ok(n) => {
                self.buffer.extend_from_slice(&part[..n]);
                n > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the peer stays silent; so far: {:?}", self.text())
            }
            Err(_) => false,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}
