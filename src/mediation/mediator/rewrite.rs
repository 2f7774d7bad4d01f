//! `rewrite`: changes a URL by rules: `To` of the message, or a property (spec/mediation.md 9).
//!
//! Rules run in order on the running result, each when its condition holds for it. A result that is no URL is an error
//! (recorded: a port that is no number). `To` of a message in SOAP is that of its `wsa:To`, when it has one. `replace` on the whole URL replaces inside it; Synapse keeps the replacement alone.

use std::borrow::Cow;

use regex::Regex;

use super::{Mediator, Scene, Step, most};
use crate::codes::ErrorCode;
use crate::config::xml::Element;
use crate::exchange::{Direction, Exchange, Fault};
use crate::mediation::evaluator::Condition;
use crate::mediation::expression::Expression;
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};
use crate::mediation::url::{Fragment, Url};

/// Longest URL that a rewrite may make.
const URL_BYTES_MAX: usize = 64 * 1024;

/// `wsa:To` of both versions of WS-Addressing.
const ADDRESSED: &str =
    "normalize-space($header/*[local-name()='To' and contains(namespace-uri(), '/addressing')])";

#[derive(Debug)]
struct Rewrite {
    from: Option<String>,
    /// `wsa:To` of the message, where that may be what is changed.
    addressed: Option<Expression>,
    to: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    condition: Option<Condition>,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Action {
    fragment: Fragment,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Set(ValueOf),
    Append(ValueOf),
    Prepend(ValueOf),
    Replace(Regex, ValueOf),
    Remove,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["inProperty", "outProperty"], &["rewriterule"]);
    let property = |name: &str| {
        let name = element.attribute(name)?.value.trim();
        (!name.is_empty()).then(|| name.to_owned())
    };
    let rules: Vec<Option<Rule>> = element
        .elements()
        .filter(|e| e.is("rewriterule"))
        .map(|rule| self::rule(rule, parse))
        .collect();
    let from = property("inProperty");
    let addressed = match from {
        None => Expression::parse(ADDRESSED).ok().map(Expression::for_soap),
        Some(_) => None,
    };
    Some(Box::new(Rewrite {
        from,
        addressed,
        to: property("outProperty"),
        rules: rules.into_iter().collect::<Option<_>>()?,
    }))
}

fn rule(element: &Element, parse: &mut Parse<'_>) -> Option<Rule> {
    parse.only(element, &[], &["condition", "action"]);
    let condition = match element.child("condition") {
        Some(condition) => Some(Condition::inside(condition, parse)?),
        None => None,
    };
    let actions: Vec<Option<Action>> = element
        .elements()
        .filter(|e| e.is("action"))
        .map(|action| self::action(action, parse))
        .collect();
    if actions.is_empty() {
        parse.bad(element.name_span, "`rewriterule` has no `action`");
        return None;
    }
    Some(Rule {
        condition,
        actions: actions.into_iter().collect::<Option<_>>()?,
    })
}

fn action(element: &Element, parse: &mut Parse<'_>) -> Option<Action> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Set,
        Append,
        Prepend,
        Replace,
        Remove,
    }
    const KINDS: &[(&str, Kind)] = &[
        ("set", Kind::Set),
        ("append", Kind::Append),
        ("prepend", Kind::Prepend),
        ("replace", Kind::Replace),
        ("remove", Kind::Remove),
    ];
    parse.only(
        element,
        &["type", "value", "xpath", "fragment", "regex"],
        &[],
    );
    let fragment = parse.word(element, "fragment", Fragment::NAMES);
    let kind = parse.word(element, "type", KINDS)?;
    if kind == Kind::Remove {
        let change = Change::Remove;
        return Some(Action {
            fragment: fragment?,
            change,
        });
    }
    let value = match (element.attribute("value"), element.attribute("xpath")) {
        (Some(value), _) => Some(ValueOf::Literal(value.value.clone())),
        (None, Some(xpath)) => parse.expression(element, xpath).map(ValueOf::Expression),
        (None, None) => {
            parse.bad(element.name_span, "`action` needs `value` or `xpath`");
            None
        }
    };
    let regex = match kind {
        Kind::Replace => {
            let regex = parse.required(element, "regex");
            Some(regex.and_then(|regex| parse.regex(regex))?)
        }
        _ => None,
    };
    let value = value?;
    let change = match (kind, regex) {
        (Kind::Append, _) => Change::Append(value),
        (Kind::Prepend, _) => Change::Prepend(value),
        (_, Some(regex)) => Change::Replace(regex, value),
        _ => Change::Set(value),
    };
    Some(Action {
        fragment: fragment?,
        change,
    })
}

impl Action {
    fn value(&self) -> Option<&ValueOf> {
        match &self.change {
            Change::Set(value)
            | Change::Append(value)
            | Change::Prepend(value)
            | Change::Replace(_, value) => Some(value),
            Change::Remove => None,
        }
    }

