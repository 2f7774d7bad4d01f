//! Tests of mediation: configurations from text, messages, and a scripted sender.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::*;
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::Severity;
use crate::config::model::{
    AddressDef, EndpointDef, EndpointKind, LeafDef, SequenceDef, UnsupportedDef,
};
use crate::config::source::{FileId, Span, Spanned};
use crate::config::xml::{Attribute, Element, Node};
use bytes::Bytes;

use crate::exchange::{Arrival, CopyReport};
use crate::soap::content::Extent;
use crate::transport::head::RequestHead;
use crate::util::clock::Tick;

/// A compiled configuration and what was said about it.
pub struct World {
    pub mediation: Mediation,
    pub model: Model,
    pub endpoints: Names,
    problems: Diagnostics,
}

/// Endpoints by number: `key:NAME` or `inline:POSITION`.
#[derive(Default)]
pub struct Names(pub Vec<String>);

impl EndpointNames for Names {
    fn inline(&mut self, position: &str, _: &EndpointDef) -> u32 {
        self.0.push(format!("inline:{position}"));
        self.0.len() as u32 - 1
    }

    fn key(&mut self, key: &Spanned<String>) -> u32 {
        self.0.push(format!("key:{}", key.value));
        self.0.len() as u32 - 1
    }
}

/// Compiles the children of a `definitions` element.
pub fn world(inner: &str) -> World {
    world_with_default(inner, None)
}

pub fn world_with_default(inner: &str, default: Option<&str>) -> World {
    let text = format!(
        "<definitions xmlns=\"{}\">{inner}</definitions>",
        crate::config::SYNAPSE_NS
    );
    let document = roxmltree::Document::parse(&text).unwrap();
    let mut model = Model::default();
    let file = model.sources.add(Path::new("t.xml"), text.clone());
    for node in document
        .root_element()
        .children()
        .filter(|n| n.is_element())
    {
        let element = element(node, file);
        let name = element.attribute("name").cloned();
        match element.name.as_str() {
            "sequence" => model.sequences.push(SequenceDef {
                name: name.unwrap(),
                on_error: element.attribute("onError").cloned(),
                apart: false,
                element,
            }),
            "proxy" if element.child("target").is_some() => {
                let mut problems = Diagnostics::default();
                let def = crate::config::proxy::parse(&element, name.unwrap(), &mut problems);
                model.proxies.push(def.unwrap());
            }
            "api" if element.child("handlers").is_none() => {
                let mut problems = Diagnostics::default();
                let def = crate::config::api::parse(&element, name.unwrap(), &mut problems);
                assert!(problems.list().is_empty(), "{:?}", problems.list());
                model.apis.push(def.unwrap());
            }
            "template" => {
                let mut problems = Diagnostics::default();
                let name = name.unwrap();
                let def = crate::config::sequence_template::define(&element, name, &mut problems);
                model.sequence_templates.push(def.unwrap());
            }
            "endpoint" => model
                .endpoints
                .push(endpoint(&element, &mut Diagnostics::default()).unwrap()),
            // As it is written: it declares its own namespaces.
            "localEntry" => {
                let inside = node.first_element_child().unwrap().range();
                let key = element.attribute("key").unwrap().value.clone();
                model.texts.insert(key, text[inside].into());
            }
            _ => model.unsupported.push(UnsupportedDef {
                kind: element.name.clone(),
                name: name.map(|n| n.value),
                element,
            }),
        }
    }
    let mut endpoints = Names::default();
    let mut problems = Diagnostics::default();
    let library = Library::new(&model.sources, &model.root);
    let mediation = Mediation::build(
        &model,
        default,
        &mut endpoints,
        endpoint,
        &library,
        &mut problems,
    );
    drop(library);
    World {
        mediation,
        model,
        endpoints,
        problems,
    }
}

pub fn element(node: roxmltree::Node<'_, '_>, file: FileId) -> Element {
    let span = |range: std::ops::Range<usize>| Span {
        file,
        start: range.start as u32,
        end: range.end as u32,
    };
    let whole = node.range();
    Element {
        name: node.tag_name().name().to_owned(),
        namespace: node.tag_name().namespace().unwrap_or_default().to_owned(),
        attributes: node
            .attributes()
            .map(|a| Attribute {
                name: a.name().to_owned(),
                namespace: a.namespace().unwrap_or_default().to_owned(),
                value: Spanned::new(a.value().to_owned(), span(a.range_value())),
                name_span: span(a.range_qname()),
            })
            .collect(),
        children: node
            .children()
            .filter_map(|child| match child.node_type() {
                roxmltree::NodeType::Element => Some(Node::Element(element(child, file))),
                roxmltree::NodeType::Text => Some(Node::Text(Spanned::new(
                    child.text()?.to_owned(),
                    span(child.range()),
                ))),
                _ => None,
            })
            .collect(),
        prefixes: node
            .namespaces()
            // Only what holds here: a default namespace that is taken back does not.
            .filter(|n| !n.uri().is_empty() && node.lookup_namespace_uri(n.name()) == Some(n.uri()))
            .map(|n| (n.name().unwrap_or_default().to_owned(), n.uri().to_owned()))
            .collect(),
        name_span: span(whole.start..whole.start + 1 + node.tag_name().name().len()),
        span: span(whole),
    }
}

