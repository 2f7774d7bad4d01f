//! XPath 1.0: the table of `tests/data/xpath`, and that a path answered from the text of a message says what the tree says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use axon::soap::scan::{HeaderScan, Limits as ScanLimits, Progress, Wanted};
use axon::soap::tree::{Kind, Limits, Tree};
use axon::soap::xpath::stream::{Anchor, StreamPath};
use axon::soap::xpath::{
    Argument, Context, ErrorKind, Extension, Host, HostError, Item, Known, NoHost, Plain, Reach,
    Scope, Unknown, Value, ValueKind, Written, XPath, number,
};
use proptest::prelude::*;

const PREFIXES: &[(&str, &str)] = &[
    ("m0", "http://services.samples"),
    ("soapenv", "http://schemas.xmlsoap.org/soap/envelope/"),
    ("wsa", "http://www.w3.org/2005/08/addressing"),
    ("syn", "http://ws.apache.org/ns/synapse"),
    ("ns", "urn:ns"),
    ("ext", "urn:ext"),
    ("d", "u:d"),
    ("p", "u:p"),
    ("q", "u:q"),
];

const VARIABLES: &[&str] = &[
    "s", "n", "two", "b", "empty", "ns:v", "set", "header", "body",
];
const GET_PROPERTY: u32 = 0;
const NODE: u32 = 1;
const UPPER: u32 = 2;

/// The host of the table.
struct Table;

impl Scope for Table {
    fn namespace(&self, prefix: &str) -> Option<&str> {
        let found = PREFIXES.iter().find(|(known, _)| *known == prefix);
        found.map(|(_, namespace)| *namespace)
    }

    fn function(
        &mut self,
        name: &Written<'_>,
        arguments: &[Argument<'_>],
    ) -> Result<Known, Unknown> {
        let (id, kind, counts) = match (name.namespace, name.local) {
            (Some(""), "get-property") => (GET_PROPERTY, ValueKind::Text, 1..=2),
            (Some("urn:ext"), "node") => (NODE, ValueKind::Nodes, 0..=0),
            (Some("urn:ext"), "upper") => (UPPER, ValueKind::Text, 1..=1),
            _ => return Err(Unknown::Name),
        };
        if !counts.contains(&arguments.len()) {
            return Err(Unknown::Arguments("not so many arguments".to_owned()));
        }
        Ok(Known::Extension(Extension {
            id,
            kind: Some(kind),
            reach: Reach::Nothing,
        }))
    }

    fn variable(&mut self, name: &Written<'_>) -> Result<Extension, Unknown> {
        let written = match name.prefix {
            "" => name.local.to_owned(),
            prefix => format!("{prefix}:{}", name.local),
        };
        let id = VARIABLES.iter().position(|known| *known == written);
        Ok(Extension {
            id: id.ok_or(Unknown::Name)? as u32,
            kind: None,
            reach: Reach::Nothing,
        })
    }
}

fn items(tree: &Tree) -> Value<'_> {
    let found = tree
        .descendants(Tree::DOCUMENT)
        .filter(|node| tree.is(*node, "http://services.samples", "item"));
    Value::Nodes(found.map(Item::from).collect())
}

fn part<'x>(tree: &'x Tree, local: &str) -> Value<'x> {
    let found = tree.child(tree.root().unwrap(), PREFIXES[1].1, local);
    Value::Nodes(found.map(Item::from).into_iter().collect())
}

/// What the variables for parts of an envelope stand for.
fn anchor(id: u32) -> Option<Anchor> {
    match VARIABLES[id as usize] {
        "header" => Some(Anchor::Header),
        "body" => Some(Anchor::Body),
        _ => None,
    }
}

