//! `simpleClientSession`: the client names itself in the SOAP header block `ClientID` (spec/endpoints.md 14.4).
//!
//! The id is bound before the first message is sent. A message without one is balanced and never bound.

use super::{Affinity, Facts, Ids, Learned, ResponseFacts, SessionSpec, believable};

/// See the module.
#[derive(Debug)]
pub struct SimpleClient;

impl Affinity for SimpleClient {
    fn client_initiated(&self) -> bool {
        true
    }

    fn requested(&self, facts: &Facts<'_>, _spec: &SessionSpec, ids: &mut Ids) {
        ids.extend(facts.client_id.and_then(believable).map(str::to_owned));
    }

    fn learned(&self, _: &ResponseFacts<'_>, _: &SessionSpec, _: &mut Vec<Learned>) {}

    fn replaces(&self, _old: &str, _new: &str) -> bool {
        false
    }
}
