//! The request as one endpoint gets it: target, URL, fields, framing. A copy for each try, so that nothing of one
//! child's settings reaches the next (spec/endpoints.md 9.3).

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::Dispatch;
use super::facts::RequestFacts;
use super::format::Changed;
use crate::codes::ErrorCode;
use crate::config::model::{Scope, SessionKind};
use crate::endpoint::session;
use crate::endpoint::shape::{Field, NewBody, Shaped, Suffix};
use crate::endpoint::tree::target::{Address, Target as LeafTarget, expand};
use crate::endpoint::tree::{Leaf, NodeId};
use crate::endpoint::walk::Walk;
use crate::exchange::{Body, Exchange, Fault};
use crate::soap::envelope::Format;
use crate::transport::head::{Method, ResponseHead};
use crate::transport::headers::Name;
use crate::transport::http1::framing::{Framing, is_token};
use crate::transport::http1::strict::{self, Refused};
use crate::transport::http1::write::{self, Override, RequestLine};
use crate::transport::target::Target;
use crate::transport::upstream::TryBody;

/// A request ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The head, written.
    pub head: Vec<u8>,
    /// Where to.
    pub target: Arc<Target>,
    /// Method in the head.
    pub method: Method,
    /// How the body goes out.
    pub framing: Framing,
    /// It asks for a WebSocket.
    pub upgrade: bool,
    /// The body, when it is not the request's own.
    pub body: Option<Body>,
    /// What the leaf's format settings did.
    pub changed: Option<Box<Changed>>,
    /// The endpoint's own method has no body, so the message's stays behind.
    pub without_body: bool,
}

impl Outgoing {
    /// What is sent as the body, for a message with that one.
    pub fn try_body<'a>(&'a self, own: &'a Body, keep: bool) -> TryBody<'a> {
        match self.body.as_ref().unwrap_or(own) {
            Body::Empty => TryBody::None,
            _ if self.without_body => TryBody::None,
            Body::Incoming => TryBody::Client { keep },
            Body::Whole(bytes) => TryBody::Bytes(bytes),
        }
    }

