//! The child elements of an element, judged against what the schema allows: which, how often, in which order.

use super::meant;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::xml::Element;

/// A child that an element may have.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// At most one may stand there.
    pub single: bool,
    /// One has to stand there.
    pub required: bool,
}

impl Row {
    /// A child that may stand there once.
    pub const fn one(name: &'static str) -> Row {
        Row {
            name,
            single: true,
            required: false,
        }
    }

    /// A child that has to stand there once.
    pub const fn must(name: &'static str) -> Row {
        Row {
            name,
            single: true,
            required: true,
        }
    }

    /// A child that may stand there as often as one likes.
    pub const fn any(name: &'static str) -> Row {
        Row {
            name,
            single: false,
            required: false,
        }
    }
}

/// Whether the rows are also the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// They may stand in any order.
    Free,
    /// They stand in the order of the rows.
    Fixed,
}

/// Words of older releases and of published pages, and what they are called now.
const RENAMED: &[(&str, &str)] = &[
    ("auth-constraint", "authorization-constraint"),
    ("crosssite-constraint", "cross-site-constraint"),
    ("require-role-name", "require-role"),
    ("default-service-config", "service-defaults"),
];

/// The children of one element that may stand there.
#[derive(Clone, Debug)]
pub struct Children<'e> {
    list: Vec<&'e Element>,
}

impl<'e> Children<'e> {
    /// All of that name.
    pub fn all<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'e Element> + 'c {
        self.list.iter().copied().filter(move |c| c.name == name)
    }

    /// The first of that name.
    pub fn one(&self, name: &str) -> Option<&'e Element> {
        self.all(name).next()
    }
}

/// Reads the children; every one that may not stand there, or not there, is reported.
pub fn read<'e>(
    parent: &'e Element,
    rows: &[Row],
    order: Order,
    diagnostics: &mut Diagnostics,
) -> Children<'e> {
    attributes(parent, diagnostics);
    let mut list: Vec<&Element> = Vec::new();
    let mut reached = 0;
    for child in parent.elements() {
        let known = rows.iter().position(|row| row.name == child.name);
        let Some(at) = known.filter(|_| child.namespace == parent.namespace) else {
            unknown(parent, child, rows, diagnostics);
            continue;
        };
        if rows[at].single && list.iter().any(|c| c.name == child.name) {
            let message = format!("{} is given twice in {}", child.name, parent.name);
            let code = DiagnosticCode::DuplicateElement;
            diagnostics.error_help(code, child.name_span, message, "keep one of them");
            continue;
        }
        if order == Order::Fixed && at < reached {
            let code = DiagnosticCode::ElementOrder;
            let message = format!(
                "{} may not stand behind {} in {}",
                child.name, rows[reached].name, parent.name
            );
            let names: Vec<_> = rows.iter().map(|row| row.name).collect();
            let help = format!("the order is {}", names.join(", "));
            diagnostics.error_help(code, child.name_span, message, help);
        }
        reached = reached.max(at);
        list.push(child);
    }
    for row in rows.iter().filter(|row| row.required) {
        if !list.iter().any(|c| c.name == row.name) {
            missing(parent, row.name, diagnostics);
        }
    }
    Children { list }
}

/// Says that an element lacks another one, in the words that users know.
pub(super) fn missing(parent: &Element, name: &str, diagnostics: &mut Diagnostics) {
    let code = DiagnosticCode::MissingElement;
    let message = format!(
        "{} has no {name} (Missing required element: <{name}>)",
        parent.name
    );
    let help = format!("add <{name}>...</{name}>");
    diagnostics.error_help(code, parent.name_span, message, help);
}

/// Nothing in the language has an attribute; those of other namespaces are for editors.
fn attributes(element: &Element, diagnostics: &mut Diagnostics) {
    for attribute in element.attributes.iter().filter(|a| a.namespace.is_empty()) {
        diagnostics.error_help(
            DiagnosticCode::UnknownAttribute,
            attribute.name_span,
            format!("{} has no attributes", element.name),
            format!("write <{0}>...</{0}> inside it", attribute.name),
        );
    }
}

fn unknown(parent: &Element, child: &Element, rows: &[Row], diagnostics: &mut Diagnostics) {
    let renamed = RENAMED.iter().find(|(old, _)| *old == child.name);
    let help = match renamed {
        Some((_, new)) => format!("{} is now called {new}", child.name),
        None => meant(&child.name, rows.iter().map(|row| row.name)),
    };
    let message = match child.namespace == parent.namespace {
        true => format!("{} may not stand in {}", child.name, parent.name),
        false => format!(
            "{} is in another namespace than the file's root element",
            child.name
        ),
    };
    let code = DiagnosticCode::UnknownElement;
    diagnostics.error_help(code, child.name_span, message, help);
}
