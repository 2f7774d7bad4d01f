//! XML that a configuration writes into messages: an element, read once when it is loaded.

use crate::config::xml::{Element, write_inside};
use crate::soap::tree::{NodeId, ParseError, Tree};

/// An element by itself.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    tree: Tree,
    node: NodeId,
}

impl Fragment {
    /// An element of a configuration, with the prefixes that it uses. The blanks between its elements are left out, as in the
    /// originals.
    ///
    /// # Errors
    /// It is over a limit of messages.
    pub(super) fn of(element: &Element) -> Result<Fragment, ParseError> {
        let tree = Tree::parse_str(&write_inside(element))?;
        let inner = tree.root().and_then(|root| tree.first_element(root));
        let node = inner.unwrap_or(Tree::DOCUMENT);
        Ok(Fragment { tree, node })
    }

    /// An element that was written as text.
    ///
    /// # Errors
    /// It is no XML, or over a limit.
    pub(super) fn parse(text: &str) -> Result<Fragment, ParseError> {
        let tree = Tree::parse_str(text)?;
        let node = tree.root().unwrap_or(Tree::DOCUMENT);
        Ok(Fragment { tree, node })
    }

    /// A node of a message, to be put somewhere else.
    pub(super) fn copy(from: &Tree, node: NodeId) -> Fragment {
        let mut tree = Tree::new();
        let node = tree.copy(from, node);
        Fragment { tree, node }
    }

    /// A copy of it in a message, which stands nowhere yet.
    pub(super) fn put(&self, into: &mut Tree) -> NodeId {
        into.copy(&self.tree, self.node)
    }

    /// As text.
    pub(super) fn to_xml(&self) -> String {
        self.tree.to_xml(self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::FileId;

    #[test]
    fn an_element_of_a_configuration_declares_what_it_uses() {
        let text = "<d xmlns='urn:d' xmlns:s='urn:s' xmlns:x='urn:x'><s:a k='x:y'>\n <b xmlns=''> t </b>\n <c/></s:a></d>";
        let document = roxmltree::Document::parse(text).unwrap();
        let element = crate::mediation::testing::element(document.root_element(), FileId(0));
        let inner = element.elements().next().unwrap();
        let fragment = Fragment::of(inner).unwrap();
        let mut tree = Tree::parse_str("<m/>").unwrap();
        let copy = fragment.put(&mut tree);
        assert_eq!(
            tree.to_xml(copy),
            r#"<s:a k="x:y" xmlns:s="urn:s" xmlns:x="urn:x" xmlns="urn:d"><b xmlns=""> t </b><c/></s:a>"#
        );
    }
}
