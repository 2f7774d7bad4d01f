//! `update.check`: the original asks its maker for news. axon does not; the type is accepted and does nothing.

use std::sync::Arc;

use super::ServiceType;
use super::service::{Build, Service};
use super::shape::Shape;
use crate::codes::DiagnosticCode;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "update.check",
    doc: "nothing: axon does not ask for updates",
    shape: Shape::accepting(&[]),
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let code = DiagnosticCode::NoEffect;
    let message = "axon does not ask for updates";
    let help = "the service does nothing; remove it where that matters";
    build
        .diagnostics
        .warn(code, build.def.kind.span, message, help);
    Some(Arc::new(Nothing))
}

struct Nothing;

impl Service for Nothing {}
