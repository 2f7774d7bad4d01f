//! One request at a service: what it is, and the ways to answer it.

use std::io::Read;

use bytes::Bytes;
use smallvec::SmallVec;

use super::greeting;
use super::origin::{self, Verdict};
use super::page::Page;
use super::realm::Access;
use super::route::Place;
use super::service::{LocalBoxFuture, Running};
use super::wse;
use super::{Asks, Gateway};
use crate::config::gateway::model::ConstraintDef;
use crate::config::gateway::uri::Uri;
use crate::observe::stamp::unix_ms;
use crate::transport::downstream::Client;
use crate::transport::head::{Method, RequestHead, ResponseHead};
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::write::{self, ResponseLine};
use crate::transport::local::Calls;
use crate::transport::reply::{ReplyBody, ReplyEnd, reply};
use crate::transport::worker::Worker;
use crate::util::gauge::Counted;
use crate::util::http_date;

/// What answers say in `Server`, as those of the original do.
const SERVER: &[u8] = b"Kaazing Gateway";
/// Bytes of a file that are read at a time.
const BLOCK: u64 = 256 * 1024;

/// How a visit ended, for its access line.
#[derive(Debug, Default)]
pub struct Served {
    /// The WebSocket that goes on behind the visit.
    pub lasting: Option<Lasting>,
    /// Name of the service that took it.
    pub service: Option<String>,
    /// Status that the client got; 0 when none.
    pub status: u16,
    /// How it ended, when not well.
    pub outcome: Option<&'static str>,
    /// Bytes of bodies and messages from the client.
    pub bytes_in: u64,
    /// Bytes of bodies and messages to the client.
    pub bytes_out: u64,
    /// `host:port` that was used.
    pub upstream: Option<String>,
}

/// Runs a WebSocket to its end and says how many bytes of messages came and went.
type Run = Box<dyn for<'w> FnOnce(&'w mut Client, &'w Worker) -> LocalBoxFuture<'w, (u64, u64)>>;

/// A WebSocket that goes on behind its visit, which needs neither the request nor the service any more.
pub struct Lasting {
    run: Run,
    /// Counts it: at its service, and at the balancer that led to it.
    pub(super) open: SmallVec<[Counted; 2]>,
}

impl std::fmt::Debug for Lasting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lasting")
    }
}

impl Lasting {
    /// Runs it to its end: bytes of messages that came and went.
    pub async fn run(self, client: &mut Client, worker: &Worker) -> (u64, u64) {
        // A timer of exchanges is no use to it.
        client.alarm = Default::default();
        let _open = self.open;
        (self.run)(client, worker).await
    }
}

/// See the module.
pub struct Visit<'v> {
    /// The worker that it is served by.
    pub worker: &'v Worker,
    /// The client.
    pub client: &'v mut Client,
    /// The request.
    pub head: &'v RequestHead,
    /// All services.
    pub gateway: &'v Gateway,
    /// Leads to the same door from inside.
    pub inward: &'v Calls,
    /// What becomes of it.
    pub served: Served,
    running: Option<&'v Running>,
    accept: usize,
    covered: usize,
    granted: Option<&'v ConstraintDef>,
    /// Whom the client has yet to log in to, in the second handshake.
    unknown: Option<&'v Access>,
    /// Fields that every answer gets besides.
    fields: Vec<(&'static str, String)>,
}

