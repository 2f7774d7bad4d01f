//! One try against a back end: connect or reuse, send, wait for the head of the answer.
//!
//! Says how far it got, because whether a message may be sent again depends on that (design.md 15). A pooled connection
//! that dies before the first byte of an answer is replaced by a fresh one once, and that is no failure.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::buffer::Buf;
use super::downstream::Client;
use super::gate::Place;
use super::head::{Method, ResponseHead};
use super::http1::framing::{Decoder, Framing};
use super::http1::parse::{self, ResponseParsed};
use super::http1::strict::Refused;
use super::http1::write;
use super::io::Io;
use super::limits::INTERIM_ANSWERS_MAX;
use super::pump::{Pump, PumpError, Source};
use super::replay::ReplayLimits;
use super::target::Target;
use super::tls;
use super::worker::Worker;
use crate::codes::ErrorCode;
use crate::util::gauge::{Counted, Gauge};

/// A connection to a back end, with the answer that is being read from it.
#[derive(Debug)]
pub struct Upstream {
    /// The stream.
    pub io: Io,
    /// Read and not yet used.
    pub buf: Buf,
    /// Finds the answer's payload.
    pub decoder: Decoder,
    /// How the answer is framed.
    pub framing: Framing,
    /// The rest of the request, when the answer came before it was out.
    pub sending: Option<Pump>,
    /// The back end keeps the connection.
    pub keep_alive: bool,
    /// Its own limit on idle time, when it told one.
    pub keep_alive_s: Option<u32>,
    /// Held while a message uses the connection, where that is counted.
    pub busy: Option<Counted>,
    /// Held while a message uses the connection, where that is limited.
    pub place: Option<Place>,
    /// Held while the connection is open, where that is counted.
    open: Option<Counted>,
}

impl Upstream {
    fn new(io: Io) -> Self {
        Self {
            io,
            buf: Buf::default(),
            decoder: Decoder::new(Framing::None),
            framing: Framing::None,
            sending: None,
            keep_alive: false,
            keep_alive_s: None,
            busy: None,
            place: None,
            open: None,
        }
    }

    /// The answer as the source of a pump.
    pub fn source(&mut self) -> Source<'_> {
        Source {
            io: &mut self.io,
            buf: &mut self.buf,
            decoder: &mut self.decoder,
            replay: None,
            keep: None,
        }
    }

    /// True when both sides of the exchange ended exactly and nothing else came.
    pub fn is_reusable(&self) -> bool {
        self.keep_alive && self.sending.is_none() && self.decoder.is_done() && self.buf.is_empty()
    }

    /// The part of the answer's body that was read so far, and whether it is all.
    pub fn prefix(&mut self) -> Result<(&[u8], bool), Refused> {
        use super::http1::framing::Next;
        let (len, last) = match self.decoder.extend(&mut self.buf)? {
            Next::Data { len, last } => (len, last),
            Next::More => (0, false),
            Next::End => (0, true),
        };
        Ok((&self.buf.data()[..len], last))
    }

    /// Reads more of the answer behind the prefix; false at its end or when there is no room to look ahead.
    pub async fn read_ahead(&mut self) -> io::Result<bool> {
        if self.buf.len() >= super::buffer::LARGE {
            return Ok(false);
        }
        let n = poll_fn(|cx| self.io.poll_fill(cx, &mut self.buf)).await?;
        if n == 0 {
            self.decoder
                .connection_ended()
                .map_err(|r| io::Error::new(io::ErrorKind::UnexpectedEof, r.reason))?;
        }
        Ok(n > 0)
    }
}

/// What is sent as the body.
#[derive(Clone, Copy, Debug)]
pub enum TryBody<'a> {
    /// No body.
    None,
    /// The client's own.
    Client {
        /// Keep what is sent, for a repeat on another back end.
        keep: bool,
    },
    /// Held here.
    Bytes(&'a Bytes),
}

/// One request to one back end.
#[derive(Debug)]
pub struct Try<'a> {
    /// Where to.
    pub target: &'a Target,
    /// The head, written.
    pub head: &'a [u8],
    /// Method in it.
    pub asked: Method,
    /// It asks for a WebSocket.
    pub upgrade: bool,
    /// The body.
    pub body: TryBody<'a>,
    /// How the body goes out.
    pub framing: Framing,
    /// From the start of the try to the head of the answer.
    pub deadline: Duration,
    /// Set here when a connection was made: how long that took.
    pub connected: Cell<Option<Duration>>,
    /// Told when the request is written.
    pub departed: RefCell<Option<oneshot::Sender<()>>>,
    /// How many calls inside the process have led to it, with this one.
    pub depth: u8,
    /// Counts the connections that this try opens.
    pub connections: Option<&'a Gauge>,
}

