//! The request that makes an emulated WebSocket.
//!
//! It is answered by opening an ordinary one over a pipe in memory, as if the client had asked for it at the same door: the
//! rules of the service, its limits, its counts and its access line are those of any WebSocket.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::encoding::Encoding;
use super::session::{FORSAKEN, Session, number};
use super::{ACCEPT_COMMANDS, PROTOCOL, sequence};
use crate::gateway::page::Page;
use crate::gateway::visit::Visit;
use crate::transport::buffer::Buf;
use crate::transport::head::Method;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::write::{self, Override, RequestLine};
use crate::transport::io::Io;

/// Longest answer of the inner handshake.
const ANSWER_MAX: usize = 16 * 1024;
/// Most fields of it.
const FIELDS_MAX: usize = 100;
/// A key of the inner handshake: nobody is there who could mistake the answer.
const KEY: &[u8] = b"AAAAAAAAAAAAAAAAAAAAAA==";
/// Fields of an inner refusal that its client needs.
const PASSED_ON: [&str; 4] = [
    "WWW-Authenticate",
    "Set-Cookie",
    "Retry-After",
    "X-Axon-Reason",
];

/// Answers the request.
pub async fn create(visit: &mut Visit<'_>, encoding: Encoding) {
    if !matches!(visit.head.method, Method::Get | Method::Post) {
        return visit.page(Page::BAD_REQUEST).await;
    }
    let commands = visit.head.headers.find(ACCEPT_COMMANDS);
    let sequence = sequence(visit).map(|text| number(&text));
    if commands.is_some_and(|commands| commands != b"ping") || sequence == Some(None) {
        return visit.page(Page::BAD_REQUEST).await;
    }
    let sessions = visit.gateway.sessions.clone();
    let room = sessions.has_room();
    let opened = match room {
        true => open(visit).await,
        false => return visit.unavailable(1).await,
    };
    let (io, buf, protocol) = match opened {
        Ok(Opened::Socket(io, buf, protocol)) => (io, buf, protocol),
        Ok(Opened::Refused(status, fields)) => return refused(visit, status, fields).await,
        Err(_) => return visit.unavailable(1).await,
    };
    let Some(accept) = visit.accept() else {
        return visit.page(Page::NOT_FOUND).await;
    };
    let session = Session::new(
        accept.to_string(),
        encoding,
        commands.is_some(),
        visit.message_bytes(),
        io,
        buf,
        sequence.flatten(),
    );
    let Some(id) = sessions.add(Arc::new(session)) else {
        return visit.unavailable(1).await;
    };
    tokio::task::spawn_local(sessions.watch(id.clone(), FORSAKEN));
    let mut base = accept.clone();
    base.scheme = if accept.is_secure() { "https" } else { "http" }.to_owned();
    let base = base.to_string();
    let base = base.trim_end_matches('/');
    let query = kept_query(visit.query());
    let query = String::from_utf8_lossy(&query);
    let mark = if query.is_empty() { "" } else { "?" };
    let letters = encoding.letters();
    let uri = |way: char| format!("{base}/;e/{way}{letters}/{id}{mark}{query}\n");
    let mut head = visit.new_head(201);
    head.headers.append(b"Cache-Control", b"no-cache");
    head.headers
        .append(b"Content-Type", b"text/plain;charset=UTF-8");
    head.headers.append(b"X-WebSocket-Version", b"wseb-1.0");
    if let Some(protocol) = protocol {
        head.headers.append(PROTOCOL.as_bytes(), &protocol);
    }
    let body = uri('u') + &uri('d');
    visit.answer(head, Bytes::from(body)).await;
}

/// The query without what is between the client and the emulation.
fn kept_query(query: Option<&[u8]>) -> Vec<u8> {
    let parts = query.unwrap_or_default().split(|b| *b == b'&');
    let kept: Vec<_> = parts
        .filter(|part| !part.is_empty() && !part.starts_with(b"."))
        .collect();
    kept.join(&b'&')
}

