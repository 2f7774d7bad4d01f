//! The definition that a proxy service publishes: known from the load, or fetched while messages flow.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EntryDef, ProxyDef};
use crate::config::source::Span;
use crate::config::wsdl::{
    Addresses, Asked, Failed, Gatherer, Library, Location, Place, Published, Publishing, Schedule,
};
use crate::exchange::{Body, Exchange};
use crate::mediation::reply_with;
use crate::transport::head::ResponseHead;
use crate::transport::headers::Name;
use crate::util::clock::Tick;

/// What a proxy service shows for `?wsdl`.
#[derive(Debug)]
pub struct Publication {
    /// Name of the proxy service.
    pub service: Arc<str>,
    /// Where that is written.
    pub span: Span,
    addresses: Addresses,
    base: Option<String>,
    /// Where the document is to be read; `None` when the configuration has it all.
    location: Option<Location>,
    resources: HashMap<String, String>,
    shown: ArcSwapOption<Published>,
    schedule: Mutex<Schedule>,
}

/// What came of reading the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is shown now; what could not be read of its imports.
    Shown(Vec<String>),
    /// It cannot be read.
    Failed(Failed),
}

impl Publication {
    pub(super) fn build(
        def: &ProxyDef,
        library: &Library<'_>,
        entries: &[EntryDef],
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Publication>> {
        let publish = def.publish.as_ref()?;
        let (location, resources, shown, schedule) =
            match library.publish(publish, entries, diagnostics) {
                Publishing::Nothing => return None,
                Publishing::Known(published) => {
                    (None, HashMap::new(), Some(published), Schedule::read(None))
                }
                Publishing::Later(location, resources) => {
                    (Some(location), resources, None, Schedule::pending(None))
                }
            };
        Some(Arc::new(Publication {
            service: def.name.value.as_str().into(),
            span: def.span,
            addresses: def.addresses,
            base: def.base.clone(),
            location,
            resources,
            shown: ArcSwapOption::new(shown.map(Arc::new)),
            schedule: Mutex::new(schedule),
        }))
    }

    /// What is to be read now, when something is; who gets it has to report.
    pub fn due(&self, now: Tick) -> Option<Gatherer> {
        let location = self.location.clone()?;
        let due = self.schedule.lock().due(now);
        due.then(|| Gatherer::new(location, self.resources.clone()))
    }

    /// Gives back what [`due`](Self::due) gave, unread.
    pub fn abandon(&self) {
        self.schedule.lock().abandon();
    }

    /// Reports a reading.
    pub fn report(&self, read: Result<(Published, Vec<String>), String>, now: Tick) -> Seen {
        let mut schedule = self.schedule.lock();
        match read {
            Ok((published, notes)) => {
                schedule.succeeded(now);
                self.shown.store(Some(Arc::new(published)));
                Seen::Shown(notes)
            }
            Err(problem) => Seen::Failed(schedule.failed(&problem, now)),
        }
    }

    /// Why nothing is shown yet.
    pub fn missing(&self) -> Option<String> {
        if self.shown.load().is_some() {
            return None;
        }
        let why = match self.schedule.lock().problem() {
            Some(problem) => format!("its WSDL cannot be read: {problem}"),
            None => "its WSDL has not been fetched yet".to_owned(),
        };
        Some(why)
    }

    pub(super) fn inherit(&self, before: &Publication) {
        if self.location.is_some() && self.location == before.location {
            self.shown.store(before.shown.load_full());
        }
    }

    /// Answers with the document that was asked for.
    pub(super) fn answer(&self, asked: &Asked, x: &mut Exchange) {
        let Some(published) = self.shown.load_full() else {
            let why = self.missing().unwrap_or_default();
            let text = format!("The service {} has no WSDL to show: {why}\n", self.service);
            let mut head = plain(503);
            head.headers.append(b"Retry-After", b"1");
            return reply_with(x, head, Body::Whole(Bytes::from(text)));
        };
        let base = self.base.clone().unwrap_or_else(|| seen_from(x));
        let place = Place {
            base: &base,
            service: &self.service,
            addresses: self.addresses,
        };
        let (head, text) = match published.show(asked, &place) {
            Some(text) => {
                let mut head = ResponseHead::new(200);
                head.headers
                    .append(b"Content-Type", b"text/xml; charset=UTF-8");
                (head, text)
            }
            None => {
                let text = format!("The service {} has no such document.\n", self.service);
                (plain(404), text)
            }
        };
        reply_with(x, head, Body::Whole(Bytes::from(text)));
    }
}

fn plain(status: u16) -> ResponseHead {
    let mut head = ResponseHead::new(status);
    head.headers
        .append(b"Content-Type", b"text/plain; charset=UTF-8");
    head
}

/// Scheme, host and port as the client reached them.
fn seen_from(x: &Exchange) -> String {
    let scheme = if x.arrival.https { "https" } else { "http" };
    match x
        .request
        .headers
        .value(Name::Host)
        .filter(|h| !h.is_empty())
    {
        Some(host) => format!("{scheme}://{}", String::from_utf8_lossy(host)),
        None => format!("{scheme}://{}", x.arrival.local),
    }
}
