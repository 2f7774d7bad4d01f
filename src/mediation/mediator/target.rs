//! `target` of `clone` and `iterate`: what a copy is told, and the way that it goes (spec/mediation.md 9).

use super::Scene;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::copies::Way;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};

/// See the module.
#[derive(Debug)]
pub struct Target {
    to: Option<String>,
    action: Option<String>,
    sequence: Option<SequenceRef>,
    endpoint: Option<u32>,
}

/// Compiles a `target`; `part` tells it apart from the others of its mediator.
pub(super) fn parse(element: &Element, part: &str, parse: &mut Parse<'_>) -> Option<Target> {
    parse.only(
        element,
        &["to", "soapAction", "sequence", "endpoint"],
        &["sequence", "endpoint"],
    );
    let text = |name: &str| {
        let value = element.attribute(name)?.value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let sequence = match (element.attribute("sequence"), element.child("sequence")) {
        (Some(key), _) => Some(parse.sequence(element, key)?),
        (None, Some(inside)) => match inside.attribute("key") {
            Some(key) => Some(parse.sequence(inside, key)?),
            None => Some(SequenceRef::Known(parse.own_sequence(part, inside))),
        },
        (None, None) => None,
    };
    let endpoint = match (element.attribute("endpoint"), element.child("endpoint")) {
        (Some(key), _) => Some(parse.endpoint_by_key(key)),
        (None, Some(inside)) => Some(parse.endpoint_in(part, inside)?),
        (None, None) => None,
    };
    if sequence.is_none() && endpoint.is_none() {
        parse.warn(
            element.name_span,
            "this target has neither a sequence nor an endpoint",
            "its copy of the message goes nowhere; add one of them",
        );
    }
    Some(Target {
        to: text("to"),
        action: text("soapAction"),
        sequence,
        endpoint,
    })
}

impl Target {
    /// The expression that chooses its sequence.
    pub(super) fn expression(&self) -> Option<&Expression> {
        self.sequence.as_ref()?.expression()
    }

    /// Tells a copy what the target says, and the way that it goes.
    pub(in crate::mediation) fn of_copy(
        &self,
        copy: &mut Exchange,
        scene: &Scene<'_>,
    ) -> Result<Way, Fault> {
        if let Some(to) = &self.to {
            copy.to = Some(to.clone());
        }
        if let Some(action) = &self.action {
            let quoted = format!("\"{}\"", action.trim_matches('"'));
            copy.request.headers.set("SOAPAction", quoted.as_bytes());
        }
        let sequence = match &self.sequence {
            Some(sequence) => Some(scene.find(sequence, copy)?),
            None => None,
        };
        Ok(Way::Through(sequence, self.endpoint))
    }
}