    /// Prepares a try.
    pub fn prepare(
        dispatch: &Dispatch<'_>,
        x: &mut Exchange,
        (node, leaf): (NodeId, &Leaf),
        walk: &Walk<'_, '_>,
        facts: &RequestFacts,
        properties: &[(Scope, String, String)],
        authorization: Option<&[u8]>,
    ) -> Result<Outgoing, Fault> {
        let mut overrides: SmallVec<[Override<'_>; 2]> = SmallVec::new();
        for (scope, name, value) in properties {
            match scope {
                Scope::Transport => overrides.push(Override::set(name, value.as_bytes())),
                Scope::Default => x.properties.set(name.clone(), value.clone()),
                Scope::Axis2 | Scope::Axis2Client => x.axis2.set(name.clone(), value.clone()),
            }
        }
        strip_sessions(x, walk, facts, &mut overrides);
        let place = Place::of(dispatch, x, leaf, facts)?;
        let (mut shaped, mut changed) = (Shaped::default(), None);
        if let Some(shape) = leaf.shape.as_deref() {
            let (made, what) = dispatch.shape(x, node, *shape, &place)?;
            if what.shape.may_change_answers() {
                overrides.push(Override::remove("Accept-Encoding"));
            }
            (shaped, changed) = (made, Some(Box::new(what)));
        }
        if let Some(value) = authorization {
            overrides.push(Override::set("Authorization", value));
        }
        // A format chooses the method too, and wins.
        let own_method = own_method(leaf).filter(|_| shaped.method.is_none());
        let without_body = own_method.is_some_and(|method| {
            matches!(Method::of(method), Method::Get | Method::Head)
                && method != x.request.method_text()
        });
        let body = match std::mem::take(&mut shaped.body) {
            NewBody::Same => None,
            NewBody::Empty => Some(Body::Empty),
            NewBody::Bytes(bytes) => Some(Body::Whole(bytes.into())),
        };
        let sent = match body.as_ref().unwrap_or(&x.request_body) {
            _ if without_body => &Body::Empty,
            sent => sent,
        };
        let own = |field: &str| {
            let mut names = properties.iter().filter(|p| p.0 == Scope::Transport);
            names.any(|(_, name, _)| name.eq_ignore_ascii_case(field))
        };
        if without_body {
            overrides.push(Override::remove("Content-Type"));
        } else if !own("Content-Type") {
            match std::mem::take(&mut shaped.content_type) {
                Field::Set(value) => {
                    overrides.push(Override::set_owned("Content-Type", value.into_bytes()));
                }
                Field::Remove => overrides.push(Override::remove("Content-Type")),
                Field::Keep if matches!(sent, Body::Empty) => {}
                Field::Keep => {
                    if let Some(named) = with_charset(x.request.headers.value(Name::ContentType)) {
                        overrides.push(Override::set_owned("Content-Type", named));
                    }
                }
            }
        }
        match std::mem::take(&mut shaped.soap_action) {
            Field::Set(value) if !own("SOAPAction") => {
                overrides.push(Override::set_owned("SOAPAction", value.into_bytes()));
            }
            _ => {}
        }
        let body_framing = match (sent, x.client.as_ref()) {
            (Body::Whole(bytes), _) => Framing::length(bytes.len() as u64),
            (Body::Incoming, Some(client)) => client.body.framing,
            _ => Framing::None,
        };
        let method_text = match shaped.method {
            Some(method) => Cow::Borrowed(method.as_bytes()),
            None => own_method.map_or_else(|| method(x), Cow::Borrowed),
        };
        // Whether it is a REST message was said by the client, not by the method that a format chose.
        let asked = match shaped.method {
            Some(_) => x.request.method,
            None => Method::of(&method_text),
        };
        let url = url(x, &place, asked, &shaped);
        strict::target(&url).map_err(|r| bad_address(leaf, r.reason))?;
        let url = match set(x, "POST_TO_URI") || set(x, "FULL_URI") {
            true => Cow::Owned([place.target.to_string().as_bytes(), &url].concat()),
            false => url,
        };
        // The method makes it a REST message, whose action has no quotes (recorded).
        if method_text.as_ref() == b"GET"
            && x.request.method != Method::Get
            && shaped.method.is_none()
            && let Some(action) = x.request.headers.value(Name::SoapAction)
        {
            let bare = crate::soap::envelope::action(Some(action), None);
            overrides.push(Override::set_owned("SOAPAction", bare.as_bytes().to_vec()));
        }
        let client = x.client.as_ref();
        let own_host = x.axis2.value("REQUEST_HOST_HEADER");
        let line = RequestLine {
            method: &method_text,
            target: &url,
            host: own_host.map_or(place.target.authority.as_bytes(), str::as_bytes),
            framing: body_framing,
            empty_length: !without_body
                && (client.is_some_and(|c| c.body.empty_length)
                    || shaped.method == Some("POST") && body_framing == Framing::None),
            old: set(x, "FORCE_HTTP_1.0"),
            upgrade: client.is_some_and(|c| c.upgrade)
                && matches!(x.request_body, Body::Incoming | Body::Empty),
        };
        if own_host.is_some() {
            strict::host(line.host).map_err(|r| bad_address(leaf, r.reason))?;
        }
        let mut head = dispatch.worker.spare_bytes();
        write::request(&mut head, &line, &x.request, &overrides);
        let (framing, upgrade) = (line.framing, line.upgrade);
        Ok(Outgoing {
            head,
            method: Method::of(&method_text),
            framing,
            upgrade,
            without_body,
            target: place.target,
            body,
            changed,
        })
    }
}

/// Where a leaf sends this message.
#[derive(Debug)]
pub struct Place<'a> {
    target: Arc<Target>,
    /// Path and query of the address.
    path: Cow<'a, str>,
    /// The message's own path replaces the address's, which has none (members).
    own_path: bool,
    /// The rest of the request's path belongs behind it, for REST messages.
    suffix: bool,
}

