//! `balancer`: tells clients which member to use (spec/kaazing.md 4 and 9).
//!
//! KAAZING clients are told in their own way and connect to the member themselves. A client that is no KAAZING client
//! gets a redirect, which is followed by clients on servers and never by browsers; so a browser's WebSocket is served
//! here, as if it had come to the member's URI (`ax:clients` chooses otherwise). Candidates are those of exactly the URI that was
//! asked for. Every answer comes from what this process knows: nobody is waited for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::ServiceType;
use super::candidates::{self, Candidate, Choice};
use super::greeting::{self, Kind};
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::Shape;
use super::visit::Visit;
use crate::config::gateway::uri::Uri;
use crate::transport::websocket::handshake::Asked;
use crate::transport::websocket::socket::Terms;

/// When a client may ask again that found no member.
const RETRY_AFTER_S: &[u8] = b"1";
/// Longest message of the second handshake.
const MESSAGE_BYTES: u64 = 16 * 1024;
/// What waits for a client at most.
const PENDING_BYTES: usize = 64 * 1024;
/// Suffix of an emulated request that is not carried over.
const COOKIES: &str = "/;e/cookies";

pub(super) const TYPE: ServiceType = ServiceType {
    name: "balancer",
    doc: "tells clients which member of the cluster to use",
    shape: Shape {
        own: &["clients", "algorithm", "cookie"],
        // What it may accept is judged with the whole file, in the words that users know.
        ..Shape::accepting(&[])
    },
    make,
};

/// What is done with clients that are no KAAZING clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Plain {
    /// Browsers are served here, others are redirected.
    #[default]
    Auto,
    /// All are redirected, as the original does.
    Redirect,
    /// All are served here.
    Relay,
}

impl Plain {
    fn parse(text: &str) -> Result<Plain, String> {
        match text {
            "auto" => Ok(Plain::Auto),
            "redirect" => Ok(Plain::Redirect),
            "relay" => Ok(Plain::Relay),
            _ => Err(format!("{text} is none of auto, redirect and relay")),
        }
    }
}

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let plain = build.read("clients", Plain::parse).unwrap_or_default();
    let choice = build.read("algorithm", Choice::parse).unwrap_or_default();
    let cookie = build.read("cookie", cookie_name);
    let members =
        build.def.accepts.iter().map(|accept| {
            candidates::of(build.gateway, &accept.value, |name| build.loads.named(name))
        });
    Some(Arc::new(Balancer {
        members: members.collect(),
        plain,
        choice,
        cookie,
    }))
}

fn cookie_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match !text.is_empty() && text.bytes().all(token) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text} is no name of a cookie")),
    }
}

struct Balancer {
    /// By accept URI.
    members: Vec<Vec<Candidate>>,
    plain: Plain,
    choice: Choice,
    /// Name of the cookie that brings a client back to its member.
    cookie: Option<String>,
}

impl Service for Balancer {
    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let Some((asked, kind)) = greeting::judge(visit).await else {
                return;
            };
            let member = self.choose(visit);
            if kind.is_kaazing() {
                return self.tell(visit, &asked, kind, member).await;
            }
            let Some(member) = member else {
                let mut head = visit.new_head(Page::UNAVAILABLE.status);
                head.headers.append(b"Retry-After", RETRY_AFTER_S);
                return visit.page_with(Page::UNAVAILABLE, head).await;
            };
            self.remember(visit, member);
            let relay = match self.plain {
                Plain::Auto => visit.is_browser(),
                Plain::Redirect => false,
                Plain::Relay => true,
            };
            if relay {
                return visit.hand_over(&member.service, &member.uri).await;
            }
            let location = with_query(http_of(&member.uri), visit.query());
            redirect(visit, &location, false).await;
        })
    }

    fn emulated<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(member) = self.choose(visit) else {
                return visit.page(Page::NOT_FOUND).await;
            };
            self.remember(visit, member);
            let suffix = String::from_utf8_lossy(visit.rest());
            let suffix = if suffix == COOKIES { "" } else { &*suffix };
            let base = http_of(&member.uri);
            // What begins with a dot is between the client and the balancer.
            let query = visit.query().unwrap_or_default();
            let kept = query
                .split(|b| *b == b'&')
                .filter(|part| !part.starts_with(b"."));
            let kept: Vec<_> = kept.filter(|part| !part.is_empty()).collect();
            let query = kept.join(&b'&');
            let target = format!("{}{suffix}", base.trim_end_matches('/'));
            let location = with_query(target, (!query.is_empty()).then_some(&query));
            redirect(visit, &location, true).await;
        })
    }
}

impl Balancer {
    /// The member for this client: the one that its cookie names, else one by choice.
    fn choose(&self, visit: &Visit<'_>) -> Option<&Candidate> {
        let members = self.members.get(visit.accept_index())?.iter();
        let members: SmallVec<[&Candidate; 8]> = members
            .filter(|m| visit.gateway.is_available(&m.service))
            .collect();
        let remembered = self.cookie.as_deref().and_then(|name| visit.cookie(name));
        let same = |member: &&&Candidate| Some(member.mark.as_bytes()) == remembered;
        members.iter().find(same).copied().or_else(|| {
            let at = candidates::pick(self.choice, &members, visit.worker.random())?;
            members.get(at).copied()
        })
    }

    fn remember(&self, visit: &mut Visit<'_>, member: &Candidate) {
        let (Some(name), Some(accept)) = (&self.cookie, visit.accept()) else {
            return;
        };
        let secure = if accept.is_secure() { "; Secure" } else { "" };
        let path = accept.path_or_root();
        let cookie = format!(
            "{name}={}; Path={path}; HttpOnly; SameSite=Lax{secure}",
            member.mark
        );
        visit.add_field("Set-Cookie", cookie);
    }

    /// Tells a KAAZING client.
    async fn tell(
        &self,
        visit: &mut Visit<'_>,
        asked: &Asked,
        kind: Kind,
        member: Option<&Candidate>,
    ) {
        let there = member.map(|member| with_query(member.uri.to_string(), visit.query()));
        let location = member.map(|member| with_query(http_of(&member.uri), visit.query()));
        let terms = Terms {
            message_bytes: MESSAGE_BYTES,
            inactivity: Duration::ZERO,
            pending_bytes: PENDING_BYTES,
        };
        let (there, location) = (there.as_deref(), location.as_deref());
        greeting::send_there(visit, asked, kind, terms, there, location).await;
    }
}

/// A WebSocket URI as a redirect names it.
fn http_of(uri: &Uri) -> String {
    let scheme = if uri.is_secure() { "https" } else { "http" };
    let uri = Uri {
        scheme: scheme.to_owned(),
        ..uri.clone()
    };
    uri.to_string()
}

fn with_query(uri: String, query: Option<&[u8]>) -> String {
    match query.map(String::from_utf8_lossy) {
        Some(query) => format!("{uri}?{query}"),
        None => uri,
    }
}

async fn redirect(visit: &mut Visit<'_>, location: &str, emulated: bool) {
    let mut head = visit.new_head(302);
    head.headers.append(b"Location", location.as_bytes());
    if emulated {
        head.headers.append(b"Cache-Control", b"no-cache");
        head.headers
            .append(b"Content-Type", b"text/plain;charset=UTF-8");
    }
    visit.answer(head, Bytes::new()).await;
}
