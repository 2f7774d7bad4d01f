//! An element tree -> a document of its own.
//!
//! For documents that stand inside a configuration: the prefixes that hold around them are declared on the new root, so
//! that names in attributes and text mean the same. Placeholders are filled in already; comments are left out.

use super::{Element, Node};
use crate::config::serialise::escape;

/// Writes an element as a document.
pub fn write(element: &Element) -> String {
    let mut out = String::new();
    element_into(&mut out, element, &[]);
    out
}

/// Writes an element inside another, `w`, that declares the prefixes around it: so its own text has no declarations but
/// those that are written on it or inside. Blanks between elements are left out.
pub fn write_inside(element: &Element) -> String {
    let around = Element {
        name: "w".to_owned(),
        namespace: String::new(),
        attributes: Vec::new(),
        children: Vec::new(),
        prefixes: element.prefixes.clone(),
        name_span: element.name_span,
        span: element.span,
    };
    let mut out = String::new();
    element_into(&mut out, &around, &[]);
    let open = out.trim_end_matches("/>").len();
    out.truncate(open);
    out.push('>');
    element_into(&mut out, &without_blanks(element), &around.prefixes);
    out.push_str("</w>");
    out
}

/// The nesting is bounded, see [`element_into`].
fn without_blanks(element: &Element) -> Element {
    let mixed = element.elements().next().is_some();
    let children = element.children.iter().filter_map(|child| match child {
        Node::Element(child) => Some(Node::Element(without_blanks(child))),
        Node::Text(text) if mixed && text.value.trim().is_empty() => None,
        text => Some(text.clone()),
    });
    Element {
        children: children.collect(),
        ..element.clone()
    }
}

/// The nesting is bounded: the reader refuses more than [`MAX_DEPTH`](super::MAX_DEPTH).
fn element_into(out: &mut String, element: &Element, outer: &[(String, String)]) {
    let declared: Vec<_> = element
        .prefixes
        .iter()
        .filter(|pair| pair.0 != "xml" && !outer.contains(pair))
        .collect();
    let name = qualified(element, &element.namespace, &element.name, true);
    out.push('<');
    out.push_str(&name);
    for (prefix, uri) in declared {
        out.push_str(" xmlns");
        if !prefix.is_empty() {
            out.push(':');
            out.push_str(prefix);
        }
        attribute_value(out, uri);
    }
    // A default namespace that is taken back is no longer among the prefixes.
    let default =
        |list: &[(String, String)]| list.iter().any(|(p, uri)| p.is_empty() && !uri.is_empty());
    if default(outer) && !default(&element.prefixes) {
        out.push_str(" xmlns=\"\"");
    }
    for attribute in &element.attributes {
        out.push(' ');
        out.push_str(&qualified(
            element,
            &attribute.namespace,
            &attribute.name,
            false,
        ));
        attribute_value(out, &attribute.value.value);
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => element_into(out, child, &element.prefixes),
            Node::Text(text) => escape(&text.value, false, out),
        }
    }
    out.push_str("</");
    out.push_str(&name);
    out.push('>');
}

/// A name with a prefix that holds at the element; only an element may use the default namespace.
fn qualified(at: &Element, namespace: &str, local: &str, is_element: bool) -> String {
    if namespace == "http://www.w3.org/XML/1998/namespace" {
        return format!("xml:{local}");
    }
    let fits =
        |(prefix, uri): &&(String, String)| uri == namespace && (is_element || !prefix.is_empty());
    match at.prefixes.iter().rev().find(fits) {
        Some((prefix, _)) if !namespace.is_empty() && !prefix.is_empty() => {
            format!("{prefix}:{local}")
        }
        _ => local.to_owned(),
    }
}

fn attribute_value(out: &mut String, value: &str) {
    out.push_str("=\"");
    escape(value, true, out);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::diagnostic::Diagnostics;
    use crate::config::source::FileId;
    use crate::config::substitution::Substitution;

    fn read(text: &str) -> Element {
        let substitution = Substitution {
            env: &|name| (name == "HOST").then(|| "h&<\"".to_owned()),
            folders: &[],
        };
        let mut diagnostics = Diagnostics::default();
        let mut roots = super::super::parse(FileId(0), text, &substitution, &mut diagnostics);
        assert!(diagnostics.list().is_empty(), "{:?}", diagnostics.list());
        roots.remove(0)
    }

    fn same(a: &Element, b: &Element) {
        assert_eq!((&a.name, &a.namespace), (&b.name, &b.namespace));
        let attributes = |e: &Element| -> Vec<_> {
            let of = |a: &super::super::Attribute| {
                (a.namespace.clone(), a.name.clone(), a.value.value.clone())
            };
            e.attributes.iter().map(of).collect()
        };
        assert_eq!(attributes(a), attributes(b));
        assert_eq!(a.text(), b.text());
        assert_eq!(a.elements().count(), b.elements().count());
        for (a, b) in a.elements().zip(b.elements()) {
            same(a, b);
        }
    }

    #[test]
    fn an_inner_element_stands_alone_with_the_prefixes_around_it() {
        let outer = read(
            "<d xmlns='urn:d' xmlns:w='urn:w' xmlns:t='urn:t' xmlns:w2='urn:w'>\
             <w:a t:q='1' v='t:name' xml:lang='en'>x &amp; &lt;y&gt;<b xmlns=''><c/></b><w:e xmlns:t='urn:u' k='t:n'/>\
             <w:l at='http://${env.HOST}/&#10;'/></w:a></d>",
        );
        let inner = outer.elements().next().unwrap();
        let text = write(inner);
        let again = read(&text);
        same(inner, &again);
        assert_eq!(again.prefix("t"), Some("urn:t"));
        let e = again.elements().find(|e| e.name == "e").unwrap();
        assert_eq!(e.prefix("t"), Some("urn:u"));
        assert!(text.contains("http://h&amp;&lt;&quot;/&#10;"), "{text}");
    }
}
