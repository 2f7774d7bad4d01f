//! What mediators read from the current message: format, addressing values, properties of the scopes (spec/mediation.md 7).
//!
//! The current message is the request until it is answered, then the answer. Nothing here needs the body.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::expression::Value;
use crate::codes::ErrorCode;
use crate::exchange::{Argument, Body, Direction, Exchange, PropertyType};
use crate::soap::addressing::Addressing;
use crate::soap::content::{Content, Notation};
use crate::soap::envelope::{self, Format};
use crate::transport::head::Method;
use crate::transport::headers::{Headers, Name};

/// Where a property is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Message properties and addressing values.
    Default,
    /// Header fields of the current message.
    Transport,
    /// Transport settings of the current message.
    Axis2,
    /// Parameters of the request's query.
    Query,
    /// Environment variables (the originals: JVM properties).
    System,
    /// Texts of the registry.
    Registry,
    /// Parameters of the template around; one that is an expression has no text (recorded).
    Function,
}

/// The fields of the current message; `None` for an answer that is not there.
pub fn headers(x: &Exchange) -> Option<&Headers> {
    match x.direction {
        Direction::Request => Some(&x.request.headers),
        Direction::Response => x.response.as_ref().map(|r| &r.headers),
    }
}

/// The fields of the current message, to change them.
pub fn headers_mut(x: &mut Exchange) -> Option<&mut Headers> {
    match x.direction {
        Direction::Request => Some(&mut x.request.headers),
        Direction::Response => x.response.as_mut().map(|r| &mut r.headers),
    }
}

/// True for a request that carries no message but its URL.
pub fn is_bodyless(x: &Exchange) -> bool {
    let method = matches!(
        x.request.method,
        Method::Get | Method::Head | Method::Delete
    );
    method && x.request_body == Body::Empty
}

/// The format of the client's request.
pub fn request_format(x: &Exchange) -> Format {
    let head = x.client_request();
    let method = matches!(head.method, Method::Get | Method::Head | Method::Delete);
    let bodyless = match x.client_head {
        Some(_) => method,
        None => is_bodyless(x),
    };
    Format::of(head.headers.value(Name::ContentType), bodyless)
}

/// The format of the current message.
pub fn format(x: &Exchange) -> Format {
    match (x.direction, &x.response) {
        (Direction::Response, Some(response)) => {
            Format::of(response.headers.value(Name::ContentType), false)
        }
        _ => Format::of(x.request.headers.value(Name::ContentType), is_bodyless(x)),
    }
}

/// The action of the current message, empty when it names none.
pub fn action(x: &Exchange) -> &str {
    headers(x).map_or("", |h| {
        envelope::action(h.value(Name::SoapAction), h.value(Name::ContentType))
    })
}

/// `To` of the current message: what a mediator set, else what its header says, else the request's target.
pub fn to(x: &Exchange) -> Cow<'_, str> {
    if x.direction == Direction::Response {
        return Cow::Borrowed("");
    }
    if let Some(to) = &x.to {
        return Cow::Borrowed(to);
    }
    let said = addressing(x, "To");
    match x.named.as_deref() {
        _ if !said.is_empty() => Cow::Owned(said),
        Some(named) => Cow::Borrowed(named),
        None => String::from_utf8_lossy(x.request.target()),
    }
}

/// True when the header of the current message decides about its `To`, and can be read while the body streams on.
pub fn header_says_to(x: &Exchange) -> bool {
    let headers = &x.request.headers;
    let media = headers.value(Name::ContentType).unwrap_or_default();
    x.direction == Direction::Request
        && x.to.is_none()
        && Notation::of(media).is_soap()
        && format(x).is_soap()
        && headers.find("Content-Encoding").is_none()
}

/// What WS-Addressing says in the header of the current message, as far as that was read; empty where it says nothing.
pub fn addressing(x: &Exchange, name: &str) -> String {
    let Some(Ok(view)) = x.content().map(Content::view) else {
        return String::new();
    };
    let tree = &view.tree;
    let block = Content::header(tree).into_iter().flat_map(|header| {
        let versions = [Addressing::Final, Addressing::Submission];
        versions
            .into_iter()
            .find_map(|version| tree.child(header, version.namespace(), name))
    });
    let value = block.map(|block| {
        let namespace = tree.name(block).namespace;
        let inner = tree.child(block, namespace, "Address").unwrap_or(block);
        tree.string_value(inner).trim().to_owned()
    });
    value.take(1).collect()
}

/// `ERROR_CODE`: the originals know no code of their own for a message that cannot be read (recorded).
fn error_code(code: ErrorCode) -> String {
    match code {
        ErrorCode::MESSAGE_PARSE => ErrorCode::NONE.to_string(),
        code => code.to_string(),
    }
}

/// The value of a property; `None` when there is none.
pub fn property<'x>(x: &'x Exchange, place: Place, name: &str) -> Option<Value<'x>> {
    match place {
        Place::Default => default_scope(x, name),
        Place::Axis2 => axis2_scope(x, name),
        Place::Transport => headers(x)?.find(name).map(lossy),
        Place::Query => query(x, name).map(owned),
        Place::System => std::env::var(name).ok().map(owned),
        Place::Function => match x.argument(name)? {
            Argument::Text(value) => Some(text(value)),
            Argument::Computed(_) => None,
        },
        Place::Registry => x.entries.as_ref()?.registry(name).map(text),
    }
}