impl<'x> Host<'x> for Table {
    fn function(
        &self,
        id: u32,
        arguments: Vec<Value<'x>>,
        tree: Option<&'x Tree>,
    ) -> Result<Value<'x>, HostError> {
        let mut arguments = arguments.into_iter().map(|value| value.into_text(tree));
        let (first, second) = (arguments.next(), arguments.next());
        Ok(match (id, first, second) {
            (NODE, ..) => items(tree.unwrap()),
            (UPPER, Some(text), _) => Value::text(text.to_uppercase()),
            (_, Some(name), None) => Value::text(match &*name {
                "sym" => "IBM",
                "limit" => "5",
                "full" => "FULL",
                _ => "",
            }),
            (_, Some(scope), Some(name)) if scope == "axis2" && name == "x" => Value::text("AX"),
            _ => Value::text(""),
        })
    }

    fn variable(&self, id: u32, tree: Option<&'x Tree>) -> Result<Value<'x>, HostError> {
        Ok(match VARIABLES[id as usize] {
            "s" => Value::text("VV"),
            "n" => Value::Number(4.5),
            "two" => Value::Number(2.0),
            "b" => Value::Boolean(true),
            "ns:v" => Value::text("NV"),
            "set" => items(tree.unwrap()),
            "header" => part(tree.unwrap(), "Header"),
            "body" => part(tree.unwrap(), "Body"),
            _ => Value::text(""),
        })
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\r', "\\r")
}

/// A value in the form of the table.
fn shown(value: &Value<'_>, tree: &Tree) -> String {
    match value {
        Value::Number(n) => format!("N|{}", number::to_text(*n)),
        Value::Boolean(value) => format!("B|{value}"),
        Value::Text(text) => format!("T|{}", escaped(text)),
        Value::Nodes(nodes) => {
            let parts: Vec<String> = nodes.iter().map(|item| shown_node(*item, tree)).collect();
            format!("S{}|{}", nodes.len(), parts.join("¦"))
        }
    }
}

fn shown_node(item: Item, tree: &Tree) -> String {
    let text = escaped(&item.text(tree));
    let Some(node) = item.node() else {
        return format!("#ns:{}={text}", item.local(tree));
    };
    match tree.kind(node) {
        Kind::Element => format!("{}={text}", item.name(tree)),
        Kind::Attribute => format!("@{}={text}", item.name(tree)),
        Kind::Comment => format!("#comment={text}"),
        Kind::Instruction => format!("?{}={text}", item.name(tree)),
        Kind::Document => format!("/={text}"),
        _ => format!("#text={text}"),
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/xpath")
}

fn answer(tree: &Tree, expression: &str) -> String {
    let xpath = match XPath::compile(expression, &mut Table) {
        Ok(xpath) => xpath,
        Err(error) => {
            assert!(error.kind.is_static(), "{expression}: {error}");
            assert!(error.at.end <= expression.len(), "{expression}: {error}");
            return "E|".to_owned();
        }
    };
    let context = Context {
        tree: Some(tree),
        node: tree.root().unwrap(),
        host: &Table,
    };
    match xpath.evaluate(&context) {
        Ok(value) => shown(&value, tree),
        Err(error) => panic!("{expression}: {error}"),
    }
}

#[test]
fn every_case_of_the_table_is_answered_as_expected() {
    let table = std::fs::read_to_string(folder().join("cases.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [topic, document, expression, want] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let bytes = std::fs::read(folder().join(document)).unwrap();
        let tree = Tree::parse(bytes, None, &Default::default()).unwrap();
        let got = answer(&tree, expression);
        count += 1;
        if got != want {
            wrong.push(format!(
                "[{topic}] {expression}\n    want {want}\n    got  {got}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(count, 399);
}

#[test]
fn a_tree_that_was_changed_answers_in_document_order() {
    let mut tree = Tree::parse_str("<r><a/><b/></r>").unwrap();
    let root = tree.root().unwrap();
    let last = tree.last_child(root).unwrap();
    for name in ["c", "d"] {
        let new = tree
            .create_element(axon::soap::tree::NewName::local(name))
            .unwrap();
        tree.insert_before(last, new).unwrap();
        tree.prepend(root, last).unwrap();
    }
    assert_eq!(answer(&tree, "//d | //b | /r/*[3]"), "S3|b=¦d=¦a=");
    assert_eq!(answer(&tree, "name(/r/*[last()])"), "T|c");
    assert_eq!(answer(&tree, "name((//a | //d)[1])"), "T|d");
}

#[test]
fn an_evaluation_ends_when_it_has_visited_enough() {
    let text = format!("<r>{}</r>", "<a><b/></a>".repeat(2000));
    let tree = Tree::parse_str(&text).unwrap();
    let run = |expression: &str| {
        let xpath = XPath::compile(expression, &mut Plain::default()).unwrap();
        let context = Context {
            tree: Some(&tree),
            node: tree.root().unwrap(),
            host: &NoHost,
        };
        xpath.evaluate(&context).map(|value| shown(&value, &tree))
    };
    assert_eq!(run("count(//*[self::*//*])").as_deref(), Ok("N|2001"));
    assert_eq!(run("count(//*//*//*//*)").as_deref(), Ok("N|0"));
    let error = run("count(//a[count(//a) > 1])").unwrap_err();
    assert_eq!((error.kind, error.at), (ErrorKind::Visits, 18..19));
    let error = run("count(//*/following::*/preceding::*)").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Visits);
}

/// Documents with names in three namespaces, texts, sections and attributes.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-c ]{0,3}",
        Just("&lt;x".to_owned()),
        Just("<![CDATA[ y]]>".to_owned()),
        Just("<![CDATA[]]>".to_owned()),
        Just("<!--z-->".to_owned()),
        Just("<?pi?>".to_owned()),
    ];
    let inner = leaf.prop_recursive(4, 32, 4, |inner| {
        let name = prop_oneof![Just("a"), Just("b"), Just("p:a"), Just("p:b")];
        let attributes = prop_oneof![
            Just(""),
            Just(" k='1'"),
            Just(" p:k='&amp;' k='2'"),
            Just(" xmlns='u:d'"),
            Just(" xmlns:p='u:q' p:k='3'"),
        ];
        (name, attributes, prop::collection::vec(inner, 0..4)).prop_map(
            |(name, attributes, inner)| format!("<{name}{attributes}>{}</{name}>", inner.concat()),
        )
    });
    prop::collection::vec(inner, 0..4)
        .prop_map(|inner| format!("<a xmlns:p='u:p' k='0'>{}</a>", inner.concat()))
}

/// Paths that can be answered from the text.
fn path() -> impl Strategy<Value = String> {
    let test = || {
        prop_oneof![
            Just("a"),
            Just("b"),
            Just("p:a"),
            Just("q:*"),
            Just("d:b"),
            Just("*")
        ]
    };
    let step = (prop_oneof![Just("/"), Just("//")], test());
    let end = prop_oneof![
        Just(""),
        Just("/@k"),
        Just("//@k"),
        Just("/@p:k"),
        Just("//@*"),
        Just("/text()"),
        Just("//text()"),
    ];
    (any::<bool>(), prop::collection::vec(step, 1..4), end).prop_map(|(relative, steps, end)| {
        let steps: String = steps
            .iter()
            .map(|(sign, test)| format!("{sign}{test}"))
            .collect();
        match relative {
            true => format!(".{steps}{end}").trim_start_matches("./").to_owned(),
            false => format!("{steps}{end}"),
        }
    })
}

proptest! {
    #[test]
    fn a_path_answered_from_the_text_says_what_the_tree_says(text in document(), path in path()) {
        let tree = Tree::parse_str(&text).unwrap();
        let xpath = XPath::compile(&path, &mut Table).unwrap();
        let context = Context { tree: Some(&tree), node: tree.root().unwrap(), host: &NoHost };
        let Value::Nodes(nodes) = xpath.evaluate(&context).unwrap() else {
            panic!("{path} is a set of nodes");
        };
        if let Some(stream) = StreamPath::of(&xpath, anchor) {
            let found = stream.find(&text, usize::MAX, &[]).unwrap().unwrap();
            let values: Vec<_> = found.iter().map(|found| found.value.clone()).collect();
            let want: Vec<_> = nodes.iter().map(|item| item.text(&tree).into_owned()).collect();
            prop_assert_eq!(values, want, "{}\n{}", path, text);
            let own: Vec<_> = found.into_iter().map(|found| found.own).collect();
            let want: Vec<_> = nodes.iter().map(|item| {
                let node = item.node().unwrap();
                match tree.is_element(node) {
                    true => tree.own_text(node).into_owned(),
                    false => item.text(&tree).into_owned(),
                }
            }).collect();
            prop_assert_eq!(own, want, "{}\n{}", path, text);
            prop_assert_eq!(stream.exists(&text, &[]).unwrap(), Some(!nodes.is_empty()));
            prop_assert_eq!(stream.exists(&text, &[("u", "a")]).unwrap(), None);
            let first = stream.find(&text, 1, &[("", "a")]).unwrap().unwrap();
            prop_assert_eq!(first.len(), nodes.len().min(1));
        } else {
            prop_assert!(path.contains("./"), "{} should be answered from the text", path);
        }
    }

    #[test]
    fn a_path_into_a_part_of_an_envelope_says_what_the_tree_says(
        header in document(), body in document(), path in path(), part in 0..4usize, cut in any::<prop::sample::Index>(),
        put in prop_oneof![Just(""), Just("<"), Just(">"), Just("/"), Just(":"), Just("\""), Just("<a/>"), Just("&"), Just(" ")],
    ) {
        let below = path.trim_start_matches('.').trim_start_matches('/');
        let sign = if path.contains("//") && path.trim_start_matches('.').starts_with("//") { "//" } else { "/" };
        let start = ["$header", "$body", "/soapenv:Envelope/soapenv:Header", "soapenv:Header"][part];
        let path = format!("{start}{sign}{below}");
        let xpath = XPath::compile(&path, &mut Table).unwrap();
        let stream = StreamPath::of(&xpath, anchor).unwrap();
        let text = format!(
            "<s:Envelope xmlns:s='{}'><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
            PREFIXES[1].1
        );
        let nodes = |tree: &Tree| {
            let context = Context { tree: Some(tree), node: tree.root().unwrap(), host: &Table };
            let Value::Nodes(nodes) = xpath.evaluate(&context).unwrap() else {
                panic!("{path} is a set of nodes");
            };
            nodes
        };
        let own = |tree: &Tree| -> Vec<String> {
            nodes(tree).iter().map(|item| match item.node().filter(|node| tree.is_element(*node)) {
                Some(element) => tree.own_text(element).into_owned(),
                None => item.text(tree).into_owned(),
            }).collect()
        };
        let tree = Tree::parse_str(&text).unwrap();
        let found = stream.find(&text, usize::MAX, &[]).unwrap().unwrap();
        let found: Vec<_> = found.into_iter().map(|found| found.own).collect();
        prop_assert_eq!(found, own(&tree), "{}\n{}", path, text);

        // The same text, and one with something wrong in it: what the quick look says a tree of the header says too.
        let at = cut.index(text.len());
        let wrong = format!("{}{put}{}", &text[..at], &text[at + usize::from(put.is_empty())..]);
        for text in [&text, &wrong] {
            let Some(seen) = stream.in_header(text.as_bytes()) else { continue };
            prop_assert!(part != 1, "the body is not in the header");
            let mut scan = HeaderScan::new(Wanted::default(), ScanLimits::default());
            prop_assert!(matches!(scan.feed(text.as_bytes(), true), Progress::Done(_)), "{}", text);
            let beginning = &text[..scan.stopped_at().unwrap()];
            let tree = Tree::parse_beginning(beginning, None, &Limits::default());
            let tree = tree.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            let own = own(&tree);
            prop_assert_eq!(seen.exists, !own.is_empty(), "{}\n{}", path, text);
            if let Some(said) = seen.text {
                prop_assert_eq!(said, own.concat(), "{}\n{}", path, text);
            }
        }
    }

    #[test]
    fn a_simplified_path_leads_to_the_same_nodes(text in document(), path in path()) {
        let tree = Tree::parse_str(&text).unwrap();
        let long = path
            .replace("//", "/descendant-or-self::node()[true()]/")
            .trim_start_matches("./")
            .to_owned();
        prop_assert_eq!(answer(&tree, &path), answer(&tree, &long), "{}", text);
    }

    #[test]
    fn any_text_is_compiled_or_refused_with_a_place(text in "[a-z0-9 :@/.*()\\[\\]|$'\"<>=!+,-]{0,40}") {
        if let Err(error) = XPath::compile(&text, &mut Table) {
            prop_assert!(error.at.start <= error.at.end && error.at.end <= text.len());
            prop_assert!(text.is_char_boundary(error.at.start) && text.is_char_boundary(error.at.end));
        }
    }
}
