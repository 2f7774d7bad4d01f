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
use super::backend;
use super::candidates::{self, Choice};
use super::forwarded::Forwarded;
use super::greeting::{self, Kind};
use super::http_proxy;
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::Shape;
use super::visit::Visit;
use crate::cluster::{self, Offered};
use crate::config::gateway::uri::Uri;
use crate::transport::reply::ReplyBody;
use crate::transport::target::Target;
use crate::transport::tls::ClientTls;
use crate::transport::upstream::TryError;
use crate::transport::websocket::handshake::Asked;
use crate::transport::websocket::socket::Terms;

/// When a client may ask again that found no member.
const RETRY_AFTER_S: u64 = 1;
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
    let publics = build.def.accepts.iter().map(|accept| Public {
        key: cluster::key(&accept.value),
        here: candidates::of(build.gateway, &accept.value, |name| build.loads.named(name)),
    });
    Some(Arc::new(Balancer {
        publics: publics.collect(),
        trust: build.trust.clone(),
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

/// Members that a client may be sent to.
type Members = SmallVec<[Arc<Offered>; 8]>;

/// What is behind one accept URI.
struct Public {
    /// How the other members of the cluster know it.
    key: String,
    /// The members of this process.
    here: Vec<Arc<Offered>>,
}

struct Balancer {
    /// By accept URI.
    publics: Vec<Public>,
    trust: Arc<ClientTls>,
    plain: Plain,
    choice: Choice,
    /// Name of the cookie that brings a client back to its member.
    cookie: Option<String>,
}

impl Service for Balancer {
    fn greets(&self) -> bool {
        true
    }

    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let Some((asked, kind)) = greeting::judge(visit).await else {
                return;
            };
            let mut members = self.members(visit);
            let chosen = self.choose(visit, &members);
            if kind.is_kaazing() {
                let member = chosen.map(|at| members.swap_remove(at));
                return self.tell(visit, &asked, kind, member.as_deref()).await;
            }
            let relay = match self.plain {
                Plain::Auto => visit.is_browser(),
                Plain::Redirect => false,
                Plain::Relay => true,
            };
            match chosen {
                None => visit.unavailable(RETRY_AFTER_S).await,
                Some(at) if relay => self.relay(visit, members, at).await,
                Some(at) => {
                    let member = members.swap_remove(at);
                    self.remember(visit, &member);
                    let location = with_query(http_of(&member.uri), visit.query());
                    redirect(visit, &location, false).await;
                }
            }
        })
    }

    fn emulated<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let mut members = self.members(visit);
            let Some(at) = self.choose(visit, &members) else {
                return visit.page(Page::NOT_FOUND).await;
            };
            let member = members.swap_remove(at);
            self.remember(visit, &member);
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
    /// Who is there for the URI that was asked for, as far as this process knows.
    fn members(&self, visit: &Visit<'_>) -> Members {
        let Some(public) = self.publics.get(visit.accept_index()) else {
            return Members::new();
        };
        let gateway = visit.gateway;
        let is_up = |name: &String| gateway.is_available(name);
        let here = public
            .here
            .iter()
            .filter(|m| m.here.as_ref().is_some_and(is_up));
        let view = gateway.cluster();
        let there = view.offered.get(&public.key).into_iter().flatten();
        here.chain(there).cloned().collect()
    }

    /// The member for this client: the one that its cookie names, else one by choice.
    fn choose(&self, visit: &Visit<'_>, members: &Members) -> Option<usize> {
        let cookie = self.cookie.as_deref();
        let remembered = cookie.and_then(|name| visit.cookie(name));
        let same = |member: &Arc<Offered>| Some(member.mark.as_bytes()) == remembered;
        let remembered = members.iter().position(same);
        remembered.or_else(|| candidates::pick(self.choice, members, visit.worker.random()))
    }

    /// Serves a client on the spot: by a service of this process, or through the member. One that does not answer is
    /// left out and the next one chosen.
    async fn relay(&self, visit: &mut Visit<'_>, mut members: Members, mut at: usize) {
        if backend::is_loop(visit) {
            return visit.page(Page::LOOP).await;
        }
        loop {
            let member = members.swap_remove(at);
            self.remember(visit, &member);
            if let Some(service) = &member.here {
                return visit.hand_over(service, &member.uri).await;
            }
            match self.pass(visit, &member).await {
                Ok(()) => return,
                Err(TryError::Failed { .. }) => {}
                Err(error) => return backend::failed(visit, error).await,
            }
            match candidates::pick(self.choice, &members, visit.worker.random()) {
                Some(next) => at = next,
                None => return visit.unavailable(RETRY_AFTER_S).await,
            }
        }
    }

    /// Passes the upgrade on to another member, and then every byte.
    async fn pass(&self, visit: &mut Visit<'_>, member: &Offered) -> Result<(), TryError> {
        let uri = &member.uri;
        let target = Target::new(uri.is_secure(), &uri.host, uri.port_or_default());
        let target = Arc::new(target.with_tls(self.trust.clone()));
        let path = with_query(uri.path_or_root().to_owned(), visit.query());
        let mut answer =
            http_proxy::send(visit, &target, path.as_bytes(), true, Forwarded::Ignore).await?;
        visit.grant(&mut answer.head);
        let _open = member.load.one();
        let body = ReplyBody::Upstream(answer.upstream, target);
        visit.reply(&answer.head, body).await;
        Ok(())
    }

    fn remember(&self, visit: &mut Visit<'_>, member: &Offered) {
        let (Some(name), Some(accept)) = (&self.cookie, visit.accept()) else {
            return;
        };
        let secure = if accept.is_secure() { "; Secure" } else { "" };
        let path = accept.path_or_root();
        let cookie = format!(
            "{name}={}; Path={path}; HttpOnly; SameSite=Lax{secure}",
            member.mark
        );
        visit.set_field("Set-Cookie", cookie);
    }

    /// Tells a KAAZING client.
    async fn tell(
        &self,
        visit: &mut Visit<'_>,
        asked: &Asked,
        kind: Kind,
        member: Option<&Offered>,
    ) {
        let there = member.map(|member| with_query(member.uri.to_string(), visit.query()));
        let location = member.map(|member| with_query(http_of(&member.uri), visit.query()));
        let terms = Terms {
            message_bytes: MESSAGE_BYTES,
            inactivity: Duration::ZERO,
            pending_bytes: PENDING_BYTES,
            deflates: false,
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
