//! `iterate`: a copy of the message for each node that an expression selects (spec/mediation.md 9).
//!
//! A copy holds the node in place of the payload, or, with `preservePayload`, the whole message with that node alone below
//! `attachPath`. What becomes of the copies is as with `clone`.

use super::target::{self, Target};
use super::{Mediator, Scene, Step, most};
use crate::codes::ErrorCode;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::content;
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;
use crate::soap::content::{Content, Extent, View};
use crate::soap::tree::NodeId;
use crate::soap::xpath::Value;

/// Most parts of one message.
const PARTS_MAX: usize = 4096;
/// Most bytes of the trees of one message's parts.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Iterate {
    /// What `aggregate` calls its copies.
    pub id: Option<String>,
    /// True when the message itself goes on.
    pub goes_on: bool,
    /// True when a copy goes its way after the one before it is through.
    pub in_order: bool,
    expression: Expression,
    preserve: bool,
    attach: Option<Expression>,
    /// Where the copies go.
    pub target: Target,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let known = [
        "id",
        "expression",
        "continueParent",
        "preservePayload",
        "attachPath",
        "sequential",
    ];
    parse.only(element, &known, &["target"]);
    let goes_on = parse.flag(element, "continueParent")?;
    let in_order = parse.flag(element, "sequential")?;
    let preserve = parse.flag(element, "preservePayload")?;
    let expression = parse.required(element, "expression");
    let expression = expression.and_then(|text| parse.expression(element, text));
    let attach = match element.attribute("attachPath") {
        Some(path) if !preserve => {
            parse.bad(path.span, "`attachPath` needs preservePayload=\"true\"");
            return None;
        }
        Some(path) => Some(parse.expression(element, path)?),
        None => None,
    };
    let mut targets = element.elements().filter(|e| e.is("target"));
    let Some(first) = targets.next() else {
        parse.bad(element.name_span, "`iterate` needs a `target`");
        return None;
    };
    if let Some(second) = targets.next() {
        parse.warn(
            second.name_span,
            "`iterate` has a second target",
            "only the first is used; put a `clone` into its sequence",
        );
    }
    let target = target::parse(first, "target", parse);
    Some(Box::new(Iterate {
        id: element.attribute("id").map(|id| id.value.clone()),
        goes_on,
        in_order,
        expression: expression?,
        preserve,
        attach,
        target: target?,
    }))
}

impl Mediator for Iterate {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Iterate(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most([
            Some(&self.expression),
            self.attach.as_ref(),
            self.target.expression(),
        ])
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        Some(Extent::Whole)
    }
}

