//! A payload of XML: the format is copied into the body, and the places of arguments are filled in.

use super::argument::{Part, Value};
use super::{Piece, argument, pieces};
use crate::exchange::Fault;
use crate::mediation::content;
use crate::mediation::fragment::Fragment;
use crate::soap::content::{ContentError, View};
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};
use crate::soap::tree::{EditError, NodeId, Tree};

/// Makes a format with these values the payload. A format that is an envelope is the message.
pub(super) fn put(view: &mut View, format: &Fragment, values: &[Value]) -> Result<(), Fault> {
    let payload = format.put(&mut view.tree);
    let mut texts = Vec::new();
    let mut attributes = Vec::new();
    for node in std::iter::once(payload).chain(view.tree.descendants(payload)) {
        if view.tree.is_text(node) && view.tree.value(node).contains('$') {
            texts.push(node);
        }
        let with_place = |at: &NodeId| view.tree.value(*at).contains('$');
        attributes.extend(view.tree.attributes(node).filter(with_place));
    }
    for attribute in attributes {
        let mut made = String::new();
        for piece in pieces(&view.tree.value(attribute)) {
            match piece {
                Piece::Text(text) => made.push_str(text),
                Piece::Argument(number) => made.push_str(&argument(values, number)?.text()),
            }
        }
        view.tree.set_value(attribute, &made);
    }
    for text in texts {
        fill(&mut view.tree, text, values)?;
    }
    place(view, payload).map_err(|e| content::refused("", &ContentError::Edit(e)))
}

fn place(view: &mut View, payload: NodeId) -> Result<(), EditError> {
    let name = view.tree.name(payload);
    if name.local == "Envelope" && [SOAP11_NS, SOAP12_NS].contains(&name.namespace) {
        view.tree.replace(view.envelope, payload)?;
        view.envelope = payload;
        return Ok(());
    }
    let body = view.body()?;
    view.tree.remove_children(body);
    view.tree.append(body, payload)
}

/// Puts the pieces of a text in its place.
fn fill(tree: &mut Tree, text: NodeId, values: &[Value]) -> Result<(), Fault> {
    let written = tree.value(text).into_owned();
    let edit = |e| content::refused("", &ContentError::Edit(e));
    let mut pending = String::new();
    for piece in pieces(&written) {
        let value = match piece {
            Piece::Text(text) => {
                pending.push_str(text);
                continue;
            }
            Piece::Argument(number) => argument(values, number)?,
        };
        for part in &value.0 {
            match part {
                Part::Text(text) => pending.push_str(text),
                Part::Element(element) => {
                    if !pending.is_empty() {
                        let before = tree.create_text(&pending);
                        tree.insert_before(text, before).map_err(edit)?;
                        pending.clear();
                    }
                    let copy = element.put(tree);
                    tree.insert_before(text, copy).map_err(edit)?;
                }
            }
        }
    }
    if !pending.is_empty() {
        let last = tree.create_text(&pending);
        tree.insert_before(text, last).map_err(edit)?;
    }
    tree.detach(text);
    Ok(())
}
