//! Binary content taken out of a message into parts, and put back (MTOM, XOP 1.0).

use std::ops::Range;

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use super::multipart::{PARTS_MAX, Part, bare_id};
use super::outline::Unreadable;
use crate::util::base64;

/// Namespace of `xop:Include`.
pub const XOP_NS: &str = "http://www.w3.org/2004/08/xop/include";
/// Shortest text that is taken out.
const TEXT_MIN: usize = 1024;
/// Shortest line of text that is broken into lines; MIME has 76 characters, PEM 64.
const LINE_MIN: usize = 60;

/// Something that is to be replaced in a message.
struct Cut {
    range: Range<usize>,
    id: String,
}

/// Content that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its content id.
    pub id: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Takes out every text of more than 1 KiB that is the whole content of an element and base64, at most 255 of them;
/// `seed` makes the content ids.
pub fn take_out(text: &str, seed: u64) -> Result<(String, Vec<Taken>), Unreadable> {
    let mut taken = Vec::new();
    let mut cuts = Vec::new();
    let mut alone: Option<usize> = None;
    walk(text, |event, range, _| {
        match event {
            Event::Start(_) => alone = Some(range.end),
            Event::Text(_) => {}
            Event::End(_) => {
                let content = alone.take().map(|start| start..range.start);
                if let Some(content) = content.filter(|c| c.len() > TEXT_MIN)
                    && taken.len() + 1 < PARTS_MAX
                    && let Some(bytes) = binary(&text[content.clone()])
                {
                    let id = format!("{}.{seed:016x}@axon", taken.len() + 1);
                    taken.push(Taken {
                        id: id.clone(),
                        content: bytes,
                    });
                    cuts.push(Cut { range: content, id });
                }
            }
            _ => alone = None,
        }
        Ok(())
    })?;
    let mut out = String::with_capacity(text.len() / 2);
    let mut at = 0;
    for cut in cuts {
        out.push_str(&text[at..cut.range.start]);
        out.push_str(&format!(
            "<xop:Include xmlns:xop=\"{XOP_NS}\" href=\"cid:{}\"/>",
            cut.id
        ));
        at = cut.range.end;
    }
    out.push_str(&text[at..]);
    Ok((out, taken))
}

/// The bytes of a text that can be nothing but base64: one run, or lines of one length as encoders write them. Words
/// with blanks between them may look like base64 and are none.
fn binary(text: &str) -> Option<Vec<u8>> {
    let body = text.trim();
    let mut lines = body.lines().map(str::trim_end);
    let first = lines.next()?.len();
    let rest: Vec<usize> = lines.map(str::len).collect();
    if let Some((last, others)) = rest.split_last() {
        let even = first >= LINE_MIN && first % 4 == 0 && others.iter().all(|len| *len == first);
        if !even || *last > first {
            return None;
        }
    }
    if body.contains([' ', '\t']) {
        return None;
    }
    base64::decode(body.as_bytes())
}

