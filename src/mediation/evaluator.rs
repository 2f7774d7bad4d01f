//! Conditions of `rewrite` and `conditionalRouter`: `match`, `equal`, `and`, `or`, `not` over header fields, parameters,
//! parts of the URL and the message (spec/mediation.md 9). The elements may be in no namespace.

use super::expression::Expression;
use super::message;
use super::parse::Parse;
use super::url::{Fragment, Url};
use super::whole_pattern::WholePattern;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};

/// A condition.
#[derive(Debug)]
pub(super) enum Condition {
    Match(Source, WholePattern),
    Equal(Source, String),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

/// What a condition looks at.
#[derive(Debug)]
pub(super) enum Source {
    Header(String),
    Parameter(String),
    Url(Fragment),
    Soap(Box<Expression>),
}

impl Condition {
    /// The condition inside an element; `None` when there is none or it is wrong, which was reported.
    pub(super) fn inside(element: &Element, parse: &mut Parse<'_>) -> Option<Condition> {
        let mut children = element.elements().filter(|e| !e.is("description"));
        let Some(first) = children.next() else {
            let text = format!("`{}` holds no condition", element.name);
            parse.bad(element.name_span, text);
            return None;
        };
        if let Some(second) = children.next() {
            let text = format!("`{}` takes one condition", element.name);
            parse.bad(second.name_span, text);
            return None;
        }
        Condition::parse(first, parse)
    }

    // Recursion is bounded by the nesting of the file.
    fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Condition> {
        match element.name.as_str() {
            "match" => {
                let source = source(element, parse);
                let regex = parse.required(element, "regex");
                let regex = regex.and_then(|regex| parse.whole_pattern(regex));
                Some(Condition::Match(source?, regex?))
            }
            "equal" => {
                let source = source(element, parse);
                let Some(value) = element.attribute("value") else {
                    parse.bad(element.name_span, "`equal` needs the attribute `value`");
                    return None;
                };
                Some(Condition::Equal(source?, value.value.clone()))
            }
            "not" => Some(Condition::Not(Box::new(Condition::inside(element, parse)?))),
            name @ ("and" | "or") => {
                let inside: Vec<_> = element
                    .elements()
                    .map(|child| Condition::parse(child, parse))
                    .collect();
                if inside.is_empty() {
                    let text = format!("`{name}` holds no conditions");
                    parse.bad(element.name_span, text);
                }
                let inside: Vec<Condition> = inside.into_iter().collect::<Option<_>>()?;
                match (inside.is_empty(), name) {
                    (true, _) => None,
                    (false, "and") => Some(Condition::And(inside)),
                    (false, _) => Some(Condition::Or(inside)),
                }
            }
            name => {
                let text = format!("`{name}` is no condition; known: match, equal, and, or, not");
                parse.bad(element.name_span, text);
                None
            }
        }
    }

    /// Whether it holds for a message and a URL.
    pub(super) fn holds(&self, x: &Exchange, url: &Url) -> Result<bool, Fault> {
        Ok(match self {
            Condition::Match(source, regex) => source
                .text(x, url)?
                .is_some_and(|text| regex.is_match(&text)),
            Condition::Equal(source, value) => {
                source.text(x, url)?.is_some_and(|text| text == *value)
            }
            Condition::And(all) => {
                for one in all {
                    if !one.holds(x, url)? {
                        return Ok(false);
                    }
                }
                true
            }
            Condition::Or(all) => {
                for one in all {
                    if one.holds(x, url)? {
                        return Ok(true);
                    }
                }
                false
            }
            Condition::Not(one) => !one.holds(x, url)?,
        })
    }

    /// Its expressions.
    pub(super) fn expressions<'c>(&'c self, found: &mut Vec<&'c Expression>) {
        match self {
            Condition::Match(Source::Soap(expression), _)
            | Condition::Equal(Source::Soap(expression), _) => found.push(expression),
            Condition::Match(..) | Condition::Equal(..) => {}
            Condition::And(all) | Condition::Or(all) => {
                for one in all {
                    one.expressions(found);
                }
            }
            Condition::Not(one) => one.expressions(found),
        }
    }
}

fn source(element: &Element, parse: &mut Parse<'_>) -> Option<Source> {
    #[derive(Clone, Copy)]
    enum Kind {
        Header,
        Parameter,
        Url,
        Soap,
    }
    const KINDS: &[(&str, Kind)] = &[
        ("header", Kind::Header),
        ("param", Kind::Parameter),
        ("url", Kind::Url),
        ("soap", Kind::Soap),
    ];
    let known = ["type", "source", "fragment", "regex", "value"];
    parse.only(element, &known, &[]);
    Some(match parse.word(element, "type", KINDS)? {
        Kind::Header => Source::Header(parse.required(element, "source")?.value.clone()),
        Kind::Parameter => Source::Parameter(parse.required(element, "source")?.value.clone()),
        Kind::Url => {
            let name = match element.attribute("source") {
                Some(_) => "source",
                None => "fragment",
            };
            Source::Url(parse.word(element, name, Fragment::NAMES)?)
        }
        Kind::Soap => {
            let source = parse.required(element, "source")?;
            Source::Soap(Box::new(parse.expression(element, source)?))
        }
    })
}

impl Source {
    fn text(&self, x: &Exchange, url: &Url) -> Result<Option<String>, Fault> {
        Ok(match self {
            Source::Header(name) => message::headers(x)
                .and_then(|headers| headers.find(name))
                .map(|value| String::from_utf8_lossy(value).into_owned()),
            Source::Parameter(name) => url.parameter(name),
            Source::Url(fragment) => url.part(*fragment),
            Source::Soap(expression) => Some(expression.string(x)?.into_owned()),
        })
    }
}
