//! `call` and `callout`: send the message, or a part of it, wait, and go on in the same flow with the answer in its place or
//! in a place of the message (spec/mediation.md 9). Nothing blocks here, whatever `blocking` says.

use super::send::Send;
use super::{Mediator, Scene, Step, iterate, most};
use crate::codes::ErrorCode;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, PropertyType};
use crate::mediation::expression::Expression;
use crate::mediation::fragment::Fragment;
use crate::mediation::parse::Parse;
use crate::mediation::{SendTo, content};
use crate::soap::content::{Content, Extent, View};
use crate::soap::tree::{NodeId, Tree};

/// See the module.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub send: Send,
    /// What is sent, when it is not the message itself.
    pub part: Option<Box<Part>>,
}

/// A message of its own that is sent, and where the answer goes.
#[derive(Debug)]
pub struct Part {
    source: Source,
    target: Target,
    /// The action, else the message's own.
    action: Option<String>,
    /// True when the blocks of the header go along.
    header: bool,
    /// The code of a failure, when it is another one than that of the send.
    code: Option<ErrorCode>,
}

#[derive(Debug)]
enum Source {
    Envelope,
    Body,
    Nodes(Expression),
    Property(String),
    Inline(Box<Fragment>),
}

#[derive(Debug)]
enum Target {
    Envelope,
    Body,
    Nodes(Expression),
    Property(String),
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &[
            "blocking",
            "initAxis2ClientOptions",
            "axis2xml",
            "repository",
        ],
        &["endpoint", "source", "target"],
    );
    parse.flag(element, "blocking")?;
    let to = match element.child("endpoint") {
        Some(endpoint) => SendTo::Endpoint(parse.endpoint(endpoint)?),
        None => SendTo::ToOfMessage,
    };
    let (source, target) = (element.child("source"), element.child("target"));
    let part = match (source, target) {
        (None, None) => None,
        _ => Some(Box::new(Part {
            source: match source {
                Some(source) => call_source(source, parse)?,
                None => Source::Envelope,
            },
            target: match target {
                Some(target) => call_target(target, parse)?,
                None => Target::Envelope,
            },
            action: None,
            header: true,
            code: None,
        })),
    };
    Some(Box::new(Call {
        send: Send::new(to, parse.place(element)),
        part,
    }))
}

fn inner(element: &Element) -> Spanned<String> {
    Spanned::new(element.text().trim().to_owned(), element.name_span)
}

fn call_source(element: &Element, parse: &mut Parse<'_>) -> Option<Source> {
    const KINDS: &[(&str, &str)] = &[
        ("custom", "custom"),
        ("property", "property"),
        ("inline", "inline"),
        ("body", "body"),
        ("envelope", "envelope"),
    ];
    Some(match parse.word(element, "type", KINDS)? {
        "property" => Source::Property(inner(element).value),
        "inline" => match element.elements().next().map(Fragment::of) {
            Some(Ok(fragment)) => Source::Inline(Box::new(fragment)),
            Some(Err(error)) => {
                parse.bad(element.name_span, error.to_string());
                return None;
            }
            None => {
                parse.unsupported(
                    element.name_span,
                    "an inline source that is no XML is not supported yet",
                );
                return None;
            }
        },
        "body" => Source::Body,
        "envelope" => Source::Envelope,
        _ => Source::Nodes(parse.expression(element, &inner(element))?),
    })
}

fn call_target(element: &Element, parse: &mut Parse<'_>) -> Option<Target> {
    const KINDS: &[(&str, &str)] = &[
        ("custom", "custom"),
        ("property", "property"),
        ("variable", "property"),
        ("body", "body"),
        ("envelope", "envelope"),
    ];
    Some(match parse.word(element, "type", KINDS)? {
        "property" => Target::Property(inner(element).value),
        "body" => Target::Body,
        "envelope" => Target::Envelope,
        _ => Target::Nodes(parse.expression(element, &inner(element))?),
    })
}

