//! `payloadFactory`: a new payload out of a format and arguments (spec/mediation.md 9; recordings of the topic payload).
//!
//! `$n` in the format is the n-th argument. In XML a value is text, whatever characters it has; elements that an expression
//! selects stay elements, and so does XML that a property or a value of the configuration holds. (The engine pastes texts
//! together: a `<` or `&` in a value of the message breaks there, or becomes markup.) In JSON a value inside quotes is
//! escaped, one outside is JSON. An argument that is not there is an error, as recorded.

mod argument;
mod text;
mod xml;

use super::{Mediator, Scene, Step, most};
use crate::codes::ErrorCode;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::content;
use crate::mediation::expression::{Expression, Value};
use crate::mediation::fragment::Fragment;
use crate::mediation::message::{self, Place};
use crate::mediation::parse::Parse;
use crate::soap::content::{Extent, Notation};
use argument::Argument;

#[derive(Debug)]
struct PayloadFactory {
    media: Media,
    /// `media-type="xml"` is written: what was no XML is written as XML from then on.
    named_xml: bool,
    format: Format,
    arguments: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Xml,
    Json,
    Text,
}

#[derive(Debug)]
enum Format {
    Xml(Box<Fragment>),
    Text(String),
    /// By the key of a local entry or a file of the registry.
    Key(KeyOf),
}

#[derive(Debug)]
enum KeyOf {
    Fixed(String),
    Computed(Expression),
}

const MEDIA: &[(&str, Media)] = &[
    ("xml", Media::Xml),
    ("json", Media::Json),
    ("text", Media::Text),
];

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    let known = ["media-type", "template-type", "escapeXmlChars"];
    parse.only(element, &known, &["format", "args"]);
    if let Some(kind) = element.attribute("template-type")
        && !kind.value.trim().eq_ignore_ascii_case("default")
    {
        let text = format!("the template type `{}` is not supported yet", kind.value);
        parse.unsupported(kind.span, &text);
        return None;
    }
    let media = parse.word(element, "media-type", MEDIA)?;
    let named = element.attribute("media-type").is_some();
    let Some(written) = element.child("format") else {
        parse.bad(element.name_span, "`payloadFactory` needs a `format`");
        return None;
    };
    let format = format(written, media, parse);
    let mut complete = true;
    let mut arguments = Vec::new();
    for args in element.elements().filter(|e| e.is("args")) {
        for arg in args.elements().filter(|e| e.is("arg")) {
            match Argument::parse(arg, parse) {
                Some(argument) => arguments.push(argument),
                None => complete = false,
            }
        }
    }
    let format = format.filter(|_| complete)?;
    Some(Box::new(PayloadFactory {
        media,
        named_xml: named && media == Media::Xml,
        format,
        arguments,
    }))
}

fn format(element: &Element, media: Media, parse: &mut Parse<'_>) -> Option<Format> {
    if let Some(key) = element.attribute("key") {
        let text = key.value.trim();
        let computed = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
        return Some(Format::Key(match computed {
            Some(inner) => {
                let inner = Spanned::new(inner.to_owned(), key.span);
                KeyOf::Computed(parse.expression(element, &inner)?)
            }
            None => KeyOf::Fixed(text.to_owned()),
        }));
    }
    match (element.elements().next(), media) {
        (Some(payload), Media::Xml) => match Fragment::of(payload) {
            Ok(fragment) => Some(Format::Xml(Box::new(fragment))),
            Err(error) => {
                parse.bad(payload.name_span, error.to_string());
                None
            }
        },
        (None, Media::Xml) => {
            let text = "`format` needs an element; for other payloads there is media-type=\"json\" or \"text\"";
            parse.bad(element.name_span, text);
            None
        }
        (Some(payload), _) => {
            let text = "`format` of this media type takes text, and no element";
            parse.bad(payload.name_span, text);
            None
        }
        (None, _) => Some(Format::Text(element.text())),
    }
}

impl PayloadFactory {
    fn apply(&self, x: &mut Exchange) -> Result<(), Fault> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(argument.value(x, self.media == Media::Json)?);
        }
        let looked_up;
        let (fragment, text) = match &self.format {
            Format::Xml(fragment) => (Some(fragment), ""),
            Format::Text(text) => (None, text.as_str()),
            Format::Key(key) => {
                looked_up = stored(x, key)?;
                (None, looked_up.as_str())
            }
        };
        match self.media {
            Media::Xml => {
                let parsed;
                let fragment = match fragment {
                    Some(fragment) => fragment,
                    None => {
                        parsed = Fragment::parse(text).map_err(|e| broken(&e.to_string()))?;
                        &parsed
                    }
                };
                let view = content::envelope_or_new(x)?;
                xml::put(view, fragment, &values)?;
                if self.named_xml {
                    content::write_as_xml(x);
                }
                Ok(())
            }
            Media::Json => {
                let json = text::json(text, &values)?;
                content::replace(x, Notation::Json, json.into());
                Ok(())
            }
            Media::Text => {
                let text = text::plain(text, &values)?;
                content::replace(x, Notation::Text, text.into());
                Ok(())
            }
        }
    }
}

