//! The events of a copy that goes to an address which a message computed: its leaf is in a tree of its own, so that its
//! numbers mean nothing to the generation. They are told of its list.

use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::dispatch::EventSink;
use crate::endpoint::state::Transition;
use crate::endpoint::walk::{Decision, Failure};
use crate::observe::RequestId;

/// See the module.
pub struct OfList<'a> {
    /// Where events go.
    pub events: &'a dyn EventSink,
    /// The list.
    pub list: NodeId,
}

impl EventSink for OfList<'_> {
    fn state_changed(
        &self,
        path: &str,
        transition: &Transition,
        request: &RequestId,
        said: Option<&str>,
    ) {
        self.events.state_changed(path, transition, request, said);
    }

    fn left_alone(&self, _: NodeId, code: ErrorCode, request: &RequestId, said: &str) {
        self.events.left_alone(self.list, code, request, said);
    }

    fn gave_up(
        &self,
        _: NodeId,
        failure: &Failure,
        _: &[Decision],
        request: &RequestId,
        said: &str,
    ) {
        let failure = Failure {
            node: self.list,
            ..*failure
        };
        self.events.gave_up(self.list, &failure, &[], request, said);
    }

    fn failed_over(
        &self,
        path: &str,
        rule: Span,
        failed: &str,
        code: ErrorCode,
        request: &RequestId,
    ) {
        self.events.failed_over(path, rule, failed, code, request);
    }

    fn repeated(&self, path: &str, code: ErrorCode, request: &RequestId) {
        self.events.repeated(path, code, request);
    }
}