impl<'a> Place<'a> {
    fn of(
        dispatch: &Dispatch<'_>,
        x: &Exchange,
        leaf: &'a Leaf,
        facts: &RequestFacts,
    ) -> Result<Place<'a>, Fault> {
        match &leaf.target {
            LeafTarget::Fixed(address) => Ok(Place::fixed(address, false)),
            LeafTarget::Member(member) => {
                let address = if x.arrival.https {
                    &member.https
                } else {
                    &member.http
                };
                Ok(Place::fixed(address, true))
            }
            LeafTarget::Wsdl(wsdl) => match wsdl.current() {
                Some(known) => Ok(Place::owned(known.address.clone().protected(&leaf.tls))),
                None => Err(bad_address(leaf, "its WSDL is not known yet")),
            },
            LeafTarget::Http(http) => {
                let place = match http.fixed() {
                    Some(address) => Place::fixed(address, false),
                    None => {
                        let url = http.expand(|name| x.properties.value(name));
                        let url = url.map_err(|text| Fault::new(ErrorCode::NOT_READY, text))?;
                        let address = Address::parse(&url).ok_or_else(|| {
                            bad_address(leaf, "the expanded template is no http URL")
                        })?;
                        Place::owned(address.protected(&leaf.tls))
                    }
                };
                Ok(Place {
                    // An endpoint with a method of its own is a whole request (spec/endpoints.md 4.4).
                    suffix: http.method.is_none(),
                    ..place
                })
            }
            LeafTarget::Template(parts) => {
                let text = expand(parts, |name| x.properties.value(name).map(str::to_owned));
                let address = Address::parse(&text)
                    .ok_or_else(|| bad_address(leaf, "the expanded address is no http URL"))?;
                Ok(Place::owned(address.protected(&leaf.tls)))
            }
            LeafTarget::Message => {
                let set = x.to.as_deref().filter(|to| !to.is_empty());
                let said = facts.header.to.as_ref().map(|t| t.as_str());
                let said = said.filter(|to| Address::parse(to).is_some());
                let to = set.or(said).or(x.named.as_deref());
                let Some(address) = to.and_then(Address::parse) else {
                    return Err(Fault::new(
                        ErrorCode::NOT_READY,
                        "the message names no address to go to: set its To with a header mediator, or name an endpoint",
                    ));
                };
                if set.is_none() && is_here(&address, x.arrival.local) {
                    let text = format!(
                        "the message is for {}, which is this listener: it would come back for ever",
                        address.target
                    );
                    return Err(Fault::new(ErrorCode::NOT_READY, text));
                }
                if set.is_none() && address.target.here {
                    let text = "the message names a service of this process, which only the configuration may";
                    return Err(Fault::new(ErrorCode::NOT_READY, text));
                }
                // What the configuration set is its own decision; what a message says needs the list (design 16).
                if set.is_none() && !dispatch.policy.allowed.permits(&address) {
                    return Err(Fault::new(
                        ErrorCode::NOT_READY,
                        format!(
                            "the message names {}, which [default_endpoint] allow does not list",
                            address.target
                        ),
                    ));
                }
                let place = Place::owned(address.protected(&leaf.tls));
                Ok(Place {
                    // What the request line names is complete.
                    suffix: set.is_some() || said.is_some(),
                    ..place
                })
            }
        }
    }

    /// The address in full, as `wsa:To` names it.
    pub fn address(&self) -> String {
        format!("{}{}", self.target, self.path)
    }

    fn fixed(address: &'a Address, own_path: bool) -> Place<'a> {
        Place {
            target: address.target.clone(),
            path: Cow::Borrowed(&address.path_and_query),
            own_path,
            suffix: true,
        }
    }

    fn owned(address: Address) -> Place<'a> {
        Place {
            target: address.target,
            path: Cow::Owned(address.path_and_query.to_string()),
            own_path: false,
            suffix: true,
        }
    }
}

/// True for the address that the message came in by.
fn is_here(address: &Address, local: SocketAddr) -> bool {
    let host = address.target.host.trim_matches(['[', ']']);
    let named = host.eq_ignore_ascii_case("localhost") && local.ip().is_loopback();
    let same = |ip: IpAddr| ip == local.ip() || ip.is_unspecified();
    address.target.port == local.port() && (named || host.parse().is_ok_and(same))
}

