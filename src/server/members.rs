//! The members of dynamic groups: looked up when a configuration is built, then again and again; a change is taken by a
//! reload, which carries over everything that stays (spec/endpoints.md 15.3).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::reload::Shared;
use super::reloader::Reloader;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{DynamicLoadBalanceDef, EndpointDef, MembershipDef, Model};
use crate::config::source::Span;
use crate::endpoint::membership::{self, Address, Settings, Source};
use crate::observe::{Event, EventLog};

/// Longest wait for the first answer while a configuration is built; what comes later comes with the next look.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How often it is asked whose answer is too old.
const TICK: Duration = Duration::from_millis(250);
/// Most sources of one configuration.
const SOURCES_MAX: usize = 1000;

/// A provider with its settings and folders: sources that are the same are asked once.
pub type Key = (String, Vec<(String, String)>, Vec<PathBuf>);
/// What was put into the groups of one build.
pub type Found = Vec<(Key, Vec<Address>)>;

/// What the providers said last.
#[derive(Default)]
pub struct Members {
    known: Mutex<HashMap<Key, Known>>,
}

struct Known {
    source: Arc<dyn Source>,
    members: Vec<Address>,
    looked: Instant,
    /// Why the last look failed; the members are those of the one before.
    problem: Option<String>,
    /// The build that asked for it last.
    build: u64,
    running: bool,
}

/// Puts members into the definitions of one build.
pub struct Filling<'m> {
    model: &'m Model,
    /// `None`: only says what is wrong.
    members: Option<&'m Members>,
    build: u64,
    /// What the groups got, in the order of asking.
    found: Found,
}

impl<'m> Filling<'m> {
    /// For a build with that number.
    pub fn new(model: &'m Model, members: Option<&'m Members>, build: u64) -> Self {
        Self {
            model,
            members,
            build,
            found: Vec::new(),
        }
    }

    /// Puts members into every dynamic group of a definition.
    pub fn fill(&mut self, def: &mut EndpointDef, diagnostics: &mut Diagnostics) {
        membership::each_group(def, &mut |group| self.group(group, diagnostics));
    }

    fn group(&mut self, group: &mut DynamicLoadBalanceDef, diagnostics: &mut Diagnostics) {
        let folders = self.folders(group.membership.span);
        let settings = Settings {
            def: &group.membership,
            folders: &folders,
        };
        let Some(source) = membership::build(&settings, diagnostics) else {
            return;
        };
        let Some(members) = self.members else {
            return;
        };
        let key = key(&group.membership, &folders);
        let found = members.of(&key, source, self.build);
        membership::put(group, &found);
        self.found.push((key, found));
    }

    fn folders(&self, span: Span) -> Vec<PathBuf> {
        let file = &self.model.sources.file(span.file).path;
        let beside = file.parent().map(PathBuf::from).unwrap_or_default();
        vec![beside, self.model.root.clone(), PathBuf::new()]
    }

    /// What was put where, so that a later change can be told from it; forgets sources that this build did not ask for.
    pub fn done(self) -> Found {
        if let Some(members) = self.members {
            members
                .known
                .lock()
                .retain(|_, known| known.build >= self.build);
        }
        self.found
    }
}

fn key(def: &MembershipDef, folders: &[PathBuf]) -> Key {
    let settings = def.settings.iter();
    (
        def.provider.value.clone(),
        settings
            .map(|(n, v)| (n.clone(), v.value.clone()))
            .collect(),
        folders.to_vec(),
    )
}

impl Members {
    /// The members of a source; looks when it is a new one.
    fn of(&self, key: &Key, source: Box<dyn Source>, build: u64) -> Vec<Address> {
        {
            let mut known = self.known.lock();
            if let Some(known) = known.get_mut(key) {
                known.build = build;
                return known.members.clone();
            }
            if known.len() >= SOURCES_MAX {
                return Vec::new();
            }
        }
        let source: Arc<dyn Source> = source.into();
        let (members, problem) = match first_look(source.clone()) {
            Ok(members) => (members, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let known = Known {
            source,
            members: members.clone(),
            looked: Instant::now(),
            problem,
            build,
            running: false,
        };
        self.known.lock().insert(key.clone(), known);
        members
    }

    /// True while every group has what its source said last.
    pub fn unchanged(&self, used: &[(Key, Vec<Address>)]) -> bool {
        let known = self.known.lock();
        used.iter()
            .all(|(key, members)| known.get(key).is_none_or(|k| k.members == *members))
    }

    /// The sources whose answers are too old, marked as being asked.
    fn due(&self) -> Vec<(Key, Arc<dyn Source>)> {
        let mut known = self.known.lock();
        let now = Instant::now();
        let mut due = Vec::new();
        for (key, known) in known.iter_mut() {
            let Some(period) = known.source.period() else {
                continue;
            };
            if !known.running && now.duration_since(known.looked) >= period {
                known.running = true;
                due.push((key.clone(), known.source.clone()));
            }
        }
        due
    }

    /// Takes an answer; true when the members have changed.
    fn take(&self, key: &Key, found: std::io::Result<Vec<Address>>, events: &EventLog) -> bool {
        let mut known = self.known.lock();
        let Some(known) = known.get_mut(key) else {
            return false;
        };
        known.running = false;
        known.looked = Instant::now();
        match found {
            Ok(members) => {
                known.problem = None;
                let changed = known.members != members;
                known.members = members;
                changed
            }
            Err(error) => {
                let text = error.to_string();
                // Said once, not at every look.
                if known.problem.as_ref() != Some(&text) {
                    let said = format!("{} members stay as they were: {text}", key.0);
                    events.emit(Event {
                        text: Some(said),
                        ..Event::new("members.failed")
                    });
                    known.problem = Some(text);
                }
                false
            }
        }
    }
}

/// Asks a source, but does not wait long: a resolver may take its time.
fn first_look(source: Arc<dyn Source>) -> std::io::Result<Vec<Address>> {
    let (sender, found) = mpsc::channel();
    std::thread::Builder::new()
        .name("axon-members".to_owned())
        .spawn(move || {
            // Nobody waits any more when it took too long; the next look asks again.
            let _ = sender.send(source.look());
        })?;
    found
        .recv_timeout(FIRST_LOOK)
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// Asks the sources whenever their answers are too old, and has a change taken.
pub async fn follow(shared: Arc<Shared>, reloader: Reloader) {
    loop {
        tokio::time::sleep(TICK).await;
        let asked: Vec<_> = shared
            .members
            .due()
            .into_iter()
            .map(|(key, source)| {
                let look = tokio::task::spawn_blocking(move || source.look());
                (key, look)
            })
            .collect();
        let mut changed = false;
        for (key, look) in asked {
            let found = match look.await {
                Ok(found) => found,
                Err(_) => Err(std::io::Error::other("the look broke off")),
            };
            changed |= shared.members.take(&key, found, &shared.events);
        }
        if changed {
            reloader.reload().await;
        }
    }
}
