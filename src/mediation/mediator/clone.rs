//! `clone`: a copy of the message for each target, each on a way of its own (spec/mediation.md 9).
//!
//! The copies share the body. Their answers go through the response flow one by one, numbered for `aggregate`. The message
//! itself ends here, unless `continueParent` is set.

use super::target::{self, Target};
use super::{Mediator, Scene, Step, most};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;

/// See the module.
#[derive(Debug)]
pub struct Clone {
    /// What `aggregate` calls its copies.
    pub id: Option<String>,
    /// True when the message itself goes on.
    pub goes_on: bool,
    /// True when a copy goes its way after the one before it is through.
    pub in_order: bool,
    /// Where the copies go.
    pub targets: Vec<Target>,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &["id", "continueParent", "sequential"],
        &["target"],
    );
    let goes_on = parse.flag(element, "continueParent")?;
    let in_order = parse.flag(element, "sequential")?;
    let mut targets = Vec::new();
    let mut complete = true;
    for (nth, child) in element.elements().filter(|e| e.is("target")).enumerate() {
        match target::parse(child, &format!("target{nth}"), parse) {
            Some(target) => targets.push(target),
            None => complete = false,
        }
    }
    if targets.is_empty() && complete {
        parse.warn(
            element.name_span,
            "`clone` has no target",
            "no copy is made; add a target with a sequence or an endpoint",
        );
    }
    complete.then(|| -> Box<dyn Mediator> {
        Box::new(Clone {
            id: element.attribute("id").map(|id| id.value.clone()),
            goes_on,
            in_order,
            targets,
        })
    })
}

impl Mediator for Clone {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Clone(self)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most(self.targets.iter().map(Target::expression))
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{Sent, soap11_with, world};

    const ANSWER: Sent = Sent::Body(
        "text/xml",
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><a><p/></a></s:Body></s:Envelope>",
    );

    fn main_of(request: &str, answer: &str) -> String {
        format!(
            "<sequence name=\"main\"><in>{request}</in><out>{answer}</out></sequence>
             <sequence name=\"second\"><property name=\"X\" value=\"2\"/><send><endpoint key=\"b\"/></send></sequence>"
        )
    }

    const TARGETS: &str = r#"<target><sequence><property name="X" value="1"/><send><endpoint key="a"/></send></sequence></target>
        <target sequence="second"/>
        <target soapAction="urn:third" to="http://c/"><endpoint><address uri="http://c/"/></endpoint></target>"#;

    #[test]
    fn each_target_has_a_copy_and_the_answers_are_numbered_for_an_aggregate() {
        let log = r#"<log level="custom"><property name="copy" expression="concat(get-property('messageSequence'), ' ', get-property('X'), ' ', get-property('To'))"/></log>"#;
        let out = format!(
            "{log}<aggregate><onComplete expression=\"//p\"><send/></onComplete></aggregate>"
        );
        let world = world(&main_of(&format!("<clone>{TARGETS}</clone><log/>"), &out)).clean();
        assert_eq!(
            world.endpoints.0,
            ["key:a", "inline:main/in/clone/target2", "key:b"]
        );
        let seen = world.run(&mut soap11_with("", ""), vec![ANSWER, ANSWER, ANSWER]);
        assert_eq!((seen.status, seen.body.matches("<p/>").count()), (200, 3));
        assert_eq!(
            seen.sent,
            ["key:a", "key:b", "inline:main/in/clone/target2"]
        );
        assert_eq!(
            seen.log,
            [
                "INFO copy = 0/3 1 ",
                "INFO copy = 1/3 2 ",
                "INFO copy = 2/3  "
            ]
        );
    }

    #[test]
    fn the_message_itself_goes_on_when_it_is_told_to() {
        let request = format!(
            "<clone continueParent=\"true\" sequential=\"true\">{TARGETS}</clone><respond/>"
        );
        let world = world(&main_of(&request, "<drop/>")).clean();
        let mut x = soap11_with("", "<own/>");
        let seen = world.run(
            &mut x,
            vec![
                ANSWER,
                Sent::Fails(crate::codes::ErrorCode::CONNECT_FAILED),
                ANSWER,
            ],
        );
        assert!(
            seen.status == 200 && seen.body.contains("<own/>"),
            "{}",
            seen.body
        );
        assert_eq!(seen.sent.len(), 3);
    }

    #[test]
    fn a_copy_that_fails_goes_through_its_own_handlers_and_nobody_is_left_without_an_answer() {
        let failing = r#"<clone><target><endpoint key="a"/></target></clone>"#;
        let seen = world(&main_of(failing, "<send/>")).clean().run(
            &mut soap11_with("", ""),
            vec![Sent::Fails(crate::codes::ErrorCode::CONNECT_FAILED)],
        );
        assert_eq!(seen.status, 500);
        assert!(seen.body.contains("101503"), "{}", seen.body);
        let handled = r#"<clone><target><sequence onError="h"><send><endpoint key="a"/></send></sequence></target></clone>"#;
        let handler = r#"<sequence name="h"><send><endpoint key="b"/></send></sequence>"#;
        let seen = world(&(main_of(handled, "<send/>") + handler)).clean().run(
            &mut soap11_with("", ""),
            vec![
                Sent::Fails(crate::codes::ErrorCode::CONNECT_FAILED),
                Sent::Answer(201),
            ],
        );
        assert_eq!((seen.status, seen.sent.len()), (201, 2));
    }

    #[test]
    fn answers_can_be_copied_and_copies_of_copies_have_an_end() {
        let out = r#"<clone><target><sequence><send><endpoint key="b"/></send></sequence></target></clone>"#;
        let seen = world(&main_of(r#"<send><endpoint key="a"/></send>"#, &format!("<filter source=\"get-property('messageSequence')\" regex=\"0/1\"><then><send/></then><else>{out}</else></filter>")))
            .clean()
            .run(&mut soap11_with("", ""), vec![ANSWER, Sent::Answer(203)]);
        assert_eq!((seen.status, seen.sent.len()), (203, 2));
        let endless =
            r#"<sequence name="main"><clone><target sequence="main"/></clone></sequence>"#;
        let seen = world(endless).clean().run(&mut soap11_with("", ""), vec![]);
        assert!(
            seen.body.contains("more than 16 copies of copies"),
            "{}",
            seen.body
        );
    }

    #[test]
    fn a_clone_without_target_and_a_target_without_way_are_warned_of() {
        let none = world(r#"<sequence name="main"><clone/><clone><target/></clone></sequence>"#);
        assert_eq!(
            none.problems(),
            [
                (DiagnosticCode::BadMediator, Severity::Warning, "<clone"),
                (DiagnosticCode::BadMediator, Severity::Warning, "<target")
            ]
        );
        assert_eq!(none.run(&mut soap11_with("", ""), vec![]).status, 202);
    }
}
