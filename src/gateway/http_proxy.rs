//! `http.proxy`: requests go to a web server, the path of the accept URI replaced by that of the connect URI
//! (spec/kaazing.md 3.5).

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::ServiceType;
use super::backend;
use super::forwarded::Forwarded;
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::{Connects, Shape};
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::uri::{Layer, Uri};
use crate::transport::head::ResponseHead;
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::http1::write::{self, Override, RequestLine};
use crate::transport::reply::ReplyBody;
use crate::transport::target::Target;
use crate::transport::upstream::{Answer, Try, TryBody, TryError, attempt};

/// What a request without `User-Agent` is given, as the original gives it.
const AGENT: &[u8] = b"Kaazing Gateway";

pub(super) const TYPE: ServiceType = ServiceType {
    name: "http.proxy",
    doc: "passes requests on to a web server",
    shape: Shape {
        connects: Connects::One,
        properties: &["use-forwarded"],
        ..Shape::accepting(&[Layer::Http])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let connect = build.def.connects.first()?;
    if connect.value.layer() != Layer::Http {
        let code = DiagnosticCode::GatewayUri;
        let message = format!(
            "a service of type http.proxy cannot connect to {}",
            connect.value
        );
        let help = "write http://host:port/path/ or https://host:port/path/";
        build
            .diagnostics
            .error_help(code, connect.span, message, help);
        return None;
    }
    let mut whole = true;
    for (what, uri) in [("connect", connect)]
        .into_iter()
        .chain(build.def.accepts.iter().map(|a| ("accept", a)))
    {
        if uri.value.layer() == Layer::Http && !uri.value.path_or_root().ends_with('/') {
            let path = &uri.value.path;
            let message = format!(
                "The path {path} of {what} URI {} needs to end with /",
                uri.value
            );
            let code = DiagnosticCode::GatewayUri;
            let help = "paths below it are passed on: add the slash to both URIs";
            build.diagnostics.error_help(code, uri.span, message, help);
            whole = false;
        }
    }
    let forwarded = build.read("use-forwarded", Forwarded::parse);
    whole.then(|| {
        let proxy: Arc<dyn Service> = Arc::new(HttpProxy {
            connect: connect.value.clone(),
            target: Arc::new(backend::target(&connect.value, build)),
            forwarded: forwarded.unwrap_or_default(),
        });
        proxy
    })
}

struct HttpProxy {
    connect: Uri,
    target: Arc<Target>,
    forwarded: Forwarded,
}

impl Service for HttpProxy {
    /// An upgrade is passed on as it is, and what comes of it.
    fn websocket<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.pass(visit, true))
    }

    fn emulated<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.pass(visit, false))
    }

    fn http<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(self.pass(visit, false))
    }
}

impl HttpProxy {
    async fn pass(&self, visit: &mut Visit<'_>, upgrade: bool) {
        if backend::is_loop(visit) {
            return visit.page(Page::LOOP).await;
        }
        let mut path = self.connect.path_or_root().as_bytes().to_vec();
        path.extend_from_slice(visit.rest());
        if let Some(query) = visit.query() {
            path.push(b'?');
            path.extend_from_slice(query);
        }
        match send(visit, &self.target, &path, upgrade, self.forwarded).await {
            Ok(Answer { upstream, mut head }) => {
                self.public(visit, &mut head);
                visit.grant(&mut head);
                let body = ReplyBody::Upstream(upstream, self.target.clone());
                visit.reply(&head, body).await;
            }
            Err(error) => backend::failed(visit, error).await,
        }
    }

    /// A `Location` inside the back end's part of the world leads to the public one.
    fn public(&self, visit: &Visit<'_>, head: &mut ResponseHead) {
        let location = head.headers.value(Name::Location).unwrap_or_default();
        let Ok(location) = Uri::parse(&String::from_utf8_lossy(location)) else {
            return;
        };
        let (inner, Some(accept)) = (&self.connect, visit.accept()) else {
            return;
        };
        let same = location.scheme == inner.scheme && location.authority() == inner.authority();
        let Some(rest) = location
            .path
            .strip_prefix(inner.path_or_root())
            .filter(|_| same)
        else {
            return;
        };
        let public = Uri {
            path: format!("{}{rest}", accept.path_or_root()),
            query: location.query.clone(),
            ..accept.clone()
        };
        head.headers.set("Location", public.to_string().as_bytes());
    }
}

/// Sends the request of a visit to a target under that path, with its body.
pub(super) async fn send(
    visit: &mut Visit<'_>,
    target: &Target,
    path: &[u8],
    upgrade: bool,
    forwarded: Forwarded,
) -> Result<Answer, TryError> {
    let head = visit.head;
    let mut out = visit.worker.spare_bytes();
    let via = backend::via(head);
    let mut overrides = forwarded.fields(visit);
    overrides.push(Override::set_owned("Via", via));
    if head.headers.find("User-Agent").is_none() {
        overrides.push(Override::set("User-Agent", AGENT));
    }
    let framing = visit.client.body.framing;
    let line = RequestLine {
        method: head.method_text(),
        target: path,
        host: target.authority.as_bytes(),
        framing,
        empty_length: visit.client.body.empty_length,
        upgrade,
        old: false,
    };
    write::request(&mut out, &line, head, &overrides);
    if let Framing::Length(n) = framing {
        visit.served.bytes_in = n;
    }
    let body = match framing {
        Framing::None => TryBody::None,
        _ => TryBody::Client { keep: false },
    };
    let this = Try {
        target,
        head: &out,
        asked: head.method,
        upgrade,
        body,
        framing,
        deadline: visit.worker.limits.response,
        connected: Cell::new(None),
        departed: RefCell::default(),
        depth: 1,
        connections: None,
    };
    visit.served.upstream = Some(target.authority.to_string());
    let answer = attempt(visit.worker, Some(visit.client), &this).await;
    visit.worker.recycle(out);
    answer
}
