//! Where the pieces go.

use super::{Piece, edit, failed};
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, PropertyType};
use crate::mediation::content;
use crate::mediation::expression::{Expression, Value};
use crate::mediation::parse::Parse;
use crate::soap::content::{Content, Notation, View};
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};
use crate::soap::escape_text;
use crate::soap::tree::{Kind, NewName, NodeId, Tree};
use crate::soap::xpath::Item;

/// Namespace of the payload that holds a text.
const PAYLOAD_NS: &str = "http://ws.apache.org/commons/ns/payload";

#[derive(Debug)]
pub(super) struct Target {
    where_to: Where,
    action: Action,
}

#[derive(Debug)]
enum Where {
    Custom(Expression),
    Envelope,
    Body,
    Property(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Replace,
    Child,
    Sibling,
}

#[derive(Clone, Copy)]
enum Type {
    Custom,
    Envelope,
    Body,
    Property,
}

const TYPES: &[(&str, Type)] = &[
    ("custom", Type::Custom),
    ("envelope", Type::Envelope),
    ("body", Type::Body),
    ("property", Type::Property),
];

const ACTIONS: &[(&str, Action)] = &[
    ("replace", Action::Replace),
    ("child", Action::Child),
    ("sibling", Action::Sibling),
];

impl Target {
    pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Target> {
        let action = parse.word(element, "action", ACTIONS)?;
        let where_to = match parse.word(element, "type", TYPES)? {
            Type::Custom => {
                let xpath = parse.required(element, "xpath")?;
                Where::Custom(parse.expression(element, xpath)?)
            }
            Type::Envelope => Where::Envelope,
            Type::Body => Where::Body,
            Type::Property => Where::Property(parse.required(element, "property")?.value.clone()),
        };
        Some(Target { where_to, action })
    }

    pub(super) fn expression(&self) -> Option<&Expression> {
        match &self.where_to {
            Where::Custom(expression) => Some(expression),
            _ => None,
        }
    }

    pub(super) fn is_in_message(&self) -> bool {
        !matches!(self.where_to, Where::Property(_))
    }

    /// The node that a custom target selects: the first one.
    pub(super) fn place(&self, x: &Exchange) -> Result<Option<NodeId>, Fault> {
        let Where::Custom(expression) = &self.where_to else {
            return Ok(None);
        };
        let node = match expression.evaluate(x)? {
            Value::Nodes(nodes) => nodes.first().and_then(|item: &Item| item.node()),
            _ => None,
        };
        match node {
            Some(node) => Ok(Some(node)),
            None => Err(failed(&format!(
                "the target at {} selects nothing",
                expression.place()
            ))),
        }
    }

    pub(super) fn put(
        &self,
        x: &mut Exchange,
        place: Option<NodeId>,
        pieces: &[Piece],
    ) -> Result<(), Fault> {
        match (&self.where_to, place) {
            (Where::Property(name), _) => keep(x, name, pieces),
            (Where::Custom(_), Some(node)) => {
                let view = content::envelope_mut(x)?;
                self.at(&mut view.tree, node, pieces)
            }
            (Where::Custom(_), None) => Ok(()),
            (Where::Envelope, _) => envelope(content::envelope_mut(x)?, pieces),
            (Where::Body, _) => self.body(x, pieces),
        }
    }

    /// At an element, a text or an attribute.
    fn at(&self, tree: &mut Tree, node: NodeId, pieces: &[Piece]) -> Result<(), Fault> {
        let element = pieces.iter().any(|p| matches!(p, Piece::Element(_)));
        match tree.kind(node) {
            Kind::Element => {}
            Kind::Attribute | Kind::Text | Kind::CData if !element => {
                tree.set_value(node, &texts(pieces));
                return Ok(());
            }
            Kind::Text | Kind::CData if self.action != Action::Child => {}
            _ => {
                return Err(failed("an element cannot be put into this target"));
            }
        }
        if pieces.iter().all(|p| matches!(p, Piece::Attribute(_))) {
            return Ok(());
        }
        match self.action {
            Action::Replace if !element => tree.set_text(node, &texts(pieces)),
            Action::Replace => {
                behind(tree, node, pieces)?;
                tree.detach(node);
            }
            Action::Child => {
                for piece in pieces {
                    let made = make(tree, piece);
                    tree.append(node, made).map_err(edit)?;
                }
            }
            Action::Sibling => behind(tree, node, pieces)?,
        }
        Ok(())
    }