/// How far a try got (spec/endpoints.md 7.1: the protocol state that pass-through adds to a code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not connected.
    Connect,
    /// Connected, but TLS was not agreed on; nothing of the message was run.
    Handshake,
    /// The head is not fully written.
    Head,
    /// The head is written, the body is not.
    Body,
    /// All is written, no byte of an answer came.
    Sent,
    /// A part of the answer's head came.
    Answer,
}

impl Stage {
    /// The number of this state in Synapse's table.
    pub fn protocol_state(self) -> i32 {
        match self {
            Stage::Connect | Stage::Handshake => 0,
            Stage::Head => 1,
            Stage::Body => 2,
            Stage::Sent => 3,
            Stage::Answer => 4,
        }
    }
}

/// Why a try brought no answer.
#[derive(Debug)]
pub enum TryError {
    /// The back end's fault.
    Failed {
        /// Synapse's code.
        code: ErrorCode,
        /// How far it got.
        stage: Stage,
        /// One line for people.
        text: String,
    },
    /// The client went away while its body was being read.
    ClientGone,
    /// The client's body is malformed.
    ClientRefused(Refused),
}

/// An answer's head, and the connection that its body comes from.
#[derive(Debug)]
pub struct Answer {
    /// The connection.
    pub upstream: Box<Upstream>,
    /// The head.
    pub head: ResponseHead,
}

/// Makes one try. The client is there for its body, for interim answers, and for `100 Continue`.
pub async fn attempt(
    worker: &Worker,
    mut client: Option<&mut Client>,
    this: &Try<'_>,
) -> Result<Answer, TryError> {
    let progress = Progress::default();
    let mut alarm = client
        .as_deref_mut()
        .map(|c| std::mem::take(&mut c.alarm))
        .unwrap_or_default();
    let result = in_time(worker, client.as_deref_mut(), this, &progress, &mut alarm).await;
    if let Some(client) = client {
        client.alarm = alarm;
    }
    result
}

async fn in_time(
    worker: &Worker,
    client: Option<&mut Client>,
    this: &Try<'_>,
    progress: &Progress,
    alarm: &mut Alarm,
) -> Result<Answer, TryError> {
    let mut work = std::pin::pin!(tries(worker, client, this, progress));
    let mut due = worker.instant() + this.deadline;
    let mut last = Moved::default();
    loop {
        if let Some(result) = alarm.limit(due, &mut work).await {
            return result;
        }
        // The time is the back end's: while it waits for the client's body, or has not had its time since the body was
        // complete, it is not late. A client that sends nothing at all is given up.
        let moved = progress.moved();
        due = match progress.sent.get() {
            _ if progress.starved.get() && moved == last => return Err(TryError::ClientGone),
            _ if progress.starved.get() => Instant::now() + worker.limits.body_progress,
            Some(sent) if progress.was_starved.get() && sent + this.deadline > Instant::now() => {
                sent + this.deadline
            }
            _ => return Err(late(this, progress.stage.get())),
        };
        last = moved;
    }
}

fn late(this: &Try<'_>, stage: Stage) -> TryError {
    let code = if stage <= Stage::Handshake {
        ErrorCode::CONNECT_TIMEOUT
    } else {
        ErrorCode::RESPONSE_TIMEOUT
    };
    let text = format!(
        "no answer from {} within {} ms",
        this.target,
        this.deadline.as_millis()
    );
    TryError::Failed { code, stage, text }
}

