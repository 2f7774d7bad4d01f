//! A resequencing processor gives messages to its sequence in the order of the numbers that they carry, not in that in which
//! they came (spec/mediation.md 6).
//!
//! It begins with the least number once so many messages are there, or after a time; from then on each number waits for the one
//! before it. What has no number, or one whose turn is over, stays in the store, as in the originals; the log says so once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{Parameters, Processor, Turn};
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;
use crate::mediation::{Category, Cx, Mediation, SequenceId, content};

/// Messages that are waited for before the first number is chosen.
const FIRST: u64 = 4;
/// How often it is looked for them, and how long between two looks.
const LOOKS: u64 = 5;
const LOOK: Duration = Duration::from_secs(5);
/// Most looks that may be asked for.
const LOOKS_MAX: u64 = 10_000;

/// The number whose turn it is, shared by the generations of a processor; `None` before the first one is chosen.
#[derive(Debug, Default)]
pub(super) struct Position(Mutex<Arc<Mutex<Option<i64>>>>);

impl Position {
    fn now(&self) -> Arc<Mutex<Option<i64>>> {
        self.0.lock().clone()
    }

    pub(super) fn inherit(&self, previous: &Position) {
        let shared = previous.now();
        *self.0.lock() = shared;
    }
}

/// How messages are put in order.
#[derive(Debug)]
pub(super) struct Resequence {
    number: Expression,
    sequence: SequenceId,
    /// How many messages are there when the first number is chosen.
    first: usize,
    /// How long those are waited for.
    wait: Duration,
    /// Removes what comes with a number whose turn is over.
    deletes: bool,
}

impl Resequence {
    pub(super) fn parse(
        element: &Element,
        parameters: &Parameters<'_>,
        parse: &mut Parse<'_>,
    ) -> Option<Resequence> {
        let mut lacks = |name: &str| {
            let text = format!("a resequencing processor needs the parameter `{name}`");
            parse.bad(element.name_span, text);
        };
        let named = parameters.element("seqNumXpath");
        let Some((holder, xpath)) = named.and_then(|e| Some((e, e.attribute("expression")?)))
        else {
            lacks("seqNumXpath");
            return None;
        };
        let Some(key) = parameters.find("nextEsbSequence") else {
            lacks("nextEsbSequence");
            return None;
        };
        let number = parse.expression(holder, &Spanned::new(xpath.value.clone(), xpath.span))?;
        let first = parameters.number("requiredInitMessages", parse)?;
        let looks = parameters.number("requiredInitMessagesDelay", parse)?;
        let looks = looks.unwrap_or(LOOKS).min(LOOKS_MAX);
        let deletes = parameters.find("deleteDuplicates");
        Some(Resequence {
            number,
            sequence: parse.known_sequence(&key)?,
            first: usize::try_from(first.unwrap_or(FIRST)).unwrap_or(usize::MAX),
            wait: LOOK * u32::try_from(looks).unwrap_or(u32::MAX),
            deletes: deletes.is_some_and(|text| text.value.trim().eq_ignore_ascii_case("true")),
        })
    }

    async fn number(&self, x: &mut Exchange, cx: &Cx<'_>) -> Result<i64, Fault> {
        if let Some(extent) = self.number.need().extent() {
            content::ensure(x, extent, self.number.place(), cx.sender).await?;
        }
        let text = self.number.string(x)?.trim().to_owned();
        x.forget_content();
        text.parse().map_err(|_| {
            let code = crate::codes::ErrorCode::NONE;
            Fault::new(code, format!("`{text}` is no whole number"))
        })
    }
}

impl Mediation {
    /// Gives away what is next, as far as it is there. False when nothing was.
    pub(super) async fn resequence(
        &self,
        processor: &Processor,
        how: &Resequence,
        turn: Turn,
        cx: &Cx<'_>,
    ) -> bool {
        let store = &processor.store;
        let position = processor.state.position.now();
        let told = |text: String| {
            let text = format!("message processor `{}`: {text}", processor.name);
            cx.log.log(Category::Warn, &text);
        };
        while let Some(mut message) = store.take_unnumbered() {
            let number = how.number(&mut message, cx).await;
            let next = *position.lock();
            let number = match number {
                Ok(number) if next.is_some_and(|next| number < next) && !how.deletes => {
                    told(format!(
                        "a message came with the number {number}, whose turn is over; it stays in the store, deleteDuplicates removes such messages"
                    ));
                    Some(number)
                }
                Ok(number) => Some(number),
                Err(fault) => {
                    told(format!(
                        "a message has no number and stays in the store: {}",
                        fault.message
                    ));
                    None
                }
            };
            store.put_numbered(message, number);
        }
        let mut next = match (*position.lock(), store.oldest()) {
            (Some(next), _) => next,
            (None, Some(oldest))
                if turn.last || store.len() >= how.first || turn.now.since(oldest) >= how.wait =>
            {
                match store.least_from(i64::MIN) {
                    Some(least) => least,
                    None => return false,
                }
            }
            (None, _) => return false,
        };
        let mut some = false;
        loop {
            if turn.last {
                // Nothing more comes, so no number is waited for.
                next = store.least_from(next).unwrap_or(next);
            }
            *position.lock() = Some(next);
            if how.deletes {
                let gone = store.remove_below(next);
                let dropped = &processor.state.dropped;
                dropped.fetch_add(gone as u64, std::sync::atomic::Ordering::Relaxed);
            }
            let Some(mut message) = store.take_number(next) else {
                return some;
            };
            some = true;
            // One after the other: the next one goes when this one has been delivered.
            if let Some(rest) = self.sample(how.sequence, &mut message, cx).await {
                self.behind(rest, cx).await;
            }
            let delivered = &processor.state.delivered;
            delivered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(following) = next.checked_add(1) else {
                return some;
            };
            next = following;
        }
    }
}
