//! Message processors: what takes messages out of a store (spec/mediation.md 6).
//!
//! A sampling processor gives one after the other to a sequence. A forwarding processor delivers them in order to an endpoint:
//! a message leaves the store when it was delivered; after too many attempts in a row the processor stops, or drops the message.
//! A resequencing processor goes by the numbers of messages.
//! When is decided by the room above, which has the clock.

mod resequence;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use resequence::{Position, Resequence};

use super::copies::{Rest, Way};
use super::executor::Executor;
use super::parse::Parse;
use super::run::{Handlers, Run};
use super::store::Store;
use super::{Category, Cx, Mediation, SendTo, SequenceId, content};
use crate::codes::ErrorCode;
use crate::config::cron::{Cron, Schedule};
use crate::config::model::QueueDef;
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::util::clock::Tick;

/// Names of the classes that are run, without their packages.
const FORWARDING: &[&str] = &[
    "ScheduledMessageForwardingProcessor",
    "ForwardingProcessor",
    "BlockingMessageForwardingProcessor",
];
const SAMPLING: &[&str] = &["SamplingProcessor"];
const RESEQUENCING: &[&str] = &["ResequencingProcessor"];
/// Shortest interval.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Most messages that are taken at once.
const AT_ONCE_MAX: u64 = 1000;

/// A compiled processor.
#[derive(Debug)]
pub struct Processor {
    /// Its name.
    pub name: Arc<str>,
    /// What it takes from.
    pub store: Arc<Store>,
    /// When it does.
    pub schedule: Schedule,
    does: Does,
    /// What becomes of it, from one generation to the next.
    pub state: Arc<State>,
}

#[derive(Debug)]
enum Does {
    Sample {
        sequence: SequenceId,
        at_once: u64,
    },
    Resequence(Resequence),
    Forward {
        /// By name; without it the message says so (`target.endpoint`).
        endpoint: Option<String>,
        /// Attempts until it gives up; none for without end.
        attempts: Option<u32>,
        /// True when a message that cannot be delivered is dropped, instead of the processor being stopped.
        drops: bool,
        /// Takes the answers.
        reply: Option<SequenceId>,
        /// Takes messages whose delivery failed.
        fault: Option<SequenceId>,
    },
}

/// What a processor has done.
#[derive(Debug, Default)]
pub struct State {
    stopped: AtomicBool,
    /// Attempts in a row that failed.
    attempts: AtomicU32,
    /// Messages that were delivered or sampled.
    pub delivered: AtomicU64,
    /// Attempts that failed.
    pub failed: AtomicU64,
    /// Messages that were dropped: after too many attempts, or as duplicates.
    pub dropped: AtomicU64,
    position: Position,
}

/// When a processor has its turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Now.
    pub now: Tick,
    /// The process ends, and no message comes any more.
    pub last: bool,
}

impl State {
    /// False after too many attempts in a row, until the configuration is loaded again.
    pub fn is_active(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }
}