/// Puts the parts back where the message includes them; the result may have at most `limit` bytes.
pub fn put_back(text: &str, parts: &[Part<'_>], limit: usize) -> Result<String, Unreadable> {
    let mut cuts = Vec::new();
    let mut open: Option<(usize, String)> = None;
    walk(text, |event, range, namespace| {
        let include = |tag: &quick_xml::events::BytesStart<'_>| {
            let ours = namespace == XOP_NS && tag.local_name().as_ref() == "Include";
            let href = tag.attributes().flatten().find(|a| a.key.0 == "href")?;
            let id = href.value.strip_prefix("cid:").map(percent_decoded);
            id.filter(|_| ours)
        };
        match event {
            Event::Empty(tag) => {
                if let Some(id) = include(tag) {
                    cuts.push(Cut { range, id });
                }
            }
            Event::Start(_) if open.is_some() => {
                return Err(Unreadable::at(text, range.start, "an Include with content"));
            }
            Event::Start(tag) => open = include(tag).map(|id| (range.start, id)),
            Event::End(_) => {
                if let Some((start, id)) = open.take() {
                    cuts.push(Cut {
                        range: start..range.end,
                        id,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        let missing = || {
            let message = format!("no part has the content id {}", cut.id);
            Unreadable::at(text, cut.range.start, message)
        };
        let part = parts.iter().find(|p| p.id() == Some(bare_id(&cut.id)));
        let content = part.and_then(Part::content).ok_or_else(missing)?;
        if out.len() + content.len().div_ceil(3) * 4 > limit {
            return Err(Unreadable::Limit("[limits] message_bytes"));
        }
        out.push_str(&text[at..cut.range.start]);
        out.push_str(&base64::encode(&content));
        at = cut.range.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Goes through a message: each event with its range, and for tags the namespace of the name.
fn walk(
    text: &str,
    mut see: impl FnMut(&Event<'_>, Range<usize>, &str) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    // The reader skips an order mark, and does not count it.
    let body = text.trim_start_matches('\u{feff}');
    let offset = text.len() - body.len();
    let mut reader = NsReader::from_str(body);
    let mut at = offset;
    loop {
        let (resolved, event) = reader
            .read_resolved_event()
            .map_err(|error| Unreadable::at(text, at, error.to_string()))?;
        let namespace = match resolved {
            ResolveResult::Bound(namespace) => namespace.0.to_owned(),
            _ => String::new(),
        };
        let end = usize::try_from(reader.buffer_position()).map_or(text.len(), |n| offset + n);
        // Tags are placed by their own length: where a reader stands after a text is its own affair.
        let start = match &event {
            Event::Start(tag) => end - tag.len() - "<>".len(),
            Event::Empty(tag) => end - tag.len() - "</>".len(),
            Event::End(_) => text[..end].rfind("</").unwrap_or(end),
            Event::Eof => return Ok(()),
            _ => at,
        };
        see(&event, start..end, &namespace)?;
        at = end;
    }
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |b: Option<&u8>| char::from(*b?).to_digit(16);
        match (byte, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits.
                out.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'b>(head: &'b str, body: &'b [u8]) -> Part<'b> {
        Part { head, body }
    }

    #[test]
    fn long_binary_texts_go_out_and_come_back() {
        let bytes: Vec<u8> = (0..3000u32).map(|n| (n * 7) as u8).collect();
        let data = base64::encode(&bytes);
        let lines: Vec<&str> = (0..data.len().div_ceil(76))
            .map(|i| &data[i * 76..data.len().min(i * 76 + 76)])
            .collect();
        let text = format!(
            "<a><b>{data}</b><c x='1'>\n{}\n</c><d>{}</d></a>",
            lines.join("\r\n"),
            &data[..400]
        );
        let (out, taken) = take_out(&text, 1).unwrap();
        assert_eq!(taken.len(), 2);
        assert!(taken.iter().all(|t| t.content == bytes));
        assert!(out.len() < 1000, "{out}");
        assert!(roxmltree::Document::parse(&out).is_ok());
        let heads: Vec<String> = taken
            .iter()
            .map(|t| format!("Content-ID: <{}>", t.id))
            .collect();
        let parts: Vec<_> = heads
            .iter()
            .zip(&taken)
            .map(|(h, t)| part(h, &t.content))
            .collect();
        let back = put_back(&out, &parts, 1 << 20).unwrap();
        assert_eq!(
            back,
            text.replace(&format!("\n{}\n", lines.join("\r\n")), &data)
        );
        assert!(put_back(&out, &parts, 5000).is_err());
        assert!(put_back(&out, &parts[..1], 1 << 20).is_err());
    }

    #[test]
    fn words_and_mixed_contents_stay() {
        let data = "QUJD".repeat(400);
        for content in [
            "four word ".repeat(200),
            format!("{data}x"),
            format!("{data}<b/>"),
            format!("{data}<!---->"),
            format!("{data}&#65;&#65;&#65;&#65;"),
            "word\n".repeat(400),
        ] {
            let text = format!("<a>{content}</a>");
            let (out, taken) = take_out(&text, 1).unwrap();
            assert_eq!((out.as_str(), taken.len()), (text.as_str(), 0));
        }
    }

    #[test]
    fn only_inclusions_are_filled_in() {
        let text = format!(
            "<a xmlns:x='{XOP_NS}'><x:Include href='cid:a%40b'></x:Include><Include href='cid:a@b'/></a>"
        );
        let back = put_back(&text, &[part("Content-ID: <a@b>", b"foo")], 1000).unwrap();
        assert_eq!(
            back,
            format!("<a xmlns:x='{XOP_NS}'>Zm9v<Include href='cid:a@b'/></a>")
        );
    }
}
