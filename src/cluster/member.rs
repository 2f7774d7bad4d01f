//! This member: joins, tells what it offers, keeps the [`View`] up to date, and says when it leaves.

use std::future::Future;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chitchat::{
    Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, NodeState,
    spawn_chitchat,
};

use super::description::Description;
use super::discovery::Group;
use super::pages::{self, KEYS};
use super::seal::Key;
use super::strangers::Strangers;
use super::transport::Sealed;
use super::view::{Offer, View};
use super::watcher::{Moment, Own, State, Watcher};
use crate::observe::stamp::unix_ms;
use crate::observe::{Event, EventLog};

/// How often members tell each other, and how often the view is made anew.
const EVERY: Duration = Duration::from_millis(200);
/// How long a member that is gone is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Rounds of gossip that a member that leaves stays for, so that others hear of it.
const LAST_ROUNDS: u32 = 2;
/// Longest time that leaving takes.
pub const LEAVING_TIME: Duration = Duration::from_secs(1);
/// Most members that are told at once that this one leaves; others hear it from them.
const TOLD_AT_ONCE: usize = 16;
/// How long it is waited before an address that could not be used is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Key that says that a member stops.
const LEAVING: &str = "leaving";
/// Key that says whether a member drains.
const DRAINING: &str = "draining";
/// Key of how many WebSockets a member has open.
const OPEN: &str = "open";
/// Key of how a member is configured.
const CONFIG: &str = "config";
/// Key of the version of axon.
const VERSION: &str = "version";

/// What a member is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the cluster: members of other names do not join.
    pub cluster: String,
    /// Where this member is reached.
    pub address: SocketAddr,
    /// Others that are asked first: `host:port`.
    pub seeds: Vec<String>,
    /// The group in which others are found.
    pub multicast: Option<SocketAddrV4>,
    /// Seals what is sent.
    pub key: Option<Arc<Key>>,
}

impl Plan {
    /// The member's name: `tcp://IP:PORT`.
    pub fn name(&self) -> String {
        format!("tcp://{}", self.address)
    }
}

/// What this process says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// What it offers to balancers of other members.
    pub offers: Vec<Offer>,
    /// Its open WebSockets.
    pub open: u64,
    /// Balancers are to leave it out.
    pub draining: bool,
    /// How it is configured.
    pub description: Arc<Description>,
}

/// What this process tells the other members.
pub trait Local: Send + Sync {
    /// All of it, as it is now.
    fn says(&self) -> Says;
}

/// Takes part until `leave` is ready, then says that it leaves.
pub async fn run(
    plan: &Plan,
    local: &dyn Local,
    view: &ArcSwap<View>,
    events: &EventLog,
    leave: impl Future<Output = ()>,
) {
    tokio::pin!(leave);
    let tell = |text: String| {
        events.emit(Event {
            text: Some(text),
            ..Event::new("cluster.member")
        });
    };
    let strangers = Arc::new(Strangers::default());
    let handle = tokio::select! {
        handle = joined(plan, &strangers, &tell) => handle,
        () = &mut leave => return,
    };
    let mut group = match plan.multicast {
        None => None,
        Some(at) => match Group::join(at, plan, strangers.clone()) {
            Ok(group) => Some(group),
            Err(error) => {
                tell(format!(
                    "the multicast group {at} cannot be joined: {error}"
                ));
                None
            }
        },
    };
    let begun = Instant::now();
    let mut watcher = Watcher::default();
    let (mut told, mut no_room) = (None, None);
    let mut every = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            found = found(group.as_mut()) => {
                // It is asked like a seed; when it is not there any more nothing is lost.
                let _ = handle.gossip(found);
                continue;
            }
            () = &mut leave => break,
        }
        let says = local.says();
        let own = Own {
            name: plan.name(),
            description: says.description.clone(),
        };
        let now = Moment {
            line: begun.elapsed(),
            unix_ms: unix_ms(),
        };
        let before = view.load_full();
        let mut left = None;
        let mut look = handle
            .with_chitchat(|chitchat| {
                left = say(chitchat.self_node_state(), &says, told.as_ref());
                let states: Vec<_> = states(chitchat).collect();
                watcher.look(&own, &states, &before, now)
            })
            .await;
        if left.is_some() && left != no_room {
            let left = left.unwrap_or_default();
            tell(format!(
                "{} offers too many URIs: balancers of other members do not hear of {left} of them",
                plan.name()
            ));
            no_room = Some(left);
        }
        told = Some(says);
        look.news.into_iter().for_each(&tell);
        let (all, fresh) = strangers.look(now.line);
        for stranger in fresh {
            tell(stranger.told(&plan.cluster));
        }
        look.view.strangers = all;
        view.store(Arc::new(look.view));
    }
    let live: Vec<_> = handle
        .with_chitchat(|chitchat| {
            chitchat.self_node_state().set(LEAVING, "1");
            let live = chitchat.live_nodes().take(TOLD_AT_ONCE);
            live.map(|id| id.gossip_advertise_addr).collect()
        })
        .await;
    for address in live {
        let _ = handle.gossip(address);
    }
    tokio::time::sleep(EVERY * LAST_ROUNDS).await;
    let _ = handle.shutdown().await;
}

