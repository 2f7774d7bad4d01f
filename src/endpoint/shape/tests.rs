use super::*;
use crate::soap::convert;
use crate::soap::envelope::{Format, SOAP11_NS, SOAP12_NS};
use crate::soap::outline::Outline;

const PAYLOAD: &str = "<q:getQuote xmlns:q=\"urn:q\"><q:symbol>IBM</q:symbol></q:getQuote>";

fn envelope(namespace: &str, header: &str, body: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{namespace}\">{header}<s:Body>{body}</s:Body></s:Envelope>")
}

fn shape(format: MessageFormat) -> Shape {
    with(FormatDef {
        format: Some(format),
        ..FormatDef::default()
    })
}

fn with(def: FormatDef) -> Shape {
    Shape::new(&def, None, false, false).unwrap()
}

fn asked<'a>(content_type: &'a str, action: Option<&'a str>, body: &'a str) -> Asked<'a> {
    Asked {
        get_form: false,
        content_type: Some(content_type.as_bytes()),
        soap_action: action.map(str::as_bytes),
        content_encoding: None,
        body: Some(body.as_bytes()),
        to: "http://b/svc",
        preserve: false,
        limit: 1 << 20,
        chance: [1, 2],
    }
}

fn text(shaped: &Shaped) -> String {
    match &shaped.body {
        NewBody::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn set(value: &str) -> Field {
    Field::Set(value.to_owned())
}

#[test]
fn a_message_that_is_right_already_goes_out_as_it_came() {
    let body = envelope(SOAP11_NS, "", PAYLOAD);
    let request = asked("text/xml; charset=utf-8", Some("\"urn:a\""), &body);
    let shaped = shape(MessageFormat::Soap11).request(&request).unwrap();
    let want = Shaped {
        method: Some("POST"),
        suffix: Suffix::Never,
        soap_action: set("\"urn:a\""),
        ..Shaped::default()
    };
    assert_eq!(shaped, want);
}

#[test]
fn soap_versions_carry_the_action_where_they_have_it() {
    let body = envelope(SOAP11_NS, "", PAYLOAD);
    let request = asked("text/xml", Some("\"urn:a\""), &body);
    let shaped = shape(MessageFormat::Soap12).request(&request).unwrap();
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:a\"";
    assert_eq!(
        (&shaped.content_type, &shaped.soap_action),
        (&set(media), &Field::Keep)
    );
    assert!(text(&shaped).contains(SOAP12_NS) && text(&shaped).contains(PAYLOAD));

    let body = text(&shaped);
    let back = shape(MessageFormat::Soap11)
        .request(&asked(media, None, &body))
        .unwrap();
    assert_eq!(
        (back.content_type.clone(), back.soap_action.clone()),
        (set("text/xml; charset=UTF-8"), set("\"urn:a\""))
    );
    assert!(text(&back).contains(SOAP11_NS));

    // From the addressing header, when nothing else says it.
    let header = "<s:Header><w:Action xmlns:w=\"http://www.w3.org/2005/08/addressing\">urn:w</w:Action></s:Header>";
    let body = envelope(SOAP11_NS, header, PAYLOAD);
    let shaped = shape(MessageFormat::Soap11)
        .request(&asked("text/xml", None, &body))
        .unwrap();
    assert_eq!(shaped.soap_action, set("\"urn:w\""));
    assert!(
        !text(&shaped).contains("urn:w"),
        "addressing is off, so it goes"
    );
    let kept = Asked {
        preserve: true,
        ..asked("text/xml", None, &body)
    };
    let kept = shape(MessageFormat::Soap11).request(&kept).unwrap();
    assert_eq!(kept.body, NewBody::Same);
}

#[test]
fn payloads_go_into_envelopes_and_out_of_them() {
    for (format, media) in [
        (MessageFormat::Soap11, "text/xml; charset=UTF-8"),
        (MessageFormat::Soap12, "application/soap+xml; charset=UTF-8"),
    ] {
        let shaped = shape(format)
            .request(&asked("application/xml", None, PAYLOAD))
            .unwrap();
        assert_eq!(
            (&shaped.content_type, &shaped.soap_action),
            (&set(media), &Field::Keep)
        );
        assert!(text(&shaped).contains(PAYLOAD));
    }
    let body = envelope(SOAP12_NS, "", PAYLOAD);
    let request = asked("application/soap+xml", Some("\"urn:a\""), &body);
    let shaped = shape(MessageFormat::Pox).request(&request).unwrap();
    assert_eq!(shaped.content_type, set("application/xml; charset=UTF-8"));
    assert_eq!(shaped.soap_action, set("urn:a"));
    assert!(text(&shaped).ends_with(PAYLOAD));
}

#[test]
fn a_get_has_the_payload_as_its_query() {
    let body = envelope(SOAP11_NS, "", PAYLOAD);
    let shaped = shape(MessageFormat::Get)
        .request(&asked("text/xml", None, &body))
        .unwrap();
    assert_eq!(
        (
            shaped.method,
            shaped.query.as_str(),
            &shaped.body,
            &shaped.content_type
        ),
        (Some("GET"), "symbol=IBM", &NewBody::Empty, &Field::Remove)
    );
}

#[test]
fn a_get_has_the_payload_as_a_form_where_that_is_wanted() {
    let payload = "<a><b>IBM</b><c>1 2&amp;3</c><d><e>x</e></d><f/></a>";
    let body = envelope(SOAP11_NS, "", payload);
    let request = Asked {
        get_form: true,
        ..asked("text/xml", Some("\"urn:a\""), &body)
    };
    let shaped = shape(MessageFormat::Get).request(&request).unwrap();
    assert_eq!((shaped.method, &*shaped.query), (Some("GET"), ""));
    assert_eq!(text(&shaped), "b=IBM&c=1 2%263&d=&f=");
    let media = "application/x-www-form-urlencoded; charset=UTF-8; action=\"urn:a\"";
    assert_eq!(shaped.content_type, set(media));
}

#[test]
fn rest_looks_at_the_head_only() {
    let rest = shape(MessageFormat::Rest);
    assert!(!rest.reads());
    let shaped = rest
        .request(&asked(
            "application/soap+xml; action=\"x\"",
            None,
            "<broken",
        ))
        .unwrap();
    assert_eq!(
        (
            shaped.method,
            shaped.suffix,
            &shaped.body,
            &shaped.content_type
        ),
        (
            None,
            Suffix::Always,
            &NewBody::Same,
            &set("application/xml; charset=UTF-8")
        )
    );
    let shaped = rest
        .request(&asked("text/xml", Some("\"urn:a\""), ""))
        .unwrap();
    assert_eq!(
        (&shaped.content_type, &shaped.soap_action),
        (&Field::Keep, &set("urn:a"))
    );
}

#[test]
fn a_message_without_a_body_becomes_an_empty_post() {
    let request = Asked {
        content_type: None,
        body: None,
        ..asked("", None, "")
    };
    let shaped = shape(MessageFormat::Soap11).request(&request).unwrap();
    assert_eq!(
        (shaped.method, &shaped.body, shaped.suffix),
        (Some("POST"), &NewBody::Same, Suffix::Never)
    );
}

#[test]
fn what_is_no_xml_is_wrapped_or_mapped() {
    let soap = shape(MessageFormat::Soap11);
    for (media, body, part) in [
        (
            "application/x-www-form-urlencoded",
            "a=1",
            "<xformValues><a>1</a></xformValues>",
        ),
        ("text/plain", "<", "payload\">&lt;</text>"),
        ("image/png", "x", "payload\">eA==</binary>"),
        (
            "application/json",
            r#"{"a":[1],"b":"2"}"#,
            "<jsonObject><a>1</a><b>2</b></jsonObject>",
        ),
    ] {
        let shaped = soap.request(&asked(media, None, body)).unwrap();
        assert!(text(&shaped).contains(part), "{}", text(&shaped));
    }
    for (media, body, problem) in [
        ("application/json", "{", "line 1"),
        ("", "x", "Content-Type"),
        ("text/xml", "<a><b></a>", "line 1, column"),
        ("text/xml", PAYLOAD, "q:getQuote, not a SOAP envelope"),
        ("multipart/form-data; boundary=b", "x", "delimiter"),
        ("multipart/mixed; boundary=b", "", "multipart/mixed"),
        ("multipart/related; boundary=b", "", "delimiter"),
    ] {
        let error = soap.request(&asked(media, None, body)).unwrap_err();
        assert!(error.contains(problem), "{media}: {error}");
    }
    let packed = Asked {
        content_encoding: Some(b"gzip"),
        ..asked("text/xml", None, "")
    };
    assert!(soap.request(&packed).unwrap_err().contains("gzip"));
}

#[test]
fn addressing_says_where_what_and_who() {
    let shape = with(FormatDef {
        addressing: Some(AddressingVersion::Final),
        ..FormatDef::default()
    });
    let header = "<s:Header><w:MessageID xmlns:w=\"http://www.w3.org/2005/08/addressing\">urn:client</w:MessageID></s:Header>";
    let body = envelope(SOAP11_NS, header, PAYLOAD);
    let shaped = shape
        .request(&asked("text/xml; charset=utf-8", Some("\"urn:a\""), &body))
        .unwrap();
    let made = text(&shaped);
    let read = Outline::read(&made).unwrap();
    let value = |name: &str| crate::soap::addressing::value(&read, name);
    assert_eq!(value("To").as_deref(), Some("http://b/svc"));
    assert_eq!(value("Action").as_deref(), Some("urn:a"));
    let id = value("MessageID").unwrap();
    assert_eq!(id, "urn:uuid:00000000-0000-4001-8000-000000000002");
    assert_eq!(shaped.relation, Some((id.clone(), "urn:client".to_owned())));
    assert_eq!(
        (shaped.method, shaped.content_type),
        (None, set("text/xml; charset=UTF-8"))
    );

    // The answer relates to the client's own message again.
    let header = format!(
        "<s:Header><w:RelatesTo xmlns:w=\"http://www.w3.org/2005/08/addressing\">{id}</w:RelatesTo></s:Header>"
    );
    let answer = envelope(SOAP11_NS, &header, PAYLOAD);
    assert!(shape.reads_answer(Format::Soap11, true, Some(b"text/xml")));
    assert!(!shape.reads_answer(Format::Soap11, false, Some(b"text/xml")));
    let changed = shape
        .answer(
            Format::Soap11,
            shaped.relation.as_ref(),
            (Some(b"text/xml"), None),
            answer.as_bytes(),
            (false, 1 << 20, 1),
        )
        .unwrap()
        .unwrap();
    assert!(
        String::from_utf8(changed.body)
            .unwrap()
            .contains(">urn:client<")
    );

    // No envelope, nothing to address.
    let shaped = shape
        .request(&asked("application/x-www-form-urlencoded", None, "a=1"))
        .unwrap();
    assert_eq!(shaped, Shaped::default());
}

fn answer(format: MessageFormat, client: Format, media: &str, body: &str) -> Option<NewAnswer> {
    let shape = shape(format);
    let media = Some(media.as_bytes());
    if !shape.reads_answer(client, false, media) {
        return None;
    }
    shape
        .answer(
            client,
            None,
            (media, None),
            body.as_bytes(),
            (false, 1 << 20, 1),
        )
        .unwrap()
}

#[test]
fn an_answer_is_changed_back_to_what_the_client_spoke() {
    let (eleven, twelve) = (
        envelope(SOAP11_NS, "", PAYLOAD),
        envelope(SOAP12_NS, "", PAYLOAD),
    );
    for (format, client, media, body, want) in [
        (
            MessageFormat::Soap12,
            Format::Soap11,
            "application/soap+xml; charset=utf-8",
            &twelve,
            SOAP11_NS,
        ),
        (
            MessageFormat::Soap11,
            Format::Soap12,
            "text/xml; charset=utf-8",
            &eleven,
            SOAP12_NS,
        ),
        (
            MessageFormat::Pox,
            Format::Soap11,
            "application/xml; charset=utf-8",
            &PAYLOAD.to_owned(),
            SOAP11_NS,
        ),
        (
            MessageFormat::Soap11,
            Format::Pox,
            "text/xml; charset=utf-8",
            &eleven,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<q:getQuote",
        ),
    ] {
        let changed = answer(format, client, media, body).unwrap();
        let text = String::from_utf8(changed.body).unwrap();
        assert!(text.contains(want) && text.contains(PAYLOAD), "{text}");
        // The type that the back end gave (recorded).
        assert_eq!(
            changed.content_type.unwrap(),
            media.replace("utf-8", "UTF-8")
        );
    }
}

#[test]
fn an_answer_that_is_right_is_not_even_read() {
    for (format, client, media) in [
        (MessageFormat::Soap11, Format::Soap11, "text/xml"),
        (MessageFormat::Soap12, Format::Pox, "application/xml"),
        (MessageFormat::Soap12, Format::Rest, "application/soap+xml"),
        (MessageFormat::Rest, Format::Soap11, "application/xml"),
        (MessageFormat::Pox, Format::Soap11, "application/json"),
        (
            MessageFormat::Soap11,
            Format::Soap11,
            "multipart/related; type=\"text/xml\"",
        ),
    ] {
        assert!(
            !shape(format).reads_answer(client, false, Some(media.as_bytes())),
            "{media}"
        );
    }
    // Under text/xml may be a bare payload or an envelope: an envelope stays.
    let eleven = envelope(SOAP11_NS, "", PAYLOAD);
    assert_eq!(
        answer(MessageFormat::Pox, Format::Soap11, "text/xml", &eleven),
        None
    );
}

#[test]
fn settings_can_have_the_type_say_what_the_body_is() {
    let body = envelope(
        SOAP12_NS,
        "",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>",
    );
    let media = Some(&b"application/soap+xml"[..]);
    let changed = shape(MessageFormat::Soap12)
        .answer(
            Format::Soap11,
            None,
            (media, None),
            body.as_bytes(),
            (true, 1 << 20, 1),
        )
        .unwrap()
        .unwrap();
    assert_eq!(
        changed.content_type.as_deref(),
        Some("text/xml; charset=UTF-8")
    );
    assert!(changed.fault);
    let text = String::from_utf8(changed.body).unwrap();
    assert!(text.contains("<faultcode>s:Client</faultcode>"), "{text}");
}

#[test]
fn attachments_follow_their_message_from_version_to_version_and_end_in_a_payload() {
    let root = envelope(
        SOAP11_NS,
        "",
        "<m><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:f@c\"/></m>",
    );
    let body = format!(
        "--b\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\nContent-ID: <r>\r\n\r\n{root}\r\n--b\r\nContent-ID: <f@c>\r\n\r\nfoo\r\n--b--\r\n"
    );
    let media = "multipart/related; boundary=b; type=\"application/xop+xml\"; start=\"<r>\"; start-info=\"text/xml\"";
    let request = asked(media, Some("\"urn:a\""), &body);
    let shaped = shape(MessageFormat::Soap11).request(&request).unwrap();
    assert_eq!(
        (shaped.body, shaped.content_type),
        (NewBody::Same, Field::Keep)
    );

    let shaped = shape(MessageFormat::Soap12).request(&request).unwrap();
    let Field::Set(outer) = &shaped.content_type else {
        panic!("{shaped:?}");
    };
    let outer = MediaType::parse(outer.as_bytes());
    assert_eq!(outer.parameter("start-info"), Some("application/soap+xml"));
    let made = text(&shaped);
    let parts = crate::soap::multipart::parse(&outer, made.as_bytes()).unwrap();
    assert!(
        parts[0].head.contains("type=\"application/soap+xml\""),
        "{}",
        parts[0].head
    );
    assert_eq!((parts[1].id(), parts[1].body), (Some("f@c"), &b"foo"[..]));

    let shaped = shape(MessageFormat::Pox).request(&request).unwrap();
    assert!(text(&shaped).ends_with("<m>Zm9v</m>"), "{}", text(&shaped));
}

#[test]
fn mtom_takes_long_binary_texts_out_and_swa_wraps() {
    let data = "QUJD".repeat(500);
    let body = envelope(SOAP11_NS, "", &format!("<m><d>{data}</d></m>"));
    for (optimize, parts, kind) in [
        (Optimize::Mtom, 2, "application/xop+xml"),
        (Optimize::Swa, 1, "text/xml"),
    ] {
        let shape = with(FormatDef {
            optimize: Some(optimize),
            ..FormatDef::default()
        });
        let shaped = shape.request(&asked("text/xml", None, &body)).unwrap();
        let Field::Set(outer) = &shaped.content_type else {
            panic!("{shaped:?}");
        };
        let outer = MediaType::parse(outer.as_bytes());
        assert_eq!(outer.parameter("type"), Some(kind));
        let made = text(&shaped);
        let read = crate::soap::multipart::parse(&outer, made.as_bytes()).unwrap();
        assert_eq!(read.len(), parts);
        assert_eq!(
            read.last().unwrap().body == "ABC".repeat(500).as_bytes(),
            parts == 2
        );
        // What came in parts goes out in them.
        assert!(!shape.reads_this(Some(b"multipart/related; boundary=b")));
        // What is no XML has nothing to take out.
        let json = shape
            .request(&asked("application/json", None, "{}"))
            .unwrap();
        assert_eq!(json, Shaped::default());
    }
}

#[test]
fn an_encoding_is_written_whatever_came_in() {
    let def = FormatDef::default();
    let shape = Shape::new(&def, Some(Charset::Latin1), false, false).unwrap();
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?>{}",
        envelope(SOAP11_NS, "", "<a>é€</a>")
    );
    let shaped = shape
        .request(&asked("text/xml; charset=UTF-8", None, &body))
        .unwrap();
    assert_eq!(shaped.content_type, set("text/xml; charset=ISO-8859-1"));
    let NewBody::Bytes(bytes) = &shaped.body else {
        panic!("{shaped:?}");
    };
    assert!(
        bytes.windows(12).any(|w| w == b"<a>\xe9&#x20AC;"),
        "{}",
        String::from_utf8_lossy(bytes)
    );
}

#[test]
fn what_grows_beyond_the_limit_is_refused() {
    let request = Asked {
        limit: 100,
        ..asked("application/xml", None, PAYLOAD)
    };
    let error = shape(MessageFormat::Soap11).request(&request).unwrap_err();
    assert!(error.contains("message_bytes"), "{error}");
    let wrapped = convert::wrap(PAYLOAD, crate::soap::outline::Version::Soap11);
    assert!(wrapped.len() > 100);
}

#[test]
fn nothing_set_is_no_shape() {
    assert_eq!(Shape::new(&FormatDef::default(), None, false, false), None);
    let checked = Shape::new(&FormatDef::default(), None, true, false).unwrap();
    assert!(checked.reads() && checked.request(&asked("text/xml", None, "<a>")).is_err());
}

#[test]
fn the_format_of_a_port_decides_once_it_is_known() {
    let shape = Shape::new(&FormatDef::default(), None, false, true).unwrap();
    assert!(shape.reads() && shape.reads_this(Some(b"multipart/related")));
    let body = envelope(SOAP11_NS, "", PAYLOAD);
    let asked = asked("text/xml", None, &body);
    assert_eq!(shape.of_port(None), shape);
    let soap12 = shape.of_port(Some(PortFormat::Soap12));
    assert!(text(&soap12.request(&asked).unwrap()).contains(SOAP12_NS));
    // What is written in the configuration wins.
    let written = super::tests::shape(MessageFormat::Soap11);
    assert_eq!(written.of_port(Some(PortFormat::Soap12)), written);
}