fn endpoint(element: &Element, _: &mut Diagnostics) -> Option<EndpointDef> {
    let kind = match (element.attribute("key"), element.child("address")) {
        (Some(key), _) => EndpointKind::Indirect(key.clone()),
        (None, Some(address)) => EndpointKind::Address(AddressDef {
            uri: address.attribute("uri")?.clone(),
            leaf: LeafDef::default(),
        }),
        (None, None) => return None,
    };
    Some(EndpointDef {
        name: element.attribute("name").cloned(),
        kind,
        on_error: None,
        properties: Vec::new(),
        description: None,
        span: element.span,
    })
}

impl World {
    /// Code, severity and the marked text of every problem.
    pub fn problems(&self) -> Vec<(DiagnosticCode, Severity, &str)> {
        let text = |span: Span| {
            &self.model.sources.file(span.file).text[span.start as usize..span.end as usize]
        };
        self.problems
            .list()
            .iter()
            .map(|d| (d.code, d.severity, text(d.span)))
            .collect()
    }

    /// Asserts that nothing was said about the configuration.
    pub fn clean(self) -> Self {
        assert!(
            self.problems.list().is_empty(),
            "{:?}",
            self.problems.list()
        );
        self
    }

    /// Sends a message through.
    pub fn run(&self, x: &mut Exchange, sends: Vec<Sent>) -> Seen {
        let script = Script {
            sends: RefCell::new(sends.into()),
            to: RefCell::default(),
            read: RefCell::default(),
            asides: RefCell::default(),
            rests: RefCell::default(),
        };
        let log = Log::default();
        let cx = Cx {
            sender: &script,
            log: &log,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let over = Cell::new(false);
            let handled = async {
                self.mediation.handle(x, &cx).await;
                over.set(true);
            };
            let beside = async {
                loop {
                    let aside = script.asides.borrow_mut().pop_front();
                    if let Some((aside, report)) = aside {
                        let done = self.mediation.aside(aside, &cx).await;
                        let _ = report.done(done);
                        continue;
                    }
                    let rest = script.rests.borrow_mut().pop_front();
                    match rest {
                        Some(rest) => self.mediation.behind(rest, &cx).await,
                        None if over.get() => break,
                        None => tokio::task::yield_now().await,
                    }
                }
            };
            tokio::join!(handled, beside);
        });
        assert!(x.replied, "every message is answered");
        assert!(script.sends.borrow().is_empty(), "not everything was sent");
        let names = |to: &SendTo| match to {
            SendTo::Endpoint(id) => self.endpoints.0[*id as usize].clone(),
            SendTo::ToOfMessage => "to".to_owned(),
        };
        let response = x.response.as_ref().unwrap();
        Seen {
            status: response.status,
            content_type: response
                .headers
                .find("Content-Type")
                .map(|v| String::from_utf8(v.to_vec()).unwrap()),
            body: match &x.response_body {
                Body::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Body::Empty => String::new(),
                Body::Incoming => "incoming".to_owned(),
            },
            sent: script.to.borrow().iter().map(names).collect(),
            read: script.read.take(),
            log: log.0.into_inner(),
        }
    }
}

/// What the client, the back ends and the log saw.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: String,
    pub sent: Vec<String>,
    /// How far messages were read for expressions.
    pub read: Vec<Extent>,
    pub log: Vec<String>,
}

/// How a send turns out.
#[derive(Clone)]
pub enum Sent {
    Answer(u16),
    Body(&'static str, &'static str),
    Empty(u16),
    OneWay,
    Fails(ErrorCode),
}

struct Script {
    sends: RefCell<VecDeque<Sent>>,
    to: RefCell<Vec<SendTo>>,
    read: RefCell<Vec<Extent>>,
    asides: RefCell<VecDeque<(Aside, CopyReport)>>,
    rests: RefCell<VecDeque<Rest>>,
}

