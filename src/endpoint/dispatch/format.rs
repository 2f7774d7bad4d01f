//! Messages of leaves with format settings: read whole, changed, and changed back for the client.

use bytes::Bytes;

use super::Dispatch;
use super::request::{BROKE_OFF, Place, answer_refused};
use crate::codes::ErrorCode;
use crate::endpoint::shape::{Asked, Field, NewBody, Shape, Shaped, Suffix};
use crate::endpoint::tree::{Needs, NodeId};
use crate::exchange::{Body, Exchange, Fault};
use crate::soap::addressing::Addressing;
use crate::soap::blocks::HeaderBlocks;
use crate::soap::content::{Content, Notation, Wanted, Written};
use crate::soap::envelope::{self, Format};
use crate::soap::{escape_text, media::MediaType};
use crate::transport::head::Method;
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;
use crate::transport::upstream::Answer;
use crate::transport::whole::{WholeError, WholeLimits};

/// What a try did to the request that its answer depends on.
#[derive(Debug)]
pub struct Changed {
    /// What the leaf makes of messages now.
    pub shape: Shape,
    /// What the client spoke.
    pub client: Format,
    /// The message id that the back end saw and the client's.
    pub relation: Option<(String, String)>,
}

impl Dispatch<'_> {
    /// Reads the request's body whole where a leaf changes it. False: it cannot be read, and the client was told so.
    pub(super) async fn hold_body(&self, x: &mut Exchange, needs: Needs) -> Result<bool, Fault> {
        let wanted = needs.body || needs.body_unless_parts && !is_multipart(x);
        let Some(client) = x
            .client
            .as_mut()
            .filter(|_| wanted && x.request_body == Body::Incoming)
        else {
            return Ok(true);
        };
        let limits = &self.worker.limits;
        let read = client.read_whole(WholeLimits::of(limits)).await;
        self.worker.look();
        match read {
            Ok(bytes) => x.request_body = Body::held(bytes),
            Err(WholeError::TooLong(most)) => {
                return Err(Fault::new(
                    ErrorCode::MESSAGE_PARSE,
                    format!(
                        "the endpoint changes messages, and this one is longer than [limits] message_bytes ({most})"
                    ),
                ));
            }
            Err(WholeError::BrokeOff | WholeError::Gone) => {
                answer_refused(x, BROKE_OFF);
                return Ok(false);
            }
            Err(WholeError::Refused(refused)) => {
                answer_refused(x, refused);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a leaf sends in place of the request.
    pub(super) fn shape(
        &self,
        x: &mut Exchange,
        leaf: NodeId,
        shape: Shape,
        place: &Place<'_>,
    ) -> Result<(Shaped, Changed), Fault> {
        let known = self
            .endpoints
            .leaf(leaf)
            .and_then(|l| l.target.wsdl()?.current());
        let shape = shape.of_port(known.map(|k| k.format));
        let set = |name: &str| {
            let value = x.properties.value(name);
            value.is_some_and(|v| v.eq_ignore_ascii_case("true"))
        };
        let body = match &x.request_body {
            Body::Whole(bytes) => Some(&bytes[..]),
            Body::Empty | Body::Incoming => None,
        };
        let framed = match shape.frames() {
            true => several(x, self.worker.limits.message_bytes),
            false => None,
        };
        let headers = &x.request.headers;
        let to = place.address();
        let (content_type, body) = match &framed {
            Some(framed) => (
                framed.content_type.as_deref().map(str::as_bytes),
                Some(&framed.body[..]),
            ),
            None => (headers.value(Name::ContentType), body),
        };
        let asked = Asked {
            content_type,
            soap_action: headers.value(Name::SoapAction),
            content_encoding: headers.find("Content-Encoding"),
            body,
            to: &to,
            preserve: set("PRESERVE_WS_ADDRESSING") || set("preserveProcessedHeaders"),
            get_form: self.policy.get_form,
            limit: self.worker.limits.message_bytes,
            chance: [self.worker.random(), self.worker.random()],
        };
        let client = client_format(x);
        // What mediators have changed of an envelope goes to a REST endpoint without it (recorded).
        let bare = x.rewritten && shape.is_rest() && client.is_soap();
        let made = match bare {
            true => shape.bare().request(&asked),
            false => shape.request(&asked),
        };
        match made {
            Ok(mut shaped) => {
                if bare {
                    shaped.suffix = Suffix::Always;
                }
                if let (Some(framed), NewBody::Same) = (framed, &shaped.body) {
                    shaped.body = NewBody::Bytes(framed.body.to_vec());
                    shaped.content_type = framed.content_type.map_or(Field::Remove, Field::Set);
                }
                let relation = shaped.relation.take();
                let changed = Changed {
                    shape,
                    client,
                    relation,
                };
                Ok((shaped, changed))
            }
            Err(problem) => {
                let fault = self.unreadable(leaf, &shape, &problem);
                x.fault_blocks = Some(self.blocks(x));
                Err(fault)
            }
        }
    }

    fn unreadable(&self, leaf: NodeId, shape: &Shape, problem: &str) -> Fault {
        let path = &self.endpoints.node(leaf).path;
        let text = format!(
            "endpoint {path} ({}) cannot read the message: {problem}",
            shape.describe()
        );
        Fault::new(ErrorCode::NONE, text)
    }

    /// The addressing blocks that the originals give a fault about a message that nobody could read (recorded).
    fn blocks(&self, x: &Exchange) -> HeaderBlocks {
        let id = || crate::endpoint::shape::uuid([self.worker.random(), self.worker.random()]);
        let headers = &x.request.headers;
        let action = envelope::action(
            headers.value(Name::SoapAction),
            headers.value(Name::ContentType),
        );
        let mut content = format!("<wsa:MessageID>{}</wsa:MessageID>", id());
        if !action.is_empty() {
            content.push_str("<wsa:Action>");
            escape_text(&mut content, action);
            content.push_str("</wsa:Action>");
        }
        content.push_str(&format!("<wsa:RelatesTo>{}</wsa:RelatesTo>", id()));
        HeaderBlocks {
            declarations: format!(" xmlns:wsa=\"{}\"", Addressing::Final.namespace()),
            content,
        }
    }

    /// Reads an answer whole and changes it back, where that is needed: its body, else `None`.
    pub(super) async fn change_back(
        &self,
        x: &mut Exchange,
        leaf: NodeId,
        changed: &Changed,
        answer: &mut Answer,
    ) -> Result<Option<Bytes>, Fault> {
        let shape = &changed.shape;
        let headers = &answer.head.headers;
        let related = changed.relation.is_some();
        let content_type = headers.value(Name::ContentType);
        if answer.upstream.framing == Framing::None
            || matches!(answer.head.status, 100..=199 | 204 | 304)
            || x.request_body == Body::Incoming && answer.upstream.sending.is_some()
            || !shape.reads_answer(changed.client, related, content_type)
        {
            return Ok(None);
        }
        let limits = &self.worker.limits;
        let read = answer.upstream.read_whole(WholeLimits::of(limits)).await;
        self.worker.look();
        let failed = |problem: &str| {
            let path = &self.endpoints.node(leaf).path;
            let text = format!(
                "endpoint {path} ({}) cannot change the answer back: {problem}",
                shape.describe()
            );
            Fault::new(ErrorCode::RESPONSE_PROCESSING, text)
        };
        let bytes = read.map_err(|unread| match unread {
            WholeError::TooLong(most) => failed(&format!(
                "it is longer than [limits] message_bytes ({most})"
            )),
            WholeError::BrokeOff | WholeError::Gone => {
                Fault::new(ErrorCode::RECEIVE_FAILED, "the answer broke off")
            }
            WholeError::Refused(refused) => {
                Fault::new(ErrorCode::PROTOCOL_VIOLATION, refused.reason)
            }
        })?;
        let made = shape.answer(
            changed.client,
            changed.relation.as_ref(),
            (content_type, headers.find("Content-Encoding")),
            &bytes,
            (
                self.policy.relabel_answers,
                limits.message_bytes,
                self.worker.random(),
            ),
        );
        let Some(made) = made.map_err(|problem| failed(&problem))? else {
            return Ok(Some(bytes.into()));
        };
        match &made.content_type {
            Some(value) => answer.head.headers.set("Content-Type", value.as_bytes()),
            None => {
                answer.head.headers.remove("Content-Type");
            }
        }
        // SOAP 1.1 knows no other status for a fault (section 6.2).
        if made.fault
            && changed.client == Format::Soap11
            && (400..500).contains(&answer.head.status)
        {
            answer.head.status = 500;
            answer.head.set_reason(b"");
        }
        x.answer_format = Some(changed.client);
        Ok(Some(made.body.into()))
    }
}

fn is_multipart(x: &Exchange) -> bool {
    let content_type = x.request.headers.value(Name::ContentType);
    MediaType::parse(content_type.unwrap_or_default()).is_multipart()
}

/// The envelope around plain XML that mediators have put further elements beside: as plain XML only the first of them is
/// written, and an endpoint that sends envelopes sends them all (recorded).
fn several(x: &Exchange, limit: usize) -> Option<Written> {
    let content = x.content().filter(|content| content.was_viewed())?;
    let view = content.view().ok().filter(|view| view.framed)?;
    let body = Content::body(&view.tree)?;
    let several = content.notation() == Notation::Xml && view.tree.elements(body).nth(1).is_some();
    let wanted = Wanted {
        notation: Some(Notation::Soap11),
        limit,
        ..Wanted::default()
    };
    several.then(|| content.write(&wanted).ok())?
}

fn client_format(x: &Exchange) -> Format {
    let bodyless = x.request_body == Body::Empty
        && matches!(
            x.request.method,
            Method::Get | Method::Head | Method::Delete
        );
    Format::of(x.request.headers.value(Name::ContentType), bodyless)
}
