//! `MTOMSwASampleService`: takes a file apart from its message and gives the same bytes back the same way.
//!
//! MTOM (XOP, `application/xop+xml` root with `xop:Include`) or SOAP with attachments (the message holds the
//! content id). Only what these two need of MIME multipart (RFC 2046 5.1) is read.

use memchr::memmem;

use super::Reply;
use super::message::{Asked, Wrapping};
use super::service::NAMESPACE;

const BOUNDARY: &str = "axon-sample-boundary";
const ANSWER_ID: &str = "answer@sample";

/// Answers an upload.
pub(super) fn reply(content_type: &str, body: &[u8]) -> Reply {
    match upload(content_type, body) {
        Ok(reply) => reply,
        Err(reason) => Reply {
            status: 500,
            content_type: Some(Wrapping::Soap11.content_type().to_owned()),
            body: Wrapping::Soap11.fault(&reason).into_bytes(),
            set_cookie: None,
        },
    }
}

fn upload(content_type: &str, body: &[u8]) -> Result<Reply, String> {
    let boundary = parameter(content_type, "boundary").ok_or("the message has no attachments")?;
    let parts = parts(body, boundary);
    let (root, files) = parts.split_first().ok_or("the message has no parts")?;
    let text = std::str::from_utf8(root.body).map_err(|_| "the root part is not UTF-8")?;
    let asked = Asked::parse(text)?;
    match asked.operation.as_str() {
        "oneWayUploadUsingMTOM" => Ok(Reply {
            status: 202,
            ..Reply::default()
        }),
        "uploadFileUsingMTOM" => {
            let file = files.first().ok_or("no part holds the file")?;
            let include = format!(
                "<m:image><xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" \
                 href=\"cid:{ANSWER_ID}\"/></m:image>"
            );
            let root_type = "application/xop+xml; charset=UTF-8; type=\"text/xml\"";
            Ok(multipart(
                &answer(&asked, &include),
                root_type,
                "application/xop+xml",
                file.body,
            ))
        }
        "uploadFileUsingSwA" => {
            let wanted = asked.value("imageId").unwrap_or("");
            let named = files.iter().find(|part| part.id == wanted);
            let file = named.ok_or("no part has the content id that imageId names")?;
            let id = format!("<m:imageId>{ANSWER_ID}</m:imageId>");
            Ok(multipart(
                &answer(&asked, &id),
                "text/xml; charset=UTF-8",
                "text/xml",
                file.body,
            ))
        }
        other => Err(format!("the service has no operation \"{other}\"")),
    }
}

fn answer(asked: &Asked, inner: &str) -> String {
    // The name is one of two constants here, so it needs no escaping.
    let name = &asked.operation;
    Wrapping::Soap11.wrap(&format!(
        "<m:{name}Response xmlns:m=\"{NAMESPACE}\"><m:response>{inner}</m:response></m:{name}Response>"
    ))
}

fn multipart(root: &str, root_type: &str, kind: &str, file: &[u8]) -> Reply {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Type: {root_type}\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: <root@sample>\r\n\r\n{root}\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <{ANSWER_ID}>\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let start_info = if kind == "text/xml" {
        ""
    } else {
        "; start-info=\"text/xml\""
    };
    Reply {
        status: 200,
        content_type: Some(format!(
            "multipart/related; boundary={BOUNDARY}; type=\"{kind}\"; start=\"<root@sample>\"{start_info}"
        )),
        body,
        set_cookie: None,
    }
}

struct Part<'a> {
    id: &'a str,
    body: &'a [u8],
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let mark = format!("--{boundary}");
    let at: Vec<usize> = memmem::find_iter(body, mark.as_bytes()).collect();
    let between = at
        .windows(2)
        .map(|pair| &body[pair[0] + mark.len()..pair[1]]);
    between
        .filter_map(|part| {
            let head_end = memmem::find(part, b"\r\n\r\n")?;
            let head = std::str::from_utf8(&part[..head_end]).ok()?;
            let id = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let value = value.trim().trim_start_matches('<').trim_end_matches('>');
                name.eq_ignore_ascii_case("content-id").then_some(value)
            });
            // The line break before a boundary belongs to the boundary.
            let content = part[head_end + 4..].strip_suffix(b"\r\n")?;
            Some(Part {
                id: id.unwrap_or(""),
                body: content,
            })
        })
        .collect()
}

fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(payload: &str, file: &[u8]) -> Vec<u8> {
        let root = Wrapping::Soap11.wrap(payload);
        let head = format!(
            "--b\r\nContent-ID: <r>\r\n\r\n{root}\r\n--b\r\nContent-ID: <file@client>\r\n\r\n"
        );
        [head.as_bytes(), file, b"\r\n--b--\r\n"].concat()
    }

    #[test]
    fn both_ways_of_upload_give_the_same_bytes_back() {
        let file = b"\x00\xff\r\n--not a boundary\r\n";
        for (payload, kind) in [
            (
                "<m:uploadFileUsingMTOM xmlns:m=\"u\"><m:image/></m:uploadFileUsingMTOM>",
                "application/xop+xml",
            ),
            (
                "<m:uploadFileUsingSwA xmlns:m=\"u\"><m:imageId>file@client</m:imageId></m:uploadFileUsingSwA>",
                "type=\"text/xml\"",
            ),
        ] {
            let reply = reply("multipart/related; boundary=\"b\"", &request(payload, file));
            let content_type = reply.content_type.unwrap();
            assert_eq!(reply.status, 200);
            assert!(content_type.contains(kind), "{content_type}");
            let parts = parts(&reply.body, parameter(&content_type, "boundary").unwrap());
            assert_eq!((parts[1].id, parts[1].body), (ANSWER_ID, &file[..]));
            let text = std::str::from_utf8(parts[0].body).unwrap();
            assert!(Asked::parse(text).unwrap().operation.ends_with("Response"));
        }
    }

    #[test]
    fn what_has_no_file_is_a_fault() {
        let missing = "<m:uploadFileUsingSwA xmlns:m=\"u\"><m:imageId>other</m:imageId></m:uploadFileUsingSwA>";
        for (content_type, body) in [
            ("text/xml", request(missing, b"")),
            ("multipart/related; boundary=b", request(missing, b"")),
            ("multipart/related; boundary=b", Vec::new()),
            ("multipart/related; boundary=b", b"--b\r\n--b".to_vec()),
        ] {
            assert_eq!(reply(content_type, &body).status, 500);
        }
    }
}
