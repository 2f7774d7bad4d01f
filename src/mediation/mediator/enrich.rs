//! `enrich`: takes something of the message, of a property or of the configuration, and puts it into the message or a
//! property (spec/mediation.md 9; recordings of the topic enrich).
//!
//! A source that selects nothing changes nothing; a target that does is an error, as recorded. What is put somewhere is a
//! copy in any case; `clone="false"` takes the original out.

mod source;
mod target;

use super::{Mediator, Scene, Step, failing, most};
use crate::codes::ErrorCode;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::content;
use crate::mediation::expression::Expression;
use crate::mediation::fragment::Fragment;
use crate::mediation::parse::Parse;
use crate::soap::content::{ContentError, Extent};
use crate::soap::tree::EditError;
use source::Source;
use target::Target;

#[derive(Debug)]
struct Enrich {
    source: Source,
    target: Target,
}

/// What is put somewhere.
#[derive(Debug)]
enum Piece {
    Element(Box<Fragment>),
    Text(String),
    /// The value of an attribute: it becomes the value of a text or an attribute, and nothing else (recorded).
    Attribute(String),
}

impl Piece {
    fn text(&self) -> String {
        match self {
            Piece::Element(element) => element.to_xml(),
            Piece::Text(text) | Piece::Attribute(text) => text.clone(),
        }
    }
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &["source", "target"]);
    let mut part = |name: &str| {
        let found = element.child(name);
        if found.is_none() {
            let text = format!("`enrich` needs a `{name}`");
            parse.bad(element.name_span, text);
        }
        found
    };
    let (source, target) = (part("source"), part("target"));
    // The original takes a type that it does not know (spec/mediation.md 12).
    if let Some(written) = source.and_then(|source| source.attribute("type"))
        && !source::is_known(written.value.trim())
    {
        let text = format!("`{}` is no type of a source", written.value);
        let help = "known: custom, envelope, body, property, inline; a message that gets here is answered with a fault";
        parse.warn(written.span, &text, help);
        let text = format!("{text} of enrich at {}", parse.locate(written.span));
        return Some(failing(Fault::new(ErrorCode::NONE, text)));
    }
    let source = source.map(|source| Source::parse(source, parse));
    let target = target.map(|target| Target::parse(target, parse));
    Some(Box::new(Enrich {
        source: source??,
        target: target??,
    }))
}

impl Enrich {
    fn apply(&self, x: &mut Exchange) -> Result<(), Fault> {
        let found = self.source.find(x)?;
        if found.pieces.is_empty() {
            return Ok(());
        }
        // The place is looked for before anything moves.
        let place = self.target.place(x)?;
        if !found.taken.is_empty() {
            let view = content::envelope_mut(x)?;
            for node in found.taken {
                view.tree.detach(node);
            }
        }
        self.target.put(x, place, &found.pieces)
    }
}

fn failed(text: &str) -> Fault {
    Fault::new(ErrorCode::NONE, format!("enrich: {text}"))
}

fn edit(error: EditError) -> Fault {
    content::refused("", &ContentError::Edit(error))
}

impl Mediator for Enrich {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.apply(x) {
            Ok(()) => Step::Next,
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        most([self.source.expression(), self.target.expression()])
    }