impl<'v> Visit<'v> {
    pub(super) fn new(
        worker: &'v Worker,
        client: &'v mut Client,
        head: &'v RequestHead,
        gateway: &'v Gateway,
        inward: &'v Calls,
    ) -> Visit<'v> {
        Visit {
            worker,
            client,
            head,
            gateway,
            inward,
            served: Served::default(),
            running: None,
            accept: 0,
            covered: 0,
            granted: None,
            unknown: None,
            fields: Vec::new(),
        }
    }

    /// The service that takes it, and where.
    pub(super) fn at(&mut self, running: &'v Running, place: &Place) {
        self.running = Some(running);
        self.accept = place.accept;
        self.covered = place.covered;
    }

    /// Number of the accept URI that it is for.
    pub fn accept_index(&self) -> usize {
        self.accept
    }

    /// The accept URI that it is for.
    pub fn accept(&self) -> Option<&'v Uri> {
        self.running?.accepts.get(self.accept)
    }

    /// Largest message that its service takes, in bytes.
    pub fn message_bytes(&self) -> u64 {
        self.running.map_or(0, |running| running.message_bytes)
    }

    /// The path, as it was asked for.
    pub fn path(&self) -> &'v [u8] {
        let target = self.head.target();
        let end = target.iter().position(|b| *b == b'?');
        &target[..end.unwrap_or(target.len())]
    }

    /// What stands behind the accept URI's path.
    pub fn rest(&self) -> &'v [u8] {
        self.path().get(self.covered..).unwrap_or_default()
    }

    /// The query behind the question mark.
    pub fn query(&self) -> Option<&'v [u8]> {
        let target = self.head.target();
        let at = target.iter().position(|b| *b == b'?')?;
        Some(&target[at + 1..])
    }

    /// Keeps the cross-site rules and asks who the client is; false when the visit was answered.
    pub(super) async fn is_admitted(&mut self, asks: Asks) -> bool {
        let Some(running) = self.running else {
            return true;
        };
        let verdict = running.origins.judge(self.head.headers.find("Origin"));
        if let Verdict::Allowed(constraint) = verdict {
            self.granted = Some(constraint);
        }
        let is_preflight = self.head.method == Method::Options
            && self.head.headers.find("Origin").is_some()
            && self
                .head
                .headers
                .find("Access-Control-Request-Method")
                .is_some();
        if is_preflight {
            self.preflight().await;
            return false;
        }
        let emulated = asks == Asks::Emulation && self.head.method == Method::Options;
        let may = match verdict {
            Verdict::Same => true,
            Verdict::Allowed(constraint) => origin::allows(constraint, self.head.method_text()),
            Verdict::Refused => false,
        };
        if !may || emulated {
            self.page(Page::FORBIDDEN).await;
            return false;
        }
        self.is_known(running, asks).await
    }

    /// Sees to it that the client has logged in where that is asked for; false when the visit was answered.
    ///
    /// A challenge for the client program is made in the second handshake, or wrapped where WebSockets are emulated: a
    /// browser that saw it would ask its user. Whoever can do neither is refused, unless he has logged in unasked.
    async fn is_known(&mut self, running: &'v Running, asks: Asks) -> bool {
        self.unknown = None;
        let Some(access) = &running.access else {
            return true;
        };
        // Who has the id of an emulated WebSocket was known when it was made.
        let made = asks == Asks::Emulation && wse::is_of_session(self.rest());
        if made || access.admits(self.head.headers.find("Authorization")) {
            return true;
        }
        match asks {
            Asks::WebSocket if access.is_application() => {
                if running.service.greets() && greeting::is_extended(self.head) {
                    self.unknown = Some(access);
                    return true;
                }
                self.page(Page::FORBIDDEN).await;
            }
            Asks::Emulation if access.is_application() => {
                let mut head = self.new_head(200);
                head.headers
                    .append(b"Content-Type", b"text/plain;charset=UTF-8");
                head.headers.append(b"Cache-Control", b"no-cache");
                let body = greeting::unauthorized(access, false);
                self.answer(head, body).await;
            }
            _ => {
                let mut head = self.new_head(Page::UNAUTHORIZED.status);
                let challenge = access.challenge().as_bytes();
                head.headers.append(b"WWW-Authenticate", challenge);
                self.page_with(Page::UNAUTHORIZED, head).await;
            }
        }
        false
    }

    /// Whom the client has yet to log in to, in the second handshake.
    pub(super) fn unknown(&self) -> Option<&'v Access> {
        self.unknown
    }

    async fn preflight(&mut self) {
        let mut head = self.new_head(200);
        head.headers
            .append(b"Content-Type", b"text/plain;charset=UTF-8");
        if let Some(constraint) = self.granted {
            origin::preflight(constraint, &mut head);
        }
        self.answer(head, Bytes::new()).await;
    }

    /// The head of an answer, with what every answer of the service says.
    pub fn new_head(&self, status: u16) -> ResponseHead {
        let mut head = ResponseHead::new(status);
        if self.running.is_none_or(|running| running.shows_server) {
            head.headers.append(b"Server", SERVER);
        }
        let date = http_date::format(unix_ms() / 1_000);
        head.headers.append(b"Date", date.as_bytes());
        self.grant(&mut head);
        head
    }

    /// Answers with a page and closes the connection.
    pub async fn page(&mut self, page: Page) {
        let head = self.new_head(page.status);
        self.page_with(page, head).await;
    }

    /// Nobody is there; the client may ask again after so many seconds.
    pub async fn unavailable(&mut self, retry_after_s: u64) {
        let mut head = self.new_head(Page::UNAVAILABLE.status);
        let wait = retry_after_s.to_string();
        head.headers.append(b"Retry-After", wait.as_bytes());
        self.page_with(Page::UNAVAILABLE, head).await;
    }

    /// Answers with a page under that head.
    pub async fn page_with(&mut self, page: Page, mut head: ResponseHead) {
        head.set_reason(page.reason.as_bytes());
        head.headers.append(b"Content-Type", b"text/html");
        self.client.keep_alive = false;
        self.answer(head, Bytes::from(page.body())).await;
    }

    /// Answers.
    pub async fn answer(&mut self, head: ResponseHead, body: Bytes) {
        self.reply(&head, ReplyBody::Bytes(body)).await;
    }

    /// Answers with what comes from elsewhere.
    pub async fn reply(&mut self, head: &ResponseHead, body: ReplyBody) {
        let replied = reply(self.worker, self.client, head, body).await;
        self.served.status = head.status;
        self.served.bytes_out = replied.body_bytes;
        match replied.end {
            ReplyEnd::Complete => {}
            ReplyEnd::BackEndBroke => self.served.outcome = Some("backend_broke"),
            _ => self.served.outcome = Some("client_abort"),
        }
    }

    /// Adds to an answer of a back end what the service adds to its own.
    pub fn grant(&self, head: &mut ResponseHead) {
        if let (Some(constraint), Some(origin)) = (self.granted, self.head.headers.find("Origin")) {
            origin::grant(constraint, origin, head);
        }
        for (name, value) in &self.fields {
            head.headers.append(name.as_bytes(), value.as_bytes());
        }
    }

    /// Agrees to a WebSocket with this head, which is a `101`; false when the client is gone.
    pub async fn switch(&mut self, head: &ResponseHead) -> bool {
        let line = ResponseLine {
            framing: Framing::None,
            bodiless: true,
            keep_alive: true,
            client: self.client.version,
            upgrade: true,
        };
        self.begin(line, head).await
    }

    /// Has a WebSocket that was agreed to run behind the visit: its future holds what it needs and nothing of the request.
    pub fn lasts(
        &mut self,
        run: impl for<'w> FnOnce(&'w mut Client, &'w Worker) -> LocalBoxFuture<'w, (u64, u64)> + 'static,
    ) {
        self.served.lasting = Some(Lasting {
            run: Box::new(run),
            open: SmallVec::new(),
        });
    }

    /// Begins an answer that lasts until the connection is closed; false when the client is gone.
    pub async fn begin_stream(&mut self, head: &ResponseHead) -> bool {
        let line = ResponseLine {
            framing: Framing::UntilClose,
            bodiless: false,
            keep_alive: false,
            client: self.client.version,
            upgrade: false,
        };
        self.begin(line, head).await
    }

    async fn begin(&mut self, line: ResponseLine, head: &ResponseHead) -> bool {
        let mut out = self.worker.spare_bytes();
        write::response(&mut out, line, head);
        let due = self.worker.instant() + self.worker.limits.body_progress;
        let write = self.client.io.write_all(&out);
        let written = self.client.alarm.limit(due, write).await;
        self.worker.recycle(out);
        self.client.keep_alive = false;
        self.served.status = head.status;
        let done = matches!(written, Some(Ok(())));
        if !done {
            self.served.outcome = Some("client_abort");
        }
        done
    }

    /// Gives whatever is answered a field.
    pub fn set_field(&mut self, name: &'static str, value: String) {
        self.fields.retain(|(other, _)| *other != name);
        self.fields.push((name, value));
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&'v [u8]> {
        let fields = self.head.headers.values(Name::Cookie);
        let mut pairs = fields.flat_map(|value| value.split(|b| *b == b';'));
        pairs.find_map(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
            Some(value.strip_prefix(b"=")?.trim_ascii_end())
        })
    }

    /// Has another service of this process serve it, as if it had come to that URI of its; by that service's own rules.
    pub fn hand_over<'a>(&'a mut self, service: &'a str, uri: &'a Uri) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let running = self.gateway.running(service);
            let accept = running.and_then(|r| r.accepts.iter().position(|a| a == uri));
            let (Some(running), Some(accept)) = (running, accept) else {
                return self.page(Page::UNAVAILABLE).await;
            };
            let covered = self.covered;
            self.granted = None;
            self.at(
                running,
                &Place {
                    service: 0,
                    accept,
                    covered,
                },
            );
            self.served.upstream = Some(uri.authority());
            if self.is_admitted(Asks::WebSocket).await {
                running.websocket(self).await;
            }
        })
    }

    /// Answers with a file of that length, block by block. A file that ends early, or a client that reads nothing for too
    /// long, ends the connection.
    pub async fn stream(&mut self, head: ResponseHead, length: u64, file: std::fs::File) {
        let bodiless = self.head.method == Method::Head;
        let mut out = self.worker.spare_bytes();
        self.client.keep_alive &= !self.worker.drain.has_begun();
        let line = ResponseLine {
            framing: Framing::length(length),
            bodiless: false,
            keep_alive: self.client.keep_alive,
            client: self.client.version,
            upgrade: false,
        };
        write::response(&mut out, line, &head);
        self.served.status = head.status;
        let mut file = Some(file);
        let mut left = if bodiless { 0 } else { length };
        loop {
            let due = tokio::time::Instant::now() + self.worker.limits.body_progress;
            let write = self.client.io.write_all(&out);
            if !matches!(self.client.alarm.limit(due, write).await, Some(Ok(()))) {
                self.served.outcome = Some("client_abort");
                break;
            }
            let (Some(mut source), 1..) = (file.take(), left) else {
                self.worker.recycle(out);
                return;
            };
            let size = left.min(BLOCK);
            let read = tokio::task::spawn_blocking(move || {
                let mut block = Vec::new();
                source.by_ref().take(size).read_to_end(&mut block)?;
                std::io::Result::Ok((source, block))
            });
            match read.await {
                Ok(Ok((source, block))) if block.len() as u64 == size => {
                    file = Some(source);
                    left -= size;
                    self.served.bytes_out += size;
                    out = block;
                }
                _ => {
                    self.client.io.reset_on_close();
                    break;
                }
            }
        }
        self.client.keep_alive = false;
    }

    /// True when the request comes from a web page that a browser shows: a browser says where it comes from and what it
    /// is, and does not follow a redirect of a WebSocket (spec/kaazing.md 9).
    pub fn is_browser(&self) -> bool {
        let agent = self.head.headers.find("User-Agent").unwrap_or_default();
        self.head.headers.find("Origin").is_some() && agent.starts_with(b"Mozilla/")
    }

    /// The value of `Host`.
    pub fn host(&self) -> &'v [u8] {
        self.head.headers.value(Name::Host).unwrap_or_default()
    }
}
