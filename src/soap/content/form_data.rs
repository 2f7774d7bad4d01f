//! Forms in parts (`multipart/form-data`, RFC 7578): as elements, as other forms are, and back.
//!
//! A file is base64 in its element, whose attributes keep what its part says of it, so that it is the same on the way back; the
//! originals forget name and type.

use std::borrow::Cow;

use super::ContentError;
use crate::soap::charset;
use crate::soap::convert::query::element_name;
use crate::soap::escape_text;
use crate::soap::media::MediaType;
use crate::soap::multipart::{self, NewPart, Part};
use crate::soap::tree::{NodeId, Tree};
use crate::util::base64;

/// The payload that stands for a form.
pub(super) fn read(media: &MediaType, bytes: &[u8]) -> Result<String, ContentError> {
    let malformed = |text: String| ContentError::Malformed(text);
    let parts = multipart::parse(media, bytes).map_err(|e| malformed(e.to_string()))?;
    let mut out = String::from("<xformValues>");
    for part in parts {
        let said = part.field("Content-Disposition").unwrap_or_default();
        let said = MediaType::parse(said.as_bytes());
        let name = said.parameter("name").unwrap_or_default();
        let element = element_name(name);
        let content = part.content().ok_or_else(|| {
            malformed("a part of the form has a transfer encoding that is not read".to_owned())
        })?;
        out.push_str(&format!("<{element}"));
        let mut attribute = |label: &str, value: &str| {
            out.push_str(&format!(" {label}=\""));
            escape_text(&mut out, value);
            out.push('"');
        };
        if element != name {
            attribute("name", name);
        }
        let file = said.parameter("filename");
        if let Some(file) = file {
            attribute("filename", file);
        }
        match text_of(&part, &content, file.is_some()) {
            Some(text) => {
                out.push('>');
                escape_text(&mut out, &text);
            }
            None => {
                attribute("content-type", &part.media_type().to_string());
                out.push('>');
                out.push_str(&base64::encode(&content));
            }
        }
        out.push_str(&format!("</{element}>"));
    }
    out.push_str("</xformValues>");
    Ok(out)
}

/// The text of a part that is no file.
fn text_of<'c>(part: &Part<'_>, content: &'c [u8], file: bool) -> Option<Cow<'c, str>> {
    let media = part.media_type();
    let text = !file && media.essence.starts_with("text/");
    text.then(|| charset::decode(content, media.parameter("charset")).ok())?
}

/// The children of a payload as parts: the media type and the bytes.
pub(super) fn write(
    tree: &Tree,
    payload: Option<NodeId>,
    seed: u64,
) -> Result<(MediaType, Vec<u8>), ContentError> {
    let mut made: Vec<(String, Vec<u8>)> = Vec::new();
    for child in payload
        .into_iter()
        .flat_map(|payload| tree.elements(payload))
    {
        let attribute = |name: &str| tree.attribute_value(child, "", name);
        let name = attribute("name").unwrap_or_else(|| tree.name(child).local.into());
        let mut head = format!(
            "Content-Disposition: form-data; name=\"{}\"",
            quotable(&name)
        );
        if let Some(file) = attribute("filename") {
            head.push_str(&format!("; filename=\"{}\"", quotable(&file)));
        }
        let value = tree.string_value(child);
        let body = match attribute("content-type") {
            Some(media) => {
                head.push_str(&format!("\r\nContent-Type: {}", quotable(&media)));
                base64::decode(value.as_bytes()).ok_or_else(|| {
                    ContentError::Malformed(format!("the file `{name}` of the form is not base 64"))
                })?
            }
            None => value.into_owned().into_bytes(),
        };
        made.push((head, body));
    }
    let parts: Vec<NewPart<'_>> = made
        .iter()
        .map(|(head, body)| NewPart {
            head: head.clone(),
            body,
        })
        .collect();
    let (boundary, bytes) = multipart::write(&parts, seed);
    let media = MediaType::new("multipart/form-data").with("boundary", boundary);
    Ok((media, bytes))
}

/// As browsers write it into a head (HTML standard, section 4.10.21.8).
fn quotable(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1 < 2\r\n\
        --b\r\nContent-Disposition: form-data; name=\"the file\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\u{1}\u{2}\r\n--b--\r\n";
    const PAYLOAD: &str = "<xformValues><a>1 &lt; 2</a><the_file name=\"the file\" filename=\"x.png\" content-type=\"image/png\">AQI=</the_file></xformValues>";

    #[test]
    fn a_form_is_elements_and_the_same_form_again() {
        let media = MediaType::parse(b"multipart/form-data; boundary=b");
        assert_eq!(read(&media, FORM.as_bytes()).unwrap(), PAYLOAD);
        let tree = Tree::parse_str(PAYLOAD).unwrap();
        let (media, bytes) = write(&tree, tree.root(), 7).unwrap();
        let boundary = media.parameter("boundary").unwrap().to_owned();
        let want = FORM.replace("--b", &format!("--{boundary}"));
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), want);
        assert_eq!(read(&media, &bytes).unwrap(), PAYLOAD);
    }

    #[test]
    fn what_is_no_form_is_told_and_nothing_breaks_out_of_a_head() {
        let media = MediaType::parse(b"multipart/form-data; boundary=b");
        for bytes in ["", "--b\r\n\r\nx"] {
            assert!(read(&media, bytes.as_bytes()).is_err(), "{bytes}");
        }
        let tree = Tree::parse_str("<f><a name='x&quot;&#13;&#10;y'>1</a></f>").unwrap();
        let (_, bytes) = write(&tree, tree.root(), 7).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("name=\"x%22%0D%0Ay\"\r\n\r\n1"), "{text}");
        let wrong = Tree::parse_str("<f><a content-type='x'>!</a></f>").unwrap();
        assert!(write(&wrong, wrong.root(), 7).is_err());
    }
}
