//! `call-template`: runs a sequence template with parameters (spec/mediation.md 6).
//!
//! A value is a text, `{expression}` for one that is computed at the call, or `{{expression}}` for one that the template
//! computes wherever it uses the parameter. An expression that itself reads parameters means those of the caller, so
//! it is always computed at the call.

use std::sync::Arc;

use super::{Mediator, Scene, Step, most};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::source::Spanned;
use crate::config::suggest::nearest;
use crate::config::xml::Element;
use crate::exchange::{Argument, Computed, Exchange, Fault};
use crate::mediation::SequenceId;
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::content::Extent;

#[derive(Debug)]
struct CallTemplate {
    template: SequenceId,
    arguments: Vec<(Arc<str>, Value)>,
    handler: Option<SequenceId>,
}

/// A template that does not exist: an error when a message gets there (recorded).
#[derive(Debug)]
struct Missing(Fault);

#[derive(Debug)]
enum Value {
    At(ValueOf),
    Later(Arc<Expression>),
}

impl Computed for Expression {
    fn text(&self, x: &Exchange) -> Result<String, Fault> {
        self.string(x).map(|text| text.into_owned())
    }

    fn extent(&self) -> Option<Extent> {
        self.need().extent()
    }
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["target", "onError"], &["with-param"]);
    let target = parse.required(element, "target")?;
    let handler = element
        .attribute("onError")
        .and_then(|key| parse.known_sequence(key));
    let mut good = true;
    let mut given: Vec<(Arc<str>, Value)> = Vec::new();
    for parameter in element.elements().filter(|e| e.is("with-param")) {
        parse.only(parameter, &["name", "value"], &[]);
        let name = parse.required(parameter, "name");
        let value = parse.required(parameter, "value");
        let value = value.and_then(|value| self::value(parameter, value, parse));
        match (name, value) {
            (Some(name), Some(value)) => given.push((name.value.trim().into(), value)),
            _ => good = false,
        }
    }
    if !good {
        return None;
    }
    let Some(template) = parse.template(target.value.trim()) else {
        let name = &target.value;
        let known = parse.template_names();
        let help = match nearest(name, known) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "define it, or correct the name; a message that gets there fails".to_owned(),
        };
        let text = format!("there is no template `{name}` around a sequence");
        parse
            .diagnostics
            .warn(DiagnosticCode::UnresolvedTemplate, target.span, text, help);
        let text = format!("there is no template `{name}`");
        return Some(Box::new(Missing(Fault::new(ErrorCode::NONE, text))));
    };
    let arguments = arguments(element, target, given, template, parse)?;
    Some(Box::new(CallTemplate {
        template: template.id,
        arguments,
        handler,
    }))
}

/// The arguments in the order of the template's parameters; one that is not given has its default, else it is empty.
fn arguments(
    element: &Element,
    target: &Spanned<String>,
    mut given: Vec<(Arc<str>, Value)>,
    template: &crate::mediation::Template,
    parse: &mut Parse<'_>,
) -> Option<Vec<(Arc<str>, Value)>> {
    let mut arguments = Vec::with_capacity(template.parameters.len());
    for parameter in &template.parameters {
        let at = given.iter().position(|(name, _)| *name == parameter.name);
        let value = match (at, &parameter.default) {
            (Some(at), _) => given.swap_remove(at).1,
            (None, Some(default)) => Value::At(ValueOf::Literal(default.clone())),
            (None, None) if parameter.mandatory => {
                let text = format!(
                    "the template {} has to be called with {}",
                    target.value, parameter.name
                );
                parse.bad(element.name_span, text);
                return None;
            }
            (None, None) => Value::At(ValueOf::Literal(String::new())),
        };
        arguments.push((parameter.name.clone(), value));
    }
    for (name, _) in given {
        let span = element
            .elements()
            .filter_map(|e| e.attribute("name"))
            .find(|n| n.value.trim() == &*name)
            .map_or(element.name_span, |n| n.span);
        let text = format!("the template {} has no parameter {name}", target.value);
        parse
            .diagnostics
            .warn(DiagnosticCode::NoEffect, span, text, "it is ignored");
    }
    Some(arguments)
}

