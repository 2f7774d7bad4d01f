//! Expressions, from XPath 1.0 and the recordings behind spec/mediation.md 8.

use super::*;
use crate::exchange::PropertyType;
use crate::mediation::testing::{request, soap11, soap12};
use crate::soap::content::{Content, Extent};
use crate::soap::envelope::SOAP11_NS;
use crate::soap::xpath::{RESULT_MAX, TEXT_MAX};

fn message() -> Exchange {
    let mut x = request(
        "POST",
        "/a/b?x=1&Name=two%20w+%C3%A9",
        Some("text/xml; charset=UTF-8"),
    );
    x.request.headers.append(b"SOAPAction", b"\"urn:op\"");
    x.request.headers.append(b"X-Custom", b"c");
    x.properties.set("p", "12");
    x.properties.set("text", "false");
    x.properties
        .set_typed("flag", "false", PropertyType::Boolean);
    x.axis2.set("setting", "s");
    x
}

fn string(text: &str) -> String {
    let expression = Expression::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    expression.string(&message()).unwrap().into_owned()
}

fn boolean(text: &str) -> bool {
    Expression::parse(text)
        .unwrap()
        .boolean(&message())
        .unwrap()
}

#[test]
fn results_become_text_as_recorded() {
    for (text, want) in [
        ("'a'", "a"),
        ("\"it's\"", "it's"),
        ("1 + 1", "2.0"),
        ("2", "2.0"),
        ("10000000000", "1.0E10"),
        ("1234567.5", "1234567.5"),
        ("12345678.5", "1.23456785E7"),
        ("0.001", "0.001"),
        ("0.0001", "1.0E-4"),
        ("1 div 0", "Infinity"),
        ("-1 div 0", "-Infinity"),
        ("0 div 0", "NaN"),
        ("string(2)", "2"),
        ("string(2.50)", "2.5"),
        ("string(10000000000)", "10000000000"),
        ("concat('n', 2)", "n2"),
        ("1 = 1", "true"),
        ("7 mod 3", "1.0"),
        ("-(2 * 3)", "-6.0"),
        ("2 - 3 - 4", "-5.0"),
        ("number('x')", "NaN"),
        ("number(' -12.5 ')", "-12.5"),
        ("number('1e3')", "NaN"),
        ("number(true())", "1.0"),
    ] {
        assert_eq!(string(text), want, "{text}");
    }
}

#[test]
fn the_string_functions_are_those_of_xpath() {
    for (text, want) in [
        ("fn:concat('a', 'b', 'c')", "abc"),
        ("substring('12345', 2, 3)", "234"),
        ("substring('12345', 2)", "2345"),
        ("substring('12345', 1.5, 2.6)", "234"),
        ("substring('12345', 0, 3)", "12"),
        ("substring-before('1999/04', '/')", "1999"),
        ("substring-after('1999/04', '/')", "04"),
        ("substring-after('1999', '/')", ""),
        ("translate('--aaa--', 'a-', 'A')", "AAA"),
        ("normalize-space('  a  b ')", "a b"),
        ("string-length('äb')", "2.0"),
        ("upper-case('ab')", "AB"),
        ("lower-case('AB')", "ab"),
        ("round(2.5)", "3.0"),
        ("floor(-2.5)", "-3.0"),
        ("ceiling(2.1)", "3.0"),
    ] {
        assert_eq!(string(text), want, "{text}");
    }
    assert!(boolean("contains('abc', 'b')") && !boolean("contains('abc', 'x')"));
    assert!(boolean("starts-with('abc', 'ab')") && !boolean("starts-with('abc', 'b')"));
    assert!(boolean("ends-with('abc', 'bc')") && !boolean("ends-with('abc', 'b')"));
}

#[test]
fn conditions_follow_xpath() {
    for text in [
        "get-property('p') = 12",
        "get-property('p') = '12'",
        "get-property('p') >= 12 and get-property('p') < 13",
        "get-property('p') != '13'",
        "not(get-property('absent'))",
        // What is not there equals nothing (recorded).
        "not(get-property('absent') = '')",
        "get-property('absent') or true()",
        "get-property('text')",
        "not(get-property('flag'))",
        "get-property('flag') = false()",
        "'a' = 'a' and not('a' = 'b')",
        "1 < 2 and 2 <= 2 and 3 > 2",
        "boolean('x') and boolean(1) and not(boolean(''))",
        "true() or 1 = get-property('absent')",
        "'1' = 1",
        "true() = 'x'",
        "not('a' < 'b')",
        "1 = 2 = false()",
    ] {
        assert!(boolean(text), "{text}");
        assert!(!boolean(&format!("not({text})")), "not({text})");
    }
}

