//! The scan, from the rules of spec/reliability.md 7 to 9 and the attacks that they answer.

use super::*;

const S11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const S12: &str = "http://www.w3.org/2003/05/soap-envelope";
const ALL: Wanted = Wanted {
    client_id: true,
    service_group: true,
    reply_service_group: true,
    to: true,
};

fn scan(message: impl AsRef<[u8]>) -> Result<ScannedHeader, ScanError> {
    match HeaderScan::new(ALL, Limits::default()).feed(message.as_ref(), true) {
        Progress::Done(header) => Ok(header),
        Progress::Refused(error) => Err(error),
        Progress::NeedMore => panic!("a complete message needs no more"),
    }
}

fn envelope(header: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"{S11}\"><s:Header>{header}</s:Header><s:Body><a/></s:Body></s:Envelope>"
    )
}

fn client_id(header: &str) -> Option<String> {
    scan(envelope(header))
        .unwrap()
        .client_id
        .map(|t| t.as_str().to_owned())
}

fn block(id: &str) -> String {
    format!("<syn:ClientID xmlns:syn=\"http://ws.apache.org/ns/synapse\">{id}</syn:ClientID>")
}

#[test]
fn the_client_id_is_found_however_it_is_written() {
    for header in [
        block("c1-ab"),
        block(" \n c1-ab\t"),
        block("c1<!-- x -->-ab"),
        block("c1<?x y?>-ab"),
        block("c1<![CDATA[-ab]]>"),
        block("&#99;&#x31;&#45;ab"),
        block("c1-ab").replace('"', "'"),
        "<ClientID xmlns='http://ws.apache.org/ns/synapse' s:mustUnderstand=\"1\">c1-ab</ClientID>"
            .into(),
        format!("<x><y a='>'/></x>{}", block("c1-ab")),
        format!("<!-- {} -->{}", block("no"), block("c1-ab")),
        "<q:ClientID xmlns:q = '&#104;ttp://ws.apache.org/ns/synapse' >c1-ab</q:ClientID >".into(),
        format!("{}{}", block("c1-ab"), block("c1-ab")),
    ] {
        assert_eq!(client_id(&header).as_deref(), Some("c1-ab"), "{header}");
    }
}

#[test]
fn nothing_but_a_direct_child_of_the_header_counts() {
    for header in [
        String::new(),
        "<ClientID>x</ClientID>".into(),
        block("x").replace("apache", "other"),
        format!("<!--{}-->", block("x")),
        format!("<h><![CDATA[{}]]></h>", block("x")),
        format!("<h>{}</h>", block("x")),
        "<h a=\"&lt;syn:ClientID>x&lt;/syn:ClientID>\"/>".into(),
        block(""),
        block("  "),
        block("<i>x</i>"),
        "<syn:ClientID xmlns:syn=\"http://ws.apache.org/ns/synapse\"/>".into(),
        "<xml:ClientID xmlns:xml=\"http://ws.apache.org/ns/synapse\">x</xml:ClientID>".into(),
        "<syn:ClientID>x</syn:ClientID>".into(),
        "<h xmlns:syn=\"http://ws.apache.org/ns/synapse\"/><syn:ClientID>x</syn:ClientID>".into(),
    ] {
        assert_eq!(client_id(&header), None, "{header}");
    }
}

#[test]
fn both_soap_versions_are_envelopes_and_must_not_be_mixed() {
    let text = envelope(&block("x"));
    let found = |text: &str| scan(text).unwrap().client_id.is_some();
    assert!(found(&text));
    assert!(found(&text.replace(S11, S12)));
    assert!(!found(&text.replace(S11, "urn:other")));
    assert!(!found(
        &text.replace("<s:Header>", &format!("<s:Header xmlns:s='{S12}'>"))
    ));
}

#[test]
fn a_message_that_is_no_envelope_has_no_header_and_passes() {
    for message in [
        "",
        "   ",
        "{\"a\":1}",
        "<a/>",
        "<r><s:Header/></r>",
        "--x\r\nContent-Type: text/xml\r\n",
        "< a",
        "<=>",
        "plain",
        "<?xml version=\"1.0\" encoding=\"UTF-7\"?><!DOCTYPE a>",
        "<",
        "</a>",
        "<![CDATA[x]]>",
        "<!-- only",
    ] {
        assert_eq!(scan(message), Ok(ScannedHeader::default()), "{message}");
    }
    let after_body = format!(
        "<s:Envelope xmlns:s=\"{S11}\"><s:Body/><s:Header>{}</s:Header></s:Envelope>",
        block("x")
    );
    assert_eq!(scan(after_body), Ok(ScannedHeader::default()));
}

/// What is found of a header in which nothing is looked for.
fn nothing_but_the_end(text: &str) -> ScannedHeader {
    const END: &str = "</s:Header>";
    ScannedHeader {
        header_end: text.find(END).map(|at| (at + END.len()) as u32),
        ..ScannedHeader::default()
    }
}