impl Iterate {
    /// The parts of a message, which was read whole.
    pub fn parts(&self, x: &Exchange) -> Result<Vec<Content>, Fault> {
        let nodes = nodes(&self.expression, x)?;
        if nodes.len() > PARTS_MAX {
            let text = format!("iterate: {} parts are more than {PARTS_MAX}", nodes.len());
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        let Some(content) = x.content() else {
            return Ok(Vec::new());
        };
        let place = self.expression.place();
        let refused = |error| content::refused(place, &error);
        let view = content.view().map_err(refused)?;
        let around = match self.preserve {
            true => Some(self.around(x, view, &nodes)?),
            false => None,
        };
        let mut size = 0;
        let mut parts = Vec::with_capacity(nodes.len());
        for node in nodes {
            let part = match &around {
                Some((around, at)) => {
                    let mut part = around.clone();
                    part.tree.append(*at, node).map(|()| part)
                }
                None => only(view, node),
            };
            let part = part.map_err(|error| refused(error.into()))?;
            size += part.tree.size();
            if size > BYTES_MAX {
                let text = format!("iterate: the parts are larger than {BYTES_MAX} bytes");
                return Err(Fault::new(ErrorCode::NONE, text));
            }
            parts.push(Content::made(part, content.content_type()));
        }
        Ok(parts)
    }

    /// The message without the nodes, and where one of them goes.
    fn around(&self, x: &Exchange, view: &View, nodes: &[NodeId]) -> Result<(View, NodeId), Fault> {
        let mut around = view.clone();
        for node in nodes {
            around.tree.detach(*node);
        }
        let at = match &self.attach {
            Some(attach) => self::nodes(attach, x)?.first().copied(),
            None => Content::body(&view.tree),
        };
        at.map(|at| (around, at)).ok_or_else(|| {
            let place = self.attach.as_ref().map_or("", Expression::place);
            let text = format!("iterate: attachPath at {place} selects nothing");
            Fault::new(ErrorCode::NONE, text)
        })
    }
}

/// The nodes that an expression selects in a message.
pub(in crate::mediation) fn nodes(
    expression: &Expression,
    x: &Exchange,
) -> Result<Vec<NodeId>, Fault> {
    Ok(match expression.evaluate(x)? {
        Value::Nodes(items) => items.into_iter().filter_map(|item| item.node()).collect(),
        _ => Vec::new(),
    })
}

/// The message with that node as its payload.
pub(super) fn only(view: &View, node: NodeId) -> Result<View, crate::soap::tree::EditError> {
    let mut part = view.holding(&[node], true)?;
    if Content::header(&view.tree).is_none()
        && let Some(made) = Content::header(&part.tree)
    {
        part.tree.detach(made);
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{Sent, soap11_with, world};

    const ITEMS: &str = "<l><keep/><i>A</i><i>B</i></l>";

    fn run(attributes: &str, target: &str, sends: usize) -> (u16, String, Vec<String>) {
        let text = format!(
            r#"<sequence name="main"><in><iterate expression="//i" {attributes}><target>{target}</target></iterate><respond/></in>
               <out><log level="custom"><property name="copy" expression="get-property('messageSequence')"/></log><drop/></out></sequence>"#
        );
        let seen = world(&text).clean().run(
            &mut soap11_with("<h/>", ITEMS),
            vec![Sent::Answer(200); sends],
        );
        (seen.status, seen.body, seen.log)
    }

    const SHOW: &str = r#"<sequence><log level="custom"><property name="m" expression="."/></log><send><endpoint key="e"/></send></sequence>"#;

    #[test]
    fn a_copy_holds_one_node_and_the_header() {
        let (status, _, log) = run("", SHOW, 2);
        assert_eq!(status, 202);
        assert!(
            log[0].contains("<s:Header><h/></s:Header><s:Body><i>A</i></s:Body>"),
            "{}",
            log[0]
        );
        assert!(
            log.iter()
                .any(|line| line.contains("<s:Body><i>B</i></s:Body>"))
        );
        assert!(log.contains(&"INFO copy = 1/2".to_owned()));
    }

    #[test]
    fn a_copy_holds_the_message_around_its_node_where_that_is_preserved() {
        let (_, _, log) = run(
            r#"preservePayload="true" attachPath="//l" sequential="true""#,
            SHOW,
            2,
        );
        assert!(log[0].contains("<l><keep/><i>A</i></l>"), "{}", log[0]);
        let (status, body, _) = run(r#"preservePayload="true" attachPath="//gone""#, SHOW, 0);
        assert!(
            status == 500 && body.contains("attachPath at t.xml:1:"),
            "{body}"
        );
    }

    #[test]
    fn the_message_itself_goes_on_unchanged_and_one_without_parts_is_accepted() {
        let (status, body, _) = run(r#"continueParent="true""#, SHOW, 2);
        assert!(status == 200 && body.contains(ITEMS), "{body}");
        let none = r#"<sequence name="main"><iterate expression="//none"><target sequence="main"/></iterate></sequence>"#;
        let seen = world(none).clean().run(&mut soap11_with("", ITEMS), vec![]);
        assert_eq!(seen.status, 202);
    }

    #[test]
    fn attach_path_needs_the_message_to_be_preserved_and_there_is_one_target() {
        let world = world(
            r#"<sequence name="main"><iterate expression="//i" attachPath="//l"><target sequence="main"/></iterate>
               <iterate expression="//i"><target sequence="main"/><target sequence="main"/></iterate><iterate expression="//i"/></sequence>"#,
        );
        let bad = DiagnosticCode::BadMediator;
        assert_eq!(
            world.problems(),
            [
                (bad, Severity::Error, "//l"),
                (bad, Severity::Warning, "<target"),
                (bad, Severity::Error, "<iterate"),
            ]
        );
    }
}