/// A connection from the pool if there is one, and a fresh one when that turns out to be dead.
async fn tries(
    worker: &Worker,
    mut client: Option<&mut Client>,
    this: &Try<'_>,
    progress: &Progress,
) -> Result<Answer, TryError> {
    // A connection from the pool may be dead already: then the beginning of the body is needed once more.
    let in_memory = ReplayLimits {
        disk: 0,
        ..worker.limits.replay
    };
    let mut idle = worker.pool.borrow_mut().take(this.target, worker.now());
    loop {
        let (upstream, reused) = match idle.take() {
            Some(idle) => (idle, true),
            None => {
                let begun = Instant::now();
                let mut upstream = Box::pin(connect(worker, this, progress)).await?;
                upstream.open = this.connections.map(Gauge::one);
                this.connected.set(Some(begun.elapsed()));
                (upstream, false)
            }
        };
        progress.restart();
        let keep = match this.body {
            TryBody::Client { keep: true } => Some(&worker.limits.replay),
            TryBody::Client { keep: false } if reused => Some(&in_memory),
            _ => None,
        };
        match converse(
            worker,
            upstream,
            client.as_deref_mut(),
            this,
            keep,
            progress,
        )
        .await
        {
            Err(TryError::Failed { .. })
                if reused
                    && progress.stage.get() < Stage::Answer
                    && may_repeat(client.as_deref(), this) =>
            {
                worker.pool.borrow_mut().stale += 1;
            }
            other => return other,
        }
    }
}

fn may_repeat(client: Option<&Client>, this: &Try<'_>) -> bool {
    match (this.body, client) {
        (TryBody::Client { .. }, Some(client)) => client.replayable(),
        _ => true,
    }
}

async fn connect(
    worker: &Worker,
    this: &Try<'_>,
    progress: &Progress,
) -> Result<Box<Upstream>, TryError> {
    let target = this.target;
    let failed = |code, text| TryError::Failed {
        code,
        stage: Stage::Connect,
        text,
    };
    progress.stage.set(Stage::Connect);
    if target.here {
        let io = worker.calls.connect(this.depth);
        let io =
            io.map_err(|error| failed(ErrorCode::CONNECT_FAILED, no_connection(target, &error)))?;
        return Ok(Box::new(Upstream::new(io)));
    }
    match tokio::time::timeout(worker.limits.connect, worker.dial(target)).await {
        Ok(Ok(stream)) => {
            let io = if target.https {
                progress.stage.set(Stage::Handshake);
                secure(worker, target, stream).await?
            } else {
                Io::new(stream).map_err(|error| {
                    failed(ErrorCode::CONNECT_FAILED, no_connection(target, &error))
                })?
            };
            Ok(Box::new(Upstream::new(io)))
        }
        Ok(Err(error)) => Err(failed(
            ErrorCode::CONNECT_FAILED,
            no_connection(target, &error),
        )),
        Err(_) => Err(failed(
            ErrorCode::CONNECT_TIMEOUT,
            format!(
                "connection to {target} not established within {} ms",
                worker.limits.connect.as_millis()
            ),
        )),
    }
}

/// Begins as the originals say it, which people search their logs for (spec/samples.md 5).
fn no_connection(target: &Target, error: &io::Error) -> String {
    format!("Error while connecting to the endpoint (Connection Failed): {target}: {error}")
}

/// Agrees on TLS. A refusal is known at once and never waits for a timer.
async fn secure(worker: &Worker, target: &Target, stream: TcpStream) -> Result<Io, TryError> {
    let failed = |code, why: &dyn std::fmt::Display| TryError::Failed {
        code,
        stage: Stage::Handshake,
        text: format!("no TLS connection to {target}: {why}"),
    };
    let Some(tls) = target.tls() else {
        let why = "nothing says whom to trust";
        return Err(failed(ErrorCode::CONNECT_FAILED, &why));
    };
    let limit = worker.limits.tls_handshake;
    match tokio::time::timeout(limit, tls.connect(&target.host, stream)).await {
        Ok(Ok(stream)) => {
            Io::secure(stream.into()).map_err(|error| failed(ErrorCode::CONNECT_FAILED, &error))
        }
        Ok(Err(error)) => Err(failed(ErrorCode::CONNECT_FAILED, &error)),
        Err(_) => {
            let why = format!("the handshake was not over within {} ms", limit.as_millis());
            Err(failed(ErrorCode::CONNECT_TIMEOUT, &why))
        }
    }
}

/// How far the try got; read from outside when its time is over.
struct Progress {
    stage: Cell<Stage>,
    interim: Cell<u32>,
    /// The request is complete since.
    sent: Cell<Option<Instant>>,
    /// What is missing now is the client's body.
    starved: Cell<bool>,
    /// That was so at some time.
    was_starved: Cell<bool>,
    written: Cell<u64>,
}

/// Bytes that had moved when somebody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved(u64);

impl Default for Progress {
    fn default() -> Self {
        Self {
            stage: Cell::new(Stage::Connect),
            interim: Cell::new(0),
            sent: Cell::new(None),
            starved: Cell::new(false),
            was_starved: Cell::new(false),
            written: Cell::new(0),
        }
    }
}

