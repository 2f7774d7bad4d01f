//! `property`: sets or removes a property in the default, axis2 or transport scope (spec/mediation.md 7, 9).

use std::borrow::Cow;

use regex::Regex;

use super::{Mediator, Scene, Step};
use crate::codes::ErrorCode;
use crate::config::model::Scope;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, Properties, PropertyType, RestSuffix};
use crate::mediation::expression::{Expression, Value, java};
use crate::mediation::fragment::Fragment;
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};
use crate::soap::content::Content;
use crate::soap::escape_text;

/// Most properties that a message may have in one scope.
const PROPERTIES_MAX: usize = 1024;

#[derive(Debug)]
struct Property {
    name: String,
    scope: Scope,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Set {
        value: ValueOf,
        kind: Kind,
        pattern: Option<(Regex, usize)>,
    },
    /// To XML that is written in the configuration.
    Xml(String),
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Integer(i64, i64),
    Double,
    Float,
    Xml,
    Json,
}

const KINDS: &[(&str, Kind)] = &[
    ("STRING", Kind::Text),
    ("BOOLEAN", Kind::Boolean),
    ("INTEGER", Kind::Integer(i32::MIN as i64, i32::MAX as i64)),
    ("LONG", Kind::Integer(i64::MIN, i64::MAX)),
    ("SHORT", Kind::Integer(i16::MIN as i64, i16::MAX as i64)),
    ("DOUBLE", Kind::Double),
    ("FLOAT", Kind::Float),
    ("OM", Kind::Xml),
    ("JSON", Kind::Json),
];

const SCOPES: &[(&str, Scope)] = &[
    ("default", Scope::Default),
    ("synapse", Scope::Default),
    ("transport", Scope::Transport),
    ("axis2", Scope::Axis2),
    ("axis2-client", Scope::Axis2Client),
];

impl Kind {
    /// The text of a value of this type; `None` when it is not one.
    fn normal(self, text: &str) -> Option<String> {
        match self {
            Kind::Text => Some(text.to_owned()),
            // Java's parseBoolean: everything that is not "true" is false.
            Kind::Boolean => Some(text.trim().eq_ignore_ascii_case("true").to_string()),
            Kind::Integer(least, most) => {
                let number: i64 = text.parse().ok()?;
                (least..=most).contains(&number).then(|| number.to_string())
            }
            // As Java writes them.
            Kind::Double => text.trim().parse().ok().map(java),
            Kind::Float => {
                let number: f32 = text.trim().parse().ok()?;
                number.to_string().parse().ok().map(java)
            }
            Kind::Xml => Fragment::parse(text).ok().map(|_| text.to_owned()),
            Kind::Json => serde_json::from_str::<serde_json::Value>(text)
                .ok()
                .map(|_| text.to_owned()),
        }
    }
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let known = [
        "name",
        "value",
        "expression",
        "action",
        "scope",
        "type",
        "pattern",
        "group",
    ];
    let inside = element.elements().filter(|child| !child.is("description"));
    let xml: Vec<&Element> = inside.collect();
    if xml.is_empty() {
        parse.only(element, &known, &[]);
    }
    let name = parse.required(element, "name")?.value.clone();
    if let Some(scope) = element.attribute("scope")
        && ["operation", "registry", "system", "func", "analytics"].contains(&scope.value.as_str())
    {
        parse.unsupported(
            scope.span,
            &format!("the scope `{}` is not supported yet", scope.value),
        );
        return None;
    }
    let scope = parse.word(element, "scope", SCOPES)?;
    let remove = parse.word(element, "action", &[("set", false), ("remove", true)])?;
    let action = match remove {
        true => Action::Remove,
        false if xml.is_empty() => set(element, parse)?,
        false => written(&xml, parse)?,
    };
    Some(Box::new(Property {
        name,
        scope,
        action,
    }))
}

/// XML that stands inside the element is the value.
fn written(elements: &[&Element], parse: &mut Parse<'_>) -> Option<Action> {
    let mut text = String::new();
    for element in elements {
        match Fragment::of(element) {
            Ok(fragment) => text.push_str(&fragment.to_xml()),
            Err(error) => {
                parse.bad(element.name_span, error.to_string());
                return None;
            }
        }
    }
    Some(Action::Xml(text))
}

