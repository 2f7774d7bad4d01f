//! `property`: sets or removes a property in the default, axis2 or transport scope (spec/mediation.md 7, 9).

use regex::Regex;

use super::{Mediator, Scene, Step};
use crate::codes::ErrorCode;
use crate::config::model::Scope;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, PropertyType, RestSuffix};
use crate::mediation::message;
use crate::mediation::parse::{Parse, ValueOf};

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
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Integer(i64, i64),
    Float,
}

const KINDS: &[(&str, Kind)] = &[
    ("STRING", Kind::Text),
    ("BOOLEAN", Kind::Boolean),
    ("INTEGER", Kind::Integer(i32::MIN as i64, i32::MAX as i64)),
    ("LONG", Kind::Integer(i64::MIN, i64::MAX)),
    ("SHORT", Kind::Integer(i16::MIN as i64, i16::MAX as i64)),
    ("DOUBLE", Kind::Float),
    ("FLOAT", Kind::Float),
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
                (least..=most).contains(&number).then(|| text.to_owned())
            }
            Kind::Float => text.trim().parse::<f64>().ok().map(|_| text.to_owned()),
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
    if let Some(child) = element.elements().find(|child| !child.is("description")) {
        parse.unsupported(
            child.name_span,
            "XML as the value of a property is not supported yet",
        );
        return None;
    }
    parse.only(element, &known, &[]);
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
        false => set(element, parse)?,
    };
    Some(Box::new(Property {
        name,
        scope,
        action,
    }))
}

fn set(element: &Element, parse: &mut Parse<'_>) -> Option<Action> {
    if let Some(kind) = element.attribute("type")
        && ["OM", "JSON"].contains(&kind.value.as_str())
    {
        parse.unsupported(
            kind.span,
            &format!("the type `{}` is not supported yet", kind.value),
        );
        return None;
    }
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
        let text = value.text(x)?;
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
            _ => PropertyType::Text,
        };
        let properties = match self.scope {
            Scope::Transport => return set_field(x, &self.name, &text),
            Scope::Default => &mut x.properties,
            Scope::Axis2 | Scope::Axis2Client => &mut x.axis2,
        };
        if properties.len() >= PROPERTIES_MAX && properties.value(&self.name).is_none() {
            return Err(self.fault(&format!(
                "the message has {PROPERTIES_MAX} properties already"
            )));
        }
        properties.set_typed(self.name.clone(), text, kind);
        Ok(())
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
                !name.eq_ignore_ascii_case("Host") && !name.eq_ignore_ascii_case("Content-Type")
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
}
