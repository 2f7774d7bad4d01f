//! What mediation asks of the rooms around it: to send a message, and to write a log line.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::executor::Executor;
use super::{Aside, Rest};
use crate::config::source::Span;
use crate::exchange::{CopyReport, Exchange, Fault};
use crate::soap::content::Extent;

/// A boxed future of one worker thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Work that takes long, for another thread.
pub type Job = Box<dyn FnOnce() + Send>;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendTo {
    /// To that endpoint: the number that [`EndpointNames`](super::EndpointNames) gave.
    Endpoint(u32),
    /// To the address that the message names (`x.to`, else the request's own).
    ToOfMessage,
}

/// Sends the request of an exchange and waits for its answer.
///
/// On success `x.response` and `x.response_body` hold the answer, or `x.response` is `None` when none is expected. A
/// sender that has answered by itself sets `x.replied`, and mediation ends. An answer of an earlier send that is still
/// there is given up. When copies were sent instead, `x.copies` is where their answers come.
pub trait Sender {
    /// Sends; an error goes to the fault handlers in scope.
    fn send<'a>(&'a self, x: &'a mut Exchange, to: SendTo)
    -> LocalBoxFuture<'a, Result<(), Fault>>;

    /// How far a message has to be read before it is sent there, if at all: for the expressions of the endpoint.
    fn extent(&self, _: SendTo) -> Option<Extent> {
        None
    }

    /// Reads the current message so far, or to its end where its header cannot be told apart. A message that was read
    /// whole is held from then on; the rest of one of which the header was read streams as before.
    ///
    /// `None` when the message broke off: then `x.replied` is set. A message that is too long or whose header is refused
    /// is a fault.
    fn read<'a>(
        &'a self,
        x: &'a mut Exchange,
        extent: Extent,
    ) -> LocalBoxFuture<'a, Result<Option<ReadBytes>, Fault>>;

    /// Most bytes of a message that is held (`[limits] message_bytes`).
    fn message_bytes(&self) -> usize {
        16 * 1024 * 1024
    }

    /// Most bytes of a message up to the end of its SOAP header (`[limits] soap_header_bytes`).
    fn header_bytes(&self) -> usize {
        256 * 1024
    }

    /// A number by chance, for the boundaries and ids of what is written.
    fn chance(&self) -> u64 {
        0
    }

    /// Has long work done beside the worker; what was `begun` before goes on before another message begins. An error when too much waits already: then it was not begun, and is dropped.
    fn compute<'a>(&'a self, job: Job, _begun: bool) -> LocalBoxFuture<'a, Result<(), Fault>> {
        job();
        Box::pin(std::future::ready(Ok(())))
    }

    /// Reads the answer's body, so that it is held whole.
    fn hold<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, Result<(), Fault>>;
    /// Lets go of an answer that nobody wants.
    fn discard<'a>(&'a self, x: &'a mut Exchange) -> LocalBoxFuture<'a, ()>;
    /// Takes copies on their ways, by [`Mediation::aside`](super::Mediation::aside): each beside the others, or one after the
    /// other. False when too much is under way already, and none is sent.
    fn aside(&self, copies: Vec<Aside>, in_order: bool, report: CopyReport) -> bool;
    /// Waits a moment for a copy that was sent aside to be written, which it says itself.
    fn departure<'a>(&'a self, _: oneshot::Receiver<()>) -> LocalBoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Sends to an endpoint for a message processor, which tries again by itself: nothing is left out for a time, and what comes of
    /// it concerns no other message.
    fn deliver<'a>(
        &'a self,
        x: &'a mut Exchange,
        endpoint: u32,
    ) -> LocalBoxFuture<'a, Result<(), Fault>> {
        self.send(x, SendTo::Endpoint(endpoint))
    }
    /// The number of the endpoint of that name.
    fn endpoint(&self, _: &str) -> Option<u32> {
        None
    }
    /// Takes a copy on its way when an executor has room for it; false when its queue is full.
    fn enqueue(&self, copy: Aside, _: &Executor, _priority: i64, report: CopyReport) -> bool {
        self.aside(vec![copy], false, report)
    }
    /// True when messages are only thought through: then nothing goes on beside anything.
    fn rehearses(&self) -> bool {
        false
    }
    /// Goes on with copies whose client has been answered, by [`Mediation::behind`](super::Mediation::behind).
    fn behind(&self, rest: Rest);
}

/// What was read of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBytes {
    /// Its first bytes, or all.
    pub bytes: Bytes,
    /// How far.
    pub extent: Extent,
}

/// Category of a log line (`log/@category`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Category {
    /// `TRACE`
    Trace,
    /// `DEBUG`
    Debug,
    /// `INFO`
    #[default]
    Info,
    /// `WARN`
    Warn,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
}

impl Category {
    /// The category of that name, in any case.
    pub fn of(name: &str) -> Option<Category> {
        [
            Category::Trace,
            Category::Debug,
            Category::Info,
            Category::Warn,
            Category::Error,
            Category::Fatal,
        ]
        .into_iter()
        .find(|category| category.to_string().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Category::Trace => "TRACE",
            Category::Debug => "DEBUG",
            Category::Info => "INFO",
            Category::Warn => "WARN",
            Category::Error => "ERROR",
            Category::Fatal => "FATAL",
        })
    }
}

/// Where log mediators write. The text may hold anything that a client sent: the sink makes it one line.
pub trait LogSink {
    /// False when lines of that category go nowhere, so that they need not be made.
    fn enabled(&self, category: Category) -> bool;
    /// Writes one line.
    fn log(&self, category: Category, text: &str);
    /// Who is told which way a message takes; nobody, but in an explanation.
    fn trace(&self) -> Option<&dyn Trace> {
        None
    }
}

/// Is told which way a message takes.
pub trait Trace {
    /// The message passes something.
    fn passed(&self, step: Passed<'_>);
}

/// What a message passes on its way.
#[derive(Clone, Copy, Debug)]
pub enum Passed<'a> {
    /// It is routed to the sequence `main`.
    ToMain,
    /// It is routed to the endpoint of that number, which takes everything or is named by the path.
    ToEndpoint(u32),
    /// This proxy service takes it.
    ToService(&'a str),
    /// This REST API takes it.
    ToApi(&'a str),
    /// Its path leads nowhere.
    Nowhere,
    /// Its path is that of an artifact that is not run.
    Unsupported(&'a Fault),
    /// A named sequence begins, with that place.
    Sequence(&'a str, Span),
    /// A mediator, with its element's name and place.
    Mediator(&'a str, Span),
    /// That mediator goes on inside this element.
    Inside(&'a str, Span),
    /// That mediator fails; a fault handler is looked for.
    Failed(&'a Fault),
}

/// What a run of mediation works with.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Sends messages.
    pub sender: &'a dyn Sender,
    /// Takes log lines.
    pub log: &'a dyn LogSink,
}
