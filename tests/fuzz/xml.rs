//! What the tree of a message and the expressions about it must keep.

use axon::soap::tree::{Kind, Limits, NewName, NodeId, ParseError, Tree, WriteOptions};
use axon::soap::xpath::{
    Argument, Context, ErrorKind, Extension, Host, HostError, Known, Reach, Scope, Unknown, Value,
    Written, XPath,
};

use crate::mutate::Random;

/// A message: what is accepted is well-formed, comes out as it went in, and survives changes.
pub fn tree(input: &[u8], random: &mut Random) {
    let limits = Limits {
        depth: 32,
        ..Limits::default()
    };
    let read = |bytes: &[u8]| Tree::parse(bytes, None, &limits);
    let other = std::str::from_utf8(input)
        .ok()
        .map(roxmltree::Document::parse);
    let mut tree = match (read(input), other) {
        (Ok(tree), Some(other)) => {
            assert!(other.is_ok(), "only axon takes it: {other:?}");
            tree
        }
        (Ok(tree), None) => tree,
        (
            Err(ParseError::Malformed {
                line,
                column,
                message,
            }),
            other,
        ) => {
            assert!(line > 0 && column > 0 && !message.is_empty());
            // The other reader takes both as they are.
            let lenient = [
                "instruction",
                "XML declaration",
                "declared as nothing",
                "declared twice",
                "cannot be declared",
                "reference",
                "entity",
                "is no name",
                "was found",
            ];
            if let Some(Ok(_)) = other {
                assert!(
                    lenient.iter().any(|word| message.contains(word)),
                    "only axon refuses it: {message}"
                );
            }
            return;
        }
        (Err(_), _) => return,
    };
    let written = tree.write_document(&WriteOptions::default());
    let plain = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let foreign = plain.starts_with(b"<?xml") || std::str::from_utf8(input).is_err();
    assert!(
        foreign || written == plain || input.contains(&0),
        "a round trip changes the message"
    );
    for _ in 0..1 + random.below(4) {
        change(&mut tree, random);
        let written = tree.write_document(&WriteOptions::default());
        let again =
            Tree::parse(written, None, &Limits::default()).expect("a changed tree is read again");
        assert_eq!(
            again.string_value(Tree::DOCUMENT),
            tree.string_value(Tree::DOCUMENT)
        );
        assert_eq!(names(&again), names(&tree));
    }
}

fn names(tree: &Tree) -> Vec<(String, String)> {
    tree.descendants(Tree::DOCUMENT)
        .filter(|node| tree.is_element(*node))
        .flat_map(|node| std::iter::once(node).chain(tree.attributes(node)))
        .map(|node| {
            (
                tree.name(node).namespace.to_owned(),
                tree.name(node).local.to_owned(),
            )
        })
        .collect()
}

fn change(tree: &mut Tree, random: &mut Random) {
    let nodes: Vec<NodeId> = tree.descendants(Tree::DOCUMENT).collect();
    let (a, b) = (
        nodes[random.below(nodes.len())],
        nodes[random.below(nodes.len())],
    );
    match random.below(7) {
        0 => drop(tree.append(a, b)),
        1 => drop(tree.insert_before(a, b)),
        2 if tree.parent(a) != Some(Tree::DOCUMENT) => tree.detach(a),
        3 if tree.kind(a) != Kind::Instruction => tree.set_value(a, "<&]]>\r\u{0}"),
        4 => drop(tree.set_attribute(a, NewName::new("s", "urn:k", "k"), "\"\n")),
        5 => drop(tree.rename(a, NewName::new("", "urn:n", "n"))),
        _ => {
            let copy = tree.duplicate(b);
            drop(tree.append(a, copy));
        }
    }
}

