//! The configuration as data: what the files say, with the place of every value.
//!
//! Nothing here knows the run time. Each room builds its own run-time types from this.

mod api;
mod leaf;
mod recipients;
mod task;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use api::{ApiDef, Mapping, Methods, ResourceDef};
pub use leaf::*;
pub use recipients::{
    ComputedRecipientsDef, DynamicLoadBalanceDef, MembershipDef, RecipientListDef, RecipientsDef,
    ServiceDef, ServiceDynamicDef,
};

pub use task::{TaskDef, TaskFormat, TaskTarget};

use super::gateway::model::GatewayDef;
use super::registry::Print;
use super::source::{Sources, Span, Spanned};
use super::uri_template::Template;
use super::wsdl::{Addresses, Name};
use super::xml::Element;

/// Everything that one load found.
#[derive(Debug, Default)]
pub struct Model {
    /// The files.
    pub sources: Sources,
    /// The configuration root: the folder (or the folder of the file) that relative paths start from.
    pub root: PathBuf,
    /// Top-level endpoints in load order; every one has a name.
    pub endpoints: Vec<EndpointDef>,
    /// Top-level sequences in load order.
    pub sequences: Vec<SequenceDef>,
    /// Proxy services in load order.
    pub proxies: Vec<ProxyDef>,
    /// REST APIs in load order.
    pub apis: Vec<ApiDef>,
    /// Message stores, message processors and priority executors in load order.
    pub queues: Vec<QueueDef>,
    /// Tasks in load order.
    pub tasks: Vec<TaskDef>,
    /// Local entries in load order.
    pub entries: Vec<EntryDef>,
    /// Endpoint templates in load order.
    pub templates: Vec<TemplateDef>,
    /// Sequence templates in load order.
    pub sequence_templates: Vec<SequenceTemplateDef>,
    /// Endpoints of local entries and of the registry; the name of each is its key. They are reached by key only.
    pub keyed: Vec<EndpointDef>,
    /// Local entries as text, by key; those of other servers are not among them.
    pub texts: HashMap<String, Arc<str>>,
    /// What an expression gets of those local entries whose text is another one because they are XML.
    pub words: HashMap<String, Arc<str>>,
    /// The registry.
    pub registry: Option<RegistryDef>,
    /// The gateway-config, when one of the files is one.
    pub gateway: Option<GatewayDef>,
    /// Artifacts that are well-formed but not served by this version, with the reason.
    pub unsupported: Vec<UnsupportedDef>,
}

impl Model {
    /// True when the files hold no sequence, proxy or API, so that the short routing applies.
    pub fn endpoints_only(&self) -> bool {
        self.sequences.is_empty()
            && self.proxies.is_empty()
            && self.apis.is_empty()
            && !self
                .unsupported
                .iter()
                .any(|u| matches!(u.kind.as_str(), "proxy" | "api"))
    }
}

impl Model {
    /// True when the files hold something that mediates: anything but a gateway-config.
    pub fn mediates(&self) -> bool {
        let others = !self.templates.is_empty() || !self.sequence_templates.is_empty();
        let kept = !self.tasks.is_empty() || !self.queues.is_empty() || !self.entries.is_empty();
        !self.endpoints_only() || !self.endpoints.is_empty() || others || kept
    }

    /// True when the files hold no artifact, except perhaps a registry.
    pub fn is_bare(&self) -> bool {
        self.endpoints_only()
            && self.endpoints.is_empty()
            && self.entries.is_empty()
            && self.templates.is_empty()
            && self.sequence_templates.is_empty()
            && self.tasks.is_empty()
            && self.queues.is_empty()
            && self.gateway.is_none()
            && self.unsupported.is_empty()
    }
}

/// An artifact that axon cannot run (yet).
#[derive(Debug, Clone)]
pub struct UnsupportedDef {
    /// Element name (`proxy`, `api`, `task` ...).
    pub kind: String,
    /// Its name, when it has one.
    pub name: Option<String>,
    /// The element: what stands inside is checked although it is not run.
    pub element: Element,
}

impl UnsupportedDef {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.element.span
    }
}

/// An artifact that keeps messages; what is in it is read by the mediation room.
#[derive(Debug, Clone)]
pub struct QueueDef {
    /// Element name: `messageStore`, `messageProcessor` or `priorityExecutor`.
    pub kind: &'static str,
    /// Name.
    pub name: Spanned<String>,
    /// The element.
    pub element: Element,
}

/// A named sequence; its mediators are parsed by the mediation room.
#[derive(Debug, Clone)]
pub struct SequenceDef {
    /// Name (`main`, `fault`, ...).
    pub name: Spanned<String>,
    /// Name of the sequence that handles its errors.
    pub on_error: Option<Spanned<String>>,
    /// Out of the registry, and referred to by nothing but, perhaps, a message: what is wrong with it stops nothing.
    pub apart: bool,
    /// The `sequence` element.
    pub element: Element,
}