impl Progress {
    /// A new connection begins.
    fn restart(&self) {
        self.stage.set(Stage::Head);
        self.interim.set(0);
        self.sent.set(None);
        self.starved.set(false);
    }

    fn moved(&self) -> Moved {
        Moved(self.written.get())
    }

    /// What the request's pump did in this poll.
    fn sending(&self, pump: &Pump, head_len: usize) {
        if self.stage.get() < Stage::Answer && pump.written > 0 {
            self.stage.set(if pump.written >= head_len as u64 {
                Stage::Body
            } else {
                Stage::Head
            });
        }
        self.written.set(pump.written);
    }

    fn starves(&self, starved: bool) {
        self.starved.set(starved);
        if starved {
            self.was_starved.set(true);
        }
    }
}

/// What the two directions together came to.
enum Event {
    /// Bytes of an answer arrived.
    Received,
    /// The back end closed or broke.
    Ended(io::Error),
}

async fn converse(
    worker: &Worker,
    mut upstream: Box<Upstream>,
    mut client: Option<&mut Client>,
    this: &Try<'_>,
    keep: Option<&ReplayLimits>,
    progress: &Progress,
) -> Result<Answer, TryError> {
    let mut sending = Sending {
        pump: Some(first_bytes(worker, client.as_deref(), this)),
        spent: None,
        keep,
        error: None,
    };
    if let (TryBody::Client { .. }, Some(client)) = (this.body, client.as_deref_mut())
        && client.send_continue().await.is_err()
    {
        return Err(TryError::ClientGone);
    }
    let mut head = worker.spare_response();
    loop {
        let event = poll_fn(|cx| {
            poll_both(
                cx,
                &mut upstream,
                client.as_deref_mut(),
                this,
                &mut sending,
                progress,
            )
        })
        .await?;
        match event {
            Event::Ended(error) => {
                let error = sending.error.take().unwrap_or(error);
                return Err(ended(this.target, progress.stage.get(), &error));
            }
            Event::Received => {
                progress.stage.set(Stage::Answer);
                // An interim answer and the one that counts may come in one read.
                while let Some(parsed) = parse::response(
                    upstream.buf.data(),
                    worker.limits.head,
                    this.asked,
                    &mut head,
                )
                .map_err(|refused| protocol(this.target, progress.stage.get(), refused.reason))?
                {
                    upstream.buf.consume(parsed.head_len);
                    match head.status {
                        101 if this.upgrade => return Ok(Answer { upstream, head }),
                        101 => {
                            return Err(protocol(
                                this.target,
                                progress.stage.get(),
                                "a 101 that nobody asked for",
                            ));
                        }
                        100..=199 => {
                            progress.interim.set(progress.interim.get() + 1);
                            if progress.interim.get() > INTERIM_ANSWERS_MAX {
                                return Err(protocol(
                                    this.target,
                                    progress.stage.get(),
                                    "too many interim answers",
                                ));
                            }
                            pass_interim(client.as_deref_mut(), &head).await?;
                        }
                        _ => {
                            if let Some(spent) = sending.spent.take() {
                                worker.recycle(spent);
                            }
                            return Ok(finish(upstream, head, parsed, sending));
                        }
                    }
                }
            }
        }
    }
}

/// The request on its way out.
struct Sending<'a> {
    /// What is left of it.
    pump: Option<Pump>,
    /// Storage of what is out, for reuse.
    spent: Option<Vec<u8>>,
    /// Keep what is sent.
    keep: Option<&'a ReplayLimits>,
    /// Why it stopped early.
    error: Option<io::Error>,
}

/// The head and, where it is small, the body in one write.
fn first_bytes(worker: &Worker, client: Option<&Client>, this: &Try<'_>) -> Pump {
    let mut out = worker.spare_bytes();
    out.extend_from_slice(this.head);
    let pump = Pump::new(out, this.framing);
    match (this.body, client) {
        (TryBody::Bytes(bytes), _) => pump.with_bytes(bytes),
        (TryBody::Client { .. }, Some(client)) if this.framing != Framing::None => pump
            .replaying(&client.body.replay)
            .holding(client.body.held.is_some()),
        _ => pump.head_only(),
    }
}

