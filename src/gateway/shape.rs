//! Which elements a type of service takes (spec/kaazing.md 2.3), judged before it is made.

use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::meant;
use crate::config::gateway::model::ServiceDef;
use crate::config::gateway::uri::Layer;

/// How many `connect` elements a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connects {
    /// None.
    None,
    /// Exactly one.
    One,
    /// One or more.
    Some,
}

/// What a type takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub connects: Connects,
    /// What may be spoken on its accept URIs; empty: it has none, or nobody looks.
    pub accepts: &'static [Layer],
    /// Its properties.
    pub properties: &'static [&'static str],
    /// Its properties in axon's own namespace.
    pub own: &'static [&'static str],
    /// `properties` has to be there.
    pub needs_properties: bool,
}

impl Shape {
    /// A shape that takes nothing besides accept URIs of these layers.
    pub const fn accepting(accepts: &'static [Layer]) -> Shape {
        Shape {
            connects: Connects::None,
            accepts,
            properties: &[],
            own: &[],
            needs_properties: false,
        }
    }

    /// Judges a service; false when it cannot be made.
    pub fn judge(&self, def: &ServiceDef, diagnostics: &mut Diagnostics) -> bool {
        let before = diagnostics.errors();
        self.connects(def, diagnostics);
        self.layers(def, diagnostics);
        self.names(def, diagnostics);
        before == diagnostics.errors()
    }

    fn connects(&self, def: &ServiceDef, diagnostics: &mut Diagnostics) {
        let code = DiagnosticCode::BadServiceShape;
        let kind = &def.kind.value;
        match (self.connects, def.connects.as_slice()) {
            (Connects::None, [first, ..]) => {
                let message = format!("a service of type {kind} has no connect");
                diagnostics.error_help(
                    code,
                    first.span,
                    message,
                    "remove it, or use the type proxy",
                );
            }
            (Connects::One | Connects::Some, []) => {
                let message = format!(
                    "service '{}' of type {kind} has no connect (Missing required element: <connect>)",
                    def.name.value
                );
                diagnostics.error_help(code, def.span, message, "add a connect behind the accepts");
            }
            (Connects::One, [_, second, ..]) => {
                let message = format!("a service of type {kind} has one connect");
                diagnostics.error_help(code, second.span, message, "keep one of them");
            }
            _ => {}
        }
    }

    fn layers(&self, def: &ServiceDef, diagnostics: &mut Diagnostics) {
        for accept in &def.accepts {
            let layer = accept.value.layer();
            if self.accepts.contains(&layer) || self.accepts.is_empty() {
                continue;
            }
            let (kind, uri) = (&def.kind.value, &accept.value);
            match layer {
                Layer::Other => diagnostics.unsupported(
                    DiagnosticCode::NotSupportedYet,
                    accept.span,
                    format!("{uri}: accepting {}:// is not supported yet", uri.scheme),
                    "the other accept URIs of the service are served",
                ),
                _ => {
                    let code = DiagnosticCode::GatewayUri;
                    let message = format!("a service of type {kind} cannot accept {uri}");
                    let help = "use a scheme that the type's reference names";
                    diagnostics.error_help(code, accept.span, message, help);
                }
            }
        }
    }

    fn names(&self, def: &ServiceDef, diagnostics: &mut Diagnostics) {
        let kind = &def.kind.value;
        let Some(properties) = &def.properties else {
            if self.needs_properties {
                let code = DiagnosticCode::BadServiceShape;
                let message = format!("a service of type {kind} needs properties");
                let help = format!("add properties with {}", self.properties.join(", "));
                diagnostics.error_help(code, def.span, message, help);
            }
            return;
        };
        for child in properties.elements() {
            let known = match child.namespace == AXON_NS {
                true => self.own,
                false => self.properties,
            };
            if known.contains(&child.name.as_str()) {
                continue;
            }
            let help = match known.is_empty() {
                true => "the type has no properties".to_owned(),
                false => meant(&child.name, known.iter().copied()),
            };
            let message = format!("{} is no property of the type {kind}", child.name);
            let code = DiagnosticCode::UnknownElement;
            diagnostics.error_help(code, child.name_span, message, help);
        }
    }
}