fn default_scope<'x>(x: &'x Exchange, name: &str) -> Option<Value<'x>> {
    let fault = || x.fault.as_ref();
    match name {
        "To" => Some(Value::Text(to(x))),
        "Action" => Some(text(action(x))),
        "From" | "FaultTo" | "ReplyTo" | "MessageID" => Some(owned(addressing(x, name))),
        "OperationNamespace" => Some(text("")),
        "OperationName" => Some(text("mediate")),
        "MESSAGE_FORMAT" => Some(text(format(x).name())),
        "FAULT" => is_fault(x).then(|| text("TRUE")),
        "SYSTEM_TIME" => Some(owned(wall_ms().to_string())),
        _ => typed(x.properties.typed(name)).or_else(|| match name {
            "RESPONSE" if x.is_response() => Some(text("true")),
            "SENDING_FAULT" => fault().map(|_| text("true")),
            "ERROR_CODE" => fault().map(|f| owned(error_code(f.code))),
            "ERROR_MESSAGE" => fault().map(|f| text(&f.message)),
            "ERROR_DETAIL" => fault().map(|f| text(&f.detail)),
            "proxy.name" => x.proxy.as_deref().map(text),
            _ if name.starts_with("REST_") || name.starts_with("SYNAPSE_RE") => rest(x, name),
            "SERVER_IP" => Some(owned(x.arrival.local.ip().to_string())),
            _ => x.entries.as_ref()?.words(name).map(text),
        }),
    }
}

/// What a message to an API knows of it (spec/mediation.md 5); both paths have the query (recorded).
fn rest<'x>(x: &'x Exchange, name: &str) -> Option<Value<'x>> {
    let visit = x.visit.as_deref()?;
    let target = x.request.target();
    Some(match name {
        "REST_METHOD" => lossy(x.request.method_text()),
        "REST_FULL_REQUEST_PATH" => lossy(target),
        "REST_SUB_REQUEST_PATH" => {
            let below = target.get(visit.context.len()..).unwrap_or_default();
            match below.first() {
                Some(b'/') => lossy(below),
                _ => owned(format!("/{}", String::from_utf8_lossy(below))),
            }
        }
        "REST_API_CONTEXT" if visit.context.is_empty() => text("/"),
        "REST_API_CONTEXT" => text(&visit.context),
        "REST_URL_PREFIX" => {
            let scheme = if x.arrival.https { "https" } else { "http" };
            let host = x.request.headers.value(Name::Host).unwrap_or_default();
            owned(format!("{scheme}://{}", String::from_utf8_lossy(host)))
        }
        "SYNAPSE_REST_API" => text(&visit.api),
        "SYNAPSE_REST_API_VERSION" => text(&visit.version),
        "SYNAPSE_RESOURCE" => text(&visit.resource),
        _ => return None,
    })
}

fn axis2_scope<'x>(x: &'x Exchange, name: &str) -> Option<Value<'x>> {
    let request = x.direction == Direction::Request;
    typed(x.axis2.typed(name)).or_else(|| match name {
        "HTTP_METHOD" if request => Some(lossy(x.request.method_text())),
        "REST_URL_POSTFIX" if request => Some(lossy(x.suffix())),
        "NO_ENTITY_BODY" if request && is_bodyless(x) => Some(Value::Boolean(true)),
        "HTTP_SC" => x.response.as_ref().map(|r| owned(r.status.to_string())),
        "messageType" | "ContentType" => {
            let value = headers(x)?.value(Name::ContentType)?;
            Some(lossy(if name == "ContentType" {
                value
            } else {
                envelope::media_type(value)
            }))
        }
        "TransportInURL" => Some(lossy(x.request.target())),
        "REMOTE_ADDR" | "REMOTE_HOST" => Some(owned(x.arrival.peer.ip().to_string())),
        _ => None,
    })
}

/// True when the current message is a fault made here, or an answer with an error status.
fn is_fault(x: &Exchange) -> bool {
    let status = x.response.as_ref().map_or(0, |r| r.status);
    x.fault_made || (x.direction == Direction::Response && status >= 400)
}

fn typed(value: Option<(&str, PropertyType)>) -> Option<Value<'_>> {
    value.map(|(value, kind)| match kind {
        PropertyType::Boolean => Value::Boolean(value == "true"),
        PropertyType::Text | PropertyType::Xml => text(value),
    })
}

/// A parameter of the query; names match in any case, the value is decoded.
fn query(x: &Exchange, name: &str) -> Option<String> {
    let target = x.request.target();
    let query = &target[memchr::memchr(b'?', target)? + 1..];
    query.split(|&b| b == b'&').find_map(|pair| {
        let (key, value) = match memchr::memchr(b'=', pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        decode(key)
            .eq_ignore_ascii_case(name)
            .then(|| decode(value))
    })
}

fn decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, hex(tail)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &tail[2..];
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(text: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    match text {
        [a, b, ..] => Some((digit(*a)? * 16 + digit(*b)?) as u8),
        _ => None,
    }
}

fn wall_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis())
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn owned(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

fn lossy(bytes: &[u8]) -> Value<'_> {
    Value::Text(String::from_utf8_lossy(bytes))
}
