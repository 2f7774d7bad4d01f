//! `foreach`: takes each node that an expression selects through a sequence, one after the other, as the payload of the message;
//! what the sequence makes of it takes the node's place (WSO2; spec/mediation.md 9).

use super::iterate::{self, only};
use super::{Mediator, Scene, Step, most};
use crate::codes::ErrorCode;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::content;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};
use crate::soap::content::{Content, Extent};
use crate::soap::tree::NodeId;

/// Most nodes of one message.
const NODES_MAX: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub struct ForEach {
    expression: Expression,
    /// What each node goes through.
    pub sequence: SequenceRef,
    /// True when an error concerns its node only.
    pub goes_on: bool,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &["expression", "sequence", "id", "continueLoopOnFailure"],
        &["sequence"],
    );
    let expression = parse.required(element, "expression");
    let expression = expression.and_then(|text| parse.expression(element, text));
    let sequence = match (element.attribute("sequence"), element.child("sequence")) {
        (Some(key), _) => parse.sequence(element, key),
        (None, Some(inside)) => Some(SequenceRef::Known(parse.own_sequence("sequence", inside))),
        (None, None) => {
            parse.bad(element.name_span, "`foreach` needs a sequence");
            None
        }
    };
    Some(Box::new(ForEach {
        expression: expression?,
        sequence: sequence?,
        goes_on: parse.flag(element, "continueLoopOnFailure")?,
    }))
}

impl Mediator for ForEach {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::ForEach(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most([Some(&self.expression), self.sequence.expression()])
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        Some(Extent::Whole)
    }
}

impl ForEach {
    /// The nodes of a message, which was read whole.
    pub fn nodes(&self, x: &Exchange) -> Result<Vec<NodeId>, Fault> {
        let nodes = iterate::nodes(&self.expression, x)?;
        match nodes.len() > NODES_MAX {
            true => {
                let text = format!("foreach: {} nodes are more than {NODES_MAX}", nodes.len());
                Err(Fault::new(ErrorCode::NONE, text))
            }
            false => Ok(nodes),
        }
    }

    /// The message with that node alone.
    pub fn part(&self, whole: &Content, node: NodeId) -> Result<Content, Fault> {
        let refused = |error| content::refused(self.expression.place(), &error);
        let view = whole.view().map_err(refused)?;
        let part = only(view, node).map_err(|error| refused(error.into()))?;
        Ok(Content::made(part, whole.content_type()))
    }

    /// Puts what became of a part in the place of its node; what became of nothing takes it out.
    pub fn put(
        &self,
        whole: &mut Content,
        node: NodeId,
        part: Option<&Content>,
    ) -> Result<(), Fault> {
        let refused = |error| content::refused(self.expression.place(), &error);
        let made = match part {
            Some(part) => {
                let view = part.view().map_err(refused)?;
                view.payload().map(|payload| (&view.tree, payload))
            }
            None => None,
        };
        let tree = &mut whole.view_mut().map_err(refused)?.tree;
        match made {
            Some((from, payload)) => {
                let new = tree.copy(from, payload);
                let put = tree.replace(node, new);
                put.map_err(|error| refused(error.into()))
            }
            None => {
                tree.detach(node);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mediation::testing::{soap11_with, world};

    const ITEMS: &str = "<l><i>A</i><k/><i>B</i></l>";

    fn run(sequence: &str, attributes: &str) -> (u16, String) {
        let text = format!(
            r#"<sequence name="main"><in><foreach expression="//i" {attributes}><sequence>{sequence}</sequence></foreach>
               <log level="custom"><property name="n" expression="get-property('n')"/></log><respond/></in></sequence>"#
        );
        let seen = world(&text)
            .clean()
            .run(&mut soap11_with("", ITEMS), vec![]);
        (seen.status, seen.body)
    }

    #[test]
    fn what_a_sequence_makes_of_a_node_takes_its_place() {
        let factory = r#"<payloadFactory><format><o xmlns="">$1</o></format><args><arg expression="//i"/></args></payloadFactory>"#;
        let (status, body) = run(factory, "");
        assert!(
            status == 200 && body.contains("<l><o>A</o><k/><o>B</o></l>"),
            "{body}"
        );
        let (_, body) = run(r#"<property name="n" value="1"/>"#, "");
        assert!(body.contains(ITEMS), "{body}");
    }

    #[test]
    fn an_error_ends_the_loop_unless_it_concerns_its_node_only() {
        let fails = r#"<filter xpath="//i = 'A'"><then><sequence key="{'gone'}"/></then><else><payloadFactory><format><o xmlns=""/></format></payloadFactory></else></filter>"#;
        let (status, body) = run(fails, "");
        assert!(
            status == 500 && body.contains("no sequence `gone`"),
            "{body}"
        );
        let (status, body) = run(fails, r#"continueLoopOnFailure="true""#);
        assert!(
            status == 200 && body.contains("<l><i>A</i><k/><o/></l>"),
            "{body}"
        );
    }
}