    fn asks<'a>(&'a self, _: &Scene<'a>) -> Vec<&'a Expression> {
        let asked = [self.source.expression(), self.target.expression()];
        asked.into_iter().flatten().collect()
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        (self.source.is_in_message() || self.target.is_in_message()).then_some(Extent::Whole)
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::exchange::{Body, Exchange};
    use crate::mediation::testing::{Sent, pox, soap11_with, world};

    const MESSAGE: &str = r#"<d><a k="1">one</a><b>two</b><c><x>in</x></c></d>"#;

    /// The plain XML that goes out.
    fn enriched(mediators: &str) -> Result<String, String> {
        let mut x = pox();
        x.request_body = Body::Whole(MESSAGE.into());
        run(&mut x, mediators)
    }

    fn run(x: &mut Exchange, mediators: &str) -> Result<String, String> {
        let text = format!(
            "<sequence name=\"main\">{mediators}<send><endpoint key=\"e\"/></send></sequence>"
        );
        let fails = mediators.contains("<!--fails");
        let sends = if fails { vec![] } else { vec![Sent::OneWay] };
        let seen = world(&text).clean().run(x, sends);
        if seen.status >= 400 {
            return Err(seen.body);
        }
        let Body::Whole(bytes) = &x.request_body else {
            panic!("{:?}", x.request_body)
        };
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn enrich(source: &str, target: &str) -> String {
        format!("<enrich><source {source}</source><target {target}/></enrich>")
    }

    fn custom(xpath: &str, target: &str) -> String {
        enrich(&format!("xpath=\"{xpath}\">"), target)
    }

    #[test]
    fn an_element_comes_to_stand_somewhere_else() {
        for (mediator, want) in [
            (
                custom("//a", "xpath=\"//b\""),
                r#"<d><a k="1">one</a><a k="1">one</a><c><x>in</x></c></d>"#,
            ),
            (
                custom("//a", "xpath=\"//c\" action=\"child\""),
                r#"<d><a k="1">one</a><b>two</b><c><x>in</x><a k="1">one</a></c></d>"#,
            ),
            (
                custom("//a | //x", "xpath=\"//b\" action=\"sibling\""),
                r#"<d><a k="1">one</a><b>two</b><a k="1">one</a><x>in</x><c><x>in</x></c></d>"#,
            ),
            (
                custom("//a", "xpath=\"//c\" action=\"child\"")
                    .replace("<source", "<source clone=\"false\""),
                r#"<d><b>two</b><c><x>in</x><a k="1">one</a></c></d>"#,
            ),
            (custom("//c/x", "type=\"body\""), "<x>in</x>"),
            (
                custom("//c/x", "type=\"body\" action=\"child\""),
                r#"<d><a k="1">one</a><b>two</b><c><x>in</x></c><x>in</x></d>"#,
            ),
            (
                enrich(
                    "type=\"inline\"><k:in xmlns:k=\"urn:k\">v</k:in>",
                    "type=\"body\"",
                ),
                r#"<k:in xmlns:k="urn:k">v</k:in>"#,
            ),
        ] {
            assert_eq!(enriched(&mediator).as_deref(), Ok(want), "{mediator}");
        }
    }

    #[test]
    fn texts_and_attributes_are_values() {
        for (mediator, want) in [
            (
                custom("//a/text()", "xpath=\"//b\""),
                r#"<d><a k="1">one</a><b>one</b><c><x>in</x></c></d>"#,
            ),
            (
                custom("//b/text()", "xpath=\"//a/@k\""),
                r#"<d><a k="two">one</a><b>two</b><c><x>in</x></c></d>"#,
            ),
            (custom("//a/@k", "xpath=\"//b\""), MESSAGE),
            (
                custom("concat('n', 1)", "xpath=\"//a/text()\""),
                r#"<d><a k="1">n1</a><b>two</b><c><x>in</x></c></d>"#,
            ),
            (
                enrich("type=\"inline\"> plain ", "xpath=\"//b\""),
                r#"<d><a k="1">one</a><b>plain</b><c><x>in</x></c></d>"#,
            ),
            (
                format!(
                    "<property name=\"v\" value=\"&lt;pv/>\"/>{}",
                    enrich("type=\"property\" property=\"v\">", "xpath=\"//b\"")
                ),
                r#"<d><a k="1">one</a><b>&lt;pv/&gt;</b><c><x>in</x></c></d>"#,
            ),
        ] {
            assert_eq!(enriched(&mediator).as_deref(), Ok(want), "{mediator}");
        }
    }

    #[test]
    fn what_is_kept_in_a_property_comes_back_as_it_was() {
        let keep = custom("//a | //c", "type=\"property\" property=\"n\"");
        let put = enrich(
            "type=\"property\" property=\"n\">",
            "xpath=\"//b\" action=\"child\"",
        );
        assert_eq!(
            enriched(&(keep + &put)).as_deref(),
            Ok(
                r#"<d><a k="1">one</a><b>two<a k="1">one</a><c><x>in</x></c></b><c><x>in</x></c></d>"#
            )
        );
        let text = custom("//a/text()", "type=\"property\" property=\"n\"");
        let mut x = pox();
        x.request_body = Body::Whole(MESSAGE.into());
        run(&mut x, &text).unwrap();
        assert_eq!(x.properties.value("n"), Some("one"));
    }

    #[test]
    fn whole_envelopes_are_kept_and_put_back() {
        let mediators = enrich("type=\"envelope\">", "type=\"property\" property=\"all\"")
            + "<payloadFactory><format><other xmlns=''/></format></payloadFactory>"
            + &enrich("type=\"property\" property=\"all\">", "type=\"envelope\"");
        let mut x = soap11_with("<h/>", "<a/><b/>");
        let Body::Whole(before) = x.request_body.clone() else {
            panic!()
        };
        let after = run(&mut x, &mediators).unwrap();
        assert_eq!(after.as_bytes(), &before[..]);
        let both = enrich("type=\"body\">", "type=\"property\" property=\"n\"")
            + &enrich(
                "type=\"property\" property=\"n\">",
                "type=\"body\" action=\"sibling\"",
            );
        let after = run(&mut soap11_with("", "<a/><b/>"), &both).unwrap();
        assert!(
            after.contains("<s:Body><a/><a/><b/><b/></s:Body>"),
            "{after}"
        );
    }

    #[test]
    fn what_selects_nothing_changes_nothing_or_fails() {
        assert_eq!(
            enriched(&custom("//none", "type=\"body\"")).as_deref(),
            Ok(MESSAGE)
        );
        let error = enriched(&(custom("//a", "xpath=\"//none\"") + "<!--fails-->")).unwrap_err();
        assert!(error.contains("selects nothing"), "{error}");
    }

    #[test]
    fn json_is_put_into_a_message_as_json() {
        let mut x = pox();
        x.request_body = Body::Whole(MESSAGE.into());
        let inline = enrich("type=\"inline\">{\"a\": [1]}", "type=\"body\"");
        assert_eq!(run(&mut x, &inline).as_deref(), Ok("{\"a\": [1]}"));
        assert_eq!(
            x.request.headers.find("Content-Type"),
            Some(&b"application/json"[..])
        );
    }

    #[test]
    fn what_is_missing_is_told_when_it_is_loaded() {
        for (mediator, count) in [
            ("<enrich/>", 2),
            (
                "<enrich><source type=\"custom\"/><target type=\"body\"/></enrich>",
                1,
            ),
            (
                "<enrich><source type=\"body\"/><target type=\"property\"/></enrich>",
                1,
            ),
            (
                "<enrich><source type=\"property\"/><target type=\"body\"/></enrich>",
                1,
            ),
            (
                "<enrich><source type=\"inline\"/><target type=\"body\"/></enrich>",
                1,
            ),
            (
                "<enrich><source type=\"body\"/><target xpath=\"//a\" action=\"odd\"/></enrich>",
                1,
            ),
        ] {
            let world = world(&format!("<sequence name=\"main\">{mediator}</sequence>"));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(
                codes,
                vec![DiagnosticCode::BadMediator; count],
                "{mediator}"
            );
        }
    }
}
