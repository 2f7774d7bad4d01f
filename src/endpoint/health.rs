//! What health checks do to a leaf's state (spec/endpoints.md 6.5 rule 7, users-ask U18): decisions only, the control plane
//! makes the checks.
//!
//! Some failures in a row take the leaf out, some successes in a row bring it back, also from a suspension that messages
//! caused: checks may shorten one. Off is never touched. A leaf that a check took out is held out by a lease that each further
//! failure renews: when the checks end (a reload without them, say), it comes back by itself.

use std::time::Duration;

use bytes::Bytes;

use super::state::{EndpointState, StateCell, Transition};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{ExpectDef, HealthDef, HealthKind, SoapCheck};
use crate::config::source::Span;
use crate::soap::content::{Content, Extent};
use crate::soap::envelope::Format;
use crate::soap::xpath::{Context, NoHost, Plain, XPath};
use crate::util::clock::Tick;

/// The check of a leaf, compiled.
#[derive(Debug)]
pub struct Check {
    /// As written.
    pub def: HealthDef,
    /// What must hold of the answer.
    pub expect: Option<Expectation>,
}

/// A condition over the envelope of an answer.
#[derive(Debug)]
pub struct Expectation {
    text: String,
    xpath: XPath,
}

impl Check {
    /// Compiles a check; a condition that is no XPath is reported at its place, and the check is none.
    pub fn build(def: &HealthDef, diagnostics: &mut Diagnostics) -> Option<Check> {
        let expect = match &def.kind {
            HealthKind::Soap(soap) => soap.expect.as_ref(),
            _ => None,
        };
        let expect = match expect.map(|expect| Expectation::compile(expect)) {
            None => None,
            Some(Ok(expectation)) => Some(expectation),
            Some(Err((span, message))) => {
                diagnostics.error(DiagnosticCode::BadExpression, span, message);
                return None;
            }
        };
        Some(Check {
            def: def.clone(),
            expect,
        })
    }
}

impl Expectation {
    fn compile(def: &ExpectDef) -> Result<Expectation, (Span, String)> {
        let mut scope = Plain {
            namespaces: def.prefixes.clone(),
        };
        let text = def.text.value.clone();
        match XPath::compile(&text, &mut scope) {
            Ok(xpath) => Ok(Expectation { text, xpath }),
            Err(error) => Err((def.text.span, format!("expect: {error}"))),
        }
    }

    /// Whether it holds of an answer.
    ///
    /// # Errors
    /// One line: it does not, or the answer cannot be read.
    pub fn holds(&self, answer: Bytes) -> Result<(), String> {
        let content = Content::new(answer, Extent::Whole, Format::Pox, b"");
        let view = content.view().map_err(|error| error.to_string())?;
        let context = Context {
            tree: Some(&view.tree),
            node: view.envelope,
            host: &NoHost,
        };
        match self.xpath.evaluate(&context) {
            Ok(value) if value.to_boolean() => Ok(()),
            Ok(_) => Err(format!("`{}` does not hold of the answer", self.text)),
            Err(error) => Err(format!("`{}` failed: {error}", self.text)),
        }
    }
}

/// The checks of one leaf, counted.
#[derive(Debug)]
pub struct Health {
    rise: u32,
    fall: u32,
    lease: Duration,
    rule: Span,
    good: u32,
    bad: u32,
    /// Since when the leaf was in its state at the last look.
    since: Option<(EndpointState, Tick)>,
}

impl Health {
    /// Nothing counted yet.
    pub fn new(def: &HealthDef) -> Self {
        Self {
            rise: def.rise,
            fall: def.fall,
            lease: (def.interval + def.timeout) * 2,
            rule: def.span,
            good: 0,
            bad: 0,
            since: None,
        }
    }

