use super::*;
use crate::config::model::{
    EndpointDef, EndpointKind, LeafDef, LoadBalanceChildren, LoadBalanceDef, SessionDef,
    SessionKind,
};
use crate::endpoint::rules::tests::{PLACE, ms, spanned};
use crate::endpoint::tree::tests::*;

mod balancing;
mod groups;
mod references;
mod sessions;

const CONNECT: Retry = Retry {
    may_have_run: false,
    replayable: true,
    idempotent: false,
};
const SENT: Retry = Retry {
    may_have_run: true,
    ..CONNECT
};

/// Endpoints named `e`, and hosts that answer or fail.
struct World {
    built: Built,
    down: Vec<(&'static str, ErrorCode)>,
    retry: Retry,
    now: Tick,
    seed: u64,
    set_cookie: Vec<String>,
    service_group_id: Option<String>,
}

/// What one message met.
#[derive(Debug, PartialEq, Eq)]
struct Met {
    /// Hosts that were tried, in order.
    hosts: Vec<String>,
    /// The failure, when it was not answered.
    failure: Option<(i32, i32)>,
    /// Whether session ids were to be taken out at the last try.
    stripped: bool,
    effect: SessionEffect,
    session_hash: u64,
}

impl World {
    fn new(def: EndpointDef) -> Self {
        Self::of(&[named("e", def)])
    }

    fn of(defs: &[EndpointDef]) -> Self {
        let built = build(None, defs);
        assert_eq!(built.codes, []);
        Self {
            built,
            down: Vec::new(),
            retry: CONNECT,
            now: Tick(0),
            seed: 0,
            set_cookie: Vec::new(),
            service_group_id: None,
        }
    }

    fn reload(&mut self, def: EndpointDef) {
        self.built = build(Some(&self.built.endpoints), &[named("e", def)]);
    }

    fn kill(&mut self, host: &'static str) {
        self.down.push((host, ErrorCode::CONNECT_FAILED));
    }

    fn host(&self, leaf: NodeId) -> String {
        let target = self.built.endpoints.leaf(leaf).unwrap().target.describe();
        let host = target.trim_start_matches("http:").trim_start_matches("//");
        host.trim_end_matches("/svc").to_owned()
    }

    fn walk<'e, 'r>(&'e self, facts: Facts<'r>) -> Walk<'e, 'r> {
        let e = &self.built.endpoints;
        Walk::start(e, e.named("e").unwrap(), facts, self.seed)
    }

    /// Tries running now, over all leaves, whose states are checked by the way.
    fn running(&self) -> u64 {
        let leaves = self
            .built
            .endpoints
            .nodes()
            .filter_map(|(_, node)| match &node.kind {
                NodeKind::Leaf(leaf) => Some(leaf),
                _ => None,
            });
        leaves
            .inspect(|leaf| leaf.state.check_invariants())
            .map(|leaf| leaf.stats.in_flight.load(Ordering::Relaxed))
            .sum()
    }

    fn send(&self, facts: Facts<'_>) -> Met {
        let running = self.running();
        let mut walk = self.walk(facts);
        let mut met = Met {
            hosts: Vec::new(),
            failure: None,
            stripped: false,
            effect: SessionEffect::None,
            session_hash: 0,
        };
        loop {
            match walk.next(self.now) {
                Step::Fail(failure) => {
                    met.failure = Some((failure.code.0, failure.verdict.0));
                    break;
                }
                Step::Copies(list) => {
                    let recipients = walk.recipients(list, self.now);
                    met.hosts = recipients.iter().map(|id| self.host(*id)).collect();
                    break;
                }
                Step::Try(tried) => {
                    let host = self.host(tried.leaf);
                    let down = self.down.iter().find(|(h, _)| *h == host);
                    met.hosts.push(host.clone());
                    met.stripped = walk.strips().next().is_some();
                    if let Some((_, code)) = down {
                        walk.failed(*code, None, self.retry, self.now);
                    } else {
                        let cookies: Vec<String> = self
                            .set_cookie
                            .iter()
                            .map(|c| c.replace("HOST", &host))
                            .collect();
                        let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
                        let response = ResponseFacts {
                            set_cookie: &cookies,
                            service_group_id: self.service_group_id.as_deref(),
                            unix_seconds: 1_700_000_000,
                        };
                        met.effect = walk.succeeded(&response, self.now).1;
                        met.session_hash = walk.session_hash();
                        break;
                    }
                }
            }
        }
        drop(walk);
        assert_eq!(self.running(), running);
        met
    }

    /// The hosts that a plain message was sent to.
    fn hosts(&self) -> String {
        self.send(Facts::default()).hosts.join(" ")
    }

    /// Who answered each of some messages; a failure is its code.
    fn burst(&self, count: usize) -> String {
        let answers: Vec<String> = (0..count)
            .map(|_| {
                let met = self.send(Facts::default());
                met.failure
                    .map_or_else(|| met.hosts.last().unwrap().clone(), |f| f.0.to_string())
            })
            .collect();
        answers.join(" ")
    }

    fn failure(&self) -> (i32, i32) {
        self.send(Facts::default()).failure.expect("a failure")
    }

    fn client(&self, id: &str) -> Met {
        self.send(Facts {
            client_id: Some(id),
            ..Facts::default()
        })
    }

    fn cookie(&self, cookies: &[&str]) -> Met {
        self.send(Facts {
            cookies,
            ..Facts::default()
        })
    }
}

/// Addresses with a long suspension.
fn long(hosts: &[&str]) -> Vec<EndpointDef> {
    hosts
        .iter()
        .map(|h| address_with(h, suspend_ms(60_000)))
        .collect()
}

fn balance_from(lb: LoadBalanceDef) -> EndpointDef {
    endpoint(EndpointKind::LoadBalance(lb))
}