impl Sender for Script {
    fn send<'a>(
        &'a self,
        x: &'a mut Exchange,
        to: SendTo,
    ) -> LocalBoxFuture<'a, Result<(), Fault>> {
        self.to.borrow_mut().push(to);
        let sent = self
            .sends
            .borrow_mut()
            .pop_front()
            .expect("a send that nobody expected");
        Box::pin(async move {
            match sent {
                Sent::Answer(status) => {
                    let mut head = ResponseHead::new(status);
                    head.headers.append(b"Content-Type", b"text/xml");
                    x.response = Some(head);
                    x.response_body = Body::Incoming;
                    Ok(())
                }
                Sent::Body(media, body) => {
                    let mut head = ResponseHead::new(200);
                    head.headers.append(b"Content-Type", media.as_bytes());
                    x.response = Some(head);
                    x.response_body = Body::Whole(body.into());
                    Ok(())
                }
                Sent::Empty(status) => {
                    x.response = Some(ResponseHead::new(status));
                    x.response_body = Body::Empty;
                    Ok(())
                }
                Sent::OneWay => Ok(()),
                Sent::Fails(code) => Err(Fault::detailed(code, "it < failed", "")),
            }
        })
    }

    fn read<'a>(
        &'a self,
        x: &'a mut Exchange,
        extent: Extent,
    ) -> LocalBoxFuture<'a, Result<Option<ReadBytes>, Fault>> {
        let body = match x.direction {
            Direction::Request => &x.request_body,
            Direction::Response => &x.response_body,
        };
        let bytes = match body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Empty => Bytes::new(),
            // One that stays where it is has no header that says anything.
            Body::Incoming if extent == Extent::Header => Bytes::new(),
            Body::Incoming => panic!("a test reads a message that it has not made"),
        };
        let end = String::from_utf8_lossy(&bytes).find("</s:Header>");
        let read = match (extent, end) {
            (Extent::Header, Some(end)) => ReadBytes {
                bytes: bytes.slice(..end + "</s:Header>".len()),
                extent,
            },
            _ => ReadBytes {
                bytes,
                extent: Extent::Whole,
            },
        };
        self.read.borrow_mut().push(read.extent);
        Box::pin(async move { Ok(Some(read)) })
    }

    fn hold<'a>(&'a self, _: &'a mut Exchange) -> LocalBoxFuture<'a, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }

    fn discard<'a>(&'a self, _: &'a mut Exchange) -> LocalBoxFuture<'a, ()> {
        Box::pin(async {})
    }

    fn aside(&self, copies: Vec<Aside>, _: bool, report: CopyReport) -> bool {
        let copies = copies.into_iter().map(|copy| (copy, report.clone()));
        self.asides.borrow_mut().extend(copies);
        true
    }

    fn behind(&self, rest: Rest) {
        self.rests.borrow_mut().push_back(rest);
    }
}

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl LogSink for Log {
    fn enabled(&self, category: Category) -> bool {
        category != Category::Trace
    }

    fn log(&self, category: Category, text: &str) {
        self.0.borrow_mut().push(format!("{category} {text}"));
    }
}

/// A request with that method, target and content type; with a body when it has a content type.
pub fn request(method: &str, target: &str, content_type: Option<&str>) -> Exchange {
    let mut head = RequestHead::default();
    head.set_method(method.as_bytes());
    head.set_target(target.as_bytes());
    head.headers.append(b"Host", b"axon");
    let mut body = Body::Empty;
    if let Some(content_type) = content_type {
        head.headers
            .append(b"Content-Type", content_type.as_bytes());
        body = Body::Incoming;
    }
    let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 4711));
    let arrival = Arrival {
        peer,
        local: peer,
        https: false,
        inside: false,
    };
    Exchange::new(arrival, Tick(1), head, body)
}

/// A SOAP 1.1 request.
pub fn soap11() -> Exchange {
    let mut x = request(
        "POST",
        "/services/StockQuote",
        Some("text/xml; charset=UTF-8"),
    );
    x.request.headers.append(b"SOAPAction", b"\"urn:getQuote\"");
    x
}

/// A SOAP 1.2 request.
pub fn soap12() -> Exchange {
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:getQuote\"";
    request("POST", "/services/StockQuote", Some(media))
}

/// A plain XML request.
pub fn pox() -> Exchange {
    request(
        "POST",
        "/services/StockQuote/extra",
        Some("application/xml"),
    )
}

/// A GET request.
pub fn get() -> Exchange {
    request("GET", "/services/StockQuote?symbol=IBM", None)
}

/// A SOAP 1.1 request with this content of Header and Body; prefix `s`.
pub fn soap11_with(header: &str, body: &str) -> Exchange {
    let mut x = soap11();
    let namespace = crate::soap::envelope::SOAP11_NS;
    let text = format!(
        "<s:Envelope xmlns:s=\"{namespace}\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    );
    x.request_body = Body::Whole(text.into());
    x
}