#[test]
fn a_body_without_a_header_ends_the_scan_at_its_first_tag() {
    let start = format!("<s:Envelope xmlns:s=\"{S11}\"><s:Body><v>");
    let mut scan = HeaderScan::new(ALL, Limits::default());
    assert_eq!(
        scan.feed(start.as_bytes(), false),
        Progress::Done(ScannedHeader::default())
    );
    let start = envelope("").replace("<a/></s:Body></s:Envelope>", "");
    let mut scan = HeaderScan::new(ALL, Limits::default());
    assert_eq!(
        scan.feed(start.as_bytes(), false),
        Progress::Done(nothing_but_the_end(&start))
    );
}

#[test]
fn a_doctype_is_refused_in_every_encoding_that_is_read() {
    for dtd in [
        "<!DOCTYPE a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]>",
        "<!doctype a>",
        "<!ENTITY x 'y'>",
    ] {
        let text = format!(
            "<?xml version=\"1.0\"?>{dtd}{}",
            envelope("").split_once("?>").unwrap().1
        );
        assert_eq!(scan(&text), Err(ScanError::Doctype), "{dtd}");
        let wide = text.replace("1.0\"", "1.0\" encoding=\"UTF-16\"");
        let units: Vec<u8> = wide.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(
            scan([&[0xfe, 0xff], &units[..]].concat()),
            Err(ScanError::Doctype),
            "{dtd}"
        );
        assert_eq!(scan(&units), Err(ScanError::Doctype), "{dtd}");
        let units: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(
            scan([&[0xff, 0xfe], &units[..]].concat()),
            Err(ScanError::Doctype),
            "{dtd}"
        );
    }
    assert_eq!(scan(envelope("<!DOCTYPE a>")), Err(ScanError::Doctype));
}

#[test]
fn utf16_and_latin1_and_marked_utf8_are_read() {
    let id = |message: Vec<u8>| {
        scan(message)
            .unwrap()
            .client_id
            .map(|t| t.as_str().to_owned())
    };
    let text = envelope(&block("é€😀")).replace("UTF-8", "UTF-16");
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(id(be).as_deref(), Some("é€😀"));
    assert_eq!(
        id([&[0xff, 0xfe], &le[..]].concat()).as_deref(),
        Some("é€😀")
    );
    assert_eq!(
        id([&[0xef, 0xbb, 0xbf], envelope(&block("é")).as_bytes()].concat()).as_deref(),
        Some("é")
    );
    let latin: Vec<u8> = envelope(&block("é"))
        .replace("UTF-8", "ISO-8859-1")
        .chars()
        .map(|c| c as u8)
        .collect();
    assert_eq!(id(latin).as_deref(), Some("é"));
}

#[test]
fn a_header_that_is_broken_is_refused() {
    for header in [
        "<a></b>",
        "<a",
        "<a b></a>",
        "<a b=c/>",
        "<a b='1'c='2'/>",
        "<a xmlns:p='x' xmlns:p='y'/>",
        "< a/>",
        "<a>",
    ] {
        let error = scan(envelope(header)).unwrap_err();
        assert!(
            matches!(error, ScanError::Malformed(_)),
            "{header}: {error}"
        );
    }
    for id in [
        "a&b",
        "&unknown;",
        "&#0;",
        "&#x1;",
        "&#xD800;",
        "&#99999999999999999999;",
        "&#+99;",
        "&",
    ] {
        let error = scan(envelope(&block(id))).unwrap_err();
        assert!(matches!(error, ScanError::Malformed(_)), "{id}: {error}");
    }
    let invalid = envelope(&block("a?b"))
        .into_bytes()
        .iter()
        .map(|&b| if b == b'?' { 0xff } else { b })
        .collect::<Vec<_>>();
    let invalid = [envelope("").as_bytes().split_at(38).0, &invalid[38..]].concat();
    assert!(matches!(scan(invalid), Err(ScanError::Malformed(_))));
}

#[test]
fn two_different_ids_are_refused() {
    let two = format!("{}{}", block("a"), block("b"));
    assert_eq!(scan(envelope(&two)), Err(ScanError::Conflict("ClientID")));
}

#[test]
fn every_limit_holds() {
    let over = |header: String| scan(envelope(&header)).unwrap_err();
    assert_eq!(over("<a>".repeat(100_000)), ScanError::Limit("depth"));
    assert_eq!(over(block(&"c".repeat(513))), ScanError::Limit("text"));
    assert_eq!(
        over(format!("<{}/>", "n".repeat(1025))),
        ScanError::Limit("names")
    );
    let attributes: String = (0..257).map(|i| format!(" a{i}='1'")).collect();
    assert_eq!(
        over(format!("<h{attributes}/>")),
        ScanError::Limit("attributes")
    );
    let declarations: String = (0..129).map(|i| format!(" xmlns:a{i}='1'")).collect();
    assert_eq!(
        over(format!("<h{declarations}/>")),
        ScanError::Limit("namespaces")
    );
    for filler in ["<!--", "<?p ", "<h a='", "text ", "<![CDATA["] {
        assert_eq!(
            over(format!("{filler}{}", "x".repeat(300_000))),
            ScanError::Limit("length"),
            "{filler}"
        );
    }
    assert_eq!(scan(" ".repeat(300_000)), Err(ScanError::Limit("length")));
    assert_eq!(
        client_id(&block(&"c".repeat(512))).map(|id| id.len()),
        Some(512)
    );
}

