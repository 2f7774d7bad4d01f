//! `http.redirect`: sends clients elsewhere.

use std::sync::Arc;

use bytes::Bytes;

use super::ServiceType;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::{Connects, Shape};
use super::visit::Visit;
use crate::config::gateway::uri::Layer;

/// Status when none is said.
const FOUND: u16 = 302;

pub(super) const TYPE: ServiceType = ServiceType {
    name: "http.redirect",
    doc: "sends clients elsewhere",
    shape: Shape {
        connects: Connects::None,
        properties: &["location", "cache-control", "status-code"],
        needs_properties: true,
        ..Shape::accepting(&[Layer::Http])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let status = build.read("status-code", |text| match text.parse() {
        Ok(status @ (301 | 302 | 303 | 307 | 308)) => Ok(status),
        _ => Err(format!("{text} is none of 301, 302, 303, 307 and 308")),
    });
    let help = "add <location>http://host:port/path</location>";
    let location = build.required("location", help)?;
    let controls = build.properties().filter(|e| e.name == "cache-control");
    Some(Arc::new(Redirect {
        status: status.unwrap_or(FOUND),
        location: location.value,
        controls: controls.map(|e| e.text()).collect(),
    }))
}

struct Redirect {
    status: u16,
    location: String,
    controls: Vec<String>,
}

impl Service for Redirect {
    fn http<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let mut head = visit.new_head(self.status);
            head.headers.append(b"Location", self.location.as_bytes());
            for control in &self.controls {
                head.headers.append(b"Cache-Control", control.as_bytes());
            }
            visit.answer(head, Bytes::new()).await;
        })
    }
}
