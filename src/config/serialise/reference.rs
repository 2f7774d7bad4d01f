//! References: what they refer to is in attributes of `endpoint`, and in its `parameter` children.

use super::{Writer, prefixes};
use crate::config::model::EndpointKind;

/// Values that have an attribute of their own.
const IMPLICIT: [&str; 2] = ["name", "uri"];

pub(super) fn attributes(kind: &EndpointKind, out: &mut Writer) {
    match kind {
        EndpointKind::Indirect(key) => out.attribute("key", &key.value),
        EndpointKind::Resolving(resolving) => {
            prefixes(&resolving.element, out);
            out.attribute("key-expression", &resolving.expression.value);
        }
        EndpointKind::Template(used) => {
            out.attribute("template", &used.template.value);
            // The name is written as that of the endpoint.
            if let Some((_, uri)) = used.values.iter().find(|(name, _)| name == "uri") {
                out.attribute("uri", &uri.value);
            }
        }
        _ => {}
    }
}

pub(super) fn parameters(kind: &EndpointKind, out: &mut Writer) {
    let EndpointKind::Template(used) = kind else {
        return;
    };
    for (name, value) in &used.values {
        if !IMPLICIT.contains(&name.as_str()) {
            out.open("parameter");
            out.attribute("name", name);
            out.attribute("value", &value.value);
            out.close();
        }
    }
}