fn value(parameter: &Element, written: &Spanned<String>, parse: &mut Parse<'_>) -> Option<Value> {
    let text = written.value.trim();
    let inside = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let (inner, later) = match (inside("{{", "}}"), inside("{", "}")) {
        (Some(inner), _) => (inner, true),
        (None, Some(inner)) => (inner, false),
        (None, None) => return Some(Value::At(ValueOf::Literal(written.value.clone()))),
    };
    let expression = parse.expression(parameter, &Spanned::new(inner.to_owned(), written.span))?;
    Some(match later && !expression.reads_parameters() {
        true => Value::Later(Arc::new(expression)),
        false => Value::At(ValueOf::Expression(expression)),
    })
}

impl Mediator for CallTemplate {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for (name, value) in &self.arguments {
            let argument = match value {
                Value::At(value) => match value.text(x) {
                    Ok(text) => Argument::Text(text.into_owned()),
                    Err(fault) => return Step::Fail(fault),
                },
                Value::Later(expression) => Argument::Computed(expression.clone()),
            };
            arguments.push((name.clone(), argument));
        }
        x.enter(arguments);
        Step::Invoke(self.template, self.handler)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most(self.arguments.iter().map(|(_, value)| match value {
            Value::At(value) => value.expression(),
            Value::Later(_) => None,
        }))
    }
}

