//! WS-Addressing header blocks: read, taken out, put in (1.0, W3C 2006; and the submission of August 2004).
//!
//! Spec/endpoints.md 19.1 and the recordings: an endpoint with addressing sends To, MessageID and Action in this order;
//! the submission also wants ReplyTo where an answer is expected (its section 3.3), 1.0 means anonymous without it.

use super::convert::quoted;
use super::escape_text;
use super::outline::{Element, Envelope, Outline, resolved};

/// The versions of WS-Addressing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addressing {
    /// `final`: 1.0.
    #[default]
    Final,
    /// `submission`: August 2004.
    Submission,
}

impl Addressing {
    /// Namespace of its header blocks.
    pub fn namespace(self) -> &'static str {
        match self {
            Addressing::Final => "http://www.w3.org/2005/08/addressing",
            Addressing::Submission => "http://schemas.xmlsoap.org/ws/2004/08/addressing",
        }
    }

    /// The word in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Addressing::Final => "final",
            Addressing::Submission => "submission",
        }
    }
}

/// The blocks that describe a message and are made anew for the next hop.
const PROPERTIES: [&str; 5] = ["To", "Action", "MessageID", "ReplyTo", "FaultTo"];

fn is_addressing(block: &Element<'_>) -> bool {
    [Addressing::Final, Addressing::Submission]
        .iter()
        .any(|version| version.namespace() == block.namespace)
}

fn blocks<'e, 't>(envelope: &'e Envelope<'t>) -> impl Iterator<Item = &'e Element<'t>> {
    envelope.header.iter().flat_map(|h| &h.children)
}

/// The value of an addressing block; the first of that name counts.
pub fn value(outline: &Outline<'_>, local: &str) -> Option<String> {
    let envelope = outline.envelope.as_ref()?;
    let block = blocks(envelope).find(|b| is_addressing(b) && b.local() == local)?;
    let text = resolved(outline.slice(&block.inner));
    let text = text.trim();
    (!text.is_empty() && !text.contains('<')).then(|| text.to_owned())
}

/// What a message says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// In which version.
    pub version: Addressing,
    /// Where it goes.
    pub to: &'a str,
    /// What it asks for; empty: not said.
    pub action: &'a str,
    /// Its id.
    pub message_id: &'a str,
}

impl Said<'_> {
    fn blocks(&self) -> String {
        let namespace = self.version.namespace();
        let mut out = String::new();
        let mut block = |name: &str, content: &str| {
            out.push_str(&format!(
                "<wsa:{name} xmlns:wsa=\"{namespace}\">{content}</wsa:{name}>"
            ));
        };
        let escaped = |text: &str| {
            let mut out = String::new();
            escape_text(&mut out, text);
            out
        };
        block("To", &escaped(self.to));
        block("MessageID", &escaped(self.message_id));
        if !self.action.is_empty() {
            block("Action", &escaped(self.action));
        }
        if self.version == Addressing::Submission {
            let anonymous = format!("<wsa:Address>{namespace}/role/anonymous</wsa:Address>");
            block("ReplyTo", &anonymous);
        }
        out
    }
}

/// The message with new addressing blocks in place of those that it has. `None`: it is no envelope.
pub fn say(outline: &Outline<'_>, said: &Said<'_>) -> Option<String> {
    let goes = |block: &Element<'_>| is_addressing(block) && PROPERTIES.contains(&block.local());
    rewrite(outline, &goes, &said.blocks())
}

/// The message without addressing blocks. `None`: it has none.
pub fn silence(outline: &Outline<'_>) -> Option<String> {
    blocks(outline.envelope.as_ref()?).find(|b| is_addressing(b))?;
    rewrite(outline, &is_addressing, "")
}

/// An answer that relates to `ours` made to relate to `theirs`. `None`: it does not relate to `ours`.
pub fn relate(outline: &Outline<'_>, ours: &str, theirs: &str) -> Option<String> {
    let block = blocks(outline.envelope.as_ref()?).find(|b| {
        let text = outline.slice(&b.inner);
        is_addressing(b) && b.local() == "RelatesTo" && resolved(text).trim() == ours
    })?;
    let mut out = outline.text[..block.inner.start].to_owned();
    escape_text(&mut out, theirs);
    out.push_str(&outline.text[block.inner.end..]);
    Some(out)
}

