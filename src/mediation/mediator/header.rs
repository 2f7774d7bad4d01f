//! `header`: the addressing values, header blocks of the envelope, and HTTP header fields with `scope="transport"`
//! (spec/mediation.md 9).
//!
//! `To` and `Action` live outside the envelope (the address that is sent to, the SOAPAction), so no message is read for
//! them. Everything else is a block of the header: one that is set replaces those of its name, as it is documented
//! (recorded: a second one is added); removing takes all of them.

use super::property::set_field;
use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::endpoint::shape::own_media_type;
use crate::exchange::{Direction, Exchange, Fault};
use crate::mediation::content;
use crate::mediation::expression::Expression;
use crate::mediation::fragment::Fragment;
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::addressing::Addressing;
use crate::soap::content::{Content, ContentError, Extent, View};
use crate::soap::envelope::{Format, media_type};
use crate::soap::tree::{EditError, NewName, NodeId};

#[derive(Debug)]
struct Header {
    what: What,
    /// `None` removes.
    value: Option<ValueOf>,
}

#[derive(Debug)]
enum What {
    To,
    Action,
    Field(String),
    /// A block by its name.
    Block(BlockName),
    /// An address (`From`, `ReplyTo`, `FaultTo`) or `RelatesTo` of WS-Addressing.
    Addressing(&'static str),
    /// Blocks as they are written.
    Xml(Vec<Fragment>),
}

#[derive(Debug)]
struct BlockName {
    prefix: String,
    namespace: String,
    local: String,
}

/// What WS-Addressing names besides `To` and `Action`.
const ADDRESSING: &[&str] = &["From", "FaultTo", "ReplyTo", "RelatesTo"];

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let blocks: Vec<&Element> = element
        .elements()
        .filter(|child| !child.is("description"))
        .collect();
    if element.attribute("name").is_none() && !blocks.is_empty() {
        let mut fragments = Vec::new();
        for block in blocks {
            match Fragment::of(block) {
                Ok(fragment) => fragments.push(fragment),
                Err(error) => {
                    parse.bad(block.name_span, error.to_string());
                    return None;
                }
            }
        }
        return Some(Box::new(Header {
            what: What::Xml(fragments),
            value: Some(ValueOf::Literal(String::new())),
        }));
    }
    parse.only(
        element,
        &["name", "value", "expression", "action", "scope"],
        &[],
    );
    let name = parse.required(element, "name")?;
    let transport = parse.word(
        element,
        "scope",
        &[("default", false), ("soap", false), ("transport", true)],
    )?;
    let remove = parse.word(element, "action", &[("set", false), ("remove", true)])?;
    let what = match name.value.as_str() {
        field if transport => What::Field(field.to_owned()),
        "To" => What::To,
        "Action" => What::Action,
        other => match ADDRESSING.iter().find(|known| **known == other) {
            Some(known) => What::Addressing(known),
            None => match block_name(other, element) {
                Ok(block) => What::Block(block),
                Err(text) => {
                    parse.bad(name.span, text);
                    return None;
                }
            },
        },
    };
    let value = match remove {
        true => None,
        false => Some(parse.value(element)?),
    };
    Some(Box::new(Header { what, value }))
}

/// A qualified name; without a prefix it is in the default namespace of its element (recorded).
fn block_name(text: &str, element: &Element) -> Result<BlockName, String> {
    let (prefix, local) = text.split_once(':').unwrap_or(("", text));
    let namespace = element.prefix(prefix).unwrap_or_default();
    if namespace.is_empty() {
        return Err(match prefix {
            "" => format!("the SOAP header `{text}` is in no namespace; header blocks have one"),
            prefix => format!("the prefix `{prefix}` of the SOAP header is not declared here"),
        });
    }
    // Told here, where the place is known, rather than by every message.
    let mut tree = crate::soap::tree::Tree::new();
    let name = NewName::new(prefix, namespace, local);
    tree.create_element(name).map_err(|e| e.to_string())?;
    Ok(BlockName {
        prefix: prefix.to_owned(),
        namespace: namespace.to_owned(),
        local: local.to_owned(),
    })
}

