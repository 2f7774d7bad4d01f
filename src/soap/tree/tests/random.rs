//! Properties over random documents and random changes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A document of three prefixes, a default namespace that comes and goes, and every kind of node.
pub(in crate::soap) fn document() -> impl Strategy<Value = String> {
    content(4).prop_flat_map(|inner| {
        (
            Just(inner),
            prop_oneof![
                Just(""),
                Just("<?xml version=\"1.0\"?>\n"),
                Just("<!--x-->")
            ],
        )
            .prop_map(|(inner, before)| {
                format!("{before}<r xmlns:p='u:p' xmlns:q='u:q'>{inner}</r>\n")
            })
    })
}

fn content(depth: u32) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z ]{0,4}",
        Just("&lt;&#65;".to_owned()),
        Just("\r\n\t".to_owned()),
        Just("<![CDATA[<x>]]>".to_owned()),
        Just("<!-- c -->".to_owned()),
        Just("<?pi  d?>".to_owned()),
        Just("p:v".to_owned()),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        let name = prop_oneof![Just("a"), Just("b"), Just("p:a"), Just("q:c")];
        let attributes = prop_oneof![
            Just(""),
            Just(" k='1'"),
            Just(" p:k=\"'&amp;\"  k = 'x'"),
            Just(" xmlns='u:d'"),
            Just(" xmlns=''"),
            Just(" xmlns:p=\"u:other\""),
        ];
        (name, attributes, prop::collection::vec(inner, 0..4)).prop_map(
            |(name, attributes, inner)| {
                let inner = inner.concat();
                match inner.is_empty() {
                    true => format!("<{name}{attributes}/>"),
                    false => format!("<{name}{attributes}>{inner}</{name}>"),
                }
            },
        )
    })
}

/// What a tree means, without the way it is written.
fn meaning(tree: &Tree, node: NodeId) -> String {
    let mut out = String::new();
    match tree.kind(node) {
        Kind::Document => {}
        Kind::Element => {
            let name = tree.name(node);
            out.push_str(&format!("<{{{}}}{}", name.namespace, name.local));
            let attributes: BTreeMap<_, _> = tree
                .attributes(node)
                .map(|at| {
                    let name = tree.name(at);
                    ((name.namespace, name.local), tree.value(at))
                })
                .collect();
            out.push_str(&format!("{attributes:?}>"));
        }
        kind => out.push_str(&format!("[{kind:?} {}]", tree.value(node))),
    }
    for child in tree.children(node) {
        out.push_str(&meaning(tree, child));
    }
    // Texts and sections side by side are one text to whoever reads them again.
    out.replace("][Text ", "").replace("[CData ", "[Text ")
}

/// Every prefix of a name means its namespace where it stands.
fn check(tree: &Tree) {
    let elements = tree
        .descendants(Tree::DOCUMENT)
        .filter(|n| tree.is_element(*n));
    for node in elements {
        for named in std::iter::once(node).chain(tree.attributes(node)) {
            let name = tree.name(named);
            if named == node || !name.prefix.is_empty() {
                let meant = tree.namespace_of(node, name.prefix).unwrap_or("");
                assert_eq!(meant, name.namespace, "{name:?}");
            }
        }
        let children: Vec<NodeId> = tree.children(node).collect();
        let mut backwards: Vec<NodeId> =
            std::iter::successors(tree.last_child(node), |at| tree.previous_sibling(*at)).collect();
        backwards.reverse();
        assert_eq!(children, backwards);
        assert!(
            children
                .iter()
                .all(|child| tree.parent(*child) == Some(node))
        );
    }
}

/// One change, made of three numbers.
fn change(tree: &mut Tree, (what, first, second): (u8, usize, usize)) {
    let nodes: Vec<NodeId> = tree.descendants(Tree::DOCUMENT).collect();
    let (a, b) = (nodes[first % nodes.len()], nodes[second % nodes.len()]);
    // Whatever cannot be done must leave the tree as it was.
    match what % 12 {
        0 => drop(tree.append(a, b)),
        1 => drop(tree.insert_before(a, b)),
        2 => drop(tree.insert_after(a, b)),
        3 => drop(tree.prepend(a, b)),
        4 => {
            let copy = tree.duplicate(b);
            drop(tree.append(a, copy));
        }
        5 if tree.parent(a) != Some(Tree::DOCUMENT) => tree.detach(a),
        6 => tree.set_value(a, "v<&\r"),
        7 => drop(tree.set_attribute(a, NewName::new("p", "u:new", "k"), "n")),
        8 => drop(tree.rename(a, NewName::new("", "u:d", "renamed"))),
        9 => drop(tree.rename(a, NewName::local("plain"))),
        10 => drop(tree.add_element(a, NewName::new("q", "u:q", "added"))),
        11 if tree.parent(a) != Some(Tree::DOCUMENT) => {
            let other = tree.clone();
            let copy = tree.copy(&other, b);
            drop(tree.replace(a, copy));
        }
        _ => tree.set_text(a, "t"),
    }
}

proptest! {
    #[test]
    fn a_round_trip_is_exact(text in document()) {
        prop_assert_eq!(written(&tree(&text)), text);
    }

    #[test]
    fn a_changed_tree_says_the_same_when_read_again(
        text in document(),
        changes in prop::collection::vec((any::<u8>(), any::<usize>(), any::<usize>()), 1..12),
    ) {
        let mut tree = tree(&text);
        for step in changes {
            let before = meaning(&tree, Tree::DOCUMENT);
            change(&mut tree, step);
            check(&tree);
            let text = written(&tree);
            let again = Tree::parse_str(&text).unwrap_or_else(|error| panic!("{before}\n{text}: {error}"));
            prop_assert_eq!(meaning(&again, Tree::DOCUMENT), meaning(&tree, Tree::DOCUMENT), "{}", text);
        }
    }

    #[test]
    fn a_subtree_stands_on_its_own(text in document(), which in any::<usize>()) {
        let tree = tree(&text);
        let elements: Vec<NodeId> =
            tree.descendants(Tree::DOCUMENT).filter(|n| tree.is_element(*n)).collect();
        let node = elements[which % elements.len()];
        let again = super::tree(&tree.to_xml(node));
        prop_assert_eq!(meaning(&again, again.root().unwrap()), meaning(&tree, node));
        let mut other = super::tree("<x xmlns='u:x' xmlns:p='u:y'/>");
        let copy = other.copy(&tree, node);
        let root = other.root().unwrap();
        other.append(root, copy).unwrap();
        check(&other);
        prop_assert_eq!(meaning(&other, copy), meaning(&tree, node));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = Tree::parse(bytes, None, &Limits::default()) {
            prop_assert!(Tree::parse_str(&written(&tree)).is_ok());
        }
    }
}
