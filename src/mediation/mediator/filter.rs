//! `filter`: by a condition (`xpath`), or by a value that a regular expression has to match whole (`source`, `regex`).

use super::{List, Mediator, Scene, Step, most};
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, SequenceRef};
use crate::mediation::whole_pattern::WholePattern;

#[derive(Debug)]
struct Filter {
    condition: Condition,
    then: Branch,
    otherwise: Branch,
}

#[derive(Debug)]
enum Condition {
    XPath(Expression),
    Matches(Expression, WholePattern),
}

/// Mediators of the element itself, or a sequence by name.
#[derive(Debug)]
pub enum Branch {
    /// The mediators inside.
    List(List),
    /// A sequence.
    Sequence(SequenceRef),
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let condition = condition(element, parse);
    let (then, otherwise) = match (element.child("then"), element.child("else")) {
        (Some(then), otherwise) => {
            parse.only(element, &["xpath", "source", "regex"], &["then", "else"]);
            let otherwise = match otherwise {
                Some(otherwise) => branch(otherwise, parse),
                None => Some(Branch::List(List::default())),
            };
            (branch(then, parse), otherwise)
        }
        // Without `then` all children are the branch; an `else` among them is no mediator and reported as such.
        (None, _) => (
            Some(Branch::List(parse.list(element))),
            Some(Branch::List(List::default())),
        ),
    };
    Some(Box::new(Filter {
        condition: condition?,
        then: then?,
        otherwise: otherwise?,
    }))
}

fn condition(element: &Element, parse: &mut Parse<'_>) -> Option<Condition> {
    if element.attribute("xpath").is_some() {
        let xpath = parse.required(element, "xpath")?;
        return parse.expression(element, xpath).map(Condition::XPath);
    }
    if element.attribute("source").is_none() && element.attribute("regex").is_none() {
        parse.bad(
            element.name_span,
            "`filter` needs `xpath`, or `source` and `regex`",
        );
        return None;
    }
    let source = parse.required(element, "source");
    let regex = parse.required(element, "regex");
    let source = source.and_then(|source| parse.expression(element, source));
    let regex = regex.and_then(|regex| parse.whole_pattern(regex));
    Some(Condition::Matches(source?, regex?))
}

fn branch(element: &Element, parse: &mut Parse<'_>) -> Option<Branch> {
    match element.attribute("sequence") {
        Some(key) => parse.sequence(element, key).map(Branch::Sequence),
        None => Some(Branch::List(parse.list(element))),
    }
}

impl Branch {
    /// The step into it.
    pub fn step<'a>(&'a self, x: &Exchange, scene: &Scene<'a>) -> Step<'a> {
        match self {
            Branch::List(list) if list.is_empty() => Step::Next,
            Branch::List(list) => Step::Enter(list),
            Branch::Sequence(key) => scene.enter(key, x),
        }
    }

    /// The expression of its key.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Branch::List(_) => None,
            Branch::Sequence(key) => key.expression(),
        }
    }
}

impl Condition {
    fn expression(&self) -> &Expression {
        match self {
            Condition::XPath(expression) | Condition::Matches(expression, _) => expression,
        }
    }

    fn holds(&self, x: &Exchange) -> Result<bool, Fault> {
        match self {
            Condition::XPath(expression) => expression.boolean(x),
            Condition::Matches(source, regex) => Ok(regex.is_match(&source.string(x)?)),
        }
    }
}

