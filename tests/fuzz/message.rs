//! What the readers of whole messages must keep: outlines, conversions, multipart messages.

use axon::config::model::{AddressingVersion, FormatDef, MessageFormat, Optimize};
use axon::endpoint::shape::{Asked, NewBody, Shape};
use axon::soap::addressing::{self, Addressing, Said};
use axon::soap::charset::{self, Charset};
use axon::soap::convert;
use axon::soap::envelope::Format;
use axon::soap::media::MediaType;
use axon::soap::multipart::{self, NewPart};
use axon::soap::outline::{Outline, Version};
use axon::soap::xop;

use crate::mutate::Random;

pub const MESSAGE_WORDS: &[&[u8]] = &[
    b"<s:Header/>",
    b"<s:Header>",
    b"</s:Header>",
    b"<s:Fault>",
    b"<faultcode>s:Client.x</faultcode>",
    b"<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>p:q</s:Value></s:Subcode></s:Code>",
    b"<detail>",
    b" s:mustUnderstand=\"1\"",
    b" s:actor=\"http://schemas.xmlsoap.org/soap/actor/next\"",
    b" xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    b" xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"",
    b" xmlns:p='a\"b'",
    b"<w:MessageID xmlns:w=\"http://www.w3.org/2005/08/addressing\">x</w:MessageID>",
    b"<x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:a\"/>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"\xc3\xa9",
    b"\xff\xfe",
    b"&#65;",
    b"\r\n--b\r\n",
    b"\r\n--b--",
    b"Content-ID: <a>\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"boundary=\"b\"",
];

const LIMIT: usize = 1 << 20;

/// Conversions: what comes out of a well-formed message is well-formed, has the version that was asked for, and goes
/// back; what is added is found again.
pub fn convert(input: &[u8], random: &mut Random) {
    let Ok(text) = charset::decode(input, None) else {
        return;
    };
    let Ok(outline) = Outline::read(&text) else {
        return;
    };
    // A reader that knows every rule: what it takes, it must still take afterwards.
    let strict = roxmltree::Document::parse(&text).is_ok();
    let readable = |made: &str| {
        assert!(
            !strict || roxmltree::Document::parse(made).is_ok(),
            "{made}"
        );
        Outline::read(made).unwrap_or_else(|e| panic!("{e}: {made}"));
    };
    for version in [Version::Soap11, Version::Soap12] {
        let Ok(Some(made)) = convert::to_envelope(&outline, version) else {
            continue;
        };
        readable(&made);
        let read = Outline::read(&made).unwrap();
        assert_eq!(read.envelope.as_ref().unwrap().version, version, "{made}");
        assert_eq!(convert::to_envelope(&read, version), Ok(None));
    }
    if let Some(payload) = convert::to_payload(&outline).filter(|p| !p.is_empty()) {
        readable(&payload);
    }
    let said = Said {
        version: Addressing::Submission,
        to: "http://h/?a&b",
        action: "urn:<a>",
        message_id: "urn:id",
    };
    if let Some(made) = addressing::say(&outline, &said) {
        readable(&made);
        let read = Outline::read(&made).unwrap();
        assert_eq!(
            addressing::value(&read, "MessageID").as_deref(),
            Some("urn:id")
        );
        assert_eq!(
            addressing::value(&read, "To").as_deref(),
            Some("http://h/?a&b")
        );
        let silent = addressing::silence(&read).unwrap();
        readable(&silent);
        assert_eq!(addressing::silence(&Outline::read(&silent).unwrap()), None);
    }
    for charset in [
        Charset::Ascii,
        Charset::Latin1,
        Charset::Utf16,
        Charset::Utf8,
    ] {
        if let Some(bytes) = charset::encode(&text, charset) {
            readable(&charset::decode(&bytes, None).unwrap());
        }
    }
    let seed = random.below(1000) as u64;
    if let Ok((out, taken)) = xop::take_out(&text, seed) {
        readable(&out);
        assert!(taken.iter().all(|t| out.contains(&t.id)));
    }
    query(&outline);
}

fn query(outline: &Outline<'_>) {
    if let Ok(query) = convert::query::from_payload(outline) {
        assert!(
            query.bytes().all(|b| b.is_ascii_graphic() && b != b'#'),
            "{query}"
        );
    }
}

/// Multipart messages: what is read and written again has the same parts. The first line is the media type.
pub fn multipart(input: &[u8], random: &mut Random) {
    let end = input
        .iter()
        .position(|b| *b == b'\n')
        .unwrap_or(input.len());
    let (line, body) = input.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let media = MediaType::parse(line);
    let written = MediaType::parse(media.to_string().as_bytes());
    assert_eq!(
        written.parameter("boundary"),
        media.parameter("boundary").map(strip).as_deref()
    );
    if let Ok(parts) = multipart::parse(&media, body) {
        assert!(!parts.is_empty() && parts.len() <= multipart::PARTS_MAX);
        assert!(multipart::root(&media, &parts) < parts.len());
        let new: Vec<_> = parts
            .iter()
            .map(|p| NewPart {
                head: p.head.to_owned(),
                body: p.body,
            })
            .collect();
        let (boundary, bytes) = multipart::write(&new, random.below(1 << 20) as u64);
        let media = MediaType::new("multipart/related").with("boundary", boundary);
        let read = multipart::parse(&media, &bytes).unwrap();
        assert!(read.iter().map(|p| p.body).eq(parts.iter().map(|p| p.body)));
    }
    shapes(line, body);
}

/// A parameter as it can be written.
fn strip(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

fn shapes(content_type: &[u8], body: &[u8]) {
    let formats = [
        None,
        Some(MessageFormat::Soap11),
        Some(MessageFormat::Soap12),
        Some(MessageFormat::Pox),
        Some(MessageFormat::Get),
        Some(MessageFormat::Rest),
    ];
    for format in formats {
        let def = FormatDef {
            format,
            optimize: Some(Optimize::Mtom),
            encoding: None,
            addressing: Some(AddressingVersion::Final),
        };
        let Some(shape) = Shape::new(&def, None, true, false) else {
            continue;
        };
        let asked = Asked {
            get_form: body.len() % 2 == 1,
            content_type: Some(content_type),
            soap_action: None,
            content_encoding: None,
            body: Some(body),
            to: "http://h/",
            preserve: false,
            limit: LIMIT,
            chance: [1, 2],
        };
        if let Ok(shaped) = shape.request(&asked)
            && let NewBody::Bytes(bytes) = shaped.body
        {
            assert!(bytes.len() <= LIMIT);
        }
        for client in [Format::Soap11, Format::Soap12, Format::Pox] {
            // Only that it ends.
            let _ = shape.answer(
                client,
                None,
                (Some(content_type), None),
                body,
                (true, LIMIT, 1),
            );
        }
    }
}