/// Who is heard of next; never without a group.
async fn found(group: Option<&mut Group>) -> SocketAddr {
    match group {
        Some(group) => group.next().await,
        None => std::future::pending().await,
    }
}

/// Joins, however often it has to be tried: an address may still be in use by who was here before.
async fn joined(plan: &Plan, strangers: &Arc<Strangers>, tell: &impl Fn(String)) -> ChitchatHandle {
    let mut told = None;
    loop {
        match join(plan, strangers).await {
            Ok(handle) => return handle,
            Err(error) => {
                if told.as_ref() != Some(&error) {
                    tell(format!(
                        "the cluster cannot be joined at {}, which is tried again: {error}",
                        plan.name()
                    ));
                    told = Some(error);
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// chitchat's error holds no more than a text.
async fn join(plan: &Plan, strangers: &Arc<Strangers>) -> Result<ChitchatHandle, String> {
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(plan.name(), unix_ms(), plan.address),
        cluster_id: plan.cluster.clone(),
        gossip_interval: EVERY,
        listen_addr: plan.address,
        seed_nodes: plan.seeds.clone(),
        failure_detector_config: FailureDetectorConfig {
            initial_interval: EVERY,
            dead_node_grace_period: REMEMBERED,
            ..FailureDetectorConfig::default()
        },
        marked_for_deletion_grace_period: REMEMBERED,
        catchup_callback: None,
        extra_liveness_predicate: None,
    };
    let transport = Sealed {
        cluster: plan.cluster.clone(),
        key: plan.key.clone(),
        strangers: strangers.clone(),
    };
    let joined = spawn_chitchat(config, Vec::new(), &transport).await;
    joined.map_err(|error| format!("{error:#}"))
}

/// Says what is not said yet; how many offers there is no room for, when that was looked at and there are any.
fn say(state: &mut NodeState, says: &Says, told: Option<&Says>) -> Option<usize> {
    let mut left = None;
    if told.is_none() {
        state.set(VERSION, env!("CARGO_PKG_VERSION"));
    }
    if told.is_none_or(|told| told.offers != says.offers) {
        let (pages, no_room) = pages::cut(&says.offers);
        for (key, page) in KEYS.into_iter().zip(pages) {
            if state.get(key).unwrap_or_default() != page {
                state.set(key, page);
            }
        }
        left = (no_room > 0).then_some(no_room);
    }
    if told.is_none_or(|told| told.open != says.open) {
        state.set(OPEN, says.open);
    }
    if told.is_none_or(|told| told.draining != says.draining) {
        state.set(DRAINING, says.draining);
    }
    if told.is_none_or(|told| told.description != says.description) {
        let text = serde_json::to_string(&*says.description).unwrap_or_default();
        state.set(CONFIG, text);
    }
    left
}

/// What everybody says of itself, as far as it was heard.
fn states(chitchat: &Chitchat) -> impl Iterator<Item = State<'_>> {
    chitchat.node_states().iter().map(|(id, state)| State {
        name: &id.node_id,
        start: id.generation_id,
        heartbeat: state.heartbeat().into(),
        leaving: state.get(LEAVING).is_some(),
        draining: state.get(DRAINING) == Some("true"),
        version: state.get(VERSION).unwrap_or_default(),
        open: state
            .get(OPEN)
            .and_then(|n| n.parse().ok())
            .unwrap_or_default(),
        offers: KEYS.map(|key| state.get(key).unwrap_or_default()),
        config: state.get(CONFIG).unwrap_or_default(),
    })
}