fn rewrite(
    outline: &Outline<'_>,
    goes: &dyn Fn(&Element<'_>) -> bool,
    new: &str,
) -> Option<String> {
    let envelope = outline.envelope.as_ref()?;
    let text = outline.text;
    let Some(header) = &envelope.header else {
        let at = envelope.body.element.range.start;
        let colon = outline.root.prefix_colon();
        return Some(match new {
            "" => text.to_owned(),
            new => format!(
                "{}<{colon}Header>{new}</{colon}Header>{}",
                &text[..at],
                &text[at..]
            ),
        });
    };
    let element = &header.element;
    if element.inner.end == element.range.end {
        // An empty-element tag opens up.
        let mut out = format!("{}<{}", &text[..element.range.start], element.name);
        for attribute in &element.attributes {
            out.push_str(&format!(
                " {}=\"{}\"",
                attribute.name,
                quoted(&attribute.value)
            ));
        }
        out.push_str(&format!(
            ">{new}</{}>{}",
            element.name,
            &text[element.range.end..]
        ));
        return Some(out);
    }
    let mut at = element.inner.start;
    let mut out = text[..at].to_owned();
    out.push_str(new);
    for block in header.children.iter().filter(|b| goes(b)) {
        out.push_str(&text[at..block.range.start]);
        at = block.range.end;
    }
    out.push_str(&text[at..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::envelope::SOAP11_NS;

    const SAID: Said<'_> = Said {
        version: Addressing::Final,
        to: "http://b/?a=1&b=2",
        action: "urn:a",
        message_id: "urn:uuid:1",
    };

    fn message(header: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='{SOAP11_NS}' xmlns:w='http://www.w3.org/2005/08/addressing'>{header}<s:Body><p/></s:Body></s:Envelope>"
        )
    }

    fn names(text: &str) -> Vec<(String, String)> {
        let document = roxmltree::Document::parse(text).unwrap();
        let header = document.root_element().first_element_child().unwrap();
        assert_eq!(header.tag_name().name(), "Header");
        let name = |n: roxmltree::Node<'_, '_>| {
            (
                n.tag_name().name().to_owned(),
                n.text().unwrap_or_default().to_owned(),
            )
        };
        header
            .children()
            .filter(|n| n.is_element())
            .map(name)
            .collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn blocks_are_put_in_whatever_header_there_is() {
        let want = pairs(&[
            ("To", "http://b/?a=1&b=2"),
            ("MessageID", "urn:uuid:1"),
            ("Action", "urn:a"),
        ]);
        for header in [
            "",
            "<s:Header/>",
            "<s:Header></s:Header>",
            "<s:Header  a='\"' />",
        ] {
            let text = message(header);
            let made = say(&Outline::read(&text).unwrap(), &SAID).unwrap();
            assert_eq!(names(&made), want, "{header}");
            assert!(made.ends_with("<s:Body><p/></s:Body></s:Envelope>"));
        }
    }

    #[test]
    fn own_blocks_stay_and_those_of_the_last_hop_go() {
        let text = message(
            "<s:Header><w:To>x</w:To><k xmlns='k'>own</k><w:ReplyTo><w:Address>y</w:Address></w:ReplyTo><w:RelatesTo>r</w:RelatesTo></s:Header>",
        );
        let outline = Outline::read(&text).unwrap();
        assert_eq!(value(&outline, "To").as_deref(), Some("x"));
        assert_eq!(value(&outline, "ReplyTo"), None);
        let submission = Said {
            version: Addressing::Submission,
            action: "",
            ..SAID
        };
        let made = say(&outline, &submission).unwrap();
        assert_eq!(
            names(&made),
            pairs(&[
                ("To", "http://b/?a=1&b=2"),
                ("MessageID", "urn:uuid:1"),
                ("ReplyTo", ""),
                ("k", "own"),
                ("RelatesTo", "r")
            ])
        );
        assert!(made.contains("2004/08/addressing/role/anonymous"));
        let silent = silence(&outline).unwrap();
        assert_eq!(names(&silent), pairs(&[("k", "own")]));
        assert_eq!(silence(&Outline::read(&silent).unwrap()), None);
    }

    #[test]
    fn an_answer_relates_to_the_clients_message() {
        let text = message("<s:Header><w:RelatesTo a='b'> urn:uuid:1 </w:RelatesTo></s:Header>");
        let outline = Outline::read(&text).unwrap();
        assert_eq!(
            names(&relate(&outline, "urn:uuid:1", "urn:<c>").unwrap()),
            pairs(&[("RelatesTo", "urn:<c>")])
        );
        assert_eq!(relate(&outline, "urn:uuid:2", "x"), None);
    }
}