impl Mediator for Missing {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Fail(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::mediation::testing::{World, soap11, soap11_with, world};

    fn run(templates: &str, main: &str) -> Vec<String> {
        let text = format!("{templates}<sequence name=\"main\">{main}</sequence>");
        let body = "<q><symbol>IBM</symbol></q>";
        let seen = world(&text).clean().run(&mut soap11_with("", body), vec![]);
        let lines = seen.log.iter();
        lines.map(|l| l.replace("INFO v = ", "")).collect()
    }

    fn log(expression: &str) -> String {
        format!(r#"<log level="custom"><property name="v" expression="{expression}"/></log>"#)
    }

    fn template(name: &str, parameters: &str, mediators: &str) -> String {
        format!(
            r#"<template name="{name}">{parameters}<sequence>{mediators}</sequence></template>"#
        )
    }

    const ONE_TWO: &str = r#"<parameter name="one"/><parameter name="two"/>"#;
    const ALL: &str = "concat($func:one,'|',$func:two,'|',get-property('func','one'))";

    #[test]
    fn values_are_texts_expressions_and_expressions_for_later() {
        let t1 = template("t1", ONE_TWO, &log(ALL));
        let call = |one: &str, two: &str| {
            format!(
                r#"<call-template target="t1"><with-param name="one" value="{one}"/>{two}</call-template>"#
            )
        };
        let two = |value: &str| format!(r#"<with-param name="two" value="{value}"/>"#);
        for (call, want) in [
            (call("lit", &two("{//symbol}")), "lit|IBM|lit"),
            // The expression itself has no text (recorded).
            (call("{{//symbol}}", &two("x")), "IBM|x|"),
            (call("x", ""), "x||x"),
        ] {
            assert_eq!(run(&t1, &call), [want], "{call}");
        }
        // Read again where it is used.
        let late = template(
            "late",
            "<parameter name='a'/><parameter name='b'/>",
            &format!(
                r#"<property name="p" value="after"/>{}"#,
                log("concat($func:a,' ',$func:b)")
            ),
        );
        let call = r#"<property name="p" value="before"/><call-template target="late">
            <with-param name="a" value="{$ctx:p}"/><with-param name="b" value="{{$ctx:p}}"/></call-template>"#;
        assert_eq!(run(&late, call), ["before after"]);
    }

    #[test]
    fn a_call_inside_a_call_has_parameters_of_its_own() {
        let outer = template(
            "outer",
            "<parameter name='v'/>",
            &format!(
                r#"{}<call-template target="inner"><with-param name="v" value="{{{{concat($func:v,'+in')}}}}"/></call-template>{}"#,
                log("$func:v"),
                log("$func:v")
            ),
        );
        let inner = template("inner", "<parameter name='v'/>", &log("$func:v"));
        let call = format!(
            r#"<call-template target="outer"><with-param name="v" value="out"/></call-template>{}"#,
            log("concat('[', $func:v, ']')")
        );
        let want = ["out", "out+in", "out", "[]"];
        assert_eq!(run(&(outer + &inner), &call), want);
    }

    #[test]
    fn parameters_may_have_defaults_and_may_be_mandatory() {
        let t = template(
            "t",
            r#"<parameter name="a" default="d"/><parameter name="b" defaultValue="e"/><parameter name="c" isMandatory="false"/>"#,
            &log("concat($func:a,'|',$func:b,'|',$func:c,'|',$func:other)"),
        );
        let call = |inside: &str| format!(r#"<call-template target="t">{inside}</call-template>"#);
        assert_eq!(run(&t, &call("")), ["d|e||"]);
        let a = r#"<with-param name="a" value="1"/>"#;
        assert_eq!(run(&t, &call(a)), ["1|e||"]);
        let must = template("t", r#"<parameter name="a" isMandatory="true"/>"#, "");
        assert_eq!(run(&must, &call(a)), Vec::<String>::new());
        let world = problems(&must, &call(""));
        assert_eq!(world.problems()[0].0, DiagnosticCode::BadMediator);
        let unknown = problems(&must, &call(&format!("{a}{}", a.replace("\"a\"", "\"z\""))));
        assert_eq!(unknown.problems()[0].0, DiagnosticCode::NoEffect);
    }

    fn problems(templates: &str, main: &str) -> World {
        world(&format!(
            "{templates}<sequence name=\"main\">{main}</sequence>"
        ))
    }

    #[test]
    fn errors_go_to_the_handlers_of_template_and_call_from_the_inside_out() {
        let text = |on_error: &str| {
            format!(
                r#"<template name="t"><parameter name="v"/><sequence {on_error}><filter xpath="//u:x"/></sequence></template>
                   <sequence name="of-t"><log level="custom"><property name="v" value="of-t"/></log><sequence key="gone"/></sequence>
                   <sequence name="of-call"><log level="custom"><property name="v" expression="concat('of-call ', $func:v)"/></log></sequence>
                   <sequence name="main"><call-template target="t" onError="of-call"><with-param name="v" value="1"/></call-template></sequence>"#
            )
        };
        let run = |on_error: &str| world(&text(on_error)).run(&mut soap11(), vec![]).log;
        assert_eq!(
            run("onError='of-t'"),
            ["INFO v = of-t", "INFO v = of-call "]
        );
        assert_eq!(run(""), ["INFO v = of-call "]);
        // Behind the call it is in scope no more.
        let behind = r#"<template name="t"><sequence/></template><sequence name="h"><log/></sequence>
            <sequence name="main"><call-template target="t" onError="h"/><sequence key="gone"/></sequence>"#;
        let seen = world(behind).run(&mut soap11(), vec![]);
        assert_eq!((seen.status, seen.log.len()), (500, 1), "{:?}", seen.log);
    }

    #[test]
    fn a_template_that_calls_itself_ends() {
        let t = template("t", "", r#"<call-template target="t"/>"#);
        let world = problems(&t, r#"<call-template target="t"/>"#).clean();
        let seen = world.run(&mut soap11(), vec![]);
        assert!(seen.body.contains("call each other"), "{}", seen.body);
    }

    #[test]
    fn what_is_missing_is_told() {
        let world = problems("", r#"<call-template target="gone"/>"#);
        let problem = (world.problems()[0].0, world.problems()[0].1);
        let want = (DiagnosticCode::UnresolvedTemplate, Severity::Warning);
        assert_eq!(problem, want);
        assert_eq!(world.run(&mut soap11(), vec![]).status, 500);
        for call in [
            "<call-template/>",
            "<call-template target='t'><with-param value='1'/></call-template>",
            "<call-template target='t'><with-param name='a' value=''/></call-template>",
        ] {
            let world = problems("", call);
            assert_eq!(world.problems()[0].0, DiagnosticCode::BadMediator, "{call}");
        }
    }
}
