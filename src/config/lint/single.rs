//! Rules about one leaf.

use std::time::Duration;

use super::{Scene, leaf};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EndpointDef, LeafDef};

/// A suspension without alternative is worth a word from here on. The default of 30 seconds, which is what most samples have, is not.
const LONG: Duration = Duration::from_secs(60);

/// Nobody takes over while a lone endpoint is suspended: clients get 303001 although the service may be back.
pub(super) fn long_suspension(
    def: &EndpointDef,
    lone: bool,
    _: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(leaf) = leaf(def).filter(|_| lone) else {
        return;
    };
    let Some(place) = leaf.suspend_span else {
        return;
    };
    let never = !leaf.suspend_codes.is_empty() && leaf.suspend_codes.iter().all(|code| *code < 0);
    let Some(longest) = longest(leaf).filter(|_| !never) else {
        return;
    };
    let for_how_long = match longest {
        Longest::Fixed(length) if length <= LONG => return,
        Longest::Fixed(length) => format!("for up to {} s", length.as_secs()),
        Longest::Grows => "for longer each time, without end".to_owned(),
    };
    let row = DiagnosticCode::LoneSuspension.row();
    // The block's name, not all of its lines.
    let place = crate::config::source::Span {
        end: place.start + "<suspendOnFailure".len() as u32,
        ..place
    };
    diagnostics.warn(
        row.code,
        place,
        format!("this endpoint has no alternative and is suspended {for_how_long}"),
        row.help,
    );
}

enum Longest {
    Fixed(Duration),
    Grows,
}

fn longest(leaf: &LeafDef) -> Option<Longest> {
    let initial = leaf.suspend_initial.as_ref()?.value;
    if initial.is_zero() {
        return None;
    }
    let grows = leaf.suspend_factor.as_ref().is_some_and(|f| f.value > 1.0);
    Some(match (&leaf.suspend_maximum, grows) {
        (Some(maximum), true) => Longest::Fixed(maximum.value),
        (Some(maximum), false) => Longest::Fixed(initial.min(maximum.value)),
        (None, true) => Longest::Grows,
        (None, false) => Longest::Fixed(initial),
    })
}

/// A maximum below the first suspension is what counts; the first one and the factor are then for nothing.
pub(super) fn maximum_below_initial(
    def: &EndpointDef,
    _: bool,
    _: &Scene<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(leaf) = leaf(def) else { return };
    let (Some(initial), Some(maximum)) = (&leaf.suspend_initial, &leaf.suspend_maximum) else {
        return;
    };
    if maximum.value < initial.value {
        let row = DiagnosticCode::MaximumBelowInitial.row();
        diagnostics.warn(
            row.code,
            maximum.span,
            format!(
                "maximumDuration ({} ms) is below initialDuration ({} ms), which never applies",
                maximum.value.as_millis(),
                initial.value.as_millis()
            ),
            row.help,
        );
    }
}
