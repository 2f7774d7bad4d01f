//! `failover` (spec/endpoints.md 10).

use super::{group, value, vocabulary};
use crate::config::diagnostic::Diagnostics;
use crate::config::model::FailoverDef;
use crate::config::xml::Element;

/// Reads the group. `buildMessage` needs no setting here: what a retry may need is always kept, as raw bytes.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<FailoverDef> {
    vocabulary::check(element, &vocabulary::FAILOVER, diagnostics);
    if !group::has(element, "endpoint") {
        group::empty(element, element.name_span, diagnostics);
    }
    let def = FailoverDef {
        children: group::children(element, diagnostics),
        dynamic: value::on_unless(element, "dynamic", &["false", "no", "0"], diagnostics),
        max_attempts: value::max_attempts(element, diagnostics),
        retry_non_idempotent: value::axon_switch(element, "retryNonIdempotent", diagnostics),
        span: element.span,
    };
    (!def.children.is_empty()).then_some(def)
}
