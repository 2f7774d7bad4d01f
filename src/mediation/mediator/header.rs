//! `header`: the addressing values `To` and `Action`, and HTTP header fields with `scope="transport"`.
//!
//! Both values live outside the envelope (the address that is sent to, the SOAPAction), so no body is needed. SOAP header
//! blocks and the other addressing values would have to be written into the envelope: not supported yet.

use super::property::set_field;
use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::{Direction, Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::envelope::{Format, media_type};

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
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    if let Some(child) = element.elements().find(|child| !child.is("description")) {
        parse.unsupported(
            child.name_span,
            "a SOAP header block as it is written is not supported yet",
        );
        return None;
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
        other => {
            let text = format!(
                "the SOAP header `{other}` is not supported yet; To, Action and transport headers are"
            );
            parse.unsupported(name.span, &text);
            return None;
        }
    };
    let value = match remove {
        true => None,
        false => Some(parse.value(element)?),
    };
    Some(Box::new(Header { what, value }))
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
            (What::Field(name), Some(value)) => set_field(x, name, &value)?,
            (What::Field(name), None) => {
                if let Some(headers) = message::headers_mut(x) {
                    headers.remove(name);
                }
            }
        }
        Ok(())
    }
}

fn set_action(x: &mut Exchange, action: &str) -> Result<(), Fault> {
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
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::exchange::Exchange;
    use crate::mediation::testing::{Sent, soap11, soap12, world};

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

    #[test]
    fn what_needs_the_envelope_is_not_supported_yet() {
        for (header, code) in [
            ("<header/>", DiagnosticCode::BadMediator),
            ("<header name=\"To\"/>", DiagnosticCode::BadMediator),
            (
                "<header name=\"ReplyTo\" value=\"x\"/>",
                DiagnosticCode::NotSupportedYet,
            ),
            (
                "<header name=\"p:n\" value=\"x\"/>",
                DiagnosticCode::NotSupportedYet,
            ),
            ("<header><a/></header>", DiagnosticCode::NotSupportedYet),
        ] {
            let world = world(&format!("<sequence name=\"main\">{header}</sequence>"));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(codes, [code], "{header}");
        }
    }
}