pub(super) fn parse_callout(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &[
            "serviceURL",
            "action",
            "passHeaders",
            "initAxis2ClientOptions",
        ],
        &["configuration", "endpoint", "source", "target", "enableSec"],
    );
    if let Some(secured) = element.child("enableSec") {
        parse.unsupported(secured.name_span, "message security is not supported");
        return None;
    }
    let header = parse.flag(element, "passHeaders")?;
    let to = match (element.attribute("serviceURL"), element.child("endpoint")) {
        (Some(url), _) => SendTo::Endpoint(parse.address(url)?),
        (None, Some(endpoint)) => SendTo::Endpoint(parse.endpoint(endpoint)?),
        (None, None) => SendTo::ToOfMessage,
    };
    let by = |child: &Element, name: &str| child.attribute(name).cloned();
    let source = match element.child("source") {
        None => Source::Envelope,
        Some(source) => match (by(source, "xpath"), by(source, "key")) {
            (Some(xpath), _) => Source::Nodes(parse.expression(source, &xpath)?),
            (None, Some(key)) => Source::Property(key.value),
            (None, None) => {
                parse.bad(source.name_span, "`source` needs `xpath` or `key`");
                return None;
            }
        },
    };
    let target = match element.child("target") {
        None => Target::Envelope,
        Some(target) => match (by(target, "xpath"), by(target, "key")) {
            (Some(xpath), _) => Target::Nodes(parse.expression(target, &xpath)?),
            (None, Some(key)) => Target::Property(key.value),
            (None, None) => {
                parse.bad(target.name_span, "`target` needs `xpath` or `key`");
                return None;
            }
        },
    };
    Some(Box::new(Call {
        send: Send::new(to, parse.place(element)),
        part: Some(Box::new(Part {
            source,
            target,
            action: element.attribute("action").map(|a| a.value.clone()),
            header,
            code: Some(ErrorCode::CALLOUT_FAILED),
        })),
    }))
}

impl Mediator for Call {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Ask(self)
    }

    fn looks<'a>(&'a self, scene: &Scene<'a>) -> Option<&'a Expression> {
        most(self.asks(scene).into_iter().map(Some))
    }

    fn asks<'a>(&'a self, _: &Scene<'a>) -> Vec<&'a Expression> {
        let Some(part) = self.part.as_deref() else {
            return Vec::new();
        };
        let source = match &part.source {
            Source::Nodes(expression) => Some(expression),
            _ => None,
        };
        let target = match &part.target {
            Target::Nodes(expression) => Some(expression),
            _ => None,
        };
        source.into_iter().chain(target).collect()
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        self.part.as_ref().map(|_| Extent::Whole)
    }
}

fn edit(error: crate::soap::tree::EditError) -> Fault {
    content::refused("", &error.into())
}

impl Part {
    /// What is sent instead of the current message.
    pub fn message(&self, x: &Exchange) -> Result<Content, Fault> {
        let Some(content) = x.content() else {
            return Err(Fault::new(ErrorCode::NONE, "the message was not read"));
        };
        let view = content
            .view()
            .map_err(|error| content::refused("", &error))?;
        let nodes = |nodes: &[NodeId]| view.holding(nodes, self.header).map_err(edit);
        let sent: View = match &self.source {
            Source::Envelope => view.clone(),
            Source::Body => nodes(view.payload().as_slice())?,
            Source::Nodes(expression) => {
                let found = iterate::nodes(expression, x)?;
                if found.is_empty() {
                    let text = format!("the source at {} selects nothing", expression.place());
                    return Err(Fault::new(ErrorCode::NONE, text));
                }
                nodes(&found)?
            }
            Source::Property(name) => {
                let text = x.properties.value(name).unwrap_or_default();
                let parsed = Fragment::parse(text).map_err(|error| {
                    let text = format!("the property `{name}` is no XML that can be sent: {error}");
                    Fault::new(ErrorCode::NONE, text)
                })?;
                self.around(view, &parsed)?
            }
            Source::Inline(fragment) => self.around(view, fragment)?,
        };
        Ok(Content::made(sent, content.content_type()))
    }

