//! One message on its way: the request, what became of it, and the answer.
//!
//! Owned by the connection's task and passed down as `&mut`; the answer returns up the same calls.
//! Sits below mediation and endpoints, which both work on it, and above the transport, whose types it holds.

mod call;
mod copies;
mod entries;
mod turn;
mod visit;
mod whole;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::codes::ErrorCode;
use crate::soap::blocks::HeaderBlocks;
use crate::soap::content::Content;
use crate::soap::envelope::Format;
use crate::transport::downstream::Client;
use crate::transport::head::{RequestHead, ResponseHead};
use crate::transport::http1::strict::Refused;
use crate::transport::target::Target;
use crate::transport::upstream::Upstream;
use crate::util::clock::Tick;

pub use call::{Argument, Call, Computed};
pub use copies::{Coming, Copies, CopyDone, CopyReport};
pub use entries::{Entries, registry_path};
pub use visit::Visit;

/// Which way the current message goes (Synapse: request or response flow).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    #[default]
    Request,
    /// To the client.
    Response,
}

/// A body as mediation sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// The peer's own bytes, not looked at: the client's for a request, the back end's for an answer.
    Incoming,
    /// Held whole: made here, or read for a mediator.
    Whole(Bytes),
}

impl Body {
    /// A body that was read to its end.
    pub fn held(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        match bytes.is_empty() {
            true => Body::Empty,
            false => Body::Whole(bytes),
        }
    }
}

/// Where the message came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The client.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// True on an HTTPS listener.
    pub https: bool,
    /// True for a call of a service of this process.
    pub inside: bool,
}

/// Why mediation or a send stopped (Synapse: the `ERROR_*` properties, spec/endpoints.md 7.3).
///
/// A pointer, because every step of a message may end in a fault and nearly none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<ErrorProperties>);

/// The parts of a [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorProperties {
    /// `ERROR_CODE`.
    pub code: ErrorCode,
    /// `ERROR_MESSAGE`, one line.
    pub message: String,
    /// `ERROR_DETAIL`.
    pub detail: String,
}

impl Fault {
    /// A fault whose detail is its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::detailed(code, message.clone(), message)
    }

    /// A fault with a detail of its own.
    pub fn detailed(
        code: ErrorCode,
        message: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(ErrorProperties {
            code,
            message: message.into(),
            detail: detail.into(),
        }))
    }
}

impl Deref for Fault {
    type Target = ErrorProperties;

    fn deref(&self) -> &ErrorProperties {
        &self.0
    }
}

impl DerefMut for Fault {
    fn deref_mut(&mut self) -> &mut ErrorProperties {
        &mut self.0
    }
}

/// What a property's text stands for (`type` of the property mediator): a condition takes a Boolean `false` for false, but
/// the text `false` for true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PropertyType {
    /// Text.
    #[default]
    Text,
    /// A Boolean.
    Boolean,
    /// XML: elements, with texts between them (`OM`).
    Xml,
}

/// Message properties of one scope: a short list, last set wins.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    list: Vec<(Cow<'static, str>, String, PropertyType)>,
}

impl Properties {
    /// The value of a property.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.typed(name).map(|(value, _)| value)
    }

    /// The value of a property and what it stands for.
    pub fn typed(&self, name: &str) -> Option<(&str, PropertyType)> {
        self.list
            .iter()
            .find(|(n, ..)| n == name)
            .map(|(_, v, t)| (v.as_str(), *t))
    }

    /// Sets a property to a text.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.set_typed(name, value, PropertyType::Text);
    }

    /// Sets a property.
    pub fn set_typed(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
        kind: PropertyType,
    ) {
        let (name, value) = (name.into(), value.into());
        match self.list.iter_mut().find(|(n, ..)| *n == name) {
            Some(entry) => (entry.1, entry.2) = (value, kind),
            None => self.list.push((name, value, kind)),
        }
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Removes a property.
    pub fn remove(&mut self, name: &str) {
        self.list.retain(|(n, ..)| n != name);
    }
}