pub const XPATH_WORDS: &[&[u8]] = &[
    b"/",
    b"//",
    b"*",
    b"@",
    b"..",
    b".",
    b"[1]",
    b"[last()]",
    b"[position() < 3]",
    b"(",
    b")",
    b" | ",
    b" = ",
    b" != ",
    b" < ",
    b" and ",
    b" or ",
    b" div ",
    b" mod ",
    b" - ",
    b"'x'",
    b"\"y\"",
    b"1",
    b".5",
    b"$v",
    b"$body",
    b"$header",
    b"s:Envelope",
    b"s:Header",
    b"s:Body",
    b"m:item",
    b"x:*",
    b"text()",
    b"node()",
    b"comment()",
    b"processing-instruction()",
    b"ancestor::",
    b"following::",
    b"preceding-sibling::*",
    b"namespace::",
    b"descendant-or-self::",
    b"count(",
    b"sum(",
    b"string(",
    b"concat(",
    b"substring(",
    b"translate(",
    b"name(",
    b"normalize-space(",
    b"get-property('x')",
    b"not(",
    b"id(",
    b"lang('en')",
    b"position()",
    b"\xc3\xa9",
];

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The document that expressions are evaluated against, with this body.
fn message(body: &str) -> Tree {
    let text = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:m=\"urn:m\" k=\"1\"><s:Header><m:a b=\"2\" xml:lang=\"en\">x<m:item>3</m:item></m:a>\
         <m:a>y</m:a></s:Header>{body}</s:Envelope>"
    );
    Tree::parse_str(&text).expect("the document is well-formed")
}

struct Names;

impl Scope for Names {
    fn namespace(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "s" => Some(SOAP),
            "m" => Some("urn:m"),
            _ => None,
        }
    }

    fn function(&mut self, name: &Written<'_>, _: &[Argument<'_>]) -> Result<Known, Unknown> {
        match name.local {
            "get-property" => Ok(Known::Extension(known(0, Reach::Nothing))),
            _ => Err(Unknown::Name),
        }
    }

    fn variable(&mut self, name: &Written<'_>) -> Result<Extension, Unknown> {
        match name.local {
            "v" => Ok(known(0, Reach::Nothing)),
            "header" => Ok(known(1, Reach::Header)),
            "body" => Ok(known(2, Reach::Whole)),
            _ => Err(Unknown::Name),
        }
    }
}

fn known(id: u32, reach: Reach) -> Extension {
    Extension {
        id,
        kind: None,
        reach,
    }
}

impl<'x> Host<'x> for Names {
    fn function(
        &self,
        _: u32,
        arguments: Vec<Value<'x>>,
        tree: Option<&'x Tree>,
    ) -> Result<Value<'x>, HostError> {
        Ok(arguments
            .into_iter()
            .next()
            .map_or(Value::text("p"), |value| Value::Text(value.into_text(tree))))
    }

    fn variable(&self, id: u32, tree: Option<&'x Tree>) -> Result<Value<'x>, HostError> {
        let part = |local: &str| {
            let tree = tree.ok_or_else(|| HostError("there is no message".to_owned()))?;
            let found = tree.root().and_then(|root| tree.child(root, SOAP, local));
            Ok(Value::Nodes(found.into_iter().map(Into::into).collect()))
        };
        match id {
            1 => part("Header"),
            2 => part("Body"),
            _ => Ok(Value::Number(2.0)),
        }
    }
}

/// An expression: a problem has its place, an evaluation ends, and no more of a message is needed than it says.
pub fn xpath(input: &[u8], _: &mut Random) {
    let text = String::from_utf8_lossy(input);
    let xpath = match XPath::compile(&text, &mut Names) {
        Ok(xpath) => xpath,
        Err(error) => {
            assert!(error.kind.is_static() && !error.message.is_empty());
            assert!(text.get(error.at.clone()).is_some(), "{error:?}");
            return;
        }
    };
    let items = "<m:item n=\"1\">4</m:item><!--c--><?p i?>".repeat(3);
    let whole = message(&format!("<s:Body><m:list>{items}</m:list></s:Body>"));
    let beginning = message("<s:Body/>");
    let run = |tree: Option<&Tree>| {
        let context = Context {
            tree,
            node: tree.and_then(Tree::root).unwrap_or(Tree::DOCUMENT),
            host: &Names,
        };
        xpath.evaluate(&context).map(|value| {
            let nodes = match &value {
                Value::Nodes(nodes) => nodes.len(),
                _ => 0,
            };
            (
                nodes,
                value.to_boolean(),
                value.into_text(tree).into_owned(),
            )
        })
    };
    let found = run(Some(&whole));
    if let Err(error) = &found {
        assert!(
            matches!(
                error.kind,
                ErrorKind::Visits | ErrorKind::Result | ErrorKind::Type
            ),
            "{error:?}"
        );
        assert!(text.get(error.at.clone()).is_some(), "{error:?}");
    }
    match xpath.reach() {
        Reach::Nothing => assert_eq!(run(None), found, "{text} needs a message"),
        Reach::Header => assert_eq!(run(Some(&beginning)), found, "{text} needs the body"),
        Reach::Whole => {}
    }
}