/// Compiles a processor; `None` when it cannot be run, which has been reported then.
pub(super) fn build(
    def: &QueueDef,
    stores: &[Arc<Store>],
    parse: &mut Parse<'_>,
) -> Option<Processor> {
    let element = &def.element;
    parse.only(
        element,
        &["name", "class", "messageStore", "targetEndpoint"],
        &["parameter"],
    );
    let class = parse.required(element, "class")?.clone();
    let store = parse.required(element, "messageStore")?.clone();
    let short = class.value.trim().rsplit('.').next().unwrap_or_default();
    let Some(store) = stores.iter().find(|s| &*s.name == store.value.trim()) else {
        let text = format!(
            "there is no message store `{}` that is kept in memory",
            store.value.trim()
        );
        parse.unsupported(store.span, &text);
        return None;
    };
    let parameters = Parameters(element);
    let interval = Duration::from_millis(parameters.number("interval", parse)?.unwrap_or(1000));
    let schedule = match parameters.find("cronExpression") {
        None => Schedule::Every(interval.max(INTERVAL_MIN)),
        Some(cron) => match Cron::parse(&cron.value) {
            Ok(cron) => Schedule::At(cron),
            Err(why) => {
                parse.bad(cron.span, why);
                return None;
            }
        },
    };
    let does = if SAMPLING.contains(&short) {
        let Some(key) = parameters.find("sequence") else {
            parse.bad(
                element.name_span,
                "a sampling processor needs the parameter `sequence`",
            );
            return None;
        };
        Does::Sample {
            sequence: parse.known_sequence(&key)?,
            at_once: parameters
                .number("concurrency", parse)?
                .unwrap_or(1)
                .clamp(1, AT_ONCE_MAX),
        }
    } else if RESEQUENCING.contains(&short) {
        Does::Resequence(Resequence::parse(element, &parameters, parse)?)
    } else if FORWARDING.contains(&short) {
        let attempts = ["max.delivery.attempts", "max.deliver.attempts"];
        let attempts = attempts.iter().find_map(|name| parameters.find(name));
        let attempts = match attempts.map(|text| text.value.trim().parse::<i64>()) {
            Some(Ok(number)) if number > 0 => Some(u32::try_from(number).unwrap_or(u32::MAX)),
            Some(Ok(_)) => None,
            None => Some(4),
            Some(Err(_)) => {
                parse.bad(
                    element.name_span,
                    "max.delivery.attempts is not a whole number",
                );
                return None;
            }
        };
        let drops = ["max.delivery.drop", "max.deliver.drop"];
        let drops = drops.iter().find_map(|name| parameters.find(name));
        let is_on = |text: &str| matches!(text.trim(), "Enabled" | "enabled" | "true");
        let mut sequence = |name: &str| match parameters.find(name) {
            Some(key) => parse.known_sequence(&key).map(Some),
            None => Some(None),
        };
        Does::Forward {
            attempts,
            drops: drops.is_some_and(|text| is_on(&text.value)),
            reply: sequence("message.processor.reply.sequence")?,
            fault: sequence("message.processor.fault.sequence")?,
            endpoint: element
                .attribute("targetEndpoint")
                .map(|name| name.value.trim().to_owned())
                .filter(|name| !name.is_empty()),
        }
    } else {
        let text = format!(
            "the message processor class `{}` is not supported yet",
            class.value.trim()
        );
        parse.unsupported(class.span, &text);
        return None;
    };
    let state = State::default();
    let starts = parameters.find("is.active");
    let stopped = starts.is_some_and(|text| text.value.trim() == "false");
    state.stopped.store(stopped, Ordering::Relaxed);
    Some(Processor {
        name: def.name.value.as_str().into(),
        store: store.clone(),
        schedule,
        does,
        state: Arc::new(state),
    })
}

struct Parameters<'e>(&'e Element);

impl Parameters<'_> {
    fn element(&self, name: &str) -> Option<&Element> {
        let mut all = self.0.elements().filter(|e| e.is("parameter"));
        all.find(|e| e.attribute("name").is_some_and(|n| n.value.trim() == name))
    }

    fn find(&self, name: &str) -> Option<Spanned<String>> {
        let found = self.element(name)?;
        Some(Spanned::new(
            found.text().trim().to_owned(),
            found.name_span,
        ))
    }

    fn number(&self, name: &str, parse: &mut Parse<'_>) -> Option<Option<u64>> {
        match self.find(name).map(|text| (text.span, text.value.parse())) {
            None => Some(None),
            Some((_, Ok(number))) => Some(Some(number)),
            Some((span, Err(_))) => {
                parse.bad(span, format!("`{name}` is not a whole number"));
                None
            }
        }
    }
}

impl Processor {
    /// Goes on counting for one of an older generation.
    pub(super) fn inherit(&self, previous: &Processor) {
        let counters = |state: &State| {
            [&state.delivered, &state.failed, &state.dropped].map(|c| c.load(Ordering::Relaxed))
        };
        let [delivered, failed, dropped] = counters(&previous.state);
        self.state.delivered.fetch_add(delivered, Ordering::Relaxed);
        self.state.failed.fetch_add(failed, Ordering::Relaxed);
        self.state.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.state.position.inherit(&previous.state.position);
    }
}

impl Mediation {
    /// The stores.
    pub fn stores(&self) -> &[Arc<Store>] {
        &self.stores
    }

    /// The priority executors.
    pub fn executors(&self) -> &[Arc<Executor>] {
        &self.executors
    }

    /// The processors.
    pub fn processors(&self) -> &[Processor] {
        &self.processors
    }