    fn around(&self, view: &View, fragment: &Fragment) -> Result<View, Fault> {
        let mut sent = view.holding(&[], self.header).map_err(edit)?;
        let body = sent.body().map_err(edit)?;
        let payload = fragment.put(&mut sent.tree);
        sent.tree.append(body, payload).map_err(edit)?;
        Ok(sent)
    }

    /// The action that the message is sent with, when it is not its own.
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// Puts the answer, which was read whole, where it belongs.
    pub fn put(&self, answer: &Exchange, x: &mut Exchange) -> Result<(), Fault> {
        let view = match answer.content().map(Content::view) {
            Some(Ok(view)) => Some(view),
            Some(Err(error)) => return Err(content::refused("", &error)),
            None => None,
        };
        let payload = view.and_then(|view| Some((&view.tree, view.payload()?)));
        match &self.target {
            Target::Envelope => {
                if let Some(view) = view {
                    let media = x.content().map(|c| c.content_type().to_vec());
                    x.keep_content(Content::made(view.clone(), &media.unwrap_or_default()));
                }
            }
            Target::Property(name) => {
                let text = payload.map(|(tree, node)| Fragment::copy(tree, node).to_xml());
                let text = text.unwrap_or_default();
                x.properties
                    .set_typed(name.clone(), text, PropertyType::Xml);
            }
            Target::Body => {
                let place = x.content().and_then(|c| c.view().ok()?.payload());
                let places: Vec<NodeId> = place.into_iter().collect();
                self.replace(&places, payload, x)?;
            }
            Target::Nodes(expression) => {
                let places = iterate::nodes(expression, x)?;
                if places.is_empty() {
                    let text = format!("the target at {} selects nothing", expression.place());
                    return Err(Fault::new(ErrorCode::NONE, text));
                }
                self.replace(&places[..1], payload, x)?;
            }
        }
        Ok(())
    }

