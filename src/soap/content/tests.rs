use super::*;

fn read(text: &str, extent: Extent, content_type: &str) -> Content {
    let format = Format::of(Some(content_type.as_bytes()), false);
    Content::new(text.to_owned(), extent, format, content_type.as_bytes())
}

fn shown(content: &Content) -> String {
    let view = content.view().unwrap();
    view.tree.to_xml(view.envelope)
}

#[test]
fn a_soap_message_is_itself_and_plain_xml_gets_an_envelope() {
    let soap = format!("<e:Envelope xmlns:e=\"{SOAP11_NS}\"><e:Body><a/></e:Body></e:Envelope>");
    let content = read(&soap, Extent::Whole, "text/xml");
    assert_eq!(shown(&content), soap);
    assert_eq!(content.extent(), Extent::Whole);
    assert_eq!(Content::header(&content.view().unwrap().tree), None);
    let content = read("<a xmlns='u'><b/></a>", Extent::Whole, "application/xml");
    assert_eq!(
        shown(&content),
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"{SOAP11_NS}\"><soapenv:Header/><soapenv:Body><a xmlns='u'><b/></a></soapenv:Body></soapenv:Envelope>"
        )
    );
    // An envelope sent as plain XML is one all the same.
    let content = read(&soap, Extent::Whole, "application/xml");
    assert_eq!(shown(&content), soap);
}

#[test]
fn the_beginning_of_a_message_is_an_envelope_with_its_header() {
    let start = format!(
        "<?xml version='1.0'?>\n<e:Envelope xmlns:e=\"{SOAP12_NS}\" a='1'><e:Header><b>t</b></e:Header>"
    );
    let content = read(&start, Extent::Header, "application/soap+xml");
    assert_eq!(content.extent(), Extent::Header);
    let header = Content::header(&content.view().unwrap().tree).unwrap();
    assert_eq!(content.view().unwrap().tree.string_value(header), "t");
    assert_eq!(Content::body(&content.view().unwrap().tree), None);
    assert_eq!(
        shown(&content),
        format!(
            "<e:Envelope xmlns:e=\"{SOAP12_NS}\" a='1'><e:Header><b>t</b></e:Header></e:Envelope>"
        )
    );
}

#[test]
fn what_is_no_message_of_its_kind_is_refused() {
    assert_eq!(
        read("<a/>", Extent::Whole, "text/xml").view().unwrap_err(),
        ContentError::NoEnvelope("a".to_owned())
    );
    for (content_type, text) in [
        ("multipart/mixed; boundary=b", "is not read yet"),
        ("", "no Content-Type"),
        ("application/json", "no JSON"),
        ("multipart/related; boundary=b", "multipart"),
    ] {
        let error = read("<a/>", Extent::Whole, content_type)
            .view()
            .unwrap_err();
        assert!(error.to_string().contains(text), "{content_type}: {error}");
    }
    assert!(matches!(
        read("<a", Extent::Whole, "text/xml").view(),
        Err(ContentError::Parse(_))
    ));
    let latin = read("<a/>", Extent::Whole, "application/xml; charset=\"ebcdic\"");
    assert!(matches!(
        latin.view(),
        Err(ContentError::Parse(ParseError::Encoding(_)))
    ));
}

#[test]
fn one_question_is_answered_from_the_text_and_the_next_from_the_tree() {
    let soap = format!("<e:Envelope xmlns:e=\"{SOAP11_NS}\"/>");
    let glance = |content: &Content| content.glance(|text, _| Ok(Some(text.len())));
    let content = read(&soap, Extent::Whole, "text/xml; charset=UTF-8");
    assert_eq!(glance(&content), Ok(Some(soap.len())));
    assert_eq!(glance(&content), Ok(None));
    let declared = |name: &str| format!("<?xml version='1.0' encoding='{name}'?>{soap}");
    for (text, content_type, fits) in [
        (declared("utf-8"), "text/xml", true),
        (declared("iso-8859-1"), "text/xml", false),
        (declared("iso-8859-1"), "text/xml; charset=utf-8", true),
        (soap.clone(), "text/xml; charset=latin1", false),
        (soap.clone(), "application/xml", false),
        (String::new(), "text/xml", false),
    ] {
        let content = read(&text, Extent::Whole, content_type);
        assert_eq!(
            glance(&content).unwrap().is_some(),
            fits,
            "{text} {content_type}"
        );
    }
    let read_before = read(&soap, Extent::Whole, "text/xml");
    read_before.view().unwrap();
    assert_eq!(glance(&read_before), Ok(None));
    assert_eq!(glance(&read(&soap, Extent::Header, "text/xml")), Ok(None));
}

/// What is in the body of a message.
fn inside(content: &Content) -> String {
    let view = content.view().unwrap();
    view.payload()
        .map_or(String::new(), |node| view.tree.to_xml(node))
}