    /// Takes the outcome of one check in.
    pub fn observe(&mut self, passed: bool, state: &StateCell, now: Tick) -> Option<Transition> {
        let snapshot = state.snapshot();
        let since = Some((snapshot.state, snapshot.since));
        if since != self.since {
            // What was good before a message found it bad counts no longer.
            (self.good, self.since) = (0, since);
        }
        let transition = if passed {
            self.bad = 0;
            self.good = self.good.saturating_add(1);
            (self.good >= self.rise).then(|| state.check_passed(now, self.rule))
        } else {
            self.good = 0;
            self.bad = self.bad.saturating_add(1);
            (self.bad >= self.fall).then(|| state.check_failed(now, self.lease, self.rule))
        };
        transition.flatten()
    }
}

/// The envelope of a call, and the fields that go with it.
pub fn envelope(call: &SoapCheck) -> (String, Vec<(&'static str, String)>) {
    let (namespace, headers) = match (call.soap12, call.action.as_str()) {
        (false, action) => (
            "http://schemas.xmlsoap.org/soap/envelope/",
            vec![
                ("Content-Type", "text/xml; charset=UTF-8".to_owned()),
                ("SOAPAction", format!("\"{action}\"")),
            ],
        ),
        (true, action) => {
            let action = match action {
                "" => String::new(),
                action => format!("; action=\"{action}\""),
            };
            let media_type = format!("application/soap+xml; charset=UTF-8{action}");
            (
                "http://www.w3.org/2003/05/soap-envelope",
                vec![("Content-Type", media_type)],
            )
        }
    };
    let inside = &call.inside;
    let text =
        format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Body>{inside}</s:Body></s:Envelope>");
    (text, headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::ErrorCode;
    use crate::config::model::LeafDef;
    use crate::config::source::Spanned;
    use crate::endpoint::rules::tests::{PLACE, ms, rules};
    use EndpointState::{Active, Off, Suspended};

    fn health(rise: u32, fall: u32) -> Health {
        Health::new(&HealthDef {
            kind: HealthKind::Tcp,
            interval: ms(1000),
            timeout: ms(500),
            rise,
            fall,
            span: PLACE,
        })
    }

    fn state(cell: &StateCell) -> EndpointState {
        cell.snapshot().state
    }

    #[test]
    fn it_falls_and_rises_after_so_many_in_a_row() {
        let (mut health, cell) = (health(2, 3), StateCell::default());
        for (second, passed, expected) in [
            (1, false, Active),
            (2, false, Active),
            (3, true, Active),
            (4, false, Active),
            (5, false, Active),
            (6, false, Suspended),
            (7, true, Suspended),
            (8, false, Suspended),
            (9, true, Suspended),
            (10, true, Active),
        ] {
            let now = Tick(second * 1000);
            let before = state(&cell);
            let transition = health.observe(passed, &cell, now);
            assert_eq!(state(&cell), expected, "{second}");
            assert_eq!(transition.is_some(), before != expected, "{second}");
            if let Some(transition) = transition {
                assert_eq!(transition.rule, Some(PLACE));
                assert_eq!((transition.from, transition.to), (before, expected));
            }
        }
    }

    #[test]
    fn out_it_is_not_asked_and_its_lease_ends_without_checks() {
        let (mut health, cell) = (health(1, 1), StateCell::default());
        let down = health.observe(false, &cell, Tick(1000)).unwrap();
        assert_eq!(down.code, Some(ErrorCode::HEALTH_CHECK));
        assert!(!cell.is_ready(Tick(3999)));
        health.observe(false, &cell, Tick(2000));
        assert!(!cell.is_ready(Tick(4999)), "renewed");
        assert!(cell.is_ready(Tick(5000)), "nobody checks any more");
        // Then it is probed like any other.
        assert!(cell.admit(Tick(5000)).unwrap().is_probe());
        assert!(!cell.is_ready(Tick(5000)));
    }

    #[test]
    fn a_suspension_by_messages_is_shortened_by_checks_after_it() {
        let (mut health, cell) = (health(2, 3), StateCell::default());
        for second in 1..5 {
            assert_eq!(health.observe(true, &cell, Tick(second * 1000)), None);
        }
        let admission = cell.admit(Tick(5000)).unwrap();
        let settings = rules(LeafDef::default());
        cell.on_error(
            &settings,
            admission,
            ErrorCode::CONNECT_FAILED,
            None,
            Tick(5000),
        );
        assert_eq!(
            health.observe(true, &cell, Tick(6000)),
            None,
            "one after it"
        );
        let back = health.observe(true, &cell, Tick(7000)).unwrap();
        assert_eq!((back.from, back.to), (Suspended, Active));
        // The progression begins anew.
        let admission = cell.admit(Tick(7000)).unwrap();
        let again = cell.on_error(
            &settings,
            admission,
            ErrorCode::CONNECT_FAILED,
            None,
            Tick(7000),
        );
        assert_eq!(again.unwrap().pause, ms(30_000));
    }

    #[test]
    fn a_failing_check_never_shortens_a_suspension() {
        let (mut health, cell) = (health(2, 1), StateCell::default());
        let admission = cell.admit(Tick(0)).unwrap();
        cell.on_error(
            &rules(LeafDef::default()),
            admission,
            ErrorCode::CONNECT_FAILED,
            None,
            Tick(0),
        );
        assert_eq!(health.observe(false, &cell, Tick(1000)), None);
        assert!(!cell.is_ready(Tick(29_999)));
        assert!(cell.is_ready(Tick(30_000)));
    }

    fn expectation(text: &str) -> Result<Expectation, (Span, String)> {
        Expectation::compile(&ExpectDef {
            text: Spanned::new(text.to_owned(), PLACE),
            prefixes: vec![("p".to_owned(), "urn:p".to_owned())],
        })
    }

    #[test]
    fn an_expectation_holds_of_the_envelope_of_the_answer() {
        let ready = expectation("//p:state = 'ready'").unwrap();
        let answer = |state: &str| {
            let body = format!("<e:Body><r xmlns=\"urn:p\"><state>{state}</state></r></e:Body>");
            let ns = "http://schemas.xmlsoap.org/soap/envelope/";
            Bytes::from(format!("<e:Envelope xmlns:e=\"{ns}\">{body}</e:Envelope>"))
        };
        assert_eq!(ready.holds(answer("ready")), Ok(()));
        let other = ready.holds(answer("starting")).unwrap_err();
        assert_eq!(other, "`//p:state = 'ready'` does not hold of the answer");
        assert!(ready.holds(Bytes::from("<a>")).is_err(), "not XML");
        assert!(ready.holds(Bytes::new()).is_err(), "nothing is not ready");
        for wrong in ["//p:state = ", "//q:state", "get-property('a')", "$x"] {
            let (span, message) = expectation(wrong).unwrap_err();
            assert!(
                span == PLACE && message.starts_with("expect: "),
                "{message}"
            );
        }
    }

    #[test]
    fn a_call_says_its_action_as_its_version_does() {
        let call = |soap12| SoapCheck {
            path: None,
            soap12,
            action: "urn:a".to_owned(),
            inside: "<p/>".to_owned(),
            statuses: Vec::new(),
            expect: None,
        };
        let (text, headers) = envelope(&call(false));
        assert!(text.contains("<s:Body><p/></s:Body>"), "{text}");
        assert_eq!(headers[1], ("SOAPAction", "\"urn:a\"".to_owned()));
        let (_, headers) = envelope(&call(true));
        let media_type = "application/soap+xml; charset=UTF-8; action=\"urn:a\"";
        assert_eq!(headers, [("Content-Type", media_type.to_owned())]);
    }

    #[test]
    fn off_is_never_touched() {
        let (mut health, cell) = (health(1, 1), StateCell::default());
        cell.switch_off(Tick(0));
        for (second, passed) in [(1, true), (2, false), (3, true)] {
            assert_eq!(health.observe(passed, &cell, Tick(second * 1000)), None);
            assert_eq!(state(&cell), Off);
        }
    }

    #[test]
    fn a_message_under_way_does_not_undo_what_a_check_found() {
        let (mut health, cell) = (health(1, 1), StateCell::default());
        let admission = cell.admit(Tick(0)).unwrap();
        health.observe(false, &cell, Tick(1000));
        assert_eq!(cell.on_success(admission, Tick(1500)), None);
        assert_eq!(state(&cell), Suspended);
        cell.check_invariants();
    }
}