    fn replace(
        &self,
        places: &[NodeId],
        payload: Option<(&Tree, NodeId)>,
        x: &mut Exchange,
    ) -> Result<(), Fault> {
        let view = content::envelope_mut(x)?;
        let new = payload.map(|(tree, node)| view.tree.copy(tree, node));
        match (places.first(), new) {
            (Some(place), Some(new)) => view.tree.replace(*place, new).map_err(edit)?,
            (Some(place), None) => view.tree.detach(*place),
            (None, Some(new)) => {
                let body = view.body().map_err(edit)?;
                view.tree.append(body, new).map_err(edit)?;
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The fault of a send that failed.
    pub fn failed(&self, fault: Fault) -> Fault {
        match self.code {
            Some(code) => {
                let text = format!("the callout failed: {} {}", fault.code, fault.message);
                Fault::detailed(code, text, &*fault.detail)
            }
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::ErrorCode;
    use crate::mediation::testing::{Sent, soap11_with, world};

    #[test]
    fn the_flow_goes_on_with_the_answer_as_its_message() {
        let text = r#"<sequence name="main"><in><property name="kept" value="yes"/>
            <call blocking="true"><endpoint key="a"/></call>
            <log level="custom"><property name="seen" expression="concat(get-property('kept'), ' ', get-property('axis2', 'HTTP_SC'))"/></log>
            <call><endpoint key="b"/></call><respond/></in></sequence>"#;
        let first = Sent::Body("application/xml", "<first/>");
        let second = Sent::Body("application/json", "{}");
        let mut x = soap11_with("", "");
        let seen = world(text).clean().run(&mut x, vec![first, second]);
        assert_eq!((seen.status, seen.body.as_str()), (200, "{}"));
        assert_eq!(seen.content_type.as_deref(), Some("application/json"));
        assert_eq!(
            (seen.sent, seen.log),
            (
                vec!["key:a".to_owned(), "key:b".to_owned()],
                vec!["INFO seen = yes 200".to_owned()]
            )
        );
    }

    #[test]
    fn a_call_in_the_response_flow_changes_the_answer_and_a_failed_one_is_an_error_there() {
        let text = r#"<sequence name="main"><in><send><endpoint key="a"/></send></in>
            <out><call><endpoint key="b"/></call><send/></out></sequence>"#;
        let a = Sent::Body("text/xml", "<a/>");
        let seen = world(text).clean().run(
            &mut soap11_with("", ""),
            vec![a.clone(), Sent::Body("text/xml", "<b/>")],
        );
        assert_eq!((seen.status, seen.body.as_str()), (200, "<b/>"));
        let seen = world(text).clean().run(
            &mut soap11_with("", ""),
            vec![a, Sent::Fails(ErrorCode::CONNECT_FAILED)],
        );
        assert!(
            seen.status == 500 && seen.body.contains("101503"),
            "{}",
            seen.body
        );
    }

    const ANSWER: Sent = Sent::Body(
        "text/xml",
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><a>7</a></s:Body></s:Envelope>",
    );

    fn changed(mediator: &str, answer: impl Into<Option<Sent>>) -> (u16, String, Vec<String>) {
        let text = format!(
            r#"<sequence name="main"><in>{mediator}<log level="custom"><property name="kept" expression="get-property('kept')"/></log><respond/></in></sequence>"#
        );
        let mut x = soap11_with("<h/>", "<q><w/></q>");
        let seen = world(&text)
            .clean()
            .run(&mut x, answer.into().into_iter().collect());
        (seen.status, seen.body, seen.log)
    }

    #[test]
    fn a_callout_puts_the_answer_into_the_message() {
        let into = |source: &str, target: &str| {
            format!(r#"<callout serviceURL="http://b/" action="urn:c">{source}{target}</callout>"#)
        };
        let (_, body, _) = changed(
            &into(r#"<source xpath="//q"/>"#, r#"<target xpath="//w"/>"#),
            ANSWER,
        );
        assert!(
            body.contains("<h/>") && body.contains("<q><a>7</a></q>"),
            "{body}"
        );
        let (_, body, log) = changed(&into("", r#"<target key="kept"/>"#), ANSWER);
        assert!(body.contains("<q><w/></q>"), "{body}");
        assert_eq!(log, ["INFO kept = <a>7</a>"]);
        let (_, body, _) = changed(&into("", ""), ANSWER);
        assert!(!body.contains("<q>") && body.contains("<a>7</a>"), "{body}");
        // The property holds the answer as XML, which can be the payload again.
        let again =
            r#"<enrich><source type="property" property="kept"/><target type="body"/></enrich>"#;
        let kept = into(r#"<source xpath="//w"/>"#, r#"<target key="kept"/>"#) + again;
        let (_, body, _) = changed(&kept, ANSWER);
        assert!(body.contains("<s:Body><a>7</a></s:Body>"), "{body}");
        let failed = Sent::Fails(ErrorCode::CONNECT_FAILED);
        let (status, body, _) = changed(&into("", ""), failed);
        assert!(
            status == 500 && body.contains("401000") && body.contains("101503"),
            "{body}"
        );
    }

    #[test]
    fn a_call_of_a_part_leaves_the_rest_of_the_message_alone() {
        let call = |source: &str, target: &str| {
            format!(r#"<call><endpoint key="e"/>{source}{target}</call>"#)
        };
        let (_, _, log) = changed(
            &call(
                r#"<source type="inline"><n xmlns=""/></source>"#,
                r#"<target type="property">kept</target>"#,
            ),
            ANSWER,
        );
        assert_eq!(log, ["INFO kept = <a>7</a>"]);
        let (_, body, _) = changed(
            &call(
                r#"<source type="custom">//w</source>"#,
                r#"<target type="body"/>"#,
            ),
            ANSWER,
        );
        assert!(
            body.contains("<h/>") && body.contains("<s:Body><a>7</a></s:Body>"),
            "{body}"
        );
        let (status, body, _) =
            changed(&call(r#"<source type="custom">//none</source>"#, ""), None);
        assert!(status == 500 && body.contains("selects nothing"), "{body}");
    }
}
