//! Makes the health checks: one task for each, in the control plane, a bounded number of checks at the same time.
//!
//! A supervisor compares the running checks with those of the current generation. A check whose endpoint and settings stayed
//! the same runs on over a reload, with what it has counted; the others are ended or begun.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::call::{Bounds, call, connect};
use super::log::state_event;
use super::reload::Shared;
use crate::config::model::HealthKind;
use crate::endpoint::health::{Check as Asked, Expectation, Health, envelope};
use crate::endpoint::state::StateCell;
use crate::endpoint::tree::{Address, NodeKind, Target};
use crate::observe::Event;
use crate::util::clock;

/// Most checks at the same time; more wait for each other.
const AT_ONCE: usize = 64;
/// Longest answer that is looked into, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;
/// How often the supervisor looks for a new generation.
const LOOK: Duration = Duration::from_millis(500);
/// Who caused a change of state, where messages have their request id.
const CAUSE: &str = "health-check";

/// A running check.
struct Running {
    check: Arc<Check>,
    task: JoinHandle<()>,
}

/// One endpoint's check.
struct Check {
    path: Arc<str>,
    state: Arc<StateCell>,
    asked: Arc<Asked>,
    address: Address,
}

impl Check {
    /// The same endpoint asked in the same way; where the element stands does not count.
    fn is_same(&self, other: &Check) -> bool {
        let (here, there) = (&self.asked.def, &other.asked.def);
        Arc::ptr_eq(&self.state, &other.state)
            && self.path == other.path
            && self.address == other.address
            && here.moved_to(there) == *there
    }
}

/// Runs the checks of whatever generation serves, for as long as the control plane lives.
pub async fn supervise(shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running: HashMap<Arc<str>, Running> = HashMap::new();
    let mut generation = 0;
    loop {
        let current = shared.current.load_full();
        if current.number != generation {
            generation = current.number;
            let wanted = wanted(&current);
            running.retain(|path, running| {
                let stays = wanted
                    .get(path)
                    .is_some_and(|check| running.check.is_same(check));
                if !stays {
                    running.task.abort();
                }
                stays
            });
            for (path, check) in wanted {
                running.entry(path).or_insert_with(|| {
                    let check = Arc::new(check);
                    let task = repeat(check.clone(), shared.clone(), places.clone());
                    Running {
                        check,
                        task: tokio::spawn(task),
                    }
                });
            }
        }
        drop(current);
        tokio::time::sleep(LOOK).await;
    }
}

fn wanted(generation: &super::generation::Generation) -> HashMap<Arc<str>, Check> {
    let leaves = generation
        .endpoints
        .nodes()
        .filter_map(|(_, node)| match &node.kind {
            NodeKind::Leaf(leaf) => Some((node, leaf)),
            _ => None,
        });
    leaves
        .filter_map(|(node, leaf)| {
            let address = match &leaf.target {
                Target::Fixed(address) => address,
                Target::Member(member) => &member.http,
                Target::Http(http) => http.fixed()?,
                _ => return None,
            };
            let check = Check {
                path: node.path.clone(),
                state: leaf.state.clone(),
                asked: leaf.health.clone()?,
                address: address.clone(),
            };
            Some((node.path.clone(), check))
        })
        .collect()
}

async fn repeat(check: Arc<Check>, shared: Arc<Shared>, places: Arc<Semaphore>) {
    let mut health = Health::new(&check.asked.def);
    // Spread over the interval, so that a thousand checks are not made in one moment.
    let spread = crate::endpoint::algorithm::hash_of(check.path.as_bytes()) % 1000;
    tokio::time::sleep(check.asked.def.interval.mul_f64(spread as f64 / 1000.0)).await;
    let mut due = tokio::time::interval(check.asked.def.interval);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Ok(place) = places.acquire().await else {
            return;
        };
        let outcome = ask(&check).await;
        drop(place);
        let passed = outcome.is_ok();
        if let Some(transition) = health.observe(passed, &check.state, clock::now()) {
            let generation = shared.current.load();
            shared.events.emit(Event {
                text: Some(
                    outcome
                        .err()
                        .unwrap_or_else(|| "health checks passed".to_owned()),
                ),
                ..state_event(&generation, &check.path, &transition, Some(CAUSE))
            });
        }
    }
}

/// One check; the error is one line about what was wrong.
async fn ask(check: &Check) -> Result<(), String> {
    let (target, time) = (&check.address.target, check.asked.def.timeout);
    match &check.asked.def.kind {
        HealthKind::Tcp => connect(target, time).await.map(drop),
        HealthKind::Http(http) => {
            let path = http.path.as_deref();
            let request = request(&http.method, path, &check.address, &[], String::new())?;
            answered(target, request, time, &http.statuses, None).await
        }
        HealthKind::Soap(soap) => {
            let (text, headers) = envelope(soap);
            let request = request("POST", soap.path.as_deref(), &check.address, &headers, text)?;
            let expect = check.asked.expect.as_ref();
            answered(target, request, time, &soap.statuses, expect).await
        }
    }
}

async fn answered(
    target: &crate::transport::target::Target,
    request: http::Request<Full<Bytes>>,
    time: Duration,
    good: &[(u16, u16)],
    expect: Option<&Expectation>,
) -> Result<(), String> {
    let bounds = Bounds {
        connect: time,
        answer: time,
        body: if expect.is_some() { ANSWER_MAX } else { 0 },
    };
    let (status, body) = match tokio::time::timeout(time, call(target, request, bounds)).await {
        Ok(result) => result?,
        Err(_) => {
            return Err(format!(
                "no answer from {target} within {} ms",
                time.as_millis()
            ));
        }
    };
    let good = good
        .iter()
        .any(|(from, to)| (*from..=*to).contains(&status));
    match expect {
        _ if !good => Err(format!("{target} answered {status}")),
        Some(expect) => expect
            .holds(body)
            .map_err(|why| format!("{target} answered {status}, but {why}")),
        None => Ok(()),
    }
}

fn request(
    method: &str,
    path: Option<&str>,
    address: &Address,
    headers: &[(&str, String)],
    body: String,
) -> Result<http::Request<Full<Bytes>>, String> {
    let agent = concat!("axon/", env!("CARGO_PKG_VERSION"), " health-check");
    let mut head = http::Request::builder()
        .method(method)
        .uri(path.unwrap_or(&address.path_and_query))
        .header("User-Agent", agent);
    for (name, value) in headers {
        head = head.header(*name, value);
    }
    head.body(Full::new(Bytes::from(body)))
        .map_err(|error| format!("the check cannot be sent: {error}"))
}