impl Header {
    fn apply(&self, x: &mut Exchange) -> Result<(), Fault> {
        let value = match &self.value {
            Some(value) => Some(value.text(x)?.into_owned()),
            None => None,
        };
        match (&self.what, value) {
            (What::To, value) if x.direction == Direction::Request => {
                x.to = Some(value.unwrap_or_default())
            }
            (What::To, _) => {}
            (What::Action, Some(action)) => set_action(x, &action)?,
            // The field of a message that nobody reads stays (recorded).
            (What::Action, None) => {}
            // The formatter says what a message is (recorded).
            (What::Field(name), Some(_)) if name.eq_ignore_ascii_case("Content-Type") => {}
            (What::Field(name), Some(value)) => set_field(x, name, &value)?,
            (What::Field(name), None) => {
                if let Some(headers) = message::headers_mut(x) {
                    headers.remove(name);
                }
            }
            (What::Block(name), value) => {
                let (namespace, local) = (name.namespace.as_str(), name.local.as_str());
                self.block(x, namespace, local, |view, header| match value {
                    Some(value) => {
                        let name = NewName::new(&name.prefix, namespace, local);
                        let block = view.tree.add_element(header, name)?;
                        view.tree.set_text(block, &value);
                        Ok(())
                    }
                    None => Ok(()),
                })?;
            }
            (What::Addressing(local), value) => {
                let namespace = addressing_namespace(x);
                self.block(x, namespace, local, |view, header| match value {
                    Some(value) => address(view, header, (namespace, local), &value),
                    None => Ok(()),
                })?;
            }
            (What::Xml(fragments), _) => {
                let view = content::envelope_mut(x)?;
                for fragment in fragments {
                    let added = view.header().and_then(|header| {
                        let copy = fragment.put(&mut view.tree);
                        view.tree.append(header, copy)
                    });
                    added.map_err(|e| content::refused("", &ContentError::Edit(e)))?;
                }
            }
        }
        Ok(())
    }

    /// Takes out the blocks of a name, and lets another be put there.
    fn block(
        &self,
        x: &mut Exchange,
        namespace: &str,
        local: &str,
        add: impl FnOnce(&mut View, NodeId) -> Result<(), EditError>,
    ) -> Result<(), Fault> {
        let old: Vec<NodeId> = match x.content().map(Content::view) {
            Some(Ok(view)) => Content::header(&view.tree)
                .iter()
                .flat_map(|header| view.tree.elements(*header))
                .filter(|block| view.tree.is(*block, namespace, local))
                .collect(),
            _ => Vec::new(),
        };
        if old.is_empty() && self.value.is_none() {
            return Ok(());
        }
        let view = content::envelope_mut(x)?;
        for block in old {
            view.tree.detach(block);
        }
        let header = match self.value {
            Some(_) => view.header(),
            None => return Ok(()),
        };
        header
            .and_then(|header| add(view, header))
            .map_err(|e| content::refused("", &ContentError::Edit(e)))
    }
}

/// The version of WS-Addressing that a message speaks already, else the final one.
fn addressing_namespace(x: &Exchange) -> &'static str {
    let submission = Addressing::Submission.namespace();
    match x.content().map(Content::view) {
        Some(Ok(view)) => {
            let mut blocks = Content::header(&view.tree)
                .into_iter()
                .flat_map(|header| view.tree.elements(header));
            match blocks.any(|block| view.tree.name(block).namespace == submission) {
                true => submission,
                false => Addressing::Final.namespace(),
            }
        }
        _ => Addressing::Final.namespace(),
    }
}