fn stored(x: &Exchange, key: &KeyOf) -> Result<String, Fault> {
    let key = match key {
        KeyOf::Fixed(key) => key.into(),
        KeyOf::Computed(expression) => expression.string(x)?,
    };
    match message::property(x, Place::Registry, &key) {
        Some(Value::Text(text)) => Ok(text.into_owned()),
        _ => Err(broken(&format!("there is no format `{key}`"))),
    }
}

fn broken(text: &str) -> Fault {
    Fault::new(ErrorCode::NONE, format!("payloadFactory: {text}"))
}

/// The pieces of a text: what stands as it is, and the numbers of arguments. Numbers begin with 1.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'$', &text.as_bytes()[at..]) {
        let dollar = at + found;
        let digits = text[dollar + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        at = dollar + 1 + digits;
        // A number that is no number of an argument is text.
        let Ok(number @ 1..) = text[dollar + 1..at].parse::<usize>() else {
            continue;
        };
        if start < dollar {
            out.push(Piece::Text(&text[start..dollar]));
        }
        out.push(Piece::Argument(number));
        start = at;
    }
    if start < text.len() {
        out.push(Piece::Text(&text[start..]));
    }
    out
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    Argument(usize),
}

/// The value of an argument by its number.
fn argument(values: &[argument::Value], number: usize) -> Result<&argument::Value, Fault> {
    values.get(number - 1).ok_or_else(|| {
        let text = format!(
            "the format has ${number}, and there are {} arguments",
            values.len()
        );
        broken(&text)
    })
}

impl Mediator for PayloadFactory {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.apply(x) {
            Ok(()) => Step::Next,
            Err(fault) => Step::Fail(fault),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        let key = match &self.format {
            Format::Key(KeyOf::Computed(expression)) => Some(expression),
            _ => None,
        };
        most(self.arguments.iter().map(Argument::expression).chain([key]))
    }

    fn asks<'a>(&'a self, _: &Scene<'a>) -> Vec<&'a Expression> {
        let asked = self.arguments.iter().filter_map(Argument::expression);
        asked.collect()
    }

    fn extent(&self, _: &Scene<'_>) -> Option<Extent> {
        // Of a message that another notation takes the place of nothing is kept.
        (self.media == Media::Xml).then_some(Extent::Whole)
    }

