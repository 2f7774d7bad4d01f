//! `management.jmx` and `management.snmp`: what they show is at axon's own administration.

use std::sync::Arc;

use super::ServiceType;
use super::service::{Build, Service};
use super::shape::{Connects, Shape};
use crate::codes::DiagnosticCode;

pub(super) const JMX: ServiceType = ServiceType {
    name: "management.jmx",
    doc: "nothing: the administration of axon takes its place",
    shape: Shape {
        connects: Connects::None,
        properties: &["connector.server.address"],
        ..Shape::accepting(&[])
    },
    make,
};

pub(super) const SNMP: ServiceType = ServiceType {
    name: "management.snmp",
    doc: "nothing: the administration of axon takes its place",
    shape: Shape::accepting(&[]),
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let kind = &build.def.kind;
    let message = format!("{} is not spoken", kind.value);
    let help =
        "the administration shows the same numbers: /api/v1 and /metrics at the address of --admin";
    let code = DiagnosticCode::NoEffect;
    build.diagnostics.warn(code, kind.span, message, help);
    Some(Arc::new(Elsewhere))
}

struct Elsewhere;

impl Service for Elsewhere {}
