//! The tree: what it accepts, what it says, and that a round trip loses nothing.

mod edits;
mod random;

use super::*;

const SOAP: &str = r#"<?xml version="1.0"?><!-- before -->
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa='http://www.w3.org/2005/08/addressing'>
  <soapenv:Header><wsa:To  soapenv:mustUnderstand = "1">http://h/?a=1&amp;b=2</wsa:To></soapenv:Header>
  <soapenv:Body><m:getQuote xmlns:m="urn:m" a='it "is"' b="x&#10;y"><m:symbol>I<![CDATA[B<]]>M</m:symbol><m:empty/><m:full></m:full ><?pi  some data ?><!--c--></m:getQuote></soapenv:Body>
</soapenv:Envelope>
<!-- after -->
"#;

fn tree(text: &str) -> Tree {
    Tree::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(tree: &Tree) -> String {
    String::from_utf8(tree.write_document(&WriteOptions::default())).unwrap()
}

fn find(tree: &Tree, local: &str) -> NodeId {
    tree.descendants(Tree::DOCUMENT)
        .find(|node| tree.is_element(*node) && tree.name(*node).local == local)
        .unwrap()
}

#[test]
fn an_unchanged_message_is_written_byte_for_byte() {
    for text in [
        SOAP,
        "<a/>",
        "<a>\r\n&#13;\t</a>",
        "\n<!--x--><?p?>\n<a b = 'c'  ></a >\n\n",
        "<a xmlns='u'><b xmlns=''/></a>",
    ] {
        assert_eq!(written(&tree(text)), text);
    }
}

#[test]
fn everything_around_a_change_stays_as_it_was() {
    let mut tree = tree(SOAP);
    let symbol = find(&tree, "symbol");
    tree.set_text(symbol, "A & B");
    let want = SOAP.replace("I<![CDATA[B<]]>M", "A &amp; B");
    assert_eq!(written(&tree), want);
    let empty = find(&tree, "empty");
    tree.set_text(empty, "no more");
    let want = want.replace("<m:empty/>", "<m:empty>no more</m:empty>");
    assert_eq!(written(&tree), want);
    tree.set_text(empty, "");
    assert_eq!(
        written(&tree),
        want.replace("<m:empty>no more</m:empty>", "<m:empty/>")
    );
}

#[test]
fn names_and_values_are_resolved() {
    let tree = tree(SOAP);
    let root = tree.root().unwrap();
    assert_eq!(tree.name(root).prefix, "soapenv");
    assert!(tree.is(
        root,
        "http://schemas.xmlsoap.org/soap/envelope/",
        "Envelope"
    ));
    let to = find(&tree, "To");
    assert_eq!(tree.string_value(to), "http://h/?a=1&b=2");
    assert_eq!(
        tree.attribute_value(
            to,
            "http://schemas.xmlsoap.org/soap/envelope/",
            "mustUnderstand"
        )
        .as_deref(),
        Some("1")
    );
    let quote = find(&tree, "getQuote");
    assert_eq!(
        tree.attribute_value(quote, "", "a").as_deref(),
        Some("it \"is\"")
    );
    assert_eq!(
        tree.attribute_value(quote, "", "b").as_deref(),
        Some("x\ny")
    );
    assert_eq!(tree.attribute(quote, "urn:m", "a"), None);
    assert_eq!(tree.string_value(find(&tree, "symbol")), "IB<M");
    assert_eq!(tree.own_text(quote), "");
    let kinds: Vec<Kind> = tree.children(quote).map(|node| tree.kind(node)).collect();
    assert_eq!(
        kinds,
        [
            Kind::Element,
            Kind::Element,
            Kind::Element,
            Kind::Instruction,
            Kind::Comment
        ]
    );
    let pi = tree.children(quote).nth(3).unwrap();
    assert_eq!(
        (tree.name(pi).local, &*tree.value(pi)),
        ("pi", "some data ")
    );
    assert_eq!(
        tree.namespace_of(quote, "wsa"),
        Some("http://www.w3.org/2005/08/addressing")
    );
    assert_eq!(tree.namespace_of(root, "m"), None);
    assert_eq!(tree.prefix_of(quote, "urn:m"), Some("m"));
    assert_eq!(
        tree.declarations(quote).collect::<Vec<_>>(),
        [("m", "urn:m")]
    );
    assert_eq!(
        tree.child(root, "http://schemas.xmlsoap.org/soap/envelope/", "Body"),
        tree.elements(root).nth(1)
    );
}

#[test]
fn line_ends_and_blanks_are_normalised_in_values_only() {
    let tree = tree("<a b='1\r\n2\t3&#9;4'>x\r\ny\rz<![CDATA[p\r\nq]]></a>");
    let a = tree.root().unwrap();
    assert_eq!(
        tree.attribute_value(a, "", "b").as_deref(),
        Some("1 2 3\t4")
    );
    assert_eq!(tree.string_value(a), "x\ny\nzp\nq");
}

#[test]
fn the_default_namespace_is_no_attributes() {
    let tree = tree("<a xmlns='u' b='1'><c xmlns=''/></a>");
    let a = tree.root().unwrap();
    assert!(tree.is(a, "u", "a"));
    assert!(tree.attribute(a, "", "b").is_some());
    assert!(tree.is(tree.first_element(a).unwrap(), "", "c"));
    assert_eq!(tree.namespace_of(tree.first_element(a).unwrap(), ""), None);
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    for (text, line, column) in [
        ("", 1, 1),
        ("x", 1, 1),
        ("<a>", 1, 4),
        ("<a></b>", 1, 4),
        ("<a/><b/>", 1, 5),
        ("<a/>x", 1, 5),
        ("<a>\n  <b:c/></a>", 2, 4),
        ("<a b='1' b='2'/>", 1, 1),
        ("<a b='1'c='2'/>", 1, 9),
        ("<a b=1/>", 1, 4),
        ("<a b/>", 1, 4),
        ("<a b='<'/>", 1, 7),
        ("<a b='&x;'/>", 1, 7),
        ("<a b='&'/>", 1, 7),
        ("<a>&x;</a>", 1, 4),
        ("<a>]]></a>", 1, 4),
        ("<1/>", 1, 2),
        ("<a:b:c xmlns:a='u'/>", 1, 2),
        ("<a xmlns:p=''/>", 1, 4),
        ("<a xmlns:xmlns='u'/>", 1, 4),
        ("<a xmlns:xml='u'/>", 1, 4),
        ("<a xmlns:p='u' xmlns:p='v'/>", 1, 16),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", 1, 1),
        ("<a>\u{1}</a>", 1, 4),
        ("<a>é\u{ffff}</a>", 1, 5),
        ("<a><?xml version='1.0'?></a>", 1, 4),
        ("<?xml encoding='utf-8'?><a/>", 1, 1),
        ("<?xml version='1.0' encodin='utf-8'?><a/>", 1, 1),
        (
            "<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>",
            1,
            1,
        ),
        ("<?xml version='2.0'?><a/>", 1, 1),
        ("<a><?xMl x?></a>", 1, 4),
    ] {
        match Tree::parse_str(text) {
            Err(ParseError::Malformed {
                line: l,
                column: c,
                message,
            }) => {
                assert_eq!((l, c), (line, column), "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ] {
        assert_eq!(Tree::parse_str(text).unwrap_err(), ParseError::Doctype);
    }
    for text in [
        "<a><!-- -- --></a>",
        "<a><",
        "<a></a",
        "<a><![CDATA[x</a>",
        "</a>",
    ] {
        assert!(Tree::parse_str(text).is_err(), "{text}");
    }
}

#[test]
fn every_limit_holds() {
    let limits = Limits {
        bytes: 200,
        depth: 3,
        attributes: 2,
        namespaces: 2,
        name: 8,
    };
    let parse = |text: &str| Tree::parse(text.as_bytes(), None, &limits).map(|_| ());
    let over = |what| Err(ParseError::Limit(what));
    assert_eq!(parse("<a><b><c/></b></a>"), Ok(()));
    assert_eq!(parse("<a><b><c><d/></c></b></a>"), over("depth"));
    assert_eq!(parse("<a x='' y=''/>"), Ok(()));
    assert_eq!(parse("<a x='' y='' z=''/>"), over("attributes"));
    assert_eq!(
        parse("<a xmlns:p='u' xmlns:q='v'><b xmlns:r='w'/></a>"),
        over("namespaces")
    );
    assert_eq!(
        parse("<a xmlns:p='u'><b xmlns:r='w'/><b xmlns:r='w'/></a>"),
        Ok(())
    );
    assert_eq!(parse("<abcdefghi/>"), over("names"));
    assert_eq!(parse("<a abcdefghi=''/>"), over("names"));
    assert_eq!(
        parse(&format!("<a>{}</a>", "x".repeat(200))),
        over("length")
    );
    let deep = "<a>".repeat(100_000);
    assert_eq!(
        Tree::parse_str(&deep).unwrap_err(),
        ParseError::Limit("depth")
    );
}

#[test]
fn encodings_are_read_and_written() {
    let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b=\"é\">ü<!--ö--></a>";
    let bytes: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let tree = Tree::parse(bytes.clone(), None, &Limits::default()).unwrap();
    assert_eq!(tree.string_value(Tree::DOCUMENT), "ü");
    let latin = WriteOptions {
        charset: Charset::Latin1,
        ..WriteOptions::default()
    };
    assert_eq!(tree.write_document(&latin), bytes);
    assert_eq!(
        written(&tree),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"é\">ü<!--ö--></a>"
    );
    let ascii = WriteOptions {
        charset: Charset::Ascii,
        declaration: Declaration::Never,
    };
    assert_eq!(
        String::from_utf8(tree.write_document(&ascii)).unwrap(),
        "<a b=\"&#xe9;\">&#xfc;<!--?--></a>"
    );
    // The charset of the media type goes before the declaration, a byte order mark before both.
    let tree = Tree::parse("<a>é</a>".as_bytes(), Some("utf-8"), &Limits::default()).unwrap();
    assert_eq!(tree.string_value(Tree::DOCUMENT), "é");
    let tree = Tree::parse(
        "<a>é</a>".as_bytes(),
        Some("ISO-8859-1"),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(tree.string_value(Tree::DOCUMENT), "Ã©");
    let tree = Tree::parse(
        "\u{feff}<a>é</a>".as_bytes(),
        Some("latin1"),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(written(&tree), "<a>é</a>");
    let wide = WriteOptions {
        charset: Charset::Utf16,
        ..WriteOptions::default()
    };
    let again = Tree::parse(tree.write_document(&wide), None, &Limits::default()).unwrap();
    assert_eq!(written(&again), "<a>é</a>");
    for (bytes, charset) in [
        (
            &b"<?xml version='1.0' encoding='windows-1252'?><a/>"[..],
            None,
        ),
        (b"<a/>", Some("koi8-r")),
        (b"<\0\0\0a\0\0\0", None),
    ] {
        let error = Tree::parse(bytes, charset, &Limits::default()).unwrap_err();
        assert!(matches!(error, ParseError::Encoding(_)), "{error}");
    }
    let error = Tree::parse(&b"<a>\n\xff</a>"[..], None, &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the message is not well-formed XML: a byte that is not UTF-8 (line 2, column 1)"
    );
}

#[test]
fn characters_that_a_charset_cannot_hold_become_references_where_they_can() {
    let ascii = |text: &str| {
        let options = WriteOptions {
            charset: Charset::Ascii,
            declaration: Declaration::Never,
        };
        String::from_utf8(tree(text).write_document(&options)).unwrap()
    };
    assert_eq!(
        ascii("<a b='>é'>= 'é'<b/> ö</a>"),
        "<a b='>&#xe9;'>= '&#xe9;'<b/> &#xf6;</a>"
    );
    assert_eq!(
        ascii("<a><![CDATA[<é>]]></a>"),
        "<a><![CDATA[<]]>&#xe9;<![CDATA[>]]></a>"
    );
    assert_eq!(
        ascii("<é/>"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><é/>"
    );
}

#[test]
fn a_subtree_is_written_with_what_it_relies_on() {
    let tree = tree(
        "<a xmlns='u' xmlns:p='v' xmlns:xsi='i' xmlns:xsd='d'><p:b><c xsi:type='xsd:int'/></p:b><e/></a>",
    );
    let b = find(&tree, "b");
    assert_eq!(
        tree.to_xml(b),
        "<p:b xmlns:p=\"v\" xmlns=\"u\" xmlns:xsi=\"i\" xmlns:xsd=\"d\"><c xsi:type='xsd:int'/></p:b>"
    );
    assert_eq!(tree.to_xml(find(&tree, "e")), "<e xmlns=\"u\"/>");
    let mut inner = String::new();
    tree.write_inner(b, &mut inner);
    assert_eq!(inner, "<c xsi:type='xsd:int'/>");
}

#[test]
fn a_node_costs_little() {
    assert_eq!(size_of::<Record>(), 32);
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Tree>();
}

#[test]
fn the_beginning_of_a_message_ends_its_open_elements() {
    let limits = Limits::default();
    let tree = Tree::parse_beginning(&b"<a x='1'><b>t</b><c>"[..], None, &limits).unwrap();
    assert_eq!(
        tree.to_xml(tree.root().unwrap()),
        "<a x='1'><b>t</b><c></c></a>"
    );
    assert!(Tree::parse_beginning(&b"<a><b></a>"[..], None, &limits).is_err());
}
