//! WebSockets that are emulated over HTTP, for clients that cannot open one (spec/kaazing.md 3.7; wseb-1.0).
//!
//! | request | what it does |
//! |---|---|
//! | `PATH/;e/cb`, `ct`, `cte`, each also with `m` | makes one and names the two addresses below |
//! | `POST PATH/;e/u../ID` | sends frames |
//! | `GET PATH/;e/d../ID` | hears frames, in an answer that goes on |
//!
//! ```text
//! client --POST--> upward   --\                                  /-- the service
//!                              >-- session == pipe in memory ===<     as for any WebSocket
//! client <--GET--- downward --/                                  \-- at the same door
//! ```
//!
//! The numbers of requests (`X-Sequence-No`) are kept; what comes out of order ends the WebSocket. So do one to two minutes
//! without an answer that the client could hear by.

mod create;
mod downstream;
mod downward;
mod encoding;
mod session;
mod upstream;
mod upward;

pub use downward::{Downward, Seen};
pub use encoding::{Decoding, Encoding};
pub use session::Sessions;
pub use upward::{Taken, Upward, Wrong};

use std::sync::Arc;

use self::downstream::After;
use self::session::Session;
use super::page::Page;
use super::visit::Visit;

/// Where a client says which sub-protocols it speaks.
const PROTOCOL: &str = "X-WebSocket-Protocol";
/// Where a client says that it knows pings.
const ACCEPT_COMMANDS: &str = "X-Accept-Commands";

/// True for the rest of a path that names an emulated WebSocket, not for that which makes one.
pub(super) fn is_of_session(rest: &[u8]) -> bool {
    matches!(rest.strip_prefix(b"/;e/"), Some([b'u' | b'd', ..]))
}

/// Serves a request whose path goes on with `/;e/`.
pub(super) async fn serve(visit: &mut Visit<'_>) {
    let rest = visit.rest().strip_prefix(b"/;e/").unwrap_or_default();
    let mut parts = rest.split(|b| *b == b'/');
    let (kind, id) = (parts.next().unwrap_or_default(), parts.next());
    let Some((way, letters)) = kind.split_first().filter(|_| parts.next().is_none()) else {
        return visit.page(Page::NOT_FOUND).await;
    };
    let Some(encoding) = Encoding::parse(letters) else {
        return visit.page(Page::NOT_FOUND).await;
    };
    match (way, id) {
        (b'c', None) => {
            let version = visit.head.headers.find("X-WebSocket-Version");
            match version {
                None | Some(b"wseb-1.0") => create::create(visit, encoding).await,
                Some(_) => visit.page(Page::EMULATION_VERSION).await,
            }
        }
        (b'u' | b'd', Some(id)) => {
            let Some((id, session)) = find(visit, id, encoding) else {
                return visit.page(Page::NOT_FOUND).await;
            };
            match way {
                b'u' => {
                    if !upstream::upstream(visit, &session).await {
                        visit.gateway.sessions.remove(&id);
                    }
                }
                _ => hear(visit, id, &session).await,
            }
        }
        _ => visit.page(Page::NOT_FOUND).await,
    }
}

async fn hear(visit: &mut Visit<'_>, id: String, session: &Session) {
    match downstream::downstream(visit, session).await {
        (After::Over, _) => visit.gateway.sessions.remove(&id),
        (After::Waits, turn) => session.left(turn),
        (After::Replaced, _) => {}
    }
}

/// The session of a request: with that id, made at the same URI and for a client that takes the same.
fn find(visit: &Visit<'_>, id: &[u8], encoding: Encoding) -> Option<(String, Arc<Session>)> {
    let id = std::str::from_utf8(id).ok()?;
    let session = visit.gateway.sessions.find(id)?;
    let accept = visit.accept()?.to_string();
    let same = session.accept == accept && session.encoding == encoding;
    same.then(|| (id.to_owned(), session))
}

/// A parameter of the query.
fn parameter(visit: &Visit<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let mut parts = visit.query()?.split(|b| *b == b'&');
    parts.find_map(|part| {
        let value = part.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value.to_vec())
    })
}

/// The number that a client gave a request: in a field, or in the query where it cannot set one.
fn sequence(visit: &Visit<'_>) -> Option<Vec<u8>> {
    let field = visit.head.headers.find("X-Sequence-No");
    field
        .map(<[u8]>::to_vec)
        .or_else(|| parameter(visit, b".ksn"))
}