impl Mediator for Filter {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        let branch = match self.condition.holds(x) {
            Ok(true) => &self.then,
            Ok(false) => &self.otherwise,
            Err(fault) => return Step::Fail(fault),
        };
        branch.step(x, scene)
    }

    fn glance<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>, most: usize) -> Option<Step<'a>> {
        let keys = [self.then.expression(), self.otherwise.expression()];
        if keys.iter().any(Option::is_some) {
            return None;
        }
        let seen = self.condition.expression().glance(x, most)?;
        let holds = match &self.condition {
            Condition::XPath(_) => seen.exists,
            Condition::Matches(_, regex) => regex.is_match(&seen.text?),
        };
        let branch = if holds { &self.then } else { &self.otherwise };
        Some(branch.step(x, scene))
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most([
            Some(self.condition.expression()),
            self.then.expression(),
            self.otherwise.expression(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::mediation::testing::{request, world};

    fn goes(filter: &str, target: &str) -> Vec<String> {
        let text = format!(
            r#"<sequence name="main">{filter}</sequence>
               <sequence name="s"><log level="custom"><property name="in" value="s"/></log></sequence>"#
        );
        world(&text)
            .clean()
            .run(&mut request("POST", target, Some("text/xml")), vec![])
            .log
    }

    const YES: &str = r#"<log level="custom"><property name="in" value="then"/></log>"#;
    const NO: &str = r#"<log level="custom"><property name="in" value="else"/></log>"#;

    #[test]
    fn a_regular_expression_has_to_match_the_whole_value() {
        let both = |regex: &str| {
            format!(
                r#"<filter source="get-property('To')" regex="{regex}"><then>{YES}</then><else>{NO}</else></filter>"#
            )
        };
        assert_eq!(goes(&both(".*/gold/.*"), "/gold/x"), ["INFO in = then"]);
        assert_eq!(goes(&both(".*/gold/.*"), "/base/x"), ["INFO in = else"]);
        assert_eq!(goes(&both("/gold"), "/gold/x"), ["INFO in = else"]);
        assert_eq!(goes(&both("/gold/x|y"), "/gold/xy"), ["INFO in = else"]);
    }

    #[test]
    fn a_condition_chooses_between_lists_and_sequences() {
        let children = format!(r#"<filter xpath="get-property('To') = '/a'">{YES}</filter>"#);
        assert_eq!(goes(&children, "/a"), ["INFO in = then"]);
        assert!(goes(&children, "/b").is_empty());
        let keys = r#"<filter xpath="true()"><then sequence="s"/><else/></filter>"#;
        assert_eq!(goes(keys, "/a"), ["INFO in = s"]);
        let only_then = format!(r#"<filter xpath="false()"><then>{YES}</then></filter>{NO}"#);
        assert_eq!(goes(&only_then, "/a"), ["INFO in = else"]);
        let computed = r#"<filter xpath="true()"><then sequence="{get-property('To')}"/></filter>"#;
        assert_eq!(goes(computed, "s"), ["INFO in = s"]);
    }

    #[test]
    fn a_filter_without_a_condition_is_an_error() {
        for (filter, code) in [
            ("<filter/>", DiagnosticCode::BadMediator),
            ("<filter xpath=''/>", DiagnosticCode::BadMediator),
            ("<filter source=\"'a'\"/>", DiagnosticCode::BadMediator),
            (
                "<filter source=\"'a'\" regex='('/>",
                DiagnosticCode::BadRegex,
            ),
            (
                "<filter source=\"'a'\" regex='(?=a)'/>",
                DiagnosticCode::NotSupportedYet,
            ),
            ("<filter xpath='count(//a'/>", DiagnosticCode::BadExpression),
            ("<filter xpath='${a}'/>", DiagnosticCode::NotSupportedYet),
            (
                "<filter xpath='//p:a'/>",
                DiagnosticCode::DoubtfulExpression,
            ),
            (
                "<filter xpath='true()'><else/></filter>",
                DiagnosticCode::UnknownMediator,
            ),
        ] {
            let world = world(&format!("<sequence name=\"main\">{filter}</sequence>"));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(codes, [code], "{filter}");
        }
    }

    #[test]
    fn a_problem_in_an_expression_is_marked_where_it_stands() {
        let world =
            world("<sequence name=\"main\"><filter xpath=\"true() and count(//a\"/></sequence>");
        assert_eq!(world.problems()[0].2, "(");
    }
}
