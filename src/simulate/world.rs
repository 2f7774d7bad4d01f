//! The virtual clock and what happens on it.
//!
//! A queue of things to come, by time and then by the order in which they were planned. Each request that is under way
//! holds its walk; generations stay where they are until the end, as messages finish on the tree that they began on.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::scenario::{Backend, Does, Request, Scenario};
use super::{Tree, load};
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::NodeId;
use crate::endpoint::hold;
use crate::endpoint::order::{Note, Order};
use crate::endpoint::session::{Facts, ResponseFacts};
use crate::endpoint::state::{EndpointState, Transition};
use crate::endpoint::walk::{Decision, Failure, Retry, SessionEffect, Step, TryOf, Walk, Why};
use crate::settings::Settings;
use crate::transport::head::Method;
use crate::util::clock::Tick;

/// Most lines of one simulation.
pub const LINES_MAX: usize = 1_000_000;

/// One line: a decision or a change, with its time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entry {
    /// When.
    pub t_ms: u64,
    /// `request`, `try`, `failed`, `answered`, `copied`, `gave_up`, `held`, `state`, `order`, `reload`, `session`.
    pub what: &'static str,
    /// Number of the request, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<usize>,
    /// Path of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// State before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'static str>,
    /// State after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<&'static str>,
    /// Error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    /// When the pause or suspension ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// How long it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_ms: Option<u64>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `file:line:column` of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Backend(usize),
    Switch(usize),
    Reload(usize),
    Request(usize),
    /// The running try of that request ends.
    Ends(usize),
    /// A held request tries again.
    Again(usize),
}

/// How a running try will end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Answer(usize),
    Fail { code: ErrorCode, may_have_run: bool },
}

struct Running<'t> {
    tree: &'t Tree,
    root: NodeId,
    message: usize,
    walk: Option<Walk<'t, 't>>,
    trying: Option<(TryOf, Ending)>,
    refused_since: Option<Tick>,
    told: usize,
}

/// The texts of one request, where walks can borrow them.
struct Message<'s> {
    request: &'s Request,
    cookies: Vec<&'s str>,
}

struct World<'t> {
    scenario: &'t Scenario,
    messages: &'t [Message<'t>],
    hold: Duration,
    response: Duration,
    retry_non_idempotent: bool,
    now: Tick,
    tree: &'t Tree,
    /// What each back end does now: positions in the scenario.
    behaviours: Vec<usize>,
    plan: BTreeMap<(u64, u64), Next>,
    planned: u64,
    running: Vec<Running<'t>>,
    seed: u64,
    lines: usize,
    tell: &'t mut dyn FnMut(&Entry),
}

/// Runs a scenario over a tree; each line goes to `tell` as it happens.
pub fn run(
    tree: &[PathBuf],
    scenario: &Scenario,
    seed: u64,
    tell: &mut dyn FnMut(&Entry),
) -> Result<(), String> {
    let generations: Vec<OnceCell<Tree>> = (0..=scenario.reloads.len())
        .map(|_| OnceCell::new())
        .collect();
    let messages: Vec<Message<'_>> = scenario
        .requests
        .iter()
        .map(|request| Message {
            request,
            cookies: request.cookie.as_deref().into_iter().collect(),
        })
        .collect();
    let first = load(tree, None)?;
    let first = generations[0].get_or_init(|| first);
    first.root(scenario.endpoint.as_deref())?;
    for backend in &scenario.backends {
        known(first, &backend.child)
            .then_some(())
            .filter(|()| backend.does != Does::Fail || backend.code.is_some())
            .ok_or_else(|| {
                format!(
                    "backend `{}`: no such endpoint, or `fail` without a code",
                    backend.child
                )
            })?;
    }
    let defaults = Settings::default();
    let mut world = World {
        scenario,
        messages: &messages,
        hold: scenario
            .hold_ms
            .map_or(defaults.timers.hold, Duration::from_millis),
        response: defaults.timers.response,
        retry_non_idempotent: scenario
            .retry_non_idempotent
            .unwrap_or(defaults.retry.non_idempotent),
        now: Tick(0),
        tree: first,
        behaviours: Vec::new(),
        plan: BTreeMap::new(),
        planned: 0,
        running: Vec::new(),
        seed: seed | 1,
        lines: 0,
        tell,
    };
    world.plan_all();
    while let Some(((at, _), next)) = world.plan.pop_first() {
        world.now = Tick(at);
        match next {
            Next::Backend(at) => world.behaviours.push(at),
            Next::Switch(at) => world.switch(at)?,
            Next::Reload(at) => {
                let paths = [scenario.reloads[at].tree.clone()];
                let tree = load(&paths, Some(&world.tree.endpoints))?;
                world.tree = generations[at + 1].get_or_init(|| tree);
                world.reloaded(&scenario.reloads[at].tree.display().to_string());
            }
            Next::Request(message) => world.arrive(message)?,
            Next::Ends(request) => world.end_try(request),
            Next::Again(request) => world.begin(request),
        }
        if world.lines >= LINES_MAX {
            return Err(format!("the simulation has more than {LINES_MAX} lines"));
        }
    }
    Ok(())
}