    fn apply(&self, url: &mut Url, x: &Exchange) -> Result<(), Fault> {
        let text = match self.value() {
            Some(value) => value.text(x)?,
            None => Cow::Borrowed(""),
        };
        let old = || url.part(self.fragment);
        let new = match &self.change {
            Change::Remove => None,
            Change::Set(_) => Some(text.into_owned()),
            Change::Append(_) => Some(old().unwrap_or_default() + &text),
            Change::Prepend(_) => Some(text.into_owned() + &old().unwrap_or_default()),
            Change::Replace(regex, _) => {
                let replacement = replacement(&text);
                old().map(|old| regex.replace_all(&old, replacement.as_str()).into_owned())
            }
        };
        if new.as_ref().is_some_and(|new| new.len() > URL_BYTES_MAX) {
            let text = format!("rewrite: the URL is longer than {URL_BYTES_MAX} bytes");
            return Err(Fault::new(ErrorCode::NONE, text));
        }
        url.set(self.fragment, new);
        Ok(())
    }
}

/// A replacement in the Java way (`$1`, `\$`) for the engine, to which `$1a` would be one name.
fn replacement(java: &str) -> String {
    let mut out = String::with_capacity(java.len() + 4);
    let mut characters = java.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => match characters.peek() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.push_str("${");
                    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                        out.push(digit);
                    }
                    out.push('}');
                }
                _ => out.push_str("$$"),
            },
            other => out.push(other),
        }
    }
    out
}

impl Rewrite {
    fn to_of(&self, x: &Exchange) -> Result<String, Fault> {
        if let Some(addressed) = &self.addressed
            && x.direction == Direction::Request
            && x.to.is_none()
            && addressed.extent(x).is_some()
        {
            let to = addressed.string(x)?;
            if !to.is_empty() {
                return Ok(to.into_owned());
            }
        }
        Ok(message::to(x).into_owned())
    }

    fn run(&self, x: &mut Exchange) -> Result<(), Fault> {
        let mut url = match &self.from {
            Some(name) => Url::parse(x.properties.value(name).unwrap_or_default()),
            None => Url::parse(&self.to_of(x)?),
        };
        for rule in &self.rules {
            if let Some(condition) = &rule.condition
                && !condition.holds(x, &url)?
            {
                continue;
            }
            for action in &rule.actions {
                action.apply(&mut url, x)?;
            }
        }
        let text = url
            .text()
            .map_err(|problem| Fault::new(ErrorCode::NONE, format!("rewrite: {problem}")))?;
        match &self.to {
            Some(name) => x.properties.set(name.clone(), text),
            None => x.to = Some(text),
        }
        Ok(())
    }
}

impl Mediator for Rewrite {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.run(x) {
            Ok(()) => Step::Next,
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        let mut found: Vec<&Expression> = self.addressed.iter().collect();
        for rule in &self.rules {
            if let Some(condition) = &rule.condition {
                condition.expressions(&mut found);
            }
            let values = rule.actions.iter().filter_map(Action::value);
            found.extend(values.filter_map(ValueOf::expression));
        }
        most(found.into_iter().map(Some))
    }
}

#[cfg(test)]
mod tests {
    use super::replacement;
    use crate::codes::DiagnosticCode;
    use crate::mediation::testing::{request, soap11_with, world};

    const URL: &str = "http://user@host.test:8080/a/b?x=1#r";

    /// What the rules make of [`URL`]; `None` for an error.
    fn rewrite(rules: &str) -> Option<String> {
        let text = format!(
            r#"<sequence name="main"><property name="u" value="{URL}"/>
               <rewrite inProperty="u" outProperty="v">{rules}</rewrite></sequence>"#
        );
        let mut x = soap11_with("", "<symbol>IBM</symbol>");
        world(&text).clean().run(&mut x, vec![]);
        x.properties.value("v").map(str::to_owned)
    }

    fn action(action: &str) -> Option<String> {
        rewrite(&format!("<rewriterule><action {action}/></rewriterule>"))
    }