/// Sends what is left of the request and looks for bytes of an answer.
fn poll_both(
    cx: &mut Context<'_>,
    upstream: &mut Upstream,
    client: Option<&mut Client>,
    this: &Try<'_>,
    sending: &mut Sending<'_>,
    progress: &Progress,
) -> Poll<Result<Event, TryError>> {
    if let Some(pump) = sending.pump.as_mut() {
        let polled = match (this.body, client) {
            (TryBody::Client { .. }, Some(client)) => {
                pump.poll(cx, &mut client.source(sending.keep), &mut upstream.io)
            }
            _ => pump.poll_own(cx, &mut upstream.io),
        };
        progress.sending(pump, this.head.len());
        match polled {
            Poll::Ready(Ok(())) => {
                sending.spent = sending.pump.take().map(Pump::into_storage);
                progress.starves(false);
                if progress.was_starved.get() {
                    progress.sent.set(Some(Instant::now()));
                }
                progress.stage.set(progress.stage.get().max(Stage::Sent));
                if let Some(departed) = this.departed.take() {
                    // Who does not wait any more does not need it.
                    let _ = departed.send(());
                }
            }
            Poll::Ready(Err(PumpError::Write(error))) => {
                // An answer may have been sent before the back end stopped reading: look for it.
                sending.pump = None;
                sending.error = Some(error);
            }
            Poll::Ready(Err(PumpError::Read(_))) => return Poll::Ready(Err(TryError::ClientGone)),
            Poll::Ready(Err(PumpError::Source(refused))) => {
                return Poll::Ready(Err(TryError::ClientRefused(refused)));
            }
            Poll::Pending => progress.starves(pump.is_starved() && !upstream.io.holds_back()),
        }
    }
    match ready!(upstream.io.poll_fill(cx, &mut upstream.buf)) {
        Ok(0) => Poll::Ready(Ok(Event::Ended(io::ErrorKind::UnexpectedEof.into()))),
        Ok(_) => Poll::Ready(Ok(Event::Received)),
        Err(error) => Poll::Ready(Ok(Event::Ended(error))),
    }
}

async fn pass_interim(client: Option<&mut Client>, head: &ResponseHead) -> Result<(), TryError> {
    // 100 was answered here already; an HTTP/1.0 client knows no interim answers (RFC 9110 section 15.2).
    if let Some(client) = client
        && head.status != 100
        && client.version == super::head::Version::Http11
    {
        let mut out = Vec::new();
        write::interim(&mut out, head);
        client
            .io
            .write_all(&out)
            .await
            .map_err(|_| TryError::ClientGone)?;
    }
    Ok(())
}

fn finish(
    mut upstream: Box<Upstream>,
    head: ResponseHead,
    parsed: ResponseParsed,
    sending: Sending<'_>,
) -> Answer {
    upstream.framing = parsed.framing;
    upstream.decoder = Decoder::new(parsed.framing);
    upstream.keep_alive = parsed.keep_alive && sending.error.is_none();
    upstream.keep_alive_s = parsed.keep_alive_s;
    upstream.sending = sending.pump;
    Answer { upstream, head }
}

fn ended(target: &Target, stage: Stage, error: &io::Error) -> TryError {
    if let Some(why) = tls::rejected(error).filter(|_| stage < Stage::Answer) {
        return TryError::Failed {
            code: ErrorCode::CONNECT_FAILED,
            stage: Stage::Handshake,
            text: format!("no TLS connection to {target}: {why}"),
        };
    }
    let (code, what) = match (stage, error.kind()) {
        (Stage::Answer, io::ErrorKind::UnexpectedEof) => (
            ErrorCode::CONNECTION_CLOSED,
            "closed the connection in the middle of an answer's head".to_owned(),
        ),
        (Stage::Answer, _) => (
            ErrorCode::RECEIVE_FAILED,
            format!("broke the connection in the middle of an answer's head: {error}"),
        ),
        (_, io::ErrorKind::UnexpectedEof) => (
            ErrorCode::CONNECTION_CLOSED,
            "closed the connection without an answer".to_owned(),
        ),
        (
            _,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted,
        ) => (
            ErrorCode::CONNECTION_CLOSED,
            "reset the connection without an answer".to_owned(),
        ),
        _ => (ErrorCode::SEND_FAILED, format!("failed: {error}")),
    };
    TryError::Failed {
        code,
        stage,
        text: format!("{target} {what}"),
    }
}

fn protocol(target: &Target, stage: Stage, reason: &str) -> TryError {
    TryError::Failed {
        code: ErrorCode::PROTOCOL_VIOLATION,
        stage,
        text: format!("{target} did not answer in HTTP: {reason}"),
    }
}
