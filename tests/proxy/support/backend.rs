//! A back end that does to each request what its script says, and remembers what came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::client::{Client, Headers};

/// What to do with a request.
pub enum Act {
    /// Write these bytes and go on with the connection.
    Write(Vec<u8>),
    /// Write these bytes and close.
    WriteAndClose(Vec<u8>),
    /// Write these bytes and reset the connection.
    WriteAndReset(Vec<u8>),
    /// Keep silent until the other side gives up.
    Hang,
    /// Write after that time.
    Late(Duration, Vec<u8>),
    /// Read so many bytes more and close (for scripts that are asked before the body is read).
    ReadAndClose(usize),
    /// Take the connection over.
    Take(Box<dyn FnOnce(Client) + Send>),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which request of this back end, from 0.
    pub number: usize,
    /// The head, byte for byte.
    pub head: String,
    /// Its fields.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Headers,
}

impl Received {
    /// The request target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

/// A plain answer.
pub fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

type Script = dyn Fn(&Received) -> Act + Send + Sync;

struct Shared {
    script: Box<Script>,
    at_head: bool,
    seen: Mutex<Vec<Received>>,
    open: Mutex<Vec<TcpStream>>,
    accepted: Mutex<usize>,
    stopped: AtomicBool,
}

/// A running back end; it ends when dropped.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// A port that refuses connections and that nobody else gets meanwhile.
pub struct Down {
    /// Its address.
    pub address: SocketAddr,
    socket: Socket,
}

impl Down {
    /// Takes a free port.
    pub fn new() -> Down {
        Down::at("127.0.0.1:0".parse().unwrap())
    }

    fn at(address: SocketAddr) -> Down {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Down { address, socket }
    }

    /// The back end comes up and answers 200 with its name.
    pub fn up(self, name: &str) -> Backend {
        self.up_with(named(name))
    }

    /// The back end comes up with a script.
    pub fn up_with(self, script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Backend {
        Backend::serve(self, false, Box::new(script))
    }
}

fn named(name: &str) -> impl Fn(&Received) -> Act + Send + Sync + 'static {
    let body = name.to_owned();
    move |_| Act::Write(ok(&body))
}

impl Backend {
    /// Answers 200 with its name.
    pub fn named(name: &str) -> Backend {
        Down::new().up(name)
    }

    /// Asks the script when a request is complete.
    pub fn start(script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Backend {
        Down::new().up_with(script)
    }

    /// Asks the script as soon as the head is there; the body is not read.
    pub fn at_head(script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Backend {
        Backend::serve(Down::new(), true, Box::new(script))
    }

    fn serve(down: Down, at_head: bool, script: Box<Script>) -> Backend {
        // A short queue drops connections when many come at once, and they are tried again a second later.
        down.socket.listen(4096).unwrap();
        let shared = Arc::new(Shared {
            script,
            at_head,
            seen: Mutex::default(),
            open: Mutex::default(),
            accepted: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let (for_thread, listener) = (shared.clone(), TcpListener::from(down.socket));
        std::thread::spawn(move || accept(&for_thread, &listener));
        Backend {
            address: down.address,
            shared,
        }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Received> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests came so far.
    pub fn hits(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        *self.shared.accepted.lock().unwrap()
    }

    /// Closes every connection and refuses new ones.
    pub fn down(self) -> Down {
        let address = self.address;
        drop(self);
        super::eventually("the port to be free again", || {
            std::panic::catch_unwind(|| Down::at(address)).ok()
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the accepting thread, which then lets go of the port.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared
            .open
            .lock()
            .unwrap()
            .push(stream.try_clone().unwrap());
        *shared.accepted.lock().unwrap() += 1;
        let shared = shared.clone();
        std::thread::spawn(move || converse(&shared, Client::over(stream)));
    }
}

fn converse(shared: &Shared, mut client: Client) {
    // An idle connection may stay open for longer than anything in a test waits.
    client.stream.set_read_timeout(None).unwrap();
    while let Some(head) = client.head() {
        let headers = Headers::parse(&head);
        let (body, trailers) = match shared.at_head {
            true => Default::default(),
            false => match client.body(headers.framing()) {
                Some(body) => body,
                None => return,
            },
        };
        let received = {
            let mut seen = shared.seen.lock().unwrap();
            let received = Received {
                number: seen.len(),
                head,
                headers,
                body,
                trailers,
            };
            seen.push(received.clone());
            received
        };
        match (shared.script)(&received) {
            Act::Write(bytes) => {
                if client.stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Act::Late(after, bytes) => {
                std::thread::sleep(after);
                if client.stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Act::WriteAndClose(bytes) => {
                let _ = client.stream.write_all(&bytes);
                return close(&client.stream);
            }
            Act::WriteAndReset(bytes) => {
                let _ = client.stream.write_all(&bytes);
                return reset(shared, client);
            }
            Act::Hang => {
                let _ = client.rest();
                return;
            }
            Act::ReadAndClose(n) => {
                let _ = client.exactly(n);
                return close(&client.stream);
            }
            Act::Take(own) => {
                let stream = client.stream.try_clone().unwrap();
                own(client);
                return close(&stream);
            }
        }
    }
}

fn close(stream: &TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

fn reset(shared: &Shared, mut client: Client) {
    // Closing with a zero linger time resets; every handle of the socket has to go for that.
    let peer = client.stream.peer_addr().ok();
    shared
        .open
        .lock()
        .unwrap()
        .retain(|s| s.peer_addr().ok() != peer);
    let _ = SockRef::from(&client.stream).set_linger(Some(Duration::ZERO));
    let _ = client.stream.flush();
    let _ = client.stream.set_nonblocking(true);
    let _ = client.stream.read(&mut [0; 1024]);
}
