//! Reads the WSDL documents that a configuration refers to by URL: a bounded while before it serves, then in the background.
//!
//! Only the control plane waits here. A worker reads what is known at that moment; where nothing is known yet the
//! endpoint is not ready (303001), and a group goes on to its next child. A document that several endpoints name is read once a round.

mod fetch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::generation::Generation;
use super::reload::Shared;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::wsdl::{Collector, Documents, Failed, Location};
use crate::endpoint::NodeId;
use crate::endpoint::tree::wsdl::{Reading, WsdlTarget};
use crate::mediation::{Publication, Seen};
use crate::observe::stamp::unix_ms_of;
use crate::observe::{Event, EventLog};
use crate::transport::tls::ClientTls;
use crate::util::clock;

/// Longest time that a start or a reload waits for documents; what is late comes in the background.
const FIRST_ROUND: Duration = Duration::from_secs(2);
/// How often the background looks whether anything is due.
const LOOK: Duration = Duration::from_millis(500);
/// Most documents that are read at the same time.
const AT_ONCE: usize = 8;

/// Endpoints that wait for one document; who is not told gets its turn again.
struct Waiting(Vec<(NodeId, Arc<WsdlTarget>)>);

impl Drop for Waiting {
    fn drop(&mut self) {
        for (_, target) in &self.0 {
            target.abandon();
        }
    }
}

impl Waiting {
    fn tell(mut self, documents: &Result<Documents, String>) -> Told {
        let now = clock::now();
        let told = std::mem::take(&mut self.0)
            .into_iter()
            .map(|(id, target)| (id, target.report(documents, now)));
        Told::Endpoints(told.collect())
    }
}

/// A publication that waits for its documents.
struct Publishing(Arc<Publication>);

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Who was told of a reading, and what it changed.
enum Told {
    Endpoints(Vec<(NodeId, Reading)>),
    Publication(Arc<Publication>, Seen),
}

/// Reads what a generation needs before it serves, and warns of what could not be read. Blocks for at most
/// [`FIRST_ROUND`]: not for a worker.
pub(super) fn first_round(
    generation: &Generation,
    diagnostics: &mut Diagnostics,
) -> std::io::Result<()> {
    let (mut targets, mut publications) = (
        generation.endpoints.wsdl_targets(),
        generation.mediation.publications(),
    );
    if targets.all(|(_, t)| t.is_known()) && publications.all(|p| p.missing().is_none()) {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()?;
    runtime.block_on(async {
        // What is late is abandoned and due again at once.
        let _ = tokio::time::timeout(FIRST_ROUND, round(generation, None)).await;
    });
    // A name that does not resolve may keep a thread busy for longer.
    runtime.shutdown_background();
    for (id, target) in generation.endpoints.wsdl_targets() {
        if let Some(why) = target.not_ready() {
            let row = DiagnosticCode::WsdlPending.row();
            let node = generation.endpoints.node(id);
            let message = format!("endpoint {} is not ready: {why}", node.path);
            diagnostics.warn(row.code, node.span, message, row.help);
        }
    }
    for publication in generation.mediation.publications() {
        if let Some(why) = publication.missing() {
            let row = DiagnosticCode::WsdlPending.row();
            let message = format!("proxy service {}: {why}", publication.service);
            let help = "the service works without it; it is fetched again in the background";
            diagnostics.warn(row.code, publication.span, message, help);
        }
    }
    Ok(())
}

/// Reads documents for as long as the control plane lives.
pub(super) async fn keep_reading(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let generation = shared.current.load_full();
        round(&generation, Some(&shared.events)).await;
    }
}

/// Reads every document that is due.
async fn round(generation: &Generation, events: Option<&EventLog>) {
    let now = clock::now();
    // Read once for all endpoints that trust the same.
    let mut due: HashMap<(&Location, &str), (Arc<ClientTls>, Waiting)> = HashMap::new();
    for (id, target) in generation.endpoints.wsdl_targets() {
        if let Some(location) = &target.location
            && let Some(leaf) = generation.endpoints.leaf(id)
            && target.due(now)
        {
            let new = || (leaf.tls.clone(), Waiting(Vec::new()));
            let (_, waiting) = due.entry((location, leaf.tls.name())).or_insert_with(new);
            waiting.0.push((id, target.clone()));
        }
    }
    let tell = |told: Told| {
        if let Some(events) = events {
            emit(events, generation, told);
        }
    };
    let mut running = JoinSet::new();
    for ((location, _), (tls, waiting)) in due {
        if running.len() >= AT_ONCE
            && let Some(Ok(told)) = running.join_next().await
        {
            tell(told);
        }
        let location = location.clone();
        running.spawn(async move {
            waiting.tell(&fetch::collect(Collector::new(location), &tls).await)
        });
    }
    for publication in generation.mediation.publications() {
        let Some(gatherer) = publication.due(now) else {
            continue;
        };
        let tls = generation.tls.system().clone();
        let waiting = Publishing(publication.clone());
        if running.len() >= AT_ONCE
            && let Some(Ok(told)) = running.join_next().await
        {
            tell(told);
        }
        running.spawn(async move {
            let read = fetch::collect(gatherer, &tls).await;
            let seen = waiting.0.report(read, clock::now());
            Told::Publication(waiting.0.clone(), seen)
        });
    }
    while let Some(done) = running.join_next().await {
        // A task that panicked has abandoned what it read for: that gets its turn again.
        if let Ok(told) = done {
            tell(told);
        }
    }
}

fn emit(events: &EventLog, generation: &Generation, told: Told) {
    match told {
        Told::Endpoints(readings) => {
            for (id, reading) in readings {
                moved(events, generation, id, reading);
            }
        }
        Told::Publication(publication, seen) => published(events, generation, &publication, seen),
    }
}

fn published(events: &EventLog, generation: &Generation, publication: &Publication, seen: Seen) {
    let (what, next) = match seen {
        Seen::Failed(Failed { news: false, .. }) => return,
        Seen::Failed(Failed { problem, next, .. }) => (
            format!("its WSDL cannot be read: {problem}"),
            Some(unix_ms_of(next)),
        ),
        Seen::Shown(notes) if notes.is_empty() => ("its WSDL is published".to_owned(), None),
        Seen::Shown(notes) => (
            format!("its WSDL is published; left out: {}", notes.join("; ")),
            None,
        ),
    };
    events.emit(Event {
        rule: Some(generation.locate(publication.span)),
        text: Some(format!("proxy service {}: {what}", publication.service)),
        next,
        ..Event::new("proxy.wsdl")
    });
}

fn moved(events: &EventLog, generation: &Generation, id: NodeId, reading: Reading) {
    let node = generation.endpoints.node(id);
    let (text, next) = match reading {
        Reading::Same | Reading::Failed(Failed { news: false, .. }) => return,
        Reading::Changed { from: None, to } => (format!("its WSDL leads to {to}"), None),
        Reading::Changed {
            from: Some(from),
            to,
        } => (format!("its WSDL leads to {to}, no longer to {from}"), None),
        Reading::Failed(Failed { problem, next, .. }) => (
            format!("its WSDL cannot be used: {problem}"),
            Some(unix_ms_of(next)),
        ),
    };
    events.emit(Event {
        endpoint: Some(node.path.to_string()),
        rule: Some(generation.locate(node.span)),
        text: Some(text),
        next,
        ..Event::new("endpoint.wsdl")
    });
}
