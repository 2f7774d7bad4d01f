//! `propertyGroup`: several properties under one element (spec/mediation.md 9).

use super::{List, Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct PropertyGroup(List);

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &["property"]);
    let stranger = element
        .elements()
        .find(|child| !child.is("property") && !child.is("description"));
    if let Some(stranger) = stranger {
        parse.bad(
            stranger.name_span,
            "a propertyGroup holds nothing but properties",
        );
        return None;
    }
    Some(Box::new(PropertyGroup(parse.list(element))))
}

impl Mediator for PropertyGroup {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.0.is_empty() {
            true => Step::Next,
            false => Step::Enter(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::mediation::testing::{soap11, world};

    #[test]
    fn its_properties_are_set_in_order() {
        let text = r#"<sequence name="main"><propertyGroup><description>d</description><property name="a" value="1"/>
            <property name="b" expression="concat($ctx:a, '2')"/></propertyGroup></sequence>"#;
        let mut x = soap11();
        world(text).clean().run(&mut x, vec![]);
        assert_eq!(x.properties.value("b"), Some("12"));
    }

    #[test]
    fn nothing_else_stands_in_it() {
        let world =
            world("<sequence name=\"main\"><propertyGroup><log/></propertyGroup></sequence>");
        assert!(
            world
                .problems()
                .iter()
                .any(|p| p.0 == DiagnosticCode::BadMediator)
        );
    }
}
