//! What is allowed but probably not meant (AX09xx): the second look at a configuration that Synapse never takes.
//!
//! Every rule is a warning. `axon check --deny lints` makes them count, `--allow AX0906` leaves one out. A rule stays quiet where the
//! published samples would set it off: who copies a sample has decided nothing yet. Three rules see a single element and stand with
//! its reader: AX0901 with `loadbalance`, AX0902 with `suspendOnFailure`, AX0911 with the lists of codes.
//!
//! Where a row goes: a rule about one endpoint or group is a function in [`RULES`]; it gets the definition and the [`Scene`] around it. A new
//! kind of leaf or group is one line in [`leaf`] or [`children`].

mod group;
mod single;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use super::diagnostic::Diagnostics;
use super::endpoint;
use super::model::{EndpointDef, EndpointKind, LeafDef, LoadBalanceChildren, Model};
use super::xml::Element;

/// Longest chain of keys that is followed.
const KEYS_MAX: usize = 32;

/// What surrounds an endpoint.
pub struct Scene<'m> {
    named: HashMap<&'m str, &'m EndpointDef>,
    /// Names that are children of a group somewhere.
    grouped: HashSet<&'m str>,
}

/// A rule looks at one endpoint; `lone` says that it is no child of a group.
type Rule = fn(&EndpointDef, lone: bool, &Scene<'_>, &mut Diagnostics);

/// The rules.
const RULES: &[Rule] = &[
    single::long_suspension,
    single::maximum_below_initial,
    group::same_target_twice,
    group::unreachable_child,
    group::session_without_http,
    group::request_may_run_twice,
    group::plain_child_of_session,
    group::nested_session_timeout,
];

/// Looks at every endpoint of a model, those inside sequences and other artifacts included.
pub fn run(model: &Model, diagnostics: &mut Diagnostics) {
    let inline = inline(model);
    let all = || model.endpoints.iter().chain(&inline);
    let mut scene = Scene {
        named: HashMap::new(),
        grouped: HashSet::new(),
    };
    for def in all() {
        if let Some(name) = &def.name {
            scene.named.entry(name.value.as_str()).or_insert(def);
        }
        collect(def, &mut scene.grouped);
    }
    for def in all() {
        let name = def.name.as_ref().map(|n| n.value.as_str());
        let lone = !name.is_some_and(|n| scene.grouped.contains(n));
        look(def, lone, &scene, diagnostics);
    }
}

fn look(def: &EndpointDef, lone: bool, scene: &Scene<'_>, diagnostics: &mut Diagnostics) {
    for rule in RULES {
        rule(def, lone, scene, diagnostics);
    }
    for child in children(def) {
        look(child, false, scene, diagnostics);
    }
}

/// Endpoints that stand inside sequences and other artifacts. Their readers have reported what is wrong with them.
fn inline(model: &Model) -> Vec<EndpointDef> {
    let mut found = Vec::new();
    for sequence in &model.sequences {
        inside(&sequence.element, &mut found);
    }
    for artifact in &model.unsupported {
        // A template's placeholders stand for values that only its users know.
        if artifact.kind != "template" {
            inside(&artifact.element, &mut found);
        }
    }
    found
}

fn inside(element: &Element, found: &mut Vec<EndpointDef>) {
    for child in element.elements() {
        if child.is("endpoint") {
            // A key alone says nothing that a rule looks at.
            if child.attribute("key").is_none() {
                found.extend(endpoint::parse(child, &mut Diagnostics::default()));
            }
        } else {
            inside(child, found);
        }
    }
}

fn collect<'m>(def: &'m EndpointDef, grouped: &mut HashSet<&'m str>) {
    for child in children(def) {
        if let EndpointKind::Indirect(key) = &child.kind {
            grouped.insert(key.value.as_str());
        }
        collect(child, grouped);
    }
}

/// The settings of a leaf.
fn leaf(def: &EndpointDef) -> Option<&LeafDef> {
    match &def.kind {
        EndpointKind::Address(address) => Some(&address.leaf),
        EndpointKind::Wsdl(wsdl) => Some(&wsdl.leaf),
        EndpointKind::Default(leaf) => Some(leaf),
        EndpointKind::Http(http) => Some(&http.leaf),
        _ => None,
    }
}

/// The children of a group that chooses among endpoints.
fn children(def: &EndpointDef) -> &[EndpointDef] {
    match &def.kind {
        EndpointKind::Failover(group) => &group.children,
        EndpointKind::LoadBalance(group) => match &group.children {
            LoadBalanceChildren::Endpoints(children) => children,
            LoadBalanceChildren::Members(_) => &[],
        },
        _ => &[],
    }
}

impl Scene<'_> {
    /// What a reference stands for; itself when it is none, or when it leads nowhere.
    fn real<'s>(&'s self, def: &'s EndpointDef) -> &'s EndpointDef {
        let mut at = def;
        for _ in 0..KEYS_MAX {
            let EndpointKind::Indirect(key) = &at.kind else {
                break;
            };
            match self.named.get(key.value.as_str()) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }
}