    /// At the first element of the body.
    fn body(&self, x: &mut Exchange, pieces: &[Piece]) -> Result<(), Fault> {
        if let ([Piece::Text(text)], Action::Replace) = (pieces, self.action) {
            let text = text.trim();
            // WSO2 takes a text that is JSON for a payload of JSON.
            if text.starts_with(['{', '['])
                && serde_json::from_str::<serde_json::Value>(text).is_ok()
            {
                let json = text.to_owned();
                content::replace(x, Notation::Json, json.into());
                return Ok(());
            }
        }
        let view = content::envelope_mut(x)?;
        let body = view.body().map_err(edit)?;
        let first = view.payload();
        match first {
            Some(first) if pieces.iter().any(|p| matches!(p, Piece::Element(_))) => {
                self.at(&mut view.tree, first, pieces)
            }
            _ => {
                // A text by itself is a payload of text.
                if let (Some(first), Action::Replace) = (first, self.action) {
                    view.tree.detach(first);
                }
                let elements: Vec<&Piece> = pieces
                    .iter()
                    .filter(|p| matches!(p, Piece::Element(_)))
                    .collect();
                if elements.is_empty() {
                    let name = NewName::new("", PAYLOAD_NS, "text");
                    let made = view.tree.create_element(name).map_err(edit)?;
                    view.tree.set_text(made, &texts(pieces));
                    return view.tree.append(body, made).map_err(edit);
                }
                for piece in elements {
                    let made = make(&mut view.tree, piece);
                    view.tree.append(body, made).map_err(edit)?;
                }
                Ok(())
            }
        }
    }
}

fn texts(pieces: &[Piece]) -> String {
    pieces.iter().map(Piece::text).collect()
}

fn make(tree: &mut Tree, piece: &Piece) -> NodeId {
    match piece {
        Piece::Element(element) => element.put(tree),
        Piece::Text(text) | Piece::Attribute(text) => tree.create_text(text),
    }
}

fn behind(tree: &mut Tree, node: NodeId, pieces: &[Piece]) -> Result<(), Fault> {
    let mut last = node;
    for piece in pieces {
        let made = make(tree, piece);
        tree.insert_after(last, made).map_err(edit)?;
        last = made;
    }
    Ok(())
}

fn envelope(view: &mut View, pieces: &[Piece]) -> Result<(), Fault> {
    let Some(Piece::Element(element)) = pieces.first() else {
        return Err(failed("the source is no envelope"));
    };
    let made = element.put(&mut view.tree);
    let name = view.tree.name(made);
    let is = name.local == "Envelope" && [SOAP11_NS, SOAP12_NS].contains(&name.namespace);
    if !is || Content::body(&view.tree).is_none() {
        return Err(failed("the source is no envelope"));
    }
    view.tree.replace(view.envelope, made).map_err(edit)?;
    view.envelope = made;
    Ok(())
}

/// Texts alone are kept as a text; with elements among them, all of it as XML.
fn keep(x: &mut Exchange, name: &str, pieces: &[Piece]) -> Result<(), Fault> {
    let element = pieces.iter().any(|p| matches!(p, Piece::Element(_)));
    let (text, kind) = match element {
        false => (texts(pieces), PropertyType::Text),
        true => {
            let mut xml = String::new();
            for piece in pieces {
                match piece {
                    Piece::Element(element) => xml.push_str(&element.to_xml()),
                    piece => escape_text(&mut xml, &piece.text()),
                }
            }
            (xml, PropertyType::Xml)
        }
    };
    super::super::property::keep(x, name, text, kind)
}
