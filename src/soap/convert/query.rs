//! A payload as the query of a GET, and what is no XML as a payload (spec/endpoints.md 17.1; spec/mediation.md 10).

use crate::soap::escape_text;
use crate::soap::outline::{Element, Outline, Unreadable};
use crate::util::base64;

/// Most parameters of a query.
const PARAMETERS_MAX: usize = 1000;
/// Namespace of payloads that wrap what is no XML, as the originals name it.
const PAYLOAD_NS: &str = "http://ws.apache.org/commons/ns/payload";

/// The payload's children as a query, `name=value` in document order; an inner element has the path of names before
/// its own (`request/symbol=IBM`). Empty when there is no payload.
pub fn from_payload(outline: &Outline<'_>) -> Result<String, Unreadable> {
    let mut query = Query::default();
    if let Some(around) = payload(outline) {
        query.add(outline, &around, "")?;
    }
    Ok(query.text)
}

/// The payload and the elements around it; `None` for an envelope without one.
fn payload<'o, 't>(outline: &'o Outline<'t>) -> Option<Vec<&'o Element<'t>>> {
    let mut around = vec![&outline.root];
    if let Some(envelope) = &outline.envelope {
        let child = envelope.body.children.first()?;
        around.extend([&envelope.body.element, child]);
    }
    Some(around)
}

fn holds_elements(content: &str) -> bool {
    content.contains("</") || content.contains("/>")
}

/// The payload's children as the originals send them with a GET: a form of the first level only, in which an element
/// with others inside has no value (recorded). Percent-encoded is what would not be read back.
pub fn form_of(outline: &Outline<'_>) -> Result<String, Unreadable> {
    let Some(around) = payload(outline) else {
        return Ok(String::new());
    };
    let mut form = String::new();
    for (count, child) in outline.children(&around)?.iter().enumerate() {
        if count >= PARAMETERS_MAX {
            return Err(Unreadable::Limit("a form of more than 1,000 parameters"));
        }
        if count > 0 {
            form.push('&');
        }
        form.push_str(child.local());
        form.push('=');
        let content = outline.slice(&child.inner);
        if holds_elements(content) {
            continue;
        }
        for c in text(content).chars() {
            match c {
                '&' | '=' | '%' | '+' | '#' | '\0'..='\x1f' | '\x7f'.. => {
                    encode(c.encode_utf8(&mut [0; 4]), &mut form);
                }
                c => form.push(c),
            }
        }
    }
    Ok(form)
}

#[derive(Default)]
struct Query {
    text: String,
    parameters: usize,
}

impl Query {
    fn add(
        &mut self,
        outline: &Outline<'_>,
        around: &[&Element<'_>],
        path: &str,
    ) -> Result<(), Unreadable> {
        for child in outline.children(around)? {
            let mut name = path.to_owned();
            encode(child.local(), &mut name);
            let content = outline.slice(&child.inner);
            let mut inside = around.to_vec();
            inside.push(&child);
            if holds_elements(content) {
                name.push('/');
                self.add(outline, &inside, &name)?;
                continue;
            }
            self.parameters += 1;
            if self.parameters > PARAMETERS_MAX {
                return Err(Unreadable::Limit("a query of more than 1,000 parameters"));
            }
            if !self.text.is_empty() {
                self.text.push('&');
            }
            self.text.push_str(&name);
            self.text.push('=');
            encode(&text(content), &mut self.text);
        }
        Ok(())
    }
}

/// The text of a content without elements.
fn text(content: &str) -> String {
    let mut out = String::new();
    let mut rest = content;
    while let Some(at) = rest.find("<!") {
        out.push_str(&resolved(&rest[..at]));
        let tail = &rest[at..];
        if let Some(data) = tail.strip_prefix("<![CDATA[") {
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            out.push_str(data);
            rest = after;
        } else {
            rest = tail.split_once("-->").map_or("", |(_, after)| after);
        }
    }
    out.push_str(&resolved(rest));
    out
}

fn resolved(text: &str) -> String {
    crate::soap::outline::resolved(text)
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3).
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// A form (`application/x-www-form-urlencoded`) as a payload: an element for each parameter. A name that no element
/// can have gives way to one that has the characters it may.
pub fn form_payload(form: &str) -> Result<String, Unreadable> {
    let mut out = String::from("<xformValues>");
    for (count, pair) in form.split('&').filter(|p| !p.is_empty()).enumerate() {
        if count >= PARAMETERS_MAX {
            return Err(Unreadable::Limit("a form of more than 1,000 parameters"));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = element_name(&decode(name));
        out.push_str(&format!("<{name}>"));
        escape_text(&mut out, &decode(value));
        out.push_str(&format!("</{name}>"));
    }
    out.push_str("</xformValues>");
    Ok(out)
}

/// The name of an element for a name that may be none.
pub fn element_name(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "-._".contains(c) => c,
            _ => '_',
        })
        .collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        out.insert(0, '_');
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits.
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A text as a payload.
pub fn text_payload(content: &str) -> String {
    let mut out = format!("<text xmlns=\"{PAYLOAD_NS}\">");
    escape_text(&mut out, content);
    out.push_str("</text>");
    out
}

/// Any other bytes as a payload.
pub fn binary_payload(content: &[u8]) -> String {
    format!(
        "<binary xmlns=\"{PAYLOAD_NS}\">{}</binary>",
        base64::encode(content)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> String {
        from_payload(&Outline::read(text).unwrap()).unwrap()
    }

    #[test]
    fn children_are_parameters_and_inner_ones_have_a_path() {
        let soap = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><q:g xmlns:q='u'><q:symbol>IBM</q:symbol><q:n>1 2</q:n></q:g></s:Body></s:Envelope>";
        assert_eq!(query(soap), "symbol=IBM&n=1%202");
        assert_eq!(
            query(
                "<g><request><symbol>I&amp;M</symbol><e/></request><x><![CDATA[<é>]]><!-- c --></x></g>"
            ),
            "request/symbol=I%26M&request/e=&x=%3C%C3%A9%3E"
        );
        assert_eq!(query("<g/>"), "");
        assert_eq!(
            query(
                "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>"
            ),
            ""
        );
    }

    #[test]
    fn a_form_is_a_payload_of_its_parameters() {
        let payload = form_payload("a=1&b=two+words&c=%C3%A9%3C&1%20x=&&d").unwrap();
        assert_eq!(
            payload,
            "<xformValues><a>1</a><b>two words</b><c>é&lt;</c><_1_x></_1_x><d></d></xformValues>"
        );
        assert!(Outline::read(&payload).is_ok());
        assert!(form_payload(&"a&".repeat(1001)).is_err());
    }

    #[test]
    fn text_and_bytes_are_wrapped() {
        assert!(text_payload("a<b").contains(">a&lt;b<"));
        assert!(binary_payload(b"\x00\x01").contains(">AAE=<"));
    }
}
