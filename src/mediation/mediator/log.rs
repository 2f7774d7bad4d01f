//! `log`: one line about the message. The text is made only when its category is written.
//!
//! The level `headers` writes the blocks of the SOAP header, `full` the whole envelope after what `simple` writes. A message
//! that cannot be read is no reason to fail: the line says so.

use super::{Mediator, Scene, Step, most};
use crate::codes::DiagnosticCode;
use crate::config::xml::Element;
use crate::exchange::{Direction, Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::parse::{Parse, ValueOf};
use crate::mediation::{Category, message};
use crate::soap::content::{Content, Extent};

/// Longest line, in bytes.
const LINE_MAX: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Simple,
    Headers,
    Full,
    Custom,
}

#[derive(Debug)]
struct Log {
    level: Level,
    category: Category,
    separator: String,
    properties: Vec<(String, ValueOf)>,
}

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["level", "category", "separator"], &["property"]);
    let mut written = Level::Simple;
    if let Some(level) = element.attribute("level") {
        match level.value.as_str() {
            "custom" => written = Level::Custom,
            "simple" => {}
            "headers" => written = Level::Headers,
            "full" => written = Level::Full,
            other => parse.diagnostics.warn(
                DiagnosticCode::BadMediator,
                level.span,
                format!("`{other}` is no log level"),
                "it is taken for `simple`, as in Synapse",
            ),
        }
    }
    let mut complete = true;
    let mut category = Category::default();
    if let Some(written) = element.attribute("category") {
        match Category::of(&written.value) {
            Some(known) => category = known,
            None => {
                let text = format!(
                    "`{}` is no category; known: TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
                    written.value
                );
                parse.bad(written.span, text);
                complete = false;
            }
        }
    }
    let mut properties = Vec::new();
    for property in element.elements().filter(|e| e.is("property")) {
        let name = parse
            .required(property, "name")
            .map(|name| name.value.clone());
        match (name, parse.value(property)) {
            (Some(name), Some(value)) => properties.push((name, value)),
            _ => complete = false,
        }
    }
    let separator = element
        .attribute("separator")
        .map_or(", ", |s| s.value.as_str())
        .to_owned();
    complete.then(|| -> Box<dyn Mediator> {
        Box::new(Log {
            level: written,
            category,
            separator,
            properties,
        })
    })
}

impl Log {
    fn line(&self, x: &Exchange) -> Result<String, Fault> {
        let mut line = String::new();
        let mut add = |name: &str, link: &str, value: &str| {
            if line.len() < LINE_MAX {
                if !line.is_empty() {
                    line.push_str(&self.separator);
                }
                line.push_str(name);
                line.push_str(link);
                line.push_str(value);
            }
        };
        if matches!(self.level, Level::Simple | Level::Full) {
            add("To", ": ", &message::to(x));
            let action = message::action(x);
            if !action.is_empty() {
                add("WSAction", ": ", action);
                add("SOAPAction", ": ", action);
            }
            for name in ["From", "ReplyTo", "MessageID"] {
                let value = message::addressing(x, name);
                if !value.is_empty() {
                    add(name, ": ", &value);
                }
            }
            let direction = match x.direction {
                Direction::Request => "request",
                Direction::Response => "response",
            };
            add("Direction", ": ", direction);
        }
        let view = match x.content().map(Content::view) {
            Some(Ok(view)) => Ok(view),
            Some(Err(error)) => Err(format!("({error})")),
            None => Err("(it cannot be read)".to_owned()),
        };
        match (self.level, view) {
            (Level::Headers, Ok(view)) => {
                let blocks = Content::header(&view.tree).into_iter();
                for block in blocks.flat_map(|header| view.tree.elements(header)) {
                    let text = view.tree.own_text(block);
                    add(view.tree.name(block).local, " : ", &text);
                }
            }
            (Level::Full, Ok(view)) => add("Envelope", ": ", &view.tree.to_xml(view.envelope)),
            (Level::Full, Err(why)) => add("Envelope", ": ", &why),
            _ => {}
        }
        for (name, value) in &self.properties {
            add(name, " = ", &value.text(x)?);
        }
        if line.len() > LINE_MAX {
            line.truncate(line.floor_char_boundary(LINE_MAX));
        }
        Ok(line)
    }
}

