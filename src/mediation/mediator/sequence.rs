//! `sequence key`: runs a named sequence, with its own `onError` in scope.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};

#[derive(Debug)]
struct Sequence {
    key: SequenceRef,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["key", "onError"], &[]);
    let key = parse.required(element, "key")?;
    if let Some(handler) = element.attribute("onError") {
        parse.bad(
            handler.span,
            "a reference to a sequence cannot have `onError`; the sequence itself may",
        );
        return None;
    }
    let key = parse.sequence(element, key)?;
    Some(Box::new(Sequence { key }))
}

impl Mediator for Sequence {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        scene.enter(&self.key, x)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        self.key.expression()
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{soap11, world};

    #[test]
    fn the_key_is_needed_and_may_be_computed() {
        let text = r#"<sequence name="main"><property name="k" value="s"/><sequence key="{get-property('k')}"/></sequence>
                      <sequence name="s"><log level="custom"><property name="in" value="s"/></log></sequence>"#;
        assert_eq!(
            world(text).clean().run(&mut soap11(), vec![]).log,
            ["INFO in = s"]
        );
        for sequence in ["<sequence/>", "<sequence key='main' onError='main'/>"] {
            let world = world(&format!("<sequence name=\"main\">{sequence}</sequence>"));
            let problems = world.problems();
            assert_eq!(
                (problems[0].0, problems[0].1),
                (DiagnosticCode::BadMediator, Severity::Error),
                "{sequence}"
            );
        }
    }

    #[test]
    fn a_missing_sequence_is_a_warning_and_an_error_for_the_message() {
        let world = world(r#"<sequence name="main"><sequence key="gone"/></sequence>"#);
        assert_eq!(
            world.problems(),
            [(DiagnosticCode::UnknownSequence, Severity::Warning, "gone")]
        );
        assert!(
            world
                .run(&mut soap11(), vec![])
                .body
                .contains("there is no sequence `gone`")
        );
    }
}
