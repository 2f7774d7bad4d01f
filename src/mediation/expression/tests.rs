//! Expressions, from XPath 1.0 and the recordings behind spec/mediation.md 8.

use super::*;
use crate::exchange::PropertyType;
use crate::mediation::testing::{request, soap11, soap12};

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
        "get-property('absent') = ''",
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
fn what_needs_the_message_is_not_supported_yet() {
    for text in [
        "//m0:symbol",
        "/a/b",
        "s11:Body/*",
        "count(//a)",
        "$body",
        "$body/*",
        "$func:p",
        "a",
        ".",
        "..",
        "@x",
        "*",
        "get-property('p')/a",
        "json-eval($.a)",
        "get-property('registry', 'x')",
        "matches('a', 'b')",
        "${a}",
        "get-property('SYSTEM_DATE', 'yy', 'x')",
        "'a' | 'b'",
        "child::a",
        "(//a)[1]",
        "get-property(concat('a','b'), 'c')",
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert!(
            matches!(error, ExpressionError::Unsupported { .. }),
            "{text}: {error}"
        );
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
