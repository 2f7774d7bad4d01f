//! `makefault`: the current message becomes a fault (spec/mediation.md 9; recordings of the topic error).
//!
//! Without `version` the message's own format decides; a SOAP 1.2 code on a SOAP 1.1 message stays as it is. After a
//! request without a body the fault has none either, only its status 500. It does not send.

mod code;
mod detail;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{Mediator, Scene, Step, most};
use crate::config::xml::Element;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::mediation::answer::{fault_media_type, fault_version};
use crate::mediation::content::{OF_OLD_BYTES, refused};
use crate::mediation::expression::Expression;
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::blocks::HeaderBlocks;
use crate::soap::content::{Content, Extent};
use crate::soap::envelope::Format;
use crate::soap::fault::{FaultCode, FaultText, FaultVersion};
use crate::transport::head::ResponseHead;
use crate::transport::headers::Headers;
use code::CodeOf;
use detail::DetailOf;

#[derive(Debug)]
struct MakeFault {
    version: Option<FaultVersion>,
    response: bool,
    code: Option<CodeOf>,
    reason: Option<ValueOf>,
    node: Option<String>,
    role: Option<String>,
    detail: DetailOf,
}

const VERSIONS: &[(&str, Option<FaultVersion>)] = &[
    ("", None),
    ("soap11", Some(FaultVersion::Soap11)),
    ("soap12", Some(FaultVersion::Soap12)),
    ("pox", Some(FaultVersion::Pox)),
];

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &["version", "response"],
        &["code", "reason", "node", "role", "detail"],
    );
    let version = parse.word(element, "version", VERSIONS)?;
    let response = parse.word(element, "response", &[("true", true), ("false", false)])?;
    let mut complete = true;
    let pox = version == Some(FaultVersion::Pox);
    let code = match element.child("code") {
        Some(code) => CodeOf::parse(code, version, parse),
        None => None,
    };
    if code.is_none() && !pox {
        // A code that is there has been reported by its own parser.
        if element.child("code").is_none() {
            parse.bad(element.name_span, "`makefault` needs a `code`");
        }
        complete = false;
    }
    let reason = match element.child("reason") {
        Some(reason) => parse.value(reason),
        None => None,
    };
    if reason.is_none() && !pox {
        if element.child("reason").is_none() {
            parse.bad(element.name_span, "`makefault` needs a `reason`");
        }
        complete = false;
    }
    let detail = DetailOf::parse(element.child("detail"), parse)?;
    let text = |name: &str| {
        element
            .child(name)
            .map(Element::text)
            .filter(|t| !t.is_empty())
    };
    complete.then(|| -> Box<dyn Mediator> {
        Box::new(MakeFault {
            version,
            response,
            code,
            reason,
            node: text("node"),
            role: text("role"),
            detail,
        })
    })
}

impl MakeFault {
    fn apply(&self, x: &mut Exchange, fields: &[String]) -> Result<(), Fault> {
        let format = message::format(x);
        let version = self.version.unwrap_or_else(|| fault_version(format));
        // The headers of a message stay on the fault made of it, as far as anybody has read them.
        let blocks = match (x.direction, version.namespace()) {
            (_, Some(_)) if x.content().is_some_and(Content::was_viewed) => of_tree(x),
            (Direction::Request, Some(namespace)) => x
                .read_header()
                .and_then(|read| HeaderBlocks::read(read, namespace))
                .or_else(|| x.fault_blocks.clone()),
            _ => None,
        };
        let (media_type, body) = match has_body(x) {
            true => {
                let fault = self.write(x, version, blocks.as_ref())?;
                match format {
                    // Plain XML is answered with plain XML (recorded).
                    Format::Pox => (
                        Some(fault_media_type(FaultVersion::Pox, "")),
                        Body::Whole(bare(fault)?),
                    ),
                    _ => (
                        Some(fault_media_type(version, message::action(x))),
                        Body::Whole(fault),
                    ),
                }
            }
            false => (None, Body::Empty),
        };
        if self.response || x.direction == Direction::Response {
            // Of an answer that is made a fault the other fields stay (recorded).
            let answer = x.response.take();
            let kept = answer.filter(|_| x.direction == Direction::Response);
            let mut head = ResponseHead::new(500);
            head.headers = kept.map(|answer| answer.headers).unwrap_or_default();
            head.headers.remove("Content-Type");
            for name in OF_OLD_BYTES {
                head.headers.remove(name);
            }
            if let Some(media_type) = media_type {
                head.headers.append(b"Content-Type", media_type.as_bytes());
            }
            if x.direction == Direction::Request {
                give_back(&x.request.headers, fields, &mut head.headers);
            }
            x.response = Some(head);
            x.response_body = body;
            x.direction = Direction::Response;
        } else {
            if let Some(media_type) = media_type {
                x.request.headers.set("Content-Type", media_type.as_bytes());
            }
            x.request_body = body;
        }
        x.fault_made = true;
        x.forget_content();
        Ok(())
    }

    fn write(
        &self,
        x: &Exchange,
        version: FaultVersion,
        blocks: Option<&HeaderBlocks>,
    ) -> Result<Bytes, Fault> {
        let code = match &self.code {
            Some(code) => code.resolve(x)?,
            None => FaultCode::server(version),
        };
        let reason = match &self.reason {
            Some(reason) => reason.text(x)?,
            None => "".into(),
        };
        let detail = self.detail.text(x)?;
        let text = FaultText {
            code: &code,
            reason: &reason,
            node: self.node.as_deref(),
            role: self.role.as_deref(),
            detail: detail.as_detail(),
            blocks,
        };
        Ok(text.write(version))
    }
}

/// The fault goes back under fields of the request, as the original sends all of them back (recorded): of those only the
/// ones of its own that the configuration decides by. The first of each name.
fn give_back(request: &Headers, fields: &[String], answer: &mut Headers) {
    for name in fields {
        if let Some(value) = request.find(name) {
            let value = value.to_vec();
            answer.append(name.as_bytes(), &value);
        }
    }
}

/// The header blocks of the current message as its tree has them.
fn of_tree(x: &Exchange) -> Option<HeaderBlocks> {
    let view = x.content()?.view().ok()?;
    let header = Content::header(&view.tree)?;
    let mut content = String::new();
    for block in view.tree.elements(header) {
        view.tree.write(block, &mut content);
    }
    let declarations = String::new();
    (!content.is_empty()).then_some(HeaderBlocks {
        declarations,
        content,
    })
}

/// The fault without its envelope.
fn bare(fault: Bytes) -> Result<Bytes, Fault> {
    let content = Content::new(fault, Extent::Whole, Format::Pox, b"application/xml");
    let view = content.view().map_err(|e| refused("", &e))?;
    Ok(match view.payload().filter(|_| !view.framed) {
        Some(payload) => Bytes::from(view.tree.to_xml(payload)),
        None => content.bytes().clone(),
    })
}

/// False for a fault in answer to a request without a body, unless the configuration took NO_ENTITY_BODY away.
fn has_body(x: &Exchange) -> bool {
    match x.axis2.value("NO_ENTITY_BODY") {
        Some(set) => set != "true",
        None => x.direction == Direction::Response || !message::is_bodyless(x),
    }
}

impl Mediator for MakeFault {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        match self.apply(x, scene.fields) {
            Ok(()) => Step::Next,
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most([
            self.code.as_ref().and_then(CodeOf::expression),
            self.reason.as_ref().and_then(ValueOf::expression),
            self.detail.expression(),
        ])
    }
}