/// A proxy service (spec/mediation.md 4).
#[derive(Debug, Clone)]
pub struct ProxyDef {
    /// Name: its path is `/services/NAME`.
    pub name: Spanned<String>,
    /// Over what it is reached.
    pub transports: Transports,
    /// `startOnLoad`.
    pub active: bool,
    /// What requests go through.
    pub in_sequence: Option<SequenceUse>,
    /// What answers go through; without it they go straight back.
    pub out_sequence: Option<SequenceUse>,
    /// What handles errors.
    pub fault_sequence: Option<SequenceUse>,
    /// Where requests go after the `inSequence`.
    pub endpoint: Option<EndpointUse>,
    /// `publishWSDL`.
    pub publish: Option<PublishDef>,
    /// What becomes of the addresses in it.
    pub addresses: Addresses,
    /// `WSDLEPRPrefix`: scheme, host and port of the addresses, in place of those of the request.
    pub base: Option<String>,
    /// The element.
    pub span: Span,
}

/// The transports of a proxy service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// HTTP listeners.
    pub http: bool,
    /// HTTPS listeners.
    pub https: bool,
}

impl Transports {
    /// Both.
    pub const ALL: Transports = Transports {
        http: true,
        https: true,
    };
    /// Neither.
    pub const NONE: Transports = Transports {
        http: false,
        https: false,
    };
}

/// A sequence that something uses.
#[derive(Debug, Clone)]
pub enum SequenceUse {
    /// By its key.
    Key(Spanned<String>),
    /// Written there: the element around its mediators.
    Inline(Element),
}

/// An endpoint that something uses.
#[derive(Debug, Clone)]
pub enum EndpointUse {
    /// By its key.
    Key(Spanned<String>),
    /// Written there: the `endpoint` element.
    Inline(Element),
}

/// `publishWSDL`.
#[derive(Debug, Clone)]
pub struct PublishDef {
    /// Where the definition is.
    pub source: PublishSource,
    /// `resource` children: a location and the key of the text that stands for it.
    pub resources: Vec<(String, Spanned<String>)>,
}

/// Where a published definition is.
#[derive(Debug, Clone)]
pub enum PublishSource {
    /// In a local entry.
    Key(Spanned<String>),
    /// At a path or URL.
    Uri(Spanned<String>),
    /// Inside `publishWSDL`; the text of a document of its own.
    Inline(Spanned<String>),
}

/// `localEntry`.
#[derive(Debug, Clone)]
pub struct EntryDef {
    /// Its key.
    pub key: Spanned<String>,
    /// What it holds.
    pub content: EntryContent,
    /// The `localEntry` element.
    pub element: Element,
}

/// What a local entry holds.
#[derive(Debug, Clone)]
pub enum EntryContent {
    /// Text, or one XML element as the text of a document of its own.
    Text(String),
    /// `src`: what is at a path or URL.
    Source(Spanned<String>),
}

/// `registry`: a folder whose files are read by key (spec/mediation.md 6).
#[derive(Debug, Clone)]
pub struct RegistryDef {
    /// The folder, when it was found.
    pub folder: Option<PathBuf>,
    /// `cachableDuration`: how often the files are looked at.
    pub period: Duration,
    /// The folder just before the files were read.
    pub print: Print,
    /// The files as they were when the configuration was loaded, by key.
    pub texts: Arc<BTreeMap<String, Arc<str>>>,
    /// The `registry` element.
    pub span: Span,
}

/// A `template` that holds an endpoint (spec/endpoints.md 5.3).
#[derive(Debug, Clone)]
pub struct TemplateDef {
    /// Name.
    pub name: Spanned<String>,
    /// Names of its parameters; `name` and `uri` are always among them without being listed.
    pub parameters: Vec<String>,
    /// The `endpoint` element, placeholders included.
    pub endpoint: Element,
}

/// A `template` around a sequence.
#[derive(Debug, Clone)]
pub struct SequenceTemplateDef {
    /// Name.
    pub name: Spanned<String>,
    /// Its parameters in order.
    pub parameters: Vec<ParameterDef>,
    /// Name of the sequence that handles its errors.
    pub on_error: Option<Spanned<String>>,
    /// The `sequence` element; its mediators are parsed by the mediation room.
    pub sequence: Element,
}

/// A parameter of a sequence template.
#[derive(Debug, Clone)]
pub struct ParameterDef {
    /// Name.
    pub name: String,
    /// What it stands for when it is not given; without one it is empty.
    pub default: Option<String>,
    /// It has to be given.
    pub mandatory: bool,
}