#[test]
fn session_ids_of_requests_and_answers_stand_in_different_places() {
    let own = "<axis2:ServiceGroupId xmlns:axis2=\"http://ws.apache.org/namespaces/axis2\">urn:1</axis2:ServiceGroupId>";
    let text = envelope(&format!("<a/>{own}<b/>"));
    let header = scan(&text).unwrap();
    assert_eq!(
        header.service_group.as_ref().map(Text::as_str),
        Some("urn:1")
    );
    let (start, end) = header.service_group_block.unwrap();
    assert_eq!(&text[start as usize..end as usize], own);

    let reply = |inner: &str| {
        let header = format!(
            "<w:ReplyTo xmlns:w=\"http://www.w3.org/2005/08/addressing\">{inner}</w:ReplyTo>"
        );
        let mut scan = HeaderScan::new(
            Wanted {
                reply_service_group: true,
                ..Wanted::default()
            },
            Limits::default(),
        );
        match scan.feed(envelope(&header).as_bytes(), true) {
            Progress::Done(header) => header.service_group.map(|t| t.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    };
    let inside =
        format!("<w:Address>x</w:Address><w:ReferenceParameters>{own}</w:ReferenceParameters>");
    assert_eq!(reply(&inside).as_deref(), Some("urn:1"));
    assert_eq!(reply(own), None);
    assert_eq!(reply(&format!("<w:ReferenceParameters/>{own}")), None);
    assert_eq!(
        reply(&format!(
            "<w:ReferenceParameters><x>{own}</x></w:ReferenceParameters>"
        )),
        None
    );
}

#[test]
fn only_wanted_blocks_are_taken() {
    let to = "<w:To xmlns:w=\"http://www.w3.org/2005/08/addressing\">http://h/</w:To>";
    let text = envelope(&format!("{to}{}", block("x")));
    assert_eq!(
        scan(&text).unwrap().to.as_ref().map(Text::as_str),
        Some("http://h/")
    );
    let mut none = HeaderScan::new(Wanted::default(), Limits::default());
    assert_eq!(
        none.feed(text.as_bytes(), true),
        Progress::Done(nothing_but_the_end(&text))
    );
}

#[test]
fn the_pieces_in_which_a_message_arrives_do_not_matter() {
    let text = envelope(&format!(
        "<h a=\"x>y\" b='\"'/><!-- - -- > -->{}<![CDATA[]]]]>",
        block("c&amp;1")
    ));
    for step in 1..20 {
        let mut scan = HeaderScan::new(ALL, Limits::default());
        let mut end = 0;
        let header = loop {
            end = (end + step).min(text.len());
            match scan.feed(&text.as_bytes()[..end], end == text.len()) {
                Progress::NeedMore => {}
                Progress::Done(header) => break header,
                Progress::Refused(error) => panic!("{error}"),
            }
        };
        assert_eq!(header.client_id.as_ref().map(Text::as_str), Some("c&1"));
    }
}

#[test]
fn mutated_messages_neither_panic_nor_depend_on_their_pieces() {
    let seeds = [
        envelope(&format!(
            "<h a=\"1\" b='2'>t<!--c--><?p i?><![CDATA[d]]></h>{}",
            block("c&#49;<!--x-->2")
        ))
        .into_bytes(),
        envelope(&block("x"))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
        b"\xef\xbb\xbf<!DOCTYPE a>".to_vec(),
        b"<a:b xmlns:a='u'/>".to_vec(),
    ];
    // A linear congruential generator is enough, and repeats exactly (Knuth's MMIX constants).
    let mut state = 0x5eed_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let marks: &[&[u8]] = &[
        b"<", b">", b"\"", b"'", b"&", b"]]>", b"-->", b"?>", b"<!", b"</", b"/>", b"\0", b"\xff",
        b"xmlns:",
    ];
    for round in 0..20_000 {
        let mut data = seeds[round % seeds.len()].clone();
        for _ in 0..=random(4) {
            let at = random(data.len() + 1);
            match random(4) {
                0 => drop(data.splice(at..at, marks[random(marks.len())].iter().copied())),
                1 => data.truncate(at),
                2 if at < data.len() => data[at] = random(256) as u8,
                _ => {
                    let end = (at + random(20)).min(data.len());
                    data.drain(at..end);
                }
            }
        }
        fuzz(&data);
    }
}
