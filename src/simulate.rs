//! `axon simulate`: an endpoint tree on a virtual clock.
//!
//! The decisions are the proxy's own (state, algorithm, session, walk, hold); only time and back ends are made up, by a
//! [`Scenario`]. The same scenario and seed give the same lines, so a question such as "what happens to my sessions when
//! that server is away for a minute" has an answer that can be kept as a test. Timelines of spec/endpoints.md 22 are such
//! scenarios, in `tests/data/simulate`.

mod print;
mod scenario;
mod world;

use std::path::{Path, PathBuf};

use crate::config::diagnostic::{Diagnostics, Severity};
use crate::config::wsdl::Library;
use crate::config::{loader, render};
use crate::endpoint::Endpoints;
use crate::endpoint::tree::Builder;
use crate::settings::Settings;

pub use print::{human, json};
pub use scenario::{Backend, Does, Reload, Request, Scenario, Switch};
pub use world::{Entry, LINES_MAX, run};

/// Loads the endpoints of files and folders as one generation, the one before beside it.
pub(crate) fn load(paths: &[PathBuf], previous: Option<&Endpoints>) -> Result<Tree, String> {
    let (model, mut problems) = loader::load(paths, Path::new(""));
    let defaults = Settings::default();
    let library = Library::new(&model.sources, &model.root);
    let mut builder = Builder::new(previous)
        .library(&library)
        .session_timeout(defaults.sessions.timeout);
    for def in &model.endpoints {
        builder.define(def);
    }
    let (endpoints, _) = builder.finish(&mut problems);
    let problems: Diagnostics = problems;
    let sorted = problems.into_sorted();
    if sorted.iter().any(|d| d.severity == Severity::Error) {
        return Err(render::human(&model.sources, &sorted));
    }
    let names: Vec<String> = model
        .endpoints
        .iter()
        .filter_map(|def| Some(def.name.as_ref()?.value.trim().to_owned()))
        .collect();
    Ok(Tree {
        endpoints,
        sources: model.sources,
        names,
    })
}

/// One generation of the simulated tree.
pub(crate) struct Tree {
    endpoints: Endpoints,
    sources: crate::config::source::Sources,
    names: Vec<String>,
}

impl Tree {
    /// The endpoint that requests are sent to: the one that is named, else the only one, else `main`.
    fn root(&self, wanted: Option<&str>) -> Result<crate::endpoint::NodeId, String> {
        let name = match (wanted, &self.names[..]) {
            (Some(name), _) => name,
            (None, [only]) => only,
            (None, _) => "main",
        };
        self.endpoints.named(name).ok_or_else(|| {
            format!(
                "there is no endpoint `{name}` to send to; name one of {} with `endpoint` in the scenario",
                self.names.join(", ")
            )
        })
    }
}
