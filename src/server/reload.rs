//! Taking a new configuration while traffic flows: read, compile, swap, or keep the last good one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::counters::Counters;
use super::doors::{self, Doors};
use super::generation::{Around, Built, Generation, Origin};
use super::members::Members;
use super::wsdl;
use crate::admin::{ChangeView, KeptView, ReloadView};
use crate::cluster::{Plan, Standing};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::source::Sources;
use crate::config::wsdl::FileSeen;
use crate::endpoint::allow::AllowList;
use crate::mediation::entries_of;
use crate::observe::stamp::unix_ms;
use crate::observe::{Event, EventLog};
use crate::transport::limits::Limits;
use crate::transport::tls::TlsSet;

/// What workers and control plane share.
pub struct Shared {
    /// The generation that serves.
    pub current: Arc<ArcSwap<Generation>>,
    /// Where the configuration comes from.
    pub origin: Origin,
    /// Start with artifacts that cannot mean anything (`--lenient`).
    pub lenient: bool,
    /// Bounds and timers of the workers.
    pub limits: Limits,
    /// What is known of listeners and administration, for targets that messages name.
    pub network: AllowList,
    /// What is known of the members of dynamic groups.
    pub members: Members,
    /// Where the process stands in the cluster.
    pub standing: Standing,
    /// What makes the process a member of it, for whoever follows.
    pub plan: watch::Sender<Option<Arc<Plan>>>,
    /// The doors of the gateway-config.
    pub doors: Doors,
    /// Counters of the workers.
    pub counters: Vec<Arc<Counters>>,
    /// Takes events.
    pub events: Arc<EventLog>,
    /// Reloads so far; also keeps them one at a time.
    pub reloads: Mutex<Reloads>,
}

/// What became of the reloads.
#[derive(Clone, Debug)]
pub struct Reloads {
    /// Taken.
    pub applied: u64,
    /// Nothing had changed.
    pub unchanged: u64,
    /// Refused.
    pub rejected: u64,
    /// When the last one ended, milliseconds since 1970.
    pub last_unix_ms: u64,
    /// Why the last one was refused, while that is so.
    pub problem: Option<String>,
    /// Certificates, keys and authorities that the last one read, or wanted to.
    pub files: Vec<PathBuf>,
}

impl Default for Reloads {
    fn default() -> Self {
        Self {
            applied: 0,
            unchanged: 0,
            rejected: 0,
            last_unix_ms: unix_ms(),
            problem: None,
            files: Vec::new(),
        }
    }
}

/// Reads the configuration again. Blocks for as long as reading and compiling takes: not for a worker.
pub fn reload(shared: &Shared) -> ReloadView {
    let begun = Instant::now();
    // One at a time: each builds on the one before.
    let mut reloads = shared.reloads.lock();
    let previous = shared.current.load_full();
    let mut loaded = shared.origin.load();
    reloads.files = loaded.material.paths().map(PathBuf::from).collect();
    reloads
        .files
        .extend(loaded.settings.cluster.key_file.clone());
    let gateway = loaded.model.gateway.iter();
    reloads.files.extend(gateway.flat_map(|g| g.users_files()));
    let unchanged = same_texts(&loaded.model.sources, &previous.sources)
        && TlsSet::fingerprint_of(&loaded.material) == previous.tls.fingerprint()
        && previous.read.iter().all(FileSeen::is_unchanged)
        && entries_of(&loaded.model).as_ref() == previous.entries.as_deref()
        && shared.members.unchanged(&previous.members);
    let mut view = ReloadView {
        generation: previous.number,
        ..ReloadView::default()
    };
    if unchanged {
        reloads.unchanged += 1;
        reloads.problem = None;
        view.result = "unchanged".to_owned();
    } else {
        doors::check(&loaded.model, &mut loaded.diagnostics);
        let (built, mut diagnostics, _settings) = Generation::build(
            loaded,
            shared.origin.default.as_deref(),
            Some(&previous),
            &Around {
                network: &shared.network,
                members: &shared.members,
                standing: &shared.standing,
            },
        );
        if shared.lenient || !diagnostics.has_errors() {
            // Without a runtime of its own nothing is read now; the background does it.
            let _ = wsdl::first_round(&built.generation, &mut diagnostics);
        }
        let fresh = match &built.generation.gateway {
            Some(gateway) if shared.lenient || !diagnostics.has_errors() => {
                shared.doors.bind(gateway, &mut diagnostics)
            }
            _ => Vec::new(),
        };
        let problems = diagnostics.into_sorted();
        view.diagnostics = problems
            .iter()
            .map(|d| described(d, &built.generation.sources))
            .collect();
        match problems
            .iter()
            .find(|d| d.severity == Severity::Error)
            .filter(|_| !shared.lenient)
        {
            Some(error) => {
                reloads.rejected += 1;
                reloads.problem = Some(format!(
                    "{}: {} [{}]",
                    built.generation.locate(error.span),
                    error.message,
                    error.code
                ));
                view.result = "rejected".to_owned();
            }
            None => {
                reloads.applied += 1;
                reloads.problem = None;
                apply(shared, &previous, built, &mut view);
                let listener = |kind, text| {
                    shared.events.emit(Event {
                        text: Some(text),
                        ..Event::new(kind)
                    });
                };
                for name in shared.doors.hand_out(fresh) {
                    listener("listener.opened", format!("listening {name}"));
                }
                let gateway = shared.current.load();
                for name in shared.doors.close_unused(gateway.gateway.as_ref()) {
                    let text = format!(
                        "{name} is closed: nothing leads there any more; its connections go on"
                    );
                    listener("listener.closed", text);
                }
            }
        }
    }
    reloads.last_unix_ms = unix_ms();
    view.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let text = match &reloads.problem {
        Some(problem) => format!(
            "{}; generation {} goes on: {problem}",
            view.result, view.generation
        ),
        None => format!(
            "{}; generation {} in {} ms",
            view.result, view.generation, view.took_ms
        ),
    };
    if view.result != "unchanged" {
        shared.events.emit(Event {
            text: Some(text),
            ..Event::new("config.reload")
        });
    }
    view
}