/// One try of one endpoint, for the access line and the explanation.
#[derive(Clone, Copy, Debug)]
pub struct TryRecord {
    /// Number of the endpoint in its generation.
    pub leaf: u32,
    /// Why it failed; `None` for the one that was answered.
    pub code: Option<ErrorCode>,
    /// It failed because TLS was not agreed on.
    pub tls_failed: bool,
    /// How long it took.
    pub took: Duration,
}

/// How a session took part in the choice of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionPart {
    /// No session.
    #[default]
    None,
    /// The message began one; the hash of its id.
    Bound(u64),
    /// It belongs to one; the hash of the id that it carries.
    Hit(u64),
}

/// What the sender did for this exchange.
#[derive(Debug, Default)]
pub struct Trail {
    /// The tries, in order.
    pub tries: SmallVec<[TryRecord; 2]>,
    /// The endpoint that was sent to (a group or a leaf).
    pub root: Option<u32>,
    /// How long the last try took to connect, when it made a connection.
    pub connect: Option<Duration>,
    /// The session's part.
    pub session: SessionPart,
    /// Why the send failed in the end.
    pub failure: Option<ErrorCode>,
}

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Where it came in.
    pub arrival: Arrival,
    /// When its head was complete.
    pub started: Tick,
    /// Which flow it is in.
    pub direction: Direction,
    /// The request's head; mediators may change it.
    pub request: RequestHead,
    /// The request's body.
    pub request_body: Body,
    /// The part of the path (and the query) behind the route, for REST messages (`REST_URL_POSTFIX`).
    pub rest_suffix: RestSuffix,
    /// The answer's head: the back end's, or one made here.
    pub response: Option<ResponseHead>,
    /// The answer's body.
    pub response_body: Body,
    /// Properties of the default (synapse) scope.
    pub properties: Properties,
    /// Properties of the axis2 scope of the current message.
    pub axis2: Properties,
    /// The error that the current fault flow is about.
    pub fault: Option<Fault>,
    /// Set by `send` in the response flow (and by `respond`): the answer goes to the client.
    pub replied: bool,
    /// The proxy service that the request is for.
    pub proxy: Option<Arc<str>>,
    /// The REST API that the request is for.
    pub visit: Option<Arc<Visit>>,
    /// The templates that the message is in.
    pub call: Option<Arc<Call>>,
    /// `To` set by a header mediator; replaces the request's own for endpoints that follow it. Empty when it was removed.
    pub to: Option<String>,
    /// The address in full that the request line names (absolute form): the request's own `To`.
    pub named: Option<Box<str>>,
    /// The head of the client's request, when another message took its place.
    pub client_head: Option<Box<RequestHead>>,
    /// True for an answer that became the current request: it is sent on in the response flow.
    pub onward: bool,
    /// The sequence that takes the answer of the last send (`receive`), by its number.
    pub receive: Option<u32>,
    /// The client's connection, while its request is served.
    pub client: Option<Box<Client>>,
    /// The connection that an [`Incoming`](Body::Incoming) answer comes from.
    pub upstream: Option<(Box<Upstream>, Arc<Target>)>,
    /// Texts that the configuration holds, when it holds any.
    pub entries: Option<Arc<Entries>>,
    /// Copies of the request that were sent instead of it and whose answers come one by one.
    pub copies: Option<Box<Copies>>,
    /// Told when the request is written to a back end, or cannot be.
    pub departed: Option<oneshot::Sender<()>>,
    /// How many messages it is a copy of a copy of.
    pub depth: u8,
    /// How often it was split into copies.
    pub splits: u32,
    /// Which copy of which split it is, and of which it was a copy.
    pub line: Box<str>,
    /// What the sender did.
    pub trail: Trail,
    /// One past the SOAP header of the request's body, when it was read that far (for affinity).
    pub header_end: Option<u32>,
    /// The client's format, when the answer was converted to it.
    pub answer_format: Option<Format>,
    /// Header blocks for a fault about a request that nobody could read.
    pub fault_blocks: Option<HeaderBlocks>,
    /// True for a request that mediators have changed: then it was written anew.
    pub rewritten: bool,
    /// True when the current message is a fault that mediation made.
    pub fault_made: bool,
    /// How long what refused the message will go on refusing, when the sender knows (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// What was read of a message for those who look into it, and of which.
    content: Option<(Direction, Box<Content>)>,
}

