//! Random trees of every kind, algorithm and limit of the language, written as XML. There is no model of them: what an
//! explanation says is compared with what then happens.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axon::config::diagnostic::Diagnostics;
use axon::config::loader::parse_bytes;
use axon::endpoint::algorithm::{ALGORITHMS, hash_of};
use axon::endpoint::tree::{HashRule, NodeKind};
use axon::endpoint::{Builder, Endpoints, NodeId};
use axon::exchange::Exchange;
use axon::transport::gate::Place;
use axon::transport::target::Target;
use axon::util::clock::Tick;
use axon::util::gauge::Counted;

use crate::model::{Fault, Message};
use crate::world::Random;

/// The field that groups balance by.
pub const HASHED: &str = "X-Key";
/// What the trees hold, as it is written.
pub const KINDS: &[&str] = &[
    "<failover dynamic=\"false\"",
    "<recipientlist>",
    "<session ",
    "<http uri-template=\"http://h:",
    "<http uri-template=\"http://{",
    "uri=\"http://${host}",
    "<default",
    "template=\"t\"",
    "algorithm=\"roundRobin\"",
    "algorithm=\"weightedRoundRobin\"",
    "algorithm=\"org.apache.synapse.endpoints.algorithms.WeightedRoundRobin\"",
    "algorithm=\"weightedRRLC\"",
    "algorithm=\"leastConnections\"",
    "algorithm=\"random\"",
    "algorithm=\"p2c\"",
    "algorithm=\"sourceHash\"",
    "algorithm=\"headerHash\"",
    "algorithm=\"uriHash\"",
    "ax:slowStart",
    "ax:maxConnections",
    "ax:maxAttempts",
];
const CODES: [i32; 6] = [101500, 101503, 101504, 101505, 101506, 911911];

/// A tree, and what is going on in it.
pub struct Wide {
    pub endpoints: Endpoints,
    /// How it is written.
    pub text: String,
    leaves: usize,
    busy: Vec<Counted>,
    places: Vec<Place>,
}

/// Where a leaf of that number sends to, whatever its kind.
pub fn back_end(number: usize) -> Target {
    Target::new(false, "h", number as u16 + 1)
}

/// What the leaves of a message's request take from it.
pub fn prepare(x: &mut Exchange) {
    x.to = Some("http://h:1/svc".to_owned());
    x.properties.set("host", "h");
    x.properties.set("uri.var.host", "h");
}

/// The hashes of a message, as they are made of the request that the test writes.
pub fn keys(endpoints: &Endpoints, _: NodeId, message: &Message) -> Vec<(NodeId, u64)> {
    let number = message.number.to_string();
    let rules = endpoints.nodes().filter_map(|(id, node)| match &node.kind {
        NodeKind::LoadBalance(lb) => Some((id, lb.hash.as_ref()?)),
        _ => None,
    });
    rules
        .map(|(id, rule)| {
            let key = match rule {
                HashRule::Source => hash_of(&[127, 0, 0, 1]),
                HashRule::Header(_) => hash_of(number.as_bytes()),
                HashRule::Uri(_) => hash_of(b"/"),
                HashRule::Cookie(name) => unreachable!("nobody balances by the cookie {name} here"),
            };
            (id, key)
        })
        .collect()
}

