//! The target of a WSDL endpoint: what its document says, which may become known or change while messages flow.
//!
//! Shared by the generations that have the same endpoint: the last good address is kept when a document cannot be read
//! any more, and a changed one is a new target of the same endpoint, whose state and sessions go on. Nothing here reads a
//! document: the control plane asks what is [`due`](WsdlTarget::due) and reports.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::target::Address;
use crate::config::model::WsdlDef;
use crate::config::wsdl::{Chosen, Documents, Failed, Location, Name, PortFormat, Schedule};
use crate::util::clock::Tick;

/// Where a WSDL endpoint sends to.
pub struct WsdlTarget {
    /// Where the document is; `None` when it stands in the configuration.
    pub location: Option<Location>,
    /// The service.
    pub service: Name,
    /// Its port.
    pub port: Name,
    refresh: Option<Duration>,
    known: ArcSwapOption<Known>,
    schedule: Mutex<Schedule>,
}

/// What the document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The address.
    pub address: Address,
    /// The format of the port.
    pub format: PortFormat,
}

/// What a reading changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The endpoint leads where it led.
    Same,
    /// It leads elsewhere, or for the first time somewhere.
    Changed {
        /// Before.
        from: Option<String>,
        /// Now.
        to: String,
    },
    /// The document cannot be read or used; the last good one is kept.
    Failed(Failed),
}

impl WsdlTarget {
    /// The target of a document that was read while loading.
    pub fn known(def: &WsdlDef, location: Option<Location>, known: Known) -> Self {
        // What is written inline has nothing to be read again.
        let refresh = location.as_ref().and_then(|_| refresh(def));
        let target = Self::new(def, location, Schedule::read(refresh));
        target.known.store(Some(Arc::new(known)));
        target
    }

    /// The target of a document that is still to be fetched.
    pub fn pending(def: &WsdlDef, url: String) -> Self {
        let schedule = Schedule::pending(refresh(def));
        Self::new(def, Some(Location::Url(url)), schedule)
    }

    fn new(def: &WsdlDef, location: Option<Location>, schedule: Schedule) -> Self {
        Self {
            location,
            service: def.service.value.clone(),
            port: def.port.value.clone(),
            refresh: refresh(def),
            known: ArcSwapOption::empty(),
            schedule: Mutex::new(schedule),
        }
    }

    /// Where it leads now.
    pub fn current(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// True once it is known where it leads.
    pub fn is_known(&self) -> bool {
        self.known.load().is_some()
    }

    /// Why the last reading failed, while that is so.
    pub fn problem(&self) -> Option<Arc<str>> {
        self.schedule.lock().problem()
    }

    /// Readings that succeeded and that failed.
    pub fn readings(&self) -> (u64, u64) {
        self.schedule.lock().counts()
    }

    /// True when the document is to be read now; who is told so has to report.
    pub fn due(&self, now: Tick) -> bool {
        self.schedule.lock().due(now)
    }

    /// Gives back what [`due`](Self::due) gave, unread.
    pub fn abandon(&self) {
        self.schedule.lock().abandon();
    }

    /// Reports a reading.
    pub fn report(&self, documents: &Result<Documents, String>, now: Tick) -> Reading {
        let found = documents
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|documents| self.choose(documents));
        let mut schedule = self.schedule.lock();
        let known = match found {
            Ok(known) => known,
            Err(problem) => return Reading::Failed(schedule.failed(&problem, now)),
        };
        schedule.succeeded(now);
        let before = self.known.load_full();
        if before.as_deref() == Some(&known) {
            return Reading::Same;
        }
        let to = known.address.to_string();
        self.known.store(Some(Arc::new(known)));
        Reading::Changed {
            from: before.map(|b| b.address.to_string()),
            to,
        }
    }

    fn choose(&self, documents: &Documents) -> Result<Known, String> {
        let chosen = documents
            .choose(&self.service, &self.port)
            .map_err(|problem| problem.to_string())?;
        Known::of(&chosen).ok_or_else(|| format!("\"{}\" is no http address", chosen.address))
    }

    /// True when both are read from the same port of the same document, as often.
    pub fn same_source(&self, other: &WsdlTarget) -> bool {
        self.same_port(other) && self.refresh == other.refresh
    }

    fn same_port(&self, other: &WsdlTarget) -> bool {
        self.location == other.location && self.service == other.service && self.port == other.port
    }

    /// Leads where another one led, until the document is read, when both mean the same port of it.
    pub fn inherit(&self, other: &WsdlTarget) {
        if self.same_port(other) {
            self.known.store(other.current());
        }
    }

    /// The endpoint in one line, for people.
    pub fn describe(&self) -> String {
        let place = match &self.location {
            Some(location) => location.to_string(),
            None => "inline WSDL".to_owned(),
        };
        let leads = match self.current() {
            Some(known) => known.address.to_string(),
            None => "not known yet".to_owned(),
        };
        format!(
            "{leads} ({place}, {}/{})",
            self.service.local, self.port.local
        )
    }