#[test]
fn properties_are_read_from_their_scopes() {
    for (text, want) in [
        ("get-property('To')", "/a/b?x=1&Name=two%20w+%C3%A9"),
        ("get-property('Action')", "urn:op"),
        ("get-property('MESSAGE_FORMAT')", "soap11"),
        ("get-property('FAULT')", ""),
        ("get-property('RESPONSE')", ""),
        ("get-property('OperationName')", "mediate"),
        ("get-property('default', 'p')", "12"),
        ("get-property('transport', 'x-CUSTOM')", "c"),
        ("get-property('axis2', 'setting')", "s"),
        ("get-property('axis2', 'HTTP_METHOD')", "POST"),
        ("get-property('axis2', 'messageType')", "text/xml"),
        ("get-property('axis2', 'REMOTE_ADDR')", "192.0.2.7"),
        ("get-property(concat('', 'p'))", "12"),
        ("$ctx:p", "12"),
        ("$trp:X-Custom", "c"),
        ("$axis2:setting", "s"),
        ("$url:name", "two w é"),
        ("$url:x", "1"),
        ("$url:absent", ""),
    ] {
        assert_eq!(string(text), want, "{text}");
    }
    let mut x = soap12();
    x.to = Some("http://h/".to_owned());
    let read = |text: &str| {
        Expression::parse(text)
            .unwrap()
            .string(&x)
            .unwrap()
            .into_owned()
    };
    assert_eq!(read("get-property('To')"), "http://h/");
    assert_eq!(read("get-property('MESSAGE_FORMAT')"), "soap12");
    assert_eq!(read("get-property('Action')"), "urn:getQuote");
    let mut x = soap11();
    x.fault = Some(Fault::new(crate::codes::ErrorCode::NOT_READY, "why"));
    let read = |text: &str| {
        Expression::parse(text)
            .unwrap()
            .string(&x)
            .unwrap()
            .into_owned()
    };
    assert_eq!(
        read("concat(get-property('ERROR_CODE'), get-property('ERROR_MESSAGE'))"),
        "303001why"
    );
}