impl Wide {
    pub fn random(random: &mut Random) -> Self {
        let mut maker = Maker { random, leaves: 0 };
        let depth = maker.random.below(4);
        let root = maker.node(depth, "name=\"root\"");
        let leaves = maker.leaves;
        let text = format!(
            "<definitions xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\">\n\
             <template name=\"t\"><endpoint name=\"$name\"><address uri=\"$uri\"/></endpoint></template>\n{root}\n</definitions>"
        );
        let (model, diagnostics) = parse_bytes("wide.xml", text.as_bytes());
        assert!(
            !diagnostics.has_errors(),
            "{text}\n{:?}",
            diagnostics.list()
        );
        let mut builder = Builder::new(None);
        for def in &model.endpoints {
            builder.define(def);
        }
        let mut problems = Diagnostics::default();
        let (endpoints, _) = builder.finish(&mut problems);
        assert!(!problems.has_errors(), "{text}\n{:?}", problems.list());
        Self {
            endpoints,
            text,
            leaves,
            busy: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The number in a leaf's name.
    pub fn leaf_number(&self, id: NodeId) -> usize {
        let path = &self.endpoints.node(self.endpoints.resolve(id)).path;
        let digits = path.rsplit("leaf").next().unwrap_or_default();
        let digits = digits.split('/').next().unwrap_or_default();
        digits
            .parse()
            .unwrap_or_else(|_| panic!("{path} has no number"))
    }

    /// Time passes: others come and go, answers take long, people switch.
    pub fn disturb(&mut self, random: &mut Random, now: u64) {
        if random.one_in(2) {
            self.busy.clear();
            self.places.clear();
        }
        let leaves: Vec<NodeId> = self.endpoints.nodes().map(|(id, _)| id).collect();
        for id in leaves {
            let Some(leaf) = self.endpoints.leaf(id) else {
                continue;
            };
            if let Some(load) = &leaf.load {
                for _ in 0..random.below(3) {
                    self.busy.push(load.busy.one());
                    self.busy.push(load.connections.one());
                }
                if random.one_in(2) {
                    let took = Duration::from_millis(1 + random.below(300));
                    load.latency.record(took, Tick(now));
                }
            }
            if let Some(gate) = &leaf.gate
                && random.one_in(3)
                && let Poll::Ready(Ok(place)) = pin!(gate.enter())
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
            {
                self.places.push(place);
            }
            if random.one_in(20) {
                leaf.state.switch_off(Tick(now));
            } else if random.one_in(10) {
                leaf.state.switch_on(Tick(now));
            }
        }
    }

    pub fn message(&self, random: &mut Random, number: u64) -> Message {
        let trouble = 1 + random.below(4);
        let fault = |random: &mut Random| {
            (!random.one_in(trouble)).then(|| Fault {
                code: CODES[random.below(CODES.len() as u64) as usize],
                may_have_run: random.one_in(3),
                // The body of an explained message is there as a whole.
                replayable: true,
            })
        };
        Message {
            number,
            client: (!random.one_in(3)).then(|| format!("c{}", random.below(3))),
            idempotent: random.one_in(2),
            faults: (0..self.leaves).map(|_| fault(random)).collect(),
        }
    }
}

struct Maker<'r> {
    random: &'r mut Random,
    leaves: usize,
}

impl Maker<'_> {
    /// An endpoint element; `name` is its name attribute, or nothing.
    fn node(&mut self, depth: u64, name: &str) -> String {
        if depth == 0 || self.random.one_in(4) {
            return self.leaf(name);
        }
        let count = 1 + self.random.below(4);
        let weighted = |random: &mut Random| {
            let weight = 1 + random.below(4);
            format!("<property name=\"loadbalance.weight\" value=\"{weight}\"/>")
        };
        let mut children = String::new();
        let row = &ALGORITHMS[self.random.below(ALGORITHMS.len() as u64) as usize];
        let kind = self.random.below(6);
        // What goes by open connections knows addresses only.
        let plain = kind > 1 && row.name == "weightedRRLC";
        for _ in 0..count {
            let child = match plain {
                true => self.address(""),
                false => self.node(depth - 1, ""),
            };
            let weight = weighted(self.random);
            let end = child.rfind("</endpoint>").unwrap_or(child.len());
            children += &match plain || (kind > 1 && row.weighted) {
                true => format!("{}{weight}{}", &child[..end], &child[end..]),
                false => child,
            };
        }
        let attempts = match self.random.below(5) {
            0 => format!(" ax:maxAttempts=\"{}\"", 1 + self.random.below(3)),
            _ => String::new(),
        };
        match kind {
            0 => {
                let dynamic = !self.random.one_in(3);
                format!(
                    "<endpoint {name}><failover dynamic=\"{dynamic}\"{attempts}>{children}</failover></endpoint>\n"
                )
            }
            1 => format!("<endpoint {name}><recipientlist>{children}</recipientlist></endpoint>\n"),
            _ => {
                let algorithm = match row.name {
                    "cookieHash" => "headerHash",
                    other => other,
                };
                let failover = !self.random.one_in(4);
                let slow = match self.random.below(3) {
                    0 if !algorithm.ends_with("Hash") => " ax:slowStart=\"3000\"",
                    _ => "",
                };
                let session = match self.random.below(4) {
                    0 => "<session type=\"simpleClientSession\"/>",
                    _ => "",
                };
                let failover = match session {
                    "" => format!(" failover=\"{failover}\""),
                    _ => String::new(),
                };
                let hash =
                    format!("<property name=\"loadbalance.hash.header\" value=\"{HASHED}\"/>");
                let hash = if algorithm == "headerHash" { &hash } else { "" };
                format!(
                    "<endpoint {name}>{session}<loadbalance algorithm=\"{algorithm}\"{failover}{slow}{attempts}>{children}</loadbalance>{hash}</endpoint>\n"
                )
            }
        }
    }

