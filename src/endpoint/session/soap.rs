//! `soap`: Axis2 hands out a `ServiceGroupId` in the answer's `ReplyTo`; the client sends it back as a SOAP header
//! block (spec/endpoints.md 14.4).

use super::{Affinity, Facts, Ids, Learned, ResponseFacts, SessionSpec, believable};

/// See the module.
#[derive(Debug)]
pub struct ServiceGroup;

impl Affinity for ServiceGroup {
    fn client_initiated(&self) -> bool {
        false
    }

    fn requested(&self, facts: &Facts<'_>, _spec: &SessionSpec, ids: &mut Ids) {
        ids.extend(
            facts
                .service_group_id
                .and_then(believable)
                .map(str::to_owned),
        );
    }

    fn learned(&self, response: &ResponseFacts<'_>, _: &SessionSpec, out: &mut Vec<Learned>) {
        let id = response.service_group_id.and_then(believable);
        out.extend(id.map(|id| Learned::Id(id.to_owned())));
    }

    fn replaces(&self, old: &str, new: &str) -> bool {
        old != new
    }
}
