//! What stands inside an artifact or a mediator that this version does not run is read all the same.
//!
//! A slip there is a slip of the file, whoever runs it: mediators and endpoints inside are parsed for what is wrong with them, and
//! dropped. Which elements are entered is a table ([`language::LISTS`], [`language::AROUND`]): the payload that a mediator
//! makes, or a policy, may look like anything.

use super::Parse;
use crate::codes::DiagnosticCode;
use crate::config::language::{self, LaterMediator};
use crate::config::model::UnsupportedDef;
use crate::config::xml::Element;

impl Parse<'_> {
    /// Looks through an artifact that is not run.
    pub fn artifact(&mut self, def: &UnsupportedDef) {
        // What a template's placeholders stand for is known where the template is used.
        if def.kind == "template" && def.element.child("endpoint").is_some() {
            return;
        }
        if language::artifact_named(&def.kind).is_none() {
            return;
        }
        self.position = vec![def.kind.clone()];
        self.inside(&def.element);
    }

    /// Looks through a mediator that is not run.
    pub(super) fn later(&mut self, element: &Element, row: &LaterMediator) {
        for attribute in row.attributes {
            self.required(element, attribute);
        }
        for child in row.children {
            if element.child(child).is_none() {
                self.diagnostics.error_help(
                    DiagnosticCode::MissingElement,
                    element.name_span,
                    format!("`{}` needs the element `{child}`", element.name),
                    format!("add <{child}>"),
                );
            }
        }
        self.inside(element);
    }

    /// Looks at what stands inside an element that is not run. The nesting is bounded by that of the file.
    pub fn inside(&mut self, element: &Element) {
        self.looking += 1;
        for child in element.elements().filter(|e| e.is(&e.name)) {
            if child.name == "endpoint" {
                self.endpoint(child);
            } else if language::LISTS.contains(&child.name.as_str()) {
                self.position.push(child.name.clone());
                self.list(child);
                self.position.pop();
            } else if language::AROUND.contains(&child.name.as_str()) {
                self.inside(child);
            }
        }
        self.looking -= 1;
    }
}
