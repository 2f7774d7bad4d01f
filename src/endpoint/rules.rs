//! What a leaf's settings say about an error, and how long the suspension after it lasts.
//!
//! Classification is spec/endpoints.md 6.2 (timeout list first, its default is 101504 and 101505), durations are 6.3
//! in 64 bits with saturation (6.5 rule 5), where the originals use a 32-bit float product. A configured list matches
//! when it holds the base code or the code with the protocol state added (7.1), so files written for either style work.

use std::time::Duration;

use crate::codes::ErrorCode;
use crate::config::model::LeafDef;
use crate::config::source::Span;

/// First suspension when the file gives none.
pub const DEFAULT_INITIAL: Duration = Duration::from_millis(30_000);
/// Pause of a failed `member` without settings: the originals probe such members from one second on.
pub const MEMBER_INITIAL: Duration = Duration::from_millis(1_000);

/// What kind of error a code is for one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Counts against the tolerated errors (`markForSuspension`).
    Timeout,
    /// Suspends at once (`suspendOnFailure`).
    Suspend,
    /// Changes nothing.
    Ignored,
}

/// The suspension settings of one leaf, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSettings {
    mark_codes: Vec<i32>,
    suspend_codes: Vec<i32>,
    /// How many timeout errors are tolerated.
    pub tolerated: u32,
    /// Pause after each tolerated error.
    pub retry_delay: Duration,
    /// First suspension.
    pub initial: Duration,
    /// Multiplier of the next one.
    pub factor: f64,
    /// Longest suspension.
    pub maximum: Duration,
    never: bool,
    mark_span: Span,
    suspend_span: Span,
}

impl RuleSettings {
    /// Resolves a definition block; `place` is what an event names when the file has no element for the rule.
    pub fn new(def: &LeafDef, place: Span) -> Self {
        Self {
            mark_codes: def.mark_codes.clone(),
            suspend_codes: def.suspend_codes.clone(),
            tolerated: def.mark_retries.as_ref().map_or(0, |v| v.value),
            retry_delay: def.mark_delay.as_ref().map_or(Duration::ZERO, |v| v.value),
            initial: def
                .suspend_initial
                .as_ref()
                .map_or(DEFAULT_INITIAL, |v| v.value),
            factor: def.suspend_factor.as_ref().map_or(1.0, |v| v.value),
            maximum: def
                .suspend_maximum
                .as_ref()
                .map_or(Duration::MAX, |v| v.value),
            never: false,
            mark_span: def.mark_span.or(def.suspend_span).unwrap_or(place),
            suspend_span: def.suspend_span.unwrap_or(place),
        }
    }

    /// Where the rule stands that put an endpoint into a state, when it is one that rules lead to.
    pub fn span_of(&self, state: super::state::EndpointState) -> Option<Span> {
        match state {
            super::state::EndpointState::Timeout => Some(self.mark_span),
            super::state::EndpointState::Suspended => Some(self.suspend_span),
            _ => None,
        }
    }

    /// Resolves the block of a `member`. Without settings it pauses one second after a failure when the group fails
    /// over, and is never suspended when it does not: the originals track members in the first case only (spec 12).
    pub fn for_member(def: &LeafDef, place: Span, failover: bool) -> Self {
        let mut rules = Self::new(def, place);
        if def.suspend_span.is_none() && def.mark_span.is_none() {
            rules.initial = MEMBER_INITIAL;
            rules.never = !failover;
        }
        rules
    }

    /// Classifies an error by its base code and, when the transport knows it, the code with the protocol state added.
    pub fn classify(&self, code: ErrorCode, state_added: Option<ErrorCode>) -> ErrorClass {
        // An endpoint with much to do is not one that fails.
        if self.never || code == ErrorCode::OVERLOADED {
            return ErrorClass::Ignored;
        }
        let listed = |list: &[i32]| contains(list, code, state_added);
        let timeout = if self.mark_codes.is_empty() {
            code == ErrorCode::RESPONSE_TIMEOUT || code == ErrorCode::CONNECTION_CLOSED
        } else {
            listed(&self.mark_codes)
        };
        if timeout {
            ErrorClass::Timeout
        } else if self.suspend_codes.is_empty() || listed(&self.suspend_codes) {
            ErrorClass::Suspend
        } else {
            ErrorClass::Ignored
        }
    }

    /// Length in milliseconds of the suspension that follows one of `last_ms` (0 = there was none).
    pub fn next_suspension_ms(&self, last_ms: u64) -> u64 {
        let wanted = if last_ms == 0 {
            millis(self.initial)
        } else {
            let product = (last_ms as f64 * self.factor).trunc();
            if product.is_nan() || product < 0.0 {
                millis(DEFAULT_INITIAL)
            } else {
                product as u64 // float to integer saturates
            }
        };
        wanted.min(millis(self.maximum))
    }

    /// Place of the rule that a classification followed.
    pub fn place(&self, class: ErrorClass) -> Span {
        match class {
            ErrorClass::Timeout => self.mark_span,
            ErrorClass::Suspend | ErrorClass::Ignored => self.suspend_span,
        }
    }
}

/// `retryConfig` of one leaf: whether its group may try another child after a code (spec 10.2).
#[derive(Clone, Debug, Default)]
pub struct RetryRules {
    disabled: Vec<i32>,
    enabled: Vec<i32>,
}

impl RetryRules {
    /// Takes the lists of a definition block.
    pub fn new(def: &LeafDef) -> Self {
        Self {
            disabled: def.retry_disabled.clone(),
            enabled: def.retry_enabled.clone(),
        }
    }

