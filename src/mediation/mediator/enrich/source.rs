//! Where the pieces come from.

use super::{Piece, failed};
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault, PropertyType};
use crate::mediation::content;
use crate::mediation::expression::{Expression, Value};
use crate::mediation::fragment::Fragment;
use crate::mediation::message::{self, Place};
use crate::mediation::parse::Parse;
use crate::soap::content::{Content, View};
use crate::soap::tree::{Kind, NodeId, Tree};
use crate::soap::xpath::Item;

#[derive(Debug)]
pub(super) enum Source {
    /// What an expression selects; with `false` the original goes.
    Custom(Expression, bool),
    Envelope,
    Body {
        clone: bool,
    },
    Property(String),
    Inline(Vec<Piece>),
    /// A local entry or a file of the registry.
    Key(String),
}

/// What was found, and what of the message goes with it.
pub(super) struct Found {
    pub(super) pieces: Vec<Piece>,
    pub(super) taken: Vec<NodeId>,
}

#[derive(Clone, Copy)]
enum Type {
    Custom,
    Envelope,
    Body,
    Property,
    Inline,
}

const TYPES: &[(&str, Type)] = &[
    ("custom", Type::Custom),
    ("envelope", Type::Envelope),
    ("body", Type::Body),
    ("property", Type::Property),
    ("inline", Type::Inline),
];

/// True for the name of a type.
pub(super) fn is_known(name: &str) -> bool {
    TYPES.iter().any(|(known, _)| *known == name)
}

impl Source {
    pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Source> {
        let clone = parse.word(element, "clone", &[("true", true), ("false", false)])?;
        Some(match parse.word(element, "type", TYPES)? {
            Type::Custom => {
                let xpath = parse.required(element, "xpath")?;
                Source::Custom(parse.expression(element, xpath)?, clone)
            }
            Type::Envelope => Source::Envelope,
            Type::Body => Source::Body { clone },
            Type::Property => Source::Property(parse.required(element, "property")?.value.clone()),
            Type::Inline => inline(element, parse)?,
        })
    }

    pub(super) fn expression(&self) -> Option<&Expression> {
        match self {
            Source::Custom(expression, _) => Some(expression),
            _ => None,
        }
    }

    pub(super) fn is_in_message(&self) -> bool {
        match self {
            Source::Envelope | Source::Body { .. } => true,
            // What is taken out has to be there; what is only read says so itself.
            Source::Custom(_, clone) => !clone,
            _ => false,
        }
    }

    pub(super) fn find(&self, x: &Exchange) -> Result<Found, Fault> {
        let pieces = |pieces| Found {
            pieces,
            taken: Vec::new(),
        };
        Ok(match self {
            Source::Custom(expression, clone) => selected(x, expression, *clone)?,
            Source::Envelope => {
                let view = view(x)?;
                pieces(vec![element(&view.tree, view.envelope)])
            }
            Source::Body { clone } => {
                let view = view(x)?;
                let children: Vec<NodeId> = Content::body(&view.tree)
                    .iter()
                    .flat_map(|body| view.tree.elements(*body))
                    .collect();
                Found {
                    pieces: children
                        .iter()
                        .map(|child| element(&view.tree, *child))
                        .collect(),
                    taken: if *clone { Vec::new() } else { children },
                }
            }
            Source::Property(name) => pieces(kept(x, name)?),
            Source::Inline(inline) => pieces(inline.iter().map(again).collect()),
            Source::Key(key) => {
                let entry = message::property(x, Place::Registry, key);
                let text = match &entry {
                    Some(Value::Text(text)) => text.trim(),
                    _ => return Ok(pieces(Vec::new())),
                };
                pieces(vec![match text.starts_with('<') {
                    true => Piece::Element(Box::new(
                        Fragment::parse(text).map_err(|e| failed(&e.to_string()))?,
                    )),
                    false => Piece::Text(text.to_owned()),
                }])
            }
        })
    }
}

fn inline(element: &Element, parse: &mut Parse<'_>) -> Option<Source> {
    if let Some(key) = element.attribute("key") {
        return Some(Source::Key(key.value.trim().to_owned()));
    }
    let mut pieces = Vec::new();
    for child in element.elements() {
        match Fragment::of(child) {
            Ok(fragment) => pieces.push(Piece::Element(Box::new(fragment))),
            Err(error) => {
                parse.bad(child.name_span, error.to_string());
                return None;
            }
        }
    }
    let text = element.text();
    if pieces.is_empty() && !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    if pieces.is_empty() {
        let text = "a `source` of the type inline needs XML or text inside, or a `key`";
        parse.bad(element.name_span, text);
        return None;
    }
    Some(Source::Inline(pieces))
}

fn again(piece: &Piece) -> Piece {
    match piece {
        Piece::Element(element) => Piece::Element(element.clone()),
        Piece::Text(text) => Piece::Text(text.clone()),
        Piece::Attribute(text) => Piece::Attribute(text.clone()),
    }
}

fn view(x: &Exchange) -> Result<&View, Fault> {
    match x.content().map(Content::view) {
        Some(view) => view.map_err(|error| content::refused("", &error)),
        None => Err(failed("the message was not read")),
    }
}

fn element(tree: &Tree, node: NodeId) -> Piece {
    Piece::Element(Box::new(Fragment::copy(tree, node)))
}

fn selected(x: &Exchange, expression: &Expression, clone: bool) -> Result<Found, Fault> {
    let nodes = match expression.evaluate(x)? {
        Value::Nodes(nodes) => nodes,
        _ => {
            let text = expression.string(x)?;
            let pieces = match text.is_empty() {
                true => Vec::new(),
                false => vec![Piece::Text(text.into_owned())],
            };
            return Ok(Found {
                pieces,
                taken: Vec::new(),
            });
        }
    };
    if nodes.is_empty() {
        return Ok(Found {
            pieces: Vec::new(),
            taken: Vec::new(),
        });
    }
    let tree = &view(x)?.tree;
    let piece = |item: &Item| match item.node().map(|node| (node, tree.kind(node))) {
        Some((node, Kind::Element)) => element(tree, node),
        Some((_, Kind::Text | Kind::CData | Kind::Comment | Kind::Instruction)) => {
            Piece::Text(item.text(tree).into_owned())
        }
        _ => Piece::Attribute(item.text(tree).into_owned()),
    };
    let taken = nodes.iter().filter_map(|item| item.node());
    let movable = |node: &NodeId| tree.is_element(*node) || tree.is_text(*node);
    Ok(Found {
        pieces: nodes.iter().map(piece).collect(),
        taken: match clone {
            true => Vec::new(),
            false => taken.filter(movable).collect(),
        },
    })
}

/// What a property holds: elements and texts, or a text.
fn kept(x: &Exchange, name: &str) -> Result<Vec<Piece>, Fault> {
    match x.properties.typed(name) {
        Some((text, PropertyType::Xml)) => {
            let around = format!("<w>{text}</w>");
            let tree = Tree::parse_str(&around).map_err(|e| failed(&e.to_string()))?;
            let children = tree.root().into_iter().flat_map(|root| tree.children(root));
            Ok(children
                .map(|child| match tree.is_element(child) {
                    true => element(&tree, child),
                    false => Piece::Text(tree.value(child).into_owned()),
                })
                .collect())
        }
        _ => Ok(match message::property(x, Place::Default, name) {
            Some(value) => vec![Piece::Text(value.into_text(None).into_owned())],
            None => Vec::new(),
        }),
    }
}