#[test]
fn what_is_no_xml_stands_in_the_body_too() {
    for (content_type, text, want) in [
        ("application/json", r#"{"a":{"b":7}}"#, "<a><b>7</b></a>"),
        (
            "application/x-www-form-urlencoded",
            "a=1&b=x+y",
            "<xformValues><a>1</a><b>x y</b></xformValues>",
        ),
        (
            "text/plain; charset=ISO-8859-1",
            "a<b\u{1}",
            "<text xmlns=\"http://ws.apache.org/commons/ns/payload\">a&lt;b\u{fffd}</text>",
        ),
        (
            "image/png",
            "foo",
            "<binary xmlns=\"http://ws.apache.org/commons/ns/payload\">Zm9v</binary>",
        ),
    ] {
        assert_eq!(inside(&read(text, Extent::Whole, content_type)), want);
    }
}

fn written(content: &Content, notation: Option<Notation>) -> (String, String) {
    let wanted = Wanted {
        notation,
        action: "urn:a".to_owned(),
        limit: 1 << 20,
        ..Wanted::default()
    };
    let written = content.write(&wanted).unwrap();
    (
        written.content_type.unwrap_or_default(),
        String::from_utf8(written.body.to_vec()).unwrap(),
    )
}

fn soap(namespace: &str, body: &str) -> String {
    format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body>{body}</e:Body></e:Envelope>")
}

#[test]
fn a_changed_message_is_written_in_its_own_notation() {
    for (content_type, text, want, media) in [
        (
            "text/xml; charset=UTF-8",
            soap(SOAP11_NS, "<a/>"),
            soap(SOAP11_NS, "<a>new</a>"),
            "text/xml; charset=UTF-8",
        ),
        (
            "application/soap+xml",
            soap(SOAP12_NS, "<a/>"),
            soap(SOAP12_NS, "<a>new</a>"),
            "application/soap+xml; charset=UTF-8; action=\"urn:a\"",
        ),
        (
            "application/xml",
            "<a/>".to_owned(),
            "<a>new</a>".to_owned(),
            "application/xml; charset=UTF-8",
        ),
        (
            "application/json",
            r#"{"a":1}"#.to_owned(),
            r#"{"a":"new"}"#.to_owned(),
            "application/json",
        ),
        (
            "text/plain",
            "old".to_owned(),
            "new".to_owned(),
            "text/plain; charset=UTF-8",
        ),
    ] {
        let mut content = read(&text, Extent::Whole, content_type);
        assert!(!content.is_changed());
        let view = content.view_mut().unwrap();
        let payload = view.payload().unwrap();
        view.tree.set_text(payload, "new");
        assert!(content.is_changed());
        assert_eq!(written(&content, None), (media.to_owned(), want));
    }
}

#[test]
fn a_formatter_makes_another_notation_of_a_message() {
    let text = soap(
        SOAP11_NS,
        "<m:a xmlns:m='u'><m:b>1</m:b><m:c>x y</m:c></m:a>",
    );
    let content = read(&text, Extent::Whole, "text/xml");
    for (notation, media, want) in [
        (
            Notation::Xml,
            "application/xml; charset=UTF-8",
            "<m:a xmlns:m='u'><m:b>1</m:b><m:c>x y</m:c></m:a>",
        ),
        (
            Notation::Json,
            "application/json",
            r#"{"m.a":{"m.b":1,"m.c":"x y"}}"#,
        ),
        (
            Notation::Form,
            "application/x-www-form-urlencoded; charset=UTF-8; action=\"urn:a\"",
            "b=1&c=x+y",
        ),
        (Notation::Text, "text/plain; charset=UTF-8", "1x y"),
        // An envelope keeps its version (recorded).
        (Notation::Soap12, "text/xml; charset=UTF-8", &text),
        (Notation::Binary, "text/xml; charset=UTF-8", &text),
    ] {
        assert_eq!(
            written(&content, Some(notation)),
            (media.to_owned(), want.to_owned()),
            "{notation:?}"
        );
    }
    let json = read(r#"{"a":["1"]}"#, Extent::Whole, "application/json");
    assert_eq!(
        written(&json, Some(Notation::Xml)).1,
        "<jsonObject><a>1</a></jsonObject>",
        "without the marks for the way back"
    );
    let (media, text) = written(&json, Some(Notation::Soap12));
    assert!(media.starts_with("application/soap+xml"), "{media}");
    assert_eq!(
        text,
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"{SOAP12_NS}\"><soapenv:Header/><soapenv:Body><jsonObject><a>1</a></jsonObject></soapenv:Body></soapenv:Envelope>"
        )
    );
}

#[test]
fn a_media_type_of_its_own_gets_the_charset() {
    let content = read("<a/>", Extent::Whole, "application/xml");
    let wanted = Wanted {
        content_type: Some("application/vnd.test+xml".to_owned()),
        charset: Charset::Latin1,
        limit: 100,
        ..Wanted::default()
    };
    let made = content.write(&wanted).unwrap();
    assert_eq!(
        made.content_type.as_deref(),
        Some("application/vnd.test+xml; charset=ISO-8859-1")
    );
    assert!(
        made.body
            .starts_with(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>")
    );
    let small = Wanted { limit: 3, ..wanted };
    assert_eq!(content.write(&small), Err(ContentError::TooLarge(3)));
}

const MTOM: &str = "--b\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\nContent-ID: <r@x>\r\n\r\n\
    <e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><a><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:p@x\"/></a></e:Body></e:Envelope>\r\n\
    --b\r\nContent-ID: <p@x>\r\n\r\nfoo\r\n--b--\r\n";

#[test]
fn what_an_envelope_includes_stands_in_it_and_other_parts_beside_it() {
    let media = "multipart/related; boundary=b; type=\"application/xop+xml\"; start=\"<r@x>\"";
    let content = read(MTOM, Extent::Whole, media);
    assert_eq!(inside(&content), "<a>Zm9v</a>");
    assert_eq!(
        written(&content, None),
        (
            "text/xml; charset=UTF-8".to_owned(),
            soap(SOAP11_NS, "<a>Zm9v</a>")
        )
    );
    let swa = MTOM
        .replace("application/xop+xml", "text/xml")
        .replace("cid:p@x", "cid:gone");
    let media = "multipart/related; boundary=b; type=\"text/xml\"; start=\"<r@x>\"";
    let mut content = read(&swa, Extent::Whole, media);
    let parts = content.view().unwrap().parts.clone();
    assert_eq!((parts.len(), &parts[0].body[..]), (1, &b"foo"[..]));
    content.view_mut().unwrap();
    let (media, text) = written(&content, None);
    let again = read(&text, Extent::Whole, &media);
    assert_eq!(inside(&again), inside(&content));
    assert_eq!(again.view().unwrap().parts, parts);
}

#[test]
fn binary_content_goes_out_as_a_part_where_that_is_wanted() {
    let long = "Zm9v".repeat(4000);
    let text = soap(SOAP11_NS, &format!("<a>{long}</a>"));
    let content = read(&text, Extent::Whole, "text/xml");
    let wanted = Wanted {
        mtom: true,
        limit: 1 << 20,
        ..Wanted::default()
    };
    let made = content.write(&wanted).unwrap();
    let media = made.content_type.unwrap();
    assert!(media.contains("start-info=\"text/xml\""), "{media}");
    assert!(made.body.len() < text.len());
    let again = Content::new(
        made.body,
        Extent::Whole,
        Format::of(Some(media.as_bytes()), false),
        media.as_bytes(),
    );
    assert_eq!(inside(&again), format!("<a>{long}</a>"));
}

#[test]
fn a_message_is_changed_only_when_it_is_there_and_not_without_bound() {
    let text = format!("<e:Envelope xmlns:e=\"{SOAP11_NS}\"><e:Header></e:Header>");
    let mut beginning = read(&text, Extent::Header, "text/xml");
    assert_eq!(beginning.view_mut().unwrap_err(), ContentError::Beginning);
    let mut content = read("<a/>", Extent::Whole, "application/xml");
    let mut error = None;
    for _ in 0..40 {
        match content.view_mut() {
            Ok(view) => {
                let payload = view.payload().unwrap();
                let twice = view.tree.duplicate(payload);
                view.tree.append(payload, twice).unwrap();
                let text = view.tree.create_text(&"x".repeat(1 << 20));
                view.tree.append(payload, text).unwrap();
            }
            Err(refused) => {
                error = Some(refused);
                break;
            }
        }
    }
    assert_eq!(error, Some(ContentError::TooLarge(SIZE_MIN)));
}

#[test]
fn a_message_of_some_nodes_keeps_the_envelope() {
    let text = soap(SOAP12_NS, "<m:a xmlns:m='u'><m:b/><m:b/></m:a>")
        .replace("<e:Body>", "<e:Header><h/></e:Header><e:Body>");
    let content = read(&text, Extent::Whole, "application/soap+xml");
    let view = content.view().unwrap();
    let node = view.tree.first_element(view.payload().unwrap()).unwrap();
    for header in [true, false] {
        let made = view.holding(&[node], header).unwrap();
        let made = Content::made(made, b"application/soap+xml");
        assert!(made.is_changed());
        assert_eq!(inside(&made), "<m:b xmlns:m='u'/>".replace('\'', "\""));
        assert_eq!(written(&made, None).1.contains("<h/>"), header);
    }
}

#[test]
fn header_and_body_are_made_where_they_are_missing() {
    let mut content = read(&soap(SOAP11_NS, "<a/>"), Extent::Whole, "text/xml");
    let view = content.view_mut().unwrap();
    let (header, body) = (view.header().unwrap(), view.body().unwrap());
    assert_eq!(view.header().unwrap(), header);
    assert_eq!(view.tree.next_sibling(header), Some(body));
    assert_eq!(
        shown(&content),
        soap(SOAP11_NS, "<a/>").replace("<e:Body>", "<e:Header/><e:Body>")
    );
}