enum Opened {
    /// A WebSocket, what was read behind the handshake, and the sub-protocol that was chosen.
    Socket(Io, Buf, Option<Vec<u8>>),
    /// There is none; the status, and fields that say more.
    Refused(u16, Vec<(&'static str, Vec<u8>)>),
}

/// Opens the inner WebSocket.
async fn open(visit: &Visit<'_>) -> io::Result<Opened> {
    let client = &visit.client;
    let depth = client.calls.saturating_add(1);
    let mut io = visit.inward.connect_as(depth, client.peer, client.local)?;
    let out = request(visit);
    let limits = &visit.worker.limits;
    let mut buf = Buf::default();
    let handshake = async {
        io.write_all(&out).await?;
        loop {
            if poll_fn(|cx| io.poll_fill(cx, &mut buf)).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            if let Some((length, opened)) = answer(buf.data())? {
                buf.consume(length);
                return Ok(opened);
            }
        }
    };
    // The service may have to reach a back end first.
    let time = limits.connect + limits.tls_handshake + limits.head_time;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let answer = tokio::time::timeout(time, handshake)
        .await
        .map_err(late)??;
    Ok(match answer {
        Answer::Agreed(protocol) => Opened::Socket(io, buf, protocol),
        Answer::Refused(status, fields) => Opened::Refused(status, fields),
    })
}

fn request(visit: &Visit<'_>) -> Vec<u8> {
    let mut target = match visit.accept() {
        Some(accept) => accept.path_or_root().as_bytes().to_vec(),
        None => b"/".to_vec(),
    };
    let query = kept_query(visit.query());
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(&query);
    }
    let mut overrides: Vec<_> = [
        "X-WebSocket-Version",
        "X-WebSocket-Extensions",
        "X-Sequence-No",
        "Content-Type",
        "Sec-WebSocket-Extensions",
        PROTOCOL,
        ACCEPT_COMMANDS,
    ]
    .into_iter()
    .map(Override::remove)
    .collect();
    overrides.push(Override::set("Sec-WebSocket-Version", b"13"));
    overrides.push(Override::set("Sec-WebSocket-Key", KEY));
    overrides.push(match visit.head.headers.find(PROTOCOL) {
        Some(protocols) => Override::set("Sec-WebSocket-Protocol", protocols),
        None => Override::remove("Sec-WebSocket-Protocol"),
    });
    let line = RequestLine {
        method: b"GET",
        target: &target,
        host: visit.host(),
        framing: Framing::None,
        empty_length: false,
        upgrade: true,
        old: false,
    };
    let mut out = Vec::new();
    write::request(&mut out, &line, visit.head, &overrides);
    out
}

enum Answer {
    Agreed(Option<Vec<u8>>),
    Refused(u16, Vec<(&'static str, Vec<u8>)>),
}

/// The answer at the front of the bytes and its length, once it is complete.
fn answer(bytes: &[u8]) -> io::Result<Option<(usize, Answer)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let parsed = answer.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = parsed else {
        return match bytes.len() > ANSWER_MAX {
            true => Err(io::Error::other("the answer's head is too long")),
            false => Ok(None),
        };
    };
    let field = |name: &str| {
        let named = |f: &&httparse::Header<'_>| f.name.eq_ignore_ascii_case(name);
        Some(answer.headers.iter().find(named)?.value.to_vec())
    };
    Ok(Some((
        length,
        match answer.code {
            Some(101) => Answer::Agreed(field("Sec-WebSocket-Protocol")),
            status => {
                let passed = PASSED_ON
                    .iter()
                    .filter_map(|name| Some((*name, field(name)?)));
                Answer::Refused(status.unwrap_or(502), passed.collect())
            }
        },
    )))
}

async fn refused(visit: &mut Visit<'_>, status: u16, fields: Vec<(&'static str, Vec<u8>)>) {
    let page = Page::of_status(status);
    let mut head = visit.new_head(page.status);
    for (name, value) in fields {
        head.headers.append(name.as_bytes(), &value);
    }
    visit.page_with(page, head).await;
}
