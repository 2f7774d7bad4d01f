//! Multipart messages: SOAP with attachments and MTOM (RFC 2046 section 5.1, RFC 2387).
//!
//! Parts are ranges of the message; nothing is decoded or copied. Line ends are CRLF and the closing delimiter is
//! there, or the message is refused: two readers must not see different parts.

use memchr::memmem;

use super::media::MediaType;

/// Most parts of a message.
pub const PARTS_MAX: usize = 256;
/// Most bytes of the head of a part.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// What is wrong with a multipart message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the multipart message is malformed: {}", self.0)
    }
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'b> {
    /// Its head, without the line end before the empty line.
    pub head: &'b str,
    /// Its content, as it is transferred.
    pub body: &'b [u8],
}

impl<'b> Part<'b> {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&'b str> {
        self.head.split("\r\n").find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Its content id without brackets.
    pub fn id(&self) -> Option<&'b str> {
        self.field("Content-ID").map(bare_id)
    }

    /// Its media type; text when it has none (RFC 2045 section 5.2).
    pub fn media_type(&self) -> MediaType {
        MediaType::parse(
            self.field("Content-Type")
                .unwrap_or("text/plain")
                .as_bytes(),
        )
    }

    /// Its content, transfer encoding undone. `None`: an encoding that is not read.
    pub fn content(&self) -> Option<std::borrow::Cow<'b, [u8]>> {
        let encoding = self.field("Content-Transfer-Encoding").unwrap_or("binary");
        match encoding.to_ascii_lowercase().as_str() {
            "binary" | "8bit" | "7bit" => Some(self.body.into()),
            "base64" => crate::util::base64::decode(self.body).map(Into::into),
            _ => None,
        }
    }
}

/// A content id without its brackets.
pub fn bare_id(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

/// The parts of a message.
pub fn parse<'b>(media: &MediaType, message: &'b [u8]) -> Result<Vec<Part<'b>>, Malformed> {
    let boundary = media
        .parameter("boundary")
        .filter(|b| !b.is_empty() && b.len() <= BOUNDARY_MAX)
        .ok_or(Malformed("no usable boundary"))?;
    let mark = [b"\r\n--", boundary.as_bytes()].concat();
    let finder = memmem::Finder::new(&mark);
    let mut parts = Vec::new();
    // The first delimiter needs no line end before it; what is before it says nothing.
    let mut at = match message.starts_with(&mark[2..]) {
        true => Some(mark.len() - 2),
        false => finder.find(message).map(|at| at + mark.len()),
    };
    let mut begun: Option<usize> = None;
    while let Some(after) = at {
        let next = finder.find(&message[after..]).map(|n| n + after);
        let Some((closing, content)) = delimiter(&message[after..]) else {
            // A line that only begins like the delimiter is content.
            at = next.map(|n| n + mark.len());
            continue;
        };
        if let Some(start) = begun.take() {
            let end = after - mark.len();
            parts.push(part(message.get(start..end).unwrap_or_default())?);
        }
        if closing {
            return match parts.is_empty() {
                true => Err(Malformed("it has no parts")),
                false => Ok(parts),
            };
        }
        if parts.len() >= PARTS_MAX {
            return Err(Malformed("it has more than 256 parts"));
        }
        begun = Some(after + content);
        at = next.map(|n| n + mark.len());
    }
    Err(Malformed("its closing delimiter is missing"))
}

/// What follows the boundary of a delimiter line: whether it is the closing one, and the length of the rest of the line.
fn delimiter(rest: &[u8]) -> Option<(bool, usize)> {
    if rest.starts_with(b"--") {
        return Some((true, 2));
    }
    let blanks = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    rest[blanks..]
        .starts_with(b"\r\n")
        .then_some((false, blanks + 2))
}

fn part(bytes: &[u8]) -> Result<Part<'_>, Malformed> {
    // A part without fields begins with the empty line.
    let (head, body) = match bytes.strip_prefix(b"\r\n") {
        Some(body) => (&[][..], body),
        None => {
            let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
            let end = memmem::find(window, b"\r\n\r\n")
                .ok_or(Malformed("a part has no head, or a very long one"))?;
            (&bytes[..end], &bytes[end + 4..])
        }
    };
    let head = std::str::from_utf8(head).map_err(|_| Malformed("the head of a part is no text"))?;
    Ok(Part { head, body })
}

/// Which part is the message itself: the one that `start` names, else the first.
pub fn root(media: &MediaType, parts: &[Part<'_>]) -> usize {
    let start = media.parameter("start").map(bare_id);
    start
        .and_then(|id| parts.iter().position(|p| p.id() == Some(id)))
        .unwrap_or(0)
}

/// A part to be written.
#[derive(Clone, Debug)]
pub struct NewPart<'a> {
    /// Its head without the last line end.
    pub head: String,
    /// Its content.
    pub body: &'a [u8],
}