fn set(element: &Element, parse: &mut Parse<'_>) -> Option<Action> {
    let kind = parse.word(element, "type", KINDS)?;
    let value = parse.value(element)?;
    if let (ValueOf::Literal(text), Some(written)) = (&value, element.attribute("value"))
        && kind.normal(text).is_none()
    {
        parse.bad(
            written.span,
            format!("`{text}` is not a value of the type of this property"),
        );
        return None;
    }
    let pattern = match (element.attribute("pattern"), element.attribute("group")) {
        (None, None) => None,
        (None, Some(group)) => {
            parse.bad(group.span, "`group` needs `pattern`");
            return None;
        }
        (Some(pattern), group) => Some(groups(pattern, group, parse)?),
    };
    Some(Action::Set {
        value,
        kind,
        pattern,
    })
}

fn groups(
    pattern: &Spanned<String>,
    group: Option<&Spanned<String>>,
    parse: &mut Parse<'_>,
) -> Option<(Regex, usize)> {
    let regex = parse.whole_regex(pattern)?;
    let Some(group) = group else {
        return Some((regex, 0));
    };
    match group.value.trim().parse::<usize>() {
        Ok(number) if number < regex.captures_len() => Some((regex, number)),
        _ => {
            parse.bad(
                group.span,
                format!("`{}` is no group of the pattern", group.value),
            );
            None
        }
    }
}

impl Property {
    fn set(
        &self,
        x: &mut Exchange,
        value: &ValueOf,
        kind: Kind,
        pattern: Option<&(Regex, usize)>,
    ) -> Result<(), Fault> {
        let text = match (kind, value) {
            (Kind::Xml, ValueOf::Expression(expression)) => xml(x, expression)?,
            _ => value.text(x)?,
        };
        let text = match pattern {
            None => &*text,
            Some((regex, group)) => regex
                .captures(&text)
                .and_then(|found| found.get(*group))
                .map_or("", |found| found.as_str()),
        };
        let Some(text) = kind.normal(text) else {
            return Err(self.fault(&format!("`{text}` is not a value of its type")));
        };
        let kind = match kind {
            Kind::Boolean => PropertyType::Boolean,
            Kind::Xml => PropertyType::Xml,
            _ => PropertyType::Text,
        };
        self.put(x, text, kind)
    }

    fn put(&self, x: &mut Exchange, text: String, kind: PropertyType) -> Result<(), Fault> {
        match self.scope {
            // The formatter says what a message is (recorded).
            Scope::Transport if self.name.eq_ignore_ascii_case("Content-Type") => Ok(()),
            Scope::Transport => set_field(x, &self.name, &text),
            Scope::Default => keep(x, &self.name, text, kind),
            Scope::Axis2 | Scope::Axis2Client => bounded(&mut x.axis2, &self.name, text, kind),
        }
    }

    fn remove(&self, x: &mut Exchange) {
        match (self.scope, self.name.as_str()) {
            (Scope::Default, name) => x.properties.remove(name),
            (Scope::Transport, name) => {
                if let Some(headers) = message::headers_mut(x) {
                    headers.remove(name);
                }
            }
            (_, "TRANSPORT_HEADERS") => remove_fields(x),
            (_, "REST_URL_POSTFIX") => {
                x.axis2.remove("REST_URL_POSTFIX");
                x.rest_suffix = RestSuffix::Nothing;
            }
            // Removed is not the same as never set: a GET has no body unless this says so.
            (_, "NO_ENTITY_BODY") => x.axis2.set("NO_ENTITY_BODY", ""),
            (_, name) => x.axis2.remove(name),
        }
    }

    fn fault(&self, text: &str) -> Fault {
        Fault::new(ErrorCode::NONE, format!("property `{}`: {text}", self.name))
    }
}

/// Keeps a text of that kind in a property of the default scope.
pub(super) fn keep(
    x: &mut Exchange,
    name: &str,
    text: String,
    kind: PropertyType,
) -> Result<(), Fault> {
    bounded(&mut x.properties, name, text, kind)
}

fn bounded(
    properties: &mut Properties,
    name: &str,
    text: String,
    kind: PropertyType,
) -> Result<(), Fault> {
    if properties.len() >= PROPERTIES_MAX && properties.value(name).is_none() {
        let text =
            format!("property `{name}`: the message has {PROPERTIES_MAX} properties already");
        return Err(Fault::new(ErrorCode::NONE, text));
    }
    properties.set_typed(name.to_owned(), text, kind);
    Ok(())
}

/// What an expression selects, as XML: its elements whole.
fn xml<'x>(x: &'x Exchange, expression: &'x Expression) -> Result<Cow<'x, str>, Fault> {
    let nodes = match expression.evaluate(x)? {
        Value::Nodes(nodes) => nodes,
        _ => return expression.string(x),
    };
    let Some(Ok(view)) = x.content().map(Content::view) else {
        return Ok(Cow::Borrowed(""));
    };
    let mut out = String::new();
    for item in nodes {
        match item.node().filter(|node| view.tree.is_element(*node)) {
            Some(element) => view.tree.write(element, &mut out),
            None => escape_text(&mut out, &item.text(&view.tree)),
        }
    }
    Ok(Cow::Owned(out))
}