#[test]
fn what_this_version_does_not_evaluate_is_told_apart() {
    for text in ["$operation:p", "${a}"] {
        let error = Expression::parse(text).unwrap_err();
        assert!(
            matches!(error, ExpressionError::Unsupported { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_date_is_written_by_a_pattern_of_java() {
    let x = soap11();
    let read = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        expression.string(&x).map(|text| text.into_owned())
    };
    for text in [
        "string-length(get-property('SYSTEM_DATE', 'yyyy-MM-dd')) = 10",
        "string-length(get-property('default', 'SYSTEM_DATE', concat('HH', ':mm'))) = 5",
        "contains(get-property('SYSTEM_DATE'), 'M')",
    ] {
        assert_eq!(read(text).unwrap(), "true", "{text}");
    }
    let error = read("get-property('SYSTEM_DATE', 'bbb')").unwrap_err();
    assert!(
        error.message.contains("`bbb` is no pattern"),
        "{}",
        error.message
    );
}

#[test]
fn a_name_that_does_not_exist_fails_when_a_message_gets_there() {
    for (text, message) in [
        ("//m0:symbol", "the prefix `m0` is not declared here"),
        ("matches('a', 'b')", "the function matches() does not exist"),
        ("$nope", "the variable $nope does not exist"),
        ("fn:nope()", "the prefix `fn` is not declared here"),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.need(), Need::Nothing, "{text}");
        let fault = expression.string(&read()).unwrap_err();
        assert_eq!(
            (fault.code, fault.message.as_str()),
            (ErrorCode::NONE, message)
        );
    }
    let text = Spanned::new(
        "1 = //m0:a".to_owned(),
        Span {
            file: crate::config::source::FileId(0),
            start: 100,
            end: 110,
        },
    );
    let mut diagnostics = Diagnostics::default();
    let place = "f.xml:3:7".to_owned();
    let expression = Expression::load(&text, &[], place, &mut diagnostics).unwrap();
    let warned = &diagnostics.list()[0];
    assert_eq!(warned.code, DiagnosticCode::DoubtfulExpression);
    assert_eq!((warned.span.start, warned.span.end), (106, 110));
    assert_eq!(
        expression.boolean(&read()).unwrap_err().message,
        "the expression at f.xml:3:7: the prefix `m0` is not declared here"
    );
}

#[test]
fn what_has_to_be_read_is_known_at_load() {
    for (text, want) in [
        ("1 + 1", Need::Nothing),
        ("concat('a', 'b')", Need::Nothing),
        ("upper-case('a')", Need::Properties),
        ("get-property('p') = $ctx:q", Need::Properties),
        ("$header/wsa:To", Need::Header),
        ("s11:Header/wsa:To = get-property('p')", Need::Header),
        ("get-property(string($header/wsa:To))", Need::Header),
        ("//m0:symbol", Need::Whole),
        ("s11:Body/*", Need::Whole),
        ("$body", Need::Whole),
        ("$env", Need::Whole),
        ("get-property($body/*)", Need::Whole),
        (".", Need::Whole),
    ] {
        assert_eq!(compile(text).need(), want, "{text}");
    }
    assert_eq!(Need::Header.to_string(), "the SOAP header");
    assert_eq!(Need::Header.extent(), Some(Extent::Header));
    assert_eq!(Need::Properties.extent(), None);
}

fn compile(text: &str) -> Expression {
    let prefixes = [
        ("s11", SOAP11_NS),
        ("wsa", "http://www.w3.org/2005/08/addressing"),
        ("m0", "http://services.samples"),
    ];
    let prefixes = prefixes.map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()));
    Expression::compile(text, &prefixes).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A message that was read whole.
fn read() -> Exchange {
    let text = format!(
        "<s:Envelope xmlns:s=\"{SOAP11_NS}\"><s:Header><w:To xmlns:w=\"http://www.w3.org/2005/08/addressing\">urn:to</w:To></s:Header><s:Body><m:getQuote xmlns:m=\"http://services.samples\" n=\"7\"><m:symbol>IBM</m:symbol><m:symbol>SUN<m:x>y</m:x></m:symbol><m:empty/><m:list> <m:item>1</m:item> </m:list></m:getQuote></s:Body></s:Envelope>"
    );
    let mut x = soap11();
    x.properties.set("p", "IBM");
    let format = crate::soap::envelope::Format::Soap11;
    x.keep_content(Content::new(text, Extent::Whole, format, b"text/xml"));
    x
}

#[test]
fn a_message_that_was_read_is_looked_into_from_its_envelope() {
    let x = read();
    let string = |text: &str| {
        // The first question about a message may be answered from its text, others from its tree.
        let first = compile(text).string(&read()).unwrap().into_owned();
        assert_eq!(compile(text).string(&x).unwrap(), first, "{text}");
        first
    };
    for (text, want) in [
        // Of several nodes all count, each with the text directly in it (recorded).
        ("//m0:symbol", "IBMSUN"),
        ("//m0:symbol[1]", "IBM"),
        ("//m0:symbol/text()", "IBMSUN"),
        ("//@n", "7"),
        ("//m0:none", ""),
        ("string(//m0:symbol[2])", "SUNy"),
        ("concat(//m0:symbol[2], '!')", "SUNy!"),
        ("count(//m0:symbol)", "2.0"),
        ("name($body/*)", "m:getQuote"),
        ("$header/wsa:To", "urn:to"),
        ("url-encode('a b;c/ü')", "a%20b;c/%C3%BC"),
        ("url-encode('ü', 'ISO-8859-1')", "%FC"),
        ("base64Encode('héllo')", "aMOpbGxv"),
        ("syn:base64Decode('aGk=')", "hi"),
        ("s11:Header/wsa:To", "urn:to"),
        ("local-name($env)", "Envelope"),
        ("//m0:symbol = get-property('p')", "true"),
        ("//m0:symbol[. = $ctx:p]", "IBM"),
        ("get-property(concat('', substring('xp', 2)))", "IBM"),
        ("get-property(concat('def', 'ault'), 'p')", "IBM"),
        (
            "fn:concat(//m0:symbol[1], '-', fn:count(//m0:item))",
            "IBM-1",
        ),
        // An element without text of its own is its XML (recorded).
        (
            "//m0:empty",
            "<m:empty xmlns:m=\"http://services.samples\"/>",
        ),
        (
            "//m0:list",
            "<m:list xmlns:m=\"http://services.samples\"> <m:item>1</m:item> </m:list>",
        ),
    ] {
        assert_eq!(string(text), want, "{text}");
    }
    for x in [&x, &read()] {
        assert!(compile("//m0:symbol").boolean(x).unwrap());
    }
    for x in [&x, &read()] {
        assert!(!compile("//m0:none").boolean(x).unwrap());
    }
}

#[test]
fn a_message_that_was_not_read_is_a_fault_and_no_empty_answer() {
    for text in ["//m0:symbol", "$body", "string()"] {
        let fault = compile(text).string(&soap11()).unwrap_err();
        assert!(fault.message.contains("not"), "{text}: {}", fault.message);
    }
}

#[test]
fn what_is_no_xpath_is_an_error_with_its_place() {
    for (text, at) in [
        ("count(//a", 5..6),
        ("'a", 0..2),
        ("1 +", 3..3),
        ("", 0..0),
        ("1 2", 2..3),
        ("concat('a')", 0..6),
        ("not()", 0..3),
        (")", 0..1),
        ("a[1)", 3..4),
        ("1 # 2", 2..3),
        ("concat('a' 'b')", 11..14),
        ("true(,)", 5..6),
    ] {
        match Expression::parse(text) {
            Err(ExpressionError::Syntax { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = "(".repeat(2000) + "1" + &")".repeat(2000);
    assert!(Expression::parse(&deep).is_err());
    assert!(Expression::parse(&("-".repeat(2000) + "1")).is_err());
    assert_eq!(string(&("1".to_owned() + &" + 1".repeat(256))), "257.0");
    assert!(Expression::parse(&("1".to_owned() + &" + 1".repeat(257))).is_err());
    assert!(Expression::parse(&" ".repeat(TEXT_MAX + 1)).is_err());
    let mut x = message();
    x.properties.set("big", "x".repeat(RESULT_MAX / 2 + 1));
    let doubled = Expression::parse("concat(get-property('big'), get-property('big'))").unwrap();
    assert!(doubled.string(&x).is_err());
}