    /// True when the group may go on after this code.
    pub fn allow(&self, code: ErrorCode, state_added: Option<ErrorCode>) -> bool {
        !contains(&self.disabled, code, state_added)
            && (self.enabled.is_empty() || contains(&self.enabled, code, state_added))
    }
}

fn contains(list: &[i32], code: ErrorCode, state_added: Option<ErrorCode>) -> bool {
    list.contains(&code.0) || state_added.is_some_and(|added| list.contains(&added.0))
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::source::{FileId, Spanned};

    pub(crate) const PLACE: Span = Span {
        file: FileId(0),
        start: 7,
        end: 9,
    };

    pub(crate) fn spanned<T>(value: T) -> Spanned<T> {
        Spanned::new(value, PLACE)
    }

    pub(crate) fn rules(def: LeafDef) -> RuleSettings {
        RuleSettings::new(&def, PLACE)
    }

    pub(crate) fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn classification_truth_table() {
        use ErrorClass::{Ignored, Suspend, Timeout};
        const M: i32 = 911911; // in the mark list
        const S: i32 = 922922; // in the suspend list
        const B: i32 = 933933; // in both
        const X: i32 = 101503; // in neither
        const T: i32 = 101504; // timeout by default, in neither list
        // (mark list given, suspend list given, code, class)
        let table = [
            (false, false, X, Suspend),
            (false, false, T, Timeout),
            (false, false, 101505, Timeout),
            (true, false, X, Suspend),
            (true, false, M, Timeout),
            (true, false, T, Suspend),
            (true, false, B, Timeout),
            (false, true, X, Ignored),
            (false, true, S, Suspend),
            (false, true, T, Timeout),
            (false, true, B, Suspend),
            (true, true, X, Ignored),
            (true, true, T, Ignored),
            (true, true, M, Timeout),
            (true, true, S, Suspend),
            (true, true, B, Timeout),
        ];
        for (mark, suspend, code, class) in table {
            let settings = rules(LeafDef {
                mark_codes: if mark { vec![M, B] } else { vec![] },
                suspend_codes: if suspend { vec![S, B] } else { vec![] },
                ..LeafDef::default()
            });
            assert_eq!(
                settings.classify(ErrorCode(code), None),
                class,
                "{mark} {suspend} {code}"
            );
        }
    }

    #[test]
    fn minus_one_in_both_lists_never_suspends() {
        let settings = rules(LeafDef {
            mark_codes: vec![-1],
            suspend_codes: vec![-1],
            ..LeafDef::default()
        });
        for row in crate::codes::ERRORS {
            assert_eq!(settings.classify(row.code, None), ErrorClass::Ignored);
        }
    }

    #[test]
    fn a_list_may_name_the_base_code_or_the_state_added_one() {
        let settings = rules(LeafDef {
            mark_codes: vec![101507],
            suspend_codes: vec![101503],
            ..LeafDef::default()
        });
        let (base, added) = (ErrorCode(101504), Some(ErrorCode(101507)));
        assert_eq!(settings.classify(base, added), ErrorClass::Timeout);
        assert_eq!(settings.classify(base, None), ErrorClass::Ignored);
        let retry = RetryRules::new(&LeafDef {
            retry_disabled: vec![101507],
            ..LeafDef::default()
        });
        assert!(!retry.allow(base, added));
        assert!(retry.allow(base, None));
    }

    #[test]
    fn suspensions_progress_up_to_the_cap_and_saturate() {
        let series = |initial, factor, maximum: Option<u64>| {
            let settings = rules(LeafDef {
                suspend_initial: Some(spanned(ms(initial))),
                suspend_factor: Some(spanned(factor)),
                suspend_maximum: maximum.map(|m| spanned(ms(m))),
                ..LeafDef::default()
            });
            let mut last = 0;
            std::iter::repeat_with(move || {
                last = settings.next_suspension_ms(last);
                last
            })
            .take(4)
            .collect::<Vec<_>>()
        };
        assert_eq!(series(3000, 1.5, Some(5000)), [3000, 4500, 5000, 5000]);
        assert_eq!(series(0, 2.0, None), [0, 0, 0, 0]);
        assert_eq!(series(1000, 0.5, None), [1000, 500, 250, 125]);
        assert_eq!(series(1000, -1.0, None), [1000, 30000, 30000, 30000]);
        assert_eq!(series(1 << 62, 8.0, None)[1], u64::MAX);
        assert_eq!(
            rules(LeafDef::default()).next_suspension_ms(30_000),
            30_000,
            "factor 1"
        );
    }

    #[test]
    fn retry_lists_decide_for_the_failed_child() {
        let only = RetryRules::new(&LeafDef {
            retry_enabled: vec![101503],
            retry_disabled: vec![101505],
            ..LeafDef::default()
        });
        assert!(only.allow(ErrorCode(101503), None));
        assert!(!only.allow(ErrorCode(101500), None));
        assert!(!only.allow(ErrorCode(101505), None));
        assert!(RetryRules::default().allow(ErrorCode(101505), None));
    }

    #[test]
    fn members_without_settings_pause_a_second_or_never() {
        let plain = LeafDef::default();
        let on = RuleSettings::for_member(&plain, PLACE, true);
        assert_eq!(on.next_suspension_ms(0), 1000);
        let off = RuleSettings::for_member(&plain, PLACE, false);
        assert_eq!(
            off.classify(ErrorCode::CONNECT_FAILED, None),
            ErrorClass::Ignored
        );
        let written = LeafDef {
            suspend_span: Some(PLACE),
            ..LeafDef::default()
        };
        let set = RuleSettings::for_member(&written, PLACE, false);
        assert_eq!(
            set.classify(ErrorCode::CONNECT_FAILED, None),
            ErrorClass::Suspend
        );
        assert_eq!(set.next_suspension_ms(0), 30_000);
    }
}