/// An `endpoint` element (spec/endpoints.md 2).
#[derive(Debug, Clone)]
pub struct EndpointDef {
    /// Name; `None` for an anonymous child or inline endpoint.
    pub name: Option<Spanned<String>>,
    /// What it is.
    pub kind: EndpointKind,
    /// `onError`.
    pub on_error: Option<Spanned<String>>,
    /// `property` children in document order.
    pub properties: Vec<PropertyDef>,
    /// `description` text.
    pub description: Option<String>,
    /// The element.
    pub span: Span,
}

/// The kinds of endpoint.
#[derive(Debug, Clone)]
pub enum EndpointKind {
    /// `address`.
    Address(AddressDef),
    /// `wsdl`.
    Wsdl(Box<WsdlDef>),
    /// `default`.
    Default(LeafDef),
    /// `http`.
    Http(HttpDef),
    /// `failover`.
    Failover(FailoverDef),
    /// `loadbalance`, with or without `session`.
    LoadBalance(LoadBalanceDef),
    /// `dynamicLoadbalance`.
    DynamicLoadBalance(Box<DynamicLoadBalanceDef>),
    /// `serviceDynamicLoadbalance`.
    ServiceDynamicLoadBalance(ServiceDynamicDef),
    /// `recipientlist`.
    RecipientList(RecipientListDef),
    /// `key="..."`.
    Indirect(Spanned<String>),
    /// `key-expression="..."`.
    Resolving(ResolvingDef),
    /// `template="..."`.
    Template(TemplateUse),
    /// A kind that this version does not serve; the text names it. Sending to it fails with a located fault.
    Unsupported(Spanned<String>),
}

impl EndpointKind {
    /// The settings of a leaf.
    pub fn leaf_mut(&mut self) -> Option<&mut LeafDef> {
        match self {
            EndpointKind::Address(address) => Some(&mut address.leaf),
            EndpointKind::Wsdl(wsdl) => Some(&mut wsdl.leaf),
            EndpointKind::Default(leaf) => Some(leaf),
            EndpointKind::Http(http) => Some(&mut http.leaf),
            _ => None,
        }
    }
}

/// `key-expression` (spec/endpoints.md 5.2).
#[derive(Debug, Clone)]
pub struct ResolvingDef {
    /// The expression, as written; whoever evaluates it compiles it.
    pub expression: Spanned<String>,
    /// The `endpoint` element, which holds the prefixes that the expression uses.
    pub element: Element,
}

/// `template` (spec/endpoints.md 5.3).
#[derive(Debug, Clone)]
pub struct TemplateUse {
    /// Name of the template.
    pub template: Spanned<String>,
    /// `name` and `uri` of the element and its `parameter` children, in this order.
    pub values: Vec<(String, Spanned<String>)>,
    /// What the template gives with these values; `None` while there is no such template, or when it is wrong.
    pub endpoint: Option<Box<EndpointDef>>,
}

/// `address`.
#[derive(Debug, Clone)]
pub struct AddressDef {
    /// Target; validated: http or https scheme, host, optional port.
    pub uri: Spanned<String>,
    /// Common settings.
    pub leaf: LeafDef,
}

/// `wsdl` (spec/endpoints.md 4.3).
#[derive(Debug, Clone)]
pub struct WsdlDef {
    /// Where the document is.
    pub source: WsdlSource,
    /// `service`.
    pub service: Spanned<Name>,
    /// `port` or `endpoint`.
    pub port: Spanned<Name>,
    /// `ax:refresh`: how often the document is read again; never without it.
    pub refresh: Option<Spanned<Duration>>,
    /// Common settings.
    pub leaf: LeafDef,
}

/// `http` (spec/endpoints.md 4.4).
#[derive(Debug, Clone)]
pub struct HttpDef {
    /// `uri-template`, without the prefix `legacy-encoding:`.
    pub template: Spanned<Template>,
    /// The template had that prefix: its values are encoded already.
    pub legacy: bool,
    /// `method`, in upper case.
    pub method: Option<Spanned<String>>,
    /// `authentication`.
    pub auth: Option<Box<AuthDef>>,
    /// Common settings.
    pub leaf: LeafDef,
}

/// Where a WSDL document is.
#[derive(Debug, Clone)]
pub enum WsdlSource {
    /// `uri`: a path or a URL.
    Uri(Spanned<String>),
    /// Inside the endpoint; the text of a document of its own.
    Inline(Spanned<String>),
}

/// `authentication` of an `http` endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthDef {
    /// `basicAuth`.
    Basic {
        /// `username`.
        user: String,
        /// `password`.
        password: Secret,
    },
    /// `oauth`.
    OAuth(Box<OAuthDef>),
}