/// An endpoint reference; `RelatesTo` is a plain value.
fn address(
    view: &mut View,
    header: NodeId,
    (namespace, local): (&str, &str),
    value: &str,
) -> Result<(), EditError> {
    let name = |local| NewName::new("wsa", namespace, local);
    let block = view.tree.add_element(header, name(local))?;
    let inner = match local {
        "RelatesTo" => block,
        _ => view.tree.add_element(block, name("Address"))?,
    };
    view.tree.set_text(inner, value);
    Ok(())
}

fn set_action(x: &mut Exchange, action: &str) -> Result<(), Fault> {
    // The media type carries the action in one version and makes room for a field in the other, so a converted answer
    // is labelled anew here, as what it now is.
    if x.direction == Direction::Response
        && let Some(format) = x.answer_format
    {
        set_field(x, "Content-Type", &own_media_type(format))?;
    }
    let quotable: String = action
        .chars()
        .filter(|c| !matches!(c, '"' | '\\'))
        .collect();
    if message::format(x) != Format::Soap12 {
        return set_field(x, "SOAPAction", &format!("\"{quotable}\""));
    }
    let written = message::headers(x)
        .and_then(|h| h.find("Content-Type"))
        .unwrap_or_default();
    let written = String::from_utf8_lossy(written).into_owned();
    let media = String::from_utf8_lossy(media_type(written.as_bytes())).into_owned();
    let others = written
        .split(';')
        .skip(1)
        .map(str::trim)
        .filter(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            !name.trim().eq_ignore_ascii_case("action")
        });
    let mut text = media;
    for parameter in others {
        text.push_str("; ");
        text.push_str(parameter);
    }
    set_field(x, "Content-Type", &format!("{text}; action=\"{quotable}\""))
}

