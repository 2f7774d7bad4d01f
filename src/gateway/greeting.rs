//! The handshake of a WebSocket, and the one that KAAZING clients make inside it (spec/kaazing.md 3.2 and 4.4).
//!
//! A KAAZING client says `.kl=Y` in the query and offers the sub-protocol `x-kaazing-handshake`. After the `101` it is
//! greeted with a frame `U+F0FF N`, sends a second request as a text message, gets its answer as a binary one and an empty
//! one behind it, and is then told where to go: `N` for "here", `R uri` for "there".

use bytes::Bytes;

use super::page::Page;
use super::visit::Visit;
use crate::transport::head::ResponseHead;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::write::{self, ResponseLine};
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::handshake::{self, Asked, Unwilling};
use crate::transport::websocket::socket::{End, Socket, Terms};

/// The sub-protocol of the second handshake.
const EXTENDED: &str = "x-kaazing-handshake";
/// U+F0FF in UTF-8: what follows is about balancing and no message.
const BALANCE: &[u8] = b"\xef\x83\xbf";
/// Longest second request.
const INNER_MAX: usize = 16 * 1024;
/// Most fields of it.
const INNER_FIELDS: usize = 64;

/// What kind of client asks for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// It makes the second handshake.
    pub extended: bool,
    /// It understands where it is told to go.
    pub balanced: bool,
    /// It speaks version 8.
    pub old: bool,
}

impl Kind {
    /// Any of the KAAZING clients.
    pub fn is_kaazing(self) -> bool {
        self.extended || self.balanced || self.old
    }

    fn of(asked: &Asked, query: Option<&[u8]>) -> Kind {
        let parts = |query: &'_ [u8]| query.split(|b| *b == b'&').any(|part| part == b".kl=Y");
        Kind {
            extended: asked.protocols.iter().any(|p| p == EXTENDED),
            balanced: query.is_some_and(parts),
            old: asked.version == 8,
        }
    }
}

/// Judges the request; one that cannot become a WebSocket is answered.
pub(super) async fn judge(visit: &mut Visit<'_>) -> Option<(Asked, Kind)> {
    match handshake::judge(visit.head) {
        Ok(asked) => {
            let kind = Kind::of(&asked, visit.query());
            Some((asked, kind))
        }
        Err(unwilling) => {
            let mut head = visit.new_head(400);
            if unwilling == Unwilling::Version {
                head.headers.append(b"Sec-WebSocket-Version", b"13");
            }
            visit.page_with(Page::BAD_REQUEST, head).await;
            None
        }
    }
}

/// The head that agrees.
fn agreed(visit: &Visit<'_>, asked: &Asked, protocol: Option<&str>) -> ResponseHead {
    let mut head = visit.new_head(101);
    head.set_reason(b"Web Socket Protocol Handshake");
    head.headers
        .append(b"Sec-WebSocket-Accept", asked.accept.as_bytes());
    if let Some(protocol) = protocol {
        head.headers
            .append(b"Sec-WebSocket-Protocol", protocol.as_bytes());
    }
    head
}

/// Opens a WebSocket whose messages stay here; `None` when the visit is over.
pub(super) async fn open<'a>(visit: &'a mut Visit<'_>, terms: Terms) -> Option<Socket<'a>> {
    let (asked, kind) = judge(visit).await?;
    let inner = Inner::of(visit, &asked);
    let head = agreed(visit, &asked, kind.extended.then_some(EXTENDED));
    if !visit.switch(&head).await {
        return None;
    }
    let time = visit.worker.limits.head_time;
    let mut socket = Socket::new(visit.worker, visit.client, terms);
    if kind.extended {
        if kind.balanced {
            socket.queue(true, Opcode::Binary, &[BALANCE, b"N"].concat());
        }
        match tokio::time::timeout(time, inner.ask(&mut socket)).await {
            Ok(Ok(())) => inner.agree(&mut socket),
            Ok(Err(end)) => {
                socket.finish(end).await;
                return None;
            }
            Err(_) => {
                socket.finish(End::Close(CloseCode::PROTOCOL)).await;
                return None;
            }
        }
    }
    if kind.balanced {
        socket.queue(true, Opcode::Binary, &[BALANCE, b"N"].concat());
    }
    Some(socket)
}

