//! What the table of `tests/data/xpath` does not say: places of errors, bounds, and how much of a message is needed.

use super::*;
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

/// Prefixes, one variable and one function per reach.
struct Reaching;

impl Scope for Reaching {
    fn namespace(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "s" => Some(SOAP11_NS),
            "s12" => Some(SOAP12_NS),
            "p" => Some("urn:p"),
            _ => None,
        }
    }

    fn function(&mut self, name: &Written<'_>, _: &[Argument<'_>]) -> Result<Known, Unknown> {
        match (name.prefix, name.local) {
            ("fn", _) => Ok(Known::Core),
            (_, "old") => Err(Unknown::Unsupported("the function old()".to_owned())),
            (_, "prop") => Ok(Known::Extension(Extension {
                id: 0,
                kind: None,
                reach: Reach::Nothing,
            })),
            _ => Err(Unknown::Name),
        }
    }

    fn variable(&mut self, name: &Written<'_>) -> Result<Extension, Unknown> {
        let (kind, reach) = match name.local {
            "header" => (Some(ValueKind::Nodes), Reach::Header),
            "body" => (Some(ValueKind::Nodes), Reach::Whole),
            "v" => (None, Reach::Nothing),
            _ => return Err(Unknown::Name),
        };
        Ok(Extension { id: 0, kind, reach })
    }
}

fn compile(text: &str) -> Result<XPath, XPathError> {
    XPath::compile(text, &mut Reaching)
}

#[test]
fn how_much_of_a_message_is_needed_is_known_at_once() {
    for (text, want) in [
        ("1 + 1", Reach::Nothing),
        ("concat('a', 'b')", Reach::Nothing),
        ("prop('a') = $v", Reach::Nothing),
        ("$v", Reach::Nothing),
        ("position() = last()", Reach::Nothing),
        ("s:Header", Reach::Header),
        ("s12:Header/p:a", Reach::Header),
        ("/s:Envelope/s:Header//p:a[@b = 'x']/text()", Reach::Header),
        ("/*/s:Header/*[1]", Reach::Header),
        ("count(s:Header/p:a[. = prop('x')]) > 1", Reach::Header),
        ("$header/p:a", Reach::Header),
        ("string($header/p:a)", Reach::Header),
        ("prop(s:Header/p:a)", Reach::Header),
        ("s:Header/p:a[string-length() > 2]", Reach::Header),
        ("s:Header/p:a | $header/p:b", Reach::Header),
        ("@a", Reach::Header),
        ("name()", Reach::Header),
        ("//p:a", Reach::Whole),
        ("p:a", Reach::Whole),
        ("*", Reach::Whole),
        (".", Reach::Whole),
        ("/", Reach::Whole),
        ("/s:Envelope", Reach::Whole),
        ("string()", Reach::Whole),
        ("s:Body", Reach::Whole),
        ("Header", Reach::Whole),
        ("$body", Reach::Whole),
        ("prop($body/p:a)", Reach::Whole),
        ("s:Header/..", Reach::Whole),
        ("s:Header/following::p:a", Reach::Whole),
        ("s:Header/p:a[/s:Envelope/s:Body]", Reach::Whole),
        ("s:Header/p:a[../../s:Body]", Reach::Whole),
        ("s:Header/p:a[. = $body]", Reach::Whole),
        ("s:Header[1] and p:a", Reach::Whole),
        ("(s:Header | s:Body)/p:a", Reach::Whole),
        ("-$body", Reach::Whole),
    ] {
        assert_eq!(compile(text).unwrap().reach(), want, "{text}");
    }
    assert!(Reach::Nothing < Reach::Header && Reach::Header < Reach::Whole);
}