/// `oauth`: where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthDef {
    /// How they are asked for.
    pub grant: Grant,
    /// `tokenUrl`; validated like an address.
    pub token_url: Spanned<String>,
    /// `clientId`.
    pub client_id: String,
    /// `clientSecret`.
    pub client_secret: Secret,
    /// `authMode`: client and secret go as Basic authentication, else as parameters.
    pub in_header: bool,
    /// `requestParameters`.
    pub parameters: Vec<(String, Secret)>,
    /// `customHeaders`.
    pub headers: Vec<(String, Secret)>,
    /// `connectionTimeout`.
    pub connect_timeout: Duration,
    /// `socketTimeout`.
    pub response_timeout: Duration,
}

/// The grant of a token request (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `clientCredentials`.
    ClientCredentials,
    /// `authorizationCode`: the refresh token of an earlier authorization.
    RefreshToken(Secret),
    /// `passwordCredentials`.
    Password {
        /// `username`.
        user: String,
        /// `password`.
        password: Secret,
    },
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// `failover`.
#[derive(Debug, Clone)]
pub struct FailoverDef {
    /// Children; never empty.
    pub children: Vec<EndpointDef>,
    /// `dynamic`, default true.
    pub dynamic: bool,
    /// `ax:maxAttempts`: most children that one message may try.
    pub max_attempts: Option<Spanned<u32>>,
    /// `ax:retryNonIdempotent`.
    pub retry_non_idempotent: Option<bool>,
    /// The `failover` element.
    pub span: Span,
}

/// `loadbalance`.
#[derive(Debug, Clone)]
pub struct LoadBalanceDef {
    /// Children or members; never empty, never mixed.
    pub children: LoadBalanceChildren,
    /// `algorithm` or `policy`, as written.
    pub algorithm: Option<Spanned<String>>,
    /// `failover`, default true.
    pub failover: bool,
    /// `ax:maxAttempts`.
    pub max_attempts: Option<Spanned<u32>>,
    /// `ax:retryNonIdempotent`.
    pub retry_non_idempotent: Option<bool>,
    /// `ax:slowStart`, for children that do not say it themselves.
    pub slow_start: Option<Spanned<Duration>>,
    /// `session`.
    pub session: Option<SessionDef>,
    /// The `loadbalance` element.
    pub span: Span,
}

/// What a load-balance group chooses among.
#[derive(Debug, Clone)]
pub enum LoadBalanceChildren {
    /// `endpoint` children.
    Endpoints(Vec<EndpointDef>),
    /// `member` children.
    Members(Vec<MemberDef>),
}

/// `member` (spec/endpoints.md 12).
#[derive(Debug, Clone)]
pub struct MemberDef {
    /// `hostName`, without brackets.
    pub host: Spanned<String>,
    /// `httpPort`.
    pub http_port: Option<u16>,
    /// `httpsPort`.
    pub https_port: Option<u16>,
    /// `ax:weight`.
    pub weight: Option<Spanned<NonZeroU32>>,
    /// Settings of the member's leaf.
    pub leaf: LeafDef,
    /// The element.
    pub span: Span,
}

/// `session` (spec/endpoints.md 14).
#[derive(Debug, Clone)]
pub struct SessionDef {
    /// `type`.
    pub kind: Spanned<SessionKind>,
    /// `sessionTimeout`.
    pub timeout: Option<Spanned<Duration>>,
    /// `ax:expiry="fixed"`; default sliding.
    pub fixed_expiry: bool,
    /// `ax:onUnavailable="rebind"`; default fail.
    pub rebind: bool,
    /// `ax:unknown="forward"`; default strip.
    pub forward_unknown: bool,
    /// `cookie` names; empty = the default list.
    pub cookies: Vec<String>,
}

/// `session/@type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Cookie.
    Http,
    /// SOAP header `ClientID`.
    SimpleClient,
    /// `ServiceGroupId` of Axis2.
    Soap,
}

/// `property` of an endpoint.
#[derive(Debug, Clone)]
pub struct PropertyDef {
    /// `name`.
    pub name: Spanned<String>,
    /// `value` or `expression`.
    pub value: PropertyValue,
    /// `scope`.
    pub scope: Scope,
    /// The element, which holds the prefixes that an expression uses.
    pub element: Element,
}

/// Where a property's value comes from.
#[derive(Debug, Clone)]
pub enum PropertyValue {
    /// `value`.
    Literal(Spanned<String>),
    /// `expression`.
    Expression(Spanned<String>),
}

/// `scope` of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Message property.
    Default,
    /// HTTP header.
    Transport,
    /// Transport settings of the current message.
    Axis2,
    /// Client options.
    Axis2Client,
}
