//! `switch`: the first case whose regular expression matches the whole value, else the first `default`.

use super::{List, Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;
use crate::mediation::whole_pattern::WholePattern;

#[derive(Debug)]
struct Switch {
    source: Expression,
    cases: Vec<(WholePattern, List)>,
    default: List,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["source"], &["case", "default"]);
    let source = parse.required(element, "source");
    let source = source.and_then(|source| parse.expression(element, source));
    let mut complete = true;
    let mut cases = Vec::new();
    for case in element.elements().filter(|e| e.is("case")) {
        // An empty one matches the empty text (recorded).
        let regex = parse.present(case, "regex");
        let regex = regex.and_then(|regex| parse.whole_pattern(regex));
        let list = parse.list(case);
        match regex {
            Some(regex) => cases.push((regex, list)),
            None => complete = false,
        }
    }
    let default = element
        .child("default")
        .map(|default| parse.list(default))
        .unwrap_or_default();
    let source = source.filter(|_| complete)?;
    Some(Box::new(Switch {
        source,
        cases,
        default,
    }))
}

impl Switch {
    fn case(&self, value: &str) -> Step<'_> {
        let case = self.cases.iter().find(|(regex, _)| regex.is_match(value));
        Step::Enter(case.map_or(&self.default, |(_, list)| list))
    }
}

impl Mediator for Switch {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.source.string(x) {
            Ok(value) => self.case(&value),
            Err(fault) => Step::Fail(fault),
        }
    }

    fn glance<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>, most: usize) -> Option<Step<'a>> {
        let seen = self.source.glance(x, most)?;
        Some(self.case(&seen.text?))
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::mediation::testing::{request, world};

    #[test]
    fn the_first_case_that_matches_the_whole_value_wins() {
        let line =
            |at: &str| format!(r#"<log level="custom"><property name="in" value="{at}"/></log>"#);
        let text = format!(
            r#"<sequence name="main"><switch source="get-property('To')">
                 <case regex="">{}</case><case regex="/a">{}</case><case regex="/a.*">{}</case><case regex="/.b">{}</case>
                 <default>{}</default><default/></switch></sequence>"#,
            line("empty"),
            line("1"),
            line("2"),
            line("3"),
            line("default")
        );
        let world = world(&text).clean();
        for (target, want) in [
            ("", "empty"),
            ("/a", "1"),
            ("/ab", "2"),
            ("/xb", "3"),
            ("/xbx", "default"),
        ] {
            let seen = world.run(&mut request("GET", target, None), vec![]);
            assert_eq!(seen.log, [format!("INFO in = {want}")], "{target}");
        }
    }

    #[test]
    fn source_and_regex_are_needed() {
        for switch in ["<switch/>", "<switch source=\"'a'\"><case/></switch>"] {
            let world = world(&format!("<sequence name=\"main\">{switch}</sequence>"));
            assert_eq!(
                world.problems()[0].0,
                DiagnosticCode::BadMediator,
                "{switch}"
            );
        }
    }
}