/// Sets a header field of the current message; what is no field is an error and never written.
pub(super) fn set_field(x: &mut Exchange, name: &str, value: &str) -> Result<(), Fault> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Fault::new(
            ErrorCode::NONE,
            format!("`{name}` is no name of a header field"),
        ));
    }
    if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        let text = format!("the value of the header field `{name}` has control characters");
        return Err(Fault::new(ErrorCode::NONE, text));
    }
    if let Some(headers) = message::headers_mut(x) {
        headers.set(name, value.trim().as_bytes());
    }
    Ok(())
}

// One by one: the head's own texts live beside the fields. Host and Content-Type are not a sender's to lose.
fn remove_fields(x: &mut Exchange) {
    if let Some(headers) = message::headers_mut(x) {
        let names: Vec<String> = headers
            .iter()
            .map(|(_, name, _)| String::from_utf8_lossy(name).into_owned())
            .filter(|name| {
                let kept = ["Host", "Content-Type", "SOAPAction"];
                !kept.iter().any(|kept| name.eq_ignore_ascii_case(kept))
            })
            .collect();
        for name in names {
            headers.remove(&name);
        }
    }
}

impl Mediator for Property {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match &self.action {
            Action::Remove => {
                self.remove(x);
                Step::Next
            }
            Action::Xml(text) => match self.put(x, text.clone(), PropertyType::Xml) {
                Ok(()) => Step::Next,
                Err(fault) => Step::Fail(fault),
            },
            Action::Set {
                value,
                kind,
                pattern,
            } => match self.set(x, value, *kind, pattern.as_ref()) {
                Ok(()) => Step::Next,
                Err(fault) => Step::Fail(fault),
            },
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        match &self.action {
            Action::Set { value, .. } => value.expression(),
            Action::Xml(_) | Action::Remove => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::exchange::Exchange;
    use crate::exchange::PropertyType;
    use crate::mediation::testing::{Seen, get, soap11, soap11_with, world};

    fn run(x: &mut Exchange, mediators: &str) -> Seen {
        world(&format!("<sequence name=\"main\">{mediators}</sequence>"))
            .clean()
            .run(x, vec![])
    }

    #[test]
    fn each_scope_keeps_its_own() {
        let mut x = soap11();
        run(
            &mut x,
            r#"<property name="p" value="1"/><property name="p" value="2" scope="axis2"/><property name="P" value=" 3 " scope="transport"/>
               <property name="q" expression="concat(get-property('p'), get-property('axis2','p'), $trp:p)"/>
               <property name="client" value="4" scope="axis2-client"/><property name="gone" value="5"/><property name="gone" action="remove"/>"#,
        );
        assert_eq!(x.properties.value("q"), Some("123"));
        assert_eq!(x.axis2.value("client"), Some("4"));
        assert_eq!(x.properties.value("gone"), None);
        assert_eq!(x.request.headers.find("p"), Some(&b"3"[..]));
    }

    #[test]
    fn a_pattern_takes_a_group_of_the_whole_value() {
        let mut x = soap11();
        run(
            &mut x,
            r#"<property name="a" value="ab-cd" pattern="(\w+)-(\w+)" group="2"/><property name="b" value="ab-cd" pattern="\w+-\w+"/>
               <property name="c" value="ab-cd" pattern="\w+"/>"#,
        );
        let value = |name: &str| x.properties.value(name).map(str::to_owned);
        assert_eq!(
            [value("a"), value("b"), value("c")],
            [Some("cd".into()), Some("ab-cd".into()), Some(String::new())]
        );
    }

    #[test]
    fn xml_is_kept_as_it_is_written_or_selected() {
        let mut x = soap11_with("", "<m:a xmlns:m='urn:m'>text<m:b/></m:a>");
        run(
            &mut x,
            r#"<property name="w" type="OM"><k:i xmlns:k="urn:k" id="1"><k:v>5</k:v></k:i></property>
               <property name="om" type="OM" expression="//m:a" xmlns:m="urn:m"/>
               <property name="t" expression="get-property('w')"/>"#,
        );
        let written = r#"<k:i xmlns:k="urn:k" id="1"><k:v>5</k:v></k:i>"#;
        assert_eq!(x.properties.typed("w"), Some((written, PropertyType::Xml)));
        assert_eq!(x.properties.typed("t"), Some((written, PropertyType::Text)));
        assert_eq!(
            x.properties.value("om"),
            Some("<m:a xmlns:m='urn:m'>text<m:b/></m:a>")
        );
    }

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        let mut x = soap11();
        run(
            &mut x,
            r#"<property name="i" value="0042" type="INTEGER"/><property name="d" value="1.50" type="DOUBLE"/>
               <property name="f" value="2.50" type="FLOAT"/><property name="j" value="[1]" type="JSON"/>"#,
        );
        let values = ["i", "d", "f", "j"].map(|name| x.properties.value(name).unwrap_or_default());
        assert_eq!(values, ["42", "1.5", "2.5", "[1]"]);
    }

