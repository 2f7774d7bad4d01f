//! The handshake of a WebSocket, and the one that KAAZING clients make inside it (spec/kaazing.md 3.2 and 4.4).
//!
//! A KAAZING client says `.kl=Y` in the query and offers the sub-protocol `x-kaazing-handshake`. After the `101` it is
//! greeted with a frame `U+F0FF N`, sends a second request as a text message, gets its answer as a binary one and an empty
//! one behind it, and is then told where to go: `N` for "here", `R uri` for "there".

mod inner;
mod kind;

pub use inner::{Asking, Authorization, Heard, INNER_MAX};
pub use kind::Kind;

use std::time::Duration;

use bytes::Bytes;

use self::kind::EXTENDED;
use super::page::Page;
use super::realm::Access;
use super::visit::Visit;
use crate::transport::downstream::Client;
use crate::transport::head::{RequestHead, ResponseHead};
use crate::transport::http1::framing::Framing;
use crate::transport::http1::write::{self, ResponseLine};
use crate::transport::websocket::CloseCode;
use crate::transport::websocket::deflate::{self, Agreed};
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::handshake::{self, Asked, Unwilling};
use crate::transport::websocket::socket::{End, Socket, Terms};
use crate::transport::worker::Worker;

/// U+F0FF in UTF-8: what follows is about balancing and no message.
const BALANCE: &[u8] = b"\xef\x83\xbf";
/// How often a client may be wrong about who it is.
const LOGINS_MAX: usize = 8;
/// How long somebody may take to say who he is.
const LOGIN_TIME: Duration = Duration::from_secs(120);
/// What extensions are offered and agreed to in.
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

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

/// A WebSocket that was agreed to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    terms: Terms,
    deflates: Option<Agreed>,
}

impl Opened {
    /// It, on the connection that it was agreed to on.
    pub fn on<'c>(self, client: &'c mut Client, worker: &'c Worker) -> Socket<'c> {
        Socket::new(worker, client, self.terms).deflating(self.deflates)
    }
}

/// Agrees to a WebSocket whose messages stay here; `None` when the visit is over.
pub(super) async fn open(visit: &mut Visit<'_>, terms: Terms) -> Option<Opened> {
    let (asked, kind) = judge(visit).await?;
    let inner = Inner::of(visit, &asked, kind);
    let mut head = agreed(visit, &asked, kind.extended.then_some(EXTENDED));
    let offers = visit.head.headers.iter();
    let offers = offers.filter(|(_, name, _)| name.eq_ignore_ascii_case(EXTENSIONS.as_bytes()));
    let deflates = match terms.deflates {
        true => deflate::negotiate(offers.map(|(_, _, value)| value)),
        false => None,
    };
    if let Some((_, answer)) = &deflates {
        head.headers
            .append(EXTENSIONS.as_bytes(), answer.as_bytes());
    }
    if !visit.switch(&head).await {
        return None;
    }
    let opened = Opened {
        terms,
        deflates: deflates.map(|(agreed, _)| agreed),
    };
    if !kind.extended && !kind.balanced {
        return Some(opened);
    }
    let time = visit.worker.limits.head_time;
    let mut socket = opened.on(visit.client, visit.worker);
    if kind.extended {
        if kind.balanced {
            socket.queue(true, Opcode::Binary, &[BALANCE, b"N"].concat());
        }
        match inner.ask(&mut socket, time).await {
            Ok(()) => inner.agree(&mut socket),
            Err(end) => {
                socket.finish(end).await;
                return None;
            }
        }
    }
    if kind.balanced {
        socket.queue(true, Opcode::Binary, &[BALANCE, b"N"].concat());
    }
    match socket.leave().await {
        Ok(()) => Some(opened),
        Err(_) => {
            visit.served.outcome = Some("client_abort");
            None
        }
    }
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
    let inner = Inner::of(visit, asked, kind);
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
        match inner.ask(&mut socket, time).await {
            Ok(()) if kind.balanced => {
                inner.agree(&mut socket);
                socket.queue(true, Opcode::Binary, &frame);
            }
            // This one follows the redirect of a request, not that of a frame.
            Ok(()) => inner.redirect(&mut socket, location),
            Err(early) => end = early,
        }
    } else {
        socket.queue(true, Opcode::Binary, &frame);
    }
    socket.finish(end).await;
}

/// The second handshake, without the connection that it is made on.
struct Inner<'v> {
    /// The path of the outer request, which the inner one has to repeat.
    path: Vec<u8>,
    /// Whom the client has to log in to.
    access: Option<&'v Access>,
    balanced: bool,
    agreed: ResponseHead,
    moved: ResponseHead,
}

impl<'v> Inner<'v> {
    fn of(visit: &Visit<'v>, asked: &Asked, kind: Kind) -> Inner<'v> {
        Inner {
            path: visit.path().to_vec(),
            access: visit.unknown(),
            balanced: kind.balanced,
            agreed: agreed(visit, asked, None),
            moved: visit.new_head(302),
        }
    }

    /// Waits for the request; one that is none is refused. A client that has to log in is challenged until it has, as often as
    /// somebody may be wrong who types a password.
    async fn ask(&self, socket: &mut Socket<'_>, time: Duration) -> Result<(), End> {
        let mut time = time;
        for _ in 0..LOGINS_MAX {
            let late = |_| End::Close(CloseCode::PROTOCOL);
            let heard = tokio::time::timeout(time, self.hear(socket));
            let Some(authorization) = heard.await.map_err(late)?? else {
                let refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                socket.queue(true, Opcode::Binary, refused);
                return Err(End::Close(CloseCode::NORMAL));
            };
            let Some(access) = self.access else {
                return Ok(());
            };
            if access.admits(authorization.0.as_deref()) {
                return Ok(());
            }
            socket.queue(true, Opcode::Binary, &unauthorized(access, true));
            if self.balanced {
                socket.queue(true, Opcode::Binary, b"");
            }
            time = LOGIN_TIME;
        }
        Err(End::Close(CloseCode::POLICY))
    }

    /// Who the next request says that the client is; `None` for what is no request for the same thing.
    async fn hear(&self, socket: &mut Socket<'_>) -> Result<Option<Authorization>, End> {
        let mut asking = Asking::new(&self.path);
        loop {
            let told = socket.next().await?;
            let part = socket.part(&told);
            match asking.take(part.payload, part.last).map_err(End::Close)? {
                Heard::More => {}
                Heard::Good(authorization) => return Ok(Some(authorization)),
                Heard::Bad => return Ok(None),
            }
        }
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

/// The answer to whom is not known, as a KAAZING client reads it; `sized` where nothing else says where it ends.
pub(super) fn unauthorized(access: &Access, sized: bool) -> Bytes {
    let page = Page::UNAUTHORIZED;
    let body = page.body();
    let length = match sized {
        true => format!("Content-Length: {}\r\n", body.len()),
        false => String::new(),
    };
    let answer = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: text/html\r\nWWW-Authenticate: {}\r\n{length}\r\n{body}",
        page.status,
        page.reason,
        access.inner_challenge()
    );
    answer.into()
}

/// True for a client that will make the second handshake.
pub(super) fn is_extended(head: &RequestHead) -> bool {
    handshake::judge(head).is_ok_and(|asked| asked.protocols.iter().any(|p| p == EXTENDED))
}

fn written(line: ResponseLine, head: &ResponseHead) -> Bytes {
    let mut out = Vec::new();
    write::response(&mut out, line, head);
    out.into()
}
