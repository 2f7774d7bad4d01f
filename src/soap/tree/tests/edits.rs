//! Building and changing trees.

use super::*;

fn name<'a>(prefix: &'a str, namespace: &'a str, local: &'a str) -> NewName<'a> {
    NewName::new(prefix, namespace, local)
}

#[test]
fn a_message_is_built_from_nothing() {
    let mut tree = Tree::new();
    let envelope = tree
        .add_element(Tree::DOCUMENT, name("s", "urn:s", "Envelope"))
        .unwrap();
    let body = tree
        .add_element(envelope, name("s", "urn:s", "Body"))
        .unwrap();
    let quote = tree.add_element(body, name("m", "urn:m", "quote")).unwrap();
    tree.set_attribute(quote, NewName::local("id"), "1 \"<\n")
        .unwrap();
    tree.set_attribute(quote, name("s", "urn:s", "role"), "r")
        .unwrap();
    let plain = tree.add_element(quote, NewName::local("plain")).unwrap();
    tree.add_text(plain, "a < b & c\u{0}").unwrap();
    let comment = tree.create_comment("a--b-");
    tree.append(quote, comment).unwrap();
    let section = tree.create_cdata("<x>");
    tree.append(quote, section).unwrap();
    let want = "<s:Envelope xmlns:s=\"urn:s\"><s:Body><m:quote xmlns:m=\"urn:m\" id=\"1 &quot;&lt;&#10;\" s:role=\"r\"><plain>a &lt; b &amp; c\u{fffd}</plain><!--a- -b- --><![CDATA[<x>]]></m:quote></s:Body></s:Envelope>";
    assert_eq!(written(&tree), want);
    let again = super::tree(want);
    assert_eq!(
        again
            .attribute_value(find(&again, "quote"), "", "id")
            .as_deref(),
        Some("1 \"<\n")
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let mut tree = tree("<a><b>t</b></a>");
    let (a, b) = (find(&tree, "a"), find(&tree, "b"));
    let text = tree.first_child(b).unwrap();
    for wrong in ["", "1", "a b", "a:b"] {
        assert_eq!(
            tree.create_element(NewName::local(wrong)),
            Err(EditError::Name(wrong.to_owned()))
        );
    }
    assert_eq!(tree.append(b, a), Err(EditError::Cycle));
    assert_eq!(tree.append(b, b), Err(EditError::Cycle));
    assert!(matches!(tree.append(text, b), Err(EditError::Kind(_))));
    assert_eq!(tree.append(Tree::DOCUMENT, b), Err(EditError::Root));
    assert_eq!(tree.append(Tree::DOCUMENT, text), Err(EditError::Root));
    assert!(matches!(
        tree.append(a, Tree::DOCUMENT),
        Err(EditError::Kind(_))
    ));
    assert_eq!(written(&tree), "<a><b>t</b></a>");
    tree.replace(a, b).unwrap();
    assert_eq!(written(&tree), "<b>t</b>");
}

#[test]
fn nodes_can_be_put_anywhere() {
    let mut tree = tree("<a><b/><c/><d/></a>");
    let (a, b, c, d) = (
        find(&tree, "a"),
        find(&tree, "b"),
        find(&tree, "c"),
        find(&tree, "d"),
    );
    tree.insert_before(b, d).unwrap();
    assert_eq!(written(&tree), "<a><d/><b/><c/></a>");
    tree.insert_after(c, d).unwrap();
    assert_eq!(written(&tree), "<a><b/><c/><d/></a>");
    tree.prepend(a, c).unwrap();
    assert_eq!(written(&tree), "<a><c/><b/><d/></a>");
    tree.append(b, c).unwrap();
    assert_eq!(written(&tree), "<a><b><c/></b><d/></a>");
    tree.detach(d);
    assert_eq!(written(&tree), "<a><b><c/></b></a>");
    tree.replace(c, d).unwrap();
    assert_eq!(written(&tree), "<a><b><d/></b></a>");
    tree.detach(d);
    assert_eq!(written(&tree), "<a><b/></a>");
    let again = tree.duplicate(b);
    tree.append(a, again).unwrap();
    tree.append(a, again).unwrap();
    assert_eq!(written(&tree), "<a><b/><b/></a>");
    assert_eq!(tree.last_child(a), Some(again));
    assert_eq!(tree.previous_sibling(again), Some(b));
    assert_eq!(tree.previous_sibling(b), None);
    tree.remove_children(a);
    assert_eq!(written(&tree), "<a></a>");
}

#[test]
fn two_line_ends_that_came_together_stay_two() {
    let mut tree = tree("<a>\r<b/>\n</a>");
    tree.detach(find(&tree, "b"));
    assert_eq!(written(&tree), "<a>\r&#10;</a>");
    assert_eq!(tree.string_value(find(&tree, "a")), "\n\n");
}

#[test]
fn declarations_travel_with_what_relies_on_them() {
    let mut from = tree("<r xmlns='u' xmlns:p='v' xmlns:x='w'><p:a t='x:y'><b/></p:a></r>");
    let a = find(&from, "a");
    let mut to = tree("<s xmlns:p='other' xmlns:x='w'/>");
    let copy = to.copy(&from, a);
    let root = to.root().unwrap();
    to.append(root, copy).unwrap();
    assert_eq!(
        written(&to),
        "<s xmlns:p='other' xmlns:x='w'><p:a t='x:y' xmlns:p=\"v\" xmlns=\"u\"><b/></p:a></s>"
    );
    from.detach(a);
    assert_eq!(
        from.to_xml(a),
        "<p:a t='x:y' xmlns:p=\"v\" xmlns:x=\"w\" xmlns=\"u\"><b/></p:a>"
    );
    // Back where it was, nothing of that is needed.
    let root = from.root().unwrap();
    from.append(root, a).unwrap();
    assert_eq!(
        written(&from),
        "<r xmlns='u' xmlns:p='v' xmlns:x='w'><p:a t='x:y'><b/></p:a></r>"
    );
}

#[test]
fn a_default_namespace_captures_nothing() {
    let mut tree = tree("<r xmlns='u'><p:q xmlns:p='v'/></r>");
    let q = find(&tree, "q");
    let plain = tree.create_element(NewName::local("plain")).unwrap();
    let below = tree.add_element(plain, NewName::local("below")).unwrap();
    tree.append(q, plain).unwrap();
    assert_eq!(
        written(&tree),
        "<r xmlns='u'><p:q xmlns:p='v'><plain xmlns=\"\"><below/></plain></p:q></r>"
    );
    assert!(tree.is(below, "", "below"));
    // Built apart and put there as a whole.
    let holder = tree.create_element(name("p", "v", "holder")).unwrap();
    tree.add_element(holder, NewName::local("x")).unwrap();
    tree.add_element(holder, name("p", "v", "y")).unwrap();
    tree.replace(plain, holder).unwrap();
    let text = written(&tree);
    assert_eq!(
        text,
        "<r xmlns='u'><p:q xmlns:p='v'><p:holder xmlns=\"\"><x/><p:y/></p:holder></p:q></r>"
    );
    let alone = tree.create_element(name("p", "v", "alone")).unwrap();
    tree.replace(holder, alone).unwrap();
    assert_eq!(
        written(&tree),
        "<r xmlns='u'><p:q xmlns:p='v'><p:alone/></p:q></r>"
    );
}

#[test]
fn a_wish_for_a_prefix_is_granted_where_it_can_be() {
    let mut tree = tree("<p:a xmlns:p='u' p:k='0'/>");
    let a = tree.root().unwrap();
    tree.set_attribute(a, name("p", "v", "x"), "1").unwrap();
    tree.set_attribute(a, name("", "v", "y"), "2").unwrap();
    tree.set_attribute(a, name("q", "u", "z"), "3").unwrap();
    tree.set_attribute(a, name("p", "u", "k"), "4").unwrap();
    let text = written(&tree);
    assert_eq!(
        text,
        "<p:a xmlns:p='u' p:k=\"4\" xmlns:ns1=\"v\" ns1:x=\"1\" ns1:y=\"2\" xmlns:q=\"u\" q:z=\"3\"/>"
    );
}

#[test]
fn renaming_moves_no_child_to_another_namespace() {
    let mut tree = tree("<a xmlns='u'><b/></a>");
    let a = tree.root().unwrap();
    tree.rename(a, NewName::local("x")).unwrap();
    let text = written(&tree);
    let again = super::tree(&text);
    assert!(again.is(again.root().unwrap(), "", "x"), "{text}");
    assert!(again.is(find(&again, "b"), "u", "b"), "{text}");
    tree.rename(a, name("p", "v", "y")).unwrap();
    let again = super::tree(&written(&tree));
    assert!(again.is(again.root().unwrap(), "v", "y"));
    assert!(again.is(find(&again, "b"), "u", "b"));
}

#[test]
fn a_prefix_is_declared_once() {
    let mut tree = tree("<a xmlns:p='u'><p:b/></a>");
    let a = tree.root().unwrap();
    assert_eq!(tree.declare(a, "p", "u"), Ok(()));
    assert_eq!(
        tree.declare(a, "p", "v"),
        Err(EditError::Declared("p".to_owned()))
    );
    assert_eq!(
        tree.declare(a, "", "v"),
        Err(EditError::Declared(String::new()))
    );
    let b = find(&tree, "b");
    assert_eq!(tree.declare(b, "", "v"), Ok(()));
    assert_eq!(tree.declare(a, "q", "v"), Ok(()));
    assert_eq!(
        tree.declare(a, "xmlns", "v"),
        Err(EditError::Name("xmlns".to_owned()))
    );
    assert_eq!(
        written(&tree),
        "<a xmlns:p='u' xmlns:q=\"v\"><p:b xmlns=\"v\"/></a>"
    );
}

#[test]
fn content_is_appended_as_text() {
    let mut tree = tree("<a xmlns:p='u'><b/></a>");
    let a = tree.root().unwrap();
    let first = tree.append_xml(a, "x &amp; <p:c k='1'/>y<d/>").unwrap();
    assert_eq!(first, Some(find(&tree, "c")));
    assert_eq!(
        written(&tree),
        "<a xmlns:p='u'><b/>x &amp; <p:c k='1'/>y<d/></a>"
    );
    assert!(tree.is(first.unwrap(), "u", "c"));
    let before = written(&tree);
    for wrong in ["<x>", "</x>", "<q:x/>", "&nope;", "<!DOCTYPE a>"] {
        assert!(tree.append_xml(a, wrong).is_err(), "{wrong}");
    }
    assert_eq!(written(&tree), before);
}

#[test]
fn values_change_in_place() {
    let mut tree = tree("<a b='x' c='y'>t<![CDATA[u]]><!--v--></a>");
    let a = tree.root().unwrap();
    let b = tree.attribute(a, "", "b").unwrap();
    tree.set_value(b, "it's \"1\"");
    let nodes: Vec<NodeId> = tree.children(a).collect();
    tree.set_value(nodes[0], "<&>");
    tree.set_value(nodes[1], "]]>");
    tree.set_value(nodes[2], "--");
    assert_eq!(
        written(&tree),
        "<a b=\"it's &quot;1&quot;\" c='y'>&lt;&amp;&gt;]]&gt;<!--- - --></a>"
    );
    assert_eq!(tree.string_value(a), "<&>]]>");
    tree.detach(b);
    assert_eq!(tree.attribute(a, "", "b"), None);
}

#[test]
fn a_copy_of_a_changed_subtree_is_what_it_says() {
    let mut from = tree("<a><b k='1'>x<c>y</c></b><d>z</d></a>");
    let (b, c) = (find(&from, "b"), find(&from, "c"));
    from.set_text(c, "new");
    let mut to = tree("<r/>");
    let root = to.root().unwrap();
    let copy = to.copy(&from, b);
    to.append(root, copy).unwrap();
    let copy = to.copy(&from, find(&from, "d"));
    to.append(root, copy).unwrap();
    assert_eq!(written(&to), "<r><b k='1'>x<c>new</c></b><d>z</d></r>");
    // The texts of the copy are its own.
    drop(from);
    assert_eq!(to.string_value(root), "xnewz");
}

#[test]
fn texts_side_by_side_do_not_end_a_section_that_is_none() {
    for (text, want) in [
        ("<a>]]<b/>>x</a>", "<a>]]&gt;x</a>"),
        ("<a>]<b/>]>x</a>", "<a>]]&gt;x</a>"),
        ("<a>]<b/>>x</a>", "<a>]>x</a>"),
    ] {
        let mut tree = tree(text);
        let b = find(&tree, "b");
        tree.detach(b);
        assert_eq!(written(&tree), want);
        assert!(Tree::parse_str(want).is_ok());
    }
}