    #[test]
    fn actions_change_one_part() {
        for (written, want) in [
            (
                r#"type="append" fragment="path" value="/tail""#,
                "http://user@host.test:8080/a/b/tail?x=1#r",
            ),
            (
                r#"type="prepend" fragment="path" value="/head""#,
                "http://user@host.test:8080/head/a/b?x=1#r",
            ),
            (
                r#"type="replace" fragment="path" regex="b" value="c""#,
                "http://user@host.test:8080/a/c?x=1#r",
            ),
            (
                r#"type="replace" fragment="path" regex="/(.)/(.)" value="/$2$1x""#,
                "http://user@host.test:8080/bax?x=1#r",
            ),
            (
                r#"type="remove" fragment="query""#,
                "http://user@host.test:8080/a/b#r",
            ),
            (
                r#"type="remove" fragment="ref""#,
                "http://user@host.test:8080/a/b?x=1",
            ),
            (
                r#"type="replace" fragment="host" regex="host" value="box""#,
                "http://user@box.test:8080/a/b?x=1#r",
            ),
            (
                r#"type="append" fragment="host" value=".org""#,
                "http://user@host.test.org:8080/a/b?x=1#r",
            ),
            (
                r#"type="remove" fragment="port""#,
                "http://user@host.test/a/b?x=1#r",
            ),
            (
                r#"type="append" fragment="query" value="&amp;y=2""#,
                "http://user@host.test:8080/a/b?x=1&y=2#r",
            ),
            (
                r#"type="set" fragment="host" xpath="//symbol""#,
                "http://user@IBM:8080/a/b?x=1#r",
            ),
            (
                r#"type="replace" fragment="full" regex="http" value="https""#,
                "https://user@host.test:8080/a/b?x=1#r",
            ),
            (
                r#"fragment="protocol" value="https""#,
                "https://user@host.test:8080/a/b?x=1#r",
            ),
            (
                r#"fragment="user" value="me""#,
                "http://me@host.test:8080/a/b?x=1#r",
            ),
            (
                r#"fragment="port" value="9090""#,
                "http://user@host.test:9090/a/b?x=1#r",
            ),
            (
                r#"fragment="path" value="/new""#,
                "http://user@host.test:8080/new?x=1#r",
            ),
            (
                r#"fragment="query" value="q=2""#,
                "http://user@host.test:8080/a/b?q=2#r",
            ),
            (
                r#"fragment="ref" value="top""#,
                "http://user@host.test:8080/a/b?x=1#top",
            ),
            (r#"value="http://nofrag.test/""#, "http://nofrag.test/"),
        ] {
            assert_eq!(action(written).as_deref(), Some(want), "{written}");
        }
        assert_eq!(action(r#"fragment="port" value="abc""#), None);
    }

    #[test]
    fn rules_run_in_order_on_what_the_ones_before_made() {
        let rules = r#"
            <rewriterule><action fragment="host" value="a"/><action type="remove" fragment="port"/></rewriterule>
            <rewriterule><condition><equal type="url" source="host" value="a"/></condition>
              <action fragment="path" value="/first"/></rewriterule>
            <rewriterule><condition><not><match type="url" regex=".*/first.*"/></not></condition>
              <action fragment="path" value="/second"/></rewriterule>
            <rewriterule><condition><and><equal type="param" source="x" value="1"/><equal type="soap" source="//symbol" value="IBM"/></and></condition>
              <action fragment="ref" value="both"/></rewriterule>"#;
        assert_eq!(
            rewrite(rules).as_deref(),
            Some("http://user@a/first?x=1#both")
        );
    }

    #[test]
    fn without_properties_it_is_the_address_of_the_message() {
        let text = r#"<sequence name="main"><rewrite><rewriterule>
            <action fragment="protocol" value="http"/><action fragment="host" value="127.0.0.1"/><action fragment="port" value="90"/>
            <action type="replace" fragment="path" regex="/in/" value="/out/"/></rewriterule></rewrite></sequence>"#;
        let mut x = request("GET", "/in/y?a=1", None);
        world(text).clean().run(&mut x, vec![]);
        assert_eq!(x.to.as_deref(), Some("http://127.0.0.1:90/out/y?a=1"));
        // A message in JSON is not read for an address.
        let mut x = request("POST", "/in/y", Some("application/json"));
        world(text).clean().run(&mut x, vec![]);
        assert_eq!(x.to.as_deref(), Some("http://127.0.0.1:90/out/y"));
        let to = r#"<a:To xmlns:a="http://www.w3.org/2005/08/addressing">http://h/in/soap</a:To>"#;
        let mut x = soap11_with(to, "");
        world(text).clean().run(&mut x, vec![]);
        assert_eq!(x.to.as_deref(), Some("http://127.0.0.1:90/out/soap"));
        let mut x = soap11_with("", "");
        world(text).clean().run(&mut x, vec![]);
        assert_eq!(
            x.to.as_deref(),
            Some("http://127.0.0.1:90/services/StockQuote")
        );
    }

    #[test]
    fn slips_are_told() {
        let rule = |inside: &str| format!("<rewriterule>{inside}</rewriterule>");
        for rules in [
            rule(""),
            rule("<action fragment='path'/>"),
            rule("<action fragment='zip' value='x'/>"),
            rule("<action type='change' value='x'/>"),
            rule("<action type='replace' value='x'/>"),
            rule("<condition/><action value='x'/>"),
            rule("<condition><same/></condition><action value='x'/>"),
            rule("<condition><equal type='header' value='x'/></condition><action value='x'/>"),
            rule("<condition><equal type='header' source='x'/></condition><action value='x'/>"),
            rule("<condition><and/></condition><action value='x'/>"),
        ] {
            let world = world(&format!(
                "<sequence name=\"main\"><rewrite>{rules}</rewrite></sequence>"
            ));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(codes, [DiagnosticCode::BadMediator], "{rules}");
        }
    }

    #[test]
    fn replacements_are_written_in_the_java_way() {
        for (java, want) in [
            ("$1a", "${1}a"),
            ("a\\$1", "a$$1"),
            ("$x", "$$x"),
            ("\\\\", "\\"),
        ] {
            assert_eq!(replacement(java), want, "{java}");
        }
    }
}
