//! What failover and load-balance groups share: their children.

use std::collections::HashSet;

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointDef, EndpointKind};
use crate::config::source::Span;
use crate::config::xml::Element;

/// Reads the `endpoint` children; an empty group and a key used twice are errors, as in Synapse.
pub(super) fn children(group: &Element, diagnostics: &mut Diagnostics) -> Vec<EndpointDef> {
    let children: Vec<EndpointDef> = group
        .elements()
        .filter(|e| e.is("endpoint"))
        .filter_map(|e| super::parse(e, diagnostics))
        .collect();
    let mut keys = HashSet::new();
    let mut names = HashSet::new();
    for child in &children {
        if let EndpointKind::Indirect(key) = &child.kind
            && repeated(&mut keys, &key.value)
        {
            diagnostics.error(
                DiagnosticCode::DuplicateKey,
                key.span,
                format!("the key {} is used twice in this group", key.value),
            );
        }
        if let Some(name) = &child.name
            && repeated(&mut names, &name.value)
        {
            diagnostics.warn(
                DiagnosticCode::DuplicateName,
                name.span,
                format!("two children of this group are called {}", name.value),
                "give each child its own name: sessions and states are kept by it",
            );
        }
    }
    children
}

fn repeated<'a>(seen: &mut HashSet<&'a str>, word: &'a str) -> bool {
    !seen.insert(word)
}

/// Reports a group that has nothing to choose among.
pub(super) fn empty(group: &Element, place: Span, diagnostics: &mut Diagnostics) {
    diagnostics.error(
        DiagnosticCode::EmptyGroup,
        place,
        format!("{} has no children", group.name),
    );
}

/// True when the element has a child of that name.
pub(super) fn has(group: &Element, name: &str) -> bool {
    group.child(name).is_some()
}