/// Tells a KAAZING client where to go; `there` is the URI of a member, `None` when there is none.
pub(super) async fn send_there(
    visit: &mut Visit<'_>,
    asked: &Asked,
    kind: Kind,
    terms: Terms,
    there: Option<&str>,
    location: Option<&str>,
) {
    let inner = Inner::of(visit, asked);
    let head = agreed(visit, asked, kind.extended.then_some(EXTENDED));
    if !visit.switch(&head).await {
        return;
    }
    let time = visit.worker.limits.head_time;
    let mut socket = Socket::new(visit.worker, visit.client, terms);
    let frame = [BALANCE, b"R", there.unwrap_or_default().as_bytes()].concat();
    let mut end = End::Close(CloseCode::NORMAL);
    if kind.extended {
        socket.queue(true, Opcode::Binary, &[BALANCE, b"N"].concat());
        match tokio::time::timeout(time, inner.ask(&mut socket)).await {
            Ok(Ok(())) if kind.balanced => {
                inner.agree(&mut socket);
                socket.queue(true, Opcode::Binary, &frame);
            }
            // This one follows the redirect of a request, not that of a frame.
            Ok(Ok(())) => inner.redirect(&mut socket, location),
            Ok(Err(early)) => end = early,
            Err(_) => end = End::Close(CloseCode::PROTOCOL),
        }
    } else {
        socket.queue(true, Opcode::Binary, &frame);
    }
    socket.finish(end).await;
}

/// The second handshake, without the connection that it is made on.
struct Inner {
    /// The path of the outer request, which the inner one has to repeat.
    path: Vec<u8>,
    agreed: ResponseHead,
    moved: ResponseHead,
}

impl Inner {
    fn of(visit: &Visit<'_>, asked: &Asked) -> Inner {
        Inner {
            path: visit.path().to_vec(),
            agreed: agreed(visit, asked, None),
            moved: visit.new_head(302),
        }
    }

    /// Waits for the request; one that is none is refused.
    async fn ask(&self, socket: &mut Socket<'_>) -> Result<(), End> {
        let mut text = Vec::new();
        loop {
            let told = socket.next().await?;
            let part = socket.part(&told);
            if text.len() + part.payload.len() > INNER_MAX {
                return Err(End::Close(CloseCode::TOO_BIG));
            }
            text.extend_from_slice(part.payload);
            if part.last {
                break;
            }
        }
        if self.is_good(&text) {
            return Ok(());
        }
        let refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        socket.queue(true, Opcode::Binary, refused);
        Err(End::Close(CloseCode::NORMAL))
    }

    fn is_good(&self, text: &[u8]) -> bool {
        let mut fields = [httparse::EMPTY_HEADER; INNER_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let complete = request.parse(text).is_ok_and(|status| status.is_complete());
        let path = request.path.unwrap_or_default().split('?').next();
        complete
            && request.method == Some("GET")
            && path.is_some_and(|path| path.as_bytes() == self.path)
    }

    /// The answer that agrees, and the empty frame behind it.
    fn agree(&self, socket: &mut Socket<'_>) {
        let line = ResponseLine {
            framing: Framing::None,
            bodiless: true,
            keep_alive: true,
            client: Default::default(),
            upgrade: true,
        };
        socket.queue(true, Opcode::Binary, &written(line, &self.agreed));
        socket.queue(true, Opcode::Binary, b"");
    }

    fn redirect(&self, socket: &mut Socket<'_>, location: Option<&str>) {
        let mut head = self.moved.clone();
        match location {
            Some(location) => head.headers.append(b"Location", location.as_bytes()),
            None => head.status = Page::UNAVAILABLE.status,
        }
        let line = ResponseLine {
            framing: Framing::None,
            bodiless: false,
            keep_alive: true,
            client: Default::default(),
            upgrade: false,
        };
        socket.queue(true, Opcode::Binary, &written(line, &head));
    }
}

fn written(line: ResponseLine, head: &ResponseHead) -> Bytes {
    let mut out = Vec::new();
    write::response(&mut out, line, head);
    out.into()
}