fn bad_address(leaf: &Leaf, reason: &str) -> Fault {
    Fault::new(
        ErrorCode::NONE,
        format!("{} cannot be sent to: {reason}", leaf.target.describe()),
    )
}

/// True for an axis2 setting that is on.
fn set(x: &Exchange, name: &str) -> bool {
    let value = x.axis2.value(name);
    value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The method that the endpoint itself sets.
fn own_method(leaf: &Leaf) -> Option<&[u8]> {
    match &leaf.target {
        LeafTarget::Http(http) => http.method.as_deref().map(str::as_bytes),
        _ => None,
    }
}

/// The method to send: the request's, or what `HTTP_METHOD` says when it is a method.
fn method(x: &Exchange) -> Cow<'_, [u8]> {
    match x.axis2.value("HTTP_METHOD").map(str::as_bytes) {
        Some(method) if !method.is_empty() && method.iter().all(|&b| is_token(b)) => {
            Cow::Borrowed(method)
        }
        _ => Cow::Borrowed(x.request.method_text()),
    }
}

/// The URL to ask for: the address alone for SOAP messages, with the rest of the request's path and its query for the
/// others (spec/endpoints.md 17.2; recorded).
fn url<'p>(
    x: &'p Exchange,
    place: &'p Place<'_>,
    method: Method,
    shaped: &Shaped,
) -> Cow<'p, [u8]> {
    let url = address_and_suffix(x, place, method, shaped.suffix);
    match shaped.query.as_str() {
        "" => url,
        query => Cow::Owned(join(&url, format!("?{query}").as_bytes())),
    }
}

fn address_and_suffix<'p>(
    x: &'p Exchange,
    place: &'p Place<'_>,
    method: Method,
    wanted: Suffix,
) -> Cow<'p, [u8]> {
    if place.own_path {
        return Cow::Borrowed(x.request.target());
    }
    let suffix = match x.axis2.value("REST_URL_POSTFIX") {
        Some(set) => set.as_bytes(),
        None => x.suffix(),
    };
    let goes = || match wanted {
        Suffix::Always => true,
        Suffix::Never => false,
        Suffix::OfRest => is_rest(x, method),
    };
    if !suffix.is_empty() && place.suffix && goes() {
        return Cow::Owned(join(place.path.as_bytes(), suffix));
    }
    Cow::Borrowed(place.path.as_bytes())
}

fn is_rest(x: &Exchange, method: Method) -> bool {
    match method {
        Method::Get
        | Method::Delete
        | Method::Put
        | Method::Options
        | Method::Patch
        | Method::Head => true,
        _ => !Format::of(x.request.headers.value(Name::ContentType), false).is_soap(),
    }
}

/// Address and suffix with exactly one slash between them; two queries become one.
fn join(address: &[u8], suffix: &[u8]) -> Vec<u8> {
    let split = |text: &[u8]| match memchr::memchr(b'?', text) {
        Some(at) => (text[..at].to_vec(), text[at + 1..].to_vec()),
        None => (text.to_vec(), Vec::new()),
    };
    let ((mut path, mut query), (more, more_query)) = (split(address), split(suffix));
    match (path.last() == Some(&b'/'), more.first() == Some(&b'/')) {
        (true, true) => path.extend_from_slice(&more[1..]),
        (false, false) if !more.is_empty() => {
            path.push(b'/');
            path.extend_from_slice(&more);
        }
        _ => path.extend_from_slice(&more),
    }
    if !query.is_empty() && !more_query.is_empty() {
        query.push(b'&');
    }
    query.extend_from_slice(&more_query);
    if !query.is_empty() {
        path.push(b'?');
        path.extend_from_slice(&query);
    }
    path
}