impl Mediator for Header {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.apply(x) {
            Ok(()) => Step::Next,
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        self.value.as_ref()?.expression()
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        match self.what {
            What::To | What::Action | What::Field(_) => None,
            What::Block(_) | What::Addressing(_) | What::Xml(_) => Some(Extent::Whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::exchange::{Body, Exchange};
    use crate::mediation::testing::{Sent, soap11, soap11_with, soap12, world};

    fn run(x: &mut Exchange, mediators: &str) {
        world(&format!("<sequence name=\"main\">{mediators}</sequence>"))
            .clean()
            .run(x, vec![]);
    }

    #[test]
    fn to_is_where_a_send_without_an_endpoint_goes() {
        let text = r#"<sequence name="main"><in><header name="To" value="http://b1/plain/send"/><send/></in><out><send/></out></sequence>"#;
        let mut x = soap11();
        let seen = world(text).clean().run(&mut x, vec![Sent::Answer(200)]);
        assert_eq!((seen.status, seen.sent), (200, vec!["to".to_owned()]));
        assert_eq!(x.to.as_deref(), Some("http://b1/plain/send"));
        let mut x = soap11();
        run(&mut x, r#"<header name="To" action="remove"/>"#);
        assert_eq!(x.to.as_deref(), Some(""));
    }

    #[test]
    fn the_action_is_written_where_the_soap_version_has_it() {
        let text = r#"<header name="Action" expression="concat('urn:', 'new')"/>"#;
        let mut x = soap11();
        run(&mut x, text);
        assert_eq!(
            x.request.headers.find("SOAPAction"),
            Some(&b"\"urn:new\""[..])
        );
        let mut x = soap12();
        run(&mut x, text);
        let media = &b"application/soap+xml; charset=UTF-8; action=\"urn:new\""[..];
        assert_eq!(x.request.headers.find("Content-Type"), Some(media));
        assert_eq!(x.request.headers.find("SOAPAction"), None);
        // Removing it keeps the field of a message that nobody reads.
        let mut x = soap11();
        run(&mut x, r#"<header name="Action" action="remove"/>"#);
        assert_eq!(
            x.request.headers.find("SOAPAction"),
            Some(&b"\"urn:getQuote\""[..])
        );
    }

    #[test]
    fn transport_fields_are_set_and_removed() {
        let mut x = soap11();
        run(
            &mut x,
            r#"<header name="X-A" value="1" scope="transport"/><header name="soapaction" action="remove" scope="transport"/>"#,
        );
        assert_eq!(x.request.headers.find("x-a"), Some(&b"1"[..]));
        assert_eq!(x.request.headers.find("SOAPAction"), None);
    }

    /// The envelope that goes out, its body and namespaces left out.
    fn header_after(x: &mut Exchange, mediators: &str) -> String {
        let text = format!(
            "<sequence name=\"main\">{mediators}<send><endpoint key=\"e\"/></send></sequence>"
        );
        world(&text).clean().run(x, vec![Sent::OneWay]);
        let Body::Whole(bytes) = &x.request_body else {
            panic!("it is held");
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let start = text.find("<s:Header").unwrap();
        text[start..text.find("<s:Body").unwrap()].to_owned()
    }

    #[test]
    fn blocks_are_set_replaced_and_removed() {
        let old = "<k:A xmlns:k='urn:k'>1</k:A><k:B xmlns:k='urn:k'/><A xmlns='urn:other'/>";
        let around = |inner: &str| format!("<s:Header>{inner}</s:Header>");
        for (mediator, want) in [
            (
                r#"<header xmlns:k="urn:k" name="k:A" expression="concat('n','ew')"/>"#,
                around(
                    "<k:B xmlns:k='urn:k'/><A xmlns='urn:other'/><k:A xmlns:k=\"urn:k\">new</k:A>",
                ),
            ),
            (
                r#"<header xmlns:k="urn:k" name="k:A" action="remove"/>"#,
                around("<k:B xmlns:k='urn:k'/><A xmlns='urn:other'/>"),
            ),
            (
                r#"<header xmlns:k="urn:k" name="k:None" action="remove"/>"#,
                around(old),
            ),
            (
                r#"<header name="Plain" value="1"/>"#,
                around(&format!(
                    "{old}<Plain xmlns=\"http://ws.apache.org/ns/synapse\">1</Plain>"
                )),
            ),
            (
                r#"<header><t:T xmlns:t="urn:t" a="1"><t:V>9</t:V></t:T></header>"#,
                around(&format!(
                    "{old}<t:T a=\"1\" xmlns:t=\"urn:t\"><t:V>9</t:V></t:T>"
                )),
            ),
        ] {
            let got = header_after(&mut soap11_with(old, "<a/>"), mediator);
            assert_eq!(
                got.replace('\'', "\""),
                want.replace('\'', "\""),
                "{mediator}"
            );
        }
    }

    #[test]
    fn addresses_are_blocks_of_the_version_that_the_message_speaks() {
        let set =
            r#"<header name="ReplyTo" value="http://r/"/><header name="RelatesTo" value="urn:1"/>"#;
        for namespace in [
            "http://www.w3.org/2005/08/addressing",
            "http://schemas.xmlsoap.org/ws/2004/08/addressing",
        ] {
            let old =
                format!("<w:ReplyTo xmlns:w=\"{namespace}\"/><w:To xmlns:w=\"{namespace}\"/>");
            let got = header_after(&mut soap11_with(&old, "<a/>"), set);
            assert_eq!(
                got,
                format!(
                    "<s:Header><w:To xmlns:w=\"{namespace}\"/><wsa:ReplyTo xmlns:wsa=\"{namespace}\"><wsa:Address>http://r/</wsa:Address></wsa:ReplyTo>\
                     <wsa:RelatesTo xmlns:wsa=\"{namespace}\">urn:1</wsa:RelatesTo></s:Header>"
                )
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused_when_it_is_loaded() {
        for header in [
            "<header/>",
            "<header name=\"To\"/>",
            "<header name=\"p:n\" value=\"x\"/>",
            "<header xmlns:p=\"u\" name=\"p:1\" value=\"x\"/>",
        ] {
            let world = world(&format!("<sequence name=\"main\">{header}</sequence>"));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(codes, [DiagnosticCode::BadMediator], "{header}");
        }
    }
}