    #[test]
    fn the_media_type_is_not_a_field_to_set() {
        let mut x = soap11();
        run(
            &mut x,
            r#"<property name="content-type" value="a/b" scope="transport"/>"#,
        );
        let kept = x.request.headers.find("Content-Type").unwrap_or_default();
        assert_eq!(kept, b"text/xml; charset=UTF-8");
    }

    #[test]
    fn a_boolean_false_is_false_in_a_condition() {
        let text = r#"<property name="f" value="FALSE" type="BOOLEAN"/>
            <filter xpath="get-property('f')"><then><log/></then><else><property name="r" value="no"/></else></filter>"#;
        let mut x = soap11();
        run(&mut x, text);
        assert_eq!(x.properties.value("r"), Some("no"));
        assert_eq!(x.properties.value("f"), Some("false"));
    }

    #[test]
    fn removing_the_postfix_and_the_fields() {
        let mut x = get();
        x.request.headers.append(b"X-One", b"1");
        run(
            &mut x,
            r#"<property name="REST_URL_POSTFIX" scope="axis2" action="remove"/><property name="TRANSPORT_HEADERS" scope="axis2" action="remove"/>"#,
        );
        assert_eq!(x.suffix(), b"");
        assert_eq!(x.request.headers.find("X-One"), None);
        assert_eq!(x.request.headers.find("Host"), Some(&b"axon"[..]));
        assert_eq!(
            (x.request.method_text(), x.request.target()),
            (&b"GET"[..], &b"/services/StockQuote?symbol=IBM"[..])
        );
        let mut x = soap11();
        run(
            &mut x,
            r#"<property name="soapaction" scope="transport" action="remove"/>"#,
        );
        assert_eq!(x.request.headers.find("SOAPAction"), None);
    }

    #[test]
    fn what_is_no_header_field_is_never_written() {
        for (name, expression) in [
            ("bad name", "'v'"),
            ("X", "concat('a', get-property('crlf'))"),
        ] {
            let mut x = soap11();
            x.properties.set("crlf", "\r\nX-Inj: y");
            let text =
                format!(r#"<property name="{name}" expression="{expression}" scope="transport"/>"#);
            assert_eq!(run(&mut x, &text).status, 500, "{name}");
            assert_eq!(x.request.headers.len(), 3);
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_type_is_an_error_at_run_time() {
        let mut x = soap11();
        let seen = run(
            &mut x,
            r#"<property name="n" expression="get-property('To')" type="INTEGER"/>"#,
        );
        assert!(
            seen.body
                .contains("property `n`: `/services/StockQuote` is not a value of its type"),
            "{}",
            seen.body
        );
    }

    #[test]
    fn a_message_has_a_bounded_number_of_properties() {
        let mut x = soap11();
        for n in 0..super::PROPERTIES_MAX {
            x.properties.set(n.to_string(), "");
        }
        assert_eq!(
            run(&mut x, r#"<property name="more" value="1"/>"#).status,
            500
        );
        x.replied = false;
        x.direction = Default::default();
        assert_eq!(run(&mut x, r#"<property name="7" value="1"/>"#).status, 202);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_when_it_is_loaded() {
        for (property, code, severity) in [
            (
                "<property value=\"1\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"1\" scope=\"nowhere\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"1\" type=\"WIDGET\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"x\" type=\"INTEGER\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"40000\" type=\"SHORT\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"1\" group=\"1\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"1\" pattern=\".\" group=\"1\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" expression=\"count(//a\"/>",
                DiagnosticCode::BadExpression,
                Severity::Error,
            ),
            (
                "<property name=\"a\" value=\"1\" scope=\"operation\"/>",
                DiagnosticCode::NotSupportedYet,
                Severity::Unsupported,
            ),
            (
                "<property name=\"a\" type=\"OM\" value=\"no XML\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<property name=\"a\" type=\"JSON\" value=\"{\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
        ] {
            let world = world(&format!("<sequence name=\"main\">{property}</sequence>"));
            let problems = world.problems();
            assert_eq!(
                (problems[0].0, problems[0].1, problems.len()),
                (code, severity, 1),
                "{property}"
            );
        }
    }
}
