//! The header blocks of a message that was read as far as its SOAP header: a fault made of it keeps them
//! (spec/mediation.md 9, makefault; recorded).
//!
//! The blocks are copied as they stand; the prefixes that Envelope and Header declare come along.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Raw header blocks, and the namespace declarations that they may rely on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBlocks {
    /// ` xmlns:p="uri"` for each prefix in scope.
    pub declarations: String,
    /// The content of Header.
    pub content: String,
}

/// Prefix that a fault's own elements use.
const OWN_PREFIX: &str = "soapenv";

impl HeaderBlocks {
    /// Reads the beginning of a message, up to and with its `</Header>`. `None` when there is nothing to keep, or when
    /// the blocks rely on a prefix that would mean something else in an envelope of `namespace`.
    pub fn read(message: &[u8], namespace: &str) -> Option<HeaderBlocks> {
        let text = std::str::from_utf8(message).ok()?;
        let mut reader = Reader::from_str(text);
        let mut declarations: Vec<(String, String)> = Vec::new();
        let mut depth = 0;
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    declare(&tag, &mut declarations)?;
                    depth += 1;
                    if depth == 2 {
                        break;
                    }
                }
                Event::Empty(_) | Event::End(_) | Event::Eof | Event::DocType(_) => return None,
                _ => {}
            }
        }
        let start = usize::try_from(reader.buffer_position()).ok()?;
        let end = text.rfind("</").filter(|end| *end >= start)?;
        let content = text[start..end].trim();
        if content.is_empty() {
            return None;
        }
        let mut written = String::new();
        for (prefix, uri) in &declarations {
            if prefix == OWN_PREFIX {
                if uri != namespace {
                    return None;
                }
                continue;
            }
            written.push_str(" xmlns");
            if !prefix.is_empty() {
                written.push(':');
                written.push_str(prefix);
            }
            written.push_str("=\"");
            written.push_str(uri);
            written.push('"');
        }
        Some(HeaderBlocks {
            declarations: written,
            content: content.to_owned(),
        })
    }
}

/// Adds the declarations of a tag; an inner one of the same prefix wins. The values stay escaped as they are.
fn declare(tag: &BytesStart<'_>, into: &mut Vec<(String, String)>) -> Option<()> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        let key: &str = attribute.key.as_ref();
        let prefix = match key.strip_prefix("xmlns") {
            Some("") => "",
            Some(rest) => rest.strip_prefix(':')?,
            None => continue,
        };
        let uri = String::from(&*attribute.value).replace('"', "&quot;");
        match into.iter_mut().find(|(p, _)| p == prefix) {
            Some(entry) => entry.1 = uri,
            None => into.push((prefix.to_owned(), uri)),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

    #[test]
    fn blocks_come_with_the_prefixes_of_envelope_and_header() {
        let message = format!(
            "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"{SOAP11_NS}\" xmlns:a='urn:a'><e:Header xmlns:b=\"urn:b\"><a:x b:y=\"1\">t</a:x></e:Header>"
        );
        let blocks = HeaderBlocks::read(message.as_bytes(), SOAP11_NS).unwrap();
        assert_eq!(blocks.content, "<a:x b:y=\"1\">t</a:x>");
        assert_eq!(
            blocks.declarations,
            format!(" xmlns:e=\"{SOAP11_NS}\" xmlns:a=\"urn:a\" xmlns:b=\"urn:b\"")
        );
    }

    #[test]
    fn a_prefix_that_would_change_its_meaning_keeps_nothing() {
        let message = format!(
            "<soapenv:Envelope xmlns:soapenv=\"{SOAP11_NS}\"><soapenv:Header><x/></soapenv:Header>"
        );
        assert!(HeaderBlocks::read(message.as_bytes(), SOAP11_NS).is_some());
        assert_eq!(HeaderBlocks::read(message.as_bytes(), SOAP12_NS), None);
    }

    #[test]
    fn nothing_to_keep_is_none() {
        for message in [
            "",
            "<e:Envelope/>",
            "<e:Envelope xmlns:e='u'><e:Header> </e:Header>",
            "<e:Envelope xmlns:e='u'><e:Header/>",
        ] {
            assert_eq!(
                HeaderBlocks::read(message.as_bytes(), "u"),
                None,
                "{message}"
            );
        }
    }
}