    fn address(&mut self, name: &str) -> String {
        let number = self.leaves;
        self.leaves += 1;
        let settings = self.settings();
        let name = named(name, number);
        let limits = self.limits();
        format!(
            "<endpoint {name}><address uri=\"http://h:{}/svc\"{limits}>{settings}</address></endpoint>\n",
            number + 1
        )
    }

    fn leaf(&mut self, name: &str) -> String {
        // The root's own name is not a number, so it is a group around the leaf.
        if !name.is_empty() {
            let inside = self.leaf("");
            return format!("<endpoint {name}><failover>{inside}</failover></endpoint>\n");
        }
        let number = self.leaves;
        let (port, limits, settings) = (number + 1, self.limits(), self.settings());
        let kind = match self.random.below(7) {
            0 => format!(
                "<http uri-template=\"http://h:{port}/svc\" method=\"get\"{limits}>{settings}</http>"
            ),
            1 => format!(
                "<http uri-template=\"http://{{uri.var.host}}:{port}/svc\" ax:stateKey=\"authority\"{limits}>{settings}</http>"
            ),
            2 => format!(
                "<address uri=\"http://${{host}}:{port}/svc\" ax:stateKey=\"authority\">{settings}</address>"
            ),
            3 => format!("<default{limits}>{settings}</default>"),
            4 => {
                self.leaves += 1;
                return format!(
                    "<endpoint name=\"leaf{number}\" template=\"t\" uri=\"http://h:{port}/svc\"/>\n"
                );
            }
            _ => return self.address(name),
        };
        self.leaves += 1;
        format!("<endpoint name=\"leaf{number}\">{kind}</endpoint>\n")
    }

    fn limits(&mut self) -> &'static str {
        match self.random.below(4) {
            0 => " ax:maxConnections=\"1\" ax:maxPending=\"0\"",
            1 => " ax:slowStart=\"2000\"",
            _ => "",
        }
    }

    fn settings(&mut self) -> String {
        let suspend = match self.random.below(3) {
            0 => {
                "<suspendOnFailure><initialDuration>500</initialDuration><progressionFactor>2</progressionFactor></suspendOnFailure>"
            }
            1 => {
                "<suspendOnFailure><errorCodes>101503,101505</errorCodes><initialDuration>1500</initialDuration></suspendOnFailure>"
            }
            _ => "",
        };
        let mark = match self.random.below(3) {
            0 => {
                "<markForSuspension><errorCodes>101504</errorCodes><retriesBeforeSuspension>2</retriesBeforeSuspension><retryDelay>300</retryDelay></markForSuspension>"
            }
            _ => "",
        };
        let timeout = match self.random.below(2) {
            0 => {
                "<timeout><duration>600</duration><responseAction>fault</responseAction></timeout>"
            }
            _ => "",
        };
        format!("{timeout}{suspend}{mark}")
    }
}

fn named(name: &str, number: usize) -> String {
    match name {
        "" => format!("name=\"leaf{number}\""),
        name => name.to_owned(),
    }
}