    /// Lets a processor take what it takes at once. False when there was nothing, or nothing could be done with it.
    pub async fn work(&self, processor: &Processor, turn: Turn, cx: &Cx<'_>) -> bool {
        if !processor.state.is_active() {
            return false;
        }
        match &processor.does {
            Does::Sample { sequence, at_once } => {
                let mut some = false;
                for _ in 0..*at_once {
                    let Some(mut message) = processor.store.take() else {
                        break;
                    };
                    some = true;
                    if let Some(rest) = self.sample(*sequence, &mut message, cx).await {
                        cx.sender.behind(rest);
                    }
                    processor.state.delivered.fetch_add(1, Ordering::Relaxed);
                }
                some
            }
            Does::Resequence(how) => self.resequence(processor, how, turn, cx).await,
            Does::Forward { .. } => self.forward(processor, cx).await,
        }
    }

    /// Takes a message through a sequence; what is left are copies of it that are under way.
    async fn sample(
        &self,
        sequence: SequenceId,
        message: &mut Exchange,
        cx: &Cx<'_>,
    ) -> Option<Rest> {
        let mut run = Run::new(self, cx, None);
        let way = Way::Through(Some(sequence), None);
        run.way(way, Handlers::new(), message).await;
        if let (Some(receive), true) = (message.receive.take(), message.response.is_some()) {
            message.receive_answer();
            run.flow(SequenceId(receive), message).await;
        }
        cx.sender.discard(message).await;
        self.left_of(&mut run, message)
    }

    async fn forward(&self, processor: &Processor, cx: &Cx<'_>) -> bool {
        let Does::Forward {
            endpoint,
            attempts,
            drops,
            reply,
            fault,
        } = &processor.does
        else {
            return false;
        };
        let Some(message) = processor.store.take() else {
            return false;
        };
        let state = &processor.state;
        let mut copy = message.copy();
        copy.axis2.remove("FORCE_SC_ACCEPTED");
        let failed = self.deliver(endpoint.as_deref(), &mut copy, cx).await.err();
        let Some(failure) = failed else {
            state.attempts.store(0, Ordering::Relaxed);
            state.delivered.fetch_add(1, Ordering::Relaxed);
            if let (Some(reply), true) = (reply, copy.response.is_some()) {
                copy.receive_answer();
                Run::new(self, cx, None).flow(*reply, &mut copy).await;
            }
            cx.sender.discard(&mut copy).await;
            return true;
        };
        cx.sender.discard(&mut copy).await;
        state.failed.fetch_add(1, Ordering::Relaxed);
        let so_far = state.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let over = attempts.is_some_and(|most| so_far >= most);
        let what = match (over, drops) {
            (false, _) => "it is tried again",
            (true, true) => "it is dropped",
            (true, false) => "the processor is stopped; load the configuration again to start it",
        };
        let text = format!(
            "message processor `{}`: attempt {so_far} to deliver a message failed: {} {}; {what}",
            processor.name, failure.code, failure.message
        );
        cx.log.log(Category::Error, &text);
        if let Some(fault) = fault {
            let mut copy = message.copy();
            copy.fault = Some(failure);
            Run::new(self, cx, None).flow(*fault, &mut copy).await;
            cx.sender.discard(&mut copy).await;
        }
        if over {
            state.attempts.store(0, Ordering::Relaxed);
        }
        match (over, drops) {
            (true, true) => {
                state.dropped.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            (true, false) => state.stopped.store(true, Ordering::Relaxed),
            (false, _) => {}
        }
        processor.store.give_back(message);
        false
    }

    async fn deliver(
        &self,
        endpoint: Option<&str>,
        copy: &mut Exchange,
        cx: &Cx<'_>,
    ) -> Result<(), Fault> {
        let said = copy.properties.value("target.endpoint");
        let Some(name) = endpoint.or(said).map(str::to_owned) else {
            let text = "no endpoint is named: set targetEndpoint of the processor, or the property target.endpoint of the message";
            return Err(Fault::new(ErrorCode::ENDPOINT_MISSING, text));
        };
        let Some(id) = cx.sender.endpoint(&name) else {
            let text = format!("there is no endpoint `{name}`");
            return Err(Fault::new(ErrorCode::ENDPOINT_MISSING, text));
        };
        if let Some(extent) = cx.sender.extent(SendTo::Endpoint(id)) {
            content::ensure(copy, extent, "", cx.sender).await?;
        }
        cx.sender.deliver(copy, id).await?;
        match copy.response.as_ref().map(|answer| answer.status) {
            Some(status @ 500..) => {
                let text = format!("`{name}` answered with {status}");
                Err(Fault::new(ErrorCode::RESPONSE_PROCESSING, text))
            }
            _ => Ok(()),
        }
    }
}