#[test]
fn what_is_wrong_has_a_kind_and_a_place() {
    for (text, kind, at) in [
        ("count(//a", ErrorKind::Syntax, 5..6),
        ("'a", ErrorKind::Syntax, 0..2),
        ("1 +", ErrorKind::Syntax, 3..3),
        ("", ErrorKind::Syntax, 0..0),
        ("1 2", ErrorKind::Syntax, 2..3),
        (")", ErrorKind::Syntax, 0..1),
        ("a[1)", ErrorKind::Syntax, 3..4),
        ("1 # 2", ErrorKind::Syntax, 2..3),
        ("true(,)", ErrorKind::Syntax, 5..6),
        ("a/é/&", ErrorKind::Syntax, 5..6),
        ("concat('a')", ErrorKind::Arguments, 0..6),
        ("not()", ErrorKind::Arguments, 0..3),
        ("1 + foo:x()", ErrorKind::Prefix, 4..9),
        ("a/foo:x", ErrorKind::Prefix, 2..7),
        ("a/foo:*", ErrorKind::Prefix, 2..7),
        ("1 + x()", ErrorKind::Function, 4..5),
        ("p:x()", ErrorKind::Function, 0..3),
        ("fn:x()", ErrorKind::Prefix, 0..4),
        ("$x", ErrorKind::Variable, 0..2),
        ("1 + $foo:x", ErrorKind::Prefix, 4..10),
        ("count(1 + 1)", ErrorKind::Type, 6..11),
        ("a | 'b'", ErrorKind::Type, 4..7),
        ("'b'[1]", ErrorKind::Type, 0..3),
        ("1 + old()", ErrorKind::Unsupported, 4..7),
        ("foo::a", ErrorKind::Syntax, 0..3),
    ] {
        let error = compile(text).unwrap_err();
        assert_eq!(
            (error.kind, error.at.clone()),
            (kind, at),
            "{text}: {error}"
        );
    }
    assert_eq!(
        compile("substring('a')").unwrap_err().message,
        "substring() has 2 to 3 arguments, not 1"
    );
    assert_eq!(
        compile("count('a')").unwrap_err().message,
        "a set of nodes is needed here, not a text"
    );
}

#[test]
fn size_and_depth_are_bounded() {
    let size = |text: &str| compile(text).unwrap_err().kind == ErrorKind::Size;
    assert!(size(&("(".repeat(2000) + "1" + &")".repeat(2000))));
    assert!(size(&("-".repeat(2000) + "1")));
    assert!(size(&("a[".repeat(200) + "1" + &"]".repeat(200))));
    assert!(compile(&("1".to_owned() + &" + 1".repeat(OPERATORS_MAX))).is_ok());
    assert!(size(&("1".to_owned() + &" + 1".repeat(OPERATORS_MAX + 1))));
    assert!(size(&("a".to_owned() + &"/a".repeat(OPERATORS_MAX + 1))));
    assert!(size(&("a".to_owned() + &"[1]".repeat(OPERATORS_MAX + 1))));
    assert!(size(&("a".to_owned() + &"|a".repeat(OPERATORS_MAX + 1))));
    assert!(size(&" ".repeat(TEXT_MAX + 1)));
}

#[test]
fn without_a_message_only_what_needs_none_is_evaluated() {
    let run = |text: &str| {
        let xpath = compile(text).unwrap();
        let context = Context {
            tree: None,
            node: Tree::DOCUMENT,
            host: &NoHost,
        };
        xpath.evaluate(&context).map(|value| value.to_boolean())
    };
    assert_eq!(run("fn:concat('a', 1) = 'a1'"), Ok(true));
    assert_eq!(run("1 or //a"), Ok(true));
    assert_eq!(run("//a").unwrap_err().kind, ErrorKind::NoMessage);
    assert_eq!(run("string()").unwrap_err().kind, ErrorKind::NoMessage);
    assert_eq!(run("prop('a')").unwrap_err().kind, ErrorKind::Host);
}

#[test]
fn a_long_result_is_an_error_and_not_memory() {
    let xpath = compile(&format!("concat({}'x')", "$v, ".repeat(4))).unwrap();
    struct Long<'x>(&'x str);
    impl<'x> Host<'x> for Long<'x> {
        fn function(
            &self,
            _: u32,
            _: Vec<Value<'x>>,
            _: Option<&'x Tree>,
        ) -> Result<Value<'x>, HostError> {
            Err(HostError("none".to_owned()))
        }

        fn variable(&self, _: u32, _: Option<&'x Tree>) -> Result<Value<'x>, HostError> {
            Ok(Value::text(self.0))
        }
    }
    let text = "y".repeat(RESULT_MAX / 3);
    let host = Long(&text);
    let context = Context {
        tree: None,
        node: Tree::DOCUMENT,
        host: &host,
    };
    assert_eq!(
        xpath.evaluate(&context).unwrap_err().kind,
        ErrorKind::Result
    );
}

#[test]
fn text_and_sections_side_by_side_are_one_node() {
    let tree = Tree::parse_str("<a>x<![CDATA[y]]>z<b/><![CDATA[]]><!--c-->w</a>").unwrap();
    let run = |text: &str| {
        let xpath = compile(text).unwrap();
        let context = Context {
            tree: Some(&tree),
            node: tree.root().unwrap(),
            host: &NoHost,
        };
        let value = xpath.evaluate(&context).unwrap();
        let text = value.into_text(Some(&tree));
        text.into_owned()
    };
    assert_eq!(run("count(text())"), "2");
    assert_eq!(run("text()"), "xyz");
    assert_eq!(run("text()[2]"), "w");
    assert_eq!(run("count(node())"), "4");
    assert_eq!(run("count(//b/following-sibling::node())"), "2");
    assert_eq!(run("//b/preceding-sibling::text()"), "xyz");
}
