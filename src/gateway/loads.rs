//! How many WebSockets each service has open; the counts outlive reloads, as the WebSockets do.

use std::collections::HashMap;

use crate::config::gateway::model::GatewayDef;
use crate::util::gauge::Gauge;

/// The counts by name of the service.
#[derive(Debug, Default)]
pub(super) struct Loads(HashMap<String, Gauge>);

impl Loads {
    /// Counts for the services of a file; those of services that were there before go on.
    pub fn of(def: &GatewayDef, previous: Option<&Loads>) -> Loads {
        let names = def.services.iter().map(|service| &service.name.value);
        let of = |name: &String| {
            (
                name.clone(),
                previous.map(|p| p.named(name)).unwrap_or_default(),
            )
        };
        Loads(names.map(of).collect())
    }

    /// The count of a service; one of its own for a name that nobody has.
    pub fn named(&self, name: &str) -> Gauge {
        self.0.get(name).cloned().unwrap_or_default()
    }
}