impl Mediator for Log {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        if !scene.log.enabled(self.category) {
            return Step::Next;
        }
        match self.line(x) {
            Ok(line) => {
                scene.log.log(self.category, &line);
                Step::Next
            }
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, scene: &Scene<'a>) -> Option<&'a Expression> {
        // A line that is not written is not worth reading a message for.
        if !scene.log.enabled(self.category) {
            return None;
        }
        most(self.properties.iter().map(|(_, value)| value.expression()))
    }

    fn asks<'a>(&'a self, scene: &Scene<'a>) -> Vec<&'a Expression> {
        if !scene.log.enabled(self.category) {
            return Vec::new();
        }
        let asked = self.properties.iter();
        asked.filter_map(|(_, value)| value.expression()).collect()
    }

    fn extent(&self, scene: &Scene<'_>) -> Option<Extent> {
        match self.level {
            _ if !scene.log.enabled(self.category) => None,
            Level::Simple | Level::Custom => None,
            Level::Headers => Some(Extent::Header),
            Level::Full => Some(Extent::Whole),
        }
    }

    fn forgives(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::config::diagnostic::Severity;
    use crate::exchange::Exchange;
    use crate::mediation::testing::{soap11, soap11_with, world};
    use crate::soap::content::Extent;

    fn lines(log: &str) -> Vec<String> {
        world(&format!("<sequence name=\"main\">{log}</sequence>"))
            .run(&mut soap11(), vec![])
            .log
    }

    #[test]
    fn levels_categories_and_separator() {
        let simple = "To: /services/StockQuote, WSAction: urn:getQuote, SOAPAction: urn:getQuote, Direction: request";
        assert_eq!(lines("<log/>"), [format!("INFO {simple}")]);
        assert_eq!(
            lines("<log level=\"odd\" category=\"warn\"/>"),
            [format!("WARN {simple}")]
        );
        let custom = r#"<log level="custom" category="ERROR" separator=" | "><property name="a" value="1"/>
            <property name="b" expression="concat('x', get-property('To'))"/></log>"#;
        assert_eq!(lines(custom), ["ERROR a = 1 | b = x/services/StockQuote"]);
        assert!(
            lines("<log category=\"TRACE\"/>").is_empty(),
            "a category that is off"
        );
    }

    #[test]
    fn headers_and_full_show_the_message() {
        let seen = |log: &str, x: &mut Exchange| {
            world(&format!("<sequence name=\"main\">{log}</sequence>"))
                .clean()
                .run(x, vec![])
        };
        let header = "<k:H xmlns:k='urn:k'>hv</k:H><w:ReplyTo xmlns:w='http://www.w3.org/2005/08/addressing'><w:Address>http://r/</w:Address></w:ReplyTo>";
        let mut x = soap11_with(header, "<a>b</a>");
        let got = seen("<log level=\"headers\"/>", &mut x);
        assert_eq!(got.log, ["INFO H : hv, ReplyTo : "]);
        assert_eq!(got.read, [Extent::Header]);
        let mut x = soap11_with(header, "<a>b</a>");
        let got = seen("<log level=\"full\" category=\"WARN\"/>", &mut x);
        assert!(
            got.log[0].starts_with("WARN To: /services/StockQuote, WSAction: urn:getQuote, SOAPAction: urn:getQuote, ReplyTo: http://r/, Direction: request, Envelope: <s:Envelope"),
            "{}",
            got.log[0]
        );
        assert!(got.log[0].ends_with("<a>b</a></s:Body></s:Envelope>"));
        let off = seen(
            "<log level=\"full\" category=\"TRACE\"/>",
            &mut soap11_with("", "<a/>"),
        );
        assert!(off.read.is_empty(), "what is not written is not read");
        let mut broken = soap11_with("", "<a>");
        let got = seen("<log level=\"full\"/>", &mut broken);
        assert_eq!(got.status, 202);
        assert!(
            got.log[0].contains("Envelope: (the message is not well-formed"),
            "{}",
            got.log[0]
        );
    }

    #[test]
    fn a_line_is_bounded() {
        let long = "é".repeat(50_000);
        let line = lines(&format!(
            "<log level=\"custom\"><property name=\"a\" value=\"{long}\"/></log>"
        ));
        assert!(line[0].len() <= super::LINE_MAX + "INFO ".len());
    }

    #[test]
    fn problems_are_told_by_how_bad_they_are() {
        for (log, code, severity) in [
            (
                "<log level=\"odd\"/>",
                DiagnosticCode::BadMediator,
                Severity::Warning,
            ),
            (
                "<log odd=\"1\"/>",
                DiagnosticCode::BadMediator,
                Severity::Warning,
            ),
            (
                "<log category=\"LOUD\"/>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<log><property name=\"a\"/></log>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<log><property value=\"a\"/></log>",
                DiagnosticCode::BadMediator,
                Severity::Error,
            ),
            (
                "<log><property name=\"a\" expression=\"${payload.a}\"/></log>",
                DiagnosticCode::NotSupportedYet,
                Severity::Unsupported,
            ),
        ] {
            let world = world(&format!("<sequence name=\"main\">{log}</sequence>"));
            let problems = world.problems();
            assert_eq!(
                (problems[0].0, problems[0].1, problems.len()),
                (code, severity, 1),
                "{log}"
            );
        }
    }
}
