//! `validate`: an element of the message against XML schemas (spec/mediation.md 9; recordings of the topic validate).
//!
//! The schemas are texts of the configuration and compiled when it is loaded, for their problems, and once more by each worker.
//! An invalid message sets ERROR_MESSAGE to the first error and ERROR_DETAIL to all of them, runs `on-fail` and then goes on
//! with the next mediator here, unless `on-fail` ended the flow (recorded).

use std::sync::Arc;

use super::{List, Mediator, Scene, Step};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::{Expression, Value};
use crate::mediation::parse::Parse;
use crate::soap::xsd::{SchemaTexts, Schemas};

/// What is validated unless `source` says it.
const FIRST_CHILD: &str = "$body/*[1]";

#[derive(Debug)]
struct Validate {
    source: Expression,
    schemas: Arc<SchemaTexts>,
    on_fail: List,
    place: String,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(
        element,
        &["source"],
        &["schema", "resource", "feature", "property", "on-fail"],
    );
    let source = match element.attribute("source") {
        Some(source) => parse.expression(element, source),
        None => {
            let own = Spanned::new(FIRST_CHILD.to_owned(), element.name_span);
            parse.expression(element, &own)
        }
    };
    let on_fail = match element.child("on-fail") {
        Some(on_fail) => parse.list(on_fail),
        None => List::default(),
    };
    if on_fail.is_empty() {
        let text = "`validate` needs an `on-fail` with mediators in it";
        parse.bad(element.name_span, text);
        return None;
    }
    let schemas = texts(element, "schema", |schema| schema.attribute("key"), parse);
    let resources = texts(
        element,
        "resource",
        |resource| resource.attribute("location"),
        parse,
    );
    let (schemas, resources) = (schemas?, resources?);
    let missing = [&schemas, &resources]
        .into_iter()
        .flatten()
        .find_map(|(key, text)| text.is_none().then(|| key.value.clone()));
    if schemas.is_empty() {
        parse.bad(element.name_span, "`validate` needs a `schema`");
        return None;
    }
    if let Some(key) = missing {
        // The message fails when it gets there, with code 0 (recorded).
        let text = format!("there is no schema `{key}`");
        return Some(super::failing(Fault::new(ErrorCode::NONE, text)));
    }
    let given = |list: &[Text]| {
        let both = list.iter().filter_map(|(name, text)| {
            let text = text.clone()?;
            Some((name.value.trim().to_owned(), text))
        });
        both.collect::<Vec<_>>()
    };
    let texts = SchemaTexts {
        schemas: given(&schemas),
        resources: given(&resources),
    };
    if let Err(error) = Schemas::compile(&texts) {
        let span = schemas
            .first()
            .map_or(element.name_span, |(key, _)| key.span);
        parse.bad(span, format!("the schema cannot be used: {error}"));
        return None;
    }
    Some(Box::new(Validate {
        source: source?,
        schemas: Arc::new(texts),
        on_fail,
        place: parse.place(element),
    }))
}

/// What a text is known by, and the text; `None` where the configuration has none of that key.
type Text = (Spanned<String>, Option<Arc<str>>);

/// The texts that the elements of that name refer to; a key that leads nowhere is warned of.
fn texts<'e>(
    element: &'e Element,
    kind: &str,
    named: impl Fn(&'e Element) -> Option<&'e Spanned<String>>,
    parse: &mut Parse<'_>,
) -> Option<Vec<Text>> {
    let mut found = Vec::new();
    for child in element.elements().filter(|e| e.is(kind)) {
        let key = parse.required(child, "key")?;
        if key.value.trim_start().starts_with('{') {
            parse.unsupported(
                key.span,
                "a schema whose key the message computes is not supported yet",
            );
            return None;
        }
        let Some(name) = named(child) else {
            parse.bad(
                child.name_span,
                format!("`{kind}` needs the attribute `location`"),
            );
            return None;
        };
        let text = parse.entries.registry(key.value.trim()).map(Arc::from);
        if text.is_none() {
            parse.diagnostics.warn(
                DiagnosticCode::UnknownEntry,
                key.span,
                format!(
                    "there is no local entry and no file of the registry `{}`",
                    key.value
                ),
                "define it, or correct the key; a message that gets there fails",
            );
        }
        found.push((name.clone(), text));
    }
    Some(found)
}

impl Validate {
    /// What is wrong with the message: the first error and all of them.
    fn problem(&self, x: &Exchange) -> Result<Option<(String, String)>, Fault> {
        let fault = |text: &str| {
            Fault::new(
                ErrorCode::NONE,
                format!("`validate` at {}: {text}", self.place),
            )
        };
        let value = self.source.evaluate(x)?;
        let Value::Nodes(nodes) = value else {
            return Err(fault("its source is no element"));
        };
        let view = match x.content() {
            Some(content) => content.view().ok(),
            None => None,
        };
        let element = nodes.first().and_then(|item| item.node());
        let (Some(view), Some(element)) = (view, element) else {
            return Err(fault("its source selects nothing"));
        };
        if !view.tree.is_element(element) {
            return Err(fault("its source is no element"));
        }
        let schemas = self.schemas.on_this_thread();
        let schemas = schemas.map_err(|error| fault(&error.to_string()))?;
        let judged = schemas.validate(&view.tree.to_xml(element));
        Ok(judged.err().map(|invalid| (invalid.first, invalid.all)))
    }
}