/// A media type that names no charset goes on as UTF-8, as the originals write it (recorded); a multipart has none.
fn with_charset(content_type: Option<&[u8]>) -> Option<Vec<u8>> {
    let value = content_type.filter(|v| !v.is_empty())?;
    let named = memchr::memchr_iter(b'=', value)
        .any(|at| value[..at].len() >= 7 && value[at - 7..at].eq_ignore_ascii_case(b"charset"));
    if named
        || value
            .get(..10)
            .is_some_and(|v| v.eq_ignore_ascii_case(b"multipart/"))
    {
        return None;
    }
    Some([value, b"; charset=UTF-8"].concat())
}

/// Takes the ids of a session that begins anew out of the request (spec/endpoints.md 14.2 step 6): only the session
/// cookies of the header, and the `ServiceGroupId` block, which is blanked in place so that no length changes.
fn strip_sessions(
    x: &mut Exchange,
    walk: &Walk<'_, '_>,
    facts: &RequestFacts,
    overrides: &mut SmallVec<[Override<'_>; 2]>,
) {
    for spec in walk.strips() {
        match spec.kind {
            SessionKind::Http => {
                let cookies = facts.cookies();
                let without = |value: &&str| {
                    session::http::without_cookies(value, &spec.cookies)
                        .unwrap_or_else(|| (*value).to_owned())
                };
                let kept: Vec<String> = cookies
                    .iter()
                    .map(without)
                    .filter(|value| !value.is_empty())
                    .collect();
                let value = kept.join("; ");
                overrides.push(if value.is_empty() {
                    Override::remove("Cookie")
                } else {
                    Override::set_owned("Cookie", value.into_bytes())
                });
            }
            SessionKind::Soap => {
                let Some((start, end)) = facts.header.service_group_block else {
                    continue;
                };
                let block = start as usize..end as usize;
                match (&mut x.request_body, x.client.as_mut()) {
                    (Body::Whole(bytes), _) => *bytes = blanked(bytes, block),
                    (_, Some(client)) => client.buf.blank(block),
                    _ => {}
                }
            }
            SessionKind::SimpleClient => {}
        }
    }
}

/// A body with spaces in place of a part of it.
fn blanked(bytes: &[u8], part: std::ops::Range<usize>) -> Bytes {
    let mut copy = bytes.to_vec();
    if let Some(part) = copy.get_mut(part) {
        part.fill(b' ');
    }
    Bytes::from(copy)
}

/// The answer of a message whose endpoint says `discard`: the client is not left waiting (spec/endpoints.md 8.3).
pub fn answer_discarded(x: &mut Exchange) {
    x.response = Some(ResponseHead::new(504));
    x.response_body = Body::Empty;
    x.replied = true;
}

/// What a client is told whose request did not arrive whole.
pub const BROKE_OFF: Refused = Refused::bad("the request broke off");

/// The answer to a request that cannot be read to its end: nothing after it on this connection can be trusted.
pub fn answer_refused(x: &mut Exchange, refused: Refused) {
    let mut head = ResponseHead::new(refused.status);
    head.headers
        .append(b"Content-Type", b"text/plain; charset=utf-8");
    x.response = Some(head);
    x.response_body = Body::Whole(format!("{}\n", refused.reason).into());
    x.replied = true;
    x.trail.failure = Some(ErrorCode::RECEIVER_RECEIVE);
    if let Some(client) = x.client.as_mut() {
        client.keep_alive = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_suffix_join_with_one_slash_and_one_query() {
        for (address, suffix, want) in [
            ("/svc", "/extra?x=1", "/svc/extra?x=1"),
            ("/svc/", "/extra", "/svc/extra"),
            ("/svc", "extra", "/svc/extra"),
            ("/svc", "?x=1", "/svc?x=1"),
            ("/svc", "/", "/svc/"),
            ("/", "/c", "/c"),
            ("/svc?a=b", "/x?c=d", "/svc/x?a=b&c=d"),
            ("/svc?a=b", "?c=d", "/svc?a=b&c=d"),
            ("/svc?a=b", "/x", "/svc/x?a=b"),
        ] {
            let joined = join(address.as_bytes(), suffix.as_bytes());
            assert_eq!(
                String::from_utf8_lossy(&joined),
                want,
                "{address} + {suffix}"
            );
        }
    }
}