    /// Why it is not ready, when it is not.
    pub fn not_ready(&self) -> Option<String> {
        if self.is_known() {
            return None;
        }
        let why = match self.problem() {
            Some(problem) => format!("its WSDL cannot be used: {problem}"),
            None => "its WSDL has not been fetched yet".to_owned(),
        };
        Some(why)
    }
}

fn refresh(def: &WsdlDef) -> Option<Duration> {
    def.refresh.as_ref().map(|refresh| refresh.value)
}

impl Known {
    /// What a document says; `None` when its address is none of http or https.
    pub fn of(chosen: &Chosen) -> Option<Known> {
        Some(Known {
            address: Address::parse(chosen.address.trim())?,
            format: chosen.format,
        })
    }
}

impl PartialEq for WsdlTarget {
    fn eq(&self, other: &Self) -> bool {
        self.same_source(other)
    }
}

impl Eq for WsdlTarget {}

impl std::fmt::Debug for WsdlTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{LeafDef, WsdlSource};
    use crate::config::wsdl::{Document, WSDL11};
    use crate::endpoint::rules::tests::{ms, spanned};

    fn name(local: &str) -> Name {
        Name {
            namespace: None,
            local: local.to_owned(),
        }
    }

    fn def(refresh: Option<u64>) -> WsdlDef {
        WsdlDef {
            source: WsdlSource::Uri(spanned("http://h/w".to_owned())),
            service: spanned(name("S")),
            port: spanned(name("P")),
            refresh: refresh.map(|r| spanned(ms(r))),
            leaf: LeafDef::default(),
        }
    }

    fn documents(address: &str) -> Result<Documents, String> {
        let text = format!(
            "<definitions xmlns='{WSDL11}' xmlns:s='{WSDL11}soap/'><service name='S'>\
             <port name='P' binding='B'><s:address location='{address}'/></port></service></definitions>"
        );
        Ok(Documents {
            list: vec![Document::parse(text.as_bytes()).unwrap()],
            notes: Vec::new(),
        })
    }

    fn pending(refresh: Option<u64>) -> WsdlTarget {
        WsdlTarget::pending(&def(refresh), "http://h/w".to_owned())
    }

    fn address(target: &WsdlTarget) -> Option<String> {
        target.current().map(|k| k.address.to_string())
    }

    fn failed() -> Result<Documents, String> {
        Err("refused".to_owned())
    }

    #[test]
    fn a_pending_document_is_retried_with_growing_delays_until_it_is_there() {
        let target = pending(None);
        assert!(!target.is_known() && target.not_ready().is_some());
        let mut now = 0;
        let mut delays = Vec::new();
        for _ in 0..8 {
            assert!(target.due(Tick(now)));
            assert!(!target.due(Tick(now)), "somebody reads it already");
            let Reading::Failed(Failed { next, .. }) = target.report(&failed(), Tick(now)) else {
                panic!("no failure");
            };
            delays.push((next.0 - now) / 1000);
            assert!(!target.due(Tick(next.0 - 1)));
            now = next.0;
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(
            target
                .not_ready()
                .is_some_and(|why| why.contains("refused"))
        );
        assert!(target.due(Tick(now)));
        let changed = target.report(&documents("http://a/x"), Tick(now));
        let to = "http://a/x".to_owned();
        assert_eq!(changed, Reading::Changed { from: None, to });
        assert_eq!(target.not_ready(), None);
        assert!(
            !target.due(Tick(u64::MAX)),
            "without ax:refresh it is read once"
        );
        assert_eq!(target.readings(), (1, 8));
    }

    #[test]
    fn a_refreshed_document_keeps_the_last_good_address_and_takes_a_new_one() {
        let target = pending(Some(5_000));
        target.report(&documents("http://a/"), Tick(0));
        assert!(!target.due(Tick(4_999)) && target.due(Tick(5_000)));
        assert!(matches!(
            target.report(&failed(), Tick(5_000)),
            Reading::Failed(Failed { news: true, .. })
        ));
        assert!(matches!(
            target.report(&failed(), Tick(6_000)),
            Reading::Failed(Failed { news: false, .. })
        ));
        assert_eq!(address(&target).as_deref(), Some("http://a/"));
        assert_eq!(
            target.report(&documents("http://a/"), Tick(9_000)),
            Reading::Same
        );
        assert_eq!(target.problem(), None);
        assert!(matches!(
            target.report(&documents("http://b/"), Tick(14_000)),
            Reading::Changed { from: Some(_), .. }
        ));
        assert_eq!(address(&target).as_deref(), Some("http://b/"));
    }

    #[test]
    fn a_document_without_the_port_or_with_another_transport_is_a_problem() {
        let target = pending(None);
        for (documents, says) in [
            (documents("jms:/q"), "jms:/q"),
            (documents(""), "no address"),
        ] {
            let Reading::Failed(Failed { problem, .. }) = target.report(&documents, Tick(0)) else {
                panic!("no failure");
            };
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn an_abandoned_reading_is_due_again() {
        let target = pending(None);
        assert!(target.due(Tick(0)));
        target.abandon();
        assert!(target.due(Tick(0)));
    }
}