fn apply(shared: &Shared, previous: &Generation, built: Built, view: &mut ReloadView) {
    let Built {
        generation,
        report,
        plan,
    } = built;
    let texts = |list: Vec<Arc<str>>| list.iter().map(|path| path.to_string()).collect::<Vec<_>>();
    let sessions = |generation: &Generation| generation.endpoints.session_count() as u64;
    let before = sessions(previous);
    view.result = "applied".to_owned();
    view.generation = generation.number;
    view.added = texts(report.added);
    view.removed = texts(report.dropped);
    for path in &report.reset {
        let before = endpoints_state(previous, path);
        let after = endpoints_state(&generation, path);
        shared
            .events
            .note(path, "endpoint.reset", 0, None, || Event {
                from: before,
                to: after,
                text: Some(format!(
                    "its definition changed with generation {}: state and counters begin anew",
                    generation.number
                )),
                ..Event::new("endpoint.reset")
            });
    }
    view.changed = texts(report.reset)
        .into_iter()
        .map(|path| ChangeView {
            path,
            fields: Vec::new(),
            state_kept: false,
        })
        .collect();
    let inherited = sessions(&generation);
    let generation = Arc::new(generation);
    shared.current.store(generation.clone());
    generation.tell_left_out(&shared.events);
    tell_namespace(shared, previous, &generation);
    let plan = plan.map(Arc::new);
    shared.plan.send_if_modified(|now| {
        let changed = *now != plan;
        *now = plan;
        changed
    });
    let ended = generation.endpoints.end_lost_sessions(&previous.endpoints) as u64;
    view.sessions = KeptView {
        kept: inherited.saturating_sub(ended),
        lost: before.saturating_sub(inherited) + ended,
    };
}

/// Told again only when the file has become one of another namespace.
fn tell_namespace(shared: &Shared, previous: &Generation, generation: &Generation) {
    let namespace = |generation: &Generation| {
        let gateway = generation.gateway.as_ref()?;
        Some(gateway.namespace().0.to_owned())
    };
    if namespace(previous) != namespace(generation) {
        generation.tell_gateway(&shared.events);
    }
}

fn endpoints_state(generation: &Generation, path: &str) -> Option<&'static str> {
    let endpoints = &generation.endpoints;
    let leaf = endpoints.leaf(endpoints.at_path(path)?)?;
    Some(leaf.state.snapshot().state.name())
}

fn described(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let at = sources.position(diagnostic.span.file, diagnostic.span.start);
    serde_json::json!({
        "code": diagnostic.code.to_string(),
        "severity": diagnostic.severity.word(),
        "file": sources.file(diagnostic.span.file).path.display().to_string(),
        "line": at.line,
        "column": at.column,
        "message": diagnostic.message,
    })
}

fn same_texts(a: &Sources, b: &Sources) -> bool {
    a.len() == b.len()
        && a.files()
            .zip(b.files())
            .all(|(a, b)| a.path == b.path && a.text == b.text)
}