    fn forgives(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Body;
    use crate::mediation::testing::{Sent, get, soap11_with, world};

    fn payload(x: &mut Exchange, mediators: &str) -> Result<(String, String), String> {
        let text = format!(
            "<sequence name=\"main\">{mediators}<send><endpoint key=\"e\"/></send></sequence>"
        );
        let world = world(&text).clean();
        let sends = match mediators.contains("$9") {
            true => vec![],
            false => vec![Sent::OneWay],
        };
        let seen = world.run(x, sends);
        if seen.status == 500 {
            return Err(seen.body);
        }
        let Body::Whole(bytes) = &x.request_body else {
            panic!("it is held: {:?}", x.request_body);
        };
        let media = x.request.headers.find("Content-Type").unwrap_or_default();
        Ok((
            String::from_utf8(media.to_vec()).unwrap(),
            String::from_utf8(bytes.to_vec()).unwrap(),
        ))
    }

    fn factory(format: &str, args: &str) -> String {
        format!("<payloadFactory><format>{format}</format><args>{args}</args></payloadFactory>")
    }

    #[test]
    fn texts_are_cut_at_the_numbers_of_arguments() {
        use Piece::{Argument, Text};
        assert_eq!(
            pieces("a$1$22 $x$ $0$"),
            [Text("a"), Argument(1), Argument(22), Text(" $x$ $0$")]
        );
        assert_eq!(pieces("é$1"), [Text("é"), Argument(1)]);
        assert_eq!(pieces(""), []);
        assert_eq!(
            pieces("$99999999999999999999999"),
            [Text("$99999999999999999999999")]
        );
    }

    #[test]
    fn the_body_is_replaced_and_the_header_stays() {
        let mut x = soap11_with("<h/>", "<a>I &amp; M</a><b/>");
        let mediators = factory(
            "<o xmlns='' id='-$2-'>\n  <w>$1</w>\n  <f>$3 and $1</f>\n</o>",
            "<arg expression='//a'/><arg value='7'/><arg expression='count(//a)'/>",
        );
        let (media, body) = payload(&mut x, &mediators).unwrap();
        assert_eq!(media, "text/xml; charset=UTF-8");
        assert!(
            body.contains(
                "<s:Header><h/></s:Header><s:Body><o id=\"-7-\"><w>I &amp; M</w><f>1.0 and I &amp; M</f></o></s:Body>"
            ),
            "{body}"
        );
    }

    #[test]
    fn elements_stay_elements_and_texts_texts() {
        let mut x = soap11_with(
            "",
            "<a><n>x</n><n>y</n><d><m:e xmlns:m='urn:m'/></d><t>&lt;b/> $1 \\</t></a>",
        );
        x.properties.set("xml", "<p><q/></p>");
        x.properties.set("words", "1 < 2");
        let mediators = factory(
            "<o xmlns=''><a>$1</a><b>[$2]</b><c>$3</c><d>$4</d><e>$5</e></o>",
            "<arg expression='//n'/><arg expression='//d'/><arg expression='//t'/><arg expression='$ctx:xml'/><arg expression='$ctx:words'/>",
        );
        let (_, body) = payload(&mut x, &mediators).unwrap();
        assert!(
            body.contains(
                "<o><a>xy</a><b>[<d><m:e xmlns:m='urn:m'/></d>]</b><c>&lt;b/> $1 \\</c><d><p><q/></p></d><e>1 &lt; 2</e></o>"
            ) || body.contains("<c>&lt;b/&gt; $1 \\</c>"),
            "{body}"
        );
    }

    #[test]
    fn a_get_gets_a_payload_of_plain_xml() {
        let mut x = get();
        let (media, body) =
            payload(&mut x, &factory("<o xmlns=''>$1</o>", "<arg value='v'/>")).unwrap();
        assert_eq!(
            (media.as_str(), body.as_str()),
            ("application/xml; charset=UTF-8", "<o>v</o>")
        );
    }

    #[test]
    fn json_and_text_take_the_place_of_the_message() {
        let args = "<args><arg expression='//a'/><arg value='7'/><arg value='[1, {}]'/><arg value='x'/></args>";
        let make = |media: &str, format: &str| {
            let mediators = format!(
                "<payloadFactory media-type='{media}'><format>{format}</format>{args}</payloadFactory>"
            );
            let mut x = soap11_with("", "<a>say \"hi\"\\</a>");
            payload(&mut x, &mediators).unwrap()
        };
        assert_eq!(
            make("json", "{\"a\": \"$1!\", \"b\": $2, \"c\": $3, \"d\": $4}"),
            (
                "application/json".to_owned(),
                r#"{"a": "say \"hi\"\\!", "b": 7, "c": [1, {}], "d": "x"}"#.to_owned()
            )
        );
        assert_eq!(
            make("text", "$1 is $2"),
            (
                "text/plain; charset=UTF-8".to_owned(),
                "say \"hi\"\\ is 7".to_owned()
            )
        );
    }

    #[test]
    fn json_is_looked_into_by_paths() {
        let mut x = crate::mediation::testing::request("POST", "/p", Some("application/json"));
        x.request_body = Body::Whole(r#"{"user":{"name":"Jo","tags":["a",1]}}"#.into());
        let mediators = "<payloadFactory media-type='json'><format>{\"n\": \"$1\", \"t\": $2}</format><args>\
             <arg evaluator='json' expression='$.user.name'/><arg expression='json-eval($.user.tags)'/></args></payloadFactory>";
        let (media, body) = payload(&mut x, mediators).unwrap();
        assert_eq!(media, "application/json");
        assert_eq!(body, r#"{"n": "Jo", "t": ["a",1]}"#);
    }

    #[test]
    fn what_goes_wrong_names_it() {
        let mut x = soap11_with("", "<a/>");
        let error =
            payload(&mut x, &factory("<o xmlns=''>$9</o>", "<arg value='v'/>")).unwrap_err();
        assert!(
            error.contains("the format has $9, and there are 1 arguments"),
            "{error}"
        );
        for factory in [
            "<payloadFactory/>",
            "<payloadFactory><format>text</format></payloadFactory>",
            "<payloadFactory media-type='json'><format><a/></format></payloadFactory>",
            "<payloadFactory media-type='odd'><format><a/></format></payloadFactory>",
            "<payloadFactory><format><a/></format><args><arg/></args></payloadFactory>",
        ] {
            let world = world(&format!("<sequence name=\"main\">{factory}</sequence>"));
            assert_eq!(
                world.problems().len(),
                1,
                "{factory}: {:?}",
                world.problems()
            );
        }
    }
}
