//! This member: joins, tells what it offers, keeps the [`View`] up to date, and says when it leaves.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chitchat::{
    Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, spawn_chitchat,
};
use tokio::sync::watch;

use super::discovery::Group;
use super::seal::Key;
use super::transport::Sealed;
use super::view::{Offer, State, View, Watcher};
use crate::observe::stamp::unix_ms;
use crate::observe::{Event, EventLog};

/// How often members tell each other, and how often the view is made anew.
const EVERY: Duration = Duration::from_millis(200);
/// How long a member that is gone is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Rounds of gossip that a member that leaves stays for, so that others hear of it.
const LAST_ROUNDS: u32 = 3;
/// Key of what a member offers.
const OFFERS: &str = "offers";
/// Key that says that a member stops.
const LEAVING: &str = "leaving";

/// What a member is made of.
#[derive(Debug)]
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

/// What this process offers to balancers of other members.
pub trait Local: Send + Sync {
    /// All of it, as it is now.
    fn offers(&self) -> Vec<Offer>;
}

/// Takes part until the stop begins.
pub async fn run(
    plan: Plan,
    local: Arc<dyn Local>,
    view: Arc<ArcSwap<View>>,
    events: Arc<EventLog>,
    mut stopping: watch::Receiver<bool>,
) {
    let tell = |text: String| {
        events.emit(Event {
            text: Some(text),
            ..Event::new("cluster.member")
        });
    };
    let handle = match join(&plan).await {
        Ok(handle) => handle,
        Err(error) => return tell(format!("the cluster cannot be joined: {error}")),
    };
    let group = match plan.multicast {
        None => None,
        Some(at) => match Group::join(at, plan.address, &plan.cluster, plan.key.clone()) {
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
    let own = name(plan.address);
    let mut watcher = Watcher::default();
    let mut told = Vec::new();
    let mut every = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            found = found(group.as_ref()) => {
                // It is asked like a seed; when it is not there any more nothing is lost.
                let _ = handle.gossip(found);
                continue;
            }
            _ = stopping.wait_for(|stop| *stop) => break,
        }
        let offers = local.offers();
        if offers != told {
            let text = serde_json::to_string(&offers).unwrap_or_default();
            handle
                .with_chitchat(|c| c.self_node_state().set(OFFERS, &text))
                .await;
            told = offers;
        }
        let states = handle.with_chitchat(|c| states(c)).await;
        let look = watcher.look(&own, &states, &view.load(), begun.elapsed());
        look.news.into_iter().for_each(&tell);
        view.store(Arc::new(look.view));
    }
    handle
        .with_chitchat(|c| c.self_node_state().set(LEAVING, "1"))
        .await;
    tokio::time::sleep(EVERY * LAST_ROUNDS).await;
    let _ = handle.shutdown().await;
}

/// Who is heard of next; never without a group.
async fn found(group: Option<&Group>) -> SocketAddr {
    match group {
        Some(group) => group.next().await,
        None => std::future::pending().await,
    }
}

fn name(address: SocketAddr) -> String {
    format!("tcp://{address}")
}

/// chitchat's error holds no more than a text.
async fn join(plan: &Plan) -> Result<ChitchatHandle, String> {
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(name(plan.address), unix_ms(), plan.address),
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
        key: plan.key.clone(),
    };
    let joined = spawn_chitchat(config, Vec::new(), &transport).await;
    joined.map_err(|error| format!("{error:#}"))
}

/// What everybody says of itself, as far as it was heard.
fn states(chitchat: &Chitchat) -> Vec<State> {
    let of = |(id, state): (&ChitchatId, &chitchat::NodeState)| State {
        name: id.node_id.to_string(),
        start: id.generation_id,
        heartbeat: state.heartbeat().into(),
        leaving: state.get(LEAVING).is_some(),
        offers: state
            .get(OFFERS)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    };
    chitchat.node_states().iter().map(of).collect()
}