impl Mediator for Validate {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.problem(x) {
            Ok(None) => Step::Next,
            Ok(Some((first, all))) => {
                x.properties.set("ERROR_MESSAGE", first);
                x.properties.set("ERROR_DETAIL", all);
                Step::Enter(&self.on_fail)
            }
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::exchange::{Body, Exchange};
    use crate::mediation::testing::{Seen, Sent, pox, soap11, soap11_with, world};

    const SCHEMA: &str = r#"<localEntry key="xsd"><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
        xmlns:u="urn:u" targetNamespace="urn:u" elementFormDefault="qualified">
        <xs:element name="order"><xs:complexType><xs:sequence>
          <xs:element name="n" type="xs:positiveInteger"/></xs:sequence></xs:complexType></xs:element></xs:schema></localEntry>"#;

    fn flow(validate: &str, more: &str, x: &mut Exchange) -> Seen {
        let text = format!(
            "{SCHEMA}<sequence name=\"main\"><in>{validate}{more}<send><endpoint><address uri=\"http://b1/\"/></endpoint></send></in><out><send/></out></sequence>"
        );
        world(&text).clean().run(x, vec![Sent::Answer(200)])
    }

    fn order(n: &str) -> Exchange {
        soap11_with(
            "",
            &format!("<o:order xmlns:o=\"urn:u\"><o:n>{n}</o:n></o:order>"),
        )
    }

    const ON_FAIL: &str = "<on-fail><property name=\"bad\" value=\"yes\"/></on-fail>";

    #[test]
    fn a_valid_message_goes_on_and_an_invalid_one_runs_on_fail_and_then_goes_on() {
        let validate = format!("<validate><schema key=\"xsd\"/>{ON_FAIL}</validate>");
        let mut x = order("7");
        flow(&validate, "", &mut x);
        assert_eq!(x.properties.value("bad"), None);
        assert_eq!(x.properties.value("ERROR_MESSAGE"), None);
        let mut x = order("-7");
        let seen = flow(&validate, "", &mut x);
        assert_eq!(
            (seen.sent.len(), x.properties.value("bad")),
            (1, Some("yes"))
        );
        let first = x.properties.value("ERROR_MESSAGE").unwrap();
        assert!(first.starts_with("cvc-") && first.contains("-7"), "{first}");
        assert!(x.properties.value("ERROR_DETAIL").unwrap().contains(first));
        assert_eq!(x.properties.value("ERROR_CODE"), None);
    }

    #[test]
    fn the_source_says_which_element() {
        let of = |source: &str| {
            format!(
                "<validate xmlns:w=\"urn:w\" source=\"{source}\"><schema key=\"xsd\"/>{ON_FAIL}</validate>"
            )
        };
        let inside = |n: &str| {
            let order = format!("<o:order xmlns:o=\"urn:u\"><o:n>{n}</o:n></o:order>");
            soap11_with("", &format!("<w:wrap xmlns:w=\"urn:w\">{order}</w:wrap>"))
        };
        for (n, bad) in [("1", None), ("x", Some("yes"))] {
            let mut x = inside(n);
            flow(&of("//w:wrap/*"), "", &mut x);
            assert_eq!(x.properties.value("bad"), bad, "{n}");
        }
        // The prefix is declared outside the element that is validated.
        let mut x = inside("1");
        flow(&of("//w:wrap"), "", &mut x);
        assert_eq!(
            x.properties.value("bad"),
            Some("yes"),
            "wrap is not declared"
        );
    }

    #[test]
    fn plain_xml_is_validated_too() {
        let validate = format!("<validate><schema key=\"xsd\"/>{ON_FAIL}</validate>");
        let mut x = pox();
        x.request_body = Body::Whole("<other/>".into());
        flow(&validate, "", &mut x);
        assert_eq!(x.properties.value("bad"), Some("yes"));
    }

    #[test]
    fn problems_are_found_when_it_is_loaded() {
        let error = (DiagnosticCode::BadMediator, Severity::Error);
        let missing = (DiagnosticCode::UnknownEntry, Severity::Warning);
        for (inside, kind, place) in [
            (ON_FAIL.to_owned(), error, "<validate"),
            ("<schema key=\"xsd\"/>".to_owned(), error, "<validate"),
            (format!("<schema key=\"wrong\"/>{ON_FAIL}"), error, "wrong"),
            (format!("<schema key=\"gone\"/>{ON_FAIL}"), missing, "gone"),
        ] {
            let text = format!(
                "{SCHEMA}<localEntry key=\"wrong\"><a xmlns=\"\"/></localEntry><sequence name=\"main\"><validate>{inside}</validate></sequence>"
            );
            let world = world(&text);
            let told = world.problems();
            let found = told
                .iter()
                .any(|(code, severity, text)| (*code, *severity) == kind && text.contains(place));
            assert!(found, "{inside}: {told:?}");
        }
    }

    #[test]
    fn a_missing_schema_is_an_error_when_a_message_gets_there() {
        let text = format!(
            "<sequence name=\"main\"><validate><schema key=\"gone\"/>{ON_FAIL}</validate></sequence>"
        );
        let seen = world(&text).run(&mut soap11(), vec![]);
        assert_eq!(seen.status, 500);
        assert!(seen.body.contains("gone"), "{}", seen.body);
    }
}