/// How much of the request target lies behind the route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestSuffix {
    /// Everything from this byte of the request target.
    From(u32),
    /// Nothing is appended.
    #[default]
    Nothing,
}

impl Exchange {
    /// A new exchange for a request.
    pub fn new(arrival: Arrival, started: Tick, request: RequestHead, request_body: Body) -> Self {
        let named = request.absolute.and_then(|_| request.absolute_url());
        Self {
            arrival,
            started,
            direction: Direction::Request,
            request,
            request_body,
            rest_suffix: RestSuffix::Nothing,
            response: None,
            response_body: Body::Empty,
            properties: Properties::default(),
            axis2: Properties::default(),
            fault: None,
            replied: false,
            proxy: None,
            visit: None,
            call: None,
            to: None,
            named,
            client_head: None,
            onward: false,
            receive: None,
            client: None,
            upstream: None,
            entries: None,
            copies: None,
            departed: None,
            depth: 0,
            splits: 0,
            line: Box::default(),
            trail: Trail::default(),
            header_end: None,
            answer_format: None,
            fault_blocks: None,
            rewritten: false,
            fault_made: false,
            retry_after: None,
            content: None,
        }
    }

    /// What was read of the current message.
    pub fn content(&self) -> Option<&Content> {
        let (direction, content) = self.content.as_ref()?;
        (*direction == self.direction).then_some(content)
    }

    /// What was read of the current message, to change it.
    pub fn content_mut(&mut self) -> Option<&mut Content> {
        let (direction, content) = self.content.as_mut()?;
        (*direction == self.direction).then_some(content)
    }

    /// The bytes of the current message.
    pub fn body(&self) -> &Body {
        match self.direction {
            Direction::Request => &self.request_body,
            Direction::Response => &self.response_body,
        }
    }

    /// The bytes of the current message, to put others in their place.
    pub fn body_mut(&mut self) -> &mut Body {
        match self.direction {
            Direction::Request => &mut self.request_body,
            Direction::Response => &mut self.response_body,
        }
    }

    /// Keeps what was read of the current message.
    pub fn keep_content(&mut self, content: Content) {
        self.content = Some((self.direction, Box::new(content)));
    }

    /// What was read of the current message, to put another in its place.
    pub fn take_content(&mut self) -> Option<Box<Content>> {
        let (direction, content) = self.content.take()?;
        (direction == self.direction).then_some(content)
    }

    /// To be called by whoever puts another message in the place of the current one.
    pub fn forget_content(&mut self) {
        self.content = None;
    }

    /// What has come of the client's body and was not sent on, and whether it is all; `None` where some has left.
    ///
    /// # Errors
    /// What is wrong with its framing.
    pub fn request_prefix(&mut self) -> Result<Option<(&[u8], bool)>, Refused> {
        match self.client.as_mut() {
            Some(client) if client.body.is_untouched() => client.prefix().map(Some),
            _ => Ok(None),
        }
    }

    /// The request's body up to the end of its SOAP header, when it was read that far and is still here.
    pub fn read_header(&mut self) -> Option<&[u8]> {
        let end = self.header_end? as usize;
        if self.request_body == Body::Incoming {
            return self.request_prefix().ok()??.0.get(..end);
        }
        match &self.request_body {
            Body::Whole(bytes) => bytes.get(..end),
            _ => None,
        }
    }

    /// The bytes behind the route that a REST message carries on, query included.
    pub fn suffix(&self) -> &[u8] {
        match self.rest_suffix {
            RestSuffix::From(at) => self.request.target().get(at as usize..).unwrap_or_default(),
            RestSuffix::Nothing => b"",
        }
    }
}