/// Writes parts, the root first; `seed` makes a boundary that none of them contains. Gives the boundary and the message.
pub fn write(parts: &[NewPart<'_>], seed: u64) -> (String, Vec<u8>) {
    let mut number = seed;
    let boundary = loop {
        let boundary = format!("MIMEBoundary_{number:016x}");
        let finder = memmem::Finder::new(boundary.as_bytes());
        if parts.iter().all(|p| finder.find(p.body).is_none()) {
            break boundary;
        }
        number = number.wrapping_add(1);
    };
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n{}", part.head).as_bytes());
        // An empty head has no line to end.
        out.extend_from_slice(if part.head.is_empty() {
            b"\r\n"
        } else {
            b"\r\n\r\n"
        });
        out.extend_from_slice(part.body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, out)
}

/// A multipart message around a root (RFC 2387): its media type and its bytes. `others` are heads and contents; `xop`: the
/// root includes them (MTOM, XOP 1.0 section 4.1).
pub fn related<B: AsRef<[u8]>>(
    root: &[u8],
    of_root: &MediaType,
    xop: bool,
    others: &[(String, B)],
    seed: u64,
) -> (MediaType, Vec<u8>) {
    let start = format!("<root.{seed:016x}@axon>");
    let root_type = match xop {
        false => of_root.clone(),
        // The type of the message as it was before.
        true => {
            let mut media = MediaType::new("application/xop+xml");
            for (name, value) in &of_root.parameters {
                media = media.with(name, value);
            }
            media.with("type", &of_root.essence)
        }
    };
    let head = format!(
        "Content-Type: {root_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {start}"
    );
    let mut parts = vec![NewPart { head, body: root }];
    parts.extend(others.iter().map(|(head, body)| NewPart {
        head: head.clone(),
        body: body.as_ref(),
    }));
    let (boundary, bytes) = write(&parts, seed);
    let media = MediaType::new("multipart/related")
        .with("boundary", boundary)
        .with("type", &root_type.essence)
        .with("start", start);
    let media = match xop {
        true => media.with("start-info", &of_root.essence),
        false => media,
    };
    (media, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(boundary: &str) -> MediaType {
        MediaType::new("multipart/related").with("boundary", boundary)
    }

    #[test]
    fn parts_are_found_between_their_delimiters() {
        let message = b"preamble\r\n--b\r\nContent-ID: <one>\r\nX: y\r\n\r\n1\r\n--bc\r\n2\r\n--b  \r\n\r\nno head\r\n--b--\r\nepilogue\r\n--b\r\n";
        let parts = parse(&related("b"), message).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].id(), parts[0].body),
            (Some("one"), &b"1\r\n--bc\r\n2"[..])
        );
        assert_eq!((parts[1].head, parts[1].body), ("", &b"no head"[..]));
        assert_eq!(root(&related("b").with("start", "<none>"), &parts), 0);
    }

    #[test]
    fn what_is_written_is_read() {
        let bodies: [&[u8]; 3] = [b"<a/>", b"", b"\r\n--MIMEBoundary_0000000000000007\r\n"];
        let new: Vec<_> = bodies
            .iter()
            .map(|body| NewPart {
                head: if body.is_empty() {
                    ""
                } else {
                    "Content-Type: a/b"
                }
                .to_owned(),
                body,
            })
            .collect();
        let (boundary, message) = write(&new, 7);
        assert_eq!(boundary, "MIMEBoundary_0000000000000008");
        let parts = parse(&related(&boundary), &message).unwrap();
        let read: Vec<_> = parts.iter().map(|p| p.body).collect();
        assert_eq!(read, bodies);
    }

    #[test]
    fn broken_messages_are_refused() {
        let long = "x".repeat(71);
        for (boundary, message) in [
            ("b", &b""[..]),
            ("b", b"--b--"),
            ("b", b"--b\r\n\r\nx"),
            ("b", b"--b\r\nno end of head\r\n--b--"),
            ("b", b"--b\r\nX: \xff\r\n\r\n\r\n--b--"),
            ("", b"--\r\n\r\n\r\n----"),
            (&long, b""),
        ] {
            assert!(parse(&related(boundary), message).is_err(), "{message:?}");
        }
        let many = [b"--b\r\n\r\nx\r\n".repeat(300), b"--b--".to_vec()].concat();
        assert_eq!(
            parse(&related("b"), &many),
            Err(Malformed("it has more than 256 parts"))
        );
    }

    #[test]
    fn transfer_encodings_are_undone() {
        let part = |encoding: &'static str, body| Part {
            head: encoding,
            body,
        };
        let base64 = part("content-transfer-encoding: BASE64", b"Zm9v\r\n");
        assert_eq!(base64.content().as_deref(), Some(&b"foo"[..]));
        assert_eq!(part("", b"x").content().as_deref(), Some(&b"x"[..]));
        assert_eq!(
            part("Content-Transfer-Encoding: quoted-printable", b"x").content(),
            None
        );
    }
}