/// Whether a name is that of a leaf: its path, or the last part of it.
fn known(tree: &Tree, name: &str) -> bool {
    tree.endpoints.nodes().any(|(id, node)| {
        tree.endpoints.resolve(id) == id
            && tree.endpoints.leaf(id).is_some()
            && is_named(&node.path, name)
    })
}

fn is_named(path: &str, name: &str) -> bool {
    path == name || path.rsplit('/').next() == Some(name)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<'t> World<'t> {
    /// Everything that the scenario says. At the same time: configuration, back ends and switches before requests.
    fn plan_all(&mut self) {
        let scenario = self.scenario;
        for (at, reload) in scenario.reloads.iter().enumerate() {
            self.plan(reload.at_ms, Next::Reload(at));
        }
        for (at, backend) in scenario.backends.iter().enumerate() {
            self.plan(backend.at_ms, Next::Backend(at));
        }
        for (at, switch) in scenario.switches.iter().enumerate() {
            self.plan(switch.at_ms, Next::Switch(at));
        }
        for (at, request) in scenario.requests.iter().enumerate() {
            for n in 0..request.count.unwrap_or(1) {
                let jitter = match request.jitter_ms {
                    0 => 0,
                    most => self.random() % (most + 1),
                };
                let time = n.saturating_mul(request.every_ms).saturating_add(jitter);
                self.plan(request.at_ms.saturating_add(time), Next::Request(at));
            }
        }
    }

    fn plan(&mut self, at_ms: u64, next: Next) {
        self.planned += 1;
        self.plan.insert((at_ms, self.planned), next);
    }

    /// The next random number (xorshift).
    fn random(&mut self) -> u64 {
        let mut x = self.seed;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed = x;
        x
    }

    fn line(&mut self, entry: Entry) {
        self.lines += 1;
        (self.tell)(&Entry {
            t_ms: self.now.0,
            ..entry
        });
    }

    fn path(tree: &Tree, id: NodeId) -> Option<String> {
        Some(tree.endpoints.node(id).path.to_string())
    }

    fn switch(&mut self, at: usize) -> Result<(), String> {
        let switch = &self.scenario.switches[at];
        let tree = self.tree;
        let bad = |why: &str| format!("switch of `{}`: {why}", switch.endpoint);
        let order = Order::of(&switch.order)
            .ok_or_else(|| bad("write active, drain, maintain or off as its order"))?;
        let id = tree
            .endpoints
            .at_path(&switch.endpoint)
            .ok_or_else(|| bad("no endpoint has that path"))?;
        self.line(Entry {
            what: "order",
            endpoint: Some(switch.endpoint.clone()),
            text: Some(order.name().to_owned()),
            ..Entry::default()
        });
        let changed = tree
            .endpoints
            .give_order(id, order, Note::default(), self.now)
            .map_err(|error| bad(&error.to_string()))?;
        if let Some(transition) = changed {
            self.state(tree, &switch.endpoint, &transition, None);
        }
        Ok(())
    }

    fn reloaded(&mut self, what: &str) {
        self.line(Entry {
            what: "reload",
            text: Some(what.to_owned()),
            ..Entry::default()
        });
    }

    fn state(&mut self, tree: &Tree, path: &str, transition: &Transition, request: Option<usize>) {
        let waits = matches!(
            transition.to,
            EndpointState::Timeout | EndpointState::Suspended
        );
        let rule = transition.rule.map(|span: Span| tree.sources.locate(span));
        self.line(Entry {
            what: "state",
            request,
            endpoint: Some(path.to_owned()),
            from: Some(transition.from.name()),
            to: Some(transition.to.name()),
            code: transition.code.map(|code| code.0),
            name: transition.code.map(ErrorCode::name),
            until_ms: waits.then_some(transition.next.0),
            suspend_ms: waits.then(|| millis(transition.pause)),
            rule,
            ..Entry::default()
        });
    }

    fn arrive(&mut self, message: usize) -> Result<(), String> {
        let root = self.tree.root(self.scenario.endpoint.as_deref())?;
        let request = self.running.len();
        self.running.push(Running {
            tree: self.tree,
            root,
            message,
            walk: None,
            trying: None,
            refused_since: None,
            told: 0,
        });
        self.line(Entry {
            what: "request",
            request: Some(request + 1),
            endpoint: Self::path(self.tree, root),
            ..Entry::default()
        });
        self.begin(request);
        Ok(())
    }

    fn begin(&mut self, request: usize) {
        let seed = self.random();
        let running = &mut self.running[request];
        let message = &self.messages[running.message];
        let facts = Facts {
            keys: &[],
            client_id: message.request.client_id.as_deref(),
            service_group_id: message.request.service_group_id.as_deref(),
            cookies: &message.cookies,
            path_session: None,
            retry_non_idempotent: self.retry_non_idempotent,
            resolved: &[],
        };
        running.told = 0;
        running.walk = Some(Walk::start(
            &running.tree.endpoints,
            running.root,
            facts,
            seed,
        ));
        self.go_on(request);
    }

    /// Asks the walk for the next try.
    fn go_on(&mut self, request: usize) {
        let now = self.now;
        let Some(walk) = &mut self.running[request].walk else {
            return;
        };
        let step = walk.next(now);
        self.tell_decisions(request);
        match step {
            Step::Try(this) => {
                let (after, ending) = self.ending(request, this.leaf);
                self.running[request].trying = Some((this, ending));
                self.plan(self.now.0.saturating_add(after), Next::Ends(request));
            }
            Step::Copies(list) => self.copied(request, list),
            Step::Fail(failure) => self.gave_up(request, &failure),
        }
    }

    /// A recipient list takes the message: what becomes of each copy is not followed.
    fn copied(&mut self, request: usize, list: NodeId) {
        let now = self.now;
        let running = &mut self.running[request];
        let endpoints = &running.tree.endpoints;
        let walk = running.walk.take();
        let recipients = walk.map_or_else(Vec::new, |walk| walk.recipients(list, now));
        let paths: Vec<&str> = recipients
            .iter()
            .map(|id| &*endpoints.node(*id).path)
            .collect();
        let entry = Entry {
            what: "copied",
            request: Some(request + 1),
            endpoint: Some(endpoints.node(list).path.to_string()),
            text: Some(format!("a copy each for {}", paths.join(", "))),
            ..Entry::default()
        };
        self.line(entry);
    }

    fn gave_up(&mut self, request: usize, failure: &Failure) {
        let now = self.now;
        let running = &mut self.running[request];
        let since = *running.refused_since.get_or_insert(now);
        let decisions: &[Decision] = running.walk.as_ref().map_or(&[], |walk| walk.decisions());
        let endpoints = &running.tree.endpoints;
        let again = hold::until(endpoints, failure, decisions, since, now, self.hold);
        let tree = running.tree;
        running.walk = None;
        if let Some(again) = again {
            self.line(Entry {
                what: "held",
                request: Some(request + 1),
                until_ms: Some(again.0),
                ..Entry::default()
            });
            self.plan(again.0, Next::Again(request));
            return;
        }
        let text = match failure.tries {
            0 => failure.message(&tree.endpoints, now),
            _ if failure.verdict == failure.code => String::new(),
            _ => format!("{} {}", failure.verdict, failure.verdict.name()),
        };
        self.line(Entry {
            what: "gave_up",
            request: Some(request + 1),
            endpoint: Self::path(tree, failure.node),
            code: Some(failure.code.0),
            name: Some(failure.code.name()),
            text: (!text.is_empty()).then_some(text),
            ..Entry::default()
        });
    }

    /// Lines for what the walk decided since the last time.
    fn tell_decisions(&mut self, request: usize) {
        let running = &mut self.running[request];
        let Some(walk) = &running.walk else {
            return;
        };
        let news: Vec<Decision> = walk.decisions()[running.told..].to_vec();
        running.told += news.len();
        let tree = running.tree;
        let mut because = None;
        for decision in news {
            let (what, text) = match decision.why {
                Why::FirstReady => {
                    because = Some("first that is ready");
                    continue;
                }
                Why::Current => {
                    because = Some("current one");
                    continue;
                }
                Why::Algorithm => {
                    because = Some("next in turn");
                    continue;
                }
                Why::Session => {
                    because = Some("bound by session");
                    continue;
                }
                Why::Try => ("try", because.take()),
                Why::Probe => ("try", Some("as its probe")),
                Why::NewSession => ("session", Some("begins")),
                Why::Rebound => ("session", Some("leaves, as it is not ready")),
                Why::SessionUnavailable => ("session", Some("is bound here, and it is not ready")),
                Why::Followed => ("session", Some("was begun by another request")),
                _ => continue,
            };
            self.line(Entry {
                what,
                request: Some(request + 1),
                endpoint: Self::path(tree, decision.node),
                text: text.map(str::to_owned),
                ..Entry::default()
            });
        }
    }

    /// When and how a try that begins now will end.
    fn ending(&self, request: usize, leaf: NodeId) -> (u64, Ending) {
        let tree = self.running[request].tree;
        let path = &tree.endpoints.node(leaf).path;
        let deadline = tree
            .endpoints
            .leaf(leaf)
            .and_then(|leaf| leaf.timeout)
            .unwrap_or(self.response);
        let deadline = millis(deadline);
        let at = self
            .behaviours
            .iter()
            .rev()
            .find(|at| is_named(path, &self.scenario.backends[**at].child));
        let Some(at) = at else {
            return (0, Ending::Answer(usize::MAX));
        };
        let Backend {
            does,
            after_ms,
            code,
            ..
        } = &self.scenario.backends[*at];
        let fail = |code, may_have_run| Ending::Fail { code, may_have_run };
        let late = (deadline, fail(ErrorCode::RESPONSE_TIMEOUT, true));
        match does {
            Does::Hang => late,
            Does::Answer if *after_ms >= deadline => late,
            Does::Answer => (*after_ms, Ending::Answer(*at)),
            Does::Refuse => (*after_ms, fail(ErrorCode::CONNECT_FAILED, false)),
            Does::Close => (*after_ms, fail(ErrorCode::CONNECTION_CLOSED, true)),
            Does::Fail => {
                let code = ErrorCode(code.unwrap_or(0));
                let ran = !matches!(
                    code,
                    ErrorCode::CONNECT_FAILED
                        | ErrorCode::CONNECT_CANCELLED
                        | ErrorCode::CONNECT_TIMEOUT
                );
                (*after_ms, fail(code, ran))
            }
        }
    }

    fn end_try(&mut self, request: usize) {
        let now = self.now;
        let running = &mut self.running[request];
        let (Some((this, ending)), Some(walk)) = (running.trying.take(), &mut running.walk) else {
            return;
        };
        let tree = running.tree;
        let path = tree.endpoints.node(this.leaf).path.to_string();
        match ending {
            Ending::Answer(at) => {
                let backend = self.scenario.backends.get(at);
                let cookies: Vec<&str> = backend
                    .and_then(|b| b.set_cookie.as_deref())
                    .into_iter()
                    .collect();
                let response = ResponseFacts {
                    set_cookie: &cookies,
                    service_group_id: backend.and_then(|b| b.service_group_id.as_deref()),
                    unix_seconds: 0,
                };
                let (transition, effect) = walk.succeeded(&response, now);
                running.walk = None;
                let text = match effect {
                    SessionEffect::None => None,
                    SessionEffect::Kept => Some("the session goes on"),
                    SessionEffect::Bound => Some("the session is bound"),
                    SessionEffect::Renewed => Some("the session has another id"),
                    SessionEffect::Ended => Some("the session is over"),
                };
                self.line(Entry {
                    what: "answered",
                    request: Some(request + 1),
                    endpoint: Some(path.clone()),
                    text: text.map(str::to_owned),
                    ..Entry::default()
                });
                if let Some(transition) = transition {
                    self.state(tree, &path, &transition, Some(request + 1));
                }
            }
            Ending::Fail { code, may_have_run } => {
                let message = self.messages[running.message].request;
                let method = message.method.as_deref().unwrap_or("POST");
                let idempotent = Method::of(method.as_bytes()).is_idempotent();
                // The built-in response time does not make a POST run twice (design 15).
                let written = tree
                    .endpoints
                    .leaf(this.leaf)
                    .is_some_and(|leaf| leaf.timeout.is_some());
                let silent = code == ErrorCode::RESPONSE_TIMEOUT && !written;
                let retry = Retry {
                    may_have_run,
                    replayable: message.replayable.unwrap_or(true) && (idempotent || !silent),
                    idempotent,
                };
                let transition = walk.failed(code, None, retry, now);
                self.line(Entry {
                    what: "failed",
                    request: Some(request + 1),
                    endpoint: Some(path.clone()),
                    code: Some(code.0),
                    name: Some(code.name()),
                    ..Entry::default()
                });
                if let Some(transition) = transition {
                    self.state(tree, &path, &transition, Some(request + 1));
                }
                self.go_on(request);
            }
        }
    }
}
